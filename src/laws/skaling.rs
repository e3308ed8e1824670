//! The Skaling law: Chinchilla's reducible loss under one more power.
//!
//! L(N, D) = E + (A/N^α + B/D^β)^k, arXiv:2608.07222; k is about 0.3 to 0.5.

use super::terms::{map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Skaling;

static CARD: LawInfo = LawInfo {
    name: "skaling",
    title: "Skaling law",
    form: "L = E + (A/N^α + B/D^β)^k",
    needs: "N, D; three sizes, three token counts",
    gives: "the loss at any N and D, for one mixture; extrapolates further than chinchilla",
    source: "2026, arXiv:2608.07222",
    caveats: &["ignores the mixture", "k is strongly correlated with both exponents"],
};

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;
const K: usize = 5;

impl Law for Skaling {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes(data, 3), needs::amounts_or_sizes(data, 3), needs::rows(data, 6)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Skaling {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Positive};
        vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("A", "", Amplitude, (2.0, 25.0)),
            Parameter::new("B", "", Amplitude, (2.0, 25.0)),
            Parameter::new("α", "", Positive, (0.1, 1.5)),
            Parameter::new("β", "", Positive, (0.1, 1.5)),
            Parameter::new("k", "", Positive, (0.2, 1.0)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..A
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows]);
        let mut inner = [[0.0; BLOCK]; 2];
        map(&mut inner[0][..n], ln_n, |v| phi[A] - phi[ALPHA] * v);
        map(&mut inner[1][..n], ln_d, |v| phi[B] - phi[BETA] * v);
        let mut ln_inner = [0.0; BLOCK];
        shares(&mut inner, n, &mut ln_inner);
        let mut outer = [[0.0; BLOCK]; 2];
        outer[0][..n].fill(phi[E]);
        map(&mut outer[1][..n], &ln_inner[..n], |v| phi[K] * v);
        shares(&mut outer, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        out.column_mut(E, n).copy_from_slice(&outer[0][..n]);
        map2(out.column_mut(K, n), &outer[1], &ln_inner, |p, v| p * v);
        for (amplitude, exponent, share, ln) in [(A, ALPHA, &inner[0], ln_n), (B, BETA, &inner[1], ln_d)] {
            map2(out.column_mut(amplitude, n), &outer[1], share, |p, q| p * q * phi[K]);
            let column = out.column(amplitude, n).to_vec();
            map2(out.column_mut(exponent, n), &column, ln, |p, v| -p * v);
        }
    }
}
