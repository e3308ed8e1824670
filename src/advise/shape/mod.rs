//! Recommendations of size and experts for a compute budget.
//!
//! Training takes 6·N_act·D FLOPs and serving 2·N_act for each token, so under a budget every kind of experts (E, K, G) and
//! every N_act leaves one D. Along that line [`optimum`] finds where the fitted laws are least, without a box, with an
//! interval over resamples of whole runs. Where the runs reach that place it is advised as the optimum. Where they do not,
//! the best place that they reach is advised, and called that; the optimum stands beside it. Where no run comes near the
//! budget, the optimum is an extrapolation, and one that its interval does not narrow down is not advised. Laws that do not
//! see what is traded are not asked. A run that was measured within the budget and reached a lower loss is advised itself.

mod agreement;
mod asked;
mod budget;
mod cover;
mod curve;
mod front;
mod kind;
mod least;
mod line;
mod optimum;
mod question;
#[cfg(test)]
mod tests;
mod trials;
mod within;
mod words;

use super::Evidence;
use crate::fit::isoflop::isoflops;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Abstention, Range, ShapeAdvice, ShapeOptimum, ShapeRecommendation, Standing};
pub use curve::{optimum_curves, published_optima};
pub use front::{published_front, shape_front};

use asked::Asked;
use kind::DENSE;
use line::Limits;
use optimum::{NoOptimum, Place, Search};
use question::none;

/// Probability of being better that a shape must reach to be advised in place of the target's.
const WORTH_PROBABILITY: f64 = 0.6;
/// Fewer parameters are no model.
const LEAST: f64 = 1e3;
/// Sizes so many times below the smallest run, or above the largest, are not advised.
const FAR: (f64, f64) = (100.0, 10_000.0);
/// The widest interval of an extrapolated optimum, upper end over lower end, that is still advised.
const TELLS: f64 = 10.0;

/// The best shape under the budget. `None` where it is not asked for: no budget is stated, and the runs do not differ in
/// their experts.
#[must_use]
pub fn shape(evidence: &Evidence<'_>) -> Option<ShapeAdvice> {
    let project = evidence.project;
    let needed = asked::needed(&project.objective_weights());
    if project.budget.is_none() && asked::trained(evidence, &needed).len() < 2 {
        return None;
    }
    Some(match advise(evidence) {
        Ok(advised) => ShapeAdvice::Recommendation(advised),
        Err(abstention) => ShapeAdvice::Abstained(abstention),
    })
}

fn advise(evidence: &Evidence<'_>) -> Result<ShapeRecommendation, Abstention> {
    let Some(target) = evidence.project.target.scale() else {
        return Err(none(
            "The target's size or token count is unknown.",
            "Write it in the project file: target: { params: 7B, tokens: 20B }",
        ));
    };
    let asked = Asked::of(evidence, Some(target))?;
    let Asked { needed, question, limits, kinds, .. } = &asked;
    let search = asked.search();
    let (best, standing, mut optimum) = chosen(&search)?;
    if let (Standing::Extrapolated, Some(optimum)) = (standing, &mut optimum) {
        let other = agrees(evidence, needed, limits, &best, optimum)?;
        // Two methods that both fit the runs: the truth is as likely in either's interval.
        if let Some(other) = other {
            let tokens = |n: f64| limits.scale(best.kind, n.ln()).map_or(f64::NAN, |scale| scale.tokens);
            optimum.params.low = optimum.params.low.min(other.low);
            optimum.params.high = optimum.params.high.max(other.high);
            optimum.tokens = Range { low: tokens(optimum.params.high), high: tokens(optimum.params.low) };
        }
    }
    let measured = trials::best(evidence, &asked);
    // What was measured is not given up for what is predicted to be no better.
    let winner = measured.as_ref().filter(|run| search.gives_way(&best, run));
    let (advised, standing) = winner.map_or((best.scale, standing), |run| (run.scale, Standing::Measured));

    let ends = |part: &question::Part<'_>| part.fit.seen.variables.first().copied().unwrap_or((1.0, f64::INFINITY));
    let sizes = question.parts.iter().map(ends).fold((f64::INFINITY, 0.0_f64), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    let n = advised.params;
    if winner.is_none() && (n < LEAST || n < sizes.0 / FAR.0 || n > sizes.1 * FAR.1) {
        return Err(none(
            format!(
                "The best shape for this budget would have {} parameters, and the runs have {} to {}: nothing says what models of that size do.",
                show_amount(n),
                show_amount(sizes.0),
                show_amount(sizes.1)
            ),
            "State a budget nearer to those of the runs, or launch runs nearer to it.",
        ));
    }

    let p_better = winner.map_or_else(|| question.better(&advised, &target), |run| question.beats(run.loss, &target));
    let expected_now = question.objective(&target);
    let gain = expected_now - winner.map_or(best.loss, |run| run.loss);
    // Another budget than the target's is another question: its answer stands whether the target is better or not. So does that
    // to one which the target is no answer to.
    let same_budget = (limits.cost(&target) / limits.compute - 1.0).abs() < 0.01;
    let keep = same_budget
        && asked.admits(&target)
        && within::keeps(&asked.spans, &target)
        && (p_better < WORTH_PROBABILITY || gain <= 0.0);
    let advice = words::Said {
        question,
        standing: if keep { Standing::Target } else { standing },
        best: &best,
        optimum: optimum.as_ref(),
        measured: measured.as_ref(),
        said: &kinds.said,
        held_by: held_by(&asked, &best, evidence),
        advised: if keep { target } else { advised },
        gain,
        p_better,
    };
    let advised = advice.advised;
    let mut reasons = advice.reasons();
    reasons.extend(within::said(evidence, question, &advised).filter(|_| winner.is_none() || keep));
    let factor = winner.filter(|_| !keep).map(|run| run.loss / question.objective(&run.scale));
    let expected = question.parts.iter().filter_map(|part| {
        let place = |scale| part.surface.place(scale, &question.weights);
        let mut expected = part.surface.expected(&place(&advised), &place(&target), None)?;
        if let Some(factor) = factor.filter(|f| f.is_finite()) {
            for value in [&mut expected.value, &mut expected.low, &mut expected.high] {
                *value *= factor;
            }
        }
        Some((part.surface.metric.clone(), expected))
    });
    Ok(ShapeRecommendation {
        standing: advice.standing,
        expected: expected.collect(),
        compute: limits.compute,
        p_better: if keep { 0.5 } else { p_better },
        gain: if keep { 0.0 } else { gain },
        advised,
        current: target,
        reasons,
        optimum: optimum.map(Box::new),
        measured: measured.map(Box::new),
    })
}

/// What holds a place where it is, where a limit does.
fn held_by(asked: &Asked<'_>, place: &Place, evidence: &Evidence<'_>) -> String {
    let at = |end: f64| (place.ln_active - end).abs() < 1e-9;
    match asked.spans.iter().find(|span| span.kind == place.kind && (at(span.low) || at(span.high))) {
        Some(_) => within::texts(&evidence.project.objective.subject_to),
        None => "on memory or total parameters".to_owned(),
    }
}

/// Whether an extrapolated optimum is also that of the parabola method, where the runs are grouped by compute: far from all
/// runs two methods that fit equally well may differ by more than either's interval says. The interval of the parabolas, where there
/// are any.
fn agrees(
    evidence: &Evidence<'_>,
    needed: &[usize],
    limits: &Limits,
    best: &Place,
    optimum: &ShapeOptimum,
) -> Result<Option<Range>, Abstention> {
    if limits.inference_tokens > 0.0 || best.limited {
        return Ok(None);
    }
    let mut both: Option<Range> = None;
    for rows in needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)) {
        for (_, curve) in isoflops(rows, &[limits.compute], evidence.project.fit.seed) {
            let own = curve.moe.map_or(DENSE, |m| (m.experts, m.experts_per_token, m.granularity)) == best.kind;
            let there = curve.at.iter().find(|at| (at.compute / limits.compute - 1.0).abs() < 1e-6);
            let Some(at) = there.filter(|_| own) else { continue };
            let (law, parabola) = (best.scale.active_params(), at.params.value);
            if optimum.params.contains(parabola) && at.params.range.contains(law) {
                let Range { low, high } = at.params.range;
                both = Some(both.map_or(at.params.range, |b| Range { low: b.low.min(low), high: b.high.max(high) }));
                continue;
            }
            let reason = format!(
                "No run comes near {} FLOPs, and two methods disagree there: N {} (90 %: {}) by parabolas through the runs of \
                 each budget, {} ({}) by the {} law.",
                significant(limits.compute, 3),
                show_amount(parabola),
                words::show_range(&at.params.range),
                show_amount(law),
                words::show_range(&optimum.params),
                optimum.laws.join(", ")
            );
            return Err(none(reason, "Launch runs of several sizes at a larger budget; both methods: mixlaw shape"));
        }
    }
    Ok(both)
}

/// The shape to advise by the laws, what it is, and their optimum.
fn chosen(search: &Search<'_, '_>) -> Result<(Place, Standing, Option<ShapeOptimum>), Abstention> {
    let found = search.optimum();
    if let Ok((place, optimum)) = &found
        && optimum.covered
    {
        let standing = match place.limited {
            true => Standing::Limited,
            false if optimum.open.is_empty() => Standing::Optimum,
            false => Standing::Supported,
        };
        return Ok((*place, standing, Some(optimum.clone())));
    }
    let laws = search.question.laws().join(", ");
    match (search.supported(), found) {
        (Some(place), Ok((_, optimum))) => Ok((place, Standing::Supported, Some(optimum))),
        (Some(place), Err(NoOptimum::Smaller | NoOptimum::Larger)) => Ok((place, Standing::Supported, None)),
        (None, Ok((place, optimum))) if optimum.params.factor() <= TELLS || search.question.draws() == 0 => {
            Ok((place, Standing::Extrapolated, Some(optimum)))
        }
        (None, Ok((_, optimum))) => Err(none(
            format!(
                "No run comes near {} FLOPs, and the runs do not narrow the optimum down: {}.",
                significant(search.limits.compute, 3),
                words::interval(&optimum)
            ),
            "Launch runs of several sizes at a larger budget.",
        )),
        (_, Err(NoOptimum::Blind)) => Err(none(
            format!("The {laws} law gives the same loss for every shape."),
            "Name a law that sees N and D: mixlaw laws",
        )),
        (None, Err(why)) => {
            let size = if why == NoOptimum::Larger { "larger" } else { "smaller" };
            Err(none(
                format!("By the {laws} law a {size} model is always better: it has no optimum for a budget."),
                "Launch runs of several sizes and token counts at one budget.",
            ))
        }
    }
}
