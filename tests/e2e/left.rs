//! What earlier versions left behind (`tests/fixtures`): it is taken, or refused by name.

use crate::common::{World, stderr};
use mixlaw::ipc::{IpcError, client::Client};
use mixlaw::store::{Journal, Opened, ReadStore, SledStore};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A copy of the store of layout 6, as long as it was.
fn store(world: &World) -> PathBuf {
    let directory = world.path().join("store");
    std::fs::create_dir_all(directory.join("points.sled")).unwrap();
    for entry in std::fs::read_dir(fixture("layout-6/points.sled")).unwrap().flatten() {
        std::fs::copy(entry.path(), directory.join("points.sled").join(entry.file_name())).unwrap();
    }
    let db = std::fs::OpenOptions::new().write(true).open(directory.join("points.sled/db")).unwrap();
    db.set_len(524_287).unwrap();
    directory
}

#[test]
fn a_store_of_layout_6_is_opened_and_has_its_points() {
    let world = World::new();
    let (store, opened) = SledStore::open(&store(&world)).unwrap();
    assert!(matches!(opened, Opened::Existing), "{opened:?}");
    assert_eq!((store.points(), store.runs().unwrap().len()), (150, 10));
    let (id, name) = &store.runs().unwrap()[0];
    let metrics: Vec<String> = store.metrics(*id).unwrap().iter().map(|(key, _)| key.to_string()).collect();
    assert!(name.starts_with("runs/n") && metrics.contains(&"eval/rust/loss".to_owned()), "{name}: {metrics:?}");
}

#[test]
fn a_store_of_a_layout_that_is_gone_is_moved_aside() {
    let world = World::new();
    let directory = store(&world);
    let database = sled::open(directory.join("points.sled")).unwrap();
    assert_eq!(database.insert(b"v", &[5]).unwrap().unwrap(), [6]);
    drop(database);
    let (store, opened) = SledStore::open(&directory).unwrap();
    let Opened::MovedAside(aside) = opened else { panic!("{opened:?}") };
    assert!(aside.join("db").exists());
    assert_eq!(store.points(), 0);
}

#[test]
fn a_journal_is_read_whole() {
    let world = World::new();
    let directory = world.path().join("store");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(fixture("layout-6/journal.jsonl"), directory.join("journal.jsonl")).unwrap();
    let (values, torn) = Journal::open(&directory).unwrap().read().unwrap();
    assert_eq!((values.len(), torn), (4, 0));
}

#[test]
fn forecasts_of_an_old_journal_still_wait() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    assert_eq!(world.json(&["ledger", "p", "--json"])["waiting"], 0);
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    std::fs::copy(fixture("layout-6/journal.jsonl"), state.join("store/journal.jsonl")).unwrap();
    let answer = world.json(&["ledger", "p", "--json"]);
    assert_eq!(answer["waiting"], 4, "{answer}");
    assert_eq!(answer["open"][0]["law"], "additive", "{answer}");
}

#[test]
fn a_client_of_protocol_1_is_greeted_and_answered_or_hung_up_on() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    let started = world.run(&["daemon", "start", "p"]);
    assert!(started.status.success(), "{}", stderr(&started));
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    let mut stream = UnixStream::connect(state.join("socket")).unwrap();
    stream.write_all(&std::fs::read(fixture("protocol-1/client")).unwrap()).unwrap();
    let frame = |stream: &mut UnixStream| -> Option<serde_json::Value> {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut body).unwrap();
        Some(serde_json::from_slice(&body).unwrap())
    };
    let hello = frame(&mut stream).unwrap();
    let answer = frame(&mut stream);
    if hello["protocol"] == 1 {
        assert!(answer.unwrap()["Answer"]["runs"].is_array());
    } else {
        // What it was told is enough for it to say which versions do not go together.
        assert!(hello["protocol"].is_u64() && hello["build"].is_string() && hello["pid"].is_u64(), "{hello}");
        assert_eq!(answer, None);
    }
}

#[test]
fn a_daemon_of_protocol_1_is_taken_or_refused_with_its_version() {
    let world = World::new();
    let socket = world.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&std::fs::read(fixture("protocol-1/daemon")).unwrap()).unwrap();
        let _ = stream.read(&mut [0; 256]);
    });
    match Client::connect(&socket) {
        Ok(client) => assert_eq!(client.daemon.protocol, 1),
        Err(IpcError::Version { build, theirs }) => assert_eq!((build.as_str(), theirs), ("0.1.0", 1)),
        Err(error) => panic!("{error}"),
    }
    daemon.join().unwrap();
}
