//! What a fit minimises: the sum over rows of Huber(δ) on ln L̂ − ln L, divided by δ² so that tolerances bite.
//!
//! Hoffmann et al. 2022 (arXiv:2203.15556, eq. 3) with δ = 1e-3. The *mean* at default tolerances stops early, which is
//! how the published coefficients came to be off.

use crate::laws::{BLOCK, Block, Columns, Parameter, Shape, Smooth};

/// Where a residual's cost turns from quadratic to linear.
pub const DELTA: f64 = 1e-3;

/// A law, data, and a δ.
#[derive(Clone, Copy)]
pub(super) struct Objective<'a> {
    pub law: &'a dyn Smooth,
    pub shape: &'a Shape,
    pub parameters: &'a [Parameter],
    pub x: &'a Columns,
    pub delta: f64,
}

/// Everything an evaluation writes to; made once per search.
pub(super) struct Workspace {
    block: Block,
    phi: Vec<f64>,
    slope: Vec<f64>,
    psi: [f64; BLOCK],
    inner: [f64; BLOCK],
    outer: [f64; BLOCK],
}

impl Workspace {
    pub(super) fn new(parameters: usize) -> Self {
        Self {
            block: Block::new(parameters),
            phi: vec![0.0; parameters],
            slope: vec![0.0; parameters],
            psi: [0.0; BLOCK],
            inner: [0.0; BLOCK],
            outer: [0.0; BLOCK],
        }
    }

    /// Parameters as the formula works with them.
    pub(super) fn working(&mut self, parameters: &[Parameter], theta: &[f64]) -> &[f64] {
        for (k, (parameter, t)) in parameters.iter().zip(theta).enumerate() {
            (self.phi[k], self.slope[k]) = parameter.working(*t);
        }
        &self.phi
    }
}

/// The curvature of the objective at a point, both ways of counting rows beyond δ; symmetric, row-major, p × p.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curvature {
    /// Σ over rows within δ of J Jᵀ: what the objective itself has, to first order.
    pub within: Vec<f64>,
    /// The same plus δ/|r| · J Jᵀ for rows beyond: the quadratic that touches the objective from above.
    pub above: Vec<f64>,
}

impl Curvature {
    pub(super) fn new(p: usize) -> Self {
        Self { within: vec![0.0; p * p], above: vec![0.0; p * p] }
    }
}

impl Objective<'_> {
    pub(super) fn dimensions(&self) -> usize {
        self.parameters.len()
    }

    /// The objective at `theta` (search coordinates). Never NaN: what cannot be evaluated costs f64::MAX.
    pub(super) fn value(&self, theta: &[f64], ws: &mut Workspace) -> f64 {
        ws.block.wants_jacobian = false;
        self.each_block(theta, ws, |_, _| {})
    }

    /// The objective, and its gradient into `gradient`.
    pub(super) fn gradient(&self, theta: &[f64], gradient: &mut [f64], ws: &mut Workspace) -> f64 {
        gradient.fill(0.0);
        ws.block.wants_jacobian = true;
        let value = self.each_block(theta, ws, |ws, n| {
            for (k, g) in gradient.iter_mut().enumerate() {
                *g += dot(ws.block.column(k, n), &ws.psi[..n]);
            }
        });
        self.chain(gradient, ws);
        value
    }

    /// The objective, its gradient, and its curvature.
    pub(super) fn curvature(
        &self,
        theta: &[f64],
        gradient: &mut [f64],
        curvature: &mut Curvature,
        ws: &mut Workspace,
    ) -> f64 {
        let p = self.dimensions();
        gradient.fill(0.0);
        curvature.within.fill(0.0);
        curvature.above.fill(0.0);
        ws.block.wants_jacobian = true;
        let mut scaled = [0.0; BLOCK];
        let value = self.each_block(theta, ws, |ws, n| {
            for (k, g) in gradient.iter_mut().enumerate() {
                let column = ws.block.column(k, n);
                *g += dot(column, &ws.psi[..n]);
                for ((s, j), w) in scaled[..n].iter_mut().zip(column).zip(&ws.inner[..n]) {
                    *s = j * w;
                }
                for l in 0..=k {
                    curvature.within[k * p + l] += dot(&scaled[..n], ws.block.column(l, n));
                }
                for ((s, j), w) in scaled[..n].iter_mut().zip(column).zip(&ws.outer[..n]) {
                    *s = j * w;
                }
                for l in 0..=k {
                    curvature.above[k * p + l] += dot(&scaled[..n], ws.block.column(l, n));
                }
            }
        });
        self.chain(gradient, ws);
        for k in 0..p {
            for l in 0..=k {
                let scale = ws.slope[k] * ws.slope[l];
                for matrix in [&mut curvature.within, &mut curvature.above] {
                    let v = matrix[k * p + l] * scale;
                    let v = if v.is_finite() { v } else { 0.0 };
                    (matrix[k * p + l], matrix[l * p + k]) = (v, v);
                }
            }
        }
        value
    }

    /// Evaluates the law block by block, fills `ws` with each row's ψ and weights, hands the block over, and adds up
    /// the objective.
    fn each_block(&self, theta: &[f64], ws: &mut Workspace, mut then: impl FnMut(&Workspace, usize)) -> f64 {
        ws.working(self.parameters, theta);
        let rows = self.x.len();
        let (inverse, inverse2) = (1.0 / self.delta, 1.0 / (self.delta * self.delta));
        let mut total = 0.0;
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + BLOCK);
            let n = to - from;
            self.law.evaluate(self.shape, &ws.phi, self.x, from..to, &mut ws.block);
            let (y, weight) = (&self.x.ln_loss[from..to], &self.x.weight[from..to]);
            let mut sum = 0.0;
            for i in 0..n {
                let z = (ws.block.ln_loss[i] - y[i]) * inverse;
                let a = z.abs();
                let clipped = z.clamp(-1.0, 1.0);
                // ½z² inside, |z| − ½ outside, without a branch.
                sum += weight[i] * clipped.abs() * (a - 0.5 * clipped.abs());
                ws.psi[i] = weight[i] * clipped * inverse;
                ws.inner[i] = if a <= 1.0 { weight[i] * inverse2 } else { 0.0 };
                ws.outer[i] = weight[i] * inverse2 / a.max(1.0);
            }
            total += sum;
            then(ws, n);
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

/// The inner product, in eight sums that the compiler keeps in vector registers.
#[inline]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (mut ca, mut cb) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in ca.by_ref().zip(cb.by_ref()) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    let rest: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}
