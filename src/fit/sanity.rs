//! Check of a fitted law at places between those that were run: errors on held-out rows say nothing of a place far from all
//! rows, however well they surround it.

use super::Fit;
use super::random::Random;
use crate::laws::Columns;
use crate::vocab::{Observation, Observations};

/// Places looked at.
const PLACES: u64 = 256;

/// A loss that the law predicts between mixtures that were run and that cannot be; `None` where there is none among some
/// places.
pub(super) fn implausible(fit: &Fit, observations: &Observations, seed: u64) -> Option<f64> {
    let rows: Vec<&Observation> =
        Columns::usable(observations).into_iter().map(|row| &observations.rows[row]).collect();
    if rows.is_empty() {
        return None;
    }
    (0..PLACES).find_map(|index| {
        let mut random = Random::new(seed, (1 << 42) + index);
        let at = between(&rows, &mut random);
        let interval = fit.forecast(&at);
        (!fit.is_plausible(&at, &interval)).then_some(interval.value)
    })
}

/// A place between three rows, of the size and tokens of the first.
fn between(rows: &[&Observation], random: &mut Random) -> Observation {
    let ends = [0; 3].map(|_| rows[random.below(rows.len())]);
    let shares = [0; 3].map(|_| random.uniform(0.0, 1.0) + 1e-6);
    let sum: f64 = shares.iter().sum();
    let weight = |j: usize| ends.iter().zip(&shares).map(|(row, share)| share / sum * row.mixture[j]).sum();
    Observation { mixture: (0..ends[0].mixture.len()).map(weight).collect(), ..ends[0].clone() }
}
