//! Laws of the learning curve of one run, one file per law.
//!
//! Every law here is ln L = λ + ln(1 + a·u − b·v): a level, and two shapes that only the law's exponents and the
//! learning rate decide. `u` falls as training goes on; `v` is what lowering the learning rate has gained so far. Level
//! and amplitudes belong to a run, exponents to a family of runs, see [`family`].

mod alone;
pub mod amplitude;
mod exponents;
pub mod family;
mod gauss;
mod law;
pub mod multi_power;
pub mod power;
pub mod tissue;

pub(crate) use super::schedule::Schedule;
pub use law::{CurveLaw, Exponent};

/// One validation loss of one run, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Ascending in steps; thinned by [`Track::new`].
    pub points: Vec<Mean>,
    /// Standard deviation of one evaluation about the course of the loss, in ln loss.
    pub noise: f64,
    /// Learning rate over the whole run.
    pub schedule: Schedule,
    /// Runs alike in size, mixture and shape share a number; their level and amplitudes are taken to be the same.
    pub kind: usize,
}

/// Mean of neighbouring points of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Mean step.
    pub step: f64,
    /// Mean ln loss.
    pub ln_loss: f64,
    /// Points it is the mean of.
    pub count: f64,
}

/// Points that a thinned curve keeps.
const KEPT: usize = 48;
/// Part of a curve dropped from its beginning, where loss has not settled.
const SKIP: f64 = 0.1;

impl Track {
    /// Thins a series (step, loss): drops warm-up and the first tenth of what was seen, averages the rest in bins that
    /// are equal in progress ([`thin`]), and keeps the mean of each.
    #[must_use]
    pub fn new(series: &[(i64, f64)], schedule: Schedule, kind: usize) -> Self {
        let usable = |(step, loss): &(i64, f64)| *step > 0 && loss.is_finite() && *loss > 0.0;
        let clean: Vec<Mean> = series
            .iter()
            .filter(|p| usable(p))
            .map(|(step, loss)| Mean { step: *step as f64, ln_loss: loss.ln(), count: 1.0 })
            .collect();
        let last = clean.last().map_or(0.0, |p| p.step);
        let from = (SKIP * last).max(if schedule.warmed() < 0.5 * last { schedule.warmed() } else { 0.0 });
        let settled: Vec<Mean> = clean.iter().copied().filter(|p| p.step >= from).collect();
        let kept = if settled.len() < 3 { &clean[clean.len() - clean.len().min(3)..] } else { &settled[..] };
        Self { points: thin(kept, KEPT, &schedule), noise: noise(kept), schedule, kind }
    }

    /// The same run when `part` of it was done.
    #[must_use]
    pub fn beginning(&self, part: f64) -> Self {
        let until = part * self.schedule.total();
        Self { points: self.points.iter().copied().filter(|p| p.step <= until).collect(), ..self.clone() }
    }

    /// Step of the newest point, 0 where there is none.
    #[must_use]
    pub fn last_step(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.step)
    }
}

/// Progress that lowering the learning rate by all of its peak counts as, beside ln(step).
const DECAY: f64 = 2.0;

/// Means of bins of equal width in ln(step) and what the learning rate has lost, at most `most`; short series stay as they are.
/// While the learning rate falls the loss moves much in few steps: bins of ln(step) alone would make one point of it.
pub(super) fn thin(points: &[Mean], most: usize, schedule: &Schedule) -> Vec<Mean> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= most {
        return points.to_vec();
    }
    let progress = |p: &Mean| p.step.ln() + DECAY * schedule.lost(p.step);
    let begun = progress(first);
    let width = (progress(last) - begun) / most as f64;
    let bin = |p: &Mean| (((progress(p) - begun) / width) as usize).min(most - 1);
    points
        .chunk_by(|a, b| bin(a) == bin(b))
        .map(|group| {
            let count: f64 = group.iter().map(|p| p.count).sum();
            let mean = |of: fn(&Mean) -> f64| group.iter().map(|p| p.count * of(p)).sum::<f64>() / count;
            Mean { step: mean(|p| p.step), ln_loss: mean(|p| p.ln_loss), count }
        })
        .collect()
}

/// Scatter of single evaluations from second differences, which a smooth course leaves near zero.
fn noise(points: &[Mean]) -> f64 {
    let second = |w: &[Mean]| {
        let part = (w[1].step - w[0].step) / (w[2].step - w[0].step);
        let line = w[0].ln_loss + part * (w[2].ln_loss - w[0].ln_loss);
        // For equal spacing this has 1.5 times the variance of one point.
        (w[1].ln_loss - line) / (1.0 + part * part + (1.0 - part) * (1.0 - part)).sqrt()
    };
    let differences: Vec<f64> = points.windows(3).map(|w| second(w).abs()).filter(|d| d.is_finite()).collect();
    // A handful of differences can all be small by chance.
    let least = if differences.len() < 6 { 2e-3 } else { 2e-4 };
    (1.4826 * super::spread::median(differences)).max(least)
}

/// The laws, the cheapest first.
pub static ALL: &[&dyn CurveLaw] = &[&power::Power, &tissue::Tissue, &multi_power::MultiPower];

/// A law by name.
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn CurveLaw> {
    ALL.iter().copied().find(|law| law.name() == name)
}

#[cfg(test)]
mod tests;
