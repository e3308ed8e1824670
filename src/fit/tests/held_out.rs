//! Held out means held out: no error that is printed has seen the rows it is of.

use crate::fit::choose::{Candidates, candidates};
use crate::fit::{Options, fit};
use crate::laws::memoriser::place;
use crate::laws::tests::{anything, stream};
use crate::vocab::{CandidateKind, Observation, Observations, Scale};

pub(super) fn options() -> Options {
    Options { bootstraps: 0, starts: Some(4), ..Options::default() }
}

/// One run of each of so many mixtures of three domains.
pub(super) fn table(mixtures: usize, seed: u64, loss: impl Fn(&[f64], f64) -> f64) -> Observations {
    let mut next = stream(seed);
    let mut data = anything(0, 0);
    for run in 0..mixtures {
        let raw: Vec<f64> = (0..3).map(|_| -(next() + 1e-9).ln()).collect();
        let sum: f64 = raw.iter().sum();
        let mixture: Vec<f64> = raw.iter().map(|w| w / sum).collect();
        let noise = next() + next() + next() - 1.5;
        let loss = loss(&mixture, noise);
        data.rows.push(Observation { params: 1e8, tokens: 1e9, mixture, loss, run, ..Observation::default() });
        data.runs.push(run.to_string());
    }
    data
}

pub(super) fn signal(mixture: &[f64], noise: f64) -> f64 {
    3.0 * (0.1 * mixture[0] - 0.2 * mixture[1] + 0.01 * noise).exp()
}

#[test]
fn a_law_that_remembers_has_no_skill() {
    for mixtures in [8, 12] {
        // Every mixture has a parameter of its own.
        let places = |data: &Observations| {
            let x = crate::laws::Columns::of(data);
            (0..x.len()).map(|row| place(&x, row)).collect::<std::collections::BTreeSet<usize>>().len()
        };
        let data = (1..).map(|seed| table(mixtures, seed, signal)).find(|data| places(data) == mixtures).unwrap();
        let fit = fit("memoriser", &data, &options(), None).unwrap();
        assert!(fit.view.mre < 1e-3, "it remembers all rows: {}", fit.view.mre);
        assert!(fit.view.skill.unwrap() <= 0.0, "{mixtures} mixtures: skill {:?}", fit.view.skill);
        // Its last fit, which has seen all rows, is no start for a fold.
        let again = super::fit("memoriser", &data, &options(), Some(&fit)).unwrap();
        assert!(again.view.skill.unwrap() <= 0.0, "warm, {mixtures} mixtures: skill {:?}", again.view.skill);
    }
}

#[test]
fn every_law_is_held_out_from_what_it_is_tested_on() {
    // Losses of one held-out row change; what is predicted of it by the fit to the others must not.
    let data = table(20, 7, signal);
    let mut other = data.clone();
    other.rows[3].loss *= 1.02;
    for law in crate::laws::ALL {
        let name = law.info().name;
        let (Ok(a), Ok(b)) = (fit(name, &data, &options(), None), fit(name, &other, &options(), None)) else {
            continue;
        };
        if a.model.shape.hidden != b.model.shape.hidden || !law.hidden_domains().is_empty() {
            // Which number of hidden domains predicts a row is chosen by the others.
            continue;
        }
        let of = |fit: &crate::fit::Fit, data: &Observations| {
            let row = fit.calibration.rows.iter().find(|row| row.index == 3).unwrap();
            data.rows[3].loss.ln() - row.residual
        };
        let (a, b) = (of(&a, &data), of(&b, &other));
        assert!((a - b).abs() < 1e-9, "{name}: {a} {b}");
    }
}

fn auto(data: &Observations) -> Candidates {
    candidates(&[], data, &options(), None)
}

#[test]
fn the_error_of_the_automatic_choice_is_that_of_the_whole_procedure() {
    let noise = table(16, 11, |_, noise| 3.0 * (0.02 * noise).exp());
    let choice = auto(&noise).choice;
    let line = |kind| choice.candidates.iter().find(|c| c.kind == kind).unwrap().clone();
    let (procedure, law) = (line(CandidateKind::Procedure), line(CandidateKind::Law));
    assert!(procedure.mre_heldout.unwrap() >= law.mre_heldout.unwrap() - 1e-12, "{procedure:?} {law:?}");
    let fits = auto(&table(16, 11, signal)).fits;
    let chosen = fits.iter().find(|fit| fit.view.chosen).unwrap();
    assert!(chosen.view.skill.unwrap() > 0.8, "{:?}", chosen.view.skill);
}

#[test]
fn the_choice_is_the_same_on_any_number_of_threads_and_under_load() {
    let data = table(30, 5, signal);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| auto(&data)).choice
    };
    let alone = on(1);
    assert!(alone.unfinished.is_empty());
    assert_eq!(alone, on(2));
    let busy = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while busy.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        assert_eq!(alone, on(2));
        busy.store(false, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Two sizes and two amounts of nine mixtures: fewer than two rows for each of the seventeen parameters of `joint`.
fn few_rows(seed: u64) -> Observations {
    let truth = |h: &[f64], n: f64, d: f64| {
        1.5 + 1.0 / (1.2 * h[0].powf(0.3) + 2.0 * h[1].powf(0.5) + 0.8 * h[2].powf(0.2))
            + (3.0 * h[0] + h[1] + 2.0 * h[2]).powf(0.8) * 40.0 / n.powf(0.25)
            + (h[0] + 2.0 * h[1] + 1.5 * h[2]).powf(0.7) * 300.0 / d.powf(0.3)
    };
    let one = table(9, seed, |_, noise| noise);
    let mut data = Observations { rows: Vec::new(), runs: Vec::new(), ..one.clone() };
    let mut next = stream(seed + 100);
    for row in &one.rows {
        for params in [1e7, 1e8] {
            for tokens in [1e9, 4e9] {
                let noise = next() + next() + next() - 1.5;
                let loss = truth(&row.mixture, params, tokens) * (0.01 * noise).exp();
                let run = data.runs.len();
                data.runs.push(run.to_string());
                data.rows.push(Observation { loss, run, ..Scale::dense(params, tokens).at(row.mixture.clone()) });
            }
        }
    }
    data
}

#[test]
fn a_law_that_the_rows_do_not_pin_down_is_held_out_as_by_a_loop_outside_the_program() {
    let options = Options { bootstraps: 0, ..Options::default() };
    let data = few_rows(1);
    let printed = fit("joint", &data, &options, None).unwrap().view.mre_heldout.unwrap();
    // From other starts than those of the folds: what is printed must be of the rows, not of the starts.
    let outer = Options { seed: 7, cross_validate: false, ..options };
    let mut errors = Vec::new();
    for mixture in data.rows.iter().step_by(4).map(|row| &row.mixture) {
        let (out, rows): (Vec<_>, Vec<_>) = data.rows.iter().cloned().partition(|row| row.mixture == *mixture);
        let without = fit("joint", &Observations { rows, ..data.clone() }, &outer, None).unwrap();
        errors.extend(out.iter().map(|row| (without.predict(row) / row.loss - 1.0).abs()));
    }
    let outside = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!((printed / outside - 1.0).abs() <= 0.2, "printed {printed}, outside {outside}");
}
