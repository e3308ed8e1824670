//! A forecast and its inputs.

use super::curves::family::CurveForecast;
use crate::vocab::{Measure, PathPoint, RunForecast};

/// Places between the newest value of a run and its end at which it is forecast, with the end.
const PLACES: usize = 10;

/// These places, as parts of the planned run, ascending to 1.
pub(super) fn ahead(seen: f64) -> Vec<f64> {
    let seen = seen.clamp(0.0, 1.0);
    let place = |i: usize| if i == PLACES { 1.0 } else { seen + (1.0 - seen) * i as f64 / PLACES as f64 };
    (1..=PLACES).map(place).collect()
}

/// A forecast, and what it rests on.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// Name of the law.
    pub law: String,
    /// Final loss.
    pub forecast: CurveForecast,
    /// The loss at the places of [`ahead`]; empty where only the end was asked for.
    pub path: Vec<CurveForecast>,
    /// What was learned from, where that has a name.
    pub fit: Option<String>,
    /// What was assumed of the learning rate.
    pub assumed: Option<String>,
}

impl Made {
    /// From what a law says at the places of [`ahead`].
    pub(super) fn of_path(law: &str, path: Vec<CurveForecast>) -> Option<Self> {
        Some(Self { law: law.to_owned(), forecast: *path.last()?, path, fit: None, assumed: None })
    }

    /// In the form that screens show; `None` where it is not a number.
    pub(super) fn view(self, seen: f64) -> Option<RunForecast> {
        let Self { law, forecast, path, fit, assumed } = self;
        let interval =
            |of: &CurveForecast| [0.0, -1.645, 1.645].map(|z| (of.ln_loss + z * of.sd).clamp(-700.0, 700.0).exp());
        let point = |(part, of): (f64, &CurveForecast)| {
            let [value, low, high] = interval(of);
            PathPoint { part, value, low, high }
        };
        let path: Vec<PathPoint> = ahead(seen).into_iter().zip(&path).map(point).collect();
        let [value, low, high] = interval(&forecast);
        let finite = [value, low, high].iter().all(|x| x.is_finite());
        let measure = Measure::default();
        finite.then_some(RunForecast { value, low, high, law, seen, fit, assumed, path, measure })
    }
}
