//! Limits on metrics along the line of a budget: the sizes at which they are kept.
//!
//! A limit is what it comes to at a shape's own size and tokens, and is kept where a run would keep it with a probability of
//! [`SURE`], as for mixtures. Along a line the sizes that keep it lie next to each other: a loss first falls with the size and
//! then, for lack of tokens, rises again. Where they lie apart, those with the best of the objective count.

use super::kind::{ExpertShape, kind_at};
use super::line::Span;
use super::optimum::Search;
use super::question::{Question, none};
use super::words::describe;
use crate::advise::goal::Goal;
use crate::advise::limits::Setting;
use crate::advise::probability::{JointSamples, Scatter};
use crate::advise::surface::Surface;
use crate::advise::{Evidence, SURE, limited, resolve, surfaces};
use crate::laws::Variable;
use crate::project::{Base, Constraint};
use crate::vocab::{Abstention, MetricUnit, Scale};

/// How far beyond the runs and the optimum without limits is looked, in logarithms.
const BEYOND: f64 = 4.0;
/// Places of the first look along a line.
const PLACES: usize = 41;
/// Halvings of the distance between two places, one of which keeps the limits.
const HALVINGS: usize = 16;

/// What the limits are asked of.
struct Bounds<'q, 'f> {
    evidence: &'q Evidence<'f>,
    question: &'q Question<'f>,
    surfaces: Vec<Option<Surface<'f>>>,
    goal: Goal,
    scatter: Vec<Option<Scatter>>,
}

impl Bounds<'_, '_> {
    /// What `ask` makes of the joint samples at a shape. `None` where the limits come to nothing there.
    fn at<T>(&self, scale: &Scale, ask: impl FnOnce(&JointSamples<'_, '_>, &[f64]) -> T) -> Option<T> {
        let (evidence, weights) = (self.evidence, &self.question.weights);
        let seed = evidence.project.fit.seed;
        let at = Setting { scale: *scale, current: weights, seed, unit: MetricUnit::Nats };
        let limits = resolve(evidence, &self.surfaces, &at).ok()?;
        let joint = JointSamples {
            scale: *scale,
            surfaces: &self.surfaces,
            scatter: self.scatter.clone(),
            goal: &self.goal,
            limits: &limits,
            current: weights,
            // The mixture is the same on both sides.
            spacing: 1.0,
            tested: None,
        };
        Some(ask(&joint, weights))
    }

    /// ln(loss / limit) that is not exceeded with a probability of [`SURE`].
    fn excess(&self, scale: &Scale) -> f64 {
        self.at(scale, |joint, weights| joint.excess_at(weights, SURE)).unwrap_or(f64::INFINITY)
    }

    fn probability(&self, scale: &Scale) -> f64 {
        self.at(scale, |joint, weights| joint.within(weights)).unwrap_or(0.0)
    }
}

/// The sizes that keep the project's limits, of each kind of experts that has any; nothing where there are no limits.
///
/// # Errors
/// A limit that the laws cannot tell of, or one that no shape keeps.
pub(super) fn spans(evidence: &Evidence<'_>, search: &Search<'_, '_>) -> Result<Vec<Span>, Abstention> {
    let limits = &evidence.project.objective.subject_to;
    if limits.is_empty() {
        return Ok(Vec::new());
    }
    let bounds = bounds(evidence, search.question)?;
    let mut nearest: Option<(f64, Scale)> = None;
    let mut of = |kind: &ExpertShape| of_kind(&bounds, search, *kind, &mut nearest);
    let spans: Vec<Span> = search.kinds.iter().filter_map(&mut of).collect();
    if !spans.is_empty() {
        return Ok(spans);
    }
    let reason = match nearest {
        Some((_, scale)) => format!(
            "No shape within this budget keeps {} with a probability of {:.0} %; the nearest, {}, does with {:.0} %.",
            texts(limits),
            100.0 * SURE,
            describe(&scale),
            100.0 * bounds.probability(&scale)
        ),
        None => format!("No shape within this budget keeps {}.", texts(limits)),
    };
    Err(none(reason, "Loosen the limit in the project file (objective: subject_to), or raise the budget."))
}

/// `'rust <= 2.1' and 'prose <= 3'`.
pub(super) fn texts(limits: &[Constraint]) -> String {
    limits.iter().map(|limit| format!("'{}'", limit.text)).collect::<Vec<_>>().join(" and ")
}

/// How sure it is that a run of a shape keeps the limits, a sentence; `None` where there are none.
pub(super) fn said(evidence: &Evidence<'_>, question: &Question<'_>, scale: &Scale) -> Option<String> {
    let limits = &evidence.project.objective.subject_to;
    let bounds = bounds(evidence, question).ok().filter(|_| !limits.is_empty())?;
    Some(format!("Probability that a run keeps {}: {:.0} %.", texts(limits), 100.0 * bounds.probability(scale)))
}

/// Whether the limits may be asked of the laws at all.
fn bounds<'q, 'f>(evidence: &'q Evidence<'f>, question: &'q Question<'f>) -> Result<Bounds<'q, 'f>, Abstention> {
    let project = evidence.project;
    let surfaces = surfaces(evidence);
    for limit in &project.objective.subject_to {
        let Some(metric) = project.metric_index(&limit.metric) else { continue };
        let (text, name) = (&limit.text, &limit.metric);
        let (Some(fit), Some(surface)) = (evidence.fits.get(metric).copied().flatten(), &surfaces[metric]) else {
            let reason = format!("No law is fitted to {name}, so which shapes keep '{text}' is unknown.");
            return Err(none(reason, "See what each law needs: mixlaw laws"));
        };
        let blind = [(Variable::Params, "N"), (Variable::Tokens, "D")].into_iter().find(|(v, _)| !fit.sees(*v));
        // Beside the mixture in use a shape with the same mixture is as good, whatever the law sees.
        if let (Some((_, letter)), true) = (blind, limit.base != Base::Current) {
            let reason = format!(
                "The {} law for {name} does not see {letter} in these runs, so which shapes keep '{text}' is unknown.",
                surface.law
            );
            return Err(none(
                reason,
                "Launch runs of several sizes and token counts; or name another law: mixlaw laws",
            ));
        }
        if surface.skill.is_none_or(|skill| skill <= 0.0) {
            let reason = format!(
                "The {} law for {name} has no skill on held-out runs, so which shapes keep '{text}' would be a guess.",
                surface.law
            );
            return Err(none(reason, "Launch runs at more sizes and token counts."));
        }
    }
    // What else may be wrong with a limit is so at every scale.
    let scale = project.target.scale().or_else(|| {
        let rows = &evidence.observed.fitted.iter().find(|rows| !rows.rows.is_empty())?.rows;
        rows.last().map(Scale::of)
    });
    if let Some(scale) = scale {
        let at = Setting { scale, current: &question.weights, seed: project.fit.seed, unit: MetricUnit::Nats };
        resolve(evidence, &surfaces, &at)?;
    }
    let goal = Goal::mean(project.objective_weights());
    let limited: Vec<usize> = limited(project).collect();
    let scatter = |(m, surface): (usize, &Option<Surface<'_>>)| {
        let rows = evidence.observed.fitted.get(m).filter(|_| limited.contains(&m))?;
        Some(Scatter::new(surface.as_ref()?, rows, project.fit.seed ^ ((m as u64 + 1) << 32)))
    };
    let scatter = surfaces.iter().enumerate().map(scatter).collect();
    Ok(Bounds { evidence, question, surfaces, goal, scatter })
}

fn of_kind(
    bounds: &Bounds<'_, '_>,
    search: &Search<'_, '_>,
    kind: ExpertShape,
    nearest: &mut Option<(f64, Scale)>,
) -> Option<Span> {
    let most = search.limits.most(kind);
    let free = search.of_kind(None, kind).ok().map(|place| place.ln_active);
    let reached = search.cover.sizes(kind);
    let ends = free.map(|n| (n, n)).into_iter().chain(reached);
    let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let (low, high) = (low - BEYOND, (high + BEYOND).min(most));
    let place = |i: usize| low + (high - low) * i as f64 / (PLACES - 1) as f64;
    let excess = |ln: f64| search.limits.scale(kind, ln).map_or(f64::INFINITY, |scale| bounds.excess(&scale));
    let excesses: Vec<f64> = (0..PLACES).map(|i| excess(place(i))).collect();
    for (i, excess) in excesses.iter().enumerate() {
        let scale = search.limits.scale(kind, place(i));
        if let Some(scale) = scale.filter(|_| nearest.is_none_or(|(least, _)| *excess < least)) {
            *nearest = Some((*excess, scale));
        }
    }
    let kept = |i: &usize| excesses[*i] <= 0.0;
    let losses = search.losses(kind, &(0..PLACES).map(place).collect::<Vec<_>>());
    let best = (0..PLACES).filter(kept).min_by(|a, b| losses[*a].total_cmp(&losses[*b]))?;
    let first = (0..=best).rev().take_while(kept).last()?;
    let last = (best..PLACES).take_while(kept).last()?;
    let edge = |mut inside: f64, mut outside: f64| {
        for _ in 0..HALVINGS {
            let middle = 0.5 * (inside + outside);
            if excess(middle) <= 0.0 { inside = middle } else { outside = middle }
        }
        inside
    };
    Some(Span {
        kind,
        low: if first == 0 { f64::NEG_INFINITY } else { edge(place(first), place(first - 1)) },
        high: if last + 1 == PLACES { f64::INFINITY } else { edge(place(last), place(last + 1)) },
    })
}

/// Whether a shape on the line of the budget keeps the limits.
pub(super) fn keeps(spans: &[Span], scale: &Scale) -> bool {
    let kind = kind_at(scale);
    spans.is_empty() || spans.iter().any(|span| span.kind == kind && span.holds(scale.active_params().ln()))
}
