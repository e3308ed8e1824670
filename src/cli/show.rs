//! `mixlaw show`: one run, with everything that is known of it.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::project::sidecar::FILE_NAME;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{FactValue, RunView, RunsAnswer};
use clap::Args;
use std::collections::BTreeSet;

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Name of the run, or a part that only it has
    run: String,
    #[command(flatten)]
    project: ProjectArg,
    /// Print the answer as JSON (schemas/runs.schema.json)
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer: RunsAnswer = Session::open(&self.project.project)?.ask(Query::Show { run: self.run })?;
        if self.json {
            print_json(&answer)?;
        } else {
            for run in &answer.runs {
                print(&show(run))?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// A fact's value in words.
pub(super) fn fact(value: &FactValue) -> String {
    match value {
        FactValue::Number(number) => show_amount(*number),
        FactValue::Text(text) => text.clone(),
        FactValue::Mixture(mixture) => {
            mixture.0.iter().map(|(d, w)| format!("{d} {w:.3}")).collect::<Vec<_>>().join(", ")
        }
    }
}

fn show(run: &RunView) -> String {
    let mut facts = vec![vec!["fact".to_owned(), "value".to_owned(), "found in".to_owned()]];
    for (name, sourced) in &run.facts {
        facts.push(vec![name.as_str().to_owned(), fact(&sourced.value), sourced.source.clone()]);
    }
    for conflict in &run.conflicts {
        let name = format!("{} (not used)", conflict.name.as_str());
        facts.push(vec![name, fact(&conflict.other.value), conflict.other.source.clone()]);
    }
    let mut metrics: Vec<Vec<String>> = vec![
        ["metric", ">points", ">starts", ">last step", ">last", ">final, forecast"]
            .iter()
            .map(|s| (*s).to_owned())
            .collect(),
    ];
    for (key, metric) in run.metrics.iter() {
        metrics.push(vec![
            key.to_string(),
            metric.points.to_string(),
            metric.segments.to_string(),
            metric.last_step.to_string(),
            metric.status.clone().unwrap_or_else(|| format!("{:.5}", metric.last)),
            run.forecast
                .get(&**key)
                .map_or_else(String::new, |f| format!("{:.4} ({:.4}–{:.4})", f.value, f.low, f.high)),
        ]);
    }
    let mut out = format!("{}: {}\n", printable(&run.name), format!("{:?}", run.state).to_lowercase());
    if !run.signals.is_empty() {
        out.push_str(&format!("\n{}", super::ack::signals(std::slice::from_ref(run), true)));
    }
    out.push_str(&format!("\n{}\n{}", table(&facts), table(&metrics)));
    let assumed: BTreeSet<&String> = run.forecast.values().filter_map(|f| f.assumed.as_ref()).collect();
    for what in assumed {
        out.push_str(&format!("\nassumed: {what}\n  in {}/{FILE_NAME}\n", printable(&run.name)));
    }
    out
}
