//! The data mixing law's exponential beside Chinchilla's terms: all weights, any size and amount.
//!
//! L(N, D, h) = E + exp(Σⱼ tⱼ·hⱼ) + A/N^α + B/D^β: the baseline of Shukor et al., arXiv:2507.09404, with the mixture term
//! of Ye et al., arXiv:2403.16952.

use super::mixing::tilts;
use super::terms::{map, map2, shares, tilted, tilted_columns};
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Exponential;

static CARD: Card = Card {
    name: "exponential",
    title: "Exponential mixture law",
    form: "L = E + exp(Σⱼ tⱼ·hⱼ) + A/N^α + B/D^β",
    needs: "N, D, all weights; two sizes, more mixtures than domains",
    gives: "the loss at any N, D and mixture; the best mixture, which does not depend on N or D",
    source: "Ye et al. 2024, arXiv:2403.16952, with the terms of arXiv:2203.15556",
    caveats: &["E trades off with every t"],
};

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;
const FIRST: usize = 5;

impl Law for Exponential {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        [needs::sizes(data, 2), needs::amounts(data, 2), needs::mixtures(data, k + 1), needs::rows(data, FIRST + k)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Exponential {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Positive};
        let mut all = vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("A", "nats", Amplitude, (0.0, 12.0)),
            Parameter::new("B", "nats", Amplitude, (0.0, 14.0)),
            Parameter::new("α", "", Positive, (0.05, 1.0)),
            Parameter::new("β", "", Positive, (0.05, 1.0)),
        ];
        all.extend(tilts(shape, (shape.ln_least_loss - 3.0, shape.ln_most_loss)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..ALPHA
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
        let mut terms = [[0.0; BLOCK]; 4];
        terms[0][..n].fill(phi[E]);
        map(&mut terms[1][..n], ln_n, |v| phi[A] - phi[ALPHA] * v);
        map(&mut terms[2][..n], ln_d, |v| phi[B] - phi[BETA] * v);
        tilted(phi, FIRST, shape.domains, x, rows.clone(), &mut terms[3]);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        for (k, term) in terms.iter().take(3).enumerate() {
            out.column_mut(k, n).copy_from_slice(&term[..n]);
        }
        map2(out.column_mut(ALPHA, n), &terms[1], ln_n, |p, v| -p * v);
        map2(out.column_mut(BETA, n), &terms[2], ln_d, |p, v| -p * v);
        tilted_columns(FIRST, shape.domains, x, rows, out, &terms[3]);
    }
}
