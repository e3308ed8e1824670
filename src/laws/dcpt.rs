//! The D-CPT law: one validation loss against size, tokens and the weight of its own domain.
//!
//! L(N, D, r) = E + A/N^α + B·r^η/D^β + C/(r + ε)^γ. Que et al., "D-CPT Law: Domain-specific Continual Pre-Training
//! Scaling Law for Large Language Models", arXiv:2406.01375, eq. 6 (C/(r + ε)^γ is its C/r'^γ).

use super::terms::{amplitudes, map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, math, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct DCpt;

static CARD: LawInfo = LawInfo {
    name: "dcpt",
    title: "D-CPT law",
    form: "L = E + A/N^α + B·r^η/D^β + C/(r+ε)^γ",
    needs: "N, D and the weight r of the loss's own domain; three ratios (one size is enough, but then the law does not predict other sizes)",
    gives: "the loss at any N, D and r; the r at which another loss stays within a limit",
    source: "Que et al. 2024, arXiv:2406.01375",
    caveats: &[
        "η is often close to 0. mixlaw allows negative η; the paper requires η > 0",
        "C, γ, ε and E are strongly correlated",
        "at r = 0 the prediction rests on ε alone",
    ],
};

impl Law for DCpt {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([
            needs::own_shares(data, 3),
            needs::sizes(data, 1),
            needs::amounts_or_sizes(data, 2),
            needs::rows(data, 9),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

// Positions of the parameters: the amplitudes first, so that they are one range, then the exponents, which a law with
// more amplitudes has further on. C and γ are searched as ln of the last term at r = 1 and as what ln of it falls by from r = 0
// to 1: a term that is nearly a straight line or an exponential in r over the data is one with any large ε, and its C and γ
// then move by orders of magnitude along a curved valley.
const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const FIRST: usize = 4;
const ALPHA: usize = 0;
const BETA: usize = 1;
const ETA: usize = 2;
const FALL: usize = 3;
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
        let part = terms(shape, phi, FIRST, x, rows.clone(), &mut all);
        shares(&mut all, rows.len(), &mut out.ln_loss);
        if out.wants_jacobian {
            columns(shape, phi, FIRST, x, rows, &all, &part, out);
        }
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        show(phi, FIRST, &mut shown);
        shown
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
        Parameter::new("γ", "", Positive, (0.1, 8.0)),
        Parameter::new("ε", "", LogBetween(-16.0, 9.0), (-6.0, 1.5)),
    ]
}

/// Writes ln of the four terms, with exponents at `phi[first..]`; returns by how much of its fall
/// ln of the last one lies above its value at r = 1.
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
    let whole = (1.0 / eps).ln_1p();
    let mut part = [0.0; BLOCK];
    map(&mut part[..n], r, |r| math::ln((1.0 + eps) / (r + eps)) / whole);
    terms[E][..n].fill(phi[E]);
    map(&mut terms[A][..n], ln_n, |v| phi[A] - exponents[ALPHA] * v);
    map2(&mut terms[B][..n], ln_r, ln_d, |r, d| phi[B] + exponents[ETA] * r - exponents[BETA] * d);
    map(&mut terms[C][..n], &part[..n], |v| phi[C] + exponents[FALL] * v);
    part
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
    part: &[f64; BLOCK],
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
    map2(out.column_mut(first + FALL, n), &terms[C], part, |p, v| p * v);
    let whole = (1.0 / eps).ln_1p();
    let by_eps = |r: f64, part: f64| (eps / (1.0 + eps) - eps / (r + eps) + part / (1.0 + eps)) / whole;
    let column = out.column_mut(first + EPS, n);
    map2(column, r, part, by_eps);
    column.iter_mut().zip(&terms[C]).for_each(|(v, p)| *v *= p * exponents[FALL]);
}

/// Turns C and γ into those of the formula, among what readers see.
pub(super) fn show(phi: &[f64], first: usize, shown: &mut [f64]) {
    let eps = phi[first + EPS].exp();
    let gamma = phi[first + FALL] / (1.0 / eps).ln_1p();
    shown[C] = (phi[C] + gamma * eps.ln_1p()).clamp(-700.0, 700.0).exp();
    shown[first + FALL] = gamma;
}
