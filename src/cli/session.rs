//! Who answers: the project's daemon if one is running, else this process for itself.

use super::output;
use crate::daemon::answer::{self, acknowledged, answer, need};
use crate::daemon::engine::{Engine, Need, Surroundings};
use crate::daemon::export::{self, ExportError};
use crate::daemon::lifecycle;
use crate::daemon::publisher::CurrentState;
use crate::daemon::service::nothing_is_kept;
use crate::daemon::state_dir::{Lock, StateDir};
use crate::fit::never;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{Command, Failure, Query, Response, Which};
use crate::project::Project;
use crate::store::{Opened, SledStore, StoreError};
use crate::vocab::{AckAnswer, Notice, RunsAnswer, Severity, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a daemon that has just started may take to its first advice.
const FIRST_ADVICE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Files that cannot be read and are named one by one beside an answer.
const MOST_REMARKS: usize = 5;

/// Someone who answers.
pub enum Session {
    /// The project's daemon.
    Daemon(Box<Client>),
    /// This process.
    Own(Box<Own>),
}

/// This process, which reads and fits what a question needs when it is asked.
pub struct Own {
    engine: Engine,
    /// What is known, and what it suffices for.
    known: Option<(Need, CurrentState)>,
    /// Says that this process owns the store; `None` where nothing is kept.
    lock: Option<Lock>,
    /// Why nothing is kept.
    trouble: Option<Notice>,
    /// Whether the logs that cannot be read were named.
    told: bool,
}

impl Session {
    /// Loads the project and finds someone who answers.
    ///
    /// # Errors
    /// What is wrong with the project, the daemon or the store.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let project = Project::load(path)?;
        if let Some(client) = lifecycle::find(&project)? {
            return Ok(Self::Daemon(Box::new(client)));
        }
        let kept = match StateDir::of(&project).and_then(|place| Ok((place.own()?, place))) {
            Ok((Some(lock), place)) => {
                let kept = SledStore::open(&place.store());
                Some(kept.and_then(|(store, opened)| Own::on(&project, store, &opened, Some(lock), None)))
            }
            // Between another one-shot command's lock and its end, or a daemon's lock and its socket.
            Ok((None, _)) => match lifecycle::wait_for(&project)? {
                Some(client) => return Ok(Self::Daemon(Box::new(client))),
                None => None,
            },
            // Nothing can be kept here; the question can be answered all the same.
            Err(_) => None,
        };
        let trouble = match kept {
            Some(Ok(own)) => return Ok(Self::Own(Box::new(own))),
            Some(Err(error @ StoreError::Io { .. })) => Some(nothing_is_kept(&error)),
            Some(Err(error)) => return Err(error.into()),
            None => None,
        };
        if let Some(notice) = &trouble {
            output::remark(notice);
        }
        Ok(Self::Own(Box::new(Own::on(&project, SledStore::temporary()?, &Opened::New, None, trouble)?)))
    }

    /// Asks a question whose answer is `T`.
    ///
    /// # Errors
    /// What is wrong with the question, or the line to the daemon.
    pub fn ask<T: DeserializeOwned>(&mut self, query: Query) -> Result<T, Failure> {
        match self {
            Self::Own(own) => read(&own.answer(&query)?),
            Self::Daemon(client) => answer_of(client.query(query)),
        }
    }

    /// Dismisses alerts. It is done and written down when this returns.
    ///
    /// # Errors
    /// Where a run or a number is not known; what is wrong with the store or the line to the daemon.
    pub fn dismiss(&mut self, which: Which) -> Result<AckAnswer, Failure> {
        match self {
            Self::Own(own) => own.dismiss(&which),
            Self::Daemon(client) => answer_of(client.command(Command::Dismiss(which))),
        }
    }

    /// All runs; what this process knows itself need not be put in writing first.
    ///
    /// # Errors
    /// What is wrong with the line to the daemon.
    pub fn runs(&mut self) -> Result<RunsAnswer, Failure> {
        match self {
            Self::Own(own) => Ok(answer::runs(own.known(Need::Runs)?)),
            Self::Daemon(_) => self.ask(Query::Runs),
        }
    }

    /// The newest snapshot; from a daemon that has just started, the first with advice in it.
    ///
    /// # Errors
    /// What is wrong with the line to the daemon.
    pub fn snapshot(&mut self) -> Result<Arc<Snapshot>, Failure> {
        match self {
            Self::Own(own) => Ok(Arc::clone(&own.known(Need::Advice)?.snapshot)),
            Self::Daemon(client) => {
                let deadline = Instant::now() + FIRST_ADVICE;
                loop {
                    let snapshot: Arc<Snapshot> = answer_of(client.query(Query::Snapshot))?;
                    if snapshot.advice.is_some() || Instant::now() > deadline {
                        return Ok(snapshot);
                    }
                    std::thread::sleep(LOOK);
                }
            }
        }
    }

    /// Hands every point that is asked for to `sink`, as text.
    ///
    /// # Errors
    /// What is wrong with the question, the store, the line to the daemon or the sink.
    pub fn export(
        &mut self,
        query: crate::ipc::protocol::ExportQuery,
        mut sink: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Own(own) => {
                let mut failure = None;
                let result = export::points(own.known(Need::Points)?.store.as_ref(), &query, |text| {
                    sink(text).map_err(|error| {
                        failure = Some(error);
                        std::io::Error::other("the sink is closed")
                    })
                });
                match (result, failure) {
                    (_, Some(failure)) | (Err(ExportError::Unknown(failure)), None) => Err(failure),
                    (Err(ExportError::Store(error)), None) => Err(error.into()),
                    (Err(ExportError::Sink(error)), None) => Err(Failure::new(error.to_string(), None)),
                    (Ok(()), None) => Ok(()),
                }
            }
            Self::Daemon(client) => {
                let mut response = client.export(query).map_err(|e| lifecycle::speak(&e))?;
                loop {
                    match response {
                        Response::Chunk(text) => sink(&text)?,
                        Response::End => return Ok(()),
                        Response::Failed(failure) => return Err(failure),
                        other => return Err(unexpected(&other)),
                    }
                    response = client.more().map_err(|e| lifecycle::speak(&e))?;
                }
            }
        }
    }
}

impl Own {
    /// Reads nothing yet.
    fn on(
        project: &Project,
        store: Arc<SledStore>,
        opened: &Opened,
        lock: Option<Lock>,
        trouble: Option<Notice>,
    ) -> Result<Self, StoreError> {
        let engine = Engine::new(project.clone(), store, opened)?;
        Ok(Self { engine, known: None, lock, trouble, told: false })
    }

    /// What is known, with everything that `need` names.
    fn known(&mut self, need: Need) -> Result<&CurrentState, Failure> {
        let known = match self.known.take().filter(|(suffices, _)| *suffices >= need) {
            Some(known) => known,
            None => match self.settle(need) {
                Ok(current) => (need, current),
                // The disk says no: what is read goes to memory instead.
                Err(error @ StoreError::Io { .. }) if self.lock.is_some() => {
                    let notice = nothing_is_kept(&error);
                    output::remark(&notice);
                    self.trouble = Some(notice);
                    // A new one: nothing more is written to the journal either, for which there is no room.
                    self.engine = Engine::new(self.engine.written().clone(), SledStore::temporary()?, &Opened::New)?;
                    self.lock = None;
                    (need, self.settle(need)?)
                }
                Err(error) => return Err(error.into()),
            },
        };
        Ok(&self.known.insert(known).1)
    }

    fn settle(&mut self, need: Need) -> Result<CurrentState, StoreError> {
        let settled = self.engine.settle(need, output::show_progress);
        output::clear_progress();
        settled?;
        if !std::mem::replace(&mut self.told, true) {
            self.tell_what_is_left_out();
        }
        let notices = self.trouble.iter().cloned().collect();
        let around = Surroundings { embedded: true, notices, ..Surroundings::default() };
        let current = self.engine.current(SystemTime::now(), &around);
        self.engine.store().compact()?;
        self.engine.store().flush()?;
        Ok(current)
    }

    /// Names the logs that cannot be read, which the answer goes without.
    fn tell_what_is_left_out(&self) {
        let left_out = self.engine.unreadable();
        left_out.iter().take(MOST_REMARKS).for_each(output::remark);
        if left_out.len() > MOST_REMARKS {
            let text = format!("{} more files cannot be read", left_out.len() - MOST_REMARKS);
            let help = Some("list them: mixlaw check".to_owned());
            output::remark(&Notice { severity: Severity::Warning, text, help });
        }
    }

    fn answer(&mut self, query: &Query) -> Result<Box<RawValue>, Failure> {
        answer(query, self.known(need(query))?, &never)
    }

    fn dismiss(&mut self, which: &Which) -> Result<AckAnswer, Failure> {
        let answer = acknowledged(which, self.known(Need::Runs)?)?;
        let acknowledged = self.engine.acknowledge(&answer.acknowledged, SystemTime::now())?;
        Ok(AckAnswer { acknowledged })
    }
}

/// The answer in what a daemon said.
fn answer_of<T: DeserializeOwned>(said: Result<Response, IpcError>) -> Result<T, Failure> {
    match said.map_err(|e| lifecycle::speak(&e))? {
        Response::Answer(value) => read(&value),
        Response::Failed(failure) => Err(failure),
        other => Err(unexpected(&other)),
    }
}

fn read<T: DeserializeOwned>(value: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(value.get()).map_err(|e| Failure::new(format!("an answer of another shape: {e}"), None))
}

fn unexpected(response: &Response) -> Failure {
    match response {
        Response::Stopping => Failure::new("the daemon is stopping", "try again in a moment".to_owned()),
        _ => Failure::new(
            "the daemon gave an answer that was not asked for",
            "restart it: mixlaw daemon stop".to_owned(),
        ),
    }
}
