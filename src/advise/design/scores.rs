//! Shares from scores of quality and diversity of samples, without any training (SampleMix, Xi et al. 2025, arXiv 2503.01506).
//!
//! A sample's weight is p = α·diversity + (1 − α)·quality, both brought to 0…1 over all samples; α = 0.8 did best in the paper. Samples
//! are drawn as softmax(p/τ); without a τ, which was not found in a source, as p. A domain's share is that of the tokens drawn.

/// A sample: its domain, its scores, and its tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Index of its domain.
    pub domain: usize,
    /// Quality; more is better.
    pub quality: f64,
    /// Diversity; more is better.
    pub diversity: f64,
    /// Tokens.
    pub tokens: f64,
}

/// The α of the paper.
pub const DIVERSITY: f64 = 0.8;

/// Shares of `domains` domains, and the mean weight p of a token of each. `None` where nothing is drawn of any.
#[must_use]
pub fn shares(
    samples: &[Scored],
    domains: usize,
    diversity: f64,
    temperature: Option<f64>,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let span = |of: fn(&Scored) -> f64| {
        samples.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
    };
    let (of_quality, of_diversity) = (span(|s| s.quality), span(|s| s.diversity));
    // Where all scores are equal, they tell nothing apart.
    let part = |value: f64, (low, high): (f64, f64)| if high > low { (value - low) / (high - low) } else { 1.0 };
    let weight =
        |s: &Scored| diversity * part(s.diversity, of_diversity) + (1.0 - diversity) * part(s.quality, of_quality);
    let drawn = |p: f64| temperature.map_or(p, |t| ((p - 1.0) / t).exp());
    let (mut sums, mut means, mut tokens) = (vec![0.0; domains], vec![0.0; domains], vec![0.0; domains]);
    for sample in samples {
        let p = weight(sample);
        sums[sample.domain] += sample.tokens * drawn(p);
        means[sample.domain] += sample.tokens * p;
        tokens[sample.domain] += sample.tokens;
    }
    let all: f64 = sums.iter().sum();
    let means = means.iter().zip(&tokens).map(|(mean, tokens)| mean / tokens).collect();
    (all.is_finite() && all > 0.0).then(|| (sums.iter().map(|sum| sum / all).collect(), means))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_numpy() {
        let rows = [
            (0, 0.2, 0.9, 100.0),
            (0, 0.4, 0.5, 300.0),
            (1, 0.9, 0.3, 200.0),
            (1, 0.7, 0.6, 50.0),
            (2, 1.0, 0.8, 400.0),
        ];
        let samples = rows.map(|(domain, quality, diversity, tokens)| Scored { domain, quality, diversity, tokens });
        // NumPy 2.4 on the same rows, each column brought to 0…1 first.
        for (alpha, temperature, expected) in [
            (0.8, None, EXPECTED[0]),
            (0.8, Some(0.2), EXPECTED[1]),
            (0.5, Some(1.0), EXPECTED[2]),
            (0.0, None, EXPECTED[3]),
        ] {
            let (found, _) = shares(&samples, 3, alpha, temperature).unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{alpha} {found:?} {expected:?}");
        }
        assert_eq!(shares(&[], 2, 0.8, None), None);
        let (_, means) = shares(&samples[..1], 1, 0.8, None).unwrap();
        assert_eq!(means, [1.0], "one sample tells nothing apart");
    }

    const EXPECTED: [[f64; 3]; 4] = [
        [0.30021444, 0.10507505, 0.59471051],
        [0.17944280, 0.03033431, 0.79022289],
        [0.28837281, 0.20236514, 0.50926205],
        [0.11009174, 0.30275229, 0.58715596],
    ];
}
