//! Sink for the points and facts that parsers read.
//!
//! A file may hold more than one run: a queue that trains one after another into one log, a table with a column that names the
//! run, a chart exported with a column for each. What is read of each such *part* goes under a name of its own: metrics are
//! told apart by part, so that a point says by its metric where it belongs.

pub use crate::vocab::RawPoint;
use crate::vocab::{FactName, FactValue};
use std::collections::HashMap;

/// Longest name of a metric that is in a record, not in a key, in bytes.
const MOST_BYTES: usize = 200;
/// Most runs in one file.
const MOST_PARTS: usize = 10_000;
/// Most metrics of one file: a log that names more names something else than metrics (an id, a time), and each costs memory
/// for as long as the run is known.
const MOST_METRICS: usize = 20_000;
/// Stands for all metrics beyond these; none of its points is kept.
const REST: &str = "(more metrics)";
/// Most metrics that records name.
const MOST_NAMED: usize = 10_000;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Bytes from the start of the input of this call of `feed`.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A place at which the log itself says that training started again from an earlier step (TensorBoard's session log).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// Index into [`Sink::points`] of the first point after the restart.
    pub point: usize,
    /// The step training started again from: older points at or after it were abandoned.
    pub step: i64,
}

/// What one or more calls of [`super::Parser::feed`] have read. Kept for the life of a file so that keys are interned
/// once; [`Sink::clear`] empties everything but the keys.
#[derive(Debug, Default)]
pub struct Sink {
    names: Vec<String>,
    /// What they are kept under, where that is something else ([`Sink::keep_as`]).
    kept: Vec<String>,
    /// Which part each name is of.
    part_of: Vec<u32>,
    /// Names of the parts but the first, which is the run that the file lies in.
    parts: Vec<String>,
    /// The part that is read at present.
    part: u32,
    /// Facts of the parts but the first.
    part_facts: Vec<(u32, (FactName, FactValue, String))>,
    index: HashMap<(u32, String), u32>,
    /// The key that last followed each key: logs repeat their keys in the same order, and a comparison is cheaper than
    /// a hash.
    follows: Vec<u32>,
    last: usize,
    /// The index of [`REST`], where there are too many metrics.
    rest: Option<u32>,
    /// Points in file order.
    pub points: Vec<RawPoint>,
    /// Facts in file order, with the place they were found at (a line number, a tag).
    pub facts: Vec<(FactName, FactValue, String)>,
    /// Records that could not be read.
    pub damage: Vec<Damage>,
    /// Restarts the log speaks of.
    pub restarts: Vec<Restart>,
}

impl Sink {
    /// The index of a metric key.
    pub fn metric(&mut self, key: &str) -> u32 {
        self.metric_bytes(key.as_bytes())
    }

    /// The index of a metric key that is still bytes; what is not UTF-8 in it is replaced.
    pub fn metric_bytes(&mut self, key: &[u8]) -> u32 {
        let expected = self.follows.get(self.last).copied().unwrap_or(0);
        if self.names.get(expected as usize).is_some_and(|name| name.as_bytes() == key)
            && self.part_of[expected as usize] == self.part
        {
            self.last = expected as usize;
            return expected;
        }
        let index = self.intern(key);
        if let Some(follower) = self.follows.get_mut(self.last) {
            *follower = index;
        }
        self.last = index as usize;
        index
    }

    fn intern(&mut self, key: &[u8]) -> u32 {
        let key = (self.part, String::from_utf8_lossy(key).into_owned());
        if let Some(index) = self.index.get(&key) {
            return *index;
        }
        if let Some(rest) = self.rest {
            return rest;
        }
        let full = self.names.len() >= MOST_METRICS;
        let key = if full { (self.part, REST.to_owned()) } else { key };
        if full {
            self.rest = Some(self.names.len() as u32);
            self.damaged(0, format!("names more than {MOST_METRICS} metrics; values of further ones are left out"));
        }
        let index = self.names.len() as u32;
        self.names.push(key.1.clone());
        self.part_of.push(self.part);
        self.follows.push(0);
        self.index.insert(key, index);
        index
    }

    /// The number of a part of the file, a run of this name; the empty name is that of the run the file lies in, as is any
    /// that is no name.
    pub fn part(&mut self, name: &str) -> u32 {
        let name = name.trim().trim_matches('/');
        let may = name.len() <= MOST_BYTES && !name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !may || name.chars().any(char::is_control) {
            return 0;
        }
        if let Some(known) = self.parts.iter().position(|part| part == name) {
            return known as u32 + 1;
        }
        if self.parts.len() >= MOST_PARTS {
            return 0;
        }
        self.parts.push(name.to_owned());
        self.parts.len() as u32
    }

    /// What follows is of this part, a number of [`Sink::part`]. Returns the one before.
    pub fn go_to_part(&mut self, part: u32) -> u32 {
        std::mem::replace(&mut self.part, part)
    }

    /// Names of the parts; the first, which is empty, is the run that the file lies in.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        std::iter::once("").chain(self.parts.iter().map(String::as_str))
    }

    /// Whether everything so far is of the run that the file lies in.
    #[must_use]
    pub fn is_of_one_run(&self) -> bool {
        self.parts.is_empty()
    }

    /// Where facts stand now, for [`Sink::take_facts`].
    #[must_use]
    pub fn fact_places(&self) -> (usize, usize) {
        (self.facts.len(), self.part_facts.len())
    }

    /// Takes the facts out that were added since, of whichever part.
    pub fn take_facts(&mut self, since: (usize, usize)) -> Vec<(FactName, FactValue, String)> {
        let mut taken = self.facts.split_off(since.0);
        taken.extend(self.part_facts.split_off(since.1).into_iter().map(|(_, fact)| fact));
        taken
    }

    /// The part that each key is of, by index.
    #[must_use]
    pub fn part_of(&self) -> &[u32] {
        &self.part_of
    }

    /// Facts of the parts but the first, in file order.
    #[must_use]
    pub fn part_facts(&self) -> &[(u32, (FactName, FactValue, String))] {
        &self.part_facts
    }

    /// Whether this may be the name of a metric where a record names it: data that are no metrics name everything.
    #[must_use]
    pub fn may_name(&self, name: &[u8]) -> bool {
        (1..=MOST_BYTES).contains(&name.trim_ascii().len()) && self.names.len() < MOST_NAMED
    }

    /// Keys by index.
    #[must_use]
    pub fn metrics(&self) -> &[String] {
        &self.names
    }

    /// Keeps all metrics so far under the names that `name` gives them.
    pub fn keep_as(&mut self, name: impl Fn(&str) -> String) {
        let new = self.names[self.kept.len()..].iter().map(|metric| name(metric));
        self.kept.extend(new);
    }

    /// What the metrics are kept under, by index.
    #[must_use]
    pub fn kept(&self) -> &[String] {
        if self.kept.is_empty() { &self.names } else { &self.kept }
    }

    /// Adds a point.
    #[inline]
    pub fn point(&mut self, metric: u32, step: i64, value: f64, wall: f64) {
        if self.rest != Some(metric) {
            self.points.push(RawPoint { metric, step, value, wall });
        }
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: FactName, value: FactValue, place: impl Into<String>) {
        if self.part == 0 {
            self.facts.push((name, value, place.into()));
        } else {
            self.part_facts.push((self.part, (name, value, place.into())));
        }
    }

    /// Reports a record that could not be read.
    pub fn damaged(&mut self, offset: usize, reason: impl Into<String>) {
        self.damage.push(Damage { offset, reason: reason.into() });
    }

    /// Notes that the log says training started again from `step`; the points that follow belong to the new start.
    pub fn restarted(&mut self, step: i64) {
        self.restarts.push(Restart { point: self.points.len(), step });
    }

    /// Forgets everything but the keys.
    pub fn clear(&mut self) {
        self.restarts.clear();
        self.points.clear();
        self.facts.clear();
        self.part_facts.clear();
        self.damage.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_get_the_same_index_in_any_order() {
        let mut sink = Sink::default();
        let keys = ["loss", "lr", "loss", "loss", "grad", "lr", "loss", "lr", "grad"];
        let indices: Vec<u32> = keys.iter().map(|key| sink.metric(key)).collect();
        assert_eq!(indices, [0, 1, 0, 0, 2, 1, 0, 1, 2]);
        assert_eq!(sink.metrics(), ["loss", "lr", "grad"]);
    }

    #[test]
    fn names_without_end_are_left_out_and_that_is_said_once() {
        let mut sink = Sink::default();
        for n in 0..100_000 {
            let metric = sink.metric(&format!("m{n}"));
            sink.point(metric, n, 1.0, f64::NAN);
            let loss = sink.metric("m7");
            sink.point(loss, n, 2.0, f64::NAN);
        }
        assert_eq!((sink.metrics().len(), sink.damage.len()), (MOST_METRICS + 1, 1), "{:?}", sink.damage);
        assert_eq!(sink.points.len(), MOST_METRICS + 100_000, "those that are known go on");
        assert!(sink.points.iter().all(|p| sink.metrics()[p.metric as usize] != REST));
    }
}
