//! `mixlaw schema`: the JSON Schemas of the project file and of every JSON output.

use super::Outcome;
use super::output::{print, table};
use super::reference;
use crate::ipc::protocol::Failure;
use crate::project::suggest;
use crate::schema;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Schema to print [default: list all]
    name: Option<String>,
    /// Write all schemas to a directory
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    write: Option<PathBuf>,
    /// Write the reference of formats, laws and keys to a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "write"], hide = true)]
    reference: Option<PathBuf>,
}

impl Schema {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let failed = |path: &std::path::Path, e: std::io::Error| {
            Failure::new(format!("cannot write {}: {e}", path.display()), None)
        };
        if let Some(path) = &self.reference {
            std::fs::write(path, reference::text()).map_err(|e| failed(path, e))?;
            return Ok(Outcome::Done);
        }
        if let Some(directory) = &self.write {
            std::fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
            for entry in schema::ALL {
                let path = directory.join(entry.file_name());
                std::fs::write(&path, entry.json()).map_err(|e| failed(&path, e))?;
            }
            return Ok(Outcome::Done);
        }
        let Some(name) = &self.name else {
            let mut rows = vec![["schema", "describes"].map(str::to_owned).to_vec()];
            rows.extend(schema::ALL.iter().map(|entry| vec![entry.name.to_owned(), entry.what.to_owned()]));
            print(&table(&rows))?;
            return Ok(Outcome::Done);
        };
        match schema::ALL.iter().find(|entry| entry.name == name) {
            Some(entry) => print(&entry.json())?,
            None => {
                let names: Vec<&str> = schema::ALL.iter().map(|entry| entry.name).collect();
                let help = match suggest::closest(name, names.iter().copied()) {
                    Some(close) => format!("did you mean '{close}'?"),
                    None => format!("one of: {}", names.join(", ")),
                };
                return Err(Failure::usage(format!("unknown schema '{name}'"), help));
            }
        }
        Ok(Outcome::Done)
    }
}
