//! Laws of many domains, for one that has only begun.

use crate::fit::{Options, fit};
use crate::laws::tests::{anything, stream};
use crate::vocab::{Observation, Observations, Probe};

fn truth(row: &Observation) -> f64 {
    let probe = row.probe.unwrap();
    let k = 1.0 / probe.loss + 2.0 * probe.decline;
    let r = row.mixture[0];
    0.6 + 300.0 / row.params.powf(0.34) + 800.0 / row.tokens.powf(0.35) + 0.1 / (r + 0.1).powf(0.7) + 0.5 / k.powf(0.9)
}

/// Runs on domains that begin as given.
fn data(probes: &[Probe]) -> Observations {
    let mut next = stream(9);
    let mut all = anything(0, 0);
    all.domains.truncate(2);
    for probe in probes {
        for n in [1e7, 1e8] {
            for r in [0.2, 0.5, 0.8] {
                for step in 1..=5 {
                    let mut row = Observation {
                        params: n,
                        tokens: 2e8 * f64::from(step),
                        mixture: vec![r, 1.0 - r],
                        run: all.runs.len(),
                        probe: Some(*probe),
                        ..Observation::default()
                    };
                    row.loss = truth(&row) * (1.0 + 1e-3 * (next() - 0.5));
                    all.rows.push(row);
                }
                all.runs.push(format!("{n} {r}"));
            }
        }
    }
    all
}

const DOMAINS: [Probe; 5] = [
    Probe { loss: 1.8, decline: 0.30 },
    Probe { loss: 2.2, decline: 0.05 },
    Probe { loss: 2.6, decline: 0.22 },
    Probe { loss: 3.0, decline: 0.10 },
    Probe { loss: 3.4, decline: 0.15 },
];

#[test]
fn a_domain_of_which_only_the_first_steps_are_known_is_predicted() {
    let mut data = data(&DOMAINS);
    let new = Probe { loss: 2.4, decline: 0.18 };
    data.probe = Some(new);
    let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
    let fit = fit("dcpt-cross", &data, &options, None).unwrap();
    for (n, d, r) in [(1e8, 1e9, 0.4), (3e7, 5e8, 0.7)] {
        // The place does not say how its domain begins: the project does.
        let at = Observation { params: n, tokens: d, mixture: vec![r, 1.0 - r], ..Observation::default() };
        let want = truth(&Observation { probe: Some(new), ..at.clone() });
        assert!((fit.predict(&at) / want - 1.0).abs() < 0.01, "{} {want}", fit.predict(&at));
    }
}

#[test]
fn without_first_steps_of_runs_or_target_it_says_what_to_state() {
    let mut data = data(&DOMAINS);
    data.probe = None;
    data.rows[7].probe = None;
    let missing = fit("dcpt-cross", &data, &Options::default(), None).unwrap_err().to_string();
    assert!(missing.contains("target: { probe:") && missing.contains("1 checkpoint"), "{missing}");
}
