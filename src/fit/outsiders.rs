//! Runs that do not belong: residuals of the law in use that cluster by a fact which no law sees (another learning rate,
//! tokenizer, code version, node).
//!
//! Residuals are of held-out predictions, one a run (the median of its rows), without what a straight line in ln N, ln D and
//! the weights explains, and in units of their spread at the run's size. Each fact proposes groups: the runs with one value,
//! or those above or below one, as long as they are at most half of the runs. A group's statistic is its sum of ranks
//! (Wilcoxon; van Elteren's, within mixtures, where a fact goes with the mixture); the largest
//! over a fact's groups and all losses is compared with the largest in permutations of the runs. The level is divided by
//! the number of facts tried (Bonferroni), so that it is one of the whole table. A fact that the law's own variables
//! explain is none.

mod ranks;
mod residuals;

pub use ranks::{LEAST_GROUP, LEAST_RUNS};

use super::choose::Candidates;
use super::random::Random;
use crate::laws::Columns;
use crate::observe::is_evaluation;
use crate::project::conditions::{self, Comparison, Condition, number};
use crate::vocab::{Observations, Ordered, Outsiders, RunFacts};
use ranks::{Column, Strata, Units};
use rayon::prelude::*;
use residuals::{NORMAL, at_each_size, median, regressible, residual_of, without_line};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Probability of naming any group in a table where there is none.
pub const LEVEL: f64 = 0.005;
/// A shift below this part of the other runs' spread is not worth leaving runs out for.
const LEAST_SHIFT: f64 = 0.5;
/// A fact that the law's variables explain to this part (R²) is theirs.
const EXPLAINED: f64 = 0.9;
/// Most places at which the values of a number are divided.
const MOST_CUTS: usize = 16;
/// Groups that are named in one place, at most.
const MOST_GROUPS: usize = 4;
/// Permutations, at most.
const MOST_PERMUTATIONS: usize = 50_000;
/// Permutations that reach the observed statistic after which a fact is given up.
const ENOUGH: usize = 10;
/// Names of runs in an answer.
const NAMED: usize = 20;

/// Finds groups of runs that do not belong; `candidates`: the fits of each loss, in the order of `fitted`. Empty where there are
/// fewer than [`LEAST_RUNS`] runs, or no residuals of held-out rows. The same input and seed give the same groups.
#[must_use]
pub fn outsiders(fitted: &[Observations], facts: &RunFacts, candidates: &[Candidates], seed: u64) -> Vec<Outsiders> {
    let losses: Vec<Loss> = fitted.iter().zip(candidates).filter_map(|(rows, fits)| Loss::of(rows, fits)).collect();
    let names = fitted.first().map(|rows| rows.runs.as_slice()).unwrap_or_default();
    if facts.runs.len() != names.len() {
        return Vec::new();
    }
    (0..facts.places.len()).flat_map(|place| Place::new(place, &losses, facts, names, seed).groups()).collect()
}

/// Held-out residuals of one loss, one a run.
struct Loss {
    metric: String,
    /// By run: ln observed − ln predicted, and ln N, ln D and the weights.
    runs: BTreeMap<usize, (f64, Vec<f64>)>,
}

impl Loss {
    fn of(rows: &Observations, fits: &Candidates) -> Option<Self> {
        let fit = fits.chosen().filter(|fit| fit.view.mre_heldout.is_some())?;
        let usable = Columns::usable(rows);
        let mut of_run: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
        for held in fit.held_rows() {
            let index = *usable.get(held.0)?;
            of_run.entry(rows.rows[index].run).or_default().push((held.1, index));
        }
        let ln = |v: f64| if v.is_finite() && v > 0.0 { v.ln() } else { 0.0 };
        let one = |(run, held): (usize, Vec<(f64, usize)>)| {
            let row = &rows.rows[held.iter().map(|h| h.1).max().unwrap_or_default()];
            let mut at = vec![ln(row.params), ln(row.tokens)];
            at.extend(&row.mixture);
            (run, (median(&mut held.iter().map(|h| h.0).collect::<Vec<_>>()), at))
        };
        Some(Self { metric: rows.metric.clone(), runs: of_run.into_iter().map(one).collect() })
    }
}

/// The runs of one entry of the project file.
struct Place<'a> {
    place: usize,
    facts: &'a RunFacts,
    names: &'a [String],
    seed: u64,
    /// The runs.
    runs: Vec<usize>,
    /// What laws see of each run.
    seen: Vec<Vec<f64>>,
    /// Where its mixture stands among the mixtures.
    mixture: Vec<usize>,
    /// The losses, the mean of all first where there are several; of each run its residual in units of the spread, and as a
    /// logarithm.
    columns: Vec<Column>,
}

/// A group of runs that a condition describes.
#[derive(Clone)]
struct Group {
    fact: Condition,
    without: Condition,
    /// By run of the place.
    members: Vec<bool>,
    also: Vec<String>,
}

/// What a fact proposes.
type Fact = Vec<Group>;

/// A group that was found.
struct Found {
    group: Group,
    column: usize,
    p: f64,
    z: f64,
    tried: usize,
}

impl<'a> Place<'a> {
    fn new(place: usize, losses: &[Loss], facts: &'a RunFacts, names: &'a [String], seed: u64) -> Self {
        let all: BTreeSet<usize> = losses.iter().flat_map(|loss| loss.runs.keys().copied()).collect();
        let runs: Vec<usize> = all.into_iter().filter(|run| facts.runs[*run].place == place).collect();
        let at =
            |run: &usize| losses.iter().find_map(|loss| loss.runs.get(run)).map(|r| r.1.clone()).unwrap_or_default();
        let seen: Vec<Vec<f64>> = runs.iter().map(at).collect();
        let mut mixtures: BTreeMap<Vec<i64>, usize> = BTreeMap::new();
        let rounded = |at: &Vec<f64>| at.iter().skip(2).map(|w| (w * 1e4).round() as i64).collect::<Vec<i64>>();
        let mixture = seen.iter().map(|at| {
            let next = mixtures.len();
            *mixtures.entry(rounded(at)).or_insert(next)
        });
        let mixture = mixture.collect();
        let mut this = Self { place, facts, names, seed, mixture, columns: Vec::new(), seen, runs };
        this.columns = this.scaled(losses);
        this
    }

    /// Residuals of each loss in units of their spread; what cannot be known is 0, which says nothing.
    fn scaled(&self, losses: &[Loss]) -> Vec<Column> {
        let mut columns = Vec::new();
        for loss in losses {
            let there: Vec<usize> = (0..self.runs.len()).filter(|i| loss.runs.contains_key(&self.runs[*i])).collect();
            if there.len() < LEAST_RUNS {
                continue;
            }
            let ln: Vec<f64> = there.iter().map(|i| loss.runs[&self.runs[*i]].0).collect();
            let seen: Vec<&[f64]> = there.iter().map(|i| self.seen[*i].as_slice()).collect();
            let rest = without_line(&seen, &ln);
            let sizes: Vec<f64> = seen.iter().map(|at| at[0]).collect();
            let scaled = at_each_size(&sizes, &rest);
            let mut column = Column {
                metric: Some(loss.metric.clone()),
                scaled: vec![0.0; self.runs.len()],
                ln: vec![f64::NAN; self.runs.len()],
            };
            for (k, i) in there.iter().enumerate() {
                (column.scaled[*i], column.ln[*i]) = (scaled[k], rest[k]);
            }
            columns.push(column);
        }
        if columns.len() > 1 {
            let mean = |of: &dyn Fn(&Column) -> f64| {
                let known: Vec<f64> = columns.iter().map(of).filter(|v| v.is_finite()).collect();
                known.iter().sum::<f64>() / known.len().max(1) as f64
            };
            let scaled = (0..self.runs.len()).map(|i| mean(&|c| if c.ln[i].is_nan() { f64::NAN } else { c.scaled[i] }));
            let ln = (0..self.runs.len()).map(|i| mean(&|c| c.ln[i]));
            let all = Column { metric: None, scaled: scaled.collect(), ln: ln.collect() };
            columns.insert(0, all);
        }
        columns
    }

    /// The groups, each found among the runs that those before it leave.
    fn groups(&self) -> Vec<Outsiders> {
        let mut inside = vec![true; self.runs.len()];
        let mut found: Vec<Found> = Vec::new();
        while found.len() < MOST_GROUPS {
            let Some(next) = self.next(&inside) else { break };
            inside.iter_mut().zip(&next.group.members).for_each(|(inside, out)| *inside &= !out);
            found.push(next);
        }
        let place = &self.facts.places[self.place];
        let without: Vec<String> = found.iter().map(|f| f.group.without.to_string()).collect();
        let stated = (!place.filter.is_empty()).then(|| place.filter.clone());
        let condition = stated.into_iter().chain(without).collect::<Vec<_>>().join(" and ");
        let one = |found: &Found| {
            let members = || (0..self.runs.len()).filter(|i| found.group.members[*i]);
            let column = &self.columns[found.column];
            Outsiders {
                fact: found.group.fact.to_string(),
                also: found.group.also.clone(),
                place: place.named.clone(),
                condition: condition.clone(),
                line: conditions::line(&condition),
                runs: members().take(NAMED).map(|i| self.names[self.runs[i]].clone()).collect(),
                count: members().count(),
                of: self.runs.len(),
                metric: column.metric.clone().filter(|_| self.columns.len() > 1),
                shift: self.shift(found.column, &found.group.members, &vec![true; self.runs.len()]).exp_m1(),
                p: found.p,
                tried: found.tried,
            }
        };
        found.iter().map(one).collect()
    }

    /// The clearest group among the runs that are inside.
    fn next(&self, inside: &[bool]) -> Option<Found> {
        let left = inside.iter().filter(|i| **i).count();
        if left < LEAST_RUNS || self.columns.is_empty() {
            return None;
        }
        let facts = self.facts_of(inside);
        let tried = facts.len();
        let test = |(number, fact): (usize, &Fact)| self.test(fact, number, inside, LEVEL / tried as f64);
        let found: Vec<Found> = facts.par_iter().enumerate().filter_map(test).collect();
        let best = found.into_iter().max_by(|a, b| a.z.total_cmp(&b.z))?;
        Some(Found { p: (best.p * tried as f64).min(1.0), tried, ..best })
    }

    /// What each fact proposes. Facts that divide the runs alike are one.
    fn facts_of(&self, inside: &[bool]) -> Vec<Fact> {
        let of = |i: usize| &self.facts.runs[self.runs[i]].values;
        let names: BTreeSet<&Arc<str>> = (0..self.runs.len()).flat_map(|i| of(i).keys()).collect();
        let mut facts: Vec<(Vec<usize>, Fact)> = Vec::new();
        for name in names.into_iter().filter(|name| !is_evaluation(name)) {
            let values: Vec<Option<&str>> = (0..self.runs.len()).map(|i| of(i).get(name).map(AsRef::as_ref)).collect();
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            let partition: Vec<usize> = (0..self.runs.len())
                .map(|i| match values[i].filter(|_| inside[i]) {
                    None => 0,
                    Some(value) => {
                        let next = kinds.len() + 1;
                        *kinds.entry(value).or_insert(next)
                    }
                })
                .collect();
            let groups = self.proposed(name, &values, inside);
            if groups.is_empty() {
                continue;
            }
            match facts.iter_mut().find(|(known, _)| *known == partition) {
                None => facts.push((partition, groups)),
                Some((_, known)) => {
                    for group in known {
                        let same = groups.iter().find(|g| g.members == group.members);
                        group.also.extend(same.map(|g| g.fact.to_string()));
                    }
                }
            }
        }
        facts.into_iter().map(|(_, groups)| groups).collect()
    }

    /// Groups of one fact: small enough to be outside, large enough to be no chance, and described by a condition that leaves
    /// out these runs and no other.
    fn proposed(&self, name: &str, values: &[Option<&str>], inside: &[bool]) -> Vec<Group> {
        let there: Vec<usize> = (0..self.runs.len()).filter(|i| inside[*i] && values[*i].is_some()).collect();
        let texts: BTreeSet<&str> = there.iter().filter_map(|i| values[*i]).collect();
        let count = inside.iter().filter(|i| **i).count();
        if texts.len() < 2 {
            return Vec::new();
        }
        let numbers: Option<Vec<f64>> =
            there.iter().map(|i| values[*i].and_then(number).filter(|v| v.is_finite())).collect();
        let mut conditions: Vec<(Condition, Condition)> = Vec::new();
        if let Some(numbers) = &numbers {
            // What has another value in nearly every run was measured, not chosen, unless it counts (times, versions).
            let whole = numbers.iter().all(|v| v.fract() == 0.0);
            let chosen = whole || texts.len() <= MOST_CUTS.max(there.len() / 2);
            if !chosen || self.is_seen(&there, numbers) {
                return Vec::new();
            }
            let mut ordered: Vec<(f64, &str)> = texts.iter().filter_map(|text| Some((number(text)?, *text))).collect();
            ordered.sort_by_cached_key(|pair| Ordered(pair.0));
            ordered.dedup_by(|a, b| a.0 == b.0);
            let step = ordered.len().div_ceil(MOST_CUTS).max(1);
            for pair in ordered.windows(2).step_by(step) {
                let (low, high) = (pair[0].1, pair[1].1);
                let new = |comparison, text| Condition::new(name, comparison, text);
                conditions.push((new(Comparison::AtLeast, high), new(Comparison::Less, high)));
                conditions.push((new(Comparison::AtMost, low), new(Comparison::More, low)));
            }
        }
        if texts.len() <= there.len() / LEAST_GROUP + MOST_CUTS {
            for text in &texts {
                let new = |comparison| Condition::new(name, comparison, text);
                conditions.push((new(Comparison::Equal), new(Comparison::Different)));
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        for (fact, without) in conditions {
            let is = |i: usize, c: &Condition| values[i].is_some_and(|value| c.holds(value));
            let members: Vec<bool> = (0..self.runs.len()).map(|i| inside[i] && is(i, &fact)).collect();
            let size = members.iter().filter(|m| **m).count();
            // A run without the fact would be left out, too, by an order, and kept by `!=`.
            let kept = |i: usize| match (values[i], without.comparison) {
                (None, comparison) => comparison == Comparison::Different,
                (Some(value), _) => without.holds(value),
            };
            let exact = (0..self.runs.len()).all(|i| !inside[i] || kept(i) != members[i]);
            let said = conditions::conditions(&without.to_string()).is_ok_and(|read| read == [without.clone()]);
            if size < LEAST_GROUP || 2 * size > count || !exact || !said || groups.iter().any(|g| g.members == members)
            {
                continue;
            }
            groups.push(Group { fact, without, members, also: Vec::new() });
        }
        groups
    }

    /// Whether what laws see explains a number.
    fn is_seen(&self, there: &[usize], numbers: &[f64]) -> bool {
        let seen: Vec<&[f64]> = there.iter().map(|i| self.seen[*i].as_slice()).collect();
        if !regressible(&seen) {
            return false;
        }
        let positive = numbers.iter().all(|v| *v > 0.0);
        let logarithms: Vec<f64> = numbers.iter().map(|v| if positive { v.ln() } else { *v }).collect();
        [numbers, &logarithms].into_iter().any(|values| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            let scale = (total / values.len() as f64).sqrt().max(f64::MIN_POSITIVE);
            let values: Vec<f64> = values.iter().map(|v| (v - mean) / scale).collect();
            let left: f64 = residual_of(&seen, &values, &values).iter().map(|v| v * v).sum();
            // As of a regression with so many variables.
            let freedom = values.len() as f64 - 1.0 - seen[0].len() as f64;
            left / freedom.max(1.0) < (1.0 - EXPLAINED) * values.len() as f64 / (values.len() as f64 - 1.0)
        })
    }

    /// ln of the median of a group's residuals over the others'.
    fn shift(&self, column: usize, members: &[bool], inside: &[bool]) -> f64 {
        let ln = &self.columns[column].ln;
        let of = |member: bool| -> Vec<f64> {
            (0..ln.len()).filter(|i| inside[*i] && members[*i] == member && ln[*i].is_finite()).map(|i| ln[i]).collect()
        };
        median(&mut of(true)) - median(&mut of(false))
    }

    /// Whether a group's shift is worth leaving it out for.
    fn matters(&self, column: usize, members: &[bool], inside: &[bool]) -> bool {
        let scaled = &self.columns[column].scaled;
        let of = |member: bool| -> Vec<f64> {
            (0..scaled.len()).filter(|i| inside[*i] && members[*i] == member).map(|i| scaled[i]).collect()
        };
        let (group, mut others) = (median(&mut of(true)), of(false));
        let middle = median(&mut others);
        let spread = NORMAL * median(&mut others.iter().map(|v| (v - middle).abs()).collect::<Vec<_>>());
        (group - middle).abs() >= LEAST_SHIFT * spread
    }

    /// The clearest group of a fact; `None` where chance explains it.
    fn test(&self, fact: &Fact, number: usize, inside: &[bool], level: f64) -> Option<Found> {
        let strata = self.strata(fact, inside);
        let units = Units::new(&self.mixture, &self.columns, &strata, inside);
        let masks: Vec<Vec<bool>> = fact.iter().map(|group| units.mask(&group.members)).collect();
        let worth = |g: usize, c: usize| self.matters(c, &fact[g].members, inside);
        let tests: Vec<(usize, usize, f64)> = (0..fact.len())
            .flat_map(|g| (0..self.columns.len()).map(move |c| (g, c)))
            .filter_map(|(g, c)| Some((g, c, units.spread(&masks[g], c)?)))
            .collect();
        let (group, column, z) = tests
            .iter()
            .map(|(g, c, spread)| (*g, *c, units.sum(&masks[*g], *c, None).abs() / spread))
            .filter(|(g, c, _)| worth(*g, *c))
            .max_by(|a, b| a.2.total_cmp(&b.2))?;
        let most = ((ENOUGH as f64 / level).ceil() as usize).clamp(999, MOST_PERMUTATIONS);
        let mut random = Random::new(self.seed, (1 << 41) + ((self.place as u64) << 20) + number as u64);
        let mut reached = 0;
        let mut order: Vec<usize> = (0..units.stratum.len()).collect();
        for _ in 0..most {
            units.shuffle(&mut order, &mut random);
            let z_of = |(g, c, spread): &(usize, usize, f64)| units.sum(&masks[*g], *c, Some(&order)).abs() / spread;
            if tests.iter().any(|test| z_of(test) >= z - 1e-9) {
                reached += 1;
                if (reached + 1) as f64 > level * (most + 1) as f64 {
                    return None;
                }
            }
        }
        let p = (reached + 1) as f64 / (most + 1) as f64;
        (p <= level).then(|| Found { group: fact[group].clone(), column, p, z, tried: 0 })
    }

    /// What is permuted. Runs of one mixture share what the law gets wrong of it, which explains no fact that is spread over the
    /// mixtures as chance does it. A fact that each mixture has one value of is one of mixtures; one between the two is compared
    /// within mixtures. Only the fact decides, not the losses, so that the level stays what it is.
    fn strata(&self, fact: &Fact, inside: &[bool]) -> Strata {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        (0..self.runs.len()).filter(|i| inside[*i]).for_each(|i| *sizes.entry(self.mixture[i]).or_default() += 1);
        let repeated = sizes.values().any(|size| *size > 1);
        if sizes.len() < 2 || !repeated {
            return Strata::None;
        }
        let constant = fact.iter().all(|group| {
            let mut first: BTreeMap<usize, bool> = BTreeMap::new();
            let mut all = (0..self.runs.len()).filter(|i| inside[*i]);
            all.all(|i| *first.entry(self.mixture[i]).or_insert(group.members[i]) == group.members[i])
        });
        match (constant, fact.iter().any(|group| self.clusters(&group.members, inside))) {
            (true, _) => Strata::Together,
            (false, true) => Strata::Within(sizes),
            (false, false) => Strata::None,
        }
    }

    /// Whether runs of one mixture are in a group together more often than chance has them: whether pairs of runs of one mixture
    /// are alike in a quarter more of what chance leaves.
    fn clusters(&self, members: &[bool], inside: &[bool]) -> bool {
        let mut counts: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for i in (0..self.runs.len()).filter(|i| inside[*i]) {
            let count = counts.entry(self.mixture[i]).or_default();
            count.0 += 1.0;
            count.1 += f64::from(u8::from(members[i]));
        }
        let pairs = |n: f64| 0.5 * n * (n - 1.0);
        let all: f64 = counts.values().map(|(n, _)| pairs(*n)).sum();
        let alike: f64 = counts.values().map(|(n, m)| pairs(*m) + pairs(n - m)).sum();
        let (n, m) = counts.values().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        let chance = (pairs(m) + pairs(n - m)) / pairs(n).max(1.0);
        let noise = (chance * (1.0 - chance) / all.max(1.0)).sqrt();
        let more = alike / all.max(1.0) - chance;
        more > 0.25 * (1.0 - chance) && more > 2.0 * noise
    }
}

#[cfg(test)]
mod tests;
