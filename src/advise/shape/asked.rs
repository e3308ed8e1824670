//! What is asked of the laws: what may be spent, the kinds of experts to choose among, and where the runs reach.

use super::budget::{self, Memory};
use super::cover::Cover;
use super::kind::{DENSE, ExpertShape, Kinds, kind_at, kind_of, kinds, moe};
use super::line::{Limits, Span};
use super::optimum::Search;
use super::question::{Part, Question, none};
use super::within;
use crate::advise::surface::Surface;
use crate::advise::{Evidence, explored, in_use};
use crate::observe::target::expert_share;
use crate::vocab::{Abstention, Scale};

/// How much more than the budget a run may have taken: rounding of sizes and steps.
const ROUNDING: f64 = 1.02;

/// The question about a project's shape.
pub(super) struct Asked<'f> {
    /// Indices of the metrics that are minimised.
    pub needed: Vec<usize>,
    pub question: Question<'f>,
    pub limits: Limits,
    pub kinds: Kinds,
    pub cover: Cover,
    /// The sizes that keep the limits on metrics; none where there are no limits.
    pub spans: Vec<Span>,
}

/// Indices of the metrics that are minimised.
pub(super) fn needed(minimize: &[f64]) -> Vec<usize> {
    (0..minimize.len()).filter(|d| minimize[*d] > 0.0).collect()
}

/// Distinct shapes of the runs that the needed laws were fitted to.
pub(super) fn trained(evidence: &Evidence<'_>, needed: &[usize]) -> Vec<ExpertShape> {
    let rows = needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)).flat_map(|o| &o.rows);
    let mut kinds: Vec<ExpertShape> = rows.map(kind_of).collect();
    kinds.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    kinds.dedup();
    kinds
}

impl<'f> Asked<'f> {
    /// What the project asks. `target`: the run that it plans, whose compute is the budget where none is stated.
    ///
    /// # Errors
    /// Why the laws cannot be asked.
    pub fn of(evidence: &Evidence<'f>, target: Option<Scale>) -> Result<Self, Abstention> {
        let project = evidence.project;
        let minimize = project.objective_weights();
        let needed = needed(&minimize);
        let shapes = trained(evidence, &needed);
        let question = question(evidence, &minimize, &needed)?;
        let budget = project.budget.clone().unwrap_or_default();
        let inference_tokens = budget.inference_tokens.unwrap_or(0.0);
        let routed = target.is_some_and(|target| target.moe.is_some());
        let (flops, spent) = budget::flops(&budget, &evidence.observed.speeds, routed).map_err(|lacks| {
            let why = if lacks.why.is_empty() { String::new() } else { format!(" {}", lacks.why) };
            none(format!("{lacks}.{why}"), lacks.help())
        })?;
        let own = |target: Scale| target.compute() + 2.0 * target.active_params() * inference_tokens;
        let Some(compute) = flops.or(target.map(own)) else {
            return Err(none(
                "No budget is stated, and the target's size or token count is unknown.",
                "State a budget: --flops 1e21, or in the project file: budget: { compute: 1e21 }",
            ));
        };
        let known = evidence.observed.fitted.iter().flat_map(|o| &o.rows);
        let known = known.map(|r| (r.params, moe(kind_of(r), r.active_params)));
        let limits = Limits { compute, inference_tokens, memory: Memory::of(&budget), share: expert_share(known) };
        let own = target.as_ref().map_or(DENSE, kind_at);
        let mut kinds = kinds(&question, &shapes, own, &budget.experts)?;
        kinds.said.extend(spent);
        let rows = needed.iter().filter_map(|d| evidence.observed.fitted.get(*d));
        let cover = Cover::of(rows, kinds.told_apart && shapes.len() > 1);
        let mut asked = Self { needed, question, limits, kinds, cover, spans: Vec::new() };
        asked.spans = within::spans(evidence, &asked.search())?;
        if !asked.spans.is_empty() {
            let spans = &asked.spans;
            asked.kinds.kinds.retain(|kind| spans.iter().any(|span| span.kind == *kind));
        }
        Ok(asked)
    }

    /// The search for the best shape.
    pub fn search(&self) -> Search<'_, 'f> {
        Search {
            question: &self.question,
            limits: &self.limits,
            kinds: &self.kinds.kinds,
            cover: &self.cover,
            spans: &self.spans,
        }
    }

    /// Whether a shape is an answer at all: of a kind that is considered, within the budget, the memory and the total
    /// parameters. Limits on metrics are [`within`]'s, and of measured runs [`super::trials`]'.
    pub fn admits(&self, scale: &Scale) -> bool {
        self.kinds.kinds.contains(&kind_at(scale))
            && self.limits.cost(scale) <= ROUNDING * self.limits.compute
            && self.limits.memory.taken(scale.params, scale.active_params()) <= 1.0
    }
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
