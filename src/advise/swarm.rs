//! The mixtures of the runs, and whether another lies between them or beyond.

use super::far::{Spread, further};
use super::growth::{self, HeldErrors};
use super::surface::Surface;
use crate::fit::Fit;
use crate::vocab::thousandths;
use std::collections::BTreeMap;

/// Fewest corpora: of two, mixtures beyond the others are at two ends.
const CORPORA: usize = 3;
/// Mixtures that the hull reaches when runs are moved apart by less are not beyond it: what is advised is rounded.
const BEYOND: f64 = 1.05;

/// Distinct mixtures of runs, and how far each is from the others.
#[derive(Debug)]
pub(super) struct Swarm {
    pub mixtures: Vec<Vec<f64>>,
    pub spread: Spread,
    /// d² of each from the others.
    pub far: Vec<f64>,
}

impl Swarm {
    /// `None` of fewer than three corpora or mixtures.
    pub fn of(mixtures: &[Vec<f64>]) -> Option<Self> {
        if mixtures.first()?.len() < CORPORA {
            return None;
        }
        let spread = Spread::of(mixtures)?;
        let far = mixtures.iter().map(|weights| spread.among_others(weights)).collect();
        Some(Self { mixtures: mixtures.to_vec(), spread, far })
    }

    /// By how much they would have to be moved away from their mean to reach a mixture; `None` where it is not beyond them.
    pub fn beyond(&self, weights: &[f64]) -> Option<f64> {
        Some(further(&self.mixtures, weights)).filter(|factor| *factor > BEYOND)
    }

    /// The error of a law (ln observed − ln predicted) about each mixture when it was held out; `None` where it never was.
    pub fn errors(&self, fit: &Fit, surface: &Surface<'_>) -> Vec<Option<f64>> {
        let own = fit.held_mixtures().into_iter();
        let by_mixture: BTreeMap<Vec<i64>, f64> =
            own.map(|(weights, error)| (thousandths(&surface.in_project(&weights)), error)).collect();
        self.mixtures.iter().map(|weights| by_mixture.get(&thousandths(weights)).copied()).collect()
    }

    /// Errors, parallel to the mixtures, with their distances; `None` where these are too few.
    pub fn held(&self, errors: &[Option<f64>]) -> Option<HeldErrors> {
        HeldErrors::of(self.far.iter().zip(errors).filter_map(|(far, error)| Some((*far, (*error)?))).collect())
    }

    /// Whether there are so many that held-out errors may say how they grow.
    pub fn is_enough(&self) -> bool {
        self.mixtures.len() >= growth::FEWEST
    }
}
