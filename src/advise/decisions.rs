//! Decisions on advice: which advice stands, and what was accepted, dismissed and followed. A pure state machine that is
//! made again from the journal; each step is checked before it is journaled, so that nothing is accepted twice.

mod following;

use crate::vocab::{Advice, AdviceState, AdviceView, AutoView, Decision, Follower, Intention, Mixture, StandingAdvice};

pub use following::EndedRun;

/// Two mixtures are the same advice up to so much weight that would have to move.
pub(super) const SAME: f64 = 0.005;
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
mod tests;
