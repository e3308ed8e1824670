//! Processor time of comparing all laws on each table, without the outer loop of the nested figure; and of each law alone, with
//! its folds, its fit to all rows and no resamples.

use super::{Asked, quick};
use mixlaw::fit::choose::candidates;
use mixlaw::fit::{Options, fit};
use mixlaw::laws;
use rustix::time::{ClockId, clock_gettime};

pub fn print(asked: &Asked) {
    println!("\n# Processor time, s: of comparing all laws of a table, and of each law alone");
    let mut all: Vec<(String, usize, f64, Vec<f64>)> = Vec::new();
    for (table, rows) in asked.tables() {
        if all.last().is_none_or(|(last, ..)| *last != table) {
            all.push((table, 0, 0.0, vec![0.0; laws::ALL.len()]));
        }
        let Some((_, losses, whole, alone)) = all.last_mut() else { continue };
        *losses += 1;
        *whole += timed(|| drop(candidates(&[], &rows, &Options::default(), None)));
        for (law, seconds) in laws::ALL.iter().zip(alone) {
            *seconds += timed(|| drop(fit(law.info().name, &rows, &quick(), None)));
        }
    }
    for (table, losses, whole, alone) in all {
        println!("{table:<15} {losses:>3} losses: {whole:>7.2}");
        let mut by_law: Vec<(&str, f64)> = laws::ALL.iter().map(|law| law.info().name).zip(alone).collect();
        by_law.sort_by(|a, b| b.1.total_cmp(&a.1));
        by_law.iter().filter(|(_, s)| *s > 5e-3).for_each(|(law, s)| println!("    {law:<18} {s:>7.2}"));
    }
}

/// Processor time of all threads, s.
fn timed(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
    };
    let began = now();
    work();
    now() - began
}
