//! `mixlaw check`: the format of each log, the source of each fact, and every problem.

use super::output::{print, print_json, table};
use super::session::Session;
use super::show::{conflicts, fact};
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::observe;
use crate::vocab::count::counted;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{CheckAnswer, FactName, RunView, Severity};
use clap::Args;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/check.schema.json)
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer: CheckAnswer = Session::open(&self.project.project)?.ask(Query::Check)?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        let errors = answer.notices.iter().filter(|n| n.severity == Severity::Error).count();
        if errors > 0 {
            return Err(Failure::new(format!("the project has {}, listed above", counted(errors, "error")), None));
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &CheckAnswer) -> String {
    let domains = if answer.domains.is_empty() { "none known".to_owned() } else { answer.domains.join(", ") };
    // Those of a table have none, and are among the notices.
    let runs = if answer.runs.is_empty() { "no runs with logs".to_owned() } else { counted(answer.runs.len(), "run") };
    let mut out = printable(&format!("{}: {runs}; domains: {domains}", answer.project));
    out.push('\n');
    if !answer.runs.is_empty() {
        out.push('\n');
        out.push_str(&summary(&answer.runs));
        out.push('\n');
    }
    let missing = missing(answer);
    if missing.len() > 1 {
        out.push_str(&table(&missing));
        out.push('\n');
    }
    let mut rows: Vec<Vec<String>> = vec![["run", "file", "format", ">points", "why"].map(str::to_owned).to_vec()];
    for file in &answer.files {
        let format = file.format.clone().unwrap_or_else(|| "refused".to_owned());
        rows.push(vec![file.run.clone(), file.file.clone(), format, file.points.to_string(), file.why.clone()]);
    }
    if rows.len() > 1 {
        out.push_str(&table(&rows));
        out.push('\n');
    }
    let mut rows: Vec<Vec<String>> = vec![["run", "fact", "value", "found in"].map(str::to_owned).to_vec()];
    for run in &answer.runs {
        for (name, sourced) in &run.facts {
            rows.push(vec![run.name.clone(), name.as_str().to_owned(), fact(&sourced.value), sourced.source.clone()]);
        }
        for row in conflicts(&run.conflicts) {
            rows.push([run.name.clone()].into_iter().chain(row).collect());
        }
    }
    if rows.len() > 1 {
        out.push_str(&table(&rows));
    }
    if !answer.notices.is_empty() {
        out.push('\n');
    }
    for notice in &answer.notices {
        let word = format!("{:?}", notice.severity).to_lowercase();
        out.push_str(&printable(&format!("{word}: {}", notice.text)));
        out.push('\n');
        if let Some(help) = &notice.help {
            for (line, text) in help.lines().enumerate() {
                out.push_str(if line == 0 { "  help: " } else { "        " });
                out.push_str(&printable(text));
                out.push('\n');
            }
        }
    }
    out
}

/// One line a run: what laws and forecasts need of it.
fn summary(runs: &[RunView]) -> String {
    const UNKNOWN: &str = "unknown";
    let head = ["run", "state", ">N", ">tokens/step", ">tokens planned", "mixture", ">losses", ">points"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for run in runs {
        let amount = |value: Option<f64>| value.map_or_else(|| UNKNOWN.to_owned(), show_amount);
        let mixture = match run.mixture() {
            None => UNKNOWN.to_owned(),
            Some(mixture) if mixture.0.len() > 4 => counted(mixture.0.len(), "domain"),
            Some(mixture) => {
                let parts = mixture.0.iter().map(|(domain, weight)| format!("{domain} {:.0}%", 100.0 * weight));
                parts.collect::<Vec<_>>().join(" ")
            }
        };
        let losses = run.metrics.keys().filter(|key| observe::is_evaluation(key)).count();
        rows.push(vec![
            run.name.clone(),
            format!("{:?}", run.state).to_lowercase(),
            amount(run.params()),
            amount(run.tokens_per_step()),
            amount(run.number(FactName::Tokens).or_else(|| run.number(FactName::PlannedTokens))),
            mixture,
            losses.to_string(),
            run.metrics.values().map(|metric| metric.points).sum::<u64>().to_string(),
        ]);
    }
    table(&rows)
}

/// One line for each thing that laws and forecasts would need, and what to type.
fn missing(answer: &CheckAnswer) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = vec![["missing", "of", "what to type"].map(str::to_owned).to_vec()];
    let domains: Vec<&str> = answer.domains.iter().map(String::as_str).take(2).collect();
    let (one, other) = match domains[..] {
        [one, other] => (one, other),
        _ => ("web", "code"),
    };
    let mixture = format!("in mixlaw.run.yaml of each, if it mixes corpora: mixture: {{ {one}: 0.7, {other}: 0.3 }}");
    type Known = fn(&RunView) -> bool;
    let is_known: [(&str, Known, &str); 3] = [
        ("mixture", |run| run.mixture().is_some(), &mixture),
        ("size", |run| run.params().is_some(), "in mixlaw.run.yaml of each: params: 1B"),
        ("tokens per step", |run| run.tokens_per_step().is_some(), "in mixlaw.run.yaml of each: batch_tokens: 1M"),
    ];
    for (what, is_known, help) in is_known {
        let without: Vec<&RunView> = answer.runs.iter().filter(|run| !is_known(run)).collect();
        let of = match without[..] {
            [] => continue,
            [run] => run.name.clone(),
            [first, ..] if without.len() == answer.runs.len() => {
                format!("all {} ({}, …)", counted(without.len(), "run"), first.name)
            }
            [first, ..] => format!("{} ({}, …)", counted(without.len(), "run"), first.name),
        };
        rows.push(vec![what.to_owned(), of, help.to_owned()]);
    }
    let assumed = answer.notices.iter().find(|notice| notice.text.starts_with("target assumed"));
    if let Some(help) = assumed.and_then(|notice| notice.help.clone()) {
        rows.push(vec!["target".to_owned(), "the project".to_owned(), format!("in mixlaw.yaml: {help}")]);
    }
    rows
}
