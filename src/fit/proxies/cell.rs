//! Which runs proxies stand for, and what they say at a run's mixture.

use super::calibrate::{distance, least_squares};
use crate::vocab::{Observation, Observations, Ordered, Proxies, ProxyKind};
use std::collections::BTreeMap;

/// Mixtures that differ by less, in total variation, are one.
pub(super) const SAME: f64 = 0.005;
/// Sizes that agree to this in ln N are one.
const SAME_SIZE: f64 = 0.05;
/// Lengths that agree to this in ln D are one.
const SAME_LENGTH: f64 = 0.1;
/// How far a run's mixture may be from the nearest proxy, in usual distances between neighbouring proxies.
const NEAR: f64 = 1.5;

/// Rows of one size and length.
pub(super) struct Cell {
    /// Indices into the usable rows, one a run.
    pub rows: Vec<usize>,
    /// One of them, whose size and length stands for all.
    pub template: usize,
}

/// Mixtures of proxies of one size and length with the mean of ln L, without rows that are the project's own.
pub(super) fn models(proxies: &Proxies, own: &[Observation]) -> Vec<(Vec<f64>, f64)> {
    let is_own = |row: &Observation| {
        own.iter()
            .any(|run| (run.loss - row.loss).abs() < 1e-9 * run.loss && distance(&run.mixture, &row.mixture) < 1e-6)
    };
    let mut last: BTreeMap<usize, &Observation> = BTreeMap::new();
    for row in &proxies.rows {
        let known = last.entry(row.run).or_insert(row);
        if row.tokens > known.tokens {
            *known = row;
        }
    }
    let rows: Vec<&Observation> = last.into_values().filter(|row| !is_own(row)).collect();
    let size = |row: &Observation| ln(row.params);
    let sized = densest(&rows, SAME_SIZE, &|row| size(row));
    let kept = densest(&sized, SAME_LENGTH, &|row| ln(row.tokens));
    let mut models: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    for row in kept {
        match models.iter_mut().find(|(mixture, ..)| distance(mixture, &row.mixture) < SAME) {
            Some((_, sum, n)) => (*sum, *n) = (*sum + row.loss.ln(), *n + 1.0),
            None => models.push((row.mixture.clone(), row.loss.ln(), 1.0)),
        }
    }
    models.into_iter().map(|(mixture, sum, n)| (mixture, sum / n)).collect()
}

/// The rows that proxies stand for; `None` where there are none.
pub(super) fn of(proxies: &Proxies, observations: &Observations, usable: &[usize]) -> Option<Cell> {
    // Of merged models, N and D are those of this project's runs, where they are stated.
    let stated = |of: fn(&Observation) -> f64| {
        let first = proxies.rows.iter().map(of).find(|v| *v > 0.0);
        first.filter(|_| proxies.kind == ProxyKind::Merged)
    };
    let (params, tokens) = (stated(|row| row.params), stated(|row| row.tokens));
    let mut by_run: BTreeMap<usize, (usize, &Observation)> = BTreeMap::new();
    for (i, row) in usable.iter().enumerate().map(|(i, row)| (i, &observations.rows[*row])) {
        if params.is_some_and(|params| (ln(row.params) - params.ln()).abs() > SAME_SIZE) {
            continue;
        }
        let known = by_run.entry(row.run).or_insert((i, row));
        let nearer = match tokens {
            Some(tokens) => (ln(row.tokens) - tokens.ln()).abs() < (ln(known.1.tokens) - tokens.ln()).abs(),
            None => row.tokens > known.1.tokens,
        };
        if nearer {
            *known = (i, row);
        }
    }
    let stated = |row: &Observation| tokens.is_none_or(|tokens| (ln(row.tokens) - tokens.ln()).abs() <= SAME_LENGTH);
    let rows: Vec<(usize, &Observation)> = by_run.into_values().filter(|(_, row)| stated(row)).collect();
    let sized = densest(&rows, SAME_SIZE, &|(_, row)| ln(row.params));
    let mut kept = densest(&sized, SAME_LENGTH, &|(_, row)| ln(row.tokens));
    kept.sort_by_cached_key(|(_, row)| Ordered(row.tokens));
    let template = kept.get(kept.len() / 2)?.0;
    Some(Cell { rows: kept.into_iter().map(|(i, _)| i).collect(), template })
}

/// The items of the window of this width that holds the most, the highest of several.
fn densest<T: Copy>(items: &[T], width: f64, value: &dyn Fn(&T) -> f64) -> Vec<T> {
    let within = |low: f64| -> Vec<T> {
        items.iter().copied().filter(|item| (low..=low + width).contains(&value(item))).collect()
    };
    let mut best: (Vec<T>, f64) = (Vec::new(), f64::NEG_INFINITY);
    let mut lows: Vec<f64> = items.iter().map(value).collect();
    lows.sort_by(f64::total_cmp);
    lows.dedup();
    for low in lows {
        let found = within(low);
        if found.len() > best.0.len() || found.len() == best.0.len() && low > best.1 {
            best = (found, low);
        }
    }
    best.0
}

fn ln(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 { value.ln() } else { 0.0 }
}

/// What proxies say at mixtures: at theirs what they measured, between them a line fitted to those near.
pub(super) struct Surface<'a> {
    models: &'a [(Vec<f64>, f64)],
    /// Median distance between a proxy and the nearest other.
    usual: f64,
}

impl<'a> Surface<'a> {
    pub(super) fn of(models: &'a [(Vec<f64>, f64)]) -> Self {
        let nearest = |(i, (own, _)): (usize, &(Vec<f64>, f64))| {
            let others = models.iter().enumerate().filter(|(j, _)| *j != i);
            others.map(|(_, (mixture, _))| distance(own, mixture)).fold(f64::INFINITY, f64::min)
        };
        let mut distances: Vec<f64> = models.iter().enumerate().map(nearest).collect();
        distances.sort_by(f64::total_cmp);
        Self { models, usual: distances.get(distances.len() / 2).copied().unwrap_or(0.0) }
    }

    /// ln L at a mixture; `None` where no proxy is near.
    pub(super) fn at(&self, mixture: &[f64]) -> Option<f64> {
        let far = |model: &&(Vec<f64>, f64)| distance(&model.0, mixture);
        let nearest = self.models.iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
        if far(&nearest) < SAME {
            return Some(nearest.1);
        }
        let k = mixture.len();
        if far(&nearest) > NEAR * self.usual || self.models.len() < k + 2 {
            return None;
        }
        // Weights about the mixture, all but the last: the level is the value there.
        let rows: Vec<(Vec<f64>, f64, f64)> = self
            .models
            .iter()
            .map(|(own, z)| {
                let near = (-0.5 * (distance(own, mixture) / (2.0 * self.usual)).powi(2)).exp();
                let x = std::iter::once(1.0).chain(own.iter().zip(mixture).take(k - 1).map(|(a, b)| a - b)).collect();
                (x, near, near * z)
            })
            .collect();
        let level = least_squares(rows.iter().map(|(x, weight, value)| (x.as_slice(), *weight, *value)), k)?;
        level.first().copied().filter(|z| z.is_finite())
    }
}
