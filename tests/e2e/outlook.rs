//! What follows from fits is worked out beside them, and taken up for the runs that have not been read anew meanwhile.

use crate::common::example;
use mixlaw::daemon::Engine;
use mixlaw::daemon::engine::Surroundings;
use mixlaw::daemon::fitter::Fitted;
use mixlaw::daemon::outlook::Outlook;
use mixlaw::forecast::Pool;
use mixlaw::ingest::{Budget, Look};
use mixlaw::project::Project;
use mixlaw::store::SledStore;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[test]
fn runs_that_were_read_anew_are_forecast_anew() {
    let dir = tempfile::tempdir().unwrap();
    let log = std::fs::read_to_string(example().join("runs/n333k-r050/metrics.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    for run in ["still", "grows"] {
        let path = dir.path().join("runs").join(run);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::copy(example().join("runs/n333k-r050/config.json"), path.join("config.json")).unwrap();
        std::fs::write(path.join("metrics.jsonl"), first.join("\n") + "\n").unwrap();
    }
    std::fs::write(dir.path().join("mixlaw.yaml"), "runs: [{ path: runs/* }]\n").unwrap();
    let (store, opened) = SledStore::open(&dir.path().join("store")).unwrap();
    let mut engine = Engine::new(Project::load(dir.path()).unwrap(), store, &opened).unwrap();
    let read = |engine: &mut Engine| engine.turn(&Look::Everything, Budget { time: Duration::from_secs(60) }).unwrap();
    read(&mut engine);
    let job = engine.job();
    let fitted = |value: f64| {
        let mut fitted = Fitted::new(Arc::clone(&job.observed), Vec::new(), Arc::default(), 0.0);
        fitted.outlook = Outlook::of(&job, &[], &Pool::default());
        let all = fitted.outlook.runs.values_mut().flat_map(|run| run.forecasts.values_mut()).flatten();
        all.for_each(|forecast| forecast.value = value);
        fitted
    };
    let forecasts = |engine: &mut Engine| -> Vec<(String, bool)> {
        let world = engine.current(SystemTime::now(), &Surroundings::default());
        let of_fitter = |run: &mixlaw::vocab::RunView| {
            assert!(!run.forecast.is_empty(), "{} is in progress", run.name);
            // Losses that the project does not name are forecast apart from the fitter.
            let named = run.forecast.iter().filter(|(key, _)| world.snapshot.measured.iter().any(|m| m.key == **key));
            named.map(|(_, forecast)| forecast).all(|forecast| (forecast.value - 12.5).abs() < 1e-9)
        };
        let mut all: Vec<_> = world.snapshot.runs.iter().map(|run| (run.name.clone(), of_fitter(run))).collect();
        all.sort();
        all
    };
    engine.accept(fitted(12.5), SystemTime::now()).unwrap();
    assert_eq!(forecasts(&mut engine), [("runs/grows".to_owned(), true), ("runs/still".to_owned(), true)]);
    let mut file = std::fs::OpenOptions::new().append(true).open(dir.path().join("runs/grows/metrics.jsonl")).unwrap();
    file.write_all(format!("{}\n", second[..second.len() / 2].join("\n")).as_bytes()).unwrap();
    read(&mut engine);
    engine.accept(fitted(12.5), SystemTime::now()).unwrap();
    assert_eq!(forecasts(&mut engine), [("runs/grows".to_owned(), false), ("runs/still".to_owned(), true)]);
}
