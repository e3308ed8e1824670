//! A month of a daemon, compressed: what it holds of memory, descriptors, threads and disk while runs come and go.
//!
//! `cargo bench --bench month` writes ten million points of 1,000 runs, a hundred of them live at a time, in thirty days of some
//! seconds each, and waits at the end of each day until the daemon has read it. A run logs 50 metrics of four significant
//! digits on 200 lines over three days; one in twenty-five evaluates two corpora, so that laws are refitted. Two thirds of the logs are
//! rotated once, one run in ten is deleted after its end, one in twenty begins again in place, one in thirty diverges (an
//! alert). Five hundred dashboards are attached: they subscribe to all that a dashboard asks for, a run and a curve, see a few
//! changes and leave; one in three is killed without a word, and one in ten reads nothing before it is. The table has a
//! row a day, and one at the end when the daemon has had time to compact (its memory holds the pages of the program too, some 24 MB); then the daemon is started again, after a stop and a kill in turn. The aims are less than 100 MB of memory, as many descriptors and
//! threads at the end as at the beginning, and less than 3 bytes a point. `-- --quick` is a tenth of the runs.

#[path = "common/process.rs"]
mod process;

use mixlaw::ipc::client::{Client, Updates};
use mixlaw::ipc::protocol::{Query, Response, StatusAnswer};
use mixlaw::ipc::series::{Axis, SeriesQuery};
use mixlaw::ipc::topic::Subscription;
use process::{Daemon, machine};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DAYS: usize = 30;
const METRICS: usize = 50;
const LINES: usize = 200;
/// Days that a run lasts.
const LIFE: usize = 3;
/// How often each live run is appended to in a day.
const TIMES: usize = 4;
const DASHBOARDS: usize = 500;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, socket] = arguments.as_slice()
        && role == "--as-dashboard"
    {
        let mut subscribed = dashboard(Path::new(socket));
        while subscribed[0].wait().is_ok() {}
        return;
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    let runs = if quick { 100 } else { 1000 };
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (project, state) = (scratch.path().join("p"), scratch.path().join("state"));
    std::fs::create_dir_all(project.join("runs")).expect("a project");
    std::fs::write(
        project.join("mixlaw.yaml"),
        "runs:\n  - path: runs/*\ndomains: [prose, rust]\nmetrics: { prose: eval/prose/loss, rust: eval/rust/loss }\n\
         target: { params: 2M, tokens: 1.6M }\nmixture: { current: { prose: 0.8, rust: 0.2 } }\nobjective: { minimize: rust }\n",
    )
    .expect("a project");
    println!(
        "{runs} runs of {METRICS} metrics and {LINES} lines in {DAYS} days, {DASHBOARDS} dashboards; {}",
        machine()
    );
    println!(
        "{:>5} {:>9} {:>6} {:>7} {:>7} {:>5} {:>8} {:>8} {:>8} {:>10} {:>8} {:>7} {:>7}",
        "day",
        "points",
        "live",
        "MB",
        "peak MB",
        "fds",
        "threads",
        "store MB",
        "B/point",
        "journal kB",
        "alerts",
        "cpu s",
        "wall s"
    );
    let daemon = Daemon::start(&project, &state);
    let socket = daemon.socket_in_time();
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64() - DAYS as f64 * 86_400.0;
    let mut month = Month { project, begin, runs: Vec::new(), attached: 0, open: VecDeque::new(), socket };
    let mut cpu = 0.0;
    for day in 0..DAYS {
        let began = Instant::now();
        // As many as end, after the first days.
        let due = (runs * (day + 1)).div_ceil(DAYS - LIFE + 1).min(runs);
        while month.runs.len() < due {
            month.launch(day);
        }
        for time in 0..TIMES {
            month.append(day, time);
            month.attach((DASHBOARDS * (day * TIMES + time + 1)) / (DAYS * TIMES));
        }
        month.tidy(day);
        month.settle();
        let now = daemon.seconds();
        let live = month.runs.iter().filter(|run| run.is_live(day)).count();
        row(&format!("{}", day + 1), &month, &daemon, live, now - cpu, began.elapsed());
        cpu = now;
    }
    // What is worth it is compacted when nothing else is to be done: the last points of a run when nobody has written to it for a
    // minute, which is not compressed.
    std::thread::sleep(Duration::from_secs(if quick { 3 } else { 100 }));
    month.settle();
    row("idle", &month, &daemon, 0, daemon.seconds() - cpu, Duration::ZERO);
    println!("{} dashboards were attached", month.attached);
    month.open.clear();
    let mut starts = Vec::new();
    let mut daemon = Some(daemon);
    for round in 0..6 {
        match daemon.take() {
            // Half of them are killed.
            Some(daemon) if round % 2 == 0 => daemon.stop(),
            killed => drop(killed),
        }
        let began = Instant::now();
        daemon = Some(Daemon::start(&month.project, &state));
        while Client::connect(&month.socket).and_then(|mut client| client.query(Query::Status)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        starts.push(format!("{:.3}", began.elapsed().as_secs_f64()));
    }
    println!("starts until the first answer, s, after it was stopped and killed in turn: {}", starts.join(", "));
    daemon.expect("a daemon").stop();
}

fn row(day: &str, month: &Month, daemon: &Daemon, live: usize, cpu: f64, wall: Duration) {
    let status = month.status();
    let figures = status.figures.expect("figures");
    let points = status.daemon.points;
    println!(
        "{day:>5} {points:>9} {live:>6} {:>7.1} {:>7.1} {:>5} {:>8} {:>8.1} {:>8.2} {:>10.1} {:>8} {cpu:>7.1} {:>7.1}",
        daemon.memory() / 1e6,
        daemon.peak_memory() / 1e6,
        daemon.descriptors(),
        daemon.threads(),
        figures.store_bytes as f64 / 1e6,
        figures.store_bytes as f64 / points.max(1) as f64,
        figures.journal_bytes as f64 / 1e3,
        figures.open_alerts,
        wall.as_secs_f64(),
    );
}

/// A run of the month.
struct Run {
    number: usize,
    launched: usize,
    lines: usize,
    folder: PathBuf,
    gone: bool,
}

impl Run {
    fn is_live(&self, day: usize) -> bool {
        !self.gone && day < self.launched + LIFE
    }

    fn evaluates(&self) -> bool {
        self.number.is_multiple_of(25)
    }

    /// Its next lines.
    fn lines(&mut self, count: usize, begin: f64, day: usize, time: usize) -> String {
        let mut text = String::new();
        for n in 0..count {
            let step = self.lines + 1;
            let at = begin + 86_400.0 * (day as f64 + (time as f64 + n as f64 / count as f64) / TIMES as f64);
            let _ = write!(text, "{{\"step\": {}, \"tokens\": {}, \"_timestamp\": {at:.3}", step * 10, step * 40_960);
            for metric in 0..METRICS {
                let _ = match metric {
                    0 if self.number % 30 == 17 && step > 150 => {
                        write!(text, ", \"train/loss\": {:.3}", 60.0 + step as f64)
                    }
                    0 => write!(text, ", \"train/loss\": {:.3}", value(self.number, 0, step)),
                    1 => write!(text, ", \"lr\": {:.3e}", 3e-4 * (1.0 - step as f64 / (LINES + 1) as f64)),
                    2 | 3 if !self.evaluates() => Ok(()),
                    2 if step.is_multiple_of(20) => {
                        write!(text, ", \"eval/prose/loss\": {:.3}", evaluated(self.number, step, true))
                    }
                    3 if step.is_multiple_of(20) => {
                        write!(text, ", \"eval/rust/loss\": {:.3}", evaluated(self.number, step, false))
                    }
                    2 | 3 => Ok(()),
                    _ => write!(text, ", \"layer/{metric:02}/norm\": {:.3}", value(self.number, metric, step)),
                };
            }
            text.push_str("}\n");
            self.lines += 1;
        }
        text
    }
}

struct Month {
    project: PathBuf,
    /// When it begins, seconds since 1970.
    begin: f64,
    runs: Vec<Run>,
    attached: usize,
    /// Dashboards that are attached at present.
    open: VecDeque<Vec<Updates>>,
    socket: PathBuf,
}

impl Month {
    fn launch(&mut self, day: usize) {
        let number = self.runs.len();
        let folder = self.project.join(format!("runs/run-{number:04}"));
        std::fs::create_dir_all(&folder).expect("a run");
        let share = 0.1 + 0.1 * (number / 25 % 9) as f64;
        let params = 25_000 * (1 + number / 25 % 5);
        std::fs::write(
            folder.join("config.json"),
            format!(
                "{{\"params_non_embedding\": {params}, \"batch_tokens\": 4096, \"max_steps\": {}, \
                 \"mixture\": {{\"prose\": {:.1}, \"rust\": {share:.1}}}}}",
                LINES * 10,
                1.0 - share
            ),
        )
        .expect("its facts");
        self.runs.push(Run { number, launched: day, lines: 0, folder, gone: false });
    }

    /// What all live runs log in a part of a day.
    fn append(&mut self, day: usize, time: usize) {
        let begin = self.begin;
        for run in self.runs.iter_mut().filter(|run| run.is_live(day)) {
            let part = (day - run.launched) * TIMES + time + 1;
            let due = LINES * part / (LIFE * TIMES);
            let log = run.folder.join("metrics.jsonl");
            // Half way through, the log is rotated, or the run begins again.
            if part == LIFE * TIMES / 2 + 1 {
                if run.number % 20 == 3 {
                    run.lines = 0;
                    std::fs::remove_file(&log).expect("a log");
                } else if run.number % 3 != 0 {
                    std::fs::rename(&log, run.folder.join("metrics.jsonl.1")).expect("a log");
                }
            }
            let text = run.lines(due - run.lines, begin, day, time);
            let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log).expect("a log");
            log.write_all(text.as_bytes()).expect("lines");
        }
    }

    /// Deletes some of the runs that ended a while ago.
    fn tidy(&mut self, day: usize) {
        for run in &mut self.runs {
            if !run.gone && run.number % 10 == 7 && day >= run.launched + 2 * LIFE {
                std::fs::remove_dir_all(&run.folder).expect("a run");
                run.gone = true;
            }
        }
    }

    /// Has dashboards come and go until there have been so many.
    fn attach(&mut self, until: usize) {
        while self.attached < until {
            self.attached += 1;
            if !self.attached.is_multiple_of(3) {
                // A process may have so many; those that it has let go of are noticed in a moment.
                let subscribed = loop {
                    let mut subscribed = dashboard(&self.socket);
                    if subscribed.iter_mut().all(|updates| updates.wait().is_ok()) {
                        break subscribed;
                    }
                    drop(subscribed);
                    std::thread::sleep(Duration::from_millis(100));
                };
                self.open.push_back(subscribed);
                if self.open.len() > 4 {
                    // It has seen what was logged since.
                    let mut oldest = self.open.pop_front().expect("a dashboard");
                    oldest[0].wait().expect("a change");
                }
                continue;
            }
            let mut client = Command::new(std::env::current_exe().expect("this program"))
                .args(["--as-dashboard", &self.socket.display().to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("a dashboard");
            std::thread::sleep(Duration::from_millis(150));
            client.kill().expect("a kill");
            let _ = client.wait();
        }
        if until > 0 && self.attached.is_multiple_of(10) {
            // One that asks, and never reads.
            let _unread = dashboard(&self.socket);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn status(&self) -> StatusAnswer {
        match Client::connect(&self.socket).expect("an answer").query(Query::Status).expect("an answer") {
            Response::Answer(text) => serde_json::from_str(text.get()).expect("a status"),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until everything is read and nothing is fitted.
    fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(300);
        let (mut points, mut still) = (0, 0);
        // What the file system tells takes a moment to be told.
        while still < 6 {
            std::thread::sleep(Duration::from_millis(100));
            let status = self.status();
            let same = status.daemon.points == points && status.daemon.ingest.is_none() && !status.daemon.refitting;
            still = if same { still + 1 } else { 0 };
            points = status.daemon.points;
            assert!(Instant::now() < deadline, "it is never done");
        }
    }
}

/// The subscriptions of a dashboard: all runs, the one that is looked at, and a curve of it.
fn dashboard(socket: &Path) -> Vec<Updates> {
    let query = SeriesQuery {
        runs: vec![1],
        metrics: vec!["train/loss".to_owned()],
        x: Axis::default(),
        from: None,
        to: None,
        pixels: 200,
        smoothing: 0.0,
    };
    let curves = Subscription { series: Some(query), every_ms: Subscription::DASHBOARD_MS, ..Subscription::default() };
    [Subscription::dashboard(vec!["train/loss".to_owned()]), Subscription::one_run(1), curves]
        .into_iter()
        .map(|wants| Client::connect(socket).expect("an answer").subscribe(wants).expect("a subscription"))
        .collect()
}

/// A loss at the end of a step, as a law has it, with some noise.
fn evaluated(run: usize, step: usize, prose: bool) -> f64 {
    let share = 0.1 + 0.1 * (run / 25 % 9) as f64;
    let weight = if prose { 1.0 - share } else { share };
    let params = 25_000.0 * (1 + run / 25 % 5) as f64;
    let tokens = step as f64 * 40_960.0;
    let clean = 1.2 + 60.0 / params.powf(0.4) + 150.0 / tokens.powf(0.4) + 0.4 * (1.0 - weight).powi(2);
    clean + 0.005 * (value(run, 99, step) / 3.0 - 1.0)
}

/// A course that falls, and noise of 5 % to both sides (SplitMix64 as a hash).
fn value(run: usize, metric: usize, step: usize) -> f64 {
    let mut bits = ((run << 40) ^ (metric << 24) ^ step) as u64;
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let noise = (bits ^ bits >> 31) as f64 / u64::MAX as f64;
    (2.0 + 3.0 / (1.0 + step as f64 / 40.0)) * (1.0 + 0.1 * (noise - 0.5))
}
