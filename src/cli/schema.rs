//! `mixlaw schema`: the JSON Schemas of what people write and scripts read.

use super::Outcome;
use super::output::{print, table};
use crate::ipc::protocol::Failure;
use crate::project::suggest::{closest, listed};
use crate::schema::ALL;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Which one; without a name they are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write all of them into a directory
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    write: Option<PathBuf>,
}

impl Schema {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match (self.name, self.write) {
            (Some(name), _) => print(&named(&name)?)?,
            (None, Some(directory)) => write(&directory)?,
            (None, None) => {
                let rows: Vec<Vec<String>> = ALL.iter().map(|e| vec![e.name.to_owned(), e.what.to_owned()]).collect();
                print(&table(&rows))?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn named(name: &str) -> Result<String, Failure> {
    let names = || ALL.iter().map(|entry| entry.name);
    ALL.iter().find(|entry| entry.name == name).map(|entry| entry.json()).ok_or_else(|| {
        let help = closest(name, names()).map_or_else(|| listed(names()), |meant| format!("did you mean {meant}?"));
        Failure::usage(format!("there is no schema called '{name}'"), help)
    })
}

fn write(directory: &std::path::Path) -> Result<(), Failure> {
    let failed =
        |path: &std::path::Path, e: std::io::Error| Failure::new(format!("cannot write {}: {e}", path.display()), None);
    std::fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
    for entry in ALL {
        let path = directory.join(entry.file_name());
        std::fs::write(&path, entry.json()).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}
