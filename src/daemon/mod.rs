//! The daemon: reads logs, stores points, fits laws and publishes the state.
//!
//! One thread owns the state ([`engine::Engine`]), in components that tell each other [`event::Event`]s; the other threads
//! send it events, too, and read what it publishes:
//!
//! ```text
//! watcher (notify's thread) ──look──▶ ┐
//! fitter ──fits, and what follows──▶  ├ engine ──▶ publisher: the newest state, immutable ──▶ server, one thread a client
//! signals ──stop──▶                   ┘    │
//!                       fitter ◀──job──────┘
//! ```
//!
//! Whoever has the store (a daemon in the background, or a dashboard with `--embedded`) also serves the socket, so
//! that there is one owner of the state and any number of readers.

use std::time::SystemTime;

pub mod accept;
#[cfg(feature = "daemon")]
mod ahead;
mod alerts;
pub mod answer;
#[cfg(feature = "daemon")]
mod applier;
pub(crate) mod as_logged;
#[cfg(feature = "daemon")]
mod asked;
mod audits;
mod automatic;
#[cfg(feature = "nats")]
pub mod collector;
mod component;
mod components;
mod curves;
#[cfg(feature = "daemon")]
mod desk;
#[cfg(feature = "daemon")]
mod door;
mod drift;
pub mod engine;
pub mod event;
pub mod export;
mod failure;
pub mod figures;
mod files;
pub mod fingerprint;
pub mod fits;
mod fitted;
pub mod fitter;
#[cfg(feature = "daemon")]
mod hang_up;
mod health;
#[cfg(feature = "daemon")]
mod heap;
pub mod history;
mod hyper;
#[cfg(feature = "daemon")]
mod inherited;
pub mod job;
mod journal_age;
pub mod journal_line;
pub mod kept_fits;
#[cfg(feature = "daemon")]
pub mod lifecycle;
mod load_grid;
mod loads;
pub mod lock;
#[cfg(feature = "daemon")]
pub mod log;
mod metric_roles;
#[cfg(feature = "daemon")]
pub mod metrics;
mod next;
pub mod online;
#[cfg(feature = "daemon")]
mod online_file;
mod optima;
pub mod outlook;
mod phasing;
mod place;
pub mod publisher;
mod rates;
#[cfg(feature = "daemon")]
pub mod rewriter;
mod routers;
mod run_log;
pub mod run_view;
#[cfg(feature = "daemon")]
pub mod server;
#[cfg(feature = "daemon")]
pub mod service;
mod shapes;
mod shared;
pub mod shared_ledger;
mod slices;
mod speeds;
#[cfg(feature = "daemon")]
pub mod state_dir;
#[cfg(feature = "daemon")]
pub mod subscribed_curves;
#[cfg(feature = "daemon")]
mod subscribers;
mod surface;
mod threads;
pub mod tracked;
#[cfg(feature = "daemon")]
mod turns;

/// What to do where the store cannot be written.
pub(crate) const NO_ROOM: &str = "free some space, or set MIXLAW_STATE to a directory on another local disk";

/// Seconds since 1970.
pub(crate) fn seconds(now: SystemTime) -> f64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

pub use engine::Engine;
pub use publisher::{CurrentState, Publisher};
#[cfg(feature = "daemon")]
pub use state_dir::StateDir;
