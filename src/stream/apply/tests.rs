use super::*;
use crate::store::ReadStore;
use crate::vocab::{FactName, FactValue, Facts, RawPoint};

fn file(number: u32, run: &str, start: u64, steps: std::ops::Range<i64>) -> Change {
    let points: Vec<RawPoint> =
        steps.map(|step| RawPoint { metric: 0, step, value: step as f64, wall: f64::NAN }).collect();
    Change::Points(Box::new(FileChange {
        file: number,
        run: run.to_owned(),
        path: "m.jsonl".to_owned(),
        format: "jsonl".to_owned(),
        began: 1.0,
        part_of: None,
        replaces: Vec::new(),
        start,
        cursor: Cursor { offset: start + points.len() as u64, modified: 5, ..Cursor::default() },
        names: vec!["loss".to_owned()],
        points,
        restarts: Vec::new(),
        facts: None,
    }))
}

fn message(node: &str, life: u64, number: u64, changes: Vec<Change>) -> Message {
    Message { node: node.to_owned(), life, number, changes }
}

struct Taking {
    store: Arc<SledStore>,
    taker: Taker,
    sequence: u64,
}

impl Taking {
    fn new() -> Self {
        let store = SledStore::temporary().unwrap();
        Self { taker: Taker::new(store.clone(), "s").unwrap(), store, sequence: 0 }
    }

    fn take(&mut self, messages: Vec<Message>) -> Taken {
        let placed = messages.into_iter().map(|message| {
            self.sequence += 1;
            Arrived { at: Place { made: 1, sequence: self.sequence }, reached: self.sequence, message }
        });
        let placed = placed.collect();
        self.taker.take(placed).unwrap()
    }

    fn steps(&self, run: &str) -> Vec<i64> {
        self.store.find_run(run).map_or(Vec::new(), |run| self.store.series(run, "loss").unwrap().steps.to_vec())
    }
}

#[test]
fn a_message_that_comes_twice_changes_nothing_and_one_that_is_missing_is_counted() {
    let mut all = Taking::new();
    let first = || message("n1", 7, 1, vec![file(0, "runs/a", 0, 1..4)]);
    assert_eq!(all.take(vec![first(), first()]).points, 3);
    assert_eq!(all.take(vec![first()]).points, 0);
    assert_eq!(all.steps("runs/a"), [1, 2, 3]);
    all.take(vec![message("n1", 7, 5, vec![file(0, "runs/a", 9, 9..10)])]);
    assert_eq!((all.steps("runs/a"), all.taker.nodes()["n1"].lost), (vec![1, 2, 3, 9], 3));
    // What was kept is what the next process goes on from.
    let again = Taker::new(all.store.clone(), "s").unwrap();
    assert_eq!((again.place(), again.nodes()), (all.taker.place(), all.taker.nodes()));
    assert!(again.has("runs/a") && !again.has("runs/b"));
    assert!(!Taker::new(all.store.clone(), "another").unwrap().has("runs/a"));
}

#[test]
fn a_node_that_begins_anew_replaces_what_it_sent_before_and_nobody_elses() {
    let mut all = Taking::new();
    all.take(vec![
        message("n1", 7, 1, vec![file(0, "runs/a", 0, 1..4), file(1, "runs/b", 0, 1..3)]),
        message("n2", 8, 1, vec![file(0, "runs/b", 0, 10..12)]),
        message("n1", 9, 1, vec![file(0, "runs/a", 0, 1..6)]),
    ]);
    assert_eq!(all.steps("runs/a"), [1, 2, 3, 4, 5]);
    assert_eq!(all.steps("runs/b"), [1, 2, 10, 11]);
    // A run of two nodes: what one forgets of it, the other has still.
    all.take(vec![message("n2", 8, 2, vec![Change::ForgetRun("runs/b".to_owned())])]);
    assert_eq!(all.steps("runs/b"), [1, 2]);
    all.take(vec![message("n1", 9, 2, vec![Change::ForgetFile(0)])]);
    assert_eq!(all.steps("runs/a"), [0i64; 0]);
}

#[test]
fn a_node_whose_clock_is_behind_begins_anew_and_what_comes_again_does_not() {
    let mut all = Taking::new();
    let first = || message("n1", 900, 1, vec![file(0, "runs/a", 0, 1..4)]);
    let anew = || message("n1", 7, 1, vec![file(0, "runs/a", 0, 1..6)]);
    all.take(vec![first(), anew()]);
    assert_eq!(all.steps("runs/a"), [1, 2, 3, 4, 5]);
    // The last messages are read again after a crash: from the stream's beginning here.
    all.taker = Taker::new(all.store.clone(), "s").unwrap();
    all.sequence = 0;
    assert_eq!(all.take(vec![first(), anew()]).points, 0);
    assert_eq!((all.steps("runs/a"), all.taker.nodes()["n1"].life), (vec![1, 2, 3, 4, 5], 7));
    all.take(vec![message("n1", 7, 2, vec![file(0, "runs/a", 5, 6..7)])]);
    assert_eq!((all.steps("runs/a").len(), all.taker.nodes()["n1"].lost), (6, 0));
}

#[test]
fn facts_arrive_and_a_run_that_is_forgotten_is_gone() {
    let mut all = Taking::new();
    let mut facts = Facts::default();
    facts.offer(FactName::Params, FactValue::Number(1e9), "config.json#n");
    let told = Change::Facts { run: "runs/a".to_owned(), facts: facts.clone() };
    all.take(vec![message("n1", 7, 1, vec![file(0, "runs/a", 0, 1..4)]), message("n1", 7, 2, vec![told])]);
    let run = all.store.find_run("runs/a").unwrap();
    assert_eq!(*all.store.facts(run).unwrap(), facts);
    all.take(vec![message("n1", 7, 3, vec![Change::ForgetRun("runs/a".to_owned())])]);
    assert_eq!(all.store.find_run("runs/a"), None);
    assert_eq!(all.taker.nodes()["n1"].written, 5);
}
