//! `mixlaw recommend`: the recommended mixture, or the run that would decide it.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query, StatusAnswer};
use crate::vocab::count::counted;
use crate::vocab::number::{show_amount, show_probability, significant};
use crate::vocab::text::printable;
use crate::vocab::{
    Abstention, Advice, Expected, MeanOfBest, RecommendAnswer, Recommendation, Scale, ShapeAdvice, ShapeRecommendation,
};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};

/// Errors of a project that are listed before an answer.
const FAULTS: usize = 3;

/// Arguments of `recommend`.
#[derive(Debug, Args)]
pub struct Recommend {
    #[command(flatten)]
    project: ProjectArg,
    /// Also search mixtures outside the range that the runs cover, whatever held-out runs say of them
    #[arg(long)]
    extrapolate: bool,
    /// Also show the mean of the N best of mixtures drawn at random, by the laws' best guess (RegMix takes 100)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    top: Option<u16>,
    /// Print JSON (schemas/recommend.schema.json)
    #[arg(long)]
    json: bool,
}

impl Recommend {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = Query::Recommend { extrapolate: self.extrapolate, top: self.top.map(usize::from) };
        let mut session = Session::open(&self.project.project)?;
        let answer: RecommendAnswer = session.ask(query)?;
        if self.json {
            print_json(&answer)?;
        } else {
            let mut out = match &answer.mixture {
                Advice::Recommendation(advised) => show(advised),
                Advice::Abstained(abstained) => faults(&mut session)? + &show_abstention("change", abstained),
            };
            out.extend(answer.top.as_ref().map(show_top));
            match &answer.shape {
                Some(ShapeAdvice::Recommendation(advised)) => out.push_str(&format!("\n{}", show_shape(advised))),
                Some(ShapeAdvice::Abstained(a)) => {
                    out.push_str(&format!("\n{}", show_abstention("change of shape", a)))
                }
                None => {}
            }
            print(&out)?;
        }
        let advised = matches!(answer.mixture, Advice::Recommendation(_))
            || matches!(answer.shape, Some(ShapeAdvice::Recommendation(_)));
        Ok(if advised { Outcome::Done } else { Outcome::Abstained })
    }
}

/// What is wrong with the project, before what runs lack: of a table that cannot be read there are no runs.
pub(super) fn faults(session: &mut Session) -> Result<String, Failure> {
    let status: StatusAnswer = session.ask(Query::Status)?;
    let all: Vec<String> = status.faults.iter().map(|fault| format!("- {}\n", printable(&fault.text))).collect();
    if all.is_empty() {
        return Ok(String::new());
    }
    let shown = all.iter().take(FAULTS).map(String::as_str).collect::<String>();
    Ok(format!("The project has {}, of which mixlaw check says more:\n{shown}\n", counted(all.len(), "error")))
}

fn show(advised: &Recommendation) -> String {
    let mut rows: Vec<Vec<String>> =
        vec![["weight", ">current", ">recommended", "loss within 0.1 %"].map(str::to_owned).to_vec()];
    let percent = |weight: f64| format!("{:.1}", weight * 100.0);
    for (domain, weight) in &advised.mixture.0 {
        let flat = advised.flat.get(domain).map(|[low, high]| format!("{} … {} %", percent(*low), percent(*high)));
        rows.push(vec![
            domain.clone(),
            format!("{:.1} %", advised.current.weight(domain) * 100.0),
            format!("{:.1} %", weight * 100.0),
            flat.unwrap_or_default(),
        ]);
    }
    if advised.flat.is_empty() {
        rows.iter_mut().for_each(|row| row.truncate(3));
    }
    let mut out = table(&rows);
    out.push('\n');
    out.push_str(&losses(&advised.expected));
    let limits = match advised.expected.values().any(|expected| expected.limit.is_some()) {
        true => format!("probability that every limit holds {} · ", show_probability(advised.p_within_limits)),
        false => String::new(),
    };
    out.push_str(&format!(
        "\nprobability of improvement {} · {limits}gain {:.4}{} · id {}\n\n",
        show_probability(advised.p_better),
        advised.gain,
        unit(&advised.expected),
        advised.id
    ));
    if let Some(since) = advised.since {
        let decided = advised.decided.map(|state| format!(" · {}", state.word())).unwrap_or_default();
        out.truncate(out.trim_end().len());
        out.push_str(&format!("\nstands since {}{decided}\n\n", super::time::show(since)));
    }
    if let Some(auto) = &advised.auto {
        out.push_str(&format!("{}\n", super::advice::automatic(auto)));
    }
    for reason in &advised.reasons {
        out.push_str(&format!("- {}\n", printable(reason)));
    }
    out
}

fn show_top(top: &MeanOfBest) -> String {
    let weight = |(domain, weight): (&String, &f64)| format!("{} {:.1} %", printable(domain), 100.0 * weight);
    let mixture = top.mixture.0.iter().map(weight).collect::<Vec<_>>().join(", ");
    format!(
        "\nmean of the best {} of {} random mixtures: {mixture} · objective {:.4} {}\n",
        top.count, top.drawn, top.objective, top.unit
    )
}

/// The unit of a gain, where all that is measured has one.
pub(super) fn unit(expected: &BTreeMap<String, Expected>) -> String {
    let units: BTreeSet<&str> = expected.values().map(|expected| expected.measure.unit.words()).collect();
    match (units.first(), units.len()) {
        (Some(unit), 1) => format!(" {unit}"),
        _ => String::new(),
    }
}

fn losses(expected: &BTreeMap<String, Expected>) -> String {
    let mut rows: Vec<Vec<String>> =
        vec![["loss at the target", ">current", ">recommended", ">5 %", ">95 %", ">limit"].map(str::to_owned).to_vec()];
    for (metric, expected) in expected {
        rows.push(vec![
            metric.clone(),
            format!("{:.4}", expected.now),
            format!("{:.4}", expected.value),
            format!("{:.4}", expected.low),
            format!("{:.4}", expected.high),
            expected.limit.map_or_else(String::new, |l| format!("{l:.4}")),
        ]);
    }
    table(&rows)
}

pub(super) fn show_shape(r: &ShapeRecommendation) -> String {
    let mut rows: Vec<Vec<String>> = vec![["shape", ">current", ">recommended"].map(str::to_owned).to_vec()];
    let experts = |s: &Scale| s.moe.map_or_else(|| "dense".to_owned(), |m| show_amount(m.experts));
    let chosen = |s: &Scale| s.moe.map_or_else(|| "–".to_owned(), |m| show_amount(m.experts_per_token));
    let grain = |s: &Scale| s.moe.map_or_else(|| "–".to_owned(), |m| show_amount(m.granularity));
    type Shown<'a> = &'a dyn Fn(&Scale) -> String;
    let facts: [(&str, Shown<'_>); 6] = [
        ("parameters", &|s| show_amount(s.params)),
        ("active parameters", &|s| show_amount(s.active_params())),
        ("tokens", &|s| show_amount(s.tokens)),
        ("experts", &experts),
        ("experts per token", &chosen),
        ("granularity", &grain),
    ];
    rows.extend(facts.iter().map(|(name, of)| vec![(*name).to_owned(), of(&r.current), of(&r.advised)]));
    let mut out = table(&rows);
    out.push('\n');
    out.push_str(&losses(&r.expected));
    out.push_str(&format!(
        "\n{} for {} FLOPs · probability of improvement {} · gain {:.4}{}\n\n",
        r.standing.words(),
        significant(r.compute, 3),
        show_probability(r.p_better),
        r.gain,
        unit(&r.expected)
    ));
    for reason in &r.reasons {
        out.push_str(&format!("- {}\n", printable(reason)));
    }
    out
}

pub(super) fn show_abstention(what: &str, abstained: &Abstention) -> String {
    show_abstained(what, &format!("No {what} is recommended."), abstained)
}

/// The same after another first sentence; `what`: what is not recommended.
pub(super) fn show_abstained(what: &str, not_done: &str, abstained: &Abstention) -> String {
    if let Some(missing) = &abstained.nothing_to_mix {
        let sentence = crate::vocab::text::printable(missing);
        return match abstained.would_help.first() {
            Some(help) => format!(
                "No {what} is recommended. {sentence} What would help: {}\n",
                crate::vocab::text::printable(help)
            ),
            None => format!("{sentence}\n"),
        };
    }
    let mut out = format!("{not_done}\n");
    for (title, sentences) in [("", &abstained.reasons), ("\nWhat would help:\n", &abstained.would_help)] {
        if !sentences.is_empty() {
            out.push_str(title);
        }
        for sentence in sentences {
            out.push_str(&format!("- {}\n", crate::vocab::text::printable(sentence)));
        }
    }
    out
}
