//! What else a table says of its runs.

use crate::project::tabular::Cells;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Columns that nothing is taken from: what they say of a run, no law sees.
pub(super) struct OtherColumns {
    columns: Vec<usize>,
    /// By run: what each of the columns says; `None` where its rows say different things.
    cells: Vec<Vec<Option<String>>>,
}

impl OtherColumns {
    /// More columns than this are measurements.
    const MOST: usize = 200;
    /// A longer text is no value that a condition compares with.
    const LONGEST: usize = 120;

    pub fn find(cells: &Cells, used: &[&[usize]]) -> Self {
        let is_used = |i: &usize| used.iter().any(|columns| columns.contains(i));
        let twice = |i: &usize| cells.columns.iter().filter(|name| **name == cells.columns[*i]).count() > 1;
        let columns = (0..cells.columns.len()).filter(|i| !is_used(i) && !twice(i)).take(Self::MOST).collect();
        Self { columns, cells: Vec::new() }
    }

    pub fn add(&mut self, run: usize, row: &[String]) {
        match self.cells.get_mut(run) {
            None => self.cells.push(self.columns.iter().map(|c| Some(row[*c].clone())).collect()),
            Some(known) => known.iter_mut().zip(&self.columns).for_each(|(known, column)| {
                if known.as_ref().is_some_and(|text| *text != row[*column]) {
                    *known = None;
                }
            }),
        }
    }

    pub fn of_runs(self, cells: &Cells) -> Vec<BTreeMap<Arc<str>, Arc<str>>> {
        let mut texts: HashMap<String, Arc<str>> = HashMap::new();
        let names: Vec<Arc<str>> = self.columns.iter().map(|c| cells.columns[*c].as_str().into()).collect();
        let mut one = |known: Vec<Option<String>>| {
            let said = names.iter().zip(known).filter_map(|(name, text)| Some((name, text?)));
            let said = said.filter(|(_, text)| !text.is_empty() && text.len() <= Self::LONGEST);
            let shared = |(name, text): (&Arc<str>, String)| {
                let text = texts.entry(text).or_insert_with_key(|text| text.as_str().into());
                (Arc::clone(name), Arc::clone(text))
            };
            said.map(shared).collect()
        };
        self.cells.into_iter().map(&mut one).collect()
    }
}
