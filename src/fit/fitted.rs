//! A fitted law, the options of a fit, and its errors.

use super::interval::{self, Calibration, Position};
use super::model::{Model, NO_LOSS};
use super::objective::DELTA;
use super::rivals::{Rival, Rivals};
use crate::laws::{Columns, Context, Law, Variable};
use crate::vocab::{Extrapolation, FitView, Interval, Observation, Scale, thousandths};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of a variable that agree to this factor are one.
const SAME: f64 = 1.02;
/// Loss of guessing evenly among 300 000 tokens, nats: more than any vocabulary has.
const GUESSING: f64 = 12.6;

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
    /// Size and tokens that predictions are wanted for: where they lie within those of the runs, errors on larger scales
    /// do not count in the choice of a law. `None` where that is not known.
    pub target: Option<Scale>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, starts: None, bootstraps: 200, cross_validate: true, delta: DELTA, target: None }
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
    /// The law predicts a loss that cannot be where it was explored.
    #[error("{law} is not used for {metric}: within the explored mixtures it predicts {}", loss(*.predicted))]
    Implausible {
        /// Name of the law.
        law: String,
        /// Key of the validation loss.
        metric: String,
        /// What it predicts, nats; e^600 where that is no number.
        predicted: f64,
    },
    /// No law of this name.
    #[error("unknown law '{0}'")]
    Unknown(String),
    /// The caller asked to stop.
    #[error("the fit of {0} was cancelled")]
    Stopped(String),
}

/// A loss that cannot be, in words.
fn loss(predicted: f64) -> String {
    if predicted < NO_LOSS.exp() { format!("a loss of {predicted:.4e} nats") } else { "no finite loss".to_owned() }
}

impl FitError {
    /// Name of the law that was not fitted.
    #[must_use]
    pub fn law(&self) -> Option<&str> {
        match self {
            Self::Missing { law, .. } | Self::Implausible { law, .. } | Self::Unknown(law) | Self::Stopped(law) => {
                Some(law)
            }
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
    /// Largest N; 0 where no row states one.
    pub params: f64,
    /// Largest D; of fresh tokens, where it is known how many there are; 0 where no row states one.
    pub tokens: f64,
    /// Largest N·D, with the same tokens; 0 where either is not known.
    pub compute: f64,
    /// D/N, where it is the same for runs of several sizes, so that nothing tells what either brings; `None` otherwise.
    #[serde(default)]
    pub tokens_per_param: Option<f64>,
    /// Least and most weight of each domain.
    pub weights: Vec<(f64, f64)>,
    /// Least and most of each of [`Variable::ALL`].
    pub variables: Vec<(f64, f64)>,
}

impl Fit {
    /// Loss at `at` (its `loss` is ignored), nats. Finite and positive: e^600 where the law gives none, which no loss is.
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

    /// What columns to predict at are made with.
    pub(crate) fn context(&self) -> &Context {
        &self.model.shape.context
    }

    /// ln of the loss at each of several places.
    pub(crate) fn ln_best_at(&self, places: &Columns) -> Vec<f64> {
        self.model.predict(&self.theta, places)
    }

    /// The same under every resample: by resample, then by place.
    pub(crate) fn ln_draws_at(&self, places: &Columns) -> Vec<Vec<f64>> {
        self.model.predict_each(&self.draws, places)
    }

    /// Loss at each of several places under one resample, or, without, by the best guess; nats.
    #[must_use]
    pub fn predict_all(&self, draw: Option<usize>, places: &[Observation]) -> Vec<f64> {
        let theta = draw.and_then(|draw| self.draws.get(draw)).unwrap_or(&self.theta);
        let columns = Columns::places(self.domains.len(), places, self.context());
        self.model.predict(theta, &columns).into_iter().map(f64::exp).collect()
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
    /// spread exceeds its usual one by, and, beyond the largest N, D or N·D, what fits to smaller ones got wrong, or how far the
    /// laws part that fared alike, where a law was chosen among several.
    #[must_use]
    pub fn forecast(&self, at: &Observation) -> Interval {
        let place = Columns::place(at, &self.model.shape.context);
        let (value, position) = (self.ln(&place), self.position(at));
        let apart = if position.is_beyond() { self.apart(value, &place, at) } else { 0.0 };
        self.calibration.forecast(value, &self.ln_draws(&place), apart, &position)
    }

    /// Variables in which `at` lies outside the runs and which the law, or what the runs vary in, does not see: with one of
    /// these, predictions rank mixtures at best.
    #[must_use]
    pub fn unseen(&self, at: &Observation) -> Vec<Variable> {
        self.outside(at).into_iter().filter(|variable| !self.sees(*variable)).collect()
    }

    /// Variables in which `at` lies outside the runs.
    pub(super) fn outside(&self, at: &Observation) -> Vec<Variable> {
        let outside = |(variable, (low, high)): (&Variable, &(f64, f64))| {
            let value = variable.of(at);
            // Nothing is known of D: the runs' own is meant.
            let is_known = *variable != Variable::Tokens || *high > 1.0;
            (is_known && (value < low / SAME || value > high * SAME)).then_some(*variable)
        };
        Variable::ALL.iter().zip(&self.seen.variables).filter_map(outside).collect()
    }

    /// Whether the law sees a variable, and the runs vary in it.
    #[must_use]
    pub fn sees(&self, variable: Variable) -> bool {
        self.varies(variable) && self.model.law.sees().contains(&variable)
    }

    /// Whether the runs vary in a variable.
    pub(super) fn varies(&self, variable: Variable) -> bool {
        let ranges = Variable::ALL.iter().zip(&self.seen.variables);
        ranges.into_iter().any(|(v, (low, high))| *v == variable && *high > low * SAME)
    }

    /// Whether a loss predicted at `at` is one that it could have: above 0 and below that of guessing, and no further outside the
    /// range of all losses observed than that range is wide; within the explored mixtures, than its own interval, where that is
    /// between half and all of that range. (The best mixture is better than all that were run, by a little.) Beyond the largest N
    /// or D a loss may be lower than all observed. What is no number, or has no upper end because resamples give none, is no loss.
    #[must_use]
    pub fn is_plausible(&self, at: &Observation, predicted: &Interval) -> bool {
        let (least, most) = (self.model.shape.ln_least_loss.exp(), self.model.shape.ln_most_loss.exp());
        let value = predicted.value;
        let has_end = predicted.high < NO_LOSS.exp();
        if !value.is_finite() || value <= 0.0 || value > most.max(GUESSING) || !has_end {
            return false;
        }
        let outside = self.extrapolation(at);
        let range = (most - least).max(0.05 * most);
        let room = |own: f64| if outside.mixture_inside { own.max(0.5 * range).min(range) } else { range };
        let beyond = outside.params > SAME || outside.tokens > SAME;
        let too_low = !beyond && value + room(predicted.high - value) < least;
        let smaller =
            |variable: usize, value: f64| self.seen.variables.get(variable).is_some_and(|(low, _)| value < low / SAME);
        let before = smaller(0, at.params) || smaller(1, at.tokens);
        let too_high = !before && value - room(value - predicted.low) > most;
        !(too_low || too_high)
    }

    /// Standard deviation of ln L̂ over the resamples, at most rows (their median); 0 without resamples.
    pub(crate) fn usual_spread(&self) -> f64 {
        self.calibration.usual_spread
    }

    /// Whether the law gives a loss at every row.
    pub(super) fn gives(&self, rows: &Columns) -> bool {
        self.model.predict(&self.theta, rows).iter().all(|ln| *ln < NO_LOSS)
    }

    /// Held-out rows: index among the rows that can be fitted to ([`Columns::usable`]), and ln observed − ln predicted.
    pub(super) fn held_rows(&self) -> impl Iterator<Item = (usize, f64)> {
        self.calibration.rows.iter().map(|row| (row.index, row.residual))
    }

    /// Distinct mixtures (in the order of `domains`, to a thousandth) with the mean of ln observed − ln predicted over the held-out rows of
    /// each.
    pub(crate) fn held_mixtures(&self) -> Vec<(Vec<f64>, f64)> {
        let mut sums: BTreeMap<Vec<i64>, (&[f64], f64, f64)> = BTreeMap::new();
        for row in &self.calibration.rows {
            let sum = sums.entry(thousandths(&row.mixture)).or_insert((&row.mixture, 0.0, 0.0));
            (sum.1, sum.2) = (sum.1 + row.residual, sum.2 + 1.0);
        }
        sums.into_values().map(|(mixture, sum, rows)| (mixture.to_vec(), sum / rows)).collect()
    }

    pub(super) fn position(&self, at: &Observation) -> Position {
        let outside = self.extrapolation(at);
        let beyond = |ratio: f64| if ratio.is_finite() && ratio > 1.0 { ratio.ln() } else { 0.0 };
        let compute = if self.seen.compute > 0.0 { at.params * self.worth(at) / self.seen.compute } else { 1.0 };
        let beyond = [outside.params, outside.tokens, compute].map(beyond);
        Position::beyond(at.mixture.clone(), outside.mixture_inside, beyond)
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

    /// Puts the laws that fared alike beside it; `some` of its rows are looked at.
    pub(super) fn put_beside(&mut self, laws: &[Rival], some: &Columns) {
        self.calibration.rivals = Rivals::beside(&self.model.predict(&self.theta, some), laws.to_vec(), some);
    }

    pub(super) fn rivals(&self) -> &[Rival] {
        &self.calibration.rivals.laws
    }

    /// Standard deviation of the laws that fared alike about a prediction of ln L at a place.
    pub(super) fn apart(&self, value: f64, place: &Columns, at: &Observation) -> f64 {
        let outside = self.outside(at);
        let sees =
            |law: &dyn Law| outside.iter().all(|variable| self.varies(*variable) && law.sees().contains(variable));
        self.calibration.rivals.apart(value, place, sees)
    }

    pub(super) fn ln(&self, place: &Columns) -> f64 {
        self.model.predict(&self.theta, place)[0]
    }

    pub(super) fn ln_draws(&self, place: &Columns) -> Vec<f64> {
        self.model.predict_each(&self.draws, place).iter().map(|ln| ln[0]).collect()
    }
}
