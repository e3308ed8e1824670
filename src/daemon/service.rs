//! The running daemon: threads of the engine, watcher, fitter, server and signals, started and stopped together.

mod outage;

pub use outage::nothing_is_kept;

use super::ahead::Ahead;
use super::applier::Applier;
use super::asked::Asked;
use super::engine::{Engine, Surroundings};
use super::event::Event;
use super::fitter;
use super::heap;
use super::job::Job;
use super::log;
use super::online_file::OnlineFile;
use super::publisher::Publisher;
use super::server::Server;
use super::state_dir::{Lock, StateDir};
use super::threads;
use crate::ingest::{Budget, Look, Watcher};
use crate::ipc::protocol::Failure;
use crate::notifications::notifier::Notifier;
use crate::project::{self, Project};
use crate::store::StoreError;
use crate::vocab::{Notice, Severity};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Events that arrive within this time are handled in one go: a training loop writes a line's parts together.
const GATHER: Duration = Duration::from_millis(10);
/// How long it may take to write everything out where the process must end.
const STOP: Duration = Duration::from_secs(10);
/// Where one go takes long (many runs), more is gathered for the next: so many times what the last one took, so that
/// reading takes a fortieth of a core, up to what nobody sees.
const GATHER_TIMES: u32 = 39;
const GATHER_MOST: Duration = Duration::from_millis(70);
/// How often runs are looked at for alerts, forecasts are written down, and the store and the memory are tidied, at most: nobody is woken
/// sooner for it, and a look costs more than the line that it follows.
const WRITE_DOWN: Duration = Duration::from_secs(1);
/// How long forecasts are made at a time: a line that is logged meanwhile waits for so long.
const FORECASTS: Duration = Duration::from_millis(30);
/// How often a quiet daemon publishes, so that ages on screen are right.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A running daemon, in this process.
pub struct Service {
    /// Where it publishes.
    pub publisher: Arc<Publisher>,
    events: Sender<Event>,
    engine: JoinHandle<Result<(), StoreError>>,
    server: Server,
    /// Whether the engine has ended.
    done: Arc<AtomicBool>,
    socket: PathBuf,
    lock: Arc<Lock>,
}

impl Service {
    /// Opens the store and starts everything. `lock` says that this process owns the place.
    ///
    /// # Errors
    /// Where the store, the socket or a thread cannot be had.
    pub fn start(project: Project, place: &StateDir, lock: Lock, embedded: bool) -> Result<Self, Failure> {
        threads::all_give_way();
        let (store, opened, adrift) = outage::open(&place.store())?;
        let publisher = Arc::new(Publisher::default());
        let (events, inbox) = crossbeam_channel::unbounded();
        let tell = events.clone();
        let server = Server::start(
            place,
            Arc::clone(&publisher),
            Box::new(move |event| {
                let _ = tell.send(event);
            }),
        )?;
        let notifier = Notifier::new(&project, place.outbox());
        let mut engine = Engine::new(project, store, &opened)?;
        engine.forecast_in_slices(FORECASTS);
        engine.tell_through(notifier.outbox());
        let wake = events.clone();
        engine.wake_by(Arc::new(move || {
            let _ = wake.send(Event::Look(Look::Hints(Vec::new())));
        }));
        let mut worker = Worker::new(engine, notifier, Arc::clone(&publisher), events.clone(), inbox, embedded)?;
        (worker.directory, worker.adrift) = (place.store(), adrift);
        let lock = Arc::new(lock);
        worker.lock = Some(Arc::clone(&lock));
        // Threads of its own: what the engine does in parallel would wait for the fits that others are busy with.
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|n| format!("engine-{n}")).build();
        let pool = pool.map_err(|e| Failure::new(format!("cannot start a thread: {e}"), None))?;
        let done = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&done);
        let engine = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                let result = pool.install(|| worker.run());
                over.store(true, Ordering::SeqCst);
                result
            })
            .map_err(|e| Failure::new(format!("cannot start a thread: {e}"), None))?;
        Ok(Self { publisher, events, engine, server, done, socket: place.socket().to_owned(), lock })
    }

    /// Where to send [`Event::Stop`].
    #[must_use]
    pub fn events(&self) -> Sender<Event> {
        self.events.clone()
    }

    /// What stops it from another thread, where the one that has it cannot: everything is written out, as far as that
    /// takes no longer than anyone waits, and the socket is gone.
    #[must_use]
    pub fn stopper(&self) -> Box<dyn FnOnce() + Send> {
        let (events, done) = (self.events.clone(), Arc::clone(&self.done));
        let socket = self.server.owns_socket().then(|| self.socket.clone());
        Box::new(move || {
            let _ = events.send(Event::Stop);
            let until = Instant::now() + STOP;
            while !done.load(Ordering::SeqCst) && Instant::now() < until {
                std::thread::sleep(GATHER);
            }
            let _ = socket.map(std::fs::remove_file);
        })
    }

    /// Waits until it has stopped: everything is written out and the socket is gone.
    ///
    /// # Errors
    /// What ended it other than a wish to stop.
    pub fn wait(self) -> Result<(), Failure> {
        let result = self.engine.join();
        self.publisher.close();
        self.server.stop(!self.lock.is_lost());
        match result {
            Ok(_) if self.lock.is_lost() => Err(Failure::new(
                "the state directory was deleted while the daemon ran",
                "start it again; the logs are read anew: mixlaw daemon start".to_owned(),
            )),
            Ok(result) => Ok(result?),
            Err(_) => Err(Failure::new(
                "the daemon crashed because of a bug",
                "please report it with the lines above".to_owned(),
            )),
        }
    }

    /// Stops and waits.
    ///
    /// # Errors
    /// Like [`Service::wait`].
    pub fn stop(self) -> Result<(), Failure> {
        let _ = self.events.send(Event::Stop);
        self.wait()
    }
}

/// The engine's thread.
struct Worker {
    engine: Engine,
    notifier: Notifier,
    publisher: Arc<Publisher>,
    events: Sender<Event>,
    inbox: Receiver<Event>,
    jobs: Sender<Job>,
    watcher: Watcher,
    around: Surroundings,
    /// What is wrong with the project file as it stands now.
    bad_edit: Option<Notice>,
    /// The file that a trainer polls.
    online: OnlineFile,
    /// What applies advice without anybody asking.
    applier: Applier,
    /// What reads loads of experts before anybody asks.
    ahead: Ahead,
    asked: Asked,
    /// The store's directory.
    directory: PathBuf,
    /// Why nothing is kept: the store could not be opened, and a temporary one stands in for it.
    adrift: Option<StoreError>,
    /// Whether the engine has an empty store for as long as its own is opened again: there is nothing to show.
    away: bool,
    /// Whether it has been told to stop.
    stopping: bool,
    /// What says that this process owns the state directory.
    lock: Option<Arc<Lock>>,
}

impl Worker {
    fn new(
        engine: Engine,
        notifier: Notifier,
        publisher: Arc<Publisher>,
        events: Sender<Event>,
        inbox: Receiver<Event>,
        embedded: bool,
    ) -> Result<Self, Failure> {
        let (jobs, work) = fitter::jobs();
        let done = events.clone();
        fitter::spawn(work, engine.kept_fits(), move |fitted| {
            let _ = done.send(Event::Fitted(Box::new(fitted)));
        })
        .map_err(|e| Failure::new(format!("cannot start a thread: {e}"), None))?;
        let watcher = watch(engine.written(), &events);
        let around = Surroundings { embedded, ..Surroundings::default() };
        let (directory, adrift) = (PathBuf::new(), None);
        let (away, stopping) = (false, false);
        let bad_edit = None;
        let asked = Asked::since(Instant::now());
        Ok(Self {
            engine,
            notifier,
            publisher,
            events,
            inbox,
            jobs,
            watcher,
            around,
            bad_edit,
            online: OnlineFile::default(),
            applier: Applier::default(),
            ahead: Ahead::default(),
            asked,
            directory,
            adrift,
            away,
            stopping,
            lock: None,
        })
    }

    /// Works until it is told to stop; where the store cannot be used, waits until it can.
    fn run(mut self) -> Result<(), StoreError> {
        let mut patience = outage::Patience::default();
        loop {
            let worked = Instant::now();
            match self.work() {
                Ok(()) => return Ok(()),
                Err(error) if self.stopping => return Err(error),
                Err(_) if self.is_evicted() => return Ok(()),
                Err(error) => {
                    patience.worked_for(worked.elapsed());
                    if !self.wait_out(error, &mut patience) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Whether the state directory was deleted: nobody finds the socket, and another daemon may own a new one.
    fn is_evicted(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.is_lost())
    }

    fn work(&mut self) -> Result<(), StoreError> {
        let mut look = Some(Look::Everything);
        let mut looked = Instant::now();
        let mut published = None::<Instant>;
        // What the store already had is worth fitting before the logs have moved.
        let mut rows_changed = true;
        // When runs were looked at last, and whether there may be news since.
        let (mut written_down, mut news) = (None::<Instant>, true);
        loop {
            let began = Instant::now();
            let mut show = published.is_none();
            if let Some(now) = look.take() {
                if now == Look::Everything {
                    looked = Instant::now();
                    if self.is_evicted() {
                        return Ok(());
                    }
                    show |= self.come_ashore();
                    self.reload(&mut rows_changed)?;
                } else if self.asked.is_due(self.engine.written()) {
                    self.reload(&mut rows_changed)?;
                }
                let changed = self.engine.turn(&now, Budget::default())?;
                news = true;
                show |= changed.shown;
                rows_changed |= changed.rows;
                if changed.more {
                    look = Some(Look::Hints(Vec::new()));
                }
            }
            // A first reading is fitted when it is complete, not file by file.
            if rows_changed && look.is_none() {
                rows_changed = false;
                self.around.refitting = self.jobs.send(self.engine.job()).is_ok();
            }
            if look.is_none() && self.engine.owes_forecasts() {
                show |= self.engine.forecast_more()?;
            }
            if look.is_none() && written_down.is_none_or(|t| t.elapsed() >= WRITE_DOWN) {
                (written_down, news) = (Some(Instant::now()), false);
                show |= self.engine.write_down(SystemTime::now())?;
                // Both walk through all that is known, which costs more than a line.
                self.engine.store().compact()?;
                heap::give_back();
            }
            show |= published.is_none_or(|t| t.elapsed() >= HEARTBEAT);
            show |= self.applier.is_due(SystemTime::now());
            if show || self.engine.has_aged(SystemTime::now()) {
                published = Some(Instant::now());
                self.publish(None);
            }
            if look.is_none()
                && let Some(current) = self.publisher.latest()
            {
                self.ahead.read(&current);
            }
            let gather = (GATHER_TIMES * began.elapsed()).clamp(GATHER, GATHER_MOST);
            let every = self.watcher.reconcile_every();
            let busy = look.is_some() || self.engine.owes_forecasts();
            let mut patience = if busy { Duration::ZERO } else { every.saturating_sub(looked.elapsed()) };
            if let Some(written_down) = written_down.filter(|_| news) {
                patience = patience.min(WRITE_DOWN.saturating_sub(written_down.elapsed()));
            }
            patience = patience.min(self.applier.patience(SystemTime::now()));
            let mut first = match self.inbox.recv_timeout(patience) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if first.is_some() && look.is_none() {
                std::thread::sleep(gather);
            }
            while let Some(event) = first.take().or_else(|| self.inbox.try_recv().ok()) {
                match event {
                    Event::Stop => {
                        self.stopping = true;
                        if news && look.is_none() {
                            self.engine.write_down(SystemTime::now())?;
                        }
                        return self.engine.stop();
                    }
                    Event::Look(more) => look = Some(both(look.take(), more)),
                    Event::Dismiss(ids, reply) => {
                        let done = self.engine.dismiss(&ids, SystemTime::now());
                        if let Some(reply) = reply {
                            let _ = reply.send(done.clone().map_err(Failure::from));
                        }
                        done?;
                        published = None;
                    }
                    Event::Decide(decision, reply) => {
                        let done = self.engine.decide(*decision, SystemTime::now());
                        if let Some(reply) = reply {
                            let _ = reply.send(done.clone().map_err(Failure::from).and_then(|done| done));
                        }
                        drop(done?);
                        published = None;
                    }
                    Event::Label(labels, reply) => {
                        let done = self.engine.label(labels, SystemTime::now());
                        if let Some(reply) = reply {
                            let _ = reply.send(done.clone().map(|()| Vec::new()).map_err(Failure::from));
                        }
                        done?;
                        published = None;
                    }
                    Event::Fitted(fitted) => {
                        self.engine.accept(*fitted, SystemTime::now())?;
                        news = true;
                        self.around.refitting = false;
                        published = None;
                    }
                    // The others are what components tell each other.
                    _ => {}
                }
            }
            if look.is_none() && looked.elapsed() >= every {
                look = Some(Look::Everything);
            }
            if self.engine.store().is_damaged() {
                return Err(StoreError::Damaged("a block is not what was written".to_owned()));
            }
        }
        self.engine.store().flush()
    }

    /// Publishes everything known, with what is wrong beside it.
    fn publish(&mut self, trouble: Option<Notice>) {
        self.around.watching = self.watcher.roots();
        self.around.watching.extend(self.engine.watching());
        self.around.notices = self.watcher.notices();
        self.around.notices.extend(self.notifier.notices());
        self.around.notices.extend(trouble);
        self.around.notices.extend(self.adrift.as_ref().map(outage::nothing_is_kept));
        self.around.notices.extend(self.bad_edit.clone());
        self.around.notices.extend(self.online.notice().cloned());
        self.around.notices.extend(self.applier.notice().cloned());
        if !self.away {
            let current = self.engine.current(SystemTime::now(), &self.around);
            log::notices(&current.snapshot.notices);
            self.online.update(&current);
            let published = current.clone();
            self.publisher.publish(current);
            self.applier.update(&published);
        }
    }

    /// Takes up an edited project file, or other runs of a folder without one; a bad edit keeps the last good one and says so.
    fn reload(&mut self, rows_changed: &mut bool) -> Result<(), StoreError> {
        let began = Instant::now();
        let reloaded = project::reload(self.engine.written());
        self.asked = Asked::since(began);
        match reloaded {
            Ok(None) => {}
            Ok(Some(project)) => {
                self.watcher = watch(&project, &self.events);
                self.notifier.configure(&project);
                self.bad_edit = None;
                match &project.file {
                    Some(_) => tracing::info!("reloaded the edited project file"),
                    None => tracing::info!("the folder has other runs now"),
                }
                self.engine.reload(project)?;
                *rows_changed = true;
            }
            Err(error) => {
                self.bad_edit = Some(Notice {
                    severity: Severity::Error,
                    text: format!("{error} (mixlaw still uses the last valid project file)"),
                    help: error.help().map(str::to_owned),
                });
            }
        }
        Ok(())
    }
}

fn watch(project: &Project, events: &Sender<Event>) -> Watcher {
    let events = events.clone();
    Watcher::start(
        project,
        Box::new(move |look| {
            let _ = events.send(Event::Look(look));
        }),
    )
}

/// Both looks in one.
fn both(first: Option<Look>, second: Look) -> Look {
    match (first, second) {
        (None, look) => look,
        (Some(Look::Everything), _) | (_, Look::Everything) => Look::Everything,
        (Some(Look::Hints(mut paths)), Look::Hints(more)) => {
            let known: std::collections::HashSet<PathBuf> = paths.iter().cloned().collect();
            paths.extend(more.into_iter().filter(|path| !known.contains(path)));
            Look::Hints(paths)
        }
    }
}
