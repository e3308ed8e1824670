//! The data mixing law (its form M4): a loss against all weights, at one size and amount.
//!
//! L(h) = c + exp(Σⱼ tⱼ·hⱼ). Ye et al., "Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling
//! Performance", arXiv:2403.16952, eq. 7; its k is redundant on the simplex (shift every t) and left out.
//!
//! c is kept below the least loss seen: left free it runs away, and held-out predictions with it.

use super::terms::{shares, tilted, tilted_columns};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Mixing;

static CARD: LawInfo = LawInfo {
    name: "mixing",
    title: "Data mixing law (M4)",
    form: "L = c + exp(Σⱼ tⱼ·hⱼ)",
    needs: "all weights, at one N and D; more mixtures than domains",
    gives: "the loss at any mixture",
    source: "Ye et al. 2024, arXiv:2403.16952",
    caveats: &[
        "ignores N and D: fit it to the last checkpoints of runs with equal N and D",
        "c is at most the lowest observed loss",
    ],
};

const C: usize = 0;
const FIRST: usize = 1;

impl Law for Mixing {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        missing(data)
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Mixing {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        let (least, most) = (shape.ln_least_loss, shape.ln_most_loss);
        let mut all = vec![Parameter::new("c", "nats", Coordinate::LogBelow(least), (least - 3.0, least - 0.05))];
        all.extend(tilts(shape, (least - 3.0, most)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..0
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        floor_and_tilt(shape, phi, x, rows, out);
    }
}

/// What a floor and a tⱼ per domain need.
pub(super) fn missing(data: &Observations) -> Vec<String> {
    let k = data.domains.len();
    needs::all([needs::mixtures(data, k + 1), needs::rows(data, k + 1)])
}

/// One tⱼ per domain.
pub(super) fn tilts(shape: &Shape, start: (f64, f64)) -> Vec<Parameter> {
    (0..shape.domains).map(|j| Parameter::new(format!("t{j}"), "", Coordinate::Free, start)).collect()
}

/// A floor and an exponential of the mixture: `phi` is ln c and the tⱼ.
pub(super) fn floor_and_tilt(shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
    let n = rows.len();
    let mut terms = [[0.0; BLOCK]; 2];
    terms[0][..n].fill(phi[C]);
    tilted(phi, FIRST, shape.domains, x, rows.clone(), &mut terms[1]);
    shares(&mut terms, n, &mut out.ln_loss);
    if out.wants_jacobian {
        out.column_mut(C, n).copy_from_slice(&terms[0][..n]);
        tilted_columns(FIRST, shape.domains, x, rows, out, &terms[1]);
    }
}
