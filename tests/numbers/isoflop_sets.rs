//! Every published set of isoFLOP runs that is at hand: sizes and exponents beside the parabola method written down again, and the
//! largest budget from the smaller ones.

use crate::published;
use mixlaw::advise::{Evidence, optimum_curves, shape};
use mixlaw::fit::isoflop::isoflops;
use mixlaw::fit::{Fit, Options, fit};
use mixlaw::observe::Observed;
use mixlaw::project::{Budget, Project, Target};
use mixlaw::vocab::{Metric, Observation, Observations, OptimumAt, Scale, ShapeAdvice};
use std::path::Path;

/// A run: budget, parameters, tokens, loss.
type Run = (f64, f64, f64, f64);

/// The runs of each experiment that its readers do not mark as outliers; nothing where the data are not there.
fn sets() -> Vec<(String, Vec<Run>)> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/isoflop/runs.csv");
    let Ok(text) = std::fs::read_to_string(table) else { return Vec::new() };
    let mut sets: Vec<(String, Vec<Run>)> = Vec::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells[i].parse::<f64>().expect("a number");
        if cells[5] == "True" {
            continue;
        }
        let run = (number(3), number(1), number(2), number(4));
        match sets.iter_mut().find(|(name, _)| name == cells[0]) {
            Some((_, runs)) => runs.push(run),
            None => sets.push((cells[0].to_owned(), vec![run])),
        }
    }
    sets
}

/// Budgets, ascending.
fn budgets(runs: &[Run]) -> Vec<f64> {
    let mut all: Vec<f64> = runs.iter().map(|run| run.0).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

fn rows(runs: &[Run]) -> Observations {
    let row = |(i, run): (usize, &Run)| Observation { loss: run.3, run: i, ..Scale::dense(run.1, run.2).at(vec![1.0]) };
    published::observations("loss", vec!["web".to_owned()], Some(0), runs.iter().enumerate().map(row).collect())
}

/// log₁₀ N at the minimum of the least-squares parabola of loss in log₁₀ N, by Gaussian elimination.
fn minimum(runs: &[&Run]) -> f64 {
    let mut m = [[0.0_f64; 4]; 3];
    let middle = runs.iter().map(|run| run.1.log10()).sum::<f64>() / runs.len() as f64;
    for run in runs {
        let x = run.1.log10() - middle;
        let powers = [1.0, x, x * x];
        for i in 0..3 {
            for j in 0..3 {
                m[i][j] += powers[i] * powers[j];
            }
            m[i][3] += powers[i] * run.3;
        }
    }
    for i in 0..3 {
        for j in (0..3).filter(|j| *j != i) {
            let factor = m[j][i] / m[i][i];
            let row = m[i];
            m[j].iter_mut().zip(row).for_each(|(a, b)| *a -= factor * b);
        }
    }
    let of = |i: usize| m[i][3] / m[i][i];
    assert!(of(2) > 0.0, "the runs of a budget that is not marked curve upwards");
    middle - of(1) / (2.0 * of(2))
}

/// Slope and height at the mean of the least-squares line.
fn line(points: &[(f64, f64)]) -> impl Fn(f64) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
        / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>();
    move |x| my + slope * (x - mx)
}

/// The parabola method by the book: ln of compute and of N_opt, of each budget.
fn by_the_book(runs: &[Run]) -> Vec<(f64, f64)> {
    let one = |budget: f64| {
        let of: Vec<&Run> = runs.iter().filter(|run| run.0 == budget).collect();
        let compute = of.iter().map(|run| (6.0 * run.1 * run.2).ln()).sum::<f64>() / of.len() as f64;
        (compute, minimum(&of) * std::f64::consts::LN_10)
    };
    // A minimum beyond the runs of a budget is none.
    let between = |(budget, point): &(f64, (f64, f64))| {
        let sizes = || runs.iter().filter(|run| run.0 == *budget).map(|run| run.1.ln());
        sizes().any(|n| n <= point.1) && sizes().any(|n| n >= point.1)
    };
    let all = budgets(runs).into_iter().map(|budget| (budget, one(budget)));
    all.filter(between).map(|(_, point)| point).collect()
}

fn nearest(at: &[OptimumAt], compute: f64) -> &OptimumAt {
    let far = |at: &&OptimumAt| (at.compute / compute).ln().abs();
    at.iter().min_by(|a, b| far(a).total_cmp(&far(b))).expect("a budget")
}

#[test]
fn sizes_and_exponents_are_those_of_the_parabola_method_by_the_book() {
    for (name, runs) in sets() {
        let book = by_the_book(&runs);
        let on_line = line(&book);
        let exponent = on_line(1.0) - on_line(0.0);
        let found = isoflops(&rows(&runs), &[], 0);
        let [(groups, curve)] = found.as_slice() else { panic!("{name}: {} sets", found.len()) };
        let with_minimum = groups.groups.iter().filter(|group| group.parabola.is_some()).count();
        assert_eq!(with_minimum, book.len(), "{name}: budgets");
        let own = curve.params_exponent.expect("an exponent");
        println!(
            "{name}: {} budgets, N ~ C^{:.3} ({:.3}–{:.3}), by the book {exponent:.3}",
            book.len(),
            own.value,
            own.range.low,
            own.range.high
        );
        assert!(own.range.contains(exponent), "{name}: {own:?}");
        // Marin counts FLOPs otherwise: of one budget, 6·N·D of small models is a third less than of large ones, so that some fall out.
        let by_six = runs.iter().all(|run| (6.0 * run.1 * run.2 / run.0).ln().abs() < 0.05);
        if !by_six {
            continue;
        }
        assert!((own.value - exponent).abs() < 1e-6, "{name}: {own:?}");
        for (ln_compute, ln_size) in book.iter().copied() {
            let at = nearest(&curve.at, ln_compute.exp());
            let group = groups.groups.iter().min_by(|a, b| {
                let far = |c: f64| (c.ln() - ln_compute).abs();
                far(a.compute).total_cmp(&far(b.compute))
            });
            let of_group = group.and_then(|group| group.parabola).expect("a minimum").params;
            println!(
                "  {:.2e}: N {:.3e}, by the book {:.3e}; on the line {:.3e} ({:.3e}–{:.3e})",
                at.compute,
                of_group,
                ln_size.exp(),
                at.params.value,
                at.params.range.low,
                at.params.range.high
            );
            assert!((of_group.ln() - ln_size).abs() < 1e-6, "{name} {ln_compute}");
            assert!((at.params.value.ln() - on_line(ln_compute)).abs() < 1e-6, "{name}: {at:?}");
        }
    }
}

/// What the project says of the best dense size for a budget, in an interval; `None` where it abstains.
fn advised(observed: &Observed, law: &Fit, compute: f64) -> Option<(f64, f64, f64)> {
    let project = Project {
        domains: vec!["web".to_owned()],
        metrics: vec![Metric::of_domain("web", "loss")],
        target: Target { params: Some(1e9), tokens: Some(2e10), ..Target::default() },
        budget: Some(Budget { compute: Some(compute), ..Budget::default() }),
        ..Project::default()
    };
    let fits = [Some(law)];
    let evidence = Evidence { project: &project, observed, fits: &fits, extrapolate: false };
    match shape(&evidence) {
        Some(ShapeAdvice::Recommendation(advised)) => {
            let optimum = advised.optimum?;
            Some((optimum.scale.params, optimum.params.low, optimum.params.high))
        }
        _ => None,
    }
}

/// From the lower budgets alone, what the higher ones' own parabolas say lies in the intervals of the parabola method and of the
/// law, or there is no answer.
#[test]
fn intervals_hold_the_sizes_of_larger_budgets_or_there_is_no_answer() {
    let (mut all, mut held, mut by_law, mut held_by_law, mut answers, mut held_answers) = (0, 0, 0, 0, 0, 0);
    let mut told = 0;
    for (name, runs) in sets() {
        let book = by_the_book(&runs);
        // Budgets that have a minimum; runs of the others are left out.
        let sure = |budget: &f64| {
            let of: Vec<Run> = runs.iter().copied().filter(|run| run.0 == *budget).collect();
            !by_the_book(&of).is_empty()
        };
        let known: Vec<f64> = budgets(&runs).into_iter().filter(sure).collect();
        let least = (known.len() / 2).max(3);
        for used in least..known.len() {
            let of: Vec<Run> = runs.iter().copied().filter(|run| run.0 <= known[used - 1]).collect();
            let asked: Vec<f64> = book[used..].iter().map(|(compute, _)| compute.exp()).collect();
            let data = rows(&of);
            let options = Options { bootstraps: 60, ..Options::default() };
            let law = fit("chinchilla", &data, &options, None).expect("a fit");
            let found = isoflops(&data, &asked, 0);
            let observed =
                Observed { fitted: vec![data], starts: vec![Observations::default()], ..Observed::default() };
            let project = Project {
                domains: vec!["web".to_owned()],
                metrics: vec![Metric::of_domain("web", "loss")],
                ..Project::default()
            };
            let fits = [Some(&law)];
            let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
            let of_law = optimum_curves(&evidence, 0, &law, &asked).unwrap_or_default();
            for ((ln_compute, ln_size), compute) in book[used..].iter().zip(&asked) {
                let (truth, times) = (ln_size.exp(), (ln_compute - book[used - 1].0).exp());
                let parabola = nearest(&found[0].1.at, *compute);
                let law_at = of_law.first().map(|curve| nearest(&curve.at, *compute));
                let answer = advised(&observed, &law, *compute);
                all += 1;
                held += usize::from(parabola.params.range.contains(truth));
                by_law += usize::from(law_at.is_some());
                held_by_law += usize::from(law_at.is_some_and(|at| at.params.range.contains(truth)));
                answers += usize::from(answer.is_some());
                held_answers += usize::from(answer.is_some_and(|(_, low, high)| (low..=high).contains(&truth)));
                told += 1;
                println!(
                    "{name} from {used} budgets, {times:.1} × further: N {truth:.3e}; parabola {:.3e} ({:.3e}–{:.3e}){}, law {:?}, answer {answer:?}",
                    parabola.params.value,
                    parabola.params.range.low,
                    parabola.params.range.high,
                    if parabola.params.range.contains(truth) { "" } else { " MISS" },
                    law_at.map(|at| (
                        at.params.value,
                        at.params.range.low,
                        at.params.range.high,
                        at.params.range.contains(truth)
                    )),
                );
            }
        }
    }
    println!(
        "{all} budgets: parabola holds {held}, law {held_by_law} of {by_law}, answers {held_answers} of {answers}"
    );
    assert!(told == 0 || held as f64 >= 0.8 * all as f64, "parabola: {held} of {all}");
    assert!(held_by_law as f64 >= 0.85 * by_law as f64, "law: {held_by_law} of {by_law}");
    assert!(held_answers as f64 >= 0.8 * answers as f64, "answers: {held_answers} of {answers}");
}
