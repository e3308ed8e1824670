//! The order of runs: greedy, each for what those before it leave open.

use super::ensemble::{Ensemble, Observation};
use crate::forecast::spread::{normal_quantile, quantile, sorted};
use crate::vocab::count::counted;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Knowledge, Mixture, NextQuery, Ordered, Plan, ProposedRun, Purpose, Scale};
use rayon::prelude::*;

/// Runs proposed where nothing says how many.
const RUNS: usize = 4;
/// Most runs proposed.
const MOST: usize = 256;
/// Choices that are looked at closely: those that take most from what is open about the decisions, for their cost.
const KEPT: usize = 48;
/// A gain of less than this part of the regret is none.
const NO_GAIN: f64 = 1e-3;
/// Powers of the cost by which what a run says of a forecast is divided. At 1 many of the cheapest come first, which together say less than
/// a few that are nearer to the target; which is best depends on the budget, so that it is tried. Without one, the middle.
const POWERS: [f64; 3] = [1.0, 0.5, 0.0];
/// A decision that is right with this probability, and whose expected regret is less than this part, needs no run.
const DECIDED: (f64, f64) = (0.99, 1e-4);
/// So many runs that take less than these parts, of the regret and of what is missing of certainty, are in vain.
const IN_VAIN: (usize, f64, f64) = (16, 0.02, 0.01);
/// As many runs are in vain if they take less than that from what is missing of certainty, whatever they take from the regret.
const HOPELESS: usize = 32;
/// A probability that falls by more than this is explained.
const FALLS: f64 = 0.02;
/// Mixtures that differ by less weight than this are one decision.
const SAME: f64 = 0.01;

/// A run that could be launched.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Its place among all choices.
    pub id: usize,
    pub name: Option<String>,
    pub weights: Vec<f64>,
    pub scale: Scale,
    pub cost: f64,
    pub repeats: bool,
    /// A decision that may be taken once this has been launched, and not before: place among the decisions.
    pub opens: Option<usize>,
    /// What it would show: columns of the ensemble, and the noise of each.
    pub columns: Vec<usize>,
    pub noise: Vec<f64>,
}

impl Choice {
    pub fn new(weights: Vec<f64>, scale: Scale, repeats: bool) -> Self {
        Self {
            id: 0,
            name: None,
            weights,
            scale,
            cost: scale.compute(),
            repeats,
            opens: None,
            columns: Vec::new(),
            noise: Vec::new(),
        }
    }

    fn observation(&self) -> Observation<'_> {
        Observation { columns: &self.columns, noise: &self.noise }
    }
}

pub(super) struct Planner<'a> {
    pub purpose: Purpose,
    pub domains: &'a [String],
    /// The first columns of the ensemble, in this order.
    pub decisions: &'a [Vec<f64>],
    pub query: &'a NextQuery,
    pub seed: u64,
}

impl Planner<'_> {
    pub fn plan(&self, ensemble: Ensemble, choices: Vec<Choice>) -> Plan {
        let powers: &[f64] = match (self.purpose, self.query.budget) {
            (Purpose::Mixture, _) => &POWERS[..1],
            (Purpose::Forecast, None) => &POWERS[1..2],
            (Purpose::Forecast, Some(_)) => &POWERS,
        };
        let open = |plan: &Plan| plan.runs.last().map_or(plan.now.uncertainty, |run| run.after.uncertainty);
        let mut best = self.greedy(ensemble.clone(), choices.clone(), powers[0]);
        for power in &powers[1..] {
            let other = self.greedy(ensemble.clone(), choices.clone(), *power);
            if open(&other) < open(&best) {
                best = other;
            }
        }
        best
    }

    /// The plan whose every run brings most for this power of its cost.
    fn greedy(&self, mut ensemble: Ensemble, mut choices: Vec<Choice>, power: f64) -> Plan {
        let now = self.knowledge(&ensemble);
        let most = match (self.query.runs, self.query.budget, self.query.until) {
            (Some(runs), ..) => runs.min(MOST),
            (None, None, None) => RUNS,
            _ => MOST,
        };
        let mut left = self.query.budget.unwrap_or(f64::INFINITY);
        let least = choices.iter().map(|choice| choice.cost).fold(f64::INFINITY, f64::min);
        let mut runs: Vec<ProposedRun> = Vec::new();
        let mut reasons = Vec::new();
        let mut before = now.clone();
        let is_open = (self.query.runs, self.query.budget, self.query.until) == (None, None, None);
        let is_decided = now.probability >= DECIDED.0 && now.uncertainty < DECIDED.1;
        if is_open && is_decided && self.purpose == Purpose::Mixture && self.query.candidates.is_empty() {
            let reason = "No run is needed: whatever a run showed, the decision would hardly change.".to_owned();
            let NextQuery { until, tolerance, unit, .. } = *self.query;
            return Plan { purpose: self.purpose, now, runs, until, tolerance, unit, reasons: vec![reason] };
        }
        loop {
            if self.query.until.is_some_and(|p| before.probability >= p) || runs.len() >= most {
                break;
            }
            choices.retain(|choice| choice.cost <= left);
            let mut near = choices.clone();
            let Some((at, outcomes)) = self.pick(&ensemble, &mut near, power) else {
                if runs.is_empty() {
                    reasons.push(self.why_none(left, least));
                }
                break;
            };
            let choice = near.swap_remove(at);
            // A row of the user's list is one run.
            choices.retain(|other| other.id != choice.id || choice.name.is_none());
            left -= choice.cost;
            let decides = self.decides(&choice, &outcomes);
            ensemble.observe(&choice.observation(), choice.opens, self.seed ^ (runs.len() as u64 + 1));
            let after = self.knowledge(&ensemble);
            // The mean of what may be seen is never worse; the draws say so up to their noise.
            let after = Knowledge { uncertainty: after.uncertainty.min(before.uncertainty), ..after };
            before = after.clone();
            let mixture = Mixture::from_weights(self.domains, &choice.weights);
            let is_again = runs.iter().any(|run| run.mixture == mixture && run.scale == choice.scale);
            runs.push(ProposedRun {
                name: choice.name,
                mixture,
                scale: choice.scale,
                cost: choice.cost,
                repeats: choice.repeats || is_again,
                after,
                decides,
            });
            if let Some(vain) = in_vain(&now, &runs).filter(|_| self.query.until.is_some()) {
                runs.truncate(runs.len() - vain);
                before = runs.last().map_or_else(|| now.clone(), |run| run.after.clone());
                reasons.push(format!(
                    "After these, {vain} more runs of these sizes would make it next to no more certain."
                ));
                break;
            }
        }
        if self.purpose == Purpose::Mixture && before.probability < now.probability - FALLS {
            reasons.push(
                "What is decided for is the mixture with the lowest expected regret. That may fall while it becomes less probable that the \
                 regret is within the tolerance."
                    .to_owned(),
            );
        }
        if let Some(p) = self.query.until.filter(|p| before.probability < *p) {
            let reached = 100.0 * before.probability;
            reasons.push(format!(
                "{:.0} % is not reached with these: {} lead{} to {reached:.0} %. With a wider --tolerance fewer are needed; larger runs \
                 may tell more.",
                100.0 * p,
                counted(runs.len(), "run"),
                if runs.len() == 1 { "s" } else { "" },
            ));
        }
        let NextQuery { until, tolerance, unit, .. } = *self.query;
        Plan { purpose: self.purpose, now, runs, until, tolerance, unit, reasons }
    }

    /// The choice that brings most for its cost, and what would be decided by outcome.
    fn pick(&self, ensemble: &Ensemble, choices: &mut Vec<Choice>, power: f64) -> Option<(usize, Vec<usize>)> {
        let regrets = ensemble.regrets(ensemble.best());
        let regret = regrets.iter().sum::<f64>() / regrets.len().max(1) as f64;
        let value = |choice: &Choice| match self.purpose {
            Purpose::Mixture => {
                let (gain, outcomes) = ensemble.gain(&choice.observation(), choice.opens, self.seed);
                (if gain > NO_GAIN * regret { gain } else { 0.0 }, outcomes)
            }
            Purpose::Forecast => {
                let left = 1.0 - ensemble.explained(&choice.observation()).first().copied().unwrap_or(0.0);
                (ensemble.spread(0) * (1.0 - left.sqrt()), Vec::new())
            }
        };
        self.shorten(ensemble, choices, power);
        let mut values: Vec<(f64, Vec<usize>)> = choices.par_iter().map(value).collect();
        if values.iter().all(|(gain, _)| *gain <= 0.0) {
            // No single run changes the decision, but several may: what is most telling about it.
            values = choices.iter().map(|choice| (self.told(ensemble, choice), Vec::new())).collect();
        }
        let mut order: Vec<usize> = (0..choices.len()).filter(|i| values[*i].0 > 0.0).collect();
        let worth = |i: usize| values[i].0 / choices[i].cost.max(f64::MIN_POSITIVE).powf(power);
        order.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(worth(*i))));
        let outcomes = values.get(*order.first()?).map(|(_, outcomes)| outcomes.clone())?;
        Some((order[0], outcomes))
    }

    /// What a run takes from what is open about all decisions together.
    fn told(&self, ensemble: &Ensemble, choice: &Choice) -> f64 {
        let parts = ensemble.explained(&choice.observation());
        parts.iter().enumerate().map(|(d, part)| part * ensemble.spread(d)).sum()
    }

    /// Keeps the choices that tell most, and those that tell most for their cost.
    fn shorten(&self, ensemble: &Ensemble, choices: &mut Vec<Choice>, power: f64) {
        if choices.len() <= KEPT {
            return;
        }
        let told: Vec<f64> = choices.par_iter().map(|choice| self.told(ensemble, choice)).collect();
        let worth = |i: usize| told[i] / choices[i].cost.max(f64::MIN_POSITIVE).powf(power);
        let mut order: Vec<usize> = (0..choices.len()).collect();
        order.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(told[*i])));
        let mut keep: Vec<usize> = order.iter().take(KEPT / 2).copied().collect();
        order.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(worth(*i))));
        keep.extend(order.iter().filter(|i| !keep.contains(*i)).take(KEPT / 2).copied().collect::<Vec<_>>());
        keep.extend(
            (0..choices.len()).filter(|i| choices[*i].opens.is_some() && !keep.contains(i)).collect::<Vec<_>>(),
        );
        keep.sort_unstable();
        *choices = keep.into_iter().map(|i| choices[i].clone()).collect();
    }

    fn knowledge(&self, ensemble: &Ensemble) -> Knowledge {
        let best = ensemble.best();
        let level = ensemble.level(best).abs().max(f64::MIN_POSITIVE);
        match self.purpose {
            Purpose::Mixture => {
                let regrets = ensemble.regrets(best);
                let decided = regrets.iter().filter(|r| **r <= self.query.tolerance * level).count();
                Knowledge {
                    mixture: Some(Mixture::from_weights(self.domains, &self.decisions[best])),
                    uncertainty: regrets.iter().sum::<f64>() / regrets.len().max(1) as f64 / level,
                    probability: (decided as f64 + 0.5) / (regrets.len() + 1) as f64,
                }
            }
            Purpose::Forecast => {
                let spread = ensemble.spread(best) / level;
                Knowledge { mixture: None, uncertainty: spread, probability: within(self.query.tolerance / spread) }
            }
        }
    }

    fn decides(&self, choice: &Choice, outcomes: &[usize]) -> String {
        if self.purpose == Purpose::Forecast {
            return match choice.repeats {
                true => format!("how much runs of {} parameters scatter", show_amount(choice.scale.params)),
                false => format!("how the loss falls up to {} parameters", show_amount(choice.scale.params)),
            };
        }
        if choice.opens.is_some() {
            return "whether the best mixture is beyond the runs, where the laws put it".to_owned();
        }
        // The weight that the outcome moves most, without its rarest outcomes.
        let range = |d: usize| {
            let of = sorted(outcomes.iter().map(|column| self.decisions[*column][d]).collect());
            (quantile(&of, 0.1), quantile(&of, 0.9))
        };
        let ranges = (0..self.domains.len()).map(|d| (d, range(d)));
        let widest = ranges.max_by(|(_, a), (_, b)| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        match widest.filter(|(_, (low, high))| !outcomes.is_empty() && high - low >= SAME) {
            Some((d, (low, high))) => {
                format!("whether {} gets {:.0} % or {:.0} %", self.domains[d], 100.0 * low, 100.0 * high)
            }
            None => "with others, how far the best mixture is ahead".to_owned(),
        }
    }

    /// `least`: what the cheapest run costs.
    fn why_none(&self, left: f64, least: f64) -> String {
        let costs = self.query.candidates.iter().any(|run| run.cost.is_some());
        let unit = if costs { String::new() } else { format!(" {}", self.query.unit.name()) };
        let show = |cost: f64| format!("{}{unit}", significant(cost, 3));
        match self.query.budget {
            Some(budget) if left < f64::INFINITY && least > budget => {
                format!("No run costs at most {}: the cheapest costs {}.", show(budget), show(least))
            }
            Some(budget) if left < f64::INFINITY => format!("No run that would help costs at most {}.", show(budget)),
            _ => "No further run of these kinds would change the decision.".to_owned(),
        }
    }
}

/// How many of the last runs of a plan leave what was open before them; `None` where they don't.
fn in_vain(now: &Knowledge, runs: &[ProposedRun]) -> Option<usize> {
    let last = &runs.last()?.after;
    let leave = |count: usize, also_regret: bool| {
        let first = runs.len().checked_sub(count)?;
        let before = if first == 0 { now } else { &runs[first - 1].after };
        let certain = last.probability < before.probability + IN_VAIN.2 * (1.0 - before.probability);
        let regret = last.uncertainty > (1.0 - IN_VAIN.1) * before.uncertainty;
        (certain && (regret || !also_regret)).then_some(count)
    };
    leave(IN_VAIN.0, true).or_else(|| leave(HOPELESS, false))
}

/// Probability that a standard normal is within ±`z`.
fn within(z: f64) -> f64 {
    if !z.is_finite() {
        return 1.0;
    }
    let (mut low, mut high) = (0.5, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if normal_quantile(middle) < z { low = middle } else { high = middle }
    }
    2.0 * low - 1.0
}
