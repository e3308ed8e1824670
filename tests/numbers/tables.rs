//! What laws make of published tables, against what SciPy and the papers make of them. Held-out rows are never fitted to.
//! The tables lie beside the repository; where they are missing every check says so and passes.

use crate::published::board::{self, Row};
use mixlaw::fit::{Fit, Options, fit};
use mixlaw::vocab::Observations;

/// The search alone: no intervals, no cross-validation.
fn quick(law: &str, data: &Observations, starts: Option<usize>) -> Fit {
    let options = Options { starts, bootstraps: 0, cross_validate: false, ..Options::default() };
    fit(law, data, &options, None).unwrap_or_else(|error| panic!("{error}"))
}

fn value(fit: &Fit, name: &str) -> f64 {
    fit.view.parameters.iter().find(|p| p.name == name).map_or(f64::NAN, |p| p.value)
}

#[test]
fn chinchilla_reaches_the_optimum_of_4500_scipy_starts() {
    let Some(data) = crate::published::chinchilla() else { return };
    assert_eq!(data.rows.len(), 240);
    let fit = quick("chinchilla", &data, Some(32));
    assert!(fit.view.objective <= 1.0001 * 1.018_274e-3, "{:e}", fit.view.objective);
    for (name, want) in [("E", 1.81722), ("A", 477.83), ("B", 2143.4), ("α", 0.34731), ("β", 0.36717)] {
        let got = value(&fit, name);
        assert!((got / want - 1.0).abs() < 1e-3, "{name}: {got}, {want} published");
    }
}

/// Lines of the scoreboard that take a minute or more in a debug build.
fn slow(row: &Row) -> bool {
    ["joint", "regmix-trees", "mixing-implicit"].contains(&row.law) || row.data.contains("mixtures out")
}

fn hold(rows: impl Iterator<Item = &'static Row>) {
    let mut worse = Vec::new();
    for row in rows {
        let Some(ours) = (row.ours)() else { continue };
        let line = format!("{}, {}, {}: {ours:.5e}, {:.5e} elsewhere", row.data, row.law, row.what, row.theirs);
        println!("{line}{}", if row.reached(ours) { "" } else { ": not reached" });
        if !row.holds(ours) {
            worse.push(line);
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// One of so many, beginning where `MIXLAW_SEED` says; all of them where `MIXLAW_SOAK` is set (`tests/soak.sh`).
fn sample<T>(of: impl Iterator<Item = T>, one_of: usize) -> impl Iterator<Item = T> {
    let seed: usize =
        std::env::var("MIXLAW_SEED").ok().map_or(0, |seed| seed.parse().expect("MIXLAW_SEED is a number"));
    let (first, step) = if std::env::var_os("MIXLAW_SOAK").is_some() { (0, 1) } else { (seed % one_of, one_of) };
    of.skip(first).step_by(step)
}

/// The same lines as `cargo bench --bench scoreboard`: each is as good as elsewhere, or as good as it says it is.
#[test]
fn published_numbers_are_reached() {
    hold(sample(board::ALL.iter().filter(|row| !slow(row)), 5));
}

#[test]
#[ignore = "minutes: run tests/soak.sh, or cargo bench --bench scoreboard"]
fn published_numbers_that_take_long_are_reached() {
    hold(board::ALL.iter().filter(|row| slow(row)));
}

/// The optimum is never worse than SciPy's best; see `benches/optimum`.
#[test]
fn optima_are_as_low_as_scipys() {
    let cases = crate::published::cases::ALL.iter().filter(|c| c.scipy.is_finite() && c.law != "joint");
    for case in sample(cases, 5) {
        let Some(data) = (case.rows)() else { continue };
        let ours = quick(case.law, &data, None).view.objective;
        println!("{}, {}: {ours:.9e}, {:.9e} with SciPy", case.table, case.law, case.scipy);
        assert!(ours <= 1.0001 * case.scipy, "{}, {}: {ours:e}, {:e}", case.table, case.law, case.scipy);
    }
}
