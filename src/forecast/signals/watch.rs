//! New alerts: differences between the present and the earlier signals of a run.

use super::{HealthInputs, Signal, SignalKind, inspect};
use std::collections::BTreeMap;

/// Looks in a row after which a thing that is not so any more is over.
const OVER: i32 = 3;

/// What a look at a run told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertChange {
    /// What began, or happened.
    pub new: Vec<Signal>,
    /// What was told before and is so no more: kind and metric.
    pub over: Vec<(SignalKind, String)>,
}

/// What has been told of each run.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    runs: BTreeMap<String, Told>,
}

#[derive(Debug, Clone, Default)]
struct Told {
    states: BTreeMap<(SignalKind, String), Latch>,
    /// Starts of the run that are no news.
    starts: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Latch {
    /// Looks in a row at which it was (positive) or was not (negative) so.
    looks: i32,
    /// Newest step that was counted.
    step: Option<i64>,
    told: bool,
}

impl Watch {
    /// Takes up what was told before this process began; `over`: and has ended since.
    pub fn recall(&mut self, signal: &Signal, over: bool) {
        let told = self.runs.entry(signal.run.clone()).or_default();
        told.starts = told.starts.max(signal.start);
        if signal.kind != SignalKind::Restarted {
            let state = Latch { looks: 1, step: Some(signal.step), told: !over };
            told.states.insert((signal.kind, signal.metric.clone()), state);
        }
    }

    /// Takes so many starts of a run as known: what happened before anyone watched is no news.
    pub fn starts_are_known(&mut self, run: &str, starts: u32) {
        let told = self.runs.entry(run.to_owned()).or_default();
        told.starts = told.starts.max(starts);
    }

    /// Tells what began since the last look at this run, and what is over. A thing that hangs on a forecast must be so
    /// at two steps in a row to be told; one that lasts must be gone for three looks in a row before it can be told
    /// again.
    pub fn look(&mut self, inputs: &HealthInputs<'_>) -> AlertChange {
        let now = inspect(inputs);
        let told = self.runs.entry(inputs.run.to_owned()).or_default();
        let mut change = AlertChange::default();
        // A run that has ended is looked at once more and not again.
        let over = if inputs.progress == Some(1.0) { 1 } else { OVER };
        for ((kind, metric), state) in &mut told.states {
            let is_so = now.iter().any(|s| s.kind == *kind && s.metric == *metric);
            let looked_at = !inputs.history || kind.is_of_a_router();
            if is_so || kind.is_momentary() || !looked_at {
                continue;
            }
            state.looks = state.looks.min(0) - 1;
            if state.told && state.looks <= -over {
                state.told = false;
                change.over.push((*kind, metric.clone()));
            }
        }
        for signal in now {
            if signal.kind == SignalKind::Restarted {
                if signal.start > told.starts.max(1) {
                    told.starts = signal.start;
                    change.new.push(signal);
                }
                continue;
            }
            let state = told.states.entry((signal.kind, signal.metric.clone())).or_default();
            let news = match signal.kind {
                // Another one, later, is another one.
                SignalKind::Spike => state.step.is_none_or(|step| signal.step > step),
                SignalKind::BetterThanForecast => !state.told,
                SignalKind::OutsideBand | SignalKind::CannotWin => {
                    // Forecasts made again of the same points are the same look.
                    if state.looks <= 0 || state.step != Some(signal.step) {
                        state.looks = state.looks.max(0) + 1;
                    }
                    state.looks >= 2 && !state.told
                }
                _ => {
                    state.looks = state.looks.max(0) + 1;
                    !state.told
                }
            };
            state.step = state.step.max(Some(signal.step));
            if news {
                state.told = true;
                change.new.push(signal);
            }
        }
        change
    }
}
