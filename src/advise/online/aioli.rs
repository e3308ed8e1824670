//! Aioli: exponentiated gradient steps on how much the weight of each domain lowers losses.
//!
//! ΔLᵢ = −Σⱼ Aᵢⱼ·pⱼ; pⱼ ← pⱼ·exp(η·Σᵢ Aᵢⱼ)/Z. Chen et al., "Aioli: A Unified Optimization Framework for Language Model Data
//! Mixing", arXiv:2411.05735. There A is measured by short probes, each on a mixture of its own. A run that nobody probes
//! says nothing of what one domain does for another: A is taken as diagonal, Aⱼⱼ = −ΔLⱼ/pⱼ.

use super::rule::{Rule, RuleInfo, Turn, normalised};

/// See the [module](self).
#[derive(Debug)]
pub struct Aioli;

static INFO: RuleInfo = RuleInfo {
    name: "aioli",
    title: "Aioli, with a diagonal A",
    source: "Chen et al. 2024, arXiv:2411.05735",
    assumes: &[
        "no domain helps or harms another (A is diagonal): the run has no probes on other mixtures",
        "a round is 10 logged steps; ΔL is the difference of the mean losses of two rounds; η = 0.2",
        "a weight below 0.01 counts as 0.01 where A is measured",
    ],
};

/// Turns of a round.
const ROUND: usize = 10;
/// η.
const RATE: f64 = 0.2;
/// Least weight that a difference is divided by.
const LEAST: f64 = 0.01;

impl Rule for Aioli {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn weights(&self, prior: &[f64], turns: &[Turn]) -> Vec<Vec<f64>> {
        let mut weights = prior.to_vec();
        let mut all = Vec::with_capacity(turns.len());
        let mut before: Option<Vec<Option<f64>>> = None;
        for (i, _) in turns.iter().enumerate() {
            if (i + 1) % ROUND == 0 {
                let now = means(&turns[i + 1 - ROUND..=i], prior.len());
                if let Some(before) = &before {
                    let step = |j: usize| {
                        let fall = before[j].zip(now[j]).map_or(0.0, |(before, now)| before - now);
                        weights[j] * (RATE * fall / weights[j].max(LEAST)).exp()
                    };
                    weights = normalised((0..prior.len()).map(step).collect());
                }
                before = Some(now);
            }
            all.push(weights.clone());
        }
        all
    }
}

/// Mean loss of each domain.
fn means(turns: &[Turn], domains: usize) -> Vec<Option<f64>> {
    let mean = |j: usize| {
        let losses: Vec<f64> = turns.iter().filter_map(|turn| turn.losses[j]).collect();
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    };
    (0..domains).map(mean).collect()
}
