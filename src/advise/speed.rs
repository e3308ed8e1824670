//! What a GPU-hour is worth in FLOPs: by what the user states, else as the runs measured it.
//!
//! FLOPs of a GPU-hour = 3600 s · peak FLOP/s · MFU. Runs of other GPUs than those planned with, and of dense models where the
//! target has experts (or the other way round), are not mixed in: they are named.

use crate::project::Budget;
use crate::vocab::count::counted;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::speed::median;
use crate::vocab::text::printable;
use crate::vocab::{MeasuredMfu, Range, RunSpeed, Speeds};

/// Peaks that differ by less than this part are of one kind of GPU.
const SAME_PEAK: f64 = 0.02;
/// Part by which a stated MFU may differ from the measured one.
const AGREES: f64 = 0.1;
/// Runs that a sentence names before it counts.
const NAMED: usize = 3;

/// What a GPU-hour is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GpuHour {
    /// FLOP/s of one GPU, as sold.
    pub peak: f64,
    /// Part of them that training uses.
    pub mfu: f64,
    /// Where both come from, as sentences.
    pub said: Vec<String>,
    /// What the runs measured.
    pub measured: Option<MeasuredMfu>,
}

impl GpuHour {
    /// FLOPs of one GPU-hour.
    pub fn flops(&self) -> f64 {
        3600.0 * self.peak * self.mfu
    }

    /// The MFU inside a sentence: `0.4`, `0.358`.
    pub fn show_mfu(&self) -> String {
        if self.mfu < 0.1 { significant(self.mfu, 2) } else { ((self.mfu * 1e3).round() / 1e3).to_string() }
    }
}

/// What is not known of a GPU-hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    /// The key of the budget that is needed.
    pub needs: &'static str,
    /// What it could be.
    pub example: &'static str,
    /// Why the runs do not tell, as a sentence; empty where they say nothing.
    pub why: String,
}

/// What a GPU-hour is worth by a budget and the speeds of the runs. `routed`: whether experts are planned.
pub(super) fn gpu_hour(budget: &Budget, speeds: &Speeds, routed: bool) -> Result<GpuHour, Unknown> {
    let (own, other): (Vec<&RunSpeed>, Vec<&RunSpeed>) = speeds.runs.iter().partition(|run| run.routed == routed);
    let (peak, peak_said) = match budget.peak_flops {
        Some(peak) => (peak, None),
        None => {
            let (peak, said) = planned(&own)?;
            (peak, Some(said))
        }
    };
    let measured = measured(&own, peak);
    let mut said: Vec<String> = peak_said.into_iter().collect();
    let mfu = match (budget.mfu, &measured) {
        (Some(stated), Some(of_runs)) => {
            let apart = (stated / of_runs.value - 1.0).abs() > AGREES;
            let then = if apart { " The stated one is used." } else { "" };
            said.push(format!("You state MFU {stated}; your runs measure {}.{then}", describe(of_runs)));
            stated
        }
        (Some(stated), None) => stated,
        (None, Some(of_runs)) => {
            said.push(format!("MFU {}, measured from your runs.", describe(of_runs)));
            of_runs.value
        }
        (None, None) => {
            return Err(Unknown { needs: "mfu", example: "0.4", why: why_not(speeds, &own, &other, peak, routed) });
        }
    };
    if let Some(of_runs) = &measured {
        let left: Vec<&RunSpeed> =
            own.iter().copied().filter(|run| !of_runs.runs.iter().any(|used| used.run == run.run)).collect();
        said.extend(left_out(&left, "of other GPUs"));
        said.extend(left_out(&other, if routed { "of dense models" } else { "of models with experts" }));
        said.extend(useless(speeds).map(|why| format!("Not counted: {why}.")));
        said.extend(
            of_runs.runs.iter().find_map(|run| run.assumed.as_ref()).map(|assumed| format!("Assumed: {assumed}.")),
        );
    }
    let measured = measured.map(|of_runs| MeasuredMfu { used: budget.mfu.is_none(), ..of_runs });
    Ok(GpuHour { peak, mfu, said, measured })
}

/// The MFU that the runs measured for a budget's GPUs; `None` where a budget asks for none, or the runs say none.
#[must_use]
pub fn measured_mfu(budget: &Budget, speeds: &Speeds, routed: bool) -> Option<MeasuredMfu> {
    gpu_hour(budget, speeds, routed).ok()?.measured
}

/// The peak of the runs' GPUs, where they are of one kind.
fn planned(runs: &[&RunSpeed]) -> Result<(f64, String), Unknown> {
    let unknown = |why: String| Unknown { needs: "peak_flops", example: "989T", why };
    let mut peaks: Vec<(f64, Vec<&RunSpeed>)> = Vec::new();
    for run in runs {
        let Some(peak) = run.peak else { continue };
        match peaks.iter_mut().find(|(of, _)| same(*of, peak)) {
            Some((_, all)) => all.push(run),
            None => peaks.push((peak, vec![run])),
        }
    }
    match peaks.as_slice() {
        [(peak, all)] => {
            let gpu = all
                .iter()
                .find_map(|run| run.gpu.as_deref())
                .map_or_else(String::new, |gpu| format!(" ({})", printable(gpu)));
            Ok((*peak, format!("Peak {} FLOP/s, that of your runs' GPUs{gpu}.", show_amount(*peak))))
        }
        [] => Err(unknown(String::new())),
        several => {
            let kinds = several.iter().map(|(peak, all)| {
                let gpu = all
                    .iter()
                    .find_map(|run| run.gpu.as_deref())
                    .map_or_else(String::new, |gpu| format!("{}, ", printable(gpu)));
                format!("{gpu}{} FLOP/s ({})", show_amount(*peak), counted(all.len(), "run"))
            });
            Err(unknown(format!("Your runs are of several kinds of GPUs: {}.", kinds.collect::<Vec<_>>().join("; "))))
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() <= SAME_PEAK
}

/// MFU of the runs on GPUs of this peak; where no run states its GPU, of those that state none.
fn measured(runs: &[&RunSpeed], peak: f64) -> Option<MeasuredMfu> {
    let at = |wanted: &dyn Fn(&RunSpeed) -> bool| -> Vec<(f64, RunSpeed)> {
        let fits = runs.iter().filter(|run| wanted(run));
        let valued = fits.filter_map(|run| Some((run.mfu_at(peak)?, (*run).clone())));
        valued.filter(|(mfu, _)| *mfu > 0.0 && *mfu < 1.0).collect()
    };
    let mut found = at(&|run| run.peak.is_some_and(|of| same(of, peak)));
    if found.is_empty() {
        found = at(&|run| run.peak.is_none() && run.gpu.is_none());
    }
    let values: Vec<f64> = found.iter().map(|(mfu, _)| *mfu).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
    let range = Range { low, high };
    let runs: Vec<RunSpeed> = found.into_iter().map(|(_, run)| run).collect();
    (!runs.is_empty()).then(|| MeasuredMfu { value: median(&values), range, peak, used: false, runs })
}

/// `0.31 (median of 6 runs, 0.29–0.33: a, b, c and 3 more; from mfu)`.
fn describe(measured: &MeasuredMfu) -> String {
    let show = |value: f64| significant(value, 2);
    let of = match measured.runs.as_slice() {
        [_] => "one run".to_owned(),
        runs => format!(
            "median of {}, {}–{}",
            counted(runs.len(), "run"),
            show(measured.range.low),
            show(measured.range.high)
        ),
    };
    let mut from: Vec<&str> = measured.runs.iter().map(|run| run.from.as_str()).collect();
    from.sort_unstable();
    from.dedup();
    let unsaid = if measured.runs.iter().all(|run| run.peak.is_none()) { "; no run states its GPU" } else { "" };
    let from = from.into_iter().map(printable).collect::<Vec<_>>().join(", ");
    format!(
        "{} ({of}: {}; from {from}{unsaid})",
        show(measured.value),
        names(&measured.runs.iter().collect::<Vec<_>>())
    )
}

fn names(runs: &[&RunSpeed]) -> String {
    let named = runs.iter().take(NAMED).map(|run| printable(&run.run)).collect::<Vec<_>>().join(", ");
    if runs.len() > NAMED { format!("{named} and {} more", runs.len() - NAMED) } else { named }
}

fn left_out(runs: &[&RunSpeed], what: &str) -> Option<String> {
    (!runs.is_empty()).then(|| format!("Not counted: {} {what} ({}).", counted(runs.len(), "run"), names(runs)))
}

/// Why no run gives the MFU.
fn why_not(speeds: &Speeds, own: &[&RunSpeed], other: &[&RunSpeed], peak: f64, routed: bool) -> String {
    let mut said = Vec::new();
    if !own.is_empty() {
        let gpus: Vec<String> = own.iter().filter_map(|run| run.gpu.as_deref().map(printable)).collect();
        let gpus = gpus.first().map_or_else(String::new, |gpu| format!(" ({gpu})"));
        said.push(format!(
            "Your runs' speeds are of other GPUs than one of {} FLOP/s{gpus}: {}.",
            show_amount(peak),
            names(own)
        ));
    }
    if !other.is_empty() {
        let (kind, target) = if routed { ("dense models", "has experts") } else { ("models with experts", "is dense") };
        said.push(format!("Only runs of {kind} say how fast they are, and the target {target}: {}.", names(other)));
    }
    said.extend(useless(speeds).map(|why| format!("{why}.")));
    said.join(" ")
}

/// The first run whose speed says nothing, why, and how many there are.
fn useless(speeds: &Speeds) -> Option<String> {
    let (run, why) = speeds.useless.first()?;
    let more = match speeds.useless.len() {
        1 => String::new(),
        n => format!(" ({} in all)", counted(n, "such run")),
    };
    Some(format!("{}: {}{more}", printable(run), printable(why)))
}

#[cfg(test)]
mod tests;
