//! The sparsity law: total size, tokens, and the part of the experts that stays idle.
//!
//! L(N, D, S) = e + a/N^α + b/D^β + c/(1−S)^λ + d/((1−S)^δ·N^γ), S = (E−K)/E. Abnar et al., "Parameters vs FLOPs: Scaling
//! Laws for Optimal Sparsity for Mixture-of-Experts Language Models", arXiv:2501.12370, eq. 3; N is total.

use super::terms::{amplitudes, map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Sparsity;

static CARD: LawInfo = LawInfo {
    name: "sparsity",
    title: "Sparsity law",
    form: "L = e + a/N^α + b/D^β + c/(1−S)^λ + d/((1−S)^δ·N^γ), S = (E−K)/E",
    needs: "total N, D, experts E and experts per token K; two sizes, three sparsities (0 for dense runs)",
    gives: "the loss at any N, D and S; the best sparsity for a compute budget",
    source: "Abnar et al. 2025, arXiv:2501.12370",
    caveats: &[
        "do not extrapolate in S: R² is 0.99 in the fitted range and 0.68 held out",
        "λ may be negative, as in the paper",
    ],
};

const FLOOR: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const D: usize = 4;
const ALPHA: usize = 5;
const BETA: usize = 6;
const LAMBDA: usize = 7;
const DELTA: usize = 8;
const GAMMA: usize = 9;

impl Law for Sparsity {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes(data, 2), needs::amounts(data, 2), needs::sparsities(data, 3), needs::rows(data, 10)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens, Variable::Experts, Variable::ExpertsPerToken]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Sparsity {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Free, Positive};
        vec![
            Parameter::new("e", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("a", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("b", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("c", "nats", Amplitude, (-4.0, 1.0)),
            Parameter::new("d", "nats", Amplitude, (-2.0, 8.0)),
            Parameter::new("α", "", Positive, (0.1, 1.0)),
            Parameter::new("β", "", Positive, (0.1, 1.0)),
            Parameter::new("λ", "", Free, (-0.4, 0.4)),
            Parameter::new("δ", "", Free, (-0.3, 0.5)),
            Parameter::new("γ", "", Positive, (0.05, 0.5)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        FLOOR..ALPHA
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
        let ln_active = &x.ln_active_experts[rows];
        let mut terms = [[0.0; BLOCK]; 5];
        terms[0][..n].fill(phi[FLOOR]);
        map(&mut terms[1][..n], ln_n, |v| phi[A] - phi[ALPHA] * v);
        map(&mut terms[2][..n], ln_d, |v| phi[B] - phi[BETA] * v);
        map(&mut terms[3][..n], ln_active, |s| phi[C] - phi[LAMBDA] * s);
        map2(&mut terms[4][..n], ln_active, ln_n, |s, v| phi[D] - phi[DELTA] * s - phi[GAMMA] * v);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        for (k, term, ln) in [
            (ALPHA, &terms[1], ln_n),
            (BETA, &terms[2], ln_d),
            (LAMBDA, &terms[3], ln_active),
            (DELTA, &terms[4], ln_active),
            (GAMMA, &terms[4], ln_n),
        ] {
            map2(out.column_mut(k, n), term, ln, |p, v| -p * v);
        }
    }
}
