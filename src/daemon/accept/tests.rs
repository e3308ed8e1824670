use super::*;
use crate::daemon::component::{self, Component, dispatch};
use crate::daemon::components::decisions::DecisionKeeper;
use crate::daemon::components::journal::JournalWriter;
use crate::daemon::event::Event;
use crate::daemon::shared::Shared;
use crate::project::load;
use crate::store::SledStore;
use crate::vocab::{AdviceState, AdviceView, StandingAdvice};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const BEFORE: &str = "# the big run\ndata:\n  mixture: { prose: 0.8, rust: 0.2 } # in use\nlr: 3e-4\n";
const AFTER: &str = "# the big run\ndata:\n  mixture: { prose: 0.3, rust: 0.7 } # in use\nlr: 3e-4\n";

fn mixture(rust: f64) -> Mixture {
    Mixture([("prose".to_owned(), (10.0 - 10.0 * rust) / 10.0), ("rust".to_owned(), rust)].into())
}

fn advised() -> Recommendation {
    Recommendation {
        id: "a1b2c3d4".to_owned(),
        mixture: mixture(0.7),
        current: mixture(0.2),
        expected: Default::default(),
        p_better: 0.9,
        p_within_limits: 1.0,
        flat: std::collections::BTreeMap::default(),
        better_picks: Vec::new(),
        gain: 0.1,
        reasons: Vec::new(),
        measured: None,
        is_measured: false,
        since: None,
        decided: None,
        auto: None,
    }
}

/// A project in a folder, whose advice goes to `train.yaml`.
fn project(root: &Path, hook: &str) -> Project {
    let yaml = format!("runs: [path: runs/*]\naccept: {{ write: train.yaml, key: data.mixture{hook} }}\n");
    load::from_text(&yaml, root).unwrap()
}

/// A process that knows the advice and can take steps; what it has in memory is gone with it.
struct Process {
    shared: Shared,
    journal: JournalWriter,
    keeper: DecisionKeeper,
}

impl Process {
    fn begin(project: &Project, state: &Path) -> Self {
        let (store, _) = SledStore::open(state).unwrap();
        let mut it = Self {
            shared: Shared::new(project.clone(), store),
            journal: JournalWriter::default(),
            keeper: DecisionKeeper::default(),
        };
        let mut all: [&mut dyn Component; 2] = [&mut it.journal, &mut it.keeper];
        component::start(&mut all, &mut it.shared).unwrap();
        it.tell(Event::Idle).unwrap();
        it
    }

    fn tell(&mut self, event: Event) -> Result<(), Failure> {
        let mut refused = None;
        let mut heard = |event: &Event| {
            if let Event::Decided(Err(refusal)) = event {
                refused = Some(super::refused(refusal));
            }
        };
        let mut all: [&mut dyn Component; 2] = [&mut self.journal, &mut self.keeper];
        dispatch(&mut all, &mut self.shared, event, &mut heard).unwrap();
        refused.map_or(Ok(()), Err)
    }

    fn decide(&mut self, decision: Decision) -> Result<(), Failure> {
        self.tell(Event::Decide(Box::new(decision), None))
    }

    fn view(&self) -> AdviceView {
        self.shared.decisions.views()[0].clone()
    }
}

/// A folder with the file and a state folder where the advice stands.
fn scene(hook: &str) -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("train.yaml"), BEFORE).unwrap();
    let project = project(dir.path(), hook);
    let mut first = Process::begin(&project, &dir.path().join("state"));
    let advised = advised();
    let stands = StandingAdvice {
        id: advised.id,
        at: 1.0,
        question: "q".to_owned(),
        mixture: advised.mixture,
        current: advised.current,
        params: 1e9,
        tokens: 1e10,
        expected: Default::default(),
        p_better: 0.9,
        gain: 0.1,
    };
    first.decide(Decision::Stands(stands)).unwrap();
    (dir, project)
}

#[test]
fn killed_behind_any_step_the_file_is_whole_and_the_journal_right() {
    for hook in ["", ", hook: [/bin/sh, -c, 'cat >> asked']"] {
        let steps = if hook.is_empty() { 3 } else { 5 };
        for killed_after in 0..=steps {
            let (dir, project) = scene(hook);
            let (state, file) = (dir.path().join("state"), dir.path().join("train.yaml"));
            let mut process = Process::begin(&project, &state);
            let mut acceptance = Acceptance::of(&project, &advised(), false, 2.0).unwrap();
            let mut written = false;
            for _ in 0..killed_after {
                written |= acceptance.next() == Step::Write;
                acceptance.advance(&mut |decision| process.decide(decision), 3.0).unwrap();
            }
            drop((acceptance, process));

            let said = fs::read_to_string(&file).unwrap();
            assert_eq!(said, if written { AFTER } else { BEFORE }, "{killed_after}");
            let mut next = Process::begin(&project, &state);
            let state_now = next.view().state;
            assert_eq!(next.shared.decisions.pending(), None, "{killed_after}: it is ended");
            assert_eq!(state_now == AdviceState::Accepted, written, "{hook}, killed after {killed_after}");
            assert_eq!(dir.path().join("train.yaml.mixlaw.json").exists(), written);
            // Once more: what was applied is not applied again, and what was not is.
            let mut again = Acceptance::of(&project, &advised(), false, 4.0).unwrap();
            let result = (|| {
                while again.next() != Step::Done {
                    again.advance(&mut |decision| next.decide(decision), 5.0)?;
                }
                Ok::<(), Failure>(())
            })();
            assert_eq!(result.is_err(), written, "{killed_after}: {result:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), AFTER);
            assert_eq!(next.view().state, AdviceState::Accepted);
            let lines = next.shared.store.journal().unwrap().unwrap().read().unwrap().0;
            let accepted = lines.iter().filter(|line| line.to_string().contains("\"accepted\":{")).count();
            assert_eq!(accepted, 1, "{hook}, killed after {killed_after}: {lines:?}");
            let left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
            assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
        }
    }
}

#[test]
fn a_hook_gets_the_recommendation_and_can_refuse() {
    let run = |hook: &str| {
        let (dir, project) = scene(hook);
        let mut process = Process::begin(&project, &dir.path().join("state"));
        let mut acceptance = Acceptance::of(&project, &advised(), false, 2.0).unwrap();
        let result = (|| {
            while acceptance.next() != Step::Done {
                acceptance.advance(&mut |decision| process.decide(decision), 3.0)?;
            }
            Ok::<(), Failure>(())
        })();
        let file = fs::read_to_string(dir.path().join("train.yaml")).unwrap();
        let view = process.view();
        (dir, result, file, view)
    };
    let (dir, result, file, _) = run(", hook: [/bin/sh, -c, 'cat > asked', x]");
    assert!(result.is_ok() && file == AFTER);
    let asked: Value = serde_json::from_slice(&fs::read(dir.path().join("asked")).unwrap()).unwrap();
    assert_eq!((&asked["advice"], &asked["mixture"]["rust"]), (&json!("a1b2c3d4"), &json!(0.7)));
    assert_eq!(asked["recommendation"]["current"]["rust"], json!(0.2));
    for (hook, says) in [
        (", hook: [/bin/sh, -c, 'exit 3']", "refused (exit status 3)"),
        (", hook: [./no-such-program]", "cannot be started"),
        (", hook: [/bin/sh, -c, 'exec sleep 60'], timeout: 0.2", "did not end within 0.2 s and was killed"),
        (", hook: [/bin/sh, -c, 'kill -9 $$']", "was killed"),
        (", hook: [/bin/sh, -c, 'echo >> train.yaml']", "it was changed meanwhile"),
    ] {
        let (_dir, result, file, view) = run(hook);
        let failure = result.unwrap_err();
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(file.starts_with(BEFORE), "{hook}");
        assert_eq!(view.state, AdviceState::Open);
        assert!(view.why.unwrap().contains(says));
    }
}

/// What a hook has started would go on, and take effect after it was said to have refused.
#[test]
fn a_hook_that_hangs_is_killed_with_what_it_has_started() {
    let (dir, project) = scene(", hook: [/bin/sh, -c, '(sleep 1; touch late) & sleep 60'], timeout: 0.2");
    let accept = project.accept.unwrap();
    let failure = hook::ask(&accept.hook, dir.path(), accept.timeout, &json!({})).unwrap_err();
    assert!(failure.message.contains("did not end within 0.2 s"), "{}", failure.message);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert!(!dir.path().join("late").exists());
}

#[test]
fn a_file_that_is_read_only_is_not_replaced() {
    let (dir, project) = scene("");
    fs::set_permissions(dir.path().join("train.yaml"), fs::Permissions::from_mode(0o444)).unwrap();
    let failure = Acceptance::of(&project, &advised(), false, 2.0).err().unwrap();
    assert!(failure.message.contains("read-only"), "{}", failure.message);
    assert!(failure.help.unwrap().contains("chmod u+w"));
}

#[test]
fn nothing_but_the_arguments_reaches_a_hook() {
    let (dir, project) = scene(", hook: [/bin/echo, '$(touch bad); `touch bad`', '; touch bad']");
    let accept = project.accept.unwrap();
    hook::ask(&accept.hook, dir.path(), accept.timeout, &json!({"big": "x".repeat(1 << 20)})).unwrap();
    assert!(!dir.path().join("bad").exists());
}

#[test]
fn a_file_stays_what_it_is() {
    let (dir, project) = scene("");
    let (file, link) = (dir.path().join("real/train.yaml"), dir.path().join("train.yaml"));
    fs::create_dir(dir.path().join("real")).unwrap();
    fs::rename(&link, &file).unwrap();
    std::os::unix::fs::symlink("real/train.yaml", &link).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let acceptance = Acceptance::of(&project, &advised(), false, 2.0).unwrap();
    let (target, edited) = acceptance.change.as_ref().unwrap();
    target.replace(&edited.text, &acceptance.provenance).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&link).unwrap(), AFTER);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
    let told: Value =
        serde_json::from_slice(&fs::read(dir.path().join("real/train.yaml.mixlaw.json")).unwrap()).unwrap();
    assert_eq!((&told["advice"], &told["mixture"]["rust"]), (&json!("a1b2c3d4"), &json!(0.7)));

    fs::hard_link(&file, dir.path().join("other")).unwrap();
    let target = Target::open(&project.root, "train.yaml").unwrap();
    assert!(target.replace(BEFORE, &json!({})).unwrap_err().message.contains("hard links"));
    assert_eq!(fs::read_to_string(&file).unwrap(), AFTER);
    for (name, says) in [("gone.yaml", "no such file"), ("real", "not a file"), ("/dev/null", "not a file")] {
        assert!(Target::open(&project.root, name).unwrap_err().message.contains(says), "{name}");
    }
}
