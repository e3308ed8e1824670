//! What is said over the socket: changes that arrive, curves, what old and hostile speakers get.

use crate::common::{World, eventually, stderr};
use mixlaw::ipc::IpcError;
use mixlaw::ipc::client::{Client, Updates};
use mixlaw::ipc::frame;
use mixlaw::ipc::protocol::{Hello, PROTOCOL, Query, Request, Response};
use mixlaw::ipc::series::{Axis, SeriesAnswer, SeriesQuery};
use mixlaw::ipc::topic::{RunsTopic, Subscription};
use mixlaw::vocab::Snapshot;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn recorded(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/protocol-1").join(name)).unwrap()
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

fn socket(world: &World) -> PathBuf {
    let places = std::fs::read_dir(world.path().join("state")).unwrap();
    places.flatten().map(|place| place.path().join("socket")).next().unwrap()
}

/// A small project of two runs, watched.
fn watched() -> (World, PathBuf) {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\ndomains: [rust]\nmetrics: { rust: eval/rust/loss }\n");
    for run in ["a", "b"] {
        let lines: String = (1..=50).map(line).collect();
        world.write(&format!("p/runs/{run}/metrics.jsonl"), lines);
    }
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let socket = socket(&world);
    (world, socket)
}

fn line(step: usize) -> String {
    let spike = if step == 33 { 90.0 } else { 0.0 };
    format!(
        "{{\"step\": {step}, \"eval/rust/loss\": {}, \"train/loss\": {}, \"lr\": 0.1}}\n",
        3.0 / step as f64,
        2.0 + spike
    )
}

fn append(world: &World, text: &str) {
    let log = world.path().join("p/runs/a/metrics.jsonl");
    std::fs::OpenOptions::new().append(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
}

fn subscribed(socket: &Path, wants: Subscription) -> Updates {
    let mut updates = Client::connect(socket).unwrap().subscribe(wants).unwrap();
    updates.wait().unwrap();
    updates
}

/// Greets as this build does.
fn greeted(socket: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    frame::write(&mut stream, &Hello::own()).unwrap();
    assert!(frame::read::<Hello>(&mut stream, frame::MAX_RESPONSE).unwrap().is_some());
    stream
}

fn number(socket: &Path, name: &str) -> u32 {
    let mut found = None;
    eventually("the run is known", || {
        let copy = subscribed(socket, Subscription::everything(None)).replica;
        let read = copy.runs.values().filter(|run| run.last_step == Some(50)).count() == 2;
        found = copy.runs.values().find(|run| read && run.name.ends_with(name)).map(|run| run.id);
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn a_subscriber_gets_everything_once_and_then_what_changes() {
    let (world, socket) = watched();
    let a = number(&socket, "a");
    let columns = RunsTopic { metrics: Some(vec!["train/loss".to_owned()]), ..RunsTopic::default() };
    let wants = Subscription { runs: Some(columns), run: Some(a), ..Subscription::everything(None) };
    let mut updates = subscribed(&socket, wants);
    let own: Vec<&str> = updates.replica.runs[&a].metrics.keys().map(|key| &**key).collect();
    assert_eq!(own, ["eval/rust/loss", "lr", "step", "train/loss"], "all of the one run");
    let other = updates.replica.runs.values().find(|run| run.id != a).unwrap();
    assert_eq!(other.metrics.keys().map(|key| &**key).collect::<Vec<_>>(), ["train/loss"], "the column of the others");
    append(&world, &line(51));
    while updates.replica.runs[&a].last_step != Some(51) {
        updates.wait().unwrap();
    }
    assert_eq!(updates.replica.runs[&a].metrics.get("eval/rust/loss").unwrap().points, 51);

    eventually("the copy is what is published", || {
        let Response::Answer(answer) = Client::connect(&socket).unwrap().query(Query::Snapshot).unwrap() else {
            panic!()
        };
        let snapshot: Snapshot = serde_json::from_str(answer.get()).unwrap();
        let same = snapshot.runs.iter().find(|run| run.id == a) == updates.replica.runs.get(&a);
        // What was published last may still be on its way.
        same || updates.wait().is_err()
    });
}

#[test]
fn a_curve_keeps_the_spike_of_one_step_and_grows() {
    let (world, socket) = watched();
    let a = number(&socket, "a");
    let query = SeriesQuery {
        runs: vec![a, 999],
        metrics: vec!["train/loss".to_owned(), "nothing".to_owned()],
        x: Axis::Step,
        from: None,
        to: None,
        pixels: 10,
        smoothing: 0.5,
    };
    let mut client = Client::connect(&socket).unwrap();
    let Response::Answer(answer) = client.query(Query::Series(query.clone())).unwrap() else { panic!() };
    let answer: SeriesAnswer = serde_json::from_str(answer.get()).unwrap();
    let [curve] = answer.curves.as_slice() else { panic!("{answer:?}") };
    assert!(curve.at.len() <= 10 && curve.at.len() >= 5, "{} pixels", curve.at.len());
    assert_eq!(curve.max.iter().copied().fold(0.0, f64::max), 92.0, "the spike");
    assert_eq!((curve.min[0], curve.last[0], curve.smooth.len()), (2.0, 2.0, curve.at.len()));

    let mut updates =
        subscribed(&socket, Subscription { series: Some(query.clone()), every_ms: 20, ..Subscription::default() });
    assert_eq!(updates.replica.curves, answer.curves);
    let more: String = (51..=200).map(line).collect();
    append(&world, &more.replace("\"train/loss\": 2", "\"train/loss\": 1"));
    while updates.replica.curves[0].min.last() != Some(&1.0) {
        updates.wait().unwrap();
    }
    for x in [Axis::Time, Axis::Tokens, Axis::Compute, Axis::Plan, Axis::Elapsed] {
        let asked = client.query(Query::Series(SeriesQuery { x, ..query.clone() })).unwrap();
        assert!(matches!(asked, Response::Answer(_)), "{asked:?}");
    }
    // Over another metric of the run: the loss where the rate was what it was; the rate over itself is a diagonal.
    let mut over = |metric: &str, x: &str| -> Vec<mixlaw::ipc::series::Envelope> {
        let (metrics, x) = (vec![metric.to_owned()], Axis::Metric(x.to_owned()));
        let asked = client.query(Query::Series(SeriesQuery { x, metrics, smoothing: 0.0, ..query.clone() })).unwrap();
        let Response::Answer(answer) = asked else { panic!("{asked:?}") };
        serde_json::from_str::<SeriesAnswer>(answer.get()).unwrap().curves
    };
    let (diagonal, spike) = (over("step", "step"), over("train/loss", "step"));
    assert!(diagonal[0].points(&diagonal[0].max).iter().all(|(x, y)| *x <= *y && *y < *x + diagonal[0].width));
    assert_eq!(spike[0].max.iter().copied().fold(0.0, f64::max), 92.0, "the spike");
    assert!(over("train/loss", "nothing").is_empty());
    let refused = client.query(Query::Series(SeriesQuery { pixels: 0, ..query })).unwrap();
    assert!(matches!(&refused, Response::Failed(failure) if failure.help.is_some()), "{refused:?}");
}

#[test]
fn frames_of_protocol_1_are_refused_by_name() {
    let (world, socket) = watched();
    // An old client at this daemon: it is told the number, and hung up on whatever it says next.
    for request in
        ["request-snapshot.json", "request-snapshot-after.json", "request-acknowledge.json", "request-stop.json"]
    {
        let mut old = UnixStream::connect(&socket).unwrap();
        old.write_all(&framed(&recorded("hello.json"))).unwrap();
        let hello: Hello = frame::read(&mut old, frame::MAX_RESPONSE).unwrap().unwrap();
        assert_eq!(hello.protocol, PROTOCOL);
        let _ = old.write_all(&framed(&recorded(request)));
        let mut rest = Vec::new();
        let _ = old.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{request}");
        let named = serde_json::from_slice::<Request>(&recorded(request)).unwrap_err().to_string();
        assert!(["Snapshot", "Acknowledge", "Stop"].iter().any(|name| named.contains(name)), "{named}");
    }
    let named = serde_json::from_slice::<Response>(&recorded("response-nothing-newer.json")).unwrap_err().to_string();
    assert!(named.contains("NothingNewer"), "{named}");
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], true);
    assert!(world.run(&["daemon", "stop", "p"]).status.success());

    // This client at an old daemon: one sentence, and what to type.
    let listener = UnixListener::bind(&socket).unwrap();
    let old = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = frame::read::<Hello>(&mut stream, frame::MAX_REQUEST);
        stream.write_all(&framed(&recorded("hello.json"))).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = frame::read::<Hello>(&mut stream, frame::MAX_REQUEST);
        stream.write_all(&framed(&recorded("hello.json"))).unwrap();
    });
    let output = world.run(&["runs", "p"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("protocol 1") && said.contains("0.1.0"), "{said}");
    assert!(said.contains("help:") && said.contains("mixlaw daemon stop"), "{said}");
    assert!(matches!(Client::connect(&socket), Err(IpcError::Version { theirs: 1, .. })));
    old.join().unwrap();
}

#[test]
fn noise_floods_and_clients_that_never_read_harm_nobody_else() {
    let (world, socket) = watched();
    let a = number(&socket, "a");
    let noise: [&[u8]; 6] = [
        &[0xff; 64],
        &framed(b"{\"Subscribe\":7}"),
        &framed(b"{\"Subscribe\":{\"runs\":{\"metrics\":[[[[]]]]}}}"),
        &framed(b"[[[[[[[[[[[[[["),
        &framed(&[b'['; 100_000]),
        &[9, 0, 0, 0, b'{'],
    ];
    for bytes in noise {
        let mut stream = greeted(&socket);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{bytes:?}");
    }
    let mut refused = greeted(&socket);
    let greedy = SeriesQuery {
        runs: vec![a; 1000],
        metrics: vec!["lr".to_owned(); 1000],
        x: Axis::Step,
        from: None,
        to: None,
        pixels: 9,
        smoothing: 0.0,
    };
    let wants = Subscription { series: Some(greedy), ..Subscription::default() };
    frame::write(&mut refused, &Request::Subscribe(wants)).unwrap();
    let answer = frame::read::<Response>(&mut refused, frame::MAX_RESPONSE).unwrap().unwrap();
    assert!(matches!(&answer, Response::Failed(f) if f.message.contains("1000000 curves")), "{answer:?}");

    // As many dashboards as can be open, none of which reads, at the pace of a flood.
    let mut deaf = Vec::new();
    let full = loop {
        let mut stream = greeted(&socket);
        let wants = Subscription { every_ms: 0, ..Subscription::everything(None) };
        frame::write(&mut stream, &Request::Subscribe(wants)).unwrap();
        if deaf.len() >= 48 {
            match frame::read::<Response>(&mut stream, frame::MAX_RESPONSE).unwrap() {
                Some(Response::Failed(failure)) => break failure,
                other => assert!(deaf.len() < 60 && other.is_some(), "a dashboard too many"),
            }
        }
        deaf.push(stream);
    };
    assert!(full.message.contains("48") && full.help.is_some(), "{full:?}");
    append(&world, &line(51));
    let mut client = Client::connect(&socket).unwrap();
    eventually("the line is read while nobody listens", || {
        let Response::Answer(answer) = client.query(Query::Runs).unwrap() else { return false };
        answer.get().contains("\"last_step\":51")
    });
    drop(deaf);
    eventually("their places are free again", || {
        let updates = Client::connect(&socket).and_then(|client| client.subscribe(Subscription::everything(None)));
        updates.is_ok_and(|mut updates| updates.wait().is_ok())
    });
}
