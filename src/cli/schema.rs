//! `mixlaw schema`.

use super::Outcome;
use crate::ipc::protocol::Failure;
use clap::Args;

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct Schema {}

impl Schema {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }
}
