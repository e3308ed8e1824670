//! Why bytes are no message.

use crate::store::StoreError;

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(reason) => Self(reason),
            other => Self(other.to_string()),
        }
    }
}
