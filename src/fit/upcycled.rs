//! What it was worth to make a mixture of experts of a trained dense model (sparse upcycling, Komatsuzaki et al.,
//! arXiv:2212.05055), as far as runs were measured.
//!
//! An upcycled run is compared at equal compute of its own, 6·N_act·D from where it begins: with runs of the same shape and mixture
//! from scratch, and with the dense model where that was trained on. Of each the least loss for the compute counts
//! ([`crate::laws::speed_up`]); between checkpoints ln L is linear in ln C. The crossing is the last compute at which they have the
//! same loss, where both were measured; nothing is extrapolated. From it on scratch is the better use of a budget, up to it
//! continuing is. Checkpoints inside a schedule have higher losses than runs that end there, which all sides share if they share
//! the schedule.

use super::random::Random;
use super::resample::quantile;
use crate::laws::speed_up::{Point, at, front};
use crate::vocab::number::parse_amount;
use crate::vocab::{
    Beside, Estimate, FactName, Observation, Observations, Ordered, Range, RunFacts, Upcycled, UpcycledRun,
};
use std::collections::BTreeMap;

/// Active sizes within this factor are the same.
const SAME_SIZE: f64 = 1.02;
/// Half the sum of absolute differences of weights up to which mixtures are the same.
const SAME_MIXTURE: f64 = 0.02;
/// Resamples of runs.
const RESAMPLES: usize = 400;
/// Fewest runs that a mean has an interval of.
const FEWEST: usize = 3;

/// One run: its rows by tokens, and what it says of where it began.
struct Run<'a> {
    name: &'a str,
    rows: Vec<&'a Observation>,
    last: &'a Observation,
    base: Option<&'a str>,
    base_tokens: Option<f64>,
}

/// The upcycled runs of a loss; `None` where there are none. `facts` are in the order of the runs.
#[must_use]
pub fn upcycled(data: &Observations, facts: &RunFacts, seed: u64) -> Option<Upcycled> {
    let runs = runs(data, facts);
    let mut each: Vec<UpcycledRun> = runs.iter().filter_map(|run| one(run, run.base?, &runs)).collect();
    if each.is_empty() {
        return None;
    }
    each.sort_by(|a, b| {
        let key = |run: &UpcycledRun| (run.params, run.experts);
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let ratios: Vec<f64> = each.iter().filter_map(ratio).collect();
    Some(Upcycled { metric: data.metric.clone(), compared: ratios.len(), ratio: mean(&ratios, seed), each })
}

/// ln of the tokens after which scratch catches up over the dense model's.
fn ratio(run: &UpcycledRun) -> Option<f64> {
    let scratch = run.scratch.as_ref().filter(|scratch| scratch.gain < 0.0)?;
    Some((scratch.crossing? / (6.0 * run.params) / run.base_tokens?).ln())
}

fn runs<'a>(data: &'a Observations, facts: &'a RunFacts) -> Vec<Run<'a>> {
    let mut all: BTreeMap<usize, Vec<&Observation>> = BTreeMap::new();
    let known =
        |row: &&Observation| row.loss.is_finite() && row.loss > 0.0 && row.tokens > 0.0 && row.tokens.is_finite();
    for row in data.rows.iter().filter(known) {
        all.entry(row.run).or_default().push(row);
    }
    let of = |(index, mut rows): (usize, Vec<&'a Observation>)| {
        rows.sort_by_cached_key(|row| Ordered(row.tokens));
        let values = facts.runs.get(index).map(|facts| &facts.values);
        let said = |name: FactName| {
            let text = values?.get(name.as_str())?.trim();
            (!text.is_empty()).then_some(text)
        };
        Some(Run {
            name: data.runs.get(index)?,
            last: rows.last()?,
            rows,
            base: said(FactName::UpcycledFrom),
            base_tokens: said(FactName::UpcycledTokens).and_then(|text| parse_amount(text).ok()).filter(|d| *d > 0.0),
        })
    };
    all.into_iter().filter_map(of).collect()
}

/// The last part of a path or name.
fn tail(name: &str) -> &str {
    name.trim_end_matches('/').rsplit('/').next().unwrap_or(name)
}

/// The run that a base names: by its name, else the only one whose name ends alike.
fn named<'r, 'a>(runs: &'r [Run<'a>], base: &str) -> Option<&'r Run<'a>> {
    let alike: Vec<&Run<'a>> = runs.iter().filter(|run| tail(run.name) == tail(base)).collect();
    runs.iter().find(|run| run.name == base).or(if let [only] = alike.as_slice() { Some(*only) } else { None })
}

fn one(run: &Run<'_>, base: &str, runs: &[Run<'_>]) -> Option<UpcycledRun> {
    let last = run.last;
    let own = front(&run.rows.iter().map(|row| (compute(row, 0.0), row.loss)).collect::<Vec<_>>());
    let dense = named(runs, base).filter(|dense| dense.name != run.name);
    let base_tokens = run.base_tokens.or(dense.map(|dense| dense.last.tokens));
    let scratch: Vec<&Run<'_>> =
        runs.iter().filter(|other| other.base.is_none() && is_alike(other.last, last)).collect();
    let of_scratch = scratch.iter().flat_map(|other| &other.rows).map(|row| (compute(row, 0.0), row.loss));
    let scratch_front = front(&of_scratch.collect::<Vec<_>>());
    let on = dense.zip(base_tokens).map(|(dense, seen)| {
        let more = dense.rows.iter().filter(|row| row.tokens > seen).map(|row| (compute(row, seen), row.loss));
        (dense.name, front(&more.collect::<Vec<_>>()))
    });
    let spent = compute(last, 0.0);
    let reached = (!scratch_front.is_empty() && scratch_front[0].1 >= last.loss.ln())
        .then(|| at(&scratch_front, last.loss.ln()))
        .flatten()
        .map(f64::exp);
    let of_base = dense.zip(base_tokens).map(|(dense, seen)| 6.0 * dense.last.active_params * seen);
    Some(UpcycledRun {
        run: run.name.to_owned(),
        base: base.to_owned(),
        base_tokens,
        params: last.active_params,
        experts: last.experts.max(1.0),
        tokens: last.tokens,
        loss: last.loss,
        scratch: beside(&own, &scratch_front, scratch.iter().map(|run| run.name)),
        factor: reached.map(|reached| reached / spent),
        factor_with_base: reached.zip(of_base).map(|(reached, base)| reached / (spent + base)),
        continued: on.and_then(|(name, curve)| beside(&own, &curve, std::iter::once(name))),
    })
}

/// Training FLOPs after so many tokens.
fn compute(row: &Observation, after: f64) -> f64 {
    6.0 * row.active_params * (row.tokens - after)
}

/// Whether two rows are of the same experts, active size and mixture.
fn is_alike(a: &Observation, b: &Observation) -> bool {
    let kind = |row: &Observation| [row.experts, row.experts_per_token, row.granularity].map(|v| v.max(1.0));
    let apart: f64 = a.mixture.iter().zip(&b.mixture).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
    kind(a) == kind(b) && (a.active_params / b.active_params).ln().abs() < SAME_SIZE.ln() && apart <= SAME_MIXTURE
}

/// The other front beside the run's own, over the compute at which both were measured.
fn beside<'n>(own: &[Point], other: &[Point], names: impl Iterator<Item = &'n str>) -> Option<Beside> {
    let from = own.first()?.0.max(other.first()?.0);
    let until = own.last()?.0.min(other.last()?.0);
    if from > until {
        return None;
    }
    let ahead = |ln: f64| Some(loss(other, ln)? - loss(own, ln)?);
    let mut places: Vec<f64> = own.iter().chain(other).map(|p| p.0).filter(|ln| (from..=until).contains(ln)).collect();
    places.sort_by(f64::total_cmp);
    let signs: Vec<(f64, f64)> = places.iter().filter_map(|ln| Some((*ln, ahead(*ln)?))).collect();
    let turns = |two: &&[(f64, f64)]| two[0].1 * two[1].1 < 0.0;
    let crossing = signs.windows(2).rfind(turns).map(|two| {
        let [(a, before), (b, after)] = [two[0], two[1]];
        (a + (b - a) * before / (before - after)).exp()
    });
    let gain = loss(other, until)?.exp() - loss(own, until)?.exp();
    Some(Beside { runs: names.map(str::to_owned).collect(), from: from.exp(), until: until.exp(), crossing, gain })
}

/// ln of the loss of a front at ln of a compute that it spans.
fn loss(front: &[Point], ln: f64) -> Option<f64> {
    let after = front.partition_point(|p| p.0 < ln - 1e-12);
    let high = front.get(after)?;
    let Some(low) = after.checked_sub(1).map(|i| front[i]) else { return Some(high.1) };
    Some(low.1 + (high.1 - low.1) * (ln - low.0) / (high.0 - low.0))
}

/// e to the mean of logarithms, with an interval over resamples.
fn mean(lns: &[f64], seed: u64) -> Option<Estimate> {
    let of = |all: &[f64]| (all.iter().sum::<f64>() / all.len() as f64).exp();
    if lns.is_empty() {
        return None;
    }
    let mut range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };
    if lns.len() >= FEWEST {
        let draw = |index: usize| {
            let mut random = Random::new(seed, (1 << 35) + index as u64);
            of(&(0..lns.len()).map(|_| lns[random.below(lns.len())]).collect::<Vec<_>>())
        };
        let mut draws: Vec<f64> = (0..RESAMPLES).map(draw).collect();
        draws.sort_by(f64::total_cmp);
        range = Range { low: quantile(&draws, 0.05), high: quantile(&draws, 0.95) };
    }
    Some(Estimate { value: of(lns), range })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{FactsOfRun, Moe, Scale};

    /// For each size a dense run, an upcycled run that begins at half of it with L = 2.8·(D/1e9)^-0.02, and one from scratch with L =
    /// 3·(D/1e9)^-0.05: they meet where (D/1e9)^0.03 = 3 / 2.8. The dense model goes on at L = 2.75·(C/1e18)^-0.01 for C more.
    fn sweep() -> (Observations, RunFacts) {
        let (mut data, mut facts) =
            (Observations { metric: "loss".to_owned(), ..Observations::default() }, RunFacts::default());
        let mut add = |name: String, values: &[(&str, &str)], rows: Vec<(Scale, f64)>| {
            let run = data.runs.len();
            data.runs.push(name);
            let values = values.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            facts.runs.push(FactsOfRun { place: 0, values });
            data.rows.extend(rows.into_iter().map(|(scale, loss)| Observation { loss, run, ..scale.at(vec![1.0]) }));
        };
        for size in [1e8, 2e8, 4e8] {
            let moe = Moe { active_params: size, experts: 8.0, experts_per_token: 1.0, granularity: 1.0 };
            let scale = |tokens: f64| Scale { params: 6.0 * size, tokens, moe: Some(moe) };
            let many: Vec<f64> = (0..20).map(|i| 1e9 * 1.3_f64.powi(i)).collect();
            let curve = |a: f64, p: f64| many.iter().map(|d| (scale(*d), a * (d / 1e9).powf(-p))).collect();
            add(format!("moe/{size}"), &[], curve(3.0, 0.05));
            let base = format!("/ckpt/dense-{size}");
            let values = [("upcycled_from", base.as_str()), ("upcycled_tokens", "10B")];
            add(format!("up/{size}"), &values, curve(2.8, 0.02));
            let mut dense: Vec<(Scale, f64)> = vec![(Scale::dense(size, 1e10), 2.9)];
            let more = |c: f64| (Scale::dense(size, 1e10 + c / (6.0 * size)), 2.75 * (c / 1e18).powf(-0.01));
            dense.extend((0..20).map(|i| more(6e17 * 1.3_f64.powi(i))));
            add(format!("runs/dense-{size}"), &[], dense);
        }
        (data, facts)
    }

    #[test]
    fn the_crossings_are_those_that_were_planted() {
        let (data, facts) = sweep();
        let found = upcycled(&data, &facts, 0).unwrap();
        assert_eq!((found.each.len(), found.compared), (3, 3));
        let tokens = 1e9 * (3.0_f64 / 2.8).powf(1.0 / 0.03);
        for run in &found.each {
            let scratch = run.scratch.as_ref().unwrap();
            assert!((scratch.crossing.unwrap() / (6.0 * run.params * tokens) - 1.0).abs() < 1e-6, "{run:?}");
            assert!(scratch.gain < 0.0 && scratch.runs == [format!("moe/{}", run.params)], "{run:?}");
            assert_eq!(run.base_tokens, Some(1e10));
            // 2.8·(D/1e9)^-0.02 = 2.75·(6·N·D/1e18)^-0.01.
            let dense = run.continued.as_ref().unwrap();
            let meets = (2.8 / 2.75 * (6.0 * run.params / 1e9).powf(0.01)).powf(100.0) * 1e9;
            if let Some(crossing) = dense.crossing {
                assert!((crossing / (6.0 * run.params * meets) - 1.0).abs() < 1e-6 && dense.gain > 0.0, "{run:?}");
            }
            // From scratch the end of the upcycled run is reached sooner, and with the dense model's compute sooner still.
            let (factor, whole) = (run.factor.unwrap(), run.factor_with_base.unwrap());
            let scratch_needs = 1e9 * (3.0 / run.loss).powf(1.0 / 0.05);
            assert!((factor / (scratch_needs / run.tokens) - 1.0).abs() < 1e-6 && whole < factor, "{run:?}");
            assert!((whole / (scratch_needs / (run.tokens + 1e10)) - 1.0).abs() < 1e-6, "{run:?}");
        }
        assert!(found.each.iter().any(|run| run.continued.as_ref().is_some_and(|dense| dense.crossing.is_some())));
        let ratio = found.ratio.unwrap();
        assert!((ratio.value / (tokens / 1e10) - 1.0).abs() < 1e-6 && ratio.range.contains(ratio.value), "{ratio:?}");
    }

    #[test]
    fn nothing_is_said_beyond_what_was_measured() {
        let (mut data, facts) = sweep();
        // The upcycled runs end before they are caught up with, and no other shape stands in for theirs.
        data.rows.retain(|row| row.tokens < 5e9 || row.experts == 1.0);
        let found = upcycled(&data, &facts, 0).unwrap();
        let scratch = found.each[0].scratch.as_ref().unwrap();
        assert!(scratch.crossing.is_none() && scratch.gain > 0.0 && found.ratio.is_none(), "{found:?}");
        assert!(found.each[0].factor.is_none(), "scratch has not come so far: {found:?}");
        data.rows.iter_mut().filter(|row| row.run == 0).for_each(|row| row.experts = 16.0);
        assert!(upcycled(&data, &facts, 0).unwrap().each[0].scratch.is_none());
        assert!(upcycled(&data, &RunFacts::default(), 0).is_none());
    }
}
