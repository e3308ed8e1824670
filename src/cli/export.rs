//! `mixlaw export`: every point as JSON lines, CSV or Parquet.

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
    /// Export points: every value of every metric, in file order (the default, and the only choice today)
    #[arg(long)]
    points: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Export only this run
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Export only this metric
    #[arg(long, value_name = "KEY")]
    metric: Option<String>,
    /// Output file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON object per line
    Jsonl,
    /// A header line, then one line per point
    Csv,
    /// Apache Parquet, one row per point; requires --output and a mixlaw built with --features parquet
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
        let help = "give an output file: mixlaw export --format parquet --output points.parquet".to_owned();
        return Err(Failure::usage("Parquet output needs a file: it is not text", help));
    };
    let mut session = Session::open(project)?;
    let file = File::create(path).map_err(|e| unwritten(path, &e))?;
    let mut writer = crate::report::parquet::Writer::new(file).map_err(|e| unwritten(path, &e))?;
    session.export(query, |text| {
        text.lines().try_for_each(|line| {
            let point: crate::vocab::Point =
                serde_json::from_slice(line.as_bytes()).map_err(|e| unwritten(path, &e))?;
            writer.point(&point).map_err(|e| unwritten(path, &e))
        })
    })?;
    writer.finish().map_err(|e| unwritten(path, &e))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path, _: ExportQuery, _: Option<&Path>) -> Result<(), Failure> {
    let help =
        "reinstall with it: cargo install --path . --features parquet; or use: mixlaw export --format csv".to_owned();
    Err(Failure::usage("this mixlaw was built without Parquet support", help))
}
