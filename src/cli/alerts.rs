//! `mixlaw alerts` lists the alerts of runs that are not dismissed; `mixlaw alerts dismiss` dismisses them;
//! `mixlaw alerts test` sends a test message to those whom the project tells.

mod test;

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query, Which};
use crate::vocab::{Ordered, RunView, RunsAnswer};
use clap::{Args, Subcommand};
use std::path::Path;

/// Arguments of `alerts`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Alerts {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

/// Which alerts to list.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON (schemas/runs.schema.json)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Dismiss alerts; they stay in the history but are no longer listed
    Dismiss {
        /// Alert numbers (3 or 3,4), a run's name, or `all`
        #[arg(value_name = "ALERTS")]
        which: String,
        #[command(flatten)]
        project: ProjectArg,
        /// Print JSON (schemas/ack.schema.json)
        #[arg(long)]
        json: bool,
    },
    /// Send a test message through every channel under `notify:` in the project file
    Test {
        #[command(flatten)]
        project: ProjectArg,
        /// Print JSON (schemas/alerts-test.schema.json)
        #[arg(long)]
        json: bool,
    },
}

impl Alerts {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.verb {
            None => list(&self.list.project.project, self.list.json),
            Some(Verb::Dismiss { which, project, json }) => dismiss(&which, &project.project, json),
            Some(Verb::Test { project, json }) => test::run(&project.project, json),
        }
    }
}

/// Arguments of `ack`, the name that `alerts` had before.
#[derive(Debug, Args)]
pub struct Ack {
    /// Alert numbers (3 or 3,4), a run's name, or `all`; if omitted, open alerts are listed
    #[arg(value_name = "ALERTS")]
    which: Option<String>,
    #[command(flatten)]
    project: ProjectArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Ack {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        // `mixlaw ack DIR` lists that project's, as it would for every other command.
        match self.which {
            Some(path) if self.project.is_default() && Path::new(&path).exists() => list(Path::new(&path), self.json),
            Some(which) => dismiss(&which, &self.project.project, self.json),
            None => list(&self.project.project, self.json),
        }
    }
}

fn list(project: &Path, json: bool) -> Result<Outcome, Failure> {
    let mut answer: RunsAnswer = Session::open(project)?.ask(Query::Runs)?;
    answer.runs.retain(|run| run.unacknowledged().next().is_some());
    if json {
        print_json(&answer)?;
    } else {
        print(&show(&answer.runs))?;
    }
    Ok(Outcome::Done)
}

fn dismiss(which: &str, project: &Path, json: bool) -> Result<Outcome, Failure> {
    let answer = Session::open(project)?.dismiss(read(which))?;
    if json {
        print_json(&answer)?;
    } else {
        print(&match answer.acknowledged.len() {
            0 => "no alerts to dismiss\n".to_owned(),
            1 => "1 alert dismissed\n".to_owned(),
            count => format!("{count} alerts dismissed\n"),
        })?;
    }
    Ok(Outcome::Done)
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

fn show(runs: &[RunView]) -> String {
    if runs.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut out = alerts(runs, false);
    out.push_str("\ndismiss: mixlaw alerts dismiss NUMBER | RUN | all\n");
    out
}

/// Table of alerts, newest first; dismissed ones are included on request.
pub(super) fn alerts(runs: &[RunView], all: bool) -> String {
    let mut events: Vec<_> =
        runs.iter().flat_map(|run| &run.signals).filter(|e| all || e.acknowledged.is_none()).collect();
    events.sort_by_cached_key(|event| std::cmp::Reverse((Ordered(event.at), event.id)));
    let mut rows: Vec<Vec<String>> = vec![[">", "when", "run", "alert", "", "evidence"].map(str::to_owned).to_vec()];
    for event in events {
        let mut state = Vec::new();
        if event.over.is_some() {
            state.push("over");
        }
        if event.acknowledged.is_some() {
            state.push("dismissed");
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
