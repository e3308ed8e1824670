//! The reason for the choice of a law, as one sentence.

use super::baseline::LINE;
use crate::vocab::{Candidate, CandidateKind, Choice, Unit};

/// The baseline with a smaller error than the chosen law's, the best of them.
pub(super) fn beaten_by(choice: &Choice) -> Option<String> {
    let chosen = choice.error(choice.judged()?)?;
    let is_itself = |c: &Candidate| choice.law.as_deref() == Some(LINE) && c.name == "linear";
    let better = choice.candidates.iter().filter(|c| c.kind == CandidateKind::Baseline && !is_itself(c));
    let better = better.filter_map(|c| Some((choice.error(c)?, c))).filter(|(error, _)| *error < chosen);
    better.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c.name.clone())
}

/// The best baseline that a law has to beat, as it is called in a sentence, and by what part the law's held-out error is
/// smaller than the baseline's: the error that decides, on mixtures and on the largest scale.
pub(super) fn rival(choice: &Choice, law: &Candidate) -> Option<(String, f64)> {
    let others = choice.candidates.iter().filter(|c| c.kind == CandidateKind::Baseline);
    let others = others.filter(|c| !(choice.law.as_deref() == Some(LINE) && c.name == "linear"));
    let (least, best) = others.filter_map(|c| Some((choice.error(c)?, c))).min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((said(&best.name), 1.0 - choice.error(law)? / least.max(f64::MIN_POSITIVE)))
}

/// `additive: 1.6 % error on held-out mixtures and 1.4 % on the held-out largest scale, against …`
pub(super) fn sentence(choice: &Choice) -> String {
    let Some(law) = &choice.law else { return "no law could be fitted".to_owned() };
    let unfinished = match choice.unfinished.len() {
        0 => String::new(),
        n => format!("; {n} law{} not compared yet", if n == 1 { "" } else { "s" }),
    };
    let Some(chosen) = choice.judged().filter(|c| c.error().is_some()) else {
        return format!("{law}: not compared, because there are too few runs to hold any out{unfinished}");
    };
    let baselines = choice.candidates.iter().filter(|c| c.kind == CandidateKind::Baseline);
    let mut against: Vec<String> = baselines
        .map(|c| format!("{} for {}{}", numbers(c), if c.name == "linear" { "a " } else { "the " }, spoken(&c.name)))
        .collect();
    let laws: Vec<&Candidate> = choice.candidates.iter().filter(|c| c.kind == CandidateKind::Law).collect();
    let next = laws.iter().find(|c| c.name != *law && c.error().is_some());
    against.extend(next.map(|c| format!("{} for {}, second best of {} laws", numbers(c), c.name, laws.len())));
    let loud = match (choice.no_skill, &choice.beaten_by) {
        (true, _) => "NO SKILL: ".to_owned(),
        (false, Some(baseline)) => format!("NO BETTER THAN {}: ", said(baseline).to_uppercase()),
        (false, None) => String::new(),
    };
    let what = match (chosen.mre_heldout, chosen.mre_scale) {
        (Some(mixtures), Some(scale)) => {
            let (mixtures, scale) = (percent(mixtures), percent(scale));
            let unit = choice.held_out.unwrap_or(Unit::Mixtures).name();
            format!("{mixtures} error on held-out {unit} and {scale} on the held-out largest scale")
        }
        _ => format!("{} error on held-out rows", numbers(chosen)),
    };
    let against = if against.is_empty() { String::new() } else { format!(", against {}", list(&against)) };
    let stack = choice.candidates.iter().find(|c| choice.stacked && c.kind == CandidateKind::Stack);
    let stacked = stack.map_or_else(String::new, |c| {
        format!("; {} for the stack, which forecasts places within the runs", numbers(c))
    });
    let advice = choice
        .adviser
        .as_ref()
        .map_or_else(String::new, |better| format!("; advice follows {}, as {}", better.law, better.describe()));
    let provisional = if choice.provisional { "; provisional: the law was chosen with these rows" } else { "" };
    format!("{loud}{law}: {what}{against}{stacked}{advice}{unfinished}{provisional}")
}

fn spoken(baseline: &str) -> &str {
    if baseline == "linear" { "straight line" } else { baseline }
}

fn said(baseline: &str) -> String {
    format!("{} {}", if baseline == "linear" { "a" } else { "the" }, spoken(baseline))
}

/// Errors on mixtures and on the largest scale, of those that are known.
fn numbers(candidate: &Candidate) -> String {
    match (candidate.mre_heldout, candidate.mre_scale) {
        (Some(mixtures), Some(scale)) => format!("{} and {}", percent(mixtures), percent(scale)),
        (mixtures, scale) => mixtures.or(scale).map_or_else(|| "an unknown error".to_owned(), percent),
    }
}

fn percent(part: f64) -> String {
    match 100.0 * part {
        huge if huge >= 1000.0 => "over 1000 %".to_owned(),
        large if large >= 10.0 => format!("{large:.0} %"),
        // Laws differ in the second decimal.
        small if small < 1.0 => format!("{small:.2} %"),
        other => format!("{other:.1} %"),
    }
}

/// `a, b and c`.
fn list(parts: &[String]) -> String {
    match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{}, and {last}", rest.join(", ")),
        None => String::new(),
    }
}

impl Choice {
    /// The line of the chosen law.
    #[must_use]
    pub fn chosen(&self) -> Option<&Candidate> {
        let law = self.law.as_ref()?;
        self.candidates.iter().find(|c| c.kind == CandidateKind::Law && c.name == *law)
    }

    /// The line whose errors a new row is to be expected to have: that of the automatic choice where there was one to make,
    /// else that of the law. The straight line is judged by its own: it is used where a choice is no better.
    #[must_use]
    pub fn judged(&self) -> Option<&Candidate> {
        let chosen = self.chosen()?;
        if chosen.name == LINE {
            return Some(chosen);
        }
        Some(self.candidates.iter().find(|c| c.kind == CandidateKind::Procedure).unwrap_or(chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(error: f64, mean: f64) -> Choice {
        let line = |name: &str, kind, mre, scale| Candidate {
            name: name.to_owned(),
            kind,
            skill: None,
            mre_heldout: Some(mre),
            mre_scale: scale,
            picks: None,
            weight: None,
            dropped_after: None,
        };
        Choice {
            law: Some("additive".to_owned()),
            candidates: vec![
                line("additive", CandidateKind::Law, error, Some(0.019)),
                line("exponential", CandidateKind::Law, 0.02, Some(0.021)),
                line("mean", CandidateKind::Baseline, mean, Some(0.12)),
                line("linear", CandidateKind::Baseline, 0.03, Some(0.04)),
            ],
            ..Choice::default()
        }
    }

    #[test]
    fn the_choice_is_said_in_one_sentence_with_what_it_was_compared_with() {
        let good = choice(0.0057, 0.0458);
        assert_eq!(beaten_by(&good), None);
        assert_eq!(
            sentence(&good),
            "additive: 0.57 % error on held-out mixtures and 1.9 % on the held-out largest scale, against 4.6 % and \
             12 % for the mean, 3.0 % and 4.0 % for a straight line, and 2.0 % and 2.1 % for exponential, second best \
             of 2 laws"
        );
    }

    #[test]
    fn what_was_held_out_is_called_what_it_is() {
        let runs = Choice { held_out: Some(Unit::Runs), ..choice(0.0057, 0.0458) };
        assert!(sentence(&runs).starts_with("additive: 0.57 % error on held-out runs and"));
    }

    #[test]
    fn where_the_target_lies_within_the_runs_errors_on_mixtures_decide() {
        let mut choice = choice(0.0057, 0.0458);
        choice.candidates[0].mre_scale = Some(0.2);
        assert_eq!(beaten_by(&choice).as_deref(), Some("linear"));
        choice.within = true;
        assert_eq!(beaten_by(&choice), None);
        let (rival, better) = rival(&choice, &choice.candidates[0]).unwrap();
        assert!(rival == "a straight line" && (better - 0.81).abs() < 1e-9);
    }

    #[test]
    fn a_law_that_a_baseline_beats_is_said_to_be_so_first() {
        let mut bad = choice(0.2, 0.3);
        bad.beaten_by = beaten_by(&bad);
        assert_eq!(bad.beaten_by.as_deref(), Some("linear"));
        assert!(sentence(&bad).starts_with("NO BETTER THAN A STRAIGHT LINE: additive: 20 % error"));
        bad.no_skill = true;
        assert!(sentence(&bad).starts_with("NO SKILL: additive"));
    }
}
