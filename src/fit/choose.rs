//! Choice among laws: every law that the project names is fitted, and the one with the best held-out error is used.

use super::{Fit, FitError, Options, fit};
use crate::vocab::Observations;

/// Laws tried when the project leaves the choice open.
pub const AUTOMATIC: &[&str] = &["dcpt"];

/// Every law fitted to one validation loss.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// Key of the validation loss.
    pub metric: String,
    /// What could be fitted; at most one has `view.chosen`.
    pub fits: Vec<Fit>,
    /// What could not, and why.
    pub refused: Vec<FitError>,
}

impl Candidates {
    /// The fit that forecasts and advice rest on.
    #[must_use]
    pub fn chosen(&self) -> Option<&Fit> {
        self.fits.iter().find(|fit| fit.view.chosen)
    }
}

/// Fits `laws` (or the automatic choice, where empty) to one validation loss, each warm from `previous` where there is
/// one, and chooses by held-out error; among laws without one, by error on the rows fitted to.
#[must_use]
pub fn candidates(
    laws: &[String],
    observations: &Observations,
    options: &Options,
    previous: Option<&Candidates>,
) -> Candidates {
    let automatic: Vec<String>;
    let laws = if laws.is_empty() {
        automatic = AUTOMATIC.iter().map(|law| (*law).to_owned()).collect();
        &automatic
    } else {
        laws
    };
    let mut result = Candidates { metric: observations.metric.clone(), ..Candidates::default() };
    for law in laws {
        let warm = previous
            .and_then(|p| p.fits.iter().find(|f| crate::laws::get(law).is_some_and(|l| l.card().name == f.view.law)));
        match fit(law, observations, options, warm) {
            Ok(fit) => result.fits.push(fit),
            Err(error) => result.refused.push(error),
        }
    }
    let error = |fit: &Fit| (fit.view.mre_heldout.is_none(), fit.view.mre_heldout.unwrap_or(fit.view.mre));
    let best = (0..result.fits.len()).min_by(|a, b| {
        let (a, b) = (error(&result.fits[*a]), error(&result.fits[*b]));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    for (index, fit) in result.fits.iter_mut().enumerate() {
        fit.view.chosen = Some(index) == best;
    }
    result
}
