//! What the checks look at: the project, where its state is, who runs, and what is in the logs.

use crate::daemon::answer::answer;
use crate::daemon::engine::{Need, Surroundings};
use crate::daemon::{Engine, StateDir};
use crate::fit::never;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{self, Failure, Hello, Query, Response, StatusAnswer};
use crate::project::{Project, ProjectError};
use crate::store::{Opened, SledStore};
use crate::vocab::{CheckAnswer, Notice};
use std::path::Path;
use std::time::SystemTime;

/// See the [module](self).
pub struct Patient {
    /// The project, or what is wrong with its file.
    pub project: Result<Project, ProjectError>,
    /// Where its state is; `None` without a project.
    pub place: Option<Result<StateDir, Failure>>,
    /// Whoever answers at the socket.
    pub daemon: Result<Hello, IpcError>,
    /// What the daemon says of itself.
    pub status: Option<StatusAnswer>,
    /// What is in the logs.
    pub logs: Option<CheckAnswer>,
    /// Logs that cannot be read, where no daemon was asked.
    pub unreadable: Vec<Notice>,
}

impl Patient {
    /// Looks at everything that more than one check needs.
    pub fn new(path: &Path) -> Self {
        let project = Project::load(path);
        let place = project.as_ref().ok().map(StateDir::of);
        let mut patient =
            Self { project, place, daemon: Err(IpcError::NoDaemon), status: None, logs: None, unreadable: Vec::new() };
        if let Some(place) = patient.place() {
            match Client::connect(place.socket()) {
                Ok(mut client) => {
                    patient.status = ask(&mut client, Query::Status);
                    patient.logs = ask(&mut client, Query::Check);
                    patient.daemon = Ok(client.daemon);
                }
                Err(error) => patient.daemon = Err(error),
            }
        }
        if patient.logs.is_none() {
            patient.read_logs();
        }
        patient
    }

    /// Where the state is, where that is known.
    pub fn place(&self) -> Option<&StateDir> {
        self.place.as_ref()?.as_ref().ok()
    }

    /// Reads the logs into memory, as the store is not to be touched.
    fn read_logs(&mut self) {
        let Ok(project) = &self.project else { return };
        let read = || {
            let mut engine = Engine::new(project.clone(), SledStore::temporary()?, &Opened::New)?;
            engine.settle(Need::Runs, crate::cli::output::show_progress)?;
            Ok::<_, crate::store::StoreError>(engine)
        };
        let read = read();
        crate::cli::output::clear_progress();
        if let Ok(mut engine) = read {
            self.unreadable = engine.unreadable();
            let current = engine.current(SystemTime::now(), &Surroundings::default());
            let said = answer(&Query::Check, &current, &never).ok();
            self.logs = said.and_then(|said| protocol::read(said.get()).ok());
        }
    }
}

fn ask<T: serde::de::DeserializeOwned>(client: &mut Client, query: Query) -> Option<T> {
    match client.query(query) {
        Ok(Response::Answer(answer)) => protocol::read(answer.get()).ok(),
        _ => None,
    }
}
