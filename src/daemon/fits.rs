//! The newest fits and what follows from them, as everybody reads them.

use super::outlook::Outlook;
use crate::fit::choose::Candidates;
use crate::forecast::Pool;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The newest fits.
#[derive(Debug, Clone, Default)]
pub struct CurrentFits {
    /// Fits of each domain's loss, in the order of the project's domains.
    pub candidates: Arc<Vec<Candidates>>,
    /// What finished runs teach those in progress.
    pub pool: Arc<Pool>,
    /// By metric key: the fingerprint of the rows fitted to.
    pub inputs: BTreeMap<String, String>,
    /// What follows from them.
    pub outlook: Outlook,
    /// When they came.
    pub made: Option<Instant>,
    /// Seconds they took.
    pub seconds: Option<f64>,
}
