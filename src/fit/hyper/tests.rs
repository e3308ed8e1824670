//! Runs made with a known law.

use super::*;
use crate::vocab::{Observation, Recipe, Scale};

/// lr = 900·N^-.8·D^.25 and batch = 40·N^-.1·D^.5 at the minimum of a bowl.
fn truth(n: f64, d: f64) -> Place {
    [900_f64.ln() - 0.8 * n.ln() + 0.25 * d.ln(), 40_f64.ln() - 0.1 * n.ln() + 0.5 * d.ln()]
}

/// Runs at factors of 2 around the truth.
struct Sweep {
    sizes: Vec<(f64, f64)>,
    rates: Vec<f64>,
    batches: Vec<f64>,
    noise: f64,
}

impl Sweep {
    fn whole(noise: f64) -> Self {
        let sizes = [1e8, 2e8, 4e8].iter().flat_map(|n| [10.0, 40.0, 160.0].map(|ratio| (*n, ratio * n))).collect();
        Self { sizes, rates: vec![-2.0, -1.0, 0.0, 1.0, 2.0], batches: vec![-2.0, -1.0, 0.0, 1.0, 2.0], noise }
    }

    fn data(&self, seed: u64) -> Observations {
        let (mut rows, mut runs) = (Vec::new(), Vec::new());
        let mut random = Random::new(seed, 0);
        for (n, d) in &self.sizes {
            let best = truth(*n, *d);
            for rate in &self.rates {
                for batch in &self.batches {
                    // Off by the same part of a step in every cell, so that no run is at the minimum.
                    let x = [(rate + 0.3) * 2_f64.ln(), (batch - 0.2) * 2_f64.ln()];
                    let bowl = 0.5 * (0.012 * x[0] * x[0] - 2.0 * 0.005 * x[0] * x[1] + 0.011 * x[1] * x[1]);
                    let normal: f64 = (0..12).map(|_| random.uniform(0.0, 1.0)).sum::<f64>() - 6.0;
                    let loss = (1.5 + 400.0 / n.powf(0.34) + 400.0 / d.powf(0.3)) * (bowl + self.noise * normal).exp();
                    let recipe = Recipe {
                        learning_rate: Some((best[0] + x[0]).exp()),
                        batch_tokens: Some((best[1] + x[1]).exp()),
                    };
                    let run = runs.len();
                    rows.push(Observation { loss, run, recipe, ..Scale::dense(*n, *d).at(vec![1.0]) });
                    runs.push(format!("run {run}"));
                }
            }
        }
        Observations { metric: "loss".to_owned(), runs, rows, ..Observations::default() }
    }
}

const FAR: (f64, f64) = (3.2e9, 6.4e10);

fn ask(sweep: &Sweep) -> HyperFit {
    hyper(&sweep.data(1), Some(FAR), 0)
}

fn near(estimate: Option<Estimate>, ln: f64, within: f64) {
    let estimate = estimate.expect("advised");
    assert!((estimate.value.ln() - ln).abs() < within, "{estimate:?}, truth {}", ln.exp());
}

#[test]
fn a_known_law_is_found_again() {
    let found = ask(&Sweep::whole(0.0));
    let advised = found.advised.expect("advised");
    let at = truth(FAR.0, FAR.1);
    near(advised.learning_rate, at[0], 1e-4);
    near(advised.batch_tokens, at[1], 1e-4);
    let law = found.law.expect("a law");
    let (rate, batch) = (law.learning_rate.unwrap(), law.batch_tokens.unwrap());
    for (got, want) in [(rate, [900.0, -0.8, 0.25]), (batch, [40.0, -0.1, 0.5])] {
        assert!(got.iter().zip(want).all(|(a, b): (&f64, f64)| (a / b - 1.0).abs() < 1e-3), "{got:?}");
    }
    // 0.001 = ½·0.012·x².
    assert!((law.learning_rate_slack.unwrap().ln() - (0.002_f64 / 0.012).sqrt()).abs() < 1e-6, "{law:?}");
    assert_eq!((law.cells, law.borrowed), (9, None));
    // The run nearest to a held-out answer is the best one, and the published law is elsewhere.
    assert_eq!(found.held_out_regret.unwrap().most, 0.0);
    assert!(found.published_regret.is_none_or(|r| r.mean > 0.1), "{:?}", found.published_regret);
    assert!(found.why_not.iter().any(|why| why.contains("extrapolation")), "{:?}", found.why_not);
}

#[test]
fn intervals_hold_the_truth_and_are_narrow() {
    let mut held = [0, 0];
    for seed in 0..20 {
        let (cells, _) = cells(&Sweep::whole(0.001).data(seed));
        let cells: Vec<&Cell> = cells.iter().collect();
        let law = Law::fit(&cells, &minima(&cells, &|_, _| 1.0).unwrap()).unwrap();
        let advised = advice(&law, &cells, &resampled(&cells, seed, 60), FAR, seed);
        for (d, estimate) in [advised.learning_rate, advised.batch_tokens].into_iter().enumerate() {
            let estimate = estimate.unwrap();
            held[d] += usize::from(estimate.range.contains(truth(FAR.0, FAR.1)[d].exp()));
            assert!((1.02..3.0).contains(&estimate.range.factor()), "{estimate:?}");
        }
    }
    assert!(held.iter().all(|held| *held >= 16), "{held:?} of 20");
}

#[test]
fn one_thing_varied_gives_an_answer_in_it_alone() {
    let sweep = Sweep { batches: vec![0.2], ..Sweep::whole(0.0) };
    let found = ask(&sweep);
    let advised = found.advised.expect("advised");
    near(advised.learning_rate, truth(FAR.0, FAR.1)[0], 1e-4);
    assert_eq!(advised.batch_tokens, None);
    assert!(found.cells.iter().all(|cell| cell.batch_tokens.is_none() && cell.learning_rate.is_some()));
    assert_eq!(found.law.expect("a law").batch_tokens, None);
}

#[test]
fn what_the_runs_do_not_vary_stays_as_published_and_is_said() {
    // One size and one token count.
    let one = ask(&Sweep { sizes: vec![(2e8, 8e9)], ..Sweep::whole(0.0) });
    assert!(
        one.advised.as_ref().and_then(|a| a.learning_rate).is_some_and(|e| e.range.low.is_nan()),
        "no interval: {one:?}"
    );
    let there = hyper(&Sweep { sizes: vec![(2e8, 8e9)], ..Sweep::whole(0.001) }.data(1), Some((2e8, 8e9)), 0);
    assert!(there.advised.unwrap().learning_rate.is_some_and(|e| e.range.contains(truth(2e8, 8e9)[0].exp())));
    let rate = one.law.as_ref().and_then(|law| law.learning_rate).expect("a law");
    assert!((rate[1] + 0.713).abs() < 1e-9 && (rate[2] - 0.307).abs() < 1e-9, "{rate:?}");
    assert!(one.law.unwrap().borrowed.is_some_and(|b| b.contains("exponents of N and D")));
    assert_eq!(one.held_out_regret, None);
    // D = 20·N everywhere: right on that line.
    let line = [1e8, 2e8, 4e8, 8e8].iter().map(|n| (*n, 20.0 * n)).collect();
    let line = ask(&Sweep { sizes: line, ..Sweep::whole(0.0) });
    near(line.advised.unwrap().learning_rate, truth(FAR.0, FAR.1)[0], 1e-4);
    assert!(line.law.unwrap().borrowed.is_some_and(|b| b.contains("N and D together")));
    // One size.
    let size = [10.0, 40.0, 160.0].iter().map(|ratio| (3.2e9, ratio * 3.2e9)).collect();
    let size = ask(&Sweep { sizes: size, ..Sweep::whole(0.0) });
    near(size.advised.unwrap().learning_rate, truth(FAR.0, FAR.1)[0], 1e-4);
    let law = size.law.unwrap();
    assert!(
        law.borrowed.is_some_and(|b| b.contains("exponent of N"))
            && (law.learning_rate.unwrap()[2] - 0.25).abs() < 1e-3
    );
}

#[test]
fn an_optimum_at_the_edge_is_at_least_or_at_most_that_and_gives_no_law() {
    let up = ask(&Sweep { rates: vec![-4.0, -3.0, -2.0], batches: vec![0.2], ..Sweep::whole(0.0) });
    assert_eq!(up.advised, None);
    assert!(up.why_not.iter().any(|why| why.contains("edge")), "{:?}", up.why_not);
    for cell in &up.cells {
        let optimum = cell.learning_rate.expect("a bound");
        assert_eq!(optimum.kind, OptimumKind::AtLeast);
        let highest = truth(cell.params, cell.tokens)[0] - 1.7 * 2_f64.ln();
        assert!((optimum.estimate.value.ln() - highest).abs() < 1e-9, "{optimum:?}");
        assert!(optimum.estimate.range.high.is_infinite(), "{optimum:?}");
    }
    let down = ask(&Sweep { rates: vec![1.0, 2.0, 3.0], batches: vec![0.2], ..Sweep::whole(0.0) });
    assert!(down.cells.iter().all(|cell| cell.learning_rate.is_some_and(|o| o.kind == OptimumKind::AtMost)));
}

#[test]
fn runs_that_cannot_tell_are_told_so() {
    let none = hyper(&Observations::default(), Some(FAR), 0);
    assert!(none.why_not[0].contains("No run has a size"), "{none:?}");
    let mut unknown = Sweep::whole(0.0).data(1);
    unknown.rows.iter_mut().for_each(|row| row.recipe = Recipe::default());
    assert!(hyper(&unknown, Some(FAR), 0).why_not[0].contains("facts.learning_rate"));
    let same = ask(&Sweep { rates: vec![0.0], batches: vec![0.0], ..Sweep::whole(0.0) });
    assert!(same.advised.is_none() && same.why_not[0].contains("one learning rate and one batch"), "{same:?}");
    let two = ask(&Sweep { rates: vec![0.0, 1.0], batches: vec![0.0], sizes: vec![(1e8, 1e9)], ..Sweep::whole(0.0) });
    assert!(two.advised.is_none() && two.cells.len() == 1 && !two.why_not.is_empty(), "{two:?}");
}

#[test]
fn one_run_that_diverged_changes_next_to_nothing() {
    let mut data = Sweep::whole(0.0003).data(3);
    let clean = hyper(&data, Some(FAR), 0).advised.unwrap().learning_rate.unwrap().value;
    for row in data.rows.iter_mut().step_by(25) {
        row.loss *= 1.008;
    }
    data.rows[60].loss = 9.0;
    let dirty = hyper(&data, Some(FAR), 0).advised.unwrap().learning_rate.unwrap().value;
    assert!((dirty / clean).ln().abs() < 0.15, "{clean} {dirty}");
}
