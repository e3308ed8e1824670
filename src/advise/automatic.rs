//! Whether advice that stands may be applied without anybody asking (`apply: auto`), and if not, why.
//!
//! Each advice is tried once: what was refused, interrupted or dismissed is not tried again, nor is advice that is hardly
//! other than that. Advice that changes a corpus by more than the project's bound waits for a person, as a whole.

use super::decisions::{Advised, Decisions, SAME, apart};
use super::evidence::SURE;
use crate::project::Auto;
use crate::vocab::number::show_probability;
use crate::vocab::{AdviceState, AutoView, Mixture};

/// Weight that has to move before advice counts as other advice than what was refused or dismissed. It is more than what
/// resampled fits of the same runs move an optimum by, and less than what anybody would launch a run for.
const OTHER: f64 = 0.02;
/// What rounding in a file does to a weight.
const ROUNDING: f64 = 1e-6;

/// Why advice is not applied now. `Display` is the end of a sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Hold {
    /// The project does not ask for it.
    #[error("the project file does not say `apply: auto`")]
    Off,
    /// No advice stands.
    #[error("nothing is advised")]
    Nothing,
    /// The question was another one.
    #[error("the project file has changed, and the laws are fitted again")]
    Outdated,
    /// Laws are still compared.
    #[error("laws are still compared, and another may predict better")]
    Unsettled,
    /// It is being accepted.
    #[error("it is being accepted")]
    Busy,
    /// It was accepted before.
    #[error("it is accepted already")]
    Accepted,
    /// The user does not want it.
    #[error("it was dismissed")]
    Dismissed,
    /// It was tried.
    #[error("it was tried, and each advice is tried once. {0}")]
    Tried(String),
    /// It is hardly other advice than what was dismissed or failed.
    #[error("it differs by only {:.1} % of weight from advice {like}, which was {}", 100.0 * .apart, if *.dismissed { "dismissed" } else { "tried and not accepted" })]
    Alike {
        /// The id of that advice.
        like: String,
        /// Weight that would have to move from one to the other.
        apart: f64,
        /// Whether it was dismissed; else it was tried.
        dismissed: bool,
    },
    /// The gain is within its noise.
    #[error("it is better than the mixture in use with a probability of {}, and at least {} are needed", show_probability(*.0), show_probability(SURE))]
    Unsure(f64),
    /// What is in use cannot be read.
    #[error("the weights in use cannot be read from the file that would be written")]
    Unread,
    /// There is nothing to change.
    #[error("the mixture in use is the same, within {:.1} % of weight", 100.0 * SAME)]
    Same,
    /// It changes a corpus by more than the bound.
    #[error("it changes {corpus} by {:.1} % of the mixture, {:.1} % beyond `max_step` ({:.1} %)", 100.0 * .by, 100.0 * (.by - .most), 100.0 * .most)]
    Beyond {
        /// The corpus that is furthest beyond.
        corpus: String,
        /// Change of its weight.
        by: f64,
        /// Most that the project allows.
        most: f64,
    },
    /// The last application is too recent.
    #[error("the cooldown since the last application is not over")]
    Cooldown {
        /// When it is over, seconds since 1970.
        until: f64,
    },
}

/// What is known when advice might be applied.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What was decided so far.
    pub decisions: &'a Decisions,
    /// The project's conditions; `None` where it has none.
    pub auto: Option<&'a Auto>,
    /// Hash of what is asked now ([`super::question`]).
    pub question: &'a str,
    /// Id of what the newest fits advise, and the probability that it is better than the mixture in use.
    pub newest: Option<(&'a str, f64)>,
    /// Whether all laws have been compared.
    pub settled: bool,
    /// The weights that would be replaced; `None` where they cannot be read.
    pub in_use: Option<&'a Mixture>,
    /// Now, seconds since 1970.
    pub at: f64,
}

impl Situation<'_> {
    /// Why the advice that stands is not applied now; `None` if it may be. What a person has to do something about comes
    /// first, what passes by itself last.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        let Some(auto) = self.auto else { return Some(Hold::Off) };
        let Some(one) = self.decisions.standing() else { return Some(Hold::Nothing) };
        let Some((newest, p_better)) = self.newest else { return Some(Hold::Nothing) };
        if self.decisions.pending().is_some() {
            return Some(Hold::Busy);
        }
        match (one.state, one.failed) {
            (AdviceState::Accepted, _) => return Some(Hold::Accepted),
            (AdviceState::Dismissed, _) => return Some(Hold::Dismissed),
            (AdviceState::Open, Some(_)) => return Some(Hold::Tried(one.why.clone().unwrap_or_default())),
            (AdviceState::Open, None) => {}
        }
        if one.advice.question != self.question || newest != one.advice.id {
            return Some(Hold::Outdated);
        }
        if let Some(alike) = self.alike(one) {
            return Some(alike);
        }
        let Some(in_use) = self.in_use else { return Some(Hold::Unread) };
        if apart(in_use, &one.advice.mixture) <= SAME {
            return Some(Hold::Same);
        }
        if p_better.is_nan() || p_better < SURE {
            return Some(Hold::Unsure(p_better));
        }
        beyond(auto, in_use, &one.advice.mixture)
            .or_else(|| (!self.settled).then_some(Hold::Unsettled))
            .or_else(|| self.cooldown(auto))
    }

    /// The same for whoever looks.
    #[must_use]
    pub fn view(&self) -> Option<AutoView> {
        let cooldown = self.auto?.cooldown.as_secs_f64();
        let hold = self.hold();
        let until = match hold {
            Some(Hold::Cooldown { until }) => Some(until),
            _ => None,
        };
        Some(AutoView {
            cooldown,
            last: self.decisions.last_applied().map(|(_, at)| at),
            held: hold.map(|hold| hold.to_string()),
            until,
        })
    }

    /// Advice on the same question that was dismissed or failed, and is hardly other than this.
    fn alike(&self, one: &Advised) -> Option<Hold> {
        let unwanted = |other: &&Advised| {
            let refused = other.state == AdviceState::Dismissed || other.failed.is_some();
            refused && other.advice.id != one.advice.id && other.advice.question == one.advice.question
        };
        let all = self.decisions.all().iter().filter(unwanted);
        let nearest = all.map(|other| (apart(&other.advice.mixture, &one.advice.mixture), other));
        let (apart, other) = nearest.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|(apart, _)| *apart <= OTHER)?;
        let dismissed = other.state == AdviceState::Dismissed;
        Some(Hold::Alike { like: other.advice.id.clone(), apart, dismissed })
    }

    fn cooldown(&self, auto: &Auto) -> Option<Hold> {
        let until = self.decisions.last_applied()?.1 + auto.cooldown.as_secs_f64();
        (self.at < until).then_some(Hold::Cooldown { until })
    }
}

/// The corpus that would change furthest beyond its bound.
fn beyond(auto: &Auto, from: &Mixture, to: &Mixture) -> Option<Hold> {
    let corpora = to.0.keys().chain(from.0.keys().filter(|corpus| !to.0.contains_key(*corpus)));
    let changes = corpora.map(|corpus| (corpus, (to.weight(corpus) - from.weight(corpus)).abs(), auto.step(corpus)));
    let furthest = changes.max_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)))?;
    let (corpus, by, most) = furthest;
    // A change that is no number is beyond every bound.
    let allowed = by <= most + ROUNDING;
    (!allowed).then(|| Hold::Beyond { corpus: corpus.clone(), by, most })
}

#[cfg(test)]
mod tests;
