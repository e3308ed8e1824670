//! The fine-grained mixture-of-experts law: size, tokens, and how finely experts are split.
//!
//! L(N, D, G) = c + (g/G^γ + a)/N^α + b/D^β. Krajewski et al., "Scaling Laws for Fine-Grained Mixture of Experts",
//! arXiv:2402.07871, eq. 9.

use super::terms::{amplitudes, map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct FineGrained;

static CARD: LawInfo = LawInfo {
    name: "fine-grained",
    title: "Fine-grained MoE law",
    form: "L = c + (g/G^γ + a)/N^α + b/D^β",
    needs: "N, D and granularity G, for one number of experts; two sizes, three granularities",
    gives: "the loss at any N, D and G; the best granularity for a compute budget",
    source: "Krajewski et al. 2024, arXiv:2402.07871",
    caveats: &["valid for one ratio of total to active parameters", "g and γ are strongly correlated"],
};

const C: usize = 0;
const G: usize = 1;
const A: usize = 2;
const B: usize = 3;
const GAMMA: usize = 4;
const ALPHA: usize = 5;
const BETA: usize = 6;

impl Law for FineGrained {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([
            needs::sizes(data, 2),
            needs::amounts(data, 2),
            needs::granularities(data, 3),
            needs::rows(data, 7),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens, Variable::Granularity]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for FineGrained {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Positive};
        vec![
            Parameter::new("c", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("g", "nats", Amplitude, (-2.0, 8.0)),
            Parameter::new("a", "nats", Amplitude, (0.0, 8.0)),
            Parameter::new("b", "nats", Amplitude, (0.0, 10.0)),
            Parameter::new("γ", "", Positive, (0.1, 1.5)),
            Parameter::new("α", "", Positive, (0.05, 0.8)),
            Parameter::new("β", "", Positive, (0.05, 0.8)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        C..GAMMA
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
        let ln_g = &x.ln_granularity[rows];
        let mut terms = [[0.0; BLOCK]; 4];
        terms[0][..n].fill(phi[C]);
        map2(&mut terms[1][..n], ln_g, ln_n, |g, v| phi[G] - phi[GAMMA] * g - phi[ALPHA] * v);
        map(&mut terms[2][..n], ln_n, |v| phi[A] - phi[ALPHA] * v);
        map(&mut terms[3][..n], ln_d, |v| phi[B] - phi[BETA] * v);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        map2(out.column_mut(GAMMA, n), &terms[1], ln_g, |p, v| -p * v);
        map2(out.column_mut(BETA, n), &terms[3], ln_d, |p, v| -p * v);
        let column = out.column_mut(ALPHA, n);
        for i in 0..n {
            column[i] = -(terms[1][i] + terms[2][i]) * ln_n[i];
        }
    }
}
