//! Whether limits on a mixture that are each in order leave any mixture together: weights in ranges, shares of groups, what may move
//! away from the mixture in use, and what may diverge from it.

use super::Group;
use std::collections::BTreeMap;

/// Most unknowns of a search; projects beyond it are not checked.
const MOST: usize = 400;
/// Pivots after which a search is given up.
const PIVOTS: usize = 20_000;
/// Sweeps of the search for the least divergence.
const SWEEPS: usize = 2000;
const TINY: f64 = 1e-10;

/// Limits on a mixture.
pub(super) struct Limits<'a> {
    pub domains: Vec<&'a str>,
    /// Whether there may be others.
    pub others: bool,
    /// Least and most weight of a domain, by name.
    pub ranges: BTreeMap<String, [f64; 2]>,
    pub groups: Vec<&'a Group>,
    /// Weights in use.
    pub now: Option<&'a BTreeMap<String, f64>>,
}

/// Domains of the same groups are as one.
#[derive(Default)]
struct Class {
    /// Sum of the weights that stand nearest to those in use.
    base: f64,
    up: f64,
    down: f64,
}

impl Limits<'_> {
    fn range(&self, domain: &str) -> [f64; 2] {
        self.ranges.get(domain).copied().unwrap_or([0.0, 1.0])
    }

    fn weight(&self, domain: &str) -> Option<f64> {
        self.now.map(|now| now.get(domain).copied().unwrap_or(0.0))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        // No domain is named by the empty text.
        self.domains.iter().copied().chain(self.others.then_some(""))
    }

    /// Least and most sum of the weights of a group; `None` where no mixture is within the limits, or nobody knows.
    pub fn share(&self, group: &Group) -> Option<[f64; 2]> {
        let of = |sign: f64| self.least(&|member, way| if member { sign * way } else { 0.0 }, Some(group));
        Some([of(1.0)?, -of(-1.0)?])
    }

    /// Least weight that moves from the mixture in use, half the sum of all changes; `None` as of [`Self::share`].
    pub fn moved(&self) -> Option<f64> {
        let forced = |domain: &str| {
            let ([low, high], now) = (self.range(domain), self.weight(domain).unwrap_or(0.0));
            (low - now).max(now - high).max(0.0)
        };
        let forced: f64 = self.names().map(forced).sum();
        self.least(&|_, way| way.abs(), None).map(|more| 0.5 * (forced + more))
    }

    /// Whether some mixture is within the limits with at most so much of the weight moved; `true` where nobody knows.
    pub fn any(&self, most: Option<f64>) -> bool {
        match (most, self.now) {
            (Some(most), Some(_)) => self
                .search(&|_, way| way.abs(), None)
                .is_ok_and(|_| self.moved().is_none_or(|moved| moved <= most + 1e-9)),
            _ => self.search(&|_, _| 0.0, None).is_ok(),
        }
    }

    fn least(&self, cost: &dyn Fn(bool, f64) -> f64, asked: Option<&Group>) -> Option<f64> {
        self.search(cost, asked).ok().flatten()
    }

    /// The least sum of the costs of what is added (`way` 1) and taken away (−1), and of a group's weights without either; `Ok(None)`
    /// where it was not found, an error where no mixture is within the limits.
    fn search(&self, cost: &dyn Fn(bool, f64) -> f64, asked: Option<&Group>) -> Result<Option<f64>, Nowhere> {
        let groups: Vec<&Group> = self.groups.iter().copied().chain(asked).collect();
        let mut classes: BTreeMap<Vec<bool>, Class> = BTreeMap::new();
        for domain in self.names() {
            let [low, high] = self.range(domain);
            if low > high + TINY {
                return Err(Nowhere);
            }
            let base = self.weight(domain).map_or(low, |now| now.min(high).max(low));
            let class =
                classes.entry(groups.iter().map(|g| g.domains.iter().any(|d| d == domain)).collect()).or_default();
            class.base += base;
            class.up += (high - base).max(0.0);
            class.down += if self.now.is_some() { base - low } else { 0.0 };
        }
        let unknowns = 2 * classes.len();
        if unknowns + groups.len() > MOST {
            return Ok(None);
        }
        // Unknowns: what is added to each class, then what is taken away.
        let mut rows: Vec<(Vec<f64>, f64)> = Vec::new();
        let mut range = |member: &dyn Fn(&[bool]) -> bool, [low, high]: [f64; 2]| {
            let of = |sign: f64| classes.keys().map(move |key| if member(key) { sign } else { 0.0 });
            let base: f64 = classes.iter().filter(|(key, _)| member(key)).map(|(_, class)| class.base).sum();
            rows.push((of(1.0).chain(of(-1.0)).collect(), high - base));
            rows.push((of(-1.0).chain(of(1.0)).collect(), base - low));
        };
        range(&|_| true, [1.0, 1.0]);
        for (i, group) in self.groups.iter().enumerate() {
            range(&|key| key[i], group.share);
        }
        for (i, most) in classes.values().map(|c| c.up).chain(classes.values().map(|c| c.down)).enumerate() {
            rows.push(((0..unknowns).map(|j| f64::from(u8::from(i == j))).collect(), most));
        }
        let member = |key: &Vec<bool>| asked.is_some() && key.last() == Some(&true);
        let costs = |way: f64| classes.keys().map(move |key| cost(member(key), way));
        let costs: Vec<f64> = costs(1.0).chain(costs(-1.0)).collect();
        let base: f64 = match asked {
            Some(_) => {
                classes.iter().filter(|(key, _)| member(key)).map(|(key, c)| cost(member(key), 1.0) * c.base).sum()
            }
            None => 0.0,
        };
        lowest(&costs, &rows).map(|found| found.map(|lowest| base + lowest))
    }

    /// A divergence (nats, Kullback–Leibler) from the mixture in use that no mixture within the limits is below; near the least one there is.
    pub fn diverges(&self) -> f64 {
        let names: Vec<&str> = self.names().collect();
        let now: Vec<f64> = names.iter().map(|name| self.weight(name).unwrap_or(0.0)).collect();
        let all = ((0..names.len()).collect(), [1.0, 1.0]);
        let each = names.iter().enumerate().map(|(i, name)| (vec![i], self.range(name)));
        let members =
            |group: &Group| (0..names.len()).filter(|i| group.domains.iter().any(|d| d == names[*i])).collect();
        let groups = self.groups.iter().map(|group| (members(group), group.share));
        let sets: Vec<(Vec<usize>, [f64; 2])> = each.chain(groups).chain([all]).collect();
        // Bregman's projections, one limit after the other; the bound is the value of the dual problem.
        let mut weights = now.clone();
        let mut factors = vec![1.0_f64; sets.len()];
        let mut best = 0.0_f64;
        for _ in 0..SWEEPS {
            for ((set, [low, high]), factor) in sets.iter().zip(&mut factors) {
                let without = set.iter().map(|i| weights[*i]).sum::<f64>() / *factor;
                if without <= 0.0 {
                    if *low > 0.0 {
                        return f64::INFINITY;
                    }
                    continue;
                }
                // Nothing at all is what the smallest factor stands for.
                let next = if without > *high { (high / without).max(1e-12) } else { (low / without).max(1.0) };
                set.iter().for_each(|i| weights[*i] *= next / *factor);
                *factor = next;
            }
            let limits =
                sets.iter().zip(&factors).map(|((_, [low, high]), f)| f.ln() * if *f > 1.0 { low } else { high });
            let bound = limits.sum::<f64>() - weights.iter().sum::<f64>() + now.iter().sum::<f64>();
            if bound <= best + 1e-12 {
                break;
            }
            best = bound;
        }
        best
    }
}

/// No mixture is within the limits.
struct Nowhere;

/// The least `cost · x` with `x` ≥ 0 and each row's `a · x` at most its end, by the simplex method in two phases with Bland's rule.
/// `Ok(None)` where it takes too long.
fn lowest(cost: &[f64], rows: &[(Vec<f64>, f64)]) -> Result<Option<f64>, Nowhere> {
    let (n, m) = (cost.len(), rows.len());
    // Columns: unknowns, slacks, one that makes all rows hold, the ends.
    let (extra, end) = (n + m, n + m + 1);
    let mut table: Vec<Vec<f64>> = Vec::with_capacity(m);
    for (i, (row, most)) in rows.iter().enumerate() {
        let mut line = row.clone();
        line.resize(end + 1, 0.0);
        (line[n + i], line[extra], line[end]) = (1.0, -1.0, *most);
        table.push(line);
    }
    let mut basis: Vec<usize> = (n..n + m).collect();
    let lowest_end = (0..m).min_by(|a, b| table[*a][end].total_cmp(&table[*b][end]));
    if let Some(first) = lowest_end.filter(|i| table[*i][end] < 0.0) {
        let mut goal = vec![0.0; end + 1];
        goal[extra] = 1.0;
        pivot(&mut table, &mut goal, &mut basis, first, extra);
        if !descend(&mut table, &mut goal, &mut basis, end) {
            return Ok(None);
        }
        if -goal[end] > 1e-9 {
            return Err(Nowhere);
        }
        if let Some(row) = basis.iter().position(|column| *column == extra)
            && let Some(column) = (0..extra).find(|j| table[row][*j].abs() > TINY)
        {
            pivot(&mut table, &mut goal, &mut basis, row, column);
        }
    }
    table.iter_mut().for_each(|line| line[extra] = 0.0);
    let mut goal = cost.to_vec();
    goal.resize(end + 1, 0.0);
    for (row, column) in basis.iter().enumerate() {
        let times = goal[*column];
        goal.iter_mut().zip(&table[row]).for_each(|(g, t)| *g -= times * t);
    }
    Ok(descend(&mut table, &mut goal, &mut basis, end).then(|| -goal[end]))
}

/// Pivots until nothing lowers the goal; whether that came to an end.
fn descend(table: &mut [Vec<f64>], goal: &mut [f64], basis: &mut [usize], end: usize) -> bool {
    for _ in 0..PIVOTS {
        let Some(column) = (0..end).find(|j| goal[*j] < -TINY) else { return true };
        let ratio = |row: usize| table[row][end] / table[row][column];
        let able = (0..table.len()).filter(|row| table[*row][column] > TINY);
        let Some(row) = able.min_by(|a, b| ratio(*a).total_cmp(&ratio(*b)).then(basis[*a].cmp(&basis[*b]))) else {
            return false;
        };
        pivot(table, goal, basis, row, column);
    }
    false
}

fn pivot(table: &mut [Vec<f64>], goal: &mut [f64], basis: &mut [usize], row: usize, column: usize) {
    let by = table[row][column];
    table[row].iter_mut().for_each(|value| *value /= by);
    let line = table[row].clone();
    let others = table.iter_mut().enumerate().filter(|(i, _)| *i != row).map(|(_, other)| other.as_mut_slice());
    for other in others.chain([goal]) {
        let times = other[column];
        if times != 0.0 {
            other.iter_mut().zip(&line).for_each(|(value, of)| *value -= times * of);
        }
    }
    basis[row] = column;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(domains: &[&str], share: [f64; 2]) -> Group {
        Group { domains: domains.iter().map(|d| (*d).to_owned()).collect(), share, held: None }
    }

    fn near(found: Option<[f64; 2]>, wanted: [f64; 2]) -> bool {
        found.is_some_and(|found| found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-9))
    }

    #[test]
    fn what_other_limits_leave_a_group_is_known_however_groups_overlap() {
        let domains = ["a", "b", "c", "d"];
        let (ab, bc) = (group(&["a", "b"], [0.7, 0.7]), group(&["b", "c"], [0.6, 0.9]));
        let limits =
            |groups, others| Limits { domains: domains.to_vec(), others, ranges: BTreeMap::new(), groups, now: None };
        let cd = group(&["c", "d"], [0.0, 1.0]);
        assert!(near(limits(vec![&ab], false).share(&cd), [0.3, 0.3]));
        assert!(near(limits(vec![&ab], true).share(&cd), [0.0, 0.3]));
        assert!(near(limits(vec![&ab, &bc], false).share(&group(&["b"], [0.0, 1.0])), [0.3, 0.7]));
        let ranges = BTreeMap::from([("b".to_owned(), [0.0, 0.2])]);
        assert!(!Limits { ranges, ..limits(vec![&ab, &bc], false) }.any(None), "b and c have at most 0.5");
    }

    fn mostly_a() -> BTreeMap<String, f64> {
        ["a", "b", "c", "d"].map(str::to_owned).into_iter().zip([0.7, 0.1, 0.1, 0.1]).collect()
    }

    /// Limits that leave the first at most half.
    fn less_of_a<'a>(groups: Vec<&'a Group>, now: &'a BTreeMap<String, f64>) -> Limits<'a> {
        let ranges = BTreeMap::from([("a".to_owned(), [0.0, 0.5])]);
        Limits { domains: vec!["a", "b", "c", "d"], others: false, ranges, groups, now: Some(now) }
    }

    #[test]
    fn what_must_move_is_what_ranges_and_groups_ask_for() {
        let now = mostly_a();
        let limits = |groups| less_of_a(groups, &now);
        assert!((limits(vec![]).moved().unwrap() - 0.2).abs() < 1e-9);
        let [bc, cd, d] = [&["b", "c"][..], &["c", "d"], &["d"]].map(|of| group(of, [0.5, 0.6]));
        let moved = |groups| limits(groups).moved().unwrap();
        assert!((moved(vec![&bc]) - 0.3).abs() < 1e-9);
        assert!((moved(vec![&bc, &cd]) - 0.3).abs() < 1e-9, "c is in both");
        assert!((moved(vec![&bc, &d]) - 0.7).abs() < 1e-9, "a has nothing left");
        assert!(limits(vec![&bc]).any(Some(0.3)) && !limits(vec![&bc]).any(Some(0.29)));
    }

    #[test]
    fn the_least_divergence_is_found_and_never_overstated() {
        let now = mostly_a();
        let limits = |groups| less_of_a(groups, &now);
        let nats =
            |weights: [f64; 4]| weights.iter().zip([0.7, 0.1, 0.1, 0.1]).map(|(w, n)| w * (w / n).ln()).sum::<f64>();
        let least = nats([0.5, 0.5 / 3.0, 0.5 / 3.0, 0.5 / 3.0]);
        assert!((limits(vec![]).diverges() - least).abs() < 1e-6, "{} {least}", limits(vec![]).diverges());
        let bc = group(&["b", "c"], [0.5, 0.6]);
        let least = nats([0.4375, 0.25, 0.25, 0.0625]);
        assert!((limits(vec![&bc]).diverges() - least).abs() < 1e-6, "{} {least}", limits(vec![&bc]).diverges());
        assert!(Limits { ranges: BTreeMap::from([("x".to_owned(), [0.1, 1.0])]), ..limits(vec![]) }.diverges() < 1e-12);
        let other = vec!["a", "b", "c", "d", "x"];
        let with = Limits { domains: other, ..limits(vec![]) };
        assert!(Limits { ranges: BTreeMap::from([("x".to_owned(), [0.1, 1.0])]), ..with }.diverges().is_infinite());
    }

    proptest! {
        /// Whatever the limits, a mixture that keeps them all shows that they can be kept.
        #[test]
        fn limits_that_a_mixture_keeps_are_never_said_to_exclude_each_other(
            drawn in proptest::collection::vec((0.0..1.0_f64, 0.01..1.0_f64, 0.0..0.3_f64, 0.0..0.3_f64), 2..7),
            members in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 7), 0..4),
            slack in 0.0..0.2_f64,
            others in any::<bool>(),
        ) {
            let names = ["a", "b", "c", "d", "e", "f", "g"];
            let sum = |of: &dyn Fn(usize) -> f64| (0..drawn.len()).map(of).sum::<f64>();
            let (all, all_now) = (sum(&|i| drawn[i].0 + 1e-3), sum(&|i| drawn[i].1));
            let kept: Vec<f64> = drawn.iter().map(|d| (d.0 + 1e-3) / all).collect();
            let now: BTreeMap<String, f64> = drawn.iter().zip(names).map(|(d, n)| (n.to_owned(), d.1 / all_now)).collect();
            let ranges = drawn.iter().zip(&kept).zip(names).filter(|((d, _), _)| d.2 < 0.2);
            let ranges = ranges.map(|((d, w), n)| (n.to_owned(), [(w - d.2).max(0.0), (w + d.3).min(1.0)])).collect();
            let share = |of: &Vec<bool>| sum(&|i| if of[i] { kept[i] } else { 0.0 });
            let group_of = |of: &Vec<bool>| {
                let domains: Vec<&str> = (0..drawn.len()).filter(|i| of[*i]).map(|i| names[i]).collect();
                group(&domains, [(share(of) - slack).max(0.0), share(of).min(1.0)])
            };
            let groups: Vec<Group> = members.iter().map(group_of).collect();
            let domains = names[..drawn.len()].to_vec();
            let limits = Limits { domains, others, ranges, groups: groups.iter().collect(), now: Some(&now) };
            let pairs = || kept.iter().zip(names).map(|(w, n)| (*w, now[n]));
            let moved = 0.5 * pairs().map(|(w, n)| (w - n).abs()).sum::<f64>();
            prop_assert!(limits.any(None) && limits.any(Some(moved)));
            prop_assert!(limits.moved().unwrap() <= moved + 1e-9);
            prop_assert!(limits.diverges() <= pairs().map(|(w, n)| w * (w / n).ln()).sum::<f64>() + 1e-9);
            let asked = group(&[names[0], names[1]], [0.0, 1.0]);
            let [least, most] = limits.share(&asked).unwrap();
            prop_assert!(least <= kept[0] + kept[1] + 1e-9 && most >= kept[0] + kept[1] - 1e-9);
        }
    }
}
