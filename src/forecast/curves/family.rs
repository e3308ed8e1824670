//! Exponents shared by related runs, and the extrapolation of one run's learning curve with them.
//!
//! Exponents are sought by Nelder and Mead's method with level and amplitudes eliminated run by run
//! ([`super::amplitude`]), as the most probable ones under a normal prior on their logs. Checkpoints of one run lean the
//! same way, so that [`ALIKE`] of them count as one.
//!
//! A run in progress keeps the exponents and has level and amplitudes of its own, held by those of its kind, or by those
//! usual in the family. What its last checkpoints still stand above or below the curve is carried to the end in part: as
//! far as a residual keeps over that stretch of training.

use super::amplitude::{Amplitude, Row, solve};
use super::gauss::{Gaussian, Given};
use super::{CurveLaw, Exponent, Mean, Track, thin};
use crate::forecast::spread::{median, student};
use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::neldermead::NelderMead;
use std::collections::BTreeMap;

/// Checkpoints of one run that say as much as one that is independent.
const ALIKE: f64 = 4.0;
/// Progress (see [`Family::progress`]) over which a residual is mostly forgotten.
const REACH: f64 = 1.0;
/// Parts of a lone run from which its newest loss is forecast, to see how far off that is.
const BEGINNINGS: [f64; 2] = [0.5, 0.7];
/// Points that such a beginning needs.
const LEAST_EARLY: usize = 2;
/// How far a lone run leaves its law, in ln loss per unit of progress, and how many misses of its own say as much: with few
/// evaluations there is none, and the law's own error would be that of the few points it went through.
const DRIFT: f64 = 0.02;
const DRIFT_WEIGHT: f64 = 0.3;
/// Scatter of a lone run's points about its law, in ln loss, and how many points beyond the law's parameters say as much: a law
/// goes through as many points as it has parameters, however they scatter.
const SCATTER: f64 = 0.02;
const SCATTER_WEIGHT: f64 = 3.0;
/// Level and amplitude, which every law has beside its exponents.
const AMPLITUDES: usize = 2;
/// A miss is carried on to at most so many times the distance it was seen over.
const FURTHEST: f64 = 3.0;
/// Points of the run's own that its amplitudes are fitted to.
const OWN: usize = 24;
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
struct Usual {
    mean: f64,
    spread: f64,
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
    a: Usual,
    b: Usual,
    /// How far a run stands from the curve of its kind, in ln loss.
    pub scatter: f64,
    /// Intervals are wider by this, since few runs say how far runs scatter.
    wide: f64,
    /// Intervals of runs of which no more than [`EARLY`] is seen are wider by this.
    early: f64,
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
        family.wide = student(tracks.len().max(2));
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

    /// For a run that has no family: exponents from its own course so far, held by what is usual elsewhere.
    #[must_use]
    pub fn alone(law: &'static dyn CurveLaw, track: &Track) -> Option<Self> {
        if track.points.is_empty() {
            return None;
        }
        let scale =
            if law.sees_schedule() { track.schedule.area(track.schedule.total()) } else { track.schedule.total() };
        let thinned = Track { points: thin(&track.points, OWN, &track.schedule), ..track.clone() };
        let centre: Vec<f64> = law.exponents().iter().map(|e| e.centre).collect();
        let exponents =
            if thinned.points.len() >= 4 { search(law, &[&thinned], scale, 3e-3, &centre, QUICK)? } else { centre };
        let all = residuals(law, &exponents, scale, &[&thinned], 3e-3);
        Some(Self {
            law,
            exponents,
            scale,
            kinds: BTreeMap::new(),
            a: ALONE_A,
            b: ALONE_B,
            scatter: scatter_alone(law, &all),
            wide: 1.0,
            early: 1.0,
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
    fn progress(&self, track: &Track, step: f64) -> f64 {
        if !self.law.sees_schedule() {
            return step.max(1e-9 * self.scale).ln();
        }
        let area = track.schedule.area(step).max(1e-9 * self.scale);
        area.ln() + lowered(track, step.max(track.schedule.warmed()))
    }

    /// Final loss of a run that has no family.
    ///
    /// Nothing but the run itself says how well the law suits it. So its newest loss is forecast from its own beginnings,
    /// with usual exponents; what that was off by per unit of progress, together with what is usual ([`DRIFT`]), is added to the
    /// variance for as far as there is left to go, and half of the mean miss to the forecast: small models from scratch fall in
    /// steps that no power law has.
    #[must_use]
    pub fn forecast_alone(law: &'static dyn CurveLaw, track: &Track) -> Option<CurveForecast> {
        Self::forecast_alone_each(law, track, &[track.schedule.total()])?.pop()
    }

    /// The same at each of several steps, ascending, the last being the end.
    #[must_use]
    pub fn forecast_alone_each(law: &'static dyn CurveLaw, track: &Track, ends: &[f64]) -> Option<Vec<CurveForecast>> {
        let family = Self::alone(law, track)?;
        let all = family.forecast_each(track, ends)?;
        let own = *all.last()?;
        let now = track.points.last()?;
        let (here, end) = (family.progress(track, now.step), family.progress(track, track.schedule.total()));
        let usual = Self { exponents: law.exponents().iter().map(|e| e.centre).collect(), ..family.clone() };
        let missed = |part: &f64| {
            let points: Vec<Mean> = track.points.iter().copied().filter(|p| p.step <= part * now.step).collect();
            let early = Track { points, ..track.clone() };
            let then = (early.points.len() >= LEAST_EARLY).then(|| family.progress(track, early.last_step()))?;
            let forecast = usual.forecast_at(&early, now.step)?;
            Some((now.ln_loss - forecast.ln_loss, (here - then).max(1e-6)))
        };
        let missed: Vec<(f64, f64)> = BEGINNINGS.iter().filter_map(missed).collect();
        let over_exponents = family.over_exponents(track, &own);
        let n = missed.len() as f64;
        let squares: f64 = missed.iter().map(|(miss, over)| (miss / over).powi(2)).sum();
        let drift =
            ((DRIFT_WEIGHT * DRIFT * DRIFT + squares) / (DRIFT_WEIGHT + n)).sqrt() * student(missed.len().max(2));
        let one = |(own, step): (CurveForecast, &f64)| {
            let left = family.progress(track, *step) - here;
            // How far exponents move the loss grows from nothing at the newest point to what it is at the end.
            let part = if *step < ends[ends.len() - 1] { (left / (end - here).max(1e-6)).clamp(0.0, 1.0) } else { 1.0 };
            let sd = own.sd.hypot(part * over_exponents).hypot(drift * left);
            let carried: f64 = missed.iter().map(|(miss, over)| miss * (left / over).clamp(0.0, FURTHEST)).sum();
            CurveForecast { ln_loss: own.ln_loss + 0.5 * carried / n.max(1.0), sd }
        };
        Some(all.into_iter().zip(ends).map(one).collect())
    }

    /// How far the end moves, in ln loss, when the exponents do as far as the run's own course does not hold them: early on
    /// they are what is usual, give or take as much as usual.
    fn over_exponents(&self, track: &Track, own: &CurveForecast) -> f64 {
        let thinned = Track { points: thin(&track.points, OWN, &track.schedule), ..track.clone() };
        let tracks = [&thinned];
        let problem = Posterior { law: self.law, tracks: &tracks, scale: self.scale, sigma: 3e-3 };
        let cost = |exponents: &Vec<f64>| problem.cost(exponents).unwrap_or(f64::INFINITY);
        let least = cost(&self.exponents);
        let mut variance = 0.0;
        for (k, exponent) in self.law.exponents().iter().enumerate() {
            for side in [-1.0, 1.0] {
                let mut exponents = self.exponents.clone();
                exponents[k] += side * exponent.spread;
                let weight = (-0.5 * (cost(&exponents) - least)).exp().min(1.0);
                let moved = Self { exponents, ..self.clone() }.forecast(track);
                variance += moved.map_or(0.0, |moved| 0.5 * weight * (moved.ln_loss - own.ln_loss).powi(2));
            }
        }
        variance.sqrt()
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
const ALONE_A: Usual = Usual { mean: 0.2, spread: 0.2 };
const ALONE_B: Usual = Usual { mean: 0.05, spread: 0.05 };

/// Correlation of residuals so far apart: Matérn's with ν = 3/2, so that they are smooth and a drift goes on for a while.
fn kept(apart: f64) -> f64 {
    let d = 3f64.sqrt() * apart / REACH;
    (1.0 + d) * (-d).exp()
}

/// Standard deviation of a lone run's residuals, by those of its points that the law's parameters leave free and what is usual.
fn scatter_alone(law: &dyn CurveLaw, residuals: &[f64]) -> f64 {
    let free = residuals.len().saturating_sub(AMPLITUDES + law.exponents().len()) as f64;
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    ((SCATTER_WEIGHT * SCATTER * SCATTER + squares) / (SCATTER_WEIGHT + free)).sqrt().max(3e-3)
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

fn by_kind<'t>(tracks: &[&'t Track]) -> BTreeMap<usize, Vec<&'t Track>> {
    let mut kinds: BTreeMap<usize, Vec<&Track>> = BTreeMap::new();
    for track in tracks {
        kinds.entry(track.kind).or_default().push(track);
    }
    kinds
}

fn scale(law: &dyn CurveLaw, tracks: &[&Track]) -> Option<f64> {
    let of = |t: &&Track| if law.sees_schedule() { t.schedule.area(t.schedule.total()) } else { t.schedule.total() };
    Some(median(tracks.iter().map(of).collect())).filter(|s| *s > 0.0)
}

fn rows(law: &dyn CurveLaw, exponents: &[f64], scale: f64, tracks: &[&Track]) -> Vec<Row> {
    let of = |track: &&Track| {
        let steps: Vec<f64> = track.points.iter().map(|p| p.step).collect();
        let shapes = law.shapes(exponents, &track.schedule, scale, &steps);
        shapes.into_iter().zip(track.points.iter().map(|p| p.ln_loss)).collect::<Vec<Row>>()
    };
    tracks.iter().flat_map(of).collect()
}

fn residuals(law: &dyn CurveLaw, exponents: &[f64], scale: f64, tracks: &[&Track], sigma: f64) -> Vec<f64> {
    let of = |members: Vec<&Track>| {
        let rows = rows(law, exponents, scale, &members);
        let amplitude = solve(&rows, sigma);
        rows.into_iter().filter_map(move |(shape, y)| Some(y - amplitude?.ln_loss(shape))).collect::<Vec<f64>>()
    };
    by_kind(tracks).into_values().flat_map(of).collect()
}

/// −2 × ln of the posterior of exponents, amplitudes eliminated.
struct Posterior<'t> {
    law: &'static dyn CurveLaw,
    tracks: &'t [&'t Track],
    scale: f64,
    sigma: f64,
}

impl CostFunction for Posterior<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, exponents: &Vec<f64>) -> Result<f64, Error> {
        let huber = |z: f64| if z.abs() <= 1.0 { z * z } else { 2.0 * z.abs() - 1.0 };
        let all = residuals(self.law, exponents, self.scale, self.tracks, self.sigma);
        let misfit: f64 = all.iter().map(|r| huber(r / self.sigma)).sum();
        let prior: f64 = exponents
            .iter()
            .zip(self.law.exponents())
            .map(|(x, Exponent { centre, spread, .. })| ((x - centre) / spread).powi(2))
            .sum();
        let cost = misfit / ALIKE + prior;
        Ok(if cost.is_finite() { cost } else { 1e12 })
    }
}

/// Sizes of the simplexes a search starts from one after another (in spreads of the prior), and the spread of the
/// objective over a simplex at which it ends.
type Effort = (&'static [f64], f64);
/// A second simplex around the first optimum: the first may have collapsed on the way.
const THOROUGH: Effort = (&[0.5, 0.15], 1e-4);
/// For one run among a thousand, where the prior says most.
const QUICK: Effort = (&[0.5], 1e-2);

fn search(
    law: &'static dyn CurveLaw,
    tracks: &[&Track],
    scale: f64,
    sigma: f64,
    from: &[f64],
    (sizes, tolerance): Effort,
) -> Option<Vec<f64>> {
    let mut best = from.to_vec();
    for size in sizes {
        let mut simplex = vec![best.clone()];
        for (i, exponent) in law.exponents().iter().enumerate() {
            let mut corner = best.clone();
            corner[i] += size * exponent.spread;
            simplex.push(corner);
        }
        let problem = Posterior { law, tracks, scale, sigma };
        let solver = NelderMead::new(simplex).with_sd_tolerance(tolerance).ok()?;
        let most = 60 * law.exponents().len() as u64;
        let result = Executor::new(problem, solver).configure(|state| state.max_iters(most)).run().ok()?;
        best = result.state.get_best_param()?.clone();
    }
    best.iter().all(|x| x.is_finite()).then_some(best)
}
