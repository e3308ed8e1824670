//! The losses of mixtures that an objective counts.

use super::goal::Goal;
use super::surface::{Mixtures, Surface};
use crate::vocab::Scale;

/// The losses that count, by metric and then by mixture, by the best guess, nats; nothing for the others and where no law is.
pub(super) fn losses(
    surfaces: &[Option<Surface<'_>>],
    goal: &Goal,
    scale: &Scale,
    mixtures: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); surfaces.len().max(goal.minimize.len())];
    let mut places = Mixtures::new(scale, mixtures);
    for (m, _) in goal.counted() {
        let Some(surface) = surfaces.get(m).and_then(Option::as_ref) else { continue };
        all[m] = (surface.ln_best)(places.of(surface));
        all[m].iter_mut().for_each(|loss| *loss = loss.exp());
    }
    all.iter_mut().filter(|losses| losses.is_empty()).for_each(|losses| *losses = vec![0.0; mixtures.len()]);
    all
}
