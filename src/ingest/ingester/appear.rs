//! Folders that are watched from their first lines: whatever order the logs appear and grow in, and whenever somebody looks,
//! the runs end as those of a folder that is read at once.

use super::dialect::{Dialect, dialects};
use super::*;
use crate::project::load::reload;
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::Write;

/// Files there may be.
const FILES: usize = 3;

/// Runs with points, by name.
type Runs = BTreeMap<String, Vec<(String, i64, u64)>>;

/// A folder, and whoever watches it.
struct Watched {
    folder: PathBuf,
    store: Arc<SledStore>,
    seen: Option<(Project, Ingester)>,
}

impl Watched {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), store: SledStore::temporary().unwrap(), seen: None }
    }

    /// Asks what the runs are, as the daemon does, and reads them.
    fn look(&mut self) {
        let project = match &self.seen {
            None => Project::load(&self.folder).ok(),
            Some((project, _)) => reload(project).unwrap(),
        };
        if let Some(project) = project {
            let ingester = Ingester::with_clock(&project, Arc::clone(&self.store), || UNIX_EPOCH);
            self.seen = Some((project, ingester));
        }
        if let Some((_, ingester)) = &mut self.seen {
            ingester.turn(&Look::Everything, Budget { time: Duration::from_secs(60) }).unwrap();
        }
    }

    fn runs(&self) -> Runs {
        let mut runs = Runs::new();
        let Some((_, ingester)) = &self.seen else { return runs };
        for (run, name) in self.store.all_runs().into_iter().filter(|(_, name)| ingester.has(name)) {
            let mut points = Vec::new();
            let point = |p: &crate::store::ExportedPoint| (p.metric.to_string(), p.step, p.value.to_bits());
            self.store.export(run, None, |_, p| (points.push(point(p)), true).1).unwrap();
            if !points.is_empty() {
                points.sort();
                runs.insert(name.to_string(), points);
            }
        }
        runs
    }
}

/// Where the files of a format lie in a flat folder: `mix0.jsonl`, or as its writer calls them.
fn name(dialect: &Dialect, file: usize) -> String {
    let name = dialect.names[0];
    match name.rsplit_once('.') {
        Some((_, ending)) if !name.contains('/') && !["tfevents", "wandb"].contains(&dialect.format) => {
            format!("mix{file}.{ending}")
        }
        _ => dialect.names[file].to_owned(),
    }
}

/// Appends so many records to a file: each has the steps of the others, and losses of its own.
fn append(folder: &Path, dialect: &Dialect, file: usize, written: &mut [u64; FILES], more: u64) {
    let path = folder.join(name(dialect, file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut text = fs::read(&path).unwrap_or_else(|_| dialect.header.clone());
    let before = if path.exists() { text.len() } else { 0 };
    for _ in 0..more {
        let record = (dialect.record)(file as u64 * 40 + written[file], &text);
        written[file] += 1;
        text.extend(record);
    }
    OpenOptions::new().append(true).create(true).open(&path).unwrap().write_all(&text[before..]).unwrap();
}

/// The runs of a folder that was looked at after some of its writes, and of one that is read at once.
fn both(dialect: &Dialect, writes: &[(usize, u64, bool)]) -> (Runs, Runs) {
    let dir = tempfile::tempdir().unwrap();
    let mut watched = Watched::new(dir.path());
    let mut written = [0; FILES];
    for (file, more, look) in writes {
        append(dir.path(), dialect, *file, &mut written, *more);
        if *look {
            watched.look();
        }
    }
    watched.look();
    let mut at_once = Watched::new(dir.path());
    at_once.look();
    (watched.runs(), at_once.runs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_folder_watched_from_its_first_lines_has_the_runs_of_one_read_at_once(
        dialect in 0..dialects().len(),
        writes in prop::collection::vec((0..FILES, 0u64..4, any::<bool>()), 1..12),
    ) {
        let dialect = &dialects()[dialect];
        let (watched, at_once) = both(dialect, &writes);
        prop_assert_eq!(watched, at_once, "{}", dialect.format);
    }
}

/// So that the test above is not of one run each time.
#[test]
fn what_begins_as_one_run_becomes_several() {
    let mut several = 0;
    for dialect in dialects() {
        let writes = [(0, 3, true), (1, 0, true), (1, 1, true), (1, 2, true), (2, 3, true), (0, 2, true)];
        let (watched, at_once) = both(dialect, &writes);
        assert_eq!(watched, at_once, "{}", dialect.format);
        let is_flat = name(dialect, 0).starts_with("mix");
        if is_flat && watched.len() == FILES {
            several += 1;
        } else {
            assert!(!is_flat, "{}: {:?}", dialect.format, watched.keys());
        }
    }
    assert!(several > 10, "{several} formats");
}
