//! Outbox: the messages that wait, and for which channels, in a file that survives a kill.
//!
//! The file is written whole beside the old one and put in its place, so that there is one or the other at any time:
//!
//! ```text
//! 0123456789abcdef            checksum of the rest
//! {"since": …, "known": […], "waiting": […], "begun": {…}, "channels": {…}}
//! ```
//!
//! A batch is written down before it is sent and taken out when it was delivered. Where the daemon is killed in between, the
//! same batch is sent again with the same key: at most once more.

use super::message::{Batch, Message, key};
use super::told::Told;
use crate::open;
use crate::vocab::{Notice, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most messages that wait. Where there are more, the oldest go, and that is said.
const MOST_WAITING: usize = 1000;
/// Keys of messages that are remembered, so that none is told twice.
const MOST_KNOWN: usize = 4096;
/// How long a message waits for others that belong to it.
const GATHER: Duration = Duration::from_secs(2);
/// The first and the longest pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Failures in a row after which the user is told.
const TELL_AFTER: u32 = 3;

/// What is in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    /// Since when people are told, seconds since 1970: alerts before are history.
    since: f64,
    /// Keys of messages that were taken in, oldest first, with the time of what they are about.
    known: VecDeque<(f64, String)>,
    /// Messages that are not delivered to everybody.
    waiting: Vec<Waiting>,
    /// By channel: the batch that is being sent.
    begun: BTreeMap<String, Begun>,
    /// By channel: how it went.
    channels: BTreeMap<String, ChannelRecord>,
    /// The advice that was told last.
    told: Option<Told>,
    /// Messages that were dropped because too many waited.
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    #[serde(flatten)]
    message: Message,
    /// Channels it has not reached.
    left: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Begun {
    key: String,
    messages: Vec<String>,
}

/// How deliveries to one channel went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelRecord {
    /// Batches that were delivered.
    pub delivered: u64,
    /// When the last one was, seconds since 1970.
    pub last: f64,
    /// Attempts that failed since then.
    pub failures: u32,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a daemon says of its outbox.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OutboxView {
    /// Messages that wait.
    pub waiting: usize,
    /// When the oldest of them happened, seconds since 1970.
    pub oldest: Option<f64>,
    /// Messages that were dropped.
    pub dropped: u64,
    /// By channel: how it went.
    pub channels: BTreeMap<String, ChannelRecord>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    saved: Saved,
    /// Whether the file says what `saved` says.
    written: bool,
    /// Why the file could not be written.
    fault: Option<String>,
    project: String,
    names: Vec<String>,
    pause: Duration,
    /// When the newest message came in.
    came: Option<Instant>,
    /// By channel: when it may be tried again.
    again: HashMap<String, Instant>,
    closed: bool,
}

impl Outbox {
    /// The outbox in a file; nothing is written before [`Outbox::configure`]. A file that is damaged is moved aside.
    #[must_use]
    pub fn open(path: PathBuf) -> Self {
        let mut state = State { written: true, ..State::default() };
        match read(&path) {
            Ok(saved) => state.saved = saved,
            Err(Damaged::Missing) => {}
            Err(Damaged::Unreadable(why)) => {
                let aside = path.with_extension("damaged");
                let _ = std::fs::rename(&path, &aside);
                state.fault = Some(format!("{why}; messages that waited are in {}", aside.display()));
            }
        }
        Self { path, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which channels there are; messages for others are dropped. Without any, the file is deleted: nobody waits for
    /// what happens meanwhile. `now` is in seconds since 1970.
    pub fn configure(&self, project: &str, names: Vec<String>, pause: Duration, now: f64) {
        let mut state = self.lock();
        state.project = project.to_owned();
        (state.names, state.pause) = (names, pause);
        state.again.clear();
        if state.names.is_empty() {
            state.saved = Saved::default();
            state.written = true;
            let _ = std::fs::remove_file(&self.path);
            return;
        }
        let State { saved, names, .. } = &mut *state;
        if saved.since == 0.0 {
            saved.since = now;
        }
        let is_there = |name: &String| names.contains(name);
        saved.waiting.iter_mut().for_each(|waiting| waiting.left.retain(is_there));
        saved.waiting.retain(|waiting| !waiting.left.is_empty());
        saved.begun.retain(|name, _| is_there(name));
        saved.channels.retain(|name, _| is_there(name));
        self.save(&mut state);
        self.changed.notify_all();
    }

    /// Whether anybody is told.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.lock().names.is_empty()
    }

    /// Whether something that happened at `at` is to be told and was not taken in.
    #[must_use]
    pub fn misses(&self, key: &str, at: f64) -> bool {
        let state = self.lock();
        !state.names.is_empty() && at >= state.saved.since && state.saved.known.iter().all(|(_, known)| known != key)
    }

    /// The advice that was told last.
    #[must_use]
    pub fn told(&self) -> Option<Told> {
        self.lock().saved.told.clone()
    }

    /// Takes messages in, with the advice that one of them tells; those that were taken in before are left out. They are on
    /// disk when this returns, or, where the disk says no, in memory until it says yes.
    pub fn add(&self, messages: Vec<Message>, told: Option<Told>) {
        let mut state = self.lock();
        let State { saved, names, .. } = &mut *state;
        if names.is_empty() {
            return;
        }
        if told.is_some() {
            saved.told = told;
        }
        for message in messages {
            if saved.known.iter().any(|(_, known)| *known == message.key) {
                continue;
            }
            saved.known.push_back((message.at, message.key.clone()));
            saved.waiting.push(Waiting { message, left: names.iter().cloned().collect() });
        }
        while saved.known.len() > MOST_KNOWN {
            // What is forgotten is not to be taken for news.
            if let Some((at, _)) = saved.known.pop_front() {
                saved.since = saved.since.max(at);
            }
        }
        let over = saved.waiting.len().saturating_sub(MOST_WAITING);
        saved.dropped += over as u64;
        saved.waiting.drain(..over);
        state.came = Some(Instant::now());
        self.save(&mut state);
        self.changed.notify_all();
    }

    /// What is to be sent to a channel now, where anything is: the batch that was begun, or what has come since the last
    /// one. `now` is in seconds since 1970.
    pub fn next(&self, channel: &str, now: f64) -> Option<Batch> {
        let mut state = self.lock();
        if state.again.get(channel).is_some_and(|again| Instant::now() < *again) {
            return None;
        }
        let keys: Vec<String> = match state.saved.begun.get(channel) {
            Some(begun) => begun.messages.clone(),
            None => {
                // A clock that was set back does not make anybody wait for longer than a pause.
                let last = state.saved.channels.get(channel).map_or(f64::NEG_INFINITY, |record| record.last);
                let is_soon = (now - last).abs() < state.pause.as_secs_f64();
                if is_soon || state.came.is_some_and(|came| came.elapsed() < GATHER) {
                    return None;
                }
                let left = |waiting: &&Waiting| waiting.left.contains(channel);
                state.saved.waiting.iter().filter(left).map(|waiting| waiting.message.key.clone()).collect()
            }
        };
        let of = |key: &String| state.saved.waiting.iter().find(|waiting| waiting.message.key == *key);
        let messages: Vec<Message> = keys.iter().filter_map(of).map(|waiting| waiting.message.clone()).collect();
        if messages.is_empty() {
            if state.saved.begun.remove(channel).is_some() {
                self.save(&mut state);
            }
            return None;
        }
        let key = match state.saved.begun.get(channel) {
            Some(begun) => begun.key.clone(),
            None => {
                let begun = Begun { key: key(&format!("{channel}\0{}", keys.join("\0"))), messages: keys };
                let key = begun.key.clone();
                state.saved.begun.insert(channel.to_owned(), begun);
                self.save(&mut state);
                key
            }
        };
        Some(Batch { key, project: state.project.clone(), messages })
    }

    /// The batch of a channel was delivered.
    pub fn delivered(&self, channel: &str, now: f64) {
        let mut state = self.lock();
        let saved = &mut state.saved;
        let Some(begun) = saved.begun.remove(channel) else { return };
        let done: BTreeSet<&String> = begun.messages.iter().collect();
        for waiting in saved.waiting.iter_mut().filter(|waiting| done.contains(&waiting.message.key)) {
            waiting.left.remove(channel);
        }
        saved.waiting.retain(|waiting| !waiting.left.is_empty());
        let record = saved.channels.entry(channel.to_owned()).or_default();
        *record = ChannelRecord { delivered: record.delivered + 1, last: now, ..ChannelRecord::default() };
        state.again.remove(channel);
        self.save(&mut state);
    }

    /// The batch of a channel was not delivered; it is tried again later. `jitter` is 0 to 1.
    pub fn failed(&self, channel: &str, why: &str, help: Option<&str>, wait: Option<Duration>, jitter: f64) {
        let mut state = self.lock();
        let record = state.saved.channels.entry(channel.to_owned()).or_default();
        record.failures = record.failures.saturating_add(1);
        record.error = Some(why.to_owned());
        record.help = help.map(str::to_owned);
        let pause = backoff(record.failures, jitter).max(wait.unwrap_or_default());
        state.again.insert(channel.to_owned(), Instant::now() + pause);
        self.save(&mut state);
    }

    /// Waits until something changes, or for so long where something waits and `most` where nothing does. `false` where it
    /// was closed.
    pub fn wait(&self, some: Duration, most: Duration) -> bool {
        let state = self.lock();
        if state.closed {
            return false;
        }
        let time = if state.saved.waiting.is_empty() && state.written { most } else { some };
        let mut state = self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0;
        if !state.written && !state.names.is_empty() {
            self.save(&mut state);
        }
        !state.closed
    }

    /// Ends every [`Outbox::wait`].
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// What is said of it.
    #[must_use]
    pub fn view(&self) -> OutboxView {
        let state = self.lock();
        let saved = &state.saved;
        let mut channels = saved.channels.clone();
        for name in &state.names {
            channels.entry(name.clone()).or_default();
        }
        OutboxView {
            waiting: saved.waiting.len(),
            oldest: saved.waiting.first().map(|waiting| waiting.message.at),
            dropped: saved.dropped,
            channels,
        }
    }

    /// What the user should know.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        let state = self.lock();
        let notice = |text: String, help: Option<String>| Notice { severity: Severity::Warning, text, help };
        let mut notices = Vec::new();
        if let Some(fault) = &state.fault {
            let help = "free some space, or look at the permissions of the state directory: mixlaw doctor";
            notices.push(notice(format!("notifications cannot be saved: {fault}"), Some(help.to_owned())));
        }
        for (name, record) in state.saved.channels.iter().filter(|(_, record)| record.failures >= TELL_AFTER) {
            let why = record.error.as_deref().unwrap_or_default();
            let text = format!("no notification was delivered by {name} in {} attempts: {why}", record.failures);
            let help = record.help.clone().unwrap_or_else(|| "try it: mixlaw alerts test".to_owned());
            notices.push(notice(text, Some(help)));
        }
        notices
    }

    fn save(&self, state: &mut State) {
        match write(&self.path, &state.saved) {
            Ok(()) => (state.written, state.fault) = (true, None),
            Err(error) => (state.written, state.fault) = (false, Some(error.to_string())),
        }
    }
}

/// What a file of an outbox says, for whoever does not own it.
#[must_use]
pub fn look(path: &Path) -> Option<OutboxView> {
    let saved = read(path).ok()?;
    Some(OutboxView {
        waiting: saved.waiting.len(),
        oldest: saved.waiting.first().map(|waiting| waiting.message.at),
        dropped: saved.dropped,
        channels: saved.channels,
    })
}

/// The pause after so many failures in a row: twice as long each time, up to an hour, and by up to a half shorter, so that
/// many daemons do not come back at the same time.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0))
}

enum Damaged {
    Missing,
    Unreadable(String),
}

fn read(path: &Path) -> Result<Saved, Damaged> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Damaged::Missing),
        Err(error) => return Err(Damaged::Unreadable(error.to_string())),
    };
    let damaged = || Damaged::Unreadable(format!("{} is damaged", path.display()));
    let (sum, rest) = text.split_once('\n').ok_or_else(damaged)?;
    if sum != key(rest) {
        return Err(damaged());
    }
    serde_json::from_str(rest).map_err(|_| damaged())
}

fn write(path: &Path, saved: &Saved) -> std::io::Result<()> {
    let json = serde_json::to_string(saved)?;
    open::put(path, format!("{}\n{json}", key(&json)).as_bytes(), true)
}

#[cfg(test)]
mod tests;
