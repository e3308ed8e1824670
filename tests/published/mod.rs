//! Published tables as observations. They lie beside the repository, not in it; where they are missing, callers say so
//! and pass.

#![allow(dead_code, reason = "each test and benchmark uses some of these")]

pub mod board;
pub mod cases;
pub mod choosing;

use mixlaw::vocab::{Observation, Observations, Probe, Scale};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A table: rows by column name.
pub type Table = Vec<BTreeMap<String, String>>;

/// The folder of tables, or `None` after saying that a check is skipped.
pub fn folder() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no published tables at {}", path.display());
    None
}

/// Reads a CSV file without quoted fields.
pub fn read(path: &str) -> Option<Table> {
    let text = std::fs::read_to_string(folder()?.join(path)).ok()?;
    let mut lines = text.lines();
    let names: Vec<String> = lines.next()?.trim_end_matches('\r').split(',').map(str::to_owned).collect();
    let row = |line: &str| {
        names.iter().cloned().zip(line.trim_end_matches('\r').split(',').map(str::to_owned)).collect::<BTreeMap<_, _>>()
    };
    Some(lines.filter(|l| !l.is_empty()).map(row).collect())
}

/// A number, NaN where the cell is empty or absent.
pub fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row.get(column).and_then(|v| v.parse().ok()).unwrap_or(f64::NAN)
}

/// A row with everything a law may ask for at its plainest.
pub fn plain(params: f64, tokens: f64, mixture: Vec<f64>, loss: f64, run: usize) -> Observation {
    Observation { loss, run, ..Scale::dense(params, tokens).at(mixture) }
}

/// Observations of one loss.
pub fn observations(metric: &str, domains: Vec<String>, own: Option<usize>, rows: Vec<Observation>) -> Observations {
    let runs = rows.iter().map(|r| r.run + 1).max().unwrap_or(0);
    Observations {
        metric: metric.to_owned(),
        domains,
        own,
        runs: (0..runs).map(|r| format!("run {r}")).collect(),
        rows,
        ..Observations::default()
    }
}

/// `chinchilla/runs.csv` without its five highest losses.
pub fn chinchilla() -> Option<Observations> {
    let mut table = read("chinchilla/runs.csv")?;
    table.sort_by(|a, b| number(a, "loss").total_cmp(&number(b, "loss")));
    table.truncate(table.len() - 5);
    let rows = table.iter().enumerate().map(|(i, r)| {
        let n = number(r, "Model Size");
        plain(n, number(r, "Training FLOP") / 6.0 / n, vec![1.0], number(r, "loss"), i)
    });
    Some(observations("loss", vec!["massive-text".to_owned()], Some(0), rows.collect()))
}

/// `slimpajama/runs.csv`, one loss, the rows that `keep` keeps; a run is a size and a mixture.
pub fn slimpajama(target: &str, keep: impl Fn(f64) -> bool) -> Option<Observations> {
    let table = read("slimpajama/runs.csv")?;
    let weights: Vec<String> = table[0].keys().filter(|k| k.starts_with("weight_")).cloned().collect();
    let domains: Vec<String> = weights.iter().map(|w| w["weight_".len()..].to_owned()).collect();
    let mut runs: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in &table {
        let (n, loss) = (number(row, "model_size"), number(row, &format!("{target}_loss")));
        if !keep(n) || !loss.is_finite() {
            continue;
        }
        let mixture: Vec<f64> = weights.iter().map(|w| number(row, w)).collect();
        let next = runs.len();
        let run = *runs.entry(format!("{n} {mixture:.4?}")).or_insert(next);
        rows.push(plain(n, number(row, "n_tokens"), mixture, loss, run));
    }
    rows.sort_by(|a, b| a.run.cmp(&b.run).then(a.tokens.total_cmp(&b.tokens)));
    let own = domains.iter().position(|d| d == target);
    Some(observations(target, domains, own, rows))
}

/// `regmix`, one loss (by position) at 1M parameters; `part` is `train` or `test`. Weights are renormalised.
pub fn regmix(part: &str, target: usize) -> Option<Observations> {
    let mixtures = ordered(&format!("regmix/{part}_mixture_1m.csv"))?;
    let losses = ordered(&format!("regmix/{part}_pile_loss_1m.csv"))?;
    let domains: Vec<String> = mixtures.0[1..].iter().map(|d| d["train_the_pile_".len()..].to_owned()).collect();
    let metric = losses.0[target + 1].clone();
    let rows = mixtures.1.iter().zip(&losses.1).enumerate().map(|(i, (m, l))| {
        let sum: f64 = m[1..].iter().sum();
        plain(1e6, 1e9, m[1..].iter().map(|w| w / sum).collect(), l[target + 1], i)
    });
    let own = domains.iter().position(|d| metric.contains(&format!("the_pile_{d}_val")));
    Some(observations(&metric, domains, own, rows.collect()))
}

/// `mixing-laws/{two,five}_domains.csv`: rows of one validation domain for which `keep` says yes to (size, step). A run is
/// a size and a ratio. N is without embeddings.
pub fn mixing_laws(file: &str, valid: &str, keep: impl Fn(&str, f64) -> bool) -> Option<Observations> {
    let domains: &[&str] = match file {
        "two_domains" => &["Github", "Pile-CC"],
        _ => &["academic", "prose", "dialogue", "symbolic", "internet"],
    };
    let mut runs: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in read(&format!("mixing-laws/{file}.csv"))? {
        let size = row["model_size"].as_str();
        if row["valid_domain"] != valid || !keep(size, number(&row, "step")) {
            continue;
        }
        let params = if size == "70M" { 18.9e6 } else { 85.1e6 };
        let mixture = row["ratio"].split('-').map(|w| w.parse().unwrap_or(f64::NAN)).collect();
        let next = runs.len();
        let run = *runs.entry(format!("{size} {}", row["ratio"])).or_insert(next);
        rows.push(plain(params, number(&row, "tokens"), mixture, number(&row, "loss"), run));
    }
    rows.sort_by(|a, b| a.run.cmp(&b.run).then(a.tokens.total_cmp(&b.tokens)));
    let own = domains.iter().position(|d| *d == valid);
    Some(observations(valid, domains.iter().map(|d| (*d).to_owned()).collect(), own, rows))
}

/// Losses of several domains as one, each row with the ratio of its loss's own domain: a run's first two checkpoints say
/// how it began, and the others are its rows.
pub fn pooled<const N: usize>(losses: [Option<Observations>; N]) -> Option<Observations> {
    let (mut rows, mut runs) = (Vec::new(), 0);
    for loss in losses {
        let loss = loss?;
        let own = loss.own?;
        for run in loss.rows.chunk_by(|a, b| a.run == b.run) {
            let [first, second, rest @ ..] = run else { continue };
            let decline = (first.loss - second.loss) / (second.tokens - first.tokens) * 1e6;
            let probe = Some(Probe { loss: first.loss, decline: decline.max(0.0) });
            rows.extend(rest.iter().map(|row| {
                let share = row.mixture[own];
                Observation { mixture: vec![share, 1.0 - share], run: runs, probe, ..row.clone() }
            }));
            runs += 1;
        }
    }
    let probe = rows.first()?.probe;
    let domains = vec!["own".to_owned(), "others".to_owned()];
    Some(Observations { probe, ..observations("loss", domains, Some(0), rows) })
}

/// `selection/farseer_{train,test}.csv`.
pub fn farseer(part: &str) -> Option<Observations> {
    let table = read(&format!("selection/farseer_{part}.csv"))?;
    let row = |(i, r): (usize, &BTreeMap<String, String>)| {
        plain(number(r, "N"), number(r, "D"), vec![1.0], number(r, "loss"), i)
    };
    Some(observations("loss", vec!["text".to_owned()], Some(0), table.iter().enumerate().map(row).collect()))
}

/// `selection/sparsity_{part}.csv`: models that were trained dense on D1 tokens and then sparsely on D2. N is total, P·N_active, and K/E is
/// 1/P. Beside them, what each costs: 6·(N_dense·D1 + N_active·D2) FLOPs.
pub fn sparsity(part: &str) -> Option<(Observations, Vec<f64>)> {
    let table = read(&format!("selection/sparsity_{part}.csv"))?;
    let billions = |r: &BTreeMap<String, String>, column: &str| 1e9 * number(r, column);
    let row = |(i, r): (usize, &BTreeMap<String, String>)| {
        let (sparse, active) = (number(r, "P"), billions(r, "N_active"));
        let mut one = plain(sparse * active, billions(r, "D2"), vec![1.0], number(r, "loss"), i);
        (one.active_params, one.experts) = (active, sparse);
        one
    };
    let cost = |r: &BTreeMap<String, String>| {
        6.0 * (billions(r, "N_dense") * billions(r, "D1") + billions(r, "N_active") * billions(r, "D2"))
    };
    let rows = table.iter().enumerate().map(row).collect();
    Some((observations("loss", vec!["text".to_owned()], Some(0), rows), table.iter().map(cost).collect()))
}

/// `routing/curves.csv`: final losses of one router's models and of the dense ones, at k = 1 and frequency .5.
pub fn routing(router: &str) -> Option<Observations> {
    let mut last: BTreeMap<String, (f64, Observation)> = BTreeMap::new();
    for row in &read("routing/curves.csv")? {
        let of_router = row["router_type"] == router || row["router_type"] == "Dense";
        if !of_router || number(row, "k") != 1.0 || number(row, "routing_frequency") != 0.5 {
            continue;
        }
        let n = number(row, "dense_parameter_count");
        let mut one = plain(n, number(row, "step").max(1.0), vec![1.0], number(row, "loss_validation"), 0);
        one.experts = number(row, "num_experts");
        let kept = last.entry(row["hyper_id"].clone()).or_insert((-1.0, one.clone()));
        if number(row, "step") > kept.0 && one.loss.is_finite() {
            *kept = (number(row, "step"), one);
        }
    }
    let mut rows: Vec<Observation> = last.into_values().map(|(_, row)| row).collect();
    rows.iter_mut().enumerate().for_each(|(i, row)| row.run = i);
    Some(observations("loss", vec!["massive-text".to_owned()], Some(0), rows))
}

/// A table of numbers with its columns in the file's order.
pub fn ordered(path: &str) -> Option<(Vec<String>, Vec<Vec<f64>>)> {
    let text = std::fs::read_to_string(folder()?.join(path)).ok()?;
    let mut lines = text.lines().map(|l| l.trim_end_matches('\r'));
    let names = lines.next()?.split(',').map(str::to_owned).collect();
    let number = |v: &str| v.parse().unwrap_or(f64::NAN);
    Some((names, lines.filter(|l| !l.is_empty()).map(|l| l.split(',').map(number).collect()).collect()))
}
