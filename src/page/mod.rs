//! The page: the dashboard's pictures for a browser on this machine, read-only, over HTTP on a loopback port.
//!
//! One process serves it, beside the daemon and as its client, so that whatever browsers do costs the daemon one subscription and
//! one question at a time. A request is one thread and one connection ([`server`]); what it asks for is decided without a
//! socket ([`route`]); what it gets comes from a [`Source`]. Browsers are told of changes by server-sent events
//! ([`changes`]), and fetch the picture that they show again.

pub mod cache;
pub mod changes;
pub mod reply;
pub mod request;
pub mod route;
pub mod server;

use crate::ipc::protocol::Failure;
use crate::tui::{ThemeName, ViewId};

/// A picture of the dashboard, or of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Picture {
    /// The view; `None` for the dashboard.
    pub view: Option<ViewId>,
    /// Columns and rows of cells.
    pub size: (u16, u16),
    /// Whether the ground is light.
    pub light: bool,
}

impl Picture {
    /// The theme it is drawn in.
    #[must_use]
    pub fn theme(&self) -> ThemeName {
        if self.light { ThemeName::Light } else { ThemeName::Dark }
    }
}

/// Data as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// The snapshot (`schemas/snapshot.schema.json`).
    Snapshot,
    /// The advice and what was decided of it.
    Advice,
    /// The project's name, its headline, and the views that there are.
    Views,
    /// A metric of a run, at a width of that many pixels.
    Series {
        /// The run's name.
        run: String,
        /// The metric's key.
        metric: String,
        /// The most pixels.
        pixels: u32,
    },
}

/// Where pictures and data come from. Asked by one thread at a time.
pub trait Source: Send + Sync {
    /// A picture, as SVG.
    ///
    /// # Errors
    /// If the daemon cannot be reached or has nothing yet.
    fn picture(&self, picture: &Picture) -> Result<String, Failure>;

    /// Data, as JSON.
    ///
    /// # Errors
    /// As of [`Source::picture`]; a run or metric that is not there is [`Failure::usage`].
    fn data(&self, data: &Data) -> Result<String, Failure>;
}
