//! The one set of events that the engine reacts to.

use super::fitter::Fitted;
use crate::ingest::Look;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// Files may have changed.
    Look(Look),
    /// A refit is done.
    Fitted(Box<Fitted>),
    /// The user has seen what these numbers told.
    Acknowledged(Vec<u64>),
    /// Stop, after everything is written out.
    Stop,
}
