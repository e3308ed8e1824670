//! Whether what is printed is true, on the published tables: `cargo bench --bench tables [-- PART… TABLE… --parts N
//! --metrics N --nested]`.
//!
//! The parts: `printed` (each law's printed held-out error beside that of a loop outside the program), `auto` (what the
//! automatic choice and the stack got wrong in that loop, beside every law and the baselines; how many intervals held), `beyond` (how
//! many intervals hold far beyond the runs, published and made up), `regret` (the best mixture of RegMix's held-out runs by what proxies
//! say, and of other tables by what the other mixtures say), `times` (processor time). Tables are those of `tests/tables`, whose data
//! lie beside the repository. Prints, and checks against nothing.

mod auto;
mod beyond;
mod printed;
mod regret;
mod times;
mod truths;

use mixlaw::Study;
use mixlaw::fit::Options;
use mixlaw::vocab::{Observation, Observations};
use std::path::Path;

/// What was asked for.
pub struct Asked {
    names: Vec<String>,
    /// Parts that an outer loop leaves out one after the other; as many as the program itself holds out where not said.
    parts: Option<usize>,
    /// Losses of a table that are looked at.
    pub metrics: usize,
    /// Whether the nested figure is asked for in each part of the outer loop, and what follows from it.
    pub nested: bool,
}

fn main() {
    // `cargo test --benches` calls this with `--test`: there is nothing to time then.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let mut asked = Asked { names: Vec::new(), parts: None, metrics: usize::MAX, nested: false };
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(argument) = arguments.next() {
        let mut number = |usual| arguments.next().and_then(|n| n.parse().ok()).unwrap_or(usual);
        match argument.as_str() {
            "--parts" => asked.parts = Some(number(5)),
            "--nested" => asked.nested = true,
            "--metrics" => asked.metrics = number(asked.metrics),
            name => asked.names.push(name.to_owned()),
        }
    }
    if asked.wants_part("printed") {
        printed::print(&asked);
    }
    if asked.wants_part("auto") {
        auto::print(&asked);
    }
    if asked.wants_part("beyond") {
        beyond::print(&asked);
    }
    if asked.wants_part("regret") {
        regret::print(&asked);
    }
    if asked.wants_part("times") {
        times::print(&asked);
    }
}

const PARTS: [&str; 5] = ["printed", "auto", "beyond", "regret", "times"];

impl Asked {
    fn wants_part(&self, part: &str) -> bool {
        let mut named = self.names.iter().filter(|name| PARTS.contains(&name.as_str())).peekable();
        named.peek().is_none() || named.any(|name| name == part)
    }

    /// Parts of an outer loop over these rows. A fit to four fifths of twenty mixtures is another than one to nineteen.
    pub fn parts(&self, rows: &Observations) -> usize {
        let one_by_one = 24;
        let groups = groups(rows).len();
        self.parts.unwrap_or(if groups > one_by_one { 10 } else { groups })
    }

    /// Whether a table is asked for: by its name, or as one of all.
    pub fn names_or_all(&self, table: &str) -> bool {
        let mut named = self.names.iter().filter(|name| !PARTS.contains(&name.as_str())).peekable();
        named.peek().is_none() || named.any(|name| name == table)
    }

    /// Name, loss and rows of every table asked for.
    pub fn tables(&self) -> Vec<(String, Observations)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables");
        let mut paths: Vec<_> = std::fs::read_dir(folder).expect("tests/tables").flatten().map(|e| e.path()).collect();
        paths.sort();
        let mut all = Vec::new();
        for path in paths {
            let name = path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            if !self.names_or_all(&name) {
                continue;
            }
            match Study::open(&path) {
                Ok(study) => {
                    let rows = study.observed().fitted.iter().take(self.metrics);
                    all.extend(rows.map(|rows| (name.clone(), rows.clone())));
                }
                Err(error) => println!("{name:<15} skipped: {error}"),
            }
        }
        all
    }
}

/// No intervals: for errors alone.
pub fn quick() -> Options {
    Options { bootstraps: 0, ..Options::default() }
}

/// What is left out together: whole mixtures, or whole runs where there is one mixture.
fn groups(rows: &Observations) -> Vec<Vec<i64>> {
    let mut groups: Vec<Vec<i64>> = rows.rows.iter().map(|row| group(rows, row)).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// That of a row.
fn group(rows: &Observations, row: &Observation) -> Vec<i64> {
    let by_run = rows.rows.iter().all(|row| key(row) == key(&rows.rows[0]));
    if by_run { vec![row.run as i64] } else { key(row) }
}

fn key(row: &Observation) -> Vec<i64> {
    row.mixture.iter().map(|w| (w * 1e4).round() as i64).collect()
}

/// The rows that are not in a part, and those that are. No part has two groups more than another: two that are left out at once are
/// another question than one.
pub fn split(rows: &Observations, parts: usize, part: usize) -> (Observations, Vec<Observation>) {
    let groups = groups(rows);
    // Scattered: neighbours in the order of the table are not left out together.
    let mut scattered: Vec<usize> = (0..groups.len()).collect();
    scattered.sort_by_key(|group| (group * 7919) % 104_729);
    let mut part_of = vec![0; groups.len()];
    scattered.iter().enumerate().for_each(|(rank, group)| part_of[*group] = rank % parts);
    let is_out = |row: &Observation| part_of[groups.binary_search(&group(rows, row)).unwrap_or(0)] == part;
    let (out, left): (Vec<_>, Vec<_>) = rows.rows.iter().cloned().partition(is_out);
    (Observations { rows: left, ..rows.clone() }, out)
}

/// Mean and standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}
