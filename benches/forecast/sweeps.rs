//! Our sweeps replayed: every run forecast at parts of its way by what was finished before it began, scored by the
//! ledger against the final loss, beside three baselines; and runs stopped early, against successive halving.

use super::baselines::power_with_floor;
use mixlaw::forecast::ledger::{Entry, Ledger, widened};
use mixlaw::forecast::signals::{HOPELESS, probability_below};
use mixlaw::forecast::{self, Pool};
use mixlaw::observe::{RecordFields, RunRecord};
use mixlaw::project::Project;
use mixlaw::store::RunId;
use mixlaw::vocab::{FactName, FactValue, Facts, Metric, MetricUnit, Mixture};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const SEEN: [f64; 4] = [0.1, 0.25, 0.5, 0.75];
const METHODS: [&str; 4] = ["mixlaw", "last value", "power", "nearest"];

pub fn print(folder: &Path) {
    let Some(folder) = super::present(folder) else { return };
    let mut total = Tally::default();
    let mut slowest = 0.0_f64;
    println!("\n# Sweeps replayed run by run: mean error of the final loss, %; coverage of nominal 90 % intervals");
    println!(
        "{:>6} {:>10} {:>5} {:>8} {:>10} {:>8} {:>8} {:>9} {:>9}",
        "sweep", "order", "seen", METHODS[0], METHODS[1], METHODS[2], METHODS[3], "coverage", "forecasts"
    );
    for sweep in ["base", "dcpt", "mix", "moe"] {
        let records = read(&folder.join(sweep));
        let project = project(&records);
        for (order, records) in [("by name", records.clone()), ("shuffled", shuffled(&records))] {
            let tally = replay(&project, &records, &mut slowest);
            tally.print(sweep, order);
            tally.print_laws();
            total.add(&tally);
        }
    }
    total.print("all", "both");
    println!("slowest run forecast (all its losses): {:.2} ms", 1e3 * slowest);
    stop(&folder);
    thousand(&folder);
}

/// Every validation loss of every run by its own curve alone, as where nothing like it has finished.
pub fn alone(folder: &Path) {
    let Some(folder) = super::present(folder) else { return };
    println!(
        "\n# Runs by themselves: mean error of the final loss, %, of the last value, and coverage of nominal 90 % intervals"
    );
    println!(
        "{:>6} {:>5} {:>8} {:>10} {:>9} {:>8} {:>10}",
        "sweep", "seen", METHODS[0], METHODS[1], "coverage", "± median", "forecasts"
    );
    let mut total: BTreeMap<u32, Vec<(f64, f64, f64)>> = BTreeMap::new();
    for sweep in ["base", "dcpt", "mix", "moe"] {
        let mut of_sweep: BTreeMap<u32, Vec<(f64, f64, f64)>> = BTreeMap::new();
        for record in read(&folder.join(sweep)) {
            for seen in SEEN {
                let part = cut(&record, seen);
                for (metric, series) in part.series.iter().filter(|(key, _)| key.starts_with("eval/")) {
                    let Some(forecast) = forecast::own(&part, metric, MetricUnit::Nats, &series.to_vec()) else {
                        continue;
                    };
                    let truth = record.series[metric].last().expect("an end").1;
                    let half = 0.5 * (forecast.high / forecast.low).ln();
                    let error = (forecast.value / truth).ln();
                    let last = series.last().expect("a value").1;
                    of_sweep.entry((100.0 * seen) as u32).or_default().push((error, half, (last / truth).ln()));
                }
            }
        }
        print_alone(sweep, &of_sweep);
        of_sweep.into_iter().for_each(|(seen, all)| total.entry(seen).or_default().extend(all));
    }
    print_alone("all", &total);
}

fn print_alone(sweep: &str, by_seen: &BTreeMap<u32, Vec<(f64, f64, f64)>>) {
    for (seen, all) in by_seen {
        let mean = |of: &dyn Fn(&(f64, f64, f64)) -> f64| 100.0 * all.iter().map(of).sum::<f64>() / all.len() as f64;
        println!(
            "{sweep:>6} {seen:>4}% {:>8.2} {:>10.2} {:>8.1}% {:>7.2}% {:>10}",
            mean(&|(error, ..)| error.abs()),
            mean(&|(.., last)| last.abs()),
            mean(&|(error, half, _)| f64::from(u8::from(error.abs() <= *half))),
            100.0 * forecast::spread::median(all.iter().map(|(_, half, _)| *half).collect()),
            all.len()
        );
    }
}

#[derive(Default)]
struct Tally {
    /// By part seen: errors of each method, and of coverage (held, counted).
    errors: BTreeMap<u32, [Vec<f64>; 4]>,
    held: BTreeMap<u32, (usize, usize)>,
    /// By law and part seen: errors and whether the interval held.
    laws: BTreeMap<(String, u32), Vec<(f64, bool)>>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        for (seen, errors) in &other.errors {
            let mine = self.errors.entry(*seen).or_default();
            mine.iter_mut().zip(errors).for_each(|(a, b)| a.extend(b));
            let held = self.held.entry(*seen).or_default();
            let theirs = other.held.get(seen).copied().unwrap_or_default();
            (held.0, held.1) = (held.0 + theirs.0, held.1 + theirs.1);
        }
        for (law, all) in &other.laws {
            self.laws.entry(law.clone()).or_default().extend(all);
        }
    }

    fn print_laws(&self) {
        for ((law, seen), all) in &self.laws {
            let n = all.len() as f64;
            let (error, held) = all.iter().fold((0.0, 0.0), |(e, h), (x, y)| (e + x, h + f64::from(u8::from(*y))));
            println!("{law:>28} {seen:>4}% {:>8.2} {:>42.1}% {:>9}", 100.0 * error / n, 100.0 * held / n, all.len());
        }
    }

    fn print(&self, sweep: &str, order: &str) {
        for (seen, errors) in &self.errors {
            let mean = |e: &Vec<f64>| 100.0 * e.iter().sum::<f64>() / e.len() as f64;
            let (held, counted) = self.held[seen];
            println!(
                "{sweep:>6} {order:>10} {seen:>4}% {:>8.2} {:>10.2} {:>8.2} {:>8.2} {:>8.1}% {counted:>9}",
                mean(&errors[0]),
                mean(&errors[1]),
                mean(&errors[2]),
                mean(&errors[3]),
                100.0 * held as f64 / counted.max(1) as f64,
            );
        }
    }
}

/// One run after another; the ledger recalibrates as truths arrive.
fn replay(project: &Project, records: &[RunRecord], slowest: &mut f64) -> Tally {
    let mut tally = Tally::default();
    let mut ledger = Ledger::default();
    let mut pool = Pool::default();
    for (i, record) in records.iter().enumerate() {
        pool = Pool::learn(project, &records[..i], Some(&pool));
        for seen in SEEN {
            let part = cut(record, seen);
            let began = Instant::now();
            let forecasts = forecast::run(project, &[], &pool, &part);
            *slowest = slowest.max(began.elapsed().as_secs_f64());
            let key = (100.0 * seen) as u32;
            for metric in project.metric_keys() {
                let (Some(series), Some(whole)) = (part.series.get(metric), record.series.get(metric)) else {
                    continue;
                };
                let (Some(last), Some(end)) = (series.last(), whole.last()) else { continue };
                let truth = end.1;
                let after_start: Vec<(i64, f64)> = series.iter().filter(|p| p.0 > 0).collect();
                if after_start.is_empty() {
                    continue;
                }
                let Some(forecast) = forecasts.get(metric) else {
                    println!("no forecast of {metric} for {} at {seen}", record.name);
                    continue;
                };
                let (low, high) =
                    widened(forecast.value, forecast.low, forecast.high, ledger.recalibration(&forecast.law));
                let guesses = [
                    forecast.value,
                    last.1,
                    power_with_floor(&after_start, end.0 as f64),
                    nearest(record, &records[..i], metric).unwrap_or(last.1),
                ];
                let errors = tally.errors.entry(key).or_default();
                errors.iter_mut().zip(guesses).for_each(|(e, g)| e.push((g / truth - 1.0).abs()));
                let held = tally.held.entry(key).or_default();
                held.1 += 1;
                held.0 += usize::from((low..=high).contains(&truth));
                let law = if forecast.fit.is_some() { forecast.law.clone() } else { format!("{} alone", forecast.law) };
                let of_law = tally.laws.entry((law, key)).or_default();
                of_law.push(((forecast.value / truth - 1.0).abs(), (low..=high).contains(&truth)));
                ledger.offer(Entry {
                    run: record.name.to_string(),
                    metric: metric.clone(),
                    law: forecast.law.clone(),
                    at: 0.0,
                    seen: forecast.seen,
                    value: forecast.value,
                    low: forecast.low,
                    high: forecast.high,
                    widened: 1.0,
                    shown: true,
                    fit: None,
                    place: None,
                });
            }
        }
        for metric in project.metric_keys() {
            if let Some(end) = record.series.get(metric).and_then(|s| s.last()) {
                ledger.settle(&record.name, metric, None, end.1);
            }
        }
    }
    tally
}

/// Final loss of the finished run that is nearest in ln N, mixture and ln E.
fn nearest(record: &RunRecord, finished: &[RunRecord], metric: &str) -> Option<f64> {
    let number = |r: &RunRecord, name| r.facts.number(name).unwrap_or(1.0).max(1.0).ln();
    let distance = |other: &&RunRecord| {
        let weights: f64 = match (record.facts.mixture(), other.facts.mixture()) {
            (Some(a), Some(b)) => a.0.keys().chain(b.0.keys()).map(|d| (a.weight(d) - b.weight(d)).abs()).sum(),
            _ => 0.0,
        };
        let of = |name| (number(record, name) - number(other, name)).abs();
        of(FactName::Params) + of(FactName::Experts) + weights
    };
    let near = finished.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    Some(near.series.get(metric)?.last()?.1)
}

/// Stop suggestions on the runs of one size of `dcpt` and all of `mix`, as if trained side by side: at every tenth a run
/// goes on only while it may still win. Against successive halving at an eighth, a quarter and a half, by last value.
fn stop(folder: &Path) {
    println!("\n# Stopping what cannot win: compute saved, and final loss above the best run's (regret), %");
    println!("{:>12} {:>22} {:>8} {:>8} {:>8} {:>8}", "runs", "metric", "saved", "regret", "SH saved", "regret");
    let dcpt = read(&folder.join("dcpt"));
    let sizes = ["n25k", "n99k", "n333k", "n590k"];
    let mut groups: Vec<(String, Vec<RunRecord>, Vec<RunRecord>)> = sizes
        .iter()
        .map(|size| {
            let (these, others): (Vec<RunRecord>, Vec<RunRecord>) =
                dcpt.iter().cloned().partition(|r| r.name.starts_with(&format!("{size}-")));
            // Sizes are run in order: the larger ones know the smaller ones.
            let n = |r: &RunRecord| r.facts.number(FactName::Params).unwrap_or(0.0);
            let before = others.into_iter().filter(|o| n(o) < n(&these[0])).collect();
            ((*size).to_owned(), these, before)
        })
        .collect();
    groups.push(("mix".to_owned(), read(&folder.join("mix")), Vec::new()));
    let mut sums = [0.0; 4];
    let mut count = 0.0;
    for (name, runs, before) in &groups {
        let project = project(runs);
        let pool = Pool::learn(&project, before, None);
        for metric in project.metric_keys() {
            let end = |r: &RunRecord| r.series[metric].last().expect("an end").1;
            let best = runs.iter().map(end).fold(f64::INFINITY, f64::min);
            let (saved, kept) = by_forecast(&project, &pool, runs, metric);
            let (halved, survivor) = by_halving(runs, metric);
            let regret = |of: f64| 100.0 * (of / best - 1.0);
            let row = [100.0 * saved, regret(kept), 100.0 * halved, regret(survivor)];
            println!("{name:>12} {metric:>22} {:>7.0}% {:>7.2}% {:>7.0}% {:>7.2}%", row[0], row[1], row[2], row[3]);
            sums.iter_mut().zip(row).for_each(|(s, r)| *s += r);
            count += 1.0;
        }
    }
    println!(
        "{:>12} {:>22} {:>7.0}% {:>7.2}% {:>7.0}% {:>7.2}%",
        "mean",
        "",
        sums[0] / count,
        sums[1] / count,
        sums[2] / count,
        sums[3] / count
    );
}

/// (part of the compute saved, final loss of the best run that was not stopped).
fn by_forecast(project: &Project, pool: &Pool, runs: &[RunRecord], metric: &str) -> (f64, f64) {
    let mut stopped: Vec<Option<f64>> = vec![None; runs.len()];
    for tenth in 2..10 {
        let seen = f64::from(tenth) / 10.0;
        let forecasts: Vec<_> = runs
            .iter()
            .zip(&stopped)
            .map(|(run, stopped)| match stopped {
                None => forecast::run(project, &[], pool, &cut(run, seen)).remove(metric),
                Some(_) => None,
            })
            .collect();
        let best = forecasts.iter().flatten().map(|f| f.value).fold(f64::INFINITY, f64::min);
        for (stopped, forecast) in stopped.iter_mut().zip(&forecasts) {
            if forecast.as_ref().is_some_and(|f| f.value > best && probability_below(f, best) < HOPELESS) {
                *stopped = Some(seen);
            }
        }
    }
    let saved = stopped.iter().flatten().map(|s| 1.0 - s).sum::<f64>() / runs.len() as f64;
    let went_on = runs.iter().zip(&stopped).filter(|(_, s)| s.is_none());
    (saved, went_on.map(|(r, _)| r.series[metric].last().expect("an end").1).fold(f64::INFINITY, f64::min))
}

fn by_halving(runs: &[RunRecord], metric: &str) -> (f64, f64) {
    let mut left: Vec<&RunRecord> = runs.iter().collect();
    let mut saved = 0.0;
    for seen in [0.125, 0.25, 0.5] {
        let last = |r: &&RunRecord| cut(r, seen).series[metric].last().map_or(f64::INFINITY, |p| p.1);
        left.sort_by(|a, b| last(a).total_cmp(&last(b)));
        let keep = left.len().div_ceil(2);
        saved += (left.len() - keep) as f64 * (1.0 - seen);
        left.truncate(keep);
    }
    let best = left.iter().map(|r| r.series[metric].last().expect("an end").1).fold(f64::INFINITY, f64::min);
    (saved / runs.len() as f64, best)
}

/// Forecasts of a thousand running runs on one thread.
fn thousand(folder: &Path) {
    let records = read(&folder.join("dcpt"));
    let project = project(&records);
    let began = Instant::now();
    let pool = Pool::learn(&project, &records, None);
    let learned = began.elapsed().as_secs_f64();
    let running: Vec<RunRecord> =
        (0..1000).map(|i| cut(&records[i % records.len()], 0.1 + 0.8 * (i as f64 / 1000.0))).collect();
    let began = Instant::now();
    let count: usize = running.iter().map(|r| forecast::run(&project, &[], &pool, r).len()).sum();
    println!(
        "\nlearning from {} finished runs: {learned:.2} s; {count} forecasts of 1000 running runs: {:.2} s on one thread",
        records.len(),
        began.elapsed().as_secs_f64()
    );
}

/// The run when part of it was done.
fn cut(record: &RunRecord, seen: f64) -> RunRecord {
    let until = seen * record.facts.number(FactName::PlannedSteps).expect("planned steps");
    let mut part = record.clone();
    std::sync::Arc::make_mut(&mut part.series)
        .values_mut()
        .for_each(|s| *s = s.iter().filter(|(step, _)| *step as f64 <= until).collect());
    part
}

fn shuffled(records: &[RunRecord]) -> Vec<RunRecord> {
    let mut random = forecast::spread::generator(1);
    let mut all = records.to_vec();
    for i in (1..all.len()).rev() {
        all.swap(i, (forecast::spread::uniform(&mut random) * (i + 1) as f64) as usize);
    }
    all
}

fn project(records: &[RunRecord]) -> Project {
    let keys = records[0].series.keys().filter(|k| k.starts_with("eval/") && k.ends_with("/loss"));
    let metrics: Vec<Metric> = keys.filter_map(|key| Some(Metric::of_domain(key.split('/').nth(1)?, key))).collect();
    let domains = metrics.iter().map(|metric| metric.name.clone()).collect();
    Project { domains, metrics, ..Project::default() }
}

fn read(folder: &Path) -> Vec<RunRecord> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a sweep").map(|e| e.expect("a run").path()).collect();
    paths.sort();
    paths.iter().zip(0..).map(|(path, id)| read_run(path, id)).collect()
}

fn read_run(path: &Path, id: u32) -> RunRecord {
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path.join("config.json")).expect("a configuration"))
            .expect("JSON");
    let mut facts = Facts::default();
    for (name, key) in [
        (FactName::Params, "params_non_embedding"),
        (FactName::BatchTokens, "batch_tokens"),
        (FactName::PlannedSteps, "max_steps"),
        (FactName::LearningRate, "learning_rate"),
        (FactName::Experts, "num_experts"),
    ] {
        if let Some(value) = config[key].as_f64() {
            facts.offer(name, FactValue::Number(value), "config.json");
        }
    }
    if let Some(shape) = config["lr_schedule"].as_str() {
        facts.offer(FactName::Schedule, FactValue::Text(shape.to_owned()), "config.json");
    }
    let mixture: Mixture = serde_json::from_value(config["mixture"].clone()).expect("a mixture");
    let (mixture, _) = mixture.normalised().expect("weights");
    facts.offer(FactName::Mixture, FactValue::Mixture(mixture), "config.json");
    let mut series: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for line in std::fs::read_to_string(path.join("metrics.jsonl")).expect("metrics").lines() {
        let point: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect("a point");
        let step = point["step"].as_i64().expect("a step");
        for (key, value) in point.iter().filter(|(k, _)| k.starts_with("eval/") || *k == "lr") {
            series.entry(key.clone()).or_default().push((step, value.as_f64().unwrap_or(f64::NAN)));
        }
    }
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let series = std::sync::Arc::new(series.into_iter().map(|(key, points)| (key, points.into())).collect());
    let fields = RecordFields {
        id: RunId(id),
        name: name.into(),
        facts: std::sync::Arc::new(facts),
        series,
        steps: None,
        others: std::sync::Arc::default(),
    };
    fields.into()
}
