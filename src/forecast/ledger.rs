//! Keeping score: every forecast is written down when it is made, and graded when the truth arrives.
//!
//! Pure: what is kept where is the caller's business. Errors and intervals are taken in ln loss, so that a nat of a
//! large loss and one of a small loss weigh by what they are a part of.

use super::spread::{quantile, sorted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Forecasts of one run, metric and law are kept once per this part of the run.
const EVERY: f64 = 0.05;
/// Scored runs of a law before its intervals are touched.
const LEAST: usize = 10;
/// Scored runs at which half of what the scores ask for is done.
const SHRINK: f64 = 20.0;

/// A forecast as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Name of the run; `target` for the target.
    pub run: String,
    /// Key of the validation loss.
    pub metric: String,
    /// Law it rests on.
    pub law: String,
    /// Seconds since 1970.
    pub at: f64,
    /// Part of the run seen, 0 to 1.
    pub seen: f64,
    /// Predicted final loss, nats.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Fit it rests on, where it rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
}

/// A forecast and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The forecast.
    #[serde(flatten)]
    pub entry: Entry,
    /// The final loss, nats.
    pub truth: f64,
    /// value / truth − 1.
    pub error: f64,
    /// Interval score (Gneiting & Raftery 2007, eq. 43; α = .1) in ln loss: width plus 20 × what the truth is outside by.
    pub interval_score: f64,
    /// Whether the truth was inside the interval.
    pub covered: bool,
}

impl Entry {
    /// Grades the forecast; `None` where it or the truth is not a positive number.
    #[must_use]
    pub fn score(&self, truth: f64) -> Option<Scored> {
        let good = |x: f64| x.is_finite() && x > 0.0;
        if ![self.value, self.low, self.high, truth].into_iter().all(good) {
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

    /// |ln error| over half the width of the interval on that side: 1 at its edge.
    fn reach(&self, truth: f64) -> f64 {
        let (value, y) = (self.value.ln(), truth.ln());
        let half = if y < value { value - self.low.ln() } else { self.high.ln() - value };
        (y - value).abs() / half.max(1e-12)
    }
}

/// Forecasts that wait for the truth, and those that have met it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Ledger {
    /// Waiting.
    pub open: Vec<Entry>,
    /// Graded, oldest first.
    pub scored: Vec<Scored>,
}

/// How a group of forecasts fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// Key of the validation loss; `*` for all.
    pub metric: String,
    /// Law.
    pub law: String,
    /// From this part of the run seen, to a tenth more.
    pub seen: f64,
    /// Forecasts graded.
    pub count: usize,
    /// Mean |value / truth − 1|.
    pub mre: f64,
    /// Mean |value − truth|, nats.
    pub mae: f64,
    /// Mean interval score, ln loss.
    pub interval_score: f64,
    /// Part of the truths that were inside their nominal 90 % interval.
    pub coverage: f64,
}

impl Ledger {
    /// Writes a forecast down, unless one of the same run, metric and law is kept for about the same part of the run, or
    /// it is not a number. Says whether it was kept.
    pub fn offer(&mut self, entry: Entry) -> bool {
        let slot = |seen: f64| (seen / EVERY).floor() as i64;
        let same = |e: &Entry| {
            (&e.run, &e.metric, &e.law) == (&entry.run, &entry.metric, &entry.law) && slot(e.seen) == slot(entry.seen)
        };
        let usable = [entry.value, entry.low, entry.high].iter().all(|x| x.is_finite() && *x > 0.0);
        let news = usable && !self.open.iter().any(same);
        if news {
            self.open.push(entry);
        }
        news
    }

    /// The run is over: grades its forecasts of a metric, and returns them.
    pub fn settle(&mut self, run: &str, metric: &str, truth: f64) -> Vec<Scored> {
        let (due, open): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(&mut self.open).into_iter().partition(|e| e.run == run && e.metric == metric);
        self.open = open;
        let graded: Vec<Scored> = due.iter().filter_map(|e| e.score(truth)).collect();
        self.scored.extend(graded.iter().cloned());
        graded
    }

    /// Grades by law and tenth of the run seen, per metric and over all metrics (`*`).
    #[must_use]
    pub fn grades(&self) -> Vec<Grade> {
        let mut groups: BTreeMap<(String, String, i64), Vec<&Scored>> = BTreeMap::new();
        for scored in &self.scored {
            let tenth = (scored.entry.seen * 10.0 + 1e-9).floor() as i64;
            for metric in ["*", &scored.entry.metric] {
                groups.entry((metric.to_owned(), scored.entry.law.clone(), tenth)).or_default().push(scored);
            }
        }
        let grade = |((metric, law, tenth), of): ((String, String, i64), Vec<&Scored>)| {
            let mean = |f: fn(&Scored) -> f64| of.iter().map(|s| f(s)).sum::<f64>() / of.len() as f64;
            Grade {
                metric,
                law,
                seen: tenth as f64 / 10.0,
                count: of.len(),
                mre: mean(|s| s.error.abs()),
                mae: mean(|s| (s.entry.value - s.truth).abs()),
                interval_score: mean(|s| s.interval_score),
                coverage: mean(|s| f64::from(u8::from(s.covered))),
            }
        };
        groups.into_iter().map(grade).collect()
    }

    /// What the ln half-width of a law's next intervals should be multiplied by, so that nine in ten hold the truth: the
    /// conformal quantile of how far past truths reached, each run and metric counted once (its forecasts share their
    /// fate), drawn towards 1 while there are few. 1 below [`LEAST`] of them.
    #[must_use]
    pub fn recalibration(&self, law: &str) -> f64 {
        let mut by_run: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
        for s in self.scored.iter().filter(|s| s.entry.law == law) {
            by_run.entry((&s.entry.run, &s.entry.metric)).or_default().push(s.entry.reach(s.truth));
        }
        let n = by_run.len();
        if n < LEAST {
            return 1.0;
        }
        // One level for each run: the median over its forecasts would hide the worst, the worst would shout.
        let all: Vec<f64> = by_run.values().flatten().copied().filter(|r| r.is_finite()).collect();
        let asked = quantile(&sorted(all), (0.9 * (1.0 + 1.0 / n as f64)).min(1.0));
        let trust = n as f64 / (n as f64 + SHRINK);
        if asked.is_finite() && asked > 0.0 { (trust * asked.ln()).exp().clamp(0.5, 4.0) } else { 1.0 }
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
            fit: None,
        }
    }

    #[test]
    fn a_forecast_is_kept_once_per_stretch_and_graded_when_the_truth_arrives() {
        let mut ledger = Ledger::default();
        assert!(ledger.offer(entry(1, 0.11, 2.0)));
        assert!(!ledger.offer(entry(1, 0.14, 2.1)), "the same stretch of the run");
        assert!(ledger.offer(entry(1, 0.26, 2.02)) && ledger.offer(entry(2, 0.26, 3.0)));
        assert!(!ledger.offer(entry(3, 0.3, f64::NAN)));
        let graded = ledger.settle("run1", "loss", 2.01);
        assert_eq!((graded.len(), ledger.open.len(), ledger.scored.len()), (2, 1, 2));
        assert!(graded[0].covered && (graded[0].error - (2.0 / 2.01 - 1.0)).abs() < 1e-12);
        assert!((graded[0].interval_score - 2.0 * -(0.99_f64.ln())).abs() < 1e-12);
        let missed = entry(1, 0.5, 2.0).score(2.1).unwrap();
        assert!(!missed.covered && missed.interval_score > 20.0 * (2.1_f64 / 2.0 * 0.99).ln());
        assert_eq!(entry(1, 0.5, 2.0).score(f64::NAN), None);
        assert!(ledger.settle("run1", "loss", 2.01).is_empty(), "graded once");
    }

    #[test]
    fn grades_are_by_law_and_part_seen_and_over_all_metrics() {
        let mut ledger = Ledger::default();
        for run in 0..4 {
            ledger.offer(entry(run, 0.25, 2.0));
            ledger.offer(Entry { metric: "other".to_owned(), ..entry(run, 0.25, 2.0) });
            ledger.settle(&format!("run{run}"), "loss", if run == 0 { 2.2 } else { 2.0 });
            ledger.settle(&format!("run{run}"), "other", 2.0);
        }
        let grades = ledger.grades();
        let of = |metric: &str| grades.iter().find(|g| g.metric == metric).unwrap();
        assert_eq!((of("*").count, of("*").coverage, of("loss").coverage), (8, 0.875, 0.75));
        assert_eq!(of("*").seen, 0.2);
    }

    #[test]
    fn intervals_that_miss_are_widened_and_those_too_wide_narrowed() {
        let ledger = |spread: f64, runs: usize| {
            let mut ledger = Ledger::default();
            for run in 0..runs {
                ledger.offer(entry(run, 0.25, 2.0));
                // Errors spread evenly over ± `spread` of the interval's half-width.
                let z = spread * (2.0 * (run as f64 + 0.5) / runs as f64 - 1.0);
                ledger.settle(&format!("run{run}"), "loss", 2.0 * (-0.99_f64.ln() * z).exp());
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
