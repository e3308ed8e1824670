//! Which entries of the journal stay when it has become long: what can still matter does, and what is old goes.

use super::journal_line::JournalLine;
use crate::vocab::Decision;
use crate::vocab::signal::{Alert, SignalKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Entries that a journal may have before old ones go, however young: about 15 MB.
pub const MOST: usize = 50_000;
/// Where there are more, so many stay, so that it is not shortened again at once.
const LEFT: usize = 40_000;

/// How long an entry stays.
#[derive(Clone, Copy, PartialEq)]
enum Stay {
    /// It can always matter.
    Always,
    /// Another one says more.
    Superseded,
    /// As long as it is not too old. Seconds since 1970.
    Since(f64),
}

/// Time of the oldest line that goes when it is old, seconds since 1970; `None` where there is none.
#[must_use]
pub fn oldest(lines: &[JournalLine]) -> Option<f64> {
    let goes = |line: &&JournalLine| {
        matches!(line, JournalLine::Forecast(_) | JournalLine::Ended(_) | JournalLine::Over { .. })
    };
    lines.iter().filter(goes).map(JournalLine::at).min_by(f64::total_cmp)
}

/// Says of each entry, oldest first, whether it stays: `now` in seconds since 1970, `longest` in seconds. Tags and notes,
/// decisions with the advice they are about, the newest alert of each kind and what a later version wrote always stay;
/// of forecasts, their grades, other alerts and advice that nobody acted on, the oldest go.
#[must_use]
pub fn kept(entries: &[Value], now: f64, longest: f64) -> Vec<bool> {
    let lines: Vec<Option<JournalLine>> =
        entries.iter().map(|value| serde_json::from_value(value.clone()).ok()).collect();
    let newest = Newest::of(&lines);
    let mut stays: Vec<Stay> =
        lines.iter().enumerate().map(|(at, line)| line.as_ref().map_or(Stay::Always, |l| newest.stay(at, l))).collect();
    end_with_their_alerts(&lines, &mut stays);
    let since = since(&stays, now - longest);
    stays
        .iter()
        .map(|stay| match stay {
            Stay::Always => true,
            Stay::Superseded => false,
            Stay::Since(at) => *at >= since,
        })
        .collect()
}

/// The time before which entries go: that of the retention, or a later one where there are too many.
fn since(stays: &[Stay], oldest: f64) -> f64 {
    let always = stays.iter().filter(|stay| **stay == Stay::Always).count();
    let mut times: Vec<f64> = stays
        .iter()
        .filter_map(|stay| match stay {
            Stay::Since(at) if *at >= oldest => Some(*at),
            _ => None,
        })
        .collect();
    if always + times.len() <= MOST {
        return oldest;
    }
    times.sort_by(f64::total_cmp);
    let room = LEFT.saturating_sub(always);
    times.get(times.len().saturating_sub(room)).copied().unwrap_or(f64::INFINITY)
}

/// Which entries are the last of their kind.
struct Newest<'a> {
    /// By run, kind and metric, the place of the alert.
    alerts: BTreeMap<AlertKind<'a>, usize>,
    /// By run.
    labels: BTreeMap<&'a str, usize>,
    /// Advice that something was decided of.
    decided: BTreeSet<&'a str>,
    /// The advice that stands.
    stands: Option<usize>,
}

type AlertKind<'a> = (&'a str, SignalKind, &'a str);

fn kind(alert: &Alert) -> AlertKind<'_> {
    (&alert.signal.run, alert.signal.kind, &alert.signal.metric)
}

impl<'a> Newest<'a> {
    fn of(lines: &'a [Option<JournalLine>]) -> Self {
        let mut newest =
            Self { alerts: BTreeMap::new(), labels: BTreeMap::new(), decided: BTreeSet::new(), stands: None };
        for (at, line) in lines.iter().enumerate() {
            match line {
                Some(JournalLine::Signal(alert)) => drop(newest.alerts.insert(kind(alert), at)),
                Some(JournalLine::Labelled(labels)) => drop(newest.labels.insert(&labels.run, at)),
                Some(JournalLine::Decision(decision)) => match &**decision {
                    Decision::Stands(_) => newest.stands = Some(at),
                    other => drop(newest.decided.insert(other.advice())),
                },
                _ => {}
            }
        }
        newest
    }

    fn stay(&self, at: usize, line: &JournalLine) -> Stay {
        let last = match line {
            JournalLine::Signal(alert) => self.alerts.get(&kind(alert)) == Some(&at),
            JournalLine::Labelled(labels) if self.labels.get(&*labels.run) != Some(&at) => return Stay::Superseded,
            JournalLine::Labelled(_) => true,
            JournalLine::Decision(decision) => match &**decision {
                Decision::Stands(advice) => self.stands == Some(at) || self.decided.contains(&*advice.id),
                _ => true,
            },
            _ => false,
        };
        if last { Stay::Always } else { Stay::Since(line.at()) }
    }
}

/// What is said of alerts later stays as long as one of them does.
fn end_with_their_alerts(lines: &[Option<JournalLine>], stays: &mut [Stay]) {
    let alerts: BTreeMap<u64, Stay> = lines
        .iter()
        .zip(stays.iter())
        .filter_map(|(line, stay)| match line {
            Some(JournalLine::Signal(alert)) => Some((alert.id, *stay)),
            _ => None,
        })
        .collect();
    for (line, stay) in lines.iter().zip(stays) {
        let ids = match line {
            Some(JournalLine::Over { id, .. }) => std::slice::from_ref(id),
            Some(JournalLine::Acknowledged { ids, .. }) => ids.as_slice(),
            _ => continue,
        };
        let of = ids.iter().filter_map(|id| alerts.get(id));
        *stay = of.fold(Stay::Superseded, |longest, stay| match (longest, *stay) {
            (Stay::Since(a), Stay::Since(b)) => Stay::Since(a.max(b)),
            (Stay::Always, _) | (_, Stay::Always) => Stay::Always,
            (Stay::Superseded, other) | (other, Stay::Superseded) => other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAY: f64 = 86_400.0;

    fn forecast(run: &str, at: f64) -> Value {
        json!({"forecast": {"run": run, "metric": "loss", "law": "pooled", "at": at, "seen": 0.5, "value": 2.0,
            "low": 1.9, "high": 2.1, "widened": 1.0, "shown": true}})
    }

    fn alert(id: u64, run: &str, kind: &str, at: f64) -> Value {
        json!({"signal": {"id": id, "at": at, "kind": kind, "run": run, "metric": "", "severity": "warning", "step": 1,
            "evidence": ""}})
    }

    fn all_are_lines(entries: &[Value]) {
        for entry in entries {
            if entry.get("of_a_later_version").is_none() {
                serde_json::from_value::<JournalLine>(entry.clone()).unwrap_or_else(|e| panic!("{e}: {entry}"));
            }
        }
    }

    #[test]
    fn what_can_matter_stays_however_old_and_the_rest_goes_with_age() {
        let entries = [
            json!({"of_a_later_version": {"at": 1.0}}),
            forecast("a", DAY),
            json!({"ended": {"run": "a", "metric": "loss", "truth": 2.0, "at": 2.0 * DAY}}),
            alert(1, "a", "stalled", DAY),
            json!({"over": {"id": 1, "at": 2.0 * DAY}}),
            alert(2, "a", "stalled", 3.0 * DAY),
            json!({"acknowledged": {"ids": [1, 2], "at": 3.0 * DAY}}),
            json!({"over": {"id": 77, "at": 3.0 * DAY}}),
            json!({"labelled": {"run": "a", "tags": ["x"], "at": 1.0}}),
            json!({"labelled": {"run": "a", "tags": ["y"], "at": 2.0}}),
            forecast("b", 399.0 * DAY),
        ];
        all_are_lines(&entries);
        let old = kept(&entries, 400.0 * DAY, 365.0 * DAY);
        assert_eq!(old, [true, false, false, false, false, true, true, false, false, true, true]);
        let young = kept(&entries, 4.0 * DAY, 365.0 * DAY);
        assert_eq!(young, [true, true, true, true, true, true, true, false, false, true, true]);
    }

    #[test]
    fn of_too_many_the_newest_stay() {
        let mut entries: Vec<Value> = (0..MOST).map(|n| forecast(&format!("r{n}"), n as f64)).collect();
        entries.push(json!({"labelled": {"run": "a", "tags": ["x"], "at": 0.0}}));
        let stays = kept(&entries, DAY, 365.0 * DAY);
        assert_eq!(stays.iter().filter(|stays| **stays).count(), LEFT);
        assert!(stays[MOST] && stays[MOST - 1] && !stays[0]);
        entries.truncate(MOST);
        assert!(kept(&entries, DAY, 365.0 * DAY).iter().all(|stays| *stays), "not one too many");
    }
}
