//! RegMix, linear: the loss as a weighted sum of the mixture.
//!
//! L(h) = Σⱼ wⱼ·hⱼ by least squares (an intercept is redundant on the simplex). Liu et al., "RegMix: Data Mixture as
//! Regression for Language Model Pre-training", arXiv:2407.01492, §3.

use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable, needs};
use crate::vocab::Observations;

/// See the [module](self).
#[derive(Debug)]
pub struct RegMixLinear;

static CARD: LawInfo = LawInfo {
    name: "regmix-linear",
    title: "RegMix linear regression",
    form: "L = Σⱼ wⱼ·hⱼ",
    needs: "all weights, at one N and D; more mixtures than domains",
    gives: "the loss at any mixture; the optimum is always a single domain, so use it only as a baseline",
    source: "Liu et al. 2024, arXiv:2407.01492",
    caveats: &["ignores N and D", "only the ranking of mixtures transfers from small to large models"],
};

impl Law for RegMixLinear {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([needs::mixtures(data, k + 1), needs::rows(data, k)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

/// A little of the mean diagonal, so that a domain that no run used gets a coefficient of about 0 and not of noise.
const RIDGE: f64 = 1e-6;

impl Solved for RegMixLinear {
    fn shown(&self, _: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        theta.iter().enumerate().map(|(j, w)| (format!("w{j}"), *w)).collect()
    }

    fn parameters(&self, domains: usize, _: usize) -> usize {
        domains
    }

    fn solve(&self, shape: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        let k = shape.domains;
        let (mut gram, mut theta) = (vec![0.0; k * k], vec![0.0; k]);
        let losses: Vec<f64> = x.ln_loss.iter().map(|y| y.min(300.0).exp()).collect();
        for a in 0..k {
            for b in 0..k {
                gram[a * k + b] = (0..x.len()).map(|i| x.weight[i] * x.share[a][i] * x.share[b][i]).sum();
            }
            theta[a] = (0..x.len()).map(|i| x.weight[i] * x.share[a][i] * losses[i]).sum();
        }
        let mean = (0..k).map(|a| gram[a * k + a]).sum::<f64>() / k.max(1) as f64;
        (0..k).for_each(|a| gram[a * k + a] += RIDGE * mean + f64::MIN_POSITIVE);
        super::math::solve(&mut gram, &mut theta);
        theta
    }

    fn predict(&self, shape: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        // A line may fall below zero far from the data; a loss cannot. A tenth of the least seen is far enough.
        let least = (shape.ln_least_loss - std::f64::consts::LN_10).clamp(-600.0, 600.0).exp();
        let at = |i: usize| x.share.iter().zip(theta).map(|(h, w)| w * h[i]).sum::<f64>();
        (0..x.len()).map(|i| at(i).max(least).ln()).collect()
    }
}
