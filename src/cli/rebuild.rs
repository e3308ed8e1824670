//! `mixlaw rebuild`: the store made anew from the logs. What cannot be rebuilt (the journal) stays.

use super::output::print;
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::daemon::{StateDir, lifecycle};
use crate::ipc::protocol::{Failure, Query};
use crate::project::Project;
use crate::store::SledStore;
use crate::vocab::CheckAnswer;
use crate::vocab::count::counted;
use crate::vocab::number::show_amount;
use clap::Args;

/// Arguments of `rebuild`.
#[derive(Debug, Args)]
pub struct Rebuild {
    #[command(flatten)]
    project: ProjectArg,
}

impl Rebuild {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let path = &self.project.project;
        let project = Project::load(path)?;
        let place = StateDir::of(&project)?;
        let ran = lifecycle::stop(&project)?;
        {
            let busy = || Failure::new("another command uses the store", "try again in a moment".to_owned());
            let _lock = place.own()?.ok_or_else(busy)?;
            SledStore::delete(&place.store())?;
        }
        let answer: CheckAnswer = Session::open(path)?.ask(Query::Check)?;
        let points: u64 = answer.files.iter().map(|file| file.points).sum();
        let (points, files) = (show_amount(points as f64), counted(answer.files.len(), "file"));
        print(&format!("{points} points of {} read from {files}\n", counted(answer.runs.len(), "run")))?;
        if ran {
            let client = lifecycle::ensure(&project)?;
            print(&format!("daemon started again, process {}\n", client.daemon.pid))?;
        }
        Ok(Outcome::Done)
    }
}
