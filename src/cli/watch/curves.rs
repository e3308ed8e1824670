//! The curves that the screen draws: from a daemon, on a line of their own that is another one whenever other curves are
//! wanted, or from the publisher of this process.

use super::thread::thread;
use crate::daemon::lifecycle;
use crate::daemon::publisher::Publisher;
use crate::daemon::subscribed_curves::SubscribedCurves;
use crate::ipc::IpcError;
use crate::ipc::feed::Feed;
use crate::ipc::protocol::Failure;
use crate::ipc::replica::Replica;
use crate::ipc::series::SeriesQuery;
use crate::ipc::topic::Subscription;
use crate::project::Project;
use crate::tui::{self, CurveSet, Gone, Incoming};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The least time between two sets of curves, milliseconds.
const EVERY_MS: u32 = 100;
/// Between two looks for a daemon that is lost.
const AGAIN: Duration = Duration::from_millis(500);

/// Ends a line.
type HangUp = Box<dyn FnOnce() + Send>;

fn subscription(query: &SeriesQuery) -> Subscription {
    Subscription { series: Some(query.clone()), every_ms: EVERY_MS, ..Subscription::default() }
}

/// Hands the curves of a copy to the screen.
fn put(query: &SeriesQuery, copy: &Replica, feed: &tui::Feed) -> Result<(), Gone> {
    let (query, curves, failed) = (query.clone(), copy.curves.clone(), copy.curves_failed.clone());
    feed.put(Incoming::Curves(Arc::new(CurveSet { query, curves, failed })))
}

/// Brings the curves that the screen wants from a daemon, until the screen is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_daemon(project: &Project, feed: &tui::Feed) -> Result<(), Failure> {
    let (project, feed) = (project.clone(), feed.clone());
    thread("curves", move || {
        let line = Arc::new(Mutex::new(None::<HangUp>));
        while feed.curves.bell().recv().is_ok() {
            let (turn, query) = feed.curves.wanted();
            // Whoever waits for what is new of those before finds that it is over.
            if let Some(hang_up) = line.lock().unwrap_or_else(PoisonError::into_inner).take() {
                hang_up();
            }
            let Some(query) = query else { continue };
            let (project, feed, line) = (project.clone(), feed.clone(), Arc::clone(&line));
            // Where there is no thread to be had, the rest of the screen is still shown.
            let _ = thread("curves", move || {
                while feed.curves.is(turn) {
                    let _ = follow(&project, &feed, turn, &query, &line);
                    std::thread::sleep(AGAIN);
                }
            });
        }
    })
}

/// Shows curves until others are wanted or the daemon is lost.
fn follow(
    project: &Project,
    feed: &tui::Feed,
    turn: u64,
    query: &SeriesQuery,
    line: &Mutex<Option<HangUp>>,
) -> Result<(), IpcError> {
    let Ok(Some(client)) = lifecycle::find(project) else { return Ok(()) };
    let mut updates = client.subscribe(subscription(query))?;
    let hang_up = updates.hang_up()?;
    *line.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hang_up));
    while feed.curves.is(turn) {
        let copy = updates.wait()?;
        if feed.curves.is(turn) && put(query, copy, feed).is_err() {
            break;
        }
    }
    Ok(())
}

/// Brings the curves that the screen wants from the publisher of this process, until either is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_publisher(publisher: &Arc<Publisher>, feed: &tui::Feed) -> Result<(), Failure> {
    let (publisher, screen) = (Arc::clone(publisher), feed.clone());
    thread("curves", move || {
        while screen.curves.bell().recv().is_ok() && !publisher.closed() {
            let (turn, query) = screen.curves.wanted();
            let Some(query) = query else { continue };
            let mut feed = Feed::new(subscription(&query));
            let (mut curves, mut copy) = (SubscribedCurves::new(query.clone()), Replica::default());
            while screen.curves.is(turn) && !publisher.closed() {
                // Curves that could not be made in time are made when they may be, whether anything else happens or not.
                let Some(published) = publisher.published(None, Duration::from_secs(1)) else { continue };
                let news = curves.news(&publisher, &published);
                if news.is_some()
                    && let Some(change) = feed.tell(&published, news)
                    && (copy.apply(change).is_err() || put(&query, &copy, &screen).is_err())
                {
                    return;
                }
                std::thread::sleep(Duration::from_millis(u64::from(EVERY_MS)));
            }
        }
    })
}
