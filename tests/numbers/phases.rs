//! The recorded two-phase runs: what they say of the last phase, beside tails that measured it.

use mixlaw::Study;
use mixlaw::fit::phases::{Question, phases};
use mixlaw::vocab::{Observations, PhaseFit};
use std::fmt::Write;
use std::path::Path;

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

/// What is compared of an answer: all but how the table calls its losses.
fn answers(study: &Study) -> Vec<PhaseFit> {
    let base = vec![0.5, 0.3, 0.2];
    let moved = vec![0.3, 0.5, 0.2];
    let question = Question { moves: vec![moved], base, last: None };
    let of = |data: &Observations| PhaseFit { metric: String::new(), ..phases(data, &question, 0).view };
    study.observed().fitted.iter().map(of).collect()
}

/// A project whose only runs are in a table.
fn tabled(table: &str, keys: &str) -> Study {
    let d = tempfile::tempdir().expect("a directory");
    std::fs::write(d.path().join("t.csv"), table).expect("a table");
    let yaml = format!(
        "domains: [prose, rust, python]\ntables:\n  - path: t.csv\n    params: 33888\n    tokens: d\n    run: run\n    \
         batch_tokens: 256\n    metrics: {{ prefix: loss_ }}\n{keys}"
    );
    std::fs::write(d.path().join("mixlaw.yaml"), yaml).expect("a project");
    Study::open(d.path()).expect("a study")
}

#[test]
fn phases_in_a_table_are_those_in_sidecars() {
    let root = format!("{}/examples/two-phase", env!("CARGO_MANIFEST_DIR"));
    let runs = Study::open(&root).unwrap();
    let fitted = &runs.observed().fitted;
    let (domains, whole) = (["prose", "rust", "python"], 307_200.0);
    let weights = |prefix: &str| domains.map(|domain| format!("{prefix}{domain}")).join(",");
    let losses = weights("loss_");
    let mut wide = format!("run,d,end,{},{},{losses}\n", weights("first_"), weights("last_"));
    let mut long = format!("run,phase,d,{},{losses}\n", weights("w_"));
    for (index, run) in fitted[0].runs.iter().enumerate() {
        let name = Path::new(run).file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(format!("{root}/runs/{name}/mixlaw.run.yaml")).unwrap();
        let of = |which: usize| {
            let line = text.lines().filter(|line| line.contains("mixture:")).nth(which).unwrap();
            domains.map(|domain| {
                let (_, rest) = line.split_once(&format!("{domain}: ")).unwrap();
                rest.split([',', ' ']).next().unwrap().to_owned()
            })
        };
        let (first, last) = (of(0).join(","), of(1).join(","));
        let loss = |data: &Observations| data.rows.iter().rfind(|row| row.run == index).unwrap().loss;
        let losses = fitted.iter().map(|data| loss(data).to_string()).collect::<Vec<_>>().join(",");
        let end = ["80%", "960 steps", "245760"][index % 3];
        writeln!(wide, "{name},{whole},{end},{first},{last},{losses}").unwrap();
        writeln!(long, "{name},1,{},{first},,,\n{name},2,{whole},{last},{losses}", 0.8 * whole).unwrap();
    }
    let by_columns =
        "    phases:\n      - { until: end, mixture: { prefix: first_ } }\n      - { mixture: { prefix: last_ } }\n";
    let wanted = answers(&runs);
    assert!(wanted.iter().all(|answer| answer.moves[0].delta.is_some()), "there is an answer to compare");
    for study in [tabled(&wide, by_columns), tabled(&long, "    phase: phase\n    mixture: { prefix: w_ }\n")] {
        for (of_table, of_runs) in study.observed().fitted.iter().zip(fitted) {
            let ends: Vec<_> = of_runs.rows.iter().filter(|row| row.tokens >= whole).collect();
            assert_eq!((of_table.rows.len(), ends.len()), (40, 40));
            for (a, b) in of_table.rows.iter().zip(ends) {
                let (seen, expected) = (a.phases.as_ref().unwrap(), b.phases.as_ref().unwrap());
                assert_eq!((a.tokens, a.loss, seen.len()), (b.tokens, b.loss, expected.len()));
                let exposures = |phases: &[mixlaw::vocab::Exposure]| -> Vec<f64> {
                    phases.iter().flat_map(|phase| phase.mixture.iter().map(|w| w * phase.tokens)).collect()
                };
                let apart =
                    exposures(seen).iter().zip(exposures(expected)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(apart < 1e-6 && a.mixture.iter().zip(&b.mixture).all(|(a, b)| (a - b).abs() < 1e-12));
            }
        }
        for (found, wanted) in answers(&study).iter().zip(&wanted) {
            assert_eq!((&found.form, found.runs, found.schedules), (&wanted.form, wanted.runs, wanted.schedules));
            let (a, b) = (&found.moves[0], &wanted.moves[0]);
            let numbers = |moved: &mixlaw::vocab::PhaseMove| {
                let delta = moved.delta.unwrap();
                [delta.value, delta.range.low, delta.range.high, moved.p_better.unwrap()]
            };
            assert!(numbers(a).iter().zip(numbers(b)).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
        }
    }
}
