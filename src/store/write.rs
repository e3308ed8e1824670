//! Writing to the store: one commit is one atomic batch of points, cursor and statistics.

use super::changes::Changes;
use super::commit::Commit;
use super::group::Group;
use super::open_blocks::COLUMNS;
use super::outlet::Change;
use super::state::{FileState, RunState};
use super::{FileId, RunId, SledStore, StoreError, keys};
use crate::vocab::Facts;
use std::sync::{Arc, PoisonError};

impl SledStore {
    /// The number of a run, new where it is not known.
    ///
    /// # Errors
    /// What the disk says.
    pub fn run(&self, name: &str) -> Result<RunId, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = self.state().run_ids.get(name) {
            return Ok(*id);
        }
        let id = RunId(self.state().runs.keys().next_back().map_or(0, |last| last.0 + 1));
        self.db.insert(keys::one(b'r', id.0), name.as_bytes()).map_err(|e| self.failed(&e))?;
        let mut state = self.state_mut();
        state.run_ids.insert(name.to_owned(), id);
        state.runs.insert(id, RunState { name: name.to_owned(), ..RunState::default() });
        Ok(id)
    }

    /// The number of a run, where it is known.
    #[must_use]
    pub fn find_run(&self, name: &str) -> Option<RunId> {
        self.state().run_ids.get(name).copied()
    }

    /// The files of a run that points come from.
    #[must_use]
    pub fn file_ids(&self, run: RunId) -> Vec<FileId> {
        self.state().runs.get(&run).map(|run| run.files.clone()).unwrap_or_default()
    }

    /// The formats of a run's files, by name.
    #[must_use]
    pub fn formats(&self, run: RunId) -> Vec<String> {
        let state = self.state();
        let files = state.runs.get(&run).map(|run| run.files.as_slice()).unwrap_or_default();
        files.iter().filter_map(|file| Some(state.files.get(file)?.record.format_name().to_owned())).collect()
    }

    /// Replaces what is known of a run besides metrics. Returns whether that is anything new.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_facts(&self, run: RunId, facts: &Facts) -> Result<bool, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().runs.get(&run).is_none_or(|r| *r.facts == *facts) {
            return Ok(false);
        }
        let bytes = serde_json::to_vec(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let mut changes = Changes::new(self);
        if self.outlet.get().is_some() {
            let run = self.run_name(run).unwrap_or_default();
            self.tell(Change::Facts { run, facts: facts.clone() }, &mut changes)?;
        }
        changes.insert(&keys::one(b'F', run.0), bytes);
        self.apply(changes.write()?)?;
        if let Some(run) = self.state_mut().runs.get_mut(&run) {
            run.facts = Arc::new(facts.clone());
        }
        Ok(true)
    }

    /// Forgets a run and everything of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget(&self, run: RunId) -> Result<(), StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::new(self);
        if let Some(name) = self.run_name(run) {
            self.tell(Change::ForgetRun(name), &mut changes)?;
        }
        let mut state = self.state_mut();
        let own = state.runs.get(&run).map(|r| r.files.clone()).unwrap_or_default();
        let parts = |id: &FileId| state.parts.get(id).cloned().unwrap_or_default();
        let files: Vec<FileId> = own.iter().flat_map(|id| std::iter::once(*id).chain(parts(id))).collect();
        for id in &files {
            if let Some(file) = state.files.get(id) {
                self.remove_file(*id, file, &mut changes)?;
            }
        }
        changes.remove(&keys::one(b'r', run.0));
        changes.remove(&keys::one(b'F', run.0));
        changes.remove(&keys::one(b'T', run.0));
        self.apply(changes.write()?)?;
        files.into_iter().for_each(|id| state.detach(id));
        if let Some(gone) = state.runs.remove(&run) {
            state.run_ids.remove(&gone.name);
        }
        Ok(())
    }

    /// Forgets a file and everything of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget_file(&self, id: FileId) -> Result<(), StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::new(self);
        self.tell(Change::ForgetFile(id.0), &mut changes)?;
        let mut state = self.state_mut();
        let parts = state.parts.get(&id).cloned().unwrap_or_default();
        let files: Vec<FileId> = std::iter::once(id).chain(parts).collect();
        for id in &files {
            if let Some(file) = state.files.get(id) {
                self.remove_file(*id, file, &mut changes)?;
            }
        }
        self.apply(changes.write()?)?;
        files.into_iter().for_each(|id| state.detach(id));
        Ok(())
    }

    /// Sends one change on, where there is an outlet, and has what is about to be written say so.
    fn tell(&self, change: Change, changes: &mut Changes<'_>) -> Result<(), StoreError> {
        if let Some((key, number)) = self.send(vec![change])? {
            changes.insert(&key, &number);
        }
        Ok(())
    }

    /// Stores points and the cursor that accounts for them, together or not at all.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn commit(&self, commit: &Commit) -> Result<FileId, StoreError> {
        let mut group = self.group();
        let id = group.add(commit)?;
        group.write()?;
        Ok(id)
    }

    /// A group to add commits to. As long as there is one, nothing else can be written.
    pub fn group(&self) -> Group<'_> {
        Group::of(self, self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes everything of a file.
    pub(super) fn remove_file(&self, id: FileId, file: &FileState, changes: &mut Changes) -> Result<(), StoreError> {
        for prefix in [b'd', b't'] {
            for key in self.db.keys(keys::one(prefix, id.0)).map_err(|e| self.failed(&e))? {
                changes.remove(key);
            }
        }
        for key in self.db.keys(keys::one(b'a', id.0)).map_err(|e| self.failed(&e))? {
            changes.remove_packed(&key)?;
        }
        for chunk in 0..file.columns.len().div_ceil(COLUMNS) {
            changes.remove_packed(&keys::of_open(id, chunk as u32))?;
        }
        self.remove_blocks(id, file, 0..file.columns.len(), changes)?;
        changes.remove(&keys::one(b'f', id.0));
        changes.remove(&keys::one(b'l', id.0));
        Ok(())
    }
}
