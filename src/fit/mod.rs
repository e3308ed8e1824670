//! Fitting: robust objective, starts, argmin's L-BFGS, intervals, held-out skill.

pub mod choose;

use crate::vocab::{Extrapolation, FitView, Interval, Observation, Observations};

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed of starts and resamples: the same seed gives the same fit, whatever the number of threads.
    pub seed: u64,
    /// Searches from different starting points; `None` leaves it to the law.
    pub starts: Option<usize>,
    /// Resamples of runs for intervals; 0 for none.
    pub bootstraps: usize,
    /// Whether to cross-validate.
    pub cross_validate: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, starts: None, bootstraps: 200, cross_validate: true }
    }
}

/// Why a law was not fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The data lack what the law needs; each entry is a sentence.
    #[error("{law} cannot be fitted to {metric}: {}", .missing.join("; "))]
    Missing {
        /// Name of the law.
        law: String,
        /// Key of the validation loss.
        metric: String,
        /// What is missing.
        missing: Vec<String>,
    },
    /// No law of this name.
    #[error("there is no law called '{0}'")]
    Unknown(String),
}

/// A fitted law: θ, what it was fitted to, how sure it is.
#[derive(Debug, Clone)]
pub struct Fit {
    /// For readers.
    pub view: FitView,
    /// θ in the law's own (transformed) coordinates, for warm starts.
    pub theta: Vec<f64>,
    /// θ of every resample, same coordinates.
    pub draws: Vec<Vec<f64>>,
    /// Signed held-out log residuals (ln observed − ln predicted), sorted; their spread is what an interval adds to
    /// that of the draws. In-sample ones, widened, where there was no cross-validation.
    pub residuals: Vec<f64>,
    /// Names of the domains, the order of every mixture.
    pub domains: Vec<String>,
    /// Index of the loss's own domain.
    pub own: Option<usize>,
    /// Largest N and D, and least and most of each weight, among the rows fitted to.
    pub seen: Seen,
}

/// The region the data cover.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Largest N.
    pub params: f64,
    /// Largest D.
    pub tokens: f64,
    /// Least and most weight of each domain.
    pub weights: Vec<(f64, f64)>,
}

impl Fit {
    /// Loss at `at` (its `loss` is ignored), nats.
    #[must_use]
    pub fn predict(&self, at: &Observation) -> f64 {
        let _ = at;
        todo!("laws")
    }

    /// Loss at `at` under each resample, nats; the same order for every call, so that differences between two places
    /// can be taken draw by draw. Empty where there was no bootstrap.
    #[must_use]
    pub fn predict_draws(&self, at: &Observation) -> Vec<f64> {
        let _ = at;
        todo!("laws")
    }

    /// Where the fitted curve itself is: best guess, and 5 % and 95 % points over resamples.
    #[must_use]
    pub fn curve(&self, at: &Observation) -> Interval {
        let _ = at;
        todo!("laws")
    }

    /// Where a new run's loss would be: the curve's spread and the held-out residuals together, nominal 90 %.
    #[must_use]
    pub fn forecast(&self, at: &Observation) -> Interval {
        let _ = at;
        todo!("laws")
    }

    /// How far outside the data `at` is.
    #[must_use]
    pub fn extrapolation(&self, at: &Observation) -> Extrapolation {
        let _ = at;
        todo!("laws")
    }
}

/// Fits one law to one validation loss. `warm` is the last fit of the same law and metric: its θ joins the starts, and
/// few fresh ones are then needed.
///
/// # Errors
/// [`FitError`]. A fit that is returned is finite in every number.
pub fn fit(law: &str, observations: &Observations, options: &Options, warm: Option<&Fit>) -> Result<Fit, FitError> {
    let _ = (law, observations, options, warm);
    todo!("laws")
}
