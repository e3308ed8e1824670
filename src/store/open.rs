//! Opening a store: locking, loading, and moving a damaged store aside.

use super::database::Database;
use super::directory::{self, CACHE_BYTES, PACKS};
use super::file::FileRecord;
use super::packs::{Extent, Packs, Trust};
use super::quiet::Quiet;
use super::state::{FileState, RunState, State};
use super::tail::RowPoint;
use super::{FileId, MetricId, Opened, RunId, SledStore, StoreError, keys, rewrite, stats, tail};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Layout of keys and values. A store of another layout is moved aside and read again from the logs.
const LAYOUT: [u8; 1] = [7];
/// The one before, which has no bands: it is taken as it is, and is of the newest from then on.
const WITHOUT_BANDS: [u8; 1] = [6];
/// Name of the database within the store's directory.
const DATABASE: &str = "points.sled";

/// Stores that were moved aside and are kept: the newest, and the one before.
const KEPT_ASIDE: usize = 2;

/// Why an attempt to open did not succeed.
enum Refusal {
    /// Somebody has it open.
    Held,
    /// The disk says no.
    Io(Arc<io::Error>),
    /// It is damaged, or of another layout.
    Unreadable(String),
}

impl SledStore {
    /// Opens or creates the store in a directory (made 0700).
    ///
    /// # Errors
    /// [`StoreError::Busy`] where another process has it, [`StoreError::Io`] where the disk says no. Damage is no
    /// error: what will not open is moved aside.
    pub fn open(directory: &Path) -> Result<(Arc<Self>, Opened), StoreError> {
        make_private(directory).map_err(|e| StoreError::io(directory, e))?;
        let path = directory.join(DATABASE);
        let existed = path.exists();
        match patiently(&path) {
            Ok(store) if existed => {
                // Whoever has the store open has what lies beside it.
                let _ = rewrite::discard(&path);
                Ok((store, Opened::Existing))
            }
            Ok(store) => Ok((store, Opened::New)),
            Err(Refusal::Held) => Err(StoreError::Busy { path: directory.into() }),
            Err(Refusal::Io(source)) => Err(StoreError::Io { path, source }),
            Err(Refusal::Unreadable(_)) => {
                let aside = Self::move_aside(directory)?;
                match patiently(&path) {
                    Ok(store) => Ok((store, Opened::MovedAside(aside))),
                    Err(Refusal::Held) => Err(StoreError::Busy { path: directory.into() }),
                    Err(Refusal::Io(source)) => Err(StoreError::Io { path, source }),
                    Err(Refusal::Unreadable(reason)) => Err(StoreError::io(&path, io::Error::other(reason))),
                }
            }
        }
    }

    /// Moves the store in a directory aside, which nobody may have open. Returns where it lies then. Of those that were moved
    /// aside before, only the newest stays: a disk that fails would else be filled with them.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn move_aside(directory: &Path) -> Result<PathBuf, StoreError> {
        let path = directory.join(DATABASE);
        let aside = aside(&path);
        std::fs::rename(&path, &aside).map_err(|e| StoreError::io(&path, e))?;
        forget_oldest(directory);
        Ok(aside)
    }

    /// Deletes the store in a directory, which nobody may have open; the journal beside it stays.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete(directory: &Path) -> Result<(), StoreError> {
        let path = directory.join(DATABASE);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(&path, error)),
            _ => Ok(()),
        }
    }

    /// Opens the store, after the one that turned out to be damaged was moved aside.
    ///
    /// # Errors
    /// Like [`SledStore::open`].
    pub fn open_anew(directory: &Path) -> Result<(Arc<Self>, Opened), StoreError> {
        let aside = Self::move_aside(directory)?;
        Ok((Self::open(directory)?.0, Opened::MovedAside(aside)))
    }

    /// A store that is gone with the process, for one-shot commands where none can be kept.
    ///
    /// # Errors
    /// Like [`SledStore::open`].
    pub fn temporary() -> Result<Arc<Self>, StoreError> {
        let config = sled::Config::new().temporary(true).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = config.open().map_err(|e| StoreError::from_sled(&e, Path::new("temporary")))?;
        // sled deletes the directory when it closes.
        Self::load(db, PathBuf::from("temporary"), &config.get_path()).map(Arc::new)
    }

    pub(super) fn load(db: sled::Db, path: PathBuf, directory: &Path) -> Result<Self, StoreError> {
        let failed = |e: sled::Error| StoreError::from_sled(&e, &path);
        match db.get(keys::VERSION).map_err(failed)? {
            Some(layout) if layout == LAYOUT => {}
            Some(layout) if layout != WITHOUT_BANDS => return Err(StoreError::Damaged(format!("layout {layout:?}"))),
            None if !db.is_empty() => return Err(StoreError::Damaged("no layout version".to_owned())),
            _ => drop(db.insert(keys::VERSION, &LAYOUT).map_err(failed)?),
        }
        let packs = packs(&db, directory)?;
        let state = read_state(&db, &path)?;
        let (state, damaged) = (RwLock::new(state), AtomicBool::new(false));
        Ok(Self {
            db: Database::new(db, Some(path.clone()).filter(|path| path == directory)),
            packs,
            path,
            state,
            writer: Mutex::new(()),
            walks: RwLock::new(()),
            relations: Mutex::default(),
            quiet: Quiet::default(),
            damaged,
            outlet: OnceLock::new(),
        })
    }
}

/// A handle closed a moment ago in this process, or a process on its way out, holds the lock a little longer.
fn patiently(path: &Path) -> Result<Arc<SledStore>, Refusal> {
    let mut tries = 0;
    loop {
        match attempt(path) {
            Err(Refusal::Held) if tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(25));
            }
            other => return other,
        }
    }
}

fn attempt(path: &Path) -> Result<Arc<SledStore>, Refusal> {
    let open = || {
        #[cfg(test)]
        tests::panic_if_asked();
        directory::open(path)
    };
    // sled asserts, rather than returns, much of what it finds wrong on disk.
    let db = match catch_unwind(AssertUnwindSafe(open)) {
        Err(_) => return Err(Refusal::Unreadable("the database cannot be recovered".to_owned())),
        Ok(Err(error)) => return Err(refusal(&error)),
        Ok(Ok(db)) => db,
    };
    match catch_unwind(AssertUnwindSafe(|| SledStore::load(db, path.to_path_buf(), path))) {
        Err(_) => Err(Refusal::Unreadable("the database cannot be read".to_owned())),
        Ok(Err(StoreError::Io { source, .. })) => Err(Refusal::Io(source)),
        Ok(Err(error)) => Err(Refusal::Unreadable(error.to_string())),
        Ok(Ok(store)) => Ok(Arc::new(store)),
    }
}

fn refusal(error: &sled::Error) -> Refusal {
    match error {
        // sled wraps the lock's error into text; this is the one place that can tell "held" from "no locks here".
        sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => {
            if e.to_string().contains("WouldBlock") {
                Refusal::Held
            } else {
                let said = format!("{e}; the file system may not support locks");
                Refusal::Io(Arc::new(io::Error::new(e.kind(), said)))
            }
        }
        sled::Error::Io(e) if !matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => {
            Refusal::Io(Arc::new(io::Error::new(e.kind(), e.to_string())))
        }
        other => Refusal::Unreadable(other.to_string()),
    }
}

fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))
}

fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    (0..)
        .map(|n| {
            let suffix = if n == 0 { format!(".damaged-{now}") } else { format!(".damaged-{now}-{n}") };
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        })
        .find(|p| !p.exists())
        .unwrap_or_else(|| path.with_extension("damaged"))
}

/// Deletes what was moved aside but for the newest [`KEPT_ASIDE`]. One that cannot be deleted stays.
fn forget_oldest(directory: &Path) {
    let prefix = format!("{DATABASE}.damaged-");
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut all: Vec<(Vec<u64>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // The second, and a number where there were several in one.
            let parts = name.strip_prefix(&prefix)?.split('-').map(|part| part.parse().ok());
            Some((parts.collect::<Option<Vec<u64>>>()?, entry.path()))
        })
        .collect();
    all.sort();
    let over = all.len().saturating_sub(KEPT_ASIDE);
    for (_, path) in all.into_iter().take(over) {
        match std::fs::remove_dir_all(&path) {
            Ok(()) => tracing::warn!("deleted the oldest store that was moved aside: {}", path.display()),
            Err(error) => tracing::warn!("cannot delete {}: {error}", path.display()),
        }
    }
}

/// Opens the packs, and looks through what the machine may have lost of them.
fn packs(db: &sled::Db, path: &Path) -> Result<Packs, StoreError> {
    let failed = |e: &sled::Error| StoreError::from_sled(e, path);
    let mut known = BTreeMap::new();
    for pair in db.scan_prefix(b"p") {
        let (key, value) = pair.map_err(|e| failed(&e))?;
        known.insert(keys::last(&key), Extent::decode(&value)?);
    }
    // Where the system does not say, every start is taken for the first one since the machine came up.
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let trust = match db.get(keys::BOOT).map_err(|e| failed(&e))? {
        None => Trust::Nothing,
        Some(then) if !boot.is_empty() && then == boot => Trust::All,
        Some(_) => Trust::Synced,
    };
    let packs = Packs::open(path.join(PACKS), known, trust)?;
    if trust != Trust::All {
        db.insert(keys::BOOT, boot).map_err(|e| failed(&e))?;
    }
    Ok(packs)
}

fn read_state(db: &sled::Db, path: &Path) -> Result<State, StoreError> {
    let pairs = |prefix: u8| db.scan_prefix([prefix]).map(|pair| pair.map_err(|e| StoreError::from_sled(&e, path)));
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut state = State::default();
    for pair in pairs(b'r') {
        let (key, value) = pair?;
        let (id, name) = (RunId(keys::last(&key)), text(&value));
        state.run_ids.insert(name.clone(), id);
        state.runs.insert(id, RunState { name, ..RunState::default() });
    }
    for pair in pairs(b'n') {
        let (key, value) = pair?;
        if keys::last(&key) as usize != state.metrics.len() {
            return Err(StoreError::Damaged("a metric without a name".to_owned()));
        }
        let name: Arc<str> = text(&value).into();
        state.metric_ids.insert(name.clone(), MetricId(keys::last(&key)));
        state.metrics.push(name);
    }
    for pair in pairs(b'F') {
        let (key, value) = pair?;
        if let Some(run) = state.runs.get_mut(&RunId(keys::last(&key))) {
            run.facts = Arc::new(json(&value)?);
        }
    }
    for pair in pairs(b'T') {
        let (key, value) = pair?;
        if let Some(run) = state.runs.get_mut(&RunId(keys::last(&key))) {
            run.thinned = value.as_ref().try_into().map_or(0, u64::from_be_bytes);
        }
    }
    let mut files = BTreeMap::new();
    for pair in pairs(b'f') {
        let (key, value) = pair?;
        files.insert(FileId(keys::last(&key)), FileState::new(FileRecord::decode(&value)?));
    }
    for pair in pairs(b'l') {
        let (key, value) = pair?;
        if let Some(file) = files.get_mut(&FileId(keys::last(&key))) {
            file.facts = json(&value)?;
        }
    }
    for pair in pairs(b'd') {
        let (key, value) = pair?;
        if let Some(file) = files.get_mut(&FileId(keys::number(&key, 1))) {
            for column in stats::decode(&value)? {
                let place = file.column(column.metric);
                file.columns[place] = column;
            }
        }
    }
    let mut points: Vec<RowPoint> = Vec::new();
    for pair in pairs(b't') {
        let (key, value) = pair?;
        if let Some(file) = files.get_mut(&FileId(keys::number(&key, 1))) {
            points.clear();
            tail::decode(&value, &mut points)?;
            file.first_tail = file.first_tail.min(keys::last(&key));
            file.count_tail(&points);
        }
    }
    for (id, file) in files {
        if !state.runs.contains_key(&file.record.run)
            || file.columns.iter().any(|c| c.metric.0 as usize >= state.metrics.len())
        {
            return Err(StoreError::Damaged("a file without a run".to_owned()));
        }
        state.attach(id, file);
    }
    state.pack(&HashSet::new());
    Ok(state)
}

fn json<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|e| StoreError::Damaged(format!("facts: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ReadStore;
    use std::cell::Cell;

    thread_local! {
        /// How often opening panics before it does not.
        static PANICS: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn panic_if_asked() {
        let left = PANICS.get();
        PANICS.set(left.saturating_sub(1));
        assert!(left == 0, "as sled does on some damage");
    }

    #[test]
    fn a_database_that_panics_when_it_is_opened_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        drop(SledStore::open(dir.path()).unwrap());
        PANICS.set(1);
        let (store, opened) = SledStore::open(dir.path()).unwrap();
        let Opened::MovedAside(aside) = opened else { panic!("{opened:?}") };
        assert!(aside.exists() && store.points() == 0);
        drop(store);
        assert!(matches!(SledStore::open(dir.path()).unwrap().1, Opened::Existing), "the new one is kept");
        // One that panics whatever lies there is an error, and no panic of ours.
        PANICS.set(2);
        assert!(matches!(SledStore::open(dir.path()), Err(StoreError::Io { .. })));
        PANICS.set(0);
        assert!(SledStore::open(dir.path()).is_ok());
    }
}
