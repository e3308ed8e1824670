//! A message: what a node would have stored since the message before, as bytes.
//!
//! ```text
//! "MXL" version  packing  CRC-32C of the rest   node  life  number   names   changes …
//! ```
//!
//! Numbers are variable-length, texts have their length in front, names of metrics come once a message, points as in
//! [`super::points`], facts as JSON; all of it is deflated where that makes it smaller. A node's name, its life (a number that is larger
//! each time it begins anew) and the message's number say where it belongs.

use super::bytes::{frame, unframe};
use super::points::{number, points, put_points};
use super::refused::Refused;
use super::subject;
use crate::store::bytes::{Reader, put, put_bytes, put_f64, put_signed};
use crate::store::outlet::{Change, FileChange};
use crate::store::{Cursor, Identity};
use crate::vocab::RawPoint;
use std::collections::HashMap;

/// Most changes in a message, and names in it.
const MOST: usize = 1 << 20;
/// Lives are below this: whoever makes one up leaves room for those that follow.
const LIVES: u64 = 1 << 60;
/// Longest name of a run, a path or a node.
const LONGEST: usize = 4096;

/// What a node would have stored since the message before.
#[derive(Debug, Clone)]
pub struct Message {
    /// The node.
    pub node: String,
    /// What its numbers count from: larger each time it begins anew.
    pub life: u64,
    /// Number of the message, from 1 on, without gaps.
    pub number: u64,
    /// What changes, in this order; no file twice.
    pub changes: Vec<Change>,
}

const POINTS: u8 = 1;
const FACTS: u8 = 2;
const FORGET_FILE: u8 = 3;
const FORGET_RUN: u8 = 4;

impl Message {
    /// As bytes.
    #[must_use]
    pub fn encode(node: &str, life: u64, number: u64, changes: &[Change]) -> Vec<u8> {
        let mut names: Vec<&str> = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut body = Vec::new();
        put(&mut body, changes.len() as u64);
        for change in changes {
            match change {
                Change::Points(change) => {
                    body.push(POINTS);
                    let places = places(change, &mut names, &mut known);
                    put_file(&mut body, change, &places);
                }
                Change::Facts { run, facts } => {
                    body.push(FACTS);
                    put_bytes(&mut body, run.as_bytes());
                    put_bytes(&mut body, &serde_json::to_vec(facts).unwrap_or_default());
                }
                Change::ForgetFile(file) => {
                    body.push(FORGET_FILE);
                    put(&mut body, u64::from(*file));
                }
                Change::ForgetRun(run) => {
                    body.push(FORGET_RUN);
                    put_bytes(&mut body, run.as_bytes());
                }
            }
        }
        let mut out = Vec::with_capacity(body.len() + 64);
        put_bytes(&mut out, node.as_bytes());
        out.extend_from_slice(&life.to_le_bytes());
        put(&mut out, number);
        put(&mut out, names.len() as u64);
        names.iter().for_each(|name| put_bytes(&mut out, name.as_bytes()));
        out.extend_from_slice(&body);
        frame(&out)
    }

    /// How many points it has.
    #[must_use]
    pub fn points(&self) -> usize {
        let of = |change: &Change| if let Change::Points(change) = change { change.points.len() } else { 0 };
        self.changes.iter().map(of).sum()
    }

    /// From bytes that came under a subject of a stream: who may publish under one node's subject sends nothing for another.
    ///
    /// # Errors
    /// As [`Message::decode`]; also where it is of another node.
    pub fn decode_of(bytes: &[u8], stream: &str, subject: &str) -> Result<Self, Refused> {
        let message = Self::decode(bytes)?;
        if subject::of_node(stream, &message.node) != subject {
            return Err(Refused(format!("it says that it is of node {}", message.node)));
        }
        Ok(message)
    }

    /// From bytes.
    ///
    /// # Errors
    /// Why they are no message; never a panic, and never more memory than a message may need.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refused> {
        let body = unframe(bytes)?;
        let mut r = Reader(&body);
        let (node, life, number_of) = (name(&mut r, "node")?, r.word()?, r.number()?);
        if life >= LIVES {
            return Err(Refused("a life of its node that is none".to_owned()));
        }
        let mut names = Vec::new();
        for _ in 0..number(&mut r, MOST, "names of metrics")? {
            names.push(r.text()?);
        }
        let count = number(&mut r, MOST, "changes")?;
        let (mut changes, mut left) = (Vec::new(), super::points::MOST);
        for _ in 0..count {
            changes.push(match r.take(1)?[0] {
                POINTS => Change::Points(Box::new(file(&mut r, &names, &mut left)?)),
                FACTS => Change::Facts { run: run(&mut r)?, facts: json(r.bytes()?)? },
                FORGET_FILE => Change::ForgetFile(r.small()?),
                FORGET_RUN => Change::ForgetRun(run(&mut r)?),
                other => return Err(Refused(format!("a change of unknown kind {other}"))),
            });
        }
        if !r.0.is_empty() {
            return Err(Refused("it goes on behind its end".to_owned()));
        }
        let file = |change: &Change| if let Change::Points(change) = change { Some(change.file) } else { None };
        let mut files: Vec<u32> = changes.iter().filter_map(file).collect();
        files.sort_unstable();
        if files.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refused("a file is in it twice".to_owned()));
        }
        Ok(Self { node, life, number: number_of, changes })
    }
}

/// The names that the points of a file use: for each of its metrics its place among them, and in the message.
struct Places {
    /// By metric of the file: its number among those used.
    local: Vec<u32>,
    /// Of those used, in order: place among the names of the message.
    used: Vec<u32>,
}

fn places<'a>(change: &'a FileChange, names: &mut Vec<&'a str>, known: &mut HashMap<&'a str, u32>) -> Places {
    let mut places = Places { local: vec![u32::MAX; change.names.len()], used: Vec::new() };
    for point in &change.points {
        let Some(local) = places.local.get_mut(point.metric as usize).filter(|local| **local == u32::MAX) else {
            continue;
        };
        *local = places.used.len() as u32;
        let name = change.names[point.metric as usize].as_str();
        places.used.push(*known.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() as u32 - 1
        }));
    }
    places
}

fn put_file(out: &mut Vec<u8>, change: &FileChange, places: &Places) {
    put(out, u64::from(change.file));
    put_bytes(out, change.run.as_bytes());
    put_bytes(out, change.path.as_bytes());
    put_bytes(out, change.format.as_bytes());
    put_f64(out, change.began);
    put(out, change.part_of.map_or(0, |whole| u64::from(whole) + 1));
    put(out, change.replaces.len() as u64);
    change.replaces.iter().for_each(|file| put(out, u64::from(*file)));
    put(out, change.start);
    put_cursor(out, &change.cursor);
    put(out, places.used.len() as u64);
    let mut before = 0;
    for place in &places.used {
        put_signed(out, i64::from(*place) - before);
        before = i64::from(*place) + 1;
    }
    let local = |point: &RawPoint| RawPoint { metric: places.local[point.metric as usize], ..*point };
    let points: Vec<RawPoint> = change.points.iter().map(local).collect();
    put_points(out, &points);
    put(out, change.restarts.len() as u64);
    change.restarts.iter().for_each(|at| put(out, *at as u64));
    match &change.facts {
        Some(facts) => put_bytes(out, &serde_json::to_vec(facts).unwrap_or_default()),
        None => put(out, 0),
    }
}

fn file(r: &mut Reader, all: &[String], left: &mut usize) -> Result<FileChange, Refused> {
    let file = r.small()?;
    let (run, path, format) = (run(r)?, name(r, "path")?, name(r, "format")?);
    let began = r.float()?;
    let part_of = match r.number()? {
        0 => None,
        n => Some(u32::try_from(n - 1).map_err(|_| Refused("a file's number out of range".to_owned()))?),
    };
    let mut replaces = Vec::new();
    for _ in 0..number(r, MOST, "replaced files")? {
        replaces.push(r.small()?);
    }
    let (start, cursor) = (r.number()?, cursor(r)?);
    let used = number(r, all.len(), "metrics of a file")?;
    let mut names = Vec::new();
    let mut before = 0i64;
    for _ in 0..used {
        let place = before.wrapping_add(r.signed()?);
        let name = usize::try_from(place).ok().and_then(|place| all.get(place));
        names.push(name.ok_or_else(|| Refused("a metric without a name".to_owned()))?.clone());
        before = place + 1;
    }
    let points = points(r, names.len(), *left)?;
    *left -= points.len();
    let mut restarts = Vec::new();
    for _ in 0..number(r, MOST, "restarts")? {
        let at = number(r, points.len(), "points before a restart")?;
        if restarts.last().is_some_and(|before| at < *before) {
            return Err(Refused("restarts out of order".to_owned()));
        }
        restarts.push(at);
    }
    let facts = match r.bytes()? {
        [] => None,
        raw => Some(json(raw)?),
    };
    Ok(FileChange { file, run, path, format, began, part_of, replaces, start, cursor, names, points, restarts, facts })
}

fn put_cursor(out: &mut Vec<u8>, cursor: &Cursor) {
    put(out, cursor.offset);
    out.push(u8::from(cursor.unterminated) | u8::from(cursor.displaced) << 1);
    put_bytes(out, &cursor.state);
    cursor.identity.put(out);
    put(out, cursor.length);
    put_signed(out, cursor.modified);
    put(out, cursor.damaged);
    put_bytes(out, cursor.stuck.as_bytes());
}

fn cursor(r: &mut Reader) -> Result<Cursor, Refused> {
    let offset = r.number()?;
    let flags = r.take(1)?[0];
    Ok(Cursor {
        offset,
        unterminated: flags & 1 != 0,
        displaced: flags & 2 != 0,
        state: r.bytes()?.to_vec(),
        identity: Identity::read(r)?,
        length: r.number()?,
        modified: r.signed()?,
        damaged: r.number()?,
        stuck: r.text()?,
        origin: None,
    })
}

fn json<T: serde::de::DeserializeOwned>(raw: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(raw).map_err(|error| Refused(format!("facts that cannot be read: {error}")))
}

/// A name that a run, a path, a format or a node may have.
fn name(r: &mut Reader, what: &str) -> Result<String, Refused> {
    let text = r.text()?;
    if text.is_empty() || text.len() > LONGEST || text.contains('\0') {
        return Err(Refused(format!("a {what} without a name that can be used")));
    }
    Ok(text)
}

/// Name of a run: relative, and within the project.
fn run(r: &mut Reader) -> Result<String, Refused> {
    let text = name(r, "run")?;
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err(Refused("a run outside of the project".to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
#[path = "message/tests.rs"]
mod tests;
