//! The critical-mixture-ratio law: a loss against the weight of its own domain, at one size and amount.
//!
//! L(r) = a·r^s + b. Gu et al., "CMR Scaling Law: Predicting Critical Mixture Ratios for Continual Pre-training of
//! Language Models", arXiv:2407.17467, eq. 5.

use super::terms::{map, map2, shares};
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct CriticalRatio;

static CARD: Card = Card {
    name: "critical-ratio",
    title: "Critical mixture ratio",
    form: "L = a·r^s + b",
    needs: "the weight r of the loss's own domain at one N and D; three ratios above 0",
    gives: "the loss at any r; the largest r at which another loss stays within its limit",
    source: "Gu et al. 2024, arXiv:2407.17467",
    caveats: &["blind to N and D: fit it to the last checkpoints of runs that are alike", "a, s and b trade off"],
};

const SCALE: usize = 0;
const FLOOR: usize = 1;
const POWER: usize = 2;

impl Law for CriticalRatio {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        [needs::own_shares(data, 3), needs::rows(data, 3)].into_iter().flatten().collect()
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for CriticalRatio {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Free};
        vec![
            Parameter::new("a", "nats", Amplitude, (-4.0, 1.0)),
            Parameter::new("b", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("s", "", Free, (-1.0, 0.5)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        SCALE..POWER
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let ln_r = &x.ln_share[shape.own.unwrap_or(0)][rows];
        let mut terms = [[0.0; BLOCK]; 2];
        map(&mut terms[0][..n], ln_r, |r| phi[SCALE] + phi[POWER] * r);
        terms[1][..n].fill(phi[FLOOR]);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        for (k, term) in terms.iter().enumerate() {
            out.column_mut(k, n).copy_from_slice(&term[..n]);
        }
        map2(out.column_mut(POWER, n), &terms[0], ln_r, |p, v| p * v);
    }
}
