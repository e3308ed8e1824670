//! Runs that follow advice: those that have its mixture and began after it was accepted, graded once they have ended.

use super::{Advised, Decisions, apart};
use crate::vocab::{Decision, Follower, FollowerLoss, Mixture};

/// A run has the accepted mixture if the weights differ by no more in total (half of the sum of differences).
const FOLLOWS: f64 = 0.01;

/// A run that has ended, as far as a comparison with advice goes.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRun<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its mixture.
    pub mixture: &'a Mixture,
    /// N, if known.
    pub params: Option<f64>,
    /// D, if known.
    pub tokens: Option<f64>,
    /// Final values by metric key, in the unit of the log.
    pub losses: Vec<(String, f64)>,
}

impl Decisions {
    /// Says of an ended run which accepted advice it followed; nothing if none, or if that is known.
    #[must_use]
    pub fn followed(&self, run: &EndedRun<'_>, at: f64) -> Vec<Decision> {
        let follows = |one: &&Advised| {
            let accepted = one.accepted.as_ref().is_some_and(|mixture| apart(mixture, run.mixture) <= FOLLOWS);
            let known = one.followed.iter().any(|known| known.run == run.name);
            accepted && !known && !one.earlier.iter().any(|name| name == run.name)
        };
        let decide = |one: &Advised| {
            let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a / b).ln().abs() < 0.02);
            let at_target = near(run.params, one.advice.params) && near(run.tokens, one.advice.tokens);
            let losses = run.losses.iter().filter(|(_, value)| value.is_finite()).map(|(metric, value)| {
                let expected = one.advice.expected.get(metric).filter(|_| at_target);
                let loss = FollowerLoss {
                    value: *value,
                    expected: expected.map(|e| e.value),
                    covered: expected.map(|e| (e.low..=e.high).contains(value)),
                };
                (metric.clone(), loss)
            });
            let run = Follower {
                run: run.name.to_owned(),
                at,
                params: run.params,
                tokens: run.tokens,
                at_target,
                losses: losses.collect(),
            };
            Decision::Followed { advice: one.advice.id.clone(), run }
        };
        self.all.iter().filter(follows).map(decide).collect()
    }

    /// The runs of those that have the mixture of an acceptance.
    #[must_use]
    pub fn with_mixture<'r>(mixture: &Mixture, runs: impl Iterator<Item = (&'r str, &'r Mixture)>) -> Vec<String> {
        runs.filter(|(_, of)| apart(mixture, of) <= FOLLOWS).map(|(name, _)| name.to_owned()).collect()
    }
}
