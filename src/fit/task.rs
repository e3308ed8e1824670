//! What the fits of several laws to one validation loss have in common, and what the data allow of each.

use super::held_out::HeldOut;
use super::model::{Model, NO_LOSS};
use super::objective::Stop;
use super::proxies::Stands;
use super::reuse::Reuse;
use super::split::HeldOutPlan;
use super::starts::Budget;
use super::{Fit, FitError, Options, assemble, resample};
use crate::laws::{self, Columns, Law, Method, Shape};
use crate::vocab::Observations;

/// Fresh starts of a fit from nothing: more where there are more parameters, whose optima are many. SciPy's best over 320 is
/// not lower on the tables where it has been run (`cargo bench --bench optimum`).
fn cold_starts(parameters: usize) -> usize {
    (6 * parameters).max(32)
}

/// Fresh starts of a fit that has the last one to start from.
const WARM_STARTS: usize = 6;

/// Fresh starts of a fit to all rows that has the optima of folds to start from.
const AFTER_FOLDS: usize = 12;
/// How many of those optima it starts from.
const FOLDS_TO_START_FROM: usize = 4;

/// Fresh starts of a fold's fit that has no other start, at least and at most. The optimum for all rows is none: it has seen
/// what the fold is to predict, and near it a law with many parameters would find what it remembers.
const FOLD_STARTS: (usize, usize) = (8, 16);
/// Fresh starts of a fold's fit beside one that has not seen what is held out.
const FRESH_BESIDE: usize = 4;
/// With more parameters than this, half as many: each costs ten times as much, and the start beside them is rarely improved on.
const MANY: usize = 24;
/// With fewer rows per parameter than this, as many as without another start.
const FEW_ROWS: usize = 4;

/// With fewer rows per parameter than this, a fold is searched as a fit to all rows is, from as many starts and to the last
/// digit: such rows leave several optima that are nearly as low, a rough search ends in another one than a thorough search, and
/// the error of what it finds is not that of the fit that is used.
const MANY_OPTIMA: usize = 12;
/// Where a step of a fold's search, in rows × parameters², costs more than this, it stays rough nevertheless. Both limits are of
/// the data alone, so that all machines search alike.
const AFFORDED: usize = 200_000;
/// Relative decrease of the objective below which a thorough search has arrived.
const TO_THE_END: f64 = 1e-9;

/// Whether a fold with so many rows left is searched as thoroughly as a fit to all rows is.
fn is_searched_to_the_end(rows: usize, parameters: usize) -> bool {
    rows < MANY_OPTIMA * parameters && rows * parameters * parameters <= AFFORDED
}

/// What the fits of several laws to one validation loss have in common.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub observations: &'a Observations,
    pub x: &'a Columns,
    /// Rows that join those that a law is fitted to, and nothing else.
    pub stands: &'a Stands,
    pub plan: &'a HeldOutPlan,
    pub options: &'a Options,
    /// As many fresh starts as without a last fit.
    pub cold: bool,
    /// Fits to the same rows that may be shared; `None` where rows are fitted to once.
    pub reuse: Option<&'a Reuse<'a>>,
    pub stop: Stop<'a>,
}

/// A law that the data allow.
pub(super) struct Entry<'a> {
    pub law: &'static dyn Law,
    /// Numbers of hidden domains to choose among; one entry for laws without any.
    pub hidden: Vec<usize>,
    /// Its last fit.
    pub warm: Option<&'a Fit>,
}

impl Entry<'_> {
    pub(super) fn name(&self) -> &'static str {
        self.law.info().name
    }
}

impl<'a> Task<'a> {
    /// The law of that name, where the data allow it.
    pub(super) fn enter(&self, law: &str, warm: Option<&'a Fit>) -> Result<Entry<'a>, FitError> {
        let law = laws::get(law).ok_or_else(|| FitError::Unknown(law.to_owned()))?;
        let missing = missing(law, self.observations, self.x);
        if !missing.is_empty() {
            let (law, metric) = (law.info().name.to_owned(), self.observations.metric.clone());
            return Err(FitError::Missing { law, metric, missing });
        }
        // Between searches from nothing, the number stays what was chosen.
        let standing = warm.filter(|fit| fit.view.law == law.info().name && !self.cold);
        let hidden = match (law.hidden_domains(), standing) {
            ([], _) => vec![0],
            (_, Some(fit)) => vec![fit.model.shape.hidden],
            // What would choose among them is the cross-validation.
            ([fewest, ..], None) if self.plan.groups.is_empty() => vec![*fewest],
            (several, None) => several.to_vec(),
        };
        Ok(Entry { law, hidden, warm })
    }

    /// A law with what it knows of these rows before it is fitted to them: bounds that look at losses are among it.
    pub(super) fn model(&self, law: &'static dyn Law, hidden: usize, x: &Columns) -> Model {
        let shape = Shape { hidden, ..Shape::of(self.observations.own, x) };
        Model::new(law, shape, self.options.delta.clamp(1e-6, 1.0))
    }

    /// Fresh starts of a fold's fit to so many rows beside starts that have not seen what is held out; none where those were
    /// grown from an optimum with one hidden domain less. Few rows leave many optima, and cost little.
    pub(super) fn fresh_beside(&self, rows: usize, parameters: usize, starts: usize, grown: bool) -> Option<usize> {
        match (starts, grown) {
            (0, _) => None,
            _ if rows < FEW_ROWS * parameters => None,
            (_, true) => Some(0),
            (_, false) => Some(if parameters > MANY { FRESH_BESIDE / 2 } else { FRESH_BESIDE }),
        }
    }

    /// Fits to rows, which are all it sees, from starts that have seen nothing else and from so many fresh ones; more where it is
    /// searched to the end.
    pub(super) fn fit_fold(
        &self,
        model: &Model,
        train: &Columns,
        starts: &[Vec<f64>],
        fresh: Option<usize>,
    ) -> Vec<f64> {
        let parameters = model.parameters.len();
        let (seed, stop) = (self.options.seed, self.stop);
        let budget = if is_searched_to_the_end(train.len(), parameters) {
            let usual = cold_starts(parameters);
            let fresh = self.options.starts.map_or(usual, |asked| asked.min(usual));
            Budget { seed, fresh, tolerance: TO_THE_END, polish: true, settle: true, stop }
        } else {
            let usual = parameters.clamp(FOLD_STARTS.0, FOLD_STARTS.1);
            let fresh = fresh.unwrap_or(self.options.starts.map_or(usual, |asked| asked.clamp(2, usual)));
            Budget { seed, fresh, tolerance: 1e-6, polish: false, settle: true, stop }
        };
        model.fit(train, starts, &budget).theta
    }

    /// Fits to all rows, from what folds found where there are any.
    pub(super) fn fit(
        &self,
        entry: &Entry<'_>,
        hidden: usize,
        found: &[Vec<f64>],
        held: Option<HeldOut>,
        bootstraps: usize,
    ) -> Result<Fit, FitError> {
        let Task { observations, x, options, stop, .. } = *self;
        let joined = self.stands.join(x);
        let model = self.model(entry.law, hidden, &joined);
        let alike = |fit: &&Fit| fit.view.law == entry.name() && fit.model.shape.hidden == model.shape.hidden;
        let last = entry.warm.filter(alike).map(|fit| fit.theta.clone());
        let parameters = model.parameters.len();
        let of_folds = found.iter().filter(|theta| theta.len() == parameters).take(FOLDS_TO_START_FROM);
        let warm: Vec<Vec<f64>> = last.iter().chain(of_folds).cloned().collect();
        let fresh = options.starts.unwrap_or(match (&last, warm.is_empty()) {
            (Some(_), _) if !self.cold => WARM_STARTS,
            (_, false) => AFTER_FOLDS,
            (_, true) => cold_starts(parameters),
        });
        let seed = options.seed;
        let began = std::time::Instant::now();
        let optimum =
            model.fit(&joined, &warm, &Budget { seed, fresh, tolerance: TO_THE_END, polish: true, settle: true, stop });
        let seconds = began.elapsed().as_secs_f64();
        let draws = resample::bootstrap(&model, x, self.stands, &optimum.theta, seed, bootstraps, stop);
        let fit =
            assemble::fit(assemble::Parts { observations, x, model, optimum, draws, held, options, stop, seconds });
        // What a search that was stopped half-way found is not to be used.
        if stop() {
            return Err(FitError::Stopped(entry.name().to_owned()));
        }
        if !fit.gives(x) {
            let (law, metric) = (entry.name().to_owned(), observations.metric.clone());
            return Err(FitError::Implausible { law, metric, predicted: NO_LOSS.exp() });
        }
        Ok(fit)
    }

    /// Parameters of a law with so many hidden domains; of a law that is solved for, the numbers it keeps.
    pub(super) fn parameters(&self, entry: &Entry<'_>, hidden: usize) -> usize {
        match entry.law.method() {
            Method::Search(_) => self.model(entry.law, hidden, self.x).parameters.len(),
            Method::Solve(law) => law.parameters(self.observations.domains.len(), self.x.len()),
        }
    }
}

fn missing(law: &dyn Law, observations: &Observations, x: &Columns) -> Vec<String> {
    if x.is_empty() {
        return vec![
            "mixture laws need runs with losses, token counts and mixtures; no checkpoint has all three".to_owned(),
        ];
    }
    law.missing(observations)
}
