use super::*;
use crate::advise::decisions::Refusal;
use crate::vocab::{Decision, Intention, StandingAdvice};
use std::collections::BTreeMap;
use std::time::Duration;

fn mixture(rust: f64) -> Mixture {
    Mixture(BTreeMap::from([("prose".to_owned(), 1.0 - rust), ("rust".to_owned(), rust)]))
}

fn stands(id: &str, rust: f64, at: f64) -> Decision {
    Decision::Stands(StandingAdvice {
        id: id.to_owned(),
        at,
        question: "q".to_owned(),
        mixture: mixture(rust),
        current: mixture(0.2),
        params: 1e9,
        tokens: 2e10,
        expected: BTreeMap::new(),
        p_better: 0.9,
        gain: 0.1,
    })
}

fn intended(id: &str, rust: f64) -> Decision {
    Decision::Intended(Intention {
        advice: id.to_owned(),
        at: 10.0,
        mixture: mixture(rust),
        file: Some("train.yaml".to_owned()),
        key: Some("mixture".to_owned()),
        hook: true,
        again: false,
        auto: true,
    })
}

fn agreed(id: &str) -> Decision {
    Decision::Agreed { advice: id.to_owned(), at: 11.0 }
}

fn accepted(id: &str) -> Decision {
    Decision::Accepted { advice: id.to_owned(), at: 12.0, earlier: Vec::new() }
}

fn withdrawn(id: &str, interrupted: bool) -> Decision {
    Decision::Withdrawn { advice: id.to_owned(), at: 12.0, why: "The hook refused.".to_owned(), interrupted }
}

fn dismissed(id: &str) -> Decision {
    Decision::Dismissed { advice: id.to_owned(), at: 12.0, why: String::new() }
}

fn after(steps: &[Decision]) -> Decisions {
    let mut decisions = Decisions::default();
    for step in steps {
        assert_eq!(decisions.check(step), Ok::<(), Refusal>(()), "{step:?}");
        decisions.take(step);
    }
    decisions
}

fn auto(step: f64) -> Auto {
    Auto { steps: BTreeMap::new(), step, cooldown: Duration::from_secs(100) }
}

/// What holds the advice back after these steps: `a` is the newest, and better with 90 %; 20 % of rust are in use.
fn hold(steps: &[Decision], change: impl FnOnce(&mut Situation<'_>)) -> Option<Hold> {
    hold_beside(0.2, steps, change)
}

/// The same with so much rust in use.
fn hold_beside(rust: f64, steps: &[Decision], change: impl FnOnce(&mut Situation<'_>)) -> Option<Hold> {
    let (decisions, auto, in_use) = (after(steps), auto(0.6), mixture(rust));
    let mut now = Situation {
        decisions: &decisions,
        auto: Some(&auto),
        question: "q",
        newest: Some(("a", 0.9)),
        settled: true,
        in_use: Some(&in_use),
        at: 50.0,
    };
    change(&mut now);
    now.hold()
}

#[test]
fn each_condition_alone_holds_advice_back() {
    let open = [stands("a", 0.7, 1.0)];
    assert_eq!(hold(&open, |_| ()), None);
    assert_eq!(hold(&open, |now| now.auto = None), Some(Hold::Off));
    assert_eq!(hold(&[], |_| ()), Some(Hold::Nothing));
    assert_eq!(hold(&open, |now| now.newest = None), Some(Hold::Nothing));
    assert_eq!(hold(&open, |now| now.newest = Some(("b", 0.9))), Some(Hold::Outdated));
    assert_eq!(hold(&open, |now| now.question = "other"), Some(Hold::Outdated));
    assert_eq!(hold(&open, |now| now.settled = false), Some(Hold::Unsettled));
    assert_eq!(hold(&open, |now| now.in_use = None), Some(Hold::Unread));
    for p in [0.79, 0.5, f64::NAN] {
        assert!(matches!(hold(&open, |now| now.newest = Some(("a", p))), Some(Hold::Unsure(_))), "{p}");
    }
    assert_eq!(hold(&open, |now| now.newest = Some(("a", 0.8))), None);
    assert_eq!(hold_beside(0.696, &open, |_| ()), Some(Hold::Same));
    assert_eq!(hold_beside(0.694, &open, |_| ()), None);
}

#[test]
fn advice_is_tried_once_whatever_came_of_it() {
    let a = stands("a", 0.7, 1.0);
    assert_eq!(hold(&[a.clone(), intended("a", 0.7)], |_| ()), Some(Hold::Busy));
    let done = [a.clone(), intended("a", 0.7), agreed("a"), accepted("a")];
    assert_eq!(hold(&done, |now| now.at = 1e9), Some(Hold::Accepted));
    let refused = [a.clone(), intended("a", 0.7), withdrawn("a", false)];
    assert_eq!(hold(&refused, |now| now.at = 1e9), Some(Hold::Tried("The hook refused.".to_owned())));
    assert_eq!(hold(&[a.clone(), dismissed("a")], |_| ()), Some(Hold::Dismissed));
    // Back to advice that was refused before, and to what was accepted before.
    let back = |end: &[Decision]| {
        let mut steps = vec![stands("b", 0.4, 0.5)];
        steps.splice(0..0, end.iter().cloned());
        steps.push(stands("a", 0.7, 20.0));
        hold(&steps, |now| now.at = 1e9)
    };
    assert!(matches!(back(&refused), Some(Hold::Tried(_))));
    assert_eq!(back(&done), Some(Hold::Accepted));
}

#[test]
fn what_is_hardly_other_advice_is_not_tried_in_place_of_what_was_refused() {
    let before = |end: Decision, rust: f64| {
        let mut steps = vec![stands("z", rust, 0.5)];
        if matches!(end, Decision::Withdrawn { .. }) {
            steps.push(intended("z", rust));
        }
        steps.extend([end, stands("a", 0.7, 20.0)]);
        hold(&steps, |now| now.at = 1e9)
    };
    let alike = |dismissed| {
        move |hold: Option<Hold>| match hold {
            Some(Hold::Alike { like, apart, dismissed: told }) => {
                assert!(like == "z" && (apart - 0.019).abs() < 1e-9 && told == dismissed);
            }
            other => panic!("{other:?}"),
        }
    };
    alike(true)(before(dismissed("z"), 0.719));
    alike(false)(before(withdrawn("z", false), 0.719));
    assert_eq!(before(dismissed("z"), 0.73), None);
    assert_eq!(before(withdrawn("z", false), 0.73), None);
}

#[test]
fn a_change_beyond_the_bound_waits_as_a_whole() {
    let (decisions, in_use) = (after(&[stands("a", 0.7, 1.0)]), mixture(0.2));
    let held = |auto: &Auto| {
        let newest = Some(("a", 0.9));
        let situation = Situation {
            decisions: &decisions,
            auto: Some(auto),
            question: "q",
            newest,
            settled: true,
            in_use: Some(&in_use),
            at: 50.0,
        };
        situation.hold().map(|hold| hold.to_string())
    };
    assert_eq!(held(&auto(0.5)), None, "rounding is no change");
    let said = held(&auto(0.1)).unwrap();
    assert!(said.contains("50.0 % of the mixture, 40.0 % beyond `max_step` (10.0 %)"), "{said}");
    let each = |rust: f64, prose: f64| Auto {
        steps: BTreeMap::from([("rust".to_owned(), rust), ("prose".to_owned(), prose)]),
        ..auto(0.0)
    };
    assert_eq!(held(&each(0.5, 0.5)), None);
    assert!(held(&each(0.5, 0.3)).unwrap().starts_with("it changes prose by 50.0 %"));
    // A corpus without a bound of its own stays as it is.
    let one = Auto { steps: BTreeMap::from([("rust".to_owned(), 0.9)]), ..auto(0.0) };
    assert!(held(&one).unwrap().starts_with("it changes prose"));
    // So does one that the advice leaves out.
    let three = Mixture([("prose", 0.2), ("rust", 0.5), ("web", 0.3)].map(|(n, w)| (n.to_owned(), w)).into());
    let gone = beyond(&auto(0.25), &three, &Mixture(BTreeMap::from([("rust".to_owned(), 1.0)])));
    assert!(matches!(gone, Some(Hold::Beyond { ref corpus, .. }) if corpus == "rust"));
    let nan = Mixture(BTreeMap::from([("rust".to_owned(), f64::NAN)]));
    assert!(beyond(&auto(1.0), &in_use, &nan).is_some(), "what is no number is beyond every bound");
}

#[test]
fn the_cooldown_counts_from_what_was_applied_or_may_have_been() {
    let with = |end: &[Decision], at: f64| {
        let mut steps = vec![stands("z", 0.4, 0.5), intended("z", 0.4)];
        steps.extend_from_slice(end);
        steps.push(stands("a", 0.7, 20.0));
        hold(&steps, |now| now.at = at)
    };
    let applied = [agreed("z"), accepted("z")];
    assert_eq!(with(&applied, 111.9), Some(Hold::Cooldown { until: 112.0 }));
    assert_eq!(with(&applied, 112.0), None);
    assert_eq!(with(&applied, 5.0), Some(Hold::Cooldown { until: 112.0 }), "the clock went back");
    assert_eq!(with(&[withdrawn("z", true)], 60.0), Some(Hold::Cooldown { until: 112.0 }), "the hook may have acted");
    assert_eq!(with(&[withdrawn("z", false)], 60.0), None, "nothing was done");
    let dismissed_later = [agreed("z"), accepted("z"), dismissed("z")];
    assert_eq!(with(&dismissed_later, 60.0), Some(Hold::Cooldown { until: 112.0 }));
}

#[test]
fn what_is_shown_says_when_and_why_not() {
    let (decisions, auto, in_use) = (after(&[stands("a", 0.7, 1.0)]), auto(0.1), mixture(0.2));
    let now = Situation {
        decisions: &decisions,
        auto: Some(&auto),
        question: "q",
        newest: Some(("a", 0.9)),
        settled: true,
        in_use: Some(&in_use),
        at: 50.0,
    };
    let view = now.view().unwrap();
    assert!(view.held.unwrap().contains("max_step") && view.until.is_none() && view.last.is_none());
    assert_eq!(Situation { auto: None, ..now }.view(), None);
}
