//! `mixlaw runs`: the table of runs.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::number::show_amount;
use crate::vocab::{FactName, FactValue, RunView, RunsAnswer};
use clap::Args;
use std::collections::BTreeSet;

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    #[command(flatten)]
    project: ProjectArg,
    /// Print the answer as JSON (schemas/runs.schema.json)
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer: RunsAnswer = Session::open(&self.project.project)?.ask(Query::Runs)?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer.runs))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(runs: &[RunView]) -> String {
    let losses: BTreeSet<&String> = runs.iter().flat_map(|run| run.sparklines.keys()).collect();
    let mut header: Vec<String> = ["run", "state", ">done", ">N", "mixture"].iter().map(|s| (*s).to_owned()).collect();
    header.extend(losses.iter().map(|key| format!(">{key}")));
    let mut rows = vec![header];
    for run in runs {
        let mut row = vec![
            run.name.clone(),
            format!("{:?}", run.state).to_lowercase(),
            run.progress.map_or_else(String::new, |p| format!("{:.0}%", p * 100.0)),
            number(run, FactName::Params),
            mixture(run),
        ];
        row.extend(losses.iter().map(|key| {
            let latest = run.metrics.get(*key).map_or_else(String::new, |m| format!("{:.4}", m.last));
            match run.forecast.get(*key) {
                Some(forecast) => format!("{latest} → {:.4}", forecast.value),
                None => latest,
            }
        }));
        rows.push(row);
    }
    table(&rows)
}

/// A fact that is a number, as people say it.
pub(super) fn number(run: &RunView, name: FactName) -> String {
    match run.facts.get(&name).map(|fact| &fact.value) {
        Some(FactValue::Number(value)) => show_amount(*value),
        _ => String::new(),
    }
}

/// The mixture, as percentages.
pub(super) fn mixture(run: &RunView) -> String {
    match run.facts.get(&FactName::Mixture).map(|fact| &fact.value) {
        Some(FactValue::Mixture(mixture)) => {
            mixture.0.iter().map(|(d, w)| format!("{d} {:.0}%", w * 100.0)).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}
