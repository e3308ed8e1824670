//! How a command ended.

/// How a command ended when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// There is not enough evidence to advise; the reasons were the output.
    Abstained,
}
