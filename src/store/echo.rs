//! Files of one run that say the same: a trainer's log beside its state, the console beside either.
//!
//! The rule, for every two files of a run that share a loss: where their first points are at the same steps with the same values
//! (as far as the shorter one prints them), or where one only counts its records and has the values of the other in the same
//! order, they are two copies of one series. The one with true steps stands, of two such the one that is no console output,
//! then the one that is further; of the other counts only what goes on beyond it, at steps in the measure of the first.
//! Two programs may call one loss by two names (`train loss` on the console, `train_loss` in a table): a loss whose name the
//! other file does not have is compared with the other's losses whose names this one does not have. It goes by the name in the
//! file that stands.
//! A log that begins elsewhere is no copy: it goes on, or starts again.

use super::ids::{FileId, MetricId};
use super::state::FileState;
use super::stats::Column;
use std::collections::HashMap;

/// Points of each series that are compared …
pub const COMPARED: usize = 32;
/// … and how many must be there.
pub const LEAST: usize = 3;
/// More digits behind the point than any program prints on purpose: the values are as they were computed.
const IN_FULL: i32 = 8;
/// How far apart two values in full may be, relative to them: one of them may have been a single-precision number.
const CLOSE: f64 = 1e-6;

/// What of a series is in another file, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cover {
    /// What the other calls it.
    pub metric: MetricId,
    /// Points up to this step, as this file has it, are in the other.
    pub until: i64,
    /// The other's step there, and its steps for each of this file's.
    onto: (i64, f64),
    /// About how many points that leaves.
    pub left: u64,
}

/// The metric that a file's column counts as.
pub fn counts_as(covers: &Covers, id: FileId, metric: MetricId) -> MetricId {
    covers.get(&(id, metric)).map_or(metric, |cover| cover.metric)
}

impl Cover {
    /// The step of a point as the other file counts; `None` where the other has the point.
    #[must_use]
    pub fn step(&self, step: i64) -> Option<i64> {
        (step > self.until).then(|| self.onto.0 + ((step - self.until) as f64 * self.onto.1).round() as i64)
    }
}

/// By file and metric: what another file says, too.
pub type Covers = HashMap<(FileId, MetricId), Cover>;

/// Names of one loss in two files: in the first, and in the second.
pub type Names = Vec<(MetricId, MetricId)>;

/// How a file relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Says other things.
    Other,
    /// Says the same at the same steps.
    Same,
    /// Says the same and only counts its records.
    Counts,
}

/// Whether a series is a loss, whose values tell runs apart.
#[must_use]
pub fn is_loss(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["loss", "ppl", "perplexity", "nll", "bpb"].iter().any(|word| name.contains(word))
        && !["scale", "balanc", "z_loss", "aux"].iter().any(|word| name.contains(word))
}

/// Whether a series has a step for each record, from the first.
#[must_use]
pub fn counts(column: &Column) -> bool {
    column.first_step <= 1 && column.last_step - column.first_step + 1 == column.points as i64
}

/// Which of two files that say the same stands: the greater.
#[must_use]
pub fn rank(file: &FileState, at: usize) -> (bool, u64, std::cmp::Reverse<usize>) {
    const NO_CONSOLE: [&str; 8] =
        ["tfevents", "wandb", "trainer_state", "mlflow", "dvclive", "csv", "jsonl", "json-history"];
    let most = file.columns.iter().map(|c| c.points).max().unwrap_or(0);
    (NO_CONSOLE.contains(&file.record.format_name()), most, std::cmp::Reverse(at))
}

/// How the first points of one series relate to those of another.
#[must_use]
pub fn compare(a: &[(i64, f64)], b: &[(i64, f64)]) -> Relation {
    // Copies differ by what the shorter one does not print. Two seeds of one recipe agree in their first digits, too.
    let printed = decimals(a).min(decimals(b));
    let half = if printed < IN_FULL { 0.5 * 0.1_f64.powi(printed) } else { 0.0 };
    let close =
        |x: f64, y: f64| x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= half + CLOSE * x.abs().max(y.abs());
    let least = match printed {
        4.. => LEAST,
        3 => 2 * LEAST,
        _ => 3 * LEAST,
    };
    let vary = |points: &[(i64, f64)]| points.windows(2).any(|two| two[0].1 != two[1].1);
    if !vary(a) || !vary(b) {
        return Relation::Other;
    }
    let by_step: HashMap<i64, f64> = b.iter().copied().collect();
    let common: Vec<bool> = a.iter().filter_map(|(step, x)| Some(close(*x, *by_step.get(step)?))).collect();
    if common.len() >= least && common.iter().all(|same| *same) && begin_together(a, b) {
        return Relation::Same;
    }
    let n = a.len().min(b.len());
    let one_by_one = n >= least && a.iter().zip(b).all(|(a, b)| close(a.1, b.1));
    let spans = |points: &[(i64, f64)]| points[n - 1].0 - points[0].0;
    if one_by_one && spans(a) == n as i64 - 1 && spans(b) > spans(a) { Relation::Counts } else { Relation::Other }
}

/// Whether two logs begin at the same step, or one with the first step that it shows at all: every tenth from the tenth on.
fn begin_together(a: &[(i64, f64)], b: &[(i64, f64)]) -> bool {
    let apart = |points: &[(i64, f64)]| if let [first, second, ..] = points { second.0 - first.0 } else { 0 };
    let (first, second) = if apart(a) < apart(b) { (a, b) } else { (b, a) };
    a[0].0 == b[0].0 || apart(first) < apart(second) && (1..=apart(second)).contains(&(second[0].0 - first[0].0))
}

/// Digits behind the point with which values were printed, at most [`IN_FULL`].
fn decimals(points: &[(i64, f64)]) -> i32 {
    let is_whole = |value: f64| (value - value.round()).abs() <= 1e-7 * value.abs().max(1.0);
    let all = |digits: &i32| points.iter().filter(|p| p.1.is_finite()).all(|p| is_whole(p.1 * 10_f64.powi(*digits)));
    (0..IN_FULL).find(all).unwrap_or(IN_FULL)
}

/// Whether the first of two files that say the same gives way to the second.
#[must_use]
pub fn gives_way(a: (&FileState, usize), b: (&FileState, usize)) -> bool {
    let (first, second) = (rank(a.0, a.1), rank(b.0, b.1));
    // One with far more points does not go by the few of the other.
    if first.1 > 2 * second.1 || second.1 > 2 * first.1 { first.1 < second.1 } else { first < second }
}

/// Notes what of a file is in another.
pub fn cover(covers: &mut Covers, id: FileId, file: &FileState, other: &FileState, relation: Relation, names: &Names) {
    for column in file.columns.iter() {
        let renamed = names.iter().find(|(own, _)| *own == column.metric);
        let metric = renamed.map_or(column.metric, |(_, others)| *others);
        let Some(second) = other.find(metric).filter(|second| second.points > 0) else { continue };
        let cover = if relation == Relation::Same {
            let left = if column.last_step > second.last_step {
                column.points.saturating_sub(second.points).max(1)
            } else {
                0
            };
            Cover { metric, until: second.last_step, onto: (second.last_step, 1.0), left }
        } else {
            let shared = column.points.min(second.points);
            let apart = (second.last_step - second.first_step) as f64 / (second.points.max(2) - 1) as f64;
            // Evaluations stand at the count of the record before them.
            let own = (column.last_step - column.first_step) as f64 / (column.points.max(2) - 1) as f64;
            let until = column.first_step + (own * (shared.max(1) - 1) as f64).round() as i64;
            Cover { metric, until, onto: (second.last_step, apart / own.max(1e-9)), left: column.points - shared }
        };
        covers.insert((id, column.metric), cover);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_from_what_goes_on_or_starts_again() {
        let of = |steps: std::ops::Range<i64>, every: i64, shift: f64| -> Vec<(i64, f64)> {
            steps.map(|n| (n * every, 8.0 / (1 + n.unsigned_abs()) as f64 + shift)).collect()
        };
        let counted =
            |n: i64| -> Vec<(i64, f64)> { (1..=n).map(|i| (i, 8.0 / (1 + i.unsigned_abs()) as f64)).collect() };
        let rounded = |digits: i32, points: Vec<(i64, f64)>| -> Vec<(i64, f64)> {
            let unit = 10_f64.powi(digits);
            points.into_iter().map(|(step, value)| (step, (value * unit).round() / unit)).collect()
        };
        for digits in [5, 4, 3] {
            let short = rounded(digits, of(1..9, 10, 0.0));
            assert_eq!(compare(&of(1..20, 10, 0.0), &short), Relation::Same, "rounded to {digits} digits");
        }
        let single: Vec<(i64, f64)> = of(1..20, 10, 0.0).into_iter().map(|(s, v)| (s, f64::from(v as f32))).collect();
        assert_eq!(compare(&of(1..20, 10, 0.0), &single), Relation::Same, "in single precision");
        // Another seed of the same recipe, a thousandth apart and less.
        for shift in [1e-3, 2e-4] {
            assert_eq!(compare(&of(1..20, 10, 0.0), &of(1..20, 10, shift)), Relation::Other, "{shift}");
            let (one, other) = (rounded(4, of(1..20, 10, 0.0)), rounded(4, of(1..20, 10, shift)));
            assert_eq!(compare(&one, &other), Relation::Other, "{shift}, printed with four digits");
        }
        let coarse = |shift: f64| rounded(2, of(1..9, 10, shift));
        assert_eq!(compare(&coarse(0.0), &coarse(1e-4)), Relation::Other, "too few points with so few digits");
        assert_eq!(compare(&of(1..20, 10, 0.0), &of(1..20, 10, 0.1)), Relation::Other);
        assert_eq!(compare(&counted(20), &of(1..21, 10, 0.0)), Relation::Counts);
        assert_eq!(compare(&of(1..21, 10, 0.0), &counted(20)), Relation::Other, "the other way round");
        assert_eq!(compare(&of(10..30, 10, 0.0), &of(1..30, 10, 0.0)), Relation::Other, "a resumed run");
        // Every tenth step, beside every step.
        let dense: Vec<(i64, f64)> = (1..=90_i64).map(|s| (s, 8.0 / (1 + s.unsigned_abs()) as f64)).collect();
        let tenth: Vec<(i64, f64)> = dense.iter().copied().filter(|(s, _)| s % 10 == 0).collect();
        assert_eq!([compare(&dense, &tenth), compare(&tenth, &dense)], [Relation::Same; 2]);
        assert_eq!(compare(&dense, &tenth[3..]), Relation::Other, "it begins later");
        let constant: Vec<(i64, f64)> = (0..9).map(|i| (i, 1.0)).collect();
        assert_eq!(compare(&constant, &constant), Relation::Other, "constants say nothing");
    }

    #[test]
    fn what_goes_on_beyond_the_other_is_at_its_steps() {
        let cover = Cover { metric: MetricId(0), until: 30, onto: (300, 10.0), left: 2 };
        assert_eq!([cover.step(30), cover.step(31), cover.step(32)], [None, Some(310), Some(320)]);
    }
}
