//! The joint mixture law: the mixture also sets how fast size and tokens pay.
//!
//! L(N, D, h) = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + (Σᵢ Aᵢ·hᵢ)^a/N^α + (Σᵢ Bᵢ·hᵢ)^b/D^β. Shukor et al., "Scaling Laws for Optimal Data
//! Mixtures", arXiv:2507.09404, eq. 5.

use super::terms::{harmonic, harmonic_columns, map2, mixed, shares};
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Joint;

static CARD: Card = Card {
    name: "joint",
    title: "Joint mixture law",
    form: "L = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + (Σᵢ Aᵢ·hᵢ)^a/N^α + (Σᵢ Bᵢ·hᵢ)^b/D^β",
    needs: "N, D, all weights; four sizes advised, many mixtures at each",
    gives: "the loss at any N, D and mixture; the best mixture for a given N and D",
    source: "Shukor et al. 2025, arXiv:2507.09404",
    caveats: &[
        "4K + 5 parameters for K domains",
        "a and b trade off with the Aᵢ and Bᵢ",
        "with two sizes prefer additive",
    ],
};

const E: usize = 0;
const ALPHA: usize = 1;
const BETA: usize = 2;
const A_POWER: usize = 3;
const B_POWER: usize = 4;
/// The Cᵢ, then the γᵢ, then the Aᵢ, then the Bᵢ.
const FIRST: usize = 5;

impl Law for Joint {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::sizes(data, 2),
            needs::amounts(data, 2),
            needs::mixtures(data, 2 * k),
            needs::rows(data, FIRST + 4 * k),
        ])
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Joint {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Between, Free, Positive};
        let mut all = vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("α", "", Positive, (0.05, 1.0)),
            Parameter::new("β", "", Positive, (0.05, 1.0)),
            Parameter::new("a", "", Between(0.0, 5.0), (0.3, 1.5)),
            Parameter::new("b", "", Between(0.0, 5.0), (0.3, 1.5)),
        ];
        let each = |name: &str, unit, coordinate, start| {
            (0..shape.domains)
                .map(|i| Parameter::new(format!("{name}{i}"), unit, coordinate, start))
                .collect::<Vec<_>>()
        };
        all.extend(each("C", "1/nats", Amplitude, (-2.0, 3.0)));
        all.extend(each("γ", "", Free, (0.05, 1.0)));
        all.extend(each("A", "", Amplitude, (0.0, 10.0)));
        all.extend(each("B", "", Amplitude, (0.0, 12.0)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..ALPHA
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let (n, k) = (rows.len(), shape.domains);
        let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
        let (first_a, first_b) = (FIRST + 2 * k, FIRST + 3 * k);
        let (mut ln_a, mut ln_b) = ([0.0; BLOCK], [0.0; BLOCK]);
        mixed(phi, first_a, k, x, rows.clone(), out, &mut ln_a);
        mixed(phi, first_b, k, x, rows.clone(), out, &mut ln_b);
        let mut terms = [[0.0; BLOCK]; 4];
        terms[0][..n].fill(phi[E]);
        map2(&mut terms[1][..n], &ln_a, ln_n, |a, v| phi[A_POWER] * a - phi[ALPHA] * v);
        map2(&mut terms[2][..n], &ln_b, ln_d, |b, v| phi[B_POWER] * b - phi[BETA] * v);
        harmonic(phi, FIRST, k, x, rows.clone(), out, &mut terms[3]);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        out.column_mut(E, n).copy_from_slice(&terms[0][..n]);
        map2(out.column_mut(ALPHA, n), &terms[1], ln_n, |p, v| -p * v);
        map2(out.column_mut(BETA, n), &terms[2], ln_d, |p, v| -p * v);
        map2(out.column_mut(A_POWER, n), &terms[1], &ln_a, |p, v| p * v);
        map2(out.column_mut(B_POWER, n), &terms[2], &ln_b, |p, v| p * v);
        for (first, share, power) in [(first_a, &terms[1], phi[A_POWER]), (first_b, &terms[2], phi[B_POWER])] {
            for i in 0..k {
                for (v, p) in out.column_mut(first + i, n).iter_mut().zip(share) {
                    *v *= p * power;
                }
            }
        }
        harmonic_columns(FIRST, k, x, rows, out, &terms[3]);
    }
}
