//! Accepting and dismissing advice, as a person would, and killed while it is accepted.

use crate::common::{World, eventually, kill, stderr, stdout};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TRAIN: &str =
    "# the big run\nseed: 1\ndata:\n  mixture: # in use\n    rust: 0.2   # small\n    prose: 0.8\nlr: 3e-4\n";

/// A project whose accepted advice goes to `p/train.yaml`, after a hook if there is one.
fn project(world: &World, hook: &str) -> PathBuf {
    let project = world.quick_example("p");
    let file = project.join("mixlaw.yaml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    let accept = format!("accept: {{ write: train.yaml, key: data.mixture{hook} }}\n");
    std::fs::write(&file, format!("{yaml}\n{accept}")).unwrap();
    world.write("p/train.yaml", TRAIN);
    project
}

fn train(world: &World) -> String {
    std::fs::read_to_string(world.path().join("p/train.yaml")).unwrap()
}

/// The advice that stands.
fn standing(world: &World) -> Value {
    let answer = world.json(&["advice", "p", "--json"]);
    assert!(answer.get("accepting").is_none(), "{answer}");
    answer["advice"][0].clone()
}

/// Everything in the project's folder, with its content.
fn tree(project: &PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let files = walkdir::WalkDir::new(project).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn accepted_advice_is_written_once_and_stays_in_the_history() {
    let world = World::new();
    project(&world, "");
    let open = standing(&world);
    let (id, rust) = (open["id"].as_str().unwrap().to_owned(), open["mixture"]["rust"].as_f64().unwrap());
    assert_eq!((&open["stands"], &open["state"]), (&Value::from(true), &Value::from("open")));
    let dry = world.run(&["advice", "accept", &id, "p", "--dry-run"]);
    assert!(stdout(&dry).contains("+     rust: "), "{}", stdout(&dry));
    assert_eq!(train(&world), TRAIN);

    let done = world.json(&["advice", "accept", &id[..6], "p", "--json"]);
    assert_eq!((&done["id"], &done["written"]), (&Value::from(id.clone()), &Value::from("train.yaml")));
    let new = train(&world);
    let number = |key: &str| {
        let line = new.lines().find(|line| line.trim().starts_with(key)).unwrap();
        line.split(':').nth(1).unwrap().split('#').next().unwrap().trim().parse::<f64>().unwrap()
    };
    assert!((number("rust") - rust).abs() < 1e-6 && (number("rust") + number("prose") - 1.0).abs() < 1e-12, "{new}");
    assert!(new.contains("  # small") && new.starts_with("# the big run\nseed: 1\n") && new.ends_with("lr: 3e-4\n"));
    let told: Value =
        serde_json::from_slice(&std::fs::read(world.path().join("p/train.yaml.mixlaw.json")).unwrap()).unwrap();
    assert_eq!(told["advice"], Value::from(id.clone()));

    let again = world.run(&["advice", "accept", "p"]);
    assert_eq!(again.status.code(), Some(2), "{}", stdout(&again));
    assert!(stderr(&again).contains("accepted already") && stderr(&again).contains("--again"), "{}", stderr(&again));
    assert!(world.run(&["advice", "accept", "p", "--again"]).status.success());
    assert_eq!(train(&world), new);
    let recommended = stdout(&world.run(&["recommend", "p"]));
    assert!(recommended.contains("stands since") && recommended.contains("accepted"), "{recommended}");
    assert!(stdout(&world.run(&["ledger", "p"])).contains(&id));

    let dismissed = world.run(&["advice", "dismiss", &id, "p", "--why", "no room on the disk"]);
    assert!(dismissed.status.success(), "{}", stderr(&dismissed));
    let view = standing(&world);
    assert_eq!((&view["state"], &view["why"]), (&Value::from("dismissed"), &Value::from("no room on the disk")));
    assert_eq!(view["since"], open["since"]);
    let unknown = world.run(&["advice", "dismiss", "ffffffff", "p"]);
    assert!(unknown.status.code() == Some(2) && stderr(&unknown).contains("mixlaw advice"), "{}", stderr(&unknown));
}

#[test]
fn without_the_key_nothing_is_written_outside_the_state_directory() {
    let world = World::new();
    let project = world.quick_example("p");
    let before = tree(&project);
    let said = world.run(&["advice", "accept", "p"]);
    assert!(said.status.success(), "{}", stderr(&said));
    assert!(stdout(&said).contains("Nothing was written"), "{}", stdout(&said));
    assert_eq!(standing(&world)["state"], "accepted");
    assert!(world.run(&["advice", "dismiss", standing(&world)["id"].as_str().unwrap(), "p"]).status.success());
    assert!(tree(&project) == before);
}

#[test]
fn a_hook_that_refuses_or_kills_leaves_the_file_alone() {
    let world = World::new();
    project(&world, ", hook: [./hook.sh]");
    let hook = |text: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = world.write("p/hook.sh", format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    hook("grep -q advice && exit 7");
    let refused = world.run(&["advice", "accept", "p"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("the hook ./hook.sh refused (exit status 7)"), "{}", stderr(&refused));
    let view = standing(&world);
    assert!(view["state"] == "open" && view["why"].as_str().unwrap().contains("refused"), "{view}");
    // The command is killed while it waits for its hook.
    hook("kill -9 $PPID");
    assert_eq!(world.run(&["advice", "accept", "p"]).status.code(), None);
    let view = standing(&world);
    assert!(view["state"] == "open" && view["why"].as_str().unwrap().contains("while the hook ran"), "{view}");
    assert_eq!(train(&world), TRAIN);
    hook("exit 0");
    assert!(world.run(&["advice", "accept", "p"]).status.success());
    assert_ne!(train(&world), TRAIN);
    assert_eq!(standing(&world)["state"], "accepted");
}

#[test]
fn killed_at_any_moment_the_journal_says_what_the_file_says() {
    let world = World::new();
    project(&world, ", hook: [/bin/sleep, '0.02']");
    let id = standing(&world)["id"].as_str().unwrap().to_owned();
    let began = Instant::now();
    assert!(world.run(&["advice", "accept", "p"]).status.success());
    let (took, after) = (began.elapsed(), train(&world));
    let tries = if std::env::var_os("MIXLAW_SOAK").is_some() { 100 } else { 5 };
    for part in 0..tries {
        // As it was before: the file, and the state by a dismissal.
        world.write("p/train.yaml", TRAIN);
        assert!(world.run(&["advice", "dismiss", &id, "p"]).status.success());
        let mut command = world.mixlaw(&["advice", "accept", "p"]).spawn().unwrap();
        // Most of the time is reading; what is done is at the end.
        let at = took.mul_f64(0.6 + 0.5 * f64::from(part) / f64::from(tries));
        std::thread::sleep(at.max(Duration::from_millis(1)));
        let _ = command.kill();
        let _ = command.wait();
        let (said, state) = (train(&world), standing(&world)["state"].clone());
        assert!(said == TRAIN || said == after, "{said}");
        // A step that was over before the kill is over; the file and the journal say the same.
        assert_eq!(state == "accepted", said == after, "{part}: {state}");
    }
}

#[test]
fn a_daemon_journals_what_a_command_decides() {
    let world = World::new();
    project(&world, "");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let until = Instant::now() + Duration::from_secs(60);
    while world.json(&["advice", "p", "--json"])["advice"][0]["stands"] != true {
        assert!(Instant::now() < until, "no advice");
        std::thread::sleep(Duration::from_millis(200));
    }
    let accepted = world.run(&["advice", "accept", "p"]);
    assert!(accepted.status.success(), "{}", stderr(&accepted));
    assert_ne!(train(&world), TRAIN);
    assert_eq!(standing(&world)["state"], "accepted");
    assert_eq!(world.run(&["advice", "accept", "p"]).status.code(), Some(2));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert_eq!(standing(&world)["state"], "accepted", "and so it is without the daemon");
}

/// The project with `apply: auto`, as the hook and the conditions say, and its daemon; waits for the first advice.
fn automatic(world: &World, hook: &str, conditions: &str) {
    project(world, &format!(", hook: [./hook.sh], apply: auto, {conditions}"));
    set_hook(world, hook);
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    eventually("advice", || first(world)["stands"] == true);
}

fn set_hook(world: &World, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    // Replaced whole: a program that runs cannot be written to.
    let new = world.write("p/hook.new", format!("#!/bin/sh\necho asked >> asked\n{text}\n"));
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(new, world.path().join("p/hook.sh")).unwrap();
}

/// The newest advice, also while it is accepted.
fn first(world: &World) -> Value {
    world.json(&["advice", "p", "--json"])["advice"][0].clone()
}

fn held(world: &World) -> String {
    world.json(&["advice", "p", "--json"])["auto"]["held"].as_str().unwrap_or_default().to_owned()
}

/// How often the hook was asked.
fn asked(world: &World) -> usize {
    std::fs::read_to_string(world.path().join("p/asked")).unwrap_or_default().lines().count()
}

/// Asks another question, by a bound on the domain that is advised most.
fn bound(world: &World, most: f64) {
    let file = world.path().join("p/mixlaw.yaml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    let line = yaml.lines().find(|line| line.trim_start().starts_with("bounds:")).expect("bounds");
    let edited = yaml.replace(line, &format!("  bounds: {{ rust: [0.05, {most}] }}"));
    assert_ne!(edited, yaml);
    std::fs::write(file, edited).unwrap();
}

#[test]
fn a_daemon_applies_advice_by_itself_once_and_not_what_its_hook_refuses() {
    let world = World::new();
    automatic(&world, "cat > told; exit 3", "max_step: 0.9, cooldown: 1h");
    eventually("the refusal", || held(&world).contains("refused (exit status 3)"));
    let refused = first(&world);
    assert!(refused["state"] == "open" && refused["why"].as_str().unwrap().contains("refused"), "{refused}");
    assert_eq!(train(&world), TRAIN);
    let told: Value = serde_json::from_slice(&std::fs::read(world.path().join("p/told")).unwrap()).unwrap();
    assert_eq!((&told["automatic"], &told["advice"]), (&Value::from(true), &refused["id"]));
    // The daemon starts again, the hook would agree now, a client asks by hand: it was tried once.
    set_hook(&world, "exit 0");
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    eventually("advice again", || first(&world)["stands"] == true);
    let by_hand = world.run(&["advice", "accept", "p", "--auto"]);
    assert_eq!(by_hand.status.code(), Some(2));
    let said = stderr(&by_hand);
    assert!(said.contains("each advice is tried once") && said.contains("mixlaw advice accept"), "{said}");
    assert_eq!((asked(&world), train(&world)), (1, TRAIN.to_owned()));

    // Other advice is applied, once, and said.
    bound(&world, 0.6);
    eventually("other advice", || first(&world)["id"] != refused["id"] && first(&world)["state"] == "accepted");
    let accepted = first(&world);
    assert_eq!((&accepted["automatic"], asked(&world)), (&Value::from(true), 2));
    let written = train(&world);
    assert_ne!(written, TRAIN);
    let listed = stdout(&world.run(&["advice", "p"]));
    assert!(listed.contains("accepted automatically") && listed.contains("it is accepted already"), "{listed}");
    assert!(listed.contains("Last applied 2"), "{listed}");
    let shown = stdout(&world.run(&["watch", "p", "--once", "--view", "advice"]));
    assert!(shown.contains("applied by itself"), "{shown}");

    // The next waits for the cooldown.
    bound(&world, 0.4);
    eventually("a third", || first(&world)["id"] != accepted["id"] && first(&world)["stands"] == true);
    let answer = world.json(&["advice", "p", "--json"]);
    let wait = answer["auto"]["until"].as_f64().unwrap() - answer["auto"]["last"].as_f64().unwrap();
    assert!((wait - 3600.0).abs() < 1e-3, "{answer}");
    assert!(stdout(&world.run(&["advice", "p"])).contains("when the cooldown ends"));
    assert_eq!((asked(&world), train(&world)), (2, written));
}

#[test]
fn advice_beyond_the_bound_waits_for_a_person() {
    let world = World::new();
    automatic(&world, "exit 0", "max_step: { rust: 0.1, prose: 0.9 }, cooldown: 1s");
    eventually("the bound", || held(&world).contains("beyond `max_step` (10.0 %)"));
    assert!(world.run(&["advice", "accept", "p"]).status.success());
    assert_ne!(train(&world), TRAIN);
    let done = first(&world);
    assert!(done["state"] == "accepted" && done.get("automatic").is_none(), "{done}");
    assert_eq!(asked(&world), 1);
}

#[test]
fn a_daemon_killed_while_it_applies_advice_does_it_no_second_time() {
    let world = World::new();
    automatic(&world, "sleep 2", "max_step: 0.9, cooldown: 1s");
    eventually("the hook", || asked(&world) == 1);
    assert!(kill(world.owner().unwrap(), "-KILL"));
    // The next daemon begins while the hook still runs.
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    eventually("the end of it", || first(&world)["stands"] == true && held(&world).contains("was interrupted"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((asked(&world), train(&world)), (1, TRAIN.to_owned()));
    // By hand, it is done.
    set_hook(&world, "exit 0");
    assert!(world.run(&["advice", "accept", "p"]).status.success());
    assert_eq!((asked(&world), first(&world)["state"].clone()), (2, Value::from("accepted")));
}

#[test]
fn of_many_who_apply_at_once_one_does() {
    let world = World::new();
    automatic(&world, "sleep 0.3", "max_step: 0.9, cooldown: 1s");
    let clients: Vec<_> = (0..6).map(|_| world.spawn(&["advice", "accept", "p", "--auto"])).collect();
    let done =
        clients.into_iter().filter_map(|mut client| client.wait().ok().filter(|status| status.success())).count();
    eventually("it is accepted", || first(&world)["state"] == "accepted");
    assert!(done <= 1, "{done} clients and a daemon");
    assert_eq!(asked(&world), 1);
    assert!(stdout(&world.run(&["ledger", "p"])).contains("accepted"));
}
