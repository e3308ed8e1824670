//! `mixlaw runs`: the table of runs.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::Failure;
use crate::vocab::number::show_amount;
use crate::vocab::{Mixture, RunView};
use clap::Args;
use std::collections::BTreeSet;

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/runs.schema.json)
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer = Session::open(&self.project.project)?.runs()?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer.runs))?;
        }
        Ok(Outcome::Done)
    }
}

fn show<'a>(runs: &'a [RunView]) -> String {
    let keys = |run: &'a RunView| run.sparklines.keys().map(String::as_str).chain(run.main_loss.as_deref());
    let losses: BTreeSet<&str> = runs.iter().flat_map(keys).collect();
    let mut header: Vec<String> = ["run", "state", ">done", ">N", "mixture"].iter().map(|s| (*s).to_owned()).collect();
    header.extend(losses.iter().map(|key| format!(">{key}")));
    let told = runs.iter().any(|run| run.unacknowledged().next().is_some());
    header.extend(told.then(|| "signals".to_owned()));
    let mut rows = vec![header];
    for run in runs {
        let mut row = vec![
            run.name.clone(),
            format!("{:?}", run.state).to_lowercase(),
            run.progress.map_or_else(String::new, |p| format!("{:.0}%", p * 100.0)),
            run.params().map_or_else(String::new, show_amount),
            run.mixture().map_or_else(String::new, mixture),
        ];
        row.extend(losses.iter().map(|key| {
            let latest = run.metrics.get(key).map_or_else(String::new, |m| format!("{:.4}", m.last));
            match run.forecast.get(*key) {
                Some(forecast) => format!("{latest} → {:.4}", forecast.value),
                None => latest,
            }
        }));
        if told {
            let mut words: Vec<&str> = run.unacknowledged().map(|e| e.signal.kind.word()).collect();
            words.dedup();
            row.push(words.join(", "));
        }
        rows.push(row);
    }
    table(&rows)
}

/// Weights as percentages.
fn mixture(mixture: &Mixture) -> String {
    mixture.0.iter().map(|(d, w)| format!("{d} {:.0}%", w * 100.0)).collect::<Vec<_>>().join(" ")
}
