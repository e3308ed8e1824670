//! The capacity law: domains compete for parameters, and the mixture determines the allocation.
//!
//! Lᵢ(N, D, h) = Eᵢ + cᵢ·xᵢ*^−bᵢ + Aᵢ·(D·hᵢ)^−aᵢ, where x* minimises Σₖ hₖ·cₖ·xₖ^−bₖ under Σ x = N + (K−1)·H, xₖ ≥ H:
//! xₖ = max(H, (hₖ·cₖ·bₖ/λ)^(1/(bₖ+1))) with λ such that the sum holds. arXiv:2606.08167.
//!
//! The own domain's loss depends on every domain's cₖ and bₖ through x*. Derivatives are those of the implicit function
//! λ(θ). Sizes are taken relative to the largest N of the data while fitting, so that cₖ is a loss and not a loss times
//! N^bₖ.

use super::terms::shares;
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Capacity;

static CARD: LawInfo = LawInfo {
    name: "capacity",
    title: "Capacity law",
    form: "Lᵢ = Eᵢ + cᵢ·xᵢ*^−bᵢ + Aᵢ·(D·hᵢ)^−aᵢ, x* = argmin Σ hₖ·cₖ·xₖ^−bₖ, Σ x = N + (K−1)·H, x ≥ H",
    needs: "N, D, all weights; two sizes, more mixtures than domains",
    gives: "the loss at any N, D and mixture; the parameters allocated to each domain",
    source: "2026, arXiv:2606.08167",
    caveats: &["cₖ and bₖ of other domains are identified only through their effect on this domain's capacity"],
};

const E: usize = 0;
const A: usize = 1;
const DATA: usize = 2;
const H: usize = 3;
/// The cₖ, then the bₖ. The own domain's is ln c; of the others only what they take from it is seen, which is a matter of
/// c·b: theirs is ln of that, so that a b of 0 is a place in the box like others.
const FIRST: usize = 4;

/// A b is divided by, and its bound is 0.
const LEAST: f64 = 1e-12;

impl Law for Capacity {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::own_shares(data, 3),
            needs::sizes_or_amounts(data, 2),
            needs::amounts_or_sizes(data, 2),
            needs::mixtures(data, k + 1),
            needs::rows(data, FIRST + 2 * k),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Capacity {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, LogBelow, Positive};
        let smallest = shape.ln_params.0 - shape.ln_params.1;
        let mut all = vec![
            Parameter::new("E", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("A", "nats", Amplitude, (0.0, 10.0)),
            Parameter::new("a", "", Positive, (0.05, 0.8)),
            Parameter::new("H", "parameters", LogBelow(smallest - 0.1), (smallest - 6.0, smallest - 1.0)),
        ];
        // Where a domain begins far down, it takes nothing: that a mixture matters to its own tokens alone is among the starts.
        let start = |k| if Some(k) == shape.own { (-3.0, 0.5) } else { (-8.0, 0.0) };
        all.extend((0..shape.domains).map(|k| Parameter::new(format!("c{k}"), "nats", Amplitude, start(k))));
        all.extend((0..shape.domains).map(|k| Parameter::new(format!("b{k}"), "", Positive, (0.1, 0.8))));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        E..DATA
    }

    #[allow(clippy::needless_range_loop, reason = "rows of several columns at once")]
    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let (n, k) = (rows.len(), shape.domains);
        let own = shape.own.unwrap_or(0);
        let (c, b) = (&phi[FIRST..FIRST + k], &phi[FIRST + k..FIRST + 2 * k]);
        let mut terms = [[0.0; BLOCK]; 3];
        terms[0][..n].fill(phi[E]);
        // First pass: ln x* of the own domain per row, and its derivatives into the columns.
        for i in 0..n {
            let row = rows.start + i;
            let size = (x.ln_params[row] - shape.ln_params.1).exp();
            let pull = |j: usize| x.ln_share[j][row] + c[j] + if j == own { b[j].max(LEAST).ln() } else { 0.0 };
            let capacity = Split::of(size, phi[H].exp(), b, pull);
            let ln_x = capacity.ln_x(own, b, pull);
            terms[1][i] = phi[A] - phi[DATA] * x.ln_tokens_of(own, row);
            terms[2][i] = c[own] - b[own] * ln_x;
            if out.wants_jacobian {
                capacity.derivatives(own, ln_x, b, pull, |k, v| out.column_mut(k, n)[i] = v);
            }
        }
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        out.column_mut(E, n).copy_from_slice(&terms[0][..n]);
        out.column_mut(A, n).copy_from_slice(&terms[1][..n]);
        for i in 0..n {
            let row = rows.start + i;
            out.column_mut(DATA, n)[i] = -terms[1][i] * x.ln_tokens_of(own, row);
        }
        // Columns from H on hold d(c − b ln x*); times the share of the term they are d ln L.
        for column in H..FIRST + 2 * k {
            for (v, p) in out.column_mut(column, n).iter_mut().zip(&terms[2]) {
                *v *= p;
            }
        }
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        let unit = shape.ln_params.1;
        shown[H] = (phi[H] + unit).clamp(-700.0, 700.0).exp();
        for j in 0..shape.domains {
            let b = phi[FIRST + shape.domains + j];
            let ln_c = phi[FIRST + j] - if Some(j) == shape.own { 0.0 } else { b.max(LEAST).ln() };
            shown[FIRST + j] = (ln_c + b * unit).clamp(-700.0, 700.0).exp();
        }
        shown
    }
}

/// How one row's parameters are split among domains.
struct Split {
    floor: f64,
    /// ln λ.
    multiplier: f64,
    /// Σ over domains above the floor of x/(b+1).
    slope: f64,
    /// Domains above the floor.
    above: usize,
}

impl Split {
    /// Finds ln λ. Σ max(H, e^((ln hcb − μ)/(b+1))) is convex and falls in μ, so Newton's method from the left end, where
    /// some domain alone takes all of N, never oversteps.
    fn of(size: f64, floor: f64, b: &[f64], pull: impl Fn(usize) -> f64) -> Self {
        let wanted = size + (b.len() as f64 - 1.0) * floor;
        let mut split = Self { floor, multiplier: f64::NEG_INFINITY, slope: 0.0, above: 0 };
        for (j, b) in b.iter().enumerate() {
            split.multiplier = split.multiplier.max(pull(j) - (b + 1.0) * size.ln());
        }
        for _ in 0..50 {
            let (mut sum, mut slope, mut above) = (0.0, 0.0, 0);
            for (j, b) in b.iter().enumerate() {
                let x = ((pull(j) - split.multiplier) / (b + 1.0)).min(300.0).exp();
                if x > floor {
                    sum += x;
                    slope += x / (b + 1.0);
                    above += 1;
                } else {
                    sum += floor;
                }
            }
            (split.slope, split.above) = (slope, above);
            let step = (sum - wanted) / slope.max(1e-300);
            if step.abs() < 1e-13 || !step.is_finite() {
                break;
            }
            split.multiplier += step;
        }
        split
    }

    fn ln_x(&self, j: usize, b: &[f64], pull: impl Fn(usize) -> f64) -> f64 {
        ((pull(j) - self.multiplier) / (b[j] + 1.0)).max(self.floor.ln())
    }

    /// Hands out d(c_own − b_own·ln x_own*) by ln H, by every ln cⱼ and by every bⱼ.
    fn derivatives(
        &self,
        own: usize,
        ln_own: f64,
        b: &[f64],
        pull: impl Fn(usize) -> f64,
        mut put: impl FnMut(usize, f64),
    ) {
        let k = b.len();
        let at_floor = ln_own <= self.floor.ln();
        // d ln x_own = (own terms − dμ)/(b+1) above the floor, d ln H on it.
        let by_multiplier = if at_floor { 0.0 } else { b[own] / (b[own] + 1.0) };
        let slope = self.slope.max(1e-300);
        let freed = -(self.above as f64 - 1.0) * self.floor / slope;
        put(H, if at_floor { -b[own] } else { by_multiplier * freed });
        for j in 0..k {
            let ln_x = self.ln_x(j, b, &pull);
            let weight = if ln_x > self.floor.ln() { ln_x.exp() / (b[j] + 1.0) / slope } else { 0.0 };
            let by_b = if j == own { 1.0 / b[j].max(LEAST) } else { 0.0 } - ln_x;
            let (mut of_c, mut of_b) = (by_multiplier * weight, by_multiplier * weight * by_b);
            if j == own {
                of_c += 1.0 - by_multiplier;
                of_b -= ln_own + by_multiplier * by_b;
            }
            put(FIRST + j, of_c);
            put(FIRST + k + j, of_b);
        }
    }
}
