//! The held-out error that is printed for each law, beside that of a loop outside the program. Errors of one mixture are alike, so the
//! standard error is that over mixtures, or over runs where there is one.

use super::{Asked, group, quick, split};
use mixlaw::fit::fit;
use mixlaw::laws;
use mixlaw::vocab::Observation;
use std::collections::BTreeMap;

/// Within this of each other, or within one standard error, is told the truth.
const NEAR: f64 = 0.2;

pub fn print(asked: &Asked) {
    println!("\n# Printed held-out error beside a loop outside the program, %");
    println!("{:<15} {:<32} {:<16} {:>8} {:>8} {:>6}", "table", "loss", "law", "printed", "outside", "±");
    let (mut told, mut all) = (0, 0);
    for (table, rows) in asked.tables() {
        let parts = asked.parts(&rows);
        for law in laws::ALL {
            let law = law.info().name;
            let Ok(whole) = fit(law, &rows, &quick(), None) else { continue };
            let Some(printed) = whole.view.mre_heldout else { continue };
            let mut errors = Vec::new();
            for part in 0..parts {
                let (left, out) = split(&rows, parts, part);
                let Ok(fit) = fit(law, &left, &mixlaw::fit::Options { cross_validate: true, ..quick() }, None) else {
                    continue;
                };
                let of = |row: &Observation| (group(&rows, row), (fit.predict(row) / row.loss - 1.0).abs());
                errors.extend(out.iter().map(of).filter(|(_, error)| error.is_finite()));
            }
            let (outside, error) = of_groups(&errors);
            let is_near = (printed / outside - 1.0).abs() <= NEAR || (printed - outside).abs() <= error;
            all += 1;
            told += usize::from(is_near);
            println!(
                "{table:<15} {:<32} {law:<16} {:>8.3} {:>8.3} {:>6.3} {}",
                rows.metric,
                100.0 * printed,
                100.0 * outside,
                100.0 * error,
                if is_near { "" } else { "APART" }
            );
        }
    }
    println!("within 20 % or one standard error: {told} of {all}");
}

/// Mean, and its standard error where what groups have in common is one draw.
fn of_groups(errors: &[(Vec<i64>, f64)]) -> (f64, f64) {
    let count = errors.len().max(1) as f64;
    let mean = errors.iter().map(|(_, error)| error).sum::<f64>() / count;
    let mut sums: BTreeMap<&Vec<i64>, f64> = BTreeMap::new();
    errors.iter().for_each(|(group, error)| *sums.entry(group).or_default() += error - mean);
    let groups = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    (mean, (squares * groups / (groups - 1.0).max(1.0)).sqrt() / count)
}
