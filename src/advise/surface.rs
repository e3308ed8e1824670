//! A fitted loss at the target as a function of the mixture, with resamples and scatter.

use crate::fit::Fit;
use crate::laws::{Columns, Variable};
use crate::vocab::{BetterPicks, Expected, Extrapolation, Interval, Measure, Observation, Scale};
use std::sync::{Arc, Mutex, PoisonError};

/// A function of a place, lent for as long as the fit is.
type Of<'a, T> = Box<dyn Fn(&Observation) -> T + Sync + 'a>;
/// The same of many places at once, which takes a law less time than one after the other.
type OfMany<'a, T> = Box<dyn Fn(&Places) -> T + Sync + 'a>;

/// Places in a law's order of domains.
pub(super) struct Places {
    pub rows: Vec<Observation>,
    /// What laws read of them, made once for all laws of a context.
    columns: Mutex<Vec<Arc<Columns>>>,
}

impl Places {
    pub fn new(rows: Vec<Observation>) -> Self {
        Self { rows, columns: Mutex::default() }
    }

    fn columns(&self, fit: &Fit) -> Arc<Columns> {
        let mut made = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(columns) = made.iter().find(|columns| columns.context() == fit.context()) {
            return columns.clone();
        }
        let columns = Arc::new(Columns::places(fit.domains.len(), &self.rows, fit.context()));
        made.push(columns.clone());
        columns
    }
}

/// Mixtures at a scale, as places in the order of each law's domains: made once for all laws of an order.
pub(super) struct Mixtures<'m> {
    scale: &'m Scale,
    mixtures: &'m [Vec<f64>],
    places: Vec<(Vec<Option<usize>>, Places)>,
}

impl<'m> Mixtures<'m> {
    pub fn new(scale: &'m Scale, mixtures: &'m [Vec<f64>]) -> Self {
        Self { scale, mixtures, places: Vec::new() }
    }

    /// The places to ask a surface about.
    pub fn of(&mut self, surface: &Surface<'_>) -> &Places {
        let known = self.places.iter().position(|(order, _)| *order == surface.order);
        let at = known.unwrap_or_else(|| {
            let rows = self.mixtures.iter().map(|weights| surface.place(self.scale, weights)).collect();
            self.places.push((surface.order.clone(), Places::new(rows)));
            self.places.len() - 1
        });
        &self.places[at].1
    }
}

/// One domain's loss as a function of size, data and mixture (weights in the project's order of domains).
///
/// Built from a [`Fit`] by [`Surface::of`]; tests plant a truth by filling the closures themselves.
pub(super) struct Surface<'a> {
    /// Domain, for sentences.
    pub domain: String,
    /// Key of the validation loss.
    pub metric: String,
    /// Name of the law.
    pub law: String,
    /// Held-out skill, where it is known.
    pub skill: Option<f64>,
    /// The best baseline, and by what part the law's held-out error is smaller.
    pub rival: Option<(String, f64)>,
    /// What its picks cost, where another law is in use.
    pub better_picks: Option<BetterPicks>,
    /// Held-out mean relative error, where it is known.
    pub mre: Option<f64>,
    /// Other laws that have not been compared with it yet.
    pub uncompared: usize,
    /// Signed held-out log residuals, sorted.
    pub residuals: &'a [f64],
    /// ln of the loss by the best guess, at each of several places.
    pub ln_best: OfMany<'a, Vec<f64>>,
    /// ln of the loss under every resample, at each of several places.
    pub ln_draws: OfMany<'a, Vec<Vec<f64>>>,
    /// Where a new run's loss would be.
    pub forecast: Of<'a, Interval>,
    /// Whether the loss predicted at a place is one that it could have ([`Fit::is_plausible`]).
    pub is_plausible: Of<'a, bool>,
    /// How far outside the data a place is.
    pub extrapolation: Of<'a, Extrapolation>,
    /// What the law does not see of a place: its losses there only rank mixtures.
    pub unseen: Of<'a, Vec<Variable>>,
    /// Index in the project's domains of each domain of the law; `None` where the project has dropped it.
    pub order: Vec<Option<usize>>,
}

impl<'a> Surface<'a> {
    /// The surface of a fit, for mixtures in the order of `domains`.
    pub fn of(fit: &'a Fit, domain: &str, domains: &[String]) -> Self {
        Self {
            domain: domain.to_owned(),
            metric: fit.view.metric.clone(),
            law: fit.view.law.clone(),
            skill: fit.view.skill,
            rival: fit.view.rival.clone().zip(fit.view.skill_rival),
            better_picks: fit.view.advises.as_deref().cloned(),
            mre: fit.view.mre_heldout,
            uncompared: fit.view.uncompared,
            residuals: &fit.residuals,
            ln_best: Box::new(|places| fit.ln_best_at(&places.columns(fit))),
            ln_draws: Box::new(|places| fit.ln_draws_at(&places.columns(fit))),
            forecast: Box::new(|at| fit.forecast(at)),
            is_plausible: Box::new(|at| fit.is_plausible(at, &fit.forecast(at))),
            extrapolation: Box::new(|at| fit.extrapolation(at)),
            unseen: Box::new(|at| fit.unseen(at)),
            order: fit.domains.iter().map(|d| domains.iter().position(|p| p == d)).collect(),
        }
    }

    /// Loss by the best guess, nats.
    pub fn best(&self, at: &Observation) -> f64 {
        (self.ln_best)(&Places::new(vec![at.clone()]))[0].exp()
    }

    /// Loss under every resample, nats.
    pub fn draws(&self, at: &Observation) -> Vec<f64> {
        (self.ln_draws)(&Places::new(vec![at.clone()])).iter().map(|ln| ln[0].exp()).collect()
    }

    /// How far the law can be trusted, in a sentence: its skill on what was held out, where it is known.
    pub fn trust(&self, held_out: &str) -> Option<String> {
        let skill = self.skill?;
        let error = self.mre.map_or_else(String::new, |e| format!(", mean error {:.1} %", 100.0 * e));
        let weak = if skill < 0.5 { "; weak" } else { "" };
        let early = match self.uncompared {
            0 => String::new(),
            1 => "; one law not compared yet".to_owned(),
            n => format!("; {n} laws not compared yet"),
        };
        let against = self
            .rival
            .as_ref()
            .filter(|(_, less)| *less > 0.0)
            .map_or_else(String::new, |(rival, less)| format!(" ({:.0} % less than {rival}'s)", 100.0 * less));
        let (domain, law) = (&self.domain, &self.law);
        Some(format!("{domain}: {law} law, skill {skill:.2} on {held_out}{error}{against}{weak}{early}."))
    }

    /// That mixtures are compared by this law though another forecasts, in a sentence.
    pub fn picks(&self) -> Option<String> {
        let better = self.better_picks.as_ref()?;
        let (domain, law, in_use) = (&self.domain, &better.law, &better.in_use);
        Some(format!(
            "{domain}: mixtures are compared by the {law} law, though {in_use} forecasts: {}.",
            better.describe()
        ))
    }

    /// What a run at `here` would do beside one at `now`; `None` where the law gives no finite number.
    pub fn expected(&self, here: &Observation, now: &Observation, limit: Option<f64>) -> Option<Expected> {
        let Interval { value, low, high } = (self.forecast)(here);
        let now = self.best(now);
        let measure = Measure::default();
        [value, low, high, now].iter().all(|x| x.is_finite()).then_some(Expected {
            value,
            low,
            high,
            now,
            limit,
            measure,
        })
    }

    /// Weights in the project's order of domains, of those in the law's own.
    pub fn in_project(&self, own: &[f64]) -> Vec<f64> {
        let domains = self.order.iter().flatten().max().map_or(0, |last| last + 1);
        let mut weights = vec![0.0; domains];
        let placed = self.order.iter().zip(own).filter_map(|(to, weight)| Some(((*to)?, weight)));
        placed.for_each(|(to, weight)| weights[to] = *weight);
        weights
    }

    /// The place in the law's own order of domains.
    pub fn place(&self, scale: &Scale, weights: &[f64]) -> Observation {
        scale.at(self.order.iter().map(|i| i.map_or(0.0, |i| weights[i])).collect())
    }
}
