//! Compute-optimal size and tokens by a law, as functions of compute.

use super::cover::Cover;
use super::kind::{DENSE, ExpertShape, kind_of, moe};
use super::line::Limits;
use super::optimum::{Search, Sizes, range};
use super::question::{Part, Question, none};
use crate::advise::surface::Surface;
use crate::advise::{Evidence, explored, in_use};
use crate::fit::Fit;
use crate::laws::Variable;
use crate::observe::target::expert_share;
use crate::vocab::{Abstention, Estimate, Observations, OptimumAt, OptimumCurve, OptimumMethod, Range};

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
    let one = |kind: ExpertShape| {
        let limits = |compute: f64| Limits { compute, inference_tokens: 0.0, max_params: f64::INFINITY, share };
        let of = |compute: f64| {
            let limits = limits(compute);
            let search = Search { question: &question, limits: &limits, kinds: &[kind], cover: &cover };
            search.sizes(kind)
        };
        let found: Vec<(f64, Sizes)> = computes.iter().filter_map(|c| Some((*c, of(*c).ok()?))).collect();
        curve(rows, fit, kind, &found, |scale| cover.holds(kind, scale), &limits)
    };
    let curves: Vec<OptimumCurve> = kinds.into_iter().filter_map(one).collect();
    if curves.is_empty() {
        let reason = format!("By the {law} law no size is best for a budget: it favours ever different ones.");
        return Err(none(reason, "Launch runs of several sizes and token counts at one budget."));
    }
    Ok(curves)
}

fn curve(
    rows: &Observations,
    fit: &Fit,
    kind: ExpertShape,
    found: &[(f64, Sizes)],
    covered: impl Fn(&crate::vocab::Scale) -> bool,
    limits: &dyn Fn(f64) -> Limits,
) -> Option<OptimumCurve> {
    let (first, last) = (found.first()?, found.last()?);
    let at = |(compute, (ln, loss, draws)): &(f64, Sizes)| {
        let scale = limits(*compute).scale(kind, *ln)?;
        let params = range(draws.clone()).map(|ln| if ln.is_finite() { ln.exp() } else { ln });
        let tokens = |n: f64| compute / 6.0 / n;
        Some(OptimumAt {
            compute: *compute,
            params: Estimate { value: scale.active_params(), range: params },
            tokens: Estimate {
                value: scale.tokens,
                range: Range { low: tokens(params.high), high: tokens(params.low) },
            },
            loss: loss.is_finite().then_some(*loss),
            covered: covered(&scale),
        })
    };
    let decades = (last.0 / first.0).ln();
    let slopes = first.1.2.iter().zip(&last.1.2).map(|(a, b)| (b - a) / decades);
    let between = range(slopes.filter(|slope| slope.is_finite()).collect());
    let exponent = (decades > 1e-9).then(|| Estimate { value: (last.1.0 - first.1.0) / decades, range: between });
    let other = |e: Estimate| Estimate {
        value: 1.0 - e.value,
        range: Range { low: 1.0 - e.range.high, high: 1.0 - e.range.low },
    };
    Some(OptimumCurve {
        metric: rows.metric.clone(),
        method: OptimumMethod::Law,
        name: fit.view.law.clone(),
        chosen: fit.view.chosen,
        moe: (kind.0 > 1.0).then(|| moe(kind, last.1.0.exp())),
        params_exponent: exponent,
        tokens_exponent: exponent.map(other),
        at: found.iter().filter_map(at).collect(),
    })
}
