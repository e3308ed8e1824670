//! What a check found.

use crate::vocab::text::printable;
use crate::vocab::{Notice, Severity};

/// Findings of one kind that are listed one by one.
const LISTED: usize = 5;

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings(Vec<Notice>);

impl Findings {
    /// Something to know: nothing has to be done.
    pub fn know(&mut self, text: impl AsRef<str>) {
        self.push(Severity::Info, text.as_ref(), None);
    }

    /// Something to do; everything else works.
    pub fn warn(&mut self, text: impl AsRef<str>, help: impl AsRef<str>) {
        self.push(Severity::Warning, text.as_ref(), Some(help.as_ref()));
    }

    /// Something that does not work.
    pub fn fail(&mut self, text: impl AsRef<str>, help: impl AsRef<str>) {
        self.push(Severity::Error, text.as_ref(), Some(help.as_ref()));
    }

    /// Setup notes of the daemon or the engine; the first few of many.
    pub fn repeat(&mut self, notices: impl Iterator<Item = Notice>, of_what: &str) {
        let all: Vec<Notice> = notices.collect();
        let more = all.len().saturating_sub(LISTED);
        self.0.extend(all.into_iter().take(LISTED));
        if more > 0 {
            self.warn(format!("{more} more {of_what}"), "list all: mixlaw check");
        }
    }

    fn push(&mut self, severity: Severity, text: &str, help: Option<&str>) {
        let lines = |text: &str| text.lines().map(printable).collect::<Vec<_>>().join("\n");
        self.0.push(Notice { severity, text: lines(text), help: help.map(lines) });
    }

    /// The worst first.
    #[must_use]
    pub fn sorted(mut self) -> Vec<Notice> {
        self.0.sort_by_cached_key(|found| std::cmp::Reverse(found.severity));
        self.0
    }
}
