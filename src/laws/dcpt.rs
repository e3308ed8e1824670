//! The D-CPT law: one validation loss against size, tokens and the weight of its own domain.
//!
//! L(N, D, r) = E + A/N^α + B·r^η/D^β + C/(r + ε)^γ. Que et al., "D-CPT Law: Domain-specific Continual Pre-Training
//! Scaling Law for Large Language Models", arXiv:2406.01375, eq. 6 (C/(r + ε)^γ is its C/r'^γ).

use super::terms::{amplitudes, map, map2, shares};
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, math, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct DCpt;

static CARD: Card = Card {
    name: "dcpt",
    title: "D-CPT law",
    form: "L = E + A/N^α + B·r^η/D^β + C/(r+ε)^γ",
    needs: "N, D, the weight r of the loss's own domain; three ratios (one size will do, and then says nothing about others)",
    gives: "the loss at any N, D and r; the r that keeps another loss within a limit",
    source: "Que et al. 2024, arXiv:2406.01375",
    caveats: &[
        "η tends to 0, and is left free of sign: that more of the domain's own data raises its data term, as the paper has it, is not forced",
        "C, γ and ε trade off against each other and against E",
        "at r = 0 the law has only ε to go by",
    ],
};

impl Law for DCpt {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::own_shares(data, 3), needs::sizes(data, 1), needs::amounts(data, 2), needs::rows(data, 9)])
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

// Positions of the parameters: the amplitudes first, so that they are one range, then the exponents, which a law with
// more amplitudes has further on.
const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const FIRST: usize = 4;
const ALPHA: usize = 0;
const BETA: usize = 1;
const ETA: usize = 2;
const GAMMA: usize = 3;
const EPS: usize = 4;
/// How many follow the amplitudes.
pub(super) const EXPONENTS: usize = 5;

impl Smooth for DCpt {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        parameters()
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..FIRST
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let mut all = [[0.0; BLOCK]; 4];
        let ln_re = terms(shape, phi, FIRST, x, rows.clone(), &mut all);
        shares(&mut all, rows.len(), &mut out.ln_loss);
        if out.wants_jacobian {
            columns(shape, phi, FIRST, x, rows, &all, &ln_re, out);
        }
    }
}

/// The four amplitudes and the exponents.
pub(super) fn parameters() -> Vec<Parameter> {
    use Coordinate::{Amplitude, Free, LogBetween, Positive};
    vec![
        Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
        Parameter::new("A", "nats", Amplitude, (0.0, 10.0)),
        Parameter::new("B", "nats", Amplitude, (0.0, 12.0)),
        Parameter::new("C", "nats", Amplitude, (-4.0, 1.0)),
        Parameter::new("α", "", Positive, (0.05, 1.0)),
        Parameter::new("β", "", Positive, (0.05, 1.0)),
        Parameter::new("η", "", Free, (-0.1, 0.6)),
        Parameter::new("γ", "", Positive, (0.05, 3.0)),
        Parameter::new("ε", "", LogBetween(-16.0, 9.0), (-6.0, 1.5)),
    ]
}

/// Writes ln of the four terms, with exponents at `phi[first..]`; returns ln(r + ε).
pub(super) fn terms<const K: usize>(
    shape: &Shape,
    phi: &[f64],
    first: usize,
    x: &Columns,
    rows: Range<usize>,
    terms: &mut [[f64; BLOCK]; K],
) -> [f64; BLOCK] {
    let (n, own, exponents) = (rows.len(), shape.own.unwrap_or(0), &phi[first..]);
    let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
    let (r, ln_r) = (&x.share[own][rows.clone()], &x.ln_share[own][rows]);
    let eps = exponents[EPS].exp();
    let mut ln_re = [0.0; BLOCK];
    map(&mut ln_re[..n], r, |r| math::ln(r + eps));
    terms[E][..n].fill(phi[E]);
    map(&mut terms[A][..n], ln_n, |v| phi[A] - exponents[ALPHA] * v);
    map2(&mut terms[B][..n], ln_r, ln_d, |r, d| phi[B] + exponents[ETA] * r - exponents[BETA] * d);
    map(&mut terms[C][..n], &ln_re[..n], |v| phi[C] - exponents[GAMMA] * v);
    ln_re
}

/// The derivatives by every amplitude (one for each term) and by the exponents, given each term's share of the loss.
#[allow(clippy::too_many_arguments, reason = "those of `terms`, and what it gave")]
pub(super) fn columns(
    shape: &Shape,
    phi: &[f64],
    first: usize,
    x: &Columns,
    rows: Range<usize>,
    terms: &[[f64; BLOCK]],
    ln_re: &[f64; BLOCK],
    out: &mut Block,
) {
    let (n, own, exponents) = (rows.len(), shape.own.unwrap_or(0), &phi[first..]);
    let (ln_n, ln_d) = (&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]);
    let (r, ln_r) = (&x.share[own][rows.clone()], &x.ln_share[own][rows]);
    let eps = exponents[EPS].exp();
    amplitudes(terms, n, out);
    map2(out.column_mut(first + ALPHA, n), &terms[A], ln_n, |p, v| -p * v);
    map2(out.column_mut(first + BETA, n), &terms[B], ln_d, |p, v| -p * v);
    map2(out.column_mut(first + ETA, n), &terms[B], ln_r, |p, v| p * v);
    map2(out.column_mut(first + GAMMA, n), &terms[C], ln_re, |p, v| -p * v);
    map2(out.column_mut(first + EPS, n), &terms[C], r, |p, r| -p * exponents[GAMMA] * eps / (r + eps));
}
