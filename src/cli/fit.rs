//! `mixlaw fit`: parameters, intervals and held-out error of each law.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg, history};
use crate::ipc::protocol::{Failure, FitQuery, HistoryQuery, Query};
use crate::project::FitSettings;
use crate::vocab::count::counted;
use crate::vocab::number::significant;
use crate::vocab::text::printable;
use crate::vocab::{Candidate, CandidateKind, Choice, FitAnswer, FitView, HistoryAnswer, Outsiders, SpeedUp};
use clap::Args;

/// Arguments of `fit`.
#[derive(Debug, Args)]
pub struct Fit {
    #[command(flatten)]
    project: ProjectArg,
    /// Fit this law instead of those in the project file; repeatable
    #[arg(long = "law", value_name = "NAME", value_parser = super::laws::named)]
    laws: Vec<String>,
    /// Fit only this validation loss (metric key or domain)
    #[arg(long, value_name = "KEY")]
    metric: Option<String>,
    /// Optimizer restarts per fit [default: fit.starts in the project file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=FitSettings::MOST_STARTS as i64))]
    starts: Option<u32>,
    /// Random seed of restarts and bootstrap resamples
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads, at most one per core [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Repeat the automatic choice without each held-out part, and print the errors of that (takes several times as long)
    #[arg(long)]
    nested: bool,
    /// List earlier fits, newest first
    #[arg(long, conflicts_with_all = ["laws", "starts", "seed", "threads", "nested"])]
    history: bool,
    /// Show the fits as they were at a time: 14:00, "2026-11-24 14:00", "2h ago"
    #[arg(long, value_name = "TIME", value_parser = super::time::parse, conflicts_with_all = ["laws", "starts", "seed", "threads"])]
    at: Option<f64>,
    /// Show what changed since a time
    #[arg(long, value_name = "TIME", value_parser = super::time::parse, conflicts_with_all = ["laws", "starts", "seed", "threads", "history", "json"])]
    since: Option<f64>,
    /// Show what changed between two times: parameters, objective, target and runs
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], value_parser = super::time::parse, conflicts_with_all = ["laws", "starts", "seed", "threads", "history", "at", "since", "json"])]
    diff: Option<Vec<f64>>,
    /// Print JSON (schemas/fit.schema.json; for earlier fits: schemas/history.schema.json)
    #[arg(long)]
    json: bool,
}

impl Fit {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.history || self.at.is_some() || self.since.is_some() || self.diff.is_some() {
            return self.past();
        }
        let query = FitQuery {
            laws: self.laws,
            metric: self.metric,
            starts: self.starts.map(|n| n as usize),
            seed: self.seed,
            threads: self.threads.map(usize::from),
            nested: self.nested,
        };
        let answer: FitAnswer = Session::open(&self.project.project)?.ask(Query::Fit(query))?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }

    fn past(self) -> Result<Outcome, Failure> {
        let mut session = Session::open(&self.project.project)?;
        if self.since.is_some() {
            // What is compared with then is what the logs say now.
            session.ask::<FitAnswer>(Query::Fit(FitQuery::default()))?;
        }
        let mut read = |until: Option<f64>, standing: bool| -> Result<HistoryAnswer, Failure> {
            session.ask(Query::History(HistoryQuery { until, metric: self.metric.clone(), standing }))
        };
        let ends = match (&self.diff, self.since) {
            (Some(times), _) => Some((times.first().copied(), times.get(1).copied())),
            (None, since) => since.map(|since| (Some(since), None)),
        };
        if let Some((from, to)) = ends {
            let (before, now) = (read(from, true)?, read(to, true)?);
            print(&history::changes(&before.history, &now.history))?;
            return Ok(Outcome::Done);
        }
        let answer = read(self.at, !self.history)?;
        if self.json {
            print_json(&answer)?;
        } else if self.history {
            print(&history::list(&answer.history))?;
        } else {
            for kept in &answer.history {
                print(&format!("{} · rows {}\n{}\n", super::time::show(kept.at), kept.inputs, one(&kept.fit)))?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn show(answer: &FitAnswer) -> String {
    let mut out = String::new();
    for choice in answer.choices.iter().filter(|c| c.law.is_some()) {
        out.push_str(&super::choice::show(choice));
        out.push('\n');
    }
    // Where the law was chosen automatically, those that only have a weight beside it are in the comparison above.
    let asked = |fit: &&FitView| {
        fit.chosen
            || fit.advises.is_some()
            || answer.choices.iter().all(|c| c.metric != fit.metric || listed(c, answer))
    };
    for fit in answer.fits.iter().filter(asked) {
        out.push_str(&one(fit));
        out.push('\n');
    }
    out.extend(answer.speed_ups.iter().map(speed_up));
    for sentence in answer.refused.iter().chain(&answer.dropped) {
        out.push_str(sentence);
        out.push('\n');
    }
    for notice in crate::vocab::proxies::sentences(&answer.proxies) {
        out.push_str(&format!("{}\n", printable(&notice.text)));
    }
    for outsiders in &answer.outsiders {
        out.push_str(&outside(outsiders));
    }
    out
}

fn outside(outsiders: &Outsiders) -> String {
    let mut names = outsiders.runs.iter().take(NAMED).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    if outsiders.count > NAMED {
        names.push_str(&format!(" and {} more", outsiders.count - NAMED));
    }
    let help = printable(&outsiders.help().replace('\n', " "));
    format!("\n{}\n  runs: {names}\n  help: {help}\n", printable(&outsiders.describe()))
}

/// Runs that are named of those that may not belong.
const NAMED: usize = 6;

fn speed_up(s: &SpeedUp) -> String {
    let mut shape = format!("{} experts", s.experts);
    if s.experts_per_token > 1.0 || s.granularity > 1.0 {
        shape.push_str(&format!(" ({} a token, granularity {})", s.experts_per_token, s.granularity));
    }
    let [best, worst] = s.losses;
    format!(
        "{}: to reach {best:.3} nats, a dense model needs {:.2} × the compute of {shape}; on average {:.2} × up to {worst:.3} nats\n",
        s.metric, s.at_best, s.factor
    )
}

/// Whether every compared law is in the answer, because the user named them.
fn listed(choice: &Choice, answer: &FitAnswer) -> bool {
    let given = |c: &Candidate| answer.fits.iter().any(|f| f.metric == choice.metric && f.law == c.name);
    choice.candidates.iter().filter(|c| c.kind == CandidateKind::Law).all(given)
}

fn one(fit: &FitView) -> String {
    let percent = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |v| format!("{:.2} %", v * 100.0));
    let chosen = match &fit.rival {
        Some(rival) if fit.chosen && fit.skill_rival.is_some_and(|s| s <= 0.0) => {
            format!(", the best law, and no better than {rival}")
        }
        _ if fit.chosen => ", in use".to_owned(),
        _ if fit.advises.is_some() => ", by which advice compares mixtures".to_owned(),
        _ => String::new(),
    };
    let mut out = format!("{} · {}{chosen}\n", fit.metric, fit.law);
    match fit.skill {
        Some(skill) if skill <= 0.0 => out.push_str("  NO SKILL: predicts held-out losses no better than their mean"),
        Some(skill) => out.push_str(&format!("  skill {skill:.3} against the mean")),
        None => out.push_str("  skill unknown"),
    }
    out.push_str(&format!(
        " · held-out error {}{} · error {} · {}\n",
        percent(fit.mre_heldout),
        if fit.provisional { " (provisional)" } else { "" },
        percent(Some(fit.mre)),
        fit.held_out
    ));
    out.push_str(&format!(
        "  objective {:.6e} · {} from {} · {}, seed {} · {:.2} s · {}\n",
        fit.objective,
        counted(fit.observations, "observation"),
        counted(fit.runs, "run"),
        counted(fit.starts, "restart"),
        fit.seed,
        fit.seconds,
        fit.stopped
    ));
    if !fit.rows.is_empty() {
        out.push_str(&format!("  {}\n", fit.rows));
    }
    let mut rows: Vec<Vec<String>> = vec![["  parameter", ">value", ">5 %", ">95 %", ""].map(str::to_owned).to_vec()];
    for p in &fit.parameters {
        let identified = if p.identified { "" } else { "not identifiable from these runs" };
        let number = |v: f64| significant(v, 5);
        rows.push(vec![format!("  {}", p.name), number(p.value), number(p.low), number(p.high), identified.to_owned()]);
    }
    out.push_str(&table(&rows));
    for test in &fit.scale_tests {
        out.push_str(&format!("  held out {} ({})\n", test.describe(), counted(test.observations, "row")));
    }
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
