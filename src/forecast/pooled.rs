//! Forecast from the remaining learning curves of finished runs.
//!
//! A run of a sweep whose learning rate follows that of finished ones does not need a law of curves: the fall of ln loss
//! from the same part of the run to the end is regressed over the finished runs on what is known by then (where the run
//! stands, how fast it falls, its own domain's share, its size and experts). Ridge regression, with the strength of the
//! ridge and the error from leaving each finished run out: the error of a run is that of the strength which the others
//! would choose. The interval grows with how far the run stands from the finished ones, as far as that is, though the
//! forecast itself follows the regression no further than [`FAR`].

use super::curves::family::CurveForecast;
use crate::fit::linalg::{backward, cholesky, forward};
use crate::fit::ninety::student;

/// Name of this way to a forecast, among those of laws.
pub(super) const NAME: &str = "pooled";
/// Finished runs below which their mean fall is no regression.
pub(super) const LEAST: usize = 3;
/// Strengths of the ridge, relative to the variance of standardised features.
const RIDGES: [f64; 5] = [0.003, 0.01, 0.03, 0.1, 0.3];
/// Features further than this from the finished runs' mean are taken to be here in the forecast, in standard deviations.
const FAR: f64 = 3.0;

/// One validation loss of one run, and what is known of the run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    /// (step, ln loss) after step 0, ascending.
    pub points: Vec<(f64, f64)>,
    /// Steps the run is planned to take, or took.
    pub total: f64,
    /// What does not change during the run: own domain's share and its square, ln N, ln E.
    pub traits: Vec<f64>,
}

impl Course {
    fn at(&self, step: f64) -> f64 {
        let above = self.points.partition_point(|(s, _)| *s < step);
        match (above.checked_sub(1).map(|i| self.points[i]), self.points.get(above)) {
            (Some((s0, a)), Some((s1, b))) => a + (b - a) * (step - s0) / (s1 - s0),
            (Some((_, a)), None) => a,
            (None, Some((_, b))) => *b,
            (None, None) => f64::NAN,
        }
    }

    /// What is known once `part` of the run is done.
    fn features(&self, part: f64) -> Vec<f64> {
        let now = part * self.total;
        let level = self.at(now);
        let mut all = vec![level, level - self.at(0.5 * now), level - self.at(0.75 * now)];
        all.extend(&self.traits);
        all
    }
}

/// ln of the loss of `run` at parts of it beyond its newest point, 1 being its end, from the finished runs; `None` with fewer
/// than [`LEAST`] of them.
pub(super) fn forecast(finished: &[&Course], run: &Course, ends: &[f64]) -> Option<Vec<CurveForecast>> {
    let part = (run.points.last()?.0 / run.total).clamp(0.0, 1.0);
    let usable =
        |c: &&&Course| c.points.len() > 1 && c.points[0].0 <= part * c.total && c.traits.len() == run.traits.len();
    let finished: Vec<&Course> = finished.iter().filter(usable).copied().collect();
    let n = finished.len();
    if n < LEAST {
        return None;
    }
    let features: Vec<Vec<f64>> = finished.iter().map(|c| c.features(part)).collect();
    let (z, here) = standardised(&features, &run.features(part));
    let one = |end: &f64| {
        let at_end = |c: &&Course| if *end < 1.0 { Some(c.at(end * c.total)) } else { Some(c.points.last()?.1) };
        let falls: Vec<f64> = finished.iter().filter_map(|c| Some(at_end(c)? - c.at(part * c.total))).collect();
        let mean = falls.iter().sum::<f64>() / n as f64;
        let centred: Vec<f64> = falls.iter().map(|f| f - mean).collect();
        let fits: Vec<Regression> =
            RIDGES.iter().filter_map(|ridge| Regression::fit(&z, &centred, ridge * n as f64)).collect();
        let best = fits.iter().min_by(|a, b| a.squares.total_cmp(&b.squares))?;
        let near: Vec<f64> = here.iter().map(|v| v.clamp(-FAR, FAR)).collect();
        let ln_loss = run.points.last()?.1 + mean + best.predict(&near);
        let wide = (1.0 + 1.0 / n as f64 + best.leverage(&here)).sqrt() * student(n.saturating_sub(2).max(2) as f64);
        let sd = error_of_choice(&fits, n).max(5e-4) * wide;
        (ln_loss.is_finite() && sd.is_finite()).then_some(CurveForecast { ln_loss, sd })
    };
    ends.iter().map(one).collect()
}

/// Root mean square error of leaving each of `n` runs out, each by the regression that is best on the others.
fn error_of_choice(fits: &[Regression], n: usize) -> f64 {
    let without = |fit: &Regression, run: usize| fit.squares - fit.left_out[run].powi(2);
    let square = |run: usize| {
        let best = fits.iter().min_by(|a, b| without(a, run).total_cmp(&without(b, run)));
        best.map_or(f64::INFINITY, |best| best.left_out[run].powi(2))
    };
    ((0..n).map(square).sum::<f64>() / n as f64).sqrt()
}

/// Features with mean 0 and variance 1 over the finished runs; what does not vary among them is left out.
fn standardised(features: &[Vec<f64>], here: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = features.len() as f64;
    let mut z = vec![Vec::new(); features.len()];
    let mut at = Vec::new();
    for k in 0..here.len() {
        let mean = features.iter().map(|f| f[k]).sum::<f64>() / n;
        let sd = (features.iter().map(|f| (f[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
        if sd > 1e-6 && here[k].is_finite() {
            z.iter_mut().zip(features).for_each(|(z, f)| z.push((f[k] - mean) / sd));
            at.push((here[k] - mean) / sd);
        }
    }
    (z, at)
}

struct Regression {
    factor: Vec<f64>,
    weights: Vec<f64>,
    /// Error of each run, left out.
    left_out: Vec<f64>,
    /// Sum of their squares.
    squares: f64,
}

impl Regression {
    fn fit(z: &[Vec<f64>], y: &[f64], ridge: f64) -> Option<Self> {
        let p = z.first()?.len();
        let mut gram = vec![0.0; p * p];
        let mut weights = vec![0.0; p];
        for (row, y) in z.iter().zip(y) {
            for i in 0..p {
                weights[i] += row[i] * y;
                for j in 0..p {
                    gram[i * p + j] += row[i] * row[j];
                }
            }
        }
        (0..p).for_each(|i| gram[i * p + i] += ridge);
        let mut factor = vec![0.0; p * p];
        if !cholesky(&gram, p, &mut factor) {
            return None;
        }
        forward(&factor, p, &mut weights);
        backward(&factor, p, &mut weights);
        let mut found = Self { factor, weights, left_out: Vec::new(), squares: 0.0 };
        let n = z.len() as f64;
        let left_out = |(row, y): (&Vec<f64>, &f64)| {
            // The mean was taken with the run in: 1/n of the leverage is its.
            let leverage = found.leverage(row) + 1.0 / n;
            (y - found.predict(row)) / (1.0 - leverage).max(0.05)
        };
        found.left_out = z.iter().zip(y).map(left_out).collect();
        found.squares = found.left_out.iter().map(|e| e * e).sum();
        found.squares.is_finite().then_some(found)
    }

    fn predict(&self, row: &[f64]) -> f64 {
        row.iter().zip(&self.weights).map(|(x, w)| x * w).sum()
    }

    fn leverage(&self, row: &[f64]) -> f64 {
        let mut x = row.to_vec();
        forward(&self.factor, row.len(), &mut x);
        x.iter().map(|x| x * x).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs that fall as a power, the further the larger their share.
    fn course(share: f64, until: f64) -> Course {
        let ln_loss = |step: f64| (2.0 + (1.0 + share) * (step / 10.0).powf(-0.5)).ln();
        let points = (1..=40).map(|i| f64::from(i) * 10.0).filter(|s| *s <= until).map(|s| (s, ln_loss(s))).collect();
        Course { points, total: 400.0, traits: vec![share, share * share] }
    }

    #[test]
    fn a_run_like_finished_ones_ends_like_them() {
        let finished: Vec<Course> = [0.0, 0.2, 0.4, 0.7, 1.0].map(|share| course(share, 400.0)).to_vec();
        let finished: Vec<&Course> = finished.iter().collect();
        let truth = course(0.55, 400.0);
        for seen in [0.1, 0.25, 0.5, 0.75] {
            let ends = [0.5 * (1.0 + seen), 1.0];
            for (end, forecast) in ends.iter().zip(forecast(&finished, &course(0.55, 400.0 * seen), &ends).unwrap()) {
                let truth = truth.at(end * 400.0);
                assert!((forecast.ln_loss - truth).abs() < 2e-3, "{seen} to {end}: {forecast:?}, {truth}");
                assert!((forecast.ln_loss - truth).abs() < 2.5 * forecast.sd, "{seen} to {end}: {forecast:?}, {truth}");
            }
        }
        assert_eq!(forecast(&finished[..2], &course(0.5, 100.0), &[1.0]), None);
        assert_eq!(forecast(&finished, &Course { points: vec![], ..course(0.5, 100.0) }, &[1.0]), None);
    }

    #[test]
    fn the_interval_widens_with_how_far_a_run_stands_from_the_finished_ones() {
        let finished: Vec<Course> = [0.1, 0.12, 0.13, 0.15, 0.18].map(|share| course(share, 400.0)).to_vec();
        let finished: Vec<&Course> = finished.iter().collect();
        let sd = |share: f64| forecast(&finished, &course(share, 100.0), &[1.0]).unwrap()[0].sd;
        // Beyond three standard deviations as well, where the forecast follows the regression no further.
        assert!(sd(0.4) > 1.5 * sd(0.14) && sd(0.9) > 1.5 * sd(0.4), "{} {} {}", sd(0.14), sd(0.4), sd(0.9));
    }

    #[test]
    fn the_error_of_the_choice_is_that_of_what_the_others_choose() {
        let fit = |left_out: [f64; 3]| Regression {
            factor: Vec::new(),
            weights: Vec::new(),
            squares: left_out.iter().map(|e| e * e).sum(),
            left_out: left_out.to_vec(),
        };
        // Each is best on two runs and bad on the third, so that whichever is chosen without a run is bad on it.
        let fits = [fit([1.0, 0.1, 0.1]), fit([0.1, 1.0, 0.1]), fit([0.1, 0.1, 1.0])];
        assert!((error_of_choice(&fits, 3) - 1.0).abs() < 1e-12);
    }
}
