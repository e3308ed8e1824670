//! What is sent over a stream and taken up elsewhere is what reading the files gives, for every format that is appended to, with
//! files that grow, are rotated, emptied and deleted, and with senders and takers that die at any time.

use super::dialect::{Dialect, dialects};
use super::*;
use crate::project::RunSource;
use crate::store::ReadStore;
use crate::store::outlet::{Change, Outlet};
use crate::stream::Message;
use crate::stream::apply::{Arrived, Place, Taker};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::fs;
use std::sync::Mutex;

/// A stream in memory, and what goes wrong on the way to it.
#[derive(Default)]
struct Wire {
    life: u64,
    messages: Vec<Vec<u8>>,
    /// How many more messages arrive; then one is lost, or arrives and nobody says so.
    patience: usize,
    says_so: bool,
}

struct Sender(Arc<Mutex<Wire>>);

impl Outlet for Sender {
    fn send(&self, number: u64, changes: &[Change]) -> Result<u64, StoreError> {
        let mut wire = self.0.lock().unwrap();
        assert_eq!(number, wire.messages.len() as u64 + 1, "messages are numbered without gaps");
        let message = Message::encode("n1", wire.life, number, changes);
        if wire.patience > 0 {
            wire.patience -= 1;
            wire.messages.push(message);
            return Ok(number);
        }
        if !wire.says_so {
            wire.messages.push(message);
        }
        Err(StoreError::Unsent("the line is cut".to_owned()))
    }
}

/// Everything of a store: each point of each metric of each run, and facts.
fn all(store: &SledStore) -> Vec<String> {
    let mut all = Vec::new();
    for (run, name) in store.runs().unwrap() {
        for (metric, _) in store.metrics(run).unwrap() {
            let series = store.series(run, &metric).unwrap();
            all.push(format!("{name} {metric} {:?} {:?} {:?}", series.steps, series.values, series.segments));
        }
        all.push(format!("{name} {:?}", store.facts(run).unwrap()));
    }
    all.sort();
    all
}

const ALL: Budget = Budget { time: Duration::from_secs(60) };

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

struct World {
    rng: Xoshiro256PlusPlus,
    dialect: &'static Dialect,
    dir: tempfile::TempDir,
    project: Project,
    wire: Arc<Mutex<Wire>>,
    direct: (Arc<SledStore>, Ingester),
    sender: Option<(Arc<SledStore>, Ingester)>,
    place: PathBuf,
    durable: PathBuf,
    copies: usize,
    taker_store: Arc<SledStore>,
    taker: Taker,
    records: u64,
}

impl World {
    fn new(dialect: &'static Dialect, seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for run in ["a", "b"] {
            for name in dialect.names {
                fs::create_dir_all(dir.path().join("runs").join(run).join(name).parent().unwrap()).unwrap();
            }
        }
        let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
        let project = Project { root: dir.path().to_path_buf(), runs, ..Project::default() };
        let direct = SledStore::temporary().unwrap();
        let taker_store = SledStore::temporary().unwrap();
        let mut world = Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            dialect,
            place: dir.path().join("state-0"),
            durable: dir.path().join("durable-0"),
            wire: Arc::new(Mutex::new(Wire { life: 7, patience: 1000, ..Wire::default() })),
            direct: (direct.clone(), Ingester::new(&project, direct)),
            sender: None,
            copies: 0,
            taker: Taker::new(taker_store.clone(), "s").unwrap(),
            taker_store,
            records: 0,
            dir,
            project,
        };
        world.start();
        world
    }

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    /// Starts the sender: takes from the stream what it may have sent and not written down.
    fn start(&mut self) {
        let (store, _) = SledStore::open(&self.place).unwrap();
        let wire = self.wire.lock().unwrap();
        let (sent, receipt) = store.sent().unwrap();
        assert_eq!(sent, receipt);
        for (at, message) in wire.messages.iter().enumerate().skip(sent as usize) {
            let number = at as u64 + 1;
            store.adopt(number, number, Message::decode(message).unwrap().changes).unwrap();
        }
        drop(wire);
        store.send_through(Box::new(Sender(Arc::clone(&self.wire))));
        self.sender = Some((store.clone(), Ingester::new(&self.project, store)));
    }

    /// The sender dies, and with it what had not reached the disk.
    fn crash(&mut self) {
        self.sender = None;
        self.copies += 1;
        self.place = self.dir.path().join(format!("state-{}", self.copies));
        if self.durable.exists() {
            copy(&self.durable, &self.place);
        }
        self.start();
    }

    fn flush(&mut self) {
        if let Some((store, _)) = &self.sender {
            store.flush().unwrap();
            self.copies += 1;
            self.durable = self.dir.path().join(format!("durable-{}", self.copies));
            copy(&self.place, &self.durable);
        }
    }

    fn act(&mut self) {
        let run = ["a", "b"][self.below(2) as usize];
        let name = self.dialect.names[self.below(self.dialect.names.len() as u64) as usize];
        let path = self.dir.path().join("runs").join(run).join(name);
        let before = fs::read(&path).unwrap_or_default();
        match self.below(14) {
            0 => drop(fs::remove_file(&path)),
            // The metric of a file of DVCLive's or MLflow's is called after the file, as it was when it was read.
            1 if !matches!(self.dialect.format, "dvclive" | "mlflow") => {
                let to = self.dialect.names[self.below(self.dialect.names.len() as u64) as usize];
                let _ = fs::rename(&path, self.dir.path().join("runs").join(run).join(to));
            }
            2 if path.exists() => fs::write(&path, &self.dialect.header).unwrap(),
            12 => self.write_packed(run),
            13 => self.write_whole(run),
            _ => {
                let mut text = before;
                if text.is_empty() {
                    text.extend_from_slice(&self.dialect.header);
                }
                let many = if self.below(6) == 0 { 200 } else { 3 };
                for _ in 0..=self.below(many) {
                    self.records += 1;
                    let record = (self.dialect.record)(self.records, &text);
                    text.extend(record);
                }
                let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
                let have = file.metadata().unwrap().len() as usize;
                std::io::Write::write_all(&mut file, &text[have..]).unwrap();
            }
        }
    }

    /// A packed log, which is read whole, with more points than go at once; a part of it is a run of its own.
    fn write_packed(&mut self, run: &str) {
        let path = self.dir.path().join("runs").join(run).join("old.jsonl.gz");
        let mut file = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
        for step in 0..=self.below(200) {
            self.records += 1;
            let name = if step % 3 == 2 { "apart" } else { "whole" };
            let line = format!("{{\"run\": \"{name}\", \"step\": {step}, \"old/loss\": 0.{:06}}}\n", self.records);
            std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        }
        file.finish().unwrap();
    }

    /// A log that is written anew at every save.
    fn write_whole(&mut self, run: &str) {
        let entry = |step: u64, n: u64| format!("{{\"step\": {step}, \"hf_loss\": 0.{n:06}}}");
        let many = self.below(200) + 1;
        let entries: Vec<String> = (1..=many).map(|step| entry(step, self.records + step)).collect();
        self.records += many;
        let text = format!("{{\"log_history\": [{}]}}", entries.join(", "));
        fs::write(self.dir.path().join("runs").join(run).join("trainer_state.json"), text).unwrap();
    }

    fn turn(&mut self) {
        self.direct.1.turn(&Look::Everything, ALL).unwrap();
        {
            let patience = if self.below(3) == 0 { self.below(4) as usize } else { 1000 };
            let says_so = self.below(2) == 0;
            let mut wire = self.wire.lock().unwrap();
            (wire.patience, wire.says_so) = (patience, says_so);
        }
        loop {
            let (_, ingester) = self.sender.as_mut().unwrap();
            if ingester.turn(&Look::Everything, ALL).is_ok() {
                break;
            }
            self.wire.lock().unwrap().patience = 1000;
            // Whether it arrived is not known: it goes on from what the stream has.
            self.sender = None;
            self.start();
        }
        match self.below(8) {
            0 => self.crash(),
            1 | 2 => self.flush(),
            _ => {}
        }
    }

    /// The taker takes some of what there is, dies, and takes some of it again.
    fn take(&mut self) {
        let place = self.taker.place();
        let messages = self.wire.lock().unwrap().messages.clone();
        let again = self.below(2) * self.below(6).min(place.sequence);
        let upto = if self.below(3) == 0 { place.sequence + self.below(5) } else { u64::MAX };
        let new = messages.iter().enumerate().map(|(at, raw)| (at as u64 + 1, raw));
        let new = new.filter(|(at, _)| *at > place.sequence - again && *at <= upto);
        let arrived = |(at, raw): (u64, &Vec<u8>)| Arrived {
            at: Place { made: 1, sequence: at },
            reached: at,
            message: Message::decode(raw).unwrap(),
        };
        let new = new.map(arrived).collect();
        self.taker.take(new).unwrap();
        if self.below(4) == 0 {
            self.taker = Taker::new(self.taker_store.clone(), "s").unwrap();
        }
    }
}

fn story(dialect: &'static Dialect, seed: u64, steps: usize) {
    let mut world = World::new(dialect, seed);
    for _ in 0..steps {
        for _ in 0..=world.below(3) {
            world.act();
        }
        world.turn();
        if world.below(2) == 0 {
            world.take();
        }
    }
    world.turn();
    let reached = |world: &World| world.taker.place().sequence == world.wire.lock().unwrap().messages.len() as u64;
    while !reached(&world) {
        world.take();
    }
    let (sent, read) = (all(&world.taker_store), all(&world.direct.0));
    if let Some((sent, read)) = sent.iter().zip(&read).find(|(sent, read)| sent != read) {
        panic!("{}, seed {seed}:\n{sent}\nwas taken up, and\n{read}\nwas read", dialect.format);
    }
    assert_eq!(sent.len(), read.len(), "{}, seed {seed}", dialect.format);
    assert!(world.taker.nodes().values().all(|node| node.lost == 0));
    assert_eq!(world.sender.unwrap().0.points(), 0, "a node keeps no points");
}

#[test]
fn what_is_sent_and_taken_up_is_what_reading_gives_whoever_dies() {
    let stories = if std::env::var_os("MIXLAW_SOAK").is_some() { 40 } else { 2 };
    for dialect in dialects() {
        (0..stories).for_each(|seed| story(dialect, seed, 12));
    }
}
