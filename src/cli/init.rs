//! `mixlaw init`: writes a project file for a directory of runs.

use super::Outcome;
use super::output::{self, print};
use crate::daemon::engine::{Engine, Surroundings};
use crate::ipc::protocol::Failure;
use crate::observe;
use crate::project::{Project, init};
use crate::store::{Opened, SledStore};
use crate::vocab::Snapshot;
use crate::vocab::count::counted;
use clap::Args;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::SystemTime;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Directory that contains the runs
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Print the project file instead of writing it
    #[arg(long)]
    print: bool,
}

impl Init {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let path = self.directory.join("mixlaw.yaml");
        if !self.print && path.exists() {
            return Err(Failure::usage(
                format!("{} already exists", path.display()),
                "print a new one: mixlaw init --print; validate the existing one: mixlaw check".to_owned(),
            ));
        }
        if !self.directory.is_dir() {
            return Err(Failure::usage(
                format!("{} is not a directory", self.directory.display()),
                "give the directory that your runs log into: mixlaw init DIR".to_owned(),
            ));
        }
        let project = Project::load(&self.directory)?;
        let mut engine = Engine::new(project, SledStore::temporary()?, &Opened::New)?;
        engine.read_all(output::show_reading)?;
        output::clear_progress();
        let current = engine.current(SystemTime::now(), &Surroundings { embedded: true, ..Surroundings::default() });
        let text = init::render(
            &current.project,
            current.snapshot.runs.len(),
            &losses(&current.snapshot),
            &current.snapshot.notices,
        );
        if self.print {
            print(&text)?;
            return Ok(Outcome::Done);
        }
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => Failure::usage(format!("{} already exists", path.display()), None),
            _ => Failure::new(format!("cannot write {}: {e}", path.display()), None),
        })?;
        print(&format!(
            "wrote {} for {}; review it, then: mixlaw watch {}\n",
            path.display(),
            counted(current.snapshot.runs.len(), "run"),
            self.directory.display()
        ))?;
        Ok(Outcome::Done)
    }
}

/// How many runs log each loss and score.
fn losses(snapshot: &Snapshot) -> init::Logged {
    let measured = |key: &str| snapshot.measured.iter().any(|metric| metric.key == key);
    let mut logged = init::Logged::new();
    for key in snapshot.runs.iter().flat_map(|run| run.metrics.keys()) {
        if measured(key) || observe::is_evaluation(key) {
            *logged.entry(key.to_string()).or_default() += 1;
        }
    }
    logged
}
