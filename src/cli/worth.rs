//! Text of what one group of runs is worth beside another.

use super::output::table;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{Estimate, Worth};

/// The mean first, then each run.
pub(super) fn show(worth: &Worth) -> String {
    let (of, over) = (printable(&worth.of), printable(&worth.over));
    let mut out = format!("{} · what {of} are worth beside {over}, at equal final loss\n", printable(&worth.metric));
    match &worth.overall {
        Some(mean) => out.push_str(&format!(
            "  {over} need {} × the compute ({}), mean of {} of {} runs\n",
            two(mean.value),
            interval(mean),
            worth.compared,
            worth.runs
        )),
        None => out.push_str(&format!("  no run has a final loss that {over} reach too\n")),
    }
    if let Some(e) = &worth.exponent {
        let trend = match (e.range.low > 0.0, e.range.high < 0.0) {
            (true, _) => "grows with compute",
            (_, true) => "shrinks with compute",
            _ => "no trend in compute that the runs show",
        };
        out.push_str(&format!("  factor ∝ C^{:.3} ({:.3} to {:.3}): {trend}\n", e.value, e.range.low, e.range.high));
    }
    out.push('\n');
    let header = ["  run", ">N", ">E", ">loss", ">× compute", "90 %", ">× tokens"];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for run in &worth.each {
        let factor = match (&run.factor, run.at_least) {
            (Some(factor), _) => two(factor.value),
            (None, Some(least)) => format!("> {}", two(least)),
            (None, None) => "–".to_owned(),
        };
        rows.push(vec![
            format!("  {}", run.run),
            show_amount(run.params),
            show_amount(run.experts),
            format!("{:.4}", run.loss),
            factor,
            run.factor.as_ref().map_or_else(String::new, interval),
            run.tokens_factor.map_or_else(String::new, two),
        ]);
    }
    out.push_str(&table(&rows));
    out
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

fn interval(of: &Estimate) -> String {
    format!("{}–{}", two(of.range.low), two(of.range.high))
}
