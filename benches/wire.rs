//! What a dashboard costs: 1,000 runs of 100 metrics, of which ten grow by ten lines a second each.
//!
//! `cargo bench --bench wire` prints, for changes and for whole snapshots (what was sent before there were changes): bytes
//! per second to one dashboard, processor time of the daemon and of the dashboard, and the time from a line's append to
//! its being drawn. Then the same while the growing runs log validation losses, so that laws are refitted.
//! `cargo bench --bench wire -- RUNS SECONDS` makes it smaller or longer.

use mixlaw::ipc::client::Client;
use mixlaw::ipc::protocol::{Query, Response};
use mixlaw::ipc::topic::Subscription;
use mixlaw::vocab::Snapshot;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const METRICS: usize = 100;
const LIVE: usize = 10;
const LINES_PER_SECOND: usize = 10;
/// Lines of a run that is finished.
const OLD_LINES: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, socket] = arguments.as_slice()
        && role.starts_with("--as-")
    {
        return dashboard(role, Path::new(socket));
    }
    let number = |at: usize, otherwise: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let (runs, seconds) = (number(0, 1000), number(1, 20));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let bench = Bench::new(scratch.path(), runs);
    println!(
        "{runs} runs of {METRICS} metrics, {LIVE} of them growing by {LINES_PER_SECOND} lines a second each, {seconds} s; {}",
        cpu()
    );
    println!(
        "{:<36} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}",
        "", "bytes/s", "daemon %", "client %", "p50 ms", "p99 ms", "max ms", "lines"
    );
    let mut step = OLD_LINES;
    for losses in [false, true] {
        let roles = [
            ("--as-columns", "changes, as the dashboard asks"),
            ("--as-changes", "changes, all metrics"),
            ("--as-snapshots", "whole snapshots"),
        ];
        for (role, name) in roles {
            let what = format!("{name}{}", if losses { ", refits" } else { "" });
            bench.measure(&what, role, losses, seconds, &mut step);
        }
    }
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} cores,{}", cores, model.trim_start_matches([' ', '\t']).trim_start_matches(':'))
}

struct Bench {
    live: Vec<PathBuf>,
    socket: PathBuf,
    daemon: Child,
}

impl Bench {
    fn new(scratch: &Path, runs: usize) -> Self {
        let (project, state) = (scratch.join("p"), scratch.join("state"));
        std::fs::create_dir_all(&project).expect("a project");
        std::fs::write(
            project.join("mixlaw.yaml"),
            "runs:\n  - path: runs/*\ndomains: [prose, rust]\nmetrics: { prose: eval/prose/loss, rust: eval/rust/loss }\n\
             target: { params: 2M, tokens: 1.6M }\n",
        )
        .expect("a project");
        let mut live = Vec::new();
        for run in 0..runs {
            let directory = project.join(format!("runs/run-{run:04}"));
            std::fs::create_dir_all(&directory).expect("a run");
            let share = 0.1 + 0.8 * (run % 9) as f64 / 8.0;
            let params = 25_000 * (1 + run % 5);
            let config = format!(
                "{{\"params_non_embedding\": {params}, \"batch_tokens\": 4096, \"max_steps\": 100000, \
                 \"mixture\": {{\"prose\": {}, \"rust\": {share}}}}}",
                1.0 - share
            );
            std::fs::write(directory.join("config.json"), config).expect("its facts");
            let lines: String = (1..=OLD_LINES).map(|step| line(step, run, true)).collect();
            let log = directory.join("metrics.jsonl");
            std::fs::write(&log, lines).expect("its log");
            if run < LIVE {
                live.push(log);
            }
        }
        let daemon = Command::new(env!("CARGO_BIN_EXE_mixlaw"))
            .args(["daemon", "run"])
            .arg(&project)
            .env("MIXLAW_STATE", &state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("a daemon");
        let socket = loop {
            let place = std::fs::read_dir(&state).ok().and_then(|mut all| all.next()?.ok());
            match place.map(|place| place.path().join("socket")) {
                Some(socket) if socket.exists() => break socket,
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let bench = Self { live, socket, daemon };
        let all = (runs * METRICS * OLD_LINES) as u64;
        let settled = |copy: &mixlaw::ipc::replica::Replica| {
            copy.work.points >= all && copy.work.refit_at.is_some() && !copy.work.refitting
        };
        let overview = Subscription { overview: true, every_ms: 200, ..Subscription::default() };
        let mut updates =
            Client::connect(&bench.socket).expect("an answer").subscribe(overview).expect("a subscription");
        while !settled(updates.wait().expect("a change")) {}
        // The search that follows the first refit is not what is measured.
        let mut quiet = Instant::now();
        let mut before = processor_seconds(bench.daemon.id());
        while quiet.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(500));
            let now = processor_seconds(bench.daemon.id());
            if now - before > 0.05 {
                quiet = Instant::now();
            }
            before = now;
        }
        bench
    }

    /// Grows the runs and looks at what it costs.
    fn measure(&self, what: &str, role: &str, losses: bool, seconds: usize, step: &mut usize) {
        let mut client = Command::new(std::env::current_exe().expect("this program"))
            .args([role, &self.socket.display().to_string()])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a dashboard");
        let mut said = BufReader::new(client.stdout.take().expect("its words")).lines();
        assert_eq!(said.next().expect("a word").expect("a word"), "ready");
        let own = |id: u32| (processor_seconds(self.daemon.id()), processor_seconds(id));
        let (daemon, dashboard) = own(client.id());
        let mut logs: Vec<std::fs::File> =
            self.live.iter().map(|log| std::fs::OpenOptions::new().append(true).open(log).expect("a log")).collect();
        let mut written = HashMap::new();
        let began = Instant::now();
        let lines = seconds * LINES_PER_SECOND;
        for n in 0..lines {
            *step += 1;
            for (run, log) in logs.iter_mut().enumerate() {
                // Evenly over time: runs do not log all at once.
                let due = (n * LIVE + run) as f64 / (LIVE * LINES_PER_SECOND) as f64;
                let wait = due - began.elapsed().as_secs_f64();
                std::thread::sleep(Duration::from_secs_f64(wait.max(0.0)));
                let text = line(*step, run, losses);
                written.insert((run, *step), now());
                log.write_all(text.as_bytes()).expect("a line");
            }
        }
        let took = began.elapsed().as_secs_f64();
        let after = own(client.id());
        std::thread::sleep(Duration::from_millis(1500));
        drop(client.stdin.take());
        let mut bytes = 0.0;
        let mut seen: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
        for word in said.map_while(Result::ok) {
            let parts: Vec<f64> = word.split(' ').filter_map(|part| part.parse().ok()).collect();
            match parts.as_slice() {
                [run, step, at] => seen.entry(*run as usize).or_default().push((*step as usize, *at)),
                [total] => bytes = *total,
                _ => {}
            }
        }
        let _ = client.wait();
        let mut late: Vec<f64> = written
            .iter()
            .filter_map(|((run, step), at)| {
                let drawn = seen.get(run)?.iter().find(|(newest, _)| newest >= step)?;
                Some(1e3 * (drawn.1 - at))
            })
            .collect();
        late.sort_by(f64::total_cmp);
        let at =
            |part: f64| late.get(((late.len().max(1) - 1) as f64 * part).round() as usize).copied().unwrap_or(f64::NAN);
        println!(
            "{what:<36} {:>12.0} {:>9.1} {:>9.1} {:>8.1} {:>8.1} {:>8.1} {:>7}",
            bytes / took,
            100.0 * (after.0 - daemon) / took,
            100.0 * (after.1 - dashboard) / took,
            at(0.5),
            at(0.99),
            at(1.0),
            late.len()
        );
        assert_eq!(late.len(), written.len(), "every line is drawn");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A line of a log, with or without the validation losses among its metrics.
fn line(step: usize, run: usize, losses: bool) -> String {
    let mut text = format!("{{\"step\": {step}, \"tokens\": {}", step * 4096);
    let value = |i: usize| 2.0 + 1.0 / (step as f64).sqrt() + 0.001 * ((step * 31 + i * 7 + run * 13) % 97) as f64;
    let names = ["eval/prose/loss", "eval/rust/loss", "train/loss", "lr", "grad_norm"];
    for i in (if losses { 0 } else { 2 })..METRICS {
        let _ = match names.get(i) {
            Some(name) => write!(text, ", \"{name}\": {:.4}", value(i)),
            None => write!(text, ", \"layer/{i}/norm\": {:.4}", value(i)),
        };
    }
    text.push_str("}\n");
    text
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Processor time that a process has used.
fn processor_seconds(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = after_name.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Fields 14 and 15; the state, field 3, is no number.
    ticks.get(10).zip(ticks.get(11)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}

/// A dashboard without a terminal: it draws every change as text, and says on standard output when it has drawn which step
/// of which run, and at the end how many bytes it was sent after the first state.
fn dashboard(role: &str, socket: &Path) {
    let whole = role == "--as-snapshots";
    let connect = || Client::connect(socket).expect("an answer");
    let wants = if whole {
        Subscription { overview: true, every_ms: Subscription::DASHBOARD_MS, ..Subscription::default() }
    } else if role == "--as-changes" {
        Subscription::everything(None)
    } else {
        // The dashboard asks for the selected run on a line of its own; the bytes are the same.
        Subscription { run: Some(1), ..Subscription::dashboard(Vec::new()) }
    };
    let mut asking = whole.then(connect);
    let mut updates = connect().subscribe(wants).expect("a subscription");
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = Arc::clone(&over);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        told.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let mut out = std::io::stdout();
    let (mut first, mut steps) = (None, HashMap::new());
    while !over.load(std::sync::atomic::Ordering::SeqCst) {
        let Ok(copy) = updates.wait() else { break };
        let snapshot = match &mut asking {
            None => Arc::new(copy.snapshot(now())),
            Some(client) => match client.query(Query::Snapshot).expect("an answer") {
                Response::Answer(answer) => {
                    Arc::new(serde_json::from_str::<Snapshot>(answer.get()).expect("a snapshot"))
                }
                _ => continue,
            },
        };
        std::hint::black_box(mixlaw::report::text::frame(
            Arc::clone(&snapshot),
            140,
            None,
            &mut |_: &mixlaw::ipc::series::SeriesQuery| None,
        ));
        let drawn = now();
        let received = updates.received() + asking.as_ref().map_or(0, |client| client.received);
        if first.is_none() {
            first = Some(received);
            let _ = writeln!(out, "ready");
        }
        for run in &snapshot.runs {
            let Some(run_number) = run.name.rsplit('-').next().and_then(|n| n.parse::<usize>().ok()) else { continue };
            if run_number < LIVE && steps.insert(run_number, run.last_step) != Some(run.last_step) {
                let _ = writeln!(out, "{run_number} {} {drawn}", run.last_step.unwrap_or(0));
            }
        }
        if over.load(std::sync::atomic::Ordering::SeqCst) {
            break;
        }
    }
    let received = updates.received() + asking.as_ref().map_or(0, |client| client.received);
    let _ = writeln!(out, "{}", received - first.unwrap_or(0));
}
