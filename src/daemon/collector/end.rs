//! Why the connection of a collector ended.

use crate::ipc::protocol::Failure;
use crate::store::StoreError;
use crate::stream::link::LinkError;

/// Why a session ended.
pub(super) enum End {
    /// It was told to, or everything was sent.
    Done,
    /// The server is away; it is tried again.
    Away(String),
    /// Everything is to be sent anew, at once.
    Anew,
    /// The server refuses us, or we refuse it, and what to type.
    Refused(String, String),
    /// There is no use in trying again.
    Failed(Failure),
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Twice(_) => Self::Failed(Failure::new(
                error.to_string(),
                "give each machine its own name: --node NAME; if there is no other, send everything again: --again"
                    .to_owned(),
            )),
            LinkError::Refused { ref help, .. } => Self::Refused(error.to_string(), help.clone()),
            other => Self::Away(other.to_string()),
        }
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unsent(reason) => Self::Away(reason),
            other => Self::Failed(other.into()),
        }
    }
}
