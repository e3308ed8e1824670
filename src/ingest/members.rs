//! Runs of which several matches of a pattern are parts.
//!
//! The rule: W&B makes a folder for each start of a run, `run-20250102_030405-ID`; those of one id are one run, which is called
//! what W&B calls it. Files beside each other whose names differ only in their ending, in the part they say they are (`mix0_train`,
//! `mix0_eval`, `mix0-rank1`), or in the number that a rotation gave them, are one run. A folder of MLflow's file store whose run is in
//! a database beside it is that run's. Folders beside each other that are called `train` and `validation` (or another word for
//! held-out data), and nothing else, are one run: the folder that they lie in. So are folders called after processes (`rank_0`, `rank_1`).

use super::discover::{Discovery, RunPlace};
use super::formats::wandb;
use super::packed::unpacked_name;
use super::split;
use crate::open;
use crate::project::flat;
use crate::store::rotation;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of a W&B file in which the run's name is looked for.
const LOOKED_AT: u64 = 64 << 10;

/// What W&B calls runs, by folder, so that each is looked at once.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<PathBuf, Option<String>>>);

/// Makes one run of matches that belong together.
pub(super) fn join(found: &mut Discovery, names: &Names) {
    // Folders of processes may lie in those of starts.
    while join_folders(found) {}
    let mut groups: BTreeMap<(PathBuf, String), Vec<RunPlace>> = BTreeMap::new();
    let mut files: HashMap<PathBuf, Vec<PathBuf>> = HashMap::new();
    for place in std::mem::take(&mut found.runs) {
        let parent = place.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let name = place.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let key = if place.file { file_key(&name) } else { wandb_id(&name).map(|id| format!("wandb {id}")) };
        match key {
            Some(key) => groups.entry((parent, key)).or_default().push(place),
            None => {
                found.runs.insert(place);
            }
        }
    }
    let mut named: BTreeMap<String, Vec<RunPlace>> = BTreeMap::new();
    for ((parent, key), mut places) in groups {
        let wandb = !places[0].file;
        places.sort_by_cached_key(|place| if wandb { began(&place.path) } else { String::new() });
        let called = if wandb {
            places.iter().rev().find_map(|place| names.of(&place.path))
        } else {
            Some(key).filter(|_| places.len() > 1)
        };
        let more: Vec<PathBuf> = places[1..].iter().map(|place| place.path.clone()).collect();
        let mut joined = RunPlace { more, ..places[0].clone() };
        if joined.file {
            let beside = files.entry(parent).or_insert_with_key(|parent| listed(parent));
            joined.more.extend(rotated(&joined, beside));
        }
        let before: Vec<String> = places.iter().map(|place| place.name.clone()).collect();
        if let Some(called) = called {
            joined.name = joined.name.rsplit_once('/').map_or(called.clone(), |(outer, _)| format!("{outer}/{called}"));
        }
        found.aliases.extend(before.iter().filter(|name| **name != joined.name).cloned());
        if before.contains(&joined.name) {
            found.runs.insert(joined);
        } else {
            named.entry(joined.name.clone()).or_default().push(joined);
        }
    }
    for (name, mut places) in named {
        // Two runs of one name have their ids beside it.
        if places.len() > 1 {
            for place in &mut places {
                let folder = place.path.file_name().unwrap_or_default().to_string_lossy();
                place.name = format!("{name}-{}", wandb_id(&folder).unwrap_or(&folder));
            }
        }
        found.joined.extend(places.iter().map(|place| place.name.clone()));
        found.runs.extend(places);
    }
    leave_to_databases(found);
}

/// Makes one run of the folders `train` and `validation` that Keras and its kin write, and of those of processes. Returns whether
/// there were such.
fn join_folders(found: &mut Discovery) -> bool {
    let mut groups: BTreeMap<PathBuf, Vec<&RunPlace>> = BTreeMap::new();
    for place in &found.runs {
        groups.entry(place.path.parent().unwrap_or(Path::new("/")).to_path_buf()).or_default().push(place);
    }
    fn name(path: &Path) -> Option<&str> {
        path.file_name()?.to_str()
    }
    let part = |place: &&RunPlace| {
        let name = name(&place.path)?;
        split::of_folder(name).filter(|_| !place.file)
    };
    let are_parts = |places: &Vec<&RunPlace>| {
        let parts: Option<Vec<bool>> = places.iter().map(part).collect();
        // torchrun: 'attempt_0/3/stdout.log'.
        let of_start = |path: &Path| path.parent().and_then(name).is_some_and(|name| name.starts_with("attempt_"));
        let is_of_rank = |path: &Path| {
            let number = |name: &str| name.bytes().all(|b| b.is_ascii_digit()) && of_start(path);
            name(path).is_some_and(|name| split::is_of_rank(name) || number(name))
        };
        let of_rank = |place: &&RunPlace| !place.file && is_of_rank(&place.path);
        parts.is_some_and(|parts| parts.contains(&true) && parts.contains(&false))
            || places.len() > 1 && places.iter().all(of_rank)
    };
    let known = |path: &Path| found.runs.iter().any(|place| place.path == path);
    let parts: Vec<(PathBuf, Vec<RunPlace>)> = groups
        .iter()
        .filter(|(parent, places)| are_parts(places) && !known(parent))
        .map(|(parent, places)| (parent.clone(), places.iter().map(|place| (*place).clone()).collect()))
        .collect();
    let any = !parts.is_empty();
    for (path, places) in parts {
        let name = places[0].name.rsplit_once('/').map_or_else(|| ".".to_owned(), |(outer, _)| outer.to_owned());
        for place in places {
            found.runs.remove(&place);
            found.aliases.insert(place.name);
        }
        found.joined.insert(name.clone());
        found.runs.insert(RunPlace { path, name, file: false, more: Vec::new() });
    }
    any
}

/// The id in the name of a folder that W&B made for a start of a run.
fn wandb_id(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("offline-").unwrap_or(name).strip_prefix("run-")?;
    let (time, id) = rest.split_once('-')?;
    let (date, time) = time.split_once('_')?;
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    (digits(date, 8) && digits(time, 6) && !id.is_empty()).then_some(id)
}

/// When a run of W&B began, by the name of its folder, as text that sorts.
fn began(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("offline-").unwrap_or(&name).to_owned()
}

impl Names {
    /// What W&B calls the run in a folder; `None` where it has not said so yet.
    fn of(&self, folder: &Path) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.get(folder) {
            return name.clone();
        }
        let files = std::fs::read_dir(folder).ok()?;
        let mut files: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let file = files.into_iter().find(|file| file.extension().is_some_and(|e| e == "wandb"))?;
        let head = open::beginning(&file, LOOKED_AT).ok()?;
        let name = wandb::run_name(&head).filter(|name| is_name(name));
        if name.is_some() || head.len() as u64 == LOOKED_AT {
            known.insert(folder.to_path_buf(), name.clone());
        }
        name
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.chars().any(|c| c.is_control() || c == '/')
        && name != "."
        && name != ".."
}

/// What the files of one run have in common in their names; `None` where a name says nothing but which part it is.
fn file_key(name: &str) -> Option<String> {
    let log = rotation(unpacked_name(name)).0;
    let stem = log
        .rsplit_once('.')
        .filter(|(stem, ending)| !stem.is_empty() && flat::is_ending(ending))
        .map(|(stem, _)| stem)?;
    flat::without_part(stem)
}

/// Logs of a folder.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Rotated parts of the files of a run.
fn rotated(run: &RunPlace, beside: &[PathBuf]) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own: BTreeSet<&PathBuf> = std::iter::once(&run.path).chain(&run.more).collect();
    let logs: BTreeSet<String> = own.iter().map(|path| name(path)).collect();
    let is_part = |path: &&PathBuf| {
        let part = name(path);
        let log = rotation(unpacked_name(&part)).0;
        log != part && logs.contains(log) && !own.contains(path) && path.is_file()
    };
    beside.iter().filter(is_part).cloned().collect()
}

/// Leaves out folders of MLflow's file store whose runs a database has.
fn leave_to_databases(found: &mut Discovery) {
    #[cfg(feature = "sqlite")]
    {
        let id = |place: &RunPlace| {
            let name = place.path.file_name()?.to_str()?.to_owned();
            (!place.file && name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
        };
        let stores: BTreeMap<String, RunPlace> =
            found.runs.iter().filter_map(|place| Some((id(place)?, place.clone()))).collect();
        if stores.is_empty() {
            return;
        }
        let databases =
            found.runs.iter().filter(|place| place.file && place.path.extension().is_some_and(|e| e == "db"));
        let ids: BTreeSet<String> = databases.flat_map(|place| super::tail::database_runs(&place.path)).collect();
        for (id, place) in stores {
            if ids.contains(&id) {
                found.runs.remove(&place);
                found.aliases.insert(place.name);
            }
        }
    }
    #[cfg(not(feature = "sqlite"))]
    let _ = found;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_files_are_of_one_run() {
        for (name, key) in [
            ("mix0.jsonl", Some("mix0")),
            ("mix0.log", Some("mix0")),
            ("mix0.log.2.gz", Some("mix0")),
            ("mix0_train.csv", Some("mix0")),
            ("mix0-eval.csv", Some("mix0")),
            ("eval_mix0.jsonl", Some("mix0")),
            ("lr3e-4.rank12.log", Some("lr3e-4")),
            ("train.jsonl", None),
            ("rank0.log", None),
            ("weights.pt", None),
        ] {
            assert_eq!(file_key(name).as_deref(), key, "{name}");
        }
        assert_eq!(wandb_id("run-20250101_000000-q1w2e3"), Some("q1w2e3"));
        assert_eq!(wandb_id("offline-run-20250101_000000-a-b"), Some("a-b"));
        assert!(wandb_id("run-2025-a").is_none() && wandb_id("latest-run").is_none());
    }
}
