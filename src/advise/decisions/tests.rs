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
