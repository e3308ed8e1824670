//! People are told of alerts, whatever the receiver does, once, and only where the project says so.

use crate::common::{World, eventually, kill, stderr, stdout};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a receiver does with a request that it has read.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Take,
    /// Answers with this, whatever it is.
    Say(&'static str),
    /// Says nothing and stays.
    Stall,
    Hang,
}

/// A request: its key and its body.
type Request = (String, Value);

/// A receiver of webhooks, which does one thing after another and then takes all.
struct Receiver {
    address: String,
    got: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn new(does: &[Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook/s3cr3t", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Request>>> = Arc::default();
        let into = Arc::clone(&got);
        let mut left: Vec<Does> = does.iter().rev().copied().collect();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                let how = left.pop().unwrap_or(Does::Take);
                held.extend(serve(stream, how, &into));
            }
        });
        Self { address, got }
    }

    fn got(&self) -> Vec<Request> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, how: Does, into: &Mutex<Vec<Request>>) -> Option<TcpStream> {
    let mut bytes = Vec::new();
    let body = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(read > 0 || text.is_empty(), "a request was cut short: {text}");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("POST /hook/s3cr3t HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
        let header = |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap();
        if body.len() >= header("Content-Length:").parse().unwrap() {
            break (header("Idempotency-Key:"), serde_json::from_str(body).unwrap());
        }
    };
    into.lock().unwrap().push(body);
    match how {
        Does::Take => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap(),
        Does::Say(words) => stream.write_all(words.as_bytes()).unwrap(),
        Does::Stall => return Some(stream),
        Does::Hang => {}
    }
    None
}

const RUNS: &str = "runs:\n  - path: runs/*\n";

fn project(notify: &str) -> World {
    let world = World::new();
    world.write("p/mixlaw.yaml", format!("{RUNS}{notify}"));
    log(&world, "a", 1..60, "2.5");
    world
}

/// A run that goes on, with this loss.
fn log(world: &World, run: &str, steps: std::ops::Range<u32>, loss: &str) {
    let path = world.path().join(format!("p/runs/{run}/metrics.jsonl"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    let lines: String = steps.map(|step| format!("{{\"step\": {step}, \"train/loss\": {loss}}}\n")).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

fn start(world: &World, address: &str) {
    let started = world.mixlaw(&["daemon", "start", "p"]).env("HOOK", address).output().unwrap();
    assert!(started.status.success(), "{}", stderr(&started));
    // What is there is read before there is news.
    eventually("the log is read", || {
        world.json(&["daemon", "status", "p", "--json"])["daemon"]["points"].as_u64() > Some(0)
    });
    std::thread::sleep(Duration::from_millis(1500));
}

/// Whether an address is anywhere in the state directory.
fn holds(directory: &Path, secret: &str) -> bool {
    std::fs::read_dir(directory).unwrap().flatten().any(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => holds(&entry.path(), secret),
        kind if kind.is_file() => {
            std::fs::read(entry.path()).unwrap().windows(secret.len()).any(|window| window == secret.as_bytes())
        }
        _ => false,
    })
}

#[test]
fn an_alert_is_told_once_whatever_the_receiver_does_and_whenever_the_daemon_is_killed() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n";
    let receiver = Receiver::new(&[Does::Say(busy), Does::Stall, Does::Take]);
    let world = project("notify:\n  webhooks:\n    - url_env: HOOK\n  pause: 0\n");
    start(&world, &receiver.address);
    log(&world, "a", 60..64, "NaN");
    eventually("it is sent", || !receiver.got().is_empty());
    eventually("and again", || receiver.got().len() == 2);
    // It was received, and nobody knows: killed before any answer.
    let pid = world.owner().unwrap();
    assert!(kill(pid, "-KILL"));
    log(&world, "b", 1..60, "2.5");
    start(&world, &receiver.address);
    eventually("and once more", || receiver.got().len() == 3);
    log(&world, "b", 60..64, "NaN");
    eventually("the other alert is told", || receiver.got().len() == 4);
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    start(&world, &receiver.address);
    std::thread::sleep(Duration::from_secs(4));
    let got = receiver.got();
    assert_eq!(got.len(), 4, "nothing is told again: {got:?}");
    assert!(got[0] == got[1] && got[1] == got[2] && got[2].0 != got[3].0, "{got:?}");
    let told = |request: &Request| (request.1["messages"][0]["run"].clone(), request.1["messages"][0]["what"].clone());
    assert_eq!(told(&got[2]), ("runs/a".into(), "NaN".into()), "{got:?}");
    assert_eq!(told(&got[3]), ("runs/b".into(), "NaN".into()), "{got:?}");
    assert!(!holds(&world.path().join("state"), "s3cr3t"), "the address is a secret");
}

#[test]
fn a_test_says_what_became_of_it() {
    let cases = [
        (Does::Take, None),
        (Does::Say("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/s3cr3t\r\n\r\n"), Some("a redirect")),
        (Does::Say("HTTP/1.1 404 No\r\n\r\n"), Some("status 404")),
        (Does::Say("SSH-2.0-x\r\n\r\n"), Some("not HTTP")),
        (Does::Hang, Some("closed without an answer")),
        (Does::Stall, Some("no answer within 10 s")),
    ];
    let receiver = Receiver::new(&cases.map(|(does, _)| does));
    let world = project("notify:\n  webhooks:\n    - { url_env: HOOK, format: slack }\n");
    for (_, expected) in cases {
        let began = Instant::now();
        let output = world.mixlaw(&["alerts", "test", "p"]).env("HOOK", &receiver.address).output().unwrap();
        let said = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.success(), expected.is_none(), "{said}");
        assert!(said.contains(expected.unwrap_or("webhook HOOK: delivered")), "{said}");
        assert!(!said.contains("s3cr3t") && began.elapsed() < Duration::from_secs(20), "{said}");
    }
    assert!(receiver.got()[0].1["text"].as_str().unwrap().contains("This is a test"), "{:?}", receiver.got());
    // Nobody listens there.
    let output =
        world.mixlaw(&["alerts", "test", "p", "--json"]).env("HOOK", "http://127.0.0.1:1/s3cr3t").output().unwrap();
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(answer["channels"][0]["error"].as_str().unwrap().contains("cannot send"), "{answer}");
    let unset = world.run(&["alerts", "test", "p"]);
    assert!(stdout(&unset).contains("HOOK is not set"), "{}", stdout(&unset));
    world.write("p/mixlaw.yaml", RUNS);
    let nobody = stderr(&world.run(&["alerts", "test", "p"]));
    assert!(nobody.contains("tells nobody") && nobody.contains("desktop: true"), "{nobody}");
}

/// A program in a directory that is the only one on the path.
fn program(world: &World, name: &str, script: &str) {
    let path = world.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn programs_get_messages_as_data_and_secrets_are_on_no_command_line() {
    let world = project(
        "notify:\n  webhooks:\n    - url_file: hook.url\n  command: [../bin/page, '$(touch x)', '; touch x']\n  desktop: true\n",
    );
    let url = world.write("p/hook.url", "https://hooks.example.org/s3cr3t\n");
    std::fs::set_permissions(&url, std::fs::Permissions::from_mode(0o600)).unwrap();
    let out = world.path().display().to_string();
    program(
        &world,
        "curl",
        &format!("echo \"$@\" > {out}/curl.args; cat > {out}/curl.in; printf 'HTTP/1.1 200 OK\\r\\n\\r\\n'"),
    );
    program(&world, "page", &format!("pwd > {out}/page.pwd; echo \"$1|$2\" > {out}/page.args; cat > {out}/page.in"));
    program(&world, "notify-send", &format!("for a in \"$@\"; do echo \"$a\"; done > {out}/desktop"));
    let path = format!("{out}/bin:/usr/bin:/bin");
    let output = world.mixlaw(&["alerts", "test", "p"]).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let read = |name: &str| std::fs::read_to_string(world.path().join(name)).unwrap();
    assert_eq!(read("curl.args").trim(), "--disable --config -");
    let config = read("curl.in");
    assert!(config.contains("url = \"https://hooks.example.org/s3cr3t\"\n") && config.contains("proto = \"=https\""));
    assert_eq!(read("page.args").trim(), "$(touch x)|; touch x", "no shell");
    assert_eq!(Path::new(read("page.pwd").trim()).file_name().unwrap(), "p");
    let message: Value = serde_json::from_str(&read("page.in")).unwrap();
    assert_eq!(message["messages"][0]["about"], "test");
    assert!(read("desktop").contains("--urgency=low\n--\np: test\n"), "{}", read("desktop"));
    assert!(!world.path().join("p/x").exists());
    // Whoever could write the project file could have programs run.
    let file = world.path().join("p/mixlaw.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let refused = stderr(&world.run(&["alerts", "test", "p"]));
    assert!(refused.contains("everybody can write") && refused.contains("chmod o-w"), "{refused}");
}

#[test]
fn without_the_key_nobody_is_told_and_nothing_is_kept_for_them() {
    let receiver = Receiver::new(&[]);
    let world = project("");
    start(&world, &receiver.address);
    log(&world, "a", 60..64, "NaN");
    eventually("there is an alert", || !world.json(&["alerts", "p", "--json"])["runs"].as_array().unwrap().is_empty());
    std::thread::sleep(Duration::from_secs(1));
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    assert!(receiver.got().is_empty() && !state.join("outbox").exists());
    // From now on they are; what was before is history.
    world.write("p/mixlaw.yaml", format!("{RUNS}notify:\n  webhooks:\n    - url_env: HOOK\n  pause: 0\n"));
    eventually("the project is read again", || state.join("outbox").exists());
    log(&world, "b", 1..60, "2.5");
    std::thread::sleep(Duration::from_millis(2500));
    log(&world, "b", 60..64, "NaN");
    eventually("it is told", || !receiver.got().is_empty());
    let got = receiver.got();
    assert!(got.len() == 1 && got[0].1["messages"].as_array().unwrap().len() == 1, "{got:?}");
    assert_eq!(got[0].1["messages"][0]["run"], "runs/b");
}
