//! Points of many machines over one stream (NATS JetStream): what is sent, under which subject, and how it is taken up.
//!
//! A node runs `mixlaw collect`: its files are read as a daemon reads them, and what a daemon would store is sent as numbered
//! messages of [`crate::store::outlet::Change`]s. A daemon with `- stream: nats://…` under `runs:` makes the same changes in its own
//! store. Messages of a node have no gaps, and each file remembers the number of the last message it took up, in the same commit as
//! its points; so a message that comes twice changes nothing, and one that is missing is noticed.
//!
//! | file | what it does |
//! |---|---|
//! | [`message`], `points`, `bytes` | a message as bytes; bytes that are no message are refused with a reason |
//! | [`subject`] | names of nodes and projects as subjects of NATS |
//! | [`pieces`] | messages that are larger than the server takes, in pieces |
//! | [`credentials`] | who we are to the server, which is never printed |
//! | [`apply`] | from a message to the store, each exactly once |
//! | `link` | the line to the server, with the client of NATS (feature `nats`) |

pub mod apply;
mod bytes;
pub mod credentials;
#[cfg(feature = "nats")]
pub mod link;
pub mod message;
pub mod pieces;
mod points;
mod refused;
pub mod subject;

pub use message::Message;
pub use refused::Refused;
