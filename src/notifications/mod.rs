//! Notifications: messages about alerts and changed advice to people who do not look at a screen.
//!
//! Nobody is told unless the project file says so (`notify:`). A message is put into a queue on disk, and a thread of the
//! daemon delivers it, once to each channel:
//!
//! | file | what it does |
//! |---|---|
//! | [`message`] | what is told, and how it reads |
//! | [`told`] | which advice was told last, and what counts as a change |
//! | [`outbox`] | the queue: what waits for whom, in a file that survives a kill |
//! | [`channel`], [`channels`] | what a channel is; all of a project |
//! | [`webhook`], [`http`], [`curl`] | a POST request: bodies, plain HTTP, HTTPS |
//! | [`command`], [`desktop`], [`email`] | programs that take a message ([`process`] runs them) |
//! | [`notifier`] | the thread that delivers |
//!
//! Each message reaches each channel at least once. It may come a second time where the daemon was killed, or the receiver
//! took the message and its answer was lost; then it has the same key (`Idempotency-Key`).

#[cfg(feature = "daemon")]
pub mod channel;
#[cfg(feature = "daemon")]
pub mod channels;
#[cfg(feature = "daemon")]
pub mod command;
#[cfg(feature = "daemon")]
pub mod curl;
#[cfg(feature = "daemon")]
pub mod desktop;
#[cfg(feature = "daemon")]
pub mod email;
#[cfg(feature = "daemon")]
pub mod http;
pub mod message;
#[cfg(feature = "daemon")]
pub mod notifier;
pub mod outbox;
pub mod process;
pub mod told;
pub mod undelivered;
#[cfg(feature = "daemon")]
pub mod webhook;
