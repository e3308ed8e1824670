//! Calibration on made-up rows with a known answer.

use super::calibrate::{Pair, Refused, calibrate};
use super::*;
use crate::vocab::Unit;

/// Runs on so many mixtures of two domains, and proxies whose ln L is `of` a run's.
fn world(mixtures: usize, repeats: usize, noise: f64, of: &dyn Fn(f64) -> f64) -> Observations {
    let mut random = Random::new(7, 7);
    let mut data = Observations {
        metric: "loss".to_owned(),
        domains: vec!["a".to_owned(), "b".to_owned()],
        own: Some(0),
        ..Observations::default()
    };
    let mut models = Vec::new();
    for i in 0..mixtures {
        let a = (i as f64 + 0.5) / mixtures as f64;
        // Bent, so that the straight line and the nearest run both miss.
        let truth = 1.0 + 0.3 * (7.0 * a).sin();
        let at = |ln_loss: f64, run: usize| Observation {
            params: 1e7,
            active_params: 1e7,
            tokens: 1e9,
            mixture: vec![a, 1.0 - a],
            loss: ln_loss.exp(),
            run,
            ..Observation::default()
        };
        for _ in 0..repeats {
            let run = data.runs.len();
            data.runs.push(format!("r{run}"));
            data.rows.push(at(truth + noise * random.uniform(-1.0, 1.0), run));
        }
        models.push(Observation { params: 0.0, tokens: 0.0, ..at(of(truth), i) });
    }
    data.proxies = vec![Proxies { kind: ProxyKind::Merged, named: "m.csv".to_owned(), rows: models }];
    data
}

#[test]
fn a_line_between_proxies_and_runs_is_found_and_joins_the_rows_calibrated() {
    let data = world(12, 1, 0.0, &|y| 0.2 + 0.5 * y);
    let x = Columns::of(&data);
    let stands = Stands::of(&data, &x, 0);
    let joined = stands.join(&x);
    assert_eq!((x.len(), joined.len()), (12, 24));
    for i in 0..12 {
        assert!((joined.ln_loss[12 + i] - x.ln_loss[i]).abs() < 1e-9, "row {i}");
        assert!((joined.ln_tokens[12 + i], joined.ln_params[12 + i]) == (x.ln_tokens[i], x.ln_params[i]));
        assert!(joined.weight[12 + i] < 1.0 && joined.run[12 + i] >= 12);
    }
}

#[test]
fn what_is_held_out_is_not_calibrated_on() {
    let mut data = world(12, 1, 0.0, &|y| 0.2 + 0.5 * y);
    let x = Columns::of(&data);
    let before = Stands::of(&data, &x, 0).join(&x.weighted(|i| f64::from(i != 3))).into_owned();
    data.rows[3].loss *= 5.0;
    let changed = Columns::of(&data);
    let after = Stands::of(&data, &changed, 0).join(&changed.weighted(|i| f64::from(i != 3))).into_owned();
    assert_eq!(before, after, "the held-out loss changes nothing");
}

#[test]
fn weights_are_the_part_of_the_error_that_is_the_runs() {
    // Proxies that are exact: the whole error is noise between runs.
    let exact = proxies_of(&world(12, 4, 0.02, &|y| y));
    assert!(exact > 0.6, "{exact}");
    // Proxies that are off by ten times the noise.
    let mut random = Random::new(1, 1);
    let off = std::cell::RefCell::new(&mut random);
    let rough = proxies_of(&world(12, 4, 0.02, &|y| y + off.borrow_mut().uniform(-0.15, 0.15)));
    assert!(rough < 0.15, "{rough}");
    let unknown = proxies_of(&world(12, 1, 0.02, &|y| y));
    assert_eq!(unknown, 0.5, "without repeats, half");
}

fn proxies_of(data: &Observations) -> f64 {
    views(std::slice::from_ref(data), 0)[0].weight.unwrap()
}

#[test]
fn few_backward_and_useless_proxies_are_refused_and_say_why() {
    let said = |data: &Observations| {
        let view = views(std::slice::from_ref(data), 0).remove(0);
        assert_eq!(view.weight, None);
        view.refused.unwrap()
    };
    assert!(said(&world(3, 1, 0.0, &|y| y + 0.1)).contains("there are 3 such mixtures"));
    assert!(said(&world(12, 1, 0.0, &|y| -y + 3.0)).contains("without them has"));
    // Where a straight line says all, proxies with errors add nothing.
    let pairs: Vec<Pair> = (0..12)
        .map(|i| {
            let a = f64::from(i) / 11.0;
            let z = a + if i % 2 == 0 { 0.1 } else { -0.1 };
            Pair { mixture: vec![a, 1.0 - a], z, runs: vec![(a, 1.0)] }
        })
        .collect();
    assert!(matches!(calibrate(&pairs, 0), Err(Refused::Beaten { rival: ("straight line", _), .. })));
}

#[test]
fn chance_passes_as_rarely_as_it_should() {
    let mut random = Random::new(3, 3);
    let mut passed = 0;
    for seed in 0..400 {
        let pairs: Vec<Pair> = (0..8)
            .map(|_| {
                let a = random.uniform(0.0, 1.0);
                let (z, y) = (random.uniform(0.0, 1.0), random.uniform(0.0, 1.0));
                Pair { mixture: vec![a, 1.0 - a], z, runs: vec![(y, 1.0)] }
            })
            .collect();
        passed += usize::from(calibrate(&pairs, seed).is_ok());
    }
    assert!(passed <= 28, "{passed} of 400 without skill passed");
}

#[test]
fn the_projects_own_runs_do_not_stand_in_for_themselves() {
    let mut data = world(12, 1, 0.0, &|y| y);
    data.proxies[0].kind = ProxyKind::Earlier;
    let view = views(std::slice::from_ref(&data), 0).remove(0);
    assert_eq!((view.models, view.weight), (0, None), "{view:?}");
    assert!(view.refused.is_some_and(|why| why.contains("the project's own runs")));
}

#[test]
fn an_earlier_swarm_of_another_size_stands_in_at_this_ones() {
    let mut data = world(12, 2, 0.01, &|y| 0.1 + 1.4 * y);
    data.proxies[0].kind = ProxyKind::Earlier;
    for row in &mut data.proxies[0].rows {
        (row.params, row.tokens) = (1e6, 1e8);
    }
    let x = Columns::of(&data);
    let joined = Stands::of(&data, &x, 0).join(&x).into_owned();
    assert_eq!(joined.len(), 36);
    assert!((joined.ln_params[35] - 1e7_f64.ln()).abs() < 1e-12);
    // Merged models of another size than any run's have nothing to be calibrated on.
    data.proxies[0].kind = ProxyKind::Merged;
    assert_eq!(Stands::of(&data, &x, 0).join(&x).len(), 24);
    let mut plan = super::super::split::HeldOutPlan::new(&data, &x, 0);
    assert_eq!(plan.unit.take(), Some(Unit::Mixtures));
    assert!(plan.groups.iter().all(|group| group.rows.len() == 24), "only runs are held out");
}
