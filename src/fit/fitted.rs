//! A fitted law, the options of a fit, and its errors.

use super::interval::{self, Calibration, Position};
use super::model::Model;
use super::objective::DELTA;
use crate::laws::Columns;
use crate::vocab::{Extrapolation, FitView, Interval, Observation};
use serde::{Deserialize, Serialize};

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
    /// δ of the Huber loss that is searched, on ln L: 1e-3 in the papers. Runs noisier than that are ranked better with
    /// δ near their noise. The objective that is reported is at 1e-3 whatever this is.
    pub delta: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, starts: None, bootstraps: 200, cross_validate: true, delta: DELTA }
    }
}

/// Why a law was not fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
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
    #[error("unknown law '{0}'")]
    Unknown(String),
    /// The caller asked to stop.
    #[error("the fit of {0} was cancelled")]
    Stopped(String),
}

impl FitError {
    /// Name of the law that was not fitted.
    #[must_use]
    pub fn law(&self) -> Option<&str> {
        match self {
            Self::Missing { law, .. } | Self::Unknown(law) | Self::Stopped(law) => Some(law),
        }
    }
}

/// A fitted law: θ, what it was fitted to, how sure it is. Written out and read back by the same build, it predicts the
/// same numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fit {
    /// For readers.
    pub view: FitView,
    /// θ in the law's own (transformed) coordinates, for warm starts.
    pub theta: Vec<f64>,
    /// θ of every resample, same coordinates.
    pub draws: Vec<Vec<f64>>,
    /// Signed held-out log residuals (ln observed − ln predicted) of mixtures that were interpolated, sorted; their
    /// spread is what an interval adds to that of the draws. In-sample ones, widened, where there was no
    /// cross-validation.
    pub residuals: Vec<f64>,
    /// Names of the domains, the order of every mixture.
    pub domains: Vec<String>,
    /// Index of the loss's own domain.
    pub own: Option<usize>,
    /// Largest N and D, and least and most of each weight, among the rows fitted to.
    pub seen: Seen,
    pub(super) model: Model,
    pub(super) calibration: Calibration,
}

/// The region the data cover.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Largest N.
    pub params: f64,
    /// Largest D; of fresh tokens, where it is known how many there are.
    pub tokens: f64,
    /// Least and most weight of each domain.
    pub weights: Vec<(f64, f64)>,
}

impl Fit {
    /// Loss at `at` (its `loss` is ignored), nats. Finite and positive.
    #[must_use]
    pub fn predict(&self, at: &Observation) -> f64 {
        self.ln(&Columns::place(at, &self.model.shape.context)).exp()
    }

    /// Loss at `at` under each resample, nats; the same order for every call, so that differences between two places
    /// can be taken draw by draw. Empty where there was no bootstrap.
    #[must_use]
    pub fn predict_draws(&self, at: &Observation) -> Vec<f64> {
        self.ln_draws(&Columns::place(at, &self.model.shape.context)).into_iter().map(f64::exp).collect()
    }

    /// Where the fitted curve itself is: best guess, and 5 % and 95 % points over resamples.
    #[must_use]
    pub fn curve(&self, at: &Observation) -> Interval {
        let place = Columns::place(at, &self.model.shape.context);
        let value = self.ln(&place);
        let (below, above) = interval::of_curve(value, &self.ln_draws(&place));
        interval::interval(value, below, above)
    }

    /// Where a new run's loss would be, nominal 90 %: held-out residuals of mixtures like this one, what the curve's
    /// spread exceeds its usual one by, and, beyond the largest N or D, what fits to smaller ones got wrong.
    #[must_use]
    pub fn forecast(&self, at: &Observation) -> Interval {
        let place = Columns::place(at, &self.model.shape.context);
        self.calibration.forecast(self.ln(&place), &self.ln_draws(&place), &self.position(at))
    }

    pub(super) fn position(&self, at: &Observation) -> Position {
        let outside = self.extrapolation(at);
        let beyond = |ratio: f64| if ratio.is_finite() && ratio > 1.0 { ratio.ln() } else { 0.0 };
        Position {
            mixture: at.mixture.clone(),
            inside: outside.mixture_inside,
            beyond_size: beyond(outside.params),
            beyond_tokens: beyond(outside.tokens),
        }
    }

    /// How far outside the data `at` is.
    #[must_use]
    pub fn extrapolation(&self, at: &Observation) -> Extrapolation {
        let ratio = |value: f64, seen: f64| if seen > 0.0 && value.is_finite() { value / seen } else { 1.0 };
        let inside =
            at.mixture.iter().zip(&self.seen.weights).all(|(w, (low, high))| *w >= low - 1e-9 && *w <= high + 1e-9);
        Extrapolation {
            params: ratio(at.params, self.seen.params),
            tokens: ratio(self.worth(at), self.seen.tokens),
            mixture_inside: inside,
        }
    }

    /// D, or, where it is known how many tokens there are, of the fresh ones that D are worth: as in [`Seen`].
    fn worth(&self, at: &Observation) -> f64 {
        let context = &self.model.shape.context;
        if context.supply.is_empty() { at.tokens } else { Columns::place(at, context).ln_tokens[0].exp() }
    }

    pub(super) fn ln(&self, place: &Columns) -> f64 {
        self.model.predict(&self.theta, place)[0]
    }

    pub(super) fn ln_draws(&self, place: &Columns) -> Vec<f64> {
        self.draws.iter().map(|theta| self.model.predict(theta, place)[0]).collect()
    }
}
