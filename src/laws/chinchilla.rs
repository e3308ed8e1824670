//! The Chinchilla law: loss against size and tokens.
//!
//! L(N, D) = E + A/N^α + B/D^β. Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv:2203.15556,
//! eq. 2; fitted as in Besiroglu et al., "Chinchilla Scaling: A replication attempt", arXiv:2404.10102.

use super::terms::{amplitudes, map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Chinchilla;

static CARD: LawInfo = LawInfo {
    name: "chinchilla",
    title: "Chinchilla law",
    form: "L = E + A/N^α + B/D^β",
    needs: "N, D; two sizes, two token counts",
    gives: "the loss at any N and D, for one mixture; the best N and D for a compute budget",
    source: "Hoffmann et al. 2022, arXiv:2203.15556",
    caveats: &["ignores the mixture", "with only two sizes, E and α are strongly correlated"],
};

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;

impl Law for Chinchilla {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes_or_amounts(data, 2), needs::amounts_or_sizes(data, 2), needs::rows(data, 5)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Chinchilla {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        parameters()
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        LINEAR
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let mut terms = [[0.0; BLOCK]; TERMS];
        fill(phi, x, rows.clone(), &mut terms);
        shares(&mut terms, n, &mut out.ln_loss);
        if out.wants_jacobian {
            columns(x, rows, &terms, out);
        }
    }
}

/// The terms E, A/N^α and B/D^β, which laws of the mixture have too: theirs come after, as do their parameters.
pub(super) const TERMS: usize = 3;
/// Number of parameters of these terms.
pub(super) const PARAMETERS: usize = 5;
/// Which of them are amplitudes.
pub(super) const LINEAR: Range<usize> = E..ALPHA;

/// The parameters of the terms.
pub(super) fn parameters() -> Vec<Parameter> {
    use Coordinate::{Amplitude, Positive};
    vec![
        Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
        Parameter::new("A", "nats", Amplitude, (0.0, 12.0)),
        Parameter::new("B", "nats", Amplitude, (0.0, 14.0)),
        Parameter::new("α", "", Positive, (0.05, 1.0)),
        Parameter::new("β", "", Positive, (0.05, 1.0)),
    ]
}

/// Writes ln of the terms.
pub(super) fn fill(phi: &[f64], x: &Columns, rows: Range<usize>, terms: &mut [[f64; BLOCK]]) {
    let n = rows.len();
    terms[E][..n].fill(phi[E]);
    map(&mut terms[A][..n], &x.ln_params[rows.clone()], |v| phi[A] - phi[ALPHA] * v);
    map(&mut terms[B][..n], &x.ln_tokens[rows], |v| phi[B] - phi[BETA] * v);
}

/// The derivatives by the terms' parameters, given each term's share of the loss.
pub(super) fn columns(x: &Columns, rows: Range<usize>, terms: &[[f64; BLOCK]], out: &mut Block) {
    let n = rows.len();
    amplitudes(&terms[..TERMS], n, out);
    map2(out.column_mut(ALPHA, n), &terms[A], &x.ln_params[rows.clone()], |p, v| -p * v);
    map2(out.column_mut(BETA, n), &terms[B], &x.ln_tokens[rows], |p, v| -p * v);
}
