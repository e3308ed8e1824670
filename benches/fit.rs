//! Times fits against the same fits in SciPy, in one go on one machine: `cargo bench --bench fit`.
//!
//! Both sides get the same rows, the same number of starts and one thread. Needs the published tables and the reference
//! script beside the repository, and Python with SciPy; says so and stops where they are missing.

#[path = "../tests/published/mod.rs"]
mod published;

use mixlaw::fit::{Fit, Options, fit};
use mixlaw::vocab::Observations;
use std::process::Command;
use std::time::Instant;

/// Times each search is repeated; the median counts.
const REPEATS: usize = 5;

/// Name, law, rows, starts, arguments of SciPy's script.
type Case = (&'static str, &'static str, Option<Observations>, usize, Vec<&'static str>);

fn main() {
    let Some(data) = published::folder() else { return };
    let script = data.join("../reference/fit.py");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    println!(
        "{:<28} {:>7} {:>11} {:>11} {:>8}  objectives (theirs, ours)",
        "fit", "starts", "SciPy s", "mixlaw s", "ratio"
    );
    let cases: [Case; 4] = [
        ("chinchilla", "chinchilla", published::chinchilla(), 500, vec!["chinchilla/runs.csv"]),
        (
            "dcpt, slimpajama github",
            "dcpt",
            published::slimpajama("github", |_| true),
            40,
            vec!["slimpajama/runs.csv", "--target", "github"],
        ),
        (
            "additive, slimpajama github",
            "additive",
            published::slimpajama("github", |_| true),
            10,
            vec!["slimpajama/runs.csv", "--target", "github"],
        ),
        (
            "mixing, regmix",
            "mixing",
            published::regmix("train", 0),
            8,
            vec!["regmix/train_mixture_1m.csv", "--losses", "regmix/train_pile_loss_1m.csv", "--target", "0"],
        ),
    ];
    let mut ratios = Vec::new();
    for (title, law, rows, starts, arguments) in cases {
        let Some(rows) = rows else { continue };
        let theirs = scipy(&script, &data, law, &arguments, starts);
        let (seconds, ours) = one.install(|| timed(law, &rows, starts));
        let (their_seconds, their_objective) = theirs.unwrap_or((f64::NAN, f64::NAN));
        ratios.push(their_seconds / seconds);
        println!(
            "{title:<28} {starts:>7} {their_seconds:>11.3} {seconds:>11.5} {:>8.0}  {their_objective:.8e} {:.8e}",
            their_seconds / seconds,
            ours.view.objective
        );
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(low), Some(high)) = (ratios.get((ratios.len().max(1) - 1) / 2), ratios.get(ratios.len() / 2)) {
        println!("median ratio: {:.0}", 0.5 * (low + high));
    }
    warm(&one);
    bootstrap();
}

/// Median seconds of the search alone, and the last fit.
fn timed(law: &str, rows: &Observations, starts: usize) -> (f64, Fit) {
    let options = Options { starts: Some(starts), bootstraps: 0, cross_validate: false, ..Options::default() };
    let mut fits: Vec<Fit> =
        (0..REPEATS).map(|_| fit(law, rows, &options, None).unwrap_or_else(|e| panic!("{e}"))).collect();
    fits.sort_by(|a, b| a.view.seconds.total_cmp(&b.view.seconds));
    let middle = fits.swap_remove(REPEATS / 2);
    (middle.view.seconds, middle)
}

fn scipy(
    script: &std::path::Path,
    data: &std::path::Path,
    law: &str,
    arguments: &[&str],
    starts: usize,
) -> Option<(f64, f64)> {
    let mut command = Command::new("python3");
    command.current_dir(data).arg(script).arg(law).args(arguments).args(["--starts", &starts.to_string()]);
    let output = command.output().ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some((answer["seconds"].as_f64()?, answer["objective"].as_f64()?))
}

/// A refit after one more run, from the last fit: D-CPT on about 2000 rows.
fn warm(one: &rayon::ThreadPool) {
    let Some(all) = published::slimpajama("github", |_| true) else { return };
    let last = all.rows.iter().map(|r| r.run).max().unwrap_or(0);
    let mut less = all.clone();
    less.rows.retain(|r| r.run != last);
    let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
    let before = fit("dcpt", &less, &options, None).unwrap_or_else(|e| panic!("{e}"));
    let options = Options { starts: Some(0), ..options };
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| one.install(|| fit("dcpt", &all, &options, Some(&before))).map_or(f64::NAN, |f| f.view.seconds))
        .collect();
    seconds.sort_by(f64::total_cmp);
    println!("warm refit, dcpt on {} rows, one thread: {:.2} ms", all.rows.len(), 1e3 * seconds[4]);
}

/// A thousand resamples of Chinchilla, on all cores.
fn bootstrap() {
    let Some(rows) = published::chinchilla() else { return };
    let mut options = Options { starts: Some(32), bootstraps: 0, cross_validate: false, ..Options::default() };
    let time = |options: &Options| {
        let began = Instant::now();
        let fitted = fit("chinchilla", &rows, options, None).unwrap_or_else(|e| panic!("{e}"));
        (began.elapsed().as_secs_f64(), fitted)
    };
    let without = time(&options).0;
    options.bootstraps = 1000;
    let (with, fitted) = time(&options);
    let spread = |k: usize| {
        let values: Vec<f64> = fitted.draws.iter().map(|d| d[k]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
    };
    println!(
        "1000 bootstraps of chinchilla, {} threads: {:.3} s (spread of ln A {:.3})",
        rayon::current_num_threads(),
        with - without,
        spread(1)
    );
}
