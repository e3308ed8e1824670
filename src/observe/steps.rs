//! Optimiser steps of a run's points.
//!
//! W&B counts the calls of `log` where a script does not give it the step, as the callbacks of Hugging Face's trainer and
//! Lightning, nanoGPT and nanochat do not: they log the step as one more metric. Points then have the step of the log, and
//! that metric tells which step of the optimiser it was. Which one it is the run says (`define_metric`), or its name does.

use crate::vocab::Metrics;
use crate::vocab::step_metric::{counts_steps, entries};
use std::sync::Arc;

/// The name under which W&B keeps its own count.
const OWN: &str = "_step";
/// Names under which the optimiser step is logged as a metric, the surest first.
const COUNTERS: [&str; 9] = [
    "step",
    "global_step",
    "trainer/global_step",
    "train/global_step",
    "iteration",
    "iter",
    "iter_num",
    "train_step",
    "training_step",
];

/// Place of the metric that counts the optimiser's steps, where the log's own steps are W&B's count and others. Every other
/// log says by name what its steps are. `stated`: the run's [`crate::vocab::FactName::StepMetric`].
#[must_use]
pub fn step_counter(metrics: &Metrics, stated: Option<&str>) -> Option<usize> {
    let place = |name: &str| metrics.place(name).ok();
    let counts_otherwise = |place: &usize| {
        let newest = &metrics[*place].1;
        whole(newest.last).is_some_and(|step| step != newest.last_step)
    };
    if counts_otherwise(&place(OWN)?) {
        return None;
    }
    let stated = stated.into_iter().flat_map(entries).map(|(_, over)| over).filter(|over| counts_steps(over));
    stated.chain(COUNTERS).find_map(place).filter(counts_otherwise)
}

/// A number of steps.
fn whole(value: f64) -> Option<i64> {
    // Beyond 2^53, not every integer is a float.
    ((0.0..9e15).contains(&value) && value.fract() == 0.0).then_some(value as i64)
}

/// The optimiser step at each step of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimiserSteps {
    counter: Arc<str>,
    /// Steps of the log, ascending, and of the optimiser; between two it goes evenly.
    known: Vec<(i64, i64)>,
}

impl OptimiserSteps {
    /// From the points of a counter, (step of the log, value), ascending. `None` where it is no count of the optimiser's
    /// steps: not of whole numbers, or one that starts anew (with every epoch, say). That it goes back to where training
    /// was resumed is no such thing.
    #[must_use]
    pub fn of(counter: &Arc<str>, points: &[(i64, f64)]) -> Option<Self> {
        let mut known: Vec<(i64, i64)> = Vec::new();
        for &(log, value) in points {
            let step = whole(value)?;
            let (first, last) = (known.first().copied(), known.last().copied());
            if let (Some(first), Some(last)) = (first, last)
                && step < last.1
                && step <= first.1
            {
                return None;
            }
            if let [.., a, b] = known[..]
                && on_a_line(a, b, (log, step))
            {
                known.pop();
            }
            known.push((log, step));
        }
        known.shrink_to_fit();
        (!known.is_empty()).then(|| Self { counter: Arc::clone(counter), known })
    }

    /// The metric that says so.
    #[must_use]
    pub fn counter(&self) -> &Arc<str> {
        &self.counter
    }

    /// The optimiser step at a step of the log. Before the first and after the last that is known, it goes on as there.
    #[must_use]
    pub fn at(&self, log: i64) -> i64 {
        let next = self.known.partition_point(|known| known.0 < log);
        if let Some(exact) = self.known.get(next).filter(|known| known.0 == log) {
            return exact.1;
        }
        let last = self.known.len() - 1;
        if last == 0 {
            return self.known[0].1.saturating_add(log - self.known[0].0).max(0);
        }
        let before = next.clamp(1, last) - 1;
        let (a, b) = (self.known[before], self.known[before + 1]);
        // Where training was resumed in between, what was logged before still belongs to the time before.
        let rise = (b.1 - a.1).max(0) as f64 / (b.0 - a.0) as f64;
        let from = if next > last { b } else { a };
        (from.1 as f64 + rise * (log - from.0) as f64).round().max(0.0) as i64
    }

    /// Points at the optimiser's steps: of those at one step the last, and none that a resumed run has abandoned.
    #[must_use]
    pub fn apply(&self, points: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let mut kept: Vec<(i64, f64)> = Vec::with_capacity(points.len());
        for &(log, value) in points {
            let step = self.at(log);
            kept.truncate(kept.partition_point(|(before, _)| *before < step));
            kept.push((step, value));
        }
        kept
    }
}

/// Whether `b` is where it would be expected from `a` and `c` alone.
fn on_a_line(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> bool {
    let rise = |from: (i64, i64), to: (i64, i64)| {
        (i128::from(to.1) - i128::from(from.1), i128::from(to.0) - i128::from(from.0))
    };
    let ((up, over), (up_next, over_next)) = (rise(a, b), rise(b, c));
    up >= 0 && up_next >= 0 && up * over_next == up_next * over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::MetricView;
    use crate::vocab::number::NotFinite;
    use proptest::prelude::*;

    fn of(points: &[(i64, f64)]) -> Option<OptimiserSteps> {
        OptimiserSteps::of(&"step".into(), points)
    }

    fn metric(last_step: i64, last: f64) -> MetricView {
        MetricView { points: 5, segments: 1, last_step, last, status: NotFinite::of(last) }
    }

    #[test]
    fn a_counter_is_found_where_it_says_anything_new() {
        for (metrics, expected) in [
            (&[("_step", 50, 50.0), ("loss", 49, 2.5), ("train/global_step", 49, 490.0)][..], Some(2)),
            (&[("_step", 3, 3.0), ("iter", 3, 750.0), ("val/loss", 3, 2.5)], Some(1)),
            (&[("_step", 490, 490.0), ("loss", 490, 2.5), ("step", 490, 490.0)], None),
            // The surest is believed, whatever the others count.
            (&[("_step", 490, 490.0), ("iter", 490, 3.0), ("step", 490, 490.0)], None),
            (&[("_step", 49, 49.0), ("loss", 49, 2.5), ("step", 49, 0.25)], None),
            (&[("_step", 49, 49.0), ("loss", 49, 2.5), ("step", 49, f64::NAN)], None),
            (&[("_step", 49, 49.0), ("loss", 49, 2.5)], None),
            // No count of W&B's: the step of this log has a name.
            (&[("iter", 49, 196.0), ("loss", 49, 2.5)], None),
            (&[("_step", 490, 49.0), ("iter", 490, 196.0), ("loss", 490, 2.5)], None),
        ] {
            let metrics: Metrics =
                metrics.iter().map(|(key, step, last)| ((*key).into(), metric(*step, *last))).collect();
            assert_eq!(step_counter(&metrics, None), expected, "{metrics:?}");
        }
        // What the run itself says is surer than any name, where it counts steps and was logged.
        let metrics = ["_step", "epoch", "global_step", "opt/steps"];
        let last = [49.0, 3.0, 480.0, 490.0];
        let metrics: Metrics = metrics.iter().zip(last).map(|(key, last)| ((*key).into(), metric(49, last))).collect();
        for (stated, expected) in
            [("*: opt/steps, val/*: epoch", 3), ("val/*: epoch", 2), ("opt/steps", 3), ("my/steps", 2)]
        {
            assert_eq!(step_counter(&metrics, Some(stated)), Some(expected), "{stated}");
        }
    }

    #[test]
    fn points_get_the_steps_that_were_logged_beside_them() {
        // Training every ten steps, and an evaluation at step 20 that is a call of its own.
        let steps = of(&[(0, 10.0), (1, 20.0), (2, 20.0), (3, 30.0), (4, 40.0), (6, 60.0)]).unwrap();
        assert_eq!((0..8).map(|log| steps.at(log)).collect::<Vec<_>>(), [10, 20, 20, 30, 40, 50, 60, 70]);
        assert_eq!(steps.apply(&[(1, 3.0), (2, 2.9), (4, 2.0)]), [(20, 2.9), (40, 2.0)]);
        let one = of(&[(3, 500.0)]).unwrap();
        assert_eq!([one.at(3), one.at(5), one.at(0)], [500, 502, 497]);
    }

    #[test]
    fn a_resumed_run_goes_back_and_another_epoch_is_no_count() {
        let steps = of(&[(0, 100.0), (1, 200.0), (2, 300.0), (3, 200.0), (4, 300.0)]).unwrap();
        let points: Vec<(i64, f64)> = (0..5).map(|log| (log, log as f64)).collect();
        assert_eq!(steps.apply(&points), [(100, 0.0), (200, 3.0), (300, 4.0)]);
        for counter in
            [&[(0, 0.0), (1, 10.0), (2, 0.0), (3, 10.0)][..], &[(0, 1.5)], &[(0, -1.0)], &[(0, f64::NAN)], &[]]
        {
            assert_eq!(of(counter), None, "{counter:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_logged_is_found_again(gaps in prop::collection::vec((1i64..4, 0i64..3), 1..60)) {
            let mut at = (0, 7);
            let counter: Vec<(i64, f64)> = gaps
                .iter()
                .map(|(over, up)| {
                    at = (at.0 + over, at.1 + 10 * up);
                    (at.0, at.1 as f64)
                })
                .collect();
            let steps = of(&counter).unwrap();
            for (log, step) in &counter {
                prop_assert_eq!(steps.at(*log), *step as i64);
            }
            let all: Vec<i64> = (-5..200).map(|log| steps.at(log)).collect();
            prop_assert!(all.is_sorted(), "{:?}", all);
        }
    }
}
