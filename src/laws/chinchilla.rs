//! The Chinchilla law: loss against size and tokens.
//!
//! L(N, D) = E + A/N^α + B/D^β. Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv:2203.15556,
//! eq. 2; fitted as in Besiroglu et al., "Chinchilla Scaling: A replication attempt", arXiv:2404.10102.

use super::terms::{map, map2, shares};
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Chinchilla;

static CARD: Card = Card {
    name: "chinchilla",
    title: "Chinchilla law",
    form: "L = E + A/N^α + B/D^β",
    needs: "N, D; two sizes, two token counts",
    gives: "the loss at any N and D of one mixture; the best N and D for a budget",
    source: "Hoffmann et al. 2022, arXiv:2203.15556",
    caveats: &["blind to the mixture", "with two sizes E and α trade off"],
};

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;

impl Law for Chinchilla {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        [needs::sizes(data, 2), needs::amounts(data, 2), needs::rows(data, 5)].into_iter().flatten().collect()
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Chinchilla {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Positive};
        vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("A", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("B", "nats", Amplitude, (0.0, 14.0)),
            Parameter::new("α", "", Positive, (0.05, 1.0)),
            Parameter::new("β", "", Positive, (0.05, 1.0)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..ALPHA
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows]);
        let mut terms = [[0.0; BLOCK]; 3];
        terms[0][..n].fill(phi[E]);
        map(&mut terms[1][..n], ln_n, |v| phi[A] - phi[ALPHA] * v);
        map(&mut terms[2][..n], ln_d, |v| phi[B] - phi[BETA] * v);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        for (k, term) in terms.iter().enumerate() {
            out.column_mut(k, n).copy_from_slice(&term[..n]);
        }
        map2(out.column_mut(ALPHA, n), &terms[1], ln_n, |p, v| -p * v);
        map2(out.column_mut(BETA, n), &terms[2], ln_d, |p, v| -p * v);
    }
}
