//! What a run has seen by a checkpoint, of one mixture or of several phases.

use super::RunRecord;
use super::counts::{self, TokenCount};
use crate::project::Project;
use crate::vocab::count::counted;
use crate::vocab::{Exposure, FactName, Mixture, Phase, PhaseEnd, PhaseError, ValueError};
use std::sync::Arc;

/// Most of a run's mixture that may lie on domains the project does not list before its rows are refused.
const UNLISTED: f64 = 5e-3;

/// Why no row of a run is used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Unusable {
    /// `where` leaves it out.
    #[error("it does not meet `where`")]
    LeftOut,
    /// It states no mixture, and none is assumed.
    #[error("mixture unknown (set facts.mixture)")]
    MixtureUnknown,
    /// What it states is no mixture.
    #[error(transparent)]
    NoMixture(#[from] ValueError),
    /// Where its phases end is not known.
    #[error(transparent)]
    Phases(#[from] PhaseError),
    /// Too much of its mixture is on domains that the project does not list.
    #[error("{percent:.0} % of its mixture is on unlisted domains ({domains})")]
    Unlisted {
        /// How much of it, percent.
        percent: f64,
        /// Those domains.
        domains: String,
    },
}

/// What laws make of runs that change their mixture.
pub(super) fn changes(runs: usize) -> String {
    format!(
        "{} {}: to laws it is the mean of what was seen so far, by tokens (mixlaw phases tells phases apart)",
        counted(runs, "run"),
        if runs == 1 { "changes its mixture" } else { "change their mixtures" }
    )
}

/// The mixtures of one run, each with the tokens at which it ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mixtures {
    /// One throughout.
    One(Vec<f64>),
    /// Several, one after another; the last ends at infinity.
    Phases(Vec<(f64, Vec<f64>)>),
}

impl Mixtures {
    /// Those of a run that states phases.
    pub fn of_phases(project: &Project, record: &RunRecord, phases: &[Phase]) -> Result<Self, Unusable> {
        let counts = TokenCount::of(record);
        let mut ends: Vec<(f64, Vec<f64>)> = Vec::with_capacity(phases.len());
        for (index, phase) in phases.iter().enumerate() {
            let end = end(phase, index, record, &counts)?;
            if ends.last().is_some_and(|(before, _)| end < *before) {
                return Err(PhaseError::Order(index + 1).into());
            }
            ends.push((end, listed(project, &phase.mixture)?));
        }
        Ok(Self::Phases(ends))
    }

    /// The mean of what has been seen by then, by tokens, and what of each phase.
    pub fn at(&self, tokens: f64) -> (Vec<f64>, Option<Arc<[Exposure]>>) {
        let phases = match self {
            Self::One(mixture) => return (mixture.clone(), None),
            Self::Phases(phases) => phases,
        };
        let mut seen: Vec<Exposure> = Vec::with_capacity(phases.len());
        let mut before = 0.0;
        for (end, mixture) in phases {
            let of_phase = tokens.min(*end) - before;
            if of_phase > 0.0 {
                seen.push(Exposure { tokens: of_phase, mixture: mixture.clone() });
            }
            before = *end;
        }
        // At the start nothing is seen yet; what comes first is the mixture.
        let first =
            || phases.iter().find(|(end, _)| *end > 0.0).map(|(_, mixture)| mixture.clone()).unwrap_or_default();
        let Some(domains) = seen.first().map(|exposure| exposure.mixture.len()) else { return (first(), None) };
        let mean = |domain: usize| seen.iter().map(|e| e.tokens * e.mixture[domain]).sum::<f64>() / tokens;
        ((0..domains).map(mean).collect(), Some(seen.into()))
    }
}

/// The mixture that a run should have seen by now: its own, or the mean of its phases so far, by tokens. `None` where it states
/// none, or not where its phases end.
#[must_use]
pub fn mixture_so_far(project: &Project, record: &RunRecord) -> Option<Mixture> {
    let Some(phases) = record.facts.phases() else { return record.facts.mixture().cloned() };
    let tokens = counts::latest_tokens(record)?;
    let (weights, _) = Mixtures::of_phases(project, record, phases).ok()?.at(tokens);
    Some(Mixture::from_weights(&project.domains, &weights))
}

/// Tokens at which a phase ends.
fn end(phase: &Phase, index: usize, record: &RunRecord, counts: &TokenCount<'_>) -> Result<f64, PhaseError> {
    let length = |end, what, fact| PhaseError::Length { phase: index + 1, end, what, fact };
    match phase.until {
        None => Ok(f64::INFINITY),
        Some(PhaseEnd::Tokens(tokens)) => Ok(tokens),
        Some(end @ PhaseEnd::Percent(percent)) => {
            // A run that has ended is as long as it is.
            let ended = || record.facts.text(FactName::Ended).and_then(|_| counts::latest_tokens(record));
            let planned = record.facts.planned_tokens().or_else(ended);
            Ok(planned.ok_or_else(|| length(end, "planned tokens are", "planned_tokens"))? * percent / 100.0)
        }
        Some(end @ PhaseEnd::Steps(steps)) => {
            #[allow(clippy::cast_possible_truncation)]
            let counted = counts.at(steps.round() as i64);
            let tokens = counted.or_else(|| Some(steps * record.facts.tokens_per_step()?));
            tokens.ok_or_else(|| length(end, "tokens a step are", "batch_tokens"))
        }
    }
}

/// Weights over the project's domains, summing to one.
pub(super) fn listed(project: &Project, mixture: &Mixture) -> Result<Vec<f64>, Unusable> {
    let (mixture, _) = mixture.normalised()?;
    let mut weights = mixture.weights(&project.domains);
    let sum: f64 = weights.iter().sum();
    if sum < 1.0 - UNLISTED {
        let others: Vec<&str> = mixture
            .0
            .iter()
            .filter(|(d, w)| **w > 0.0 && !project.domains.contains(d))
            .map(|(d, _)| d.as_str())
            .collect();
        return Err(Unusable::Unlisted { percent: 100.0 * (1.0 - sum), domains: others.join(", ") });
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use crate::observe::{observe, tests};
    use crate::vocab::{FactName, FactValue, Mixture, Phase};
    use std::sync::Arc;

    fn phased(until: &str) -> Vec<Phase> {
        let mixture = |rust: f64| Mixture([("prose".to_owned(), 1.0 - rust), ("rust".to_owned(), rust)].into());
        vec![Phase { until: until.parse().ok(), mixture: mixture(0.0) }, Phase { until: None, mixture: mixture(0.5) }]
    }

    #[test]
    fn a_checkpoint_has_seen_what_the_phases_up_to_it_had() {
        for (until, at) in [("50%", 819_200.0), ("200 steps", 819_200.0), ("819.2k tokens", 819_200.0)] {
            let (project, mut runs) = (tests::project(), tests::code_cpt());
            let run = runs.last_mut().unwrap();
            let name = run.name.clone();
            let facts = Arc::make_mut(&mut run.facts);
            facts.known.remove(&FactName::PlannedTokens);
            facts.offer(FactName::PlannedTokens, FactValue::Number(2.0 * at), "test");
            facts.offer(FactName::Phases, FactValue::Phases(phased(until)), "test");
            facts.settle_phases();
            let observed = observe(&project, &runs);
            let fitted = &observed.fitted[0];
            let index = fitted.runs.iter().position(|run| **run == *name).unwrap();
            let rows: Vec<_> = fitted.rows.iter().filter(|row| row.run == index).collect();
            assert!(rows.iter().any(|row| row.tokens < at) && rows.iter().any(|row| row.tokens > at));
            for row in rows {
                let exposures = row.phases.as_ref().unwrap();
                assert_eq!(exposures.len(), if row.tokens > at { 2 } else { 1 }, "{until}, {}", row.tokens);
                assert!((exposures.iter().map(|e| e.tokens).sum::<f64>() - row.tokens).abs() < 1e-6);
                let rust = 0.5 * (row.tokens - at).max(0.0) / row.tokens;
                assert!((row.mixture[1] - rust).abs() < 1e-9, "{until}: {:?}", row.mixture);
            }
            let record = runs.iter().find(|run| run.name == name).unwrap();
            let declared = super::mixture_so_far(&project, record).unwrap();
            let seen = record.series["eval/rust/loss"].last().unwrap().0 as f64 * 4096.0;
            assert!((declared.weight("rust") - 0.5 * (seen - at) / seen).abs() < 1e-6, "{declared:?}");
            assert!(fitted.dropped.iter().any(|d| d.contains("1 run changes its mixture")), "{:?}", fitted.dropped);
        }
    }

    #[test]
    fn a_run_whose_phases_have_no_known_end_is_refused_and_never_taken_for_one_of_them() {
        let (project, mut runs) = (tests::project(), tests::code_cpt());
        for run in &mut runs {
            let facts = Arc::make_mut(&mut run.facts);
            let lengths = [FactName::PlannedSteps, FactName::PlannedTokens, FactName::Ended, FactName::Tokens];
            lengths.iter().for_each(|name| drop(facts.known.remove(name)));
            facts.offer(FactName::Phases, FactValue::Phases(phased("80%")), "test");
            facts.settle_phases();
            facts.known.remove(&FactName::Mixture);
        }
        let observed = observe(&project, &runs);
        assert!(observed.fitted[0].rows.is_empty());
        let said = "phase 1 ends at 80%, and the run's planned tokens are unknown (set facts.planned_tokens)";
        assert!(observed.fitted[0].dropped.iter().any(|d| d.contains(said)), "{:?}", observed.fitted[0].dropped);
    }
}
