//! Forecast of a run in progress: the mixture law's prediction, shifted by the residuals of the run's own checkpoints.

use super::curves::family::CurveForecast;
use super::spread::{median, quantile};
use crate::fit::Fit;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::vocab::{Observation, Observations};

/// Checkpoints, newest first, that say where a run stands.
const RECENT: usize = 5;

/// ln of the loss by the mixture law at parts of the run beyond `seen`, 1 being its end; `None` where a fact it needs is
/// unknown.
pub(super) fn forecast(
    project: &Project,
    fit: &Fit,
    rows: &Observations,
    record: &RunRecord,
    seen: f64,
    ends: &[f64],
) -> Option<Vec<CurveForecast>> {
    let ratios: Vec<f64> =
        rows.rows.iter().map(|row| (row.loss / fit.predict(row)).ln()).filter(|r| r.is_finite()).collect();
    let width = half_width(&fit.residuals);
    let one = |part: &f64| {
        let law = fit.forecast(&place(project, record, fit, *part)?);
        // Up to there as much is left as up to the end of a run of which more is seen.
        let known = anchor(&ratios, 1.0 - (part - seen), width);
        let ln_loss = law.value.ln() + known.offset;
        let sd = known.spread * (law.high / law.low).ln() / (2.0 * 1.645);
        (ln_loss.is_finite() && sd.is_finite()).then_some(CurveForecast { ln_loss, sd })
    };
    ends.iter().map(one).collect()
}

/// A part of the planned run as a place to predict at.
fn place(project: &Project, record: &RunRecord, fit: &Fit, part: f64) -> Option<Observation> {
    record.facts.params()?;
    let scale = record.facts.scale(part * record.facts.planned_tokens()?);
    let mixture = record.facts.mixture().or(project.current.as_ref())?;
    Some(scale.at(mixture.weights(&fit.domains)))
}

/// What a run's own checkpoints say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Anchor {
    /// Added to the law's ln loss at the end.
    offset: f64,
    /// The law's interval, in ln loss, is scaled by this.
    spread: f64,
}

/// `ratios`: ln(observed / law) of the run's checkpoints, oldest first. `width`: half the 90 % interval of the law's
/// held-out residuals.
///
/// The offset of a run is a mean of its last checkpoints, shrunk as a normal prior of the law's spread would against
/// checkpoints that scatter by their own spread. What remains uncertain is a drift from now to the end, which a random
/// walk makes shrink with the square root of the part not seen, and the scatter of the mean.
fn anchor(ratios: &[f64], seen: f64, width: f64) -> Anchor {
    let recent = &ratios[ratios.len().saturating_sub(RECENT)..];
    if recent.is_empty() {
        return Anchor { offset: 0.0, spread: 1.0 };
    }
    let count = recent.len() as f64;
    let mean = recent.iter().sum::<f64>() / count;
    let middle = median(recent.to_vec());
    let scatter =
        if recent.len() > 2 { 1.4826 * median(recent.iter().map(|r| (r - middle).abs()).collect()) } else { 0.0 };
    let prior = (width / 1.645).max(1e-4);
    // The checkpoints of one run lean the same way, so that five are worth about two.
    let noise = scatter.max(0.3 * prior) / count.sqrt().min(1.5);
    let trust = prior * prior / (prior * prior + noise * noise);
    let left = (1.0 - seen).clamp(0.0, 1.0);
    let spread = ((left + (1.0 - trust)) / (1.0 + (1.0 - trust))).sqrt().clamp(0.05, 1.0);
    Anchor { offset: trust * mean, spread }
}

fn half_width(residuals: &[f64]) -> f64 {
    let width = (quantile(residuals, 0.95) - quantile(residuals, 0.05)) / 2.0;
    if width.is_finite() { width } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_shrinks_as_the_run_goes_on_and_one_checkpoint_counts_less_than_five() {
        let at = |count: usize, seen: f64| anchor(&vec![0.01; count], seen, 0.02);
        assert_eq!(at(0, 0.0), Anchor { offset: 0.0, spread: 1.0 });
        let mut last = 1.0;
        for (count, seen) in [(1, 0.15), (3, 0.3), (5, 0.5), (5, 0.75), (5, 0.95)] {
            let anchor = at(count, seen);
            assert!(anchor.spread < last && anchor.spread > 0.0, "{seen}: {anchor:?}");
            assert!(anchor.offset > 0.0 && anchor.offset < 0.01);
            last = anchor.spread;
        }
        assert!(at(1, 0.5).offset < at(5, 0.5).offset);
    }

    #[test]
    fn a_law_without_residuals_still_gives_numbers() {
        assert_eq!(half_width(&[]), 0.0);
        let anchor = anchor(&[0.01], 0.5, 0.0);
        assert!(anchor.offset.is_finite() && anchor.spread.is_finite());
    }
}
