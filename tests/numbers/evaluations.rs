//! Evaluations that belong to no domain, in tables of finished runs: what is asked in a few lines is answered as the planted
//! truth is.

use mixlaw::daemon::Engine;
use mixlaw::daemon::engine::{Need, Surroundings};
use mixlaw::project::Project;
use mixlaw::store::{Opened, SledStore};
use mixlaw::vocab::metric::Better;
use mixlaw::vocab::{Advice, Snapshot};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// What each domain does to the logarithm of each evaluation's reducible part.
const EFFECTS: [[f64; 3]; 2] = [[-1.6, 0.3, -0.2], [0.2, -1.2, -0.4]];

fn bpb(evaluation: usize, mixture: [f64; 3]) -> f64 {
    let exponent: f64 = EFFECTS[evaluation].iter().zip(mixture).map(|(t, h)| t * h).sum();
    0.5 + (exponent - 0.3).exp()
}

/// The mean of both evaluations.
fn objective(mixture: [f64; 3]) -> f64 {
    (bpb(0, mixture) + bpb(1, mixture)) / 2.0
}

/// Mixtures on a grid of eighths, the corners left out.
fn mixtures() -> Vec<[f64; 3]> {
    let eighths = |a: i32, b: i32| [f64::from(a) / 8.0, f64::from(b) / 8.0, f64::from(8 - a - b) / 8.0];
    let inside = |(a, b): &(i32, i32)| a + b <= 8 && *a.max(b).max(&(8 - a - b)) < 8;
    (0..=8).flat_map(|a| (0..=8).map(move |b| (a, b))).filter(inside).map(|(a, b)| eighths(a, b)).collect()
}

/// A small error that is the same every time.
fn noise(i: usize) -> f64 {
    1.0 + 0.002 * ((i as f64 * 12.9898).sin() * 43758.5453).fract()
}

/// A table of finished runs; the third evaluation is an accuracy that the first one's bits decide.
fn table() -> String {
    let mut text = "run,params,tokens,web,code,math,quiz_bpb,puzzle_bpb,quiz_acc,quiz_percent,quiz_ppl\n".to_owned();
    for (i, mixture) in mixtures().into_iter().enumerate() {
        let [web, code, math] = mixture;
        let (quiz, puzzle) = (bpb(0, mixture) * noise(3 * i), bpb(1, mixture) * noise(3 * i + 1));
        let accuracy = 1.0 - 0.5 * bpb(0, mixture) * noise(3 * i + 2);
        let _ = writeln!(
            text,
            "run-{i},62e6,1e9,{web},{code},{math},{quiz},{puzzle},{accuracy},{},{}",
            100.0 * accuracy,
            quiz.exp()
        );
    }
    text
}

fn answer(yaml: &str) -> Arc<Snapshot> {
    assert!(yaml.lines().count() <= 15, "what people ask takes a few lines");
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("runs.csv"), table()).expect("the table");
    std::fs::write(dir.path().join("mixlaw.yaml"), yaml).expect("the project");
    let project = Project::load(Path::new(dir.path())).unwrap_or_else(|e| panic!("{}", e.report()));
    let store = SledStore::temporary().expect("a store");
    let mut engine = Engine::new(project, store, &Opened::New).expect("an engine");
    engine.settle(Need::Advice, |_| ()).expect("an answer");
    engine.current(SystemTime::now(), &Surroundings::default()).snapshot
}

const TABLE: &str = "tables:\n  - path: runs.csv\n    params: params\n    tokens: tokens\n    run: run\n    \
                     mixture: { web: web, code: code, math: math }\n";

#[test]
fn a_mean_of_evaluations_is_minimised_as_planted() {
    let snapshot = answer(&format!(
        "{TABLE}    metrics: {{ quiz: quiz_bpb, puzzle: puzzle_bpb }}\nlaws: [log-linear]\nfit: {{ bootstraps: 20 }}\n\
         objective: {{ minimize: {{ quiz: 0.5, puzzle: 0.5 }} }}\ntarget: {{ params: 62M, tokens: 1B }}\n\
         mixture: {{ current: {{ web: 0.25, code: 0.25, math: 0.5 }} }}\n"
    ));
    assert_eq!(snapshot.domains, ["web", "code", "math"]);
    assert!(snapshot.measured.iter().all(|metric| metric.domain.is_none()), "{:?}", snapshot.measured);
    let Some(Advice::Recommendation(advice)) = &snapshot.advice else { panic!("{:?}", snapshot.advice) };
    let advised = ["web", "code", "math"].map(|domain| advice.mixture.weight(domain));
    let best = mixtures().into_iter().map(objective).fold(f64::INFINITY, f64::min);
    assert!(objective(advised) < 1.005 * best, "{advised:?}: {} beside {best}", objective(advised));
    for (key, evaluation) in [("quiz_bpb", 0), ("puzzle_bpb", 1)] {
        let expected = &advice.expected[key];
        let truth = bpb(evaluation, advised);
        assert!((expected.value / truth - 1.0).abs() < 0.01, "{key}: {expected:?} beside {truth}");
    }
}

#[test]
fn an_accuracy_is_predicted_as_an_accuracy_and_more_of_it_is_better() {
    let snapshot = answer(&format!(
        "{TABLE}    metrics: {{ quiz: quiz_acc }}\nlaws: [log-linear]\nfit: {{ bootstraps: 20 }}\n\
         target: {{ params: 62M, tokens: 1B }}\nmixture: {{ current: {{ web: 0.25, code: 0.25, math: 0.5 }} }}\n"
    ));
    let Some(Advice::Recommendation(advice)) = &snapshot.advice else { panic!("{:?}", snapshot.advice) };
    assert!(advice.mixture.weight("web") > 0.7, "the quiz wants web: {:?}", advice.mixture);
    let expected = &advice.expected["quiz_acc"];
    assert!(expected.low < expected.value && expected.value < expected.high && expected.high < 1.0, "{expected:?}");
    assert!(expected.value > expected.now, "{expected:?}");
    let current = snapshot.forecasts.iter().find(|f| f.metric == "quiz_acc").expect("a forecast");
    let truth = 1.0 - 0.5 * bpb(0, [0.25, 0.25, 0.5]);
    assert!((current.interval.value - truth).abs() < 0.01, "{current:?} beside {truth}");
}

#[test]
fn a_limit_is_in_the_unit_of_the_log_and_its_direction_is_that_of_the_metric() {
    for (metric, limit, number, better) in [
        ("quiz_acc", "quiz >= 0.5", 0.5, Better::Higher),
        ("quiz_percent", "quiz >= 50", 50.0, Better::Higher),
        ("quiz_bpb", "quiz <= 1", 1.0, Better::Lower),
        ("quiz_ppl", "quiz <= 2.71", 2.71, Better::Lower),
    ] {
        let unit = if metric == "quiz_percent" { "{ key: quiz_percent, unit: percent }" } else { metric };
        let snapshot = answer(&format!(
            "{TABLE}    metrics: {{ quiz: {metric}, puzzle: puzzle_bpb }}\nmetrics: {{ quiz: {unit}, puzzle: puzzle_bpb }}\nlaws: [log-linear]\nfit: {{ bootstraps: 20 }}\n\
             objective: {{ minimize: puzzle, subject_to: [{limit}] }}\ntarget: {{ params: 62M, tokens: 1B }}\n\
             mixture: {{ current: {{ web: 0.75, code: 0.125, math: 0.125 }} }}\n"
        ));
        let Some(Advice::Recommendation(advice)) = &snapshot.advice else { panic!("{metric}: {:?}", snapshot.advice) };
        let advised = ["web", "code", "math"].map(|domain| advice.mixture.weight(domain));
        let quiz = bpb(0, advised);
        // Without the limit all would be code, at 1.5 bits.
        assert!((0.93..1.01).contains(&quiz), "{metric}: the limit binds: {advised:?}, {quiz} bits");
        let (key, expected) = advice.expected.iter().find(|(_, expected)| expected.limit.is_some()).expect("a limit");
        assert!((expected.limit.expect("a limit") / number - 1.0).abs() < 1e-9, "{key}: {expected:?}");
        assert_eq!(expected.measure.better, better, "{key}");
        assert!(expected.measure.keeps(expected.value, number), "{key}: {expected:?}");
    }
}

#[test]
fn a_limit_in_the_wrong_direction_is_an_error_that_says_what_to_write() {
    for (metric, limit, says) in [("quiz_acc", "quiz <= 0.5", "use `>=`"), ("quiz_bpb", "quiz >= 1", "use `<=`")] {
        let yaml =
            format!("runs: [{{ path: a }}]\nmetrics: {{ quiz: {metric} }}\nobjective: {{ subject_to: [{limit}] }}\n");
        let error = mixlaw::project::load::from_text(&yaml, Path::new("/p")).expect_err(&yaml).report();
        assert!(error.contains(says), "{error}");
    }
}
