//! `mixlaw phases`: what moving a share of a run's last phase would do.

use super::next::share;
use super::output::{print, print_json, table};
use super::session::Session;
use super::{ArgumentError, Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::vocab::number::{percent, show_probability};
use crate::vocab::text::printable;
use crate::vocab::{Estimate, Mixture, Ordered, PhaseFit, PhaseMove, PhasesAnswer, PhasesQuery};
use clap::Args;

/// Arguments of `phases`.
#[derive(Debug, Args)]
pub struct Phases {
    #[command(flatten)]
    project: ProjectArg,
    /// The corpus that gets more of the last phase [default: each in turn]
    #[arg(long, value_name = "CORPUS")]
    to: Option<String>,
    /// The corpus that gets less [default: all others, in proportion]
    #[arg(long, value_name = "CORPUS")]
    from: Option<String>,
    /// How much of the last phase to move [default: 25%]
    #[arg(long = "move", value_name = "PART", value_parser = all_or_share)]
    share: Option<f64>,
    /// Length of the last phase, as a part of the run [default: the usual one of the runs]
    #[arg(long, value_name = "PART", value_parser = share)]
    last: Option<f64>,
    /// Mixture of the run otherwise (prose=0.7,rust=0.3); domains you leave out share the rest in their current proportions
    /// [default: the current mixture]
    #[arg(long, value_name = "WEIGHTS")]
    mixture: Option<Mixture>,
    /// Only this loss: its domain, or its key [default: all]
    #[arg(long, value_name = "LOSS")]
    metric: Option<String>,
    /// Print JSON (schemas/phases.schema.json)
    #[arg(long)]
    json: bool,
}

impl Phases {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let Self { project, to, from, share, last, mixture, metric, json } = self;
        let query = PhasesQuery { to, from, share, last, mixture, metric };
        let answer: PhasesAnswer = Session::open(&project.project)?.ask(Query::Phases(Box::new(query)))?;
        if json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        let said = answer.losses.iter().flat_map(|loss| &loss.moves).any(|moved| moved.delta.is_some());
        Ok(if said { Outcome::Done } else { Outcome::Abstained })
    }
}

/// A part, or all of it.
fn all_or_share(text: &str) -> Result<f64, ArgumentError> {
    if matches!(text.trim(), "100%" | "100 %" | "1") { Ok(1.0) } else { share(text) }
}

fn show(answer: &PhasesAnswer) -> String {
    let mut out = String::new();
    // One sentence that holds for all losses is said once.
    let first = answer.losses.first().map(|loss| &loss.why_not);
    let is_none = |loss: &PhaseFit| loss.moves.is_empty() && judged(loss).is_empty() && Some(&loss.why_not) == first;
    if answer.objective.is_empty() && answer.losses.len() > 1 && answer.losses.iter().all(is_none) {
        first.into_iter().flatten().for_each(|why| out.push_str(&format!("{}\n", printable(why))));
        answer.notes.iter().for_each(|note| out.push_str(&format!("\nnote: {}\n", printable(note))));
        return out;
    }
    if answer.losses.iter().any(|loss| !loss.moves.is_empty()) {
        out.push_str(&format!(
            "moving {} of the last {} of a run on {}\n",
            percent(answer.share),
            percent(answer.last),
            weights(&answer.mixture)
        ));
    }
    if !answer.objective.is_empty() {
        out.push_str(&format!("\nobjective\n{}", moves(&answer.objective)));
    }
    for loss in &answer.losses {
        out.push_str(&format!("\n{}\n", printable(&loss.metric)));
        if !loss.moves.is_empty() {
            out.push_str(&moves(&loss.moves));
        }
        for why in &loss.why_not {
            out.push_str(&format!("  {}\n", printable(why)));
        }
        out.push_str(&judged(loss));
    }
    for note in &answer.notes {
        out.push_str(&format!("\nnote: {}\n", printable(note)));
    }
    out.trim_start_matches('\n').to_owned()
}

/// What each move does, the best first.
fn moves(moves: &[PhaseMove]) -> String {
    let mut sorted: Vec<&PhaseMove> = moves.iter().collect();
    let rank = |moved: &PhaseMove| moved.delta.map_or(f64::INFINITY, |delta| delta.value);
    sorted.sort_by_cached_key(|each| Ordered(rank(each)));
    let header = ["  to", "from", ">Δ nats", "90 %", ">P(lower)", ""];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for moved in sorted {
        rows.push(vec![
            format!("  {}", moved.to),
            moved.from.clone().unwrap_or_else(|| "all others".to_owned()),
            moved.delta.map_or_else(|| "–".to_owned(), |delta| signed(delta.value)),
            moved.delta.map_or_else(String::new, |delta| interval(&delta)),
            moved.p_better.map_or_else(String::new, show_probability),
            moved.why_not.clone().unwrap_or_default(),
        ]);
    }
    table(&rows)
}

/// How good the surrogate is on schedules it has not seen.
fn judged(loss: &PhaseFit) -> String {
    let (Some(form), Some(skill), Some(error)) = (&loss.form, loss.skill, loss.error) else { return String::new() };
    let what = if loss.why_not.is_empty() { "in use" } else { "the best, not used" };
    let mut out = format!(
        "  {what}: {form}; held out, the choice included: R² {skill:.2}, error {:.2} % ({} runs, {} schedules)\n",
        100.0 * error,
        loss.runs,
        loss.schedules
    );
    let forms: Vec<String> = loss.forms.iter().map(|form| format!("{} {:.2}", form.name, form.skill)).collect();
    out.push_str(&format!("  held-out R² by form: {}\n", forms.join(", ")));
    out
}

pub(super) fn weights(mixture: &Mixture) -> String {
    let parts = mixture.0.iter().filter(|(_, w)| **w > 5e-4);
    printable(&parts.map(|(domain, w)| format!("{domain} {}", percent(*w))).collect::<Vec<_>>().join(", "))
}

pub(super) fn signed(value: f64) -> String {
    let text = format!("{value:+.4}");
    // What rounds to nothing has no sign.
    if text == "-0.0000" { "+0.0000".to_owned() } else { text }
}

/// The interval, or nothing where it is open.
pub(super) fn interval(of: &Estimate) -> String {
    let known = of.range.low.is_finite() && of.range.high.is_finite();
    if known { format!("{} to {}", signed(of.range.low), signed(of.range.high)) } else { String::new() }
}
