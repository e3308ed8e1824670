//! What a dashboard costs: 1,000 runs of 100 metrics that log 100 lines a second together, 10,000 points: ten of them ten lines
//! a second each, and then all of them a line every ten seconds each.
//!
//! `cargo bench --bench wire` prints, for changes and for whole snapshots (what was sent before there were changes): bytes
//! per second to one dashboard, processor time of the daemon and of the dashboard, and the time from a line's append to
//! its being drawn. Then the same while the growing runs log validation losses, so that laws are refitted. With all runs live,
//! the aims are less than 30 % of a core for the daemon and 250 ms for 99 of 100 lines while nothing is refitted.
//! `cargo bench --bench wire -- RUNS SECONDS [ten|all]` makes it smaller or longer, or measures one of the two.

#[path = "common/process.rs"]
mod process;

use mixlaw::ipc::client::Client;
use mixlaw::ipc::protocol::{Query, Response};
use mixlaw::ipc::topic::Subscription;
use mixlaw::vocab::Snapshot;
use process::{Daemon, machine, processor_seconds, quantile};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const METRICS: usize = 100;
/// Runs that are live where not all are.
const LIVE: usize = 10;
/// Lines of all runs together.
const LINES_PER_SECOND: usize = 100;
/// Lines of a run that is finished.
const OLD_LINES: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, socket, live] = arguments.as_slice()
        && role.starts_with("--as-")
    {
        return dashboard(role, Path::new(socket), live.parse().expect("a number"));
    }
    let number = |at: usize, otherwise: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let (runs, seconds) = (number(0, 1000), number(1, 20));
    let only = arguments.get(2).map_or("", String::as_str);
    println!(
        "{runs} runs of {METRICS} metrics, {LINES_PER_SECOND} lines a second together, {seconds} s; {}",
        machine()
    );
    for (live, name) in [(LIVE.min(runs), "ten"), (runs, "all")] {
        if !only.is_empty() && only != name {
            continue;
        }
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let bench = Bench::new(scratch.path(), runs, live);
        println!(
            "{:<36} {:>12} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7}",
            format!("{live} live"),
            "bytes/s",
            "daemon %",
            "client %",
            "p50 ms",
            "p99 ms",
            "max ms",
            "lines"
        );
        let mut written = 0;
        for losses in [false, true] {
            let roles = [
                ("--as-columns", "changes, as the dashboard asks"),
                ("--as-changes", "changes, all metrics"),
                ("--as-snapshots", "whole snapshots"),
            ];
            for (role, name) in roles {
                let what = format!("{name}{}", if losses { ", refits" } else { "" });
                bench.measure(&what, role, losses, seconds, &mut written);
            }
        }
        println!(
            "memory of the daemon: {:.0} MB, at most {:.0} MB",
            bench.daemon.memory() / 1e6,
            bench.daemon.peak_memory() / 1e6
        );
    }
}

struct Bench {
    live: Vec<PathBuf>,
    socket: PathBuf,
    daemon: Daemon,
}

impl Bench {
    fn new(scratch: &Path, runs: usize, live: usize) -> Self {
        let (project, state) = (scratch.join("p"), scratch.join("state"));
        std::fs::create_dir_all(&project).expect("a project");
        std::fs::write(
            project.join("mixlaw.yaml"),
            "runs:\n  - path: runs/*\ndomains: [prose, rust]\nmetrics: { prose: eval/prose/loss, rust: eval/rust/loss }\n\
             target: { params: 2M, tokens: 1.6M }\n",
        )
        .expect("a project");
        let mut logs = Vec::new();
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
            if run < live {
                logs.push(log);
            }
        }
        let daemon = Daemon::start(&project, &state);
        let bench = Self { live: logs, socket: daemon.socket_in_time(), daemon };
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
        let mut before = bench.daemon.seconds();
        while quiet.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(500));
            let now = bench.daemon.seconds();
            if now - before > 0.05 {
                quiet = Instant::now();
            }
            before = now;
        }
        bench
    }

    /// Grows the runs and looks at what it costs.
    fn measure(&self, what: &str, role: &str, losses: bool, seconds: usize, before: &mut usize) {
        let mut client = Command::new(std::env::current_exe().expect("this program"))
            .args([role, &self.socket.display().to_string(), &self.live.len().to_string()])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a dashboard");
        let mut said = BufReader::new(client.stdout.take().expect("its words")).lines();
        assert_eq!(said.next().expect("a word").expect("a word"), "ready");
        // What it says is taken from it at once: a full pipe would have it wait.
        let said = std::thread::spawn(move || said.map_while(Result::ok).collect::<Vec<String>>());
        let own = |id: u32| (self.daemon.seconds(), processor_seconds(id));
        let (daemon, dashboard) = own(client.id());
        let mut written = HashMap::new();
        let began = Instant::now();
        for n in 0..seconds * LINES_PER_SECOND {
            // Evenly over time: runs do not log all at once.
            let wait = n as f64 / LINES_PER_SECOND as f64 - began.elapsed().as_secs_f64();
            std::thread::sleep(Duration::from_secs_f64(wait.max(0.0)));
            let (run, step) = (*before % self.live.len(), OLD_LINES + 1 + *before / self.live.len());
            *before += 1;
            let text = line(step, run, losses);
            let mut log = std::fs::OpenOptions::new().append(true).open(&self.live[run]).expect("a log");
            written.insert((run, step), now());
            log.write_all(text.as_bytes()).expect("a line");
        }
        let took = began.elapsed().as_secs_f64();
        let after = own(client.id());
        // A machine that is busy with other things draws late.
        std::thread::sleep(Duration::from_secs(5));
        drop(client.stdin.take());
        let mut bytes = 0.0;
        let mut seen: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
        for word in said.join().expect("its words") {
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
        println!(
            "{what:<36} {:>12.0} {:>9.1} {:>9.1} {:>8.1} {:>8.1} {:>8.1} {:>7}",
            bytes / took,
            100.0 * (after.0 - daemon) / took,
            100.0 * (after.1 - dashboard) / took,
            quantile(&late, 0.5),
            quantile(&late, 0.99),
            quantile(&late, 1.0),
            late.len()
        );
        assert_eq!(late.len(), written.len(), "every line is drawn");
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

/// A dashboard without a terminal: it draws every change as text, and says on standard output when it has drawn which step
/// of which run, and at the end how many bytes it was sent after the first state.
fn dashboard(role: &str, socket: &Path, live: usize) {
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
            if run_number < live && steps.insert(run_number, run.last_step) != Some(run.last_step) {
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
