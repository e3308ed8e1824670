//! The dashboard in a real terminal.

use crate::common::{World, eventually, kill};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The dashboard on a copy of the example, in a terminal of this size.
struct Terminal {
    world: World,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    fn open(columns: u16, rows: u16, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mixlaw"));
        command.args(args);
        Self::around(columns, rows, command)
    }

    fn around(columns: u16, rows: u16, mut command: CommandBuilder) -> Self {
        let world = World::new();
        world.quick_example("p");
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        command.cwd(world.path());
        command.env("MIXLAW_STATE", world.path().join("state"));
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (to_screen, to_raw) = (Arc::clone(&screen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                to_screen.lock().unwrap().process(&buffer[..n]);
                to_raw.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { world, screen, raw, writer, child, _master: pair.master }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn type_keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn shows(&self, what: &str) {
        eventually(&format!("the screen shows '{what}'"), || self.text().contains(what));
    }

    /// Waits for the end and checks that the terminal is as it was.
    fn ends(mut self) {
        eventually("it ends", || self.child.try_wait().unwrap().is_some());
        // What it wrote last may still be on its way through the terminal.
        let after = |what: &str, before: &str| {
            let raw = String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned();
            raw.rfind(what).is_some_and(|at| raw.rfind(before).is_some_and(|earlier| earlier < at))
        };
        eventually("the alternate screen is left", || after("\u{1b}[?1049l", "\u{1b}[?1049h"));
        eventually("the cursor is shown again", || after("\u{1b}[?25h", "\u{1b}[?25l"));
    }
}

#[test]
fn the_dashboard_shows_the_sweep_and_detaching_leaves_the_daemon() {
    let mut terminal = Terminal::open(140, 42, &["watch", "p"]);
    terminal.shows("code-cpt");
    terminal.shows("n25k-r050");
    terminal.type_keys("?");
    eventually("help covers the runs", || !terminal.text().contains("n25k-r050"));
    terminal.type_keys("\u{1b}");
    // Escape and a key that follow at once are Alt and that key.
    terminal.shows("n25k-r050");
    terminal.type_keys("q");
    let pid = terminal.world.owner().unwrap();
    eventually("it ends", || terminal.child.try_wait().unwrap().is_some());
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "the daemon goes on");
    terminal.ends();
}

#[test]
fn all_in_one_process_leaves_nothing_behind() {
    let mut terminal = Terminal::open(100, 30, &["watch", "p", "--embedded"]);
    terminal.shows("code-cpt");
    terminal.type_keys("q");
    let pid = terminal.world.owner().unwrap();
    eventually("it ends", || terminal.child.try_wait().unwrap().is_some());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    terminal.ends();
}

#[test]
fn a_tiny_terminal_says_so_and_can_be_left() {
    let mut terminal = Terminal::open(20, 5, &["watch", "p", "--embedded"]);
    eventually("something is on screen", || !terminal.text().trim().is_empty());
    terminal.type_keys("q");
    terminal.ends();
}

/// Not a test by itself: what the next one runs in a terminal.
#[test]
#[ignore = "takes the terminal and panics"]
fn panicking_dashboard() {
    let _session = mixlaw::tui::terminal::Session::start(false).unwrap();
    panic!("on purpose");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["terminal::panicking_dashboard", "--exact", "--ignored", "--nocapture"]);
    let mut terminal = Terminal::around(80, 24, command);
    eventually("it ends", || terminal.child.try_wait().unwrap().is_some());
    eventually("the panic is told", || String::from_utf8_lossy(&terminal.raw.lock().unwrap()).contains("on purpose"));
    let raw = String::from_utf8_lossy(&terminal.raw.lock().unwrap()).into_owned();
    assert!(raw.find("on purpose") > raw.find("\u{1b}[?1049l"), "the message went to the alternate screen:\n{raw}");
    terminal.ends();
}

/// The dashboard in a terminal that takes no output from now on: nobody reads what it writes.
struct Deaf {
    world: World,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Option<Box<dyn portable_pty::MasterPty + Send>>,
}

impl Deaf {
    /// Waits until something was drawn, and reads no more.
    fn open(args: &[&str]) -> Self {
        let world = World::new();
        let project = world.example("p");
        let yaml = std::fs::read_to_string(project.join("mixlaw.yaml")).unwrap();
        world.write("p/mixlaw.yaml", yaml.replace("laws: auto", "laws: [additive]\nfit: { starts: 1, bootstraps: 0 }"));
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mixlaw"));
        command.args(args);
        command.cwd(world.path());
        command.env("MIXLAW_STATE", world.path().join("state"));
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains("code-cpt") {
            let n = reader.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..n]);
        }
        Self { world, child, master: Some(pair.master) }
    }

    fn pid(&self) -> i32 {
        self.child.process_id().unwrap().try_into().unwrap()
    }

    /// Has the screen change all the time, for so long.
    fn train(&self, time: Duration) {
        let log = self.world.path().join("p/runs/n25k-r050/metrics.jsonl");
        let until = Instant::now() + time;
        for step in 0.. {
            let mut log = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
            writeln!(log, "{{\"step\": {}, \"train/loss\": {}}}", 100_000 + step, 2.0 + f64::from(step % 17)).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            if Instant::now() > until {
                return;
            }
        }
    }

    /// Resident memory, MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// Waits for the end; its status, and the seconds it took.
    fn ends(&mut self) -> (u32, f64) {
        let began = Instant::now();
        let mut status = None;
        eventually("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().exit_code(), began.elapsed().as_secs_f64())
    }
}

#[test]
fn a_terminal_that_takes_no_output_costs_no_memory_and_keeps_nobody_from_ending_it() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let mut deaf = Deaf::open(&["watch", "p"]);
        deaf.train(Duration::from_secs(3));
        let before = deaf.memory();
        deaf.train(Duration::from_secs(3));
        let after = deaf.memory();
        assert!(kill(deaf.pid(), signal));
        let (status, seconds) = deaf.ends();
        println!(
            "{signal}: {before:.1} MiB, {after:.1} MiB three seconds later; ended with {status} after {seconds:.2} s"
        );
        assert!(after < before + 8.0, "it grew from {before} to {after} MiB");
        // A second is promised; this machine may be busy with other tests.
        assert!(seconds < 5.0, "{seconds} s");
        assert_eq!(status, 0);
    }
}

#[test]
fn all_in_one_process_ends_and_leaves_no_socket_whatever_becomes_of_the_terminal() {
    for closed in [true, false] {
        let mut deaf = Deaf::open(&["watch", "p", "--embedded"]);
        let state = std::fs::read_dir(deaf.world.path().join("state")).unwrap().flatten().next().unwrap().path();
        assert!(state.join("socket").exists());
        deaf.train(Duration::from_secs(1));
        if closed {
            deaf.master = None;
        } else {
            assert!(kill(deaf.pid(), "-TERM"));
        }
        let (status, seconds) = deaf.ends();
        println!("closed: {closed}; ended with {status} after {seconds:.2} s");
        assert_eq!(status, 0);
        assert!(!state.join("socket").exists());
    }
}

#[test]
fn a_terminal_that_is_closed_is_no_panic() {
    let mut deaf = Deaf::open(&["watch", "p"]);
    deaf.master = None;
    let (status, _) = deaf.ends();
    assert_eq!(status, 0);
}
