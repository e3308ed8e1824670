use super::*;
use serde_json::Value;

/// Runs of the recorded sweep, and the weights that an implementation in Python has after each turn
/// (`tests/online/reference.py`).
fn golden() -> serde_json::Map<String, Value> {
    let text = include_str!("../../../tests/online/golden.json");
    serde_json::from_str::<Value>(text).unwrap().as_object().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn turns(run: &Value) -> Vec<Turn> {
    let one = |turn: &Value| Turn {
        step: turn[0].as_i64().unwrap(),
        samples: turn[1].as_f64().unwrap(),
        losses: turn[2].as_array().unwrap().iter().map(Value::as_f64).collect(),
    };
    run["turns"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn weights_are_those_of_an_independent_implementation_at_every_step() {
    let mut moved = 0;
    for (name, run) in golden() {
        let (prior, turns) = (numbers(&run["prior"]), turns(&run));
        assert!(turns.len() >= 40, "{name}: {} turns", turns.len());
        for rule in ALL {
            let ours = rule.weights(&prior, &turns);
            let theirs = run[rule.info().name].as_array().unwrap();
            assert_eq!(ours.len(), theirs.len(), "{name}");
            for ((ours, theirs), turn) in ours.iter().zip(theirs).zip(&turns) {
                let theirs = numbers(theirs);
                let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-9, "{name}, {} at step {}: {ours:?}, not {theirs:?}", rule.info().name, turn.step);
                let sum: f64 = ours.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12 && ours.iter().all(|w| *w >= 0.0), "{ours:?}");
            }
            moved += usize::from(ours.last().unwrap().iter().zip(&prior).any(|(a, b)| (a - b).abs() > 1e-3));
        }
    }
    assert!(moved >= 10, "{moved} of 15 rules moved the weights");
}

#[test]
fn what_comes_later_changes_no_weights_before() {
    for run in golden().values() {
        let (prior, turns) = (numbers(&run["prior"]), turns(run));
        for rule in ALL {
            let (all, some) = (rule.weights(&prior, &turns), rule.weights(&prior, &turns[..turns.len() / 2]));
            assert_eq!(all[..some.len()], some, "{}", rule.info().name);
            assert_eq!(rule.weights(&prior, &[]), Vec::<Vec<f64>>::new());
        }
    }
}
