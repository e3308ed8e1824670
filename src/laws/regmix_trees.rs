//! RegMix, boosted trees: the loss as a sum of small decision trees over the mixture.
//!
//! Settings of Liu et al., "RegMix: Data Mixture as Regression for Language Model Pre-training", arXiv:2407.01492, §4.1
//! (LightGBM: rate .01, 1000 rounds, 31 leaves, at least 20 rows in each).

use super::boosting::{Settings, boost, predict};
use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable, needs};
use crate::vocab::Observations;

/// See the [module](self).
#[derive(Debug)]
pub struct RegMixTrees;

static CARD: LawInfo = LawInfo {
    name: "regmix-trees",
    title: "RegMix boosted trees",
    form: "ln L = Σ trees(h)",
    needs: "all weights, at one N and D; 100 runs or more",
    gives: "the ranking of mixtures similar to those in the runs",
    source: "Liu et al. 2024, arXiv:2407.01492",
    caveats: &[
        "ignores N and D",
        "piecewise constant: does not extrapolate beyond the mixtures in the runs",
        "only the ranking transfers to other sizes",
    ],
};

const SETTINGS: Settings = Settings { rounds: 1000, rate: 0.01, leaves: 31, least_in_leaf: 20 };
/// Of the many fits without some rows, and to resamples: one round takes the steps of five, whose trees are all but the same.
const ROUGHLY: Settings = Settings { rounds: SETTINGS.rounds / 5, rate: 5.0 * SETTINGS.rate, ..SETTINGS };

/// Fewest runs for which a leaf of 20 leaves anything to split.
const FEWEST: usize = 60;

impl Law for RegMixTrees {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::mixtures(data, FEWEST.max(data.domains.len() + 1)), needs::rows(data, FEWEST)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

impl Solved for RegMixTrees {
    fn shown(&self, _: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        vec![("trees".to_owned(), theta.get(1).copied().unwrap_or(0.0))]
    }

    fn solve(&self, _: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        boost(&x.share, &x.ln_loss, &x.weight, &SETTINGS)
    }

    fn solve_roughly(&self, _: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        boost(&x.share, &x.ln_loss, &x.weight, &ROUGHLY)
    }

    fn predict(&self, _: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        predict(theta, 0..x.len(), |i, j| x.share.get(j).map_or(0.0, |column| column[i]))
    }

    fn most_resamples(&self) -> usize {
        10
    }
}
