//! What browsers are told: that something has changed, that the daemon is lost, that it is back.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A line that says nothing is sent after so long, so that a browser that is gone is noticed.
const SILENCE: Duration = Duration::from_secs(15);
/// The least time between two changes that are told.
const EVERY: Duration = Duration::from_millis(1000);

/// What is true now.
#[derive(Debug, Default)]
pub struct Changes {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone)]
struct Now {
    generation: u64,
    /// Why the daemon is lost; `None` while it is there.
    lost: Option<String>,
}

impl Changes {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often something has changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Something has changed, and the daemon is there.
    pub fn happened(&self) {
        let mut now = self.lock();
        now.generation += 1;
        now.lost = None;
        self.changed.notify_all();
    }

    /// The daemon is lost.
    pub fn lost(&self, why: &str) {
        let mut now = self.lock();
        now.generation += 1;
        now.lost = Some(why.to_owned());
        self.changed.notify_all();
    }

    /// Waits until more has changed than `seen`, or for as long as a line may be silent.
    fn after(&self, seen: Option<u64>) -> Option<Now> {
        let now = self.lock();
        let (now, _) = self
            .changed
            .wait_timeout_while(now, SILENCE, |now| Some(now.generation) == seen)
            .unwrap_or_else(PoisonError::into_inner);
        (Some(now.generation) != seen).then(|| now.clone())
    }

    /// Tells a browser of changes until it is gone.
    ///
    /// # Errors
    /// What the connection says: it is over.
    pub fn tell(&self, to: &mut impl Write) -> std::io::Result<()> {
        let mut seen = None;
        loop {
            match self.after(seen) {
                None => to.write_all(b": still here\n\n")?,
                Some(now) => {
                    seen = Some(now.generation);
                    to.write_all(event(&now).as_bytes())?;
                }
            }
            to.flush()?;
            std::thread::sleep(EVERY);
        }
    }
}

/// An event as it goes over the line: no text of it can begin a line of its own.
fn event(now: &Now) -> String {
    let (name, data) = match &now.lost {
        None => ("change", now.generation.to_string()),
        Some(why) => ("lost", why.split(['\r', '\n']).collect::<Vec<_>>().join(" ")),
    };
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_two_lines_whatever_is_in_it() {
        let now = Now { generation: 7, lost: None };
        assert_eq!(event(&now), "event: change\ndata: 7\n\n");
        let now = Now { generation: 8, lost: Some("gone\n\nevent: change\r\ndata: 9".to_owned()) };
        assert_eq!(event(&now), "event: lost\ndata: gone  event: change  data: 9\n\n");
    }

    #[test]
    fn whoever_comes_is_told_at_once_and_then_of_what_is_new() {
        let changes = Changes::default();
        assert_eq!(changes.after(None).map(|now| now.generation), Some(0));
        changes.happened();
        changes.lost("killed");
        let now = changes.after(Some(0)).unwrap();
        assert_eq!((now.generation, now.lost.as_deref()), (2, Some("killed")));
        changes.happened();
        assert!(changes.after(Some(2)).unwrap().lost.is_none());
    }
}
