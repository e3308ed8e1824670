//! Merged models beside runs on the same mixtures: whether they help where runs are few, and whether those without skill are
//! refused.

use mixlaw::Study;
use mixlaw::fit::{Options, fit, proxies};
use mixlaw::vocab::{Observations, ProxyKind};

fn recorded() -> Vec<Observations> {
    let study =
        Study::open(format!("{}/examples/two-phase/merged.yaml", env!("CARGO_MANIFEST_DIR"))).expect("the example");
    assert_eq!(study.project().domains, ["prose", "rust", "python"]);
    study.observed().fitted.clone()
}

/// A generator for shuffles, small and the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }
}

/// Only these runs.
fn only(rows: &Observations, runs: &[usize]) -> Observations {
    let rows_of = rows.rows.iter().filter(|row| runs.contains(&row.run)).cloned().collect();
    Observations { rows: rows_of, ..rows.clone() }
}

#[test]
fn merged_models_are_used_at_a_lower_weight_and_are_no_runs() {
    let all = recorded();
    for view in proxies::views(&all, 0) {
        assert_eq!((view.kind, view.models, view.mixtures), (ProxyKind::Merged, 18, 18), "{view:?}");
        assert!(view.r2.is_some_and(|r2| r2 > 0.95), "{view:?}");
        // A straight line in the weights says as much of Python's loss, without any merged model.
        let used = view.metric != "eval/python/loss";
        assert_eq!((view.weight, view.refused.is_some()), (used.then_some(0.5), !used), "{view:?}");
    }
    let fitted = fit("mixing", &all[0], &Options { bootstraps: 20, ..Options::default() }, None).unwrap();
    let without =
        fit("mixing", &Observations { proxies: Vec::new(), ..all[0].clone() }, &Options::default(), None).unwrap();
    assert_eq!((fitted.view.observations, fitted.view.runs), (18, 18), "merged models are no runs");
    let held = |view: &mixlaw::vocab::FitView| view.folds.iter().map(|fold| fold.observations).collect::<Vec<_>>();
    assert_eq!(held(&fitted.view), held(&without.view), "and are never held out");
    assert_ne!(fitted.view.parameters, without.view.parameters, "they count");
}

#[test]
fn shuffled_losses_are_refused() {
    let all = recorded();
    let (mut used, mut tried) = (0, 0);
    for seed in 0..100 {
        let mut draw = Draw(seed);
        for rows in &all {
            let mut rows = rows.clone();
            let order = draw.order(rows.proxies[0].rows.len());
            let losses: Vec<f64> = order.iter().map(|i| rows.proxies[0].rows[*i].loss).collect();
            rows.proxies[0].rows.iter_mut().zip(losses).for_each(|(row, loss)| row.loss = loss);
            let view = &proxies::views(&[rows], 0)[0];
            tried += 1;
            used += usize::from(view.weight.is_some());
            assert_eq!(view.weight.is_none(), view.refused.is_some());
        }
    }
    println!("{used} of {tried} shuffled tables used");
    assert!(used * 50 <= tried, "{used} of {tried} shuffled tables used");
}

/// Mean relative error on the runs that are left out, with merged models and without, over draws of so many runs.
fn errors(all: &[Observations], law: &str, runs: usize, draws: u64) -> (f64, f64, usize) {
    let options = Options { bootstraps: 0, cross_validate: false, starts: Some(8), ..Options::default() };
    let (mut with, mut without, mut count, mut used) = (0.0, 0.0, 0.0, 0);
    for seed in 0..draws {
        for rows in all {
            let order = Draw(seed).order(rows.runs.len());
            let (seen, left) = order.split_at(runs);
            let (known, test) = (only(rows, seen), only(rows, left));
            let bare = Observations { proxies: Vec::new(), ..known.clone() };
            used += usize::from(proxies::views(std::slice::from_ref(&known), 0)[0].weight.is_some());
            let error = |rows: &Observations| {
                let fit = fit(law, rows, &options, None).unwrap_or_else(|e| panic!("{e}"));
                let off = test.rows.iter().map(|row| (fit.predict(row) / row.loss - 1.0).abs());
                off.sum::<f64>() / test.rows.len() as f64
            };
            with += error(&known);
            without += error(&bare);
            count += 1.0;
        }
    }
    (with / count, without / count, used)
}

#[test]
fn merged_models_lower_errors_where_runs_are_few() {
    let all = recorded();
    for law in ["mixing", "regmix-linear"] {
        for runs in [5, 6, 8, 12] {
            let (with, without, used) = errors(&all, law, runs, 10);
            println!(
                "{law}, {runs} runs: {:.3} % with merged models, {:.3} % without; used in {used} of 30",
                100.0 * with,
                100.0 * without
            );
            assert!(with <= without * 1.02, "{law}, {runs} runs: {with} with merged models, {without} without");
            if runs <= 6 {
                assert!(with < 0.9 * without, "{law}, {runs} runs: {with} with merged models, {without} without");
            }
        }
    }
}
