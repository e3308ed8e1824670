//! The outcome of a successful command.

/// Outcome of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command did what was asked.
    Done,
    /// No advice: the runs don't support any yet. The reasons were printed.
    Abstained,
}
