//! Text output of the comparison of laws.

use super::output::{loud, table};
use crate::vocab::{CandidateKind, Choice, Unit};

/// The reason for the chosen law, and every candidate with its errors; warnings come first.
pub(super) fn show(choice: &Choice) -> String {
    let mut out = String::new();
    let unit = choice.held_out.unwrap_or(Unit::Mixtures).name();
    if choice.no_skill {
        out.push_str(&loud(&format!(
            "NO SKILL: the {} law predicts held-out {unit} no better than their mean. Do not act on its predictions.",
            choice.metric
        )));
    }
    out.push_str(&format!("{} · {}\n", choice.metric, choice.why));
    if choice.candidates.len() > 1 {
        out.push('\n');
        out.push_str(&lines(choice, unit));
    }
    for (what, laws) in
        [("  need data that these runs lack", &choice.not_met), ("  not compared yet", &choice.unfinished)]
    {
        if !laws.is_empty() {
            out.push_str(&format!("{what}: {}\n", laws.join(", ")));
        }
    }
    out
}

fn lines(choice: &Choice, unit: &str) -> String {
    let percent = |value: Option<f64>| match value {
        Some(v) if v >= 10.0 => "> 1000 %".to_owned(),
        Some(v) => format!("{:.2} %", 100.0 * v),
        None => "—".to_owned(),
    };
    let unit = format!(">{unit}");
    let mut rows: Vec<Vec<String>> = vec![
        ["  held out:", &unit, ">largest scale", ">picks cost", ">skill", ">in the stack", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for c in &choice.candidates {
        let law = c.kind == CandidateKind::Law;
        let note = match c.kind {
            CandidateKind::Law if choice.law.as_ref() == Some(&c.name) => match &choice.beaten_by {
                Some(baseline) => format!("the best law, and no better than {baseline}"),
                None => "in use".to_owned(),
            },
            CandidateKind::Law if choice.adviser.as_ref().is_some_and(|better| better.law == c.name) => {
                "advice compares mixtures by it: its picks cost less".to_owned()
            }
            CandidateKind::Law => c
                .dropped_after
                .map_or_else(String::new, |folds| format!("clearly worse: comparison ended after {folds} folds")),
            CandidateKind::Procedure if choice.provisional => {
                "the automatic choice, provisional: the laws compared have seen these rows (mixlaw fit --nested)"
                    .to_owned()
            }
            CandidateKind::Procedure => {
                "the automatic choice: each row predicted by what was chosen and fitted without it".to_owned()
            }
            CandidateKind::Stack if choice.stacked => {
                "weighted mean of the laws above; better than the choice of one, and forecasts places within the runs"
                    .to_owned()
            }
            CandidateKind::Stack => {
                "weighted mean of the laws above; the weights were fitted without the held-out rows".to_owned()
            }
            CandidateKind::Baseline => "baseline".to_owned(),
        };
        let skill = match c.skill {
            // That of the mean is what it is measured from.
            Some(s) if s <= 0.0 && c.name != "mean" => "NONE".to_owned(),
            Some(s) => format!("{:.3}", s.max(0.0)),
            None => "—".to_owned(),
        };
        let weight = c.weight.filter(|w| law && *w > 0.0).map_or_else(String::new, |w| format!("{w:.2}"));
        rows.push(vec![
            format!("  {}", c.name),
            percent(c.mre_heldout),
            percent(c.mre_scale),
            percent(c.picks),
            skill,
            weight,
            note,
        ]);
    }
    table(&rows)
}
