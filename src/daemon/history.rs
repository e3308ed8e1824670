//! History of fits, which answers "what were the fits at 14:00?".

use super::kept_fits::MetricFits;
use crate::observe::Observed;
use crate::store::{SledStore, StoreError};
use crate::vocab::{Forecast, KeptFit, Observations};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes down every fit that was made just now under the time it was made, each with its forecast of the target among
/// `forecasts`.
///
/// # Errors
/// What the store says.
pub fn keep(
    store: &SledStore,
    observed: &Observed,
    fits: &[MetricFits],
    forecasts: &[Forecast],
    now: SystemTime,
) -> Result<(), StoreError> {
    let at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    for (rows, fits) in observed.fitted.iter().zip(fits).filter(|(_, fits)| fits.new) {
        let runs = names(rows);
        for fit in &fits.candidates.fits {
            let same = |f: &&Forecast| f.metric == fit.view.metric && f.law == fit.view.law;
            let kept = KeptFit {
                at: at.as_secs_f64(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
                inputs: fits.made_from.rows.clone(),
                theta: fit.theta.clone(),
                covariance: covariance(&fit.draws),
                runs: runs.clone(),
                // With the current mixture, which comes before the advised one.
                target: forecasts.iter().find(same).cloned(),
                fit: fit.view.clone(),
            };
            // A fit is finite in every number, so this cannot fail; a history with a gap is better than no daemon.
            if let Ok(value) = serde_json::to_vec(&kept) {
                store.keep(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), &value)?;
            }
        }
    }
    Ok(())
}

/// Thins the history out, by loss and law, and deletes what is older than `longest`.
///
/// # Errors
/// What the store says.
pub fn thin(store: &SledStore, now: SystemTime, longest: Duration) -> Result<(), StoreError> {
    #[derive(serde::Deserialize)]
    struct Kept {
        fit: Fit,
    }
    #[derive(serde::Deserialize)]
    struct Fit {
        metric: String,
        law: String,
    }
    let kind = |value: &[u8]| {
        let kept: Kept = serde_json::from_slice(value).ok()?;
        Some(format!("{}\0{}", kept.fit.metric, kept.fit.law))
    };
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let deleted = store.thin(ms(now.duration_since(UNIX_EPOCH).unwrap_or_default()), ms(longest), kind)?;
    if deleted > 0 {
        tracing::debug!(deleted, "thinned out the history of fits");
    }
    Ok(())
}

/// Names of the runs that have rows.
fn names(rows: &Observations) -> Vec<String> {
    let present: BTreeSet<usize> = rows.rows.iter().map(|row| row.run).collect();
    present.into_iter().filter_map(|run| rows.runs.get(run).cloned()).collect()
}

/// More coordinates than this (boosted trees have thousands of numbers) have no covariance worth keeping.
const MOST_COORDINATES: usize = 64;

/// Of draws of θ, row by row; empty for less than two.
fn covariance(draws: &[Vec<f64>]) -> Vec<f64> {
    let p = draws.first().map_or(0, Vec::len);
    if draws.len() < 2 || p > MOST_COORDINATES || draws.iter().any(|d| d.len() != p) {
        return Vec::new();
    }
    let n = draws.len() as f64;
    let mean: Vec<f64> = (0..p).map(|k| draws.iter().map(|d| d[k]).sum::<f64>() / n).collect();
    let of = |a: usize, b: usize| draws.iter().map(|d| (d[a] - mean[a]) * (d[b] - mean[b])).sum::<f64>() / (n - 1.0);
    (0..p * p).map(|i| of(i / p, i % p)).collect()
}

/// Fits made up to a time (seconds since 1970), newest first, at most `most`. What cannot be read (kept by a version to
/// come) is left out.
///
/// # Errors
/// What the store says.
pub fn read(store: &SledStore, until: Option<f64>, most: usize) -> Result<Vec<KeptFit>, StoreError> {
    let until = until.map_or(u64::MAX, |seconds| (seconds * 1e3) as u64);
    let kept = store.kept(until, most)?;
    Ok(kept.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect())
}

/// When the newest fits that are kept were made, seconds since 1970, ascending, each once; of at most `most` fits.
///
/// # Errors
/// What the store says.
pub fn moments(store: &SledStore, most: usize) -> Result<Vec<f64>, StoreError> {
    let mut all: Vec<u64> = store.kept(u64::MAX, most)?.iter().map(|entry| entry.at).collect();
    all.reverse();
    all.dedup();
    Ok(all.into_iter().map(|at| at as f64 / 1e3).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covariance_is_that_of_the_draws_and_nothing_of_one_draw() {
        assert_eq!(covariance(&[vec![0.0, 1.0], vec![2.0, 5.0]]), [2.0, 4.0, 4.0, 8.0]);
        assert_eq!(covariance(&[vec![1.0]]), Vec::<f64>::new());
        assert_eq!(covariance(&[vec![0.0; 65], vec![1.0; 65]]), Vec::<f64>::new());
    }
}
