//! Decisions on advice: which advice stands, and what was accepted, dismissed and followed. A pure state machine that is
//! made again from the journal; each step is checked before it is journaled, so that nothing is accepted twice.

use crate::vocab::{
    Advice, AdviceState, AdviceView, AutoView, Decision, Follower, FollowerLoss, Intention, Mixture, StandingAdvice,
};

/// Two mixtures are the same advice up to so much weight that would have to move.
pub(super) const SAME: f64 = 0.005;
/// A run has the accepted mixture if the weights differ by no more in total (half of the sum of differences).
const FOLLOWS: f64 = 0.01;
/// Advice in one answer.
const MOST: usize = 200;

/// Why a step is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such advice.
    #[error("there is no advice '{0}'")]
    Unknown(String),
    /// Other advice stands by now.
    #[error("advice {asked} no longer stands; the advice now is {stands}")]
    Superseded {
        /// The id that was asked for.
        asked: String,
        /// The id of the advice that stands.
        stands: String,
    },
    /// It was accepted before.
    #[error("advice {0} is accepted already")]
    Accepted(String),
    /// Another acceptance has begun.
    #[error("advice {0} is being accepted")]
    Busy(String),
    /// It is not applied without anybody asking, and why.
    #[error("advice {0} is not applied automatically: {1}")]
    Held(String, String),
    /// A step of an acceptance that has not begun, or is over.
    #[error("advice {0} is not being accepted")]
    NotBegun(String),
}

/// An acceptance that has begun and is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// What it is to do.
    pub intention: Intention,
    /// Whether the hook agreed, or there is none.
    pub agreed: bool,
}

/// A piece of advice with its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    /// As it was last recorded.
    pub advice: StandingAdvice,
    /// Since when it has been advised, without other advice between.
    pub since: f64,
    /// What was decided of it.
    pub state: AdviceState,
    /// When.
    pub decided_at: Option<f64>,
    /// Why it was dismissed, or why it could not be accepted.
    pub why: Option<String>,
    /// The weights that were written when it was accepted.
    pub accepted: Option<Mixture>,
    /// Whether nobody was asked when it was accepted.
    pub automatic: bool,
    /// When it was applied last, or an interrupted attempt may have taken effect.
    pub applied: Option<f64>,
    /// When an attempt to accept it failed last, and it was not accepted since.
    pub failed: Option<f64>,
    /// Runs with that mixture that were there before.
    earlier: Vec<String>,
    /// Runs that followed it.
    pub followed: Vec<Follower>,
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decisions {
    /// In the order in which they last began to stand.
    all: Vec<Advised>,
    pending: Option<Pending>,
}

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
    /// The advice that stands; `None` before the first.
    #[must_use]
    pub fn standing(&self) -> Option<&Advised> {
        self.all.last()
    }

    /// The advice that other advice has to beat beyond the noise: what stands, unless the user does not want it.
    #[must_use]
    pub fn holds(&self) -> Option<&StandingAdvice> {
        self.standing().filter(|one| one.state != AdviceState::Dismissed).map(|one| &one.advice)
    }

    /// Whether any advice was accepted.
    #[must_use]
    pub fn has_accepted(&self) -> bool {
        self.all.iter().any(|one| one.accepted.is_some())
    }

    /// The advice that was applied last, and when (seconds since 1970).
    #[must_use]
    pub fn last_applied(&self) -> Option<(&Advised, f64)> {
        let applied = self.all.iter().filter_map(|one| Some((one, one.applied?)));
        applied.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// All advice, in the order in which it last began to stand.
    #[must_use]
    pub fn all(&self) -> &[Advised] {
        &self.all
    }

    /// An acceptance that has begun and is not over.
    #[must_use]
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The advice of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Advised> {
        self.all.iter().find(|one| one.advice.id == id)
    }

    /// Whether advice that was just worked out is other advice than what stands, or answers another question.
    #[must_use]
    pub fn is_news(&self, advice: &StandingAdvice) -> bool {
        let numbers = [advice.params, advice.tokens, advice.gain, advice.p_better, advice.at];
        let usable = numbers.into_iter().chain(advice.mixture.0.values().copied()).all(f64::is_finite);
        let known = |one: &Advised| one.advice.id == advice.id && one.advice.question == advice.question;
        usable && !self.standing().is_some_and(known)
    }

    /// Whether a step is possible now.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, step: &Decision) -> Result<(), Refusal> {
        let id = step.advice();
        let found = self.find(id).ok_or_else(|| Refusal::Unknown(id.to_owned()));
        match step {
            Decision::Stands(_) => Ok(()),
            Decision::Intended(intention) => {
                if let Some(pending) = &self.pending {
                    return Err(Refusal::Busy(pending.intention.advice.clone()));
                }
                let found = found?;
                if let Some(stands) = self.standing().filter(|stands| stands.advice.id != id) {
                    return Err(Refusal::Superseded { asked: id.to_owned(), stands: stands.advice.id.clone() });
                }
                match found.state {
                    AdviceState::Accepted if !intention.again => Err(Refusal::Accepted(id.to_owned())),
                    _ => Ok(()),
                }
            }
            Decision::Agreed { .. } | Decision::Withdrawn { .. } | Decision::Accepted { .. } => {
                let begun = self.pending.as_ref().is_some_and(|pending| {
                    let agreed = pending.agreed || !matches!(step, Decision::Accepted { .. });
                    pending.intention.advice == id && agreed
                });
                if begun { Ok(()) } else { Err(Refusal::NotBegun(id.to_owned())) }
            }
            Decision::Dismissed { .. } => match &self.pending {
                Some(pending) if pending.intention.advice == id => Err(Refusal::Busy(id.to_owned())),
                _ => found.map(drop),
            },
            Decision::Followed { .. } => found.map(drop),
        }
    }

    /// Takes a step that [`Decisions::check`] allows, or one from the journal.
    pub fn take(&mut self, step: &Decision) {
        match step {
            Decision::Stands(advice) => return self.stand(advice.clone()),
            Decision::Intended(intention) => {
                self.pending = Some(Pending { intention: intention.clone(), agreed: !intention.hook });
                return;
            }
            Decision::Agreed { .. } => {
                self.pending.iter_mut().for_each(|pending| pending.agreed = true);
                return;
            }
            _ => {}
        }
        let over = matches!(step, Decision::Withdrawn { .. } | Decision::Accepted { .. });
        let pending = if over { self.pending.take() } else { None };
        let Some(one) = self.all.iter_mut().find(|one| one.advice.id == step.advice()) else { return };
        match step {
            Decision::Withdrawn { why, at, interrupted, .. } => {
                (one.why, one.failed) = (Some(why.clone()), Some(*at));
                one.applied = if *interrupted { Some(*at) } else { one.applied };
            }
            Decision::Accepted { at, earlier, .. } => {
                (one.state, one.decided_at, one.why) = (AdviceState::Accepted, Some(*at), None);
                (one.applied, one.failed) = (Some(*at), None);
                one.automatic = pending.as_ref().is_some_and(|pending| pending.intention.auto);
                one.accepted = Some(pending.map_or_else(|| one.advice.mixture.clone(), |p| p.intention.mixture));
                one.earlier.clone_from(earlier);
            }
            Decision::Dismissed { at, why, .. } => {
                (one.state, one.decided_at) = (AdviceState::Dismissed, Some(*at));
                one.why = (!why.is_empty()).then(|| why.clone());
            }
            Decision::Followed { run, .. } => one.followed.push(run.clone()),
            Decision::Stands(_) | Decision::Intended(_) | Decision::Agreed { .. } => {}
        }
    }

    fn stand(&mut self, advice: StandingAdvice) {
        let goes_on = self.standing().filter(|before| apart(&before.advice.mixture, &advice.mixture) <= SAME);
        let since = goes_on.map_or(advice.at, |before| before.since);
        match self.all.iter().position(|one| one.advice.id == advice.id) {
            Some(place) => {
                let known = self.all.remove(place);
                self.all.push(Advised { advice, since, ..known });
            }
            None => self.all.push(Advised {
                advice,
                since,
                state: AdviceState::Open,
                decided_at: None,
                why: None,
                accepted: None,
                automatic: false,
                applied: None,
                failed: None,
                earlier: Vec::new(),
                followed: Vec::new(),
            }),
        }
    }

    /// How an acceptance ends whose process is gone. `there`: the weights that the file has now; `None` if it cannot be
    /// read. `at`: now.
    #[must_use]
    pub fn resolve(pending: &Pending, there: Option<&Mixture>, at: f64) -> Decision {
        let Pending { intention, agreed } = pending;
        let advice = intention.advice.clone();
        let interrupted = intention.hook;
        let withdrawn =
            |why: &str| Decision::Withdrawn { advice: advice.clone(), at, why: why.to_owned(), interrupted };
        let written = there.is_some_and(|there| apart(there, &intention.mixture) < 1e-5);
        match (agreed, &intention.file) {
            (false, _) => withdrawn(
                "It was interrupted while the hook ran, which may have taken effect. Nothing was written after it.",
            ),
            (true, None) => Decision::Accepted { advice, at, earlier: Vec::new() },
            (true, Some(_)) if written => Decision::Accepted { advice, at, earlier: Vec::new() },
            (true, Some(_)) => withdrawn("It was interrupted before the file was written. The file is as it was."),
        }
    }

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

    /// The advice with since when it stands, what was decided of it, and whether it is applied without anybody asking.
    #[must_use]
    pub fn tell(&self, mut advice: Advice, auto: Option<&AutoView>) -> Advice {
        let Advice::Recommendation(recommendation) = &mut advice else { return advice };
        recommendation.auto = auto.cloned().map(Box::new);
        if let Some(one) = self.find(&recommendation.id) {
            recommendation.since = Some(one.since);
            recommendation.decided = Some(one.state).filter(|state| *state != AdviceState::Open);
        }
        advice
    }

    /// All advice, newest first.
    #[must_use]
    pub fn views(&self) -> Vec<AdviceView> {
        let newest = self.all.len().saturating_sub(1);
        let view = |(place, one): (usize, &Advised)| AdviceView {
            id: one.advice.id.clone(),
            stands: place == newest,
            since: one.since,
            state: one.state,
            decided_at: one.decided_at,
            automatic: one.automatic && one.state == AdviceState::Accepted,
            why: one.why.clone(),
            mixture: one.advice.mixture.clone(),
            current: one.advice.current.clone(),
            p_better: one.advice.p_better,
            gain: one.advice.gain,
            followed: one.followed.clone(),
        };
        self.all.iter().enumerate().rev().take(MOST).map(view).collect()
    }
}

/// Weight that has to move to get from one mixture to the other.
pub(super) fn apart(a: &Mixture, b: &Mixture) -> f64 {
    let domains = a.0.keys().chain(b.0.keys().filter(|domain| !a.0.contains_key(*domain)));
    domains.map(|domain| (a.weight(domain) - b.weight(domain)).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{Expected, Measure};
    use std::collections::BTreeMap;

    fn mixture(rust: f64) -> Mixture {
        Mixture(BTreeMap::from([("prose".to_owned(), 1.0 - rust), ("rust".to_owned(), rust)]))
    }

    fn stands(id: &str, rust: f64, at: f64) -> Decision {
        let expected = Expected { value: 2.0, low: 1.9, high: 2.1, now: 2.2, limit: None, measure: Measure::default() };
        Decision::Stands(StandingAdvice {
            id: id.to_owned(),
            at,
            question: "q".to_owned(),
            mixture: mixture(rust),
            current: mixture(0.2),
            params: 1e9,
            tokens: 2e10,
            expected: BTreeMap::from([("rust/loss".to_owned(), expected)]),
            p_better: 0.9,
            gain: 0.1,
        })
    }

    fn intended(id: &str, file: bool, hook: bool, again: bool) -> Decision {
        Decision::Intended(Intention {
            advice: id.to_owned(),
            at: 5.0,
            mixture: mixture(0.7),
            file: file.then(|| "train.yaml".to_owned()),
            key: file.then(|| "mixture".to_owned()),
            hook,
            again,
            auto: false,
        })
    }

    fn accepted(id: &str) -> Decision {
        Decision::Accepted { advice: id.to_owned(), at: 6.0, earlier: vec!["old".to_owned()] }
    }

    fn agreed(id: &str) -> Decision {
        Decision::Agreed { advice: id.to_owned(), at: 5.5 }
    }

    fn after(steps: &[Decision]) -> Decisions {
        let mut decisions = Decisions::default();
        for step in steps {
            assert_eq!(decisions.check(step), Ok(()), "{step:?}");
            decisions.take(step);
        }
        decisions
    }

    #[test]
    fn only_standing_advice_is_accepted_and_only_once() {
        let decisions = after(&[stands("a", 0.7, 1.0), stands("b", 0.6, 2.0)]);
        let superseded = Refusal::Superseded { asked: "a".to_owned(), stands: "b".to_owned() };
        assert_eq!(decisions.check(&intended("a", true, false, false)), Err(superseded));
        assert_eq!(decisions.check(&intended("c", true, false, false)), Err(Refusal::Unknown("c".to_owned())));
        assert_eq!(decisions.check(&accepted("b")), Err(Refusal::NotBegun("b".to_owned())));
        let begun = after(&[stands("b", 0.6, 2.0), intended("b", true, true, false)]);
        assert_eq!(begun.check(&intended("b", true, true, false)), Err(Refusal::Busy("b".to_owned())));
        assert_eq!(begun.check(&accepted("b")), Err(Refusal::NotBegun("b".to_owned())), "the hook was not heard");
        let done = after(&[stands("b", 0.6, 2.0), intended("b", true, true, false), agreed("b"), accepted("b")]);
        assert_eq!(done.check(&intended("b", true, true, false)), Err(Refusal::Accepted("b".to_owned())));
        assert_eq!(done.check(&intended("b", true, true, true)), Ok(()));
        assert_eq!(done.check(&accepted("b")), Err(Refusal::NotBegun("b".to_owned())), "nothing ends twice");
        assert_eq!((done.views()[0].state, done.pending()), (AdviceState::Accepted, None));
    }

    #[test]
    fn an_interrupted_acceptance_ends_by_what_the_file_says() {
        let pending = |file, hook, agree: bool| {
            let mut decisions = after(&[stands("a", 0.7, 1.0), intended("a", file, hook, false)]);
            if agree {
                decisions.take(&agreed("a"));
            }
            decisions.pending().unwrap().clone()
        };
        let ends = |pending: &Pending, there: Option<f64>| {
            let step = Decisions::resolve(pending, there.map(mixture).as_ref(), 9.0);
            let mut decisions = Decisions { pending: Some(pending.clone()), ..after(&[stands("a", 0.7, 1.0)]) };
            assert_eq!(decisions.check(&step), Ok(()));
            decisions.take(&step);
            assert_eq!(decisions.pending(), None);
            decisions.views()[0].state == AdviceState::Accepted
        };
        assert!(ends(&pending(true, false, false), Some(0.7)));
        assert!(!ends(&pending(true, false, false), Some(0.2)), "not written yet");
        assert!(!ends(&pending(true, false, false), None), "the file is gone");
        assert!(!ends(&pending(true, true, false), Some(0.2)), "the hook was not heard");
        assert!(ends(&pending(true, true, true), Some(0.7)));
        assert!(!ends(&pending(true, true, true), Some(0.2)));
        assert!(ends(&pending(false, true, true), None));
        assert!(ends(&pending(false, false, false), None));
    }

    #[test]
    fn advice_stands_since_its_mixture_does() {
        let decisions = after(&[stands("a", 0.5, 1.0), stands("b", 0.7, 2.0), stands("c", 0.703, 3.0)]);
        assert_eq!(decisions.standing().unwrap().since, 2.0);
        let back = after(&[stands("a", 0.5, 1.0), stands("b", 0.7, 2.0), stands("a", 0.5, 4.0)]);
        assert_eq!((back.views().len(), back.views()[0].since), (2, 4.0));
        let Decision::Stands(again) = stands("a", 0.5, 9.0) else { unreachable!() };
        assert!(!back.is_news(&again));
        assert!(back.is_news(&StandingAdvice { question: "other".to_owned(), ..again.clone() }));
        assert!(!back.is_news(&StandingAdvice { id: "x".to_owned(), gain: f64::NAN, ..again }));
    }

    #[test]
    fn runs_that_follow_are_graded_once_and_earlier_ones_are_not() {
        let mut decisions = after(&[stands("a", 0.7, 1.0), intended("a", true, false, false), accepted("a")]);
        let followers = mixture(0.705);
        let run = |name, params| EndedRun {
            name,
            mixture: &followers,
            params: Some(params),
            tokens: Some(2e10),
            losses: vec![("rust/loss".to_owned(), 2.05)],
        };
        assert!(decisions.followed(&run("old", 1e9), 7.0).is_empty());
        let told = decisions.followed(&run("new", 1.01e9), 7.0);
        let Decision::Followed { run: graded, .. } = &told[0] else { panic!("{told:?}") };
        let loss = graded.losses["rust/loss"];
        assert_eq!((graded.at_target, loss.expected, loss.covered), (true, Some(2.0), Some(true)));
        decisions.take(&told[0]);
        assert!(decisions.followed(&run("new", 1e9), 8.0).is_empty(), "known");
        let small = decisions.followed(&run("small", 1e8), 8.0);
        let Decision::Followed { run: small, .. } = &small[0] else { panic!() };
        assert_eq!((small.at_target, small.losses["rust/loss"].covered), (false, None));
        let other = mixture(0.5);
        assert!(decisions.followed(&EndedRun { mixture: &other, ..run("else", 1e9) }, 8.0).is_empty());
    }
}
