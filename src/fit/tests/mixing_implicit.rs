//! Hidden domains.

use crate::fit::{Fit, Options, fit};
use crate::laws::tests::{anything, stream};
use crate::vocab::Observation;

#[test]
fn a_loss_of_two_hidden_domains_is_predicted_at_new_mixtures() {
    let truth =
        |h: &[f64]| 0.8 + (0.9 - 2.5 * h[0] + 0.3 * h[1]).exp() + (-0.2 + 1.2 * h[0] - 1.8 * h[1] - 0.4 * h[2]).exp();
    let mut next = stream(5);
    let mut mixture = || {
        let raw: Vec<f64> = (0..3).map(|_| -(next() + 1e-9).ln()).collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|w| w / sum).collect::<Vec<f64>>()
    };
    let mut data = anything(0, 0);
    for run in 0..40 {
        let mixture = mixture();
        let loss = truth(&mixture);
        data.rows.push(Observation { params: 1e8, tokens: 1e9, mixture, loss, run, ..Observation::default() });
        data.runs.push(run.to_string());
    }
    let options = Options { bootstraps: 0, ..Options::default() };
    let hidden = fit("mixing-implicit", &data, &options, None).unwrap();
    let one = fit("mixing", &data, &options, None).unwrap();
    let errors: Vec<(f64, f64)> = (0..20)
        .map(|_| {
            let at = Observation { params: 1e8, tokens: 1e9, mixture: mixture(), ..Observation::default() };
            let error = |fit: &Fit| (fit.predict(&at) / truth(&at.mixture) - 1.0).abs();
            (error(&hidden), error(&one))
        })
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| errors.iter().map(of).sum::<f64>() / errors.len() as f64;
    assert!(mean(|e| e.0) < 2e-3, "{}", mean(|e| e.0));
    assert!(mean(|e| e.0) < 0.2 * mean(|e| e.1), "{} {}", mean(|e| e.0), mean(|e| e.1));
    assert!(hidden.view.skill.unwrap() > one.view.skill.unwrap());
    // A warm refit keeps the number of hidden domains.
    let again = fit("mixing-implicit", &data, &options, Some(&hidden)).unwrap();
    assert_eq!(again.view.parameters.len(), hidden.view.parameters.len());
    assert!(again.view.objective <= 1.001 * hidden.view.objective + 1e-12);
}
