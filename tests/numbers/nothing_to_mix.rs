//! Projects with nothing to mix: one run, one corpus or none. Every loss that is logged is forecast, whatever it is called, and
//! nothing is said of missing evidence.

use mixlaw::daemon::Engine;
use mixlaw::daemon::engine::{Need, Surroundings};
use mixlaw::project::Project;
use mixlaw::store::{Opened, SledStore};
use mixlaw::vocab::{Advice, Snapshot};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

const PLANNED: i64 = 2000;
const DONE: i64 = 1200;

fn loss(step: i64, level: f64) -> f64 {
    level + 4.0 * (step as f64 + 30.0).powf(-0.4)
}

fn noise(step: i64) -> f64 {
    1.0 + 0.01 * ((step as f64 * 0.618_034).fract() - 0.5)
}

fn rate(step: i64) -> f64 {
    3e-4 * (1.0 - 0.9 * step as f64 / PLANNED as f64)
}

fn training() -> impl Iterator<Item = i64> {
    (1..=DONE / 10).map(|i| 10 * i)
}

fn json_lines() -> String {
    let mut text = String::new();
    for step in training() {
        let _ =
            write!(text, r#"{{"step": {step}, "train/loss": {}, "lr": {}"#, loss(step, 2.0) * noise(step), rate(step));
        if step % 100 == 0 {
            let _ = write!(
                text,
                r#", "val/code/loss": {}, "val/quiz_acc": {}"#,
                loss(step, 1.5),
                1.0 - loss(step, 0.3) / 4.0
            );
        }
        text.push_str("}\n");
    }
    text
}

fn csv() -> String {
    let mut text = "step,train/loss,lr,val/code/loss,val/quiz_acc\n".to_owned();
    for step in training() {
        let _ = write!(text, "{step},{},{},", loss(step, 2.0) * noise(step), rate(step));
        match step % 100 {
            0 => drop(writeln!(text, "{},{}", loss(step, 1.5), 1.0 - loss(step, 0.3) / 4.0)),
            _ => text.push_str(",\n"),
        }
    }
    text
}

fn console() -> String {
    let mut text = String::new();
    for step in training() {
        let _ = write!(text, "step {step} | train/loss {} | lr {}", loss(step, 2.0) * noise(step), rate(step));
        if step % 100 == 0 {
            let (code, quiz) = (loss(step, 1.5), 1.0 - loss(step, 0.3) / 4.0);
            let _ = write!(text, " | val/code/loss {code} | val/quiz_acc {quiz}");
        }
        text.push('\n');
    }
    text
}

fn answer(name: &str, log: &str, project: Option<&str>) -> Arc<Snapshot> {
    let dir = tempfile::tempdir().expect("a directory");
    let run = dir.path().join("only");
    std::fs::create_dir(&run).expect("the run's directory");
    std::fs::write(run.join(name), log).expect("the log");
    std::fs::write(run.join("mixlaw.run.yaml"), format!("planned_steps: {PLANNED}\n")).expect("its length");
    if let Some(yaml) = project {
        std::fs::write(dir.path().join("mixlaw.yaml"), yaml).expect("the project");
    }
    let project = Project::load(Path::new(dir.path())).unwrap_or_else(|e| panic!("{}", e.report()));
    let mut engine = Engine::new(project, SledStore::temporary().expect("a store"), &Opened::New).expect("an engine");
    engine.settle(Need::Advice, |_| ()).expect("an answer");
    engine.current(SystemTime::now(), &Surroundings::default()).snapshot
}

fn assert_forecasts(snapshot: &Snapshot, what: &str) {
    let run = &snapshot.runs[0];
    for (key, truth) in [
        ("train/loss", loss(PLANNED, 2.0)),
        ("val/code/loss", loss(PLANNED, 1.5)),
        ("val/quiz_acc", 1.0 - loss(PLANNED, 0.3) / 4.0),
    ] {
        let forecast =
            run.forecast.get(key).unwrap_or_else(|| panic!("{what}: no forecast of {key}: {:?}", run.forecast));
        assert!((forecast.value / truth - 1.0).abs() < 0.02, "{what}: {key} {forecast:?}, truth {truth}");
        assert!(forecast.low <= truth && truth <= forecast.high, "{what}: {key} {forecast:?}, truth {truth}");
    }
}

#[test]
fn every_loss_of_one_run_is_forecast_without_a_project_file() {
    for (name, log) in [("metrics.jsonl", json_lines()), ("metrics.csv", csv()), ("train.log", console())] {
        let snapshot = answer(name, &log, None);
        assert_forecasts(&snapshot, name);
        let Some(Advice::Abstained(abstention)) = &snapshot.advice else { panic!("{:?}", snapshot.advice) };
        assert!(abstention.nothing_to_mix.is_some(), "{name}: {abstention:?}");
    }
}

#[test]
fn losses_that_no_metric_names_are_forecast_beside_those_that_are_named() {
    let yaml = "runs: [{ path: only }]\nmetrics: { code: val/code/loss }\n";
    for (name, log) in [("metrics.jsonl", json_lines()), ("metrics.csv", csv()), ("train.log", console())] {
        assert_forecasts(&answer(name, &log, Some(yaml)), name);
    }
}
