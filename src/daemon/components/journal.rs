//! Journal: writes down what no log can say again, and reads it at the start.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::shared::Shared;
use crate::store::journal::Contents;
use crate::store::{Journal, SledStore, StoreError};
use crate::vocab::date::day;
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
