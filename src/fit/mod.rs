//! Fitting: robust objective, restarts, argmin's L-BFGS, intervals, held-out skill.

mod adviser;
mod assemble;
mod baseline;
mod basis;
pub mod choose;
mod comparison;
mod damped;
mod descent;
mod fitted;
mod gram;
mod held_out;
pub mod hyper;
mod identify;
mod interval;
pub mod isoflop;
mod judge;
mod laplace;
pub(crate) mod linalg;
mod model;
mod nested;
pub(crate) mod ninety;
mod objective;
pub mod outsiders;
pub mod phases;
mod picks;
pub mod proxies;
mod published;
mod race;
mod random;
mod resample;
mod reuse;
mod rivals;
mod sanity;
pub mod scatter;
mod search;
pub mod shares;
mod simplex;
mod split;
mod stack;
mod starts;
mod task;
#[cfg(test)]
mod tests;
#[cfg(feature = "cli")]
pub mod tokenizer;
pub mod upcycled;
mod why;
pub mod worth;

pub use fitted::{Fit, FitError, Options, Seen};
pub use objective::{Stop, never};
pub use stack::Stack;

use crate::laws::Columns;
use crate::vocab::Observations;
use judge::Judge;
use proxies::Stands;
use split::HeldOutPlan;
use task::Task;

/// Fits one law to one validation loss. `warm` is the last fit of the same law and metric: its θ joins the starts, and
/// few fresh ones are then needed.
///
/// # Errors
/// [`FitError`]. A fit that is returned is finite in every number.
pub fn fit(law: &str, observations: &Observations, options: &Options, warm: Option<&Fit>) -> Result<Fit, FitError> {
    let x = Columns::of(observations);
    let plan =
        if options.cross_validate { HeldOutPlan::new(observations, &x, options.seed) } else { HeldOutPlan::default() };
    let stands = Stands::of(observations, &x, options.seed);
    let task =
        Task { observations, x: &x, stands: &stands, plan: &plan, options, cold: false, reuse: None, stop: &never };
    let judge = Judge::new(&plan, &x, options.target.as_ref());
    let entry = task.enter(law, warm)?;
    let raced = race::race(&task, &judge, vec![entry], true).and_then(|mut raced| raced.pop());
    let raced = raced.ok_or_else(|| FitError::Stopped(law.to_owned()))?;
    raced.fit(&task, raced.score.held_out(&plan), options.bootstraps)
}
