//! The effective number of experts Ê, which saturates at both ends.
//!
//! 1/Ê = 1/(E − 1 + (1/E_s − 1/E_m)⁻¹) + 1/E_m. Clark et al., "Unified Scaling Laws for Routed Language Models",
//! arXiv:2202.01169, eq. 11; used again by the Joint MoE law, arXiv:2502.05172, eq. 4.
//!
//! E_s < E_m by construction: laws search ln E_s and ln(E_m − E_s).

use super::{BLOCK, math};

/// ln Ê and its derivatives by ln E_s and by ln(E_m − E_s), per row.
pub(super) struct Effective {
    pub ln: [f64; BLOCK],
    pub by_start: [f64; BLOCK],
    pub by_gap: [f64; BLOCK],
}

impl Effective {
    /// From the numbers of experts of a block of rows.
    pub(super) fn of(experts: &[f64], ln_start: f64, ln_gap: f64) -> Self {
        let (start, gap) = (math::exp(ln_start.clamp(-50.0, 50.0)), math::exp(ln_gap.clamp(-50.0, 50.0)));
        let most = start + gap;
        // (1/E_s − 1/E_m)⁻¹, and its derivatives by E_s and E_m.
        let shift = start * most / gap;
        let (shift_by_start, shift_by_most) = ((shift / start).powi(2), -(shift / most).powi(2));
        let mut all = Self { ln: [0.0; BLOCK], by_start: [0.0; BLOCK], by_gap: [0.0; BLOCK] };
        for (i, experts) in experts.iter().enumerate() {
            let inner = experts - 1.0 + shift;
            let inverse = 1.0 / inner + 1.0 / most;
            let effective = 1.0 / inverse;
            // d ln Ê = −Ê · d(1/Ê).
            let by_shift = effective / (inner * inner);
            let by_most = effective / (most * most) + by_shift * shift_by_most;
            all.ln[i] = -math::ln(inverse);
            all.by_start[i] = (by_shift * shift_by_start + by_most) * start;
            all.by_gap[i] = by_most * gap;
        }
        all
    }
}

/// Replaces ln E_s and ln(E_m − E_s) among shown values by E_s and E_m.
pub(super) fn show(shown: &mut [f64], start: usize, gap: usize) {
    shown[gap] += shown[start];
}
