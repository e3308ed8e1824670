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
    let mut out = printable(&format!("{}: {}; domains: {domains}", answer.project, counted(answer.runs.len(), "run")));
    out.push_str("\n\n");
    out.push_str(&summary(&answer.runs));
    out.push('\n');
    let mut rows: Vec<Vec<String>> = vec![["run", "file", "format", ">points", "why"].map(str::to_owned).to_vec()];
    for file in &answer.files {
        let format = file.format.clone().unwrap_or_else(|| "refused".to_owned());
        rows.push(vec![file.run.clone(), file.file.clone(), format, file.points.to_string(), file.why.clone()]);
    }
    out.push_str(&table(&rows));
    out.push('\n');
    let mut rows: Vec<Vec<String>> = vec![["run", "fact", "value", "found in"].map(str::to_owned).to_vec()];
    for run in &answer.runs {
        for (name, sourced) in &run.facts {
            rows.push(vec![run.name.clone(), name.as_str().to_owned(), fact(&sourced.value), sourced.source.clone()]);
        }
        for row in conflicts(&run.conflicts) {
            rows.push([run.name.clone()].into_iter().chain(row).collect());
        }
    }
    out.push_str(&table(&rows));
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
