//! Plan of held-out rows: whole mixtures, the largest sizes, the last tokens. All laws and baselines use the same plan, so
//! their errors are comparable.

use super::random::Random;
use crate::laws::Columns;
use crate::vocab::{Observations, Unit};

/// More distinct mixtures than this are held out in [`PARTS`] parts rather than one by one.
const ONE_BY_ONE: usize = 24;
const PARTS: usize = 10;

/// What is held out, of one set of rows.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldOutPlan {
    /// Whole mixtures, or runs where there is only one mixture; empty where there is one of either.
    pub groups: Vec<Group>,
    /// What a group is ("ratio", "tenth of the mixtures").
    pub what: &'static str,
    /// What groups are made of; `None` where there are none.
    pub unit: Option<Unit>,
    /// The fewest different mixtures (or runs) that are left to fit to when a group is held out.
    pub least_mixtures: usize,
    /// The largest N.
    pub size: Option<Top>,
    /// The upper half of the tokens.
    pub tokens: Option<Top>,
}

/// A named set of rows.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub name: String,
    pub rows: Vec<bool>,
}

/// The top of a range.
#[derive(Debug, Clone)]
pub(super) struct Top {
    /// `N` or `D`.
    pub what: &'static str,
    pub rows: Vec<bool>,
    /// ln of how far the largest lies beyond the largest below the top.
    pub distance: f64,
    /// Whether at least two values are left below: what a law makes of one size says nothing about the law.
    pub fair: bool,
}

impl HeldOutPlan {
    pub(super) fn new(data: &Observations, x: &Columns, seed: u64) -> Self {
        let (size, tokens) = (top(&x.ln_params, "N"), top(&x.ln_tokens, "D"));
        match groups(data, x, seed) {
            Some((groups, what, unit)) => {
                let mut plan = Self { groups, what, unit: Some(unit), least_mixtures: 0, size, tokens };
                plan.least_mixtures = plan.least_left(x);
                plan
            }
            None => Self { size, tokens, ..Self::default() },
        }
    }

    /// The plan of the rows that are left without some of those of `x`: the same parts, without the rows that are gone.
    pub(super) fn without(&self, x: &Columns, gone: &[bool]) -> Self {
        let left = |mask: &[bool]| -> Vec<bool> {
            (0..x.len()).filter(|i| !gone[*i] && x.weight[*i] > 0.0).map(|i| mask[i]).collect()
        };
        let groups = self.groups.iter().map(|g| Group { name: g.name.clone(), rows: left(&g.rows) });
        let rest = x.weighted(|i| if gone[i] { 0.0 } else { x.weight[i] });
        let mut plan = Self {
            groups: groups.filter(|g| g.rows.contains(&true)).collect(),
            what: self.what,
            unit: self.unit,
            least_mixtures: 0,
            size: top(&rest.ln_params, "N"),
            tokens: top(&rest.ln_tokens, "D"),
        };
        if plan.groups.len() < 2 {
            plan.groups.clear();
        }
        plan.least_mixtures = plan.least_left(&rest);
        plan
    }

    fn least_left(&self, x: &Columns) -> usize {
        let cluster = self.clusters(x);
        let left = |group: &Group| {
            let kept = (0..x.len()).filter(|i| !group.rows[*i]).map(|i| cluster[i]);
            kept.collect::<std::collections::BTreeSet<usize>>().len()
        };
        self.groups.iter().map(left).min().unwrap_or(0)
    }

    /// Which rows belong together: by row, the index of its mixture, or of its run where runs are held out.
    pub(super) fn clusters(&self, x: &Columns) -> Vec<usize> {
        let groups = if self.unit == Some(Unit::Runs) { runs(x) } else { mixtures(x) };
        let mut cluster = vec![0; x.len()];
        for (index, members) in groups.iter().enumerate() {
            members.iter().for_each(|i| cluster[*i] = index);
        }
        cluster
    }

    /// Every run a group of its own, in at most `most` parts.
    pub(super) fn by_run(data: &Observations, x: &Columns, seed: u64, most: usize) -> Vec<Group> {
        let runs = runs(x);
        if runs.len() > most {
            return in_parts(&runs, x.len(), seed, "runs", most);
        }
        let name = |rows: &[usize]| data.runs.get(x.run[rows[0]]).cloned().unwrap_or_default();
        one_by_one(&runs, x.len(), name)
    }
}

/// The rows above the edge of a range. For sizes: the largest. For tokens, which are many: the upper half.
fn top(ln_values: &[f64], what: &'static str) -> Option<Top> {
    let mut values = ln_values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
    let most = *values.last()?;
    let (from, best_below) = if values.len() > 8 {
        let edge = most - std::f64::consts::LN_2;
        (edge + 1e-9, *values.iter().rfind(|v| **v <= edge + 1e-9)?)
    } else {
        (most - 1e-3, *values.get(values.len().checked_sub(2)?)?)
    };
    // Two values left say what a power of one exponent is and nothing about whether it is one.
    let below = values.iter().filter(|v| **v < from).count();
    if below < 3.min(values.len() - 1) {
        return None;
    }
    let rows = ln_values.iter().map(|v| *v >= from).collect();
    Some(Top { what, rows, distance: most - best_below, fair: below >= 2 })
}

fn groups(data: &Observations, x: &Columns, seed: u64) -> Option<(Vec<Group>, &'static str, Unit)> {
    let by_mixture = mixtures(x);
    if by_mixture.len() > ONE_BY_ONE {
        let parts = in_parts(&by_mixture, x.len(), seed, "mixtures", PARTS);
        return Some((parts, "tenth of the mixtures", Unit::Mixtures));
    }
    if by_mixture.len() > 1 {
        let what = if data.domains.len() == 2 { "ratio" } else { "mixture" };
        let name = |rows: &[usize]| mixture_name(data, &x.mixture(rows[0]));
        return Some((one_by_one(&by_mixture, x.len(), name), what, Unit::Mixtures));
    }
    match runs(x).len() {
        0 | 1 => None,
        n if n > ONE_BY_ONE => Some((HeldOutPlan::by_run(data, x, seed, PARTS), "tenth of the runs", Unit::Runs)),
        n => Some((HeldOutPlan::by_run(data, x, seed, n), "run", Unit::Runs)),
    }
}

fn mixtures(x: &Columns) -> Vec<Vec<usize>> {
    distinct(x, |i| {
        #[allow(clippy::cast_possible_truncation)]
        x.share.iter().map(|column| (column[i] * 1e4).round() as i64).collect::<Vec<_>>()
    })
}

fn runs(x: &Columns) -> Vec<Vec<usize>> {
    distinct(x, |i| vec![i64::try_from(x.run[i]).unwrap_or(i64::MAX)])
}

/// Rows by key, keys in order.
fn distinct(x: &Columns, key: impl Fn(usize) -> Vec<i64>) -> Vec<Vec<usize>> {
    let mut groups: std::collections::BTreeMap<Vec<i64>, Vec<usize>> = std::collections::BTreeMap::new();
    for i in 0..x.len() {
        groups.entry(key(i)).or_default().push(i);
    }
    groups.into_values().collect()
}

fn one_by_one(groups: &[Vec<usize>], rows: usize, name: impl Fn(&[usize]) -> String) -> Vec<Group> {
    groups.iter().map(|members| Group { name: name(members), rows: mask(members, rows) }).collect()
}

/// Deals groups into parts, in an order drawn from the seed.
fn in_parts(groups: &[Vec<usize>], rows: usize, seed: u64, what: &str, parts: usize) -> Vec<Group> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let mut random = Random::new(seed, 1 << 40);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    (0..parts)
        .map(|part| {
            let members: Vec<usize> =
                order.iter().skip(part).step_by(parts).flat_map(|g| groups[*g].iter().copied()).collect();
            Group { name: format!("{what}, part {} of {parts}", part + 1), rows: mask(&members, rows) }
        })
        .collect()
}

fn mask(members: &[usize], rows: usize) -> Vec<bool> {
    let mut mask = vec![false; rows];
    members.iter().for_each(|i| mask[*i] = true);
    mask
}

/// `rust = 0.33` where two domains make one ratio, `prose .2 rust .5 python .3` otherwise.
fn mixture_name(data: &Observations, mixture: &[f64]) -> String {
    let weight = |w: f64| format!("{w:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    match (data.domains.len(), data.own) {
        (2, Some(own)) => format!("{} = {}", data.domains[own], weight(mixture[own])),
        _ => data.domains.iter().zip(mixture).map(|(d, w)| format!("{d} {}", weight(*w))).collect::<Vec<_>>().join(" "),
    }
}
