//! Notifier: the thread that delivers what is in the outbox. It runs only where a project has channels.

use super::channel::Channel;
use super::channels;
use super::message::key;
use super::outbox::Outbox;
use crate::project::Project;
use crate::vocab::{Notice, Severity};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often it looks while something waits.
const LOOK: Duration = Duration::from_millis(500);
/// How often while nothing does.
const IDLE: Duration = Duration::from_secs(60);
/// How long a delivery may take to end when the daemon stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// Channels, each used by one thread at a time.
type Channels = Vec<Arc<Mutex<Box<dyn Channel>>>>;

/// See the [module](self).
pub struct Notifier {
    outbox: Arc<Outbox>,
    channels: Arc<Mutex<Channels>>,
    /// Whether the thread runs.
    runs: Arc<AtomicBool>,
    /// Why nobody is told although the project says so.
    refused: Option<Notice>,
}

impl Notifier {
    /// The notifier of a project, with its outbox in a file.
    #[must_use]
    pub fn new(project: &Project, path: PathBuf) -> Self {
        let outbox = Arc::new(Outbox::open(path));
        let (channels, runs) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let mut notifier = Self { outbox, channels, runs, refused: None };
        notifier.configure(project);
        notifier
    }

    /// Where messages are put.
    #[must_use]
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Takes up the channels of a project.
    pub fn configure(&mut self, project: &Project) {
        self.refused = None;
        let channels = channels::all(project).unwrap_or_else(|error| {
            let text = format!("notifications are off: {error}");
            self.refused = Some(Notice { severity: Severity::Warning, text, help: error.help });
            Vec::new()
        });
        let names: Vec<String> = channels.iter().map(|channel| channel.name().to_owned()).collect();
        let any = !names.is_empty();
        let shared = channels.into_iter().map(|channel| Arc::new(Mutex::new(channel))).collect();
        *self.channels.lock().unwrap_or_else(PoisonError::into_inner) = shared;
        self.outbox.configure(&project.name, names, project.notify.pause, now());
        if any && !self.runs.swap(true, Ordering::SeqCst) {
            let (outbox, channels, runs) = (self.outbox(), Arc::clone(&self.channels), Arc::clone(&self.runs));
            let deliver = move || {
                while outbox.wait(LOOK, IDLE) {
                    let all = channels.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    for channel in all {
                        deliver(channel.lock().unwrap_or_else(PoisonError::into_inner).as_ref(), &outbox);
                    }
                }
                runs.store(false, Ordering::SeqCst);
            };
            if std::thread::Builder::new().name("notifier".to_owned()).spawn(deliver).is_err() {
                self.runs.store(false, Ordering::SeqCst);
                let text = "notifications are off: no thread can be started".to_owned();
                self.refused = Some(Notice { severity: Severity::Warning, text, help: None });
            }
        }
    }

    /// What the user should know.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.refused.iter().cloned().chain(self.outbox.notices()).collect()
    }
}

impl Drop for Notifier {
    /// Stops after the delivery that is under way, as far as that takes no longer than anyone waits.
    fn drop(&mut self) {
        self.outbox.close();
        let until = Instant::now() + GOODBYE;
        while self.runs.load(Ordering::SeqCst) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn deliver(channel: &dyn Channel, outbox: &Outbox) {
    let Some(batch) = outbox.next(channel.name(), now()) else { return };
    match channel.deliver(&batch) {
        Ok(()) => {
            tracing::debug!(channel = channel.name(), messages = batch.messages.len(), "delivered");
            outbox.delivered(channel.name(), now());
        }
        Err(error) => {
            tracing::warn!(channel = channel.name(), help = error.help, "not delivered: {error}");
            outbox.failed(channel.name(), &error.text, error.help.as_deref(), error.retry_after, jitter());
        }
    }
}

/// A number from 0 to 1 that two daemons do not share.
fn jitter() -> f64 {
    let seed = key(&format!("{:?}{}", Instant::now(), std::process::id()));
    u16::from_str_radix(&seed[..4], 16).map_or(0.5, |n| f64::from(n) / f64::from(u16::MAX))
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
