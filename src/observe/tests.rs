use super::*;
use crate::project::{FitSettings, Objective, Target, WatchMode};
use crate::store::RunId;
use crate::vocab::{FactName, FactValue, Facts, Metric, Mixture};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A project of `prose` and `rust` with nothing else said.
pub(crate) fn project() -> Project {
    Project {
        name: "test".to_owned(),
        file: None,
        root: PathBuf::new(),
        runs: Vec::new(),
        facts: BTreeMap::new(),
        domains: vec!["prose".to_owned(), "rust".to_owned()],
        metrics: vec![Metric::of_domain("prose", "eval/prose/loss"), Metric::of_domain("rust", "eval/rust/loss")],
        target: Target::default(),
        current: None,
        bounds: BTreeMap::new(),
        available_tokens: BTreeMap::new(),
        max_epochs: 4.0,
        objective: Objective::default(),
        laws: Vec::new(),
        fit: FitSettings { seed: 0, starts: None, bootstraps: 0, skip: 0.1, repetition: true },
        watch: WatchMode::Auto,
        ..Project::default()
    }
}

/// The recorded example, read the plain way.
pub(crate) fn code_cpt() -> Vec<RunRecord> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt/runs");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().enumerate().map(|(id, path)| read(u32::try_from(id).unwrap(), path)).collect()
}

fn read(id: u32, path: &Path) -> RunRecord {
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path.join("config.json")).unwrap()).unwrap();
    let mut facts = Facts::default();
    for (name, key) in [
        (FactName::Params, "params_non_embedding"),
        (FactName::BatchTokens, "batch_tokens"),
        (FactName::PlannedSteps, "max_steps"),
    ] {
        facts.offer(name, FactValue::Number(config[key].as_f64().unwrap()), "config.json");
    }
    let mixture: Mixture = serde_json::from_value(config["mixture"].clone()).unwrap();
    facts.offer(FactName::Mixture, FactValue::Mixture(mixture), "config.json");
    let mut series: BTreeMap<String, crate::vocab::Series> = BTreeMap::new();
    for line in std::fs::read_to_string(path.join("metrics.jsonl")).unwrap().lines() {
        let point: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        for (key, value) in point.iter().filter(|(k, _)| *k != "step") {
            let one = series.entry(key.clone()).or_default();
            one.steps.push(point["step"].as_i64().unwrap());
            one.values.push(value.as_f64().unwrap());
            one.segments.push(0);
        }
    }
    let series = Arc::new(series.into_iter().map(|(k, s)| (k, s.latest().into())).collect());
    let name = path.file_name().unwrap().to_string_lossy().into();
    let (steps, others) = (None, Arc::default());
    RecordFields { id: RunId(id), name, facts: Arc::new(facts), series, steps, others }.into()
}

fn run(mixture: &[(&str, f64)], losses: &[(i64, f64)], facts: &[(FactName, f64)]) -> RunRecord {
    let mut known = Facts::default();
    if !mixture.is_empty() {
        let weights = mixture.iter().map(|(d, w)| ((*d).to_owned(), *w)).collect();
        known.offer(FactName::Mixture, FactValue::Mixture(Mixture(weights)), "test");
    }
    for (name, value) in facts {
        known.offer(*name, FactValue::Number(*value), "test");
    }
    let series = Arc::new([("eval/prose/loss".to_owned(), losses.to_vec().into())].into());
    let (steps, others) = (None, Arc::default());
    RecordFields { id: RunId(0), name: "a".into(), facts: Arc::new(known), series, steps, others }.into()
}

#[test]
fn the_recorded_example_gives_what_its_readme_says() {
    let observed = observe(&project(), &code_cpt());
    for (fitted, starts) in observed.fitted.iter().zip(&observed.starts) {
        assert_eq!(fitted.rows.len(), 540);
        assert_eq!(fitted.runs_present(), 36);
        assert_eq!(starts.rows.len(), 36);
        assert_eq!(fitted.dropped, ["left out: the first 10 % of each run (36 checkpoints)"]);
        for row in &fitted.rows {
            // Evaluations are every 25 steps of 4096 tokens; the training line of the same step counts one batch more.
            assert_eq!(row.tokens % (25.0 * 4096.0), 0.0);
            assert!((row.mixture.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
    assert_eq!((observed.fitted[0].own, observed.fitted[1].own), (Some(0), Some(1)));
}

#[test]
fn tokens_come_from_the_log_or_from_the_batch_or_the_row_is_refused_aloud() {
    let prose = [("prose", 1.0)];
    let losses = [(0, 3.0), (100, 2.0), (150, f64::NAN), (200, 1.5)];
    let batch = run(&prose, &losses, &[(FactName::BatchTokens, 10.0)]);
    let tokens = |record: &RunRecord| -> Vec<f64> {
        observe(&project(), std::slice::from_ref(record)).fitted[0].rows.iter().map(|r| r.tokens).collect()
    };
    assert_eq!(tokens(&batch), [1000.0, 2000.0]);

    let mut logged = run(&prose, &losses, &[]);
    Arc::make_mut(&mut logged.series)
        .insert("throughput/total_tokens".to_owned(), vec![(50, 5e3), (150, 15e3), (199, 19.9e3)].into());
    assert_eq!(tokens(&logged), [10e3, 20e3], "between and just beyond logged counts, on the line");

    // While the batch grows, what was consumed says more than the batch that it ends with.
    let mut ramp = run(&prose, &losses, &[(FactName::BatchSequences, 8.0), (FactName::SequenceLength, 128.0)]);
    Arc::make_mut(&mut ramp.series).insert("consumed samples".to_owned(), vec![(100, 400.0), (200, 1200.0)].into());
    assert_eq!(tokens(&ramp), [400.0 * 128.0, 1200.0 * 128.0]);

    let neither = observe(&project(), &[run(&prose, &losses, &[])]);
    assert!(neither.fitted[0].rows.is_empty());
    assert!(neither.fitted[0].dropped.iter().any(|d| d.contains("facts.batch_tokens")), "{:?}", neither.fitted[0]);
    assert!(neither.fitted[0].dropped.iter().any(|d| d.contains("1 checkpoint whose loss is not a positive number")));
    assert_eq!(neither.starts[0].rows.len(), 1, "step 0 needs no count");
}

#[test]
fn mixtures_are_normalised_refused_or_assumed_and_it_is_said() {
    let losses = [(100, 2.0)];
    let batch = [(FactName::BatchTokens, 10.0)];
    let rows = |mixture: &[(&str, f64)]| observe(&project(), &[run(mixture, &losses, &batch)]).fitted[0].clone();
    assert_eq!(rows(&[("prose", 3.0), ("rust", 1.0)]).rows[0].mixture, [0.75, 0.25]);
    let unlisted = rows(&[("prose", 0.5), ("python", 0.5)]);
    assert!(unlisted.rows.is_empty() && unlisted.dropped[0].contains("50 %"), "{:?}", unlisted.dropped);
    let silent = rows(&[]);
    assert_eq!(silent.rows[0].mixture, [0.5, 0.5]);
    assert!(silent.dropped[0].contains("no run states its mixture"));
}

#[test]
fn how_a_run_began_is_taken_from_what_is_not_fitted() {
    let facts = [(FactName::BatchTokens, 1e5), (FactName::PlannedSteps, 100.0), (FactName::Params, 1e6)];
    let curve = [(0, 4.0), (5, 3.5), (9, 3.2), (10, 3.1), (50, 2.0)];
    let observed = observe(&project(), &[run(&[("prose", 1.0)], &curve, &facts)]);
    let rows = &observed.fitted[0].rows;
    assert_eq!(rows.iter().map(|r| r.loss).collect::<Vec<_>>(), [3.1, 2.0]);
    let probe = rows[0].probe.expect("two losses within the first tenth, and more");
    assert!((probe.loss - 4.0).abs() < 1e-12 && (probe.decline - 0.8 / 0.9).abs() < 1e-9, "{probe:?}");
    let observed = observe(&project(), &[run(&[("prose", 1.0)], &curve[3..], &facts)]);
    assert_eq!(observed.fitted[0].rows[0].probe, None);
}

#[test]
fn repeated_tokens_count_as_the_fresh_ones_they_are_worth() {
    use crate::laws::{Columns, repetition::effective_tokens};
    let mut project = project();
    project.available_tokens = BTreeMap::from([("rust".to_owned(), 1e6)]);
    let facts = [(FactName::BatchTokens, 1e5), (FactName::Params, 1e6)];
    let runs = [run(&[("prose", 0.5), ("rust", 0.5)], &[(10, 3.0), (100, 2.0)], &facts)];
    let x = Columns::of(&observe(&project, &runs).fitted[0]);
    let worth = 5e6 + effective_tokens(5e6, 1e6);
    assert!((x.ln_tokens[0] - 1e6_f64.ln()).abs() < 1e-12, "0.5M of 1M tokens are used once");
    assert!((x.ln_tokens[1] - worth.ln()).abs() < 1e-12 && worth < 9.8e6, "{worth}");
    assert!((x.ln_tokens_of(1, 1) - effective_tokens(5e6, 1e6).ln()).abs() < 1e-12);
    project.fit.repetition = false;
    let x = Columns::of(&observe(&project, &runs).fitted[0]);
    assert!((x.ln_tokens[1] - 1e7_f64.ln()).abs() < 1e-12);
}
