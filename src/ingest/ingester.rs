//! Ingester: follows every run of a project, in small steps.

use super::discover::{Discovery, Parents, Patterns};
use super::follower::Follower;
use super::members;
use super::parallel::{Job, ParsePool, Terms};
use super::{Budget, FileReport, Look, Source, Turn};
use crate::project::Project;
use crate::store::{RunId, SledStore, StoreError};
use crate::vocab::{IngestProgress, Notice, Severity, text::printable};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Parsers kept ready for the files that are written to; those of the others are made again from their state.
const WARM: usize = 256;
/// A first reading is worth a progress bar above this.
const LONG: u64 = 8 << 20;

/// Follows every file of every run of a project into the store.
pub struct Ingester {
    project: Project,
    store: Arc<SledStore>,
    patterns: Patterns,
    names: members::Names,
    followers: BTreeMap<PathBuf, Follower>,
    /// The keys of `followers`, as they are and without links, for whoever looks for files of one of them.
    places: HashSet<PathBuf>,
    /// The run that each further file or directory of one is of.
    members: HashMap<PathBuf, PathBuf>,
    discovery: Discovery,
    /// Followers that may have something to read: a line is added to one of thousands.
    active: BTreeSet<PathBuf>,
    /// Where each run may come from. A follower may have no more of it; every one that has some is here.
    by_run: HashMap<RunId, BTreeSet<PathBuf>>,
    /// What is wrong with the files of followers that have been looked at since it was last asked for.
    faults: Faults,
    /// Parsers held, at most.
    warm: usize,
    first: Option<First>,
    complete: bool,
    parsers: ParsePool,
    now: fn() -> SystemTime,
}

/// What is wrong with the files of each follower.
#[derive(Default)]
struct Faults {
    all: BTreeMap<PathBuf, Vec<Notice>>,
}

impl Faults {
    fn look(&mut self, path: &Path, follower: &Follower) {
        let mut notices = Vec::new();
        follower.notices(&mut notices);
        if !notices.is_empty() {
            self.all.insert(path.to_path_buf(), notices);
        } else if !self.all.is_empty() {
            self.all.remove(path);
        }
    }
}

/// The first reading of what was there when the process began.
struct First {
    total: u64,
    done: u64,
    /// Bytes and time of the last second or so, for the rate.
    lately: (u64, Instant),
    rate: f64,
}

impl Ingester {
    /// Starts following; nothing is read before the first [`Ingester::turn`].
    #[must_use]
    pub fn new(project: &Project, store: Arc<SledStore>) -> Self {
        Self::with_clock(project, store, SystemTime::now)
    }

    /// As [`Ingester::new`], with another clock.
    pub(crate) fn with_clock(project: &Project, store: Arc<SledStore>, now: fn() -> SystemTime) -> Self {
        Self {
            project: project.clone(),
            store,
            patterns: Patterns::of(&project.root, &project.runs),
            names: members::Names::default(),
            followers: BTreeMap::new(),
            places: HashSet::new(),
            members: HashMap::new(),
            discovery: Discovery::default(),
            active: BTreeSet::new(),
            by_run: HashMap::new(),
            faults: Faults::default(),
            warm: 0,
            first: None,
            complete: false,
            parsers: ParsePool::default(),
            now,
        }
    }
}

impl Source for Ingester {
    fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    /// Looks, reads within the budget, and stores points and offsets together.
    fn turn(&mut self, look: &Look, budget: Budget) -> Result<Turn, StoreError> {
        let mut turn = Turn::default();
        let began = Instant::now();
        let now = (self.now)();
        match look {
            Look::Everything => self.scan(now, &mut turn)?,
            Look::Hints(paths) => self.check(paths, now, &mut turn)?,
        }
        if self.first.is_none() {
            let total = self.followers.values().map(Follower::backlog).sum();
            self.first = Some(First { total, done: 0, lately: (0, began), rate: 0.0 });
        }
        self.drain(began, budget, now, &mut turn)?;
        for path in std::mem::take(&mut turn.facts) {
            if let Some(follower) = self.followers.get_mut(&path) {
                turn.changed.extend(follower.offer_facts(&self.project, &self.store)?);
            }
        }
        let touched: Vec<PathBuf> = std::mem::take(&mut self.active).into_iter().collect();
        for path in touched {
            let Some(follower) = self.followers.get(&path) else {
                self.faults.all.remove(&path);
                continue;
            };
            self.faults.look(&path, follower);
            for run in follower.id.into_iter().chain(follower.parts_modified().map(|(run, _)| run)) {
                let paths = self.by_run.entry(run).or_default();
                if !paths.contains(&path) {
                    paths.insert(path.clone());
                }
            }
            if follower.has_more() {
                self.active.insert(path);
            }
        }
        turn.progress = self.progress(turn.more);
        Ok(turn)
    }

    fn has(&self, run: &str) -> bool {
        let own = |run: &str| {
            self.discovery.joined.contains(run) || self.patterns.may_match(run) && !self.discovery.aliases.contains(run)
        };
        let Some(id) = self.store.find_run(run) else { return own(run) };
        let homes = self.store.homes(id);
        if !homes.is_empty() {
            // A part of a file goes where the file goes.
            return homes
                .iter()
                .any(|home| own(home) && self.store.find_run(home).is_none_or(|id| !self.is_past(home, id)));
        }
        if self.is_past(run, id) {
            return false;
        }
        // What is left of a part without its file is nothing.
        let nothing = self.store.has_no_file(id);
        own(run) && !(nothing && self.followers.values().all(|follower| follower.place.name != run))
    }

    /// What is wrong with the files at present: globs that match nothing, unreadable directories, damaged records.
    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for index in &self.discovery.unmatched {
            let Some(source) = self.project.runs.get(*index) else { continue };
            let place = match (source.at, &self.project.file) {
                (Some((line, column)), Some(file)) => {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    format!("{name}:{line}:{column}: ")
                }
                _ => String::new(),
            };
            notices.push(Notice {
                severity: Severity::Warning,
                text: printable(&format!(
                    "{place}'{}' matches nothing in {}",
                    source.path,
                    self.project.root.display()
                )),
                help: Some("mixlaw reads runs that appear there later; list the directory: ls".to_owned()),
            });
        }
        for (path, reason) in &self.discovery.unreadable {
            notices.push(Notice {
                severity: Severity::Warning,
                text: printable(&format!("{}: {reason}", path.display())),
                help: Some("check its permissions".to_owned()),
            });
        }
        notices.extend(self.faults.all.values().flatten().cloned());
        notices
    }

    fn unreadable(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.followers.values().for_each(|follower| follower.unreadable(&mut notices));
        notices
    }

    fn files(&self, of: Option<&BTreeSet<RunId>>) -> Vec<FileReport> {
        let mut reports = Vec::new();
        self.followers_of(of).iter().for_each(|follower| follower.reports(&self.store, &mut reports));
        reports
    }

    fn last_writes(&self, of: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime> {
        let write = |follower: &Follower| {
            let nanoseconds = u64::try_from(follower.modified()?).ok()?;
            Some((follower.id?, UNIX_EPOCH + Duration::from_nanos(nanoseconds)))
        };
        let at = |(run, modified): (RunId, i64)| {
            Some((run, UNIX_EPOCH + Duration::from_nanos(u64::try_from(modified).ok()?)))
        };
        let followers = self.followers_of(of);
        let parts = followers.iter().flat_map(|follower| follower.parts_modified()).filter_map(at);
        parts.chain(followers.iter().filter_map(|follower| write(follower))).collect()
    }
}

impl Turn {
    /// Takes note of what a look at a run has found.
    fn scanned(&mut self, follower: &mut Follower, facts: bool) {
        let deleted = follower.take_deleted();
        if facts || !deleted.is_empty() {
            self.facts.insert(follower.place.path.clone());
        }
        self.changed.extend(deleted);
    }
}

impl Ingester {
    /// Matches the patterns and looks at every file of every run.
    fn scan(&mut self, now: SystemTime, turn: &mut Turn) -> Result<(), StoreError> {
        self.discover();
        let places = &self.places;
        self.faults.all.retain(|path, _| self.followers.contains_key(path));
        self.active.extend(self.followers.keys().cloned());
        for follower in self.followers.values_mut() {
            let facts = follower.scan(&self.project, &self.store, &|path| places.contains(path), now)?;
            turn.scanned(follower, facts);
        }
        self.let_go(now);
        Ok(())
    }

    /// Follows runs no longer whose logs were deleted longer ago than the project keeps them for.
    fn let_go(&mut self, now: SystemTime) {
        let past: Vec<PathBuf> = self
            .followers
            .iter()
            .filter(|(_, follower)| follower.is_gone() && self.is_over(&follower.place.path, follower.modified(), now))
            .map(|(path, _)| path.clone())
            .collect();
        for path in past {
            self.followers.remove(&path);
            self.active.remove(&path);
        }
    }

    /// Whether a run that nothing is left of was last written too long ago to be kept. Where no run beside it is there
    /// either, or a directory cannot be read, the disk may be away.
    fn is_over(&self, place: &Path, modified: Option<i64>, now: SystemTime) -> bool {
        let (Some(longest), Some(modified)) = (self.project.retention.gone, modified) else { return false };
        let written = UNIX_EPOCH + Duration::from_nanos(u64::try_from(modified).unwrap_or_default());
        now.duration_since(written).is_ok_and(|age| age > longest)
            && self.discovery.unreadable.is_empty()
            && self.followers.iter().any(|(path, other)| path.parent() == place.parent() && !other.is_gone())
    }

    /// Whether a run that is in the store, and that nobody follows, is to be forgotten.
    fn is_past(&self, name: &str, run: RunId) -> bool {
        if self.project.retention.gone.is_none() {
            return false;
        }
        let followed = |path: &PathBuf| self.followers.contains_key(path);
        if self.by_run.get(&run).is_some_and(|paths| paths.iter().any(followed)) {
            return false;
        }
        let modified = self.store.records(run).iter().map(|(_, record)| record.cursor.modified).max();
        self.is_over(&self.project.root.join(name), modified, (self.now)())
            && self.followers.values().all(|follower| follower.place.name != name)
    }

    /// Brings the followers in line with what the patterns match now. A run that is gone keeps its follower.
    fn discover(&mut self) -> Vec<PathBuf> {
        self.discovery = self.patterns.runs();
        members::join(&mut self.discovery, &self.names);
        let aliases = &self.discovery.aliases;
        self.followers.retain(|_, follower| !aliases.contains(&follower.place.name));
        let (mut new, mut parents) = (Vec::new(), Parents::default());
        self.members = self
            .discovery
            .runs
            .iter()
            .flat_map(|place| place.more.iter().map(|member| (member.clone(), place.path.clone())))
            .collect();
        for place in &self.discovery.runs {
            let known = self.followers.get_mut(&place.path).filter(|follower| follower.place.name == place.name);
            if let Some(follower) = known {
                if follower.place != *place {
                    follower.gains(place);
                    new.push(place.path.clone());
                }
            } else {
                self.places.extend(parents.both(&place.path));
                self.followers.insert(place.path.clone(), Follower::new(place.clone(), &self.project, &self.store));
                new.push(place.path.clone());
            }
        }
        new
    }

    /// Looks at what may have changed.
    fn check(&mut self, paths: &[PathBuf], now: SystemTime, turn: &mut Turn) -> Result<(), StoreError> {
        let mut scan: BTreeSet<PathBuf> = BTreeSet::new();
        let mut discover = false;
        for path in paths {
            match self.owner(path) {
                Some((run, relative)) => {
                    let known = self.followers.get_mut(&run).is_some_and(|f| f.check(&relative, now));
                    self.active.insert(run.clone());
                    if !known {
                        scan.insert(run);
                    }
                }
                None => discover = true,
            }
        }
        if discover {
            scan.extend(self.discover());
        }
        let places = &self.places;
        for run in scan {
            self.active.insert(run.clone());
            if let Some(follower) = self.followers.get_mut(&run) {
                let facts = follower.scan(&self.project, &self.store, &|path| places.contains(path), now)?;
                turn.scanned(follower, facts);
            }
        }
        Ok(())
    }

    /// The innermost run a path belongs to, and the path within it.
    fn owner(&self, path: &Path) -> Option<(PathBuf, String)> {
        path.ancestors().find_map(|ancestor| {
            let run = self.members.get(ancestor).map_or(ancestor, PathBuf::as_path);
            let follower = self.followers.get(run)?;
            let relative = if follower.place.file {
                path.file_name()?.to_string_lossy().into_owned()
            } else {
                super::files::relative(&follower.place, ancestor, path)?
            };
            Some((run.to_path_buf(), relative))
        })
    }

    /// Reads, the files last written first, each a stretch before the next gets its turn.
    fn drain(&mut self, began: Instant, budget: Budget, now: SystemTime, turn: &mut Turn) -> Result<(), StoreError> {
        // Those that may have something to read are few; the others are not even walked over.
        // Where they are many, as at the beginning, to take them out one by one would cost more than to walk over the rest.
        let mut active: BTreeMap<PathBuf, Follower> = if 2 * self.active.len() > self.followers.len() {
            std::mem::take(&mut self.followers)
        } else {
            self.active.iter().filter_map(|path| self.followers.remove_entry(path)).collect()
        };
        let result = self.read(&mut active, began, budget, now, turn);
        if self.followers.is_empty() {
            self.followers = active;
        } else {
            self.followers.extend(active);
        }
        if self.warm > WARM {
            self.cool();
        }
        result
    }

    fn read(
        &mut self,
        active: &mut BTreeMap<PathBuf, Follower>,
        began: Instant,
        budget: Budget,
        now: SystemTime,
        turn: &mut Turn,
    ) -> Result<(), StoreError> {
        let terms = Terms { now, complete: self.complete };
        let go = || began.elapsed() < budget.time;
        loop {
            let mut jobs: Vec<(&Path, Job<'_>)> = Vec::new();
            for (path, follower) in active.iter_mut() {
                let due = follower.due(&self.store, now, self.complete)?.into_iter();
                jobs.extend(due.map(|job| (path.as_path(), job)));
            }
            if jobs.is_empty() {
                return Ok(());
            }
            jobs.sort_by_cached_key(|(_, job)| std::cmp::Reverse(job.tail.stamp.modified));
            let files: Vec<(PathBuf, String)> =
                jobs.iter().map(|(path, job)| (path.to_path_buf(), job.tail.relative.clone())).collect();
            let jobs: Vec<Job<'_>> = jobs.into_iter().map(|(_, job)| job).collect();
            self.warm += jobs.iter().filter(|job| !job.tail.is_warm()).count();
            for ((path, relative), outcome) in files.iter().zip(self.parsers.read(jobs, &self.store, terms, go)) {
                let reading = outcome?;
                if let Some(first) = &mut self.first {
                    first.done += reading.bytes;
                }
                if let Some(follower) = active.get_mut(path) {
                    follower.take(relative, reading, &self.store, turn)?;
                }
            }
            if !go() {
                turn.more = active.values().any(|f| f.is_due(now, self.complete));
                return Ok(());
            }
        }
    }

    /// Keeps the parsers of the files last written to and forgets the others; half of what is kept at most, so that it is
    /// not done again with the next file.
    fn cool(&mut self) {
        let mut warm: Vec<(i64, PathBuf, String)> = Vec::new();
        for (path, follower) in &self.followers {
            let tails = follower.tails.values().filter(|t| t.is_warm());
            warm.extend(tails.map(|t| (t.stamp.modified, path.clone(), t.relative.clone())));
        }
        self.warm = warm.len();
        if warm.len() <= WARM {
            return;
        }
        self.warm = WARM / 2;
        warm.sort_by_cached_key(|(modified, _, _)| std::cmp::Reverse(*modified));
        for (_, path, relative) in warm.drain(WARM / 2..) {
            if let Some(tail) = self.followers.get_mut(&path).and_then(|f| f.tails.get_mut(&relative)) {
                tail.rest();
            }
        }
    }

    fn progress(&mut self, more: bool) -> Option<IngestProgress> {
        let first = self.first.as_mut()?;
        if !more {
            // It is over, and there is no second first reading.
            first.total = 0;
        }
        if first.total < LONG {
            return None;
        }
        let (before, since) = first.lately;
        let elapsed = since.elapsed();
        if elapsed >= Duration::from_secs(1) || first.rate == 0.0 {
            first.rate = (first.done - before) as f64 / elapsed.as_secs_f64().max(1e-3);
            first.lately = (first.done, Instant::now());
        }
        Some(IngestProgress {
            bytes_done: first.done.min(first.total),
            bytes_total: first.total,
            bytes_per_second: first.rate,
        })
    }

    /// The followers that may have some of these runs, or all (`None`).
    fn followers_of<'a>(&'a self, runs: Option<&BTreeSet<RunId>>) -> Vec<&'a Follower> {
        let Some(runs) = runs else { return self.followers.values().collect() };
        let paths: BTreeSet<&PathBuf> = runs.iter().filter_map(|run| self.by_run.get(run)).flatten().collect();
        paths.into_iter().filter_map(|path| self.followers.get(path)).collect()
    }
}

#[cfg(test)]
mod appear;
#[cfg(test)]
mod dialect;
#[cfg(test)]
mod model;
#[cfg(test)]
mod rewritten;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sent;
#[cfg(test)]
mod tests;
