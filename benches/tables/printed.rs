//! The held-out error that is printed for each law, beside that of a loop outside the program.

use super::{Asked, mean, quick, split};
use mixlaw::fit::fit;
use mixlaw::laws;

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
                errors
                    .extend(out.iter().map(|row| (fit.predict(row) / row.loss - 1.0).abs()).filter(|e| e.is_finite()));
            }
            let (outside, error) = mean(&errors);
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
