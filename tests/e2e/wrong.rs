//! What people get wrong, and the one clear message each mistake gets.

use crate::common::{World, eventually, stderr, stdout};
use std::os::unix::fs::PermissionsExt;

/// One mistake.
struct Mistake {
    name: &'static str,
    /// Makes it; the project is at `p`.
    make: fn(&World),
    /// What is typed then.
    args: &'static [&'static str],
    status: i32,
    /// What the message must hold, on standard error (or in the output, for what goes on despite it).
    says: &'static [&'static str],
}

fn edit(world: &World, from: &str, to: &str) {
    world.example("p");
    let path = world.path().join("p/mixlaw.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the example has no '{from}'");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// A small project of one's own: runs with these logs.
fn project(world: &World, logs: &[(&str, &[u8])]) {
    world.write(
        "p/mixlaw.yaml",
        "runs:\n  - path: runs/*\ndomains: [prose, rust]\nmetrics: { prose: eval/prose/loss, rust: eval/rust/loss }\n",
    );
    for (name, bytes) in logs {
        world.write(&format!("p/runs/{name}"), bytes);
    }
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "an unknown key in a run's own file of facts",
        make: |world| {
            world.example("p");
            world.write("p/runs/n25k-r010/mixlaw.run.yaml", "seed: 1\nparms: 25k\n");
        },
        args: &["check", "p"],
        status: 0,
        says: &["n25k-r010/mixlaw.run.yaml:2:1:", "`parms`", "params"],
    },
    Mistake {
        name: "a phase that ends at a number without a unit",
        make: |world| {
            world.example("p");
            let text = "phases:\n  - until: 0.8\n    mixture: { prose: 1 }\n  - mixture: { rust: 1 }\n";
            world.write("p/runs/n25k-r010/mixlaw.run.yaml", text);
        },
        args: &["check", "p"],
        status: 0,
        says: &["n25k-r010/mixlaw.run.yaml:2:12:", "a share, steps or tokens, such as 80%"],
    },
    Mistake {
        name: "phases and a mixture of one run",
        make: |world| {
            world.example("p");
            let text =
                "phases:\n  - until: 80%\n    mixture: { prose: 1 }\n  - mixture: { rust: 1 }\nmixture: { rust: 1 }\n";
            world.write("p/runs/n25k-r010/mixlaw.run.yaml", text);
        },
        args: &["check", "p"],
        status: 0,
        says: &["n25k-r010/mixlaw.run.yaml:5:1:", "`mixture` and `phases` are both given", "remove mixture"],
    },
    Mistake {
        name: "phases of a run whose length nobody knows",
        make: |world| {
            let log = |seed: u32| format!("{{\"step\": 10, \"eval/prose/loss\": 2.{seed}, \"eval/rust/loss\": 2.5}}\n");
            project(world, &[("a/metrics.jsonl", log(1).as_bytes()), ("b/metrics.jsonl", log(2).as_bytes())]);
            let text =
                "batch_tokens: 4096\nphases:\n  - until: 80%\n    mixture: { prose: 1 }\n  - mixture: { rust: 1 }\n";
            world.write("p/runs/a/mixlaw.run.yaml", text);
            world.write("p/runs/b/mixlaw.run.yaml", "mixture: { rust: 1 }\nbatch_tokens: 4096\n");
        },
        args: &["fit", "p"],
        status: 0,
        says: &["runs/a: phase 1 ends at 80%, and the run's planned tokens are unknown (set facts.planned_tokens)"],
    },
    #[cfg(not(feature = "parquet"))]
    Mistake {
        name: "Parquet from a build without it",
        make: |world| {
            world.example("p");
        },
        args: &["export", "p", "--format", "parquet", "--output", "points.parquet"],
        status: 2,
        says: &["built without Parquet", "help:", "cargo install --path . --features parquet"],
    },
    #[cfg(feature = "parquet")]
    Mistake {
        name: "Parquet into a terminal",
        make: |world| {
            world.example("p");
        },
        args: &["export", "p", "--format", "parquet"],
        status: 2,
        says: &["Parquet output needs a file", "help:", "--output"],
    },
    Mistake {
        name: "a project that is not there",
        make: |_| {},
        args: &["runs", "nowhere"],
        status: 2,
        says: &["nowhere", "no such file", "help:"],
    },
    Mistake {
        name: "a glob that matches nothing",
        make: |w| edit(w, "runs/*", "rnus/*"),
        args: &["check", "p"],
        status: -1,
        says: &["rnus/*", "matches nothing"],
    },
    Mistake {
        name: "weights that do not sum to one",
        make: |w| edit(w, "prose: 0.8, rust: 0.2", "prose: 0.8, rust: 0.3"),
        args: &["check", "p"],
        status: 2,
        says: &["mixlaw.yaml:", "1.1", "help:"],
    },
    Mistake {
        name: "an unknown key",
        make: |w| edit(w, "objective:", "objectve:"),
        args: &["fit", "p"],
        status: 2,
        says: &["mixlaw.yaml:", "objectve", "objective"],
    },
    Mistake {
        name: "a duplicate key",
        make: |w| edit(w, "laws: auto", "laws: auto\nlaws: [dcpt]"),
        args: &["fit", "p"],
        status: 2,
        says: &["mixlaw.yaml:", "laws"],
    },
    Mistake {
        name: "an unknown domain in the objective",
        make: |w| edit(w, "minimize: rust", "minimize: rsut"),
        args: &["fit", "p"],
        status: 2,
        says: &["mixlaw.yaml:", "rsut", "rust"],
    },
    Mistake {
        name: "a domain without runs",
        make: |w| {
            edit(w, "domains: [prose, rust]", "domains: [prose, rust, python]");
        },
        args: &["check", "p"],
        status: -1,
        says: &["python"],
    },
    Mistake {
        name: "a law that does not exist",
        make: |w| edit(w, "laws: auto", "laws: [dctp]"),
        args: &["fit", "p"],
        status: 2,
        says: &["dctp", "dcpt"],
    },
    Mistake {
        name: "half a JSON line",
        make: |w| project(w, &[("a/metrics.jsonl", b"{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"lo")]),
        args: &["export", "p"],
        status: 0,
        says: &["\"step\":1"],
    },
    Mistake {
        name: "a damaged line between good ones",
        make: |w| {
            project(
                w,
                &[(
                    "a/metrics.jsonl",
                    b"{\"step\": 1, \"loss\": 2.5}\n{\"step\": oops\n{\"step\": 3, \"loss\": 2.4}\n",
                )],
            );
        },
        args: &["check", "p"],
        status: -1,
        says: &["metrics.jsonl"],
    },
    Mistake {
        name: "binary garbage",
        make: |w| project(w, &[("a/metrics.jsonl", &[0, 159, 146, 150, 0, 1, 2, 3, 255, 254, 0, 7])]),
        args: &["check", "p"],
        status: -1,
        says: &["metrics.jsonl", "refused"],
    },
    Mistake {
        name: "an empty log",
        make: |w| project(w, &[("a/metrics.jsonl", b"")]),
        args: &["check", "p"],
        status: -1,
        says: &["metrics.jsonl"],
    },
    Mistake {
        name: "no runs at all",
        make: |w| project(w, &[("a/metrics.jsonl", b"{\"step\": 1, \"loss\": 2.5}\n")]),
        args: &["recommend", "p"],
        status: 3,
        says: &["No change is recommended", "What would help"],
    },
    Mistake {
        name: "a run that is not there",
        make: |w| {
            w.example("p");
        },
        args: &["show", "n7b", "p"],
        status: 2,
        says: &["n7b", "mixlaw runs"],
    },
    Mistake {
        name: "a name that fits many runs",
        make: |w| {
            w.example("p");
        },
        args: &["show", "n25k", "p"],
        status: 2,
        says: &["n25k", "9 runs"],
    },
    Mistake {
        name: "candidates that are not there",
        make: |w| {
            w.example("p");
        },
        args: &["next", "p", "--candidates", "nowhere.csv"],
        status: 2,
        says: &["nowhere.csv"],
    },
    Mistake {
        name: "a candidate of another corpus",
        make: |w| {
            w.quick_example("p");
            w.write("p/candidates.csv", "name,prose,go\na,.5,.5\n");
        },
        args: &["next", "p", "--candidates", "p/candidates.csv"],
        status: 2,
        says: &["candidate 'a'", "'go' is not a domain", "prose, rust"],
    },
    Mistake {
        name: "a probability above one",
        make: |w| {
            w.example("p");
        },
        args: &["next", "p", "--until", "120%"],
        status: 2,
        says: &["120%", "like 95%"],
    },
    Mistake {
        name: "a weight that is no number",
        make: |w| {
            w.example("p");
        },
        args: &["predict", "p", "--mixture", "rust=lots"],
        status: 2,
        says: &["lots"],
    },
    Mistake {
        name: "weights on the command line that do not sum to one",
        make: |w| {
            w.example("p");
        },
        args: &["predict", "p", "--mixture", "rust=0.5,prose=0.7"],
        status: 2,
        says: &["1.2", "--mixture"],
    },
    Mistake {
        name: "a size that is no number",
        make: |_| {},
        args: &["predict", "p", "--params", "seven"],
        status: 2,
        says: &["seven", "7B"],
    },
    Mistake { name: "an unknown command", make: |_| {}, args: &["wacth"], status: 2, says: &["wacth", "watch"] },
    Mistake {
        name: "a dashboard without a terminal",
        make: |w| {
            w.example("p");
        },
        args: &["watch", "p"],
        status: 2,
        says: &["terminal", "--once"],
    },
    Mistake {
        name: "a project file that is binary",
        make: |w| {
            w.write("p/mixlaw.yaml", [0xff, 0xfe, 0, 1, 2]);
        },
        args: &["check", "p"],
        status: 2,
        says: &["mixlaw.yaml"],
    },
    Mistake {
        name: "a project file of a newer version",
        make: |w| edit(w, "project: code-cpt", "version: 99\nproject: code-cpt"),
        args: &["check", "p"],
        status: 2,
        says: &["mixlaw.yaml:", "99"],
    },
    Mistake {
        name: "replaying into a directory that is not empty",
        make: |w| {
            w.example("p");
            w.write("full/precious.txt", "keep me");
        },
        args: &["replay", "p", "--into", "full"],
        status: 2,
        says: &["full", "empty"],
    },
];

#[test]
fn each_mistake_gets_one_clear_message() {
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let world = World::new();
        (mistake.make)(&world);
        let output = world.run(mistake.args);
        let (out, err) = (stdout(&output), stderr(&output));
        let mut complain = |what: String| {
            wrong.push(format!("{}: {what}\n--- stdout\n{out}\n--- stderr\n{err}", mistake.name));
        };
        let status = output.status.code();
        if mistake.status >= 0 && status != Some(mistake.status) {
            complain(format!("status {status:?}, not {}", mistake.status));
        }
        for word in mistake.says {
            if !(err.contains(word) || out.contains(word)) {
                complain(format!("nothing says '{word}'"));
            }
        }
        if err.matches("error:").count() > 1 {
            complain("more than one error".to_owned());
        }
        if err.contains("panicked") || out.contains('\u{1b}') {
            complain("a panic or an escape sequence".to_owned());
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n\n"));
}

#[test]
fn a_directory_that_cannot_be_read_is_named() {
    if rustix_is_root() {
        // Root reads everything; the mode means nothing to it.
        println!("skipped: running as root");
        return;
    }
    let world = World::new();
    world.example("p");
    let closed = world.path().join("p/runs/n25k-r010");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let output = world.run(&["check", "p"]);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(stdout(&output).contains("n25k-r010"), "{}", stdout(&output));
    assert!(stdout(&output).to_lowercase().contains("permission denied"), "{}", stdout(&output));
}

fn rustix_is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|s| s.lines().any(|l| l.starts_with("Uid:\t0\t")))
}

#[test]
fn a_run_that_becomes_a_pipe_keeps_no_daemon_from_the_others_nor_from_its_end() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: logs/*.jsonl\ndomains: [rust]\nmetrics: { rust: loss }\n");
    let line = |step: usize| format!("{{\"step\": {step}, \"loss\": {}}}\n", 3.0 - 0.01 * step as f64);
    let (a, b) = (world.write("p/logs/a.jsonl", line(1)), world.write("p/logs/b.jsonl", line(1)));
    let mut daemon = world.spawn(&["daemon", "run", "p"]);
    // A command that is sooner than the daemon would have the store for itself.
    eventually("the daemon answers", || world.json(&["daemon", "status", "p", "--json"])["running"] == true);
    let steps = |name: &str| {
        let text = stdout(&world.run(&["export", "p"]));
        text.lines().filter(|l| l.contains(name) && l.contains("\"loss\"")).count()
    };
    eventually("both are read", || steps("a.jsonl") == 1 && steps("b.jsonl") == 1);
    std::fs::remove_file(&a).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&a).status().unwrap().success());
    std::fs::write(&b, line(1) + &line(2)).unwrap();
    eventually("the other is read on", || steps("b.jsonl") == 2);
    let says = || stdout(&world.run(&["check", "p"]));
    eventually("the pipe is named", || says().contains("a pipe (FIFO), not a file"));
    std::fs::remove_file(&a).unwrap();
    std::fs::write(&a, line(1) + &line(2) + &line(3)).unwrap();
    eventually("it is read on", || steps("a.jsonl") == 3);
    assert!(crate::common::kill(daemon.id().try_into().unwrap(), "-TERM"));
    assert!(daemon.wait().unwrap().success());
    // A command by itself waits for nothing either.
    std::fs::remove_file(&a).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&a).status().unwrap().success());
    assert!(world.run(&["runs", "p"]).status.success());
}
