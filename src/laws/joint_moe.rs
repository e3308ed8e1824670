//! The joint mixture-of-experts law: active size, tokens, and experts, each changing what the others pay.
//!
//! L(N, D, E) = a·Ê^δ·N^(α + γ ln Ê) + b·Ê^ω·D^(β + ζ ln Ê) + c, with Ê as in [`super::experts`] and N active. Ludziejewski et
//! al., "Joint MoE Scaling Laws: Mixture of Experts Can Be Memory Efficient", arXiv:2502.05172, eq. 5.

use super::experts::{Effective, show};
use super::terms::{amplitudes, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct JointMoe;

static CARD: LawInfo = LawInfo {
    name: "joint-moe",
    title: "Joint MoE law",
    form: "L = a·Ê^δ·N^(α+γ ln Ê) + b·Ê^ω·D^(β+ζ ln Ê) + c, 1/Ê = 1/(E−1+(1/E_s−1/E_m)⁻¹) + 1/E_m",
    needs: "active N, D, experts E; two sizes, three expert counts (1 for dense runs)",
    gives: "the loss at any N, D and E; the best E, N and D within training, inference and memory budgets",
    source: "Ludziejewski et al. 2025, arXiv:2502.05172",
    caveats: &["E_m and c are strongly correlated with all other parameters"],
};

/// The published coefficients: c, a, b (as logarithms), α, δ, γ, β, ω, ζ, ln E_s, ln(E_m − E_s). N includes embeddings.
pub(super) static PUBLISHED: [f64; 11] = [
    0.310_201_593_881_651_1,
    3.581_015_808_237_991_5,
    3.582_963_228_522_387,
    -0.1889,
    -0.2285,
    0.0098,
    -0.1775,
    0.5529,
    -0.0259,
    0.729_093_307_333_414_4,
    5.664_275_240_459_686,
];

const C: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const DELTA: usize = 4;
const GAMMA: usize = 5;
const BETA: usize = 6;
const OMEGA: usize = 7;
const ZETA: usize = 8;
const START: usize = 9;
const GAP: usize = 10;

impl Law for JointMoe {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::sizes(data, 2), needs::amounts(data, 2), needs::experts(data, 3), needs::rows(data, 11)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens, Variable::Experts]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for JointMoe {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Free, LogBetween};
        vec![
            Parameter::new("c", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("a", "nats", Amplitude, (0.0, 8.0)),
            Parameter::new("b", "nats", Amplitude, (0.0, 8.0)),
            Parameter::new("α", "", Free, (-0.5, -0.05)),
            Parameter::new("δ", "", Free, (-0.5, 0.5)),
            Parameter::new("γ", "", Free, (-0.03, 0.03)),
            Parameter::new("β", "", Free, (-0.5, -0.05)),
            Parameter::new("ω", "", Free, (-0.5, 0.5)),
            Parameter::new("ζ", "", Free, (-0.03, 0.03)),
            Parameter::new("E_s", "experts", LogBetween(-2.0, 4.0), (0.1, 1.5)),
            Parameter::new("E_m", "experts", LogBetween(0.0, 10.0), (3.0, 7.0)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        C..ALPHA
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let (ln_n, ln_d) = (&x.ln_active[rows.clone()], &x.ln_tokens[rows.clone()]);
        let effective = Effective::of(&x.experts[rows], phi[START], phi[GAP]);
        let mut terms = [[0.0; BLOCK]; 3];
        terms[0][..n].fill(phi[C]);
        for i in 0..n {
            let e = effective.ln[i];
            terms[1][i] = phi[A] + phi[DELTA] * e + (phi[ALPHA] + phi[GAMMA] * e) * ln_n[i];
            terms[2][i] = phi[B] + phi[OMEGA] * e + (phi[BETA] + phi[ZETA] * e) * ln_d[i];
        }
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        for i in 0..n {
            let e = effective.ln[i];
            let by_e =
                terms[1][i] * (phi[DELTA] + phi[GAMMA] * ln_n[i]) + terms[2][i] * (phi[OMEGA] + phi[ZETA] * ln_d[i]);
            out.column_mut(ALPHA, n)[i] = terms[1][i] * ln_n[i];
            out.column_mut(DELTA, n)[i] = terms[1][i] * e;
            out.column_mut(GAMMA, n)[i] = terms[1][i] * e * ln_n[i];
            out.column_mut(BETA, n)[i] = terms[2][i] * ln_d[i];
            out.column_mut(OMEGA, n)[i] = terms[2][i] * e;
            out.column_mut(ZETA, n)[i] = terms[2][i] * e * ln_d[i];
            out.column_mut(START, n)[i] = by_e * effective.by_start[i];
            out.column_mut(GAP, n)[i] = by_e * effective.by_gap[i];
        }
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        show(&mut shown, START, GAP);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published coefficients, as `phi`. N there includes embeddings.
    fn published() -> Vec<f64> {
        vec![
            1.3637_f64.ln(),
            35.91_f64.ln(),
            35.98_f64.ln(),
            -0.1889,
            -0.2285,
            0.0098,
            -0.1775,
            0.5529,
            -0.0259,
            2.0732_f64.ln(),
            (290.4521_f64 - 2.0732).ln(),
        ]
    }

    /// The least loss over N for a training budget of 6·N·D FLOPs, by a fine grid: the best N.
    fn best_size(experts: f64, flops: f64) -> f64 {
        let rows: Vec<crate::vocab::Observation> = (0..BLOCK * 40)
            .map(|i| {
                let n = 1e8 * (i as f64 * 1.5e-3).exp();
                crate::vocab::Observation {
                    params: n,
                    active_params: n,
                    tokens: flops / 6.0 / n,
                    experts,
                    experts_per_token: 1.0,
                    granularity: 1.0,
                    ..crate::vocab::Observation::default()
                }
            })
            .collect();
        let x = Columns::places(0, &rows, &crate::laws::Context::default());
        let (mut least, mut best, mut block) = (f64::INFINITY, 0.0, Block::new(11));
        for from in (0..x.len()).step_by(BLOCK) {
            JointMoe.evaluate(&Shape::default(), &published(), &x, from..from + BLOCK, &mut block);
            for (i, loss) in block.ln_loss.iter().enumerate() {
                if *loss < least {
                    (least, best) = (*loss, x.ln_active[from + i].exp());
                }
            }
        }
        best
    }

    #[test]
    fn published_coefficients_are_those_of_the_paper() {
        for (kept, printed) in PUBLISHED.iter().zip(published()) {
            assert!((kept - printed).abs() < 1e-12, "{kept} {printed}");
        }
    }

    #[test]
    fn published_coefficients_give_the_published_compute_optimal_sizes() {
        for (experts, flops, n) in
            [(1.0, 1e20, 1.73e9), (32.0, 1e20, 0.674e9), (1.0, 1e22, 18.9e9), (32.0, 1e22, 12.3e9)]
        {
            let got = best_size(experts, flops);
            assert!((got / n - 1.0).abs() < 0.01, "E = {experts}, {flops:e} FLOPs: {got:e}, {n:e} published");
        }
    }
}
