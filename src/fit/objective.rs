//! Objective of a fit: the sum over rows of Huber(δ) on ln L̂ − ln L, divided by δ² so that tolerances bite.
//!
//! Hoffmann et al. 2022 (arXiv:2203.15556, eq. 3) with δ = 1e-3. The *mean* at default tolerances stops early, which is
//! how the published coefficients came to be off.

use super::gram::{Gram, dot, sum};
use crate::laws::simd::vectorised;
use crate::laws::{BLOCK, Block, Columns, Parameter, Shape, Smooth};

/// Where a residual's cost turns from quadratic to linear.
pub const DELTA: f64 = 1e-3;

/// Whether to stop: the rows have changed, or the time is out. Asked at every step of a search.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// For fits that nothing stops.
pub fn never() -> bool {
    false
}

/// A law, data, and a δ.
#[derive(Clone, Copy)]
pub(super) struct Objective<'a> {
    pub law: &'a dyn Smooth,
    pub shape: &'a Shape,
    pub parameters: &'a [Parameter],
    pub x: &'a Columns,
    pub delta: f64,
    pub stop: Stop<'a>,
    /// How strongly parameters are drawn to the middle of where starts are drawn from, per half width of that range,
    /// squared; 0 for not at all. A little of it decides among places that the data do not tell apart.
    pub pull: f64,
}

/// Everything an evaluation writes to; made once per search.
pub(super) struct Workspace {
    block: Block,
    phi: Vec<f64>,
    slope: Vec<f64>,
    psi: [f64; BLOCK],
    /// Weight of each row's J Jᵀ in the curvature.
    weight: [f64; BLOCK],
    /// The same in the quadratic that touches the objective from above.
    touching: [f64; BLOCK],
    gram: Gram,
}

impl Workspace {
    pub(super) fn new(parameters: usize) -> Self {
        Self {
            block: Block::new(parameters),
            phi: vec![0.0; parameters],
            slope: vec![0.0; parameters],
            psi: [0.0; BLOCK],
            weight: [0.0; BLOCK],
            touching: [0.0; BLOCK],
            gram: Gram::new(parameters),
        }
    }

    /// Room for predictions alone, which want no curvature.
    pub(super) fn for_predictions(parameters: usize) -> Self {
        Self { block: Block::new(parameters), phi: vec![0.0; parameters], slope: vec![0.0; parameters], ..Self::new(0) }
    }

    /// Parameters as the formula works with them.
    pub(super) fn working(&mut self, parameters: &[Parameter], theta: &[f64]) -> &[f64] {
        for (k, (parameter, t)) in parameters.iter().zip(theta).enumerate() {
            (self.phi[k], self.slope[k]) = parameter.working(*t);
        }
        &self.phi
    }
}

/// The curvature of the objective at a point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curvature {
    /// Σ over rows of w·J Jᵀ with w = 1/δ² within δ, and `beyond`·1/(δ|r|) for rows beyond it; symmetric, row-major,
    /// p × p. With `beyond` 0 this is what the objective itself has, to first order; with 1 it is the quadratic that
    /// touches the objective from above.
    pub matrix: Vec<f64>,
    /// The diagonal of the matrix for `beyond` 1.
    pub touching: Vec<f64>,
}

impl Curvature {
    pub(super) fn new(p: usize) -> Self {
        Self { matrix: vec![0.0; p * p], touching: vec![0.0; p] }
    }
}

impl Objective<'_> {
    pub(super) fn dimensions(&self) -> usize {
        self.parameters.len()
    }

    /// The objective at `theta` (search coordinates). Never NaN: what cannot be evaluated costs f64::MAX.
    pub(super) fn value(&self, theta: &[f64], ws: &mut Workspace) -> f64 {
        ws.block.wants_jacobian = false;
        self.each_block(theta, 0.0, ws, |_, _| {}) + self.pulled(theta, |_, _, _| {})
    }

    /// The objective, and its gradient into `gradient`.
    pub(super) fn gradient(&self, theta: &[f64], gradient: &mut [f64], ws: &mut Workspace) -> f64 {
        gradient.fill(0.0);
        ws.block.wants_jacobian = true;
        let value = self.each_block(theta, 0.0, ws, |ws, n| {
            vectorised(
                #[inline(always)]
                || {
                    for (k, g) in gradient.iter_mut().enumerate() {
                        *g += dot(ws.block.column(k, n), &ws.psi[..n]);
                    }
                },
            );
        });
        self.chain(gradient, ws);
        value + self.pulled(theta, |k, slope, _| gradient[k] += slope)
    }

    /// The objective, its gradient, and its curvature with rows beyond δ counted `beyond` times.
    pub(super) fn curvature(
        &self,
        theta: &[f64],
        beyond: f64,
        gradient: &mut [f64],
        curvature: &mut Curvature,
        ws: &mut Workspace,
    ) -> f64 {
        let p = self.dimensions();
        ws.block.wants_jacobian = true;
        ws.gram.clear();
        let value = self.each_block(theta, beyond, ws, |ws, n| {
            ws.gram.add(&mut ws.block, n, &ws.psi, &ws.weight, &ws.touching);
        });
        let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
        for (k, slope) in gradient.iter_mut().enumerate().take(p) {
            *slope = ws.gram.with_psi(k);
            curvature.touching[k] = finite(ws.gram.touching(k) * ws.slope[k] * ws.slope[k]);
            for l in 0..=k {
                let v = finite(ws.gram.of(k, l) * ws.slope[k] * ws.slope[l]);
                (curvature.matrix[k * p + l], curvature.matrix[l * p + k]) = (v, v);
            }
        }
        self.chain(gradient, ws);
        value
            + self.pulled(theta, |k, slope, twice| {
                gradient[k] += slope;
                curvature.matrix[k * p + k] += twice;
                curvature.touching[k] += twice;
            })
    }

    /// The pull on every parameter but the amplitudes that are solved for: hands out its first and second derivatives
    /// and returns the sum.
    fn pulled(&self, theta: &[f64], mut each: impl FnMut(usize, f64, f64)) -> f64 {
        if self.pull == 0.0 {
            return 0.0;
        }
        let linear = self.law.linear(self.shape);
        let mut sum = 0.0;
        for (k, (p, t)) in self.parameters.iter().zip(theta).enumerate().filter(|(k, _)| !linear.contains(k)) {
            let (low, high) = (p.searched(p.start.0), p.searched(p.start.1));
            let (middle, half) = (0.5 * (low + high), 0.5 * (high - low).abs().max(0.1));
            let (z, scale) = ((t - middle) / half, self.pull / half);
            sum += self.pull * z * z;
            each(k, 2.0 * scale * z, 2.0 * scale / half);
        }
        sum
    }

    /// Evaluates the law block by block, fills `ws` with each row's ψ and weights, hands the block over, and adds up
    /// the objective.
    fn each_block(
        &self,
        theta: &[f64],
        beyond: f64,
        ws: &mut Workspace,
        mut then: impl FnMut(&mut Workspace, usize),
    ) -> f64 {
        ws.working(self.parameters, theta);
        let rows = self.x.len();
        let inverse = 1.0 / self.delta;
        let mut total = 0.0;
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + BLOCK);
            self.law.evaluate(self.shape, &ws.phi, self.x, from..to, &mut ws.block);
            let (y, weight) = (&self.x.ln_loss[from..to], &self.x.weight[from..to]);
            total += vectorised(
                #[inline(always)]
                || costs(inverse, beyond, y, weight, ws),
            );
            then(ws, to - from);
            from = to;
        }
        if total.is_finite() { total } else { f64::MAX }
    }

    /// From derivatives by what the formula works with to derivatives by search coordinates.
    fn chain(&self, gradient: &mut [f64], ws: &Workspace) {
        for (g, slope) in gradient.iter_mut().zip(&ws.slope) {
            *g *= slope;
            if !g.is_finite() {
                *g = 0.0;
            }
        }
    }
}

/// ln L̂ of every row of `x`.
pub(super) fn predict(
    law: &dyn Smooth,
    shape: &Shape,
    parameters: &[Parameter],
    theta: &[f64],
    x: &Columns,
    ws: &mut Workspace,
) -> Vec<f64> {
    ws.working(parameters, theta);
    ws.block.wants_jacobian = false;
    let mut all = Vec::with_capacity(x.len());
    while all.len() < x.len() {
        let (from, to) = (all.len(), x.len().min(all.len() + BLOCK));
        law.evaluate(shape, &ws.phi, x, from..to, &mut ws.block);
        all.extend_from_slice(&ws.block.ln_loss[..to - from]);
    }
    all
}

/// The unscaled sum of Huber(δ = 1e-3) over log residuals.
pub(super) fn huber(residuals: impl Iterator<Item = f64>) -> f64 {
    residuals
        .map(|r| {
            let a = r.abs();
            if a <= DELTA { 0.5 * a * a } else { DELTA * (a - 0.5 * DELTA) }
        })
        .sum()
}

/// The summed cost of a block's rows, their ψ and their weights.
#[inline(always)]
fn costs(inverse: f64, beyond: f64, y: &[f64], weight: &[f64], ws: &mut Workspace) -> f64 {
    let n = y.len();
    let mut cost = [0.0; BLOCK];
    let (predicted, psi) = (&ws.block.ln_loss[..n], &mut ws.psi[..n]);
    let (of_row, touching) = (&mut ws.weight[..n], &mut ws.touching[..n]);
    let (y, weight, cost) = (&y[..n], &weight[..n], &mut cost[..n]);
    for i in 0..n {
        let z = (predicted[i] - y[i]) * inverse;
        let a = z.abs();
        let within = a.min(1.0);
        // ½z² within, |z| − ½ beyond, without a branch.
        cost[i] = weight[i] * within * (a - 0.5 * within);
        psi[i] = weight[i] * inverse * within.copysign(z);
        let above = weight[i] * inverse * inverse / a.max(1.0);
        touching[i] = above;
        of_row[i] = above * if a <= 1.0 { 1.0 } else { beyond };
    }
    sum(cost)
}
