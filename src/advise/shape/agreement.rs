//! What runs grouped by compute say of a law's optima. A law whose form is not that of the data is as sure of its coefficients as
//! any, and of the wrong optimum: resamples of runs do not show it. The minima of the budgets do, which need no law.

use crate::fit::scatter::{Scatter, at_least};
use crate::vocab::{OptimumAt, OptimumCurve, Range};

/// Budgets from which on something is said.
pub(super) const BUDGETS: usize = 3;

/// Widens a law's intervals to what its optima `own` (ln C, ln N_act) and the minima of the same budgets (ln N_act) agree in: as
/// the scatter of the minima around their line does for the parabola method.
pub(super) fn widen(curve: &mut OptimumCurve, own: &[(f64, f64)], minima: &[f64]) {
    if own.len() < BUDGETS || own.len() != minima.len() {
        return;
    }
    let residuals: Vec<(f64, f64)> = own.iter().zip(minima).map(|((c, law), minimum)| (*c, minimum - law)).collect();
    let scatter = Scatter::of(&residuals);
    for at in &mut curve.at {
        let half = scatter.of_size(at.compute.ln(), at.covered);
        let OptimumAt { params, tokens, .. } = at;
        for size in [params, tokens] {
            let Range { low, high } = size.range;
            size.range = Range { low: low.min(size.value * (-half).exp()), high: high.max(size.value * half.exp()) };
        }
    }
    let half = scatter.of_slope();
    for exponent in [&mut curve.params_exponent, &mut curve.tokens_exponent].into_iter().flatten() {
        *exponent = at_least(*exponent, half);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{Estimate, OptimumMethod};

    /// A law that puts N_opt at C^0.5 with intervals of 1 %, at three budgets and ten times beyond.
    fn curve() -> OptimumCurve {
        let sure = |value: f64| Estimate { value, range: Range { low: value * 0.99, high: value * 1.01 } };
        let at = |compute: f64| OptimumAt {
            compute,
            params: sure(compute.sqrt()),
            tokens: sure(compute.sqrt() / 6.0),
            loss: None,
            covered: compute < 2e20,
        };
        OptimumCurve {
            metric: "loss".to_owned(),
            method: OptimumMethod::Law,
            name: "chinchilla".to_owned(),
            chosen: true,
            moe: None,
            params_exponent: Some(sure(0.5)),
            tokens_exponent: Some(sure(0.5)),
            at: [1e18, 1e19, 1e20, 1e21].map(at).to_vec(),
        }
    }

    #[test]
    fn a_law_is_as_sure_as_it_agrees_with_the_minima_of_the_budgets() {
        let own: Vec<(f64, f64)> = [1e18_f64, 1e19, 1e20].map(|c| (c.ln(), 0.5 * c.ln())).to_vec();
        let minima = |off: [f64; 3]| -> Vec<f64> { own.iter().zip(off).map(|(own, off)| own.1 + off).collect() };
        let mut agrees = curve();
        widen(&mut agrees, &own, &minima([0.0, 1e-4, 0.0]));
        assert_eq!(agrees, curve(), "an interval of 1 % is wide enough");
        let mut off = curve();
        widen(&mut off, &own, &minima([-0.1, 0.0, 0.1]));
        let factors: Vec<f64> = off.at.iter().map(|at| at.params.range.factor().ln()).collect();
        assert!(factors.windows(2).skip(1).all(|two| two[0] < two[1]), "{factors:?}");
        // By hand: sqrt(0.02 / 1)·6.314 = 0.893; at the middle /sqrt(3), a decade beyond the last sqrt(1 + 1/3 + 4 / 2).
        assert!((factors[1] - 2.0 * 0.8929 / 3.0_f64.sqrt()).abs() < 1e-3, "{factors:?}");
        assert!((factors[3] - 2.0 * 0.8929 * (1.0_f64 + 1.0 / 3.0 + 2.0).sqrt()).abs() < 1e-3, "{factors:?}");
        assert!(
            (off.at[3].params.range.high / off.at[3].params.value * off.at[3].tokens.range.low
                / off.at[3].tokens.value
                - 1.0)
                .abs()
                < 1e-9
        );
        assert!(off.params_exponent.unwrap().range.contains(0.58), "{off:?}");
        let mut two = curve();
        widen(&mut two, &own[..2], &minima([-0.1, 0.1, 0.0])[..2]);
        assert_eq!(two, curve(), "two budgets say nothing of it");
    }
}
