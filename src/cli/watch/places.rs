//! What the laws say of the place that the screen asks about: from a daemon, on a line of its own, or from the publisher of
//! this process.

use super::thread::thread;
use crate::daemon::answer::answer;
use crate::daemon::lifecycle;
use crate::daemon::publisher::Publisher;
use crate::ipc::IpcError;
use crate::ipc::client::Client;
use crate::ipc::protocol::{self, Failure, PredictQuery, Query, Response};
use crate::project::Project;
use crate::tui::{self, Incoming, Prediction};
use crate::vocab::PredictAnswer;
use serde_json::value::RawValue;
use std::sync::Arc;

fn asked(place: &PredictQuery) -> Query {
    Query::Predict(vec![place.clone()])
}

fn taken(query: PredictQuery, answer: Result<Box<RawValue>, Failure>) -> Prediction {
    match answer.and_then(|value| protocol::read::<PredictAnswer>(value.get())) {
        Ok(answer) => Prediction { query, forecasts: answer.forecasts, failed: None },
        Err(failure) => Prediction { query, forecasts: Vec::new(), failed: Some(failure.message) },
    }
}

/// Asks a daemon about each place that the screen wants, until the screen is gone. Of places that come faster than answers,
/// only the newest is asked about.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_daemon(project: &Project, feed: &tui::Feed) -> Result<(), Failure> {
    let (project, feed) = (project.clone(), feed.clone());
    thread("what if", move || {
        let mut line: Option<Client> = None;
        while feed.place.bell().recv().is_ok() {
            let (_, Some((place, _))) = feed.place.wanted() else { continue };
            // A line that was kept may have ended with its daemon: once more on a new one.
            let answer = ask(&mut line, &project, &place).or_else(|_| {
                line = None;
                ask(&mut line, &project, &place)
            });
            let prediction = match answer {
                Ok(answer) => taken(place, answer),
                Err(error) => {
                    line = None;
                    taken(place, Err(Failure::new(error.to_string(), None)))
                }
            };
            if feed.put(Incoming::Prediction(Arc::new(prediction))).is_err() {
                return;
            }
        }
    })
}

/// Asks on a line that is kept.
fn ask(
    line: &mut Option<Client>,
    project: &Project,
    place: &PredictQuery,
) -> Result<Result<Box<RawValue>, Failure>, IpcError> {
    if line.is_none() {
        *line = lifecycle::find(project).ok().flatten();
    }
    let Some(client) = line else { return Ok(Err(Failure::new("no daemon answers", None))) };
    Ok(match client.query(asked(place))? {
        Response::Answer(value) => Ok(value),
        Response::Failed(failure) => Err(failure),
        _ => Err(Failure::new("the daemon answered something else", None)),
    })
}

/// Asks the publisher of this process, until either is gone.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn of_publisher(publisher: &Arc<Publisher>, feed: &tui::Feed) -> Result<(), Failure> {
    let (publisher, feed) = (Arc::clone(publisher), feed.clone());
    thread("what if", move || {
        while feed.place.bell().recv().is_ok() && !publisher.closed() {
            let (turn, Some((place, _))) = feed.place.wanted() else { continue };
            let Some(current) = publisher.latest() else { continue };
            let answer = answer(&asked(&place), &current, &|| !feed.place.is(turn));
            if feed.place.is(turn) && feed.put(Incoming::Prediction(Arc::new(taken(place, answer)))).is_err() {
                return;
            }
        }
    })
}
