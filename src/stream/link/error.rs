//! Why a server cannot be used, and how long it is waited for.

use crate::project::server::Address;
use std::time::Duration;

/// How long an answer of the server is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a server that is away is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// What is said where the server gives no answer.
pub(super) const SILENCE: &str = "no answer within 5 s";
/// The same where the connection to it stands. A `nats-server` 2.9 whose disk was full answers nothing about the stream it was
/// writing any more, also once there is room again, and a signal to end does not end it.
pub(super) const STUCK: &str = "connected, but no answer within 5 s; if the server's disk was full, make room and restart nats-server \
                                (kill -9 where it does not stop)";

/// Whether an error is that nothing was answered.
pub(super) fn is_silence(reason: &str) -> bool {
    reason == SILENCE || reason.contains("timed out")
}

/// Why the server cannot be used at present.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It does not answer, or refuses.
    #[error("{server}: {reason}")]
    Away {
        /// Its address, without secrets.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// It refuses us, or we refuse it: nothing changes by trying again.
    #[error("{server}: {reason}")]
    Refused {
        /// Its address, without secrets.
        server: String,
        /// What is wrong.
        reason: String,
        /// What to type.
        help: String,
    },
    /// There is no such stream.
    #[error("{0} has no such stream yet; a collector makes it: mixlaw collect --to {0}")]
    NoStream(String),
    /// Somebody else sends under the same name of a node.
    #[error("another collector sends as the same node to {0}")]
    Twice(String),
}

impl LinkError {
    /// What to type, where more is known than [`crate::stream::credentials::VARIABLES`].
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        if let Self::Refused { help, .. } = self { Some(help) } else { None }
    }
}

pub(super) fn away(address: &Address, reason: &str) -> LinkError {
    LinkError::Away { server: address.to_string(), reason: reason.to_owned() }
}

/// An error with its causes, each once.
pub(super) fn source(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        inner = error.source();
    }
    // The server's words for it say nothing of what is short.
    if text.contains("insufficient resources") {
        text = "the server has no room left: its disk or its limit (max_file_store) is full".to_owned();
    }
    text
}
