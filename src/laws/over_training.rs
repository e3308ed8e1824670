//! The over-training law: Chinchilla with one exponent, in compute and tokens per parameter.
//!
//! L(C, M) = E + (a·M^η + b·M^−η)·C^−η with M = D/N and C = 6ND. Gadre et al., "Language models scale reliably with
//! over-training and on downstream tasks", arXiv:2403.08540, eq. 4.

use super::terms::{amplitudes, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct OverTraining;

static CARD: LawInfo = LawInfo {
    name: "over-training",
    title: "Over-training law",
    form: "L = E + (a·M^η + b·M^−η)·C^−η, M = D/N, C = 6ND",
    needs: "N, D; two sizes, two token counts",
    gives: "the loss of runs trained far beyond the compute-optimal number of tokens per parameter",
    source: "Gadre et al. 2024, arXiv:2403.08540",
    caveats: &["ignores the mixture", "the exponents of N and D are equal by construction (both 2η)"],
};

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ETA: usize = 3;

impl Law for OverTraining {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes(data, 2), needs::amounts(data, 2), needs::rows(data, 4)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for OverTraining {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Positive};
        vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("a", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("b", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("η", "", Positive, (0.02, 0.4)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..ETA
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows]);
        let ln6 = 6.0_f64.ln();
        // ln M − ln C and −ln M − ln C: the terms are powers of 6N² and 6D².
        let size = |ln: f64| -(ln6 + 2.0 * ln);
        let mut terms = [[0.0; BLOCK]; 3];
        terms[0][..n].fill(phi[E]);
        map2(&mut terms[1][..n], ln_n, ln_d, |v, _| phi[A] + phi[ETA] * size(v));
        map2(&mut terms[2][..n], ln_n, ln_d, |_, v| phi[B] + phi[ETA] * size(v));
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        let column = out.column_mut(ETA, n);
        for i in 0..n {
            column[i] = terms[1][i] * size(ln_n[i]) + terms[2][i] * size(ln_d[i]);
        }
    }
}
