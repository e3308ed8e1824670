//! Defaults that the project file leaves open, inferred from the runs; each assumption becomes a setup note with the
//! YAML that changes it.

use super::{RunRecord, alike, counts, facts_of_runs, keys};
use crate::project::Project;
use crate::project::suggest::word;
use crate::project::suggest::{closest, listed};
use crate::project::weights::as_line;
use crate::vocab::count::{counted, verb};
use crate::vocab::facts::UNNAMED_REST;
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, Metric, MetricUnit, Mixture, Notice, Severity, Sourced};
use std::collections::{BTreeMap, BTreeSet};

/// Fills in what the project leaves open: domains from the runs' mixtures (or from metric keys where no run states what
/// it is trained on), validation losses from metric keys that name a domain, the target from the largest N and D
/// seen, the current mixture. What the project states stays. `runs` need only facts, the keys of all metrics, and the
/// series of token counts.
///
/// Before any run is known nothing is assumed and nothing said: the globs' own notices say why.
#[must_use]
pub fn assume(project: &Project, runs: &[RunRecord]) -> (Project, Vec<Notice>) {
    let mut assuming = Assuming { project: project.clone(), runs, logged: logged(runs), notices: Vec::new() };
    assuming.notices.extend(facts_of_runs::unknown(project, runs));
    if !runs.is_empty() {
        assuming.domains();
        assuming.metrics();
        assuming.target();
        assuming.tokens();
        assuming.current();
        assuming.objective();
        assuming.steps();
    }
    // Where nothing says what is mixed, what is measured is named after it.
    if assuming.project.domains.is_empty() {
        assuming.project.domains = assuming.project.metrics.iter().map(|metric| metric.name.clone()).collect();
    }
    assuming.project.sort_metrics();
    (assuming.project, assuming.notices)
}

/// Whether two readings of a run lead to the same assumptions: a line that is added to a log rarely changes one, and to
/// make them looks at every key of every run.
#[must_use]
pub fn same_assumptions(project: &Project, before: &RunRecord, now: &RunRecord) -> bool {
    let counter = |record: &RunRecord| record.steps.as_ref().map(|steps| steps.counter().clone());
    let tokens = || {
        project.target.tokens.is_some()
            || now.facts.planned_tokens().is_some()
            || counts::latest_tokens(before) == counts::latest_tokens(now)
    };
    before.facts == now.facts
        && before.series.keys().eq(now.series.keys())
        && before.others == now.others
        && counter(before) == counter(now)
        && tokens()
}

/// Keys of everything that a run logs.
fn all_keys(run: &RunRecord) -> impl Iterator<Item = &str> {
    run.series.keys().map(String::as_str).chain(run.others.iter().map(AsRef::as_ref))
}

/// How many runs log each key.
fn logged(runs: &[RunRecord]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for run in runs {
        for key in all_keys(run) {
            *count.entry(key).or_insert(0) += 1;
        }
    }
    count
}

pub(super) struct Assuming<'a> {
    pub(super) project: Project,
    pub(super) runs: &'a [RunRecord],
    logged: BTreeMap<&'a str, usize>,
    notices: Vec<Notice>,
}

impl Assuming<'_> {
    pub(super) fn say(&mut self, severity: Severity, text: String, help: String) {
        let help = help.lines().map(printable).collect::<Vec<_>>().join("\n");
        self.notices.push(Notice { severity, text: printable(&text), help: Some(help) });
    }

    fn domains(&mut self) {
        // By domain: how many runs train on it.
        let mut trained: BTreeMap<String, usize> = BTreeMap::new();
        let phases = self.runs.iter().filter_map(|r| r.facts.phases()).flatten().map(|phase| &phase.mixture);
        for (domain, weight) in self.runs.iter().filter_map(|r| r.facts.mixture()).chain(phases).flat_map(|m| &m.0) {
            *trained.entry(domain.clone()).or_insert(0) += usize::from(*weight > 0.0);
        }
        if trained.is_empty() {
            return self.domains_without_mixtures();
        }
        if !self.project.domains_stated {
            // A metric's name is a domain if any run says so, in the order of the text; else it belongs to none.
            let known = std::mem::take(&mut self.project.domains);
            let is_domain = |name: &&String| known.contains(name) || trained.contains_key(*name);
            let measured = self.project.metrics.iter().map(|metric| &metric.name).filter(is_domain);
            let mut ordered: Vec<String> = measured.cloned().collect();
            ordered.extend(known.iter().filter(|name| !ordered.contains(name)).cloned().collect::<Vec<_>>());
            self.project.domains = ordered;
        }
        let known: BTreeSet<String> = self.project.domains.iter().cloned().collect();
        let new: Vec<String> = trained.keys().filter(|d| !known.contains(*d)).cloned().collect();
        let typo = |metric: &Metric| !known.contains(&metric.name) && !trained.contains_key(&metric.name);
        for metric in self.project.metrics.clone().iter().filter(|metric| typo(metric)) {
            // `prse` beside runs on `prose` is more likely a slip than an evaluation.
            let without = new.iter().map(String::as_str).filter(|d| self.project.metric_index(d).is_none());
            if let Some(meant) = closest(&metric.name, without) {
                let text = format!("no run trains on '{}', so it is measured but not mixed", metric.name);
                self.say(Severity::Warning, text, format!("did you mean '{meant}', a domain of the runs?"));
            }
        }
        for domain in &known {
            if trained.get(domain).copied().unwrap_or(0) == 0 {
                let text = format!("no run trains on '{domain}', so the effect of its weight is unknown");
                let help = match closest(domain, new.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean '{meant}', a domain of the runs?"),
                    None => format!("the runs train on {}", listed(trained.keys().map(String::as_str))),
                };
                self.say(Severity::Warning, text, help);
            }
        }
        if new.is_empty() {
            return;
        }
        let all: Vec<String> = self.project.domains.iter().cloned().chain(new.iter().cloned()).collect();
        let line = format!("domains: [{}]", all.iter().map(|d| word(d)).collect::<Vec<_>>().join(", "));
        if self.project.domains_stated {
            for domain in new.iter().filter(|d| trained[*d] > 0) {
                let text = format!(
                    "{} also {} on '{domain}', which `domains` does not list; the laws ignore its effect",
                    counted(trained[domain], "run"),
                    if trained[domain] == 1 { "trains" } else { "train" }
                );
                self.say(Severity::Warning, text, line.clone());
            }
            return;
        }
        let said = self.runs.iter().filter(|r| r.facts.mixture().is_some()).count();
        let text = format!(
            "domains detected: {} (from the mixtures of {})",
            listed(all.iter().map(String::as_str)),
            counted(said, "run")
        );
        self.project.domains = all;
        self.say(Severity::Info, text, line);
        self.unnamed_rest();
    }

    /// Says where the weights that runs state leave something that nobody names.
    fn unnamed_rest(&mut self) {
        let mixture = |run: &'_ RunRecord| run.facts.known.get(&FactName::Mixture).cloned();
        let partial = |fact: &Sourced<FactValue>| fact.source.ends_with(UNNAMED_REST);
        let runs: Vec<Sourced<FactValue>> = self.runs.iter().filter_map(mixture).filter(partial).collect();
        let Some(first) = runs.first() else { return };
        let text = format!(
            "the weights that {} {} do not sum to 1 ({}); what they leave is taken as one domain, 'rest'",
            counted(runs.len(), "run"),
            verb(runs.len(), "states", "state"),
            first.source.trim_end_matches(UNNAMED_REST)
        );
        let help = "name all in mixlaw.run.yaml of each run: mixture: { code: 0.2, prose: 0.8 }".to_owned();
        self.say(Severity::Info, text, help);
    }

    /// No run says what it is trained on: the validation losses at least say what it is measured on.
    fn domains_without_mixtures(&mut self) {
        if self.project.domains.is_empty() && !self.project.metrics.is_empty() {
            self.project.domains = self.project.metrics.iter().map(|metric| metric.name.clone()).collect();
        }
        if self.project.domains.is_empty() {
            let mut named: BTreeMap<String, String> = BTreeMap::new();
            for key in self.logged.keys() {
                if let Some(domain) = keys::domain_of(key) {
                    named.entry(domain).or_insert_with(|| (*key).to_owned());
                }
            }
            // `eval/loss` beside `eval/rust/loss` is their mean, not one more domain.
            if named.len() > 1 {
                named.remove("");
            }
            for (domain, key) in named {
                let name = if domain.is_empty() { "validation".to_owned() } else { domain };
                self.project.domains.push(name.clone());
                self.project.metrics.push(Metric { name, unit: MetricUnit::of_key(&key), key, domain: None });
            }
            if !self.project.domains.is_empty() {
                let metrics: Vec<(String, String)> =
                    self.project.metrics.iter().map(|m| (m.name.clone(), m.key.clone())).collect();
                let text = match metrics.as_slice() {
                    [(_, key)] => format!("validation loss: {key}; no run states the corpora it is trained on"),
                    _ => format!(
                        "domains detected: {} (from the names of validation losses)",
                        listed(metrics.iter().map(|(d, _)| d.as_str()))
                    ),
                };
                self.say(Severity::Info, text, metrics_yaml(&metrics));
            }
        }
        if self.project.domains.len() > 1 {
            self.say(
                Severity::Warning,
                "no run states its mixture".to_owned(),
                "add a file mixlaw.run.yaml with `mixture: { prose: 0.8, rust: 0.2 }` to each run, or give the source:\n\
                 facts:\n  mixture: config.json#mixture"
                    .to_owned(),
            );
        }
    }

    fn metrics(&mut self) {
        if self.logged.is_empty() {
            return; // Nothing is logged yet: every key would be missing.
        }
        self.project.sort_metrics();
        self.missing_metrics();
        // A list with an evaluation of no domain in it says what is measured; nothing is added to it.
        if self.project.metrics.iter().any(|metric| metric.domain.is_none()) {
            return;
        }
        let mut taken: BTreeSet<String> = self.project.metric_keys().cloned().collect();
        // The longest name first, so that `github` does not take the loss of `github_code`.
        let mut order: Vec<&String> = self.project.domains.iter().collect();
        order.sort_by_cached_key(|domain| std::cmp::Reverse(domain.len()));
        let mut found: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for domain in order.into_iter().filter(|domain| self.project.metric_index(domain).is_none()) {
            if let Some((key, unmarked)) = self.best_key(domain, &taken) {
                taken.insert(key.clone());
                found.insert(domain.clone(), (key, unmarked));
            }
        }
        let alike = self.alike(&found, &taken);
        found.extend(alike.iter().map(|(domain, key)| (domain.clone(), (key.clone(), false))));
        if found.is_empty() && self.project.metrics.is_empty() && self.evaluations() {
            return;
        }
        let (mut assumed, mut by_words) = (Vec::<(String, String)>::new(), Vec::new());
        for domain in self.project.domains.clone() {
            if self.project.metric_index(&domain).is_some() {
                continue;
            }
            let Some((key, unmarked)) = found.remove(&domain) else {
                let text = format!("no validation loss found for {domain}, so it has no forecast");
                let help = format!(
                    "{}\nthe runs log {}",
                    metrics_yaml(&[(domain, "KEY".to_owned())]),
                    listed(self.logged.keys().copied())
                );
                self.say(Severity::Warning, text, help);
                continue;
            };
            if unmarked {
                let text = format!(
                    "validation loss of {domain} assumed: {key}, although its name does not say that it is held out"
                );
                self.say(Severity::Warning, text, metrics_yaml(&[(domain.clone(), key.clone())]));
            } else if alike.contains_key(&domain) {
                by_words.push((domain.clone(), key.clone()));
            } else {
                assumed.push((domain.clone(), key.clone()));
            }
            let unit = MetricUnit::of_key(&key);
            self.project.metrics.push(Metric { name: domain.clone(), key, domain: Some(domain), unit });
        }
        for (pairs, how) in
            [(assumed, "validation losses"), (by_words, "validation losses assumed by their first words")]
        {
            if !pairs.is_empty() {
                let list: Vec<String> = pairs.iter().map(|(d, k)| format!("{k} for {d}")).collect();
                self.say(Severity::Info, format!("{how}: {}", list.join(", ")), metrics_yaml(&pairs));
            }
        }
    }

    /// Says which of the stated metrics no run logs.
    fn missing_metrics(&mut self) {
        let taken: BTreeSet<String> = self.project.metric_keys().cloned().collect();
        for metric in self.project.metrics.clone() {
            if self.logged.contains_key(metric.key.as_str()) {
                continue;
            }
            let what = match &metric.domain {
                Some(domain) => format!("the validation loss of {domain}"),
                None => metric.name.clone(),
            };
            let text = format!("no run logs '{}', {what}", metric.key);
            let similar = self.best_key(&metric.name, &taken).map(|(key, _)| key);
            let similar = similar.or_else(|| closest(&metric.key, self.logged.keys().copied()).map(str::to_owned));
            let help = match similar {
                Some(key) => format!("did you mean {key}?\n{}", metrics_yaml(&[(metric.name, key.clone())])),
                None => format!("the runs log {}", listed(self.logged.keys().copied())),
            };
            self.say(Severity::Warning, text, help);
        }
    }

    /// No loss belongs to a domain: takes the evaluations that runs log. Returns whether there are any.
    fn evaluations(&mut self) -> bool {
        let of = |key: &&str| {
            let found = keys::evaluation(key)?;
            (!found.vague || !self.beside_training(key)).then(|| ((*key).to_owned(), found.name))
        };
        let all = self.logged.keys().filter_map(of);
        let mut all: Vec<(String, String)> = all.collect();
        // Where losses or bits are measured, scores beside them say the same more coarsely.
        let is_loss = |key: &str| MetricUnit::of_key(key).is_as_logged();
        if all.iter().any(|(key, _)| is_loss(key)) {
            all.retain(|(key, _)| is_loss(key));
        }
        if all.is_empty() {
            return false;
        }
        let named = |name: &str| all.iter().filter(|(_, other)| other == name).count();
        let metrics: Vec<Metric> = all
            .iter()
            .map(|(key, name)| {
                let name = if named(name) == 1 { name.clone() } else { key.clone() };
                Metric { name, key: key.clone(), domain: None, unit: MetricUnit::of_key(key) }
            })
            .collect();
        let names: Vec<(String, String)> = metrics.iter().map(|m| (m.name.clone(), m.key.clone())).collect();
        let text =
            format!("evaluations: {}, which belong to no domain", listed(names.iter().map(|(name, _)| name.as_str())));
        self.say(Severity::Info, text, metrics_yaml(&names));
        self.project.metrics = metrics;
        true
    }

    /// Whether a run logs this key beside a training loss.
    fn beside_training(&self, key: &str) -> bool {
        let trains = |run: &RunRecord| all_keys(run).any(|key| keys::training_loss(key).is_some());
        self.runs.iter().any(|run| all_keys(run).any(|known| known == key) && trains(run))
    }

    /// For the domains that have no loss of their own name, those whose names begin alike; empty unless there is one for each.
    fn alike(&self, found: &BTreeMap<String, (String, bool)>, taken: &BTreeSet<String>) -> BTreeMap<String, String> {
        let without = |domain: &&String| self.project.metric_index(domain).is_none() && !found.contains_key(*domain);
        let named = |domain: &'_ String| keys::words_of(domain);
        let domains: BTreeMap<&str, Vec<String>> =
            self.project.domains.iter().filter(without).map(|domain| (domain.as_str(), named(domain))).collect();
        let losses = self.logged.keys().filter(|key| !taken.contains(**key));
        let losses = losses.filter_map(|key| Some((*key, keys::domain_of(key).filter(|name| !name.is_empty())?)));
        let losses: BTreeMap<&str, Vec<String>> = losses.map(|(key, name)| (key, keys::words_of(&name))).collect();
        let pairs = alike::pairs(&domains, &losses);
        if pairs.len() < domains.len() {
            return BTreeMap::new();
        }
        pairs.into_iter().map(|(domain, key)| (domain.to_owned(), key.to_owned())).collect()
    }

    /// The key that suits best among those not taken: by its words, and then by how many runs log it.
    fn best_key(&self, domain: &str, taken: &BTreeSet<String>) -> Option<(String, bool)> {
        let candidates = self.logged.iter().filter(|(key, _)| !taken.contains(**key));
        candidates
            .filter_map(|(key, runs)| Some((keys::fitness(key, domain)?, std::cmp::Reverse(*runs), *key)))
            .min_by_key(|(fitness, runs, key)| (fitness.unmarked, *runs, *fitness, *key))
            .map(|(fitness, _, key)| (key.to_owned(), fitness.unmarked))
    }

    fn current(&mut self) {
        if let Some(current) = &self.project.current {
            let outside = |d: &&String| self.project.bounds.get(*d).is_some_and(|b| !within(current.weight(d), *b));
            if let Some(domain) = self.project.domains.iter().find(outside).cloned() {
                let [low, high] = self.project.bounds[&domain];
                let weight = current.weight(&domain);
                let text = format!("the current weight of {domain} ({weight}) is outside its bounds, {low} to {high}");
                let help =
                    format!("mixture:\n  bounds: {{ {}: [{}, {}] }}", word(&domain), low.min(weight), high.max(weight));
                self.say(Severity::Info, text, help);
            }
            return;
        }
        let domains = &self.project.domains;
        let mixtures: Vec<Vec<f64>> = self
            .runs
            .iter()
            .filter_map(|r| r.facts.mixture())
            .map(|m| m.weights(domains))
            .filter(|w| (w.iter().sum::<f64>() - 1.0).abs() <= Mixture::SUM_TOLERANCE)
            .collect();
        let Some((weights, how)) = usual(&mixtures) else { return };
        let mixture = Mixture::from_weights(domains, &weights);
        let named: Vec<(String, f64)> = domains.iter().cloned().zip(weights).collect();
        let text = format!("current mixture assumed: {} ({how})", as_line(&named));
        let help = format!("mixture:\n  current: {}", as_line(&named));
        self.project.current = Some(mixture);
        self.say(Severity::Info, text, help);
    }

    /// Where steps are not those of the log.
    fn steps(&mut self) {
        let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
        for counter in self.runs.iter().filter_map(|run| Some(&**run.steps.as_ref()?.counter())) {
            *runs.entry(counter).or_default() += 1;
        }
        for (counter, runs) in runs {
            let of = if runs == 1 { "one run".to_owned() } else { counted(runs, "run") };
            let text =
                format!("steps of {of} come from '{counter}', because W&B's own _step counts calls of log there");
            self.say(Severity::Info, text, "to log optimiser steps to W&B: wandb.log(…, step=STEP)".to_owned());
        }
    }

    /// Names in the objective that no run and no key of the project knows.
    fn objective(&mut self) {
        let objective = &self.project.objective;
        let named = objective.minimize.keys().chain(objective.subject_to.iter().map(|c| &c.metric));
        let known: BTreeSet<&String> =
            self.project.metrics.iter().map(|metric| &metric.name).chain(&self.project.domains).collect();
        let unknown: BTreeSet<String> = named.filter(|name| !known.contains(name)).cloned().collect();
        let known: Vec<String> = known.into_iter().cloned().collect();
        for name in unknown {
            let text = format!("the objective contains '{name}', which is not measured");
            let help = match closest(&name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("measured are {}", listed(known.iter().map(String::as_str))),
            };
            self.say(Severity::Warning, text, help);
        }
    }
}

/// The mixture that more than half of the runs have, or else the mean of all.
fn usual(mixtures: &[Vec<f64>]) -> Option<(Vec<f64>, String)> {
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-6);
    // The only one that can have a majority (Boyer and Moore's vote), and whether it has.
    let mut vote: (usize, &Vec<f64>) = (0, mixtures.first()?);
    for mixture in mixtures {
        vote = match vote {
            (0, _) => (1, mixture),
            (count, leader) if same(leader, mixture) => (count + 1, leader),
            (count, leader) => (count - 1, leader),
        };
    }
    let count = mixtures.iter().filter(|m| same(m, vote.1)).count();
    if 2 * count > mixtures.len() {
        return Some((vote.1.clone(), format!("that of {count} of {}", counted(mixtures.len(), "run"))));
    }
    #[allow(clippy::cast_precision_loss)]
    let mean = |i: usize| mixtures.iter().map(|m| m[i]).sum::<f64>() / mixtures.len() as f64;
    let mean: Vec<f64> = (0..vote.1.len()).map(mean).collect();
    let sum: f64 = mean.iter().sum();
    Some((mean.iter().map(|w| w / sum).collect(), format!("the mean of {}", counted(mixtures.len(), "run"))))
}

fn within(weight: f64, bounds: [f64; 2]) -> bool {
    (bounds[0] - 1e-9..=bounds[1] + 1e-9).contains(&weight)
}

fn metrics_yaml(metrics: &[(String, String)]) -> String {
    let lines: Vec<String> = metrics.iter().map(|(d, k)| format!("  {}: {}", word(d), word(k))).collect();
    format!("metrics:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests::code_cpt;
    use crate::project::{Base, Constraint, Slack, Target};
    use crate::vocab::StepSeries;
    use std::sync::Arc;

    fn bare() -> Project {
        Project::default()
    }

    fn keys(project: &Project) -> Vec<&str> {
        project.metrics.iter().map(|metric| metric.key.as_str()).collect()
    }

    #[test]
    fn evaluations_that_belong_to_no_domain_are_measured_and_named() {
        let mut runs = code_cpt();
        for run in &mut runs {
            let key = |key: &str| {
                key.replace("eval/prose/loss", "eval/bpb/mmlu_bpb").replace("eval/rust/loss", "eval/bpb/arc_bpb")
            };
            run.series = Arc::new(run.series.iter().map(|(k, s)| (key(k), s.clone())).collect());
        }
        let (project, notices) = assume(&bare(), &runs);
        assert_eq!(project.domains, ["prose", "rust"]);
        let found: Vec<(&str, Option<&str>)> =
            project.metrics.iter().map(|m| (m.name.as_str(), m.domain.as_deref())).collect();
        assert_eq!(found, [("arc", None), ("mmlu", None)], "{}", text(&notices));
        assert!(project.metrics.iter().all(|m| m.unit == MetricUnit::Bits));
        assert!(notices.iter().all(|n| n.severity == Severity::Info), "{}", text(&notices));
        // Named by hand, with a domain's loss beside them: the list says what is measured, and in which order.
        let mut named = bare();
        named.metrics = vec![Metric::new("quiz", "eval/bpb/arc_bpb", None)];
        let (project, _) = assume(&named, &runs);
        assert_eq!((project.domains.len(), keys(&project)), (2, vec!["eval/bpb/arc_bpb"]));
    }

    fn text(notices: &[Notice]) -> String {
        let line = |n: &Notice| format!("{:?}: {} | {}", n.severity, n.text, n.help.as_deref().unwrap_or(""));
        notices.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_leads_to_the_same_assumptions_and_a_new_key_a_fact_or_more_tokens_do_not() {
        let before = code_cpt()[0].clone();
        let mut now = before.clone();
        let loss = Arc::make_mut(&mut now.series).get_mut("eval/rust/loss").unwrap();
        *loss = loss.grown(&[(1_000_000, 1.0)]).unwrap();
        assert!(before.facts.planned_tokens().is_some() && same_assumptions(&bare(), &before, &now));
        let mut other = now.clone();
        Arc::make_mut(&mut other.series).insert("eval/go/loss".to_owned(), StepSeries::default());
        assert!(!same_assumptions(&bare(), &before, &other), "a key");
        let mut other = now.clone();
        Arc::make_mut(&mut other.facts).known.remove(&FactName::Params);
        assert!(!same_assumptions(&bare(), &before, &other), "a fact");
        let unplanned = |record: &RunRecord| {
            let mut record = record.clone();
            Arc::make_mut(&mut record.facts).known.remove(&FactName::PlannedSteps);
            Arc::make_mut(&mut record.facts).known.remove(&FactName::PlannedTokens);
            record
        };
        let (before, now) = (unplanned(&before), unplanned(&now));
        assert!(!same_assumptions(&bare(), &before, &now), "the target's tokens are those of the longest run");
        let stated = Project { target: Target { tokens: Some(1e9), ..Target::default() }, ..bare() };
        assert!(same_assumptions(&stated, &before, &now));
    }

    #[test]
    fn a_bare_directory_of_runs_says_everything_itself() {
        let (project, notices) = assume(&bare(), &code_cpt());
        assert_eq!(project.domains, ["prose", "rust"]);
        assert_eq!(keys(&project), ["eval/prose/loss", "eval/rust/loss"]);
        assert_eq!(project.target, Target { params: Some(591_616.0), tokens: Some(1_638_400.0), ..Target::default() });
        let current = project.current.clone().expect("a mixture");
        assert!((current.weight("prose") + current.weight("rust") - 1.0).abs() < 1e-12);
        assert_eq!(notices.len(), 4, "{}", text(&notices));
        assert!(notices.iter().all(|n| n.severity == Severity::Info), "{}", text(&notices));
        assert!(text(&notices).contains("the mean of 36 runs"), "{}", text(&notices));

        // Each help is YAML that, put into a file, leaves nothing to assume.
        let yaml: Vec<&str> = notices.iter().filter_map(|n| n.help.as_deref()).collect();
        let file = format!("runs:\n  - path: runs/*\n{}\n", yaml.join("\n"));
        let stated = crate::project::load::from_text(&file, std::path::Path::new("/p")).expect(&file);
        assert_eq!((&stated.domains, &stated.metrics), (&project.domains, &project.metrics));
        let (_, again) = assume(&stated, &code_cpt());
        assert!(again.is_empty(), "{}", text(&again));
    }

    #[test]
    fn nothing_is_said_before_there_are_runs() {
        let (project, notices) = assume(&bare(), &[]);
        assert_eq!((project, notices), (bare(), Vec::new()));
    }

    #[test]
    fn what_is_stated_and_missing_is_warned_of_with_the_closest_name() {
        let mut project = bare();
        project.domains = vec!["prose".into(), "Rust".into()];
        project.domains_stated = true;
        project.metrics =
            vec![Metric::new("prose", "eval/prse/loss", None), Metric::new("Rust", "eval/Rust/loss", None)];
        let (_, notices) = assume(&project, &code_cpt());
        let said = text(&notices);
        assert!(
            said.contains("no run trains on 'Rust'") && said.contains("did you mean 'rust', a domain of the runs"),
            "{said}"
        );
        assert!(said.contains("32 runs also train on 'rust', which `domains` does not list"), "{said}");
        assert!(said.contains("no run logs 'eval/prse/loss'") && said.contains("mean eval/prose/loss?"), "{said}");
        assert!(said.contains("no run logs 'eval/Rust/loss'") && said.contains("mean eval/rust/loss?"), "{said}");
    }

    #[test]
    fn domains_that_only_the_metrics_name_are_extended_by_what_runs_train_on() {
        let mut project = bare();
        project.metrics = vec![Metric::new("rust", "eval/rust/loss", None)];
        let (project, notices) = assume(&project, &code_cpt());
        assert_eq!(project.domains, ["rust", "prose"]);
        assert_eq!(keys(&project), ["eval/rust/loss", "eval/prose/loss"]);
        assert!(notices.iter().all(|n| n.severity == Severity::Info), "{}", text(&notices));
    }

    #[test]
    fn runs_that_say_no_mixture_are_asked_for_it() {
        let mut runs = code_cpt();
        for run in &mut runs {
            Arc::make_mut(&mut run.facts).known.remove(&FactName::Mixture);
            Arc::make_mut(&mut run.facts).known.remove(&FactName::Params);
        }
        let (project, notices) = assume(&bare(), &runs);
        assert_eq!(project.domains, ["prose", "rust"], "from the keys");
        assert_eq!(project.current, None);
        let said = text(&notices);
        assert!(said.contains("no run states its mixture") && said.contains("mixlaw.run.yaml"), "{said}");
        assert!(said.contains("no run states its parameter count"), "{said}");
    }

    #[test]
    fn the_mixture_of_most_runs_is_the_current_one() {
        let mut runs = code_cpt();
        runs.retain(|r| r.name.contains("r020"));
        let (project, notices) = assume(&bare(), &runs);
        assert_eq!(project.current.map(|m| m.weight("rust")), Some(0.2));
        assert!(text(&notices).contains("that of 4 of 4 runs"), "{}", text(&notices));
    }

    #[test]
    fn a_loss_that_may_be_a_training_loss_is_used_only_with_a_warning() {
        let mut runs = code_cpt();
        for run in &mut runs {
            let series = std::mem::take(&mut run.series);
            run.series = Arc::new(series.iter().map(|(k, s)| (k.replace("eval/", ""), s.clone())).collect());
        }
        let (project, notices) = assume(&bare(), &runs);
        assert_eq!(keys(&project), ["prose/loss", "rust/loss"]);
        assert!(text(&notices).contains("does not say that it is held out"), "{}", text(&notices));
    }

    #[test]
    fn an_objective_about_a_stranger_is_warned_of() {
        let mut project = bare();
        project.objective.minimize.insert("rast".into(), 1.0);
        project.objective.subject_to.push(Constraint {
            metric: "wikipedia".into(),
            base: Base::Start,
            slack: Slack::Nats(0.0),
            text: String::new(),
        });
        let said = text(&assume(&project, &code_cpt()).1);
        assert!(said.contains("'rast'") && said.contains("did you mean rust?"), "{said}");
        assert!(said.contains("'wikipedia'") && said.contains("measured are prose, rust"), "{said}");
    }
}
