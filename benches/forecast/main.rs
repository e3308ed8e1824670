//! Forecasts of live runs on recorded ones: `cargo bench --bench forecast [-- schedules|sweeps|alone]`.
//!
//! Prints, and checks against nothing: tables of errors, for the eye and for the record.

mod baselines;
mod schedules;
mod sweeps;

use std::path::{Path, PathBuf};

fn main() {
    // `cargo test --benches` calls this with `--test`: there is nothing to time then.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    if wanted("schedules") {
        schedules::print(&data.join("schedules"));
    }
    if wanted("sweeps") {
        sweeps::print(&data.join("sweeps"));
    }
    if wanted("alone") {
        sweeps::alone(&data.join("sweeps"));
    }
}

/// The folder, or a line that says the part is skipped.
fn present(folder: &Path) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder.to_path_buf());
    }
    println!("skipped: {} is not there", folder.display());
    None
}
