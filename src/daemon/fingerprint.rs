//! Hash of fitted rows.

use crate::vocab::{Observations, Probe};
use xxhash_rust::xxh3::Xxh3;

/// The same rows have the same fingerprint, on every machine.
#[must_use]
pub fn fingerprint(rows: &Observations) -> u64 {
    let mut hash = Xxh3::new();
    for name in rows.domains.iter().chain([&rows.metric]) {
        hash.update(name.as_bytes());
        hash.update(&[0]);
    }
    let probe = |p: Option<Probe>| p.map_or([0.0; 2], |p| [p.loss, p.decline]);
    // What rows of a project without either are hashed to stays as it was.
    if rows.probe.is_some() {
        let probes = rows.rows.iter().map(|row| row.probe).chain([rows.probe]);
        probes.flat_map(probe).for_each(|number| hash.update(&number.to_le_bytes()));
    }
    rows.supply.iter().for_each(|tokens| hash.update(&tokens.to_le_bytes()));
    for row in &rows.rows {
        let shape = [row.params, row.active_params, row.tokens, row.experts, row.experts_per_token, row.granularity];
        for number in shape.iter().chain(&row.mixture).chain([&row.loss]) {
            hash.update(&number.to_le_bytes());
        }
        hash.update(&(row.run as u64).to_le_bytes());
    }
    // Projects without any keep their fingerprints.
    for proxies in &rows.proxies {
        hash.update(proxies.named.as_bytes());
        hash.update(&[0, proxies.kind as u8]);
        for row in &proxies.rows {
            let numbers = [row.params, row.tokens, row.loss];
            numbers.iter().chain(&row.mixture).for_each(|number| hash.update(&number.to_le_bytes()));
        }
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
