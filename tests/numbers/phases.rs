//! The recorded two-phase runs: what they say of the last phase, beside tails that measured it.

use mixlaw::Study;
use mixlaw::fit::phases::{Question, phases};
use mixlaw::vocab::Observations;

/// Mean last loss of the tails whose names begin so.
fn measured(tails: &Observations, name: &str) -> f64 {
    let of_run = |run: usize| tails.rows.iter().rfind(|row| row.run == run).map_or(f64::NAN, |row| row.loss);
    let runs: Vec<usize> =
        (0..tails.runs.len()).filter(|run| tails.runs[*run].contains(&format!("/{name}_"))).collect();
    assert_eq!(runs.len(), 3, "{:?}", tails.runs);
    runs.iter().map(|run| of_run(*run)).sum::<f64>() / 3.0
}

#[test]
fn what_two_phase_runs_say_of_the_last_phase_is_what_tails_measure() {
    let root = format!("{}/examples/two-phase", env!("CARGO_MANIFEST_DIR"));
    let runs = Study::open(&root).unwrap();
    let tails = Study::open(format!("{root}/tails.yaml")).unwrap();
    let base = vec![1.0 / 3.0; 3];
    let domains = runs.project().domains.clone();
    let half = |to: usize| (0..3).map(|d| 0.5 * base[d] + if d == to { 0.5 } else { 0.0 }).collect();
    let question = Question { moves: (0..3).map(half).collect(), base: base.clone(), last: Some(0.2) };
    let mut held = 0;
    for (of_runs, of_tails) in runs.observed().fitted.iter().zip(&tails.observed().fitted) {
        let found = phases(of_runs, &question, 0).view;
        assert_eq!((found.runs, found.schedules, found.phased), (40, 35, 40));
        assert!(found.skill.is_some_and(|skill| skill > 0.85), "{found:?}");
        let last = found.forms.iter().find(|form| form.name == "last phase").unwrap();
        assert!(last.skill < 0.5, "the last phase alone says little: {last:?}");
        let level = measured(of_tails, "base");
        for (moved, to) in found.moves.iter().zip(&domains) {
            let change = measured(of_tails, to) - level;
            let said = moved.delta.unwrap();
            assert!((said.value - change).abs() < 0.03, "{} to {to}: {said:?}, measured {change}", found.metric);
            held += usize::from(said.range.contains(change));
        }
    }
    assert!(held >= 8, "{held} of 9 intervals hold what was measured");
}
