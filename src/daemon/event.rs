//! Events that the engine handles.

use super::fitter::Fitted;
use crate::ingest::Look;
use crate::ipc::protocol::Failure;
use crossbeam_channel::Sender;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// Files may have changed.
    Look(Look),
    /// A refit is done.
    Fitted(Box<Fitted>),
    /// The user has seen what these numbers told. Whoever waits for it is told which were not seen before, once that is
    /// written down, or what is in the way.
    Acknowledged(Vec<u64>, Option<Sender<Result<Vec<u64>, Failure>>>),
    /// Stop, after everything is written out.
    Stop,
}
