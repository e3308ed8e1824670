//! How far a mixture may be from the one in use: by the weight that moves (total variation), and by the Kullback–Leibler
//! divergence. Both are convex, so that the mixtures within reach are, too.

use super::hull::toward;
use super::probability::distance;

/// What rounding may add to a distance.
const TOLERANCE: f64 = 1e-9;
/// Steps of the search for the nearest mixture.
const STEPS: usize = 4000;

/// The mixture in use, and the limits on what is moved away from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reach {
    /// Weights in use.
    pub from: Vec<f64>,
    /// Most weight that may move: Σ|new − now| / 2.
    pub change: Option<f64>,
    /// Most divergence, nats: Σ new ln(new / now).
    pub divergence: Option<f64>,
    /// A mixture that may be advised, as near to the one in use as there is.
    pub centre: Vec<f64>,
    /// Its shares of the corners.
    pub shares: Vec<f64>,
}

impl Reach {
    /// The limits around `from`, with the nearest mixture between `corners` as the centre. `None` where nothing limits.
    pub fn new(from: &[f64], change: Option<f64>, divergence: Option<f64>, corners: &[Vec<f64>]) -> Option<Self> {
        (change.is_some() || divergence.is_some()).then(|| {
            let (centre, shares) = nearest(corners, from);
            Self { from: from.to_vec(), change, divergence, centre, shares }
        })
    }

    /// How far beyond the limits a mixture is, the worst of both; 0 within them.
    pub fn excess(&self, weights: &[f64]) -> f64 {
        let worst = self.beyond(weights);
        if worst <= TOLERANCE { 0.0 } else { worst }
    }

    /// A slope of the worse of both distances, by the weights.
    pub fn slope(&self, weights: &[f64]) -> Vec<f64> {
        let change = self.change.map_or(f64::NEG_INFINITY, |most| distance(weights, &self.from) - most);
        let pairs = weights.iter().zip(&self.from);
        if change >= self.beyond(weights) {
            return pairs
                .map(|(w, from)| 0.5 * (w - from).partial_cmp(&0.0).map_or(0.0, |o| f64::from(o as i8)))
                .collect();
        }
        // Weights without a logarithm are far down it.
        pairs.map(|(w, from)| if *from > 0.0 { (w.max(1e-12) / from).ln() + 1.0 } else { 0.0 }).collect()
    }

    /// The same as [`Self::excess`] to the last bit; negative within the limits.
    pub fn beyond(&self, weights: &[f64]) -> f64 {
        let change = self.change.map_or(f64::NEG_INFINITY, |most| distance(weights, &self.from) - most);
        let divergence = self.divergence.map_or(f64::NEG_INFINITY, |most| divergence(weights, &self.from) - most);
        change.max(divergence)
    }

    /// How much of the way from the centre to a mixture is within reach, 0 to 1; 1 where the mixture is, or nothing is.
    pub fn part(&self, weights: &[f64]) -> f64 {
        if self.beyond(weights) <= 0.0 || self.excess(&self.centre) > 0.0 {
            return 1.0;
        }
        // Where the chord reaches the limit, the distance, which is convex, is not beyond it yet.
        let at = |part: f64| self.beyond(&toward(&self.centre, weights, part));
        let (mut inside, mut outside) = (0.0, 1.0);
        let (mut room, mut over) = (at(0.0), at(1.0));
        for _ in 0..40 {
            // Halving bounds what chords alone may take where the distance bends much.
            for part in [(inside * over - outside * room) / (over - room), 0.5 * (inside + outside)] {
                if !(part > inside && part < outside) {
                    continue;
                }
                match at(part) {
                    more if more <= 0.0 => (inside, room) = (part, more),
                    more => (outside, over) = (part, more),
                }
            }
            if outside - inside < 1e-12 || inside > 0.0 && room > -1e-13 {
                break;
            }
        }
        inside
    }

    /// The mixture itself where it is within reach, otherwise the last within reach on the way to it from the centre.
    pub fn pulled(&self, weights: &[f64]) -> Vec<f64> {
        match self.part(weights) {
            1.0 => weights.to_vec(),
            part => toward(&self.centre, weights, part),
        }
    }

    /// Which limit a mixture stands on, as a sentence; `None` well within both.
    pub fn sentence(&self, weights: &[f64]) -> Option<String> {
        let moved = distance(weights, &self.from);
        if let Some(most) = self.change.filter(|most| moved > most - 2e-3) {
            return Some(format!(
                "max_change stops us: {:.1} % of the weight moves, and at most {:.1} % may.",
                100.0 * moved,
                100.0 * most
            ));
        }
        let diverged = divergence(weights, &self.from);
        self.divergence.filter(|most| diverged > 0.98 * most).map(|most| {
            format!(
                "max_divergence stops us: {diverged:.4} nats from the current mixture, and at most {most} are allowed."
            )
        })
    }

    /// Why no mixture is within reach, if none is: each limit that the nearest one breaks, with its distance in the limit's own unit.
    /// `explored`: whether the corners are mixtures of runs.
    pub fn contradiction(&self, domains: &[String], explored: bool) -> Option<String> {
        (self.excess(&self.centre) > 0.0).then(|| {
            let mut limits = Vec::new();
            let mut nearest = Vec::new();
            let moved = distance(&self.centre, &self.from);
            if let Some(most) = self.change.filter(|most| moved > most + TOLERANCE) {
                limits.push(format!("max_change {most}"));
                nearest.push(format!("moves {:.1} % of the weight", 100.0 * moved));
            }
            let diverged = divergence(&self.centre, &self.from);
            if let Some(most) = self.divergence.filter(|most| diverged > most + TOLERANCE) {
                limits.push(format!("max_divergence {most}"));
                let fresh = |(_, (new, now)): &(&String, (&f64, &f64))| **now <= 0.0 && **new > 0.0;
                let pairs = domains.iter().zip(self.centre.iter().zip(&self.from));
                let fresh: Vec<&str> = pairs.filter(fresh).map(|(domain, _)| domain.as_str()).collect();
                nearest.push(match fresh.is_empty() {
                    true => format!("diverges by {diverged:.4} nats"),
                    false => format!(
                        "has weight on {}, of which the current one has none: that is an infinite divergence",
                        fresh.join(", ")
                    ),
                });
            }
            let which = if explored { "No mixture that the runs have explored" } else { "No mixture" };
            format!(
                "{which} is within {} of the current one: the nearest {}.",
                limits.join(" and "),
                nearest.join(" and ")
            )
        })
    }
}

/// Kullback–Leibler divergence of `new` from `now`, nats; infinite where `new` has weight that `now` lacks.
fn divergence(new: &[f64], now: &[f64]) -> f64 {
    let term = |(p, q): (&f64, &f64)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 };
    new.iter().zip(now).map(term).sum::<f64>().max(0.0)
}

/// The point of the hull of `corners` that is nearest to `from` (Euclid), with its shares of them, by Frank–Wolfe steps between pairs of corners
/// (Lacoste-Julien & Jaggi 2015, "On the global linear convergence of Frank-Wolfe optimization variants").
fn nearest(corners: &[Vec<f64>], from: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let away = |corner: &[f64]| corner.iter().zip(from).map(|(c, f)| (c - f).powi(2)).sum::<f64>();
    let Some(first) = (0..corners.len()).min_by(|a, b| away(&corners[*a]).total_cmp(&away(&corners[*b]))) else {
        return (from.to_vec(), Vec::new());
    };
    let mut shares = vec![0.0; corners.len()];
    shares[first] = 1.0;
    let mut point = corners[first].clone();
    for _ in 0..STEPS {
        let slope: Vec<f64> = point.iter().zip(from).map(|(p, f)| p - f).collect();
        let slopes: Vec<f64> = corners.iter().map(|corner| dot(corner, &slope)).collect();
        let by_slope = |a: &usize, b: &usize| slopes[*a].total_cmp(&slopes[*b]);
        let (Some(to), Some(back)) =
            ((0..corners.len()).min_by(by_slope), (0..corners.len()).filter(|i| shares[*i] > 0.0).max_by(by_slope))
        else {
            break;
        };
        if slopes[back] - slopes[to] < 1e-15 {
            break;
        }
        let direction: Vec<f64> = corners[to].iter().zip(&corners[back]).map(|(t, b)| t - b).collect();
        let step = ((slopes[back] - slopes[to]) / dot(&direction, &direction)).min(shares[back]);
        shares[to] += step;
        shares[back] -= step;
        point.iter_mut().zip(&direction).for_each(|(p, d)| *p += step * d);
    }
    (point, shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_of_a_hull_is_found_inside_on_an_edge_and_at_a_corner() {
        let corners = vec![vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![0.2, 0.2, 0.6]];
        let inside = [0.4, 0.4, 0.2];
        assert!(distance(&nearest(&corners, &inside).0, &inside) < 1e-9);
        let (edge, shares) = nearest(&corners, &[0.5, 0.6, -0.1]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((edge[0] - 0.45).abs() < 1e-9 && edge[2].abs() < 1e-9, "{edge:?}");
        assert!(distance(&nearest(&corners, &[0.0, 0.0, 1.0]).0, &[0.2, 0.2, 0.6]) < 1e-9);
    }

    #[test]
    fn what_is_out_of_reach_is_pulled_to_the_limit_and_no_further() {
        let corners: Vec<Vec<f64>> =
            (0..3).map(|i| (0..3).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>()).collect();
        let now = [0.5, 0.3, 0.2];
        let far = vec![0.0, 0.1, 0.9];
        let reach = Reach::new(&now, Some(0.2), None, &corners).unwrap();
        let pulled = reach.pulled(&far);
        assert!((distance(&pulled, &now) - 0.2).abs() < 1e-9, "{pulled:?}");
        assert!((pulled.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let reach = Reach::new(&now, None, Some(0.05), &corners).unwrap();
        let pulled = reach.pulled(&far);
        assert!((divergence(&pulled, &now) - 0.05).abs() < 1e-8 && reach.excess(&pulled) == 0.0, "{pulled:?}");
        assert_eq!(reach.pulled(&now), now.to_vec());
        assert!(divergence(&[0.5, 0.5], &[1.0, 0.0]).is_infinite(), "a domain that is not in use");
    }

    #[test]
    fn runs_that_are_all_out_of_reach_are_said_so() {
        let corners = vec![vec![0.9, 0.1], vec![0.7, 0.3]];
        let reach = Reach::new(&[0.4, 0.6], Some(0.1), None, &corners).unwrap();
        let domains = ["prose", "rust"].map(str::to_owned);
        let said = |reach: Option<Reach>| reach.unwrap().contradiction(&domains, true);
        assert!(said(Some(reach)).unwrap().contains("the nearest moves 30.0 % of the weight"));
        assert_eq!(said(Reach::new(&[0.4, 0.6], Some(0.3), None, &corners)), None);
        // In the unit of the limit.
        let diverged = said(Reach::new(&[0.4, 0.6], Some(0.3), Some(0.1), &corners)).unwrap();
        assert!(
            diverged.contains("within max_divergence 0.1 of") && diverged.contains("diverges by 0.1838 nats"),
            "{diverged}"
        );
        let fresh = said(Reach::new(&[1.0, 0.0], None, Some(0.1), &corners)).unwrap();
        assert!(fresh.contains("the nearest has weight on rust, of which the current one has none"), "{fresh}");
    }
}
