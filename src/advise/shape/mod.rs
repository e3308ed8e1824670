//! Recommendations of size and experts for a compute budget.
//!
//! Training takes 6·N_act·D FLOPs and serving 2·N_act for each token, so under a budget every kind of experts (E, K, G) and
//! every N_act leaves one D. Along that line [`optimum`] finds where the fitted laws are least, without a box, with an
//! interval over resamples of whole runs. Where the runs reach that place it is advised as the optimum. Where they do not,
//! the best place that they reach is advised, and called that; the optimum stands beside it. Where no run comes near the
//! budget, the optimum is an extrapolation, and one that its interval does not narrow down is not advised. Laws that do not
//! see what is traded are not asked. A run that was measured within the budget and reached a lower loss is advised itself.

mod budget;
mod cover;
mod curve;
mod kind;
mod least;
mod line;
mod optimum;
mod question;
#[cfg(test)]
mod tests;
mod trials;
mod words;

use super::surface::Surface;
use super::{Evidence, explored, in_use};
use crate::fit::isoflop::isoflops;
use crate::laws::Variable;
use crate::observe::target::expert_share;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Abstention, MeasuredShape, Scale, ShapeAdvice, ShapeOptimum, ShapeRecommendation, Standing};
pub use curve::{optimum_curves, published_optima};

use budget::Memory;
use cover::Cover;
use kind::{DENSE, ExpertShape, kind_of, moe};
use line::Limits;
use optimum::{NoOptimum, Place, Search};
use question::{Part, Question, none};

/// Probability of being better that a shape must reach to be advised in place of the target's.
const WORTH_PROBABILITY: f64 = 0.6;
/// The widest interval of an extrapolated optimum, upper end over lower end, that is still advised.
const TELLS: f64 = 10.0;

/// The best shape under the budget. `None` where it is not asked for: no budget is stated, and the runs do not differ in
/// their experts.
#[must_use]
pub fn shape(evidence: &Evidence<'_>) -> Option<ShapeAdvice> {
    let project = evidence.project;
    let minimize = project.objective_weights();
    let needed: Vec<usize> = (0..minimize.len()).filter(|d| minimize[*d] > 0.0).collect();
    let shapes = trained(evidence, &needed);
    if project.budget.is_none() && shapes.len() < 2 {
        return None;
    }
    Some(match advise(evidence, &minimize, &needed, &shapes) {
        Ok(advised) => ShapeAdvice::Recommendation(advised),
        Err(abstention) => ShapeAdvice::Abstained(abstention),
    })
}

/// Distinct shapes of the runs that the needed laws were fitted to.
fn trained(evidence: &Evidence<'_>, needed: &[usize]) -> Vec<ExpertShape> {
    let rows = needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)).flat_map(|o| &o.rows);
    let mut kinds: Vec<ExpertShape> = rows.map(kind_of).collect();
    kinds.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    kinds.dedup();
    kinds
}

/// The laws of the objective, or why they cannot be asked for a shape.
fn question<'f>(evidence: &Evidence<'f>, minimize: &[f64], needed: &[usize]) -> Result<Question<'f>, Abstention> {
    let project = evidence.project;
    let part = |d: &usize| {
        let fit = evidence.fits.get(*d).copied().flatten()?;
        let surface = Surface::of(fit, &project.metrics[*d].name, &project.domains);
        Some(Part { share: minimize[*d], fit, surface })
    };
    let parts: Vec<Part<'_>> = needed.iter().filter_map(part).collect();
    if parts.len() < needed.len() || parts.is_empty() {
        return Err(none("Not every loss of the objective has a fitted law.", "See what each law needs: mixlaw laws"));
    }
    if let Some(part) = parts.iter().find(|part| part.surface.skill.is_none_or(|skill| skill <= 0.0)) {
        let (law, domain) = (&part.surface.law, &part.surface.domain);
        let reason = format!("The {law} law for {domain} has no skill on held-out runs, so a shape would be a guess.");
        return Err(none(reason, "Launch runs at more sizes and numbers of experts."));
    }
    let (weights, _) = in_use(project, &explored(evidence, needed));
    let question = Question { parts, weights, seed: project.fit.seed };
    question.trades()?;
    Ok(question)
}

/// The kinds of experts to choose among, and what is said of those that are not.
struct Kinds {
    kinds: Vec<ExpertShape>,
    /// Whether the laws tell them apart.
    told_apart: bool,
    said: Vec<String>,
}

/// Kinds that were trained and are allowed. What the laws do not see of E, K and G stays as it is.
fn kinds(question: &Question<'_>, shapes: &[ExpertShape], own: ExpertShape, allowed: &[f64]) -> Kinds {
    let letters = [Variable::Experts, Variable::ExpertsPerToken, Variable::Granularity];
    let field = |kind: &ExpertShape, variable: Variable| match variable {
        Variable::Experts => kind.0,
        Variable::ExpertsPerToken => kind.1,
        _ => kind.2,
    };
    let varies = |variable: Variable| shapes.iter().any(|kind| field(kind, variable) != field(&shapes[0], variable));
    let routed: Vec<&ExpertShape> = shapes.iter().filter(|kind| kind.0 > 1.0).collect();
    // Of a dense model K and G are 1, which says nothing of how many experts a token should get.
    let among_routed =
        |variable: Variable| routed.iter().any(|kind| field(kind, variable) != field(routed[0], variable));
    let laws = question.laws().join(", ");
    if shapes.len() > 1 && varies(Variable::Experts) && !question.sees(Variable::Experts) {
        let said = format!(
            "The {laws} law does not depend on experts, so only size and tokens were traded, at the target's own shape."
        );
        return Kinds { kinds: vec![own], told_apart: false, said: vec![said] };
    }
    let mut kinds: Vec<ExpertShape> =
        shapes.iter().copied().filter(|kind| allowed.is_empty() || allowed.contains(&kind.0)).collect();
    let mut said = Vec::new();
    let model = if own.0 > 1.0 { Some(own) } else { routed.last().map(|kind| **kind) };
    for variable in &letters[1..] {
        let Some(model) = model.filter(|_| among_routed(*variable) && !question.sees(*variable)) else { continue };
        let held = field(&model, *variable);
        kinds.retain(|kind| kind.0 <= 1.0 || field(kind, *variable) == held);
        said.push(format!(
            "The {laws} law does not depend on {}, so it stays at {held}: no other value was considered.",
            variable.letter()
        ));
    }
    if kinds.is_empty() {
        kinds = vec![own];
    }
    Kinds { kinds, told_apart: true, said }
}

fn advise(
    evidence: &Evidence<'_>,
    minimize: &[f64],
    needed: &[usize],
    shapes: &[ExpertShape],
) -> Result<ShapeRecommendation, Abstention> {
    let project = evidence.project;
    let Some(target) = project.target.scale() else {
        return Err(none(
            "The target's size or token count is unknown.",
            "Write it in the project file: target: { params: 7B, tokens: 20B }",
        ));
    };
    let question = question(evidence, minimize, needed)?;
    let budget = project.budget.clone().unwrap_or_default();
    let inference_tokens = budget.inference_tokens.unwrap_or(0.0);
    let speeds = &evidence.observed.speeds;
    let (flops, spent) = budget::flops(&budget, speeds, target.moe.is_some()).map_err(|lacks| {
        let why = if lacks.why.is_empty() { String::new() } else { format!(" {}", lacks.why) };
        none(format!("{lacks}.{why}"), lacks.help())
    })?;
    let known = evidence.observed.fitted.iter().flat_map(|o| &o.rows);
    let known = known.map(|r| (r.params, moe(kind_of(r), r.active_params)));
    let limits = Limits {
        compute: flops.unwrap_or_else(|| target.compute() + 2.0 * target.active_params() * inference_tokens),
        inference_tokens,
        memory: Memory::of(&budget),
        share: expert_share(known),
    };
    let own = target.moe.map_or(DENSE, |m| (m.experts, m.experts_per_token, m.granularity));
    let mut kinds = kinds(&question, shapes, own, &budget.experts);
    kinds.said.extend(spent);
    let rows = needed.iter().filter_map(|d| evidence.observed.fitted.get(*d));
    let cover = Cover::of(rows, kinds.told_apart && shapes.len() > 1);
    let search = Search { question: &question, limits: &limits, kinds: &kinds.kinds, cover: &cover };
    let (best, standing, optimum) = chosen(&search)?;
    if let (Standing::Extrapolated, Some(optimum)) = (standing, &optimum) {
        agrees(evidence, needed, &limits, &best, optimum)?;
    }
    let measured = trials::best(evidence, needed, &question, &limits);
    let is_flat = |at: &Scale| {
        let flat = optimum.as_ref().is_some_and(|o| o.flat_params.contains(at.active_params()));
        flat && best.scale.moe.map(|m| m.experts) == at.moe.map(|m| m.experts)
    };
    // What was measured is not given up for what is predicted to be no better. Laws that do not tell kinds of experts apart
    // say nothing of another kind than their own.
    let comparable = |at: &Scale| kinds.told_apart || at.moe.is_some() == best.scale.moe.is_some();
    let wins = |run: &&MeasuredShape| run.loss < best.loss && !is_flat(&run.scale) && comparable(&run.scale);
    let winner = measured.as_ref().filter(wins);
    let (advised, standing) = winner.map_or((best.scale, standing), |run| (run.scale, Standing::Measured));

    let p_better = question.better(&advised, &target);
    let expected_now = question.objective(&target);
    let gain = expected_now - winner.map_or(best.loss, |run| run.loss);
    // Another budget than the target's is another question: its answer stands whether the target is better or not.
    let same_budget = (limits.cost(&target) / limits.compute - 1.0).abs() < 0.01;
    let keep = same_budget && (p_better < WORTH_PROBABILITY || gain <= 0.0);
    let advice = words::Said {
        question: &question,
        standing: if keep { Standing::Target } else { standing },
        best: &best,
        optimum: optimum.as_ref(),
        measured: measured.as_ref(),
        said: &kinds.said,
        advised: if keep { target } else { advised },
        gain,
        p_better,
    };
    let advised = advice.advised;
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
        reasons: advice.reasons(),
        optimum: optimum.map(Box::new),
        measured: measured.map(Box::new),
    })
}

/// Whether an extrapolated optimum is also that of the parabola method, where the runs are grouped by compute: far from all
/// runs two methods that fit equally well may differ by more than either's interval says.
fn agrees(
    evidence: &Evidence<'_>,
    needed: &[usize],
    limits: &Limits,
    best: &Place,
    optimum: &ShapeOptimum,
) -> Result<(), Abstention> {
    if limits.inference_tokens > 0.0 || best.limited {
        return Ok(());
    }
    for rows in needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)) {
        for (_, curve) in isoflops(rows, &[limits.compute], evidence.project.fit.seed) {
            let own = curve.moe.map_or(DENSE, |m| (m.experts, m.experts_per_token, m.granularity)) == best.kind;
            let there = curve.at.iter().find(|at| (at.compute / limits.compute - 1.0).abs() < 1e-6);
            let Some(at) = there.filter(|_| own) else { continue };
            let (law, parabola) = (best.scale.active_params(), at.params.value);
            if optimum.params.contains(parabola) && at.params.range.contains(law) {
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
    Ok(())
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
