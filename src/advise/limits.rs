//! Limits such as `prose <= start + 3%` at the target, in nats, with their uncertainty.

use super::samples::{SAMPLES, draw_of};
use super::surface::{Mixtures, Surface};
use crate::fit::ninety::NINETY;
use crate::forecast::spread::{median, normal_quantile, shuffled_levels};
use crate::project::{Base, Constraint, Slack};
use crate::vocab::number::show_amount;
use crate::vocab::{MetricUnit, Observation, Observations, Ordered, Scale};

/// Sizes this close (in ln N) are one size.
const SAME_SIZE: f64 = 0.02;

/// A limit on one domain's loss at the target.
pub(super) struct Limit {
    /// Index of the domain.
    pub domain: usize,
    /// As written.
    pub text: String,
    /// Best guess, nats.
    pub value: f64,
    /// ln of the limit in each of [`SAMPLES`] joint samples.
    pub samples: Vec<f64>,
    /// What limit and loss have in common.
    pub tie: Tie,
    /// How the base was found, a sentence, where it is not simply given.
    pub how: Option<String>,
}

/// Why nothing is advised under a limit. `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum LimitError {
    /// It is relative to a loss that nobody has logged.
    #[error("No run logs the {domain} loss at step 0, which the limit '{limit}' needs.")]
    NoStart {
        /// Name of the domain.
        domain: String,
        /// As written.
        limit: String,
    },
    /// No mixture can keep it.
    #[error("The limit '{limit}' comes to {comes_to}, which cannot be reached.")]
    OutOfReach {
        /// As written.
        limit: String,
        /// What it comes to, with its unit.
        comes_to: String,
    },
}

/// What a limit and the loss it bounds have in common, and what therefore does not count against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// Both are losses of runs of the target's size: what such runs have in common cancels.
    Run,
    /// Both lean on the law's extrapolation in N: its error cancels, the scatter of runs does not.
    Law,
    /// The limit is a number: everything that the forecast may be wrong by counts.
    Nothing,
}

/// Where limits are taken at.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    /// The target's size and amount of data.
    pub scale: Scale,
    /// Weights in use.
    pub current: &'a [f64],
    pub seed: u64,
    /// Unit of the limited metric.
    pub unit: MetricUnit,
}

impl Limit {
    /// Works out a limit. `starts` are the rows at step 0 of the same domain.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn new(
        constraint: &Constraint,
        domain: usize,
        surface: &Surface<'_>,
        starts: &Observations,
        at: &Setting<'_>,
    ) -> Result<Self, LimitError> {
        // What is written is in the unit of the log; what laws say is better the lower it is.
        let unit = at.unit;
        let slack = |base: f64| match (unit.is_as_logged(), constraint.slack) {
            (true, Slack::Relative(part)) => base * (1.0 + part),
            (true, Slack::Nats(nats)) => base + nats,
            (false, Slack::Relative(part)) => unit.fitted(unit.logged(base) * (1.0 + part)),
            (false, Slack::Nats(more)) => unit.fitted(unit.logged(base) + more),
        };
        let place = surface.place(&at.scale, at.current);
        let now = surface.best(&place);
        let draws = || {
            let draws = surface.draws(&place);
            (0..SAMPLES).map(move |s| draw_of(&draws, s, now)).collect::<Vec<f64>>()
        };
        let (base, bases, how, tie) = match constraint.base {
            Base::Nats(logged) => (unit.fitted(logged), vec![unit.fitted(logged); SAMPLES], None, Tie::Nothing),
            Base::Current => (now, draws(), None, Tie::Run),
            Base::Start => {
                let start = Start::estimate(surface, starts, at).ok_or_else(|| LimitError::NoStart {
                    domain: surface.domain.to_string(),
                    limit: constraint.text.clone(),
                })?;
                let bases = if start.measured {
                    vec![start.value; SAMPLES]
                } else {
                    // Tied to the law draw by draw: a law that is too high at the target is so for both sides.
                    let noise = shuffled_levels(SAMPLES, at.seed ^ 0x5354_4152 ^ domain as u64);
                    let spread =
                        |(draw, p): (f64, f64)| draw / now * start.value * (start.sigma * normal_quantile(p)).exp();
                    draws().into_iter().zip(noise).map(spread).collect()
                };
                let tie = if start.measured { Tie::Nothing } else { Tie::Law };
                (start.value, bases, Some(start.sentence(surface, at)), tie)
            }
        };
        let value = slack(base);
        if !(value.is_finite() && value > 0.0) {
            return Err(LimitError::OutOfReach { limit: constraint.text.clone(), comes_to: unit.show(value) });
        }
        let samples = bases.into_iter().map(|b| slack(b).max(f64::MIN_POSITIVE).ln()).collect();
        Ok(Self { domain, text: constraint.text.clone(), value, samples, tie, how })
    }
}

/// The worst ln(loss / limit) of each mixture by the best guess; −∞ where there are no limits.
pub(super) fn excess(
    surfaces: &[Option<Surface<'_>>],
    scale: &Scale,
    limits: &[Limit],
    mixtures: &[Vec<f64>],
) -> Vec<f64> {
    let mut worst = vec![f64::NEG_INFINITY; mixtures.len()];
    let mut places = Mixtures::new(scale, mixtures);
    for limit in limits {
        let Some(surface) = &surfaces[limit.domain] else { return vec![f64::INFINITY; mixtures.len()] };
        let most = limit.value.ln();
        for (worst, ln_loss) in worst.iter_mut().zip((surface.ln_best)(places.of(surface))) {
            *worst = worse(*worst, ln_loss - most);
        }
    }
    worst
}

/// The larger; what is not a number is the largest.
pub(super) fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::INFINITY } else { a.max(b) }
}

/// The loss before training at the target's size.
#[derive(Debug, Clone, PartialEq)]
struct Start {
    value: f64,
    /// Spread of ln(start / fitted loss at the same size).
    sigma: f64,
    /// Sizes it rests on.
    sizes: usize,
    /// Largest of them.
    largest: f64,
    /// A run of the target's own size has it.
    measured: bool,
}

impl Start {
    /// A run of the target's size says it. Otherwise it is carried there along the law: the ratio of start to fitted
    /// loss at the same size (target's D, current mixture) changes far more slowly with N than either, so its value at
    /// the target is a mean over sizes weighted by 1/(distance in ln N)², and its spread the error that the same rule
    /// makes for each size from the others, grown with the square root of the distance as a random walk would.
    /// Carrying the ratio rather than the start keeps the errors of limit and loss tied together, which is what
    /// decides whether the one stays below the other.
    fn estimate(surface: &Surface<'_>, starts: &Observations, at: &Setting<'_>) -> Option<Self> {
        let sizes = by_size(&starts.rows);
        let largest = sizes.last()?.0;
        let target = at.scale.params.ln();
        if let Some((_, loss)) = sizes.iter().find(|(params, _)| (params.ln() - target).abs() < SAME_SIZE) {
            return Some(Self { value: *loss, sigma: 0.0, sizes: 1, largest, measured: true });
        }
        let fitted = |params: f64| surface.best(&surface.place(&at.scale.with_params(params), at.current));
        let ratios: Vec<(f64, f64)> = sizes
            .iter()
            .map(|(params, loss)| (params.ln(), (loss / fitted(*params)).ln()))
            .filter(|(_, r)| r.is_finite())
            .collect();
        let (ratio, _) = near(&ratios, target)?;
        let misses: Vec<(f64, f64)> = (0..ratios.len())
            .filter_map(|i| {
                let others: Vec<(f64, f64)> =
                    ratios.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, r)| *r).collect();
                let (guess, distance) = near(&others, ratios[i].0)?;
                Some(((guess - ratios[i].1).powi(2), distance))
            })
            .collect();
        let distance = ratios.iter().map(|(x, _)| (x - target).abs()).fold(f64::INFINITY, f64::min);
        let sigma = if misses.is_empty() {
            // One size says nothing of how the ratio moves: a percent per e-fold of N, about twice what sweeps show.
            0.01 * distance.max(1.0)
        } else {
            let count = misses.len() as f64;
            let rms = (misses.iter().map(|m| m.0).sum::<f64>() / count).sqrt();
            let typical = misses.iter().map(|m| m.1).sum::<f64>() / count;
            (rms * (distance / typical).sqrt().max(1.0)).max(1e-3)
        };
        let value = fitted(at.scale.params) * ratio.exp();
        value.is_finite().then_some(Self { value, sigma, sizes: ratios.len(), largest, measured: false })
    }

    fn sentence(&self, surface: &Surface<'_>, at: &Setting<'_>) -> String {
        let (domain, target) = (&surface.domain, show_amount(at.scale.params));
        let (value, what) = (at.unit.show(self.value), if at.unit.higher_is_better() { "value" } else { "loss" });
        if self.measured {
            return format!("Starting {domain} {what}: {value}, measured at step 0 of a run of the target's size.");
        }
        let from = match self.sizes {
            1 => format!("from one size ({}) only: a rough guess", show_amount(self.largest)),
            n => format!("from {n} sizes up to {}", show_amount(self.largest)),
        };
        format!(
            "Assumed starting {domain} {what} at {target} parameters: {value} ± {:.1} %, extrapolated {from}. What the law gets \
             wrong about that size moves the start and the final {what} alike, and does not count \
             against the limit. If you have the checkpoint, measure it and write the limit in {}.",
            100.0 * NINETY * self.sigma,
            if at.unit == MetricUnit::Nats { "nats" } else { "numbers" }
        )
    }
}

/// Sizes ascending, each with the median of its starts.
fn by_size(rows: &[Observation]) -> Vec<(f64, f64)> {
    let mut rows: Vec<(f64, f64)> = rows
        .iter()
        .map(|r| (r.params, r.loss))
        .filter(|(n, l)| *n > 0.0 && n.is_finite() && *l > 0.0 && l.is_finite())
        .collect();
    rows.sort_by_cached_key(|row| Ordered(row.0));
    let mut sizes: Vec<(f64, Vec<f64>)> = Vec::new();
    for (params, loss) in rows {
        match sizes.last_mut() {
            Some((same, losses)) if (params / *same).ln() < SAME_SIZE => losses.push(loss),
            _ => sizes.push((params, vec![loss])),
        }
    }
    sizes.into_iter().map(|(params, losses)| (params, median(losses))).collect()
}

/// Mean of values near `x`, weighted by 1/distance², and the distance to the nearest.
fn near(values: &[(f64, f64)], x: f64) -> Option<(f64, f64)> {
    let nearest = values.iter().map(|(at, _)| (at - x).abs()).reduce(f64::min)?;
    let weight = |at: f64| 1.0 / (at - x).abs().max(SAME_SIZE).powi(2);
    let total: f64 = values.iter().map(|(at, _)| weight(*at)).sum();
    Some((values.iter().map(|(at, v)| weight(*at) * v).sum::<f64>() / total, nearest))
}
