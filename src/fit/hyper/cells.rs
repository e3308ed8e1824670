//! Groups of runs of equal N and D.

use super::place::{Place, published};
use crate::vocab::count::counted;
use crate::vocab::{Observation, Observations, Ordered};
use std::collections::BTreeMap;

/// N and D within this factor are equal: steps are whole, so that runs of different batches end a little apart.
const SAME: f64 = 1.02;
/// Weights within this are equal.
const SAME_WEIGHT: f64 = 0.01;
/// Runs whose loss is within this part of the best one's follow a quadratic …
const NEAR: f64 = 0.01;
/// … and where those are few, so do the best runs, up to this part.
const FAR: f64 = 0.1;
/// Fewest runs that are used where one thing varies, and where both do.
const FEWEST: [usize; 2] = [4, 8];
/// An advised place is judged by a run within this factor.
const BESIDE: f64 = 2.0;

/// A run's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub at: Place,
    pub ln_loss: f64,
    pub run: usize,
}

/// Runs of equal N and D that vary in learning rate or batch.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub params: f64,
    pub tokens: f64,
    /// All runs, the best first.
    pub runs: Vec<End>,
    /// Those that the quadratic goes through.
    pub near: Vec<End>,
    /// Whether learning rate and batch vary.
    pub varies: [bool; 2],
    /// Whether the models have experts.
    pub routed: bool,
}

impl Cell {
    /// The run with the lowest loss.
    pub fn best(&self) -> &End {
        &self.runs[0]
    }

    /// Lowest and highest value that was tried, where it varies.
    pub fn tried(&self, d: usize) -> Option<(f64, f64)> {
        self.varies[d].then(|| ends(&self.runs, d))
    }

    /// ln of what the published law says; the batch as it is where it does not vary.
    pub fn published(&self) -> Place {
        published(self.params, self.tokens)
    }
}

fn ends(runs: &[End], d: usize) -> (f64, f64) {
    runs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), run| (l.min(run.at[d]), m.max(run.at[d])))
}

/// What makes runs comparable besides N and D.
fn alike(a: &Observation, b: &Observation) -> bool {
    let same = |a: f64, b: f64| (a / b).ln().abs() < SAME.ln() || a == b;
    let weights = a.mixture.len() == b.mixture.len()
        && a.mixture.iter().zip(&b.mixture).all(|(a, b)| (a - b).abs() < SAME_WEIGHT);
    let numbers =
        |o: &Observation| [o.params, o.tokens, o.active_params, o.experts, o.experts_per_token, o.granularity];
    weights && numbers(a).iter().zip(numbers(b)).all(|(a, b)| same(*a, b))
}

/// The cells, by N and D, and what was left out, as sentences.
pub(super) fn cells(data: &Observations) -> (Vec<Cell>, Vec<String>) {
    // Of each run the last row: losses before the end of a schedule are not comparable.
    let mut lasts: BTreeMap<usize, &Observation> = BTreeMap::new();
    for row in &data.rows {
        let last = lasts.entry(row.run).or_insert(row);
        if row.tokens > last.tokens {
            *last = row;
        }
    }
    let sound = |row: &&Observation| [row.params, row.tokens, row.loss].iter().all(|v| v.is_finite() && *v > 0.0);
    let ends: Vec<&Observation> = lasts.into_values().filter(sound).collect();
    let known: Vec<&Observation> = ends.iter().copied().filter(|row| row.recipe.learning_rate.is_some()).collect();
    let mut why = Vec::new();
    if known.is_empty() {
        why.push(match ends.len() {
            0 => "No run has a size, a token count and a loss.".to_owned(),
            _ => {
                "No run that has ended states its learning rate: set facts.learning_rate, or learning_rate of a table."
                    .to_owned()
            }
        });
        return (Vec::new(), why);
    }
    if known.len() < ends.len() {
        why.push(format!(
            "{} left out: learning rate not known, or not at the end.",
            counted(ends.len() - known.len(), "run")
        ));
    }
    let mut groups: Vec<Vec<&Observation>> = Vec::new();
    for row in &known {
        match groups.iter_mut().find(|group| alike(group[0], row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let (mut cells, total) = (Vec::new(), groups.len());
    for group in groups {
        cells.extend(cell(&group));
    }
    // One law is not for models with and without experts: the kind that there is more of.
    let routed = cells.iter().filter(|cell: &&Cell| cell.routed).count();
    let (all, most) = (cells.len(), 2 * routed > cells.len());
    cells.retain(|cell| cell.routed == most);
    if cells.len() < all {
        let kind = if most { "without" } else { "with" };
        why.push(format!("{} of models {kind} experts left out.", counted(all - cells.len(), "group")));
    }
    // A quadratic in both is asked of the cells that vary in both, wherever there are any.
    let both = cells.iter().filter(|cell: &&Cell| cell.varies == [true; 2]).count();
    let rate = cells.iter().filter(|cell| cell.varies[0]).count();
    let found = cells.len();
    cells.retain(|cell| if both > 0 { cell.varies == [true; 2] } else { cell.varies[0] == (rate > 0) });
    if cells.is_empty() {
        why.push(format!(
            "Runs of equal size and tokens all have one learning rate and one batch ({} in {}), so that they cannot tell \
             which is best. Launch two more of one size with half and twice the learning rate.",
            counted(known.len(), "run"),
            counted(total, "group")
        ));
    } else if cells.len() < found {
        let varied = if both > 0 { "learning rate and batch" } else { "learning rate" };
        why.push(format!("{} left out that do not vary in {varied}.", counted(found - cells.len(), "group")));
    }
    cells.sort_by(|a, b| (a.params, a.tokens).partial_cmp(&(b.params, b.tokens)).unwrap_or(std::cmp::Ordering::Equal));
    (cells, why)
}

/// A cell of comparable runs; `None` where neither learning rate nor batch varies.
fn cell(group: &[&Observation]) -> Option<Cell> {
    let end = |row: &&Observation| End {
        at: [row.recipe.learning_rate, row.recipe.batch_tokens].map(|v| v.map_or(f64::NAN, f64::ln)),
        ln_loss: row.loss.ln(),
        run: row.run,
    };
    let mut runs: Vec<End> = group.iter().map(end).collect();
    runs.sort_by_cached_key(|run| Ordered(run.ln_loss));
    let batches = runs.iter().all(|run| run.at[1].is_finite());
    let varies = [0, 1].map(|d| {
        let (least, most) = ends(&runs, d);
        (d == 0 || batches) && most - least > SAME.ln()
    });
    let fewest = FEWEST[usize::from(varies == [true; 2])];
    let best = runs[0].ln_loss;
    let is_near = |(i, run): &(usize, &End)| {
        let above = run.ln_loss - best;
        above < NEAR || *i < fewest && above < FAR
    };
    let near = runs.iter().enumerate().filter(is_near).map(|(_, run)| *run).collect();
    let (params, tokens) = (group[0].params, group[0].tokens);
    (varies != [false; 2]).then_some(Cell { params, tokens, runs, near, varies, routed: group[0].experts > 1.0 })
}

/// Loss of the measured run that is nearest to a place over that of the best one, percent more; `None` where none is near.
pub(super) fn regret(cell: &Cell, at: Place) -> Option<f64> {
    let apart = |run: &End| -> f64 { (0..2).filter(|d| cell.varies[*d]).map(|d| (run.at[d] - at[d]).powi(2)).sum() };
    let nearest = cell.runs.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
    let beside = (0..2).filter(|d| cell.varies[*d]).all(|d| (nearest.at[d] - at[d]).abs() <= BESIDE.ln());
    beside.then(|| 100.0 * (nearest.ln_loss - cell.best().ln_loss).exp_m1())
}
