//! `mixlaw tag`: gives a run tags and a note, which are kept in the project's journal.

use super::output::{print, print_json};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, LabelCommand};
use crate::vocab::text::printable;
use clap::Args;

/// Arguments of `tag`.
#[derive(Debug, Args)]
pub struct Tag {
    /// Name of the run, or a unique part of it
    run: String,
    #[command(flatten)]
    project: ProjectArg,
    /// Tags to add, with commas between them
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    add: Vec<String>,
    /// Tags to remove
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    remove: Vec<String>,
    /// A note; an empty one removes it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print JSON (schemas/tag.schema.json)
    #[arg(long)]
    json: bool,
}

impl Tag {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut session = Session::open(&self.project.project)?;
        let (add, remove, note) = (self.add, self.remove, self.note);
        let labels = session.label(LabelCommand { run: self.run, add, remove, alone: false, note })?;
        if self.json {
            print_json(&labels)?;
        } else {
            let tags = if labels.tags.is_empty() { "no tags".to_owned() } else { labels.tags.join(", ") };
            let note = labels.note.map(|note| format!("; {note}")).unwrap_or_default();
            print(&format!("{}\n", printable(&format!("{}: {tags}{note}", labels.run))))?;
        }
        Ok(Outcome::Done)
    }
}
