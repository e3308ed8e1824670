//! Retry schedule of a file that cannot be read. Other files are read in the meantime.

use std::io::{Error, ErrorKind};
use std::time::{Duration, SystemTime};

/// The first and the longest pause between two attempts.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Why a file cannot be read at present.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Empty where it is nothing to tell: the file is gone, and the next listing will say so.
    reason: String,
    pause: Duration,
    /// When it is tried again; `None` where nothing but a change of the file can help.
    again: Option<SystemTime>,
}

impl Fault {
    /// What the system said, after what it said before: each pause is twice as long as the last.
    pub fn of(error: &Error, before: Option<Self>, now: SystemTime) -> Self {
        let pause = before.filter(|b| b.again.is_some()).map_or(SHORTEST, |b| (2 * b.pause).min(LONGEST));
        let gone = error.kind() == ErrorKind::NotFound;
        let reason = if gone { String::new() } else { error.to_string() };
        Self { reason, pause, again: Some(now + pause) }
    }

    /// What the file holds is no log, and stays none as long as it does not change.
    pub fn of_content(reason: &str) -> Self {
        Self { reason: reason.to_owned(), pause: SHORTEST, again: None }
    }

    /// The file has changed: one attempt at once.
    pub fn changed(&mut self, now: SystemTime) {
        self.again = Some(now);
    }

    /// Whether it is time for an attempt; where the clock was set back, too.
    pub fn is_due(&self, now: SystemTime) -> bool {
        let Some(again) = self.again else { return false };
        again.duration_since(now).map_or(true, |wait| wait.is_zero() || wait > self.pause)
    }

    /// Why, where that is to be told.
    pub fn told(&self) -> Option<&str> {
        Some(self.reason.as_str()).filter(|reason| !reason.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn pauses_double_up_to_a_minute_and_a_change_is_tried_at_once() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let error = Error::from_raw_os_error(5);
        let mut fault = Fault::of(&error, None, at(1000));
        let mut now = 1000;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(!fault.is_due(at(now + pause - 1)), "{pause}");
            now += pause;
            assert!(fault.is_due(at(now)), "{pause}");
            fault = Fault::of(&error, Some(fault), at(now));
        }
        fault.changed(at(now));
        assert!(fault.is_due(at(now)));
        fault = Fault::of(&error, Some(fault), at(now));
        assert!(fault.is_due(at(now - 500)), "the clock was set back");
        assert_eq!(fault.told(), Some("Input/output error (os error 5)"));
        assert_eq!(Fault::of(&Error::from_raw_os_error(2), None, at(0)).told(), None, "it is gone");
        assert!(!Fault::of_content("no log").is_due(at(1 << 40)));
    }
}
