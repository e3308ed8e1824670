//! The routed law: a power law in size whose exponent moves with the number of experts.
//!
//! log₁₀ L = a·log₁₀ N + b·log₁₀ Ê + c·log₁₀ N·log₁₀ Ê + d, with Ê as in [`super::experts`]. Clark et al., "Unified Scaling
//! Laws for Routed Language Models", arXiv:2202.01169, eq. 8. N is that of the dense model the experts were added to.

use super::experts::{Effective, show};
use super::{Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::f64::consts::LN_10;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Routed;

static CARD: LawInfo = LawInfo {
    name: "routed",
    title: "Routed law",
    form: "log₁₀ L = a·log₁₀ N + b·log₁₀ Ê + c·log₁₀ N·log₁₀ Ê + d",
    needs: "active N and experts E, at one token count; two sizes, three expert counts (1 for dense runs)",
    gives: "the size of the equivalent dense model; the size above which experts no longer help",
    source: "Clark et al. 2022, arXiv:2202.01169",
    caveats: &[
        "ignores D and the mixture",
        "no irreducible loss: not valid for losses near 1",
        "E_s and E_m have wide intervals",
    ],
};

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;
const START: usize = 4;
const GAP: usize = 5;

impl Law for Routed {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes(data, 2), needs::experts(data, 3), needs::rows(data, 6)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Experts]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Routed {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Free, LogBetween};
        vec![
            Parameter::new("a", "", Free, (-0.3, 0.0)),
            Parameter::new("b", "", Free, (-0.3, 0.0)),
            Parameter::new("c", "", Free, (0.0, 0.03)),
            Parameter::new("d", "", Free, (0.5, 1.5)),
            Parameter::new("E_s", "experts", LogBetween(-2.0, 4.0), (0.0, 1.5)),
            Parameter::new("E_m", "experts", LogBetween(0.0, 10.0), (3.0, 7.0)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..0
    }

    #[allow(clippy::needless_range_loop, reason = "rows of several columns at once")]
    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let ln_n = &x.ln_active[rows.clone()];
        let effective = Effective::of(&x.experts[rows], phi[START], phi[GAP]);
        for i in 0..n {
            let (size, e) = (ln_n[i] / LN_10, effective.ln[i] / LN_10);
            out.ln_loss[i] = LN_10 * (phi[A] * size + phi[B] * e + phi[C] * size * e + phi[D]);
            if out.wants_jacobian {
                let by_e = phi[B] + phi[C] * size;
                out.column_mut(A, n)[i] = LN_10 * size;
                out.column_mut(B, n)[i] = LN_10 * e;
                out.column_mut(C, n)[i] = LN_10 * size * e;
                out.column_mut(D, n)[i] = LN_10;
                out.column_mut(START, n)[i] = by_e * effective.by_start[i];
                out.column_mut(GAP, n)[i] = by_e * effective.by_gap[i];
            }
        }
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        show(&mut shown, START, GAP);
        shown
    }
}
