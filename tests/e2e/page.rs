//! The page: what it shows to whom, whatever else is connected, and while the daemon comes and goes.

use crate::common::{World, eventually, kill, stdout};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A page that is served.
struct Served {
    world: World,
    child: Child,
    port: u16,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(project: &str) -> Self {
        let world = World::new();
        world.write("p/mixlaw.yaml", project);
        world.write(
            "p/runs/a/metrics.jsonl",
            "{\"step\": 1, \"train/loss\": 2.5}\n{\"step\": 2, \"train/loss\": 2.25}\n",
        );
        let mut child = world.mixlaw(&["page", "p", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://127.0.0.1:").unwrap();
        let (port, token) = address.split_once('/').unwrap();
        let (port, token) = (port.parse().unwrap(), token.trim_end_matches('/').to_owned());
        let served = Self { world, child, port, token };
        eventually("it has a snapshot", || served.get("views.json").starts_with("HTTP/1.1 200"));
        served
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn say(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn get(&self, what: &str) -> String {
        self.say(&format!("GET /{}/{what} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.token, self.port))
    }

    fn json(&self, what: &str) -> serde_json::Value {
        let said = self.get(what);
        serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|e| panic!("{e}: {said}"))
    }

    /// A line of events, read up to the first.
    fn events(&self) -> BufReader<TcpStream> {
        let mut stream = self.connect();
        write!(stream, "GET /{}/events HTTP/1.1\r\nHost: localhost\r\n\r\n", self.token).unwrap();
        let mut lines = BufReader::new(stream);
        assert!(next(&mut lines).is_some());
        lines
    }
}

/// The next event's name and data.
fn next(lines: &mut impl BufRead) -> Option<(String, String)> {
    let mut name = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(said) = line.strip_prefix("event: ") {
            name = said.trim().to_owned();
        }
        if let Some(said) = line.strip_prefix("data: ") {
            return Some((name, said.trim().to_owned()));
        }
    }
}

const PROJECT: &str = "project: lab\nruns:\n  - path: runs/*\n";

#[test]
fn views_and_data_are_shown_to_whoever_has_the_address_and_to_nobody_else() {
    let page = Served::start(PROJECT);
    let html = page.get("");
    assert!(html.starts_with("HTTP/1.1 200 OK\r\n") && html.contains("<script src=\"page.js\""), "{html}");
    for line in ["Content-Security-Policy: default-src 'none'; script-src 'self'", "nosniff", "no-referrer", "no-store"]
    {
        assert!(html.contains(line), "{line}: {html}");
    }
    assert!(!html.to_ascii_lowercase().contains("set-cookie"));
    let views = page.json("views.json");
    assert_eq!(views["project"], "lab");
    for view in views["views"].as_array().unwrap() {
        let picture =
            page.get(&format!("view.svg?view={}&width=100&height=30&theme=light", view["id"].as_str().unwrap()));
        assert!(picture.contains("image/svg+xml") && picture.trim_end().ends_with("</svg>"), "{view}: {picture}");
    }
    let snapshot = page.json("snapshot.json");
    assert_eq!(snapshot["runs"][0]["name"], "runs/a");
    let series = page.json("series.json?run=runs%2Fa&metric=train%2Floss");
    assert_eq!(series["curves"][0]["metric"], "train/loss", "{series}");
    assert!(page.json("advice.json").is_object());
    assert!(page.get("series.json?run=b&metric=x").starts_with("HTTP/1.1 404"));
    assert!(page.get("view.svg?view=nothing").starts_with("HTTP/1.1 400"));
    let Served { token, port, .. } = &page;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "404"),
        (format!("GET /{}/snapshot.json HTTP/1.1\r\nHost: localhost\r\n\r\n", "0".repeat(32)), "404"),
        (format!("GET /{token}/snapshot.json HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n"), "403"),
        (format!("POST /{token}/snapshot.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"), "405"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(20_000)), "400"),
    ] {
        let said = page.say(&request);
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{request:.60}: {said}");
        assert!(!said.contains(token.as_str()), "the token is told to nobody: {said}");
    }
    let head = page.say(&format!("HEAD /{token}/view.svg HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn fifty_browsers_are_told_whatever_else_is_connected() {
    let page = Served::start(PROJECT);
    let mut browsers: Vec<_> = (0..50).map(|_| page.events()).collect();
    // Some say nothing, some stop in the middle.
    let silent: Vec<TcpStream> = (0..30).map(|_| page.connect()).collect();
    for mut stream in silent.iter().take(15) {
        let _ = stream.write_all(b"GET /");
    }
    page.world.write("p/runs/b/metrics.jsonl", "{\"step\": 1, \"train/loss\": 2.5}\n");
    for browser in &mut browsers {
        let (name, _) = next(browser).unwrap();
        assert_eq!(name, "change");
    }
    let began = Instant::now();
    assert!(page.get("views.json").starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // More than are served at once are turned away, and those that hang up leave room.
    drop(silent);
    drop(browsers);
    eventually("there is room again", || page.get("snapshot.json").contains("\"name\":\"runs/b\""));
}

#[test]
fn a_daemon_that_is_lost_is_said_and_one_that_is_back_is_found() {
    let page = Served::start(PROJECT);
    let mut browser = page.events();
    assert!(kill(page.world.owner().unwrap(), "-KILL"));
    loop {
        let (name, said) = next(&mut browser).unwrap();
        if name == "lost" {
            assert!(!said.is_empty());
            break;
        }
    }
    assert!(page.get("advice.json").starts_with("HTTP/1.1 503"));
    assert!(page.get("snapshot.json").starts_with("HTTP/1.1 200"), "what was known last");
    assert!(page.world.run(&["daemon", "start", "p"]).status.success());
    while next(&mut browser).unwrap().0 != "change" {}
    eventually("it is asked again", || page.get("advice.json").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_port_that_is_taken_and_a_short_token_are_said() {
    let world = World::new();
    world.write("p/mixlaw.yaml", PROJECT);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = world.run(&["page", "p", "--port", &port]);
    assert!(crate::common::stderr(&said).contains("--port 0") && stdout(&said).is_empty(), "{said:?}");
    let short = world.mixlaw(&["page", "p", "--port", "0"]).env("MIXLAW_PAGE_TOKEN", "short").output().unwrap();
    assert_eq!(short.status.code(), Some(2));
    assert!(world.owner().is_none(), "no daemon was started for it");
}

/// Chromium, asked over its debugging port.
struct Chromium {
    child: Child,
    port: u16,
    log: std::path::PathBuf,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chromium {
    /// `None` where it is not installed or does not run.
    fn start(place: &std::path::Path) -> Option<Self> {
        let log = place.join("log");
        let mut child = Command::new("chromium")
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", place.join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .ok()?;
        let until = Instant::now() + Duration::from_secs(60);
        let port = loop {
            let said = std::fs::read_to_string(place.join("profile/DevToolsActivePort")).unwrap_or_default();
            if let Some(port) = said.lines().next().and_then(|line| line.parse().ok()) {
                break port;
            }
            if Instant::now() > until || child.try_wait().ok()?.is_some() {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        Some(Self { child, port, log })
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Connections to a port of this machine that are open, as the system counts them at the server's end.
fn connections(port: u16) -> usize {
    let (here, open) = (format!(":{port:04X}"), "01");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_open = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.len() > 3 && words[1].ends_with(&here) && words[3] == open
    };
    table.lines().filter(is_open).count()
}

/// In Chromium, where it is installed: tabs show the page, share one stream, and nothing is complained of.
#[test]
fn tabs_of_chromium_show_the_page_without_a_complaint_on_one_stream() {
    let place = tempfile::tempdir().unwrap();
    let Some(chromium) = Chromium::start(place.path()) else {
        println!("skipped: chromium is not installed, or does not run here");
        return;
    };
    // A name that would be markup, if it were not text.
    let page = Served::start("project: \"<img src=x onerror=alert(1)>\"\nruns:\n  - path: runs/*\n");
    for view in ["", "%23curves", "%23setup"] {
        let address = format!("/json/new?http://127.0.0.1:{}/{}/{view}", page.port, page.token);
        assert!(chromium.ask("PUT", &address).starts_with("HTTP/1.1 200"));
    }
    // A tab has its title from what the script has fetched.
    eventually("three tabs show the project", || {
        chromium.ask("GET", "/json/list").matches("onerror=alert(1)> \u{b7} mixlaw").count() == 3
            || chromium.ask("GET", "/json/list").matches("onerror=alert(1)&gt; \u{b7} mixlaw").count() == 3
    });
    eventually("they share one stream", || connections(page.port) == 1);
    page.world.write("p/runs/b/metrics.jsonl", "{\"step\": 1, \"train/loss\": 2.5}\n");
    eventually("the change is there", || page.get("snapshot.json").contains("\"name\":\"runs/b\""));
    std::thread::sleep(Duration::from_secs(2));
    let log = std::fs::read_to_string(&chromium.log).unwrap();
    assert!(!log.contains("CONSOLE"), "{log}");
}
