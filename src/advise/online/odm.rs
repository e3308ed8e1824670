//! Online data mixing: a bandit (Exp3) that prefers domains with high losses.
//!
//! With K domains and ε₀ = 1/K, at turn t = 1, 2, …: Rᵢ ← Rᵢ + (Lᵢ/10)/πᵢ for every domain i that was seen;
//! εₜ = min(1/K, √(ln K/(K·t))); wᵢ = (1 − K·εₜ)·softmax(εₜ₋₁·R)ᵢ + εₜ; π = w/Σw. Albalak et al., "Efficient Online Data
//! Mixing For Language Model Pre-Training", arXiv:2312.02406, Algorithm 1.

use super::rule::{Rule, RuleInfo, Turn, normalised, softmax};

/// See the [module](self).
#[derive(Debug)]
pub struct Odm;

static INFO: RuleInfo = RuleInfo {
    name: "odm",
    title: "Online data mixing (Exp3)",
    source: "Albalak et al. 2023, arXiv:2312.02406",
    assumes: &[
        "every domain whose loss is logged at a step was sampled for that step",
        "the weights change at every logged step, without a warm-up",
    ],
};

/// What a loss is divided by to be a reward below 1.
const SCALE: f64 = 10.0;

impl Rule for Odm {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn weights(&self, prior: &[f64], turns: &[Turn]) -> Vec<Vec<f64>> {
        let k = prior.len() as f64;
        let (mut rewards, mut weights, mut before) = (vec![0.0; prior.len()], prior.to_vec(), 1.0 / k);
        let mut all = Vec::with_capacity(turns.len());
        for (turn, t) in turns.iter().zip(1_u32..) {
            for ((reward, loss), weight) in rewards.iter_mut().zip(&turn.losses).zip(&weights) {
                if let Some(loss) = loss {
                    // What the run gives no weight was sampled all the same: with the least that the rule gives.
                    *reward += loss / SCALE / if *weight > 0.0 { *weight } else { before };
                }
            }
            let epsilon = (1.0 / k).min((k.ln() / (k * f64::from(t))).sqrt());
            let scaled: Vec<f64> = rewards.iter().map(|r| before * r).collect();
            weights = normalised(softmax(&scaled).into_iter().map(|s| (1.0 - k * epsilon) * s + epsilon).collect());
            before = epsilon;
            all.push(weights.clone());
        }
        all
    }
}
