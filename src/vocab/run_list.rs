//! The runs of a snapshot. Most are what they were in the one before, and hardly anybody looks at all of them each time.

use super::{ByNumber, RunView, newest_first};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

/// Runs, newest activity first: a list that is put in order when somebody first asks for it.
#[derive(Debug, Clone, Default)]
pub struct RunList {
    list: OnceLock<Vec<Arc<RunView>>>,
    /// What it is made from, and the time in seconds since 1970; `None` where it was given as a list.
    from: Option<(ByNumber<Arc<RunView>>, f64)>,
}

impl RunList {
    /// The list of runs at a time in seconds since 1970.
    #[must_use]
    pub fn at(runs: ByNumber<Arc<RunView>>, at: f64) -> Self {
        Self { list: OnceLock::new(), from: Some((runs, at)) }
    }

    /// The same by number.
    #[must_use]
    pub fn by_number(&self) -> ByNumber<Arc<RunView>> {
        match &self.from {
            Some((runs, _)) => runs.clone(),
            None => self.iter().map(|run| (run.id, Arc::clone(run))).collect(),
        }
    }

    fn made(&self) -> Vec<Arc<RunView>> {
        let Some((runs, at)) = &self.from else { return Vec::new() };
        let mut list: Vec<_> = runs.iter().map(|(_, run)| Arc::clone(run)).collect();
        newest_first(&mut list, *at);
        list
    }
}

impl Deref for RunList {
    type Target = Vec<Arc<RunView>>;

    fn deref(&self) -> &Self::Target {
        self.list.get_or_init(|| self.made())
    }
}

impl DerefMut for RunList {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let list = self.list.take().unwrap_or_else(|| self.made());
        *self = Self::from(list);
        self.list.get_mut().unwrap_or_else(|| unreachable!("it was put there"))
    }
}

impl From<Vec<Arc<RunView>>> for RunList {
    fn from(list: Vec<Arc<RunView>>) -> Self {
        Self { list: OnceLock::from(list), from: None }
    }
}

impl FromIterator<Arc<RunView>> for RunList {
    fn from_iter<I: IntoIterator<Item = Arc<RunView>>>(all: I) -> Self {
        all.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a RunList {
    type Item = &'a Arc<RunView>;
    type IntoIter = std::slice::Iter<'a, Arc<RunView>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for RunList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Serialize for RunList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RunList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
