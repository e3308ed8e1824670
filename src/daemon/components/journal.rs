//! Journal: writes down what no log can say again, and reads it at the start.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::shared::Shared;
use crate::store::journal::Contents;
use crate::store::{Journal, SledStore, StoreError};
use crate::vocab::{Notice, Severity};
use serde_json::Value;
use std::path::Path;

/// See the [module](self).
#[derive(Default)]
pub struct JournalWriter {
    /// The store's journal; none where nothing is kept.
    journal: Option<Journal>,
    unwritten: Vec<JournalLine>,
    /// What is said of entries that are lost.
    lost: Option<Notice>,
}

impl JournalWriter {
    fn open(&mut self, store: &SledStore, out: &mut Outbox) -> Result<(), StoreError> {
        *self = Self { journal: store.journal()?, ..Self::default() };
        let Some(journal) = &mut self.journal else {
            out.send(Event::JournalRead(Vec::new()));
            return Ok(());
        };
        let known = store.journal_entries()?;
        let contents = journal.contents(known)?;
        let lines: Vec<(JournalLine, usize)> = contents
            .entries
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| Some((serde_json::from_value(entry.value.clone()).ok()?, place)))
            .collect();
        // A line of another kind is one of a later version; without a checksum there is no such line.
        let odd =
            contents.entries.iter().enumerate().filter(|(place, entry)| {
                !entry.checked && lines.binary_search_by_key(place, |(_, place)| *place).is_err()
            });
        let lost = contents.lost + odd.count() as u64;
        self.lost = (lost > 0).then(|| said(lost, &contents, &lines, journal.path(), &journal.aside()));
        // What cannot be put aside (a full disk) stays where it is, and is no line the next time either.
        if let Err(error) = journal.repair(&contents) {
            tracing::warn!(%error, "could not put damaged lines of the journal aside");
        }
        if let Some(written) = journal.written().filter(|written| *written != known) {
            store.keep_journal_entries(written)?;
        }
        out.send(Event::JournalRead(lines.into_iter().map(|(line, _)| line).collect()));
        Ok(())
    }

    /// Whether what is noted is kept.
    pub fn is_kept(&self) -> bool {
        self.journal.is_some()
    }

    /// What the user should know of the journal.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.lost.iter()
    }

    /// Puts what is new on disk. Where there is none (a temporary store), it is let go. What could not be written is tried
    /// again the next time.
    fn save(&mut self, store: &SledStore) -> Result<(), StoreError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if let Some(journal) = &mut self.journal {
            let values: Vec<Value> = self.unwritten.iter().filter_map(|l| serde_json::to_value(l).ok()).collect();
            journal.append_all(&values)?;
            self.unwritten.clear();
            if let Some(written) = journal.written() {
                store.keep_journal_entries(written)?;
            }
        }
        self.unwritten.clear();
        Ok(())
    }
}

/// What is said of entries that are lost.
fn said(lost: u64, contents: &Contents, lines: &[(JournalLine, usize)], path: &Path, aside: &Path) -> Notice {
    let when = |place: Option<usize>| lines.iter().find(|(_, p)| Some(*p) == place).map(|(line, _)| day(line.at()));
    let since = match (when(contents.between.0), when(contents.between.1)) {
        (Some(after), Some(before)) => format!(", written between {after} and {before}"),
        (Some(after), None) => format!(", written since {after}"),
        (None, Some(before)) => format!(", written before {before}"),
        (None, None) => String::new(),
    };
    let entries = if lost == 1 { "1 entry".to_owned() } else { format!("{lost} entries") };
    let how = match (contents.entries.is_empty() && contents.damaged.is_empty(), contents.damaged.is_empty()) {
        (true, _) => "was deleted: it had",
        (false, true) => "has lost",
        (false, false) => "is damaged and has lost",
    };
    let text = format!(
        "the journal {} {how} {entries}{since}: forecasts, grades, alerts or dismissals of these are missing",
        path.display()
    );
    let help = match aside.exists() || !contents.damaged.is_empty() {
        true => format!("damaged lines are kept in {}; or restore the journal from a backup", aside.display()),
        false => "restore the file from a backup while no daemon runs: mixlaw daemon stop".to_owned(),
    };
    Notice { severity: Severity::Warning, text, help: Some(help) }
}

/// The day of a time in seconds since 1970, in UTC.
fn day(at: f64) -> String {
    // Days since 0000-03-01, in eras of 400 years (H. Hinnant, chrono-compatible low-level date algorithms).
    let days = (at / 86_400.0).floor() as i64 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", year + 400 * era + i64::from(month <= 2))
}

impl Component for JournalWriter {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn start(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        self.open(&shared.store, out)
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Note(line) => self.unwritten.push(line.clone()),
            Event::Save => self.save(&shared.store)?,
            // With a journal nothing is forgotten, and what could not be written yet will be. Where there was none, the
            // journal that there is now says what was known before.
            Event::StoreReplaced(store) if self.journal.is_none() => self.open(store, out)?,
            _ => {}
        }
        Ok(())
    }

    fn stop(&mut self, shared: &Shared) -> Result<(), StoreError> {
        self.save(&shared.store)
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_those_of_the_calendar() {
        let days =
            [(0.0, "1970-01-01"), (951_782_400.0, "2000-02-29"), (1_795_832_768.3, "2026-11-28"), (-1.0, "1969-12-31")];
        assert!(days.iter().all(|(at, text)| day(*at) == *text), "{:?}", days.map(|(at, _)| day(at)));
    }
}
