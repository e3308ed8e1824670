//! Questions about shapes as a person asks them: fronts, and mixtures of experts that began as dense models.

use crate::common::{World, stdout};
use std::fmt::Write;

/// Dense runs, runs of 8 experts from scratch, and ones that were made of the dense runs at 10B tokens.
fn table() -> World {
    let world = World::new();
    let mut rows = "run,params,active_params,experts,tokens,upcycled_from,upcycled_tokens,loss\n".to_owned();
    for size in [1e8, 2e8, 4e8_f64] {
        let floor = 40.0 * size.powf(-0.3);
        for billions in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0_f64] {
            let (all, tokens) = (6.0 * size, 1e9 * billions);
            let scratch = 1.5 + floor + 3.0 * billions.powf(-0.3);
            let _ = writeln!(rows, "moe-{size:e},{all},{size},8,{tokens},,,{scratch:.5}");
            let up = 1.9 + floor + 1.4 * billions.powf(-0.1);
            let _ = writeln!(rows, "up-{size:e},{all},{size},8,{tokens},dense-{size:e},1e10,{up:.5}");
        }
        for billions in [2.0, 4.0, 8.0, 10.0, 12.0, 16.0, 24.0_f64] {
            let dense = 1.6 + 55.0 * size.powf(-0.3) + 3.0 * billions.powf(-0.3);
            let _ = writeln!(rows, "dense-{size:e},{size},{size},1,{},,,{dense:.5}", 1e9 * billions);
        }
    }
    world.write("p/runs.csv", rows);
    world.write("p/mixlaw.yaml", project(""));
    world
}

fn project(filter: &str) -> String {
    format!(
        "tables:\n  - path: runs.csv\n    run: run\n    params: params\n    active_params: active_params\n    experts: experts\n    \
         tokens: tokens\n    metrics: {{ validation: loss }}\n{filter}laws: [joint-moe]\nfit: {{ starts: 4, bootstraps: 10 }}\n"
    )
}

#[test]
fn upcycled_runs_stand_beside_training_from_scratch_and_going_on() {
    let world = table();
    let answer = world.json(&["shape", "p", "--json"]);
    let found = &answer["upcycled"][0];
    assert_eq!((&found["compared"], found["each"].as_array().map(Vec::len)), (&3.into(), Some(3)), "{found}");
    let ratio = found["ratio"]["value"].as_f64().unwrap();
    // 1.5 + 3·d^-0.3 = 1.9 + 1.4·d^-0.1 at d = 3.6 to 3.9 billions, which is 0.36 to 0.39 of the dense model's ten.
    let planted = |d: f64| 3.0 * d.powf(-0.3) - 0.4 - 1.4 * d.powf(-0.1);
    assert!(planted(10.0 * ratio * 0.95) > 0.0 && planted(10.0 * ratio * 1.05) < 0.0, "{ratio}");
    for run in found["each"].as_array().unwrap() {
        assert_eq!(run["base_tokens"], 1e10, "{run}");
        assert!(run["scratch"]["gain"].as_f64().unwrap() < 0.0 && run["continued"]["runs"][0] != run["run"], "{run}");
    }
    let text = stdout(&world.run(&["shape", "p"]));
    for said in [
        "training from scratch catches up after",
        "continue for fewer tokens",
        "catches up at",
        "upcycled_from == \"\"",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // What the note says to type leaves them out.
    world.write("p/mixlaw.yaml", project("    where: upcycled_from == \"\"\n"));
    let without = world.json(&["shape", "p", "--json"]);
    assert!(without["upcycled"].is_null(), "{without}");
}

#[test]
fn a_front_is_shown_or_refused_in_a_sentence() {
    let world = World::new();
    let mut rows = "run,params,active_params,experts,tokens,loss\n".to_owned();
    for active in [1e6, 3e6, 1e7, 3e7_f64] {
        for experts in [1.0, 2.0, 4.0, 8.0, 16.0_f64] {
            for tokens in [1e8, 3e8, 1e9_f64] {
                let loss = 1.5 + 40.0 / (active * experts.powf(0.3)).powf(0.3) + 120.0 / tokens.powf(0.3);
                let params = active * (1.0 + 0.5 * (experts - 1.0));
                let _ = writeln!(rows, "n{active}-e{experts}-d{tokens},{params},{active},{experts},{tokens},{loss:.6}");
            }
        }
    }
    world.write("p/runs.csv", rows);
    world.write("p/mixlaw.yaml", project(""));
    let refused = |args: &[&str], why: &str, help: &str| {
        let text = stdout(&world.run(&[&["shape", "p"], args].concat()));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() == 2 && lines[0].contains(why) && lines[1].contains(help), "{args:?}: {text}");
    };
    refused(
        &["--pareto", "memory", "--flops", "1e17", "--experts", "64"],
        "No run has 64 experts",
        "--experts 1,2,4,8,16",
    );
    let front = world.json(&["shape", "p", "--pareto", "memory", "--flops", "1e17", "--json"]);
    let points = front["front"]["front"]["points"].as_array().unwrap_or_else(|| panic!("{front}"));
    let number = |point: &serde_json::Value, name: &str| point[name].as_f64().unwrap();
    assert!(points.len() >= 6, "{front}");
    for two in points.windows(2) {
        assert!(number(&two[0], "cost") < number(&two[1], "cost") && number(&two[0], "loss") > number(&two[1], "loss"));
    }
    let text = stdout(&world.run(&["shape", "p", "--pareto", "memory", "--flops", "1e17"]));
    let said = [
        "Pareto front for 1.00e17 FLOPs: loss against memory for serving",
        "Half the cost of the last",
        "all parameters × 2 bytes",
    ];
    for said in said {
        assert!(text.contains(said), "{said}: {text}");
    }
    let published =
        stdout(&world.run(&["shape", "--published", "joint-moe", "--flops", "1e21", "--pareto", "serving"]));
    assert!(published.contains("FLOPs per token") && !published.contains("90 %"), "{published}");
}
