//! `mixlaw anneals`: tails of one model, each on a mixture of its own, against a baseline tail.

use super::output::{print, print_json, table};
use super::phases::{interval, signed, weights};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::count::counted;
use crate::vocab::number::percent;
use crate::vocab::text::printable;
use crate::vocab::{AnnealsAnswer, Tail};
use clap::Args;

/// Arguments of `anneals`.
#[derive(Debug, Args)]
pub struct Anneals {
    #[command(flatten)]
    project: ProjectArg,
    /// A run of the baseline tail [default: one that goes on with the mixture before it, or has the current mixture]
    #[arg(long, value_name = "RUN")]
    baseline: Option<String>,
    /// Print JSON (schemas/anneals.schema.json)
    #[arg(long)]
    json: bool,
}

impl Anneals {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = Query::Anneals { baseline: self.baseline };
        let answer: AnnealsAnswer = Session::open(&self.project.project)?.ask(query)?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &AnnealsAnswer) -> String {
    let mut out = format!(
        "{} against a tail on {} ({})\n",
        counted(answer.tails.len(), "tail"),
        weights(&answer.baseline),
        counted(answer.baseline_runs.len(), "run")
    );
    let score: Vec<String> = answer.score.iter().map(|(name, weight)| format!("{weight:.2} {name}")).collect();
    out.push_str(&format!("score: {}", printable(&score.join(" + "))));
    match answer.noise {
        Some(noise) => out.push_str(&format!(
            "; repeats differ by {noise:.4} nats ({} of freedom)\n\n",
            counted(answer.freedom, "degree")
        )),
        None => out.push_str("\n\n"),
    }
    let several = answer.tails.first().is_some_and(|tail| tail.losses.len() > 1);
    let names: Vec<&String> =
        answer.tails.first().iter().filter(|_| several).flat_map(|tail| tail.losses.keys()).collect();
    let mut header: Vec<String> = ["more of", ">runs", ">Δ score", "90 %"].map(str::to_owned).to_vec();
    header.extend(names.iter().map(|name| format!(">Δ {name}")));
    let mut rows = vec![header];
    for tail in &answer.tails {
        let mut row = vec![more(tail), tail.runs.len().to_string(), signed(tail.delta.value), interval(&tail.delta)];
        row.extend(names.iter().map(|name| tail.losses.get(*name).map_or_else(String::new, |d| signed(d.value))));
        rows.push(row);
    }
    out.push_str(&table(&rows));
    for note in &answer.notes {
        out.push_str(&format!("\nnote: {}\n", printable(note)));
    }
    out
}

fn more(tail: &Tail) -> String {
    let gains: Vec<String> = tail.more.iter().map(|(domain, gain)| format!("{domain} +{}", percent(*gain))).collect();
    gains.join(", ")
}
