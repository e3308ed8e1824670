//! Logs to read: the same on every machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A directory of runs.
pub struct Tree {
    pub name: String,
    pub root: PathBuf,
    pub runs: usize,
    pub points: u64,
    pub bytes: u64,
}

impl Tree {
    /// Writes a tree: every run a `metrics.jsonl` with a line a step.
    pub fn write(root: &Path, runs: usize, metrics: usize, steps: usize) -> Self {
        let mut names = vec!["train/loss".to_owned(), "eval/loss".to_owned(), "lr".to_owned()];
        names.extend((3..metrics).map(|i| format!("train/metric_{i:02}/value")));
        let mut bytes = 0;
        for run in 0..runs {
            let mut text = String::new();
            for step in 0..steps {
                let time = 1_700_000_000.0 + 3.7 * step as f64 + run as f64;
                write!(text, "{{\"step\": {}, \"_timestamp\": {time:.3}", 10 * step).expect("a string");
                for (i, name) in names.iter().enumerate() {
                    let value = value(run, i, step);
                    if i % 2 == 0 {
                        write!(text, ", \"{name}\": {}", f64::from(value as f32)).expect("a string");
                    } else {
                        write!(text, ", \"{name}\": {value:.4}").expect("a string");
                    }
                }
                text.push_str("}\n");
            }
            let directory = root.join(format!("run{run:04}"));
            std::fs::create_dir_all(&directory).expect("a directory");
            std::fs::write(directory.join("metrics.jsonl"), &text).expect("a log");
            bytes += text.len() as u64;
        }
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let points = (runs * (metrics + 2) * steps) as u64;
        Self { name, root: root.to_owned(), runs, points, bytes }
    }

    /// Its logs.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        (0..self.runs).map(|run| self.root.join(format!("run{run:04}/metrics.jsonl")))
    }
}

/// A course that falls, and noise of 5 % to both sides (SplitMix64 as a hash).
fn value(run: usize, metric: usize, step: usize) -> f64 {
    let mut bits = ((run << 48) ^ (metric << 32) ^ step) as u64;
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let noise = (bits ^ bits >> 31) as f64 / u64::MAX as f64;
    (2.0 + 3.0 / (1.0 + step as f64 / 100.0)) * (1.0 + 0.1 * (noise - 0.5))
}
