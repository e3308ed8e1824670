//! How often nominal 90 % intervals hold the truth: every run is left out in turn, laws are fitted to the others (with
//! their own cross-validation and resamples, which never see the run), and the left-out losses are looked up in the
//! intervals. `cargo bench --bench coverage [-- [--held N] [--law LAW] [TABLE …]]`.
//!
//! A table per line and law: the recorded example and every published table beside the repository. Where a table has
//! more than `--held` runs (12 where not said), as many are left out, spread evenly over them.

use mixlaw::Study;
use mixlaw::fit::{Options, fit};
use mixlaw::laws;
use mixlaw::vocab::{Observation, Observations};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Wanted part within the interval, and what it may stray by.
const AIM: (f64, f64) = (0.85, 0.95);

/// What became of predictions.
#[derive(Default, Clone)]
struct Tally {
    rows: usize,
    within: usize,
    runs: usize,
    /// Last rows of runs within.
    ends: usize,
    /// Half-widths relative to the prediction.
    widths: Vec<f64>,
}

fn main() {
    let mut held = 12;
    let (mut wanted, mut only) = (Vec::new(), None);
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--held" => held = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(held),
            "--law" => only = arguments.next(),
            name => wanted.push(name.to_owned()),
        }
    }
    println!(
        "{:<15} {:<14} {:>6} {:>5} {:>8} {:>9} {:>8}",
        "table", "law", "rows", "runs", "covered", "last rows", "± median"
    );
    let mut off = Vec::new();
    for path in tables() {
        let name = path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        let study = match Study::open(&path) {
            Ok(study) => study,
            Err(error) => {
                println!("{name:<15} skipped: {error}");
                continue;
            }
        };
        let mut whole = Tally::default();
        for law in laws::ALL {
            let law = law.info().name;
            if only.as_ref().is_some_and(|only| only != law) {
                continue;
            }
            let mut tally = Tally::default();
            for rows in &study.observed().fitted {
                tally.add(&leave_out(law, rows, held));
            }
            if tally.rows > 0 {
                tally.print(&name, law);
                whole.add(&tally);
            }
        }
        if whole.rows > 0 {
            whole.print(&name, "all");
            let part = whole.part();
            if !(AIM.0..=AIM.1).contains(&part) {
                off.push(format!("{name} {:.1} %", 100.0 * part));
            }
        }
    }
    println!(
        "outside {:.0} to {:.0} %: {}",
        100.0 * AIM.0,
        100.0 * AIM.1,
        if off.is_empty() { "none".to_owned() } else { off.join(", ") }
    );
}

/// The recorded example and the published tables' project files.
fn tables() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all: Vec<PathBuf> = std::fs::read_dir(here.join("tests/tables"))
        .map(|entries| {
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect()
        })
        .unwrap_or_default();
    all.sort();
    // Scored by the other half of its runs, which it is the test of.
    all.retain(|path| !path.ends_with("regmix-test.yaml"));
    all.insert(0, here.join("examples/code-cpt"));
    all
}

/// Every prediction of left-out runs by one law.
fn leave_out(law: &str, data: &Observations, held: usize) -> Tally {
    let mut runs: Vec<usize> = data.rows.iter().map(|r| r.run).collect();
    runs.sort_unstable();
    runs.dedup();
    let count = runs.len().min(held);
    // Of the middle of each of `count` equal stretches.
    let some: Vec<usize> = (0..count).map(|i| runs[(2 * i + 1) * runs.len() / (2 * count)]).collect();
    let options = Options { starts: Some(8), bootstraps: 60, ..Options::default() };
    let one = |run: &usize| {
        let (out, rest): (Vec<Observation>, Vec<Observation>) = data.rows.iter().cloned().partition(|r| r.run == *run);
        let rest = Observations { rows: rest, ..data.clone() };
        let mut tally = Tally::default();
        let Ok(fit) = fit(law, &rest, &options, None) else { return tally };
        for (i, row) in out.iter().enumerate() {
            let interval = fit.forecast(row);
            let within = (interval.low..=interval.high).contains(&row.loss);
            tally.rows += 1;
            tally.within += usize::from(within);
            tally.widths.push(0.5 * (interval.high - interval.low) / interval.value);
            if i + 1 == out.len() {
                tally.runs += 1;
                tally.ends += usize::from(within);
            }
        }
        tally
    };
    let tallies: Vec<Tally> = some.par_iter().map(one).collect();
    let mut all = Tally::default();
    tallies.iter().for_each(|tally| all.add(tally));
    all
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.within += other.within;
        self.runs += other.runs;
        self.ends += other.ends;
        self.widths.extend(&other.widths);
    }

    fn part(&self) -> f64 {
        self.within as f64 / self.rows.max(1) as f64
    }

    fn print(&self, table: &str, law: &str) {
        let mut widths = self.widths.clone();
        widths.sort_by(f64::total_cmp);
        println!(
            "{table:<15} {law:<14} {:>6} {:>5} {:>7.1}% {:>8.1}% {:>7.2}%",
            self.rows,
            self.runs,
            100.0 * self.part(),
            100.0 * self.ends as f64 / self.runs.max(1) as f64,
            100.0 * widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN),
        );
    }
}
