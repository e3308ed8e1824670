//! `mixlaw export`: every point out.

use super::output::print;
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{ExportFormat, ExportQuery, Failure};
use crate::report::parquet;
use crate::vocab::Point;
use clap::Args;
use std::fmt::Display;
use std::fs::File;
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
    format: Format,
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

/// Formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON object a line
    Jsonl,
    /// A header and one row a line
    Csv,
    /// Apache Parquet, one row a point; needs --output
    Parquet,
}

impl Export {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let format = if self.format == Format::Csv { ExportFormat::Csv } else { ExportFormat::Jsonl };
        let query = ExportQuery { format, run: self.run, metric: self.metric };
        let Some(path) = &self.output else {
            if self.format == Format::Parquet {
                let help = "name a file: mixlaw export --format parquet --output points.parquet".to_owned();
                return Err(Failure::usage("Parquet is not text that a terminal can show", help));
            }
            Session::open(&self.project.project)?.export(query, print)?;
            return Ok(Outcome::Done);
        };
        let mut session = Session::open(&self.project.project)?;
        let failed = |e: &dyn Display| Failure::new(format!("cannot write {}: {e}", path.display()), None);
        let mut file = File::create(path).map_err(|e| failed(&e))?;
        if self.format == Format::Parquet {
            let mut writer = parquet::Writer::new(file).map_err(|e| failed(&e))?;
            session.export(query, |text| {
                text.lines().try_for_each(|line| {
                    let point: Point = serde_json::from_str(line).map_err(|e| failed(&e))?;
                    writer.point(&point).map_err(|e| failed(&e))
                })
            })?;
            writer.finish().map_err(|e| failed(&e))?;
        } else {
            session.export(query, |text| file.write_all(text.as_bytes()).map_err(|e| failed(&e)))?;
        }
        Ok(Outcome::Done)
    }
}
