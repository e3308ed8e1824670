//! Advice that was told last, and what counts as a change: refits move the recommended mixture a little all the time, and
//! nobody wants to hear of that.

use crate::vocab::{Advice, Mixture};
use serde::{Deserialize, Serialize};

/// A weight that moved by so much is a change.
const MOVED: f64 = 0.02;
/// How long advice must stay before it is told, seconds.
pub const SETTLED: f64 = 60.0;

/// Advice in short.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Told {
    /// The recommended mixture; `None` where there was no recommendation.
    pub mixture: Option<Mixture>,
}

impl Told {
    /// Advice in short.
    #[must_use]
    pub fn of(advice: &Advice) -> Self {
        match advice {
            Advice::Recommendation(advised) => Self { mixture: Some(advised.mixture.clone()) },
            Advice::Abstained(_) => Self { mixture: None },
        }
    }

    /// Whether it is other advice, and not the same moved a little.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        match (&self.mixture, &other.mixture) {
            (None, None) => false,
            (Some(a), Some(b)) => {
                let weight = |of: &Mixture, domain: &String| of.0.get(domain).copied().unwrap_or(0.0);
                a.0.keys().chain(b.0.keys()).any(|domain| (weight(a, domain) - weight(b, domain)).abs() >= MOVED)
            }
            _ => true,
        }
    }
}

/// Advice that may become news.
#[derive(Debug, Default)]
pub struct Settling {
    /// Advice that differs from what was told, and since when it has been so.
    candidate: Option<(Told, f64)>,
}

impl Settling {
    /// Takes note of the advice of now (seconds since 1970). Returns it where it differs from what was told and has stayed.
    pub fn look(&mut self, now: &Told, told: &Told, at: f64) -> Option<Told> {
        if !now.differs(told) {
            self.candidate = None;
            return None;
        }
        match &self.candidate {
            // A clock that was set back begins the wait again.
            Some((candidate, since)) if !now.differs(candidate) && *since <= at => {
                (at - since >= SETTLED).then(|| now.clone())
            }
            _ => {
                self.candidate = Some((now.clone(), at));
                None
            }
        }
    }
}

/// Advice as a message.
#[must_use]
pub fn sentence(advice: &Advice) -> String {
    match advice {
        Advice::Recommendation(advised) => {
            let weight = |of: &Mixture, domain: &String| 100.0 * of.0.get(domain).copied().unwrap_or(0.0);
            let change = advised.mixture.0.keys().map(|domain| {
                format!(
                    "{domain} {:.0} % (now {:.0} %)",
                    weight(&advised.mixture, domain),
                    weight(&advised.current, domain)
                )
            });
            let probability = match advised.p_better {
                p if p > 0.99 => "> 99 %".to_owned(),
                p => format!("{:.0} %", 100.0 * p),
            };
            let change: Vec<String> = change.collect();
            format!("Recommended mixture: {}. Probability of improvement {probability}.", change.join(", "))
        }
        Advice::Abstained(abstained) => {
            let why = abstained.reasons.first().map_or("the runs don't support one", String::as_str);
            format!("No recommendation any more: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rust: f64) -> Told {
        Told { mixture: Some(Mixture::from_weights(&["prose".to_owned(), "rust".to_owned()], &[1.0 - rust, rust])) }
    }

    #[test]
    fn a_mixture_that_moves_a_little_is_no_news_and_one_that_stays_moved_is() {
        let mut settling = Settling::default();
        assert_eq!(settling.look(&of(0.505), &of(0.5), 0.0), None);
        assert_eq!(settling.look(&of(0.6), &of(0.5), 10.0), None);
        assert_eq!(settling.look(&of(0.605), &of(0.5), 69.0), None);
        assert_eq!(settling.look(&of(0.605), &of(0.5), 70.0), Some(of(0.605)));
    }

    #[test]
    fn advice_that_goes_back_and_forth_is_not_told() {
        let mut settling = Settling::default();
        for turn in 0..20 {
            let now = if turn % 2 == 0 { of(0.7) } else { Told::default() };
            assert_eq!(settling.look(&now, &of(0.7), f64::from(turn) * 30.0), None);
        }
        assert_eq!(settling.look(&Told::default(), &of(0.7), 660.0), Some(Told::default()), "it has stayed");
        assert_eq!(settling.look(&Told::default(), &of(0.7), 5.0), None, "the clock was set back");
    }
}
