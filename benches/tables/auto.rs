//! What the automatic choice gets wrong beside every law, the stack and the baselines, in a loop outside the program; and how
//! many of its 90 % intervals hold.

use super::{Asked, mean, split};
use mixlaw::fit::choose::{candidates, nest};
use mixlaw::fit::{Options, fit, never};
use mixlaw::forecast;
use mixlaw::laws;
use mixlaw::vocab::{CandidateKind, Mixture, Scale};
use std::collections::BTreeMap;

/// Error of what is used, over the best candidate's, that is good enough.
const NEAR: f64 = 1.1;

pub fn print(asked: &Asked) {
    println!("\n# Error of what is used beside the best law, in a loop outside the program, %");
    println!(
        "{:<15} {:<32} {:>8} {:>8} {:>8} {:>8} {:<16} {:>8} {:>9} {:>9}",
        "table", "loss", "nested", "auto", "stack", "best", "", "baseline", "intervals", "laws used"
    );
    let (mut near, mut all, mut held, mut asked_for) = (0, 0, 0, 0);
    for (table, rows) in asked.tables() {
        let parts = asked.parts(&rows);
        let options = Options { bootstraps: 40, ..Options::default() };
        let mut errors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut used: BTreeMap<String, usize> = BTreeMap::new();
        let (mut within, mut places) = (0, 0);
        for part in 0..parts {
            let (left, out) = split(&rows, parts, part);
            if out.is_empty() || left.rows.is_empty() {
                continue;
            }
            let chosen = candidates(&[], &left, &options, None);
            let Some(fit_used) = chosen.chosen() else { continue };
            *used.entry(fit_used.view.law.clone()).or_default() += 1;
            for row in &out {
                let error = |value: f64| (value / row.loss - 1.0).abs();
                // What is shown: where the chosen law predicts what cannot be, the next one.
                let mixture = Mixture::from_weights(&rows.domains, &row.mixture);
                let shown = forecast::every_law(std::slice::from_ref(&chosen), &Scale::of(row), &mixture);
                let interval = shown.first().map_or_else(|| fit_used.forecast(row), |first| first.interval);
                errors.entry("auto".to_owned()).or_default().push(error(interval.value));
                if let Some(stacked) = chosen.stacked(row) {
                    errors.entry("stack".to_owned()).or_default().push(error(stacked.value));
                }
                places += 1;
                within += usize::from((interval.low..=interval.high).contains(&row.loss));
            }
            let quick = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
            for law in laws::ALL {
                let name = law.info().name;
                // What the numbers of hidden domains are chosen by.
                let options = Options { cross_validate: !law.hidden_domains().is_empty(), ..quick.clone() };
                if let Ok(fit) = fit(name, &left, &options, None) {
                    let of_law = errors.entry(format!("law {name}")).or_default();
                    of_law.extend(out.iter().map(|row| (fit.predict(row) / row.loss - 1.0).abs()));
                }
            }
        }
        let Some(auto) = errors.get("auto").map(|e| mean(e).0) else { continue };
        let whole = candidates(&[], &rows, &Options { bootstraps: 0, ..Options::default() }, None);
        let whole = nest(&whole, &rows, &Options { bootstraps: 0, ..Options::default() }, &never).unwrap_or(whole);
        let line = |kind| whole.choice.candidates.iter().filter(move |c| c.kind == kind).filter_map(|c| c.mre_heldout);
        let nested = line(CandidateKind::Procedure).next().or_else(|| whole.choice.chosen()?.mre_heldout);
        let baseline = line(CandidateKind::Baseline).fold(f64::NAN, f64::min);
        let complete = errors.iter().filter(|(name, e)| name.starts_with("law ") && e.len() == places);
        let best = complete.map(|(name, e)| (mean(e).0, name)).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((best, law)) = best else { continue };
        let stack = errors.get("stack").filter(|e| e.len() == places).map_or(f64::NAN, |e| mean(e).0);
        all += 1;
        near += usize::from(auto <= NEAR * best);
        (held, asked_for) = (held + within, asked_for + places);
        println!(
            "{table:<15} {:<32} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:<16} {:>8.3} {:>8.1}% {}",
            rows.metric,
            100.0 * nested.unwrap_or(f64::NAN),
            100.0 * auto,
            100.0 * stack,
            100.0 * best,
            law.trim_start_matches("law "),
            100.0 * baseline,
            100.0 * within as f64 / places.max(1) as f64,
            used.keys().cloned().collect::<Vec<_>>().join(", ")
        );
    }
    let part = held as f64 / f64::max(asked_for as f64, 1.0);
    let band = 1.96 * (0.9 * 0.1 / f64::max(asked_for as f64, 1.0)).sqrt();
    println!(
        "auto within 1.1 × the best law: {near} of {all}; intervals held: {held} of {asked_for}, {:.1} % (90 ± {:.1})",
        100.0 * part,
        100.0 * band
    );
}
