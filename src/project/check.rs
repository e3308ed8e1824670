//! Interpretation and validation of a project file's values.

use super::file::{FactFile, FactPlace, LawsFile, LimitFile, ProjectFile, VERSION, WatchFile};
use super::locate::Node;
use super::server::Address;
use super::source::{At, Source};
use super::suggest::{closest, listed, word};
use super::{
    Constraint, FactSource, FitSettings, Project, ProjectError, Retention, RunSource, StreamSource, WatchMode,
    conditions, constraint, table,
};
use crate::vocab::number::parse_amount;
use crate::vocab::{FactName, Metric, ProxyKind, ValueError};
use std::collections::BTreeSet;
use std::path::Path;

/// A position in the YAML tree, with its key and value. For a missing value, the position of its parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    node: Option<&'a Node>,
    /// Position of the key.
    pub(super) key: At,
    /// Position of the value.
    pub(super) value: At,
}

impl<'a> Place<'a> {
    /// The value of a key.
    pub(super) fn key(self, name: &str) -> Self {
        let entry = self.node.and_then(|n| n.entries().iter().find(|(k, _)| k.name == name));
        entry.map_or(Self { node: None, ..self }, |(k, n)| Self { node: Some(n), key: k.at, value: n.at })
    }

    /// An item of a list, from 0.
    pub(super) fn item(self, index: usize) -> Self {
        let item = self.node.and_then(|n| n.items().get(index));
        item.map_or(Self { node: None, ..self }, |n| Self { node: Some(n), key: n.at, value: n.at })
    }

    /// The keys below, in the order of the text.
    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        self.node.map_or(&[][..], Node::entries).iter().map(|(k, _)| k.name.as_str())
    }

    /// Position of a scalar's text, after its opening quote.
    pub(super) fn text_start(self) -> At {
        match self.node.map(|n| &n.value) {
            Some(super::locate::Value::Scalar { plain: false, .. }) => self.value.plus(1),
            _ => self.value,
        }
    }
}

pub(super) struct Checker<'a> {
    pub(super) source: &'a Source<'a>,
    tree: &'a Node,
    /// Known domain names; empty if the file names none. Without `domains:` these may be metrics that belong to no domain.
    pub(super) domains: Vec<String>,
    /// Names of metrics that are no domains.
    pub(super) evaluations: Vec<String>,
    /// Whether the file has `domains:`, so that every other name is an error.
    pub(super) domains_stated: bool,
}

/// Builds a project from a parsed file. `root` is the absolute path of its directory.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first invalid value.
pub fn project(source: &Source<'_>, file: &ProjectFile, tree: &Node, root: &Path) -> Result<Project, ProjectError> {
    let mut check = Checker { source, tree, domains: Vec::new(), evaluations: Vec::new(), domains_stated: false };
    check.version(file)?;
    let mut project = Project { root: root.to_path_buf(), ..Project::default() };
    project.name = check.name(file, root)?;
    project.runs = check.runs(file)?;
    project.streams = check.streams(file)?;
    check.find_domains(file)?;
    project.tables = check.tables(file, root)?;
    project.metrics = check.metrics(file)?;
    check.facts(file, &mut project)?;
    if let Some(target) = &file.target {
        project.target = check.target(target)?;
        project.probes = check.probes(target)?;
    }
    project.formats = check.formats(file.formats.as_deref().unwrap_or_default())?;
    project.budget = file.budget.as_ref().map(|budget| check.budget(budget)).transpose()?;
    if let Some(mixture) = &file.mixture {
        check.mixture(mixture, &mut project)?;
    }
    if let Some(objective) = &file.objective {
        if let Some(minimize) = &objective.minimize {
            project.objective.minimize = check.minimize(minimize)?;
        }
        check.goal(objective, &mut project)?;
        project.objective.subject_to =
            check.limits(objective.subject_to.as_deref().unwrap_or_default(), &project.metrics)?;
    }
    project.laws = check.laws(file)?;
    project.fit = check.fit(file)?;
    project.watch = match file.watch {
        None | Some(WatchFile::Auto) => WatchMode::Auto,
        Some(WatchFile::Native) => WatchMode::Native,
        Some(WatchFile::Poll) => WatchMode::Poll,
    };
    project.notify = file.notify.as_ref().map(|notify| check.notify(notify, root)).transpose()?.unwrap_or_default();
    project.accept = file.accept.as_ref().map(|accept| check.accept(accept)).transpose()?;
    project.online = file.online.as_ref().map(|online| check.online(online)).transpose()?;
    project.retention = check.retention(file)?;
    project.domains_stated = check.domains_stated;
    // Which of the metrics' names are domains is known once the runs are.
    let domains = || check.names_of_domains();
    project.domains = if check.domains_stated { check.domains.clone() } else { domains() };
    project.sort_metrics();
    Ok(project)
}

impl<'a> Checker<'a> {
    /// The top of the file.
    pub(super) fn root(&self) -> Place<'a> {
        Place { node: Some(self.tree), key: At::START, value: self.tree.at }
    }

    fn version(&self, file: &ProjectFile) -> Result<(), ProjectError> {
        match file.version {
            None | Some(VERSION) => Ok(()),
            Some(other) => Err(self.source.invalid(
                self.root().key("version").value,
                format!("project file version {other} is not supported"),
                format!("write version: {VERSION}, or remove the line"),
            )),
        }
    }

    fn name(&self, file: &ProjectFile, root: &Path) -> Result<String, ProjectError> {
        match file.project.as_deref().map(str::trim) {
            Some("") => Err(self.source.invalid(
                self.root().key("project").value,
                "the project's name is empty",
                "write a name, or remove the line to use the directory's",
            )),
            Some(name) => Ok(crate::vocab::text::printable(name)),
            None => Ok(super::source::directory_name(root)),
        }
    }

    fn runs(&self, file: &ProjectFile) -> Result<Vec<RunSource>, ProjectError> {
        let place = self.root().key("runs");
        let runs = file.runs.as_deref().unwrap_or_default();
        if runs.is_empty() && file.tables.as_deref().unwrap_or_default().is_empty() {
            let message = if file.runs.is_some() { "`runs` is empty" } else { "there are no `runs` and no `tables`" };
            let help = "write where the training logs are:\nruns:\n  - path: runs/*";
            return Err(self.source.invalid(place.key, message, help));
        }
        let mut seen = BTreeSet::new();
        let mut sources = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let path = match (&run.path, &run.stream) {
                (Some(path), None) => path,
                (None, Some(_)) => continue,
                (Some(_), Some(_)) => {
                    let (at, message) = (place.item(index).key("stream").key, "both `path` and `stream` are given");
                    return Err(self.source.invalid(
                        at,
                        message,
                        "write two items: one begins with `- path:`, one with `- stream:`",
                    ));
                }
                (None, None) => {
                    let message = "an item has neither `path` nor `stream`";
                    return Err(self.source.invalid(place.item(index).value, message, "write - path: runs/*"));
                }
            };
            let at = place.item(index).key("path").value;
            self.pattern(path, at)?;
            if !seen.insert(path.trim_end_matches('/')) {
                let message = format!("duplicate pattern '{path}'");
                return Err(self.source.invalid(at, message, "remove one of the two"));
            }
            let filter = conditions::optional(run.filter.as_deref())
                .map_err(|(key, message, help)| self.source.invalid(place.item(index).key(key).value, message, help))?;
            sources.push(RunSource { path: path.clone(), at: Some((at.line, at.column)), filter });
        }
        Ok(sources)
    }

    /// The streams among the runs.
    fn streams(&self, file: &ProjectFile) -> Result<Vec<StreamSource>, ProjectError> {
        let place = self.root().key("runs");
        let mut streams: Vec<StreamSource> = Vec::new();
        for (index, run) in file.runs.iter().flatten().enumerate() {
            let Some(stream) = &run.stream else { continue };
            let item = place.item(index);
            let at = item.key("stream").value;
            let address = Address::parse(stream).map_err(|e| self.source.invalid(at, e.message, e.help))?;
            if run.filter.is_some() {
                let help = "remove it, or write `where` on an item with a path";
                return Err(self.source.invalid(item.key("where").key, "`where` is for runs with a path", help));
            }
            let address = address.to_string();
            if streams.iter().any(|known| known.address == address) {
                return Err(self.source.invalid(at, format!("duplicate stream {address}"), "remove one of the two"));
            }
            streams.push(StreamSource { address, at: Some((at.line, at.column)) });
        }
        Ok(streams)
    }

    /// Checks a glob pattern.
    fn pattern(&self, path: &str, at: At) -> Result<(), ProjectError> {
        if path.trim().is_empty() {
            return Err(self.source.invalid(at, "the path is empty", "write a pattern, such as path: runs/*"));
        }
        if path.starts_with('~') || path.contains('$') {
            return Err(self.source.invalid(
                at,
                format!("'{path}': `~` and variables are not expanded in paths"),
                "write an absolute path, or one relative to this file",
            ));
        }
        match globset::Glob::new(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.source.invalid(
                at,
                format!("'{path}' is not a pattern: {}", error.kind()),
                "`*` matches part of a name, `**` any directories, [ab] a or b; write \\[ for a bracket",
            )),
        }
    }

    fn tables(&self, file: &ProjectFile, root: &Path) -> Result<Vec<table::TableSource>, ProjectError> {
        let place = self.root().key("tables");
        let tables = file.tables.as_deref().unwrap_or_default().iter().enumerate();
        tables
            .map(|(index, entry)| {
                let place = place.item(index);
                let path = place.key("path");
                if entry.path.trim().is_empty() {
                    return Err(self.source.invalid(path.value, "the path is empty", "write path: runs.csv"));
                }
                let table = table::mean(entry, root, path.value)
                    .map_err(|(key, message, help)| self.source.invalid(place.key(key).value, message, help))?;
                if matches!(table.mixture, Some(table::MixtureColumns::Joined { .. })) && !self.domains_stated {
                    return Err(self.source.invalid(
                        place.key("mixture").value,
                        "weights in one column need `domains`, in the order of the weights",
                        "write at the top: domains: [prose, rust]",
                    ));
                }
                if table.phases.as_ref().is_some_and(table::TablePhases::joined) && !self.domains_stated {
                    return Err(self.source.invalid(
                        place.key("phases").value,
                        "weights in one column need `domains`, in the order of the weights",
                        "write at the top: domains: [prose, rust]",
                    ));
                }
                if let (Some(proxy), Some(_)) = (&table.proxy, &table.phases) {
                    let word = if *proxy == ProxyKind::Merged { "merged models" } else { "runs of an earlier project" };
                    return Err(self.source.invalid(
                        place.key("proxy").value,
                        format!("{word} stand in for runs of one mixture, not for phases"),
                        "write mixture: { prefix: w_ } in place of the phases, or remove proxy",
                    ));
                }
                if table.proxy.is_some() && table.mixture.is_none() {
                    return Err(self.source.invalid(
                        place.key("proxy").value,
                        "rows that stand in for runs need `mixture`, which says what they stand for",
                        "write mixture: { prefix: w_ } (of merged models, the weights they were merged with)",
                    ));
                }
                Ok(table)
            })
            .collect()
    }

    /// Collects the domain names that other keys are checked against: `domains`, or the names in `metrics` and `mixture`.
    fn find_domains(&mut self, file: &ProjectFile) -> Result<(), ProjectError> {
        let place = self.root().key("domains");
        if let Some(domains) = &file.domains {
            let mut seen = BTreeSet::new();
            for (index, domain) in domains.iter().enumerate() {
                let at = place.item(index).value;
                if domain.trim().is_empty() {
                    return Err(self.source.invalid(at, "a domain name is empty", "write a name, or remove it"));
                }
                if !seen.insert(domain) {
                    let message = format!("the domain `{domain}` is listed twice");
                    return Err(self.source.invalid(at, message, "remove one of the two"));
                }
            }
            if domains.is_empty() {
                let help = "write domains: [prose, rust], or remove the line to have them detected";
                return Err(self.source.invalid(place.key, "`domains` is empty", help));
            }
            self.domains.clone_from(domains);
            self.domains_stated = true;
            return Ok(());
        }
        let metrics = self.root().key("metrics").names().map(str::to_owned);
        for name in metrics.chain(self.names_of_domains()) {
            if !self.domains.contains(&name) {
                self.domains.push(name);
            }
        }
        Ok(())
    }

    /// Names in the mixture, which are domains without doubt.
    fn names_of_domains(&self) -> Vec<String> {
        let mixture = self.root().key("mixture");
        let mut names: Vec<String> = Vec::new();
        for name in [mixture.key("current"), mixture.key("bounds")].into_iter().flat_map(Place::names) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Rejects a name that is not a domain. If the file has no `domains`, it rejects only names that look like a typo: the
    /// runs may have others.
    pub(super) fn known_domain(&self, name: &str, at: At) -> Result<(), ProjectError> {
        self.known(name, at, None)
    }

    /// The same for a name that may be that of a metric of no domain.
    pub(super) fn known_metric(&self, name: &str, at: At) -> Result<(), ProjectError> {
        self.known(name, at, Some(&self.evaluations))
    }

    /// `evaluations`: those that the name may also be of, where it may be of any.
    fn known(&self, name: &str, at: At, evaluations: Option<&[String]>) -> Result<(), ProjectError> {
        let names = || self.domains.iter().chain(evaluations.unwrap_or_default()).map(String::as_str);
        if names().any(|d| d == name) || (!self.domains_stated && closest(name, names()).is_none()) {
            return Ok(());
        }
        let help = match closest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if evaluations.is_some() => format!(
                "known are {}; name an evaluation at the top, metrics: {{ {}: KEY }} (its key in the logs, or its column), or add a \
                 domain to `domains`",
                listed(names()),
                word(name)
            ),
            None => format!("the domains are {}; add it to `domains`, or remove it here", listed(names())),
        };
        let what = if evaluations.is_some() { "domain or evaluation" } else { "domain" };
        Err(self.source.invalid(at, format!("unknown {what} `{name}`"), help))
    }

    /// Calls [`Self::known_domain`] for all keys of a mapping.
    pub(super) fn known_domains<'b>(
        &self,
        names: impl Iterator<Item = &'b String>,
        place: Place<'_>,
    ) -> Result<(), ProjectError> {
        let mut wrong: Vec<(At, &str)> = names.map(|n| (place.key(n).key, n.as_str())).collect();
        wrong.sort_unstable();
        wrong.into_iter().try_for_each(|(at, name)| self.known_domain(name, at))
    }

    fn facts(&self, file: &ProjectFile, project: &mut Project) -> Result<(), ProjectError> {
        let place = self.root().key("facts");
        for (name, fact) in file.facts.iter().flatten() {
            let place = place.key(name.as_str());
            let places: Vec<(&FactPlace, At)> = match fact {
                FactFile::One(one) => vec![(one, place.value)],
                FactFile::FirstOf(several) => {
                    several.iter().enumerate().map(|(i, p)| (p, place.item(i).value)).collect()
                }
            };
            if places.is_empty() {
                let help = "write a source, such as config.json#params, or remove the line";
                return Err(self.source.invalid(place.key, format!("`facts.{}` is empty", name.as_str()), help));
            }
            let sources = places.into_iter().map(|(p, at)| self.fact(*name, p, at)).collect::<Result<_, _>>()?;
            project.facts.insert(*name, sources);
        }
        Ok(())
    }

    fn fact(&self, name: FactName, place: &FactPlace, at: At) -> Result<FactSource, ProjectError> {
        let key = name.as_str();
        let word = name.is_text();
        let example = format!("write a source in the run's files, such as {key}: config.json#{key}");
        let number = |value: f64| {
            if word || matches!(name, FactName::Mixture | FactName::Phases) || !value.is_finite() || value < 0.0 {
                let message = format!("`facts.{key}` cannot be the number {value}");
                return Err(self.source.invalid(at, message, &example));
            }
            Ok(FactSource::Number(value))
        };
        let text = match place {
            FactPlace::Number(value) => return number(*value),
            FactPlace::Text(text) => text.trim(),
        };
        if let Some((file, dotted)) = text.split_once('#') {
            let (file, dotted) = (file.trim(), dotted.trim());
            if file.is_empty() || dotted.is_empty() {
                let message = format!("'{text}' is not a source: it needs a file before the `#` and a key after it");
                return Err(self.source.invalid(at, message, &example));
            }
            if !is_readable(file) {
                let message = format!("'{file}': facts are read from JSON and YAML files");
                return Err(self.source.invalid(at, message, &example));
            }
            return Ok(FactSource::Key { file: file.to_owned(), key: dotted.to_owned() });
        }
        if word {
            return Ok(FactSource::Text(text.to_owned()));
        }
        match parse_amount(text) {
            Ok(value) => number(value),
            Err(error @ ValueError::TooLarge(_)) => {
                let text = error.to_string();
                let (message, help) = text.split_once("; ").unwrap_or((&text, &example));
                Err(self.source.invalid(at, message, help))
            }
            Err(_) => {
                let help = if is_readable(text) { format!("add the key: {text}#{key}") } else { example };
                Err(self.source.invalid(at, format!("'{text}' is neither a source nor a number"), help))
            }
        }
    }

    /// Whether higher is better for a metric, as far as it is known.
    pub(super) fn higher_is_better(&self, name: &str, metrics: &[Metric]) -> Option<bool> {
        let metric = metrics.iter().find(|metric| metric.name == name);
        let loss = || self.domains.iter().any(|domain| domain == name).then_some(false);
        metric.map(|metric| metric.unit.higher_is_better()).or_else(loss)
    }

    fn limits(&self, limits: &[LimitFile], metrics: &[Metric]) -> Result<Vec<Constraint>, ProjectError> {
        let higher = |name: &str| self.higher_is_better(name, metrics);
        let place = self.root().key("objective").key("subject_to");
        let read = limits.iter().enumerate().map(|(index, LimitFile(text))| {
            let start = place.item(index).text_start();
            let limit = constraint::parse_for(text, &higher)
                .map_err(|e| self.source.invalid(start.plus(e.offset), e.message, e.help))?;
            self.known_metric(&limit.metric, start)?;
            Ok(limit)
        });
        read.collect()
    }

    fn laws(&self, file: &ProjectFile) -> Result<Vec<String>, ProjectError> {
        let Some(LawsFile::List(names)) = &file.laws else { return Ok(Vec::new()) };
        let place = self.root().key("laws");
        if names.is_empty() {
            let help = "write laws: auto, or a list such as laws: [dcpt]";
            return Err(self.source.invalid(place.key, "`laws` is an empty list", help));
        }
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let at = place.item(index).value;
            let known = || crate::laws::ALL.iter().map(|law| law.info().name);
            let Some(law) = crate::laws::get(name) else {
                let help = match closest(name, known()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write laws: auto, or some of {}", listed(known())),
                };
                return Err(self.source.invalid(at, format!("unknown law `{name}`"), help));
            };
            if !seen.insert(law.info().name) {
                return Err(self.source.invalid(
                    at,
                    format!("the law `{name}` is listed twice"),
                    "remove one of the two",
                ));
            }
        }
        Ok(names.iter().filter_map(|n| crate::laws::get(n)).map(|law| law.info().name.to_owned()).collect())
    }

    fn retention(&self, file: &ProjectFile) -> Result<Retention, ProjectError> {
        let defaults = Retention::default();
        let Some(retention) = &file.retention else { return Ok(defaults) };
        let days = |key: &str, days: Option<u64>| match days {
            Some(days) if !(1..=3650).contains(&days) => Err(self.source.invalid(
                self.root().key("retention").key(key).value,
                format!("`retention.{key}` is {days}; it must be 1 to 3650 days"),
                format!("write {key}: {}, or remove the line", days.clamp(1, 3650)),
            )),
            days => Ok(days.map(Retention::days)),
        };
        Ok(Retention {
            fits: days("fits", retention.fits)?.unwrap_or(defaults.fits),
            journal: days("journal", retention.journal)?.unwrap_or(defaults.journal),
            points: days("points", retention.points)?,
            gone: days("gone", retention.gone)?,
        })
    }

    fn fit(&self, file: &ProjectFile) -> Result<FitSettings, ProjectError> {
        let defaults = FitSettings::default();
        let Some(fit) = &file.fit else { return Ok(defaults) };
        let place = self.root().key("fit");
        let count = |key: &str, value: Option<u64>, least: u64, most: usize| match value {
            Some(v) if v < least || v > most as u64 => Err(self.source.invalid(
                place.key(key).value,
                format!("`fit.{key}` is {v}; it must be {least} to {most}"),
                format!("write {key}: {}, or remove the line", v.clamp(least, most as u64)),
            )),
            other => Ok(other.and_then(|v| usize::try_from(v).ok())),
        };
        if let Some(skip) = fit.skip.filter(|s| !(0.0..1.0).contains(s)) {
            let help = if (1.0..100.0).contains(&skip) {
                format!("write skip: {}", skip / 100.0)
            } else {
                "write skip: 0.1".into()
            };
            let message = format!("`fit.skip` is {skip}; it must be a fraction of a run: at least 0, less than 1");
            return Err(self.source.invalid(place.key("skip").value, message, help));
        }
        Ok(FitSettings {
            seed: fit.seed.unwrap_or(defaults.seed),
            starts: count("starts", fit.starts, 1, FitSettings::MOST_STARTS)?,
            bootstraps: count("bootstraps", fit.bootstraps, 0, FitSettings::MOST_BOOTSTRAPS)?
                .unwrap_or(defaults.bootstraps),
            skip: fit.skip.unwrap_or(defaults.skip),
            repetition: fit.repetition.unwrap_or(defaults.repetition),
        })
    }

    /// Checks that a number is more than zero.
    pub(super) fn positive(
        &self,
        section: &str,
        key: &str,
        value: f64,
        at: At,
        example: &str,
    ) -> Result<f64, ProjectError> {
        if value.is_finite() && value > 0.0 {
            return Ok(value);
        }
        let message = format!("`{section}.{key}` is {value}; it must be more than zero");
        Err(self.source.invalid(at, message, format!("write a number, such as {key}: {example}")))
    }
}

fn is_readable(file: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("json" | "yaml" | "yml"))
}
