//! Compute-optimal sizes by the parabola method and by laws.

use crate::advise::{self, Evidence};
use crate::fit::Fit;
use crate::fit::isoflop::isoflops;
use crate::fit::upcycled::upcycled;
use crate::vocab::{FrontCost, Observations, Optima, Scale};
use std::sync::Arc;

/// Budgets at which laws are asked where the runs are not grouped by compute.
const BUDGETS: usize = 5;

/// One loss at the budgets of its groups and at those asked for: the parabola method first, then each of `fits`, and what laws
/// could not say, as sentences. Without groups laws are asked at `spread` budgets over the range of the runs.
pub(super) fn of_metric(
    evidence: &Evidence<'_>,
    metric: usize,
    fits: &[&Fit],
    asked: &[f64],
    spread: bool,
) -> (Optima, Vec<String>) {
    let (mut optima, mut notes) = (Optima::default(), Vec::new());
    let Some(rows) = evidence.observed.fitted.get(metric) else { return (optima, notes) };
    for (groups, curve) in isoflops(rows, asked, evidence.project.fit.seed) {
        optima.isoflops.push(groups);
        optima.curves.push(curve);
    }
    let computes = computes(&optima, rows, asked, spread);
    if computes.is_empty() {
        return (optima, notes);
    }
    for fit in fits {
        match advise::optimum_curves(evidence, metric, fit, &computes) {
            Ok(curves) => optima.curves.extend(curves),
            Err(why) => notes.push(format!("{}: {}", rows.metric, why.reasons.join(" "))),
        }
    }
    (optima, notes)
}

/// All losses by the laws in use; `None` where the runs are not grouped by compute, none was upcycled and no budget is stated.
pub(super) fn of_chosen(evidence: &Evidence<'_>) -> Option<Arc<Optima>> {
    let asked: Vec<f64> = evidence.project.budget.as_ref().and_then(|budget| budget.compute).into_iter().collect();
    let mut all = Optima::default();
    for metric in 0..evidence.observed.fitted.len() {
        let fits: Vec<&Fit> = evidence.fits.get(metric).copied().flatten().into_iter().collect();
        let (optima, _) = of_metric(evidence, metric, &fits, &asked, false);
        all.curves.extend(optima.curves);
        all.isoflops.extend(optima.isoflops);
    }
    let of = |rows| upcycled(rows, &evidence.observed.facts, evidence.project.fit.seed);
    all.upcycled = evidence.observed.fitted.iter().filter_map(of).collect();
    if evidence.project.budget.is_some() {
        all.front = advise::shape_front(evidence, FrontCost::Memory).ok();
    }
    (!all.curves.is_empty() || all.front.is_some() || !all.upcycled.is_empty()).then(|| Arc::new(all))
}

fn computes(optima: &Optima, rows: &Observations, asked: &[f64], spread: bool) -> Vec<f64> {
    let groups = optima.isoflops.iter().flat_map(|groups| &groups.groups);
    let mut all: Vec<f64> = groups.map(|group| group.compute).collect();
    if all.is_empty() && spread {
        let costs = rows.rows.iter().map(|row| Scale::of(row).compute()).filter(|c| c.is_finite() && *c > 0.0);
        let (least, most) = costs.fold((f64::INFINITY, 0.0_f64), |(l, m), c| (l.min(c), m.max(c)));
        if least < most {
            let place = |i: usize| (least.ln() + (most / least).ln() * i as f64 / (BUDGETS - 1) as f64).exp();
            all.extend((0..BUDGETS).map(place));
        }
    }
    all.extend(asked);
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}
