//! `mixlaw online`: weights that online rules give for a run so far.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use crate::vocab::{Mixture, OnlineAnswer};
use clap::Args;

/// Steps of a rule that are printed, at most.
const STEPS: usize = 8;

/// Arguments of `online`.
#[derive(Debug, Args)]
pub struct Online {
    /// Name of the run, or a unique part of it
    run: String,
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/online.schema.json)
    #[arg(long)]
    json: bool,
}

impl Online {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer: OnlineAnswer = Session::open(&self.project.project)?.ask(Query::Online { run: self.run })?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &OnlineAnswer) -> String {
    let last = answer.step.map_or_else(String::new, |step| format!(", the last at step {step}"));
    let mut out = format!(
        "{}: weights by online rules from its losses so far ({}{last})\n\n",
        printable(&answer.run),
        counted(answer.turns, "logged step")
    );
    let mut head = vec![String::new()];
    head.extend(answer.domains.iter().map(|domain| format!(">{domain}")));
    let mut rows = vec![head];
    let row = |name: &str, mixture: &Mixture| -> Vec<String> {
        let of = |domain: &String| percent(mixture.weight(domain));
        std::iter::once(name.to_owned()).chain(answer.domains.iter().map(of)).collect()
    };
    rows.push(row("the run's own", &answer.prior));
    rows.extend(answer.rules.iter().map(|rule| row(&rule.rule, &rule.weights)));
    match &answer.offline {
        Some(advised) => rows.push(row("advised (recommend)", advised)),
        None => {
            let dashes = answer.domains.iter().map(|_| "–".to_owned());
            rows.push(std::iter::once("advised (recommend)".to_owned()).chain(dashes).collect());
        }
    }
    out.push_str(&table(&rows));
    for rule in &answer.rules {
        out.push_str(&format!("\n{} · {} · {}\n", rule.rule, rule.title, rule.source));
        let mut head = vec!["  step".to_owned()];
        head.extend(answer.domains.iter().map(|domain| format!(">{domain}")));
        let mut rows = vec![head];
        let stride = rule.path.len().div_ceil(STEPS).max(1);
        let mut steps: Vec<_> = rule.path.iter().rev().step_by(stride).collect();
        steps.reverse();
        for step in steps {
            let weights = step.weights.iter().map(|w| percent(*w));
            rows.push(std::iter::once(format!("  {}", step.step)).chain(weights).collect());
        }
        out.push_str(&table(&rows));
        rule.assumes.iter().for_each(|text| out.push_str(&format!("  assumed: {text}\n")));
    }
    answer.notes.iter().for_each(|note| out.push_str(&format!("\nnote: {}\n", printable(note))));
    out
}

fn percent(weight: f64) -> String {
    format!("{:.1} %", 100.0 * weight)
}
