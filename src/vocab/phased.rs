//! The mixture of a run by its phases.

use super::phase::mean_mixture;
use super::{FactName, FactValue, Facts, Phase, PhaseEnd, PhaseError, Sourced};

/// Where each phase ends, as a part of the whole run; the last at 1. A phase that begins after the end of the run has no
/// length.
///
/// # Errors
/// [`PhaseError::Length`] where the facts do not say how long the run is, and [`PhaseError::Order`].
pub fn phase_ends(phases: &[Phase], facts: &Facts) -> Result<Vec<f64>, PhaseError> {
    let tokens = facts.planned_tokens();
    let steps = facts.number(FactName::PlannedSteps).or_else(|| Some(tokens? / facts.tokens_per_step()?));
    let mut ends: Vec<f64> = Vec::with_capacity(phases.len());
    for (index, phase) in phases.iter().enumerate() {
        let unknown = |end, what, fact| PhaseError::Length { phase: index + 1, end, what, fact };
        let end = match phase.until {
            None => 1.0,
            Some(PhaseEnd::Percent(percent)) => percent / 100.0,
            Some(end @ PhaseEnd::Steps(at)) => {
                at / steps.ok_or_else(|| unknown(end, "planned steps are", "planned_steps"))?
            }
            Some(end @ PhaseEnd::Tokens(at)) => {
                at / tokens.ok_or_else(|| unknown(end, "planned tokens are", "planned_tokens"))?
            }
        };
        if ends.last().is_some_and(|before| end.min(1.0) < *before) {
            return Err(PhaseError::Order(index + 1));
        }
        ends.push(end.min(1.0));
    }
    Ok(ends)
}

impl Facts {
    /// The phases, where the run has any.
    #[must_use]
    pub fn phases(&self) -> Option<&[Phase]> {
        match &self.known.get(&FactName::Phases)?.value {
            FactValue::Phases(phases) => Some(phases),
            _ => None,
        }
    }

    /// Makes the mixture of a run with phases the mean of theirs by tokens, or none where the run's length is not known: it is
    /// never that of one phase.
    pub fn settle_phases(&mut self) {
        let Some((phases, source)) = self.known.get(&FactName::Phases).and_then(|fact| match &fact.value {
            FactValue::Phases(phases) => Some((phases.clone(), format!("{}, mean by tokens", fact.source))),
            _ => None,
        }) else {
            return;
        };
        // What another source calls the mixture of the run may be that of a phase.
        let of_a_phase = |value: &FactValue| {
            let mixture = if let FactValue::Mixture(mixture) = value { mixture } else { return false };
            phases.iter().any(|phase| {
                let domains = phase.mixture.0.keys().chain(mixture.0.keys());
                domains.into_iter().all(|d| (phase.mixture.weight(d) - mixture.weight(d)).abs() < 1e-3)
            })
        };
        self.conflicts.retain(|c| c.name != FactName::Mixture || !of_a_phase(&c.other.value));
        let other = self.known.remove(&FactName::Mixture).filter(|other| !of_a_phase(&other.value));
        if let Ok(ends) = phase_ends(&phases, self) {
            let kept = Sourced { value: FactValue::Mixture(mean_mixture(&phases, &ends)), source };
            self.known.insert(FactName::Mixture, kept);
            if let Some(other) = other {
                self.offer(FactName::Mixture, other.value, other.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Mixture;

    fn phase(until: Option<&str>, code: f64) -> Phase {
        let weights = [("code".to_owned(), code), ("web".to_owned(), 1.0 - code)];
        Phase { until: until.map(|end| end.parse().unwrap()), mixture: Mixture(weights.into()) }
    }

    #[test]
    fn the_mixture_of_a_run_with_phases_is_the_mean_by_tokens_and_never_that_of_one() {
        let facts = |phases: Vec<Phase>, known: &[(FactName, f64)]| {
            let mut facts = Facts::default();
            facts.offer(FactName::Phases, FactValue::Phases(phases), "mixlaw.run.yaml#phases");
            facts.offer(FactName::Mixture, FactValue::Mixture(phase(None, 0.5).mixture), "config.json#mixture");
            known.iter().for_each(|(name, value)| facts.offer(*name, FactValue::Number(*value), "test"));
            facts.settle_phases();
            facts
        };
        let two = |end: &str| vec![phase(Some(end), 0.1), phase(None, 0.5)];
        let code = |facts: &Facts| facts.mixture().map(|m| (1e9 * m.weight("code")).round() / 1e9);
        assert_eq!(code(&facts(two("80%"), &[])), Some(0.18));
        assert_eq!(code(&facts(two("8000 steps"), &[])), None, "how long the run is, nobody knows");
        assert_eq!(code(&facts(two("8000 steps"), &[(FactName::PlannedSteps, 1e4)])), Some(0.18));
        let of_tokens = [(FactName::PlannedTokens, 5e9), (FactName::BatchTokens, 1e6)];
        assert_eq!(code(&facts(two("4B tokens"), &of_tokens)), Some(0.18));
        assert_eq!(code(&facts(two("4000 steps"), &of_tokens)), Some(0.18));
        assert_eq!(code(&facts(two("6B tokens"), &of_tokens)), Some(0.1), "the run ends before the second begins");
        let three = vec![phase(Some("50%"), 0.0), phase(Some("4B tokens"), 1.0), phase(None, 0.5)];
        assert_eq!(code(&facts(three, &of_tokens)), Some(0.4));
    }

    #[test]
    fn ends_that_turn_out_to_be_out_of_order_are_refused() {
        let mixed = [phase(Some("90%"), 0.1), phase(Some("1B tokens"), 0.2), phase(None, 0.1)];
        let mut facts = Facts::default();
        facts.offer(FactName::PlannedTokens, FactValue::Number(2e9), "test");
        assert_eq!(phase_ends(&mixed, &facts), Err(PhaseError::Order(2)));
    }
}
