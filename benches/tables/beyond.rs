//! How many 90 % intervals hold beyond the runs: the automatic choice fitted to the cheap runs of published isoFLOP sets (budgets
//! below a tenth of the largest) and asked for the dear ones (above a quarter of it), and Farseer's far targets.

use super::Asked;
use mixlaw::fit::Options;
use mixlaw::fit::choose::candidates;
use mixlaw::vocab::{Observation, Observations};
use std::path::Path;

/// Budgets that are fitted to and asked for, of the largest.
const CHEAP: f64 = 0.1;
const DEAR: f64 = 0.25;

/// Size, tokens, loss and budget of a run.
type Run = [f64; 4];

pub fn print(asked: &Asked) {
    println!("\n# 90 % intervals beyond the runs, by the automatic choice");
    println!("{:<36} {:>6} {:>6} {:>8} {:>9} {:>8}  law", "runs", "fitted", "asked", "held", "± mean", "bias");
    let (mut held, mut all) = (0, 0);
    for (name, fitted, far) in sets() {
        if far.is_empty() || !asked.names_or_all(&name) {
            continue;
        }
        let options = Options { bootstraps: 100, ..Options::default() };
        let chosen = candidates(&[], &rows(&fitted), &options, None);
        let Some(fit) = chosen.chosen() else { continue };
        let (mut within, mut width, mut bias) = (0, 0.0, 0.0);
        for row in &rows(&far).rows {
            let interval = fit.forecast(row);
            within += usize::from((interval.low..=interval.high).contains(&row.loss));
            width += 0.5 * (interval.high - interval.low) / interval.value / far.len() as f64;
            bias += (row.loss / interval.value - 1.0) / far.len() as f64;
        }
        println!(
            "{name:<36} {:>6} {:>6} {:>7.1}% {:>8.2}% {:>+7.2}%  {}",
            fitted.len(),
            far.len(),
            100.0 * within as f64 / far.len() as f64,
            100.0 * width,
            100.0 * bias,
            fit.view.law
        );
        (held, all) = (held + within, all + far.len());
    }
    println!("held {held} of {all}: {:.1} %", 100.0 * held as f64 / f64::max(all as f64, 1.0));
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
        params: *params,
        active_params: *params,
        tokens: *tokens,
        loss: *loss,
        mixture: vec![1.0],
        experts: 1.0,
        experts_per_token: 1.0,
        granularity: 1.0,
        run,
        probe: None,
        recipe: mixlaw::vocab::Recipe::default(),
        phases: None,
    };
    Observations {
        metric: "loss".to_owned(),
        domains: vec!["data".to_owned()],
        runs: (0..runs.len()).map(|run| run.to_string()).collect(),
        rows: runs.iter().enumerate().map(row).collect(),
        ..Observations::default()
    }
}
