//! Follower of one run: its files, which of them are logs, and their identity after a rotation.

use super::discover::RunPlace;
use super::formats::custom::CustomFormat;
use super::formats::{Chosen, Growth};
use super::identity::{self, Stamp};
use super::listing::Listing;
use super::packed::{self, unpacked_name};
use super::parallel::Job;
use super::settings::{self, Settings};
use super::split::{self, Split};
use super::tail::{Reading, Tail};
use super::{FileReport, Turn, Verdict};
use crate::open::{self, OpenError};
use crate::project::Project;
use crate::store::{FileId, FoundFact, RunId, SledStore, StoreError, rotation};
use crate::vocab::{FactName, Facts, Notice, Severity, Sourced, text::printable};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file as it was listed: its path within the run, where it is, what it is.
type Listed = (String, PathBuf, Stamp);

/// A run that is followed.
pub struct Follower {
    /// Where it is.
    pub place: RunPlace,
    /// In the store; `None` until it has a log or facts.
    pub id: Option<RunId>,
    /// Logs, by path within the run.
    pub tails: BTreeMap<String, Box<Tail>>,
    /// Files that are no logs: what they were when they were looked at, and why.
    refused: BTreeMap<String, (Stamp, String)>,
    /// Those of them that are older copies of a file that is rewritten whole, and that file, while it is there.
    superseded: BTreeMap<String, String>,
    /// Logs whose file is gone; they may come back under another name.
    gone: Vec<Tail>,
    /// Files that could not be read just now.
    failed: BTreeMap<String, String>,
    settings: Settings,
    own: Vec<CustomFormat>,
    listing: Listing,
    /// Runs of which files were deleted, and with them what they said.
    deleted: BTreeSet<RunId>,
    /// Whether one of its files says that it is of training; `None` before that was asked.
    trains: Option<bool>,
}

impl Follower {
    /// Takes up a run where the store left it.
    #[must_use]
    pub fn new(place: RunPlace, project: &Project, store: &SledStore) -> Self {
        let own = CustomFormat::of(project);
        let id = store.find_run(&place.name);
        let gone = id
            .map(|id| store.records(id))
            .into_iter()
            .flatten()
            // What came over a stream is no file of this machine.
            .filter(|(_, record)| record.cursor.origin.is_none())
            .map(|(id, record)| Tail::known(store, &own, place.base(), id, record))
            .collect();
        Self {
            place,
            id,
            tails: BTreeMap::new(),
            refused: BTreeMap::new(),
            superseded: BTreeMap::new(),
            gone,
            failed: BTreeMap::new(),
            settings: Settings::default(),
            own,
            listing: Listing::default(),
            deleted: BTreeSet::new(),
            trains: None,
        }
    }

    /// Looks at everything the run has. Returns whether its facts may have changed.
    ///
    /// # Errors
    /// What the store says.
    pub fn scan(
        &mut self,
        project: &Project,
        store: &SledStore,
        is_run: &dyn Fn(&Path) -> bool,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        self.listing.renew(&self.place, is_run);
        let stamped = |(relative, path): &(String, PathBuf)| {
            Some((relative.clone(), path.clone(), Stamp::at(path, &std::fs::metadata(path).ok()?)))
        };
        let listing: Vec<Listed> = self.listing.files.iter().filter_map(stamped).collect();
        let listed = |relative: &str| listing.binary_search_by(|l| l.0.as_str().cmp(relative)).is_ok();
        // What was passed over for a copy that went away, perhaps before it was whole, may be the newest there is.
        let refused = &mut self.refused;
        self.superseded.retain(|old, by| {
            let still = listed(old) && listed(by);
            if !still {
                refused.remove(old);
            }
            still
        });
        self.refused.retain(|relative, _| listed(relative));
        self.failed.clear();
        self.rename(&listing, store)?;
        // W&B's summary repeats the end of its history.
        let wandb = listing.iter().any(|l| l.0.ends_with(".wandb"));
        let repeats = |relative: &str| wandb && relative.ends_with("wandb-summary.json");
        for (relative, path, stamp) in listing.iter().filter(|l| !repeats(&l.0)) {
            self.consider(relative, path, *stamp, &listing, now);
        }
        self.release(&listing, now);
        self.supersede(store);
        self.tails.values_mut().for_each(|tail| tail.rest_if_still(now));
        Ok(self.settings.refresh(&self.place.path, &listing, &project.facts))
    }

    /// Takes note that the run has other files or directories beside its first than before.
    pub fn gains(&mut self, place: &RunPlace) {
        self.place = place.clone();
        self.listing = Listing::default();
    }

    /// Runs of which files were found to be deleted since this was last asked.
    pub fn take_deleted(&mut self) -> BTreeSet<RunId> {
        std::mem::take(&mut self.deleted)
    }

    /// Looks at one file. Returns false where only a scan can tell what happened.
    pub fn check(&mut self, relative: &str, now: SystemTime) -> bool {
        let Some(tail) = self.tails.get_mut(relative) else { return false };
        let Ok(metadata) = std::fs::metadata(&tail.path) else { return false };
        let stamp = Stamp::at(&tail.path, &metadata);
        if !stamp.same_inode(tail.stamp.device, tail.stamp.inode) {
            return false;
        }
        tail.look(stamp, now);
        true
    }

    /// Finds the files the store knows among those listed: where they were, or, after a rotation, elsewhere.
    fn rename(&mut self, listing: &[Listed], store: &SledStore) -> Result<(), StoreError> {
        let in_place = |tail: &Tail, listed: &Listed| {
            listed.0 == tail.relative
                && (tail.id.is_none() || listed.2.same_inode(tail.cursor.identity.device, tail.cursor.identity.inode))
        };
        let still = listing.iter().filter(|l| self.tails.get(&l.0).is_some_and(|t| in_place(t, l))).count();
        if still == self.tails.len() && self.gone.is_empty() {
            return Ok(());
        }
        let mut loose = std::mem::take(&mut self.gone);
        loose.extend(std::mem::take(&mut self.tails).into_values().map(|tail| *tail));
        // The newest generation first, should two have had the same name.
        loose.sort_by_cached_key(|t| std::cmp::Reverse(t.id));
        // What a file holds says most; then its number and its name; a name alone says where to look.
        for evidence in [Evidence::ContentAndInode, Evidence::ContentAndName, Evidence::Name] {
            for mut tail in std::mem::take(&mut loose) {
                let found = listing.iter().filter(|l| !self.tails.contains_key(&l.0) && evidence.speaks(&tail, l));
                match found.min_by_key(|l| l.0 != tail.relative) {
                    Some((relative, path, _)) => {
                        if tail.relative != *relative {
                            tail.renamed(relative.clone(), path.clone());
                        }
                        self.refused.remove(relative);
                        self.tails.insert(relative.clone(), Box::new(tail));
                        self.tell_splits(relative, listing);
                    }
                    None => loose.push(tail),
                }
            }
        }
        // What a deleted file said is gone with it, as it would be for a store that is made anew; but not where nothing at all is
        // there any more, or could not be read: the disk may be away.
        let deleted = !listing.is_empty() && self.listing.unreadable.is_empty();
        for mut tail in loose {
            // The oldest part of a log that a rotation drops was not deleted: its log goes on.
            let (log, age) = rotation(&tail.relative);
            let goes_on = age != 0 && listing.iter().any(|l| l.0 != tail.relative && rotation(&l.0).0 == log);
            let goes = deleted && !goes_on && tail.format.growth() == Growth::Appended;
            // What held no point has nothing to keep, and its first line may be that of any other log.
            let empty =
                |id: &FileId| tail.parts().next().is_none() && store.record(*id).is_some_and(|record| record.rows == 0);
            if let Some(id) = tail.id.filter(|id| goes || empty(id)) {
                self.deleted.extend(self.id);
                self.deleted.extend(tail.parts().map(|part| part.run));
                store.forget_file(id)?;
                tail.forgotten();
                self.drop_file(tail, store);
                continue;
            }
            if self.tails.contains_key(&tail.relative) {
                tail.displace(store)?;
            }
            self.drop_file(tail, store);
        }
        Ok(())
    }

    /// Keeps what is in the store of a file that is not followed any more: itself, or what it was to replace.
    fn drop_file(&mut self, mut tail: Tail, store: &SledStore) {
        for id in tail.take_replaces() {
            if let Some(record) = store.record(id) {
                self.gone.push(Tail::known(store, &self.own, self.place.base(), id, record));
            }
        }
        if tail.id.is_some() {
            self.gone.push(tail);
        }
    }

    /// Takes note of one listed file.
    fn consider(&mut self, relative: &str, path: &Path, stamp: Stamp, listing: &[Listed], now: SystemTime) {
        if let Some(tail) = self.tails.get_mut(relative) {
            tail.look(stamp, now);
            return;
        }
        if settings::rank(relative).is_some() || self.refused.get(relative).is_some_and(|(before, _)| *before == stamp)
        {
            return;
        }
        let verdict = match by_name(unpacked_name(relative))
            .map_or_else(|| packed::beginning(path, relative).map(Ok), |no| Ok(Err(no)))
        {
            Ok(Ok(head)) => Chosen::recognise(&self.own, unpacked_name(relative), &head).map_err(|e| e.to_string()),
            Ok(Err(reason)) => Err(reason.to_owned()),
            Err(OpenError::Io(error)) => {
                // It is looked at again each time, as whoever may read it can change without a trace in its stamp.
                self.failed.insert(relative.to_owned(), error.to_string());
                self.refused.insert(relative.to_owned(), (Stamp::default(), error.to_string()));
                return;
            }
            Err(error) => Err(error.to_string()),
        };
        match verdict {
            Ok((format, why)) => {
                self.refused.remove(relative);
                let mut tail = Tail::new(path.to_path_buf(), relative.to_owned(), format, why.why);
                tail.look(stamp, now);
                self.tails.insert(relative.to_owned(), Box::new(tail));
                self.tell_splits(relative, listing);
            }
            Err(reason) => {
                self.refused.insert(relative.to_owned(), (stamp, reason));
            }
        }
    }

    /// Finds out what data a new file's records were measured on; the first one of training tells something of the others, too.
    fn tell_splits(&mut self, new: &str, listing: &[Listed]) {
        let before = self.trains;
        let trains =
            split::trains(new) || before.unwrap_or_else(|| listing.iter().any(|listed| split::trains(&listed.0)));
        self.trains = Some(trains);
        let place = &self.place;
        let tell = |relative: &str, tail: &mut Tail| {
            let split = Split::of(place, relative, tail.format.name(), trains);
            tail.measured_on(split);
        };
        if before == Some(false) && trains {
            self.tails.iter_mut().for_each(|(relative, tail)| tell(relative, tail));
        } else if let Some(tail) = self.tails.get_mut(new) {
            tell(new, tail);
        }
    }

    /// Considers earlier copies again whose later one is nothing that can be read by now: it counts as what was read of it.
    fn release(&mut self, listing: &[Listed], now: SystemTime) {
        let is_newest = |(old, by): &(&String, &String)| {
            let (Some((stamp, _)), Some(later)) = (self.refused.get(*old), self.tails.get(*by)) else { return false };
            later.age(&self.own) < (stamp.modified, stamp.length)
        };
        let released: Vec<String> = self.superseded.iter().filter(is_newest).map(|(old, _)| old.clone()).collect();
        for old in released {
            self.superseded.remove(&old);
            self.refused.remove(&old);
            if let Ok(at) = listing.binary_search_by(|listed| listed.0.cmp(&old)) {
                self.consider(&old, &listing[at].1, listing[at].2, listing, now);
            }
        }
    }

    /// Of several copies of a file that is rewritten whole (one per checkpoint), the newest has everything the others
    /// have: only it is read, and what was read of the others, which may be deleted by now, is replaced.
    fn supersede(&mut self, store: &SledStore) {
        let rewritten = |tail: &Tail| tail.format.growth() == Growth::Rewritten;
        let kind = |tail: &Tail| {
            let name = tail.relative.rsplit('/').next().unwrap_or_default();
            (name.to_owned(), tail.format.identity().to_owned())
        };
        let mut copies: HashMap<(String, String), Vec<Copy>> = HashMap::new();
        for tail in self.tails.values().filter(|tail| rewritten(tail)) {
            let copy = Copy { age: tail.age(&self.own), deleted: false, name: tail.relative.clone() };
            copies.entry(kind(tail)).or_default().push(copy);
        }
        for tail in self.gone.iter().filter(|tail| rewritten(tail)) {
            let copy =
                Copy { age: (tail.cursor.modified, tail.cursor.length), deleted: true, name: tail.relative.clone() };
            copies.entry(kind(tail)).or_default().push(copy);
        }
        for mut copies in copies.into_values().filter(|copies| copies.len() > 1) {
            copies.sort();
            let Some(newest) = copies.pop() else { continue };
            for old in copies.iter().filter(|old| !old.deleted) {
                let Some(tail) = self.tails.remove(&old.name) else { continue };
                let by = if newest.deleted { "was read before it was deleted" } else { "is read instead" };
                self.refused.insert(
                    old.name.clone(),
                    (tail.stamp, format!("an earlier version of {}, which {by}", newest.name)),
                );
                if newest.deleted {
                    self.superseded.remove(&old.name);
                } else {
                    self.superseded.insert(old.name.clone(), newest.name.clone());
                }
                self.drop_file(*tail, store);
            }
            if let Some(tail) = self.tails.get_mut(&newest.name).filter(|_| !newest.deleted) {
                let wanted = kind(tail);
                for old in self.gone.extract_if(.., |gone| kind(gone) == wanted) {
                    old.id.into_iter().for_each(|id| tail.supersedes(id));
                }
            }
        }
    }

    /// Whether any file has something to read.
    #[must_use]
    pub fn is_due(&self, now: SystemTime, complete: bool) -> bool {
        self.tails.values().any(|tail| tail.is_due(now, complete))
    }

    /// Whether any file has something to read, now or later.
    pub fn has_more(&self) -> bool {
        self.tails.values().any(|tail| tail.has_more())
    }

    /// Files with something to read.
    ///
    /// # Errors
    /// What the store says.
    pub fn due(&mut self, store: &SledStore, now: SystemTime, complete: bool) -> Result<Vec<Job<'_>>, StoreError> {
        if !self.is_due(now, complete) {
            return Ok(Vec::new());
        }
        let run = self.register(store)?;
        let due = self.tails.values_mut().filter(|tail| tail.is_due(now, complete));
        Ok(due.map(|tail| Job { tail, run, own: &self.own }).collect())
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.tails.values().map(|t| t.backlog()).sum()
    }

    /// Takes note of what the reading of a file has brought.
    ///
    /// # Errors
    /// What the store says.
    pub fn take(
        &mut self,
        relative: &str,
        reading: Reading,
        store: &SledStore,
        turn: &mut Turn,
    ) -> Result<(), StoreError> {
        let run = self.register(store)?;
        if let Some(reason) = reading.refused {
            if let Some(tail) = self.tails.remove(relative) {
                self.refused.insert(relative.to_owned(), (tail.stamp, reason));
                turn.changed.extend(tail.parts().map(|part| part.run));
                tail.id.map_or(Ok(()), |id| store.forget_file(id))?;
            }
            turn.changed.insert(run);
            turn.facts.insert(self.place.path.clone());
            return Ok(());
        }
        turn.points += reading.points;
        turn.changed.extend(&reading.parts);
        if reading.points > 0 || reading.replaced {
            turn.changed.insert(run);
        }
        // A run that goes on has not ended, whatever an earlier log said.
        let says_ended = |tail: &Tail| tail.facts().iter().any(|fact| fact.0 == FactName::Ended);
        let ended = reading.points > 0 && self.tails.len() > 1 && self.tails.values().any(|tail| says_ended(tail));
        if reading.facts || reading.replaced || ended {
            turn.facts.insert(self.place.path.clone());
        }
        Ok(())
    }

    /// Offers all facts again, in the order of trust. Returns the runs of which that changed any.
    ///
    /// # Errors
    /// What the store says.
    pub fn offer_facts(&mut self, project: &Project, store: &SledStore) -> Result<Vec<RunId>, StoreError> {
        let logs =
            || self.tails.values().map(|tail| &**tail).chain(&self.gone).map(|t| (t.relative.as_str(), t.facts()));
        self.settings.read_blends(&self.place.path, logs());
        let mut facts = self.settings.facts(&project.facts, logs());
        self.end(&mut facts);
        let mut changed = self.offer_to_parts(project, store)?;
        let says_something = facts.known.values().any(|f| f.source != "project file");
        if self.id.is_none() && !says_something {
            return Ok(changed);
        }
        let run = self.register(store)?;
        changed.extend(store.set_facts(run, &facts)?.then_some(run));
        Ok(changed)
    }

    /// Only the log last written says how the run ended: one that was resumed has gone on since.
    fn end(&self, facts: &mut Facts) {
        let tails = || self.tails.values().map(|tail| &**tail).chain(&self.gone);
        let newest = tails().max_by_key(|tail| (tail.stamp.modified.max(tail.cursor.modified), tail.id));
        let of = |tail: &Tail, source: &str| source.strip_prefix(&tail.relative).is_some_and(|at| at.starts_with('#'));
        if facts.known.get(&FactName::Ended).is_some_and(|known| tails().any(|tail| of(tail, &known.source))) {
            facts.known.remove(&FactName::Ended);
            if let Some(newest) = newest {
                for (name, value, at) in newest.facts().iter().filter(|fact| fact.0 == FactName::Ended) {
                    facts
                        .known
                        .insert(*name, Sourced { value: value.clone(), source: format!("{}#{at}", newest.relative) });
                }
            }
        }
        facts.conflicts.retain(|conflict| conflict.name != FactName::Ended);
    }

    /// Offers facts to the runs that are parts of files: what the log says of each comes before what settings beside it say of
    /// all of them.
    fn offer_to_parts(&self, project: &Project, store: &SledStore) -> Result<Vec<RunId>, StoreError> {
        let mut runs: BTreeMap<RunId, Vec<(&str, &[FoundFact])>> = BTreeMap::new();
        for tail in self.tails.values().map(|tail| &**tail).chain(&self.gone) {
            for part in tail.parts() {
                runs.entry(part.run).or_default().push((tail.relative.as_str(), &part.facts));
            }
        }
        let mut changed = Vec::new();
        for (run, logs) in runs {
            let facts = self.settings.facts_of_part(&project.facts, logs.into_iter());
            changed.extend(store.set_facts(run, &facts)?.then_some(run));
        }
        Ok(changed)
    }

    /// When each run that is a part of one of its files was last written, nanoseconds since 1970.
    pub fn parts_modified(&self) -> impl Iterator<Item = (RunId, i64)> {
        let tails = self.tails.values().map(|tail| &**tail).chain(&self.gone);
        tails.flat_map(|tail| tail.parts().map(|part| (part.run, tail.stamp.modified.max(tail.cursor.modified))))
    }

    fn register(&mut self, store: &SledStore) -> Result<RunId, StoreError> {
        match self.id {
            Some(id) => Ok(id),
            None => {
                let id = store.run(&self.place.name)?;
                self.id = Some(id);
                Ok(id)
            }
        }
    }

    /// Whether it has logs, and none of them is there any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.tails.is_empty() && !self.gone.is_empty() && self.listing.unreadable.is_empty()
    }

    /// When any of its logs was last written, nanoseconds since 1970.
    #[must_use]
    pub fn modified(&self) -> Option<i64> {
        self.tails.values().map(|tail| &**tail).chain(&self.gone).map(|t| t.stamp.modified.max(t.cursor.modified)).max()
    }

    /// What every file is, for `check`.
    pub fn reports(&self, store: &SledStore, into: &mut Vec<FileReport>) {
        let report = |file: &str, path: PathBuf, verdict, points| FileReport {
            run: self.place.name.clone(),
            file: file.to_owned(),
            path,
            verdict,
            points,
        };
        for (relative, tail) in &self.tails {
            let files = tail.id.into_iter().chain(tail.parts().map(|part| part.id));
            let points = files.map(|id| store.file_points(id)).sum();
            let verdict = Verdict::Read { format: tail.format.name().to_owned(), why: tail.why.clone() };
            into.push(report(relative, tail.path.clone(), verdict, points));
        }
        for (relative, (_, reason)) in &self.refused {
            into.push(report(relative, self.place.path.join(relative), Verdict::Refused(reason.clone()), 0));
        }
    }

    /// Files that cannot be read at present.
    fn faults(&self, say: &mut dyn FnMut(Severity, String, Option<String>)) {
        let tails = self.tails.iter().filter_map(|(relative, tail)| Some((relative, tail.fault()?, &tail.path)));
        let heads = self.failed.iter().map(|(relative, reason)| (relative, reason.as_str(), &self.place.path));
        for (relative, reason, path) in tails.chain(heads) {
            let path = if path == &self.place.path && !self.place.file { path.join(relative) } else { path.clone() };
            let text = format!("{}/{relative}: {reason}; ignored until it can be read", self.place.name);
            say(
                Severity::Warning,
                text,
                Some(format!("see what it is, and who may read it: ls -lL {}", path.display())),
            );
        }
    }

    /// Says which files cannot be read at present.
    pub fn unreadable(&self, into: &mut Vec<Notice>) {
        self.faults(&mut |severity, text: String, help: Option<String>| {
            into.push(Notice { severity, text: printable(&text), help });
        });
    }

    /// What is wrong.
    pub fn notices(&self, into: &mut Vec<Notice>) {
        let mut say = |severity, text: String, help: Option<String>| {
            into.push(Notice { severity, text: printable(&text), help });
        };
        for (path, reason) in &self.listing.unreadable {
            say(Severity::Warning, format!("{}: {reason}", path.display()), Some("check its permissions".to_owned()));
        }
        for (relative, tail) in &self.tails {
            let at = || format!("{}/{relative}", self.place.name);
            if !tail.cursor.stuck.is_empty() {
                let (at, from) = (at(), tail.cursor.offset);
                let text = format!("{at}: nothing after byte {from} can be read: {}", tail.cursor.stuck);
                say(Severity::Warning, text, None);
            }
            if tail.cursor.damaged > 0 {
                let first = tail.damage.as_ref().map(|d| format!("; the first at {d}")).unwrap_or_default();
                let text = format!("{}: {} records could not be read{first}", at(), tail.cursor.damaged);
                say(Severity::Warning, text, None);
            }
        }
        self.faults(&mut say);
        for wrong in self.settings.complaints() {
            say(Severity::Warning, format!("{}/{}", self.place.name, wrong.text), wrong.help.clone());
        }
    }
}

/// A copy of a file that is rewritten whole; the newest is the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Copy {
    /// Modification time and length.
    age: (i64, u64),
    deleted: bool,
    name: String,
}

/// Why a listed file may be the one that a tail has read.
#[derive(Clone, Copy)]
enum Evidence {
    /// It holds what was read, and has the same number: it is there still, or was renamed.
    ContentAndInode,
    /// It holds what was read, under the same name: it was replaced by a longer copy of itself.
    ContentAndName,
    /// It stands under the same name: it replaces what was read.
    Name,
}

impl Evidence {
    fn speaks(self, tail: &Tail, listed: &Listed) -> bool {
        let identity = &tail.cursor.identity;
        match self {
            Self::ContentAndInode => {
                tail.id.is_some() && listed.2.same_inode(identity.device, identity.inode) && holds(listed, tail)
            }
            Self::ContentAndName => tail.id.is_some() && listed.0 == tail.relative && holds(listed, tail),
            Self::Name => listed.0 == tail.relative && !tail.cursor.displaced,
        }
    }
}

/// Whether the file holds what the tail has read; where nothing was read there is nothing to know it by.
fn holds(listed: &Listed, tail: &Tail) -> bool {
    tail.cursor.offset > 0
        && open::regular(&listed.1)
            .map_err(Into::into)
            .and_then(|f| identity::same(&f, listed.2.length, &tail.cursor))
            .unwrap_or(false)
}

/// Files whose name says that they hold weights, code or pictures: not even opened, as there may be thousands of them on
/// a slow file system.
fn by_name(relative: &str) -> Option<&'static str> {
    let extension = relative.rsplit('/').next()?.rsplit_once('.')?.1;
    match extension {
        "pt" | "pth" | "bin" | "safetensors" | "ckpt" | "npy" | "npz" | "pkl" | "distcp" | "gguf" | "onnx" | "h5" => {
            Some("ignored: model weights, by its name")
        }
        "py" | "sh" | "ipynb" | "c" | "cu" | "cpp" | "rs" => Some("ignored: source code, by its name"),
        "png" | "jpg" | "jpeg" | "gif" | "pdf" | "svg" | "mp4" => Some("ignored: an image, by its name"),
        "zip" | "tar" | "tgz" | "xz" | "bz2" => Some("ignored: compressed; unpack it to have it read"),
        "parquet" if is_history_table(relative) => None,
        "parquet" | "arrow" | "mds" | "idx" => Some("ignored: data, by its name"),
        _ => None,
    }
}

/// Whether a Parquet file is called a history: data sets, of which there may be thousands, are not.
fn is_history_table(relative: &str) -> bool {
    #[cfg(feature = "parquet")]
    return super::formats::parquet_history::is_history(relative);
    #[cfg(not(feature = "parquet"))]
    return relative.contains("history");
}
