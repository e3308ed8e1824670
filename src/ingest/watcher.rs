//! Watcher of files: change events from the operating system, or polling on file systems without events.
//!
//! Every root is watched in one of three ways: *native* where the file system tells of every change; *poll* where it
//! does not, or where the kernel has no watches left; and *waiting* while the root does not exist, when the nearest
//! directory that does is watched for its appearance. Polling itself is done by the ingester, which looks at everything
//! [`Watcher::reconcile_every`]; events only make it look sooner.

use super::Look;
use super::discover;
use super::filesystem;
use crate::project::{Project, WatchMode};
use crate::vocab::{Notice, Severity, WatchedRoot, text::printable};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use notify::event::{EventKind, MetadataKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often everything is looked at where the kernel tells of changes: events can be lost without a word.
const NATIVE: Duration = Duration::from_secs(10);
/// How often where it does not.
const POLL: Duration = Duration::from_secs(2);
/// For how long changes are gathered after some were told of.
const TOGETHER: Duration = Duration::from_millis(10);

type Hint = Box<dyn Fn(Look) + Send + Sync>;

/// Watches the directories of a project and calls back with hints.
pub struct Watcher {
    roots: Arc<Mutex<Vec<Root>>>,
    shown: PathBuf,
    stop: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Event(notify::Result<notify::Event>),
    Stop,
}

/// A directory below which runs may appear.
#[derive(Debug, Clone)]
struct Root {
    path: PathBuf,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The kernel tells; the file system.
    Native(&'static str),
    /// mixlaw looks; why.
    Poll(String, Option<&'static str>),
    /// It is not there; what is watched instead, where anything is.
    Waiting(Option<PathBuf>),
}

impl Watcher {
    /// Starts watching. `hint` is called from another thread with paths that may have changed, or with
    /// [`Look::Everything`] when events were lost; it must be quick (send on a channel).
    #[must_use]
    pub fn start(project: &Project, hint: Hint) -> Self {
        let (send, receive) = unbounded();
        let events = send.clone();
        let native = match project.watch {
            WatchMode::Poll => None,
            _ => notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if !event.as_ref().is_ok_and(says_nothing) {
                    let _ = events.send(Message::Event(event));
                }
            })
            .ok(),
        };
        let paths = discover::bases(&project.root, &project.runs);
        let roots = paths.into_iter().map(|path| Root { path, state: State::Waiting(None) }).collect();
        let mut watching = Watching { native, mode: project.watch, roots: Arc::new(Mutex::new(roots)) };
        watching.settle();
        let roots = Arc::clone(&watching.roots);
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watching.run(&receive, &hint))
            .map_err(|_| {
                // Without a thread there are no hints; looking often must do.
                let mut roots = lock(&roots);
                roots.iter_mut().for_each(|r| r.state = State::Poll("no thread can be started".to_owned(), None));
            })
            .ok();
        Self { roots, shown: project.root.clone(), stop: send, thread }
    }

    /// What is watched, and how, at present.
    #[must_use]
    pub fn roots(&self) -> Vec<WatchedRoot> {
        let show = |path: &Path| {
            let path = path.strip_prefix(&self.shown).unwrap_or(path);
            if path.as_os_str().is_empty() { ".".to_owned() } else { printable(&path.to_string_lossy()) }
        };
        lock(&self.roots)
            .iter()
            .map(|root| {
                let (mode, why) = match &root.state {
                    State::Native(name) => ("native", (*name).to_owned()),
                    State::Poll(why, _) => ("poll", why.clone()),
                    State::Waiting(_) => ("poll", "not there yet".to_owned()),
                };
                WatchedRoot { path: show(&root.path), mode: mode.to_owned(), why }
            })
            .collect()
    }

    /// What the user can do about a root that is watched less well than it could be.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        let roots = lock(&self.roots);
        let helped = roots.iter().filter_map(|root| match &root.state {
            State::Poll(why, Some(help)) => Some(Notice {
                severity: Severity::Warning,
                text: printable(&format!("mixlaw checks {} every 2 s: {why}", root.path.display())),
                help: Some((*help).to_owned()),
            }),
            _ => None,
        });
        helped.collect()
    }

    /// How often everything must be looked at although nothing was hinted: seconds where the kernel tells, shorter
    /// where it cannot.
    #[must_use]
    pub fn reconcile_every(&self) -> Duration {
        let native = lock(&self.roots).iter().all(|r| matches!(r.state, State::Native(_)));
        if native { NATIVE } else { POLL }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.stop.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether an event tells of nothing new: opens, reads (ours are among them) and what is closed after writing, of which each
/// write has told already.
fn says_nothing(event: &notify::Event) -> bool {
    !event.need_rescan()
        && matches!(
            event.kind,
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime))
        )
}

/// The thread's side.
struct Watching {
    native: Option<RecommendedWatcher>,
    mode: WatchMode,
    roots: Arc<Mutex<Vec<Root>>>,
}

impl Watching {
    fn run(mut self, messages: &Receiver<Message>, hint: &Hint) {
        loop {
            let waiting = lock(&self.roots).iter().any(|r| matches!(r.state, State::Waiting(_)));
            let first = if waiting {
                messages.recv_timeout(POLL)
            } else {
                messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let first = match first {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut paths = BTreeSet::new();
            let mut lost = false;
            for message in first.into_iter().chain(messages.try_iter()) {
                match message {
                    Message::Stop => return,
                    Message::Event(event) => lost |= self.event(event, &mut paths),
                }
            }
            lost |= self.settle();
            if lost {
                hint(Look::Everything);
            } else if !paths.is_empty() {
                hint(Look::Hints(paths.into_iter().collect()));
                // Many files that grow at once are told of together: to be woken costs more than a line.
                std::thread::sleep(TOGETHER);
            }
        }
    }

    /// Takes the paths out of an event. Returns whether others may have been lost.
    fn event(&self, event: notify::Result<notify::Event>, paths: &mut BTreeSet<PathBuf>) -> bool {
        match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) => {
                if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
                    let mut roots = lock(&self.roots);
                    for root in roots.iter_mut().filter(|r| event.paths.contains(&r.path)) {
                        root.state = State::Waiting(None);
                    }
                }
                paths.extend(event.paths);
                false
            }
            Err(error) => {
                // A directory that appeared could not be watched: everything below its root must be looked at.
                let (why, help) = reason(&error);
                let mut roots = lock(&self.roots);
                let about =
                    |root: &Root| error.paths.is_empty() || error.paths.iter().any(|p| p.starts_with(&root.path));
                for root in roots.iter_mut().filter(|r| matches!(r.state, State::Native(_)) && about(r)) {
                    root.state = State::Poll(why.clone(), help);
                }
                true
            }
        }
    }

    /// Begins to watch roots that were waited for. Returns whether any has appeared.
    fn settle(&mut self) -> bool {
        let mut appeared = false;
        let roots = Arc::clone(&self.roots);
        for root in lock(&roots).iter_mut() {
            let State::Waiting(instead) = &root.state else { continue };
            if root.path.exists() {
                if let (Some(native), Some(instead)) = (&mut self.native, instead) {
                    let _ = native.unwatch(instead);
                }
                root.state = self.watch(&root.path);
                appeared = true;
            } else {
                let nearest = root.path.ancestors().skip(1).find(|p| p.is_dir()).map(Path::to_path_buf);
                if nearest != *instead {
                    if let (Some(native), Some(nearest)) = (&mut self.native, &nearest) {
                        let _ = native.watch(nearest, RecursiveMode::NonRecursive);
                    }
                    root.state = State::Waiting(nearest);
                }
            }
        }
        appeared
    }

    fn watch(&mut self, path: &Path) -> State {
        let system = filesystem::under(path);
        let silent = if self.mode == WatchMode::Auto && system.tells { filesystem::silent_below(path) } else { None };
        if let Some((below, name)) = silent {
            return State::Poll(
                format!("{} is on {name}, which does not report changes by other hosts", below.display()),
                None,
            );
        }
        match (self.mode, &mut self.native) {
            (WatchMode::Poll, _) => State::Poll("set in the project file".to_owned(), None),
            (WatchMode::Auto, _) if !system.tells => {
                State::Poll(format!("{}: does not report changes by other hosts", system.name), None)
            }
            (_, None) => State::Poll("the operating system reports no changes".to_owned(), INSTANCES),
            (_, Some(native)) => {
                // A watch on a file is lost with the file: its directory tells of the next one of that name, too.
                let (target, how) = match path.parent().filter(|_| path.is_file()) {
                    Some(parent) => (parent, RecursiveMode::NonRecursive),
                    None => (path, RecursiveMode::Recursive),
                };
                match native.watch(target, how) {
                    Ok(()) => State::Native(system.name),
                    Err(error) => {
                        let _ = native.unwatch(target);
                        let (why, help) = reason(&error);
                        State::Poll(why, help)
                    }
                }
            }
        }
    }
}

const INSTANCES: Option<&str> = Some("raise the limit of watchers: sudo sysctl fs.inotify.max_user_instances=1024");
const WATCHES: Option<&str> = Some("raise the limit of watches: sudo sysctl fs.inotify.max_user_watches=1048576");

fn reason(error: &notify::Error) -> (String, Option<&'static str>) {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            ("the operating system's limit of watches for this user is reached".to_owned(), WATCHES)
        }
        // ENOSPC, as inotify says it.
        ErrorKind::Io(e) if e.raw_os_error() == Some(28) => {
            ("the operating system's limit of watches for this user is reached".to_owned(), WATCHES)
        }
        other => (format!("it cannot be watched ({})", printable(&format!("{other:?}"))), None),
    }
}

fn lock(roots: &Mutex<Vec<Root>>) -> MutexGuard<'_, Vec<Root>> {
    roots.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::RunSource;
    use std::time::Instant;

    fn start(root: &Path, watch: WatchMode) -> (Watcher, Receiver<Look>) {
        let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
        let project = Project { root: root.to_path_buf(), runs, watch, ..Project::default() };
        let (send, looks) = unbounded();
        let watcher = Watcher::start(
            &project,
            Box::new(move |look| {
                let _ = send.send(look);
            }),
        );
        (watcher, looks)
    }

    /// Waits, up to ten seconds, for a look that satisfies `is`.
    fn wait(looks: &Receiver<Look>, mut is: impl FnMut(&Look) -> bool) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        while let Ok(look) = looks.recv_deadline(until) {
            if is(&look) {
                return true;
            }
        }
        false
    }

    fn names(path: &Path) -> impl Fn(&Look) -> bool + '_ {
        move |look| matches!(look, Look::Hints(paths) if paths.iter().any(|p| p == path))
    }

    #[test]
    fn what_is_written_is_hinted_at_and_what_is_read_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("runs/a")).unwrap();
        let (watcher, looks) = start(&root, WatchMode::Native);
        assert_eq!(watcher.roots()[0].mode, "native");
        assert_eq!(watcher.reconcile_every(), NATIVE);
        let log = root.join("runs/a/m.jsonl");
        std::fs::write(&log, "{}\n").unwrap();
        assert!(wait(&looks, names(&log)));
        std::fs::read(&log).unwrap();
        std::fs::read_dir(root.join("runs")).unwrap().for_each(drop);
        let other = root.join("runs/a/other");
        std::fs::write(&other, "").unwrap();
        let mut seen = Vec::new();
        assert!(wait(&looks, |look| {
            seen.push(look.clone());
            names(&other)(look)
        }));
        let after = seen.iter().filter(|l| names(&other)(l)).count();
        assert!(seen.len() <= after + 1, "reading is no event (the end of the write may be): {seen:?}");
    }

    #[test]
    fn a_root_that_appears_is_watched_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (watcher, looks) = start(&root, WatchMode::Native);
        assert_eq!(watcher.roots()[0].why, "not there yet");
        assert_eq!(watcher.reconcile_every(), POLL);
        for _ in 0..2 {
            std::fs::create_dir_all(root.join("runs/a")).unwrap();
            assert!(wait(&looks, |look| *look == Look::Everything));
            assert_eq!(watcher.roots()[0].mode, "native");
            let log = root.join("runs/a/m.jsonl");
            // The watch of a directory that has only just appeared is set a moment after it: write until it is.
            let hinted = (0..200).any(|_| {
                std::fs::write(&log, "{}\n").unwrap();
                looks.recv_timeout(Duration::from_millis(50)).is_ok_and(|look| names(&log)(&look))
            });
            assert!(hinted);
            std::fs::remove_dir_all(root.join("runs")).unwrap();
            assert!(wait(&looks, names(&root.join("runs"))));
        }
    }

    #[test]
    fn polling_can_be_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("runs")).unwrap();
        let (watcher, _looks) = start(dir.path(), WatchMode::Poll);
        let roots = watcher.roots();
        assert_eq!((roots[0].path.as_str(), roots[0].mode.as_str()), ("runs", "poll"));
        assert_eq!(watcher.reconcile_every(), POLL);
        assert_eq!(watcher.notices(), []);
    }
}
