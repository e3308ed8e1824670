//! Rules of reading, each for every format that they can be broken in: the same records, written as they should not be, give the
//! same points.

use super::dialect::{Dialect, dialects};
use super::*;
use crate::ingest::formats::console;
use crate::project::RunSource;
use std::fs;
use std::io::Write;

/// Records of each log.
const RECORDS: u64 = 20;

/// A folder with one run, read by a process that answers once.
struct Folder {
    dir: tempfile::TempDir,
    project: Project,
    store: Arc<SledStore>,
    ingester: Ingester,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("runs/a")).unwrap();
        let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
        let project = Project { root: dir.path().to_path_buf(), runs, ..Project::default() };
        let (store, ingester) = Self::process(&project);
        Self { dir, project, store, ingester }
    }

    fn process(project: &Project) -> (Arc<SledStore>, Ingester) {
        let store = SledStore::temporary().unwrap();
        let mut ingester = Ingester::new(project, store.clone());
        ingester.set_complete(true);
        (store, ingester)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join("runs/a").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Makes a file last written at that time.
    fn date(&self, name: &str, at: SystemTime) {
        let file = fs::File::options().append(true).open(self.dir.path().join("runs/a").join(name)).unwrap();
        file.set_modified(at).unwrap();
    }

    /// Metrics, steps and values after a look.
    fn look(&mut self) -> Vec<String> {
        let budget = Budget { time: Duration::from_secs(60) };
        self.ingester.turn(&Look::Everything, budget).unwrap();
        points(&self.store)
    }

    /// The same for a store that is made anew.
    fn anew(&self) -> Vec<String> {
        let (store, mut ingester) = Self::process(&self.project);
        ingester.turn(&Look::Everything, Budget { time: Duration::from_secs(60) }).unwrap();
        points(&store)
    }
}

fn points(store: &SledStore) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(run) = store.find_run("runs/a") {
        store.export(run, None, |_, p| (all.push(format!("{} {} {}", p.metric, p.step, p.value)), true).1).unwrap();
    }
    all
}

/// A log of records from `first` on, and where each ends.
fn log(dialect: &Dialect, first: u64) -> (Vec<u8>, Vec<usize>) {
    let mut text = dialect.header.clone();
    let mut ends = Vec::new();
    for n in first..first + RECORDS {
        let record = (dialect.record)(n, &text);
        text.extend(record);
        ends.push(text.len());
    }
    (text, ends)
}

fn plain(dialect: &Dialect, text: &[u8]) -> Vec<String> {
    let mut folder = Folder::new();
    folder.write(dialect.names[0], text);
    let points = folder.look();
    assert!(points.len() >= RECORDS as usize, "{}", dialect.format);
    points
}

fn is_console(dialect: &Dialect) -> bool {
    dialect.format == "console" || console::FORMATS.iter().any(|format| format.called() == dialect.format)
}

#[test]
fn a_packed_log_is_read_as_it_was() {
    for dialect in dialects() {
        let (text, _) = log(dialect, 1);
        let mut folder = Folder::new();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&text).unwrap();
        folder.write(&format!("{}.gz", dialect.names[0]), &packer.finish().unwrap());
        assert_eq!(folder.look(), plain(dialect, &text), "{}", dialect.format);
        assert_eq!(folder.look(), folder.anew(), "{}", dialect.format);
    }
}

#[test]
fn a_packed_log_that_is_cut_off_is_read_when_it_is_whole() {
    let dialect = dialects().iter().find(|d| d.format == "jsonl").unwrap();
    let (text, _) = log(dialect, 1);
    let packed = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    let mut folder = Folder::new();
    folder.write("m.jsonl.zst", &packed[..packed.len() / 2]);
    assert!(folder.look().is_empty());
    folder.write("m.jsonl.zst", &packed);
    assert_eq!(folder.look(), plain(dialect, &text));
}

#[test]
fn nul_bytes_between_records_are_passed_over() {
    for dialect in dialects() {
        let (text, ends) = log(dialect, 1);
        let middle = ends[ends.len() / 2];
        let torn = [&text[..middle], &[0; 300], &text[middle..]].concat();
        let mut folder = Folder::new();
        folder.write(dialect.names[0], &torn);
        assert_eq!(folder.look(), plain(dialect, &text), "{}", dialect.format);
    }
}

#[test]
fn what_every_rank_prints_is_read_once() {
    for dialect in dialects().iter().filter(|d| is_console(d)) {
        let (text, ends) = log(dialect, 1);
        let by = |ranks: u32| {
            let mut all = Vec::new();
            let starts = [dialect.header.len()].into_iter().chain(ends.iter().copied());
            for (start, end) in starts.zip(&ends) {
                for rank in 0..ranks {
                    for line in text[start..*end].split_inclusive(|b| *b == b'\n') {
                        all.extend_from_slice(format!("[rank{rank}]:").as_bytes());
                        all.extend_from_slice(line);
                    }
                }
            }
            let mut folder = Folder::new();
            folder.write(dialect.names[0], &[&dialect.header, &all[..]].concat());
            folder.look()
        };
        assert_eq!(by(4), by(1), "{}", dialect.format);
    }
}

#[test]
fn what_a_deleted_log_said_is_gone_as_for_a_store_made_anew() {
    for dialect in dialects() {
        let mut folder = Folder::new();
        folder.write(dialect.names[0], &log(dialect, 1).0);
        folder.look();
        fs::remove_file(folder.dir.path().join("runs/a").join(dialect.names[0])).unwrap();
        assert_eq!(
            folder.look().len(),
            plain(dialect, &log(dialect, 1).0).len(),
            "nothing is left: the disk may be away"
        );
        folder.write(dialect.names[2], &log(dialect, 50).0);
        let points = folder.look();
        assert!(!points.is_empty() && points == folder.anew(), "{}", dialect.format);
    }
}

#[test]
fn two_files_that_say_the_same_are_one_series() {
    // Where the path names the metric, two files are two metrics.
    for dialect in dialects().iter().filter(|d| !matches!(d.format, "dvclive" | "mlflow")) {
        let (text, ends) = log(dialect, 1);
        let mut folder = Folder::new();
        folder.write(dialect.names[2], &text);
        // The other is not as far.
        folder.write(dialect.names[0], &text[..ends[ends.len() / 2]]);
        let of = |points: &[String]| {
            let mut losses: Vec<String> = points.iter().filter(|p| p.contains("oss")).cloned().collect();
            losses.sort();
            losses
        };
        assert_eq!(of(&folder.look()), of(&plain(dialect, &text)), "{}", dialect.format);
    }
}

#[test]
fn two_programs_that_call_a_loss_differently_tell_one_series() {
    // Console output beside records: a name each.
    let names = |points: &[String]| -> BTreeSet<String> {
        let name = |point: &String| point.rsplitn(3, ' ').nth(2).unwrap_or_default().to_owned();
        points.iter().map(name).filter(|name| name.contains("oss")).collect()
    };
    let mut tried = 0;
    for records in dialects().iter().filter(|d| matches!(d.format, "jsonl" | "csv")) {
        for console in dialects().iter().filter(|d| is_console(d)) {
            let ((whole, _), (text, ends)) = (log(records, 1), log(console, 1));
            let alone = (names(&plain(records, &whole)), names(&plain(console, &text)));
            let mut folder = Folder::new();
            folder.write(records.names[0], &whole);
            folder.write(console.names[0], &text[..ends[ends.len() / 2]]);
            let both = names(&folder.look());
            tried += usize::from(alone.1.is_disjoint(&alone.0));
            assert_eq!(both.len(), alone.0.len().max(alone.1.len()), "{} {}: {both:?}", records.format, console.format);
        }
    }
    assert!(tried > 8, "{tried} pairs of names");
}

#[test]
fn trainings_one_after_another_are_runs_of_their_own() {
    // Hugging Face's dictionaries are counted: without a bar, nothing tells that they begin again.
    for dialect in dialects().iter().filter(|d| is_console(d) && d.format != "hf-dict") {
        let (text, _) = log(dialect, 1);
        let body = &text[dialect.header.len()..];
        let mut folder = Folder::new();
        folder.write(dialect.names[0], &[&text, &b"\n===== [2/2] second =====\n"[..], body].concat());
        let first = folder.look();
        assert_eq!(first, plain(dialect, &text), "{}", dialect.format);
        let second = folder.store.find_run("runs/a/second").unwrap_or_else(|| panic!("{}", dialect.format));
        let mut count = 0;
        folder.store.export(second, None, |_, _| (count += 1, true).1).unwrap();
        assert_eq!(count, first.len(), "{}", dialect.format);
    }
}

#[test]
fn what_a_file_of_held_out_data_says_is_kept_apart_from_training() {
    for dialect in dialects().iter().filter(|d| !matches!(d.format, "dvclive" | "mlflow")) {
        let (training, _) = log(dialect, 1);
        let (held_out, _) = log(dialect, 7);
        let name = dialect.names[0];
        let mut folder = Folder::new();
        folder.write(name, &training);
        folder.write(&format!("eval/{name}"), &held_out);
        let alone = plain(dialect, &training);
        let found = folder.look();
        let (apart, rest): (Vec<String>, Vec<String>) =
            found.iter().cloned().partition(|point| point.starts_with("eval/"));
        // A name that says itself that it is held out is the same in both.
        let sorted = |mut points: Vec<String>| {
            points.retain(|point| !point.contains("val"));
            points.sort();
            points
        };
        assert_eq!(sorted(rest), sorted(alone), "{}", dialect.format);
        let named = found.iter().filter(|point| point.contains("val_loss")).count();
        assert!(apart.len() + named >= RECORDS as usize, "{} {found:?}", dialect.format);
        assert_eq!(found, folder.anew(), "{}", dialect.format);
    }
}

#[test]
fn the_parts_that_a_rotation_left_are_read_in_their_order_whatever_their_times() {
    let has_steps = |d: &&Dialect| is_console(d) && d.format != "hf-dict" || matches!(d.format, "jsonl" | "csv");
    for dialect in dialects().iter().filter(has_steps) {
        let ((old, _), (new, _)) = (log(dialect, 1), log(dialect, 1 + RECORDS));
        let mut folder = Folder::new();
        folder.write(dialect.names[1], &old);
        folder.write(dialect.names[0], &new);
        for name in &dialect.names[..2] {
            folder.date(name, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        }
        let found = folder.look();
        let (first, second) = (plain(dialect, &old), plain(dialect, &new));
        let metric = |point: &str| point.rsplitn(3, ' ').nth(2).unwrap_or_default().to_owned();
        let of = |points: &[String], name: &str| -> Vec<String> {
            points.iter().filter(|point| metric(point) == name).cloned().collect()
        };
        for name in first.iter().map(|point| metric(point)).collect::<BTreeSet<_>>() {
            assert_eq!(
                of(&found, &name),
                [of(&first, &name), of(&second, &name)].concat(),
                "{} {name}",
                dialect.format
            );
        }
        assert_eq!(found, folder.anew(), "{}", dialect.format);
    }
}

#[test]
fn a_file_is_read_again_where_what_its_name_says_is_learned_later() {
    let mut folder = Folder::new();
    folder.write("test.jsonl", &jsonl(1..=3, "loss"));
    assert!(folder.look().iter().all(|point| !point.starts_with("test/")), "it may be a trial");
    folder.write("train.jsonl", &jsonl(5..=9, "loss"));
    let found = folder.look();
    assert_eq!(found.iter().filter(|point| point.starts_with("test/loss")).count(), 3, "{found:?}");
    assert_eq!(found.iter().filter(|point| point.starts_with("loss")).count(), 5, "{found:?}");
    assert_eq!(found, folder.anew());
}

#[test]
fn the_folders_train_and_validation_are_one_run() {
    let expect = |name: &str, steps: &[i64]| (name.to_owned(), steps.to_vec());
    let files = [
        ("logs/a/train/m.jsonl", jsonl(1..=3, "loss")),
        ("logs/a/validation/m.jsonl", jsonl(2..=2, "loss")),
        ("logs/b/train/m.jsonl", jsonl(1..=2, "loss")),
        ("logs/b/other/m.jsonl", jsonl(1..=1, "loss")),
    ];
    let found = runs_of(&["logs/*/*"], &files);
    let mut steps = found[0].1.clone();
    steps.sort_unstable();
    assert_eq!((found[0].0.as_str(), steps), ("logs/a", vec![1, 2, 2, 3]));
    assert_eq!(found[1..], [expect("logs/b/other", &[1]), expect("logs/b/train", &[1, 2])]);
}

#[test]
fn folders_of_the_processes_of_a_run_are_one_run_and_say_everything_once() {
    let steps: Vec<i64> = (1..=30).collect();
    let log = || jsonl(1..=30, "loss");
    let found =
        runs_of(&["*/*"], &[("a/rank_0/m.jsonl", log()), ("a/rank_1/m.jsonl", log()), ("b/rank_0/m.jsonl", log())]);
    assert_eq!(found, [("a".to_owned(), steps.clone()), ("b/rank_0".to_owned(), steps)]);
}

#[test]
fn a_table_of_steps_and_values_is_called_after_its_file() {
    let table = |header: &str| format!("{header}\n1.7e9,10,2.5\n1.7e9,20,2.25\n").into_bytes();
    let mut folder = Folder::new();
    folder.write("val_losses.csv", b"step,value\n10,2.5\n20,2.25\n");
    folder.write("data.csv", b"step,value\n10,1\n20,2\n");
    assert_eq!(folder.look().iter().filter(|p| p.starts_with("val_losses 10 ") || p.starts_with("value ")).count(), 3);
    let download = |tag: &str| format!("d/run-{tag}.csv");
    let (first, second) = (download("mix0-tag-train_loss"), download("mix1-tag-train_loss"));
    let found = runs_of(&["d"], &[(&first, table("Wall time,Step,Value")), (&second, table("Wall time,Step,Value"))]);
    assert_eq!(found, [("d/mix0".to_owned(), vec![10, 20]), ("d/mix1".to_owned(), vec![10, 20])]);
}

/// The runs that a look at a folder finds, and the steps of their losses.
fn runs_of(patterns: &[&str], files: &[(&str, Vec<u8>)]) -> Vec<(String, Vec<i64>)> {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let runs =
        patterns.iter().map(|path| RunSource { path: (*path).to_owned(), at: None, filter: Vec::new() }).collect();
    let project = Project { root: dir.path().to_path_buf(), runs, ..Project::default() };
    let (store, mut ingester) = Folder::process(&project);
    ingester.turn(&Look::Everything, Budget { time: Duration::from_secs(60) }).unwrap();
    let mut found = Vec::new();
    for (run, name) in store.all_runs() {
        // By metric: which of a run's files is read first follows their times, which a slow disk sets apart.
        let mut by_metric = BTreeMap::<String, Vec<i64>>::new();
        store
            .export(run, None, |_, p| {
                if p.metric.contains("loss") {
                    by_metric.entry(p.metric.to_string()).or_default().push(p.step);
                }
                true
            })
            .unwrap();
        let steps = by_metric.into_values().flatten().collect::<Vec<_>>();
        if !steps.is_empty() {
            assert!(ingester.has(&name), "{name}");
            found.push((name, steps));
        }
    }
    found.sort();
    found
}

fn jsonl(steps: std::ops::RangeInclusive<i64>, name: &str) -> Vec<u8> {
    steps.map(|step| format!("{{\"step\": {step}, \"{name}\": {}.5}}\n", 99 - step)).collect::<String>().into_bytes()
}

#[test]
fn files_whose_names_differ_in_the_part_they_are_of_are_one_run() {
    let found = runs_of(
        &["*.jsonl", "*.csv", "*.log"],
        &[
            ("mix0_train.jsonl", jsonl(1..=3, "loss")),
            ("mix0_eval.jsonl", jsonl(2..=2, "eval_loss")),
            ("mix1.csv", b"step,loss\n1,2\n2,1.5\n".to_vec()),
            ("mix1.jsonl", jsonl(1..=2, "val_loss")),
            ("mix2.log", b"step 3 | loss 2.5\nstep 4 | loss 2\n".to_vec()),
            ("mix2.log.1", b"step 1 | loss 3.5\nstep 2 | loss 3\n".to_vec()),
        ],
    );
    let expect = |name: &str, steps: &[i64]| (name.to_owned(), steps.to_vec());
    assert_eq!(
        found,
        [expect("mix0", &[2, 1, 2, 3]), expect("mix1", &[1, 2, 1, 2]), expect("mix2.log", &[1, 2, 3, 4])]
    );
}

#[test]
fn a_run_that_wandb_resumed_in_another_folder_is_one_and_has_its_name() {
    let log = |name: &str, steps: std::ops::RangeInclusive<i64>| super::dialect::wandb_run("q1w2", name, steps);
    let found = runs_of(
        &["wandb/*"],
        &[
            ("wandb/run-20250101_000000-q1w2/run-q1w2.wandb", log("mix a", 1..=3)),
            ("wandb/run-20250102_000000-q1w2/run-q1w2.wandb", log("mix a", 4..=5)),
            ("wandb/run-20250102_000000-x9x9/run-x9x9.wandb", log("mix b", 1..=2)),
            ("wandb/run-20250103_000000-y8y8/run-y8y8.wandb", log("mix b", 1..=3)),
        ],
    );
    let expect = |name: &str, steps: &[i64]| (name.to_owned(), steps.to_vec());
    assert_eq!(
        found,
        [
            expect("wandb/mix a", &[1, 2, 3, 4, 5]),
            expect("wandb/mix b-x9x9", &[1, 2]),
            expect("wandb/mix b-y8y8", &[1, 2, 3])
        ]
    );
}

#[test]
fn how_a_run_ended_is_what_the_log_last_written_says() {
    use super::dialect::ended_wandb_run;
    use crate::store::ReadStore;
    use crate::vocab::FactName;
    let mut folder = Folder::new();
    let ended = |folder: &mut Folder| {
        folder.look();
        let run = folder.store.find_run("runs/a").unwrap();
        let facts = folder.store.facts(run).unwrap();
        assert_eq!(facts.conflicts, []);
        facts.text(FactName::Ended).map(str::to_owned)
    };
    let (first, second) = ("one/run-q1.wandb", "two/run-q1.wandb");
    folder.write(first, &ended_wandb_run("q1", 1..=3, 1));
    assert_eq!(ended(&mut folder).as_deref(), Some("failed"));
    let resumed = super::dialect::wandb_run("q1", "", 4..=5);
    folder.write(second, &resumed);
    let later = SystemTime::now() + Duration::from_secs(5);
    folder.date(second, later);
    assert_eq!(ended(&mut folder), None, "it goes on");
    folder.write(second, &ended_wandb_run("q1", 4..=9, 0));
    folder.date(second, later);
    assert_eq!(ended(&mut folder).as_deref(), Some("finished"));
}
