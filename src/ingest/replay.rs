//! Replay of recorded logs as if the runs were training now: for demonstrations, and for trying a project's
//! settings on a sweep that is long over.
//!
//! The recorded runs are started in order on a number of machines, each run as soon as a machine is free, and every
//! line of a text log is appended whole when its time has come. A line's time is that of its own clock (`_timestamp`,
//! `timestamp`, `time`), else what its tokens took at the speed it logs, else a steady rhythm. What is no text, or is
//! rewritten whole by its writer, appears when its run ends. [`schedule`] is pure; [`play`] writes.

use super::discover::{Parents, Patterns, RunPlace};
use super::files;
use super::formats::custom::CustomFormat;
use super::formats::{Chosen, Growth, HEAD};
use crate::open;
use crate::project::parse::MAX_BYTES;
use crate::project::{Project, load};
use regex::Regex;
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Seconds between lines that do not say when they were written.
const RHYTHM: f64 = 0.5;

/// A log to be written again.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Where it goes, relative to the new project.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Seconds from the start of its run, and the stretch to append then; in order.
    pub parts: Vec<(f64, Range<usize>)>,
}

/// A run to be trained again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordedRun {
    /// Its name.
    pub name: String,
    /// Its logs.
    pub logs: Vec<Recording>,
    /// Files that are there from the start: configurations.
    pub others: Vec<(PathBuf, PathBuf)>,
}

/// One append: when (seconds from the start of the replay), by which run, to which of its logs, which stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// Seconds from the start of the replay, at the recorded speed.
    pub at: f64,
    /// Index of the run.
    pub run: usize,
    /// Index into [`RecordedRun::logs`].
    pub log: usize,
    /// Stretch of [`Recording::bytes`].
    pub part: Range<usize>,
}

/// Reads what is to be written again.
///
/// # Errors
/// Those of the disk, with the path in front.
pub fn record(project: &Project) -> io::Result<Vec<RecordedRun>> {
    let places = Patterns::of(&project.root, &project.runs).runs().runs;
    let mut parents = Parents::default();
    let roots: HashSet<PathBuf> = places.iter().flat_map(|place| parents.both(&place.path)).collect();
    let own = CustomFormat::of(project);
    places.iter().map(|place| record_run(place, &own, &|path| roots.contains(path))).collect()
}

fn record_run(place: &RunPlace, own: &[CustomFormat], is_run: &dyn Fn(&Path) -> bool) -> io::Result<RecordedRun> {
    let mut run = RecordedRun { name: place.name.clone(), ..RecordedRun::default() };
    let files = files::files(place, is_run).files;
    for (relative, path) in files {
        let to = if path == place.path { PathBuf::from(&place.name) } else { Path::new(&place.name).join(&relative) };
        let bytes = open::whole(&path, u64::MAX).map_err(io::Error::from);
        let bytes = bytes.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        match Chosen::recognise(own, &relative, &bytes[..bytes.len().min(HEAD)]) {
            Err(_) => run.others.push((path, to)),
            Ok((format, _)) => {
                let whole = format.growth() == Growth::Rewritten || bytes.contains(&0);
                let parts = if whole { Vec::new() } else { lines(&bytes) };
                run.logs.push(Recording { path: to, bytes, parts });
            }
        }
    }
    // What is written in one go is written when the run's lines are.
    let end = run.logs.iter().filter_map(|log| log.parts.last()).map(|(at, _)| *at).fold(0.0, f64::max);
    for log in run.logs.iter_mut().filter(|log| log.parts.is_empty() && !log.bytes.is_empty()) {
        log.parts.push((end, 0..log.bytes.len()));
    }
    Ok(run)
}

/// The lines of a text log with their times, seconds from the first one.
fn lines(bytes: &[u8]) -> Vec<(f64, Range<usize>)> {
    let mut clock = Clock::default();
    let mut parts = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).map(|i| i + 1).chain([bytes.len()]) {
        if end > start {
            parts.push((clock.tick(&bytes[start..end]), start..end));
            start = end;
        }
    }
    parts
}

/// Works out when each line of one log was written.
#[derive(Debug, Default)]
struct Clock {
    now: f64,
    first_stamp: Option<f64>,
    tokens: f64,
    speed: Option<f64>,
}

impl Clock {
    fn tick(&mut self, line: &[u8]) -> f64 {
        let record: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).unwrap_or_default();
        let number = |key: &str| record.get(key).and_then(serde_json::Value::as_f64);
        if let Some(stamp) = ["_timestamp", "timestamp", "time"].iter().find_map(|key| number(key)) {
            let first = *self.first_stamp.get_or_insert(stamp);
            self.now = self.now.max(stamp - first);
            return self.now;
        }
        self.speed = number("tokens_per_second").filter(|speed| *speed > 0.0).or(self.speed);
        match (number("tokens"), self.speed) {
            (Some(tokens), Some(speed)) => {
                self.now += (tokens - self.tokens).max(0.0) / speed;
                self.tokens = self.tokens.max(tokens);
            }
            (Some(_), None) => {}
            (None, _) => self.now += RHYTHM,
        }
        self.now
    }
}

/// Every append of the replay in order of time, with `machines` runs at a time.
#[must_use]
pub fn schedule(runs: &[RecordedRun], machines: usize) -> Vec<Append> {
    let mut free = vec![0.0f64; machines.max(1)];
    let mut appends = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let Some(machine) = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])) else { break };
        let start = free[machine];
        for (log, recording) in run.logs.iter().enumerate() {
            for (at, part) in &recording.parts {
                free[machine] = free[machine].max(start + at);
                appends.push(Append { at: start + at, run: index, log, part: part.clone() });
            }
        }
    }
    // Stable: lines of one log that share a time stay in order.
    appends.sort_by(|a, b| a.at.total_cmp(&b.at));
    appends
}

/// Writes the runs below `into`, `speed` times as fast as they were recorded. `wait` is told how long it is from the
/// start of the replay to the next append, and says whether to go on.
///
/// # Errors
/// Those of the disk, with the path in front.
pub fn play(
    runs: &[RecordedRun],
    appends: &[Append],
    into: &Path,
    speed: f64,
    mut wait: impl FnMut(Duration) -> bool,
) -> io::Result<()> {
    for append in appends {
        if !wait(Duration::from_secs_f64((append.at / speed).clamp(0.0, 1e9))) {
            return Ok(());
        }
        let log = &runs[append.run].logs[append.log];
        let path = into.join(&log.path);
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        // Opened for each line, as loggers that fear crashes do; the file also appears only with its first line.
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(named)?;
        file.write_all(&log.bytes[append.part.clone()]).map_err(named)?;
    }
    Ok(())
}

/// Removes the logs that a replay has written, and nothing else.
///
/// # Errors
/// Those of the disk, with the path in front.
pub fn remove(runs: &[RecordedRun], into: &Path) -> io::Result<()> {
    for log in runs.iter().flat_map(|run| &run.logs) {
        let path = into.join(&log.path);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts in place what is there before training begins: directories, configurations, and last the project file.
///
/// # Errors
/// Those of the disk, with the path in front.
pub fn prepare(project: &Project, runs: &[RecordedRun], into: &Path) -> io::Result<()> {
    let named = |path: &Path, e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    for run in runs {
        let targets = run.logs.iter().map(|log| &log.path).chain(run.others.iter().map(|(_, to)| to));
        for target in targets {
            let path = into.join(target);
            let parent = path.parent().unwrap_or(into);
            std::fs::create_dir_all(parent).map_err(|e| named(parent, e))?;
        }
        for (from, to) in &run.others {
            open::copy(from, &into.join(to)).map_err(|e| named(from, e.into()))?;
        }
    }
    if let Some(file) = &project.file {
        let to = into.join("mixlaw.yaml");
        open::copy(file, &to).map_err(|e| named(&to, e.into()))?;
        calm(&to).map_err(|e| named(&to, e))?;
    }
    Ok(())
}

/// Sees to it that nothing is applied because a recording plays: where a project file says `apply: auto`, it says `manual`
/// in a replay.
///
/// # Errors
/// Those of the disk, or that it goes on saying so.
fn calm(file: &Path) -> io::Result<()> {
    let text = String::from_utf8(open::whole(file, MAX_BYTES as u64)?).map_err(io::Error::other)?;
    let automatic = |text: &str| {
        let project = load::from_bytes(file, file, text.as_bytes());
        project.is_ok_and(|project| project.accept.is_some_and(|accept| accept.auto.is_some()))
    };
    if !automatic(&text) {
        return Ok(());
    }
    let said = Regex::new(r#"(\bapply["']?\s*:\s*["']?)auto\b"#).map_err(io::Error::other)?;
    let calm = said.replace_all(&text, "${1}manual");
    if automatic(&calm) {
        return Err(io::Error::other("write `apply: manual` first: a replay is not to apply advice"));
    }
    open::put(file, calm.as_bytes(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lines: &[f64]) -> RecordedRun {
        let parts: Vec<(f64, Range<usize>)> = lines.iter().enumerate().map(|(i, at)| (*at, i..i + 1)).collect();
        let log = Recording { path: PathBuf::from("log"), bytes: vec![b'x'; parts.len()], parts };
        RecordedRun { logs: vec![log], ..RecordedRun::default() }
    }

    #[test]
    fn a_replay_applies_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mixlaw.yaml");
        let conditions = "hook: [./auto.sh], max_step: 0.1, cooldown: 24h";
        for (is_automatic, said) in [
            (true, format!("accept: {{ {conditions}, apply: auto }} # apply: auto\n")),
            (true, format!("accept: {{ \"apply\": 'auto', {conditions} }}\n")),
            (true, "accept:\n  hook: [./auto.sh]\n  max_step: 0.1\n  cooldown: 24h\n  apply:   auto\n".to_owned()),
            (false, format!("accept: {{ {conditions}, apply: manual }} # apply: auto\n")),
            (false, String::new()),
        ] {
            let text = format!("runs: [path: runs/*]\n{said}");
            std::fs::write(&file, &text).unwrap();
            calm(&file).unwrap();
            let after = std::fs::read_to_string(&file).unwrap();
            let project = load::from_bytes(&file, &file, after.as_bytes()).unwrap();
            assert!(project.accept.is_none_or(|accept| accept.auto.is_none()), "{after}");
            assert_eq!(after != text, is_automatic, "{after}");
            assert!(after.contains("./auto.sh") == said.contains("./auto.sh"));
        }
        let odd = format!("runs: [path: runs/*]\naccept: {{ {conditions}, apply: \"\\x61uto\" }}\n");
        std::fs::write(&file, odd).unwrap();
        assert!(calm(&file).is_err(), "what is not understood is not replayed");
    }

    #[test]
    fn runs_queue_for_machines_and_lines_keep_their_order() {
        let runs = [run(&[0.0, 4.0]), run(&[0.0, 1.0, 1.0]), run(&[0.0, 1.0])];
        let got: Vec<(f64, usize, usize)> = schedule(&runs, 2).iter().map(|a| (a.at, a.run, a.part.start)).collect();
        assert_eq!(got, [(0.0, 0, 0), (0.0, 1, 0), (1.0, 1, 1), (1.0, 1, 2), (1.0, 2, 0), (2.0, 2, 1), (4.0, 0, 1)]);
    }

    #[test]
    fn a_line_is_written_when_its_tokens_are_trained_or_when_it_says() {
        let at = |text: &str| lines(text.as_bytes()).iter().map(|(at, _)| *at).collect::<Vec<_>>();
        let tokens = "{\"tokens\": 0}\n{\"tokens\": 1000, \"tokens_per_second\": 500}\n{\"tokens\": 3000}\n";
        assert_eq!(at(tokens), [0.0, 2.0, 6.0]);
        assert_eq!(at("{\"time\": 100}\n{\"time\": 103.5}\n{\"time\": 103}"), [0.0, 3.5, 3.5]);
        assert_eq!(at("a\nb\nhalf"), [RHYTHM, 2.0 * RHYTHM, 3.0 * RHYTHM]);
    }

    #[test]
    fn what_is_played_is_what_was_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let runs = [run(&[0.0, 4.0, 2.0]), run(&[])];
        let appends = schedule(&runs, 1);
        let mut waits = Vec::new();
        play(&runs, &appends, dir.path(), 2.0, |wait| {
            waits.push(wait.as_secs_f64());
            true
        })
        .unwrap();
        assert_eq!(waits, [0.0, 1.0, 2.0]);
        assert_eq!(std::fs::read(dir.path().join("log")).unwrap().len(), 3);
    }
}
