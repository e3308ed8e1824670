//! BiMix: a domain's loss against its own weight and its training amount.
//!
//! L(r, s) = r^−α · (B/s^β + C). Ge et al., "BiMix: A Bivariate Data Mixing Law for Language Model Pretraining",
//! arXiv:2405.14908, eq. 4; its A is redundant and left out. s is tokens here, steps there: only B differs.

use super::terms::{amplitudes, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct BiMix;

static CARD: LawInfo = LawInfo {
    name: "bimix",
    title: "BiMix",
    form: "L = r^−α · (B/D^β + C)",
    needs: "D and the weight r of the loss's own domain; one size, three ratios above 0",
    gives: "the loss at any D and r, for one size",
    source: "Ge et al. 2024, arXiv:2405.14908",
    caveats: &[
        "ignores N",
        "the loss is infinite at r = 0; a weight of 0 is treated as 1e-9",
        "less accurate than laws that use every domain's weight",
    ],
};

const B: usize = 0;
const C: usize = 1;
const ALPHA: usize = 2;
const BETA: usize = 3;

impl Law for BiMix {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::own_shares(data, 3), needs::amounts(data, 2), needs::rows(data, 4)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for BiMix {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Free, Positive};
        vec![
            Parameter::new("B", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("C", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("α", "", Free, (0.0, 0.3)),
            Parameter::new("β", "", Positive, (0.05, 1.0)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        B..ALPHA
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_r, ln_d) = (&x.ln_share[shape.own.unwrap_or(0)][rows.clone()], &x.ln_tokens[rows]);
        let mut terms = [[0.0; BLOCK]; 2];
        map2(&mut terms[0][..n], ln_r, ln_d, |r, d| phi[B] - phi[ALPHA] * r - phi[BETA] * d);
        map2(&mut terms[1][..n], ln_r, ln_d, |r, _| phi[C] - phi[ALPHA] * r);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        map2(out.column_mut(ALPHA, n), ln_r, ln_d, |r, _| -r);
        map2(out.column_mut(BETA, n), &terms[0], ln_d, |p, v| -p * v);
    }
}
