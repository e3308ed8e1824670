//! The joint mixture law: the mixture also sets how fast size and tokens pay.
//!
//! L(N, D, h) = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + (Σᵢ Aᵢ·hᵢ)^a/N^α + (Σᵢ Bᵢ·hᵢ)^b/D^β. Shukor et al., "Scaling Laws for Optimal Data
//! Mixtures", arXiv:2507.09404, eq. 5.

use super::terms::{amplitudes, harmonic, harmonic_columns, map2, mixed, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Joint;

static CARD: LawInfo = LawInfo {
    name: "joint",
    title: "Joint mixture law",
    form: "L = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + (Σᵢ Aᵢ·hᵢ)^a/N^α + (Σᵢ Bᵢ·hᵢ)^b/D^β",
    needs: "N, D, all weights; four or more sizes recommended, with many mixtures each",
    gives: "the loss at any N, D and mixture; the best mixture for a given N and D",
    source: "Shukor et al. 2025, arXiv:2507.09404",
    caveats: &[
        "4K + 5 parameters for K domains",
        "a and the Aᵢ are strongly correlated; so are b and the Bᵢ",
        "prefer `additive` with two sizes",
    ],
};

const E: usize = 0;
/// ln of A₀^a and B₀^b, amplitudes of the terms in N and D.
const A: usize = 1;
const B: usize = 2;
const LINEAR: usize = 3;
const ALPHA: usize = 3;
const BETA: usize = 4;
const A_POWER: usize = 5;
const B_POWER: usize = 6;
/// The Cᵢ, then the γᵢ, then a·ln(Aᵢ/A₀) and b·ln(Bᵢ/B₀) of the domains but the first: what a term gains where a domain
/// stands for the first. A large power of ratios near one and a small power of ratios far from one are much the same; in these
/// coordinates a search moves between them without leaving the valley.
const FIRST: usize = 7;
/// A power is divided by, and its bound is 0.
const LEAST_POWER: f64 = 1e-9;

/// A term whose amplitude depends on the mixture: positions of its parameters.
struct Mixed {
    amplitude: usize,
    /// The first of the ratios to the first domain.
    first: usize,
    power: usize,
    exponent: usize,
}

fn mixed_terms(domains: usize) -> [Mixed; 2] {
    let first = FIRST + 2 * domains;
    [
        Mixed { amplitude: A, first, power: A_POWER, exponent: ALPHA },
        Mixed { amplitude: B, first: first + domains.saturating_sub(1), power: B_POWER, exponent: BETA },
    ]
}

impl Law for Joint {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::sizes_or_amounts(data, 2),
            needs::amounts_or_sizes(data, 2),
            needs::mixtures(data, 2 * k),
            needs::rows(data, FIRST + 4 * k),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
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
            Parameter::new("A0", "", Amplitude, (0.0, 10.0)),
            Parameter::new("B0", "", Amplitude, (0.0, 12.0)),
            Parameter::new("α", "", Positive, (0.05, 1.0)),
            Parameter::new("β", "", Positive, (0.05, 1.0)),
            Parameter::new("a", "", Between(0.0, 5.0), (0.3, 4.0)),
            Parameter::new("b", "", Between(0.0, 5.0), (0.3, 4.0)),
        ];
        let each = |from: usize, name: &str, unit, coordinate, start| {
            (from..shape.domains)
                .map(|i| Parameter::new(format!("{name}{i}"), unit, coordinate, start))
                .collect::<Vec<_>>()
        };
        all.extend(each(0, "C", "1/nats", Amplitude, (-2.0, 3.0)));
        // Beyond, a domain's term acts on the one mixture that has most of it, and predicts anything for others.
        all.extend(each(0, "γ", "", Between(-2.0, 5.0), (0.05, 1.0)));
        all.extend(each(1, "A", "", Free, (-1.0, 1.0)));
        all.extend(each(1, "B", "", Free, (-1.0, 1.0)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..LINEAR
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let (n, k) = (rows.len(), shape.domains);
        let sizes = [&x.ln_params[rows.clone()], &x.ln_tokens[rows.clone()]];
        let (mut terms, mut ln_sums) = ([[0.0; BLOCK]; 4], [[0.0; BLOCK]; 2]);
        terms[E][..n].fill(phi[E]);
        for (((at, ln_size), ln_sum), term) in
            mixed_terms(k).iter().zip(sizes).zip(&mut ln_sums).zip(&mut terms[A..LINEAR])
        {
            let power = phi[at.power].max(LEAST_POWER);
            mixed(&phi[at.first..][..k.saturating_sub(1)], power, at.first, x, rows.clone(), out, ln_sum);
            map2(&mut term[..n], ln_sum, ln_size, |s, v| phi[at.amplitude] + power * s - phi[at.exponent] * v);
        }
        harmonic(phi, FIRST, k, x, rows.clone(), out, &mut terms[LINEAR]);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms[..LINEAR], n, out);
        for (((at, ln_size), by_power), share) in
            mixed_terms(k).iter().zip(sizes).zip(&mut ln_sums).zip(&terms[A..LINEAR])
        {
            map2(out.column_mut(at.exponent, n), share, ln_size, |p, v| -p * v);
            let power = phi[at.power].max(LEAST_POWER);
            for (column, ratio) in (at.first..).zip(&phi[at.first..][..k.saturating_sub(1)]) {
                // The column holds the domain's part of the sum.
                let ratio = ratio / power;
                for ((v, p), by) in out.column_mut(column, n).iter_mut().zip(share).zip(by_power.iter_mut()) {
                    *by -= ratio * *v;
                    *v *= p;
                }
            }
            map2(out.column_mut(at.power, n), share, by_power, |p, v| p * v);
        }
        harmonic_columns(FIRST, k, x, rows, out, &terms[LINEAR]);
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        for at in mixed_terms(shape.domains) {
            let power = phi[at.power].max(LEAST_POWER);
            let amplitude = |above: f64| ((phi[at.amplitude] + above) / power).clamp(-700.0, 700.0).exp();
            shown[at.amplitude] = amplitude(0.0);
            for k in at.first..at.first + shape.domains.saturating_sub(1) {
                shown[k] = amplitude(phi[k]);
            }
        }
        shown
    }
}
