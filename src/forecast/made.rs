//! A forecast and its inputs.

use super::curves::family::CurveForecast;
use crate::vocab::{Measure, RunForecast};

/// A forecast, and what it rests on.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// Name of the law.
    pub law: String,
    /// Final loss.
    pub forecast: CurveForecast,
    /// What was learned from, where that has a name.
    pub fit: Option<String>,
    /// What was assumed of the learning rate.
    pub assumed: Option<String>,
}

impl Made {
    /// In the form that screens show; `None` where it is not a number.
    pub(super) fn view(self, seen: f64) -> Option<RunForecast> {
        let Self { law, forecast, fit, assumed } = self;
        let at = |z: f64| (forecast.ln_loss + z * forecast.sd).clamp(-700.0, 700.0).exp();
        let (value, low, high) = (at(0.0), at(-1.645), at(1.645));
        let finite = [value, low, high].iter().all(|x| x.is_finite());
        finite.then_some(RunForecast { value, low, high, law, seen, fit, assumed, measure: Measure::default() })
    }
}
