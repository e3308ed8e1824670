//! Compute-optimal size and tokens by a law, as functions of compute.

use super::agreement;
use super::budget::Memory;
use super::cover::Cover;
use super::kind::{DENSE, ExpertShape, kind_at, kind_of, moe};
use super::line::Limits;
use super::optimum::{NoOptimum, Place, Search, range, widened};
use super::question::{Part, Question, none};
use crate::advise::surface::Surface;
use crate::advise::{Evidence, explored, in_use};
use crate::fit::Fit;
use crate::fit::isoflop::minima;
use crate::laws::Variable;
use crate::laws::published::Published;
use crate::observe::target::{ExpertShare, expert_share};
use crate::project::Budget;
use crate::vocab::{Abstention, Estimate, FitView, OptimumAt, OptimumCurve, OptimumMethod, Range, Scale, ShapeOptimum};

/// Kinds of experts that one law is asked about.
const MOST_KINDS: usize = 16;

/// The optima of one law for one loss at each of `computes` (FLOPs, ascending), a curve for each kind of experts that was
/// trained. Serving costs nothing here.
///
/// # Errors
/// Why the law has none.
pub fn optimum_curves(
    evidence: &Evidence<'_>,
    metric: usize,
    fit: &Fit,
    computes: &[f64],
) -> Result<Vec<OptimumCurve>, Abstention> {
    let project = evidence.project;
    let (Some(rows), Some(of)) = (evidence.observed.fitted.get(metric), project.metrics.get(metric)) else {
        return Err(none("There is no such metric.", "List the metrics: mixlaw check"));
    };
    let surface = Surface::of(fit, &of.name, &project.domains);
    let law = surface.law.clone();
    let (weights, _) = in_use(project, &explored(evidence, &[metric]));
    let question = Question { parts: vec![Part { share: 1.0, fit, surface }], weights, seed: project.fit.seed };
    question.trades()?;
    let told_apart = question.sees(Variable::Experts) || question.sees(Variable::Granularity);
    let mut kinds: Vec<ExpertShape> = if told_apart { rows.rows.iter().map(kind_of).collect() } else { vec![DENSE] };
    kinds.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    kinds.dedup();
    kinds.truncate(MOST_KINDS);
    let cover = Cover::of(std::iter::once(rows), told_apart);
    let share = expert_share(rows.rows.iter().map(|r| (r.params, moe(kind_of(r), r.active_params))));
    let limits = Limits { compute: 1.0, inference_tokens: 0.0, memory: Memory::endless(), share };
    let mut curves = along(&question, &limits, &kinds, &cover, computes, OptimumMethod::Law);
    let all_minima = minima(rows);
    for curve in &mut curves {
        let same = |other: &Scale| !told_apart || kind_at(other) == kind_of_curve(curve);
        let Some((_, minima)) = all_minima.iter().find(|(largest, _)| same(largest)) else { continue };
        if minima.len() < agreement::BUDGETS {
            continue;
        }
        let budgets: Vec<f64> = minima.iter().map(|(ln_compute, _)| ln_compute.exp()).collect();
        let own = along(&question, &limits, &[kind_of_curve(curve)], &cover, &budgets, OptimumMethod::Law);
        let Some(own) = own.first().filter(|own| own.at.len() == minima.len()) else { continue };
        let own: Vec<(f64, f64)> = own.at.iter().map(|at| (at.compute.ln(), at.params.value.ln())).collect();
        agreement::widen(curve, &own, &minima.iter().map(|(_, ln_params)| *ln_params).collect::<Vec<_>>());
    }
    if curves.is_empty() {
        let reason = format!("By the {law} law no size is best for a budget: it favours ever different ones.");
        return Err(none(reason, "Launch runs of several sizes and token counts at one budget."));
    }
    Ok(curves)
}

/// The kind of experts of a curve.
fn kind_of_curve(curve: &OptimumCurve) -> ExpertShape {
    curve.moe.map_or(DENSE, |moe| (moe.experts, moe.experts_per_token, moe.granularity))
}

/// The optima of a law with published coefficients for a budget's limits: a curve for each number of experts, and the best of
/// them at each of `computes`.
#[must_use]
pub fn published_optima(
    published: &Published,
    budget: &Budget,
    computes: &[f64],
) -> (Vec<OptimumCurve>, Vec<ShapeOptimum>) {
    on_paper(published, budget, |question, limits, kinds, cover| {
        let best = |compute: &f64| {
            let limits = Limits { compute: *compute, ..*limits };
            let search = Search { question, limits: &limits, kinds, cover, spans: &[] };
            search.optimum().ok().map(|(_, optimum)| optimum)
        };
        let curves = along(question, limits, kinds, cover, computes, OptimumMethod::Published);
        (curves, computes.iter().filter_map(best).collect())
    })
}

/// What a law with published coefficients is asked, without any runs: its limits are those of `budget` but for the compute.
pub(super) fn on_paper<T>(
    published: &Published,
    budget: &Budget,
    ask: impl FnOnce(&Question<'_>, &Limits, &[ExpertShape], &Cover) -> T,
) -> T {
    let fit = Fit::published(published);
    let surface = Surface::of(&fit, "loss", &[]);
    let question = Question { parts: vec![Part { share: 1.0, fit: &fit, surface }], weights: Vec::new(), seed: 0 };
    let experts = if budget.experts.is_empty() { published.experts } else { budget.experts.as_slice() };
    let kinds: Vec<ExpertShape> = experts.iter().map(|experts| (experts.max(1.0), 1.0, 1.0)).collect();
    let limits = Limits {
        compute: 1.0,
        inference_tokens: budget.inference_tokens.unwrap_or(0.0),
        memory: Memory::of(budget),
        share: ExpertShare::of(published.expert_share),
    };
    ask(&question, &limits, &kinds, &Cover::default())
}

/// A curve for each kind of experts that has one.
fn along(
    question: &Question<'_>,
    limits: &Limits,
    kinds: &[ExpertShape],
    cover: &Cover,
    computes: &[f64],
    method: OptimumMethod,
) -> Vec<OptimumCurve> {
    let at = |compute: f64| Limits { compute, ..*limits };
    let one = |kind: &ExpertShape| {
        let of = |compute: f64| {
            let limits = at(compute);
            let search = Search { question, limits: &limits, kinds: &[*kind], cover, spans: &[] };
            let (place, draws) = search.sizes(*kind)?;
            Ok::<Found, NoOptimum>(Found { covered: search.is_bracketed(&place, search.flat(&place)), place, draws })
        };
        let found: Vec<(f64, Found)> = computes.iter().filter_map(|c| Some((*c, of(*c).ok()?))).collect();
        let view = &question.parts.first()?.fit.view;
        curve(view, method, *kind, &found, &at)
    };
    kinds.iter().filter_map(one).collect()
}

/// The optimum of one kind for one budget, ln N_opt by every resample, and whether the runs reach there.
struct Found {
    place: Place,
    draws: Vec<f64>,
    covered: bool,
}

fn curve(
    view: &FitView,
    method: OptimumMethod,
    kind: ExpertShape,
    found: &[(f64, Found)],
    limits: &dyn Fn(f64) -> Limits,
) -> Option<OptimumCurve> {
    let (first, last) = (found.first()?, found.last()?);
    let at = |(compute, found): &(f64, Found)| {
        let Found { place, draws, covered } = found;
        let (scale, loss) = (place.scale, place.loss);
        let params =
            widened(range(draws.clone()), place.ln_active).map(|ln| if ln.is_finite() { ln.exp() } else { ln });
        let tokens = |n: f64| limits(*compute).scale(kind, n.ln()).map_or(f64::NAN, |scale| scale.tokens);
        OptimumAt {
            compute: *compute,
            params: Estimate { value: scale.active_params(), range: params },
            tokens: Estimate {
                value: scale.tokens,
                range: Range { low: tokens(params.high), high: tokens(params.low) },
            },
            loss: loss.is_finite().then_some(loss),
            covered: *covered,
        }
    };
    let decades = (last.0 / first.0).ln();
    let slopes = first.1.draws.iter().zip(&last.1.draws).map(|(a, b)| (b - a) / decades);
    let between = range(slopes.filter(|slope| slope.is_finite()).collect());
    // Where a limit holds the size back, there is no power of compute.
    let free = found.iter().all(|(_, found)| !found.place.limited);
    let steepness = (last.1.place.ln_active - first.1.place.ln_active) / decades;
    let exponent = (free && decades > 1e-9).then(|| Estimate { value: steepness, range: widened(between, steepness) });
    let other = |e: Estimate| Estimate {
        value: 1.0 - e.value,
        range: Range { low: 1.0 - e.range.high, high: 1.0 - e.range.low },
    };
    Some(OptimumCurve {
        metric: view.metric.clone(),
        method,
        name: view.law.clone(),
        chosen: view.chosen,
        moe: (kind.0 > 1.0).then(|| moe(kind, last.1.place.scale.active_params())),
        params_exponent: exponent,
        tokens_exponent: exponent.map(other),
        at: found.iter().map(at).collect(),
    })
}
