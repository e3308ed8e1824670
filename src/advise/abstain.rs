//! Abstention: what is missing for advice, and which run or fact would provide it.

use super::Evidence;
use super::matters::{LEVEL, Verdict};
use super::surface::Surface;
use crate::vocab::count::{counted, verb};
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Abstention, Scale};

/// Ratios below which no curve over ratios can be told from a line.
pub(super) const LEAST_RATIOS: usize = 3;

/// What stands in the way before anything is searched; empty where nothing does.
///
/// `needed`: indices of the metrics that are minimised or limited.
pub(super) fn obstacles(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    needed: &[usize],
    mixtures: &[Vec<f64>],
) -> Abstention {
    let project = evidence.project;
    if let Some(missing) = nothing_to_mix(evidence, mixtures) {
        let another = (project.domains.len() > 1).then(|| gap(evidence, mixtures));
        let would_help = another.into_iter().collect();
        return Abstention { reasons: vec![missing.clone()], would_help, nothing_to_mix: Some(missing) };
    }
    let mut found = Abstention::default();
    let mut add = |reason: String, help: String| {
        if !found.reasons.contains(&reason) {
            found.reasons.push(reason);
        }
        if !found.would_help.contains(&help) {
            found.would_help.push(help);
        }
    };
    let usable = |x: Option<f64>| x.is_some_and(|x| x.is_finite() && x > 0.0);
    if !usable(project.target.params) || !usable(project.target.tokens) {
        add(
            "The target's size or token count is unknown.".to_owned(),
            "Write it in the project file: target: { params: 7B, tokens: 20B }".to_owned(),
        );
    }
    if needed.is_empty() {
        add(
            "The objective gives no metric a weight.".to_owned(),
            "Name what to minimize in the project file: objective: { minimize: NAME }".to_owned(),
        );
    }
    if mixtures.len() < LEAST_RATIOS {
        add(
            format!(
                "The runs have {}; advice needs {LEAST_RATIOS} or more.",
                counted(mixtures.len(), "distinct ratio")
            ),
            gap(evidence, mixtures),
        );
    }
    for &domain in needed {
        let name = &project.metrics[domain].name;
        match &surfaces[domain] {
            None => {
                let metric = &project.metrics[domain].key;
                add(
                    format!("No law could be fitted to the {name} loss."),
                    format!(
                        "Log {metric} in runs with a known size, token count and mixture. `mixlaw check` lists what is missing."
                    ),
                );
            }
            Some(surface) => match surface.skill {
                None => add(
                    format!(
                        "The skill of the {} law for {name} is unknown: there are too few mixtures to hold any out.",
                        surface.law
                    ),
                    gap(evidence, mixtures),
                ),
                Some(skill) => {
                    if let Some(reason) = beaten(surface, skill, name) {
                        add(reason, still_compared(surface).unwrap_or_else(|| gap(evidence, mixtures)));
                    }
                }
            },
        }
    }
    found
}

/// What is predicted for a mixture and cannot be: a search finds such places where a law has any.
pub(super) fn impossible(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    needed: &[usize],
    scale: &Scale,
    weights: &[f64],
) -> Vec<String> {
    let reason = |surface: &Surface<'_>| {
        let at = surface.place(scale, weights);
        let value = evidence.project.unit_of(&surface.metric).logged(surface.best(&at));
        (!(surface.is_plausible)(&at)).then(|| {
            format!(
                "The {} law predicts {} for {} at the mixture that it would recommend, which is far from all that was \
                 measured.",
                surface.law,
                significant(value, 4),
                surface.domain
            )
        })
    };
    needed.iter().filter_map(|metric| surfaces.get(*metric)?.as_ref()).filter_map(reason).collect()
}

/// That something simpler predicts held-out losses as well as the law, as a sentence; `None` where nothing does.
fn beaten(surface: &Surface<'_>, skill: f64, name: &str) -> Option<String> {
    let law = &surface.law;
    if skill.is_nan() || skill <= 0.0 {
        return Some(format!(
            "The {law} law predicts held-out {name} losses no better than their mean (skill {skill:.2})."
        ));
    }
    let (rival, less) = surface.rival.as_ref().filter(|(_, less)| *less <= 0.0)?;
    let more = -100.0 * less;
    Some(format!(
        "The {law} law predicts held-out {name} losses no better than {rival}: its error is {more:.0} % larger."
    ))
}

/// That other laws may yet predict better, as a sentence; `None` where all were compared.
fn still_compared(surface: &Surface<'_>) -> Option<String> {
    let count = Some(surface.uncompared).filter(|count| *count > 0)?;
    Some(format!(
        "{} {} not compared yet and may predict better; the daemon goes on comparing.",
        counted(count, "law"),
        verb(count, "is", "are")
    ))
}

/// What a mixture takes that the project does not have; `None` where there is something to mix. One run, or runs of one
/// mixture, say nothing of another.
fn nothing_to_mix(evidence: &Evidence<'_>, mixtures: &[Vec<f64>]) -> Option<String> {
    if evidence.project.domains.len() < 2 {
        return Some("Advice on a mixture needs two or more corpora.".to_owned());
    }
    let runs = evidence.observed.fitted.first().map_or(0, |rows| rows.runs.len());
    match (runs, mixtures.len()) {
        (1, _) => {
            Some(format!("Advice on a mixture needs {LEAST_RATIOS} or more runs of other mixtures; there is one run."))
        }
        (_, 1) => Some(format!("Advice on a mixture needs runs of {LEAST_RATIOS} or more mixtures; these have one.")),
        _ => None,
    }
}

/// Adds that the runs do not show an effect of the mixture, and what would.
pub(super) fn without_effect(found: &mut Abstention, verdict: &Verdict, gap: String) {
    let (runs, mixtures) = (verdict.runs, verdict.mixtures);
    if verdict.least > LEVEL {
        found.reasons.push(format!(
            "{runs} runs of {mixtures} mixtures are too few to tell an effect of the mixture from the noise between runs."
        ));
        found.would_help.push("Repeat each mixture with another seed, or add runs with other mixtures.".to_owned());
    } else {
        found.reasons.push(format!(
            "The runs don't show that the mixture matters: with the mixtures shuffled between the runs, {:.0} % of tables \
             are predicted as well (at most {:.0} % is needed).",
            100.0 * verdict.p,
            100.0 * LEVEL
        ));
    }
    found.would_help.push(gap);
}

/// The run worth launching, of two corpora: at the middle of the widest gap between ratios of what is minimised, at the largest
/// size seen, which stands nearest to the target.
pub(super) fn gap(evidence: &Evidence<'_>, mixtures: &[Vec<f64>]) -> String {
    let project = evidence.project;
    // A share alone is no mixture of three.
    if project.domains.len() > 2 {
        return "Launch runs of other mixtures: `mixlaw next` proposes the most telling ones, `mixlaw design` a first sweep."
            .to_owned();
    }
    let lead = project.lead();
    let name = &project.domains[lead];
    let [low, high] = project.bounds.get(name).copied().unwrap_or([0.0, 1.0]);
    let mut marks: Vec<f64> = mixtures.iter().map(|m| m[lead]).filter(|w| (low..=high).contains(w)).collect();
    marks.sort_by(f64::total_cmp);
    let mut places = vec![(low, 0.0)];
    places.extend(marks.iter().map(|w| (*w, *w)));
    // A gap towards an end of the range is filled at the end itself.
    let inner = marks.windows(2).map(|w| (w[1] - w[0], (w[0] + w[1]) / 2.0));
    let ends = [(marks.first().map_or(high - low, |w| w - low), low), (marks.last().map_or(0.0, |w| high - w), high)];
    let (_, weight) = inner.chain(ends).fold((-1.0, 0.5), |best, next| if next.0 > best.0 { next } else { best });
    let sizes = evidence.observed.fitted.iter().flat_map(|o| o.rows.iter().map(|r| r.params));
    let largest = sizes.filter(|n| n.is_finite()).fold(0.0, f64::max);
    let size = if largest > 0.0 { format!(" at {} parameters", show_amount(largest)) } else { String::new() };
    format!("Launch a run with {name} = {weight:.2}{size}.")
}
