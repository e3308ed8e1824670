//! `mixlaw export`: every point out.

use super::output::print;
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{ExportFormat, ExportQuery, Failure};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    project: ProjectArg,
    /// Export points: every value of every metric, in file order (the default and, so far, the only thing)
    #[arg(long)]
    points: bool,
    /// Format
    #[arg(long, value_enum, default_value = "jsonl")]
    format: ExportFormat,
    /// Only this run
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Only this metric
    #[arg(long, value_name = "KEY")]
    metric: Option<String>,
    /// File to write; standard output where not given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = ExportQuery { format: self.format, run: self.run, metric: self.metric };
        let mut session = Session::open(&self.project.project)?;
        match &self.output {
            None => session.export(query, print)?,
            Some(path) => {
                let failed = |e: std::io::Error| Failure::new(format!("cannot write {}: {e}", path.display()), None);
                let mut file = std::fs::File::create(path).map_err(failed)?;
                session.export(query, |text| file.write_all(text.as_bytes()).map_err(failed))?;
            }
        }
        Ok(Outcome::Done)
    }
}
