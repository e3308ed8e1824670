//! Fits every law to every table with SciPy, from 320 starts, and with mixlaw, and prints both optima, and how far apart
//! mixlaw's are that begin from six seeds: `cargo bench --bench optimum`. Takes hours; `cargo bench --bench optimum --
//! additive` fits one law only (or one table: `"slimpajama c4"`), `--new` what SciPy's optimum is not recorded of, and
//! `--ours` compares with the recorded ones.
//!
//! SciPy gets the rows that mixlaw fits and the form written down a second time, in `optimum.py`. Needs Python with
//! SciPy and autograd.

#[path = "../../tests/published/mod.rs"]
mod published;

use mixlaw::fit::{Fit, Options, fit};
use mixlaw::vocab::Observations;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Ten times what a cold fit makes by default of laws with few parameters.
const STARTS: usize = 320;
/// Seeds that mixlaw's fits begin from; the first is compared with SciPy's.
const SEEDS: std::ops::Range<u64> = 0..6;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let quick = std::env::args().any(|a| a == "--ours");
    let new = std::env::args().any(|a| a == "--new");
    println!(
        "{:<20} {:<15} {:>6} {:>16} {:>8} {:>16} {:>8}  {:>8} {:>8}",
        "table", "law", "rows", "SciPy", "s", "mixlaw", "s", "ratio", "spread"
    );
    for case in published::cases::ALL {
        let asked = wanted.is_empty() || wanted.iter().any(|w| case.law == w || case.table == w);
        if !asked || new && case.scipy.is_finite() {
            continue;
        }
        let Some(rows) = (case.rows)() else { continue };
        let from = |seed| {
            let options = Options { seed, bootstraps: 0, cross_validate: false, ..Options::default() };
            fit(case.law, &rows, &options, None).unwrap_or_else(|e| panic!("{e}"))
        };
        let fits: Vec<Fit> = SEEDS.map(from).collect();
        let ours = &fits[0];
        let values = || fits.iter().map(|f| f.view.objective);
        let spread = values().fold(0.0, f64::max) / values().fold(f64::INFINITY, f64::min) - 1.0;
        let (theirs, seconds) =
            if quick { (case.scipy, f64::NAN) } else { scipy(case.law, &rows).unwrap_or((f64::NAN, f64::NAN)) };
        println!(
            "{:<20} {:<15} {:>6} {theirs:>16.9e} {seconds:>8.1} {:>16.9e} {:>8.3}  {:>8.5} {spread:>8.1e}",
            case.table,
            case.law,
            rows.rows.len(),
            ours.view.objective,
            ours.view.seconds,
            ours.view.objective / theirs
        );
    }
}

fn scipy(law: &str, data: &Observations) -> Option<(f64, f64)> {
    let row = |r: &mixlaw::vocab::Observation| {
        json!({"params": r.params, "active": r.active_params, "tokens": r.tokens, "mixture": r.mixture,
            "experts": r.experts, "experts_per_token": r.experts_per_token, "granularity": r.granularity,
            "first": r.probe.map(|p| p.loss), "decline": r.probe.map(|p| p.decline), "loss": r.loss})
    };
    let rows: Vec<Value> = data.rows.iter().map(row).collect();
    let given = json!({"law": law, "starts": STARTS, "seed": 0, "own": data.own, "rows": rows});
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/optimum/optimum.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take()?.write_all(given.to_string().as_bytes()).ok()?;
    let answer: Value = serde_json::from_slice(&child.wait_with_output().ok()?.stdout).ok()?;
    Some((answer["objective"].as_f64()?, answer["seconds"].as_f64()?))
}
