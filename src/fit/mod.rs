//! Fitting: robust objective, restarts, argmin's L-BFGS, intervals, held-out skill.

mod assemble;
mod baseline;
pub mod choose;
mod damped;
mod descent;
mod fitted;
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

pub use fitted::{Fit, FitError, Options, Seen};
pub use objective::{Stop, never};
pub use stack::Stack;

use crate::laws::{self, Columns, Shape};
use crate::vocab::Observations;
use held_out::HeldOut;
use model::Model;
use split::HeldOutPlan;
use starts::{Budget, Optimum};

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
    let plan =
        if options.cross_validate { HeldOutPlan::new(observations, &x, options.seed) } else { HeldOutPlan::default() };
    let task = Task { observations, x: &x, plan: &plan, options, cold: false, stop: &never };
    task.draft(law, warm)?.finish(&task, options.bootstraps)
}

/// What the fits of several laws to one validation loss have in common.
#[derive(Clone, Copy)]
struct Task<'a> {
    observations: &'a Observations,
    x: &'a Columns,
    plan: &'a HeldOutPlan,
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
            let (law, metric) = (law.info().name.to_owned(), self.observations.metric.clone());
            return Err(FitError::Missing { law, metric, missing });
        }
        let shape = Shape::of(self.observations.own, self.x);
        // Between searches from nothing, the number stays what was chosen.
        let standing = warm.filter(|fit| fit.view.law == law.info().name && !self.cold);
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
        best.ok_or_else(|| FitError::Unknown(law.info().name.to_owned()))
    }

    fn of_shape(&self, law: &'static dyn laws::Law, shape: Shape, warm: Option<&Fit>) -> Result<Draft, FitError> {
        let model = Model::new(law, shape, self.options.delta.clamp(1e-6, 1.0));
        let alike = |fit: &&Fit| fit.view.law == law.info().name && fit.model.shape.hidden == model.shape.hidden;
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
        self.model.law.info().name
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
        return vec![
            "mixture laws need runs with losses, token counts and mixtures; no checkpoint has all three".to_owned(),
        ];
    }
    law.missing(observations)
}
