//! Curves that the dashboard has asked for and got.

use crate::ipc::series::{Envelope, SeriesQuery};

/// An answer, and the question that it is one to: what comes may be late.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveSet {
    /// What was asked.
    pub query: SeriesQuery,
    /// The curves that there are.
    pub curves: Vec<Envelope>,
    /// Why there are none.
    pub failed: Option<String>,
}
