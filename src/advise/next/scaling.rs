//! What laws that do not see size or tokens get wrong about how mixtures differ at larger scales.
//!
//! Runs of one scale say nothing of how much more, or less, a corpus is worth to larger ones. In every draw ln L is off by a linear function
//! of the mixture that grows with the scale: what mixtures of the runs differ by, times [`CHANGE`] for each factor of e. Runs that were made
//! at larger scales have seen some of it, which is then less open.

use super::super::far::Spread;
use crate::fit::linalg::{backward, cholesky};
use crate::forecast::spread::{normal_quantile, shuffled_levels};
use crate::vocab::Scale;

/// By how much what mixtures differ by in ln L is another, as a part of it, for each factor of e of size or tokens: between the
/// mean (.06) and the root mean square (.09) over made-up truths of every law of mixtures (`cargo bench --bench until -- --truths`).
const CHANGE: f64 = 0.07;

/// The draws of one metric.
pub(super) struct Scaling {
    spread: Spread,
    /// The largest scale at which runs say how mixtures differ.
    pub from: Scale,
    /// By coordinate of the mixture, by draw: ln L for one standard deviation and a factor of e.
    slopes: Vec<Vec<f64>>,
}

impl Scaling {
    /// So many draws. `from`: the largest scale at which runs say how mixtures differ; `differ`: by how much in ln L, a standard deviation;
    /// `seen`: mixtures and scales of runs beyond it, which scatter by `noise`.
    pub fn new(
        explored: &[Vec<f64>],
        from: Scale,
        differ: f64,
        seen: &[(Vec<f64>, Scale)],
        noise: f64,
        draws: usize,
        seed: u64,
    ) -> Option<Self> {
        let spread = Spread::of(explored)?;
        let size = explored.first()?.len() - 1;
        let each = CHANGE * differ / (size as f64).sqrt();
        // Precision of the coefficients in units of `each`.
        let mut precision: Vec<f64> = (0..size * size).map(|i| f64::from(u8::from(i % (size + 1) == 0))).collect();
        for (weights, scale) in seen {
            let far = further(&from, scale) * each / noise;
            let x = spread.standard(weights);
            for i in 0..size {
                (0..size).for_each(|j| precision[i * size + j] += far * far * x[i] * x[j]);
            }
        }
        let mut factor = vec![0.0; size * size];
        if !cholesky(&precision, size, &mut factor) {
            return None;
        }
        let levels: Vec<Vec<f64>> =
            (0..size).map(|i| shuffled_levels(draws, seed ^ 0x7363_616c ^ ((i as u64 + 1) << 36))).collect();
        let mut slopes = vec![vec![0.0; draws]; size];
        for s in 0..draws {
            let mut z: Vec<f64> = levels.iter().map(|of| normal_quantile(of[s])).collect();
            backward(&factor, size, &mut z);
            slopes.iter_mut().zip(z).for_each(|(of, z)| of[s] = each * z);
        }
        Some(Self { spread, from, slopes })
    }

    /// What is added to ln L at a place, by draw; `None` where it is no larger than the runs.
    pub fn at(&self, scale: &Scale, weights: &[f64]) -> Option<Vec<f64>> {
        let far = further(&self.from, scale);
        if far <= 0.0 {
            return None;
        }
        let mut errors = vec![0.0; self.slopes.first()?.len()];
        for (x, slopes) in self.spread.standard(weights).into_iter().zip(&self.slopes) {
            errors.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += far * x * slope);
        }
        Some(errors)
    }
}

/// How much larger one scale is than another, in factors of e of size or tokens, whichever is more.
fn further(from: &Scale, to: &Scale) -> f64 {
    let ratio = (to.params / from.params).max(to.tokens / from.tokens);
    if ratio.is_finite() && ratio > 1.0 { ratio.ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> f64 {
        (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn more_is_open_at_larger_scales_and_less_where_large_runs_were_made() {
        let explored: Vec<Vec<f64>> =
            [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]].iter().map(|w| w.to_vec()).collect();
        let small = Scale::dense(1e7, 2e8);
        let of = |seen: &[(Vec<f64>, Scale)]| Scaling::new(&explored, small, 0.1, seen, 1e-3, 400, 3).unwrap();
        let open = of(&[]);
        assert!(open.at(&small, &explored[0]).is_none());
        let at = |scaling: &Scaling, times: f64, weights: &[f64]| {
            spread(&scaling.at(&Scale::dense(1e7 * times, 2e8 * times), weights).unwrap())
        };
        let (near, far) = (at(&open, 3.0, &explored[0]), at(&open, 9.0, &explored[0]));
        assert!((far / near - 2.0).abs() < 1e-9, "{near} {far}");
        // All of the runs together: 7 % of what they differ by, for each factor of e.
        let all = explored.iter().map(|w| at(&open, 9.0, w).powi(2)).sum::<f64>() / 3.0;
        assert!((all.sqrt() / (0.07 * 0.1 * 9.0_f64.ln()) - 1.0).abs() < 0.1, "{}", all.sqrt());
        let seen = of(&[(explored[0].clone(), Scale::dense(9e7, 1.8e9))]);
        assert!(at(&seen, 9.0, &explored[0]) < 0.1 * far, "{}", at(&seen, 9.0, &explored[0]));
        assert!(at(&seen, 9.0, &explored[1]) > 0.5 * far);
    }
}
