//! Journal: writes down what no log can say again, and reads it at the start.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_age;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::seconds;
use crate::daemon::shared::Shared;
use crate::store::journal::Contents;
use crate::store::{Journal, SledStore, StoreError};
use crate::vocab::date::day;
use crate::vocab::{Notice, Severity};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often it is looked whether entries are too old.
const AGE_EVERY: Duration = Duration::from_secs(86_400);
/// So many old entries, or a tenth of all, are worth writing the journal anew.
const LEAST: usize = 1_000;

/// See the [module](self).
#[derive(Default)]
pub struct JournalWriter {
    /// The store's journal; none where nothing is kept.
    journal: Option<Journal>,
    unwritten: Vec<JournalLine>,
    /// Time of the oldest entry that goes when it is old, seconds since 1970.
    oldest: Option<f64>,
    /// When it was last looked whether it has old entries.
    aged: Option<Instant>,
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
        let lines: Vec<JournalLine> = lines.into_iter().map(|(line, _)| line).collect();
        self.oldest = journal_age::oldest(&lines);
        out.send(Event::JournalRead(lines));
        Ok(())
    }

    /// Leaves old entries out, where that is due and worth it.
    fn age(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        let now = seconds(shared.now);
        let Some(journal) = self.journal.as_mut().filter(|_| self.unwritten.is_empty()) else { return Ok(()) };
        let long = journal.written().is_some_and(|written| written > journal_age::MOST as u64);
        let longest = shared.written.retention.journal.as_secs_f64();
        let old =
            self.oldest.is_some_and(|at| now - at > longest) && self.aged.is_none_or(|at| at.elapsed() > AGE_EVERY);
        if !long && !old {
            return Ok(());
        }
        self.aged = Some(Instant::now());
        let contents = journal.contents(0)?;
        // What is damaged is put aside at the next start, and what is lost is missed at each, as long as that can be.
        if !contents.damaged.is_empty() || contents.lost > 0 && !long {
            return Ok(());
        }
        let entries: Vec<Value> = contents.entries.into_iter().map(|entry| entry.value).collect();
        let stays = journal_age::kept(&entries, now, longest);
        let left: Vec<&Value> =
            entries.iter().zip(&stays).filter(|(_, stays)| **stays).map(|(value, _)| value).collect();
        let gone = entries.len() - left.len();
        if gone < LEAST && gone * 10 < entries.len() || gone == 0 {
            return Ok(());
        }
        // Should the machine go down between the two, nothing is missed that was left out.
        shared.store.keep_journal_entries(0)?;
        shared.store.flush()?;
        journal.rewrite(&left)?;
        shared.store.keep_journal_entries(left.len() as u64)?;
        tracing::info!(gone, left = left.len(), "left old entries of the journal out");
        let lines: Vec<JournalLine> =
            left.into_iter().filter_map(|value| serde_json::from_value(value.clone()).ok()).collect();
        self.oldest = journal_age::oldest(&lines);
        out.send(Event::JournalShortened(lines));
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
            Event::Idle => self.age(shared, out)?,
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
    use super::*;
    use crate::daemon::component::{self, dispatch};
    use crate::project::Project;
    use serde_json::json;
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    /// Starts on a store, is idle at a day, and returns what was sent: entries left, where old ones went.
    fn idle_at(store: &Arc<SledStore>, day: u64) -> (JournalWriter, Option<usize>) {
        let mut journal = JournalWriter::default();
        let mut shared = Shared::new(Project::default(), Arc::clone(store));
        shared.now = UNIX_EPOCH + Duration::from_secs(86_400 * day);
        component::start(&mut [&mut journal], &mut shared).unwrap();
        let mut left = None;
        dispatch(&mut [&mut journal], &mut shared, Event::Idle, &mut |event| {
            if let Event::JournalShortened(lines) = event {
                left = Some(lines.len());
            }
        })
        .unwrap();
        (journal, left)
    }

    #[test]
    fn old_entries_go_and_are_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(dir.path()).unwrap().0;
        let ended =
            |n: u64| json!({"ended": {"run": format!("r{n}"), "metric": "loss", "truth": 2.0, "at": 86_400 * n}});
        let label = json!({"labelled": {"run": "a", "tags": ["x"], "at": 1.0}});
        let values: Vec<Value> = std::iter::once(label.clone()).chain((0..400).map(ended)).collect();
        store.journal().unwrap().unwrap().append_all(&values).unwrap();
        assert_eq!(idle_at(&store, 380).1, None, "few are not worth it");
        let (mut journal, left) = idle_at(&store, 500);
        assert_eq!(left, Some(1 + 265));
        // What is noted later is behind what was left.
        let mut shared = Shared::new(Project::default(), Arc::clone(&store));
        let over = JournalLine::Over { id: 7, at: 1.0 };
        dispatch(&mut [&mut journal], &mut shared, Event::Note(over), &mut |_| ()).unwrap();
        dispatch(&mut [&mut journal], &mut shared, Event::Save, &mut |_| ()).unwrap();
        drop((journal, shared, store));
        let store = SledStore::open(dir.path()).unwrap().0;
        assert_eq!(store.journal_entries().unwrap(), 267);
        let (again, left) = idle_at(&store, 500);
        assert!(again.lost.is_none() && left.is_none(), "{:?}", again.lost);
        let (values, damaged) = store.journal().unwrap().unwrap().read().unwrap();
        assert_eq!((values.len(), damaged, &values[0], &values[1]), (267, 0, &label, &ended(135)));
    }
}
