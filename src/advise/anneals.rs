//! Microanneals: short tails of one model, each on a mixture of its own, against a baseline tail (OLMo 2, arXiv:2501.00656,
//! section 4).
//!
//! The score of a run is the objective's mean of its last losses. A tail's difference from the baseline has an interval where
//! runs are repeated: the variance between repeats is pooled over all tails, Student's t does the rest. Without repeats nobody
//! knows the noise, and the interval is open.

use crate::fit::ninety::{NINETY, student};
use crate::vocab::count::counted;
use crate::vocab::{AnnealsAnswer, Estimate, Mixture, Ordered, Range, Tail};
use std::collections::BTreeMap;

/// Weights that differ by less are equal.
const EQUAL: f64 = 5e-3;

/// One run that may be a tail.
#[derive(Debug, Clone, PartialEq)]
pub struct TailRun {
    /// Its name.
    pub name: String,
    /// What it is a tail of: runs with another are no repeats of the same experiment.
    pub of: String,
    /// Mixture before the tail, where it is known.
    pub before: Option<Mixture>,
    /// Mixture of the tail.
    pub mixture: Mixture,
    /// Last losses, by name.
    pub losses: BTreeMap<String, f64>,
}

/// Which tail is the baseline.
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline {
    /// That of this run.
    Run(String),
    /// The one that goes on with the mixture before it; else the one with this mixture.
    Usual(Option<Mixture>),
}

/// Why no tail can be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnealsError {
    /// Nothing says which tail is the baseline.
    #[error("no tail goes on with the mixture before it, and none has the current mixture")]
    NoBaseline,
    /// There is no such run.
    #[error("no run with the losses of the score is called '{0}'")]
    NoSuchRun(String),
    /// Several runs may be meant.
    #[error("'{named}' may be {one} or {other}")]
    Several {
        /// What was asked for.
        named: String,
        /// A run that it may be.
        one: String,
        /// Another.
        other: String,
    },
    /// There is nothing to compare.
    #[error("all tails that start where the baseline does have its mixture")]
    Alone,
}

impl AnnealsError {
    /// What to type next.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoBaseline => "name a run of the baseline: mixlaw anneals --baseline RUN",
            Self::NoSuchRun(_) => "mixlaw runs lists the runs; mixlaw fit says which were left out",
            Self::Several { .. } => "write more of the name",
            Self::Alone => {
                "state the phases of each tail, or its mixture and what it starts from, in its mixlaw.run.yaml"
            }
        }
    }
}

/// Ranks tails by their difference from the baseline. `score`: weights of losses.
///
/// # Errors
/// Why no tail can be compared.
pub fn anneals(
    runs: &[TailRun],
    baseline: &Baseline,
    score: &BTreeMap<String, f64>,
) -> Result<AnnealsAnswer, AnnealsError> {
    let wanted: BTreeMap<String, f64> = score.iter().filter(|(_, w)| **w > 0.0).map(|(n, w)| (n.clone(), *w)).collect();
    let whole = |run: &&TailRun| wanted.keys().all(|name| run.losses.get(name).is_some_and(|loss| loss.is_finite()));
    let known: Vec<&TailRun> = runs.iter().filter(whole).collect();
    let first = base(&known, baseline)?;
    let same: Vec<&TailRun> = known.iter().copied().filter(|run| run.of == first.of).collect();
    let mut answer =
        AnnealsAnswer { baseline: first.mixture.clone(), score: wanted.clone(), ..AnnealsAnswer::default() };
    let missing = runs.len() - known.len();
    if missing > 0 {
        answer.notes.push(format!("Left out: {} without every loss of the score.", counted(missing, "run")));
    }
    if known.len() > same.len() {
        answer.notes.push(format!(
            "Left out: {} that do not start where the baseline does, or are of another size or length.",
            counted(known.len() - same.len(), "run")
        ));
    }
    let mut tails: Vec<Vec<&TailRun>> = Vec::new();
    for run in same {
        match tails.iter_mut().find(|tail| alike(&tail[0].mixture, &run.mixture)) {
            Some(tail) => tail.push(run),
            None => tails.push(vec![run]),
        }
    }
    let of_score = |run: &TailRun| wanted.iter().map(|(name, w)| w * run.losses[name]).sum::<f64>();
    let place = tails.iter().position(|tail| alike(&tail[0].mixture, &first.mixture));
    let base = tails.swap_remove(place.unwrap_or_default());
    if tails.is_empty() {
        return Err(AnnealsError::Alone);
    }
    answer.baseline_runs = base.iter().map(|run| run.name.clone()).collect();
    tails.push(base);
    let noise = pooled(&tails, &of_score);
    (answer.noise, answer.freedom) = noise.map_or((None, 0), |(sigma, freedom)| (Some(sigma), freedom));
    if noise.is_none() {
        answer
            .notes
            .push("No tail is repeated with another seed: how far a difference is noise is not known.".to_owned());
    }
    let Some(base) = tails.pop() else { return Ok(answer) };
    let losses: Vec<&String> = first.losses.keys().collect();
    for tail in &tails {
        let difference = |of: &dyn Fn(&TailRun) -> f64, noise: Option<(f64, usize)>| {
            let value = mean(tail, of) - mean(&base, of);
            let half = noise.map_or(f64::INFINITY, |(sigma, freedom)| {
                let repeats = (1.0 / tail.len() as f64 + 1.0 / base.len() as f64).sqrt();
                NINETY * student(freedom as f64) * sigma * repeats
            });
            Estimate { value, range: Range { low: value - half, high: value + half } }
        };
        let all: Vec<&TailRun> = tail.iter().chain(&base).copied().collect();
        let shared = losses.iter().filter(|name| all.iter().all(|run| run.losses.contains_key(**name)));
        let own = |name: &String| {
            let of = |run: &TailRun| run.losses.get(name).copied().unwrap_or(f64::NAN);
            let everybody: Vec<Vec<&TailRun>> = tails.iter().cloned().chain([base.clone()]).collect();
            (name.clone(), difference(&of, pooled(&everybody, &of)))
        };
        let more = |domain: &String| {
            let gain = tail[0].mixture.weight(domain) - first.mixture.weight(domain);
            (gain > EQUAL).then(|| (domain.clone(), gain))
        };
        answer.tails.push(Tail {
            more: tail[0].mixture.0.keys().filter_map(more).collect(),
            mixture: tail[0].mixture.clone(),
            runs: tail.iter().map(|run| run.name.clone()).collect(),
            delta: difference(&of_score, noise),
            losses: shared.map(|name| own(name)).collect(),
        });
    }
    answer.tails.sort_by_cached_key(|tail| Ordered(tail.delta.value));
    Ok(answer)
}

/// A run of the baseline.
fn base<'a>(runs: &[&'a TailRun], baseline: &Baseline) -> Result<&'a TailRun, AnnealsError> {
    match baseline {
        Baseline::Run(name) => {
            let named: Vec<&&TailRun> = runs.iter().filter(|run| run.name == *name).collect();
            let part = || runs.iter().filter(|run| run.name.contains(name.as_str())).collect::<Vec<_>>();
            match if named.is_empty() { part() } else { named }.as_slice() {
                [only] => Ok(only),
                [] => Err(AnnealsError::NoSuchRun(name.clone())),
                [one, .., other] => {
                    let (named, one, other) = (name.clone(), one.name.clone(), other.name.clone());
                    Err(AnnealsError::Several { named, one, other })
                }
            }
        }
        Baseline::Usual(current) => {
            let goes_on = |run: &&&TailRun| run.before.as_ref().is_some_and(|before| alike(before, &run.mixture));
            let is_current = |run: &&&TailRun| current.as_ref().is_some_and(|current| alike(current, &run.mixture));
            let found = runs.iter().find(goes_on).or_else(|| runs.iter().find(is_current));
            found.copied().ok_or(AnnealsError::NoBaseline)
        }
    }
}

fn alike(a: &Mixture, b: &Mixture) -> bool {
    a.0.keys().chain(b.0.keys()).all(|domain| (a.weight(domain) - b.weight(domain)).abs() < EQUAL)
}

fn mean(tail: &[&TailRun], of: &dyn Fn(&TailRun) -> f64) -> f64 {
    tail.iter().map(|run| of(run)).sum::<f64>() / tail.len() as f64
}

/// Standard deviation between repeats over all tails, and its degrees of freedom; `None` without repeats.
fn pooled(tails: &[Vec<&TailRun>], of: &dyn Fn(&TailRun) -> f64) -> Option<(f64, usize)> {
    let freedom: usize = tails.iter().map(|tail| tail.len() - 1).sum();
    let squares = |tail: &Vec<&TailRun>| {
        let mean = mean(tail, of);
        tail.iter().map(|run| (of(run) - mean).powi(2)).sum::<f64>()
    };
    let sum: f64 = tails.iter().map(squares).sum();
    (freedom > 0 && sum.is_finite()).then(|| ((sum / freedom as f64).sqrt(), freedom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(name: &str, code: f64, loss: f64) -> TailRun {
        let mixture = |code: f64| Mixture([("code".to_owned(), code), ("web".to_owned(), 1.0 - code)].into());
        TailRun {
            name: name.to_owned(),
            of: "base".to_owned(),
            before: Some(mixture(0.2)),
            mixture: mixture(code),
            losses: [("code".to_owned(), loss), ("web".to_owned(), 3.0)].into(),
        }
    }

    fn score() -> BTreeMap<String, f64> {
        [("code".to_owned(), 1.0)].into()
    }

    #[test]
    fn tails_are_ranked_by_their_difference_and_repeats_give_its_interval() {
        let runs = [
            tail("base_0", 0.2, 2.01),
            tail("base_1", 0.2, 1.99),
            tail("little", 0.4, 1.9),
            tail("much_0", 0.8, 1.62),
            tail("much_1", 0.8, 1.58),
        ];
        let found = anneals(&runs, &Baseline::Usual(None), &score()).unwrap();
        assert_eq!(found.baseline_runs, ["base_0", "base_1"]);
        assert_eq!(found.tails.iter().map(|t| t.runs[0].as_str()).collect::<Vec<_>>(), ["much_0", "little"]);
        // Squares about the means: .0002 + .0008 over two degrees of freedom.
        assert!((found.noise.unwrap() - 0.0005_f64.sqrt()).abs() < 1e-9 && found.freedom == 2);
        let much = &found.tails[0];
        assert!((much.delta.value + 0.4).abs() < 1e-9 && (much.more["code"] - 0.6).abs() < 1e-9);
        assert!(much.delta.range.high < 0.0 && much.delta.range.contains(-0.4));
        let wider = |tail: &Tail| tail.delta.range.high - tail.delta.range.low;
        assert!(wider(&found.tails[1]) > wider(much), "one run is less than two");
        assert!((much.losses["web"].value).abs() < 1e-12);
        let named = anneals(&runs, &Baseline::Run("little".to_owned()), &score()).unwrap();
        assert!((named.tails.last().unwrap().delta.value - 0.1).abs() < 1e-9);
    }

    #[test]
    fn without_repeats_the_interval_is_open_and_it_is_said() {
        let found = anneals(&[tail("a", 0.2, 2.0), tail("b", 0.4, 1.9)], &Baseline::Usual(None), &score()).unwrap();
        assert!(found.tails[0].delta.range.low == f64::NEG_INFINITY && found.noise.is_none());
        assert!(found.notes[0].starts_with("No tail is repeated"), "{:?}", found.notes);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let two = [tail("a", 0.3, 2.0), tail("b", 0.4, 1.9)];
        let wrong = |runs: &[TailRun], baseline| anneals(runs, &baseline, &score()).unwrap_err();
        assert_eq!(wrong(&two, Baseline::Usual(None)), AnnealsError::NoBaseline);
        assert_eq!(wrong(&two, Baseline::Run("c".to_owned())), AnnealsError::NoSuchRun("c".to_owned()));
        assert_eq!(wrong(&two[..1], Baseline::Run("a".to_owned())), AnnealsError::Alone);
        let alike = [tail("r_0", 0.3, 2.0), tail("r_1", 0.4, 1.9)];
        assert!(matches!(wrong(&alike, Baseline::Run("r".to_owned())), AnnealsError::Several { .. }));
        let mut other = two.to_vec();
        other.push(TailRun { of: "another".to_owned(), ..tail("c", 0.9, 1.0) });
        other.push(TailRun { losses: BTreeMap::new(), ..tail("d", 0.9, 1.0) });
        let found = anneals(&other, &Baseline::Run("a".to_owned()), &score()).unwrap();
        assert_eq!((found.tails.len(), found.notes.len()), (1, 3), "{:?}", found.notes);
    }
}
