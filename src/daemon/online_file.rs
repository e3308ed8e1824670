//! The file with a run's online weights, which its trainer polls: written whole, where the project says so and nowhere else.

use super::online::{mixture, newest, seen};
use super::publisher::CurrentState;
use crate::advise::online;
use crate::open;
use crate::project::OnlineWrite;
use crate::store::ReadStore;
use crate::vocab::text::printable;
use crate::vocab::{Notice, Severity};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// A file of weights is no longer than this.
const MOST_BYTES: u64 = 1 << 20;

/// What was written last, and what is in the way.
#[derive(Debug, Default)]
pub struct OnlineFile {
    written: Option<(OnlineWrite, Value)>,
    wrong: Option<Notice>,
}

impl OnlineFile {
    /// What is in the way of writing.
    pub fn notice(&self) -> Option<&Notice> {
        self.wrong.as_ref()
    }

    /// Writes the newest weights, where they are others than those that were written.
    pub fn update(&mut self, current: &CurrentState) {
        let Some(wanted) = &current.project.online else {
            *self = Self::default();
            return;
        };
        self.wrong = self.write(wanted, current).err().map(|(text, help)| Notice {
            severity: Severity::Error,
            text: printable(&format!("online weights are not written: {text}")),
            help: Some(printable(&help)),
        });
    }

    fn write(&mut self, wanted: &OnlineWrite, current: &CurrentState) -> Result<(), (String, String)> {
        let named = |name: &str| name == wanted.run || name.rsplit('/').next() == Some(&wanted.run);
        let mut runs = current.records.iter().filter(|record| named(&record.name));
        // The run may not have begun.
        let Some(record) = runs.next() else { return Ok(()) };
        if runs.next().is_some() {
            let text = format!("several runs are called '{}'", wanted.run);
            return Err((text, format!("name one in `online.run`, such as {}", record.name)));
        }
        let Some(rule) = online::get(&wanted.rule) else { return Ok(()) };
        let store: &dyn ReadStore = &*current.store;
        let seen = seen(&current.project, store, record).map_err(|e| (e.to_string(), "mixlaw doctor".to_owned()))?;
        let Some(last) = seen.turns.last() else { return Ok(()) };
        let weights = mixture(&seen.domains, &newest(rule, &seen));
        let value =
            json!({ "by": BY, "run": &*record.name, "rule": wanted.rule, "step": last.step, "weights": weights.0 });
        if self.written.as_ref().is_some_and(|(to, known)| to == wanted && *known == value) {
            return Ok(());
        }
        let path = current.project.root.join(&wanted.write);
        replace(&path, &value)
            .map_err(|error| (format!("{}: {error}", wanted.write), format!("check: ls -ld {}", path.display())))?;
        self.written = Some((wanted.clone(), value));
        Ok(())
    }
}

/// What the file says of who writes it: no file of somebody else's is replaced.
const BY: &str = "mixlaw online";

/// Puts a file in place of another at once: whoever reads it sees the old or the new one, whole.
///
/// # Errors
/// What the system says, or that the file is somebody else's.
fn replace(path: &Path, value: &Value) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        let text = open::whole(path, MOST_BYTES).map_err(|error| io::Error::other(error.to_string()))?;
        let ours = serde_json::from_slice::<Value>(&text).is_ok_and(|known| known["by"] == BY);
        if !ours {
            return Err(io::Error::other("it is there, and mixlaw has not written it; remove it or name another file"));
        }
    }
    open::put(path, format!("{value}\n").as_bytes(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_reader_never_sees_a_part_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.json");
        let many: Vec<String> = (0..2000).map(|i| format!("domain {i}")).collect();
        let value = |n: usize| json!({ "by": BY, "step": n, "weights": many, "end": n });
        replace(&path, &value(0)).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut read, mut last) = (0_usize, 0);
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let text = open::whole(&path, MOST_BYTES).unwrap();
                    let known: Value = serde_json::from_slice(&text).expect("whole");
                    assert_eq!(known["step"], known["end"]);
                    assert!(known["step"].as_u64().unwrap() >= last, "older than before");
                    last = known["step"].as_u64().unwrap();
                    read += 1;
                }
                read
            });
            (1..=200).for_each(|n| replace(&path, &value(n)).unwrap());
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(reader.join().unwrap() > 0);
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn no_file_of_somebody_elses_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "lr: 1", "{\"weights\": 1}"] {
            let path = dir.path().join("train.json");
            fs::write(&path, text).unwrap();
            let error = replace(&path, &json!({ "by": BY })).unwrap_err();
            assert!(error.to_string().contains("has not written it"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), text.as_bytes());
        }
    }
}
