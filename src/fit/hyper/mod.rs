//! Learning rate and batch from runs that vary in them.
//!
//! Runs of equal N and D (and experts, and mixture) make a cell. Near its best run, ln of a cell's loss is a quadratic in
//! ln lr and ln batch; its curvature is that of all cells, its minimum its own (Huber weights). Through the minima goes the
//! form of the Step Law, lr = c·N^a·D^b (Li et al., arXiv:2503.04715, eq. 1), by least regret under that curvature. What the
//! cells cannot tell (an exponent of N where all have one size) stays as published. Intervals resample runs within their
//! cells, and add how far single cells lie from the law. Each cell is also asked of a law that has not seen it.

mod cells;
mod gap;
mod law;
mod minima;
mod place;
#[cfg(test)]
mod tests;

use super::random::Random;
use super::resample::quantile;
use crate::vocab::{
    Estimate, Held, HyperAdvice, HyperCell, HyperFit, HyperRun, HyperTrial, Observations, Optimum, OptimumKind, Range,
    Regret,
};
use cells::{Cell, cells, regret};
use law::Law;
use minima::{Minima, minima};
use place::{Place, recipe};
use rayon::prelude::*;

/// Resamples of runs, of what all cells say …
const RESAMPLES: usize = 300;
/// … and of what they say without each of them.
const HELD_OUT_RESAMPLES: usize = 100;
/// Fewest cells of which one is held out.
const HELD_OUT_CELLS: usize = 3;

/// ln of a factor within which sizes and token counts are equal.
const SAME: f64 = 0.02;
/// Factor beyond the runs from which on advice is an extrapolation.
const BEYOND: f64 = 1.5;

/// What the runs say of one loss, and the learning rate and batch for `target` (N and D).
#[must_use]
pub fn hyper(data: &Observations, target: Option<(f64, f64)>, seed: u64) -> HyperFit {
    let mut found = HyperFit { metric: data.metric.clone(), ..HyperFit::default() };
    let (cells, left_out) = cells(data);
    found.why_not = left_out;
    if cells.is_empty() {
        return found;
    }
    let every: Vec<&Cell> = cells.iter().collect();
    let best = match minima(&every, &|_, _| 1.0) {
        Ok(best) => best,
        Err(why) => {
            found.why_not.push(why.to_string());
            found.cells = every.iter().map(|cell| plain(cell, data)).collect();
            return found;
        }
    };
    let draws = resampled(&every, seed, RESAMPLES);
    found.cells = every.iter().enumerate().map(|(i, cell)| one(cell, data, i, &best, &draws)).collect();
    let law = match Law::fit(&every, &best) {
        Ok(law) => law,
        Err(why) => {
            found.why_not.push(why.to_string());
            return found;
        }
    };
    found.law = Some(law.view(&best));
    found.why_not.extend(law.left_out());
    found.why_not.extend(target.and_then(|at| beyond(&every, at)));
    found.advised = target.map(|at| advice(&law, &every, &draws, at, seed));
    if cells.len() >= HELD_OUT_CELLS {
        held_out(&mut found, &cells, &best, seed);
    }
    let trials = found.cells.iter().map(|cell| cell.published.regret).collect::<Vec<_>>();
    found.published_regret = summary(&trials);
    found
}

/// The refitted law of the learning rate alone, without intervals.
#[derive(Debug, Clone)]
pub struct RateLaw {
    law: Law,
    routed: bool,
}

impl RateLaw {
    /// Of runs in three groups or more of equal N and D; fewer say too little of other sizes.
    #[must_use]
    pub fn of(data: &Observations) -> Option<Self> {
        let (cells, _) = cells(data);
        let every: Vec<&Cell> = cells.iter().collect();
        if every.len() < HELD_OUT_CELLS {
            return None;
        }
        let law = minima(&every, &|_, _| 1.0).and_then(|minima| Law::fit(&every, &minima)).ok()?;
        Some(Self { law, routed: every[0].routed })
    }

    /// The best peak learning rate for N and D; `None` for another kind of model than those it was fitted to.
    #[must_use]
    pub fn learning_rate(&self, params: f64, tokens: f64, routed: bool) -> Option<f64> {
        let [rate, _] = self.law.at((params, tokens));
        (routed == self.routed && rate.is_finite()).then(|| rate.exp())
    }
}

/// How far a place lies beyond the runs, as a sentence.
fn beyond(cells: &[&Cell], (params, tokens): (f64, f64)) -> Option<String> {
    let factor = |value: f64, of: fn(&Cell) -> f64| {
        let (least, most) = cells.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), c| (l.min(of(c)), m.max(of(c))));
        (value / most).max(least / value).max(1.0)
    };
    let (n, d) = (factor(params, |c| c.params), factor(tokens, |c| c.tokens));
    let far = |name: &str, factor: f64| (factor > BEYOND).then(|| format!("{factor:.1}× in {name}"));
    let far: Vec<String> = [far("N", n), far("D", d)].into_iter().flatten().collect();
    (!far.is_empty()).then(|| format!("This is an extrapolation: the nearest runs are {} away.", far.join(" and ")))
}

/// A cell whose optimum is not known.
fn plain(cell: &Cell, data: &Observations) -> HyperCell {
    let published = cell.published();
    HyperCell {
        params: cell.params,
        tokens: cell.tokens,
        runs: cell.runs.len(),
        best: HyperRun {
            run: data.runs.get(cell.best().run).cloned().unwrap_or_default(),
            recipe: recipe(cell.best().at),
            loss: cell.best().ln_loss.exp(),
        },
        learning_rate: None,
        batch_tokens: None,
        published: HyperTrial { recipe: recipe(published), regret: regret(cell, published) },
        held_out: None,
        held_out_range: None,
    }
}

fn one(cell: &Cell, data: &Observations, index: usize, best: &Minima, draws: &[Minima]) -> HyperCell {
    let optimum = |d: usize| -> Option<Optimum> {
        let at = best.at[index]?[d];
        let (least, most) = cell.tried(d)?;
        let kind = match at {
            at if at > most => OptimumKind::AtLeast,
            at if at < least => OptimumKind::AtMost,
            at if at.is_finite() => OptimumKind::Inside,
            _ => return None,
        };
        let range = range(draws.iter().filter_map(|draw| Some(draw.at[index]?[d])).collect());
        // Beyond what was tried nothing is known.
        let range = Range {
            low: if range.low < least { f64::NEG_INFINITY } else { range.low.exp() },
            high: if range.high > most { f64::INFINITY } else { range.high.exp() },
        };
        Some(Optimum { estimate: Estimate { value: at.clamp(least, most).exp(), range }, kind })
    };
    HyperCell { learning_rate: optimum(0), batch_tokens: optimum(1), ..plain(cell, data) }
}

/// Minima of resamples of runs within their cells.
fn resampled(cells: &[&Cell], seed: u64, count: usize) -> Vec<Minima> {
    let draw = |index: usize| {
        let mut random = Random::new(seed, (1 << 35) + index as u64);
        let mut times: Vec<Vec<f64>> = cells.iter().map(|cell| vec![0.0; cell.near.len()]).collect();
        for of_cell in &mut times {
            let runs = of_cell.len();
            (0..runs).for_each(|_| of_cell[random.below(runs)] += 1.0);
        }
        minima(cells, &|cell, run| times[cell][run]).ok()
    };
    (0..count).into_par_iter().filter_map(draw).collect()
}

/// What a law says of a place, with what resamples of runs leave open, and how far cells lie from it.
fn advice(law: &Law, cells: &[&Cell], draws: &[Minima], at: (f64, f64), seed: u64) -> HyperAdvice {
    let value = law.at(at);
    let misses = law.misses();
    let mut random = Random::new(seed, (1 << 36) + cells.len() as u64);
    let mut miss = || if misses.is_empty() { [0.0; 2] } else { misses[random.below(misses.len())] };
    let mut places: Vec<Place> = Vec::new();
    for draw in draws {
        // Cells of other runs would lie as far from the law: on other sides of it.
        let moved = draw.at.iter().map(|at| at.map(|at| plus(at, miss()))).collect();
        if let Some(refitted) = law.refit(cells, &Minima { at: moved, bend: draw.bend }) {
            places.push(plus(refitted.at(at), miss()));
        }
    }
    // Where nothing says how far a law may miss, only what the runs themselves measured has an interval.
    let measured = |cell: &&Cell| (cell.params / at.0).ln().abs() < SAME && (cell.tokens / at.1).ln().abs() < SAME;
    let known = !misses.is_empty() || cells.iter().any(measured);
    let of = |d: usize| {
        let range = range(places.iter().map(|place| place[d]).filter(|_| known).collect()).map(f64::exp);
        value[d].is_finite().then(|| Estimate { value: value[d].exp(), range })
    };
    HyperAdvice { learning_rate: of(0), batch_tokens: of(1) }
}

fn plus(a: Place, b: Place) -> Place {
    [a[0] + b[0], a[1] + b[1]]
}

/// Asks each cell of a law that has not seen it: neither its minimum nor the curvature that all share.
fn held_out(found: &mut HyperFit, cells: &[Cell], best: &Minima, seed: u64) {
    let mut held = [Held::default(); 2];
    let unseen = |index: usize| {
        let others: Vec<&Cell> = cells.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, cell)| cell).collect();
        let law = minima(&others, &|_, _| 1.0).and_then(|minima| Law::fit(&others, &minima)).ok()?;
        let draws = resampled(&others, seed.wrapping_add(1), HELD_OUT_RESAMPLES);
        let at = (cells[index].params, cells[index].tokens);
        Some((law.at(at), advice(&law, &others, &draws, at, seed)))
    };
    let all: Vec<Option<(Place, HyperAdvice)>> = (0..cells.len()).into_par_iter().map(unseen).collect();
    for (index, (cell, said)) in cells.iter().zip(all).enumerate() {
        let Some((place, said)) = said else { continue };
        for (d, estimate) in [said.learning_rate, said.batch_tokens].iter().enumerate() {
            let (Some(estimate), Some(own), Some((least, most))) = (estimate, best.at[index], cell.tried(d)) else {
                continue;
            };
            // An open interval holds everything, and says nothing.
            if (least..=most).contains(&own[d]) && estimate.range.factor().is_finite() {
                held[d].of += 1;
                held[d].held += usize::from(estimate.range.contains(own[d].exp()));
            }
        }
        if let Some(view) = found.cells.get_mut(index) {
            view.held_out = Some(HyperTrial { recipe: recipe(place), regret: regret(cell, place) });
            view.held_out_range = Some(said);
        }
    }
    let regrets: Vec<Option<f64>> = found.cells.iter().map(|cell| cell.held_out.and_then(|t| t.regret)).collect();
    found.held_out_regret = summary(&regrets);
    let [rate, batch] = held.map(|held| (held.of > 0).then_some(held));
    (found.learning_rate_held, found.batch_held) = (rate, batch);
}

fn summary(regrets: &[Option<f64>]) -> Option<Regret> {
    let known: Vec<f64> = regrets.iter().copied().flatten().collect();
    let most = known.iter().copied().fold(0.0, f64::max);
    (!known.is_empty()).then(|| Regret {
        mean: known.iter().sum::<f64>() / known.len() as f64,
        most,
        cells: known.len(),
    })
}

fn range(mut values: Vec<f64>) -> Range {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    Range { low: quantile(&values, 0.05), high: quantile(&values, 0.95) }
}
