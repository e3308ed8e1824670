//! Ledger: every forecast is recorded when it is made, and graded when the final loss is known.
//!
//! Pure: what is kept where is the caller's business. Errors and intervals are taken in ln loss, so that a nat of a
//! large loss and one of a small loss weigh by what they are a part of.

use super::spread::{quantile, sorted};
pub use crate::vocab::ledger::{Calibration, Entry, Grade, Scored, TARGET, TargetPoint};
use std::collections::{BTreeMap, BTreeSet};

/// Forecasts of one run, metric and law are kept once per this part of the run.
const EVERY: f64 = 0.05;
/// Parts of a run by which grades are told apart.
const PARTS: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0];
/// A forecast of the target is news where it has moved by this part of half its interval, …
const MOVED: f64 = 0.25;
/// … or after so many seconds.
const DAILY: f64 = 86_400.0;
/// Scored runs of a law before its intervals are touched.
const LEAST: usize = 10;
/// Scored runs at which half of what the scores ask for is done.
const SHRINK: f64 = 20.0;

impl Entry {
    /// Grades the forecast; `None` where it or the truth is not a positive number.
    #[must_use]
    pub fn score(&self, truth: f64) -> Option<Scored> {
        if ![self.value, self.low, self.high, truth].into_iter().all(is_loss) {
            return None;
        }
        let (low, high, y) = (self.low.ln(), self.high.ln(), truth.ln());
        let outside = (low - y).max(y - high).max(0.0);
        Some(Scored {
            truth,
            error: self.value / truth - 1.0,
            interval_score: high - low + 20.0 * outside,
            covered: outside == 0.0,
            entry: self.clone(),
        })
    }

    /// |ln error| over half the width of the interval on that side, as it was before it was recalibrated: 1 at its edge.
    fn reach(&self, truth: f64) -> f64 {
        let (value, y) = (self.value.ln(), truth.ln());
        let half = if y < value { value - self.low.ln() } else { self.high.ln() - value };
        (y - value).abs() / (half / self.widened).max(1e-12)
    }

    fn stretch(&self) -> i64 {
        (self.seen / EVERY + 1e-9).floor() as i64
    }
}

fn is_loss(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

/// Forecasts that wait for the truth, and those that have met it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// By run and metric; a few dozen each.
    open: BTreeMap<(String, String), Vec<Entry>>,
    /// How many these are: asked for with every line of a log.
    waiting: usize,
    scored: Vec<Scored>,
}

impl Ledger {
    /// Waiting, by run and metric.
    pub fn open(&self) -> impl Iterator<Item = &Entry> {
        self.open.values().flatten()
    }

    /// How many are waiting.
    #[must_use]
    pub fn waiting_in_all(&self) -> usize {
        self.waiting
    }

    /// Those of one run and metric, oldest first.
    #[must_use]
    pub fn waiting(&self, run: &str, metric: &str) -> &[Entry] {
        self.open.get(&(run.to_owned(), metric.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Graded, oldest first.
    #[must_use]
    pub fn scored(&self) -> &[Scored] {
        &self.scored
    }

    /// Writes a forecast down, unless it is no news: one of the same run, metric and law is kept for about the same part
    /// of the run, the one of the same target says about the same, or it is not a number. Says whether it was kept.
    pub fn offer(&mut self, entry: Entry) -> bool {
        let usable = [entry.value, entry.low, entry.high, entry.widened].into_iter().all(is_loss);
        if !usable {
            return false;
        }
        let kept = self.open.entry((entry.run.clone(), entry.metric.clone())).or_default();
        let same_law = kept.iter().rev().filter(|e| e.law == entry.law);
        let news = match &entry.place {
            None => !same_law.into_iter().any(|e| e.stretch() == entry.stretch()),
            Some(place) => {
                let mut of_target = same_law.filter(|e| e.place.as_ref().is_some_and(|p| p.is_like(place)));
                of_target.next().is_none_or(|last| {
                    let half = (last.high / last.low).ln() / 2.0;
                    (entry.value / last.value).ln().abs() > (MOVED * half).max(1e-3) || entry.at - last.at > DAILY
                })
            }
        };
        if news {
            kept.push(entry);
            self.waiting += 1;
        }
        news
    }

    /// Whether forecasts of a metric at a target like `place` wait.
    #[must_use]
    pub fn waits_at(&self, place: &TargetPoint, metric: &str) -> bool {
        self.waiting(TARGET, metric).iter().any(|e| e.place.as_ref().is_some_and(|p| p.is_like(place)))
    }

    /// The run is over: grades its forecasts of a metric and returns how many. With a `place`, those of targets like it.
    pub fn settle(&mut self, run: &str, metric: &str, place: Option<&TargetPoint>, truth: f64) -> usize {
        let key = (if place.is_some() { TARGET } else { run }.to_owned(), metric.to_owned());
        let Some(open) = self.open.remove(&key) else { return 0 };
        let (due, left): (Vec<Entry>, Vec<Entry>) = open.into_iter().partition(|e| match (place, &e.place) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is_like(b),
            _ => false,
        });
        self.waiting -= due.len();
        if !left.is_empty() {
            self.open.insert(key, left);
        }
        let graded: Vec<Scored> = due.iter().filter_map(|e| e.score(truth)).collect();
        let count = graded.len();
        self.scored.extend(graded);
        count
    }

    /// Grades by metric, law and part of the run seen, and over all of each (`*`; for laws: what was on screen).
    #[must_use]
    pub fn grades(&self) -> Vec<Grade> {
        let mut groups: BTreeMap<(bool, &str, &str, usize), Vec<&Scored>> = BTreeMap::new();
        for scored in &self.scored {
            let entry = &scored.entry;
            let target = entry.place.is_some();
            let part = PARTS.partition_point(|p| *p <= entry.seen + 1e-9).clamp(1, PARTS.len() - 1);
            let parts = if target { vec![ALL_PARTS] } else { vec![part, ALL_PARTS] };
            let laws = [Some(entry.law.as_str()), entry.shown.then_some("*")];
            for (metric, law) in
                ["*", &entry.metric].into_iter().flat_map(|m| laws.iter().flatten().map(move |l| (m, *l)))
            {
                for part in &parts {
                    groups.entry((target, metric, law, *part)).or_default().push(scored);
                }
            }
        }
        groups.into_iter().map(|(key, of)| grade(key, &of)).collect()
    }

    /// What the scores ask of the intervals of each law that has enough of them: at least [`LEAST`].
    #[must_use]
    pub fn calibration(&self) -> Vec<Calibration> {
        let laws: BTreeSet<&str> =
            self.scored.iter().filter(|s| s.entry.place.is_none()).map(|s| s.entry.law.as_str()).collect();
        let of = |law: &str| Some(Calibration { law: law.to_owned(), factor: self.asked(law)? });
        laws.into_iter().filter_map(of).collect()
    }

    /// What the ln half-width of a law's next intervals should be multiplied by, so that nine in ten hold the truth: the
    /// conformal quantile of how far past truths reached, each run and metric counted once (its forecasts share their
    /// fate), drawn towards 1 while there are few. 1 below [`LEAST`] of them.
    #[must_use]
    pub fn recalibration(&self, law: &str) -> f64 {
        self.asked(law).unwrap_or(1.0)
    }

    fn asked(&self, law: &str) -> Option<f64> {
        let mut by_run: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for s in self.scored.iter().filter(|s| s.entry.law == law && s.entry.place.is_none()) {
            by_run.entry((&s.entry.run, &s.entry.metric)).or_default().push(s.entry.reach(s.truth));
        }
        let n = by_run.len();
        if n < LEAST {
            return None;
        }
        // One level for each run: the median over its forecasts would hide the worst, the worst would shout.
        let all: Vec<f64> = by_run.values().flatten().copied().filter(|r| r.is_finite()).collect();
        let asked = quantile(&sorted(all), (0.9 * (1.0 + 1.0 / n as f64)).min(1.0));
        let trust = n as f64 / (n as f64 + SHRINK);
        Some(if asked.is_finite() && asked > 0.0 { (trust * asked.ln()).exp().clamp(0.5, 4.0) } else { 1.0 })
    }
}

/// In the place of the index of a part: all of them. Sorts last.
const ALL_PARTS: usize = usize::MAX;

fn grade((target, metric, law, part): (bool, &str, &str, usize), of: &[&Scored]) -> Grade {
    let mean = |f: fn(&Scored) -> f64| of.iter().map(|s| f(s)).sum::<f64>() / of.len() as f64;
    Grade {
        target,
        metric: metric.to_owned(),
        law: law.to_owned(),
        seen: (part != ALL_PARTS).then(|| [PARTS[part - 1], PARTS[part]]),
        count: of.len(),
        runs: of.iter().map(|s| s.entry.run.as_str()).collect::<BTreeSet<_>>().len(),
        mre: mean(|s| s.error.abs()),
        mae: mean(|s| (s.entry.value - s.truth).abs()),
        interval_score: mean(|s| s.interval_score),
        coverage: mean(|s| f64::from(u8::from(s.covered))),
    }
}

/// The interval with its ln half-widths multiplied by `factor`.
#[must_use]
pub fn widened(value: f64, low: f64, high: f64, factor: f64) -> (f64, f64) {
    let scale = |end: f64| value * ((end / value).ln() * factor).exp();
    (scale(low), scale(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Mixture;

    fn entry(run: usize, seen: f64, value: f64) -> Entry {
        Entry {
            run: format!("run{run}"),
            metric: "loss".to_owned(),
            law: "pooled".to_owned(),
            at: 0.0,
            seen,
            value,
            low: value * 0.99,
            high: value / 0.99,
            widened: 1.0,
            shown: true,
            fit: None,
            place: None,
        }
    }

    #[test]
    fn a_forecast_is_kept_once_per_stretch_and_graded_when_the_truth_arrives() {
        let mut ledger = Ledger::default();
        assert!(ledger.offer(entry(1, 0.11, 2.0)));
        assert!(!ledger.offer(entry(1, 0.14, 2.1)), "the same stretch of the run");
        assert!(ledger.offer(entry(1, 0.26, 2.02)) && ledger.offer(entry(2, 0.26, 3.0)));
        assert!(!ledger.offer(entry(3, 0.3, f64::NAN)));
        assert!(ledger.waiting("run1", "loss").len() == 2 && ledger.waiting("run1", "other").is_empty());
        assert_eq!(ledger.settle("run1", "loss", None, 2.01), 2);
        assert!(ledger.waiting("run1", "loss").is_empty());
        let graded = ledger.scored();
        assert_eq!((graded.len(), ledger.open().count(), ledger.waiting_in_all()), (2, 1, 1));
        assert!(graded[0].covered && (graded[0].error - (2.0 / 2.01 - 1.0)).abs() < 1e-12);
        assert!((graded[0].interval_score - 2.0 * -(0.99_f64.ln())).abs() < 1e-12);
        let missed = entry(1, 0.5, 2.0).score(2.1).unwrap();
        assert!(!missed.covered && missed.interval_score > 20.0 * (2.1_f64 / 2.0 * 0.99).ln());
        assert_eq!(entry(1, 0.5, 2.0).score(f64::NAN), None);
        assert_eq!(ledger.settle("run1", "loss", None, 2.01), 0, "graded once");
    }

    #[test]
    fn grades_are_by_law_and_part_seen_and_over_all_metrics() {
        let mut ledger = Ledger::default();
        for run in 0..4 {
            ledger.offer(entry(run, 0.25, 2.0));
            ledger.offer(Entry { metric: "other".to_owned(), ..entry(run, 0.25, 2.0) });
            ledger.settle(&format!("run{run}"), "loss", None, if run == 0 { 2.2 } else { 2.0 });
            ledger.settle(&format!("run{run}"), "other", None, 2.0);
        }
        let grades = ledger.grades();
        let of = |metric: &str| grades.iter().find(|g| g.metric == metric && g.law == "pooled").unwrap();
        assert_eq!((of("*").count, of("*").runs, of("*").coverage, of("loss").coverage), (8, 4, 0.875, 0.75));
        assert_eq!(of("*").seen, Some([0.25, 0.5]));
        assert_eq!(grades.iter().filter(|g| g.law == "*" && g.metric == "*").count(), 2, "the part, and all parts");
    }

    #[test]
    fn the_target_is_written_down_when_it_moves_and_settled_by_a_run_like_it() {
        let place = |params: f64, share: f64| TargetPoint {
            params,
            tokens: 1e9,
            moe: None,
            mixture: Mixture::from_weights(&["a".into(), "b".into()], &[share, 1.0 - share]),
        };
        let target = |value, at| Entry {
            run: TARGET.to_owned(),
            place: Some(place(1e6, 0.5)),
            at,
            seen: 0.0,
            ..entry(0, 0.0, value)
        };
        let mut ledger = Ledger::default();
        assert!(
            ledger.offer(target(2.0, 0.0)) && !ledger.offer(target(2.001, 10.0)) && ledger.offer(target(2.01, 20.0))
        );
        assert!(ledger.offer(target(2.01, 20.0 + 2.0 * DAILY)), "once a day all the same");
        assert!(ledger.waits_at(&place(1.01e6, 0.5), "loss") && !ledger.waits_at(&place(1e6, 0.6), "loss"));
        assert_eq!(ledger.settle("any", "loss", Some(&place(1e6, 0.6)), 2.0), 0);
        assert_eq!(ledger.settle("any", "loss", Some(&place(1e6, 0.5)), 2.0), 3);
        assert!(ledger.grades().iter().all(|g| g.target && g.seen.is_none()));
        assert_eq!(ledger.recalibration("pooled"), 1.0);
    }

    #[test]
    fn intervals_that_miss_are_widened_and_those_too_wide_narrowed() {
        let ledger = |spread: f64, runs: usize| {
            let mut ledger = Ledger::default();
            for run in 0..runs {
                ledger.offer(entry(run, 0.25, 2.0));
                // Errors spread evenly over ± `spread` of the interval's half-width.
                let z = spread * (2.0 * (run as f64 + 0.5) / runs as f64 - 1.0);
                ledger.settle(&format!("run{run}"), "loss", None, 2.0 * (-0.99_f64.ln() * z).exp());
            }
            ledger
        };
        assert_eq!(ledger(3.0, 5).recalibration("pooled"), 1.0, "too few");
        assert!((1.9..2.75).contains(&ledger(3.0, 100).recalibration("pooled")));
        assert!((0.5..0.7).contains(&ledger(0.5, 100).recalibration("pooled")));
        assert_eq!(ledger(3.0, 100).recalibration("other"), 1.0);
        let (low, high) = widened(2.0, 1.9, 2.1, 2.0);
        assert!((low - 2.0 * 0.9025).abs() < 1e-12 && (high - 2.0 * 1.1025).abs() < 1e-12);
    }
}
