//! Random sequences of what happens to checkpoints, each with the whole history in a file of its own, checked against a
//! model: what stands is the newest state that was ever read.

use super::*;
use crate::ingest::formats;
use crate::project::RunSource;
use proptest::prelude::*;
use std::fs::{self, File};

/// Checkpoints there may be.
const CHECKPOINTS: usize = 3;

#[derive(Debug, Clone)]
enum Action {
    /// Training goes on and the state is written.
    Write(usize, u64),
    /// The state is written, and only its first part (in hundredths) is there yet.
    WritePart(usize, usize),
    Delete(usize),
    Turn,
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    let checkpoint = 0..CHECKPOINTS;
    prop_oneof![
        4 => (checkpoint.clone(), 1u64..4).prop_map(|(c, n)| Action::Write(c, n)),
        1 => (checkpoint.clone(), 1usize..100).prop_map(|(c, n)| Action::WritePart(c, n)),
        2 => checkpoint.prop_map(Action::Delete),
        6 => Just(Action::Turn),
        1 => Just(Action::Restart),
    ]
}

/// When a file was written, and its length.
type Age = (u64, u64);

struct World {
    dir: tempfile::TempDir,
    project: Project,
    process: Option<(Arc<SledStore>, Ingester)>,
    steps: u64,
    time: u64,
    /// Time, length and steps of the state that stands.
    standing: Option<(Age, u64)>,
    /// Time, length and steps of each file; no steps where it is not whole.
    files: [Option<(Age, Option<u64>)>; CHECKPOINTS],
}

fn state(steps: u64) -> String {
    let record = |step| format!("{{\"loss\": {step}.5, \"step\": {step}}}");
    let history: Vec<String> = (1..=steps).map(record).collect();
    format!("{{\"global_step\": {steps}, \"log_history\": [{}], \"max_steps\": 900}}", history.join(", "))
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("runs/a")).unwrap();
        let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
        let project = Project { root: dir.path().to_path_buf(), runs, ..Project::default() };
        let mut world =
            Self { dir, project, process: None, steps: 0, time: 1000, standing: None, files: [None; CHECKPOINTS] };
        world.start();
        world
    }

    fn start(&mut self) {
        self.process = None;
        let (store, _) = SledStore::open(&self.dir.path().join("store")).unwrap();
        self.process = Some((store.clone(), Ingester::with_clock(&self.project, store, || UNIX_EPOCH)));
    }

    fn write(&mut self, checkpoint: usize, text: &str, steps: Option<u64>) {
        let path = self.dir.path().join(format!("runs/a/checkpoint-{checkpoint}/trainer_state.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.time += 1;
        let file = File::options().append(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(self.time)).unwrap();
        let is_log = formats::recognise("checkpoint-1/trainer_state.json", text.as_bytes()).is_ok();
        // What is not recognised yet is not there yet; a state that was read keeps its place while it is written anew.
        self.files[checkpoint] = (is_log || steps.is_some()).then_some(((self.time, text.len() as u64), steps));
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Write(checkpoint, more) => {
                self.steps += more;
                self.write(*checkpoint, &state(self.steps), Some(self.steps));
            }
            Action::WritePart(checkpoint, hundredths) => {
                let text = state(self.steps + 1);
                self.write(*checkpoint, &text[..text.len() * hundredths / 100], None);
            }
            Action::Delete(checkpoint) => {
                self.files[*checkpoint] = None;
                let _ = fs::remove_dir_all(self.dir.path().join(format!("runs/a/checkpoint-{checkpoint}")));
            }
            Action::Restart => self.start(),
            Action::Turn => {
                let budget = Budget { time: Duration::from_secs(60) };
                self.process.as_mut().unwrap().1.turn(&Look::Everything, budget).unwrap();
                if let Some((age, Some(steps))) = self.files.iter().flatten().max()
                    && self.standing.is_none_or(|(known, _)| *age > known)
                {
                    self.standing = Some((*age, *steps));
                }
            }
        }
    }

    fn steps(&self) -> (Vec<i64>, Vec<i64>) {
        let store = &self.process.as_ref().unwrap().0;
        let mut stored = Vec::new();
        if let Some(run) = store.find_run("runs/a") {
            store.export(run, None, |_, p| (stored.push(p.step), true).1).unwrap();
        }
        (stored, (1..=self.standing.map_or(0, |(_, steps)| steps as i64)).collect())
    }
}

fn check(actions: &[Action]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for action in actions.iter().chain([&Action::Turn]) {
        world.act(action);
        if matches!(action, Action::Turn) {
            let (stored, expected) = world.steps();
            prop_assert_eq!(stored, expected);
        }
    }
    Ok(())
}

#[test]
fn a_state_that_was_never_whole_and_is_begun_anew_keeps_no_other_from_being_read() {
    use Action::{Turn, Write, WritePart};
    // Its first part is recognised, and the shorter ones after it are not.
    check(&[WritePart(0, 41), Turn, Write(1, 1), WritePart(0, 1), WritePart(0, 1)]).unwrap();
    check(&[Write(1, 1), WritePart(0, 31), Turn, WritePart(0, 1)]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_state_that_was_read_stands_alone(actions in prop::collection::vec(action(), 1..30)) {
        check(&actions)?;
    }
}
