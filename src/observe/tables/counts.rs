//! What is left out of a table or changed.

use super::columns::Normalised;
use super::phases::OddPhases;
use crate::project::tabular::Cells;
use crate::vocab::count::{counted, verb};
use std::collections::BTreeMap;

/// Losses that are named.
const NAMED: usize = 4;

/// What was left out or changed, counted.
#[derive(Default)]
pub(super) struct Counts {
    pub filtered: usize,
    pub without_weights: usize,
    pub without_numbers: usize,
    pub odd_phases: usize,
    pub first_odd_phases: Option<(u64, OddPhases)>,
    pub first_without_numbers: Option<u64>,
    pub without_loss: BTreeMap<String, usize>,
    pub normalised: Normalised,
}

impl Counts {
    pub fn sentences(&self, cells: &Cells) -> Vec<String> {
        let mut all = Vec::new();
        if self.filtered > 0 {
            all.push(format!(
                "{} of {} {} not meet `where`",
                self.filtered,
                counted(cells.rows.len(), "row"),
                verb(self.filtered, "does", "do")
            ));
        }
        if self.without_weights > 0 {
            all.push(format!(
                "{} {} weights that are negative, all zero or not numbers",
                counted(self.without_weights, "row"),
                verb(self.without_weights, "has", "have")
            ));
        }
        if let Some(line) = self.first_without_numbers {
            all.push(format!(
                "{} {} N or D (first on line {line})",
                counted(self.without_numbers, "row"),
                verb(self.without_numbers, "lacks", "lack")
            ));
        }
        if let Some((line, why)) = &self.first_odd_phases {
            let count = self.odd_phases;
            all.push(format!(
                "{} {} of runs whose phases do not add up (first on line {line}: {why})",
                counted(count, "row"),
                verb(count, "is", "are")
            ));
        }
        if let Some((least, most)) = self.normalised.sums {
            let count = self.normalised.rows;
            all.push(format!(
                "the weights of {} were normalised; their sums were {least:.4}–{most:.4}",
                counted(count, "row")
            ));
        }
        all.iter().map(|sentence| format!("{}: {sentence}", cells.named)).collect()
    }

    /// Rows without a loss that others have, as one sentence.
    pub fn of_losses(&self, cells: &Cells) -> Option<String> {
        let one = |(domain, count): (&String, &usize)| format!("of {domain} in {}", counted(*count, "row"));
        let mut all: Vec<String> = self.without_loss.iter().map(one).collect();
        let more = all.len().saturating_sub(NAMED);
        all.truncate(NAMED);
        let more = if more > 0 { format!(", and of {more} others") } else { String::new() };
        (!all.is_empty()).then(|| format!("{}: no loss {}{more}", cells.named, all.join(", ")))
    }
}
