//! Fitting: robust objective, starts, argmin's L-BFGS, intervals, held-out skill.

mod assemble;
mod baseline;
pub mod choose;
mod damped;
mod gram;
mod held_out;
mod identify;
mod interval;
mod laplace;
pub(crate) mod linalg;
mod model;
mod objective;
mod random;
mod resample;
mod search;
mod split;
mod stack;
mod starts;
#[cfg(test)]
mod tests;
mod why;

pub use objective::{Stop, never};
pub use stack::Stack;

use crate::laws::{self, Columns, Shape};
use crate::vocab::{Extrapolation, FitView, Interval, Observation, Observations};
use held_out::HeldOut;
use interval::{Calibration, Standing};
use model::{Model, Optimum};
use split::Plan;
use starts::Budget;

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
        Self { seed: 0, starts: None, bootstraps: 200, cross_validate: true, delta: objective::DELTA }
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
    /// Whoever asked has lost interest.
    #[error("the fit of {0} was stopped")]
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

/// A fitted law: θ, what it was fitted to, how sure it is.
#[derive(Debug, Clone)]
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
    model: Model,
    calibration: Calibration,
}

/// The region the data cover.
#[derive(Debug, Clone, PartialEq, Default)]
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
        self.calibration.forecast(self.ln(&place), &self.ln_draws(&place), &self.standing(at))
    }

    fn standing(&self, at: &Observation) -> Standing {
        let outside = self.extrapolation(at);
        let beyond = |ratio: f64| if ratio.is_finite() && ratio > 1.0 { ratio.ln() } else { 0.0 };
        Standing {
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

    fn ln(&self, place: &Columns) -> f64 {
        self.model.predict(&self.theta, place)[0]
    }

    fn ln_draws(&self, place: &Columns) -> Vec<f64> {
        self.draws.iter().map(|theta| self.model.predict(theta, place)[0]).collect()
    }
}

/// Fresh starts of a fit from nothing: more where there are more parameters, whose optima are many. SciPy's best over 320 is
/// not lower on the tables where it has been run (`cargo bench --bench optimum`).
fn cold_starts(parameters: usize) -> usize {
    (6 * parameters).max(32)
}

/// Fresh starts of a fit that has the last one to start from.
const WARM_STARTS: usize = 6;
/// Fresh starts of a fold's fit, beside the optimum for all rows.
const FOLD_STARTS: usize = 4;

/// Fits one law to one validation loss. `warm` is the last fit of the same law and metric: its θ joins the starts, and
/// few fresh ones are then needed.
///
/// # Errors
/// [`FitError`]. A fit that is returned is finite in every number.
pub fn fit(law: &str, observations: &Observations, options: &Options, warm: Option<&Fit>) -> Result<Fit, FitError> {
    let x = Columns::of(observations);
    let plan = if options.cross_validate { Plan::new(observations, &x, options.seed) } else { Plan::default() };
    let task = Task { observations, x: &x, plan: &plan, options, cold: false, stop: &never };
    task.draft(law, warm)?.finish(&task, options.bootstraps)
}

/// What the fits of several laws to one validation loss have in common.
#[derive(Clone, Copy)]
struct Task<'a> {
    observations: &'a Observations,
    x: &'a Columns,
    plan: &'a Plan,
    options: &'a Options,
    /// As many fresh starts as without a last fit.
    cold: bool,
    stop: Stop<'a>,
}

/// A law fitted and cross-validated, without what takes longest: resamples and profiles.
struct Draft {
    model: Model,
    optimum: Optimum,
    held: Option<HeldOut>,
    seconds: f64,
}

impl Task<'_> {
    fn draft(&self, law: &str, warm: Option<&Fit>) -> Result<Draft, FitError> {
        let law = laws::get(law).ok_or_else(|| FitError::Unknown(law.to_owned()))?;
        let missing = missing(law, self.observations, self.x);
        if !missing.is_empty() {
            let (law, metric) = (law.card().name.to_owned(), self.observations.metric.clone());
            return Err(FitError::Missing { law, metric, missing });
        }
        let shape = Shape::of(self.observations.own, self.x);
        // Between searches from nothing, the number stays what was chosen.
        let standing = warm.filter(|fit| fit.view.law == law.card().name && !self.cold);
        let numbers = match (law.hidden_domains(), standing) {
            ([], _) => vec![0],
            (_, Some(fit)) => vec![fit.model.shape.hidden],
            // What would choose among them is the cross-validation.
            ([fewest, ..], None) if self.plan.groups.is_empty() => vec![*fewest],
            (several, None) => several.to_vec(),
        };
        let mut best: Option<Draft> = None;
        for hidden in numbers {
            let draft = self.of_shape(law, Shape { hidden, ..shape.clone() }, warm)?;
            let error = |d: &Draft| d.held.as_ref().map_or(f64::INFINITY, |h| h.mre);
            if best.as_ref().is_none_or(|b| error(&draft) < error(b)) {
                best = Some(draft);
            }
        }
        best.ok_or_else(|| FitError::Unknown(law.card().name.to_owned()))
    }

    fn of_shape(&self, law: &'static dyn laws::Law, shape: Shape, warm: Option<&Fit>) -> Result<Draft, FitError> {
        let model = Model::new(law, shape, self.options.delta.clamp(1e-6, 1.0));
        let alike = |fit: &&Fit| fit.view.law == law.card().name && fit.model.shape.hidden == model.shape.hidden;
        let warm: Vec<Vec<f64>> = warm.filter(alike).map(|fit| fit.theta.clone()).into_iter().collect();
        let (seed, stop) = (self.options.seed, self.stop);
        let cold = self.cold || warm.is_empty();
        let fresh = self.options.starts.unwrap_or(if cold { cold_starts(model.parameters.len()) } else { WARM_STARTS });
        let began = std::time::Instant::now();
        let optimum = model.fit(self.x, &warm, &Budget { seed, fresh, tolerance: 1e-9, polish: true, stop });
        let seconds = began.elapsed().as_secs_f64();
        let refit = |train: &Columns, test: &Columns| {
            let budget = Budget { seed, fresh: FOLD_STARTS, tolerance: 1e-7, polish: false, stop };
            let found = model.fit(train, std::slice::from_ref(&optimum.theta), &budget);
            model.predict(&found.theta, test)
        };
        let held = held_out::held_out(self.plan, self.x, &refit);
        self.unless_stopped(Draft { held, model, optimum, seconds })
    }

    /// What a search that was stopped half-way found is not to be used.
    fn unless_stopped(&self, draft: Draft) -> Result<Draft, FitError> {
        if (self.stop)() { Err(FitError::Stopped(draft.name().to_owned())) } else { Ok(draft) }
    }
}

impl Draft {
    fn name(&self) -> &'static str {
        self.model.law.card().name
    }

    fn finish(self, task: &Task<'_>, bootstraps: usize) -> Result<Fit, FitError> {
        let Task { observations, x, options, stop, .. } = *task;
        let name = self.name();
        let draws = resample::bootstrap(&self.model, x, &self.optimum.theta, options.seed, bootstraps, stop);
        let Draft { model, optimum, held, seconds } = self;
        let fit =
            assemble::fit(assemble::Parts { observations, x, model, optimum, draws, held, options, stop, seconds });
        if stop() { Err(FitError::Stopped(name.to_owned())) } else { Ok(fit) }
    }
}

fn missing(law: &dyn laws::Law, observations: &Observations, x: &Columns) -> Vec<String> {
    if x.is_empty() {
        return vec!["there is no checkpoint with a loss, tokens and a mixture yet".to_owned()];
    }
    law.missing(observations)
}
