//! Optima of the fine-grained and the sparsity law beside golden sections on the same losses.

use crate::published;
use mixlaw::advise::{Evidence, optimum_curves};
use mixlaw::fit::{Fit, Options, fit};
use mixlaw::observe::Observed;
use mixlaw::project::Project;
use mixlaw::vocab::{Metric, Moe, Observation, Observations, Scale};

/// The part of the active parameters that is in experts.
const SHARE: f64 = 9.0 / 13.0;
const BUDGETS: [f64; 3] = [1e19, 1e20, 1e21];

fn scale(active: f64, tokens: f64, [experts, per_token, granularity]: [f64; 3]) -> Scale {
    let params = active * (1.0 + SHARE * (experts / per_token - 1.0));
    let moe = Moe { active_params: active, experts, experts_per_token: per_token, granularity };
    Scale { params, tokens, moe: (experts > 1.0).then_some(moe) }
}

/// Runs without noise.
fn runs(kinds: &[[f64; 3]], loss: fn(&Observation) -> f64) -> Observations {
    let mut rows = Vec::new();
    for kind in kinds {
        for active in [3e7, 1e8, 3e8, 1e9, 3e9] {
            for tokens in [1e9, 5e9, 2e10, 8e10] {
                let row = scale(active, tokens, *kind).at(vec![1.0]);
                rows.push(Observation { loss: loss(&row), run: rows.len(), ..row });
            }
        }
    }
    published::observations("loss", vec!["web".to_owned()], Some(0), rows)
}

/// The active parameters of least loss for a budget, by golden sections over their logarithm.
fn golden(compute: f64, kind: [f64; 3], loss: &dyn Fn(&Observation) -> f64) -> f64 {
    let at = |ln: f64| loss(&scale(ln.exp(), compute / 6.0 / ln.exp(), kind).at(vec![1.0]));
    let (mut low, mut high) = (12.0_f64, 32.0_f64);
    let part = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..200 {
        let (a, b) = (high - part * (high - low), low + part * (high - low));
        if at(a) < at(b) { high = b } else { low = a }
    }
    (0.5 * (low + high)).exp()
}

fn check(law: &str, kinds: &[[f64; 3]], loss: fn(&Observation) -> f64) {
    let rows = runs(kinds, loss);
    let project = Project {
        domains: rows.domains.clone(),
        metrics: vec![Metric::of_domain("web", "loss")],
        ..Project::default()
    };
    let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
    let fit: Fit = fit(law, &rows, &options, None).expect("a fit");
    let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
    let evidence = Evidence { project: &project, observed: &observed, fits: &[Some(&fit)], extrapolate: false };
    let curves = optimum_curves(&evidence, 0, &fit, &BUDGETS).expect("curves");
    assert_eq!(curves.len(), kinds.len(), "{law}: a curve for each kind of experts");
    let (mut by_law, mut by_truth) = (0.0_f64, 0.0_f64);
    for curve in &curves {
        let moe = curve.moe.map_or([1.0; 3], |m| [m.experts, m.experts_per_token, m.granularity]);
        assert!(kinds.contains(&moe), "{law}: {moe:?}");
        for (at, compute) in curve.at.iter().zip(BUDGETS) {
            let own = golden(compute, moe, &|row| fit.predict(row));
            let truth = golden(compute, moe, &loss);
            by_law = by_law.max((at.params.value / own - 1.0).abs());
            by_truth = by_truth.max((at.params.value / truth - 1.0).abs());
        }
    }
    println!(
        "{law}: {} optima, at most {by_law:.1e} from the solver's, {by_truth:.1e} from the truth's",
        3 * curves.len()
    );
    assert!(by_law < 1e-3 && by_truth < 1e-3, "{law}: {by_law:e} from the solver's, {by_truth:e} from the truth's");
}

/// 2402.07871 with a steeper exponent of N, so that the optimum moves with G.
#[test]
fn optima_of_the_fine_grained_law_are_those_of_an_independent_solver() {
    let kinds = [1.0, 2.0, 4.0, 8.0, 16.0].map(|granularity| [64.0, 1.0, granularity]);
    check("fine-grained", &kinds, |row| {
        let size = (1200.0 / row.granularity.powf(0.58) + 900.0) / row.params.powf(0.35);
        0.47 + size + 900.0 / row.tokens.powf(0.28)
    });
}

/// 2501.12370, published coefficients.
#[test]
fn optima_of_the_sparsity_law_are_those_of_an_independent_solver() {
    let kinds = [[1.0, 1.0, 1.0], [8.0, 2.0, 1.0], [16.0, 2.0, 1.0], [32.0, 1.0, 1.0], [64.0, 1.0, 1.0]];
    check("sparsity", &kinds, |row| {
        let active = row.experts_per_token / row.experts;
        let idle = 0.4598 * active.powf(0.1666) + 17.26 / (active.powf(0.1603) * row.params.powf(0.1595));
        16612.5 / row.params.powf(0.5962) + 5455.67 / row.tokens.powf(0.3954) + idle + 0.94
    });
}
