//! Every fit, kept: "what did we believe at 14:00?" has an answer.

use crate::fit::choose::Candidates;
use crate::observe::Observed;
use crate::store::{SledStore, StoreError};
use crate::vocab::{KeptFit, Observations};
use std::time::{SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::Xxh3;

/// Keeps every fit of a round under the time it was made.
///
/// # Errors
/// What the store says.
pub fn keep(store: &SledStore, observed: &Observed, fits: &[Candidates], now: SystemTime) -> Result<(), StoreError> {
    let at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    for (rows, candidates) in observed.fitted.iter().zip(fits) {
        let inputs = format!("{:016x}", fingerprint(rows));
        for fit in &candidates.fits {
            let kept = KeptFit {
                at: at.as_secs_f64(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
                inputs: inputs.clone(),
                theta: fit.theta.clone(),
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

/// The same rows have the same fingerprint, on every machine.
#[must_use]
pub fn fingerprint(rows: &Observations) -> u64 {
    let mut hash = Xxh3::new();
    for name in rows.domains.iter().chain([&rows.metric]) {
        hash.update(name.as_bytes());
        hash.update(&[0]);
    }
    for row in &rows.rows {
        let shape = [row.params, row.active_params, row.tokens, row.experts, row.experts_per_token, row.granularity];
        for number in shape.iter().chain(&row.mixture).chain([&row.loss]) {
            hash.update(&number.to_le_bytes());
        }
        hash.update(&(row.run as u64).to_le_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Observation;

    #[test]
    fn one_changed_loss_is_another_fingerprint() {
        let row =
            Observation { params: 1e6, tokens: 1e7, mixture: vec![0.5, 0.5], loss: 2.0, ..Observation::default() };
        let rows = |loss| Observations {
            metric: "eval/a/loss".to_owned(),
            rows: vec![row.clone(), Observation { loss, ..row.clone() }],
            ..Observations::default()
        };
        assert_eq!(fingerprint(&rows(2.1)), fingerprint(&rows(2.1)));
        assert_ne!(fingerprint(&rows(2.1)), fingerprint(&rows(2.1000001)));
    }
}
