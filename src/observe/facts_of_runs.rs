//! What is known of runs in logs beside what laws see, and which runs `where` leaves out.

use super::RunRecord;
use crate::ingest::discover;
use crate::project::suggest::{closest, listed};
use crate::project::{Project, conditions};
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, FactsOfRun, FactsPlace, Notice, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The run's folder, as a fact.
const FOLDER: &str = "folder";
/// The run's name, as a fact.
const NAME: &str = "run";

/// Facts that laws see, or that say nothing of what was trained.
const SEEN: [FactName; 19] = [
    FactName::Params,
    FactName::ActiveParams,
    FactName::TotalParams,
    FactName::Mixture,
    FactName::Phases,
    FactName::Experts,
    FactName::ExpertsPerToken,
    FactName::Granularity,
    FactName::Layers,
    FactName::MoeLayers,
    FactName::FirstDenseLayers,
    FactName::EmbeddingParams,
    FactName::FlopsPerToken,
    FactName::PlannedSteps,
    FactName::PlannedTokens,
    FactName::Tokens,
    FactName::Ended,
    FactName::InitFrom,
    FactName::StepMetric,
];

/// The entries of `runs:`, in their order.
pub(super) fn places(project: &Project) -> Vec<FactsPlace> {
    let place = |source: &crate::project::RunSource| FactsPlace {
        named: source.path.clone(),
        filter: conditions::written(&source.filter),
        line: source.at.map(|at| at.0),
    };
    project.runs.iter().map(place).collect()
}

/// The facts of a run, as texts, and whether the entry of `runs:` it comes from leaves it out.
pub(super) fn of_run(project: &Project, record: &RunRecord) -> (FactsOfRun, bool) {
    let place = match project.runs.as_slice() {
        [] | [_] => 0,
        several => several.iter().position(|s| discover::is_of(&project.root, s, &record.name)).unwrap_or(0),
    };
    let mut values = texts(record);
    let filter = project.runs.get(place).map(|source| source.filter.as_slice()).unwrap_or_default();
    let left_out = filter.iter().any(|c| !c.holds(values.get(c.column.as_str()).map_or("", |text| &**text)));
    for name in SEEN.iter().map(|name| name.as_str()).chain([NAME]) {
        values.remove(name);
    }
    (FactsOfRun { place, values }, left_out)
}

/// All that conditions can compare.
fn texts(record: &RunRecord) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut values: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for (name, value) in record.facts.settings.iter() {
        values.insert(name.as_str().into(), value.as_str().into());
    }
    for (name, fact) in record.facts.with_tokens() {
        let text = match fact.value {
            FactValue::Number(number) => number.to_string(),
            FactValue::Text(text) => text,
            FactValue::Mixture(_) | FactValue::Phases(_) => continue,
        };
        values.insert(name.as_str().into(), text.as_str().into());
    }
    values.insert(NAME.into(), (&*record.name).into());
    if let Some((folder, _)) = record.name.rsplit_once('/') {
        values.insert(FOLDER.into(), folder.into());
    }
    values
}

/// Notes on conditions about facts that no run has.
pub(super) fn unknown(project: &Project, runs: &[RunRecord]) -> Vec<Notice> {
    if runs.is_empty() || project.runs.iter().all(|source| source.filter.is_empty()) {
        return Vec::new();
    }
    let known: BTreeSet<Arc<str>> = runs.iter().flat_map(|run| texts(run).into_keys()).collect();
    let all = project.runs.iter().flat_map(|source| source.filter.iter().map(move |c| (source, c)));
    let strange = all.filter(|(_, c)| !known.contains(c.column.as_str()));
    let note = |(source, c): (&crate::project::RunSource, &conditions::Condition)| {
        let place = source
            .at
            .map_or_else(String::new, |(line, column)| format!("{}:{line}:{column}: ", project.named.display()));
        let names = || known.iter().map(|name| &**name);
        let help = match closest(&c.column, names()) {
            Some(meant) => format!("did you mean '{meant}'?"),
            None => format!("the facts of these runs are {}", listed(names())),
        };
        let text = format!("{place}no run has the fact '{}' of `where: {c}`", c.column);
        Notice { severity: Severity::Warning, text: printable(&text), help: Some(printable(&help)) }
    };
    strange.map(note).collect()
}

/// Says how many runs `where` leaves out; `None` where it leaves out none.
pub(super) fn sentence(left_out: usize, of: usize) -> Option<String> {
    let do_not = if left_out == 1 { "does not" } else { "do not" };
    (left_out > 0).then(|| format!("left out: {left_out} of {} {do_not} meet `where`", counted(of, "run")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{observe, tests};

    #[test]
    fn runs_that_do_not_meet_where_are_not_fitted_to_and_it_is_said() {
        let (mut project, mut runs) = (tests::project(), tests::code_cpt());
        let path = "runs/*".to_owned();
        project.runs = vec![crate::project::RunSource { path, at: None, filter: Vec::new() }];
        for (i, run) in runs.iter_mut().enumerate() {
            let facts = Arc::make_mut(&mut run.facts);
            Arc::make_mut(&mut facts.settings)
                .insert("data.tokenizer".to_owned(), if i % 4 == 0 { "gpt2" } else { "llama" }.to_owned());
        }
        let all = observe(&project, &runs);
        assert_eq!(all.facts.runs.len(), runs.len());
        assert_eq!(&*all.facts.runs[4].values["data.tokenizer"], "gpt2");
        assert!(!all.facts.runs[4].values.contains_key("params"), "laws see it");
        let present = |observed: &crate::observe::Observed| observed.fitted[0].runs_present();
        let before = present(&all);
        let mut with = |text: &str| {
            project.runs[0].filter = conditions::conditions(text).unwrap();
            (observe(&project, &runs), unknown(&project, &runs))
        };
        let (kept, unknown) = with("data.tokenizer != gpt2");
        assert_eq!(present(&kept), before - runs.len().div_ceil(4));
        let said = format!("left out: {} of {} runs do not meet `where`", runs.len().div_ceil(4), runs.len());
        assert!(kept.fitted[0].dropped.contains(&said), "{:?}", kept.fitted[0].dropped);
        assert_eq!(unknown, Vec::new());
        let (kept, _) = with("params < 100k and run != nobody");
        assert!(kept.fitted[0].rows.iter().all(|row| row.params < 1e5) && !kept.fitted[0].rows.is_empty());
        let (kept, unknown) = with("data.tokeniser == gpt2");
        assert_eq!(present(&kept), 0, "a fact that no run has is like no value");
        assert_eq!(unknown[0].help.as_deref(), Some("did you mean 'data.tokenizer'?"));
    }

    #[test]
    fn a_run_is_of_the_first_entry_that_it_matches() {
        let source = |path: &str| crate::project::RunSource { path: path.to_owned(), at: None, filter: Vec::new() };
        let root = std::path::Path::new("/p");
        for (path, name, is) in [
            ("runs/*", "runs/a", true),
            ("runs/*", "runs/a/part", true),
            ("runs/*", "other/a", false),
            ("**/logs", "x/y/logs", true),
            ("/q/r*", "/q/r1", true),
            (".", ".", true),
            ("runs/b*", "runs/a", false),
        ] {
            assert_eq!(discover::is_of(root, &source(path), name), is, "{path} {name}");
        }
    }
}
