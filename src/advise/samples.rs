//! Joint samples, each from one resample of every law.

/// Number of joint samples: a few hundred, stratified, give a probability to about two percent.
pub(super) const SAMPLES: usize = 400;

/// Resample `sample` stands on; the best guess where there was no bootstrap.
pub(super) fn draw_of(draws: &[f64], sample: usize, best: f64) -> f64 {
    if draws.is_empty() { best } else { draws[sample % draws.len()] }
}
