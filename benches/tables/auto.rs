//! What the automatic choice gets wrong beside every law, the stack and the baselines, in loops outside the program: mixtures
//! left out, and the largest scale left out; and how many of its 90 % intervals hold.
//!
//! Of mixtures left out the target is said to lie within the runs, of the largest scale where it lies: that is the question that
//! the choice is for.
//!
//! The best of many laws is so by luck as well: where their true errors are equal, the least of those measured lies below. So the best
//! law is also found on one half of what was left out and judged on the other (`fair`), and the excess of the choice over the best law
//! is given in standard errors over mixtures (`±`). What laws get wrong together at one larger scale is one draw, and in neither.

use super::{Asked, key, mean, quick, split};
use mixlaw::fit::choose::{Candidates, candidates, nest};
use mixlaw::fit::{Options, fit, never};
use mixlaw::forecast;
use mixlaw::laws;
use mixlaw::vocab::{CandidateKind, Mixture, Observation, Observations, Scale};
use std::collections::BTreeMap;

/// Error of what is used, over the best candidate's, that is good enough.
const NEAR: f64 = 1.1;
/// Sizes, or token counts, of which the largest can be left out.
const LEAST_SCALES: usize = 3;

/// Rows to fit to, rows to predict, and where the target is said to lie.
type Part = (Observations, Vec<Observation>, Scale);

pub fn print(asked: &Asked) {
    println!("\n# Error of what is used beside the best law, in a loop outside the program, %");
    println!(
        "{:<15} {:<32} {:<9} {:>8} {:>8} {:>8} {:>8} {:<16} {:>8} {:>6} {:>8} {:>9} {:>9}",
        "table",
        "loss",
        "left out",
        "nested",
        "auto",
        "stack",
        "best",
        "",
        "fair",
        "±",
        "baseline",
        "intervals",
        "laws used"
    );
    let mut total = BTreeMap::new();
    for (table, rows) in asked.tables() {
        for (out, parts) in [("mixtures", by_mixtures(&rows, asked.parts(&rows))), ("largest", by_scale(&rows))] {
            if let Some(tally) = one(asked, &table, &rows, out, &parts) {
                let sum: &mut Tally = total.entry(out).or_default();
                sum.add(&tally);
            }
        }
    }
    for (out, tally) in &total {
        let share = tally.held as f64 / f64::max(tally.places as f64, 1.0);
        let band = 1.96 * (0.9 * 0.1 / f64::max(tally.places as f64, 1.0)).sqrt();
        println!(
            "{out} left out: auto within 1.1 × the best law: {} of {} (or one standard error of it: {}; of the best of the other half: \
             {} of {}); intervals held: {} of {}, {:.1} % (90 ± {:.1})",
            tally.near,
            tally.pairs,
            tally.alike,
            tally.fair,
            tally.halves,
            tally.held,
            tally.places,
            100.0 * share,
            100.0 * band
        );
    }
}

#[derive(Default)]
struct Tally {
    near: usize,
    /// Within that, or one standard error.
    alike: usize,
    pairs: usize,
    /// Within that of the law that is best on the other half, of those with halves.
    fair: usize,
    halves: usize,
    held: usize,
    places: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        (self.near, self.pairs) = (self.near + other.near, self.pairs + other.pairs);
        (self.alike, self.fair, self.halves) =
            (self.alike + other.alike, self.fair + other.fair, self.halves + other.halves);
        (self.held, self.places) = (self.held + other.held, self.places + other.places);
    }
}

fn by_mixtures(rows: &Observations, parts: usize) -> Vec<Part> {
    let all = (0..parts).map(|part| split(rows, parts, part));
    let usable = all.filter(|(left, out)| !out.is_empty() && !left.rows.is_empty());
    usable
        .map(|(left, out)| {
            let within = largest(&left.rows);
            (left, out, within)
        })
        .collect()
}

/// The largest size left out; where there are too few sizes, the most tokens.
fn by_scale(rows: &Observations) -> Vec<Part> {
    let of = |value: fn(&Observation) -> f64| {
        let mut values: Vec<f64> = rows.rows.iter().map(value).filter(|v| v.is_finite() && *v > 0.0).collect();
        values.sort_by(f64::total_cmp);
        values.dedup_by(|a, b| (*a / *b).ln().abs() < 1e-3);
        if values.len() < LEAST_SCALES {
            return None;
        }
        // Of many, those of the upper half.
        let most = values[values.len() - 1];
        let from = if values.len() > 8 { most / 2.0 } else { most / 1.001 };
        let (out, left): (Vec<_>, Vec<_>) = rows.rows.iter().cloned().partition(|row| value(row) > from);
        let target = largest(&out);
        Some((Observations { rows: left, ..rows.clone() }, out, target))
    };
    of(|row| row.params).or_else(|| of(|row| row.tokens)).into_iter().collect()
}

/// The place with the largest size and the most tokens.
fn largest(rows: &[Observation]) -> Scale {
    let most = |of: fn(&Observation) -> f64| rows.iter().map(of).fold(0.0, f64::max);
    let first = rows.iter().max_by(|a, b| a.params.total_cmp(&b.params)).map(Scale::of);
    Scale { tokens: most(|row| row.tokens), ..first.expect("rows") }
}

/// One table and loss; `None` where nothing could be left out.
fn one(asked: &Asked, table: &str, rows: &Observations, left_out: &str, parts: &[Part]) -> Option<Tally> {
    let mut errors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let (mut within, mut places) = (0, 0);
    let mut clusters: Vec<Vec<i64>> = Vec::new();
    let one_mixture = rows.rows.iter().all(|row| key(row) == key(&rows.rows[0]));
    for (left, out, target) in parts {
        let options = Options { bootstraps: 40, target: Some(*target), ..Options::default() };
        let mut chosen = candidates(&[], left, &options, None);
        if asked.nested {
            chosen = nest(&chosen, left, &options, &never).unwrap_or(chosen);
        }
        let Some(fit_used) = chosen.chosen() else { continue };
        *used.entry(fit_used.view.law.clone()).or_default() += 1;
        for row in out {
            let error = |value: f64| (value / row.loss - 1.0).abs();
            // What is shown: where the chosen law predicts what cannot be, the next one.
            let mixture = Mixture::from_weights(&rows.domains, &row.mixture);
            let shown = forecast::every_law(std::slice::from_ref(&chosen), &Scale::of(row), &mixture);
            let interval = shown.first().map_or_else(|| fit_used.forecast(row), |first| first.interval);
            errors.entry("auto".to_owned()).or_default().push(error(interval.value));
            if let Some(stacked) = chosen.stacked(row) {
                errors.entry("stack".to_owned()).or_default().push(error(stacked.value));
            }
            clusters.push(if one_mixture { vec![row.run as i64] } else { key(row) });
            places += 1;
            within += usize::from((interval.low..=interval.high).contains(&row.loss));
        }
        for law in laws::ALL {
            let name = law.info().name;
            // What the numbers of hidden domains are chosen by.
            let options = Options { cross_validate: !law.hidden_domains().is_empty(), ..quick() };
            if let Ok(fit) = fit(name, left, &options, None) {
                let of_law = errors.entry(format!("law {name}")).or_default();
                of_law.extend(out.iter().map(|row| (fit.predict(row) / row.loss - 1.0).abs()));
            }
        }
    }
    let auto = errors.get("auto").map(|e| mean(e).0)?;
    let whole = whole(rows, parts, left_out);
    let line = |kind| whole.choice.candidates.iter().filter(move |c| c.kind == kind);
    let figure = |c: &mixlaw::vocab::Candidate| if left_out == "mixtures" { c.mre_heldout } else { c.mre_scale };
    let nested = line(CandidateKind::Procedure).next().or(whole.choice.chosen()).and_then(figure);
    let baseline = line(CandidateKind::Baseline).filter_map(figure).fold(f64::NAN, f64::min);
    let complete = errors.iter().filter(|(name, e)| name.starts_with("law ") && e.len() == places);
    let complete: Vec<(&String, &Vec<f64>)> = complete.collect();
    let best = complete.iter().map(|(name, e)| (mean(e).0, *name)).min_by(|a, b| a.0.total_cmp(&b.0));
    let (best, law) = best?;
    let of_auto = &errors["auto"];
    let excess: Vec<f64> = of_auto.iter().zip(&errors[law]).map(|(a, b)| a - b).collect();
    let error = clustered(&excess, &clusters);
    let fair = by_halves(&complete.iter().map(|(_, e)| e.as_slice()).collect::<Vec<_>>(), &clusters);
    let stack = errors.get("stack").filter(|e| e.len() == places).map_or(f64::NAN, |e| mean(e).0);
    let near = auto <= NEAR * best;
    let alike = near || auto - best <= error;
    println!(
        "{table:<15} {:<32} {left_out:<9} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:<16} {:>8.3} {:>6.1} {:>8.3} {:>8.1}% {}{}",
        rows.metric,
        100.0 * nested.unwrap_or(f64::NAN),
        100.0 * auto,
        100.0 * stack,
        100.0 * best,
        law.trim_start_matches("law "),
        100.0 * fair.unwrap_or(f64::NAN),
        (auto - best) / error.max(1e-12),
        100.0 * baseline,
        100.0 * within as f64 / places.max(1) as f64,
        if near { "" } else { "WORSE " },
        used.iter().map(|(law, n)| format!("{law} {n}")).collect::<Vec<_>>().join(", ")
    );
    let halves = usize::from(fair.is_some());
    let fair = usize::from(fair.is_some_and(|fair| auto <= NEAR * fair));
    let (near, alike) = (usize::from(near), usize::from(alike));
    Some(Tally { near, alike, pairs: 1, fair, halves, held: within, places })
}

/// Standard error of a mean of values of which those of one cluster are not independent.
fn clustered(values: &[f64], clusters: &[Vec<i64>]) -> f64 {
    let overall = mean(values).0;
    let mut sums: BTreeMap<&[i64], f64> = BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        *sums.entry(cluster).or_default() += value - overall;
    }
    let n = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    (n / (n - 1.0).max(1.0) * squares).sqrt() / values.len() as f64
}

/// Mean error of the law that is best on the other half of the clusters; `None` where there are too few of them.
fn by_halves(errors: &[&[f64]], clusters: &[Vec<i64>]) -> Option<f64> {
    const LEAST: usize = 4;
    let mut order: Vec<&Vec<i64>> = clusters.iter().collect();
    order.sort();
    order.dedup();
    if order.len() < LEAST {
        return None;
    }
    let half = |at: usize| order.binary_search(&&clusters[at]).unwrap_or(0) % 2;
    let sum = |law: &[f64], which: usize| (0..law.len()).filter(|at| half(*at) == which).map(|at| law[at]).sum::<f64>();
    let judged = |which: usize| {
        let best = errors.iter().min_by(|a, b| sum(a, 1 - which).total_cmp(&sum(b, 1 - which)))?;
        Some(sum(best, which))
    };
    Some((judged(0)? + judged(1)?) / clusters.len() as f64)
}

/// The choice made with all rows, with its nested figure.
fn whole(rows: &Observations, parts: &[Part], left_out: &str) -> Candidates {
    let target = if left_out == "mixtures" { Some(largest(&rows.rows)) } else { parts.first().map(|p| p.2) };
    let options = Options { bootstraps: 0, target, ..Options::default() };
    let whole = candidates(&[], rows, &options, None);
    nest(&whole, rows, &options, &never).unwrap_or(whole)
}
