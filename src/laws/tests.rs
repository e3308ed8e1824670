//! What holds of every law.

use super::*;
use crate::vocab::{Observation, Observations, Probe};

/// A stream of numbers in [0, 1) that is the same everywhere.
pub(crate) fn stream(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[allow(clippy::cast_precision_loss)]
        let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
        unit
    }
}

/// Rows over three domains in which everything varies; losses near 2.
pub(crate) fn anything(rows: usize, seed: u64) -> Observations {
    let mut next = stream(seed);
    let rows = (0..rows)
        .map(|i| {
            let raw: Vec<f64> = (0..3).map(|_| if next() < 0.1 { 0.0 } else { next() + 0.01 }).collect();
            let sum: f64 = raw.iter().sum::<f64>().max(1e-9);
            let mixture = if sum > 1e-6 { raw.iter().map(|w| w / sum).collect() } else { vec![1.0, 0.0, 0.0] };
            let params = (next() * 8.0 + 10.0).exp();
            Observation {
                params,
                active_params: params * (0.2 + 0.8 * next()),
                tokens: (next() * 8.0 + 12.0).exp(),
                mixture,
                experts: (next() * 6.0).exp2().round().max(1.0),
                experts_per_token: 1.0,
                granularity: (next() * 3.0).exp2().round().max(1.0),
                loss: 1.5 + next(),
                run: i / 4,
                probe: Some(Probe { loss: 2.0 + next(), decline: 0.1 * next() }),
                recipe: crate::vocab::Recipe::default(),
                phases: None,
            }
        })
        .collect::<Vec<_>>();
    let runs = rows.iter().map(|r: &Observation| r.run).max().map_or(0, |r| r + 1);
    Observations {
        metric: "loss".to_owned(),
        domains: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        own: Some(0),
        runs: (0..runs).map(|r| format!("run{r}")).collect(),
        rows,
        probe: Some(Probe { loss: 2.4, decline: 0.05 }),
        ..Observations::default()
    }
}

#[test]
fn names_are_found_however_they_are_written_and_none_twice() {
    for law in ALL {
        let name = law.info().name;
        assert_eq!(get(name).map(|l| l.info().name), Some(name));
        assert_eq!(get(&name.to_uppercase().replace('-', " ")).map(|l| l.info().name), Some(name));
    }
    let mut names: Vec<&str> = ALL.iter().map(|l| l.info().name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    assert!(get("no-such-law").is_none());
    assert_eq!(table().len(), ALL.len() + RULES.len());
}

#[test]
fn several_sizes_at_one_token_count_get_the_laws_with_n() {
    let mut data = anything(80, 3);
    data.rows.iter_mut().for_each(|row| row.tokens = 1e9);
    for name in ["dcpt", "additive", "exponential", "joint", "capacity", "chinchilla", "skaling"] {
        assert_eq!(get(name).unwrap().missing(&data), [""; 0], "{name}");
    }
    data.rows.iter_mut().for_each(|row| row.params = 1e8);
    for name in ["additive", "exponential", "joint", "capacity", "chinchilla", "skaling"] {
        assert!(!get(name).unwrap().missing(&data).is_empty(), "{name}");
    }
}

#[test]
fn every_law_sees_what_it_says_and_nothing_else() {
    let data = anything(60, 7);
    let x = Columns::of(&data);
    let shape = Shape::of(data.own, &x);
    let mut next = stream(13);
    for law in ALL {
        // Several points, as a law may see a variable in one regime only.
        let thetas: Vec<Vec<f64>> = match law.method() {
            Method::Search(smooth) => {
                let parameters = smooth.parameters(&shape);
                let phi = |_| parameters.iter().map(|q| q.start.0 + (q.start.1 - q.start.0) * next()).collect();
                (0..8).map(phi).collect()
            }
            Method::Solve(solved) => vec![solved.solve(&shape, &x, 0)],
        };
        for variable in Variable::ALL {
            let mut moved = data.clone();
            for row in &mut moved.rows {
                match variable {
                    Variable::Params => {
                        row.params *= 3.0;
                        row.active_params *= 3.0;
                    }
                    Variable::Tokens => row.tokens *= 3.0,
                    Variable::Experts => row.experts *= 3.0,
                    Variable::ExpertsPerToken => row.experts_per_token *= 0.5 * row.experts.max(4.0),
                    Variable::Granularity => row.granularity *= 3.0,
                }
            }
            let moved = Columns::of(&moved);
            let predict = |theta: &[f64], x: &Columns| -> Vec<f64> {
                match law.method() {
                    Method::Search(smooth) => {
                        let mut block = Block::new(theta.len());
                        block.wants_jacobian = false;
                        smooth.evaluate(&shape, theta, x, 0..x.len(), &mut block);
                        block.ln_loss[..x.len()].to_vec()
                    }
                    Method::Solve(solved) => solved.predict(&shape, theta, x),
                }
            };
            let differs = thetas.iter().any(|theta| predict(theta, &x) != predict(theta, &moved));
            let says = law.sees().contains(&variable);
            // What is solved for may find nothing in numbers drawn at random.
            let may_miss = matches!(law.method(), Method::Solve(_)) && says;
            assert!(differs == says || may_miss, "{} and {variable:?}: {differs}", law.info().name);
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    let data = anything(60, 7);
    let x = Columns::of(&data);
    let shape = Shape::of(data.own, &x);
    let mut next = stream(11);
    for law in ALL {
        let Method::Search(smooth) = law.method() else { continue };
        let parameters = smooth.parameters(&shape);
        let p = parameters.len();
        for _ in 0..20 {
            let phi: Vec<f64> = parameters.iter().map(|q| q.start.0 + (q.start.1 - q.start.0) * next()).collect();
            let mut block = Block::new(p);
            let evaluate = |phi: &[f64], block: &mut Block| smooth.evaluate(&shape, phi, &x, 0..x.len(), block);
            evaluate(&phi, &mut block);
            for k in 0..p {
                let h = 1e-5 * phi[k].abs().max(0.1);
                let at = |by: f64| {
                    let mut moved = phi.clone();
                    moved[k] += by;
                    let mut block = Block::new(p);
                    block.wants_jacobian = false;
                    evaluate(&moved, &mut block);
                    block.ln_loss
                };
                let (up, down) = (at(h), at(-h));
                for i in 0..x.len() {
                    let numeric = (up[i] - down[i]) / (2.0 * h);
                    let analytic = block.column(k, x.len())[i];
                    let size = 1e-6 * (1.0 + numeric.abs().max(block.ln_loss[i].abs()));
                    assert!(
                        (numeric - analytic).abs() < size,
                        "{} by {} at row {i}: {analytic} is {numeric}",
                        law.info().name,
                        parameters[k].name
                    );
                }
            }
        }
    }
}
