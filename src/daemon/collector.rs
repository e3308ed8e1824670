//! Collector: reads the logs of a project as a daemon does, and sends what it reads to a stream instead of keeping it (feature
//! `nats`).
//!
//! It has a store without points: which files there are and how far each was sent. Before that moves on, the server has said that the
//! message is on its disk; so there is no spool. While the server is away, nothing is read, and afterwards the logs are, from where
//! they were sent up to. Whatever ends it or the server in between, the stream knows the last message of this node, and what this
//! store missed of it is taken from there ([`SledStore::adopt`]).

mod end;
mod node;

use self::end::End;
use self::node::{Sent, There, ToServer, Whose, adopt, life_of, new_life};
use super::asked::Asked;
use super::lock::Lock;
use super::seconds;
use super::state_dir::StateDir;
use crate::ingest::{Budget, Look, Sources, Watcher};
use crate::ipc::protocol::Failure;
use crate::project::server::Address;
use crate::project::{self, Project};
use crate::store::SledStore;
use crate::stream::credentials::{Credentials, VARIABLES};
use crate::stream::link::{About, Limits, Server};
use crate::stream::subject;
use crate::vocab::{CollectAnswer, CollectStatus, Notice, Severity};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::cell::{Cell, RefCell};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// How long to wait before the server is tried again: twice as long each time, up to the second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// Events that arrive within this time are one look.
const GATHER: Duration = Duration::from_millis(50);
/// How often the server is asked whether the stream is still the one that was sent to, by whoever has nothing to send.
const STILL_THERE: Duration = Duration::from_secs(15);
/// How often the status is written, at most.
const STATUS: Duration = Duration::from_secs(2);
/// Warnings in the status, at most.
const WARNINGS: usize = 5;
/// Where the status is written.
const STATUS_FILE: &str = "status.json";
/// With what the names of collectors' directories begin.
const PLACES: &str = "collect-";
/// How long somebody who looks whether a collector runs may hold its lock.
const LOOKED_AT: Duration = Duration::from_millis(300);
/// Under which name the store keeps whose it is.
const WHOSE: &str = "collector";

/// What to collect, and where to.
pub struct Collector {
    /// The project.
    pub project: Project,
    /// The directory of its state ([`Collector::place()`]).
    pub place: PathBuf,
    /// The server and the stream.
    pub address: Address,
    /// Name of this machine.
    pub node: String,
    /// Whether to end when everything that is there was sent.
    pub once: bool,
    /// Whether to send everything again.
    pub again: bool,
    /// What the stream is to be, where it is made.
    pub limits: Limits,
}

impl Collector {
    /// Where a collector of a project keeps its state.
    ///
    /// # Errors
    /// Where no home directory is known.
    pub fn place(project: &Project, address: &Address) -> Result<PathBuf, Failure> {
        Ok(StateDir::of(project)?.directory.join(format!("{PLACES}{}", address.stream())))
    }

    /// What the collectors of a project on this machine last wrote down, and whether they run: the one that sends to an address, or all.
    ///
    /// # Errors
    /// Where the state directory cannot be used.
    pub fn status(project: &Project, address: Option<&Address>) -> Result<CollectAnswer, Failure> {
        let places = match address {
            Some(address) => vec![Self::place(project, address)?],
            None => {
                let all = std::fs::read_dir(StateDir::of(project)?.directory).into_iter().flatten().flatten();
                let ours = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(PLACES);
                all.filter(ours).map(|entry| entry.path()).collect()
            }
        };
        let mut answer = CollectAnswer::default();
        for place in places {
            let Ok(text) = std::fs::read_to_string(place.join(STATUS_FILE)) else { continue };
            let Ok(status) = serde_json::from_str::<CollectStatus>(&text) else { continue };
            let running = Lock::take(&place.join("lock"))?.is_none();
            answer.collectors.push(CollectStatus { running, ..status });
        }
        answer.collectors.sort_by(|a, b| a.to.cmp(&b.to));
        Ok(answer)
    }

    /// Collects until it is told to stop (`stop`), or everything was sent. Lines for people go to `say`.
    ///
    /// # Errors
    /// Where it cannot go on.
    pub fn run(mut self, stop: &Arc<AtomicBool>, say: &dyn Fn(&str)) -> Result<CollectStatus, Failure> {
        let place = self.place.clone();
        let failed = |e: std::io::Error| {
            let help = "set MIXLAW_STATE to a directory that you own on a local disk".to_owned();
            Failure::new(format!("cannot use the state directory {}: {e}", place.display()), help)
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&place).map_err(failed)?;
        let Some(_lock) = patiently(&place.join("lock"))? else {
            return Err(Failure::new(
                format!("another collector sends this project to {}", self.address),
                "see what it does: mixlaw collect --status".to_owned(),
            ));
        };
        let credentials = Credentials::from_environment()
            .map_err(|e| Failure::new(e.to_string(), format!("who you are: {VARIABLES}")))?;
        let sent = Arc::new(Sent::default());
        let status = RefCell::new(CollectStatus {
            pid: std::process::id(),
            to: self.address.to_string(),
            node: self.node.clone(),
            ..CollectStatus::default()
        });
        let mut again = AGAIN.0;
        let reached = Cell::new(false);
        loop {
            let (collector, reached) = (&mut self, &reached);
            let mut session = Session { collector, place: &place, sent: &sent, status: &status, reached, say, stop };
            let ended = match session.run(&credentials) {
                // The server may have been set up anew, and be set right again; before it was ever reached, it is we who are wrong.
                End::Refused(reason, help) if reached.get() => End::Away(format!("{reason}; {help}")),
                other => other,
            };
            match ended {
                End::Done => {
                    session.write_status(false);
                    return Ok(status.into_inner());
                }
                End::Failed(failure) => {
                    session.trouble(Some(failure.message.clone()));
                    return Err(failure);
                }
                End::Anew => continue,
                End::Refused(reason, help) => {
                    session.trouble(Some(reason.clone()));
                    return Err(Failure::new(reason, help));
                }
                End::Away(reason) => {
                    let first = session.trouble(Some(reason.clone()));
                    if self.once {
                        let help = "nothing is lost: what was not sent is read again the next time".to_owned();
                        return Err(Failure::new(reason, help));
                    }
                    if first {
                        say(&format!("{reason}; trying again until it is back. The logs keep what is not sent yet."));
                        again = AGAIN.0;
                    }
                }
            }
            let until = Instant::now() + again;
            again = (2 * again).min(AGAIN.1);
            while Instant::now() < until {
                if stop.load(Ordering::Relaxed) {
                    return Ok(status.into_inner());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// A connection to the server, for as long as it lasts.
struct Session<'a> {
    collector: &'a mut Collector,
    place: &'a PathBuf,
    sent: &'a Arc<Sent>,
    status: &'a RefCell<CollectStatus>,
    /// Whether the server was ever reached.
    reached: &'a Cell<bool>,
    say: &'a dyn Fn(&str),
    stop: &'a Arc<AtomicBool>,
}

impl Session<'_> {
    fn run(&mut self, credentials: &Credentials) -> End {
        let ended = self.open(credentials).and_then(|(store, there)| self.follow(&store, &there));
        ended.err().unwrap_or(End::Done)
    }

    /// Connects, and brings the store up to what the stream has of this node.
    fn open(&mut self, credentials: &Credentials) -> Result<(Arc<SledStore>, There), End> {
        let collector = &mut *self.collector;
        let name = format!("mixlaw collect on {}", collector.node);
        let server = Server::connect(&collector.address, credentials, &name)?;
        let about = server.stream(Some(collector.limits))?;
        self.reached.set(true);
        let directory = self.place.join("store");
        let (mut store, _) = SledStore::open(&directory)?;
        let known = store.place_in(WHOSE)?.and_then(|raw| Whose::read(&raw));
        let subject = subject::of_node(collector.address.stream(), &collector.node);
        let last = server.last_of(&subject)?;
        let (_, receipt) = store.sent()?;
        // The server had said that a message is safe, and has it no longer, though nothing has reached a limit.
        let lost = last < receipt && about.first <= receipt;
        let whose = match known {
            Some(whose) if whose.made == about.made && whose.node == collector.node && !collector.again && !lost => {
                if last > receipt
                    && let Err(reason) = adopt(&server, &store, &subject, whose.life, (receipt, last))?
                {
                    (self.say)(&format!("{reason}: all logs are sent again"));
                    collector.again = true;
                    return Err(End::Anew);
                }
                whose
            }
            before => {
                if before.as_ref().is_some_and(|whose| whose.made != about.made) {
                    (self.say)("the stream was deleted and made again: all logs are sent again");
                } else if lost {
                    (self.say)("the stream has lost what was sent last: all logs are sent again");
                }
                store = anew(store, &directory)?;
                let earlier = life_of(&server, &subject, last)?.max(before.map_or(0, |whose| whose.life));
                let whose = Whose { life: new_life(earlier), made: about.made, node: collector.node.clone() };
                store.keep_place(WHOSE, &whose.bytes())?;
                store.begin_after(last)?;
                store.flush()?;
                collector.again = false;
                whose
            }
        };
        self.note(&about);
        let (server, made) = (Arc::new(server), whose.made);
        let there = There { server: Arc::clone(&server), made };
        let outlet = ToServer { server, subject, whose, after: Mutex::new(last), sent: Arc::clone(self.sent) };
        store.send_through(Box::new(outlet));
        Ok((store, there))
    }

    /// Reads and sends until told to stop, or something is wrong.
    fn follow(&mut self, store: &Arc<SledStore>, there: &There) -> Result<(), End> {
        let (hint, hints) = unbounded();
        let mut watcher = watch(&self.collector.project, &hint);
        let mut sources = Sources::of_files(&self.collector.project, store);
        sources.set_complete(self.collector.once);
        let (mut look, mut looked, mut written) = (Look::Everything, Instant::now(), None::<Instant>);
        let (mut asked, mut known, mut wrong) = (None::<Asked>, Instant::now(), None::<String>);
        loop {
            // Whether its logs are one run or many shows as they are written: asked soon, less is sent under a guess that was wrong.
            if look == Look::Everything || asked.as_ref().is_some_and(|asked| asked.is_due(&self.collector.project)) {
                let began = Instant::now();
                match project::reload(&self.collector.project) {
                    Ok(Some(project)) => {
                        watcher = watch(&project, &hint);
                        sources = Sources::of_files(&project, store);
                        sources.set_complete(self.collector.once);
                        self.collector.project = project;
                        look = Look::Everything;
                        wrong = None;
                    }
                    Ok(None) => wrong = None,
                    Err(error) => {
                        wrong = Some(format!("{}; goes on with the one before", Failure::from(error).message))
                    }
                }
                asked = Some(Asked::since(began));
            }
            if look == Look::Everything {
                looked = Instant::now();
            }
            let turn = sources.turn(&look, Budget { time: Duration::from_millis(500) })?;
            if look == Look::Everything {
                self.warn(
                    wrong.iter().cloned().chain(sources.notices().into_iter().filter(is_warning).map(|n| n.text)),
                );
            }
            // A server may answer and still take nothing: it is well when something was sent, or nothing was left to send.
            if written.is_none() && self.trouble(None) {
                (self.say)(&format!("sending to {} as node {}", self.collector.address, self.collector.node));
            }
            if written.is_none_or(|at| at.elapsed() >= STATUS) {
                written = Some(Instant::now());
                self.write_status(turn.more);
            }
            if known.elapsed() >= STILL_THERE {
                there.still(store.sent()?.1)?;
                known = Instant::now();
            }
            if self.stop.load(Ordering::Relaxed) || self.collector.once && !turn.more {
                store.flush()?;
                return Ok(());
            }
            look = Look::Hints(Vec::new());
            if !turn.more {
                look = self.wait(&hints, watcher.reconcile_every().saturating_sub(looked.elapsed()));
            }
        }
    }

    /// Waits for the next hint, or until everything is to be looked at, or to stop.
    fn wait(&self, hints: &Receiver<Look>, patience: Duration) -> Look {
        let until = Instant::now() + patience;
        let first = loop {
            if self.stop.load(Ordering::Relaxed) {
                return Look::Hints(Vec::new());
            }
            let left = until.saturating_duration_since(Instant::now());
            match hints.recv_timeout(left.min(Duration::from_millis(250))) {
                Ok(look) => break look,
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                Err(_) => return Look::Everything,
            }
        };
        std::thread::sleep(GATHER);
        let mut paths = Vec::new();
        for look in std::iter::once(first).chain(hints.try_iter()) {
            match look {
                Look::Everything => return Look::Everything,
                Look::Hints(more) => paths.extend(more),
            }
        }
        paths.sort_unstable();
        paths.dedup();
        Look::Hints(paths)
    }

    /// Notes what is wrong here, and says what is new.
    fn warn(&self, warnings: impl Iterator<Item = String>) {
        let warnings: Vec<String> = warnings.take(WARNINGS).collect();
        let before = std::mem::replace(&mut self.status.borrow_mut().warnings, warnings.clone());
        warnings.iter().filter(|warning| !before.contains(warning)).for_each(|warning| (self.say)(warning));
    }

    fn note(&self, about: &About) {
        let mut status = self.status.borrow_mut();
        (status.stream_bytes, status.stream_limit) = (about.bytes, about.most_bytes);
    }

    /// Writes down what is wrong, or that nothing is. Returns whether that is news.
    fn trouble(&self, trouble: Option<String>) -> bool {
        let news = {
            let mut status = self.status.borrow_mut();
            let news = status.trouble != trouble || status.at == 0.0;
            if status.trouble.is_some() != trouble.is_some() || status.at == 0.0 {
                status.since = trouble.is_some().then(|| seconds(SystemTime::now()));
            }
            status.trouble = trouble;
            news
        };
        self.write_status(true);
        news
    }

    fn write_status(&self, behind: bool) {
        let mut status = self.status.borrow_mut();
        status.at = seconds(SystemTime::now());
        status.messages = self.sent.messages.load(Ordering::Relaxed);
        status.points = self.sent.points.load(Ordering::Relaxed);
        status.bytes = self.sent.bytes.load(Ordering::Relaxed);
        status.behind = behind;
        // What cannot be written is written the next time.
        if let Ok(text) = serde_json::to_vec(&*status) {
            let (new, path) = (self.place.join("status.new"), self.place.join(STATUS_FILE));
            let _ = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path));
        }
    }
}

/// Takes a collector's lock; `None` where another one has it.
fn patiently(path: &Path) -> Result<Option<Lock>, Failure> {
    let until = Instant::now() + LOOKED_AT;
    loop {
        match Lock::take(path)? {
            None if Instant::now() < until => std::thread::sleep(LOOKED_AT / 10),
            taken => return Ok(taken),
        }
    }
}

fn is_warning(notice: &Notice) -> bool {
    notice.severity >= Severity::Warning
}

fn watch(project: &Project, hint: &Sender<Look>) -> Watcher {
    let hint = hint.clone();
    Watcher::start(
        project,
        Box::new(move |look| {
            let _ = hint.send(look);
        }),
    )
}

/// An empty store in place of one.
fn anew(store: Arc<SledStore>, directory: &Path) -> Result<Arc<SledStore>, End> {
    drop(store);
    SledStore::delete(directory)?;
    Ok(SledStore::open(directory)?.0)
}
