//! The routed models of Clark et al. (arXiv:2202.01169) beyond what was fitted: without the largest size, and without the
//! largest number of experts. `MIXLAW_SHOW=1 cargo test --test numbers routing:: -- --nocapture` prints the table.

use crate::published::{number, observations, plain, read};
use mixlaw::fit::choose::candidates;
use mixlaw::fit::{Options, fit};
use mixlaw::laws::{self, Variable};
use mixlaw::vocab::{Observation, Observations};
use std::collections::BTreeMap;

/// Which rows are left out.
type Is<'a> = &'a dyn Fn(&Observation) -> bool;

/// Steps of which losses are used: laws that see tokens need several.
const STEPS: [f64; 4] = [50_000.0, 100_000.0, 150_000.0, 200_000.0];

/// Losses of one router's models and of the dense ones over their steps; the end of each run last.
fn curves(router: &str) -> Option<Observations> {
    let mut runs: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for row in &read("routing/curves.csv")? {
        let of_router = row["router_type"] == router || row["router_type"] == "Dense";
        let step = number(row, "step");
        let kept = STEPS.contains(&step) || step >= 248_000.0;
        if !of_router || !kept || number(row, "k") != 1.0 || number(row, "routing_frequency") != 0.5 {
            continue;
        }
        let loss = number(row, "loss_validation");
        let (total, dense) = (number(row, "total_parameter_count"), number(row, "dense_parameter_count"));
        if loss.is_finite() && loss > 0.0 {
            // Batches of 256 sequences of 2048 tokens.
            let mut one = plain(dense, step * 256.0 * 2048.0, vec![1.0], loss, 0);
            (one.experts, one.params) = (number(row, "num_experts"), total);
            runs.entry(row["hyper_id"].clone()).or_default().push(one);
        }
    }
    let mut rows = Vec::new();
    for (run, mut of_run) in runs.into_values().enumerate() {
        of_run.sort_by(|a, b| a.tokens.total_cmp(&b.tokens));
        rows.extend(of_run.into_iter().map(|row| Observation { run, ..row }));
    }
    Some(observations("loss", vec!["massive-text".to_owned()], Some(0), rows))
}

/// Ends of runs.
fn ends(all: &Observations) -> Observations {
    let is_end = |row: &&Observation| row.tokens >= 248_000.0 * 256.0 * 2048.0;
    Observations { rows: all.rows.iter().filter(is_end).cloned().collect(), ..all.clone() }
}

fn rms(predict: impl Fn(&Observation) -> f64, rows: &[Observation]) -> f64 {
    let square = |row: &Observation| (predict(row) / row.loss).log10().powi(2);
    (rows.iter().map(square).sum::<f64>() / rows.len() as f64).sqrt()
}

fn without(all: &Observations, is_out: Is<'_>) -> (Observations, Vec<Observation>) {
    let (out, left): (Vec<_>, Vec<_>) = all.rows.iter().cloned().partition(|row| is_out(row));
    (Observations { rows: left, ..all.clone() }, out)
}

#[test]
fn laws_of_experts_are_compared_where_they_have_seen_nothing() {
    let quick = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
    let sees = |law: &&&dyn laws::Law| law.sees().contains(&Variable::Experts);
    let names: Vec<String> = laws::ALL.iter().filter(sees).map(|law| law.info().name.to_owned()).collect();
    assert!(names.iter().any(|name| name == "routed") && names.iter().any(|name| name == "joint-moe"), "{names:?}");
    let every = ["MIXLAW_SOAK", "MIXLAW_SHOW"].iter().any(|name| std::env::var_os(name).is_some());
    let routers = ["S-Base", "RL-R", "Hash"];
    for router in routers.into_iter().take(if every { 3 } else { 1 }) {
        let Some(all) = curves(router) else { return };
        let finals = ends(&all);
        let law = fit("routed", &finals, &quick, None).expect("a fit");
        let whole = rms(|row| law.predict(row), &finals.rows);
        println!("{router}: {} runs, routed fitted to all: rms {whole:.5} in log10", finals.rows.len());
        assert!(whole <= 0.0033, "{router}: {whole}");
        let most = |of: fn(&Observation) -> f64| finals.rows.iter().map(of).fold(0.0, f64::max);
        let (largest, experts) = (most(|row| row.active_params), most(|row| row.experts));
        let of_largest = |row: &Observation| row.active_params > 0.99 * largest;
        let of_most = |row: &Observation| row.experts > 0.99 * experts;
        let cases: [(&str, Is<'_>); 2] = [("largest size", &of_largest), ("largest E", &of_most)];
        for (what, is_out) in cases {
            let ((ends_left, out), (curves_left, _)) = (without(&finals, is_out), without(&all, is_out));
            assert!(out.len() >= 3 && ends_left.rows.len() >= 20, "{router}: {} left out", out.len());
            let mut errors: BTreeMap<&str, f64> = BTreeMap::new();
            let mut line = Vec::new();
            for name in &names {
                // A law that sees tokens is fitted to curves, the others to the ends of runs.
                let law = laws::get(name).expect("a law");
                let rows = if law.sees().contains(&Variable::Tokens) { &curves_left } else { &ends_left };
                match fit(name, rows, &quick, None) {
                    Ok(fit) => {
                        let error = rms(|row| fit.predict(row), &out);
                        errors.insert(name, error);
                        line.push(format!("{name} {error:.5}"));
                    }
                    Err(why) => line.push(format!("{name} not fitted ({why})")),
                }
            }
            // Nested: the law is chosen by errors held out within what is left, and judged by what it has not seen.
            let chosen = candidates(&names, &curves_left, &Options { bootstraps: 0, ..Options::default() }, None);
            let nested = chosen.chosen().map(|fit| (fit.view.law.clone(), rms(|row| fit.predict(row), &out)));
            println!("  without the {what} ({} runs): {}; chosen {nested:?}", out.len(), line.join(", "));
            let (law, nested) = nested.expect("a choice");
            let best = errors.values().copied().fold(f64::INFINITY, f64::min);
            assert!(nested <= 0.02 && best <= 0.02, "{router}, {what}: {law} {nested}, best {best}");
        }
    }
}
