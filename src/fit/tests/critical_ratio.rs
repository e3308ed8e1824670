//! The critical ratio of a fitted law.

use crate::fit::{Options, fit};
use crate::laws::critical_ratio::{critical, feasible};
use crate::laws::tests::anything;
use crate::vocab::Observation;

/// Forgotten at once, relearned slowly, and the more of the new domain the more of both.
fn truth(r: f64, t: f64) -> f64 {
    let t = t / 1e9;
    2.0 + 0.6 * r + (0.1 - 0.5 * r) * t.powf(0.15) + 0.01 * t.powf(-0.5)
}

#[test]
fn the_critical_ratio_is_found_and_moves_with_the_tokens() {
    let mut data = anything(0, 0);
    data.domains = vec!["general".to_owned(), "new".to_owned()];
    for r in [0.1, 0.3, 0.5, 0.7, 0.9] {
        for step in 1..=12 {
            let tokens = 2.5e8 * f64::from(step);
            let (mixture, loss, run) = (vec![1.0 - r, r], truth(r, tokens), data.runs.len());
            data.rows.push(Observation { params: 1e8, tokens, mixture, loss, run, ..Observation::default() });
        }
        data.runs.push(r.to_string());
    }
    let general = fit("general-loss", &data, &Options { bootstraps: 0, ..Options::default() }, None).unwrap();
    // The ratios at either end are predicted by their neighbours.
    assert!(general.view.skill.unwrap() > 0.8, "{:?}", general.view.skill);
    let at = |r: f64, t: f64| {
        general.predict(&Observation { params: 1e8, tokens: t, mixture: vec![1.0 - r, r], ..Observation::default() })
    };
    let tokens: Vec<f64> = (2..=12).map(|step| 2.5e8 * f64::from(step)).collect();
    let limit = 2.15;
    let cmr = critical(at, limit, (0.1, 0.9), &tokens).unwrap();
    for t in [1e9, 2e9, 4e9] {
        let want = feasible(|r| truth(r, t), limit, (0.0, 1.0)).unwrap();
        assert!((cmr.at(t) - want).abs() < 0.03, "{t:e}: {} {want}", cmr.at(t));
    }
    assert!(cmr.at(3e9) > cmr.at(5e8), "more tokens, more of them new");
    assert_eq!(critical(at, 1.0, (0.1, 0.9), &tokens), None, "no ratio keeps it");
}
