//! The best mixture of a region under the limits: by the best guess, and with the probability that limits must hold with.

use super::evidence::{Chosen, SURE};
use super::probability::{JointSamples, distance};
use super::region::Region;
use super::search::{BestMixture, Each, Problem, Rounded};
use super::tested::Tested;

/// Weight that the steps begin with that go from the best by the best guess to the best with a probability: where what joint samples
/// add is a stand-in, and then with the samples themselves.
const CARE: [f64; 2] = [0.05, 2e-2];

/// Where is searched.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub region: &'a Region,
    /// What mixtures beyond the runs must be better by, and keep limits by; `None` where that is not asked.
    pub priced: Option<&'a Tested>,
    pub seed: u64,
}

/// The best mixture of a region that keeps the limits by the best guess, with its exact shares of the corners, or why there is none.
pub(super) fn guess(
    joint: &JointSamples<'_, '_>,
    field: Field<'_>,
) -> Result<(Option<Vec<f64>>, BestMixture), Option<String>> {
    let by_guess = |mixtures: &[Vec<f64>]| joint.excesses(mixtures);
    let (shares, guess) = problem(joint, field, &by_guess, |problem| problem.solve_from())
        .ok_or_else(|| Some("The fitted laws give no finite loss at the target.".to_owned()))?;
    if field.region.outside(&guess.weights) > 0.0 {
        return Err(Some(
            "No mixture that the runs have explored keeps bounds, supply, shares of groups and the distance from the current \
             mixture together."
                .to_owned(),
        ));
    }
    if guess.breach > 0.0 {
        let limits: Vec<&str> = joint.limits.iter().map(|l| l.text.as_str()).collect();
        return Err(Some(format!(
            "No allowed mixture meets {}: the closest misses by {:.1} %.",
            limits.join(" and "),
            100.0 * (guess.breach.exp() - 1.0)
        )));
    }
    Ok((shares, guess))
}

/// The best mixture of a region that keeps the limits with the probability [`SURE`], beside the `guess` that does so by the best
/// guess.
pub(super) fn careful(
    joint: &JointSamples<'_, '_>,
    field: Field<'_>,
    (shares, guess): (Option<Vec<f64>>, BestMixture),
) -> Chosen {
    let sure = joint.excess_at(&guess.weights, SURE) + field.margin(&guess.weights);
    if sure <= 0.0 {
        // What is best where only the best guess counts is best where more does, too.
        return Chosen { best: guess.clone(), guess, sure: true };
    }
    // Probabilities are counted only where the best guess already keeps the limits; elsewhere what they would add is taken from
    // the best guess's own optimum.
    let margin = (sure - joint.excess(&guess.weights) - field.margin(&guess.weights)).max(0.0);
    let careful = |mixtures: &[Vec<f64>]| {
        let mut excess = joint.excesses(mixtures);
        let kept: Vec<usize> =
            (0..mixtures.len()).filter(|i| excess[*i] + field.margin(&mixtures[*i]) <= 0.0).collect();
        excess.iter_mut().filter(|excess| **excess > 0.0).for_each(|broken| *broken += margin);
        let asked: Vec<Vec<f64>> = kept.iter().map(|i| mixtures[*i].clone()).collect();
        for (i, sure) in kept.into_iter().zip(joint.excesses_at(&asked, SURE)) {
            excess[i] = sure.max(excess[i]);
        }
        excess
    };
    let near = shares.map(|shares| nearly_careful(joint, field, shares, &guess));
    let best = problem(joint, field, &careful, |problem| {
        let near = near.map(|shares| problem.near(shares, CARE[1]).1);
        // What was led to by a stand-in counts where it holds, and nothing that a search would begin with is better.
        let near = near.filter(|near| near.breach <= 0.0 && !problem.is_beaten(near));
        near.map(|near| problem.thousandth(near)).or_else(|| problem.solve())
    });
    let best = best.unwrap_or_else(|| guess.clone());
    let sure = best.breach <= 0.0;
    let best = if joint.excess(&best.weights) + field.margin(&best.weights) <= 0.0 { best } else { guess.clone() };
    Chosen { best, guess, sure }
}

/// Shares of the corners near the best mixture under limits that must hold with the probability [`SURE`], from those of the best by the
/// best guess. Joint samples are dear: what they add to a limit is taken as linear in the weights around where the search stands,
/// and worked out again where it ends.
fn nearly_careful(
    joint: &JointSamples<'_, '_>,
    field: Field<'_>,
    mut shares: Vec<f64>,
    guess: &BestMixture,
) -> Vec<f64> {
    const NUDGE: f64 = 1e-3;
    const ROUNDS: usize = 6;
    let mut at = guess.weights.clone();
    for _ in 0..ROUNDS {
        let mut places = vec![at.clone(); at.len() + 1];
        (0..at.len()).for_each(|i| places[i][i] += NUDGE);
        let added = joint.excesses_at(&places, SURE).into_iter().zip(joint.excesses(&places));
        let mut slope: Vec<f64> = added.map(|(sure, guess)| sure - guess).collect();
        let Some(here) = slope.pop() else { break };
        slope.iter_mut().for_each(|value| *value = (*value - here) / NUDGE);
        let added = |weights: &[f64]| {
            let moved = weights.iter().zip(&at).zip(&slope).map(|((to, from), slope)| slope * (to - from));
            (here + moved.sum::<f64>()).max(0.0)
        };
        let excess = |mixtures: &[Vec<f64>]| {
            let mut excess = joint.excesses(mixtures);
            excess.iter_mut().zip(mixtures).for_each(|(excess, weights)| *excess += added(weights));
            excess
        };
        let (next, found) = problem(joint, field, &excess, |problem| problem.near(shares.clone(), CARE[0]));
        let moved = distance(&found.weights, &at);
        (shares, at) = (next, found.weights);
        if moved < 0.2 * NUDGE {
            break;
        }
    }
    shares
}

impl Field<'_> {
    /// What limits have to be kept by at a mixture, in ln L.
    fn margin(&self, weights: &[f64]) -> f64 {
        self.priced.map_or(0.0, |tested| tested.margin(weights))
    }

    /// The objectives of mixtures with what they must be better by.
    fn priced(&self, mut objectives: Vec<f64>, mixtures: &[Vec<f64>]) -> Vec<f64> {
        if let Some(tested) = self.priced {
            let each = objectives.iter_mut().zip(mixtures);
            each.for_each(|(objective, weights)| *objective += tested.price(weights) * objective.abs());
        }
        objectives
    }
}

/// What `solve` makes of the search for the lowest objective of a region under limits.
fn problem<T>(
    joint: &JointSamples<'_, '_>,
    field: Field<'_>,
    excess: Each<'_>,
    solve: impl FnOnce(&Problem<'_>) -> T,
) -> T {
    let objective = |mixtures: &[Vec<f64>]| field.priced(joint.objectives(mixtures), mixtures);
    let rounded = |mixtures: &[Vec<f64>], width: f64| field.priced(joint.rounded(mixtures, width), mixtures);
    let rounded: Option<Rounded<'_>> = joint.has_corners().then_some(&rounded);
    let excess = |mixtures: &[Vec<f64>]| {
        let mut excess = excess(mixtures);
        excess.iter_mut().zip(mixtures).for_each(|(excess, weights)| *excess += field.margin(weights));
        excess
    };
    solve(&Problem { region: field.region, objective: &objective, excess: &excess, rounded, seed: field.seed })
}
