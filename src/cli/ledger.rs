//! `mixlaw ledger`: past forecasts and their errors.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, LedgerQuery, Query};
use crate::vocab::ledger::Grade;
use crate::vocab::{AdviceView, LedgerAnswer};
use clap::Args;

/// Arguments of `ledger`.
#[derive(Debug, Args)]
pub struct Ledger {
    #[command(flatten)]
    project: ProjectArg,
    /// Show only this validation loss (metric key or domain)
    #[arg(long, value_name = "KEY")]
    metric: Option<String>,
    /// Show only forecasts by this law
    #[arg(long, value_name = "NAME")]
    law: Option<String>,
    /// Print JSON (schemas/ledger.schema.json)
    #[arg(long)]
    json: bool,
}

impl Ledger {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = LedgerQuery { metric: self.metric, law: self.law };
        let answer: LedgerAnswer = Session::open(&self.project.project)?.ask(Query::Ledger(query))?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&format!("{}{}", show(&answer), advice(&answer.advice)))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &LedgerAnswer) -> String {
    let mut out = format!("{} forecasts graded, {} not graded yet\n", answer.scored, answer.waiting);
    if answer.scored == 0 {
        out.push_str(
            "Forecasts of runs in progress are recorded while the daemon or a dashboard is running. Each is graded when its \
             run ends.\n",
        );
        return out;
    }
    let of_runs = |g: &&Grade| !g.target;
    // With one law or one loss asked for, its own lines stand for all.
    let law = if answer.grades.iter().any(|g| g.law == "*") { "*" } else { "" };
    let metric = if answer.grades.iter().any(|g| g.metric == "*") { "*" } else { "" };
    let chosen = |g: &&Grade| (law.is_empty() || g.law == law) && (metric.is_empty() || g.metric == metric);
    let parts: Vec<&Grade> = answer.grades.iter().filter(of_runs).filter(chosen).collect();
    if !parts.is_empty() {
        out.push_str(if law.is_empty() {
            "\nBy progress of the run\n"
        } else {
            "\nForecasts as displayed, by progress of the run\n"
        });
        out.push_str(&grades("seen", &parts, |g| part(g.seen)));
    }
    let each: Vec<&Grade> =
        answer.grades.iter().filter(of_runs).filter(|g| g.seen.is_none() && g.law != "*" && g.metric != "*").collect();
    if !each.is_empty() {
        out.push_str("\nEvery law, by loss\n");
        out.push_str(&grades("loss, law", &each, |g| format!("{}, {}", g.metric, g.law)));
    }
    let target: Vec<&Grade> = answer.grades.iter().filter(|g| g.target && g.law != "*" && g.metric != "*").collect();
    if !target.is_empty() {
        out.push_str("\nThe target\n");
        out.push_str(&grades("loss, law", &target, |g| format!("{}, {}", g.metric, g.law)));
    }
    for c in answer.calibration.iter().filter(|c| (c.factor - 1.0).abs() > 5e-3) {
        let what = if c.factor > 1.0 { "widened" } else { "narrowed" };
        out.push_str(&format!("\n{} intervals are {what} {:.2}× to reach 90 % coverage.", c.law, c.factor));
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Advice that was accepted or dismissed, with the runs that followed it.
fn advice(decided: &[AdviceView]) -> String {
    if decided.is_empty() {
        return String::new();
    }
    let header = ["advice", "", "decided", ">runs that followed", ">in the 90 % interval"];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for one in decided {
        let graded: Vec<bool> =
            one.followed.iter().flat_map(|run| run.losses.values()).filter_map(|l| l.covered).collect();
        let within = graded.iter().filter(|covered| **covered).count();
        rows.push(vec![
            format!("{} {}", one.id, super::advice::weights(&one.mixture)),
            one.state.word().to_owned(),
            one.decided_at.map(super::time::show).unwrap_or_default(),
            one.followed.len().to_string(),
            if graded.is_empty() { "–".to_owned() } else { format!("{within} of {}", graded.len()) },
        ]);
    }
    format!("\nAdvice\n{}", table(&rows))
}

fn grades(title: &str, of: &[&Grade], name: impl Fn(&Grade) -> String) -> String {
    let header = [title, ">forecasts", ">runs", ">mean error", ">nats", ">90 % coverage", ">interval score"];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for grade in of {
        rows.push(vec![
            name(grade),
            grade.count.to_string(),
            grade.runs.to_string(),
            format!("{:.2} %", 100.0 * grade.mre),
            format!("{:.4}", grade.mae),
            format!("{:.0} %", 100.0 * grade.coverage),
            format!("{:.4}", grade.interval_score),
        ]);
    }
    table(&rows)
}

/// Progress of the run at the forecast, as text: `25–50 %`.
pub(super) fn part(seen: Option<[f64; 2]>) -> String {
    match seen {
        Some([from, to]) => format!("{:.0}–{:.0} %", 100.0 * from, 100.0 * to),
        None => "all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_ledger_says_when_it_fills() {
        let empty = LedgerAnswer {
            waiting: 3,
            scored: 0,
            grades: vec![],
            calibration: vec![],
            open: vec![],
            graded: vec![],
            advice: vec![],
        };
        let text = show(&empty);
        assert!(text.contains("3 not graded yet") && text.contains("graded when its run ends"), "{text}");
    }
}
