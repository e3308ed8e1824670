//! Commands fit no more than their answer needs: reading commands nothing, the others what has changed.

use crate::common::{World, eventually, stderr, stdout};
use mixlaw::daemon::Engine;
use mixlaw::daemon::engine::Need;
use mixlaw::project::Project;
use mixlaw::store::SledStore;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A copy of a part of the recorded sweep under `p`, fitted quickly with one law.
fn quick(world: &World) -> PathBuf {
    let project = world.example("p");
    for run in std::fs::read_dir(project.join("runs")).unwrap().flatten() {
        let name = run.file_name().into_string().unwrap();
        let kept = ["n99k", "n333k"].iter().any(|size| name.starts_with(size));
        if !kept || !["r000", "r020", "r050", "r080", "r100"].iter().any(|ratio| name.ends_with(ratio)) {
            std::fs::remove_dir_all(run.path()).unwrap();
        }
    }
    let yaml = std::fs::read_to_string(project.join("mixlaw.yaml")).unwrap();
    let fit = "laws: [additive]\nfit: { starts: 1, bootstraps: 20 }";
    world.write("p/mixlaw.yaml", yaml.replace("laws: auto", fit));
    project
}

/// The metrics of the fits that were made, newest first.
fn history(world: &World) -> Vec<String> {
    let kept = world.json(&["fit", "p", "--history", "--json"]);
    let metric = |kept: &Value| kept["fit"]["metric"].as_str().unwrap().to_owned();
    kept["history"].as_array().unwrap().iter().map(metric).collect()
}

fn answer(world: &World, args: &[&str]) -> String {
    let output = world.run(args);
    // 3: there is not enough to give advice on, which is an answer too.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

#[test]
fn reading_commands_fit_nothing() {
    let world = World::new();
    quick(&world);
    let commands: &[&[&str]] = &[
        &["runs", "p", "--json"],
        &["show", "n99k-r020", "p", "--json"],
        &["check", "p", "--json"],
        &["alerts", "p", "--json"],
        &["alerts", "dismiss", "all", "p", "--json"],
        &["ledger", "p", "--json"],
        &["export", "p", "--run", "runs/n99k-r020"],
        &["fit", "p", "--at", "0s ago", "--json"],
    ];
    let before: Vec<String> = commands.iter().map(|args| answer(&world, args)).collect();
    assert_eq!(history(&world), Vec::<String>::new());
    answer(&world, &["recommend", "p"]);
    assert_eq!(history(&world).len(), 2, "a fit is made once it is asked for");
    let after: Vec<String> = commands.iter().map(|args| answer(&world, args)).collect();
    // Which forecasts wait is for the ledger, and what was believed for the history.
    for (at, args) in commands.iter().enumerate().filter(|(_, args)| !["ledger", "fit"].contains(&args[0])) {
        // Time since the last write goes on.
        let still = |text: &str| text.lines().filter(|l| !l.contains("silent_seconds")).collect::<Vec<_>>().join("\n");
        assert_eq!(still(&before[at]), still(&after[at]), "{args:?}: its answer rests on no fit");
    }
    assert_eq!(history(&world).len(), 2, "nothing is added by asking");
}

#[test]
fn fits_of_rows_that_have_not_changed_are_used_again() {
    let world = World::new();
    quick(&world);
    // The answer says how many seconds the fit took: another fit would have taken others.
    let fit = answer(&world, &["fit", "p", "--json"]);
    assert_eq!(history(&world).len(), 2);
    let recommend = answer(&world, &["recommend", "p", "--json"]);
    let predict = answer(&world, &["predict", "p", "--json"]);
    assert_eq!(answer(&world, &["fit", "p", "--json"]), fit);
    assert_eq!(answer(&world, &["recommend", "p", "--json"]), recommend);
    assert_eq!(answer(&world, &["predict", "p", "--json"]), predict);
    let snapshot = world.json(&["watch", "p", "--once", "--json"]);
    let fit: Value = serde_json::from_str(&fit).unwrap();
    assert_eq!(snapshot["fits"], fit["fits"]);
    assert_eq!(snapshot["choices"], fit["choices"]);
    let recommend: Value = serde_json::from_str(&recommend).unwrap();
    let advice = snapshot["advice"].as_object().unwrap();
    assert!(!advice.is_empty() && advice.iter().all(|(name, value)| recommend[name] == *value), "{recommend}");
    assert!(!snapshot["charts"].as_array().unwrap().is_empty());
    assert_eq!(history(&world).len(), 2, "nothing is added by asking");
    // Laws that are named for one question are fitted for it, and nothing else is.
    answer(&world, &["fit", "p", "--law", "exponential", "--starts", "1"]);
    assert_eq!(history(&world).len(), 2);
}

#[test]
fn only_the_loss_whose_rows_have_changed_is_fitted_again() {
    let world = World::new();
    let project = quick(&world);
    let log = project.join("runs/n99k-r100/metrics.jsonl");
    let whole = std::fs::read_to_string(&log).unwrap();
    let last = whole.lines().last().unwrap();
    std::fs::write(&log, whole.replace(last, "")).unwrap();
    let before = world.json(&["fit", "p", "--json"]);
    let rust_alone = r#"{"step": 400, "tokens": 1638400, "eval/rust/loss": 1.79735}"#;
    let append = |path: &Path, line: &str| {
        std::fs::OpenOptions::new().append(true).open(path).and_then(|mut f| writeln!(f, "{line}")).unwrap();
    };
    append(&log, rust_alone);
    let after = world.json(&["fit", "p", "--json"]);
    let of = |answer: &Value, metric: &str| {
        answer["fits"].as_array().unwrap().iter().find(|fit| fit["metric"] == metric).unwrap().clone()
    };
    assert_eq!(of(&before, "eval/prose/loss"), of(&after, "eval/prose/loss"));
    let observations = |answer: &Value| of(answer, "eval/rust/loss")["observations"].as_u64().unwrap();
    assert_eq!(observations(&before) + 1, observations(&after));
    assert_eq!(history(&world), ["eval/rust/loss", "eval/rust/loss", "eval/prose/loss"]);
    // Other settings are another fit.
    let yaml = std::fs::read_to_string(project.join("mixlaw.yaml")).unwrap();
    world.write("p/mixlaw.yaml", yaml.replace("starts: 1", "starts: 2"));
    answer(&world, &["fit", "p"]);
    assert_eq!(history(&world).len(), 5);
}

#[test]
fn what_a_daemon_has_fitted_is_not_fitted_again_without_it() {
    let world = World::new();
    quick(&world);
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let mut of_daemon = String::new();
    // A first answer, and then the laws searched from many starts.
    eventually("the daemon has searched", || {
        of_daemon = answer(&world, &["fit", "p", "--json"]);
        history(&world).len() == 4
    });
    eventually("nothing is being fitted", || {
        let before = std::mem::take(&mut of_daemon);
        of_daemon = answer(&world, &["fit", "p", "--json"]);
        before == of_daemon
    });
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert_eq!(answer(&world, &["fit", "p", "--json"]), of_daemon);
    assert_eq!(history(&world).len(), 4);
}

#[test]
fn kept_fits_that_cannot_be_read_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let path = quick(&world);
    let fits_made = |damage: bool| {
        let (store, opened) = SledStore::open(dir.path()).unwrap();
        if damage {
            store.keep_fits("eval/rust/loss", b"\xc1 nothing of ours").unwrap();
        }
        let mut engine = Engine::new(Project::load(&path).unwrap(), store, &opened).unwrap();
        engine.settle(Need::Advice, |_| ()).unwrap()
    };
    assert_eq!([fits_made(false), fits_made(false), fits_made(true), fits_made(false)], [2, 0, 1, 0]);
}
