//! Facts from a run's configuration files.

use super::facts::{Found, blend, command_line, config, in_force, mlflow, phases, plain, settings, torchtitan};
use super::formats::python_json;
use super::identity::Stamp;
use crate::open::{self, OpenError};
use crate::project::{FactSource, ProjectError, sidecar};
use crate::vocab::{FactName, FactValue, Facts, Mixture};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What anyone can drop beside a run.
pub const SIDECAR: [&str; 2] = ["mixlaw.run.yaml", "mixlaw.run.yml"];

/// Names of files that hold settings, the most telling first; each as JSON or YAML.
const STEMS: [&str; 13] = [
    "config",
    "run_config",
    "train_config",
    "training_config",
    "model_config",
    "args",
    "params",
    "hparams",
    "hyperparameters",
    "training_args",
    "llamaboard_config",
    "resolved_config",
    "settings",
];

/// Place, in its directory, of YAML under any other name, which holds settings if it is of a tool that is known.
const OTHERS: usize = STEMS.len() + 2;

/// Place of what W&B says of the machine and the code of a run.
const METADATA: usize = STEMS.len() + 3;

/// Larger settings are no settings.
const LARGEST: u64 = 4 << 20;

/// Rank of MLflow's parameters, behind all other settings.
const PARAMETERS: usize = 1_000_000;

/// MLflow cuts parameters off at 6,000 characters.
const LONGEST_PARAMETER: u64 = 64 << 10;

/// Whether a file of this name holds settings, and how much they are to be trusted: the lowest first.
#[must_use]
pub fn rank(relative: &str) -> Option<usize> {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let depth = relative.matches('/').count();
    if SIDECAR.contains(&name) {
        return Some(depth);
    }
    if mlflow::parameter(relative).is_some() {
        return Some(PARAMETERS);
    }
    if name == "wandb-metadata.json" {
        return Some((depth + 1) * 100 + METADATA);
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let named = STEMS.iter().position(|s| *s == stem);
    // torchtitan's job files, scripts that start a job and configurations that people wrote for their tools are known by
    // what is in them, whatever they are called.
    let place = match (extension, named) {
        ("json" | "yaml" | "yml", Some(place)) => place,
        ("toml", _) => STEMS.len(),
        ("sh" | "sbatch" | "slurm", _) => STEMS.len() + 1,
        ("yaml" | "yml", None) => OTHERS,
        _ => return None,
    };
    Some((depth + 1) * 100 + place)
}

/// What is wrong with a file of settings, none of which is used then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The file by its path in the run, the place in it where there is one, and what is wrong.
    pub text: String,
    /// What to type instead.
    pub help: Option<String>,
}

/// The settings of one run.
#[derive(Debug, Default)]
pub struct Settings {
    /// By rank and path. Most runs have one such file, and a daemon has many runs: what it said is in a box, as a node of the tree
    /// has room for eleven.
    read: BTreeMap<(usize, String), Box<Said>>,
    /// Files the project takes facts from.
    named: BTreeMap<String, (Stamp, Option<Value>)>,
    /// What could not be understood, by file.
    pub wrong: BTreeMap<String, Wrong>,
    /// Files with blends that arguments name, by the path they name.
    blends: BTreeMap<String, (Stamp, Result<Mixture, Wrong>)>,
}

/// What a file said.
#[derive(Debug, Default)]
struct Said {
    /// What the file was when it was read.
    stamp: Stamp,
    facts: Vec<Found>,
    /// The settings beside facts.
    others: BTreeMap<String, String>,
}

impl Settings {
    /// Reads what changed, of all files of the run, sorted by path. What a file said that is gone is forgotten, unless all
    /// are: then the run was moved away, and what is known of it stays. Returns whether anything changed.
    pub fn refresh(
        &mut self,
        run: &Path,
        files: &[(String, PathBuf, Stamp)],
        sources: &BTreeMap<FactName, Vec<FactSource>>,
    ) -> bool {
        let mut changed = !files.is_empty() && self.forget(files);
        for (relative, path, stamp) in files {
            let Some(rank) = rank(relative).filter(|rank| *rank < PARAMETERS) else { continue };
            let key = (rank, relative.clone());
            if self.read.get(&key).is_some_and(|said| said.stamp == *stamp) {
                continue;
            }
            changed = true;
            self.wrong.remove(relative);
            let mut others = BTreeMap::new();
            let found = if is_sidecar(relative) {
                stated(relative, path, stamp.length)
            } else if rank % 100 == OTHERS {
                // What is no configuration, or one of something else, is no mistake.
                match load(path, stamp.length) {
                    Ok(value) if config::is_of_a_tool(&value) => {
                        others = settings::settings(&value);
                        Ok(config::facts(&value))
                    }
                    Err(error @ SettingsError::AtPresent(_)) => Err(error),
                    _ => Ok(Vec::new()),
                }
            } else if rank % 100 == METADATA {
                load(path, stamp.length).map(|value| {
                    others = settings::of_wandb(&value);
                    // How many the machine has is not how many the run takes.
                    plain::facts(&value).into_iter().filter(|(name, ..)| *name == FactName::Gpu).collect()
                })
            } else {
                load(path, stamp.length).map(|value| {
                    let value = unwrapped(value);
                    others = settings::settings(&value);
                    config::facts(&value)
                })
            };
            let said = match found {
                Ok(facts) => Box::new(Said { stamp: *stamp, facts, others }),
                Err(error @ SettingsError::AtPresent(_)) => {
                    // What it said before stands until it can be read; it is looked at again each time.
                    self.wrong.insert(relative.clone(), error.wrong(relative));
                    let mut before = self.read.remove(&key).unwrap_or_default();
                    before.stamp = Stamp::default();
                    before
                }
                Err(error) => {
                    self.wrong.insert(relative.clone(), error.wrong(relative));
                    Box::new(Said { stamp: *stamp, ..Said::default() })
                }
            };
            self.read.insert(key, said);
        }
        changed |= self.parameters(files);
        for source in sources.values().flatten() {
            let FactSource::Key { file, .. } = source else { continue };
            let path = run.join(file);
            let stamp = std::fs::metadata(&path).map(|m| Stamp::of(&m)).unwrap_or_default();
            if self.named.get(file).is_none_or(|(before, _)| *before != stamp) {
                changed = true;
                let value = (stamp != Stamp::default()).then(|| load(&path, stamp.length).ok()).flatten();
                self.named.insert(file.clone(), (stamp, value));
            }
        }
        changed | self.blends.iter().any(|(path, (before, _))| blend_file(run, path).1 != *before)
    }

    /// Reads the files that arguments found in settings and logs say hold the mixture.
    pub fn read_blends<'a>(&mut self, run: &Path, logs: impl Iterator<Item = (&'a str, &'a [Found])>) {
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        let mut note = |file: &str, found: &[Found]| {
            for (name, value, place) in found {
                if let (FactName::Mixture, FactValue::Text(path)) = (name, value) {
                    named.entry(path.clone()).or_insert_with(|| format!("{file}: {place}"));
                }
            }
        };
        self.read.iter().for_each(|((_, file), said)| note(file, &said.facts));
        logs.for_each(|(file, found)| note(file, found));
        self.blends.retain(|path, _| named.contains_key(path));
        for (path, place) in named {
            let (file, stamp) = blend_file(run, &path);
            if self.blends.get(&path).is_some_and(|(before, _)| *before == stamp) {
                continue;
            }
            let mixture = bytes(&file, stamp.length)
                .and_then(|bytes| blend::file(&String::from_utf8_lossy(&bytes)).ok_or(SettingsError::NoBlend));
            let mixture = mixture.map_err(|reason| Wrong {
                text: format!("{place}: the mixture is in '{path}', which cannot be used: {reason}"),
                help: Some("copy the file to the run's directory, or add 'mixture:' to mixlaw.run.yaml".to_owned()),
            });
            self.blends.insert(path, (stamp, mixture));
        }
    }

    /// What is wrong.
    pub fn complaints(&self) -> impl Iterator<Item = &Wrong> {
        self.wrong.values().chain(self.blends.values().filter_map(|(_, mixture)| mixture.as_ref().err()))
    }

    /// Forgets what files said that are not there any more. Returns whether there were any.
    fn forget(&mut self, files: &[(String, PathBuf, Stamp)]) -> bool {
        let there = |relative: &str| files.binary_search_by(|(file, _, _)| file.as_str().cmp(relative)).is_ok();
        let parameters: BTreeSet<&str> =
            files.iter().filter_map(|(file, _, _)| mlflow::parameter(file)).map(|(directory, _)| directory).collect();
        let before = self.read.len();
        self.read.retain(|(rank, place), _| match *rank {
            PARAMETERS => parameters.contains(place.as_str()),
            _ => there(place),
        });
        self.wrong.retain(|relative, _| there(relative));
        self.read.len() != before
    }

    /// Reads MLflow's parameters, which only together say something, where one of them changed.
    fn parameters(&mut self, files: &[(String, PathBuf, Stamp)]) -> bool {
        let mut directories: BTreeMap<&str, Vec<(&str, &PathBuf, Stamp)>> = BTreeMap::new();
        for (relative, path, stamp) in files {
            if let Some((directory, key)) = mlflow::parameter(relative)
                && stamp.length < LONGEST_PARAMETER
            {
                directories.entry(directory).or_default().push((key, path, *stamp));
            }
        }
        let mut changed = false;
        for (directory, entries) in directories {
            // Stands for all of them: any that is added, removed or written again changes it.
            let together = entries.iter().fold(Stamp::default(), |sum, (_, _, one)| Stamp {
                device: sum.device + 1,
                inode: sum.inode.wrapping_add(one.inode),
                length: sum.length + one.length,
                modified: sum.modified.max(one.modified),
            });
            let key = (PARAMETERS, directory.to_owned());
            if self.read.get(&key).is_some_and(|said| said.stamp == together) {
                continue;
            }
            changed = true;
            let texts = entries.into_iter().filter_map(|(key, path, _)| {
                let bytes = open::whole(path, LONGEST_PARAMETER).ok()?;
                Some((key, String::from_utf8(bytes).ok()?))
            });
            let known = Value::Object(texts.map(|(key, text)| (key.to_owned(), mlflow::value(&text))).collect());
            let (facts, others) = (config::facts(&known), settings::settings(&known));
            self.read.insert(key, Box::new(Said { stamp: together, facts, others }));
        }
        changed
    }

    /// All facts of the run: what the project says, then the sidecar, then settings, then what logs say (path and
    /// findings of each, in order).
    #[must_use]
    pub fn facts<'a>(
        &'a self,
        sources: &BTreeMap<FactName, Vec<FactSource>>,
        logs: impl Iterator<Item = (&'a str, &'a [Found])>,
    ) -> Facts {
        self.all_facts(sources, logs, false)
    }

    /// The same for a run that is a part of a file: what the log says of it comes before settings, which are of the place.
    #[must_use]
    pub fn facts_of_part<'a>(
        &'a self,
        sources: &BTreeMap<FactName, Vec<FactSource>>,
        logs: impl Iterator<Item = (&'a str, &'a [Found])>,
    ) -> Facts {
        self.all_facts(sources, logs, true)
    }

    fn all_facts<'a>(
        &'a self,
        sources: &BTreeMap<FactName, Vec<FactSource>>,
        logs: impl Iterator<Item = (&'a str, &'a [Found])>,
        logs_first: bool,
    ) -> Facts {
        let mut facts = Facts::default();
        for (name, source) in sources.iter().flat_map(|(name, list)| list.iter().map(move |s| (*name, s))) {
            match source {
                FactSource::Number(number) => facts.offer(name, FactValue::Number(*number), "project file"),
                FactSource::Text(text) => facts.offer(name, FactValue::Text(text.clone()), "project file"),
                FactSource::Key { file, key } => {
                    let value = self.named.get(file).and_then(|(_, value)| dotted(value.as_ref()?, key));
                    if let Some(value) = value.and_then(|value| plain::value(name, value)) {
                        facts.offer(name, value, format!("{file}#{key}"));
                    }
                }
            }
        }
        let settings = self.read.iter().map(|((_, file), said)| (file.as_str(), said.facts.as_slice()));
        let mut all: Vec<(&str, &[Found])> = settings.collect();
        let place = if logs_first { 0 } else { all.len() };
        let logs: Vec<(&str, &[Found])> = logs.collect();
        all.splice(place..place, logs.iter().copied());
        for (file, found) in all {
            for (name, value, place) in in_force(found).into_iter().filter(|f| phases::goes_on_from(&f.1).is_none()) {
                let value = match (name, value) {
                    (FactName::Mixture, FactValue::Text(path)) => match self.blends.get(path) {
                        Some((_, Ok(mixture))) => FactValue::Mixture(mixture.clone()),
                        _ => continue,
                    },
                    (_, value) => value.clone(),
                };
                facts.offer(*name, value, format!("{file}#{place}"));
            }
        }
        let blend = |path: &str| self.blends.get(path).and_then(|(_, mixture)| mixture.as_ref().ok().cloned());
        if let Some(phases) = phases::of_logs(logs.iter().map(|(_, found)| *found), blend) {
            let files: Vec<&str> =
                logs.iter().filter(|(_, f)| f.iter().any(|f| f.0 == FactName::Mixture)).map(|l| l.0).collect();
            facts.offer(
                FactName::Phases,
                FactValue::Phases(phases),
                format!("{}#mixtures of its jobs", files.join(" + ")),
            );
        }
        facts.settle_phases();
        for (key, value) in self.read.values().flat_map(|said| &said.others) {
            Arc::make_mut(&mut facts.settings).entry(key.clone()).or_insert_with(|| value.clone());
        }
        facts
    }
}

fn is_sidecar(relative: &str) -> bool {
    SIDECAR.contains(&relative.rsplit('/').next().unwrap_or(relative))
}

/// Facts of a sidecar, each known by its key.
fn stated(relative: &str, path: &Path, length: u64) -> Result<Vec<Found>, SettingsError> {
    let bytes = bytes(path, length)?;
    let facts = sidecar::facts(Path::new(relative), &bytes)?.into_iter().map(|(name, value, _)| {
        // A schedule has many names.
        let known = match &value {
            FactValue::Text(text) => plain::value(name, &Value::from(text.as_str())),
            _ => None,
        };
        (name, known.unwrap_or(value), name.as_str().to_owned())
    });
    Ok(facts.collect())
}

/// The file with a blend that arguments of a run name: where they say, or in the run itself, to which it may have been
/// copied. What is no regular file (a device, a pipe) is none.
fn blend_file(run: &Path, named: &str) -> (PathBuf, Stamp) {
    let stated = run.join(named);
    let copied = Path::new(named).file_name().map(|name| run.join(name));
    let stamp = |path: &Path| std::fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| Stamp::of(&m));
    let found = copied.into_iter().chain([stated.clone()]).find_map(|path| stamp(&path).map(|stamp| (path, stamp)));
    found.unwrap_or((stated, Stamp::default()))
}

fn bytes(path: &Path, length: u64) -> Result<Vec<u8>, SettingsError> {
    if length > LARGEST {
        return Err(OpenError::TooLarge { most: LARGEST }.into());
    }
    Ok(open::whole(path, LARGEST)?)
}

/// Why a file of settings says nothing, by what follows.
#[derive(Debug, thiserror::Error)]
enum SettingsError {
    /// The system says no, and may say yes though nothing about the file changes: it is tried again each time.
    #[error(transparent)]
    AtPresent(io::Error),
    /// It is no file: as it is, it will never be read.
    #[error(transparent)]
    NotAFile(OpenError),
    /// Settings are never that large.
    #[error("{0}: not read for facts")]
    TooLarge(#[source] OpenError),
    /// It is not what its name says: nothing of it is used until it is written again.
    #[error(transparent)]
    Malformed(Box<dyn std::error::Error + Send + Sync>),
    /// It says something wrong, in one place: nothing of it is used until it is written again.
    #[error(transparent)]
    Invalid(#[from] ProjectError),
    /// It is read, and states no mixture.
    #[error("it has no weights, or is not a data blend")]
    NoBlend,
}

impl From<OpenError> for SettingsError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => Self::AtPresent(error),
            OpenError::TooLarge { .. } => Self::TooLarge(error),
            OpenError::NotAFile(_) => Self::NotAFile(error),
        }
    }
}

impl SettingsError {
    /// What the user is told; a wrong sidecar says itself where.
    fn wrong(&self, relative: &str) -> Wrong {
        match self {
            Self::Invalid(error) => Wrong { text: error.to_string(), help: error.help().map(str::to_owned) },
            other => Wrong { text: format!("{relative}: {other}"), help: None },
        }
    }
}

fn load(path: &Path, length: u64) -> Result<Value, SettingsError> {
    let bytes = bytes(path, length)?;
    shallow(&bytes)?;
    let text = || std::str::from_utf8(&bytes).map_err(|_| SettingsError::Malformed("not UTF-8".into()));
    match path.extension().and_then(|e| e.to_str()) {
        Some("yaml" | "yml") => serde_yaml::from_str(text()?).map_err(|e| SettingsError::Malformed(e.into())),
        Some("toml") => Ok(torchtitan::toml(text()?)),
        Some("sh" | "sbatch" | "slurm") => Ok(command_line::arguments(text()?).unwrap_or_default()),
        // Python writes NaN and Infinity into JSON.
        _ => serde_json::from_slice(&bytes)
            .or_else(|e| python_json::value(&bytes).ok_or_else(|| SettingsError::Malformed(e.into()))),
    }
}

/// Most brackets that may be open at once. libyaml looks at all that are open at every word, and what is read in, or dropped
/// from, a list within a list needs stack for each.
const DEEPEST: usize = 1000;

/// Whether no more brackets are open at once than anyone writes. Those within strings count, too: few open and never close.
fn shallow(text: &[u8]) -> Result<(), SettingsError> {
    let mut open = 0_usize;
    for byte in text {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > DEEPEST {
            return Err(SettingsError::Malformed(format!("more than {DEEPEST} brackets are open at once").into()));
        }
    }
    Ok(())
}

/// W&B's `config.yaml` has each value under `value`, beside a description.
fn unwrapped(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let wrapped = map.values().any(|v| v.get("value").is_some())
        && map.iter().all(|(k, v)| k == "wandb_version" || v.get("value").is_some());
    if !wrapped {
        return Value::Object(map);
    }
    Value::Object(map.into_iter().filter_map(|(k, mut v)| Some((k, v.get_mut("value")?.take()))).collect())
}

/// The value at a dotted path; a key that itself has dots is found, too.
fn dotted<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(at, _)| dotted(value.get(&path[..at])?, &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing(dir: &Path, names: &[&str]) -> Vec<(String, PathBuf, Stamp)> {
        let of = |name: &str| {
            let path = dir.join(name);
            ((*name).to_owned(), path.clone(), Stamp::of(&std::fs::metadata(&path).unwrap()))
        };
        names.iter().map(|n| of(n)).collect()
    }

    #[test]
    fn settings_as_deep_as_they_are_long_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let long = 200_000;
        let began = std::time::Instant::now();
        for name in ["config.yaml", "config.json", "config.toml", "run.sh"] {
            let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(long), close.repeat(long));
            for text in [
                format!("a: {}", "[".repeat(long)),
                format!("a: {}", "{".repeat(long)),
                format!("{{\"a\": {}}}", nested("[", "]")),
                nested("{\"a\":", "}"),
                format!("a = {}", nested("[", "]")),
                "- ".repeat(long),
                "? ".repeat(long),
                "a: &a [*a, ".repeat(500),
                "[[a]]\n".repeat(long / 10),
            ] {
                let path = dir.path().join(name);
                std::fs::write(&path, &text).unwrap();
                // Whatever it says, it is said soon.
                let _ = load(&path, text.len() as u64);
            }
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, format!("a: {}", "[".repeat(long))).unwrap();
        let error = load(&path, 200_003).unwrap_err();
        assert!(error.to_string().contains("brackets"), "{error}");
        std::fs::write(&path, "a: [[[[1]]]]\nb: {c: {d: 2}}\n").unwrap();
        assert_eq!(load(&path, 40).unwrap()["b"]["c"]["d"], 2);
    }

    #[test]
    fn mlflow_parameters_are_read_together() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("params")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let names = ["params/learning_rate", "params/model_type", "params/n_embd", "params/n_head", "params/n_layer"];
        names.into_iter().zip(["1e-3", "gpt2", "768", "12", "12"]).for_each(|(name, text)| write(name, text));
        let (mut settings, none) = (Settings::default(), BTreeMap::new());
        assert!(settings.refresh(dir.path(), &listing(dir.path(), &names), &none));
        assert!(!settings.refresh(dir.path(), &listing(dir.path(), &names), &none), "nothing changed");
        let number = |settings: &Settings, name| settings.facts(&none, std::iter::empty()).number(name);
        assert_eq!(
            (number(&settings, FactName::LearningRate), number(&settings, FactName::Params)),
            (Some(1e-3), None)
        );
        write("params/vocab_size", "50257");
        let names = [&names[..], &["params/vocab_size"]].concat();
        assert!(settings.refresh(dir.path(), &listing(dir.path(), &names), &none), "one more");
        assert_eq!(number(&settings, FactName::Params), Some(85_056_000.0));
        assert_eq!(rank("metrics/params"), None);
    }

    #[test]
    fn the_project_comes_first_then_the_sidecar_then_settings_then_logs() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("config.json", r#"{"params": 1e6, "seed": 1, "max_steps": 100, "deep": {"lr": 0.5}, "x": NaN}"#);
        write("mixlaw.run.yaml", "seed: 2\n");
        let files = listing(dir.path(), &["config.json", "mixlaw.run.yaml"]);
        let source = |key: &str| vec![FactSource::Key { file: "config.json".to_owned(), key: key.to_owned() }];
        let sources: BTreeMap<_, _> =
            [(FactName::LearningRate, source("deep.lr")), (FactName::BatchTokens, vec![FactSource::Number(64.0)])]
                .into();
        let mut settings = Settings::default();
        assert!(settings.refresh(dir.path(), &files, &sources));
        assert!(!settings.refresh(dir.path(), &files, &sources), "nothing changed");
        let logged = [(FactName::PlannedSteps, FactValue::Number(200.0), "record 1".to_owned())];
        let facts = settings.facts(&sources, [("m.jsonl", &logged[..])].into_iter());
        let known = |name| facts.known.get(&name).map(|s| (s.value.clone(), s.source.as_str()));
        assert_eq!(known(FactName::LearningRate), Some((FactValue::Number(0.5), "config.json#deep.lr")));
        assert_eq!(known(FactName::BatchTokens), Some((FactValue::Number(64.0), "project file")));
        assert_eq!(known(FactName::Seed), Some((FactValue::Number(2.0), "mixlaw.run.yaml#seed")));
        assert_eq!(known(FactName::PlannedSteps), Some((FactValue::Number(100.0), "config.json#max_steps")));
        assert_eq!(facts.conflicts.len(), 2, "seed and steps: {:?}", facts.conflicts);
        assert_eq!(settings.wrong, BTreeMap::new());
        write("mixlaw.run.yaml", "seed: 2\nparms: 3\n");
        write("config.json", r#"{"params": 2e6}"#);
        assert!(settings.refresh(dir.path(), &listing(dir.path(), &["config.json", "mixlaw.run.yaml"]), &sources));
        let wrong = &settings.wrong["mixlaw.run.yaml"];
        assert!(wrong.text.starts_with("mixlaw.run.yaml:2:1: "), "{wrong:?}");
        assert!(wrong.help.as_ref().is_some_and(|help| help.contains("params")), "{wrong:?}");
        let facts = settings.facts(&sources, std::iter::empty());
        assert_eq!(facts.known.get(&FactName::Seed), None, "nothing of a wrong file is used");
    }

    #[test]
    fn a_blend_is_read_from_the_file_that_arguments_name() {
        let dir = tempfile::tempdir().unwrap();
        let logged = [(
            FactName::Mixture,
            FactValue::Text("/nowhere/mix/blend.txt".to_owned()),
            "line 3 (data_args_path)".to_owned(),
        )];
        let logs = || [("train.log", &logged[..])].into_iter();
        let (mut settings, none) = (Settings::default(), BTreeMap::new());
        settings.read_blends(dir.path(), logs());
        assert_eq!(settings.facts(&none, logs()).known.get(&FactName::Mixture), None);
        let said: Vec<&Wrong> = settings.complaints().collect();
        assert!(said.len() == 1 && said[0].text.starts_with("train.log: line 3 (data_args_path): "), "{said:?}");
        assert!(!settings.refresh(dir.path(), &[], &none));
        std::fs::write(dir.path().join("blend.txt"), "3 /d/code 1 /d/web").unwrap();
        assert!(
            settings.refresh(dir.path(), &listing(dir.path(), &["blend.txt"]), &none),
            "it was copied into the run"
        );
        settings.read_blends(dir.path(), logs());
        let facts = settings.facts(&none, logs());
        let mixture = facts.known.get(&FactName::Mixture).unwrap();
        assert_eq!(mixture.source, "train.log#line 3 (data_args_path)");
        assert!(matches!(&mixture.value, FactValue::Mixture(m) if m.weight("code") == 0.75), "{mixture:?}");
        assert_eq!(settings.complaints().count(), 0);
    }

    #[test]
    fn what_a_deleted_file_said_is_forgotten_but_not_when_the_whole_run_is_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("params")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let names = ["config.json", "m.jsonl", "mixlaw.run.yaml", "params/lr"];
        names.iter().zip([r#"{"seed": 1}"#, "", "parms: 2\n", "0.1"]).for_each(|(name, text)| write(name, text));
        let (mut settings, none) = (Settings::default(), BTreeMap::new());
        let files = listing(dir.path(), &names);
        assert!(settings.refresh(dir.path(), &files, &none));
        assert_eq!((settings.facts(&none, std::iter::empty()).known.len(), settings.wrong.len()), (2, 1));
        assert!(!settings.refresh(dir.path(), &[], &none));
        assert_eq!(settings.facts(&none, std::iter::empty()).known.len(), 2);
        assert!(settings.refresh(dir.path(), &files[1..2], &none));
        assert_eq!((settings.facts(&none, std::iter::empty()).known.len(), settings.wrong.len()), (0, 0));
    }

    #[test]
    fn what_people_write_for_their_tools_is_known_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "llama3_full_pt.yaml",
            "stage: pt\ndataset: prose,code\nmix_strategy: interleave_under\ninterleave_probs: 0.7,0.3\nlearning_rate: 1.0e-4\n",
        );
        write("compose.yml", "services:\n  db: {image: x}\nseed: 3\n");
        write("half.yaml", "a: [\n");
        let (mut settings, none) = (Settings::default(), BTreeMap::new());
        settings.refresh(dir.path(), &listing(dir.path(), &["compose.yml", "half.yaml", "llama3_full_pt.yaml"]), &none);
        let facts = settings.facts(&none, std::iter::empty());
        let known: Vec<(FactName, &str)> =
            facts.known.iter().map(|(name, fact)| (*name, fact.source.as_str())).collect();
        assert_eq!(
            known,
            [
                (FactName::Mixture, "llama3_full_pt.yaml#interleave_probs"),
                (FactName::LearningRate, "llama3_full_pt.yaml#learning_rate"),
            ]
        );
        assert_eq!(settings.complaints().count(), 0);
    }

    #[test]
    fn settings_are_known_by_name_and_the_nearest_is_trusted_first() {
        let order = ["mixlaw.run.yaml", "config.json", "args.json", "sub/config.yaml"];
        let ranks: Vec<_> = order.iter().map(|n| rank(n).unwrap()).collect();
        assert!(ranks.windows(2).all(|w| w[0] < w[1]), "{ranks:?}");
        assert_eq!(rank("metrics.json"), None);
        assert_eq!(rank("config.txt"), None);
        let wrapped = json!({"wandb_version": 1, "lr": {"desc": null, "value": 0.1}});
        assert_eq!(unwrapped(wrapped), json!({"lr": 0.1}));
        let plain = json!({"lr": 0.1, "mixture": {"value": 1}});
        assert_eq!(unwrapped(plain.clone()), plain);
    }
}
