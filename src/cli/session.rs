//! A session that answers queries: the project's daemon if it is running, else this process.

use super::output;
use crate::daemon::answer::{self, acknowledged, answer, labelled, need};
use crate::daemon::engine::{Engine, Need, Surroundings};
use crate::daemon::export;
use crate::daemon::lifecycle;
use crate::daemon::publisher::CurrentState;
use crate::daemon::service::nothing_is_kept;
use crate::daemon::state_dir::{Lock, StateDir};
use crate::fit::never;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{Command, Failure, LabelCommand, Query, Response, StatusAnswer, Which, read};
use crate::project::Project;
use crate::store::{Opened, SledStore, StoreError};
use crate::vocab::{AckAnswer, Decision, Labels, Notice, RunsAnswer, Severity, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Longest wait for the first advice of a daemon that has just started.
const FIRST_ADVICE: Duration = Duration::from_secs(60);
/// Interval between requests during that wait.
const LOOK: Duration = Duration::from_millis(50);

/// Most unreadable files that are listed one by one.
const MOST_REMARKS: usize = 5;

/// A session that answers queries.
pub enum Session {
    /// The project's daemon.
    Daemon(Box<Client>),
    /// This process.
    Own(Box<Own>),
}

/// A session in this process, which reads and fits on demand.
pub struct Own {
    engine: Engine,
    /// The current state, and the needs that it covers.
    known: Option<(Need, CurrentState)>,
    /// Lock on the store; `None` if nothing is saved.
    lock: Option<Lock>,
    /// The reason why nothing is saved.
    trouble: Option<Notice>,
    /// Whether the unreadable logs have been listed.
    told: bool,
    /// The store's directory, as long as the store may be made anew: once.
    directory: Option<PathBuf>,
}

impl Session {
    /// Loads the project and opens a session.
    ///
    /// # Errors
    /// If the project, the daemon or the store cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let project = Project::load(path)?;
        if let Some(client) = lifecycle::find(&project)? {
            return Ok(Self::Daemon(Box::new(client)));
        }
        let kept = match StateDir::of(&project).and_then(|place| Ok((place.own()?, place))) {
            Ok((Some(lock), place)) => {
                let directory = place.store();
                let on = |(store, opened)| Own::on(&project, store, &opened, None, None);
                let own = match SledStore::open(&directory).and_then(on) {
                    Err(StoreError::Damaged(_)) => SledStore::open_anew(&directory).and_then(on),
                    own => own,
                };
                Some(own.map(|own| Own { lock: Some(lock), directory: Some(directory), ..own }))
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

    /// Runs a query whose answer is a `T`.
    ///
    /// # Errors
    /// If the query is invalid or the daemon cannot be reached.
    pub fn ask<T: DeserializeOwned>(&mut self, query: Query) -> Result<T, Failure> {
        match self {
            Self::Own(own) => read(own.answer(&query)?.get()),
            Self::Daemon(_) => {
                if need(&query) >= Need::Fits {
                    self.wait_for_fits()?;
                }
                match self {
                    Self::Daemon(client) => answer_of(client.query(query)),
                    Self::Own(own) => read(own.answer(&query)?.get()),
                }
            }
        }
    }

    /// A daemon that has just started gets time for its first fits and advice: before that it would say that there are none.
    fn wait_for_fits(&mut self) -> Result<(), Failure> {
        let Self::Daemon(client) = self else { return Ok(()) };
        let status: StatusAnswer = answer_of(client.query(Query::Status))?;
        if status.daemon.uptime < FIRST_ADVICE.as_secs_f64() {
            self.snapshot()?;
        }
        Ok(())
    }

    /// Dismisses alerts; the change is saved when this returns.
    ///
    /// # Errors
    /// If a run or a number is unknown, or the store or the daemon fails.
    pub fn dismiss(&mut self, which: Which) -> Result<AckAnswer, Failure> {
        match self {
            Self::Own(own) => own.dismiss(&which),
            Self::Daemon(client) => answer_of(client.command(Command::Dismiss(which))),
        }
    }

    /// Takes a step of acting on advice; it is saved when this returns. Whoever begins one holds the lock `accepting`.
    ///
    /// # Errors
    /// If the step is not possible, or the store or the daemon fails.
    pub fn decide(&mut self, decision: Decision) -> Result<(), Failure> {
        match self {
            // Whoever has the store is at work.
            Self::Own(own) if own.lock.is_none() && own.trouble.is_none() => Err(Failure::new(
                "another mixlaw command is working on this project, so nothing was decided",
                "try again when it has ended".to_owned(),
            )),
            Self::Own(own) => own.engine.decide(decision, SystemTime::now())?,
            Self::Daemon(client) => answer_of(client.command(Command::Decide(Box::new(decision)))),
        }
    }

    /// Gives a run tags or a note; the change is saved when this returns.
    ///
    /// # Errors
    /// If the run is unknown, a tag is not as it may be, or the store or the daemon fails.
    pub fn label(&mut self, command: LabelCommand) -> Result<Labels, Failure> {
        match self {
            Self::Own(own) => own.label(&command),
            Self::Daemon(client) => answer_of(client.command(Command::Label(command))),
        }
    }

    /// All runs. In this process, the answer is not serialized first.
    ///
    /// # Errors
    /// What is wrong with the line to the daemon.
    pub fn runs(&mut self) -> Result<RunsAnswer, Failure> {
        match self {
            Self::Own(own) => Ok(answer::runs(own.known(Need::Runs)?)),
            Self::Daemon(_) => self.ask(Query::Runs),
        }
    }

    /// The newest snapshot; a daemon that has just started gets time to compute its first advice.
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

    /// Writes every point that matches the query to `sink`, as text.
    ///
    /// # Errors
    /// If the query is invalid, or the store, the daemon or the sink fails.
    pub fn export(
        &mut self,
        query: crate::ipc::protocol::ExportQuery,
        mut sink: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Own(own) => {
                let mut failure = None;
                let mut sent = false;
                let result = loop {
                    let result = export::points(own.known(Need::Points)?.store.as_ref(), &query, |text| {
                        sent = true;
                        sink(text).map_err(|error| {
                            failure = Some(error);
                            std::io::Error::other("the output is closed")
                        })
                    });
                    match result {
                        // What was written cannot be taken back; the next command finds the store whole.
                        Err(export::ExportError::Store(StoreError::Damaged(why))) if !sent && own.can_mend() => {
                            own.mend(&why)?;
                        }
                        result => break result,
                    }
                };
                match (result, failure) {
                    (_, Some(failure)) => Err(failure),
                    (Err(error), None) => Err(error.into()),
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
    /// A session that has read nothing yet.
    fn on(
        project: &Project,
        store: Arc<SledStore>,
        opened: &Opened,
        lock: Option<Lock>,
        trouble: Option<Notice>,
    ) -> Result<Self, StoreError> {
        let engine = Engine::new(project.clone(), store, opened)?;
        Ok(Self { engine, known: None, lock, trouble, told: false, directory: None })
    }

    fn can_mend(&self) -> bool {
        self.lock.is_some() && self.directory.is_some()
    }

    /// Moves a store that turned out to be damaged aside, and goes on with a new one; the logs are read again.
    fn mend(&mut self, why: &str) -> Result<(), StoreError> {
        let Some(directory) = self.directory.take() else { return Err(StoreError::Damaged(why.to_owned())) };
        let project = self.engine.written().clone();
        self.known = None;
        // The old store is closed by this.
        self.engine = Engine::new(project.clone(), SledStore::temporary()?, &Opened::New)?;
        let (store, opened) = SledStore::open_anew(&directory)?;
        if let Opened::MovedAside(aside) = &opened {
            let text = format!("the store was damaged ({why}); the logs are read again");
            let help = Some(format!("the old store is at {}; delete it when you no longer need it", aside.display()));
            output::remark(&Notice { severity: Severity::Warning, text, help });
        }
        self.engine = Engine::new(project, store, &opened)?;
        Ok(())
    }

    /// The current state, with everything that `need` asks for.
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
                Err(StoreError::Damaged(why)) if self.can_mend() => {
                    self.mend(&why)?;
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
            self.warn_about_unreadable_logs();
        }
        let notices = self.trouble.iter().cloned().collect();
        let around = Surroundings { embedded: true, notices, ..Surroundings::default() };
        let current = self.engine.current(SystemTime::now(), &around);
        self.engine.store().compact()?;
        self.engine.store().flush()?;
        Ok(current)
    }

    /// Lists the unreadable logs, which are missing from the answer.
    fn warn_about_unreadable_logs(&self) {
        let left_out = self.engine.unreadable();
        left_out.iter().take(MOST_REMARKS).for_each(output::remark);
        if left_out.len() > MOST_REMARKS {
            let text = format!("{} more logs cannot be read", left_out.len() - MOST_REMARKS);
            let help = Some("list them: mixlaw check".to_owned());
            output::remark(&Notice { severity: Severity::Warning, text, help });
        }
    }

    fn answer(&mut self, query: &Query) -> Result<Box<RawValue>, Failure> {
        if let Query::Fit(fit) = query
            && fit.nested
            && fit.is_of_the_projects_fits()
        {
            self.nest(fit.metric.as_deref())?;
        }
        let given = answer(query, self.known(need(query))?, &never);
        // An answer from a store that is damaged may lack what could not be read.
        if self.engine.store().is_damaged() && self.can_mend() {
            self.mend("a block is not what was written")?;
            return answer(query, self.known(need(query))?, &never);
        }
        given
    }

    /// Works out the errors of the choice among laws, of one loss (named by key or by domain) or of all, and keeps them.
    fn nest(&mut self, metric: Option<&str>) -> Result<(), Failure> {
        self.known(Need::Fits)?;
        let project = Arc::clone(self.engine.project());
        let asked =
            |key: &str| metric.is_none_or(|name| name == key || project.metric_of(name).is_some_and(|of| of == key));
        let nested = self.engine.nest(asked, output::show_progress);
        output::clear_progress();
        nested?;
        // What is known now is read from the store.
        self.known = None;
        Ok(())
    }

    fn dismiss(&mut self, which: &Which) -> Result<AckAnswer, Failure> {
        let answer = acknowledged(which, self.known(Need::Runs)?)?;
        let acknowledged = self.engine.dismiss(&answer.acknowledged, SystemTime::now())?;
        Ok(AckAnswer { acknowledged })
    }

    fn label(&mut self, command: &LabelCommand) -> Result<Labels, Failure> {
        let now = SystemTime::now();
        let labels = labelled(command, self.known(Need::Runs)?, crate::daemon::seconds(now))?;
        self.engine.label(labels.clone(), now)?;
        Ok(labels)
    }
}

/// The answer in a daemon's response.
fn answer_of<T: DeserializeOwned>(said: Result<Response, IpcError>) -> Result<T, Failure> {
    match said.map_err(|e| lifecycle::speak(&e))? {
        Response::Answer(value) => read(value.get()),
        Response::Failed(failure) => Err(failure),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(response: &Response) -> Failure {
    match response {
        Response::Stopping => Failure::new("the daemon is stopping", "try again in a moment".to_owned()),
        _ => Failure::new("the daemon sent an unexpected answer", "restart it: mixlaw daemon stop".to_owned()),
    }
}
