//! Where parsers put what they read.

use crate::vocab::{FactName, FactValue};
use std::collections::HashMap;

/// A point before the store knows it: the metric is an index into [`Sink::metrics`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawPoint {
    /// Index into [`Sink::metrics`].
    pub metric: u32,
    /// Optimiser step.
    pub step: i64,
    /// Value; NaN and infinities as logged.
    pub value: f64,
    /// Seconds since 1970, NaN where the log has no time.
    pub wall: f64,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Bytes from the start of the input of this call of `feed`.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What one or more calls of [`super::Parser::feed`] have read. Kept for the life of a file so that keys are interned
/// once; [`Sink::clear`] empties everything but the keys.
#[derive(Debug, Default)]
pub struct Sink {
    names: Vec<String>,
    index: HashMap<String, u32>,
    /// Points in file order.
    pub points: Vec<RawPoint>,
    /// Facts in file order, with the place they were found at (a line number, a tag).
    pub facts: Vec<(FactName, FactValue, String)>,
    /// Records that could not be read.
    pub damage: Vec<Damage>,
}

impl Sink {
    /// The index of a metric key.
    pub fn metric(&mut self, key: &str) -> u32 {
        if let Some(index) = self.index.get(key) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(key.to_owned());
        self.index.insert(key.to_owned(), index);
        index
    }

    /// Keys by index.
    #[must_use]
    pub fn metrics(&self) -> &[String] {
        &self.names
    }

    /// Adds a point.
    pub fn point(&mut self, metric: u32, step: i64, value: f64, wall: f64) {
        self.points.push(RawPoint { metric, step, value, wall });
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: FactName, value: FactValue, place: impl Into<String>) {
        self.facts.push((name, value, place.into()));
    }

    /// Reports a record that could not be read.
    pub fn damaged(&mut self, offset: usize, reason: impl Into<String>) {
        self.damage.push(Damage { offset, reason: reason.into() });
    }

    /// Forgets points, facts and damage, and keeps the keys.
    pub fn clear(&mut self) {
        self.points.clear();
        self.facts.clear();
        self.damage.clear();
    }
}
