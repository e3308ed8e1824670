//! Runs as a law of two phases sees them: what came before the last phase, and the last phase.

use crate::vocab::{Observation, Observations};

/// ln of a factor within which sizes and token counts are equal.
const SAME: f64 = 0.02;
/// Weights that differ by less are equal.
const EQUAL: f64 = 1e-3;
/// Fewest runs of one size and length.
const LEAST: usize = 4;

/// What a run sees: all before the last phase as one mixture, and the last phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub first: Vec<f64>,
    pub last: Vec<f64>,
    /// Length of the last phase, as a part of the run.
    pub part: f64,
}

impl Schedule {
    /// Tokens of a corpus before the last phase, and in it, as parts of all tokens.
    pub fn seen(&self, domain: usize) -> (f64, f64) {
        ((1.0 - self.part) * self.first[domain], self.part * self.last[domain])
    }

    /// Mean of how far the phases are apart, in total variation; 0 to 1.
    pub fn apart(&self, other: &Self) -> f64 {
        0.5 * (variation(&self.first, &other.first) + variation(&self.last, &other.last))
    }

    fn is(&self, other: &Self) -> bool {
        let equal = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < EQUAL);
        equal(&self.first, &other.first)
            && equal(&self.last, &other.last)
            && (self.part - other.part).abs() < 10.0 * EQUAL
    }
}

fn variation(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// A run at its end.
#[derive(Debug, Clone)]
pub struct Ended {
    pub schedule: Schedule,
    pub phased: bool,
    /// ln of its last loss.
    pub ln_loss: f64,
    /// Runs of one size and length have one.
    pub cell: usize,
    /// Runs of one schedule have one.
    pub group: usize,
}

/// The runs of an observation set, and what was left out.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    pub all: Vec<Ended>,
    pub cells: usize,
    pub groups: usize,
    /// Usual length of the last phase.
    pub usual: Option<f64>,
    pub left_out: Vec<String>,
}

/// The last checkpoint of every run. `last`: length of the last phase where the runs do not say.
pub fn runs(data: &Observations, last: Option<f64>) -> Runs {
    let mut ends: Vec<Option<&Observation>> = vec![None; data.runs.len()];
    for row in data.rows.iter().filter(|row| row.loss.is_finite() && row.loss > 0.0) {
        if let Some(end) = ends.get_mut(row.run)
            && end.is_none_or(|before| before.tokens < row.tokens)
        {
            *end = Some(row);
        }
    }
    let ends: Vec<&Observation> = ends.into_iter().flatten().collect();
    let part = |row: &Observation| {
        let phases = row.phases.as_ref().filter(|phases| phases.len() > 1)?;
        Some(phases.last()?.tokens / row.tokens)
    };
    let mut parts: Vec<f64> = ends.iter().filter_map(|row| part(row)).collect();
    parts.sort_by(f64::total_cmp);
    let usual = (!parts.is_empty()).then(|| super::quantile(&parts, 0.5));
    let mut found = Runs { usual, ..Runs::default() };
    let Some(assumed) = last.or(usual) else { return found };
    let mut cells: Vec<(&Observation, usize)> = Vec::new();
    let mut kept: Vec<(usize, &Observation)> = Vec::new();
    let mut early = 0;
    for row in ends {
        if row.phases.as_ref().is_some_and(|phases| phases.len() < 2) {
            early += 1;
            continue;
        }
        let near = |a: f64, b: f64| (a / b).ln().abs() < SAME || a == b || (a.is_nan() && b.is_nan());
        let same = |one: &Observation| {
            near(one.params, row.params)
                && near(one.tokens, row.tokens)
                && near(one.active_params, row.active_params)
                && near(one.experts, row.experts)
        };
        let cell = cells.iter().position(|(one, _)| same(one)).unwrap_or_else(|| {
            cells.push((row, 0));
            cells.len() - 1
        });
        cells[cell].1 += 1;
        kept.push((cell, row));
    }
    // Cells by their place in what is kept.
    let mut number = vec![usize::MAX; cells.len()];
    for (cell, _) in cells.iter().enumerate().filter(|(_, (_, count))| *count >= LEAST) {
        number[cell] = found.cells;
        found.cells += 1;
    }
    let few = kept.iter().filter(|(cell, _)| number[*cell] == usize::MAX).count();
    let mut schedules: Vec<Schedule> = Vec::new();
    for (cell, row) in kept.into_iter().filter(|(cell, _)| number[*cell] != usize::MAX) {
        let schedule = schedule(row, part(row).unwrap_or(assumed));
        let group = schedules.iter().position(|other| other.is(&schedule)).unwrap_or_else(|| {
            schedules.push(schedule.clone());
            schedules.len() - 1
        });
        let phased = part(row).is_some();
        found.all.push(Ended { schedule, phased, ln_loss: row.loss.ln(), cell: number[cell], group });
    }
    found.groups = schedules.len();
    let was = |count: usize| if count == 1 { "1 run is" } else { "runs are" };
    let counted = |count: usize| if count == 1 { was(1).to_owned() } else { format!("{count} {}", was(count)) };
    if early > 0 {
        found.left_out.push(format!("Left out: {} still in the first phase.", counted(early)));
    }
    if few > 0 {
        found
            .left_out
            .push(format!("Left out: {} of a size and length that fewer than {LEAST} runs have.", counted(few)));
    }
    found
}

fn schedule(row: &Observation, part: f64) -> Schedule {
    let Some((last, before)) =
        row.phases.as_ref().and_then(|phases| phases.split_last()).filter(|(_, b)| !b.is_empty())
    else {
        return Schedule { first: row.mixture.clone(), last: row.mixture.clone(), part };
    };
    let tokens: f64 = before.iter().map(|phase| phase.tokens).sum();
    let mean = |domain: usize| before.iter().map(|phase| phase.tokens * phase.mixture[domain]).sum::<f64>() / tokens;
    Schedule { first: (0..row.mixture.len()).map(mean).collect(), last: last.mixture.clone(), part }
}
