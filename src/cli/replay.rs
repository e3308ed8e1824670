//! `mixlaw replay`.

use super::Outcome;
use crate::ipc::protocol::Failure;
use clap::Args;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {}

impl Replay {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }
}
