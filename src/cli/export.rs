//! `mixlaw export`: every point out.

use super::output::print;
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{ExportFormat, ExportQuery, Failure};
use clap::Args;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

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
    /// Apache Parquet, one row a point; needs --output, and a mixlaw built with --features parquet
    Parquet,
}

impl Export {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let format = if self.format == Format::Csv { ExportFormat::Csv } else { ExportFormat::Jsonl };
        let query = ExportQuery { format, run: self.run, metric: self.metric };
        if self.format == Format::Parquet {
            parquet(&self.project.project, query, self.output.as_deref())?;
            return Ok(Outcome::Done);
        }
        let Some(path) = &self.output else {
            Session::open(&self.project.project)?.export(query, print)?;
            return Ok(Outcome::Done);
        };
        let mut session = Session::open(&self.project.project)?;
        let mut file = File::create(path).map_err(|e| unwritten(path, &e))?;
        session.export(query, |text| file.write_all(text.as_bytes()).map_err(|e| unwritten(path, &e)))?;
        Ok(Outcome::Done)
    }
}

fn unwritten(path: &Path, why: &dyn Display) -> Failure {
    Failure::new(format!("cannot write {}: {why}", path.display()), None)
}

#[cfg(feature = "parquet")]
fn parquet(project: &Path, query: ExportQuery, output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output else {
        let help = "name a file: mixlaw export --format parquet --output points.parquet".to_owned();
        return Err(Failure::usage("Parquet is not text that a terminal can show", help));
    };
    let mut session = Session::open(project)?;
    let file = File::create(path).map_err(|e| unwritten(path, &e))?;
    let mut writer = crate::report::parquet::Writer::new(file).map_err(|e| unwritten(path, &e))?;
    session.export(query, |text| {
        text.lines().try_for_each(|line| {
            let point: crate::vocab::Point = serde_json::from_str(line).map_err(|e| unwritten(path, &e))?;
            writer.point(&point).map_err(|e| unwritten(path, &e))
        })
    })?;
    writer.finish().map_err(|e| unwritten(path, &e))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path, _: ExportQuery, _: Option<&Path>) -> Result<(), Failure> {
    let help = "type: cargo install --path . --features parquet; or export --format csv".to_owned();
    Err(Failure::usage("this mixlaw was built without Parquet", help))
}
