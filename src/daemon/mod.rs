//! The process that watches, keeps, fits and publishes.
//!
//! One thread owns the state ([`engine::Engine`]); the others send it [`event::Event`]s and read what it publishes:
//!
//! ```text
//! watcher (notify's thread) ──look──▶ ┐
//! fitter ──fits──▶                    ├ engine ──▶ board: the newest World, immutable ──▶ server, one thread a client
//! signals ──stop──▶                   ┘    │
//!                       fitter ◀──job──────┘
//! ```
//!
//! Whoever has the store (a daemon in the background, or a dashboard with `--embedded`) also serves the socket, so
//! that there is one owner of the state and any number of readers.

mod alerts;
pub mod answer;
pub mod board;
pub mod engine;
pub mod event;
pub mod export;
pub mod fingerprint;
pub mod fitter;
pub mod history;
pub mod kept_fits;
mod kinds;
pub mod lifecycle;
mod line;
pub mod log;
pub mod memory;
pub mod place;
pub mod run_view;
pub mod server;
pub mod service;
mod threads;
mod vitals;

/// What to do where the store cannot be written.
pub(crate) const NO_ROOM: &str = "free some space, or set MIXLAW_STATE to a directory on another local disk";

pub use board::{Board, World};
pub use engine::Engine;
pub use place::Place;
