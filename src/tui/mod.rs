//! The dashboard.
//!
//! ```text
//! keys, mouse, resizes ─┐
//! snapshots ────────────┼─▶ Event ─▶ update(&mut Model) ─▶ effects
//! the clock ────────────┘                 │
//!                                         ▼
//!                                 view(&Model, cells)      at most every 16 ms, and only when something changed
//! ```
//!
//! [`update()`] and [`view()`] are pure; [`run()`] is the only place that knows a terminal, a channel and a clock. The view
//! needs no terminal: [`crate::report`] draws the same cells as text and as a picture.
//!
//! What can be looked at are [`views`], one file each; [`action`] and [`global`] say what keys do, [`layouts`] where views
//! stand, [`chrome`] what is around them.

pub mod action;
pub mod axes;
pub mod braille;
pub mod chrome;
pub mod curves;
mod ending;
pub mod filter;
mod first;
pub mod fmt;
pub mod global;
pub mod keymap;
mod latest;
pub mod layout;
pub mod layouts;
pub mod lines;
pub mod losses;
pub mod marks;
mod memory;
mod metric_list;
pub mod model;
mod order;
pub mod palette;
pub mod plain;
pub mod plot;
pub mod prediction;
pub mod question;
mod routed;
pub mod run;
pub mod scale;
pub mod shared;
pub mod signs;
pub mod splits;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod undo;
pub mod update;
pub mod view;
pub mod views;
mod wants;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use curves::CurveSet;
pub use ending::LastWill;
pub use keymap::Keymap;
pub use latest::{Feed, Gone, Latest, latest};
pub use memory::Memory;
pub use model::Model;
pub use prediction::Prediction;
pub use question::{Answer, Answered, Asked, Question};
pub use run::{Options, run};
pub use shared::Shared;
pub use theme::{Depth, Theme, ThemeName};
pub use update::{Effect, Event, update};
pub use view::view;
pub use views::ViewId;

use crate::vocab::Snapshot;
use std::sync::Arc;

/// How [`Incoming::Lost`] begins where nothing is wrong: somebody stopped the daemon.
pub const STOPPED: &str = "the daemon was stopped";

/// What the dashboard is told from outside.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// The state of things.
    Snapshot(Arc<Snapshot>),
    /// Curves that were asked for.
    Curves(Arc<CurveSet>),
    /// What the laws say of the place that was asked about.
    Prediction(Arc<Prediction>),
    /// Answers to all that views asked.
    Answers(Arc<Vec<Answered>>),
    /// No more snapshots for now, and why, in a sentence with what to type. What was seen last stays on screen, marked.
    Lost(String),
    /// The connection is back.
    Back,
}

/// How the user left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The daemon goes on.
    Detached,
    /// The daemon is to be stopped.
    Stop,
}
