//! Errors of projects and stores as messages for the user.

use crate::ipc::protocol::Failure;
use crate::project::ProjectError;
use crate::store::StoreError;

/// A project that cannot be used, with the line it is about.
impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        let message = error.message();
        Self::usage(message, error.help().map(str::to_owned))
    }
}

/// What to tell the user when the store says no.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let help = match &error {
            StoreError::Busy { .. } => "stop the other process: mixlaw daemon stop",
            StoreError::Io { .. } => super::NO_ROOM,
            StoreError::Unsent(_) => "see what is wrong: mixlaw doctor",
            StoreError::Damaged(_) => "run the command again; mixlaw then rebuilds the store from the logs",
        };
        Self::new(error.to_string(), help.to_owned())
    }
}
