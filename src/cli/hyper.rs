//! `mixlaw hyper`: learning rate and batch for a size and an amount of data.

use super::next::above_zero;
use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, Query};
use crate::laws::step_law;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{
    Estimate, Held, HyperAdvice, HyperAnswer, HyperCell, HyperFit, HyperQuery, Optimum, OptimumKind, Range, Recipe,
    Regret,
};
use clap::Args;

/// Most losses whose groups of runs are all printed.
const DETAILED: usize = 2;

/// Arguments of `hyper`.
#[derive(Debug, Args)]
pub struct Hyper {
    #[command(flatten)]
    project: ProjectArg,
    /// N, parameters without embeddings (7B, 7e9) [default: the target's]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    params: Option<f64>,
    /// D, training tokens (1.4T) [default: the target's]
    #[arg(long, value_name = "D", value_parser = above_zero)]
    tokens: Option<f64>,
    /// Only this loss: its domain, or its key [default: all]
    #[arg(long, value_name = "LOSS")]
    metric: Option<String>,
    /// Print only what the published Step Law says; nothing is read or fitted
    #[arg(long, requires = "params", requires = "tokens", conflicts_with = "metric")]
    published: bool,
    /// Print JSON (schemas/hyper.schema.json)
    #[arg(long)]
    json: bool,
}

impl Hyper {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let answer: HyperAnswer = match (self.published, self.params, self.tokens) {
            (true, Some(params), Some(tokens)) => HyperAnswer {
                params: Some(params),
                tokens: Some(tokens),
                published: Some(step_law::recipe(params, tokens)),
                ..HyperAnswer::default()
            },
            _ => {
                let query = HyperQuery { params: self.params, tokens: self.tokens, metric: self.metric };
                Session::open(&self.project.project)?.ask(Query::Hyper(query))?
            }
        };
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        let said = answer.published.is_some() || answer.losses.iter().any(|fit| fit.advised.is_some());
        Ok(if said { Outcome::Done } else { Outcome::Abstained })
    }
}

fn show(answer: &HyperAnswer) -> String {
    let mut out = String::new();
    if let (Some(params), Some(tokens)) = (answer.params, answer.tokens) {
        out.push_str(&format!("learning rate and batch for N {}, D {}\n\n", show_amount(params), show_amount(tokens)));
        out.push_str(&advised(answer));
        if answer.published.is_some() {
            out.push_str("\nThe Step Law (arXiv:2503.04715) is for AdamW and a learning rate that ends low; N is without embeddings.\n");
        }
    }
    for fit in &answer.losses {
        out.push_str(&format!("\n{}\n", printable(&fit.metric)));
        out.push_str(&law(fit));
        for why in &fit.why_not {
            out.push_str(&format!("  {}\n", printable(why)));
        }
        if !fit.cells.is_empty() && answer.losses.len() <= DETAILED {
            out.push_str(&format!("\n{}\n{}", optima(&fit.cells), trials(fit)));
        }
    }
    if answer.losses.len() > DETAILED && answer.losses.iter().any(|fit| !fit.cells.is_empty()) {
        out.push_str("\nfor the groups of runs of one loss: mixlaw hyper --metric NAME\n");
    }
    for note in &answer.notes {
        out.push_str(&format!("\nnote: {}\n", printable(note)));
    }
    out
}

/// The advice, by the user's runs first.
fn advised(answer: &HyperAnswer) -> String {
    let header = ["by", ">learning rate", "90 %", ">batch (tokens)", "90 %"];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    let several = answer.losses.len() > 1;
    for fit in &answer.losses {
        let Some(HyperAdvice { learning_rate, batch_tokens }) = &fit.advised else { continue };
        let value = |of: &Option<Estimate>| of.map_or_else(|| "–".to_owned(), |e| number(e.value));
        let interval = |of: &Option<Estimate>| of.map_or_else(String::new, |e| between(&e.range));
        rows.push(vec![
            if several { format!("your runs, {}", fit.metric) } else { "your runs".to_owned() },
            value(learning_rate),
            interval(learning_rate),
            value(batch_tokens),
            interval(batch_tokens),
        ]);
    }
    if let Some(Recipe { learning_rate, batch_tokens }) = answer.published {
        let value = |of: Option<f64>| of.map_or_else(|| "–".to_owned(), number);
        rows.push(vec![
            "Step Law, published".to_owned(),
            value(learning_rate),
            String::new(),
            value(batch_tokens),
            String::new(),
        ]);
    }
    table(&rows)
}

/// The refitted law and what it is worth.
fn law(fit: &HyperFit) -> String {
    let mut out = String::new();
    if let Some(law) = &fit.law {
        let power = |name: &str, [factor, n, d]: [f64; 3]| {
            let size = if n.abs() < 5e-4 { String::new() } else { format!(" · N^{n:.3}") };
            format!("  {name} = {}{size} · D^{d:.3}\n", significant(factor, 3))
        };
        out.push_str(&law.learning_rate.map_or_else(String::new, |p| power("lr", p)));
        out.push_str(&law.batch_tokens.map_or_else(String::new, |p| power("batch", p)));
        let slack = |what: &str, of: Option<f64>| of.map(|s| format!("a {what} {s:.2}× too high or too low"));
        let slack: Vec<String> = [slack("learning rate", law.learning_rate_slack), slack("batch", law.batch_slack)]
            .into_iter()
            .flatten()
            .collect();
        if !slack.is_empty() {
            out.push_str(&format!("  0.1 % more loss: {}\n", slack.join(", or ")));
        }
        out.push_str(&law.borrowed.as_ref().map_or_else(String::new, |text| format!("  {text}\n")));
    }
    if let Some(regret) = &fit.held_out_regret {
        out.push_str(&format!("  your law, each group held out: {}\n", regrets(regret)));
    }
    if let Some(regret) = &fit.published_regret {
        out.push_str(&format!("  published law: {}\n", regrets(regret)));
    }
    let held = |what: &str, held: &Option<Held>| held.map(|h| format!("{what} {} of {}", h.held, h.of));
    let held: Vec<String> = [held("learning rate", &fit.learning_rate_held), held("batch", &fit.batch_held)]
        .into_iter()
        .flatten()
        .collect();
    if !held.is_empty() {
        out.push_str(&format!("  90 % intervals that hold the held-out optimum: {}\n", held.join(", ")));
    }
    out
}

fn regrets(regret: &Regret) -> String {
    let groups = if regret.cells == 1 { "group" } else { "groups" };
    format!(
        "loss {:.3} % above the best run on average, {:.3} % at most ({} {groups})",
        regret.mean, regret.most, regret.cells
    )
}

/// Where each cell's loss is lowest.
fn optima(cells: &[HyperCell]) -> String {
    let header = [
        "  runs of one N and D",
        ">runs",
        ">best run's lr",
        ">batch",
        ">loss",
        ">best lr",
        "90 %",
        ">best batch",
        "90 %",
    ];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    let value = |of: &Option<Optimum>| match of {
        None => "–".to_owned(),
        Some(Optimum { estimate, kind }) => match kind {
            OptimumKind::Inside => number(estimate.value),
            OptimumKind::AtLeast => format!("≥ {}", number(estimate.value)),
            OptimumKind::AtMost => format!("≤ {}", number(estimate.value)),
        },
    };
    let interval = |of: &Option<Optimum>| of.map_or_else(String::new, |o| between(&o.estimate.range));
    for cell in cells {
        let known = |of: Option<f64>| of.map_or_else(|| "–".to_owned(), number);
        rows.push(vec![
            place(cell),
            cell.runs.to_string(),
            known(cell.best.recipe.learning_rate),
            known(cell.best.recipe.batch_tokens),
            format!("{:.4}", cell.best.loss),
            value(&cell.learning_rate),
            interval(&cell.learning_rate),
            value(&cell.batch_tokens),
            interval(&cell.batch_tokens),
        ]);
    }
    table(&rows)
}

/// What laws would have advised for each cell, and what that would have cost.
fn trials(fit: &HyperFit) -> String {
    let held_out = fit.cells.iter().any(|cell| cell.held_out.is_some());
    let mut header = vec!["  advised", ">published lr", ">batch", ">regret %"];
    if held_out {
        header.extend([">held-out lr", "90 %", ">batch", "90 %", ">regret %"]);
    }
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    let known = |of: Option<f64>| of.map_or_else(|| "–".to_owned(), number);
    let regret = |of: Option<f64>| of.map_or_else(|| "not tried".to_owned(), |r| format!("{r:.3}"));
    for cell in &fit.cells {
        let Recipe { learning_rate, batch_tokens } = cell.published.recipe;
        let mut row = vec![place(cell), known(learning_rate), known(batch_tokens), regret(cell.published.regret)];
        if let Some(trial) = &cell.held_out {
            let ranges = cell.held_out_range.as_ref();
            let range = |of: fn(&HyperAdvice) -> Option<Estimate>| {
                ranges.and_then(of).map_or_else(String::new, |e| between(&e.range))
            };
            row.extend([
                known(trial.recipe.learning_rate),
                range(|a| a.learning_rate),
                known(trial.recipe.batch_tokens),
                range(|a| a.batch_tokens),
                regret(trial.regret),
            ]);
        }
        rows.push(row);
    }
    table(&rows)
}

fn place(cell: &HyperCell) -> String {
    format!("  N {}, D {}", show_amount(cell.params), show_amount(cell.tokens))
}

/// Learning rates are small and batches large.
fn number(value: f64) -> String {
    if value < 1.0 { significant(value, 3) } else { show_amount(value) }
}

fn between(range: &Range) -> String {
    match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) => format!("{}–{}", number(range.low), number(range.high)),
        (true, false) => format!("≥ {}", number(range.low)),
        (false, true) => format!("≤ {}", number(range.high)),
        (false, false) => String::new(),
    }
}
