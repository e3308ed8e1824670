//! Groups of domains that share a part of the mixture: `code: { domains: [python, rust], share: [0.1, 0.3] }`. What is between
//! the runs' mixtures and has such a share is again what is between some mixtures: the corners that have it already, and the
//! points of the edges between those that have too little and too much.

use crate::forecast::spread::{generator, uniform};
use crate::vocab::number::percent;

/// Corners beyond which only a part of the new ones is kept; what is between them is then a little less than what is allowed.
const MOST: usize = 600;
/// What rounding may add to a share.
const TOLERANCE: f64 = 1e-9;

/// Domains whose weights have a sum in a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// Name of the group.
    pub name: String,
    /// Indices of its domains.
    pub members: Vec<usize>,
    /// Least and most sum of their weights.
    pub range: [f64; 2],
    /// What `mixture.hold` says, where that made the group.
    pub held: Option<&'static str>,
}

impl Share {
    /// Sum of the members' weights.
    pub fn of(&self, weights: &[f64]) -> f64 {
        self.members.iter().map(|i| weights[*i]).sum()
    }

    /// How far the sum is outside its range; 0 inside.
    pub fn excess(&self, weights: &[f64]) -> f64 {
        let sum = self.of(weights);
        let worst = (self.range[0] - sum).max(sum - self.range[1]);
        if worst <= TOLERANCE { 0.0 } else { worst }
    }

    /// The corners of what is left of the hull of `corners`; none where no mixture between them has such a share.
    pub fn cut(&self, corners: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [low, high] = self.range;
        let below = half(corners, &|corner| high - self.of(corner));
        half(&below, &|corner| self.of(corner) - low)
    }

    /// That no mixture between the corners has such a share, as a sentence.
    pub fn contradiction(&self, corners: &[Vec<f64>]) -> String {
        let [low, high] = self.range;
        let sums = corners.iter().map(|corner| self.of(corner));
        let (least, most) = (sums.clone().fold(1.0, f64::min), sums.fold(0.0, f64::max));
        let there = range_text(least, most);
        match self.held {
            Some(what) => {
                format!(
                    "`hold: {what}` keeps {} at {}, but in what may be advised it has {there}.",
                    self.name,
                    percent(low)
                )
            }
            None => format!(
                "The group {} may have {} of the weight, but in what may be advised it has {there}.",
                self.name,
                range_text(low, high),
            ),
        }
    }

    /// That a mixture stands on an end of the range, as a sentence; `None` where it stands on none.
    pub fn sentence(&self, weights: &[f64]) -> Option<String> {
        let (sum, [low, high], name) = (self.of(weights), self.range, &self.name);
        let at = |end: f64| (sum - end).abs() < 1.5e-3;
        if let Some(what) = self.held {
            return Some(format!("`hold: {what}` keeps {name} at {}.", percent(low)));
        }
        let what = match () {
            () if high - low < 1e-9 => "has its share",
            () if high < 1.0 && at(high) => "is at its maximum",
            () if low > 0.0 && at(low) => "is at its minimum",
            () => return None,
        };
        Some(format!("The group {name} {what}, {}.", percent(if at(high) { high } else { low })))
    }
}

/// A range of weights.
fn range_text(low: f64, high: f64) -> String {
    if high - low < 1e-9 { percent(low) } else { format!("{} to {}", percent(low), percent(high)) }
}

/// The corners where `room` is at least 0, and where the lines from them to the others reach 0.
fn half(corners: &[Vec<f64>], room: &dyn Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
    let (kept, lost): (Vec<_>, Vec<_>) = corners.iter().partition(|corner| room(corner) >= -1e-12);
    let mut found: Vec<Vec<f64>> = kept.iter().map(|corner| (*corner).clone()).collect();
    let pairs = kept.len() * lost.len();
    let keep = MOST as f64 / pairs.max(1) as f64;
    let mut random = generator(0x6772_6f75);
    for inside in &kept {
        let more = room(inside).max(0.0);
        for outside in lost.iter().filter(|_| more > 1e-12) {
            if keep < 1.0 && uniform(&mut random) > keep {
                continue;
            }
            let part = more / (more - room(outside));
            found.push(inside.iter().zip(*outside).map(|(a, b)| a + part * (b - a)).collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corners() -> Vec<Vec<f64>> {
        (0..4).map(|i| (0..4).map(|j| f64::from(u8::from(i == j))).collect()).collect()
    }

    #[test]
    fn corners_of_what_is_left_have_the_share_and_sum_to_one() {
        for range in [[0.1, 0.3], [0.25, 0.25], [0.0, 0.5], [0.6, 1.0]] {
            let share = Share { name: "code".to_owned(), members: vec![2, 3], range, held: None };
            let left = share.cut(&corners());
            assert!(left.iter().all(|c| share.excess(c) == 0.0 && (c.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            // Both ends of the range are reached.
            for end in range {
                assert!(left.iter().any(|c| (share.of(c) - end).abs() < 1e-12), "{range:?} {end}");
            }
        }
    }

    #[test]
    fn a_share_that_no_run_has_is_said_with_what_the_runs_have() {
        let share = Share { name: "code".to_owned(), members: vec![0], range: [0.5, 0.6], held: None };
        let runs = vec![vec![0.1, 0.9], vec![0.3, 0.7]];
        assert!(share.cut(&runs).is_empty());
        assert!(share.contradiction(&runs).contains("it has 10 % to 30 %"));
    }

    #[test]
    fn what_hold_keeps_is_no_group_that_anybody_defined() {
        let share = |range, held| Share { name: "code".to_owned(), members: vec![1], range, held };
        let said = |range, held| share(range, held).sentence(&[0.6, 0.4]);
        assert_eq!(said([0.4, 0.4], Some("corpora")).unwrap(), "`hold: corpora` keeps code at 40 %.");
        assert_eq!(said([0.4, 0.4], None).unwrap(), "The group code has its share, 40 %.");
        assert_eq!(said([0.1, 0.4], None).unwrap(), "The group code is at its maximum, 40 %.");
        assert_eq!(said([0.4, 0.5], None).unwrap(), "The group code is at its minimum, 40 %.");
        assert_eq!((said([0.1, 0.5], None), said([0.0, 1.0], None)), (None, None));
        let none = share([0.4, 0.4], Some("lengths")).contradiction(&[vec![0.9, 0.1], vec![0.8, 0.2]]);
        assert_eq!(none, "`hold: lengths` keeps code at 40 %, but in what may be advised it has 10 % to 20 %.");
    }
}
