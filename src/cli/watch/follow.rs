//! What feeds the screen: the state as it changes, from a daemon or from the publisher of this process.
//!
//! Of every run a dashboard shows the validation losses, and of the selected one all metrics. So there are two lines to a
//! daemon: one for everything with the losses of all runs, and one for the selected run, which is another one whenever the
//! cursor moves. Curves come on a third ([`super::curves`]).

use super::thread::thread;
use super::{curves, places, questions};
use crate::daemon::lifecycle;
use crate::daemon::publisher::Publisher;
use crate::daemon::seconds;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::feed::Feed;
use crate::ipc::protocol::Failure;
use crate::ipc::replica::Replica;
use crate::ipc::topic::Subscription;
use crate::project::Project;
use crate::tui::{self, Gone, Incoming};
use crate::vocab::{RunView, Snapshot};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Between two looks for a daemon that is lost.
const AGAIN: Duration = Duration::from_millis(500);

fn now() -> f64 {
    seconds(SystemTime::now())
}

/// Hands what the publisher has to the screen until either is gone: the same parts that a client of the socket gets, with
/// all metrics, as nothing has to travel.
pub(super) fn publisher(publisher: &Publisher, to_screen: &tui::Feed) {
    let mut feed = Feed::new(Subscription::everything(None));
    let mut copy = Replica::default();
    while !publisher.closed() {
        let Some(published) = publisher.published(feed.generation(), Duration::from_secs(1)) else { continue };
        let Some(change) = feed.tell(&published, None) else { continue };
        if copy.apply(change).is_err() {
            // Everything is told again.
            feed = Feed::new(Subscription::everything(None));
            continue;
        }
        if to_screen.put(Incoming::Snapshot(Arc::new(copy.snapshot(now())))).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(u64::from(Subscription::DASHBOARD_MS)));
    }
}

/// Hands the daemon's state to the screen as it changes; where the daemon is lost, says so and looks for one until it is
/// back.
pub(super) fn daemon(project: &Project, client: Client, to_screen: tui::Feed) -> Result<(), Failure> {
    let screen = Arc::new(Screen { feed: to_screen, parts: Mutex::default() });
    curves::of_daemon(project, &screen.feed)?;
    places::of_daemon(project, &screen.feed)?;
    questions::of_daemon(project, &screen.feed)?;
    let named = Arc::clone(&screen);
    thread("columns", move || follow_names(&named))?;
    let (ours, theirs) = (Arc::clone(&screen), project.clone());
    thread("selected run", move || follow_selected(&theirs, &ours))?;
    let project = project.clone();
    thread("screen feed", move || {
        let mut found = Some(client);
        loop {
            let turn = screen.feed.names.wanted().0;
            let client = match found.take() {
                Some(client) => client,
                None => {
                    std::thread::sleep(AGAIN);
                    let Ok(Some(client)) = lifecycle::find(&project) else { continue };
                    if screen.feed.put(Incoming::Back).is_err() {
                        return;
                    }
                    client
                }
            };
            match show_changes(client, &screen) {
                Ok(()) => return,
                // Other columns are wanted: the same on another line.
                Err(_) if !screen.feed.names.is(turn) => found = lifecycle::find(&project).ok().flatten(),
                Err(error) => {
                    let said = match error {
                        IpcError::Stopped => format!("{}; start it: mixlaw daemon start", tui::STOPPED),
                        other => other.to_string(),
                    };
                    if screen.feed.put(Incoming::Lost(said)).is_err() {
                        return;
                    }
                }
            }
        }
    })
}

/// Shows what one daemon says until it is lost, or the screen is gone.
fn show_changes(client: Client, screen: &Screen) -> Result<(), IpcError> {
    let names = screen.feed.names.wanted().1.unwrap_or_default();
    let mut updates = client.subscribe(Subscription::dashboard(names))?;
    let hang_up = updates.hang_up()?;
    lock(&screen.parts).all_line = Some(Box::new(hang_up));
    loop {
        let snapshot = updates.wait()?.snapshot(now());
        if screen.put(|parts| parts.all = Some(Arc::new(snapshot))).is_err() {
            return Ok(());
        }
    }
}

/// Ends the line for all runs whenever other columns are wanted, until the screen is gone.
fn follow_names(screen: &Screen) {
    while screen.feed.names.bell().recv().is_ok() {
        let line = lock(&screen.parts).all_line.take();
        if let Some(hang_up) = line {
            hang_up();
        }
    }
}

/// Keeps a line for the run that is selected, until the screen is gone.
fn follow_selected(project: &Project, screen: &Arc<Screen>) {
    while screen.feed.chosen.bell().recv().is_ok() {
        let (turn, run) = screen.feed.chosen.wanted();
        // Whoever waits for what is new of the one before finds that it is over.
        if let Some(hang_up) = lock(&screen.parts).line.take() {
            hang_up();
        }
        let Some(run) = run else { continue };
        let (project, screen) = (project.clone(), Arc::clone(screen));
        // Where there is no thread to be had, the losses are still shown.
        let _ = thread("selected run", move || {
            while screen.feed.chosen.is(turn) {
                let _ = show_selected(&project, &screen, (turn, run));
                std::thread::sleep(AGAIN);
            }
        });
    }
}

/// Shows all metrics of a run until another one is selected or the daemon is lost.
fn show_selected(project: &Project, screen: &Screen, (turn, run): (u64, u32)) -> Result<(), IpcError> {
    let Ok(Some(client)) = lifecycle::find(project) else { return Ok(()) };
    let mut updates = client.subscribe(Subscription::one_run(run))?;
    let hang_up = updates.hang_up()?;
    lock(&screen.parts).line = Some(Box::new(hang_up));
    while screen.feed.chosen.is(turn) {
        let selected = updates.wait()?.runs.get(&run).cloned();
        if screen.feed.chosen.is(turn) && screen.put(|parts| parts.selected = selected).is_err() {
            break;
        }
    }
    Ok(())
}

/// What the screen is given, in its two parts.
struct Screen {
    feed: tui::Feed,
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    all: Option<Arc<Snapshot>>,
    selected: Option<Arc<RunView>>,
    /// Ends the line for all runs.
    all_line: Option<Box<dyn FnOnce() + Send>>,
    /// Ends the line for the selected run.
    line: Option<Box<dyn FnOnce() + Send>>,
}

impl Screen {
    /// Takes up one of the parts, and shows both.
    fn put(&self, take: impl FnOnce(&mut Parts)) -> Result<(), Gone> {
        // Held until it is handed over: what is put together first is seen first.
        let mut parts = lock(&self.parts);
        take(&mut parts);
        let Some(all) = &parts.all else { return Ok(()) };
        let snapshot = match &parts.selected {
            Some(selected) => with_selected(all, selected, now()),
            None => Arc::clone(all),
        };
        self.feed.put(Incoming::Snapshot(snapshot))
    }
}

fn lock(parts: &Mutex<Parts>) -> MutexGuard<'_, Parts> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All runs, with all metrics of one of them.
fn with_selected(all: &Snapshot, selected: &RunView, at: f64) -> Arc<Snapshot> {
    let mut snapshot = all.clone();
    snapshot.at = at;
    if let Some(run) = snapshot.runs.iter_mut().find(|run| run.id == selected.id) {
        Arc::make_mut(run).metrics = Arc::clone(&selected.metrics);
    }
    Arc::new(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_run_has_all_its_metrics_and_the_others_are_as_they_were() {
        let state = r#"{"id":ID,"name":"a","state":"running","facts":{},"conflicts":[],"metrics":{KEYS},"forecast":{},
            "progress":null,"last_step":1,"tokens_per_second":null,"silent_seconds":null,"sparklines":{},"signals":[]}"#;
        let metric =
            |key: &str| format!(r#""{key}":{{"points":1,"segments":1,"last_step":1,"last":2.0,"status":null}}"#);
        let run = |id: u32, keys: &[&str]| -> Arc<RunView> {
            let keys: Vec<String> = keys.iter().map(|key| metric(key)).collect();
            let text = state.replace("ID", &id.to_string()).replace("KEYS", &keys.join(","));
            Arc::new(serde_json::from_str(&text).unwrap())
        };
        let mut all = Replica::default().snapshot(1.0);
        all.runs = vec![run(1, &["loss"]), run(2, &["loss"])].into();
        let shown = with_selected(&all, &run(2, &["loss", "lr"]), 5.0);
        let counts: Vec<usize> = shown.runs.iter().map(|run| run.metrics.len()).collect();
        assert_eq!((shown.at, counts), (5.0, vec![1, 2]));
        assert!(Arc::ptr_eq(&shown.runs[0], &all.runs[0]), "shared");
        assert_eq!(with_selected(&all, &run(7, &["lr"]), 5.0).runs, all.runs, "one that is gone");
    }
}
