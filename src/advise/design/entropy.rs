//! Shares from the entropy of text, without any training (BiMix, arXiv 2405.14908: h ∝ exp(H), H in nats).
//!
//! Of BiMix's four measures three are here: Shannon entropy of tokens, joint entropy of adjacent tokens, and the conditional entropy
//! of a token given the one before, which did best in the paper. The fourth, von Neumann entropy, is in [`super::vectors`].

use std::collections::HashMap;

/// Entropies of one domain's text, nats a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entropies {
    /// −Σ p(x) ln p(x) over tokens.
    pub shannon: f64,
    /// −Σ p(x, y) ln p(x, y) over pairs of adjacent tokens.
    pub joint: f64,
    /// That of a token given the one before: −Σ p(x, y) ln p(y | x).
    pub conditional: f64,
}

/// Entropies of documents of tokens; pairs do not reach over their ends. `None` if there is no pair.
#[must_use]
pub fn entropies(documents: &[Vec<u32>]) -> Option<Entropies> {
    let (mut tokens, mut firsts, mut pairs) = (HashMap::new(), HashMap::new(), HashMap::new());
    for document in documents {
        document.iter().for_each(|token| *tokens.entry(*token).or_insert(0_u64) += 1);
        for two in document.windows(2) {
            *pairs.entry((two[0], two[1])).or_insert(0_u64) += 1;
            *firsts.entry(two[0]).or_insert(0_u64) += 1;
        }
    }
    if pairs.is_empty() {
        return None;
    }
    let joint = entropy(pairs.into_values().collect());
    Some(Entropies {
        shannon: entropy(tokens.into_values().collect()),
        joint,
        conditional: joint - entropy(firsts.into_values().collect()),
    })
}

/// Entropy of counts, nats. They are sorted first, so that the sum is the same every time.
#[allow(clippy::cast_precision_loss)]
fn entropy(mut counts: Vec<u64>) -> f64 {
    counts.sort_unstable();
    let total = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|count| *count as f64 / total).map(|p| -p * p.ln()).sum()
}

/// Shares of domains with these entropies: exp(H), with the sum 1.
#[must_use]
pub fn shares(entropies: &[f64]) -> Vec<f64> {
    let most = entropies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = entropies.iter().map(|entropy| (entropy - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropies_of_texts_whose_entropy_is_known() {
        // Two tokens in turn: each as often, and what follows is sure.
        let turn: Vec<u32> = (0..2001).map(|i| i % 2).collect();
        let found = entropies(&[turn]).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 2e-3;
        assert!(
            near(found.shannon, 2_f64.ln()) && near(found.joint, 2_f64.ln()) && near(found.conditional, 0.0),
            "{found:?}"
        );
        // Every pair of four tokens once, without pairs over the ends of documents: what follows is anything.
        let pairs: Vec<Vec<u32>> = (0..16).map(|i| vec![i / 4, i % 4]).collect();
        let found = entropies(&pairs).unwrap();
        let four = 4_f64.ln();
        assert!((found.shannon - four).abs() < 1e-12 && (found.joint - 2.0 * four).abs() < 1e-12, "{found:?}");
        assert!((found.conditional - four).abs() < 1e-12, "{found:?}");
        assert_eq!(entropies(&[vec![1], vec![]]), None);
    }

    #[test]
    fn shares_are_those_of_exponentials() {
        let found = shares(&[1.0, 1.0 + 3_f64.ln(), 1.0]);
        for (share, expected) in found.iter().zip([0.2, 0.6, 0.2]) {
            assert!((share - expected).abs() < 1e-12, "{found:?}");
        }
        assert!(shares(&[800.0, 801.0]).iter().all(|share| share.is_finite()));
    }
}
