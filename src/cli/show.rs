//! `mixlaw show`: facts, metrics and forecasts of one run.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::project::sidecar::FILE_NAME;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{Conflict, FactName, FactValue, RunView, RunsAnswer};
use clap::Args;
use std::collections::BTreeSet;

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Name of the run, or a unique part of it
    run: String,
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/runs.schema.json)
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

/// A fact's value as text.
pub(super) fn fact(value: &FactValue) -> String {
    match value {
        FactValue::Number(number) => show_amount(*number),
        FactValue::Text(text) => text.clone(),
        FactValue::Mixture(mixture) => {
            mixture.0.iter().map(|(d, w)| format!("{d} {w:.3}")).collect::<Vec<_>>().join(", ")
        }
        FactValue::Phases(phases) => phases.iter().map(ToString::to_string).collect::<Vec<_>>().join("; then "),
    }
}

/// Rows (fact, value, source) of facts that were found but not used. A log of many trainings states a fact
/// once per training: only the first few of one fact and file are shown, and the rest counted.
pub(super) fn conflicts(all: &[Conflict]) -> impl Iterator<Item = [String; 3]> {
    const SHOWN: usize = 3;
    let mut groups: Vec<(FactName, &str, Vec<&Conflict>)> = Vec::new();
    for conflict in all {
        let source = &conflict.other.source;
        let file = source.split_once('#').map_or(source.as_str(), |(file, _)| file);
        match groups.iter_mut().find(|g| g.0 == conflict.name && g.1 == file) {
            Some(group) => group.2.push(conflict),
            None => groups.push((conflict.name, file, vec![conflict])),
        }
    }
    groups.into_iter().flat_map(|(name, file, group)| {
        let name = format!("{} (not used)", name.as_str());
        // A row that counts one conflict is no shorter than the conflict.
        let shown = if group.len() <= SHOWN + 1 { group.len() } else { SHOWN };
        let mut rows: Vec<[String; 3]> =
            (group.iter().take(shown)).map(|c| [name.clone(), fact(&c.other.value), c.other.source.clone()]).collect();
        if shown < group.len() {
            rows.push([name, format!("and {} more", group.len() - shown), file.to_owned()]);
        }
        rows
    })
}

fn show(run: &RunView) -> String {
    let mut facts = vec![vec!["fact".to_owned(), "value".to_owned(), "found in".to_owned()]];
    for (name, sourced) in &run.facts {
        facts.push(vec![name.as_str().to_owned(), fact(&sourced.value), sourced.source.clone()]);
    }
    facts.extend(conflicts(&run.conflicts).map(Vec::from));
    let mut metrics: Vec<Vec<String>> = vec![
        ["metric", ">points", ">starts", ">last step", ">last", ">forecast final"]
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
            metric.status.map_or_else(|| format!("{:.5}", metric.last), |why| why.as_str().to_owned()),
            run.forecast
                .get(&**key)
                .map_or_else(String::new, |f| format!("{:.4} ({:.4}–{:.4})", f.value, f.low, f.high)),
        ]);
    }
    let mut out = format!("{}: {}\n", printable(&run.name), format!("{:?}", run.state).to_lowercase());
    if !run.tags.is_empty() {
        out.push_str(&format!("tags: {}\n", printable(&run.tags.join(", "))));
    }
    if let Some(note) = &run.note {
        out.push_str(&format!("note: {}\n", printable(note)));
    }
    if run.points_gone > 0 {
        let points = if run.points_gone == 1 { "point is" } else { "points are" };
        out.push_str(&format!(
            "thinned out: {} {points} gone, since the run is older than `retention: points`; the logs still have them\n",
            run.points_gone
        ));
    }
    if !run.signals.is_empty() {
        out.push_str(&format!("\n{}", super::alerts::alerts(std::slice::from_ref(run), true)));
    }
    out.push_str(&format!("\n{}\n{}", table(&facts), table(&metrics)));
    let assumed: BTreeSet<&String> = run.forecast.values().filter_map(|f| f.assumed.as_ref()).collect();
    for what in assumed {
        out.push_str(&format!("\nassumed: {what}\n  in {}/{FILE_NAME}\n", printable(&run.name)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::conflicts;
    use crate::vocab::{FactName, FactValue, Facts};

    #[test]
    fn the_log_of_many_trainings_is_shown_in_a_few_rows() {
        let mut facts = Facts::default();
        for training in 0..61 {
            let params = FactValue::Number(8.0e9 + 1e8 * f64::from(training));
            facts.offer(FactName::TotalParams, params, format!("train.log#line {training}"));
        }
        facts.offer(FactName::TotalParams, FactValue::Number(7e9), "config.json#num_params");
        let rows: Vec<[String; 3]> = conflicts(&facts.conflicts).collect();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[2][2], "train.log#line 3");
        assert_eq!(rows[3][1..], ["and 57 more", "train.log"]);
        assert_eq!(rows[4][2], "config.json#num_params");
    }
}
