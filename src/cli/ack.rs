//! `mixlaw ack`: takes signals as seen.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query, Which};
use crate::vocab::{AckAnswer, RunView, RunsAnswer};
use clap::Args;

/// Arguments of `ack`.
#[derive(Debug, Args)]
pub struct Ack {
    /// Numbers like 3 or 3,4, a run's name, or `all`; without it, what waits is listed
    #[arg(value_name = "SIGNALS")]
    which: Option<String>,
    #[command(flatten)]
    project: ProjectArg,
    /// Print the answer as JSON (schemas/ack.schema.json; a list: schemas/runs.schema.json)
    #[arg(long)]
    json: bool,
}

impl Ack {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        // `mixlaw ack DIR` lists that project's, as it would for every other command.
        let (which, project) = match self.which {
            Some(path) if self.project.is_default() && std::path::Path::new(&path).exists() => (None, path.into()),
            which => (which, self.project.project),
        };
        let mut session = Session::open(&project)?;
        let Some(which) = which else {
            let mut answer: RunsAnswer = session.ask(Query::Runs)?;
            answer.runs.retain(|run| run.unacknowledged().next().is_some());
            if self.json {
                print_json(&answer)?;
            } else {
                print(&list(&answer.runs))?;
            }
            return Ok(Outcome::Done);
        };
        let answer: AckAnswer = session.ask(Query::Acknowledge(read(&which)))?;
        if self.json {
            print_json(&answer)?;
        } else {
            let count = answer.acknowledged.len();
            print(&match count {
                0 => "nothing waited to be acknowledged\n".to_owned(),
                1 => "1 signal acknowledged\n".to_owned(),
                _ => format!("{count} signals acknowledged\n"),
            })?;
        }
        Ok(Outcome::Done)
    }
}

fn read(text: &str) -> Which {
    if text == "all" {
        return Which::All;
    }
    match text.split(',').map(|id| id.trim().parse::<u64>()).collect::<Result<Vec<u64>, _>>() {
        Ok(ids) => Which::Ids(ids),
        Err(_) => Which::Run(text.to_owned()),
    }
}

fn list(runs: &[RunView]) -> String {
    if runs.is_empty() {
        return "no signal waits to be acknowledged\n".to_owned();
    }
    let mut out = signals(runs, false);
    out.push_str("\nacknowledge: mixlaw ack NUMBER, mixlaw ack RUN, mixlaw ack all\n");
    out
}

/// Signals as a table, newest first; with those that were acknowledged where asked for.
pub(super) fn signals(runs: &[RunView], all: bool) -> String {
    let mut events: Vec<_> =
        runs.iter().flat_map(|run| &run.signals).filter(|e| all || e.acknowledged.is_none()).collect();
    events.sort_by(|a, b| b.at.total_cmp(&a.at).then(b.id.cmp(&a.id)));
    let mut rows: Vec<Vec<String>> = vec![[">", "when", "run", "signal", "", "evidence"].map(str::to_owned).to_vec()];
    for event in events {
        let mut state = Vec::new();
        if event.over.is_some() {
            state.push("over");
        }
        if event.acknowledged.is_some() {
            state.push("seen");
        }
        rows.push(vec![
            event.id.to_string(),
            super::time::show(event.at),
            event.signal.run.clone(),
            event.signal.kind.word().to_owned(),
            state.join(", "),
            event.signal.evidence.clone(),
        ]);
    }
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_all_are_told_apart() {
        assert_eq!(read("all"), Which::All);
        assert_eq!(read("3, 4"), Which::Ids(vec![3, 4]));
        assert_eq!(read("runs/3-b"), Which::Run("runs/3-b".to_owned()));
    }
}
