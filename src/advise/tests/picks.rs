//! Advice follows the law whose picks cost least, and says so.

use super::*;
use crate::fit::choose::Candidates;
use crate::vocab::BetterPicks;

/// The recorded example, where the additive law is in use and the picks of `dcpt` cost less for rust.
fn better(metric: &str) -> BetterPicks {
    BetterPicks {
        metric: metric.to_owned(),
        law: "dcpt".to_owned(),
        cost: 0.001,
        in_use: "additive".to_owned(),
        cost_in_use: 0.0224,
    }
}

fn candidates() -> Vec<Candidates> {
    let (_, observed, fits) = recorded();
    let options = crate::fit::Options { starts: Some(2), bootstraps: 20, ..crate::fit::Options::default() };
    let one = |(rows, dcpt): (&Observations, &Fit)| {
        let mut dcpt = dcpt.clone();
        dcpt.view.chosen = false;
        dcpt.view.advises = Some(Box::new(better(&rows.metric)));
        let fits = vec![crate::fit::fit("additive", rows, &options, None).unwrap(), dcpt];
        Candidates { metric: rows.metric.clone(), fits, ..Candidates::default() }
    };
    observed.fitted.iter().zip(fits).map(one).collect()
}

#[test]
fn advice_says_which_law_it_follows_where_another_is_in_use() {
    let (project, observed, _) = recorded();
    let candidates = candidates();
    let laws = |project: &Project| -> Vec<String> {
        advisers(project, &candidates).into_iter().map(|fit| fit.unwrap().view.law.clone()).collect()
    };
    // Rust is minimised; how large the loss of prose is, a limit asks, and the law in use answers.
    assert_eq!(laws(project), ["additive", "dcpt"]);
    let fits = advisers(project, &candidates);
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    let Advice::Recommendation(advice) = recommend(&evidence) else { panic!("abstained") };
    assert_eq!(advice.better_picks, [better("eval/rust/loss")]);
    let sentence = "rust: mixtures are compared by the dcpt law, though additive forecasts: picks among held-out runs cost \
                    0.10 % with dcpt, 2.24 % with additive.";
    assert!(advice.reasons.iter().any(|reason| reason == sentence), "{:#?}", advice.reasons);
    let in_use: Vec<Option<&Fit>> = candidates.iter().map(Candidates::chosen).collect();
    let Advice::Recommendation(other) = recommend(&Evidence { fits: &in_use, ..evidence }) else { panic!("abstained") };
    assert!(other.better_picks.is_empty() && !said(&other, "are compared by"), "{:#?}", other.reasons);
    // What is minimised and limited is limited.
    let mut both = project.clone();
    both.objective.minimize.insert("prose".to_owned(), 1.0);
    assert_eq!(laws(&both), ["additive", "dcpt"]);
    both.objective.subject_to.clear();
    assert_eq!(laws(&both), ["dcpt", "dcpt"]);
}
