//! Pictures that were drawn: tabs that show the same cost one.

use super::{Data, Picture, Source};
use crate::ipc::protocol::Failure;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most pictures that are kept.
const MOST: usize = 24;

/// A source that is asked by one at a time, and for each picture once a change.
pub struct Cache {
    source: Box<dyn Source>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    generation: u64,
    pictures: BTreeMap<Picture, Arc<str>>,
}

impl Cache {
    /// One with nothing in it.
    #[must_use]
    pub fn of(source: Box<dyn Source>) -> Self {
        Self { source, kept: Mutex::default() }
    }

    /// A picture as it is after so many changes.
    ///
    /// # Errors
    /// What the source says.
    pub fn picture(&self, picture: &Picture, generation: u64) -> Result<Arc<str>, Failure> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != generation || kept.pictures.len() >= MOST {
            *kept = Kept { generation, ..Kept::default() };
        }
        if let Some(drawn) = kept.pictures.get(picture) {
            return Ok(Arc::clone(drawn));
        }
        let drawn: Arc<str> = self.source.picture(picture)?.into();
        kept.pictures.insert(*picture, Arc::clone(&drawn));
        Ok(drawn)
    }

    /// Data.
    ///
    /// # Errors
    /// What the source says.
    pub fn data(&self, data: &Data) -> Result<String, Failure> {
        let _one_at_a_time = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.source.data(data)
    }
}
