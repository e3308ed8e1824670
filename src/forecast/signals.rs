//! What a person would want to be woken for: a run that has gone wrong, has stopped, or cannot win any more.
//!
//! [`inspect`] looks at one run as it stands and says all that is so now; [`Watch`] remembers what was said, so that each
//! thing is told once when it begins and can be told again only after it has ended. Thresholds are those at which
//! recorded runs that went well stay silent.

use super::spread::{median, quantile, sorted};
use crate::vocab::{RunForecast, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A loss is NaN or infinite.
    NotANumber,
    /// Training loss has climbed back most of the way it had fallen, and stays there.
    Divergence,
    /// One training loss far above its neighbours.
    Spike,
    /// A validation loss no longer moves although the learning rate is still high.
    Plateau,
    /// Nothing written for much longer than the run's own rhythm explains.
    Stalled,
    /// Tokens per second have fallen for good.
    Slower,
    /// The run started again from an earlier step.
    Restarted,
    /// The final loss now expected is outside what was expected before.
    OutsideBand,
    /// The best run cannot be reached any more: stopping saves compute.
    CannotWin,
    /// Finished below its forecast band.
    BetterThanForecast,
}

/// One thing that is so of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What.
    pub kind: Kind,
    /// Name of the run.
    pub run: String,
    /// Key of the metric it shows in; empty where it is the run as a whole.
    pub metric: String,
    /// Step at which it shows.
    pub step: i64,
    /// How loud.
    pub severity: Severity,
    /// The numbers that say so, as a sentence.
    pub evidence: String,
}

/// One run as it stands. Series are (step, value), ascending, newest segment.
#[derive(Debug, Clone, Default)]
pub struct Vitals<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// Training losses by key.
    pub training: Vec<(&'a str, &'a [(i64, f64)])>,
    /// Validation losses by key.
    pub validation: Vec<(&'a str, &'a [(i64, f64)])>,
    /// Tokens per second.
    pub throughput: &'a [(i64, f64)],
    /// Learning rate now over its peak; 1 where unknown.
    pub rate: f64,
    /// Part of the run done, where the plan is known.
    pub progress: Option<f64>,
    /// Seconds since the newest line, and between lines usually.
    pub silence: Option<(f64, f64)>,
    /// Starts of the run.
    pub segments: u32,
    /// By metric key: what was forecast earlier, and what is now.
    pub forecasts: Vec<(&'a str, &'a RunForecast, &'a RunForecast)>,
    /// By metric key: the forecast now, and the best final loss of (or forecast for) another run that competes.
    pub rivals: Vec<(&'a str, &'a RunForecast, f64)>,
    /// By metric key: the last forecast made before the end, and the final loss.
    pub finished: Vec<(&'a str, &'a RunForecast, f64)>,
    /// FLOPs still to be spent, where N and D are known.
    pub flops_left: Option<f64>,
}

/// Odds of reaching the best run below which stopping is suggested.
pub const HOPELESS: f64 = 0.02;
/// Part of a run before which stopping is not suggested.
pub const TOO_EARLY: f64 = 0.2;

/// Odds that a run with this forecast ends below `best`.
#[must_use]
pub fn odds_below(forecast: &RunForecast, best: f64) -> f64 {
    let sd = ((forecast.high / forecast.low).ln() / (2.0 * 1.645)).max(1e-9);
    normal((best / forecast.value).ln() / sd)
}

/// Standard normal distribution function (Abramowitz & Stegun 26.2.17, error below 8e-8).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let c = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * c.iter().fold(0.0, |sum, c| (sum + c) * t);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// All that is so of a run now.
#[must_use]
pub fn inspect(vitals: &Vitals<'_>) -> Vec<Signal> {
    let mut found = Vec::new();
    let mut say = |kind, metric: &str, step: i64, severity, evidence: String| {
        let (run, metric) = (vitals.run.to_owned(), metric.to_owned());
        found.push(Signal { kind, run, metric, step, severity, evidence });
    };
    let all = vitals.training.iter().chain(&vitals.validation);
    for (key, series) in all {
        if let Some((step, value)) = series.last().filter(|p| !p.1.is_finite()) {
            say(Kind::NotANumber, key, *step, Severity::Error, format!("{key} is {value} at step {step}"));
        }
    }
    for (key, series) in &vitals.training {
        if let Some((step, now, least)) = divergence(series) {
            say(
                Kind::Divergence,
                key,
                step,
                Severity::Error,
                format!("{key} is back at {now:.3} after {least:.3}, and stays"),
            );
        }
        if let Some((step, value, usual)) = spike(series) {
            say(
                Kind::Spike,
                key,
                step,
                Severity::Warning,
                format!("{key} jumped to {value:.3} at step {step}; usual there: {usual:.3}"),
            );
        }
    }
    let unfinished = vitals.progress.is_none_or(|p| p < 0.95);
    for (key, series) in &vitals.validation {
        if let Some((step, change)) = plateau(series).filter(|_| unfinished && vitals.rate > 0.3) {
            let evidence = format!("{key} moved by {:.2} % over the last third of the run", 100.0 * change);
            say(Kind::Plateau, key, step, Severity::Info, evidence);
        }
    }
    let newest =
        vitals.training.iter().chain(&vitals.validation).filter_map(|(_, s)| Some(s.last()?.0)).max().unwrap_or(0);
    if let Some((silent, usual)) =
        vitals.silence.filter(|(silent, usual)| unfinished && *silent > (10.0 * usual).max(120.0))
    {
        let evidence = format!("nothing written for {silent:.0} s; lines usually come every {usual:.0} s");
        say(Kind::Stalled, "", newest, Severity::Warning, evidence);
    }
    if let Some((step, now, before)) = slower(vitals.throughput) {
        let evidence = format!("{now:.0} tokens/s, {before:.0} before");
        say(Kind::Slower, "", step, Severity::Warning, evidence);
    }
    if vitals.segments > 1 {
        let evidence = format!("started again from an earlier step: start {} of the run", vitals.segments);
        say(Kind::Restarted, "", newest, Severity::Info, evidence);
    }
    for (key, before, now) in &vitals.forecasts {
        if outside(before, now.value) > 0.1 {
            let evidence = format!(
                "{key} was to end within {:.3} to {:.3} ({:.0} % seen), now at {:.3} ({:.0} % seen)",
                before.low,
                before.high,
                100.0 * before.seen,
                now.value,
                100.0 * now.seen
            );
            say(Kind::OutsideBand, key, newest, Severity::Warning, evidence);
        }
    }
    for (key, forecast, best) in &vitals.rivals {
        let odds = odds_below(forecast, *best);
        if forecast.seen >= TOO_EARLY && odds < HOPELESS {
            let saved = vitals.flops_left.map_or_else(String::new, |f| format!("; stopping saves {f:.1e} FLOPs"));
            let evidence = format!(
                "{key} is to end at {:.3}; odds of reaching the best ({best:.3}): {:.1} %{saved}",
                forecast.value,
                100.0 * odds
            );
            say(Kind::CannotWin, key, newest, Severity::Info, evidence);
        }
    }
    for (key, forecast, truth) in &vitals.finished {
        if *truth < forecast.low {
            let evidence =
                format!("{key} ended at {truth:.3}, below its forecast of {:.3} to {:.3}", forecast.low, forecast.high);
            say(Kind::BetterThanForecast, key, newest, Severity::Info, evidence);
        }
    }
    found
}

/// How far outside an interval a value is, in widths of it; negative inside.
fn outside(band: &RunForecast, value: f64) -> f64 {
    (band.low - value).max(value - band.high) / (band.high - band.low).max(1e-12)
}

/// (step, level now, least level): the last five are all above nine tenths of the way back from the least median of five
/// to that of the first five, and 15 % above the least.
fn divergence(series: &[(i64, f64)]) -> Option<(i64, f64, f64)> {
    const WINDOW: usize = 5;
    if series.len() < 4 * WINDOW {
        return None;
    }
    let level = |part: &[(i64, f64)]| median(part.iter().map(|p| p.1).filter(|v| v.is_finite()).collect());
    let levels: Vec<f64> = series.chunks(WINDOW).map(level).collect();
    let least = levels.iter().copied().fold(f64::INFINITY, f64::min);
    let tail = &series[series.len() - WINDOW..];
    let (first, now) = (levels[0], level(tail));
    let bar = (least + 0.9 * (first - least)).max(1.15 * least);
    tail.iter().all(|p| p.1 > bar).then(|| (series[series.len() - 1].0, now, least))
}

/// (step, value, usual): one of the last few points is ten robust deviations and a quarter above the median of those
/// before it, and got there in one step.
fn spike(series: &[(i64, f64)]) -> Option<(i64, f64, f64)> {
    const BEFORE: usize = 20;
    const FRESH: usize = 3;
    let from = series.len().saturating_sub(FRESH).max(BEFORE);
    (from..series.len()).rev().find_map(|i| {
        let before: Vec<f64> = series[i - BEFORE..i].iter().map(|p| p.1).filter(|v| v.is_finite()).collect();
        let usual = median(before.clone());
        let deviation = 1.4826 * median(before.iter().map(|v| (v - usual).abs()).collect());
        let (step, value) = series[i];
        let sudden = value - series[i - 1].1 > 0.7 * (value - usual);
        let far = value > usual + (10.0 * deviation).max(0.25 * usual);
        (value.is_finite() && far && sudden).then_some((step, value, usual))
    })
}

/// (step, change): over the last third of at least twelve evaluations ln loss moves by less than a thousandth, and its
/// scatter is small enough to know.
fn plateau(series: &[(i64, f64)]) -> Option<(i64, f64)> {
    let points: Vec<(f64, f64)> =
        series.iter().filter(|(s, v)| *s > 0 && v.is_finite() && *v > 0.0).map(|(s, v)| (*s as f64, v.ln())).collect();
    if points.len() < 12 {
        return None;
    }
    let tail = &points[points.len() - points.len() / 3..];
    // Theil–Sen: one odd evaluation does not make or hide a plateau.
    let pairs = tail.iter().enumerate().flat_map(|(i, a)| tail[i + 1..].iter().map(move |b| (b.1 - a.1) / (b.0 - a.0)));
    let slope = quantile(&sorted(pairs.collect()), 0.5);
    let (first, last) = (tail.first()?, tail.last()?);
    let change = slope * (last.0 - first.0);
    let middle = median(tail.iter().map(|p| p.1).collect());
    let scatter = 1.4826 * median(tail.iter().map(|p| (p.1 - middle).abs()).collect());
    // Twice the error of a line's rise over its length, √12 × scatter / √n.
    let unsure = 2.0 * 3.46 * scatter / (tail.len() as f64).sqrt();
    let fell = points[0].1 - last.1;
    (change.abs() < 1e-3 && unsure < 2.5e-3 && fell > 0.01).then_some((last.0 as i64, change))
}

/// (step, now, before): the median of the last twenty is below six tenths of the median of all before, and so is nearly
/// every one of them.
fn slower(series: &[(i64, f64)]) -> Option<(i64, f64, f64)> {
    const WINDOW: usize = 20;
    if series.len() < 3 * WINDOW {
        return None;
    }
    let (before, tail) = series.split_at(series.len() - WINDOW);
    let of = |part: &[(i64, f64)]| median(part.iter().map(|p| p.1).filter(|v| v.is_finite() && *v > 0.0).collect());
    let (before, now) = (of(before), of(tail));
    let low = tail.iter().filter(|p| p.1 < 0.7 * before).count();
    (now < 0.6 * before && low * 10 >= WINDOW * 9).then_some((tail[WINDOW - 1].0, now, before))
}

/// Turns what is so into what is new.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// By run, metric and kind: looks in a row at which it was (positive) or was not (negative) so, and whether it was told.
    seen: BTreeMap<(String, String, Kind), (i32, bool)>,
    restarts: BTreeMap<String, u32>,
}

impl Watch {
    /// Tells what began since the last look at this run. A thing that comes and goes must be so twice in a row to be
    /// told where it hangs on a forecast, and be gone three looks in a row before it can be told again.
    pub fn look(&mut self, vitals: &Vitals<'_>) -> Vec<Signal> {
        let now = inspect(vitals);
        let mut new = Vec::new();
        let is_now =
            |key: &(String, String, Kind)| now.iter().any(|s| s.run == key.0 && s.metric == key.1 && s.kind == key.2);
        for (key, state) in &mut self.seen {
            if key.0 == vitals.run && !is_now(key) {
                state.0 = state.0.min(0) - 1;
                state.1 &= state.0 > -3;
            }
        }
        for signal in now {
            if signal.kind == Kind::Restarted {
                let told = self.restarts.entry(signal.run.clone()).or_insert(1);
                if vitals.segments > *told {
                    *told = vitals.segments;
                    new.push(signal);
                }
                continue;
            }
            let state = self.seen.entry((signal.run.clone(), signal.metric.clone(), signal.kind)).or_insert((0, false));
            state.0 = state.0.max(0) + 1;
            let needed = if matches!(signal.kind, Kind::OutsideBand | Kind::CannotWin) { 2 } else { 1 };
            if state.0 >= needed && !state.1 {
                state.1 = true;
                new.push(signal);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests;
