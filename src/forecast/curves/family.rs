//! Level and amplitudes of related runs, the exponents that they share ([`super::exponents`]), and the extrapolation of one run's
//! learning curve with them.
//!
//! A run in progress keeps the exponents and has level and amplitudes of its own, held by those of its kind, or by those
//! usual in the family. What its last checkpoints still stand above or below the curve is carried to the end in part: as
//! far as a residual keeps over that stretch of training. A run that has no family: [`super::alone`].

use super::amplitude::{Amplitude, solve};
use super::exponents::{THOROUGH, by_kind, residuals, rows, scale, search};
use super::gauss::{Gaussian, Given};
use super::{CurveLaw, Mean, Track, thin};
use crate::fit::ninety::student;
use crate::forecast::spread::median;
use std::collections::BTreeMap;

/// Progress (see [`Family::progress`]) over which a residual is mostly forgotten.
const REACH: f64 = 1.0;
/// Points of the run's own that its amplitudes are fitted to.
pub(super) const OWN: usize = 24;
/// Tracks that exponents are sought on; more say little more and cost as much each.
const MOST: usize = 12;

/// Parts of runs held out that are taken as seen: later, and early on, when less is known than the law thinks.
const LATER: [f64; 2] = [0.3, 0.6];
const EARLY: f64 = 0.12;
/// Intervals are made no wider than by this for being early.
const MOST_EARLY: f64 = 4.0;

/// Parts that tracks are held out in.
const FOLDS: usize = 4;

/// Mean and spread of a number over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    pub mean: f64,
    pub spread: f64,
}

/// Exponents, usual amplitudes and scatter of a family of runs.
#[derive(Debug, Clone)]
pub struct Family {
    /// The law.
    pub law: &'static dyn CurveLaw,
    /// ln of the exponents.
    pub exponents: Vec<f64>,
    /// S₁ (or steps) that makes `u` a pure number.
    pub scale: f64,
    /// Of each kind of run that was fitted.
    pub kinds: BTreeMap<usize, Amplitude>,
    pub(super) a: Usual,
    pub(super) b: Usual,
    /// How far a run stands from the curve of its kind, in ln loss.
    pub scatter: f64,
    /// Intervals are wider by this, since few runs say how far runs scatter.
    pub(super) wide: f64,
    /// Intervals of runs of which no more than [`EARLY`] is seen are wider by this.
    pub(super) early: f64,
}

/// What a curve law says of the end of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveForecast {
    /// ln of the final loss.
    pub ln_loss: f64,
    /// Standard deviation of that.
    pub sd: f64,
}

impl Family {
    /// Learns from runs that are finished, or far along. `None` where there is nothing to learn from.
    #[must_use]
    pub fn learn(law: &'static dyn CurveLaw, tracks: &[&Track]) -> Option<Self> {
        let step = tracks.len().div_ceil(MOST).max(1);
        let tracks: Vec<&Track> = tracks.iter().copied().filter(|t| t.points.len() >= 4).step_by(step).collect();
        let mut family = Self::fit(law, &tracks, None)?;
        let usual = family.surprise(&tracks, &LATER).max(1.0);
        family.early = (family.surprise(&tracks, &[EARLY]) / usual).clamp(1.0, MOST_EARLY);
        family.scatter *= usual;
        family.wide = student(tracks.len().max(2) as f64);
        Some(family)
    }

    /// By what the interval of a run of which so little is seen is wider than later ones.
    fn early_at(&self, track: &Track) -> f64 {
        let seen = track.last_step() / track.schedule.total().max(1e-9);
        let later = LATER[0];
        let part = ((later / seen.max(1e-9)).ln() / (later / EARLY).ln()).clamp(0.0, 1.0);
        self.early.powf(part)
    }

    /// Root mean square, over tracks held out in turn (in at most [`FOLDS`] parts), of the error of their ends forecast
    /// from their beginnings by the others, in forecast standard deviations: what the next run will be off by, where
    /// residuals of runs that were fitted to say too little. 1 where there is nothing to hold out.
    fn surprise(&self, tracks: &[&Track], parts: &[f64]) -> f64 {
        let folds = tracks.len().min(FOLDS);
        let mut squares = Vec::new();
        for fold in 0..folds {
            let apart = |held: bool| {
                let of_fold = tracks.iter().enumerate().filter(move |(i, _)| (i % folds == fold) == held);
                of_fold.map(|(_, t)| *t).collect::<Vec<&Track>>()
            };
            let Some(others) = Self::fit(self.law, &apart(false), Some(&self.exponents)) else { continue };
            let others = Self { scatter: self.scatter, ..others };
            for track in apart(true) {
                for part in parts {
                    let (Some(end), Some(forecast)) = (track.points.last(), others.forecast(&track.beginning(*part)))
                    else {
                        continue;
                    };
                    squares.push(((end.ln_loss - forecast.ln_loss) / forecast.sd).powi(2));
                }
            }
        }
        if squares.is_empty() { 1.0 } else { (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() }
    }

    /// The most probable exponents, from `warm` or from what is usual, and each kind's amplitudes.
    fn fit(law: &'static dyn CurveLaw, tracks: &[&Track], warm: Option<&[f64]>) -> Option<Self> {
        let scale = scale(law, tracks)?;
        let mut sigma = 3e-3;
        let mut exponents: Vec<f64> =
            warm.map_or_else(|| law.exponents().iter().map(|e| e.centre).collect(), <[f64]>::to_vec);
        for _ in 0..2 {
            exponents = search(law, tracks, scale, sigma, &exponents, THOROUGH)?;
            let residuals = residuals(law, &exponents, scale, tracks, sigma);
            sigma = (1.4826 * median(residuals.iter().map(|r| r.abs()).collect())).clamp(5e-4, 0.05);
        }
        let kinds: BTreeMap<usize, Amplitude> = by_kind(tracks)
            .into_iter()
            .filter_map(|(kind, members)| Some((kind, solve(&rows(law, &exponents, scale, &members), sigma)?)))
            .collect();
        let with_drops: Vec<f64> = by_kind(tracks)
            .iter()
            .filter(|(_, members)| members.iter().any(|t| lowered(t, t.last_step()) > 0.1))
            .filter_map(|(kind, _)| kinds.get(kind).map(|k| k.b))
            .collect();
        let all = residuals(law, &exponents, scale, tracks, sigma);
        let rms = (all.iter().map(|r| r * r).sum::<f64>() / all.len().max(1) as f64).sqrt();
        Some(Self {
            law,
            a: usual(kinds.values().map(|k| k.a).collect(), ALONE_A),
            b: usual(with_drops, ALONE_B),
            exponents,
            scale,
            scatter: rms.max(1e-3),
            wide: 1.0,
            early: 1.0,
            kinds,
        })
    }

    /// Final loss of a run in progress.
    ///
    /// ln L at the run's points and at its end are jointly normal: level and amplitudes by their priors, through the
    /// slope of the law; the residual, a smooth process that forgets itself over [`REACH`]; and the noise of single
    /// evaluations. The end is conditioned on the points, with the law linearised anew at what they say.
    #[must_use]
    pub fn forecast(&self, track: &Track) -> Option<CurveForecast> {
        self.forecast_at(track, track.schedule.total())
    }

    /// Loss of a run in progress at a later step.
    #[must_use]
    pub fn forecast_at(&self, track: &Track, end: f64) -> Option<CurveForecast> {
        self.forecast_each(track, &[end])?.pop()
    }

    /// Loss of a run in progress at each of several later steps, ascending; `None` where any of them is no number.
    #[must_use]
    pub fn forecast_each(&self, track: &Track, ends: &[f64]) -> Option<Vec<CurveForecast>> {
        let own = thin(&track.points, OWN, &track.schedule);
        let mut steps: Vec<f64> = own.iter().map(|p| p.step).collect();
        steps.extend(ends);
        let shapes = self.law.shapes(&self.exponents, &track.schedule, self.scale, &steps);
        let places: Vec<f64> = steps.iter().map(|step| self.progress(track, *step)).collect();
        let prior = self.prior(track, &own, &shapes)?;
        let mut at = prior.map(|p| p.mean);
        let mut result = Vec::new();
        for _ in 0..4 {
            let amplitude = Amplitude { level: at[0], a: at[1].max(0.0), b: at[2].max(0.0) };
            let slopes: Vec<[f64; 3]> = shapes.iter().map(|s| slope(&amplitude, *s)).collect();
            // What the linearised law says where the parameters are at their prior means.
            let base = |i: usize| {
                amplitude.ln_loss(shapes[i])
                    + (0..3)
                        .map(|k| slopes[i][k] * (prior[k].mean - [amplitude.level, amplitude.a, amplitude.b][k]))
                        .sum::<f64>()
            };
            let covariance = |i: usize, j: usize| {
                let law: f64 = (0..3).map(|k| slopes[i][k] * prior[k].spread.powi(2) * slopes[j][k]).sum();
                law + self.scatter.powi(2) * kept((places[i] - places[j]).abs())
            };
            let known: Vec<f64> = own.iter().enumerate().map(|(i, p)| p.ln_loss - base(i)).collect();
            let noise: Vec<f64> = own.iter().map(|p| track.noise.powi(2) / p.count).collect();
            let normal = Gaussian { known: &known, noise: &noise, covariance: &covariance };
            let given = normal.condition(own.len()..steps.len())?;
            // What the run's own points say of the parameters is the same wherever the loss is asked for.
            let weights = &given.first()?.weights;
            for k in 0..3 {
                let pull = |(i, weight): (usize, &f64)| slopes[i][k] * weight;
                at[k] = prior[k].mean + prior[k].spread.powi(2) * weights.iter().enumerate().map(pull).sum::<f64>();
            }
            let wide = self.wide * self.early_at(track);
            let one = |(place, given): (usize, &Given)| CurveForecast {
                ln_loss: base(own.len() + place) + given.mean,
                sd: wide * (given.variance + track.noise.powi(2)).sqrt(),
            };
            result = given.iter().enumerate().map(one).collect();
        }
        result.iter().all(|r| r.ln_loss.is_finite() && r.sd.is_finite()).then_some(result)
    }

    /// How far training has come, for residuals: ln S₁, and what of the learning rate has been taken away, for a drop moves
    /// the loss much while S₁ hardly moves.
    pub(super) fn progress(&self, track: &Track, step: f64) -> f64 {
        if !self.law.sees_schedule() {
            return step.max(1e-9 * self.scale).ln();
        }
        let area = track.schedule.area(step).max(1e-9 * self.scale);
        area.ln() + lowered(track, step.max(track.schedule.warmed()))
    }

    /// Priors of level and amplitudes: those of the run's kind, or the usual ones.
    fn prior(&self, track: &Track, own: &[Mean], shapes: &[(f64, f64)]) -> Option<[Usual; 3]> {
        let hold = |usual: Usual, own: Option<f64>| match own {
            Some(value) => Usual { mean: value, spread: 0.3 * usual.spread },
            None => usual,
        };
        let known = self.kinds.get(&track.kind);
        let (a, b) = (hold(self.a, known.map(|k| k.a)), hold(self.b, known.map(|k| k.b)));
        let level = match known {
            // Runs of one kind differ by seed and order of data: about as much as they scatter.
            Some(k) => Usual { mean: k.level, spread: 2.0 * self.scatter },
            None => {
                let usual = Amplitude { level: 0.0, a: a.mean, b: b.mean };
                let last = own.last()?.ln_loss - usual.ln_loss(*shapes.get(own.len().checked_sub(1)?)?);
                Usual { mean: last, spread: 1.0 }
            }
        };
        Some([level, a, b])
    }

    /// ln loss of the law alone for runs of a kind that was learned, at steps (ascending) of a schedule.
    #[must_use]
    pub fn course(&self, kind: usize, schedule: &super::Schedule, steps: &[f64]) -> Option<Vec<f64>> {
        let amplitude = self.kinds.get(&kind)?;
        let shapes = self.law.shapes(&self.exponents, schedule, self.scale, steps);
        Some(shapes.into_iter().map(|s| amplitude.ln_loss(s)).collect())
    }
}

/// What is usual where nothing was learned: at the end of a whole run the power law still stands a fifth above its
/// floor, and lowering the learning rate to nothing gains a twentieth, each give or take as much.
pub(super) const ALONE_A: Usual = Usual { mean: 0.2, spread: 0.2 };
pub(super) const ALONE_B: Usual = Usual { mean: 0.05, spread: 0.05 };

/// Correlation of residuals so far apart: Matérn's with ν = 3/2, so that they are smooth and a drift goes on for a while.
fn kept(apart: f64) -> f64 {
    let d = 3f64.sqrt() * apart / REACH;
    (1.0 + d) * (-d).exp()
}

fn usual(values: Vec<f64>, otherwise: Usual) -> Usual {
    if values.is_empty() {
        return otherwise;
    }
    let mean = median(values.clone());
    let spread = 1.4826 * median(values.iter().map(|v| (v - mean).abs()).collect());
    // Few kinds say little of how kinds differ.
    let least = mean.max(0.1 * otherwise.mean) * (0.1 + 0.3 / values.len() as f64);
    Usual { mean, spread: spread.max(least) }
}

fn slope(at: &Amplitude, (u, v): (f64, f64)) -> [f64; 3] {
    let relative = at.relative((u, v));
    [1.0, u / relative, -v / relative]
}

/// Part of its peak that the learning rate has lost by a step.
fn lowered(track: &Track, step: f64) -> f64 {
    1.0 - track.schedule.lr(step) / track.schedule.peak()
}
