//! The data mixing law's exponential beside Chinchilla's terms: all weights, any size and amount.
//!
//! L(N, D, h) = E + exp(Σⱼ tⱼ·hⱼ) + A/N^α + B/D^β: the baseline of Shukor et al., arXiv:2507.09404, with the mixture term
//! of Ye et al., arXiv:2403.16952.

use super::chinchilla::{self, TERMS};
use super::mixing::tilts;
use super::terms::{shares, tilted, tilted_columns};
use super::{BLOCK, Block, Columns, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Exponential;

static CARD: LawInfo = LawInfo {
    name: "exponential",
    title: "Exponential mixture law",
    form: "L = E + exp(Σⱼ tⱼ·hⱼ) + A/N^α + B/D^β",
    needs: "N, D, all weights; two sizes, more mixtures than domains",
    gives: "the loss at any N, D and mixture; the best mixture, which does not depend on N or D",
    source: "Ye et al. 2024, arXiv:2403.16952, with the terms of arXiv:2203.15556",
    caveats: &["E and every tⱼ are strongly correlated"],
};

/// The first of the tⱼ.
const FIRST: usize = chinchilla::PARAMETERS;

impl Law for Exponential {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::sizes_or_amounts(data, 2),
            needs::amounts_or_sizes(data, 2),
            needs::mixtures(data, k + 1),
            needs::rows(data, FIRST + k),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Exponential {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        let mut all = chinchilla::parameters();
        all.extend(tilts(shape, (shape.ln_least_loss - 3.0, shape.ln_most_loss)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        chinchilla::LINEAR
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let mut terms = [[0.0; BLOCK]; TERMS + 1];
        chinchilla::fill(phi, x, rows.clone(), &mut terms);
        tilted(phi, FIRST, shape.domains, x, rows.clone(), &mut terms[TERMS]);
        shares(&mut terms, rows.len(), &mut out.ln_loss);
        if out.wants_jacobian {
            chinchilla::columns(x, rows.clone(), &terms, out);
            tilted_columns(FIRST, shape.domains, x, rows, out, &terms[TERMS]);
        }
    }
}
