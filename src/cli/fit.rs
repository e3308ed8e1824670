//! `mixlaw fit`: the laws with parameters, intervals and held-out skill.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, FitQuery, Query};
use crate::vocab::{FitAnswer, FitView};
use clap::Args;

/// Arguments of `fit`.
#[derive(Debug, Args)]
pub struct Fit {
    #[command(flatten)]
    project: ProjectArg,
    /// Law to fit instead of the project's; may be given several times
    #[arg(long = "law", value_name = "NAME")]
    laws: Vec<String>,
    /// Only this validation loss, named by key or by domain
    #[arg(long, value_name = "KEY")]
    metric: Option<String>,
    /// Searches from different starting points
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    starts: Option<u32>,
    /// Seed of starts and resamples
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads; all cores where not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print the answer as JSON (schemas/fit.schema.json)
    #[arg(long)]
    json: bool,
}

impl Fit {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = FitQuery {
            laws: self.laws,
            metric: self.metric,
            starts: self.starts.map(|n| n as usize),
            seed: self.seed,
            threads: self.threads.map(usize::from),
        };
        let answer: FitAnswer = Session::open(&self.project.project)?.ask(Query::Fit(query))?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &FitAnswer) -> String {
    let mut out = String::new();
    for fit in &answer.fits {
        out.push_str(&one(fit));
        out.push('\n');
    }
    for sentence in answer.refused.iter().chain(&answer.dropped) {
        out.push_str(sentence);
        out.push('\n');
    }
    out
}

fn one(fit: &FitView) -> String {
    let percent = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |v| format!("{:.2} %", v * 100.0));
    let chosen = if fit.chosen { ", in use" } else { "" };
    let mut out = format!("{} · {}{chosen}\n", fit.metric, fit.law);
    match fit.skill {
        Some(skill) if skill <= 0.0 => out.push_str("  NO SKILL: held out, it predicts no better than the mean\n"),
        Some(skill) => out.push_str(&format!("  skill {skill:.3} against the mean")),
        None => out.push_str("  skill unknown"),
    }
    out.push_str(&format!(
        " · held-out error {} · error {} · {}\n",
        percent(fit.mre_heldout),
        percent(Some(fit.mre)),
        fit.held_out
    ));
    out.push_str(&format!(
        "  objective {:.6e} · {} observations of {} runs · {} starts, seed {} · {:.2} s · {}\n",
        fit.objective, fit.observations, fit.runs, fit.starts, fit.seed, fit.seconds, fit.stopped
    ));
    let mut rows: Vec<Vec<String>> = vec![["  parameter", ">value", ">5 %", ">95 %", ""].map(str::to_owned).to_vec()];
    for p in &fit.parameters {
        let identified = if p.identified { "" } else { "not pinned down by the data" };
        let number = |v: f64| if v.is_finite() { format!("{v:.5}") } else { "—".to_owned() };
        rows.push(vec![format!("  {}", p.name), number(p.value), number(p.low), number(p.high), identified.to_owned()]);
    }
    out.push_str(&table(&rows));
    if !fit.folds.is_empty() {
        let mut rows: Vec<Vec<String>> =
            vec![["  held out", ">rows", ">error", ">error of the mean"].map(str::to_owned).to_vec()];
        for fold in &fit.folds {
            rows.push(vec![
                format!("  {}", fold.held_out),
                fold.observations.to_string(),
                percent(Some(fold.mre)),
                percent(Some(fold.mre_baseline)),
            ]);
        }
        out.push_str(&table(&rows));
    }
    for warning in &fit.warnings {
        out.push_str(&format!("  note: {warning}\n"));
    }
    out
}
