//! A law that is exact where it says anything, and says nothing (NaN) of mixtures with little of the first domain: for tests of what
//! becomes of such a law.

use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable};
use crate::vocab::Observations;

/// See the [module](self).
#[derive(Debug)]
pub struct Undefined;

static CARD: LawInfo = LawInfo {
    name: "undefined",
    title: "Undefined",
    form: "ln L = θ₁ + θ₂ ln(r − .1)",
    needs: "nothing",
    gives: "nothing",
    source: "tests",
    caveats: &[],
};

impl Law for Undefined {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, _: &Observations) -> Vec<String> {
        Vec::new()
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

impl Solved for Undefined {
    fn shown(&self, _: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        theta.iter().map(|v| ("level".to_owned(), *v)).collect()
    }

    fn solve(&self, _: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        vec![x.ln_loss.iter().sum::<f64>() / x.len().max(1) as f64]
    }

    fn predict(&self, _: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        x.share[0].iter().map(|r| theta[0] + 1e-9 * (r - 0.1).ln()).collect()
    }

    fn parameters(&self, _: usize, _: usize) -> usize {
        1
    }
}
