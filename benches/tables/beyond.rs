//! How many 90 % intervals hold beyond the runs: the automatic choice fitted to the cheap runs of published isoFLOP sets (budgets
//! below a tenth of the largest) and asked for the dear ones (above a quarter of it), Farseer's far targets, and made-up runs.

use super::{Asked, truths};
use mixlaw::fit::Options;
use mixlaw::fit::choose::candidates;
use mixlaw::vocab::{Observation, Observations, Scale};
use std::collections::BTreeMap;
use std::path::Path;

/// Budgets that are fitted to and asked for, of the largest.
const CHEAP: f64 = 0.1;
const DEAR: f64 = 0.25;

/// Size, tokens, loss and budget of a run.
type Run = [f64; 4];

pub fn print(asked: &Asked) {
    println!("\n# 90 % intervals beyond the runs, by the automatic choice");
    println!(
        "{:<36} {:>6} {:>6} {:>8} {:>9} {:>8} {:>7}  law",
        "runs", "fitted", "asked", "held", "± mean", "bias", "error"
    );
    let (mut held, mut all) = (0, 0);
    for (name, fitted, far) in sets() {
        if far.is_empty() || !asked.names_or_all(&name) {
            continue;
        }
        let Some((law, sum)) = forecast(&fitted, &far) else { continue };
        sum.print(&name, &law);
        (held, all) = (held + sum.held, all + sum.asked);
    }
    println!("held {held} of {all}: {:.1} %", 100.0 * held as f64 / f64::max(all as f64, 1.0));
    if !asked.names_or_all("made-up") {
        return;
    }
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for set in truths::all() {
        let with = |runs: &[truths::Run]| runs.iter().map(|[n, d, loss]| [*n, *d, *loss, 0.0]).collect::<Vec<Run>>();
        let Some((_, sum)) = forecast(&with(&set.cheap), &with(&set.dear)) else { continue };
        let (design, truth) = (set.design.to_owned(), set.truth.to_owned());
        for name in ["all".to_owned(), design, truth, format!("noise {}", set.noise), format!("seed {}", set.seed)] {
            sums.entry(format!("made-up: {name}")).or_default().add(&sum);
        }
    }
    sums.iter().for_each(|(name, sum)| sum.print(name, ""));
}

/// What was forecast, and what came.
#[derive(Default)]
struct Sum {
    fitted: usize,
    asked: usize,
    held: usize,
    /// Sums over runs asked for: half width, signed error and its size, relative.
    width: f64,
    bias: f64,
    error: f64,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.fitted += other.fitted;
        (self.asked, self.held) = (self.asked + other.asked, self.held + other.held);
        (self.width, self.bias) = (self.width + other.width, self.bias + other.bias);
        self.error += other.error;
    }

    fn print(&self, name: &str, law: &str) {
        let of_each = |sum: f64| 100.0 * sum / self.asked.max(1) as f64;
        println!(
            "{name:<36} {:>6} {:>6} {:>7.1}% {:>8.2}% {:>+7.2}% {:>6.2}%  {law}",
            self.fitted,
            self.asked,
            of_each(self.held as f64),
            of_each(self.width),
            of_each(self.bias),
            of_each(self.error),
        );
    }
}

/// Chooses by some runs, and forecasts others; with the name of the law.
fn forecast(fitted: &[Run], far: &[Run]) -> Option<(String, Sum)> {
    let options = Options { bootstraps: 100, ..Options::default() };
    let chosen = candidates(&[], &rows(fitted), &options, None);
    let fit = chosen.chosen()?;
    let mut sum = Sum { fitted: fitted.len(), asked: far.len(), ..Sum::default() };
    for row in &rows(far).rows {
        let interval = fit.forecast(row);
        let error = row.loss / interval.value - 1.0;
        sum.held += usize::from((interval.low..=interval.high).contains(&row.loss));
        sum.width += 0.5 * (interval.high - interval.low) / interval.value;
        (sum.bias, sum.error) = (sum.bias + error, sum.error + error.abs());
    }
    Some((fit.view.law.clone(), sum))
}

/// Name, runs to fit to, and runs to ask for; empty where the tables are missing.
fn sets() -> Vec<(String, Vec<Run>, Vec<Run>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let mut sets = Vec::new();
    let isoflop = read(&data.join("isoflop/runs.csv"), ["params", "tokens", "loss", "budget"], "experiment");
    let mut names: Vec<String> = isoflop.iter().map(|(name, _)| name.clone()).collect();
    names.dedup();
    for name in names {
        let runs: Vec<Run> = isoflop.iter().filter(|(of, _)| *of == name).map(|(_, run)| *run).collect();
        let top = runs.iter().map(|run| run[3]).fold(0.0, f64::max);
        let among = |keep: &dyn Fn(f64) -> bool| runs.iter().copied().filter(|run| keep(run[3] / top)).collect();
        sets.push((name, among(&|part| part < CHEAP), among(&|part| part > DEAR)));
    }
    let farseer = |name: &str| {
        let runs = read(&data.join("selection").join(name), ["N", "D", "loss", "loss"], "group");
        runs.into_iter().map(|(_, run)| run).collect::<Vec<Run>>()
    };
    sets.push(("farseer".to_owned(), farseer("farseer_train.csv"), farseer("farseer_test.csv")));
    sets
}

/// Runs of a table by the name in one column, but for those that their authors marked as outliers.
fn read(path: &Path, columns: [&str; 4], name: &str) -> Vec<(String, Run)> {
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| head.iter().position(|h| *h == name);
    let outlier = column("outlier");
    let of = |cells: Vec<&str>| {
        let number = |name: &str| cells.get(column(name)?)?.parse::<f64>().ok();
        let is_outlier = outlier.is_some_and(|at| cells.get(at) == Some(&"True"));
        let run = [number(columns[0])?, number(columns[1])?, number(columns[2])?, number(columns[3])?];
        (!is_outlier).then(|| Some((cells.get(column(name)?)?.to_string(), run)))?
    };
    lines.filter_map(of).collect()
}

/// Runs of one domain.
fn rows(runs: &[Run]) -> Observations {
    let row = |(run, [params, tokens, loss, _]): (usize, &Run)| Observation {
        loss: *loss,
        run,
        ..Scale::dense(*params, *tokens).at(vec![1.0])
    };
    Observations {
        metric: "loss".to_owned(),
        domains: vec!["data".to_owned()],
        runs: (0..runs.len()).map(|run| run.to_string()).collect(),
        rows: runs.iter().enumerate().map(row).collect(),
        ..Observations::default()
    }
}
