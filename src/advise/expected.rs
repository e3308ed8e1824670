//! What is expected of each loss at the target with a mixture, or that a law only ranks mixtures there.

use super::growth::wider;
use super::measured::Trial;
use super::probability::JointSamples;
use super::surface::Surface;
use crate::vocab::Expected;
use std::collections::BTreeMap;

/// That a law can only rank mixtures at the target, in a sentence.
pub(super) fn ranks_only(surface: &Surface<'_>, joint: &JointSamples<'_, '_>, weights: &[f64]) -> Option<String> {
    let unseen = (surface.unseen)(&surface.place(&joint.scale, weights));
    let letters: Vec<&str> = unseen.iter().map(|variable| variable.letter()).collect();
    (!unseen.is_empty()).then(|| {
        format!(
            "Ranks only: the {} law of the {} loss does not see {}, in which the target lies outside the runs. It orders \
             mixtures; no loss at the target is predicted.",
            surface.law,
            surface.domain,
            letters.join(" and ")
        )
    })
}

/// What is expected of each loss; of the mixture of a measured run, what it measured.
pub(super) fn expected(
    joint: &JointSamples<'_, '_>,
    weights: &[f64],
    trial: Option<&Trial>,
) -> BTreeMap<String, Expected> {
    let mut all = BTreeMap::new();
    for (d, surface) in joint.surfaces.iter().enumerate() {
        let Some(surface) = surface else { continue };
        if !(surface.unseen)(&surface.place(&joint.scale, weights)).is_empty() {
            continue;
        }
        let place = |weights| surface.place(&joint.scale, weights);
        let limit = joint.limits.iter().filter(|l| l.domain == d).map(|l| l.value).reduce(f64::min);
        if let Some(mut expected) = surface.expected(&place(weights), &place(joint.current), limit) {
            let grown = joint.tested.map_or(0.0, |tested| tested.grown(d, weights));
            [expected.low, expected.high] = wider(expected.value, [expected.low, expected.high], grown);
            if let Some(loss) = trial.and_then(|trial| *trial.at_target.get(d)?) {
                let factor = loss / expected.value;
                (expected.low, expected.high) = (factor * expected.low, factor * expected.high);
                expected.value = loss;
            }
            all.insert(surface.metric.clone(), expected);
        }
    }
    all
}
