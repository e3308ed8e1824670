//! Advice beside runs that were measured near the target.

use super::*;
use crate::advise::recommend;

/// The planted runs, and some of the target's size and tokens with these weights and losses of rust.
fn observed(planted: &Planted, trials: &[(f64, f64)]) -> Observed {
    let mut observed = planted.observed();
    for (domain, fitted) in observed.fitted.iter_mut().enumerate() {
        for (i, (weight, rust)) in trials.iter().enumerate() {
            let loss = if domain == 1 { *rust } else { 1.6 + 0.25 * weight * weight };
            fitted.runs.push(format!("large-{i}"));
            fitted.rows.push(Observation {
                run: fitted.runs.len() - 1,
                loss,
                ..Scale::dense(1.02 * PARAMS, 0.98 * TOKENS).at(vec![1.0 - weight, *weight])
            });
        }
    }
    observed
}

#[test]
fn a_run_that_did_better_than_anything_predicted_is_recommended_as_measured() {
    let planted = Planted::default();
    // The law says that 1.4 is the lowest there is, at rust 1; a run at .6 has reached 1.35.
    let observed = observed(&planted, &[(0.6, 1.35), (0.4, 1.5)]);
    let advice = planted.advise_with(&project(), &observed, false).unwrap();
    assert!(advice.is_measured && (advice.mixture.weight("rust") - 0.6).abs() < 1e-9, "{advice:#?}");
    let rust = advice.expected["eval/rust"];
    // Measured at a size 2 % larger: at the target's, the law says, it would be as much higher.
    let there = 1.35 * at_size(PARAMS) / at_size(1.02 * PARAMS);
    assert!(there > 1.352 && (rust.value - there).abs() < 1e-12 && rust.low < there && rust.high > there, "{rust:?}");
    assert_eq!(advice.measured.as_ref().map(|m| m.run.as_str()), Some("large-0"));
    assert!((advice.gain - (1.4 + 0.3 * 0.64 - there)).abs() < 1e-9 && advice.p_better > 0.9, "{advice:#?}");
    assert!(said(&advice, "Measured: large-0 reached 1.3524"), "{advice:#?}");
}

/// A run that looks better than the best of what is predicted only because it is larger than the target.
#[test]
fn a_larger_run_is_not_taken_for_a_better_mixture() {
    let planted = Planted::default();
    let best = 1.4 * at_size(1.02 * PARAMS) / at_size(PARAMS);
    let observed = observed(&planted, &[(0.9, 0.5 * (best + 1.4))]);
    assert!(0.5 * (best + 1.4) < 1.4);
    let advice = planted.advise_with(&project(), &observed, false).unwrap();
    assert!(!advice.is_measured && advice.mixture.weight("rust") > 0.99, "{advice:#?}");
}

#[test]
fn what_is_predicted_to_be_better_than_all_measured_runs_is_still_advised_beside_the_best_of_them() {
    let planted = Planted::default();
    let observed = observed(&planted, &[(0.6, 1.46), (0.4, 1.5)]);
    let advice = planted.advise_with(&project(), &observed, false).unwrap();
    assert!(!advice.is_measured && advice.mixture.weight("rust") > 0.99, "{advice:#?}");
    assert!(said(&advice, "The best run measured near the target (large-0"), "{advice:#?}");
    let far = planted.advise(&project()).unwrap();
    assert!(far.measured.is_none(), "runs of other sizes are not near the target");
}

#[test]
fn a_measured_run_that_breaks_a_limit_or_a_bound_is_not_recommended() {
    let planted = Planted::default();
    let observed = observed(&planted, &[(0.9, 1.2), (0.5, 1.3)]);
    let mut limited = project();
    limited.objective.subject_to = vec![limit(Base::Nats(1.7), Slack::Nats(0.0))];
    let advice = planted.advise_with(&limited, &observed, false).unwrap();
    assert!(advice.is_measured && (advice.mixture.weight("rust") - 0.5).abs() < 1e-9, "{advice:#?}");
    let mut bounded = project();
    bounded.bounds = BTreeMap::from([("rust".to_owned(), [0.0, 0.45])]);
    let advice = planted.advise_with(&bounded, &observed, false).unwrap();
    assert!(!advice.is_measured && advice.mixture.weight("rust") <= 0.45 + 1e-9, "{advice:#?}");
}

#[test]
fn the_mixture_in_use_stays_where_it_has_been_measured_to_be_the_best() {
    let planted = Planted::default();
    let observed = observed(&planted, &[(0.2, 1.3), (0.4, 1.5)]);
    let advice = planted.advise_with(&project(), &observed, false).unwrap();
    assert!(!advice.is_measured && advice.mixture == advice.current && advice.gain == 0.0, "{advice:#?}");
    let evidence = Evidence { project: &project(), observed: &observed, fits: &[None, None], extrapolate: false };
    assert!(matches!(recommend(&evidence), Advice::Abstained(_)));
}
