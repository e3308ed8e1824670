//! Lines that only the project file describes.

use crate::common::{World, stderr, stdout};

/// Key, step and value of every point.
fn points(world: &World) -> Vec<(String, i64, f64)> {
    let output = world.run(&["export", "p", "--points", "--format", "jsonl"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let point = |line: &str| {
        let point: serde_json::Value = serde_json::from_str(line).unwrap();
        (
            point["metric"].as_str().unwrap().to_owned(),
            point["step"].as_i64().unwrap(),
            point["value"].as_f64().unwrap(),
        )
    };
    let mut all: Vec<_> = stdout(&output).lines().map(point).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all
}

fn project(world: &World, metrics: &str) {
    let text = format!(
        "runs:\n  - path: runs/*\nformats:\n  - name: ours\n    pattern: 'upd (?<step>\\d+) nll=(?<nll>\\S+)(?: val=(?<val>\\S+))?'\n    metrics: {metrics}\n"
    );
    world.write("p/mixlaw.yaml", text);
}

#[test]
fn a_line_format_of_ones_own_is_read_and_read_again_when_it_changes() {
    let world = World::new();
    let log = "booting\nupd 10 nll=3.5\nupd 20 nll=3.25 val=3\n";
    world.write("p/runs/a/train.log", log);
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let refused = stdout(&world.run(&["check", "p"]));
    assert!(refused.contains("'formats:'"), "{refused}");

    project(&world, "{ val: eval/prose/loss }");
    let nll = |step, value| ("nll".to_owned(), step, value);
    let val = |key: &str| (key.to_owned(), 20, 3.0);
    assert_eq!(points(&world), [val("eval/prose/loss"), nll(10, 3.5), nll(20, 3.25)]);
    let checked = stdout(&world.run(&["check", "p"]));
    assert!(checked.contains("the line format 'ours'"), "{checked}");

    world.write("p/runs/a/train.log", format!("{log}upd 30 nll=3\n"));
    assert_eq!(points(&world).len(), 4);

    // What the old meaning read is gone, what the new one reads is whole.
    project(&world, "{ val: eval/loss }");
    assert_eq!(points(&world), [val("eval/loss"), nll(10, 3.5), nll(20, 3.25), nll(30, 3.0)]);

    // Without the description nobody can read it any more: nothing is left of what was read.
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    assert_eq!(points(&world), []);
    let refused = stdout(&world.run(&["check", "p"]));
    assert!(refused.contains("'formats:'"), "{refused}");
}

#[test]
fn lines_that_come_after_a_long_beginning_are_found() {
    let world = World::new();
    project(&world, "{}");
    let beginning = "a job that says much before it begins\n".repeat(3000);
    world.write("p/runs/a/train.log", &beginning);
    assert_eq!(points(&world), []);
    world.write("p/runs/a/train.log", format!("{beginning}upd 10 nll=3.5\nupd 20 nll=3\n"));
    assert_eq!(points(&world), [("nll".to_owned(), 10, 3.5), ("nll".to_owned(), 20, 3.0)]);
}

#[test]
fn steps_are_the_optimisers_where_wandb_counts_calls() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let line = |call: i64| {
        let (step, loss) = (50 * (1 + call), 3.0 - call as f64 / 8.0);
        format!("{{\"_step\": {call}, \"train/global_step\": {step}, \"eval/loss\": {loss}}}\n")
    };
    world.write("p/runs/a/history.jsonl", (0..8).map(line).collect::<String>());
    let runs = world.json(&["runs", "p", "--json"]);
    let run = &runs["runs"][0];
    assert_eq!((run["last_step"].as_i64(), run["metrics"]["eval/loss"]["last_step"].as_i64()), (Some(400), Some(400)));
    let said = stdout(&world.run(&["check", "p"]));
    assert!(said.contains("steps of one run come from 'train/global_step'"), "{said}");
    // What is stored and exported is what the log says.
    let steps: Vec<i64> = points(&world).iter().filter(|p| p.0 == "eval/loss").map(|p| p.1).collect();
    assert_eq!(steps, (0..8).collect::<Vec<i64>>());
}

#[test]
fn a_description_goes_before_a_format_that_is_known() {
    let world = World::new();
    world.write("p/runs/a/train.log", "step 10 loss 2.5 upd 1 nll=7\nstep 20 loss 2.25 upd 2 nll=8\n");
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let before = points(&world);
    project(&world, "{}");
    assert_eq!(points(&world), [("nll".to_owned(), 1, 7.0), ("nll".to_owned(), 2, 8.0)], "{before:?}");
}
