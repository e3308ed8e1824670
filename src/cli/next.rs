//! `mixlaw next`: which runs to launch next, and what they would decide.

use super::candidates;
use super::output::{print, print_json, table};
use super::recommend::{faults, show_abstained};
use super::session::Session;
use super::{ArgumentError, Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::count::counted;
use crate::vocab::number::{parse_amount, show_amount, show_probability, significant};
use crate::vocab::text::printable;
use crate::vocab::{CostUnit, Mixture, NextAnswer, NextQuery, Ordered, Plan, Purpose, Scale};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;

/// Longest mixture in the table, in domains; of more, those with the largest weights are shown.
const SHOWN: usize = 4;

/// Arguments of `next`.
#[derive(Debug, Args)]
pub struct Next {
    #[command(flatten)]
    project: ProjectArg,
    /// How many runs to propose [default: 4, or as many as --budget or --until allow]
    #[arg(long, short = 'n', value_name = "RUNS", value_parser = clap::value_parser!(u16).range(1..=256))]
    runs: Option<u16>,
    /// What the runs may cost together: FLOPs (1e20), the unit of --cost-in, or that of the candidates' costs
    #[arg(long, value_name = "COST", value_parser = above_zero)]
    budget: Option<f64>,
    /// Count costs in GPU-hours or money, by the project's budget: { peak_flops, mfu, price }
    #[arg(long, value_name = "UNIT", default_value = "flops", value_parser = unit())]
    cost_in: CostUnit,
    /// Propose runs until the decision is right with this probability (95%, 0.95)
    #[arg(long, value_name = "PROBABILITY", value_parser = share)]
    until: Option<f64>,
    /// How much worse than the best counts as right, as a part of the objective (0.5%, 0.005)
    #[arg(long, value_name = "PART", default_value = "0.5%", value_parser = share)]
    tolerance: f64,
    /// Choose from the runs in this CSV file: a row a run, with a column a domain, and any of name, params, tokens, cost
    #[arg(long, value_name = "FILE")]
    candidates: Option<PathBuf>,
    /// Print JSON (schemas/next.schema.json)
    #[arg(long)]
    json: bool,
}

impl Next {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let candidates = self.candidates.as_deref().map(candidates::read).transpose()?.unwrap_or_default();
        let query = NextQuery {
            runs: self.runs.map(usize::from),
            budget: self.budget,
            unit: self.cost_in,
            until: self.until,
            tolerance: self.tolerance,
            candidates,
        };
        let costs = query.candidates.iter().any(|run| run.cost.is_some());
        let mut session = Session::open(&self.project.project)?;
        let answer: NextAnswer = session.ask(Query::Next(query))?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&match &answer {
                NextAnswer::Plan(plan) => show(plan, costs),
                // It need not be the runs that lack something: what they cost may not be known.
                NextAnswer::Abstained(abstained) => {
                    faults(&mut session)? + &show_abstained("run", "No run is proposed.", abstained)
                }
            })?;
        }
        // That no run is needed is an answer.
        let is_sure = |plan: &Plan| plan.now.probability >= plan.until.unwrap_or(SURE);
        let proposed = matches!(&answer, NextAnswer::Plan(plan) if !plan.runs.is_empty() || is_sure(plan));
        Ok(if proposed { Outcome::Done } else { Outcome::Abstained })
    }
}

/// A probability from which on a decision is made, where none was asked for.
const SURE: f64 = 0.99;

/// A mixture; of one corpus, nothing.
fn of_several(mixture: &Mixture) -> String {
    if mixture.0.len() > 1 { weights(mixture) } else { String::new() }
}

/// `14.5M`; `14.5M, 32 experts, top-2`.
fn params(scale: &Scale) -> String {
    let experts = scale
        .moe
        .map(|moe| format!(", {} experts, top-{}", show_amount(moe.experts), show_amount(moe.experts_per_token)));
    format!("{}{}", show_amount(scale.params), experts.unwrap_or_default())
}

fn show(plan: &Plan, costs: bool) -> String {
    let tolerance = significant(100.0 * plan.tolerance, 2);
    let uncertainty = |value: f64| match value {
        small if small < 1e-4 => "< 0.01 %".to_owned(),
        value => format!("{} %", significant(100.0 * value, 2)),
    };
    let (of, right) = match plan.purpose {
        Purpose::Mixture => ("expected regret", format!("regret ≤ {tolerance} %")),
        Purpose::Forecast => ("standard error", format!("error ≤ {tolerance} %")),
    };
    let mut out = match &plan.now.mixture {
        Some(mixture) => format!("Best for the target on average now: {}.\n", weights(mixture)),
        None => "There is nothing to mix: the runs are for the forecast of the target.\n".to_owned(),
    };
    out.push_str(&format!(
        "Now: {of} {}, probability of {right}: {}.\n",
        uncertainty(plan.now.uncertainty),
        show_probability(plan.now.probability)
    ));
    if let Some(until) = plan.until.filter(|p| plan.runs.is_empty() && plan.now.probability >= *p) {
        out.push_str(&format!("That is {:.0} % or more already: no run is needed.\n", 100.0 * until));
    }
    if !plan.runs.is_empty() {
        let cost = if costs { ">cost".to_owned() } else { format!(">{}", plan.unit.name()) };
        let after = format!(">{of}");
        let mut rows = vec![
            ["", "run", ">params", ">tokens", &cost, &after, &format!(">{right}"), "decides"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for (i, run) in plan.runs.iter().enumerate() {
            let again = if run.repeats { " (another seed)" } else { "" };
            let name = run.name.as_deref().map(|name| format!("{} ", printable(name))).unwrap_or_default();
            rows.push(vec![
                format!("{}", i + 1),
                format!("{name}{}{again}", of_several(&run.mixture)).trim().to_owned(),
                params(&run.scale),
                show_amount(run.scale.tokens),
                significant(run.cost, 3),
                uncertainty(run.after.uncertainty),
                show_probability(run.after.probability),
                printable(&run.decides),
            ]);
        }
        out.push('\n');
        out.push_str(&table(&rows));
        let sum: f64 = plan.runs.iter().map(|run| run.cost).sum();
        let unit = match plan.unit {
            _ if costs => String::new(),
            CostUnit::Money => " (in the currency of budget.price)".to_owned(),
            unit => format!(" {}", unit.name()),
        };
        out.push_str(&format!(
            "\n{}, {}{unit} together. Each line counts those above it.\n",
            counted(plan.runs.len(), "run"),
            significant(sum, 3)
        ));
    }
    for reason in &plan.reasons {
        out.push_str(&format!("- {}\n", printable(reason)));
    }
    out
}

/// `rust 70 %, prose 30 %`: the largest first.
pub(super) fn weights(mixture: &Mixture) -> String {
    let mut all: Vec<(&String, f64)> = mixture.0.iter().map(|(domain, weight)| (domain, *weight)).collect();
    all.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(each.1)));
    all.retain(|(_, weight)| *weight >= 0.0005);
    let more = all.len().saturating_sub(SHOWN + 1);
    if more > 0 {
        all.truncate(SHOWN);
    }
    let one =
        |(domain, weight): &(&String, f64)| format!("{} {} %", printable(domain), (1000.0 * weight).round() / 10.0);
    let mut text = all.iter().map(one).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(", {} others", more + 1));
    }
    text
}

/// The units, by their names.
fn unit() -> impl TypedValueParser<Value = CostUnit> {
    PossibleValuesParser::new(CostUnit::ALL.map(CostUnit::key))
        .map(|key| CostUnit::ALL.into_iter().find(|unit| unit.key() == key).unwrap_or_default())
}

/// `95%`, `95 %` or `0.95`.
pub(super) fn share(text: &str) -> Result<f64, ArgumentError> {
    let wrong = || ArgumentError::NotAPart(text.to_owned());
    let value = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
        None => text.trim().parse::<f64>().map_err(|_| wrong())?,
    };
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(wrong()) }
}

pub(super) fn above_zero(text: &str) -> Result<f64, ArgumentError> {
    let value = parse_amount(text)?;
    if value > 0.0 { Ok(value) } else { Err(ArgumentError::NotAboveZero(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_percents_or_numbers_below_one() {
        assert_eq!(share("95%"), Ok(0.95));
        assert_eq!(share("0.5 %"), Ok(0.005));
        assert_eq!(share("0.2"), Ok(0.2));
        for wrong in ["0", "1", "100%", "NaN", "", "x%", "-5%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mixture_of_many_is_shown_by_its_largest() {
        let mixture = |text: &str| weights(&text.parse().unwrap());
        assert_eq!(mixture("prose=0.3,rust=0.7"), "rust 70 %, prose 30 %");
        assert_eq!(mixture("a=0.4,b=0.3,c=0.2,d=0.05,e=0.03,f=0.02"), "a 40 %, b 30 %, c 20 %, d 5 %, 2 others");
        assert_eq!(mixture("a=0.995,b=0.005"), "a 99.5 %, b 0.5 %");
        assert_eq!(mixture("a=1,b=0"), "a 100 %");
    }
}
