//! Feasible mixtures: the simplex, restricted by bounds, by the available tokens, to shares of groups, to what is near the
//! mixture in use, and to the mixtures that the runs cover.

use super::far::Near;
use super::groups::Share;
use super::hull::{blend, toward};
use super::reach::Reach;
use crate::project::{Group, Project};
use crate::vocab::number::show_amount;
use std::collections::BTreeMap;

/// How far a weight may stand outside its range and still count as inside: rounding of hand-written weights.
const TOLERANCE: f64 = 1e-9;

/// Why a weight cannot go further.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edge {
    /// 0 or 1.
    Simplex,
    /// `bounds` of the project.
    Bound,
    /// The share of a group of this domain alone, by the group's name, or what `mixture.hold` says.
    Share { group: String, held: Option<&'static str> },
    /// Tokens there are of the domain: `available`, each used at most `epochs` times.
    Supply { available: f64, epochs: f64 },
    /// No run went further.
    Explored,
}

/// A range of weights of one domain, and what ends it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
    pub low_edge: Edge,
    pub high_edge: Edge,
}

impl Range {
    fn full() -> Self {
        Self { low: 0.0, high: 1.0, low_edge: Edge::Simplex, high_edge: Edge::Simplex }
    }

    /// Whether one statement leaves one weight.
    pub fn is_fixed(&self) -> bool {
        self.low >= self.high - TOLERANCE && self.low_edge == self.high_edge
    }

    fn raise(&mut self, low: f64, edge: Edge) {
        if low > self.low {
            (self.low, self.low_edge) = (low, edge);
        }
    }

    fn lower(&mut self, high: f64, edge: Edge) {
        if high < self.high {
            (self.high, self.high_edge) = (high, edge);
        }
    }
}

/// The mixtures that may be advised: inside the box of `ranges`, inside the convex hull of `corners`, and within `reach`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Region {
    /// One per domain.
    pub ranges: Vec<Range>,
    /// Mixtures whose convex combinations may be advised: those of the runs, or the pure domains, cut to the groups' shares.
    pub corners: Vec<Vec<f64>>,
    /// Groups of several domains.
    pub groups: Vec<Share>,
    /// How far from the mixture in use; `None` for any distance.
    pub reach: Option<Reach>,
    /// How far from the runs, where mixtures beyond them may be advised; `None` for any distance.
    pub near: Option<Near>,
}

/// What cuts the simplex.
pub(super) struct Cuts<'a> {
    /// Names of the domains.
    pub domains: &'a [String],
    /// Least and most weight by domain.
    pub bounds: &'a BTreeMap<String, [f64; 2]>,
    /// Least and most share by group.
    pub groups: &'a BTreeMap<String, Group>,
    /// Tokens there are, by domain.
    pub available: &'a BTreeMap<String, f64>,
    /// How often a token may be repeated.
    pub max_epochs: f64,
    /// D of the target.
    pub tokens: f64,
    /// Distinct mixtures of the runs; `None` to look outside them.
    pub explored: Option<&'a [Vec<f64>]>,
    /// Weights in use, with the most weight that may move and the most divergence; `None` where they don't limit.
    pub near: Option<(Vec<f64>, Option<f64>, Option<f64>)>,
}

impl<'a> Cuts<'a> {
    /// All that a project says of the mixture of its target, with so many tokens.
    pub fn of(project: &'a Project, tokens: f64, explored: Option<&'a [Vec<f64>]>) -> Self {
        let near = project.current.as_ref().map(|now| now.weights(&project.domains));
        Self {
            domains: &project.domains,
            bounds: &project.bounds,
            groups: &project.groups,
            available: &project.available_tokens,
            max_epochs: project.max_epochs,
            tokens,
            explored,
            near: near.map(|now| (now, project.max_change, project.max_divergence)),
        }
    }
}

impl Region {
    /// The region, or sentences that say why no mixture is in it.
    pub fn new(cuts: &Cuts<'_>) -> Result<Self, Vec<String>> {
        let domains = cuts.domains.len();
        let mut ranges = Vec::with_capacity(domains);
        for (i, domain) in cuts.domains.iter().enumerate() {
            let mut range = Range::full();
            // A group of one domain is a bound.
            let alone = cuts.groups.iter().filter(|(_, group)| group.domains == [domain.as_str()]);
            let share =
                |(name, group): (&String, &Group)| (group.share, Edge::Share { group: name.clone(), held: group.held });
            let bounds = cuts.bounds.get(domain).map(|bounds| (*bounds, Edge::Bound));
            for ([low, high], edge) in bounds.into_iter().chain(alone.map(share)) {
                range.raise(low, edge.clone());
                range.lower(high, edge);
            }
            if let Some(available) = cuts.available.get(domain) {
                let epochs = if cuts.max_epochs > 0.0 { cuts.max_epochs } else { 1.0 };
                range.lower(available * epochs / cuts.tokens, Edge::Supply { available: *available, epochs });
            }
            if let Some(explored) = cuts.explored {
                let of = |pick: fn(f64, f64) -> f64, from: f64| explored.iter().map(|m| m[i]).fold(from, pick);
                range.raise(of(f64::min, 1.0), Edge::Explored);
                range.lower(of(f64::max, 0.0), Edge::Explored);
            }
            ranges.push(range);
        }
        let mut corners = match cuts.explored {
            Some(explored) => explored.to_vec(),
            None => (0..domains).map(|i| (0..domains).map(|j| f64::from(u8::from(i == j))).collect()).collect(),
        };
        let index = |name: &String| cuts.domains.iter().position(|domain| domain == name);
        let share = |(name, group): (&String, &Group)| {
            let members: Vec<usize> = group.domains.iter().filter_map(index).collect();
            (members.len() > 1).then(|| Share { name: name.clone(), members, range: group.share, held: group.held })
        };
        let groups: Vec<Share> = cuts.groups.iter().filter_map(share).collect();
        let mut reasons = Vec::new();
        for group in &groups {
            match group.cut(&corners) {
                left if left.is_empty() => reasons.push(group.contradiction(&corners)),
                left => corners = left,
            }
        }
        let near = cuts.near.as_ref();
        let reach = near.and_then(|(now, change, divergence)| Reach::new(now, *change, *divergence, &corners));
        let explored = cuts.explored.is_some();
        reasons.extend(reach.as_ref().and_then(|reach| reach.contradiction(cuts.domains, explored)));
        let region = Self { ranges, corners, groups, reach, near: None };
        reasons.extend(region.contradictions(cuts));
        if reasons.is_empty() { Ok(region) } else { Err(reasons) }
    }

    fn contradictions(&self, cuts: &Cuts<'_>) -> Vec<String> {
        let mut reasons = Vec::new();
        for (domain, range) in cuts.domains.iter().zip(&self.ranges) {
            if range.low > range.high + TOLERANCE {
                reasons.push(format!(
                    "{domain} would need at least {:.3} ({}) but may have at most {:.3} ({}).",
                    range.low,
                    range.low_edge.sentence(cuts.tokens),
                    range.high,
                    range.high_edge.sentence(cuts.tokens),
                ));
            }
        }
        let low: f64 = self.ranges.iter().map(|r| r.low).sum();
        let high: f64 = self.ranges.iter().map(|r| r.high).sum();
        if reasons.is_empty() && high < 1.0 - TOLERANCE {
            let caps: Vec<String> = cuts
                .domains
                .iter()
                .zip(&self.ranges)
                .filter(|(_, r)| r.high_edge != Edge::Simplex)
                .map(|(d, r)| format!("{d} {:.3} ({})", r.high, r.high_edge.sentence(cuts.tokens)))
                .collect();
            reasons.push(format!("The weights cannot sum to one: at most {}.", caps.join(", ")));
        }
        if reasons.is_empty() && low > 1.0 + TOLERANCE {
            reasons.push(format!("The minimum weights of the domains sum to {low:.3}, more than one."));
        }
        reasons
    }

    /// How far `weights` are outside the box, the groups' shares, the reach and what is near the runs, the worst of them; 0 inside.
    pub fn outside(&self, weights: &[f64]) -> f64 {
        let over = |w: f64, r: &Range| (r.low - w).max(w - r.high).max(0.0);
        let worst = weights.iter().zip(&self.ranges).map(|(w, r)| over(*w, r)).fold(0.0, f64::max);
        let worst = self.groups.iter().map(|group| group.excess(weights)).fold(worst, f64::max);
        let worst = self.reach.as_ref().map_or(0.0, |reach| reach.excess(weights)).max(worst);
        let worst = self.near.as_ref().map_or(0.0, |near| near.excess(weights)).max(worst);
        if worst <= TOLERANCE { 0.0 } else { worst }
    }

    /// How much of the way from one mixture to another can be gone, from where weights stand, before one of them leaves its range; at most 1.
    pub fn room(&self, weights: &[f64], from: &[f64], to: &[f64]) -> f64 {
        let one = |((range, weight), (from, to)): ((&Range, &f64), (&f64, &f64))| match to - from {
            up if up > 0.0 => (range.high - weight).max(0.0) / up,
            down if down < 0.0 => (weight - range.low).max(0.0) / -down,
            _ => 1.0,
        };
        self.ranges.iter().zip(weights).zip(from.iter().zip(to)).map(one).fold(1.0, f64::min)
    }

    /// The mixture itself, or the last within reach on the way to it.
    pub fn pulled(&self, weights: &[f64]) -> Vec<f64> {
        self.reach.as_ref().map_or_else(|| weights.to_vec(), |reach| reach.pulled(weights))
    }

    /// Shares of the corners with the mixture that they make, both of the last within reach on the way there.
    pub fn place(&self, shares: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let weights = blend(&self.corners, &shares);
        let Some(reach) = &self.reach else { return (shares, weights) };
        match reach.part(&weights) {
            1.0 => (shares, weights),
            part => (toward(&reach.shares, &shares, part), toward(&reach.centre, &weights, part)),
        }
    }

    /// The groups and the reach that hold a mixture back, as sentences.
    pub fn held_back(&self, weights: &[f64]) -> Vec<String> {
        let mut said: Vec<String> = self.groups.iter().filter_map(|group| group.sentence(weights)).collect();
        said.extend(self.reach.as_ref().and_then(|reach| reach.sentence(weights)));
        said
    }
}

impl Edge {
    /// What this edge is, inside a sentence. `tokens` is the target's D.
    pub fn sentence(&self, tokens: f64) -> String {
        match self {
            Self::Simplex => "weights run from 0 to 1".to_owned(),
            Self::Bound => "the bound in the project file".to_owned(),
            Self::Share { held: Some(what), .. } => format!("the share that `hold: {what}` keeps"),
            Self::Share { group, held: None } => format!("the share of the group {group}"),
            Self::Supply { available, epochs } => format!(
                "{} tokens available, each used at most {epochs} times in a run of {}",
                show_amount(*available),
                show_amount(tokens)
            ),
            Self::Explored => "no run goes further".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["prose".to_owned(), "rust".to_owned()]
    }

    #[test]
    fn a_share_of_one_domain_is_named_for_what_it_is() {
        let domains = names();
        let (bounds, available) = (BTreeMap::new(), BTreeMap::new());
        for (held, says) in
            [(Some("corpora"), "the share that `hold: corpora` keeps"), (None, "the share of the group code")]
        {
            let code = Group { domains: vec!["rust".to_owned()], share: [0.4, 0.4], held };
            let groups = BTreeMap::from([("code".to_owned(), code)]);
            let cuts = Cuts {
                domains: &domains,
                bounds: &bounds,
                groups: &groups,
                available: &available,
                max_epochs: 4.0,
                tokens: 1e9,
                explored: None,
                near: None,
            };
            let region = Region::new(&cuts).unwrap();
            assert_eq!(region.ranges[1].low_edge.sentence(1e9), says);
            assert!(region.ranges[1].is_fixed() && !region.ranges[0].is_fixed());
        }
    }

    #[test]
    fn the_tightest_cut_is_the_one_named() {
        let bounds = BTreeMap::from([("rust".to_owned(), [0.05, 0.95])]);
        let available = BTreeMap::from([("rust".to_owned(), 1e9)]);
        let explored = vec![vec![1.0, 0.0], vec![0.2, 0.8]];
        let domains = names();
        let region = |tokens, explored| {
            let cuts = Cuts {
                domains: &domains,
                bounds: &bounds,
                groups: &BTreeMap::new(),
                available: &available,
                max_epochs: 4.0,
                tokens,
                explored,
                near: None,
            };
            Region::new(&cuts).map(|r| (r.ranges[1].high, r.ranges[1].high_edge.clone()))
        };
        assert_eq!(region(4e9, None), Ok((0.95, Edge::Bound)));
        assert_eq!(region(4e9, Some(explored.as_slice())), Ok((0.8, Edge::Explored)));
        assert_eq!(region(8e9, Some(explored.as_slice())), Ok((0.5, Edge::Supply { available: 1e9, epochs: 4.0 })));
        let none = region(100e9, Some(explored.as_slice())).unwrap_err();
        assert!(none[0].contains("at least 0.050") && none[0].contains("1B tokens available"), "{none:?}");
    }
}
