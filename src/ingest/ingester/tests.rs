use super::*;
use crate::ingest::Verdict;
use crate::ingest::sources::delete_others;
use crate::project::RunSource;
use crate::store::{ExportedPoint, ReadStore};
use crate::vocab::{FactName, FactValue};
use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn early() -> SystemTime {
    UNIX_EPOCH
}

fn late() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

fn project(root: &Path, patterns: &[&str]) -> Project {
    let runs =
        patterns.iter().map(|p| RunSource { path: (*p).to_owned(), at: Some((3, 5)), filter: Vec::new() }).collect();
    Project { root: root.to_path_buf(), runs, ..Project::default() }
}

const ALL: Budget = Budget { time: Duration::from_secs(60) };

/// A directory of logs, and an ingester on it.
struct Bench {
    dir: tempfile::TempDir,
    project: Project,
    store: Arc<SledStore>,
    ingester: Ingester,
}

impl Bench {
    fn new(patterns: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = project(dir.path(), patterns);
        let store = SledStore::temporary().unwrap();
        let ingester = Ingester::with_clock(&project, store.clone(), early);
        Self { dir, project, store, ingester }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        OpenOptions::new().append(true).open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn turn(&mut self) -> Turn {
        let mut turn = self.ingester.turn(&Look::Everything, ALL).unwrap();
        turn.changed.extend(delete_others(&self.store, |run| self.ingester.has(run)).unwrap());
        turn
    }

    /// The same store under a new ingester, as after a restart.
    fn restart(&mut self) {
        self.ingester = Ingester::with_clock(&self.project, self.store.clone(), early);
    }

    /// (file, step, value) of metric `loss`, in export order.
    fn losses(&self, run: &str) -> Vec<(String, i64, f64)> {
        let mut all = Vec::new();
        if let Some(run) = self.store.find_run(run) {
            self.store
                .export(run, None, |file, p| {
                    if &*p.metric == "loss" {
                        all.push((file.to_owned(), p.step, p.value));
                    }
                    true
                })
                .unwrap();
        }
        all
    }

    fn steps(&self, run: &str) -> Vec<i64> {
        self.losses(run).into_iter().map(|l| l.1).collect()
    }
}

fn lines(steps: std::ops::Range<i64>) -> String {
    steps.map(|s| format!("{{\"step\": {s}, \"loss\": {}.5}}\n", 100 - s)).collect()
}

#[test]
fn the_example_is_read_whole_with_its_facts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt");
    let store = SledStore::temporary().unwrap();
    let mut ingester = Ingester::new(&project(&root, &["runs/*"]), store.clone());
    let turn = ingester.turn(&Look::Everything, ALL).unwrap();
    assert!(!turn.more && turn.progress.is_none());
    let runs = store.runs().unwrap();
    assert_eq!((runs.len(), turn.changed.len()), (36, 36));
    assert_eq!(ingester.notices(), []);
    let mut lines = 0;
    let mut points = 0;
    for (id, name) in &runs {
        let text = fs::read_to_string(root.join(name).join("metrics.jsonl")).unwrap();
        for line in text.lines() {
            let values: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            lines += 1;
            points += values.len() as u64;
        }
        let facts = store.facts(*id).unwrap();
        assert!(facts.number(FactName::Params).is_some_and(|n| n > 1e4), "{facts:?}");
        assert!(facts.mixture().is_some_and(|m| (m.0.values().sum::<f64>() - 1.0).abs() < 1e-9));
        assert_eq!(facts.conflicts, [], "{name}");
    }
    assert_eq!((store.points(), turn.points), (points, points), "{lines} lines");
    let first = store.find_run("runs/n25k-r000").unwrap();
    let facts = store.facts(first).unwrap();
    assert_eq!(facts.known[&FactName::Params].source, "config.json#params_non_embedding");
    assert_eq!(facts.known[&FactName::Params].value, FactValue::Number(24896.0));
    let again = ingester.turn(&Look::Everything, ALL).unwrap();
    assert_eq!((again.points, again.changed.len()), (0, 0), "nothing is read twice");
}

#[test]
fn lines_are_read_as_they_come_and_half_a_line_waits() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", &lines(0..3));
    assert_eq!(bench.turn().points, 6);
    bench.append("runs/a/m.jsonl", "{\"step\": 3, \"lo");
    assert_eq!(bench.turn().points, 0);
    bench.restart();
    assert_eq!(bench.turn().points, 0);
    bench.append("runs/a/m.jsonl", "ss\": 1.5}\n{\"step\": 4, \"loss\": 1}\n");
    let turn = bench.ingester.turn(&Look::Hints(vec![bench.path("runs/a/m.jsonl")]), ALL).unwrap();
    assert_eq!((turn.points, turn.changed.len()), (4, 1));
    assert_eq!(bench.steps("runs/a"), [0, 1, 2, 3, 4]);
}

#[test]
fn a_line_without_its_break_is_taken_when_quiet_and_again_if_that_was_wrong() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", "{\"step\": 0, \"loss\": 1}\n{\"step\": 1, \"loss\": 2}");
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [0], "not yet");
    bench.ingester.now = late;
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [0, 1]);
    bench.append("runs/a/m.jsonl", "\n{\"step\": 2, \"loss\": 3}");
    bench.ingester.set_complete(true);
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [0, 1, 2]);
    bench.append("runs/a/m.jsonl", "{\"step\": 3, \"loss\": 3}\n");
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [0, 1], "the line is no object after all");
    let notices = bench.ingester.notices();
    assert!(notices.len() == 1 && notices[0].text.contains("runs/a/m.jsonl"), "{notices:?}");
}

#[test]
fn truncated_rewritten_and_recreated_files_replace_their_points() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", &lines(0..200));
    bench.turn();
    bench.write("runs/a/m.jsonl", &lines(0..50));
    bench.turn();
    assert_eq!(bench.steps("runs/a"), (0..50).collect::<Vec<_>>(), "truncated");
    bench.write("runs/a/m.jsonl", &lines(1000..1900));
    bench.turn();
    assert_eq!(bench.steps("runs/a"), (1000..1900).collect::<Vec<_>>(), "rewritten and longer");
    fs::remove_file(bench.path("runs/a/m.jsonl")).unwrap();
    bench.turn();
    assert_eq!(bench.steps("runs/a").len(), 900, "a deleted file keeps its points");
    bench.restart();
    bench.turn();
    bench.write("runs/a/m.jsonl", &lines(5..8));
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [5, 6, 7], "recreated");
    bench.write("runs/a/m.jsonl", "");
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [] as [i64; 0], "emptied");
    assert_eq!(bench.store.points(), 0);
    bench.append("runs/a/m.jsonl", &lines(0..2));
    bench.turn();
    assert_eq!(bench.steps("runs/a"), [0, 1]);
}

#[test]
fn a_rotation_keeps_every_point_once_under_the_new_names() {
    for restart in [false, true] {
        let mut bench = Bench::new(&["runs/*"]);
        bench.write("runs/a/m.jsonl", &lines(0..20));
        bench.turn();
        for round in 1..4i64 {
            // logrotate: m.2 <- m.1 <- m, and a new m.
            for n in (1..round).rev() {
                let name = |n: i64| bench.path(&format!("runs/a/m.jsonl.{n}"));
                fs::rename(name(n), name(n + 1)).unwrap();
            }
            fs::rename(bench.path("runs/a/m.jsonl"), bench.path("runs/a/m.jsonl.1")).unwrap();
            bench.write("runs/a/m.jsonl", &lines(20 * round..20 * round + 20));
            if restart {
                bench.restart();
            }
            let turn = bench.turn();
            assert_eq!(turn.points, 40, "only the new file is read");
        }
        let mut steps = bench.steps("runs/a");
        steps.sort_unstable();
        assert_eq!(steps, (0..80).collect::<Vec<_>>());
        // The oldest is overwritten by the next rotation and keeps its points.
        fs::rename(bench.path("runs/a/m.jsonl.2"), bench.path("runs/a/m.jsonl.3")).unwrap();
        bench.turn();
        assert_eq!(bench.steps("runs/a").len(), 80);
    }
}

#[test]
fn a_copy_that_is_truncated_in_place_is_no_loss() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", &lines(0..20));
    bench.turn();
    fs::copy(bench.path("runs/a/m.jsonl"), bench.path("runs/a/m.jsonl.1")).unwrap();
    bench.write("runs/a/m.jsonl", &lines(20..22));
    bench.turn();
    let mut steps = bench.steps("runs/a");
    steps.sort_unstable();
    assert_eq!(steps, (0..22).collect::<Vec<_>>());
}

#[test]
fn a_longer_copy_in_its_place_is_the_same_file() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", &lines(0..20));
    bench.turn();
    bench.write("runs/a/.m.jsonl.tmp", &lines(0..25));
    fs::rename(bench.path("runs/a/.m.jsonl.tmp"), bench.path("runs/a/m.jsonl")).unwrap();
    assert_eq!(bench.turn().points, 10, "rsync");
    assert_eq!(bench.steps("runs/a"), (0..25).collect::<Vec<_>>());
}

#[test]
fn runs_and_files_may_come_late_and_what_is_no_log_is_refused_with_a_reason() {
    let mut bench = Bench::new(&["runs/*", "more/*.jsonl"]);
    let turn = bench.turn();
    assert!(turn.changed.is_empty());
    let notices = bench.ingester.notices();
    assert_eq!(notices.len(), 2);
    assert!(notices[0].text.contains("'runs/*' matches nothing in"), "{notices:?}");
    bench.write("runs/a/config.json", "{\"params\": 1e6}");
    bench.write("runs/a/empty.jsonl", "");
    bench.write("runs/a/train.py", "import this");
    bench.write("runs/a/pointer.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n");
    bench.write("more/x.jsonl", &lines(0..2));
    fs::create_dir_all(bench.path("runs/nothing")).unwrap();
    let hints = vec![bench.path("runs/a"), bench.path("more/x.jsonl")];
    let turn = bench.ingester.turn(&Look::Hints(hints), ALL).unwrap();
    assert_eq!(turn.points, 4);
    let names: Vec<String> = bench.store.runs().unwrap().into_iter().map(|r| r.1).collect();
    assert_eq!(names, ["more/x.jsonl", "runs/a"], "a directory with nothing in it is no run");
    assert_eq!(bench.losses("more/x.jsonl")[0].0, "x.jsonl");
    let reports = bench.ingester.files(None);
    let verdict = |file: &str| {
        reports
            .iter()
            .find(|r| r.file == file)
            .map(|r| if let Verdict::Refused(why) = &r.verdict { why.clone() } else { String::new() })
    };
    assert!(verdict("empty.jsonl").unwrap().contains("empty"));
    assert!(verdict("pointer.jsonl").unwrap().contains("LFS"));
    assert!(verdict("train.py").unwrap().contains("code"));
    assert_eq!(verdict("config.json"), None, "settings are neither logs nor refused");
    bench.append("runs/a/empty.jsonl", &lines(0..1));
    let turn = bench.ingester.turn(&Look::Hints(vec![bench.path("runs/a/empty.jsonl")]), ALL).unwrap();
    assert_eq!(turn.points, 2);
}

#[test]
fn settings_that_change_change_the_facts() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", "{\"loss\": 1, \"global_step/max_steps\": \"1/20\"}\n");
    bench.turn();
    let run = bench.store.find_run("runs/a").unwrap();
    let facts = |bench: &Bench| bench.store.facts(run).unwrap();
    assert_eq!(facts(&bench).known[&FactName::PlannedSteps].source, "m.jsonl#record 1");
    bench.write("runs/a/mixlaw.run.yaml", "params: 7B\n");
    assert_eq!(bench.turn().changed, [run].into());
    assert_eq!(facts(&bench).number(FactName::Params), Some(7e9));
    assert!(bench.turn().changed.is_empty());
    bench.restart();
    assert!(bench.turn().changed.is_empty(), "facts of logs and settings are found again after a restart");
    assert_eq!(facts(&bench).number(FactName::PlannedSteps), Some(20.0));
    fs::remove_file(bench.path("runs/a/mixlaw.run.yaml")).unwrap();
    assert_eq!(bench.turn().changed, [run].into());
    assert_eq!(facts(&bench).number(FactName::Params), None, "nobody says so any more");
}

#[test]
fn a_run_that_no_pattern_matches_any_more_is_forgotten_and_one_that_is_gone_is_not() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/m.jsonl", &lines(0..2));
    bench.write("runs/b/m.jsonl", &lines(0..2));
    bench.turn();
    fs::remove_dir_all(bench.path("runs/b")).unwrap();
    bench.turn();
    assert_eq!(bench.store.runs().unwrap().len(), 2);
    bench.project = project(bench.dir.path(), &["runs/b*"]);
    bench.restart();
    bench.turn();
    let names: Vec<String> = bench.store.runs().unwrap().into_iter().map(|r| r.1).collect();
    assert_eq!(names, ["runs/b"]);
}

#[test]
fn runs_whose_logs_were_deleted_are_forgotten_when_the_project_says_so() {
    let mut bench = Bench::new(&["runs/*", "away/*"]);
    for run in ["runs/a", "runs/old", "runs/new", "away/a", "away/b"] {
        bench.write(&format!("{run}/m.jsonl"), &lines(0..2));
        let old = fs::File::options().append(true).open(bench.path(&format!("{run}/m.jsonl"))).unwrap();
        let day = if run == "runs/new" { 95 } else { 1 };
        old.set_modified(UNIX_EPOCH + Duration::from_secs(86_400 * day)).unwrap();
    }
    let names = |bench: &Bench| -> Vec<String> { bench.store.runs().unwrap().into_iter().map(|r| r.1).collect() };
    bench.project.retention.gone = Some(Duration::from_secs(86_400 * 30));
    let day_100 = || UNIX_EPOCH + Duration::from_secs(86_400 * 100);
    let again = |bench: &mut Bench| {
        bench.ingester = Ingester::with_clock(&bench.project, bench.store.clone(), day_100);
    };
    again(&mut bench);
    bench.turn();
    assert_eq!(names(&bench).len(), 5, "they are there");
    for run in ["runs/old", "runs/new", "away/a", "away/b"] {
        fs::remove_dir_all(bench.path(run)).unwrap();
    }
    bench.turn();
    // The newer one is too young, and of the others nothing is there at all: the disk may be away.
    let left = ["runs/a", "runs/new", "away/a", "away/b"];
    assert_eq!(names(&bench).iter().collect::<BTreeSet<_>>(), left.map(str::to_owned).iter().collect());
    // What comes back is read again.
    bench.write("runs/old/m.jsonl", &lines(0..3));
    bench.turn();
    assert_eq!(bench.steps("runs/old"), [0, 1, 2]);
    // After a restart, nothing of one is left but what the store has.
    bench.write("away/a/m.jsonl", &lines(0..2));
    again(&mut bench);
    bench.turn();
    let left: BTreeSet<String> = ["runs/a", "runs/new", "runs/old", "away/a"].map(str::to_owned).into();
    assert_eq!(names(&bench).into_iter().collect::<BTreeSet<_>>(), left);
    // A directory without its log is no run either.
    bench.write("runs/empty/m.jsonl", &lines(0..2));
    fs::File::options().append(true).open(bench.path("runs/empty/m.jsonl")).unwrap().set_modified(UNIX_EPOCH).unwrap();
    bench.turn();
    assert_eq!(names(&bench).len(), 5);
    fs::remove_file(bench.path("runs/empty/m.jsonl")).unwrap();
    bench.turn();
    assert_eq!(names(&bench).into_iter().collect::<BTreeSet<_>>(), left);
    bench.turn();
    assert_eq!(names(&bench).len(), 4);
}

#[test]
fn one_backlog_starves_nobody() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/big/m.jsonl", &lines(0..200_000));
    bench.write("runs/small/m.jsonl", &lines(0..1));
    let old = fs::File::options().append(true).open(bench.path("runs/small/m.jsonl")).unwrap();
    old.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let little = Budget { time: Duration::ZERO };
    let turn = bench.ingester.turn(&Look::Everything, little).unwrap();
    assert!(turn.more);
    assert_eq!(bench.steps("runs/small"), [] as [i64; 0], "the newest comes first");
    let fair = Budget { time: Duration::from_secs(60) };
    while bench.ingester.turn(&Look::Hints(vec![]), fair).unwrap().more {}
    assert_eq!(bench.steps("runs/small"), [0]);
    assert_eq!(bench.steps("runs/big"), (0..200_000).collect::<Vec<_>>());
}

#[test]
fn however_many_threads_read_the_store_is_the_same() {
    let read = |threads: usize| {
        let mut bench = Bench::new(&["runs/*"]);
        for run in 0..4_u64 {
            let text: String =
                (0..40_000).map(|i| format!("{{\"step\": {i}, \"loss\": 1.5, \"m{}\": {i}}}\n", run % 3)).collect();
            bench.write(&format!("runs/{run}/m.jsonl"), &text);
            // Long enough for two readings.
            bench.write(&format!("runs/{run}/n.jsonl"), &text.repeat(if run % 2 == 0 { 1 } else { 4 }));
            for name in ["m", "n"] {
                let file =
                    OpenOptions::new().append(true).open(bench.path(&format!("runs/{run}/{name}.jsonl"))).unwrap();
                file.set_modified(UNIX_EPOCH + Duration::from_secs(run)).unwrap();
            }
        }
        bench.ingester.parsers = ParsePool::new(threads, 0);
        bench.turn();
        let mut all = DefaultHasher::new();
        for (run, name) in bench.store.runs().unwrap() {
            (run, name, format!("{:?}", bench.store.metrics(run).unwrap())).hash(&mut all);
            let each = |file: &str, p: &ExportedPoint| {
                (file, &p.metric, p.step, p.value.to_bits()).hash(&mut all);
                true
            };
            bench.store.export(run, None, each).unwrap();
        }
        (bench.store.points(), all.finish())
    };
    let alone = read(1);
    assert_eq!(alone.0, (4 + 1 + 4 + 1 + 4) * 3 * 40_000);
    assert_eq!(read(3), alone);
}

/// The state of a Hugging Face trainer whose losses are 1.5, 2.5, …
fn trainer_state(records: usize) -> String {
    let history: Vec<String> = (1..=records).map(|i| format!("{{\"loss\": {i}.5, \"step\": {i}}}")).collect();
    format!("{{\"global_step\": {records}, \"log_history\": [{}], \"max_steps\": 40}}", history.join(", "))
}

#[test]
fn half_a_trainer_state_ends_a_reading_and_changes_nothing() {
    let mut bench = Bench::new(&["runs/*"]);
    let name = "runs/a/checkpoint-1/trainer_state.json";
    let (two, three) = (trainer_state(2), trainer_state(3));
    bench.ingester.set_complete(true);
    bench.write(name, &three[..three.len() - 4]);
    assert!(!bench.turn().more, "a file that is not whole was read until the time was up");
    bench.write(name, &two);
    bench.turn();
    let before = bench.losses("runs/a");
    assert_eq!(before.len(), 2);
    for text in [&three[..three.len() - 4], "", &two] {
        bench.write(name, text);
        assert!(!bench.turn().more, "read without end");
        assert_eq!(bench.losses("runs/a"), before, "after {text:?}");
    }
    bench.write(name, &three);
    bench.turn();
    assert_eq!(bench.losses("runs/a").len(), 3);
}

#[test]
fn a_checkpoint_that_goes_away_half_written_leaves_the_one_before() {
    let mut bench = Bench::new(&["runs/*"]);
    let (first, second) = ("runs/a/checkpoint-1/trainer_state.json", "runs/a/checkpoint-2/trainer_state.json");
    let four = trainer_state(4);
    bench.write(first, &trainer_state(2));
    bench.turn();
    bench.write(second, &four[..four.len() - 4]);
    bench.turn();
    assert_eq!(bench.losses("runs/a").len(), 2);
    fs::remove_file(bench.path(second)).unwrap();
    bench.turn();
    bench.write(first, &trainer_state(3));
    bench.turn();
    assert_eq!(bench.losses("runs/a").len(), 3, "it is followed again");
    bench.write(second, &four);
    bench.turn();
    assert_eq!(bench.losses("runs/a").len(), 4);
}

#[test]
fn a_file_at_rest_has_no_parser_and_is_read_on_where_it_was_left() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.ingester = Ingester::with_clock(&bench.project, bench.store.clone(), SystemTime::now);
    let name = "runs/a/m.csv";
    let warm = |bench: &Bench| bench.ingester.followers.values().flat_map(|f| f.tails.values()).any(|t| t.is_warm());
    let age = |bench: &Bench, by: u64| {
        let file = OpenOptions::new().append(true).open(bench.path(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(by)).unwrap();
    };
    bench.write(name, "step,loss\n1,4.5\n2,3.5\n");
    bench.turn();
    assert!(warm(&bench), "it was written a moment ago");
    bench.append(name, "3,2.5\n");
    age(&bench, 3600);
    bench.turn();
    assert!(!warm(&bench), "nothing has come for an hour");
    bench.append(name, "4,1.5\n5,");
    bench.turn();
    assert!(warm(&bench));
    age(&bench, 3600);
    bench.turn();
    bench.append(name, "0.5\n");
    bench.turn();
    assert_eq!(
        bench.losses("runs/a").iter().map(|l| (l.1, l.2)).collect::<Vec<_>>(),
        [(1, 4.5), (2, 3.5), (3, 2.5), (4, 1.5), (5, 0.5)]
    );
}

#[test]
fn a_file_that_is_not_written_to_any_more_has_no_parser() {
    static LATER: AtomicU64 = AtomicU64::new(0);
    let mut bench = Bench::new(&["runs/*"]);
    bench.ingester = Ingester::with_clock(&bench.project, bench.store.clone(), || {
        SystemTime::now() + Duration::from_secs(LATER.load(Ordering::SeqCst))
    });
    let warm = |bench: &Bench| bench.ingester.followers.values().flat_map(|f| f.tails.values()).any(|t| t.is_warm());
    bench.write("runs/a/m.csv", "step,loss\n1,4.5\n2,3.5\n");
    bench.turn();
    assert!(warm(&bench), "it was written a moment ago");
    LATER.store(3600, Ordering::SeqCst);
    bench.turn();
    assert!(!warm(&bench), "its run has ended long ago");
    bench.append("runs/a/m.csv", "3,2.5\n");
    bench.turn();
    assert_eq!(bench.losses("runs/a").iter().map(|l| (l.1, l.2)).collect::<Vec<_>>(), [(1, 4.5), (2, 3.5), (3, 2.5)]);
}

#[test]
fn a_run_that_is_found_to_be_a_link_to_another_is_forgotten() {
    use std::os::unix::fs::symlink;
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("far/x/m.jsonl", &lines(0..3));
    fs::create_dir_all(bench.path("runs")).unwrap();
    symlink(bench.path("far/x"), bench.path("runs/latest")).unwrap();
    bench.turn();
    assert_eq!(bench.steps("runs/latest"), [0, 1, 2]);
    // It moves to where runs are looked for.
    fs::rename(bench.path("far/x"), bench.path("runs/x")).unwrap();
    fs::remove_file(bench.path("runs/latest")).unwrap();
    symlink(bench.path("runs/x"), bench.path("runs/latest")).unwrap();
    bench.turn();
    assert_eq!(bench.steps("runs/x"), [0, 1, 2]);
    assert_eq!(bench.store.find_run("runs/latest"), None);
    bench.append("runs/x/m.jsonl", &lines(3..5));
    bench.turn();
    assert_eq!((bench.steps("runs/x"), bench.store.points()), (vec![0, 1, 2, 3, 4], 10));
}

/// EACCES, EIO, ESTALE and ENOENT, as Linux numbers them.
const ERRORS: [i32; 4] = [13, 5, 116, 2];

fn after(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn a_log_that_cannot_be_opened_any_more_stops_no_other_and_loses_nothing() {
    for errno in ERRORS {
        for complete in [false, true] {
            let mut bench = Bench::new(&["runs/*"]);
            bench.ingester.now = late;
            bench.ingester.set_complete(complete);
            bench.write("runs/a/log.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
            bench.write("runs/b/log.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
            bench.turn();
            let path = bench.path("runs/a/log.jsonl");
            crate::open::faults::inject(&path, errno);
            bench.append("runs/a/log.jsonl", "{\"step\": 2, \"loss\": 2.5}\n");
            bench.append("runs/b/log.jsonl", "{\"step\": 2, \"loss\": 2.5}\n");
            let began = Instant::now();
            for _ in 0..3 {
                let turn = bench.turn();
                assert!(!turn.more, "{errno}: nothing is left that can be read now");
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{errno}: the turn ends");
            assert_eq!(bench.losses("runs/b").len(), 2, "{errno}: the others are read");
            assert_eq!(bench.losses("runs/a").len(), 1, "{errno}: what was read stays");
            let said = bench.ingester.unreadable();
            assert_eq!(said.len(), usize::from(errno != 2), "{said:?}");
            for notice in &said {
                assert!(notice.text.starts_with("runs/a/log.jsonl: "), "{notice:?}");
                assert!(notice.help.as_ref().is_some_and(|h| h.contains("ls -lL") && h.contains("runs/a/log.jsonl")));
            }
            assert!(crate::open::faults::heal(&path) < 20, "{errno}: it is not tried again and again");
            // It is tried again although nothing about the file has changed.
            bench.ingester.now = || late() + Duration::from_secs(120);
            bench.turn();
            assert_eq!(bench.losses("runs/a").len(), 2, "{errno}: it is read on");
            assert_eq!(bench.ingester.unreadable(), []);
        }
    }
}

#[test]
fn a_log_that_cannot_be_opened_at_first_is_read_when_it_can() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.write("runs/a/log.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
    bench.write("runs/b/log.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
    bench.write("runs/a/config.json", "{\"seed\": 7}");
    let (path, config) = (bench.path("runs/a/log.jsonl"), bench.path("runs/a/config.json"));
    crate::open::faults::inject(&path, ERRORS[0]);
    crate::open::faults::inject(&config, ERRORS[1]);
    bench.ingester.now = || after(1_000);
    assert!(!bench.turn().more);
    assert_eq!((bench.losses("runs/a").len(), bench.losses("runs/b").len()), (0, 1));
    assert_eq!(bench.ingester.unreadable().len(), 1);
    assert!(bench.ingester.notices().iter().any(|n| n.text.contains("config.json") && n.text.contains("error")));
    crate::open::faults::heal(&path);
    crate::open::faults::heal(&config);
    bench.turn();
    assert_eq!(bench.losses("runs/a").len(), 1);
    let run = bench.store.find_run("runs/a").unwrap();
    assert_eq!(bench.store.facts(run).unwrap().number(FactName::Seed), Some(7.0));
    assert_eq!(bench.ingester.notices(), []);
}

#[test]
fn a_log_rewritten_as_something_else_is_no_work_for_ever() {
    let mut bench = Bench::new(&["runs/*"]);
    bench.ingester.set_complete(true);
    bench.write("runs/a/log.jsonl", "{\"step\": 1, \"loss\": 3.0}\n{\"step\": 2, \"loss\": 2.5}\n");
    bench.turn();
    fs::write(bench.path("runs/a/log.jsonl"), vec![0xff; 5_000]).unwrap();
    let began = Instant::now();
    assert!(!bench.turn().more);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(bench.losses("runs/a").len(), 2, "what was read before stays");
}

#[test]
fn what_becomes_a_pipe_is_not_waited_for_and_is_read_when_it_is_a_file_again() {
    for linked in [false, true] {
        let mut bench = Bench::new(&["logs/*.jsonl"]);
        bench.write("logs/a.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
        bench.write("logs/b.jsonl", "{\"step\": 1, \"loss\": 3.0}\n");
        bench.turn();
        let (path, pipe) = (bench.path("logs/a.jsonl"), bench.path("pipe"));
        fs::remove_file(&path).unwrap();
        let at = if linked { &pipe } else { &path };
        rustix::fs::mknodat(rustix::fs::CWD, at, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        if linked {
            std::os::unix::fs::symlink(&pipe, &path).unwrap();
        }
        bench.append("logs/b.jsonl", "{\"step\": 2, \"loss\": 2.5}\n");
        assert!(!bench.turn().more);
        assert_eq!((bench.losses("logs/a.jsonl").len(), bench.losses("logs/b.jsonl").len()), (1, 2));
        fs::remove_file(&path).unwrap();
        bench.write("logs/a.jsonl", "{\"step\": 1, \"loss\": 3.0}\n{\"step\": 2, \"loss\": 2.5}\n");
        bench.turn();
        assert_eq!(bench.losses("logs/a.jsonl").len(), 2);
    }
}

/// Of lines with thousands of numbers a few megabytes hold a few. They are stored many at a time all the same, and what is wrong
/// further on is where it is in the file.
#[test]
fn wide_lines_are_stored_many_at_a_time() {
    const METRICS: usize = 3_000;
    const LINES: usize = 150;
    let mut bench = Bench::new(&["runs/*"]);
    let (mut text, mut begins) = (String::new(), Vec::new());
    for step in 0..LINES {
        begins.push(text.len());
        if step == 50 {
            text.push_str("{\"step\": 50, \"loss\"\n");
            continue;
        }
        text.push_str(&format!("{{\"step\": {step}, \"loss\": {}", 3.0 - step as f64 / 100.0));
        for metric in 0..METRICS {
            text.push_str(&format!(", \"moe/a_rather_long_name/layer_7/expert_{metric}\": {}.{metric}", step % 7));
        }
        text.push_str("}\n");
    }
    assert!(begins[50] > 5 << 20, "not in the first bytes that are read: {}", begins[50]);
    bench.write("runs/a/log.jsonl", &text);
    while bench.turn().more {}
    let run = bench.store.find_run("runs/a").unwrap();
    let losses = bench.losses("runs/a");
    assert_eq!(losses.len(), LINES - 1);
    assert!(losses.iter().all(|(_, step, loss)| *loss == 3.0 - *step as f64 / 100.0));
    let last = bench.store.series(run, &format!("moe/a_rather_long_name/layer_7/expert_{}", METRICS - 1)).unwrap();
    let expected = |step: i64| format!("{}.{}", step % 7, METRICS - 1).parse::<f64>().unwrap();
    assert_eq!(last.len(), LINES - 1);
    assert!(last.steps.iter().zip(&last.values).all(|(step, value)| *value == expected(*step)));
    // Every storing of many points makes an axis.
    let record = bench.store.records(run).remove(0).1;
    assert!(record.axes <= 3, "{} times for {LINES} lines", record.axes);
    let notices = bench.ingester.notices();
    let said = notices.iter().find(|notice| notice.text.contains("could not be read")).expect("a notice");
    let place = format!("byte {}:", begins[50]);
    assert!(said.text.contains(&place), "{place} {}", said.text);
}
