//! Shares by vectors of samples: SMART, and von Neumann entropy.

use super::measure::{Measure, missing};
use crate::advise::design::{entropy, vectors};
use crate::cli::npy;
use crate::ipc::protocol::Failure;
use crate::vocab::text::printable;
use crate::vocab::{Mixture, PriorView};
use std::path::Path;

/// Most vectors of each domain whose entropy is taken.
const MOST: usize = 256;

/// The domains that have vectors.
///
/// # Errors
/// A directory that cannot be read, or has none.
pub(super) fn domains(folder: &Path) -> Result<Vec<String>, Failure> {
    let shown = printable(&folder.display().to_string());
    let help = "make a directory with a NumPy file for each domain: web.npy, code.npy; one row a sample";
    let listed =
        std::fs::read_dir(folder).map_err(|e| Failure::usage(format!("cannot read {shown}: {e}"), help.to_owned()))?;
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    let of_domain = |path: std::path::PathBuf| {
        (path.extension()? == "npy").then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?
    };
    let mut names: Vec<String> = paths.filter_map(of_domain).collect();
    names.sort();
    if names.is_empty() {
        return Err(Failure::usage(format!("{shown} has no .npy files"), help.to_owned()));
    }
    Ok(names)
}

/// Shares by both measures.
///
/// # Errors
/// Vectors that cannot be read, or do not fit together.
pub(super) fn read(folder: &Path, names: &[String]) -> Result<Vec<PriorView>, Failure> {
    let there = domains(folder)?;
    let mut all = Vec::new();
    for name in names {
        if !there.contains(name) {
            return Err(missing("vector", name, &format!("put {name}.npy there")));
        }
        all.push(npy::read(&folder.join(format!("{name}.npy")), MOST)?);
    }
    let widths: Vec<usize> = all.iter().map(|of| of.mean.len()).collect();
    if let Some(at) = widths.iter().position(|width| *width != widths[0]) {
        let message = format!(
            "vectors of '{}' have {} numbers, and of '{}' {}",
            printable(&names[at]),
            widths[at],
            printable(&names[0]),
            widths[0]
        );
        return Err(Failure::usage(message, "take one model for all domains".to_owned()));
    }
    let zero = || Failure::usage("a domain's vectors are all zero".to_owned(), "check the files".to_owned());
    let means: Vec<Vec<f64>> = all.iter().map(|of| of.mean.clone()).collect();
    let gains = vectors::gains(&means).ok_or_else(zero)?;
    // Entropy grows with how many vectors there are: as many of each.
    let least = all.iter().map(|of| of.some.len()).min().unwrap_or(0);
    let evenly = |some: &[Vec<f64>]| (0..least).map(|i| some[i * some.len() / least].clone()).collect::<Vec<_>>();
    let entropies: Vec<f64> =
        all.iter().map(|of| vectors::von_neumann(&evenly(&of.some))).collect::<Option<_>>().ok_or_else(zero)?;
    let view = |measure: Measure, values: Vec<f64>, shares: Vec<f64>, unit: &str, of: usize| PriorView {
        by: measure.name(),
        shares: Mixture(names.iter().cloned().zip(shares).collect()),
        measured: names.iter().cloned().zip(values).collect(),
        unit: unit.to_owned(),
        of,
    };
    let by_entropy = entropy::shares(&entropies);
    let by_gain = vectors::shares(&gains);
    let count = all.iter().map(|of| of.count).min().unwrap_or(0);
    Ok(vec![
        view(Measure::VonNeumann, entropies, by_entropy, "nats", least),
        view(Measure::Smart, gains, by_gain, "gain", count),
    ])
}
