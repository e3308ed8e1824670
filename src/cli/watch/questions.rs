//! Answers to what views ask: from a daemon, on a line of its own, or from the publisher of this process.

use super::thread::thread;
use crate::daemon::answer::answer;
use crate::daemon::lifecycle;
use crate::daemon::publisher::Publisher;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{Failure, Response};
use crate::project::Project;
use crate::tui::{self, Answered, Incoming, Question};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two rounds of the same questions. A log may grow without a point in it, so they are asked again.
const AGAIN: Duration = Duration::from_millis(1_000);
/// A round of questions takes at most this part of one core.
const BUSY: u32 = 8;

/// Asks what the screen wants to know until the screen is gone.
fn follow(feed: &tui::Feed, mut ask: impl FnMut(&Question, u64) -> Option<Answered>) {
    let (mut pause, mut said) = (None, Vec::new());
    loop {
        let rung = match pause {
            None => feed.questions.bell().recv().map_err(|_| ()),
            Some(pause) => match feed.questions.bell().recv_timeout(pause) {
                Err(error) if !error.is_timeout() => Err(()),
                _ => Ok(()),
            },
        };
        if rung.is_err() {
            return;
        }
        let (turn, Some((questions, _))) = feed.questions.wanted() else {
            (pause, said) = (None, Vec::new());
            continue;
        };
        let started = Instant::now();
        let answers: Option<Vec<Answered>> = questions.iter().map(|question| ask(question, turn)).collect();
        let live = questions.iter().any(Question::is_live);
        pause = live.then(|| AGAIN.max(started.elapsed() * BUSY));
        // Where other questions came meanwhile, the bell has rung.
        let Some(answers) = answers.filter(|answers| *answers != said) else { continue };
        said.clone_from(&answers);
        if feed.put(Incoming::Answers(Arc::new(answers))).is_err() {
            return;
        }
    }
}

/// Asks a daemon, until the screen is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_daemon(project: &Project, feed: &tui::Feed) -> Result<(), Failure> {
    let (project, feed) = (project.clone(), feed.clone());
    thread("questions", move || {
        let mut line: Option<Client> = None;
        follow(&feed, |question, turn| {
            if !feed.questions.is(turn) {
                return None;
            }
            // A line that was kept may have ended with its daemon: once more on a new one.
            let said = ask(&mut line, &project, question).or_else(|_| {
                line = None;
                ask(&mut line, &project, question)
            });
            Some(said.unwrap_or_else(|error| {
                line = None;
                question.answered(Err(Failure::new(error.to_string(), None)))
            }))
        });
    })
}

/// Asks on a line that is kept.
fn ask(line: &mut Option<Client>, project: &Project, question: &Question) -> Result<Answered, IpcError> {
    if line.is_none() {
        *line = lifecycle::find(project).ok().flatten();
    }
    let Some(client) = line else { return Ok(question.answered(Err(Failure::new("no daemon answers", None)))) };
    Ok(match client.query(question.query())? {
        Response::Answer(value) => question.answered(Ok(value.get())),
        Response::Failed(failure) => question.answered(Err(failure)),
        _ => question.answered(Err(Failure::new("the daemon answered something else", None))),
    })
}

/// Asks the publisher of this process, until either is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_publisher(publisher: &Arc<Publisher>, feed: &tui::Feed) -> Result<(), Failure> {
    let (publisher, feed) = (Arc::clone(publisher), feed.clone());
    thread("questions", move || {
        follow(&feed, |question, turn| {
            if publisher.closed() || !feed.questions.is(turn) {
                return None;
            }
            let current = publisher.latest()?;
            let said = answer(&question.query(), &current, &|| !feed.questions.is(turn));
            Some(match said {
                Ok(value) => question.answered(Ok(value.get())),
                Err(failure) => question.answered(Err(failure)),
            })
        });
    })
}
