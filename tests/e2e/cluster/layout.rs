//! Folders without a project file, whose runs appear one by one: which layout they have shows only with the second. Whatever was sent
//! under the first guess is replaced, and what the stream gives is what a daemon on the machine has.

use super::nats::{Nats, Running, exported, reader};
use crate::common::{World, eventually, stderr, stdout};
use std::path::Path;
use std::process::Stdio;

fn lines(path: &Path, from: u32, to: u32, offset: f64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut text = std::fs::read_to_string(path).unwrap_or_default();
    for step in from..to {
        text.push_str(&format!("{{\"step\": {step}, \"loss\": {}}}\n", offset + 1.0 / f64::from(step + 1)));
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn runs_that_appear_one_by_one_are_sent_once() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    for (number, files) in [
        &["mix0.jsonl", "mix1.jsonl", "mix2.jsonl"][..],
        &["a/metrics.jsonl", "b/metrics.jsonl"],
        &["runs/a/metrics.jsonl", "more/b/metrics.jsonl"],
        &["a/metrics.jsonl", "x/y/b/metrics.jsonl"],
        &["a/tb/log.jsonl", "a/metrics.jsonl"],
        &["log.jsonl", "a/log.jsonl"],
    ]
    .iter()
    .enumerate()
    {
        let address = nats.address().replace("/sweeps", &format!("/s{number}"));
        let folder = world.path().join(format!("sweep{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.display().to_string();
        // Before the job has written anything.
        let collect = |more: &[&str]| {
            let mut command = world.mixlaw(&["collect", &path, "--to", &address, "--node", "n1"]);
            command.args(more).env("MIXLAW_STATE", world.path().join("state-node"));
            command
        };
        let output = collect(&["--once"]).output().unwrap();
        assert!(output.status.success(), "{files:?}: {}", stderr(&output));
        let running = Running(collect(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let project = reader(&world, &address, &format!("reader{number}"));
        for (at, file) in files.iter().enumerate() {
            for part in 0..3 {
                lines(&folder.join(file), 10 * part, 10 * part + 10, at as f64);
                std::thread::sleep(std::time::Duration::from_millis(150));
            }
            eventually(&format!("{files:?}: what the stream gives is what reading the folder gives"), || {
                let here = exported(&world, &folder, "state-here");
                !here.is_empty() && exported(&world, &project, "state") == here
            });
        }
        drop(running);
        let late = reader(&world, &address, &format!("late{number}"));
        assert!(exported(&world, &late, "state-late") == exported(&world, &folder, "state-here"), "{files:?}");
        let checked = stdout(&world.run(&["check", &late.display().to_string()]));
        assert!(!checked.contains("is written by"), "{checked}");
    }
}
