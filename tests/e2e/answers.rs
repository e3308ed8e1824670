//! What the commands answer on the recorded sweep, and that each answer has its published shape.

use crate::common::{World, example, stderr, stdout};
use serde_json::Value;

/// Every JSON answer against its schema.
#[test]
fn answers_have_their_published_shapes() {
    let world = World::new();
    let project = world.quick_example("p").display().to_string();
    world.write("samples/rust.txt", "let a = b; let c = d;\n".repeat(50));
    world.write("samples/prose.txt", "She walked down to the river and back again.\n".repeat(50));
    let samples = world.path().join("samples").display().to_string();
    let answers: &[(&str, &[&str])] = &[
        ("runs", &["runs", &project, "--json"]),
        ("runs", &["show", "n99k-r020", &project, "--json"]),
        ("check", &["check", &project, "--json"]),
        ("doctor", &["doctor", &project, "--json"]),
        ("status", &["daemon", "status", &project, "--json"]),
        ("fit", &["fit", &project, "--json"]),
        ("predict", &["predict", &project, "--params", "1M", "--mixture", "prose=0.5,rust=0.5", "--json"]),
        ("recommend", &["recommend", &project, "--json"]),
        ("shape", &["shape", &project, "--flops", "1e14", "--json"]),
        ("shape", &["shape", &project, "--pareto", "serving", "--flops", "1e14", "--json"]),
        ("shape", &["shape", "--published", "joint-moe", "--pareto", "memory", "--flops", "1e21", "--json"]),
        ("hyper", &["hyper", &project, "--json"]),
        ("advice", &["advice", &project, "--json"]),
        ("decided", &["advice", "accept", &project, "--json"]),
        ("phases", &["phases", &project, "--json"]),
        ("anneals", &["anneals", &project, "--json"]),
        ("audit", &["audit", &project, "--json"]),
        ("online", &["online", "n99k-r020", &project, "--json"]),
        ("design", &["design", &project, "--params", "1M", "--json"]),
        (
            "design",
            &["design", &project, "--params", "1M", "--samples", &samples, "--prior-by", "joint-entropy", "--json"],
        ),
        ("next", &["next", &project, "-n", "2", "--json"]),
        ("tag", &["tag", "n99k-r020", &project, "--add", "base,v2", "--note", "first", "--json"]),
        ("snapshot", &["watch", &project, "--once", "--json"]),
    ];
    for (schema, args) in answers {
        let path = format!("{}/schemas/{schema}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let answer = world.json(args);
        let mut schemas = boon::Schemas::new();
        let schema = boon::Compiler::new().compile(&path, &mut schemas).unwrap();
        if let Err(error) = schemas.validate(&answer, schema) {
            panic!("{args:?} does not fit {path}: {error}");
        }
    }
}

/// Without a project: a tokenizer and samples are enough.
#[test]
fn a_tokenizer_is_audited_and_what_is_missing_is_said() {
    let world = World::new();
    // Merges of "aab" three times as often as "xxy".
    world.write("merges.txt", "#version: 0.2\na a\naa b\nĠ aab\nx x\nxx y\nĠ xxy\n");
    world.write("samples/a.txt", " aab aab\n".repeat(500));
    world.write("samples/x/one.jsonl", "{\"text\": \" xxy xxy\\n\"}\n".repeat(500));
    let args = ["audit", "--tokenizer", "merges.txt", "--samples", "samples"];
    let answer = world.json(&[&args[..], &["--json"]].concat());
    let path = format!("{}/schemas/tokenizer-audit.schema.json", env!("CARGO_MANIFEST_DIR"));
    let mut schemas = boon::Schemas::new();
    let schema = boon::Compiler::new().compile(&path, &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&answer, schema) {
        panic!("{answer} does not fit {path}: {error}");
    }
    assert_eq!(answer["shares"][0]["corpus"], "a", "{answer}");
    assert_eq!(answer["merges"], 6, "{answer}");
    let text = stdout(&world.run(&args));
    assert!(text.contains("Shares of bytes, from the first 6 of 6 merges"), "{text}");
    assert!(
        text.contains("No ranges: the samples of a repeat themselves") && !text.contains("The ranges are of trials"),
        "{text}"
    );
    let says = |args: &[&str], what: &str| {
        let output = world.run(args);
        assert!(!output.status.success() && stderr(&output).contains(what), "{args:?}: {}", stderr(&output));
    };
    says(&["audit", "--tokenizer", "merges.txt"], "--samples <DIR>");
    says(&["audit", "--tokenizer", "none.txt", "--samples", "samples"], "none.txt: no such file");
    says(&["audit", "--tokenizer", "none.txt", "--samples", "samples"], "help: name the merges.txt or tokenizer.json");
    says(&["audit", "--tokenizer", "merges.txt", "--samples", "none"], "cannot read none");
    says(&["audit", "--tokenizer", "merges.txt", "--samples", "samples/x"], "two corpora or more; there is 1");
    says(
        &["audit", "--tokenizer", "samples/a.txt", "--samples", "samples"],
        "samples/a.txt: merge 1: ' aab aab' is not two tokens",
    );
}

#[test]
fn the_recorded_sweep_gives_a_recommendation_with_skill() {
    let world = World::new();
    let project = world.quick_example("p").display().to_string();
    let fits = world.json(&["fit", &project, "--json"]);
    for fit in fits["fits"].as_array().unwrap() {
        assert_eq!(fit["observations"], 540, "{fit}");
        assert_eq!(fit["runs"], 36);
        assert!(fit["skill"].as_f64().unwrap() > if fit["chosen"] == true { 0.5 } else { 0.0 }, "{fit}");
        assert!(!fit["folds"].as_array().unwrap().is_empty());
    }
    let advice = world.json(&["recommend", &project, "--json"]);
    let advised = &advice["recommendation"];
    let rust = advised["mixture"]["rust"].as_f64().unwrap();
    assert!((0.05..=0.95).contains(&rust), "{advice}");
    assert!(advised["p_better"].as_f64().unwrap() > 0.5, "{advice}");
    for (metric, expected) in advised["expected"].as_object().unwrap() {
        let at = |name: &str| expected[name].as_f64().unwrap();
        assert!(at("low") <= at("value") && at("value") <= at("high"), "{metric}: {expected}");
    }
    assert!(!advised["reasons"].as_array().unwrap().is_empty());
}

#[test]
fn too_few_ratios_give_an_abstention_and_its_own_exit_status() {
    let world = World::new();
    let project = world.quick_example("few");
    for entry in std::fs::read_dir(project.join("runs")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !(name.ends_with("r020") || name.ends_with("r050")) {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let output = world.run(&["recommend", "few", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(!answer["abstained"]["reasons"].as_array().unwrap().is_empty(), "{answer}");
    assert!(!answer["abstained"]["would_help"].as_array().unwrap().is_empty(), "{answer}");
}

#[test]
fn a_frame_is_text_without_escapes_and_a_picture_is_svg_or_png() {
    let world = World::new();
    let project = world.quick_example("p").display().to_string();
    let output = world.run(&["watch", &project, "--once"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!text.contains('\u{1b}'));
    for word in ["code-cpt", "n590k-r050", "rust"] {
        assert!(text.contains(word), "no '{word}' in:\n{text}");
    }
    let both = ["--svg", "frame.svg", "--png", "frame.png", "--width", "60", "--height", "20"];
    let output = world.run(&[&["watch", &project, "--once"], &both[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let svg = std::fs::read_to_string(world.path().join("frame.svg")).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    let png = std::fs::read(world.path().join("frame.png")).unwrap();
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!((side(16), side(20)), (60 * 18 + 56, 20 * 38 + 56));
    let output = world.run(&["watch", &project, "--once", "--height", "20"]);
    assert!(!output.status.success(), "a height is of pictures");
}

/// With metrics that nothing says are losses of a corpus, the training loss is what a run is known by, also once it has ended.
#[test]
fn where_no_loss_is_named_runs_are_listed_with_their_training_loss() {
    let world = World::new();
    for run in 0..3 {
        let line = |step| format!("{{\"step\":{step},\"loss\":{run}.7{step},\"lr\":0.0003}}\n");
        world.write(&format!("runs/r{run}/log.jsonl"), (0..5).map(line).collect::<String>());
    }
    let list = stdout(&world.run(&["runs", "runs"]));
    assert!(list.lines().next().unwrap().contains("loss"), "{list}");
    let frame = stdout(&world.run(&["watch", "runs", "--once", "--view", "runs"]));
    for (run, value) in ["0.74", "1.74", "2.74"].iter().enumerate() {
        let of =
            |text: &str| text.lines().find(|line| line.contains(&format!("r{run}"))).unwrap_or_default().to_owned();
        assert!(of(&list).contains(value), "{list}");
        assert!(of(&frame).contains(value), "{frame}");
    }
    assert!(!frame.contains("curve"), "no course is kept of it:\n{frame}");
}

/// Numbers of files and points that the export must give, counted here from the logs themselves.
#[test]
fn an_export_has_every_point_of_the_logs() {
    let world = World::new();
    let project = example().display().to_string();
    let exported = world.run(&["export", &project]);
    assert!(exported.status.success(), "{}", stderr(&exported));
    let mut got = crate::kill::exported_points(&stdout(&exported));
    let mut expected = crate::kill::logged_points(&example().join("runs"));
    got.sort();
    expected.sort();
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}

#[test]
fn what_changed_between_two_fits_is_told() {
    let world = World::new();
    let project = world.example("p");
    let yaml = std::fs::read_to_string(project.join("mixlaw.yaml")).unwrap();
    world.write("p/mixlaw.yaml", yaml.replace("laws: auto", "laws: [additive]\nfit: { starts: 1, bootstraps: 20 }"));
    let (late, away) = (project.join("runs/n99k-r100"), world.path().join("n99k-r100"));
    std::fs::rename(&late, &away).unwrap();
    let said = |args: &[&str]| String::from_utf8(world.run(args).stdout).unwrap();
    assert!(world.run(&["recommend", "p"]).status.code().is_some_and(|code| code == 0 || code == 3));
    let first = world.json(&["fit", "p", "--history", "--json"])["history"][0]["at"].as_f64().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    std::fs::rename(&away, &late).unwrap();
    world.run(&["recommend", "p"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let then = format!("{:.0}ms ago", 1e3 * (now - first) - 50.0);
    let diff = said(&["fit", "p", "--metric", "rust", "--diff", &then, "0s ago"]);
    assert!(diff.contains("eval/rust/loss · additive") && diff.contains("came in: 1 run: runs/n99k-r100"), "{diff}");
    let row = |name: &str| diff.lines().find(|l| l.trim_start().starts_with(name)).map(str::to_owned);
    let runs = row("runs").unwrap();
    assert!(runs.contains("35") && runs.contains("36"), "{diff}");
    assert!(row("objective").is_some() && row("target, nats").is_some_and(|l| l.contains('–')), "{diff}");
}

#[test]
fn views_that_ask_are_printed_with_their_answers() {
    let world = World::new();
    let project = world.quick_example("p").display().to_string();
    let view = |project: &str, id: &str| {
        let output = world.run(&["watch", project, "--once", "--view", id]);
        assert!(output.status.success(), "{id}: {}", stderr(&output));
        stdout(&output)
    };
    let log = view(&project, "logs");
    assert!(log.contains("\"step\": 400") && log.contains("following"), "{log}");
    let shape = view(&project, "shape");
    assert!(shape.contains("n590k-r050") || shape.contains("off by"), "{shape}");
    let what_if = view(&project, "what-if");
    assert!(what_if.contains("best mixture by N") && what_if.contains("gain there"), "{what_if}");
    // Four corpora: losses fall with the own share, so that the best of all is told from the rest.
    let mut table = "run,params,tokens,a,b,c,d,loss\n".to_owned();
    for (i, params) in (0..28).map(|i| (i, [1e6_f64, 4e6][i % 2])) {
        let parts: Vec<f64> = (0..4).map(|corpus| 1.0 + ((i * (corpus + 3) + corpus) % 7) as f64).collect();
        let weights: Vec<f64> = parts.iter().map(|part| part / parts.iter().sum::<f64>()).collect();
        let loss = 1.2 + 0.3 / (weights[0] + 0.1) + 20.0 / params.powf(0.25);
        let shares: Vec<String> = weights.iter().map(|weight| format!("{weight:.6}")).collect();
        table.push_str(&format!("r{i},{params},1e9,{},{loss:.5}\n", shares.join(",")));
    }
    world.write("four/runs.csv", table);
    world.write(
        "four/mixlaw.yaml",
        "tables:\n  - path: runs.csv\n    run: run\n    params: params\n    tokens: tokens\n    \
         mixture: { a: a, b: b, c: c, d: d }\n    metrics: { a: loss }\ndomains: [a, b, c, d]\n\
         target: { params: 16M, tokens: 1B }\nlaws: [dcpt]\nfit: { starts: 2, bootstraps: 20 }\n",
    );
    let slices = view("four", "slices");
    assert!(slices.contains("best at") && slices.contains("5 points more"), "{slices}");
    let front = view(&project, "front");
    assert!(front.contains("Front of") && front.contains("mixture"), "{front}");
    let record = |step: u32| {
        let load =
            |expert: u32| format!("\"moe/layer_0/expert_{expert}/load\": {}", if expert == 3 { 0.0 } else { 0.2 });
        let loads: Vec<String> = (0..6).map(load).collect();
        format!("{{\"step\": {step}, \"train/loss\": 2.5, {}}}\n", loads.join(", "))
    };
    world.write("moe/runs/a/metrics.jsonl", (0..40).map(record).collect::<String>());
    world.write("moe/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let router = view("moe", "router");
    assert!(router.contains("to no tokens: 3") && router.contains("layer_0"), "{router}");
    let keys = stdout(&world.run(&["watch", "--list-keys"]));
    assert!(keys.contains("runs.sort: ['s']"), "{keys}");
}
