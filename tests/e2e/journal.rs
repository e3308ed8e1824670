//! A journal that is damaged, cut or deleted: what is lost is said, and no number is another one.

use crate::common::World;
use std::path::PathBuf;

/// A project with a journal of four lines, as a version of today writes it.
fn world() -> (World, PathBuf) {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    assert_eq!(world.json(&["ledger", "p", "--json"])["waiting"], 0);
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    let journal = state.join("store/journal.jsonl");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/layout-6/journal.jsonl"), &journal).unwrap();
    assert_eq!(world.json(&["ledger", "p", "--json"])["waiting"], 4);
    (world, journal)
}

/// What the setup notes say of the journal.
fn said(world: &World) -> Vec<String> {
    let answer = world.json(&["watch", "p", "--once", "--json"]);
    let notices = answer["notices"].as_array().unwrap();
    notices.iter().filter_map(|n| n["text"].as_str().filter(|t| t.contains("journal")).map(str::to_owned)).collect()
}

#[test]
fn lines_get_a_checksum_and_a_damaged_one_is_put_aside_and_said() {
    let (world, journal) = world();
    assert_eq!(said(&world), [""; 0]);
    let whole = std::fs::read_to_string(&journal).unwrap();
    assert!(whole.lines().count() == 4 && whole.lines().all(|line| line.starts_with("{\"sum\":\"")), "{whole}");
    // A digit of a number: without a checksum it is another number.
    let place = whole.find("\"value\":1.").unwrap() + "\"value\":1.".len();
    let mut bytes = whole.clone().into_bytes();
    bytes[place] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    for _ in 0..2 {
        let notes = said(&world);
        assert!(notes.len() == 1 && notes[0].contains("lost 1 entry") && notes[0].contains("before 20"), "{notes:?}");
        assert_eq!(world.json(&["ledger", "p", "--json"])["waiting"], 3);
    }
    assert_eq!(std::fs::read_to_string(journal.with_file_name("journal.damaged")).unwrap().lines().count(), 1);
    std::fs::write(&journal, &whole).unwrap();
    assert_eq!((said(&world), world.json(&["ledger", "p", "--json"])["waiting"].clone()), (vec![], 4.into()));
}

#[test]
fn a_journal_that_was_deleted_or_cut_is_missed() {
    let (world, journal) = world();
    let whole = std::fs::read_to_string(&journal).unwrap();
    std::fs::remove_file(&journal).unwrap();
    let notes = said(&world);
    assert!(notes.len() == 1 && notes[0].contains("was deleted: it had 4 entries"), "{notes:?}");
    let two: String = whole.split_inclusive('\n').take(2).collect();
    std::fs::write(&journal, two).unwrap();
    let notes = said(&world);
    assert!(notes.len() == 1 && notes[0].contains("lost 2 entries, written since 20"), "{notes:?}");
}

#[test]
fn tags_and_notes_are_kept_in_the_journal() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    let tag = |args: &[&str]| world.json(&[&["tag", "a", "p", "--json"], args].concat());
    assert_eq!(tag(&["--add", "base,v2", "--note", "first"])["tags"], serde_json::json!(["base", "v2"]));
    let said = tag(&["--remove", "v2"]);
    assert_eq!((&said["tags"], &said["note"]), (&serde_json::json!(["base"]), &"first".into()));
    let run = || world.json(&["runs", "p", "--json"])["runs"][0].clone();
    assert_eq!((&run()["tags"], &run()["note"]), (&serde_json::json!(["base"]), &"first".into()));
    // With a daemon that reads them at its start, and while it runs.
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    assert_eq!(run()["tags"], serde_json::json!(["base"]));
    tag(&["--note", ""]);
    crate::common::eventually("the note is gone", || run()["note"].is_null());
    assert_eq!(world.run(&["tag", "a", "p", "--add", "two words"]).status.code(), Some(2));
    assert_eq!(world.run(&["tag", "no such run", "p"]).status.code(), Some(2));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert_eq!(run()["tags"], serde_json::json!(["base"]));
}
