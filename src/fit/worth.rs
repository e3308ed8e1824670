//! What one group of runs is worth beside another: how much more compute, and how many more tokens, the other takes to the
//! same loss.
//!
//! Of a reference group the front counts: the least final loss for its compute, ln C linear in ln L between runs
//! ([`crate::laws::speed_up`]). Each run of the other group is compared at its own final loss: its factor is the compute of
//! the front at that loss over its own. A run that is better than every reference run has no factor, only a least one: nothing
//! is extrapolated. The mean is geometric; the law is a line of ln factor in ln C with a height of its own for each number of
//! experts, as those with more leave the reference group behind at smaller sizes. Intervals resample whole runs of both
//! groups; a resample that lacks an end of the front goes on along its last stretch. The factor in tokens compares runs of the
//! same active size: tokens of the reference run over those at which the other reached its final loss.

use super::random::Random;
use super::resample::quantile;
use crate::laws::speed_up::{Point, at, front};
use crate::vocab::{Estimate, Observation, Observations, Ordered, Range, Worth, WorthRun};
use std::collections::BTreeMap;

/// Resamples of runs.
const RESAMPLES: usize = 400;
/// Active sizes within this factor are the same.
const SAME_SIZE: f64 = 1.02;

/// One run: its rows by tokens.
struct Run<'a> {
    rows: Vec<&'a Observation>,
    compute: f64,
    loss: f64,
    name: &'a str,
}

/// What the runs of `of` are worth beside those of `over`; groups are told by the name and final row of a run. `None` where
/// one of them is empty.
#[must_use]
pub fn worth(
    data: &Observations,
    of: &dyn Fn(&str, &Observation) -> bool,
    over: &dyn Fn(&str, &Observation) -> bool,
    seed: u64,
) -> Option<Worth> {
    let runs = runs(data);
    let group = |is: &dyn Fn(&str, &Observation) -> bool| -> Vec<&Run<'_>> {
        runs.iter().filter(|run| run.rows.last().is_some_and(|row| is(run.name, row))).collect()
    };
    let (fast, slow) = (group(of), group(over));
    let reference = front_of(&slow, |_| 1);
    if fast.is_empty() || reference.len() < 2 {
        return None;
    }
    let draws: Vec<(Vec<Point>, Vec<usize>)> = (0..RESAMPLES)
        .map(|index| {
            let mut random = Random::new(seed, (1 << 34) + index as u64);
            let mut times = |count: usize| {
                let mut times = vec![0_usize; count];
                (0..count).for_each(|_| times[random.below(count)] += 1);
                times
            };
            let of_slow = times(slow.len());
            (front_of(&slow, |i| of_slow[i]), times(fast.len()))
        })
        .filter(|(front, _)| front.len() >= 2)
        .collect();
    let compared: Vec<(usize, f64)> =
        fast.iter().enumerate().filter_map(|(i, run)| Some((i, ln_factor(&reference, run, false)?))).collect();
    let one = |(i, run): (usize, &&Run<'_>)| {
        let value = compared.iter().find(|(at, _)| *at == i).map(|(_, ln)| ln.exp());
        let of_draws = draws.iter().filter_map(|(front, _)| ln_factor(front, run, true)).collect();
        let row = run.rows.last()?;
        let best = reference.last()?;
        Some(WorthRun {
            run: run.name.to_owned(),
            params: row.active_params,
            experts: row.experts.max(1.0),
            loss: run.loss,
            factor: value.map(|value| Estimate { value, range: quantiles(of_draws).map(f64::exp) }),
            at_least: (value.is_none() && run.loss.ln() < best.1).then(|| best.0.exp() / run.compute),
            tokens_factor: tokens_factor(run, &slow),
        })
    };
    let mut each: Vec<WorthRun> = fast.iter().enumerate().filter_map(one).collect();
    each.sort_by(|a, b| {
        let key = |w: &WorthRun| (w.params, w.experts);
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    // The mean and the law of the same runs, in every resample.
    let points = |front: &[Point], times: &dyn Fn(usize) -> usize, beyond: bool| -> Vec<Compared> {
        let of = |(i, _): &(usize, f64)| {
            let run = fast.get(*i)?;
            let kind = run.rows.last()?.experts.max(1.0).to_bits();
            let one = Compared { ln_compute: run.compute.ln(), ln_factor: ln_factor(front, run, beyond)?, kind };
            Some(std::iter::repeat_n(one, times(*i)))
        };
        compared.iter().filter_map(of).flatten().collect()
    };
    let best = points(&reference, &|_| 1, false);
    let resampled: Vec<Vec<Compared>> =
        draws.iter().map(|(front, times)| points(front, &|i| times[i], true)).filter(|p| !p.is_empty()).collect();
    let mean = |p: &[Compared]| p.iter().map(|p| p.ln_factor).sum::<f64>() / p.len() as f64;
    let middle = best.iter().map(|p| p.ln_compute).sum::<f64>() / best.len().max(1) as f64;
    let overall = (!best.is_empty()).then(|| Estimate {
        value: mean(&best).exp(),
        range: quantiles(resampled.iter().map(|p| mean(p)).collect()).map(f64::exp),
    });
    let exponent = slope(&best)
        .map(|value| Estimate { value, range: quantiles(resampled.iter().filter_map(|p| slope(p)).collect()) });
    Some(Worth {
        metric: data.metric.clone(),
        of: String::new(),
        over: String::new(),
        runs: fast.len(),
        reference_runs: slow.len(),
        compared: compared.len(),
        overall,
        exponent,
        compute: middle.exp(),
        each,
    })
}

/// Runs with a loss and a compute. Where no row knows D, all are taken to be as long.
fn runs(data: &Observations) -> Vec<Run<'_>> {
    let timed = data.rows.iter().any(|row| row.tokens.is_finite() && row.tokens > 0.0);
    let mut all: BTreeMap<usize, Vec<&Observation>> = BTreeMap::new();
    for row in data.rows.iter().filter(|row| row.loss.is_finite() && row.loss > 0.0) {
        all.entry(row.run).or_default().push(row);
    }
    all.into_iter().filter_map(|(index, rows)| run(rows, data.runs.get(index)?, timed)).collect()
}

fn run<'a>(mut rows: Vec<&'a Observation>, name: &'a str, timed: bool) -> Option<Run<'a>> {
    rows.sort_by_cached_key(|row| Ordered(row.tokens));
    let last = *rows.last()?;
    let compute = 6.0 * last.active_params * if timed { last.tokens } else { 1.0 };
    (compute.is_finite() && compute > 0.0).then_some(Run { compute, loss: last.loss, name, rows })
}

fn front_of(runs: &[&Run<'_>], times: impl Fn(usize) -> usize) -> Vec<Point> {
    let drawn = runs.iter().enumerate().filter(|(i, _)| times(*i) > 0);
    front(&drawn.map(|(_, run)| (run.compute, run.loss)).collect::<Vec<_>>())
}

/// ln of the compute of the front at a run's loss over the run's own; beyond the ends of the front only where that is allowed.
fn ln_factor(front: &[Point], run: &Run<'_>, beyond: bool) -> Option<f64> {
    let ln_loss = run.loss.ln();
    let (first, last) = (front.first()?, front.last()?);
    let along = |a: &Point, b: &Point| a.0 + (b.0 - a.0) * (a.1 - ln_loss) / (a.1 - b.1);
    let ln_compute = if ln_loss > first.1 {
        beyond.then(|| along(&front[0], &front[1]))?
    } else if ln_loss < last.1 {
        beyond.then(|| along(&front[front.len() - 2], &front[front.len() - 1]))?
    } else {
        at(front, ln_loss)?
    };
    Some(ln_compute - run.compute.ln())
}

/// Tokens of the reference run of the same active size over those at which this run reached its final loss.
fn tokens_factor(run: &Run<'_>, slow: &[&Run<'_>]) -> Option<f64> {
    let own = run.rows.last()?;
    let same = |other: &&&Run<'_>| {
        other.rows.last().is_some_and(|row| (row.active_params / own.active_params).ln().abs() < SAME_SIZE.ln())
    };
    let reference = slow.iter().filter(same).min_by(|a, b| a.loss.total_cmp(&b.loss))?;
    let tokens = reference.rows.last()?.tokens;
    let curve = front(&run.rows.iter().map(|row| (row.tokens, row.loss)).collect::<Vec<_>>());
    let reached = curve.first()?.1 >= reference.loss.ln() && curve.last()?.1 <= reference.loss.ln();
    let factor = tokens / at(&curve, reference.loss.ln()).filter(|_| reached && curve.len() > 1)?.exp();
    factor.is_finite().then_some(factor)
}

/// One compared run.
#[derive(Clone, Copy)]
struct Compared {
    ln_compute: f64,
    ln_factor: f64,
    /// Bits of its number of experts.
    kind: u64,
}

/// Slope of ln factor in ln C, about the means of each number of experts.
fn slope(points: &[Compared]) -> Option<f64> {
    let mut kinds: BTreeMap<u64, Vec<&Compared>> = BTreeMap::new();
    for point in points {
        kinds.entry(point.kind).or_default().push(point);
    }
    let (mut sxx, mut sxy) = (0.0, 0.0);
    for of_kind in kinds.values() {
        let n = of_kind.len() as f64;
        let mx = of_kind.iter().map(|p| p.ln_compute).sum::<f64>() / n;
        let my = of_kind.iter().map(|p| p.ln_factor).sum::<f64>() / n;
        sxx += of_kind.iter().map(|p| (p.ln_compute - mx).powi(2)).sum::<f64>();
        sxy += of_kind.iter().map(|p| (p.ln_compute - mx) * (p.ln_factor - my)).sum::<f64>();
    }
    (points.len() >= 3 && sxx > 1e-9).then(|| sxy / sxx)
}

fn quantiles(mut values: Vec<f64>) -> Range {
    values.sort_by(f64::total_cmp);
    Range { low: quantile(&values, 0.05), high: quantile(&values, 0.95) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Scale;

    /// Two families whose runs of the second need a third of the compute.
    fn data(noise: f64) -> Observations {
        let (mut rows, mut runs) = (Vec::new(), Vec::new());
        for (name, gain) in [("dense", 1.0), ("moe", 3.0)] {
            for i in 0..8 {
                let params = 1e7 * 1.8_f64.powi(i);
                for part in 1..=10 {
                    let tokens = 2e9 * f64::from(part);
                    let jitter = 1.0 + noise * (((rows.len() * 31) as f64 * 0.618_034).fract() - 0.5);
                    let loss = jitter * (1.0 + 80.0 / (gain * 6.0 * params * tokens).powf(0.1));
                    rows.push(Observation { loss, run: runs.len(), ..Scale::dense(params, tokens).at(vec![1.0]) });
                }
                runs.push(format!("{name} {i}"));
            }
        }
        Observations { metric: "loss".to_owned(), runs, rows, ..Observations::default() }
    }

    fn ask(data: &Observations) -> Worth {
        worth(data, &|name, _| name.starts_with("moe"), &|name, _| name.starts_with("dense"), 0).unwrap()
    }

    #[test]
    fn a_group_that_needs_a_third_of_the_compute_is_worth_three() {
        let found = ask(&data(0.0));
        let overall = found.overall.unwrap();
        assert!((overall.value / 3.0 - 1.0).abs() < 0.01, "{overall:?}");
        assert!(found.exponent.unwrap().value.abs() < 0.01, "{found:?}");
        // The largest are better than every reference run: no factor, and a least one of no more than three.
        let beyond: Vec<&WorthRun> = found.each.iter().filter(|run| run.factor.is_none()).collect();
        assert!(!beyond.is_empty() && found.compared + beyond.len() == 8, "{found:?}");
        assert!(beyond.iter().all(|run| run.at_least.is_some_and(|least| least <= 3.01)), "{beyond:?}");
        // Of the same size, the loss depends on N·D only.
        let tokens = found.each[3].tokens_factor.unwrap();
        assert!((tokens / 3.0 - 1.0).abs() < 0.05, "{tokens}");
        let back = worth(&data(0.0), &|n, _| n.starts_with("dense"), &|n, _| n.starts_with("moe"), 0).unwrap();
        assert!((back.overall.unwrap().value * 3.0 - 1.0).abs() < 0.01, "{back:?}");
    }

    #[test]
    fn intervals_hold_the_truth_and_are_not_empty() {
        let found = ask(&data(0.004));
        let overall = found.overall.unwrap();
        assert!(overall.range.contains(3.0) && overall.range.factor() > 1.005, "{overall:?}");
        assert!(found.exponent.unwrap().range.contains(0.0), "{found:?}");
    }

    #[test]
    fn without_two_groups_there_is_nothing_to_compare() {
        assert_eq!(worth(&data(0.0), &|_, _| true, &|_, _| false, 0), None);
        assert_eq!(worth(&Observations::default(), &|_, _| true, &|_, _| true, 0), None);
    }
}
