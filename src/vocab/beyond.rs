//! Predictions of mixtures beyond those of the runs.

use super::number::significant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That no mean of the runs' mixtures gives a mixture, and what that does to the interval of a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeyondRuns {
    /// How many times as far from their mean the runs' mixtures would have to be to reach it; absent where they never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Held-out mixtures that were at least as far from the others.
    pub tested: usize,
    /// Standard deviation, as a part of the value, that errors on held-out mixtures have grown by at this distance: the interval is so
    /// much wider. Absent where too few held-out mixtures say so: the interval is the law's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown: Option<f64>,
}

impl BeyondRuns {
    /// How far beyond the runs the mixture is, to follow "beyond those of the runs"; empty where no number says so.
    #[must_use]
    pub fn how_far(&self) -> String {
        match self.factor {
            Some(factor) => format!(": these would have to be {factor:.1} times as far from their mean to reach it"),
            None => String::new(),
        }
    }

    /// That a mixture lies beyond the runs, and what that does to the intervals of predictions there, in sentences; `None` of none.
    #[must_use]
    pub fn said<'a>(of: impl Iterator<Item = &'a Self>) -> Option<String> {
        let all: Vec<&Self> = of.collect();
        let first = all.first()?;
        let mut grown: Vec<f64> = all.iter().filter_map(|one| one.grown).collect();
        grown.sort_by(f64::total_cmp);
        let tested = all.iter().filter(|one| one.grown.is_some()).map(|one| one.tested).min().unwrap_or(0);
        let percent = |part: f64| significant(100.0 * part, 2);
        let by = match (grown.first(), grown.last()) {
            (Some(least), Some(most)) if percent(*least) != percent(*most) => {
                format!("{}–{} %", percent(*least), percent(*most))
            }
            (Some(one), _) => format!("{} %", percent(*one)),
            _ => String::new(),
        };
        let held = match tested {
            0 => "no held-out mixture was as far from the others".to_owned(),
            1 => "1 held-out mixture was as far from the others".to_owned(),
            _ => format!("{tested} held-out mixtures were as far from the others"),
        };
        let intervals = match grown.len() {
            0 => "Too few held-out mixtures say how errors grow there: intervals are the laws' own.".to_owned(),
            _ => format!(
                "Intervals are wider by what held-out errors grow with the distance (standard deviation {by}; {held})."
            ),
        };
        Some(format!("The mixture lies beyond those of the runs{}. {intervals}", first.how_far()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_and_by_how_much_intervals_are_wider_or_that_nothing_tells() {
        let of = |factor, tested, grown| BeyondRuns { factor, tested, grown };
        let said = |all: &[BeyondRuns]| BeyondRuns::said(all.iter());
        let two = said(&[of(Some(1.42), 3, Some(0.004)), of(Some(1.42), 2, Some(0.0125))]).unwrap();
        assert!(two.contains("1.4 times as far") && two.contains("0.40–1.2 %; 2 held-out mixtures were"), "{two}");
        let none = said(&[of(None, 0, Some(0.004)), of(None, 0, None)]).unwrap();
        assert!(
            none.starts_with("The mixture lies beyond those of the runs. ") && none.contains("0.40 %; no held-out"),
            "{none}"
        );
        assert!(said(&[of(None, 0, None)]).unwrap().contains("the laws' own"));
        assert_eq!(said(&[]), None);
    }
}
