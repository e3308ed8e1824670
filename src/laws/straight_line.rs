//! A straight line in log space: what every other law has to beat.
//!
//! ln L = a·ln N + b·ln D + Σⱼ wⱼ·hⱼ by least squares (weights of a mixture sum to one, so there is no intercept).

use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable, needs};
use crate::vocab::Observations;

/// See the [module](self).
#[derive(Debug)]
pub struct StraightLine;

static CARD: LawInfo = LawInfo {
    name: "straight-line",
    title: "Straight line in log space",
    form: "ln L = a·ln N + b·ln D + Σⱼ wⱼ·hⱼ",
    needs: "more checkpoints than domains",
    gives: "the loss at any N, D and mixture, where nothing better is known; the optimum is always at the edge of the explored \
            mixtures",
    source: "least squares",
    caveats: &["no floor: do not extrapolate far in N or D", "no optimum inside the explored mixtures"],
};

/// Slopes by ln N and ln D, beside those by the weights.
const SLOPES: usize = 2;
/// A little of the diagonal, so that what does not vary gets a slope of about 0.
const RIDGE: f64 = 1e-8;

impl Law for StraightLine {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::rows(data, data.domains.len() + SLOPES)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

/// θ: the means of ln N and ln D, which are taken away first so that the ridge is little for every slope; the slopes.
impl Solved for StraightLine {
    fn shown(&self, _: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        let names = ["a".to_owned(), "b".to_owned()].into_iter().chain((0..).map(|j| format!("w{j}")));
        names.zip(theta.iter().skip(SLOPES).copied()).collect()
    }

    fn parameters(&self, domains: usize, _: usize) -> usize {
        domains + SLOPES
    }

    fn solve(&self, shape: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        let mean = |column: &[f64]| column.iter().sum::<f64>() / column.len().max(1) as f64;
        let means = [mean(&x.ln_params), mean(&x.ln_tokens)];
        let k = SLOPES + shape.domains;
        let (mut gram, mut slopes) = (vec![0.0; k * k], vec![0.0; k]);
        for i in 0..x.len() {
            let values = row(x, i, means);
            for a in 0..k {
                slopes[a] += x.weight[i] * values[a] * x.ln_loss[i];
                for b in 0..k {
                    gram[a * k + b] += x.weight[i] * values[a] * values[b];
                }
            }
        }
        let level = (0..k).map(|a| gram[a * k + a]).sum::<f64>() / k as f64;
        (0..k).for_each(|a| gram[a * k + a] += RIDGE * level + f64::MIN_POSITIVE);
        super::math::solve(&mut gram, &mut slopes);
        means.into_iter().chain(slopes).collect()
    }

    fn predict(&self, _: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        let [n, d, slopes @ ..] = theta else { return vec![0.0; x.len()] };
        let at = |i: usize| row(x, i, [*n, *d]).iter().zip(slopes).map(|(v, s)| v * s).sum::<f64>();
        (0..x.len()).map(at).collect()
    }
}

fn row(x: &Columns, i: usize, means: [f64; SLOPES]) -> Vec<f64> {
    [x.ln_params[i] - means[0], x.ln_tokens[i] - means[1]].into_iter().chain(x.share.iter().map(|c| c[i])).collect()
}
