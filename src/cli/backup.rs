//! `mixlaw backup` and `mixlaw restore`: what cannot be rebuilt from logs, to a file and back.

use super::output::{print, remark};
use super::{Outcome, ProjectArg};
use crate::daemon::{StateDir, seconds};
use crate::ipc::client::Client;
use crate::ipc::protocol::Failure;
use crate::open;
use crate::project::Project;
use crate::store::{backup, journal};
use crate::vocab::{Notice, Severity};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Largest backup that is read, bytes.
const LARGEST: u64 = 1 << 30;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// File to write; an earlier backup is replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    project: ProjectArg,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// File that `mixlaw backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    project: ProjectArg,
}

impl Backup {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let project = Project::load(&self.project.project)?;
        let store = StateDir::of(&project)?.store();
        // Whole lines are appended, so that a daemon need not stop.
        let contents = journal::look(&store)?.unwrap_or_default();
        if contents.lost > 0 || !contents.damaged.is_empty() {
            let text = "the journal is damaged; the backup has what is left of it".to_owned();
            remark(&Notice { severity: Severity::Warning, text, help: Some("see: mixlaw doctor".to_owned()) });
        }
        refuse_other_files(&self.file)?;
        let text = backup::text(&contents, &project.name, seconds(SystemTime::now()));
        backup::write_whole(&self.file, &text)
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", self.file.display()), None))?;
        print(&format!("{} of the journal in {}\n", entries(contents.entries.len()), self.file.display()))?;
        Ok(Outcome::Done)
    }
}

/// A file that is there and no backup is not replaced.
fn refuse_other_files(path: &Path) -> Result<(), Failure> {
    let taken = |why: String| Failure::usage(why, "give the name of a new file, or of an earlier backup".to_owned());
    match open::beginning(path, 4096) {
        Err(open::OpenError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(taken(format!("{}: {error}", path.display()))),
        Ok(bytes) if bytes.is_empty() || bytes.starts_with(b"{\"mixlaw_backup\":") => Ok(()),
        Ok(_) => Err(taken(format!("{} is there and is no backup of mixlaw", path.display()))),
    }
}

impl Restore {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let project = Project::load(&self.project.project)?;
        let place = StateDir::of(&project)?;
        let failed = |why: String| Failure::new(format!("{}: {why}", self.file.display()), None);
        let bytes = open::whole(&self.file, LARGEST).map_err(|e| failed(e.to_string()))?;
        let (header, values) = backup::read(&bytes).map_err(|e| failed(e.to_string()))?;
        let busy = || {
            let help = "stop it, and try again: mixlaw daemon stop".to_owned();
            Failure::new("the project's daemon or another command is running", help)
        };
        if Client::connect(place.socket()).is_ok() {
            return Err(busy());
        }
        let _lock = place.own()?.ok_or_else(busy)?;
        let store = place.store();
        let have = journal::look(&store)?.unwrap_or_default();
        if have.entries.len() >= values.len() && have.entries.iter().zip(&values).all(|(a, b)| a.value == *b) {
            print(&format!("nothing to restore: the journal has all {} of the backup\n", entries(values.len())))?;
            return Ok(Outcome::Done);
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let aside = backup::restore(&store, &values, now)?;
        let mut text = format!("{} restored", entries(values.len()));
        if header.project != project.name {
            text.push_str(&format!(" from a backup of the project {}", header.project));
        }
        if let Some(aside) = aside {
            text.push_str(&format!("; the journal that was there is at {}", aside.display()));
        }
        print(&format!("{text}\n"))?;
        Ok(Outcome::Done)
    }
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
