//! Values by number, in small pages that copies share: a copy of a thousand of them, and a change to one, cost a page each.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values to a page.
const PAGE: u32 = 16;

/// Values by number (of a run, say), in the order of their numbers.
#[derive(Debug)]
pub struct ByNumber<T> {
    pages: BTreeMap<u32, Arc<BTreeMap<u32, T>>>,
    len: usize,
}

impl<T> Default for ByNumber<T> {
    fn default() -> Self {
        Self { pages: BTreeMap::new(), len: 0 }
    }
}

impl<T> Clone for ByNumber<T> {
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone(), len: self.len }
    }
}

impl<T> ByNumber<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.pages.get(&(number / PAGE))?.get(&number)
    }

    /// Numbers and values.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.values().flat_map(|page| page.iter()).map(|(number, value)| (*number, value))
    }

    /// Those numbers and values whose pages are others than in `before`: all that differ from it, and a few that do not.
    pub fn unlike<'a>(&'a self, before: Option<&'a Self>) -> impl Iterator<Item = (u32, &'a T)> {
        let shared = move |at: &u32, page: &Arc<_>| {
            before.and_then(|before| before.pages.get(at)).is_some_and(|old| Arc::ptr_eq(old, page))
        };
        let own = self.pages.iter().filter(move |(at, page)| !shared(at, page));
        own.flat_map(|(_, page)| page.iter()).map(|(number, value)| (*number, value))
    }
}

impl<T: Clone> ByNumber<T> {
    /// Sets the value of a number.
    pub fn insert(&mut self, number: u32, value: T) {
        let page = Arc::make_mut(self.pages.entry(number / PAGE).or_default());
        self.len += usize::from(page.insert(number, value).is_none());
    }

    /// Takes a number's value away.
    pub fn remove(&mut self, number: u32) {
        let Some(page) = self.pages.get_mut(&(number / PAGE)).filter(|page| page.contains_key(&number)) else { return };
        let page = Arc::make_mut(page);
        page.remove(&number);
        self.len -= 1;
        if page.is_empty() {
            self.pages.remove(&(number / PAGE));
        }
    }
}

impl<T: Clone> FromIterator<(u32, T)> for ByNumber<T> {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(all: I) -> Self {
        let mut by_number = Self::default();
        all.into_iter().for_each(|(number, value)| by_number.insert(number, value));
        by_number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_whose_copies_share_what_has_not_changed() {
        let mut now: ByNumber<u32> = (0..100).map(|number| (3 * number, number)).collect();
        let before = now.clone();
        assert_eq!(now.unlike(Some(&before)).count(), 0);
        now.insert(30, 7);
        now.insert(1, 8);
        now.remove(297);
        now.remove(298);
        assert_eq!((now.len(), before.len()), (100, 100));
        assert_eq!(
            (now.get(30), before.get(30), now.get(297), before.get(297)),
            (Some(&7), Some(&10), None, Some(&99))
        );
        assert!(now.iter().map(|(number, _)| number).is_sorted());
        let unlike: Vec<u32> = now.unlike(Some(&before)).map(|(number, _)| number).collect();
        assert!(unlike.contains(&30) && unlike.contains(&1) && unlike.len() <= 3 * PAGE as usize, "{unlike:?}");
        assert_eq!(now.unlike(None).count(), now.len());
        let numbers: Vec<u32> = now.iter().map(|(number, _)| number).collect();
        numbers.into_iter().for_each(|number| now.remove(number));
        assert!(now.is_empty() && now.pages.is_empty());
    }
}
