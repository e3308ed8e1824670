//! Recommendations of size and experts for a compute budget.
//!
//! Training takes 6·N_act·D FLOPs and serving 2·N_act for each token, so under a budget every shape (E, K, G) and every
//! N_act leaves one D. [`shape`] lets the fitted laws say which of these reaches the lowest objective with the mixture
//! in use. It stays where runs or the user's own target have been: shapes that were trained, N_act and D no further out
//! than the runs and the target. A law that does not see experts is only asked for N against D at the target's shape:
//! by its own light experts would be parameters for nothing.

use super::samples::{SAMPLES, draw_of};
use super::surface::Surface;
use super::{Evidence, explored, in_use};
use crate::forecast::spread::{quantile, shuffled_levels};
use crate::observe::target::{ExpertShare, expert_share};
use crate::vocab::number::show_amount;
use crate::vocab::{Abstention, EXTRAPOLATES, Moe, Observation, Scale, ShapeAdvice, ShapeRecommendation};

/// Places tried along N_act, evenly in its logarithm: neighbours differ by a few percent over two decades.
const SIZES: usize = 96;
/// Beyond this many times the largest run the advice is called an extrapolation.
const FAR_OUT: f64 = 1.5;
/// Probability of being better that a shape must reach to be advised in place of the target's.
const WORTH_PROBABILITY: f64 = 0.6;

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

/// What a shape is apart from its size: E, K and G.
type ExpertShape = (f64, f64, f64);

fn kind_of(row: &Observation) -> ExpertShape {
    (row.experts, row.experts_per_token, row.granularity)
}

/// Distinct shapes of the runs that the needed laws were fitted to.
fn trained(evidence: &Evidence<'_>, needed: &[usize]) -> Vec<ExpertShape> {
    let rows = needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)).flat_map(|o| &o.rows);
    let mut kinds: Vec<ExpertShape> = rows.map(kind_of).collect();
    kinds.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    kinds.dedup();
    kinds
}

/// The question at hand: laws, weights, budget.
struct Question<'q, 'f> {
    /// Domain, share of the objective, law.
    parts: Vec<(f64, &'q Surface<'f>)>,
    weights: Vec<f64>,
    seed: u64,
}

impl Question<'_, '_> {
    /// The objective by the best guess, nats.
    fn objective(&self, scale: &Scale) -> f64 {
        self.parts.iter().map(|(share, surface)| share * (surface.best)(&surface.place(scale, &self.weights))).sum()
    }

    /// Probability that one run reaches a lower objective than another; each has its own draw of the scatter around the laws.
    fn better(&self, here: &Scale, there: &Scale) -> f64 {
        let mut difference = vec![0.0; SAMPLES];
        for (part, (share, surface)) in self.parts.iter().enumerate() {
            let losses = |scale: &Scale, salt: u64| {
                let place = surface.place(scale, &self.weights);
                let (best, draws) = ((surface.best)(&place), (surface.draws)(&place));
                let levels = shuffled_levels(SAMPLES, self.seed ^ salt ^ (part as u64) << 8);
                let noise = levels.into_iter().map(|p| match surface.residuals {
                    [] => 0.0,
                    residuals => quantile(residuals, p),
                });
                let losses = noise.enumerate().map(|(s, e)| draw_of(&draws, s, best) * e.exp());
                losses.collect::<Vec<f64>>()
            };
            for (sum, (a, b)) in difference.iter_mut().zip(losses(here, 0x48).into_iter().zip(losses(there, 0x54))) {
                *sum += share * (a - b);
            }
        }
        let lower = difference.iter().filter(|d| **d < 0.0).count() as f64;
        (lower + 0.5) / (SAMPLES + 1) as f64
    }

    /// Whether the laws tell experts from parameters.
    fn sees_experts(&self, at: &Scale, kinds: &[ExpertShape]) -> bool {
        let with = |kind: &ExpertShape| Scale { moe: Some(moe(*kind, at.active_params())), ..*at };
        let losses: Vec<f64> = kinds.iter().map(|k| self.objective(&with(k))).collect();
        losses.windows(2).any(|w| (w[0] - w[1]).abs() > 1e-12)
    }
}

fn moe((experts, experts_per_token, granularity): ExpertShape, active_params: f64) -> Moe {
    Moe { active_params, experts, experts_per_token, granularity }
}

/// Where shapes may be looked for.
struct Limits {
    /// FLOPs for training, and for serving where that is stated.
    compute: f64,
    inference_tokens: f64,
    max_params: f64,
    active: (f64, f64),
    tokens: f64,
    /// What of a model is in experts.
    share: ExpertShare,
}

impl Limits {
    /// The run of this kind and size that uses the budget up.
    fn scale(&self, kind: ExpertShape, active: f64) -> Option<Scale> {
        let tokens = (self.compute / active - 2.0 * self.inference_tokens) / 6.0;
        let params = active * self.share.total_over_active(kind.0 / kind.1);
        let moe = (kind.0 > 1.0).then(|| moe(kind, active));
        let fits = tokens > 0.0 && tokens <= self.tokens * 1.001 && params <= self.max_params * 1.001;
        fits.then_some(Scale { params, tokens, moe })
    }
}

fn advise(
    evidence: &Evidence<'_>,
    minimize: &[f64],
    needed: &[usize],
    shapes: &[ExpertShape],
) -> Result<ShapeRecommendation, Abstention> {
    let project = evidence.project;
    let none = |reason: &str, help: &str| Abstention {
        reasons: vec![reason.to_owned()],
        would_help: vec![help.to_owned()],
        nothing_to_mix: None,
    };
    let Some(target) = project.target.scale() else {
        return Err(none(
            "The target's size or token count is unknown.",
            "Write it in the project file: target: { params: 7B, tokens: 20B }",
        ));
    };
    let surfaces: Vec<(f64, Surface<'_>)> = needed
        .iter()
        .filter_map(|d| {
            let fit = evidence.fits.get(*d).copied().flatten()?;
            Some((minimize[*d], Surface::of(fit, &project.metrics[*d].name, &project.domains)))
        })
        .collect();
    if surfaces.len() < needed.len() || surfaces.is_empty() {
        return Err(none("Not every loss of the objective has a fitted law.", "See what each law needs: mixlaw laws"));
    }
    if let Some((_, surface)) = surfaces.iter().find(|(_, s)| s.skill.is_none_or(|skill| skill <= 0.0)) {
        let reason = format!(
            "The {} law for {} has no skill on held-out runs, so a shape would be a guess.",
            surface.law, surface.domain
        );
        return Err(none(&reason, "Launch runs at more sizes and numbers of experts."));
    }
    let (weights, _) = in_use(project, &explored(evidence, needed));
    let question = Question {
        parts: surfaces.iter().map(|(share, surface)| (*share, surface)).collect(),
        weights,
        seed: project.fit.seed,
    };
    let budget = project.budget.clone().unwrap_or_default();
    let inference_tokens = budget.inference_tokens.unwrap_or(0.0);
    let rows = || needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)).flat_map(|o| &o.rows);
    let seen = |of: fn(&Observation) -> f64| {
        rows().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (active, tokens) = (seen(|r| r.active_params), seen(|r| r.tokens));
    let known = evidence.observed.fitted.iter().flat_map(|o| &o.rows);
    let known = known.map(|r| (r.params, moe(kind_of(r), r.active_params)));
    let mut limits = Limits {
        compute: budget.compute.unwrap_or_else(|| target.compute() + 2.0 * target.active_params() * inference_tokens),
        inference_tokens,
        max_params: budget.max_params.unwrap_or(f64::INFINITY),
        active: (active.0.min(target.active_params()), active.1.max(target.active_params())),
        tokens: tokens.1.max(target.tokens),
        share: expert_share(known),
    };
    // More than that can take: further out in both, as far as the budget goes.
    let beyond = limits.compute / ((6.0 * limits.tokens + 2.0 * inference_tokens) * limits.active.1);
    if beyond > 1.0 {
        limits.active.1 *= beyond.sqrt();
        limits.tokens *= beyond.sqrt() * 1.001;
    }
    let own = target.moe.map_or((1.0, 1.0, 1.0), |m| (m.experts, m.experts_per_token, m.granularity));
    let allowed = |kind: &ExpertShape| budget.experts.is_empty() || budget.experts.contains(&kind.0);
    let mut kinds: Vec<ExpertShape> = shapes.iter().copied().filter(allowed).collect();
    let blind = shapes.len() > 1 && !question.sees_experts(&target, shapes);
    if blind || kinds.is_empty() {
        kinds = vec![own];
    }
    let best = best(&question, &limits, &kinds).ok_or_else(|| {
        none(
            "No shape inside the explored range fits the budget.",
            "Raise the budget in the project file: budget: { compute: 1e21 }",
        )
    })?;
    let (p_better, gain) = (question.better(&best, &target), question.objective(&target) - question.objective(&best));
    // Another budget than the target's is another question: its answer stands whether the target is better or not.
    let same_budget = (limits.compute / target.compute() - 1.0).abs() < 0.01;
    let keep = same_budget && (p_better < WORTH_PROBABILITY || gain <= 0.0);
    let advised = if keep { target } else { best };
    let mut reasons = Vec::new();
    if keep {
        reasons.push(format!(
            "The runs can't tell the target's shape from the best one found ({}: {gain:.4} nats lower, probability {:.0} %).",
            describe(&best),
            100.0 * p_better
        ));
    }
    if blind {
        reasons.push(format!(
            "The {} law does not depend on experts, so only size and tokens were traded, at the target's own shape.",
            question.parts.iter().map(|(_, s)| s.law.as_str()).collect::<Vec<_>>().join(", ")
        ));
    }
    let at_edge = |value: f64, edge: f64| (value / edge).ln().abs() < 0.03;
    for (edge, what) in [
        (at_edge(advised.active_params(), limits.active.1), "larger"),
        (at_edge(advised.active_params(), limits.active.0), "smaller"),
        (at_edge(advised.tokens, limits.tokens), "that trains longer"),
    ] {
        if edge && !keep {
            reasons.push(if what.starts_with("that") {
                format!("A model {what} may do better; no run tests it.")
            } else {
                format!("A {what} model may do better; no run tests it.")
            });
        }
    }
    let distance = |surface: &Surface<'_>| {
        let far = (surface.extrapolation)(&surface.place(&advised, &question.weights));
        far.params.max(far.tokens)
    };
    let far = question.parts.iter().map(|(_, surface)| distance(surface)).fold(0.0, f64::max);
    if far > FAR_OUT {
        reasons.push(format!("{far:.1} × the largest run: {EXTRAPOLATES}"));
    }
    reasons.extend(question.parts.iter().filter_map(|(_, surface)| surface.trust("held-out runs")));
    let expected = question.parts.iter().filter_map(|(_, surface)| {
        let place = |scale| surface.place(scale, &question.weights);
        Some((surface.metric.clone(), surface.expected(&place(&advised), &place(&target), None)?))
    });
    Ok(ShapeRecommendation {
        expected: expected.collect(),
        compute: limits.compute,
        p_better: if keep { 0.5 } else { p_better },
        gain: if keep { 0.0 } else { gain },
        advised,
        current: target,
        reasons,
    })
}

/// The lowest objective over shapes and sizes.
fn best(question: &Question<'_, '_>, limits: &Limits, kinds: &[ExpertShape]) -> Option<Scale> {
    let (low, high) = (limits.active.0.ln(), limits.active.1.ln());
    let sizes = (0..SIZES).map(|i| (low + (high - low) * i as f64 / (SIZES - 1) as f64).exp());
    let scales = sizes.flat_map(|active| kinds.iter().filter_map(move |kind| limits.scale(*kind, active)));
    let scored = scales.map(|scale| (question.objective(&scale), scale)).filter(|(loss, _)| loss.is_finite());
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, scale)| scale)
}

/// A shape inside a sentence.
fn describe(scale: &Scale) -> String {
    let size = match scale.moe {
        Some(moe) => format!("{moe} of {}", show_amount(scale.params)),
        None => format!("a dense model of {}", show_amount(scale.params)),
    };
    format!("{size} and {} tokens", show_amount(scale.tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Fit, Options, fit};
    use crate::observe::Observed;
    use crate::project::{Budget, Project, Target};
    use crate::vocab::Observations;

    /// Losses in which experts are worth exactly N_act·E^0.3 dense parameters, without noise.
    fn loss(row: &Observation) -> f64 {
        1.5 + 40.0 / (row.active_params * row.experts.powf(0.3)).powf(0.3) + 120.0 / row.tokens.powf(0.3)
    }

    fn sweep(laws: &[&str]) -> (Project, Observed, Vec<Fit>) {
        let mut rows = Vec::new();
        let mut runs = Vec::new();
        for active in [1e6, 3e6, 1e7, 3e7] {
            for experts in [1.0, 2.0, 4.0, 8.0, 16.0] {
                for tokens in [1e8, 3e8, 1e9] {
                    let params = active * (1.0 + 0.5 * (experts - 1.0));
                    let moe = (experts > 1.0).then(|| moe((experts, 1.0, 1.0), active));
                    let mut row = Scale { params, tokens, moe }.at(vec![1.0]);
                    row.loss = loss(&row);
                    row.run = runs.len();
                    runs.push(format!("{active} {experts} {tokens}"));
                    rows.push(row);
                }
            }
        }
        let fitted = Observations {
            metric: "loss".to_owned(),
            domains: vec!["web".to_owned()],
            own: Some(0),
            runs,
            rows,
            ..Observations::default()
        };
        let project = Project {
            domains: vec!["web".to_owned()],
            metrics: vec![crate::vocab::Metric::of_domain("web", "loss")],
            target: Target { params: Some(3e7), tokens: Some(1e9), ..Target::default() },
            ..Project::default()
        };
        let options = Options { bootstraps: 20, ..Options::default() };
        let fits = laws.iter().map(|law| fit(law, &fitted, &options, None).unwrap()).collect();
        (project, Observed { fitted: vec![fitted], starts: vec![Observations::default()] }, fits)
    }

    fn ask(project: &Project, observed: &Observed, fits: &[Fit]) -> Option<ShapeAdvice> {
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        shape(&Evidence { project, observed, fits: &fits, extrapolate: false })
    }

    #[test]
    fn experts_that_help_are_advised_and_the_budget_is_used_up() {
        let (mut project, observed, fits) = sweep(&["joint-moe"]);
        let Some(ShapeAdvice::Recommendation(advised)) = ask(&project, &observed, &fits) else { panic!() };
        assert_eq!(advised.advised.moe.unwrap().experts, 16.0, "{advised:?}");
        assert!((advised.advised.compute() / 1.8e17 - 1.0).abs() < 1e-6, "{advised:?}");
        assert!(advised.gain > 0.0 && advised.p_better > 0.9, "{advised:?}");
        project.budget = Some(Budget { max_params: Some(3e7), experts: vec![1.0, 4.0], ..Budget::default() });
        let Some(ShapeAdvice::Recommendation(small)) = ask(&project, &observed, &fits) else { panic!() };
        assert!(small.advised.params <= 3.01e7, "{small:?}");
        assert!(small.advised.moe.is_none_or(|m| m.experts == 4.0), "{small:?}");
    }

    #[test]
    fn a_budget_beyond_the_runs_is_used_up_and_called_an_extrapolation() {
        let (mut project, observed, fits) = sweep(&["joint-moe"]);
        project.budget = Some(Budget { compute: Some(1e20), ..Budget::default() });
        let Some(ShapeAdvice::Recommendation(far)) = ask(&project, &observed, &fits) else { panic!() };
        assert!((far.advised.compute() / 1e20 - 1.0).abs() < 1e-6, "{far:?}");
        assert!(far.reasons.iter().any(|r| r.contains("the laws extrapolate")), "{far:?}");
    }

    #[test]
    fn tokens_that_are_served_make_the_model_smaller() {
        let (mut project, observed, fits) = sweep(&["joint-moe"]);
        let active = |inference_tokens: Option<f64>, project: &mut Project| {
            project.budget = Some(Budget { compute: Some(1e17), inference_tokens, ..Budget::default() });
            let Some(ShapeAdvice::Recommendation(advised)) = ask(project, &observed, &fits) else { panic!() };
            advised.advised.active_params()
        };
        let trained = active(None, &mut project);
        let served = active(Some(3e9), &mut project);
        assert!(served < trained, "{served} {trained}");
    }

    #[test]
    fn a_law_that_does_not_see_experts_gives_none_away() {
        let (project, observed, fits) = sweep(&["chinchilla"]);
        match ask(&project, &observed, &fits) {
            Some(ShapeAdvice::Recommendation(advised)) => {
                assert_eq!(advised.advised.moe, None);
                assert!(advised.reasons.iter().any(|r| r.contains("does not depend on experts")), "{advised:?}");
            }
            other => panic!("{other:?}"),
        }
        let (mut dense, mut observed, _) = sweep(&[]);
        observed.fitted[0].rows.retain(|r| r.experts == 1.0);
        dense.laws = vec!["chinchilla".to_owned()];
        assert_eq!(ask(&dense, &observed, &[]), None);
    }
}
