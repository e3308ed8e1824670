//! Databases of trackers: MLflow's `mlflow.db`, which is its default store, and trackio's `PROJECT.db`. Each run in one is a part of
//! the file.
//!
//! Read in mlflow/mlflow, `mlflow/store/tracking/dbmodels/models.py` (`metrics`, `params`, `runs`), and gradio-app/trackio,
//! `trackio/sqlite_storage.py` (`metrics` with one JSON object a row; `configs` in later versions).
//!
//! A database is opened only to read, never written to and never waited for: one that its writer holds is tried again. Rows are
//! read once, in the order of their numbers, as they come; where the last row that was read is another one by now, all is read
//! anew. What one run is called is its name, and the beginning of its id where an earlier run has that name.

use crate::ingest::facts::{self, config, mlflow};
use crate::ingest::formats::Sink;
use crate::ingest::formats::saved::{self, Reader};
use crate::open;
use crate::vocab::{FactName, FactValue};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Rows of metrics that are read at a time.
const ROWS: i64 = 100_000;

/// How far a database was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the last row of metrics, and a hash of it; 0 where none was read.
    row: i64,
    hash: u64,
    /// A hash of the parameters of all runs.
    params: u64,
}

/// What a reading found.
pub struct Found {
    /// How far it came.
    pub place: Place,
    /// Whether rows are left.
    pub more: bool,
    /// Whether what was read before is there no more: everything that was found is all there is.
    pub anew: bool,
}

/// Why a database is not read.
pub enum Unread {
    /// It may be later: it is held by its writer.
    Busy(String),
    /// It is of something else.
    Other(String),
}

impl From<rusqlite::Error> for Unread {
    fn from(error: rusqlite::Error) -> Self {
        Self::Busy(error.to_string())
    }
}

impl Place {
    pub fn save(&self) -> Vec<u8> {
        let mut to = Vec::new();
        saved::signed(&mut to, self.row);
        saved::unsigned(&mut to, self.hash);
        saved::unsigned(&mut to, self.params);
        to
    }

    pub fn resume(bytes: &[u8]) -> Self {
        let mut from = Reader::new(bytes);
        let place = || Some(Self { row: from.signed()?, hash: from.unsigned()?, params: from.unsigned()? });
        let mut place = place;
        place().unwrap_or_default()
    }
}

/// Reads what is new since `before` into the sink, at most [`ROWS`].
pub fn read(path: &Path, before: &Place, sink: &mut Sink) -> Result<Found, Unread> {
    let connection = open::database(path).map_err(|e| Unread::Busy(e.to_string()))?;
    // One transaction: all that is read is of one moment.
    let transaction = connection.unchecked_transaction()?;
    let kind = Kind::of(&transaction)?;
    let same = before.row == 0 || kind.hash(&transaction, before.row)? == Some(before.hash);
    let start = if same { before.clone() } else { Place::default() };
    let names = kind.runs(&transaction)?;
    let mut place = start.clone();
    let params = kind.params(&transaction, &names)?;
    if params.1 != start.params {
        place.params = params.1;
        for (run, known) in params.0 {
            let part = sink.part(&run);
            sink.go_to_part(part);
            let status = known.get(STATUS).and_then(Value::as_str).map(str::to_owned);
            config::facts(&Value::Object(known)).into_iter().for_each(|(name, value, at)| sink.fact(name, value, at));
            let ended = status.as_deref().and_then(mlflow::ended);
            if start.params != 0 {
                // What was said before it was resumed holds no more.
                let (name, value, at) = facts::withdrawal(STATUS.to_owned());
                sink.fact(name, value, at);
            }
            if let Some(how) = ended {
                sink.fact(FactName::Ended, FactValue::Text(how.to_owned()), STATUS);
            }
        }
        sink.go_to_part(0);
    }
    let rows = kind.rows(&transaction, start.row, &names, sink)?;
    if let Some(last) = rows.last {
        (place.row, place.hash) = (last, kind.hash(&transaction, last)?.unwrap_or_default());
    }
    Ok(Found { place, more: rows.count == ROWS, anew: !same })
}

/// Ids of the runs in MLflow's database; none where it cannot be read.
pub fn run_ids(path: &Path) -> Vec<String> {
    let ids = || -> Result<Vec<String>, Unread> {
        let connection = open::database(path).map_err(|e| Unread::Busy(e.to_string()))?;
        Ok(if Kind::of(&connection)? == Kind::Mlflow {
            Kind::Mlflow.runs(&connection)?.into_keys().collect()
        } else {
            Vec::new()
        })
    };
    ids().unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mlflow,
    Trackio,
}

struct Rows {
    last: Option<i64>,
    count: i64,
}

/// Where the status of a run stands among its parameters.
const STATUS: &str = "run status";

/// What each run is called, by its id.
type Names = HashMap<String, String>;
/// Parameters of each run.
type Params = BTreeMap<String, Map<String, Value>>;

impl Kind {
    fn of(connection: &Connection) -> Result<Self, Unread> {
        let has = |table: &str, column: &str| -> Result<bool, rusqlite::Error> {
            let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
            connection.query_row(sql, [table, column], |row| row.get::<_, i64>(0)).map(|n| n > 0)
        };
        if has("metrics", "run_uuid")? && has("runs", "run_uuid")? {
            return Ok(Self::Mlflow);
        }
        if has("metrics", "run_name")? && has("metrics", "metrics")? {
            return Ok(Self::Trackio);
        }
        Err(Unread::Other("an SQLite database, but neither MLflow's nor trackio's".to_owned()))
    }

    /// What each run is called, by its id.
    fn runs(self, connection: &Connection) -> Result<Names, rusqlite::Error> {
        if self == Self::Trackio {
            return Ok(Names::new());
        }
        let sql = "SELECT run_uuid, coalesce(nullif(name, ''), run_uuid) FROM runs WHERE lifecycle_stage = 'active' \
                   ORDER BY start_time, run_uuid";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let (mut names, mut taken) = (Names::new(), BTreeMap::<String, u32>::new());
        for row in rows {
            let (id, name) = row?;
            let name = name.replace('/', "-");
            let again = taken.entry(name.clone()).or_insert(0);
            *again += 1;
            let short = id.get(..8).unwrap_or(&id);
            names.insert(id.clone(), if *again == 1 { name } else { format!("{name}-{short}") });
        }
        Ok(names)
    }

    /// Parameters by run, and a hash of them all.
    fn params(self, connection: &Connection, names: &Names) -> Result<(Params, u64), rusqlite::Error> {
        let mut all = Params::new();
        let mut text = String::new();
        match self {
            Self::Mlflow => {
                let mut statement =
                    connection.prepare("SELECT run_uuid, key, value FROM params ORDER BY run_uuid, key")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let (run, key, value): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    let Some(name) = names.get(&run) else { continue };
                    text.extend([name.as_str(), "\0", &key, "\0", &value, "\n"]);
                    all.entry(name.clone()).or_default().insert(key, mlflow::value(&value));
                }
                for (run, status) in statuses(connection)? {
                    let Some(name) = names.get(&run) else { continue };
                    text.extend([name.as_str(), "\0", &status, "\n"]);
                    all.entry(name.clone()).or_default().insert(STATUS.to_owned(), Value::from(status));
                }
            }
            Self::Trackio => {
                let sql = "SELECT count(*) FROM pragma_table_info('configs') WHERE name IN ('run_name', 'config')";
                if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 2 {
                    let mut statement = connection.prepare("SELECT run_name, config FROM configs ORDER BY run_name")?;
                    let mut rows = statement.query([])?;
                    while let Some(row) = rows.next()? {
                        let (run, config): (String, String) = (row.get(0)?, row.get(1)?);
                        text.extend([run.as_str(), "\0", &config, "\n"]);
                        if let Ok(Value::Object(config)) = serde_json::from_str(&config) {
                            all.insert(run.replace('/', "-"), config);
                        }
                    }
                }
            }
        }
        Ok((all, xxh3_64(text.as_bytes())))
    }

    /// A hash of one row of metrics; `None` where it is not there.
    fn hash(self, connection: &Connection, row: i64) -> Result<Option<u64>, rusqlite::Error> {
        let sql = match self {
            Self::Mlflow => {
                "SELECT run_uuid || '|' || key || '|' || step || '|' || timestamp || '|' || value FROM metrics WHERE rowid = ?1"
            }
            Self::Trackio => {
                "SELECT run_name || '|' || step || '|' || timestamp || '|' || metrics FROM metrics WHERE rowid = ?1"
            }
        };
        let text: Option<String> = connection.query_row(sql, [row], |row| row.get(0)).optional()?;
        Ok(text.map(|text| xxh3_64(text.as_bytes())))
    }

    fn rows(
        self,
        connection: &Connection,
        after: i64,
        names: &Names,
        sink: &mut Sink,
    ) -> Result<Rows, rusqlite::Error> {
        let sql = match self {
            Self::Mlflow => {
                "SELECT rowid, run_uuid, key, step, value, timestamp, is_nan FROM metrics WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"
            }
            Self::Trackio => {
                "SELECT rowid, run_name, metrics, step, strftime('%s', timestamp) FROM metrics WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"
            }
        };
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([after, ROWS])?;
        let mut read = Rows { last: None, count: 0 };
        while let Some(row) = rows.next()? {
            read.last = Some(row.get(0)?);
            read.count += 1;
            match self {
                Self::Mlflow => of_mlflow(row, names, sink)?,
                Self::Trackio => of_trackio(row, sink)?,
            }
        }
        sink.go_to_part(0);
        Ok(read)
    }
}

/// The status of each of MLflow's runs; none where the table has none.
fn statuses(connection: &Connection) -> Result<Vec<(String, String)>, rusqlite::Error> {
    let has = "SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'status'";
    if connection.query_row(has, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT run_uuid, coalesce(status, '') FROM runs ORDER BY run_uuid")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn of_mlflow(row: &Row<'_>, names: &Names, sink: &mut Sink) -> Result<(), rusqlite::Error> {
    let run: String = row.get(1)?;
    let Some(name) = names.get(&run) else { return Ok(()) };
    let part = sink.part(name);
    sink.go_to_part(part);
    let key: String = row.get(2)?;
    let (step, value, at): (i64, f64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
    // MLflow writes the greatest number there is for infinity, and a mark for NaN.
    let value = match row.get::<_, i64>(6)? {
        0 if value.abs() >= f64::MAX => f64::INFINITY.copysign(value),
        0 => value,
        _ => f64::NAN,
    };
    let metric = sink.metric(&key);
    sink.point(metric, step, value, at as f64 / 1e3);
    Ok(())
}

fn of_trackio(row: &Row<'_>, sink: &mut Sink) -> Result<(), rusqlite::Error> {
    let (run, metrics): (String, String) = (row.get(1)?, row.get(2)?);
    let step: i64 = row.get(3)?;
    let at = row.get::<_, Option<String>>(4)?.and_then(|at| at.parse().ok()).unwrap_or(f64::NAN);
    let part = sink.part(&run.replace('/', "-"));
    sink.go_to_part(part);
    let Ok(Value::Object(metrics)) = serde_json::from_str(&metrics) else { return Ok(()) };
    for (name, value) in metrics {
        let value = match value {
            Value::Number(number) => number.as_f64(),
            // What JSON has no number for.
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            _ => None,
        };
        if let Some(value) = value {
            let metric = sink.metric(&name);
            sink.point(metric, step, value, at);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(path: &Path, place: &mut Place, anew: bool) -> Vec<(String, String, i64, f64)> {
        let mut sink = Sink::default();
        let Ok(found) = read(path, place, &mut sink) else { panic!("{}", path.display()) };
        *place = Place::resume(&found.place.save());
        assert_eq!((found.anew, found.more), (anew, false));
        let part = |metric: u32| sink.parts().nth(sink.part_of()[metric as usize] as usize).unwrap().to_owned();
        sink.points
            .iter()
            .map(|p| (part(p.metric), sink.metrics()[p.metric as usize].clone(), p.step, p.value))
            .collect()
    }

    fn point(run: &str, key: &str, step: i64, value: f64) -> (String, String, i64, f64) {
        (run.to_owned(), key.to_owned(), step, value)
    }

    #[test]
    fn mlflows_rows_are_read_as_they_come_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mlflow.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "CREATE TABLE runs (run_uuid TEXT, name TEXT, lifecycle_stage TEXT, start_time INTEGER);
                 CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
                 CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER, is_nan INTEGER);
                 INSERT INTO runs VALUES ('aaaaaaaaaa', 'mix', 'active', 1), ('bbbbbbbbbb', 'mix', 'active', 2), ('c', 'x', 'deleted', 3);
                 INSERT INTO params VALUES ('n_params', '30000000', 'aaaaaaaaaa');
                 INSERT INTO metrics VALUES ('loss', 3.0, 1700000000000, 'aaaaaaaaaa', 1, 0), ('loss', 4.0, 1700000000000, 'bbbbbbbbbb', 1, 0),
                                            ('loss', 5.0, 1700000000000, 'c', 1, 0);",
            )
            .unwrap();
        let mut place = Place::default();
        assert_eq!(
            read_all(&path, &mut place, false),
            [point("mix", "loss", 1, 3.0), point("mix-bbbbbbbb", "loss", 1, 4.0)]
        );
        assert_eq!(read_all(&path, &mut place, false), []);
        writer.execute_batch("INSERT INTO metrics VALUES ('loss', 2.0, 1700000000000, 'aaaaaaaaaa', 2, 0)").unwrap();
        assert_eq!(read_all(&path, &mut place, false), [point("mix", "loss", 2, 2.0)]);
        writer.execute_batch("DELETE FROM metrics WHERE run_uuid = 'aaaaaaaaaa'").unwrap();
        assert_eq!(read_all(&path, &mut place, true), [point("mix-bbbbbbbb", "loss", 1, 4.0)], "the last row is gone");
        // Beside a writer in the middle of a transaction.
        writer
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO metrics VALUES ('loss', 9.0, 1, 'bbbbbbbbbb', 2, 0)")
            .unwrap();
        assert_eq!(read_all(&path, &mut place, false), []);
        writer.execute_batch("COMMIT").unwrap();
        assert_eq!(read_all(&path, &mut place, false), [point("mix-bbbbbbbb", "loss", 2, 9.0)]);
    }

    #[test]
    fn how_mlflows_runs_ended_is_known_until_they_are_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mlflow.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "CREATE TABLE runs (run_uuid TEXT, name TEXT, lifecycle_stage TEXT, start_time INTEGER, status TEXT);
                 CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
                 CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER, is_nan INTEGER);
                 INSERT INTO runs VALUES ('aaaaaaaaaa', 'mix', 'active', 1, 'FAILED'), ('bbbbbbbbbb', 'new', 'active', 2, 'RUNNING');",
            )
            .unwrap();
        let mut place = Place::default();
        let mut all: Vec<facts::Found> = Vec::new();
        let mut ended = || {
            let mut sink = Sink::default();
            place = read(&path, &place, &mut sink).unwrap_or_else(|_| panic!("unread")).place;
            // The first part is 'mix'.
            all.extend(sink.part_facts().iter().filter(|(part, _)| *part == 1).map(|(_, fact)| fact.clone()));
            let standing = facts::in_force(&all).into_iter().map(|fact| fact.1.clone());
            standing.collect::<Vec<_>>()
        };
        assert_eq!(ended(), [FactValue::Text("failed".to_owned())]);
        writer.execute_batch("UPDATE runs SET status = 'RUNNING'").unwrap();
        assert_eq!(ended(), []);
        writer.execute_batch("UPDATE runs SET status = 'FINISHED' WHERE name = 'mix'").unwrap();
        assert_eq!(ended(), [FactValue::Text("finished".to_owned())]);
    }

    #[test]
    fn trackios_rows_are_objects_and_others_are_none_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("project.db");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "wal").unwrap();
        writer
            .execute_batch(
                "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT);
                 INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES ('2025-01-02T03:04:05', 'a', 0, '{\"loss\": 2.5, \"x\": \"NaN\"}');",
            )
            .unwrap();
        let points = read_all(&path, &mut Place::default(), false);
        assert_eq!(points[0], point("a", "loss", 0, 2.5));
        assert!(points[1].3.is_nan());
        let other = dir.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(read(&other, &Place::default(), &mut Sink::default()), Err(Unread::Other(_))));
    }
}
