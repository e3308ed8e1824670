//! Curves from the store's blocks, at the width of a screen.

use super::publisher::CurrentState;
use crate::ipc::protocol::Failure;
use crate::ipc::series::{Axis, Envelope, SeriesQuery, envelope, pixels};
use crate::store::{ReadStore, RunId, StoreError};
use crate::vocab::{Ordered, RunView};

/// The curves that were asked for and are there.
///
/// # Errors
/// Where the question makes no sense, or what the store says.
pub fn curves(query: &SeriesQuery, current: &CurrentState) -> Result<Vec<Envelope>, Failure> {
    query.check().map_err(|(what, instead)| Failure::usage(what, instead))?;
    let runs: Vec<&RunView> = query
        .runs
        .iter()
        .filter_map(|id| current.snapshot.runs.iter().find(|run| run.id == *id).map(AsRef::as_ref))
        .collect();
    let mut wanted: Vec<(&RunView, &String)> = Vec::new();
    for run in runs {
        wanted.extend(query.metrics.iter().filter(|key| run.metrics.contains_key(key.as_str())).map(|key| (run, key)));
    }
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    if query.from.is_none() || query.to.is_none() {
        // One curve at a time is in memory, twice: curves of a million points do not add up.
        for (run, key) in &wanted {
            for (x, _) in points(&query.x, run, key, current)? {
                (lo, hi) = (lo.min(x), hi.max(x));
            }
        }
    }
    let (lo, hi) = (query.from.unwrap_or(lo), query.to.unwrap_or(hi));
    if lo > hi || !lo.is_finite() || !hi.is_finite() {
        return Ok(Vec::new());
    }
    let least = if query.x == Axis::Step { 1.0 } else { 0.0 };
    let across = pixels(lo, hi, query.pixels, least);
    let mut made = Vec::new();
    for (run, key) in &wanted {
        let curve = envelope(points(&query.x, run, key, current)?.into_iter(), across, hi, query.smoothing);
        if !curve.at.is_empty() {
            let restarts = restarts(&query.x, run, key, (lo, hi), current)?;
            made.push(Envelope { run: run.id, metric: (*key).clone(), restarts, ..curve });
        }
    }
    Ok(made)
}

/// Restarts of a curve that are told.
const MOST_RESTARTS: usize = 64;

/// Where a run was started again: x of the first point of each segment but the first, ascending.
fn restarts(
    x: &Axis,
    run: &RunView,
    key: &str,
    (lo, hi): (f64, f64),
    current: &CurrentState,
) -> Result<Vec<f64>, StoreError> {
    // Most runs were never restarted; what was counted says so without a look at their points.
    if run.metrics.get(key).is_none_or(|metric| metric.segments < 2) {
        return Ok(Vec::new());
    }
    let series = current.store.series(RunId(run.id), key)?;
    let begins = |i: &usize| series.segments.get(*i) != series.segments.get(i - 1);
    let since = since(x, &series.walls);
    let places = if x.is_time() { None } else { Places::of(x, run, current)? };
    let place = |i: usize| match &places {
        Some(places) => places.at(series.steps[i]),
        None if x.is_time() => Some(series.walls.get(i)? - since),
        None => None,
    };
    let mut all: Vec<f64> = (1..series.len()).filter(begins).filter_map(place).collect();
    all.retain(|x| (lo..=hi).contains(x));
    all.sort_by(f64::total_cmp);
    all.drain(..all.len().saturating_sub(MOST_RESTARTS));
    Ok(all)
}

/// What times are counted from, seconds since 1970.
fn since(x: &Axis, walls: &[f64]) -> f64 {
    let first = || walls.iter().copied().filter(|wall| wall.is_finite()).fold(f64::INFINITY, f64::min);
    if *x == Axis::Elapsed { first() } else { 0.0 }
}

/// Where the steps of a run are on an axis that is none of times.
enum Places {
    /// Each step is worth as much.
    PerStep(f64),
    /// The values of a metric, in order of steps.
    Values(Vec<(i64, f64)>),
}

impl Places {
    /// `None` where the run does not have the axis.
    fn of(x: &Axis, run: &RunView, current: &CurrentState) -> Result<Option<Self>, StoreError> {
        let Axis::Metric(key) = x else { return Ok(x.per_step(run, &current.snapshot).map(Self::PerStep)) };
        if !run.metrics.contains_key(key.as_str()) {
            return Ok(None);
        }
        Ok(Some(Self::Values(steps(run, key, current)?)))
    }

    fn at(&self, step: i64) -> Option<f64> {
        match self {
            Self::PerStep(worth) => Some(step as f64 * worth),
            Self::Values(values) => {
                let before = values.partition_point(|value| value.0 <= step).checked_sub(1)?;
                Some(values[before].1).filter(|x| x.is_finite())
            }
        }
    }
}

/// The points of a metric at optimiser steps, ascending: what a restart repeats or abandons is left out.
fn steps(run: &RunView, key: &str, current: &CurrentState) -> Result<Vec<(i64, f64)>, StoreError> {
    let latest = current.store.series(RunId(run.id), key)?.latest();
    let record = current.records.iter().find(|record| record.id.0 == run.id);
    Ok(match record {
        Some(record) => record.at_optimiser_steps(latest),
        None => latest,
    })
}

/// Points in order of x.
fn points(x: &Axis, run: &RunView, key: &str, current: &CurrentState) -> Result<Vec<(f64, f64)>, StoreError> {
    if x.is_time() {
        let series = current.store.series(RunId(run.id), key)?;
        let since = since(x, &series.walls);
        let mut points: Vec<(f64, f64)> = series
            .walls
            .iter()
            .copied()
            .zip(series.values.iter().copied())
            .filter(|(wall, _)| wall.is_finite())
            .map(|(wall, value)| (wall - since, value))
            .collect();
        points.sort_by_cached_key(|point| Ordered(point.0));
        return Ok(points);
    }
    let Some(places) = Places::of(x, run, current)? else { return Ok(Vec::new()) };
    let mut points: Vec<(f64, f64)> =
        steps(run, key, current)?.into_iter().filter_map(|(step, value)| Some((places.at(step)?, value))).collect();
    if matches!(x, Axis::Metric(_)) {
        points.sort_by_cached_key(|point| Ordered(point.0));
    }
    Ok(points)
}
