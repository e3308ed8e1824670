//! The best mixture beyond the runs, where what is predicted for it is so much lower than the best between them that held-out errors at its
//! distance do not speak against it.

use super::choose::{self, Field};
use super::evidence::Chosen;
use super::probability::JointSamples;
use super::region::Region;
use super::search::BestMixture;
use super::tested::Tested;

/// What is advised beyond the runs.
pub(super) struct Further {
    /// Mixtures that may be: as far from the runs as held-out ones were from the others.
    pub region: Region,
    pub chosen: Chosen,
    /// Its objective with what it must be better by.
    pub bound: f64,
}

/// What is better than the best mixture between the runs by what it must be; `None` where nothing is. `open`: the region if runs did not
/// restrict it; `lowest`: the best in it by the best guess.
pub(super) fn search(
    joint: &JointSamples<'_, '_>,
    open: &Region,
    tested: &Tested,
    seed: u64,
    between: &Chosen,
    lowest: &BestMixture,
) -> Option<Further> {
    // No mixture beyond the runs has a lower bound than this.
    if lowest.objective + tested.least_price() * lowest.objective.abs() >= between.best.objective {
        return None;
    }
    let region = around(open, tested, &between.best);
    let field = Field { region: &region, priced: Some(tested), seed };
    let guess = choose::guess(joint, field).ok()?;
    let mut chosen = choose::careful(joint, field, guess);
    let bound = chosen.best.objective;
    let kept = chosen.best.breach <= 0.0 && (chosen.sure || !between.sure);
    for found in [&mut chosen.best, &mut chosen.guess] {
        found.objective = joint.objective(&found.weights);
    }
    (kept && bound < between.best.objective && tested.beyond(&chosen.best.weights).is_some()).then_some(Further {
        region,
        chosen,
        bound,
    })
}

/// The same where only the best guess has to keep the limits.
pub(super) fn by_best_guess(
    joint: &JointSamples<'_, '_>,
    open: &Region,
    tested: &Tested,
    seed: u64,
    between: &BestMixture,
) -> Option<BestMixture> {
    let region = around(open, tested, between);
    let (_, found) = choose::guess(joint, Field { region: &region, priced: Some(tested), seed }).ok()?;
    let better = found.objective < between.objective && tested.beyond(&found.weights).is_some();
    better.then(|| BestMixture { objective: joint.objective(&found.weights), ..found })
}

/// What may be advised: as far from the runs as held-out errors carry. `open`: the region if runs did not restrict it.
pub(super) fn region(open: &Region, tested: &Tested) -> Region {
    Region { near: Some(tested.near.clone()), ..open.clone() }
}

/// The same for a search. The best mixture between them becomes one of the corners, from which the search begins.
fn around(open: &Region, tested: &Tested, between: &BestMixture) -> Region {
    let mut region = region(open, tested);
    region.corners.push(between.weights.clone());
    if let Some(reach) = &mut region.reach {
        reach.shares.push(0.0);
    }
    region
}
