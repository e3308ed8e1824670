//! `mixlaw init`.

use super::Outcome;
use crate::ipc::protocol::Failure;
use clap::Args;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {}

impl Init {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }
}
