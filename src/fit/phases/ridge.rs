//! ln L as a weighted ridge regression on features of schedules, with a level for each size and length of runs.

use super::schedule::{Ended, Schedule};
use crate::fit::linalg::{backward, cholesky, forward};

/// What of the two phases counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Each phase on its own.
    Both,
    /// All tokens alike, but those of the last phase so many times as much.
    Later(f64),
    /// All tokens alike: the order does not matter.
    Total,
    /// The last phase alone.
    Last,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both phases",
            Self::Later(_) => "later counts more",
            Self::Total => "total",
            Self::Last => "last phase",
        }
    }
}

/// How the loss bends in the share of a corpus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bend {
    Straight,
    Root,
    Log,
}

impl Bend {
    fn of(self, share: f64) -> f64 {
        match self {
            Self::Straight => share,
            Self::Root => share.max(0.0).sqrt(),
            // The first hundredth of a corpus counts as much as the share it has then.
            Self::Log => (share.max(0.0) + 0.01).ln(),
        }
    }
}

const FORMS: [Form; 7] =
    [Form::Total, Form::Last, Form::Later(2.0), Form::Later(4.0), Form::Later(8.0), Form::Later(16.0), Form::Both];
const BENDS: [Bend; 3] = [Bend::Straight, Bend::Root, Bend::Log];
/// Penalties, beside features of variance 1.
const PENALTIES: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

/// A form, and its features of every run, scaled.
#[derive(Debug)]
pub struct Design {
    pub form: Form,
    bend: Bend,
    /// By column: mean, and one over the standard deviation; 0 where all runs have the same.
    scale: Vec<(f64, f64)>,
    x: Vec<Vec<f64>>,
}

/// A design and its penalty.
pub type Candidate = (usize, f64);

/// Every form with every bend.
pub fn designs(runs: &[Ended]) -> Vec<Design> {
    let all = FORMS.iter().flat_map(|form| BENDS.iter().map(|bend| (*form, *bend)));
    all.map(|(form, bend)| Design::of(form, bend, runs)).collect()
}

/// Every design with every penalty.
pub fn candidates(designs: &[Design], wanted: impl Fn(Form) -> bool) -> Vec<Candidate> {
    let of = |(index, _): (usize, &Design)| PENALTIES.map(|penalty| (index, penalty));
    designs.iter().enumerate().filter(|(_, design)| wanted(design.form)).flat_map(of).collect()
}

impl Design {
    fn of(form: Form, bend: Bend, runs: &[Ended]) -> Self {
        let mut design = Self { form, bend, scale: Vec::new(), x: Vec::new() };
        let raw: Vec<Vec<f64>> = runs.iter().map(|run| design.raw(&run.schedule)).collect();
        let (columns, n) = (raw.first().map_or(0, Vec::len), runs.len().max(1) as f64);
        for column in 0..columns {
            let mean = raw.iter().map(|row| row[column]).sum::<f64>() / n;
            let variance = raw.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / n;
            design.scale.push((mean, if variance > 1e-12 { 1.0 / variance.sqrt() } else { 0.0 }));
        }
        design.x = raw.into_iter().map(|row| design.scaled(row)).collect();
        design
    }

    fn raw(&self, schedule: &Schedule) -> Vec<f64> {
        let domains = 0..schedule.first.len();
        let of = |share: f64| self.bend.of(share);
        match self.form {
            Form::Total => domains.map(|d| schedule.seen(d)).map(|(before, last)| of(before + last)).collect(),
            Form::Last => schedule.last.iter().map(|share| of(*share)).collect(),
            Form::Later(times) => {
                let whole = 1.0 + (times - 1.0) * schedule.part;
                domains.map(|d| schedule.seen(d)).map(|(before, last)| of((before + times * last) / whole)).collect()
            }
            Form::Both => domains.map(|d| schedule.seen(d)).flat_map(|(before, last)| [of(before), of(last)]).collect(),
        }
    }

    fn scaled(&self, raw: Vec<f64>) -> Vec<f64> {
        raw.iter().zip(&self.scale).map(|(value, (mean, inverse))| (value - mean) * inverse).collect()
    }

    /// Features of a schedule that no run had.
    pub fn features(&self, schedule: &Schedule) -> Vec<f64> {
        self.scaled(self.raw(schedule))
    }
}

/// A fit: slopes, and the level of each cell with the features it is at.
#[derive(Debug, Clone)]
pub struct Fitted {
    slopes: Vec<f64>,
    cells: Vec<Option<(f64, Vec<f64>)>>,
}

impl Fitted {
    /// ln L of features in a cell; `None` where no run of it was fitted to.
    pub fn at(&self, features: &[f64], cell: usize) -> Option<f64> {
        let (level, mean) = self.cells.get(cell)?.as_ref()?;
        let moved = features.iter().zip(mean).zip(&self.slopes).map(|((x, m), slope)| slope * (x - m));
        Some(level + moved.sum::<f64>())
    }

    /// What a change of features does to ln L, in any cell.
    pub fn change(&self, from: &[f64], to: &[f64]) -> f64 {
        from.iter().zip(to).zip(&self.slopes).map(|((from, to), slope)| slope * (to - from)).sum()
    }
}

/// Sums over runs from which fits with any penalty follow.
struct Sums<'a> {
    columns: usize,
    gram: Vec<f64>,
    right: Vec<f64>,
    weight: f64,
    cells: Vec<Option<(f64, Vec<f64>)>>,
    design: &'a Design,
}

impl<'a> Sums<'a> {
    fn of(design: &'a Design, runs: &[Ended], weights: &[f64], cells: usize) -> Self {
        let columns = design.scale.len();
        let mut levels: Vec<(f64, f64, Vec<f64>)> = vec![(0.0, 0.0, vec![0.0; columns]); cells];
        for ((run, x), weight) in runs.iter().zip(&design.x).zip(weights).filter(|(_, weight)| **weight > 0.0) {
            let level = &mut levels[run.cell];
            level.0 += weight;
            level.1 += weight * run.ln_loss;
            level.2.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight * x);
        }
        let mean = |(weight, sum, x): (f64, f64, Vec<f64>)| {
            (weight > 0.0).then(|| (sum / weight, x.into_iter().map(|x| x / weight).collect::<Vec<f64>>()))
        };
        let cells: Vec<Option<(f64, Vec<f64>)>> = levels.into_iter().map(mean).collect();
        let (mut gram, mut right, mut total) = (vec![0.0; columns * columns], vec![0.0; columns], 0.0);
        let mut centred = vec![0.0; columns];
        for ((run, x), weight) in runs.iter().zip(&design.x).zip(weights).filter(|(_, weight)| **weight > 0.0) {
            let Some((level, mean)) = &cells[run.cell] else { continue };
            total += weight;
            centred.iter_mut().zip(x.iter().zip(mean)).for_each(|(c, (x, m))| *c = x - m);
            for i in 0..columns {
                right[i] += weight * centred[i] * (run.ln_loss - level);
                for j in 0..=i {
                    gram[i * columns + j] += weight * centred[i] * centred[j];
                }
            }
        }
        Self { columns, gram, right, weight: total, cells, design }
    }

    fn fit(&self, penalty: f64) -> Option<Fitted> {
        let n = self.columns;
        let mut a = self.gram.clone();
        for i in 0..n {
            // A column that all runs share has no slope.
            a[i * n + i] += penalty * self.weight.max(1.0) + if self.design.scale[i].1 == 0.0 { 1.0 } else { 0.0 };
            for j in 0..i {
                a[j * n + i] = a[i * n + j];
            }
        }
        let (mut factor, mut slopes) = (vec![0.0; n * n], self.right.clone());
        cholesky(&a, n, &mut factor).then(|| {
            forward(&factor, n, &mut slopes);
            backward(&factor, n, &mut slopes);
            Fitted { slopes, cells: self.cells.clone() }
        })
    }
}

/// The fit of a candidate to weighted runs.
pub fn fit(designs: &[Design], candidate: Candidate, runs: &[Ended], weights: &[f64], cells: usize) -> Option<Fitted> {
    Sums::of(&designs[candidate.0], runs, weights, cells).fit(candidate.1)
}

/// ln L of each run that a candidate's fit to the others predicts; runs of no fold, or in no cell, stay `None`.
pub fn predicted(design: &Design, fitted: &Fitted, runs: &[Ended], held: &[bool]) -> Vec<Option<f64>> {
    let of = |((run, x), held): ((&Ended, &Vec<f64>), &bool)| held.then(|| fitted.at(x, run.cell)).flatten();
    runs.iter().zip(&design.x).zip(held).map(of).collect()
}

/// The candidate with the least squared error on parts held out, and every candidate's error. `fold`: which part each run is
/// held out with.
pub fn choose(
    designs: &[Design],
    candidates: &[Candidate],
    runs: &[Ended],
    weights: &[f64],
    fold: &[usize],
    cells: usize,
) -> Option<(Candidate, Vec<f64>)> {
    let folds = fold.iter().copied().max().map_or(0, |most| most + 1);
    let mut errors = vec![0.0; candidates.len()];
    for part in 0..folds {
        let held: Vec<bool> = fold.iter().map(|f| *f == part).collect();
        let kept: Vec<f64> = weights.iter().zip(&held).map(|(w, held)| if *held { 0.0 } else { *w }).collect();
        let mut at = 0;
        while at < candidates.len() {
            let design = candidates[at].0;
            let sums = Sums::of(&designs[design], runs, &kept, cells);
            while at < candidates.len() && candidates[at].0 == design {
                let fitted = sums.fit(candidates[at].1);
                for ((run, x), (held, weight)) in runs.iter().zip(&designs[design].x).zip(held.iter().zip(weights)) {
                    if *held && *weight > 0.0 {
                        let error = fitted.as_ref().and_then(|f| f.at(x, run.cell)).map(|ln| ln - run.ln_loss);
                        // What says nothing of a run is as bad as being off by a factor of e.
                        errors[at] += weight * error.unwrap_or(1.0).powi(2);
                    }
                }
                at += 1;
            }
        }
    }
    let best = (0..candidates.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]))?;
    Some((candidates[best], errors))
}
