//! Random sequences of what happens to log files and to the process, checked for every format that is appended to against
//! a model that says in a few lines what must be in the store afterwards: what a parser reads from the whole records of
//! each file in one go.

use super::dialect::{Dialect, dialects};
use super::*;
use crate::ingest::formats::{self, Sink};
use crate::project::RunSource;
use proptest::prelude::*;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;

/// Files there may be.
const FILES: usize = 3;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Action {
    /// Whole records are appended; the file is created where it is not there.
    Append(usize, usize),
    /// A part of a record is appended: its rest comes with the next records.
    AppendPart(usize, usize),
    /// The file is emptied in place, and some records are written.
    Truncate(usize, usize),
    /// The last bytes are cut off.
    Cut(usize, usize),
    Rename(usize, usize),
    Delete(usize),
    /// The file is replaced by a copy of itself with some records more, as `rsync` does.
    ReplaceByCopy(usize, usize),
    /// The process looks: at what was touched, or at everything.
    Turn(bool),
    /// What is in the store reaches the disk.
    Flush,
    /// The process dies; what had not reached the disk is gone.
    Crash,
    /// The process stops and starts.
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    let file = 0..FILES;
    let some = prop_oneof![3 => 0usize..4, 1 => 60usize..300];
    prop_oneof![
        6 => (file.clone(), some.clone()).prop_map(|(f, n)| Action::Append(f, n)),
        3 => (file.clone(), 1usize..25).prop_map(|(f, n)| Action::AppendPart(f, n)),
        2 => (file.clone(), some.clone()).prop_map(|(f, n)| Action::Truncate(f, n)),
        1 => (file.clone(), 1usize..60).prop_map(|(f, n)| Action::Cut(f, n)),
        3 => (file.clone(), file.clone()).prop_map(|(a, b)| Action::Rename(a, b)),
        2 => file.clone().prop_map(Action::Delete),
        1 => (file, some).prop_map(|(f, n)| Action::ReplaceByCopy(f, n)),
        8 => any::<bool>().prop_map(Action::Turn),
        3 => Just(Action::Flush),
        1 => Just(Action::Crash),
        1 => Just(Action::Restart),
    ]
}

/// A file as the store should know it.
#[derive(Debug, Clone)]
struct Known {
    inode: u64,
    name: usize,
    /// What was read of it: whole records.
    text: Vec<u8>,
    /// Whether another file was given its name.
    displaced: bool,
}

/// The directory, the process, and the model of both.
struct World {
    dialect: &'static Dialect,
    dir: tempfile::TempDir,
    project: Project,
    /// Where the store is now; each crash continues with a copy.
    place: PathBuf,
    store: Option<Arc<SledStore>>,
    ingester: Option<Ingester>,
    touched: BTreeSet<PathBuf>,
    /// A process that has just started looks at everything.
    fresh: bool,
    records: u64,
    parts: [Option<Vec<u8>>; FILES],
    time: u64,
    known: Vec<Known>,
    /// The store as it last reached the disk, and what was known then.
    durable: (PathBuf, Vec<Known>),
    copies: usize,
}

fn early() -> SystemTime {
    UNIX_EPOCH
}

impl World {
    fn new(dialect: &'static Dialect) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in dialect.names {
            fs::create_dir_all(dir.path().join("runs/a").join(name).parent().unwrap()).unwrap();
        }
        let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
        let project = Project { root: dir.path().to_path_buf(), runs, ..Project::default() };
        let place = dir.path().join("store");
        let mut world = Self {
            dialect,
            durable: (dir.path().join("nothing"), Vec::new()),
            dir,
            project,
            place,
            store: None,
            ingester: None,
            touched: BTreeSet::new(),
            fresh: true,
            records: 0,
            parts: [None, None, None],
            time: 0,
            known: Vec::new(),
            copies: 0,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let (store, _) = SledStore::open(&self.place).unwrap();
        let mut ingester = Ingester::with_clock(&self.project, store.clone(), early);
        // Every other process reads the files of a turn at once.
        ingester.parsers = ParsePool::new(1 + 2 * (self.copies % 2), 0);
        self.ingester = Some(ingester);
        self.store = Some(store);
        self.fresh = true;
    }

    fn path(&self, name: usize) -> PathBuf {
        self.dir.path().join("runs/a").join(self.dialect.names[name])
    }

    fn content(&self, name: usize) -> Option<(u64, Vec<u8>)> {
        let path = self.path(name);
        Some((fs::metadata(&path).ok()?.ino(), fs::read(&path).ok()?))
    }

    /// A record that no other is like, to stand behind `before`.
    fn record(&mut self, before: &[u8]) -> Vec<u8> {
        self.records += 1;
        (self.dialect.record)(self.records, before)
    }

    /// What is to stand behind `before`: the header of a new file, the rest of a record that was begun, whole ones.
    fn more(&mut self, name: usize, n: usize, before: &[u8]) -> Vec<u8> {
        let mut text = before.to_vec();
        if text.is_empty() {
            text.extend_from_slice(&self.dialect.header);
        }
        text.extend(self.parts[name].take().unwrap_or_default());
        for _ in 0..n {
            let record = self.record(&text);
            text.extend(record);
        }
        text.split_off(before.len())
    }

    /// Every write has a modification time of its own, as if time had passed.
    fn stamp(&mut self, name: usize) {
        self.time += 1;
        let path = self.path(name);
        if let Ok(file) = File::options().append(true).open(&path) {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000 + self.time)).unwrap();
        }
        self.touched.insert(path);
    }

    fn append(&mut self, name: usize, text: &[u8]) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text).unwrap();
        self.stamp(name);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Append(name, n) => {
                let before = self.content(name).map(|(_, text)| text).unwrap_or_default();
                let text = self.more(name, n, &before);
                self.append(name, &text);
            }
            Action::AppendPart(name, n) => {
                let before = self.content(name).map(|(_, text)| text).unwrap_or_default();
                let mut text = self.more(name, 0, &before);
                let record = self.record(&[before, text.clone()].concat());
                // Never so much of it that it could be taken for whole.
                let (part, rest) = record.split_at(n.min(record.len() - self.dialect.never_whole));
                text.extend_from_slice(part);
                self.append(name, &text);
                self.parts[name] = Some(rest.to_vec());
            }
            Action::Truncate(name, n) => {
                self.parts[name] = None;
                let text = self.more(name, n, &[]);
                if self.path(name).exists() {
                    fs::write(self.path(name), text).unwrap();
                    self.stamp(name);
                }
            }
            Action::Cut(name, n) => {
                let Some((_, text)) = self.content(name) else { return };
                // What is left of a record gets its rest later, and with it becomes another one.
                let end = self.dialect.whole(&text[..text.len().saturating_sub(n)]);
                File::options().write(true).open(self.path(name)).unwrap().set_len(end as u64).unwrap();
                self.parts[name] = None;
                self.stamp(name);
            }
            Action::Rename(from, to) => {
                if from != to && self.path(from).exists() {
                    fs::rename(self.path(from), self.path(to)).unwrap();
                    self.parts[to] = self.parts[from].take();
                    self.touched.extend([self.path(from), self.path(to)]);
                }
            }
            Action::Delete(name) => {
                self.parts[name] = None;
                let _ = fs::remove_file(self.path(name));
                self.touched.insert(self.path(name));
            }
            Action::ReplaceByCopy(name, n) => {
                let Some((_, mut text)) = self.content(name) else { return };
                let more = self.more(name, n, &text);
                text.extend(more);
                let temporary = self.dir.path().join("temporary");
                fs::write(&temporary, text).unwrap();
                fs::rename(temporary, self.path(name)).unwrap();
                self.stamp(name);
            }
            Action::Turn(everything) => self.turn(everything),
            Action::Flush => {
                self.store.as_ref().unwrap().flush().unwrap();
                self.copies += 1;
                let copy = self.dir.path().join(format!("store-{}", self.copies));
                copy_tree(&self.place, &copy);
                self.durable = (copy, self.known.clone());
            }
            Action::Crash => {
                (self.ingester, self.store) = (None, None);
                self.copies += 1;
                self.place = self.dir.path().join(format!("store-{}", self.copies));
                copy_tree(&self.durable.0, &self.place);
                self.known = self.durable.1.clone();
                self.start();
            }
            Action::Restart => {
                (self.ingester, self.store) = (None, None);
                self.start();
            }
        }
    }

    fn turn(&mut self, everything: bool) {
        let touched: Vec<PathBuf> = std::mem::take(&mut self.touched).into_iter().collect();
        let look = if everything || std::mem::take(&mut self.fresh) { Look::Everything } else { Look::Hints(touched) };
        let budget = Budget { time: Duration::from_secs(60) };
        self.ingester.as_mut().unwrap().turn(&look, budget).unwrap();
        self.expect();
    }

    /// What the store must hold after a look.
    fn expect(&mut self) {
        let files: Vec<Option<(u64, Vec<u8>)>> = (0..FILES).map(|n| self.content(n)).collect();
        let mut claimed = [false; 3];
        let mut homes: Vec<Option<usize>> = vec![None; self.known.len()];
        // A file is known again by what was read of it, under its old inode or its old name; what stands under the
        // name of a file that is nowhere else takes its place. The newest comes first.
        for evidence in 0..3 {
            for i in (0..self.known.len()).rev().filter(|i| homes[*i].is_none()).collect::<Vec<_>>() {
                let known = &self.known[i];
                let free = |n: &usize| !claimed[*n] && files[*n].is_some();
                let inode = |n: usize| files[n].as_ref().is_some_and(|(inode, _)| *inode == known.inode);
                let holds = |n: usize| {
                    !known.text.is_empty() && files[n].as_ref().is_some_and(|(_, text)| text.starts_with(&known.text))
                };
                let is = |n: &usize| match evidence {
                    0 => inode(*n) && holds(*n),
                    1 => *n == known.name && holds(*n),
                    _ => *n == known.name && !known.displaced,
                };
                let mut order = vec![known.name];
                order.extend(0..FILES);
                if let Some(home) = order.into_iter().filter(free).find(is) {
                    claimed[home] = true;
                    homes[i] = Some(home);
                }
            }
        }
        for (known, home) in self.known.iter_mut().zip(&homes) {
            known.displaced |= home.is_none() && claimed[known.name];
        }
        let dialect = self.dialect;
        // A file that is gone and held no point is forgotten: its first line may be that of any other.
        let homeless =
            |i: usize, known: &Known| homes[i].is_none() && dialect.points(known.name, &known.text).is_empty();
        let keep: Vec<bool> = self.known.iter().enumerate().map(|(i, known)| !homeless(i, known)).collect();
        let mut kept = keep.iter().copied();
        self.known.retain(|_| kept.next() == Some(true));
        let mut kept = keep.into_iter();
        homes.retain(|_| kept.next() == Some(true));
        // What a deleted file said is gone, unless nothing is there at all: the disk may be away.
        if files.iter().any(Option::is_some) {
            // A part that a rotation drops stays.
            let names = self.dialect.names;
            let goes_on = |known: &Known| {
                let (log, age) = crate::store::rotation(names[known.name]);
                let other =
                    |n: usize| n != known.name && files[n].is_some() && crate::store::rotation(names[n]).0 == log;
                age != 0 && (0..FILES).any(other)
            };
            let keep: Vec<bool> =
                self.known.iter().zip(&homes).map(|(known, home)| home.is_some() || goes_on(known)).collect();
            let (mut kept, mut again) = (keep.iter(), keep.iter());
            self.known.retain(|_| kept.next() == Some(&true));
            homes.retain(|_| again.next() == Some(&true));
        }
        let whole = |text: &[u8]| text[..dialect.whole(text)].to_vec();
        // Half a first record is not recognised as anything.
        let is_log = |name: usize, text: &[u8]| formats::recognise(dialect.names[name], text).is_ok();
        let mut renewed = Vec::new();
        for (i, home) in homes.iter().enumerate() {
            let Some(name) = *home else { continue };
            let Some((inode, text)) = &files[name] else { continue };
            let known = &mut self.known[i];
            let same = text.starts_with(&known.text);
            // What was read before stays until there is something else to read.
            if !same && !text.is_empty() && !is_log(name, text) {
                continue;
            }
            if !same {
                renewed.push(i);
            }
            *known = Known { inode: *inode, name, text: whole(text), displaced: false };
        }
        // A new generation is newer than all there were.
        for (moved, i) in renewed.into_iter().enumerate() {
            let known = self.known.remove(i - moved);
            self.known.push(known);
        }
        for (name, file) in files.iter().enumerate() {
            if let Some((inode, text)) = file
                && !claimed[name]
                && is_log(name, text)
            {
                self.known.push(Known { inode: *inode, name, text: whole(text), displaced: false });
            }
        }
    }

    /// Points in the store and in the model.
    fn points(&self) -> (Vec<String>, Vec<String>) {
        let store = self.store.as_ref().unwrap();
        let mut stored = Vec::new();
        // Training that begins again after its end is a run of its own.
        for (run, _) in store.all_runs().into_iter().filter(|(_, name)| name.starts_with("runs/a")) {
            let show = |p: &crate::store::ExportedPoint| self.dialect.show(&p.metric, p.step, p.value);
            store.export(run, None, |_, p| (stored.push(show(p)), true).1).unwrap();
        }
        let mut expected: Vec<String> = self.known.iter().flat_map(|k| self.dialect.points(k.name, &k.text)).collect();
        stored.sort();
        expected.sort();
        (stored, expected)
    }
}

impl World {
    /// Whether two files that are known begin with the same records: a copy, and what a rotation dropped of it. The store makes
    /// one series of them (`store::echo`, which has tests of its own).
    fn has_copies(&self) -> bool {
        let of = |known: &Known| self.dialect.points(known.name, &known.text);
        let all: Vec<Vec<String>> = self.known.iter().map(of).collect();
        all.iter().enumerate().any(|(i, a)| all[..i].iter().any(|b| !a.is_empty() && a.first() == b.first()))
    }
}

impl Dialect {
    fn points(&self, name: usize, text: &[u8]) -> Vec<String> {
        let format = formats::all().iter().find(|f| f.name() == self.format).unwrap();
        let mut sink = Sink::default();
        format.parser(self.names[name]).feed(text, false, &mut sink).unwrap();
        sink.points.iter().map(|p| self.show(&sink.metrics()[p.metric as usize], p.step, p.value)).collect()
    }

    /// A point. Where files are named after metrics, one that is renamed keeps those it was read as: that is not looked at.
    fn show(&self, metric: &str, step: i64, value: f64) -> String {
        let metric = if matches!(self.format, "dvclive" | "mlflow") { "" } else { metric };
        format!("{metric} {step} {value}")
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_files_every_record_is_there_once(
        dialect in 0..dialects().len(),
        actions in prop::collection::vec(action(), 1..40),
    ) {
        let dialect = &dialects()[dialect];
        let mut world = World::new(dialect);
        for action in actions.into_iter().chain([Action::Turn(true)]) {
            let looked = matches!(action, Action::Turn(_));
            world.act(action);
            if looked {
                let (mut stored, mut expected) = world.points();
                if world.has_copies() {
                    let longest = world.known.iter().map(|known| dialect.points(known.name, &known.text));
                    let longest = longest.max_by_key(Vec::len).unwrap_or_default();
                    prop_assert!(longest.iter().all(|point| stored.contains(point)), "{}", dialect.format);
                    stored.dedup();
                    expected.retain(|point| stored.contains(point));
                    expected.dedup();
                }
                prop_assert_eq!(stored, expected, "{}", dialect.format);
            }
        }
    }
}

/// So that the test above is not of nothing: every dialect is recognised as what it is, and its records have points.
#[test]
fn dialects_are_what_they_say() {
    for dialect in dialects() {
        let mut text = dialect.header.clone();
        for n in 1..=5 {
            let record = (dialect.record)(n, &text);
            assert!(record.len() > dialect.never_whole, "{}", dialect.format);
            text.extend(record);
            assert_eq!(dialect.whole(&text), text.len(), "{}", dialect.format);
        }
        let (format, _) = formats::recognise(dialect.names[0], &text).unwrap();
        assert_eq!(format.name(), dialect.format);
        assert!(dialect.points(0, &text).len() >= 5, "{}", dialect.format);
    }
    let appended = formats::all().iter().filter(|f| f.growth() == formats::Growth::Appended);
    for format in appended {
        assert!(dialects().iter().any(|d| d.format == format.name()), "no dialect of {}", format.name());
    }
}

#[test]
fn a_log_without_points_that_another_took_the_name_of_claims_nothing() {
    use Action::{Append, Cut, Rename, ReplaceByCopy, Turn};
    let console = dialects().iter().find(|d| d.format == "console").unwrap();
    let mut world = World::new(console);
    for action in [Append(0, 0), Append(2, 0), ReplaceByCopy(0, 1), Turn(false), Rename(0, 2), Turn(false), Cut(2, 1)] {
        world.act(action);
    }
    assert!(!world.points().0.is_empty());
    world.act(Turn(false));
    assert_eq!(world.points(), (Vec::new(), Vec::new()), "cut back to its first line in place");
}
