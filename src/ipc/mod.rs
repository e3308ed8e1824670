//! Communication between clients and the daemon over a Unix socket.
//!
//! * A frame is a little-endian `u32` length and that many bytes of JSON. Requests are at most 1 MiB, answers at most
//!   256 MiB; a longer frame ends the conversation before it is read.
//! * Each side first sends a [`protocol::Hello`] with the protocol number and its build. Where the numbers differ the
//!   daemon says so and hangs up; the client tells the user to restart the older one.
//! * Then the client sends a [`protocol::Request`] and reads one [`protocol::Response`] (for an export: any number of
//!   chunks and an end), and so on until it hangs up. A query changes nothing and is answered from what is published; the
//!   answer to a command means that it is done.
//! * A [`topic::Subscription`] turns its connection into a stream of [`change::Change`]s: everything once, then what is
//!   new, with the generations that each leads from and to. Where these do not fit together (a [`replica::Gap`]) the
//!   client connects again and gets everything again. A client that is slow gets the newest state in one change, one that
//!   reads nothing is hung up on.
//! * The socket lies in a directory that only its user can enter, and both sides check the other's user id.

pub mod change;
pub mod client;
pub mod drift;
pub mod feed;
pub mod fitted;
pub mod frame;
pub mod log;
pub mod protocol;
pub mod replica;
pub mod router;
pub mod series;
pub mod slices;
pub mod state;
pub mod surface;
#[cfg(test)]
mod tests;
pub mod topic;

/// Why a conversation failed, by what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Nobody answers at the socket: start a daemon, or work without one.
    #[error("no daemon is running for this project")]
    NoDaemon,
    /// The daemon is of another version: restart it.
    #[error("the running daemon (mixlaw {build}) speaks protocol {theirs}, this mixlaw speaks {}", protocol::PROTOCOL)]
    Version {
        /// Build of the daemon.
        build: String,
        /// Its protocol.
        theirs: u32,
    },
    /// The daemon belongs to someone else: do not talk to it.
    #[error("the socket belongs to user {0}, not to you")]
    Stranger(u32),
    /// The line broke: connect again.
    #[error("lost the daemon: {0}")]
    Broken(#[from] std::io::Error),
    /// A change does not follow on the one before: connect again.
    #[error("lost the daemon: {0}")]
    Behind(#[from] replica::Gap),
    /// The daemon was stopped: nothing is wrong.
    #[error("the daemon was stopped; start it: mixlaw daemon start")]
    Stopped,
    /// The daemon ended the conversation: connect again. Says why.
    #[error("lost the daemon: {0}")]
    Ended(String),
}
