//! Alerts: a run that has gone wrong, has stopped, or is unlikely to beat the best one.
//!
//! [`inspect`] looks at one run as it stands and says all that is so now; [`Watch`] remembers what was said, so that each
//! thing is told once when it begins and can be told again only after it has ended. Thresholds are those at which
//! recorded runs that went well stay silent.

mod router;
mod router_figures;
mod shapes;
#[cfg(test)]
mod tests;
mod watch;

pub(super) use shapes::divergence;

pub use router::{Balance, RouterLoads, expert_of, is_suspicious};
pub use router_figures::{Figure, RouterFigures, RouterNow, figure_of, routers_now};

pub use crate::vocab::signal::{Signal, SignalKind};
pub use watch::{AlertChange, Watch};

use crate::fit::ninety::NINETY;
use crate::vocab::number::duration;
use crate::vocab::{RunForecast, Severity};

/// One run as it stands. Series are (step, value), ascending, newest segment.
#[derive(Debug, Clone, Default)]
pub struct HealthInputs<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// Training losses by key.
    pub training: Vec<(&'a str, &'a [(i64, f64)])>,
    /// Validation losses by key.
    pub validation: Vec<(&'a str, &'a [(i64, f64)])>,
    /// Loads of experts, of the layers that are worth a look.
    pub routers: Vec<RouterLoads<'a>>,
    /// Whether the run was over before anybody watched: then only its routers are looked at, on which what it measured hangs.
    pub history: bool,
    /// What trainers say of their routers themselves.
    pub router_figures: Vec<RouterFigures>,
    /// Why the learning rate is far from the advised one, as a sentence; `None` where it is not.
    pub rate_off: Option<String>,
    /// Tokens per second.
    pub throughput: &'a [(i64, f64)],
    /// Newest step at the last look; `None` at the first.
    pub since: Option<i64>,
    /// Learning rate now over its peak; 1 where unknown.
    pub rate: f64,
    /// Part of the run done, where the plan is known.
    pub progress: Option<f64>,
    /// Seconds since the newest line, where they are more than [`patience`] explains.
    pub silence: Option<f64>,
    /// Whether lines were seen to arrive; see [`goes_on`].
    pub watched: bool,
    /// Starts of the run.
    pub segments: u32,
    /// By metric key: what was forecast earlier, and what is now.
    pub forecasts: Vec<(&'a str, RunForecast, &'a RunForecast)>,
    /// By metric key (empty for a weighting of several): the forecast now, and the best of the runs that compete.
    pub rivals: Vec<(&'a str, RunForecast, Rival)>,
    /// By metric key: a forecast made well before the end, and the final loss.
    pub finished: Vec<(&'a str, RunForecast, f64)>,
    /// FLOPs still to be spent, where N and D are known.
    pub flops_left: Option<f64>,
}

/// The best of the runs that compete.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// Its name.
    pub run: String,
    /// Its final loss, or the forecast of it.
    pub value: f64,
    /// Standard deviation of ln `value`; 0 where it has ended.
    pub sd: f64,
}

/// Probability of beating the best run below which stopping is suggested.
pub const HOPELESS: f64 = 0.02;
/// Part of a run from which on silence is its end: the last lines of a plan are often not logged.
const NEARLY_DONE: f64 = 0.95;
/// Part of a run before which stopping is not suggested.
pub const TOO_EARLY: f64 = 0.2;
/// Part of a run from which on stopping saves nothing worth a word.
pub const TOO_LATE: f64 = 0.9;

/// Probability that a run with this forecast ends below `best`.
#[must_use]
pub fn probability_below(forecast: &RunForecast, best: f64) -> f64 {
    probability_of_beating(forecast, best, 0.0)
}

/// The same where `best` is itself uncertain, by `sd` in ln.
fn probability_of_beating(forecast: &RunForecast, best: f64, sd: f64) -> f64 {
    let sd = ln_sd(forecast).hypot(sd).max(1e-9);
    normal((best / forecast.value).ln() / sd)
}

/// Standard deviation of ln of the final loss that a forecast's interval stands for.
#[must_use]
pub fn ln_sd(forecast: &RunForecast) -> f64 {
    (forecast.high / forecast.low).ln() / (2.0 * NINETY)
}

/// Seconds of silence that a run explains which usually writes every so many. Writers that buffer (TensorBoard: two
/// minutes) are silent for longer than their lines are apart.
#[must_use]
pub fn patience(usual: Option<f64>) -> f64 {
    usual.map_or(600.0, |usual| (10.0 * usual).max(300.0))
}

/// Whether more is to come of a run that has fallen silent, by the part of its plan that is done. A log that has lain still
/// since before anyone `watched`, and does not say how long its run was to be, has most likely been written to its end.
#[must_use]
pub fn goes_on(progress: Option<f64>, watched: bool) -> bool {
    progress.map_or(watched, |done| done < NEARLY_DONE)
}

/// Standard normal distribution function (Abramowitz & Stegun 26.2.17, error below 8e-8).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let c = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * c.iter().fold(0.0, |sum, c| (sum + c) * t);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// All that is so of a run now, or has happened since the last look.
#[must_use]
pub fn inspect(inputs: &HealthInputs<'_>) -> Vec<Signal> {
    let mut found = Vec::new();
    let newest =
        inputs.training.iter().chain(&inputs.validation).filter_map(|(_, s)| Some(s.last()?.0)).max().unwrap_or(0);
    let mut say = |kind, metric: &str, step: i64, severity, evidence: String| {
        let start = if kind == SignalKind::Restarted { inputs.segments } else { 0 };
        let saves = inputs.flops_left.filter(|_| kind == SignalKind::CannotWin);
        let (run, metric) = (inputs.run.to_owned(), metric.to_owned());
        found.push(Signal { kind, run, metric, step, severity, evidence, start, saves });
    };
    for (key, series) in inputs.training.iter().chain(&inputs.validation) {
        if let Some((step, value)) = shapes::not_a_number(series, inputs.since) {
            let evidence = format!("{key} is {value} at step {step}");
            say(SignalKind::NotANumber, key, step, Severity::Error, evidence);
        }
    }
    for (key, series) in &inputs.training {
        if let Some((step, now, least)) = shapes::divergence(series) {
            let evidence = format!("{key} rose from {least:.3} to {now:.3} and stays there");
            say(SignalKind::Divergence, key, step, Severity::Error, evidence);
        }
        if let Some((step, value, usual)) = shapes::spike(series, inputs.since) {
            let evidence = format!("{key} jumped to {value:.3} at step {step}, usually {usual:.3}");
            say(SignalKind::Spike, key, step, Severity::Warning, evidence);
        }
    }
    for loads in &inputs.routers {
        let found = router::trouble(loads);
        if let Some(evidence) = found.collapsed {
            say(SignalKind::RouterCollapse, loads.layer, found.step, Severity::Error, evidence);
        }
        if let Some(evidence) = found.dead {
            say(SignalKind::DeadExpert, loads.layer, found.step, Severity::Warning, evidence);
        }
    }
    for figures in &inputs.router_figures {
        for (kind, severity, step, evidence) in router_figures::trouble(figures) {
            say(kind, &figures.layer, step, severity, evidence);
        }
    }
    if let Some(evidence) = &inputs.rate_off {
        say(SignalKind::LearningRate, "", newest, Severity::Warning, evidence.clone());
    }
    let unfinished = inputs.progress.is_none_or(|p| p < NEARLY_DONE);
    for (key, series) in &inputs.validation {
        if let Some((step, change)) = shapes::plateau(series).filter(|_| unfinished && inputs.rate > 0.3) {
            let evidence = format!("{key} changed by {:.2} % over the last third of the run", 100.0 * change);
            say(SignalKind::Plateau, key, step, Severity::Info, evidence);
        }
    }
    if let Some(silent) = inputs.silence.filter(|_| goes_on(inputs.progress, inputs.watched)) {
        let evidence = format!("no new line for {}, much longer than usual", duration(silent));
        say(SignalKind::Stalled, "", newest, Severity::Warning, evidence);
    }
    if let Some((step, now, before)) = shapes::slower(inputs.throughput) {
        let evidence = format!("{now:.0} tokens/s, down from {before:.0}");
        say(SignalKind::Slower, "", step, Severity::Warning, evidence);
    }
    if inputs.segments > 1 {
        let evidence = format!("restarted from an earlier step (restart {} of this run)", inputs.segments - 1);
        say(SignalKind::Restarted, "", newest, Severity::Info, evidence);
    }
    for (key, before, now) in &inputs.forecasts {
        if outside(before, now.value) > 0.1 {
            let evidence = format!(
                "{key} was forecast at {:.3}–{:.3} ({:.0} % seen), now {:.3} ({:.0} % seen)",
                before.low,
                before.high,
                100.0 * before.seen,
                now.value,
                100.0 * now.seen
            );
            say(SignalKind::OutsideBand, key, newest, Severity::Warning, evidence);
        }
    }
    for (key, forecast, best) in &inputs.rivals {
        let probability = probability_of_beating(forecast, best.value, best.sd);
        if (TOO_EARLY..TOO_LATE).contains(&forecast.seen) && forecast.value > best.value && probability < HOPELESS {
            let saved = inputs.flops_left.map_or_else(String::new, |f| format!("; stopping saves {f:.1e} FLOPs"));
            let what = if key.is_empty() { "the objective" } else { key };
            let evidence = format!(
                "{what} unlikely to beat {} ({:.3}): expected {:.3}, probability {:.1} %{saved}",
                best.run,
                best.value,
                forecast.value,
                100.0 * probability
            );
            say(SignalKind::CannotWin, key, newest, Severity::Info, evidence);
        }
    }
    for (key, forecast, truth) in &inputs.finished {
        if *truth < forecast.value && outside(forecast, *truth) > 0.1 {
            let evidence = format!(
                "{key} ended at {truth:.3}, below its forecast of {:.3}–{:.3} ({:.0} % seen)",
                forecast.low,
                forecast.high,
                100.0 * forecast.seen
            );
            say(SignalKind::BetterThanForecast, key, newest, Severity::Info, evidence);
        }
    }
    found
}

/// How far outside an interval a value is, in widths of it; negative inside.
fn outside(band: &RunForecast, value: f64) -> f64 {
    (band.low - value).max(value - band.high) / (band.high - band.low).max(1e-12)
}
