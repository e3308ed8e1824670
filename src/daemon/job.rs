//! Job for the refit thread.

use crate::observe::{Observed, Records};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::StandingAdvice;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What to fit.
#[derive(Debug, Clone)]
pub struct Job {
    /// The project after assumptions.
    pub project: Arc<Project>,
    /// The rows.
    pub observed: Arc<Observed>,
    /// The runs they come from.
    pub records: Arc<Records>,
    /// Of each run, a number that is another one whenever the run was read anew.
    pub readings: BTreeMap<RunId, u64>,
    /// The advice that stands.
    pub standing: Option<StandingAdvice>,
}
