//! Why a message was not delivered. Texts hold no address: it may be a secret.

use crate::vocab::text::printable;
use std::time::Duration;

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Undelivered {
    /// What went wrong, on one line.
    pub text: String,
    /// What to do.
    pub help: Option<String>,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Undelivered {
    /// With nothing to do but wait.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), help: None, retry_after: None }
    }

    /// With what to do.
    #[must_use]
    pub fn with_help(text: impl AsRef<str>, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..Self::new(text) }
    }
}
