//! The figure printed for the automatic choice is that of the whole procedure.

use super::held_out::{options, signal, table};
use crate::fit::choose::{Candidates, candidates, nest};
use crate::fit::{fit, never};
use crate::vocab::{Candidate, CandidateKind, Observation, Observations};

fn nested(data: &Observations) -> Candidates {
    nest(&candidates(&[], data, &options(), None), data, &options(), &never).unwrap()
}

fn procedure(choice: &Candidates) -> Candidate {
    choice.choice.candidates.iter().find(|c| c.kind == CandidateKind::Procedure).unwrap().clone()
}

#[test]
fn it_is_provisional_until_the_choice_was_repeated_and_equals_that_of_a_loop_outside_the_program() {
    let data = table(9, 3, |m, noise| 3.0 * (0.1 * m[0] - 0.3 * m[1] * m[1] + 0.03 * noise).exp());
    let first = candidates(&[], &data, &options(), None);
    assert!(first.choice.provisional && first.chosen().unwrap().view.provisional);
    assert!(first.choice.why.contains("provisional"), "{}", first.choice.why);
    let nested = nested(&data);
    assert!(!nested.choice.provisional && !nested.choice.why.contains("provisional"), "{}", nested.choice.why);
    // Without each row in turn the whole choice is made anew, as a user would.
    let error = |out: usize| {
        let rows: Vec<Observation> = (0..9).filter(|i| *i != out).map(|i| data.rows[i].clone()).collect();
        let chosen = candidates(&[], &Observations { rows, ..data.clone() }, &options(), None);
        (chosen.chosen().unwrap().predict(&data.rows[out]) / data.rows[out].loss - 1.0).abs()
    };
    let outside = (0..9).map(error).sum::<f64>() / 9.0;
    let printed = procedure(&nested).mre_heldout.unwrap();
    assert!((printed / outside - 1.0).abs() < 0.2, "printed {printed}, outside {outside}");
}

#[test]
fn what_was_held_out_does_not_move_what_is_predicted_of_it() {
    let data = table(8, 5, signal);
    let mut other = data.clone();
    other.rows[2].loss *= 1.05;
    let predicted = |data: &Observations| {
        let nested = nested(data);
        let fit = nested.chosen().unwrap();
        (
            fit.view.law.clone(),
            fit.calibration.rows.iter().find(|r| r.index == 2).map(|r| data.rows[2].loss.ln() - r.residual),
        )
    };
    let (a, b) = (predicted(&data), predicted(&other));
    // The straight line is judged by its own folds, any other law by the procedure's: one kind is compared with itself.
    if (a.0 == "straight-line") == (b.0 == "straight-line") {
        assert!((a.1.unwrap() - b.1.unwrap()).abs() < 1e-9, "{a:?} {b:?}");
    }
}

#[test]
fn the_same_is_found_on_any_number_of_threads() {
    let data = table(10, 9, signal);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| nested(&data)).choice
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn a_table_that_is_a_straight_line_is_given_one_and_a_choice_that_is_no_better_is_not_made() {
    let data = table(14, 2, signal);
    let chosen = nested(&data);
    let fit = chosen.chosen().unwrap();
    let line = fit_of(&data, "straight-line");
    assert!(fit.view.mre_heldout.unwrap() <= line + 1e-12, "{} {line}", fit.view.law);
    assert!(chosen.choice.beaten_by.as_deref() != Some("linear"), "{}", chosen.choice.why);
}

fn fit_of(data: &Observations, law: &str) -> f64 {
    fit(law, data, &options(), None).unwrap().view.mre_heldout.unwrap()
}
