//! Applies advice without anybody asking, where the project says `apply: auto`: by the command that a person would type, so
//! that there is one way to accept advice, and a kill at any moment leaves what it would leave of that command's.

use super::publisher::CurrentState;
use crate::project::Project;
use crate::vocab::text::printable;
use crate::vocab::{Advice, Notice, Severity};
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// How long to wait after a command that has changed nothing: its file may be missing, or another command deciding.
const AGAIN: Duration = Duration::from_secs(60);
/// How often a command that runs is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Most that is read of what a command and its hook print.
const MOST_BYTES: u64 = 64 << 10;

/// The command that runs, and what became of the last one.
#[derive(Default)]
pub struct Applier {
    running: Option<Running>,
    /// Not to be tried before.
    not_before: Option<Instant>,
    /// When the cooldown ends, seconds since 1970.
    until: Option<f64>,
    wrong: Option<Notice>,
}

struct Running {
    child: Child,
    advice: String,
    said: std::thread::JoinHandle<String>,
}

impl Applier {
    /// What is in the way of applying advice.
    pub fn notice(&self) -> Option<&Notice> {
        self.wrong.as_ref()
    }

    /// How long nothing changes by itself, at most.
    pub fn patience(&self, now: SystemTime) -> Duration {
        if self.running.is_some() {
            return LOOK;
        }
        let until =
            self.until.map(|until| Duration::try_from_secs_f64(until - super::seconds(now)).unwrap_or_default());
        let again = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        until.into_iter().chain(again).min().unwrap_or(Duration::MAX).max(Duration::from_millis(50))
    }

    /// Whether to look again.
    pub fn is_due(&self, now: SystemTime) -> bool {
        let over = self.until.is_some_and(|until| super::seconds(now) >= until);
        over || self.running.is_some() || self.not_before.is_some_and(|at| Instant::now() >= at)
    }

    /// Begins to apply the advice that stands, where nothing holds it back.
    pub fn update(&mut self, current: &CurrentState) {
        self.end();
        let Some(auto) = &current.auto else {
            if self.running.is_none() {
                *self = Self::default();
            }
            return;
        };
        self.until = auto.until;
        if auto.held.is_some() {
            // What was in the way is out of it, or is said there.
            (self.not_before, self.wrong) = (None, None);
        }
        let Some(Advice::Recommendation(advised)) = &current.snapshot.advice else { return };
        let waits = self.not_before.is_some_and(|at| Instant::now() < at);
        if auto.held.is_some() || waits || self.running.is_some() {
            return;
        }
        tracing::info!(advice = advised.id, "applying advice: the project file says apply: auto");
        match begin(&current.project, &advised.id) {
            Ok(running) => self.running = Some(running),
            Err(error) => self.failed(&advised.id, &error.to_string()),
        }
    }

    /// Takes note of a command that has ended.
    fn end(&mut self) {
        let Some(running) = &mut self.running else { return };
        let ended = match running.child.try_wait() {
            Ok(None) => return,
            Ok(Some(status)) => Ok(status),
            Err(error) => Err(error),
        };
        let Some(Running { advice, said, .. }) = self.running.take() else { return };
        // What its hook has left running may hold the line open: nobody waits for that.
        let said = if said.is_finished() { said.join().unwrap_or_default() } else { String::new() };
        match ended {
            Ok(status) if status.success() => {
                tracing::info!(advice, "advice was applied");
                (self.not_before, self.wrong) = (None, None);
            }
            Ok(status) => self.failed(&advice, &reason(&said).unwrap_or_else(|| status.to_string())),
            Err(error) => self.failed(&advice, &error.to_string()),
        }
    }

    fn failed(&mut self, advice: &str, why: &str) {
        let why = printable(why);
        tracing::warn!(advice, why, "advice was not applied");
        self.not_before = Some(Instant::now() + AGAIN);
        self.wrong = Some(Notice {
            severity: Severity::Warning,
            text: format!("advice {advice} was not applied: {why}"),
            help: Some(format!("try it by hand: mixlaw advice accept {advice}")),
        });
    }
}

fn begin(project: &Project, advice: &str) -> io::Result<Running> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["advice", "accept", advice, "--auto"])
        .arg(project.file.as_ref().unwrap_or(&project.root))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take();
    let said =
        std::thread::Builder::new().name("applier".to_owned()).spawn(move || stderr.map_or(String::new(), read))?;
    Ok(Running { child, advice: advice.to_owned(), said })
}

/// The beginning of what is printed, while all of it is taken: nobody is to wait because nobody reads.
fn read(mut from: impl Read) -> String {
    let mut text = Vec::new();
    let _ = from.by_ref().take(MOST_BYTES).read_to_end(&mut text);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&text).into_owned()
}

/// The last error that a command printed, without its word for it.
fn reason(said: &str) -> Option<String> {
    let mut errors = said.lines().filter_map(|line| line.trim().strip_prefix("error: "));
    errors.next_back().map(str::to_owned)
}
