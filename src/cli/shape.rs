//! `mixlaw shape`: compute-optimal size, tokens and experts.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg, budget, pareto, recommend, remixed, upcycled, worth};
use crate::advise;
use crate::ipc::protocol::{Failure, Query, ShapeQuery};
use crate::laws;
use crate::project::Budget;
use crate::vocab::number::{parse_amount, show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{
    Estimate, FrontAnswer, FrontCost, IsoFlops, OptimumAt, OptimumCurve, OptimumMethod, Range, ShapeAdvice,
    ShapeAnswer, ShapeOptimum,
};
use clap::{Args, ValueEnum};

/// Arguments of `shape`.
#[derive(Debug, Args)]
pub struct Shape {
    #[command(flatten)]
    project: ProjectArg,
    /// Training budget C = 6·N·D in FLOPs (1e21); repeatable: the first gets advice [default: the project's budget]
    #[arg(long, value_name = "C", value_parser = parse_amount)]
    flops: Vec<f64>,
    #[command(flatten)]
    budget: budget::BudgetArgs,
    /// Use the coefficients that a paper prints for this law (joint-moe); nothing is read or fitted
    #[arg(long, value_name = "LAW", requires = "flops")]
    published: Option<String>,
    /// Show the shapes of which no other has both a lower loss and a lower cost: bytes for serving (--serve-bytes, --context,
    /// --batch), bytes in training (--train-bytes, --micro-batch), or FLOPs for serving (--serve-tokens)
    #[arg(long, value_name = "COST", conflicts_with_all = ["worth", "over"])]
    pareto: Option<Against>,
    /// Compare these runs (a pattern of names: 'moe-*') with those of --over, at equal loss [default: models with experts]
    #[arg(long, value_name = "PATTERN", requires = "over")]
    worth: Option<String>,
    /// The runs that they are compared with (a pattern of names) [default: dense models]
    #[arg(long, value_name = "PATTERN", requires = "worth")]
    over: Option<String>,
    /// Print JSON (schemas/shape.schema.json)
    #[arg(long)]
    json: bool,
}

/// What a Pareto front weighs against the loss.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Against {
    Memory,
    TrainMemory,
    Serving,
}

impl Against {
    fn cost(self) -> FrontCost {
        match self {
            Self::Memory => FrontCost::Memory,
            Self::TrainMemory => FrontCost::TrainMemory,
            Self::Serving => FrontCost::Serving,
        }
    }
}

impl Shape {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let budget = self.budget.budget();
        let asked = budget != Budget::default() || !self.flops.is_empty();
        let pareto = self.pareto.map(Against::cost);
        let answer: ShapeAnswer = match &self.published {
            Some(law) => published(law, &budget, &self.flops, pareto)?,
            None => Session::open(&self.project.project)?.ask(Query::Shape(Box::new(ShapeQuery {
                flops: self.flops,
                budget,
                worth: self.worth.zip(self.over),
                pareto,
            })))?,
        };
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        let found = !answer.curves.is_empty()
            || !answer.worth.is_empty()
            || !answer.upcycled.is_empty()
            || matches!(answer.front, Some(FrontAnswer::Front(_)))
            || matches!(answer.advice, Some(ShapeAdvice::Recommendation(_)));
        // What was asked for is the shape for this budget.
        let abstained = asked && matches!(answer.advice, Some(ShapeAdvice::Abstained(_)));
        Ok(if found && !abstained { Outcome::Done } else { Outcome::Abstained })
    }
}

/// Optima by the coefficients of a paper.
fn published(law: &str, budget: &Budget, flops: &[f64], pareto: Option<FrontCost>) -> Result<ShapeAnswer, Failure> {
    let known = laws::published::ALL.iter().map(|p| p.law.info().name).collect::<Vec<_>>().join(", ");
    let published = laws::published::get(law)
        .ok_or_else(|| Failure::usage(format!("no published coefficients of '{law}'"), format!("one of: {known}")))?;
    let notes = published.assumptions.iter().map(|sentence| (*sentence).to_owned()).collect();
    if let (Some(cost), Some(compute)) = (pareto, flops.first()) {
        let front = match advise::published_front(published, budget, *compute, cost) {
            Ok(front) => FrontAnswer::Front(front),
            Err(why) => FrontAnswer::Abstained(why),
        };
        return Ok(ShapeAnswer { front: Some(front), notes, ..ShapeAnswer::default() });
    }
    let mut flops = flops.to_vec();
    flops.sort_by(f64::total_cmp);
    let (curves, optima) = advise::published_optima(published, budget, &flops);
    Ok(ShapeAnswer { curves, published: optima, notes, ..ShapeAnswer::default() })
}

/// The best number of experts for each budget.
fn best_published(optima: &[ShapeOptimum]) -> String {
    if optima.is_empty() {
        return String::new();
    }
    let header = ["best by published coefficients", ">E", ">active N", ">total N", ">D", ">loss", ""];
    let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).to_vec()];
    for o in optima {
        rows.push(vec![
            format!("  {} FLOPs", significant(o.scale.compute(), 3)),
            o.scale.moe.map_or_else(|| "1".to_owned(), |m| show_amount(m.experts)),
            show_amount(o.scale.active_params()),
            show_amount(o.scale.params),
            show_amount(o.scale.tokens),
            format!("{:.4}", o.loss),
            if o.open.is_empty() { String::new() } else { "not an optimum in E: the largest considered".to_owned() },
        ]);
    }
    table(&rows)
}

fn show(answer: &ShapeAnswer) -> String {
    let mut out = String::new();
    match &answer.front {
        Some(FrontAnswer::Front(front)) => out.push_str(&pareto::show(front)),
        Some(FrontAnswer::Abstained(why)) => out.push_str(&pareto::show_none(why)),
        None => {}
    }
    out.push_str(&best_published(&answer.published));
    match &answer.advice {
        Some(ShapeAdvice::Recommendation(advised)) => out.push_str(&recommend::show_shape(advised)),
        Some(ShapeAdvice::Abstained(why)) => out.push_str(&recommend::show_abstention("shape", why)),
        None => {}
    }
    if let Some(there) = &answer.mixture {
        out.push_str(&format!("\n{}", remixed::show(there)));
    }
    let mut metrics: Vec<&str> = Vec::new();
    for curve in &answer.curves {
        if !metrics.contains(&curve.metric.as_str()) {
            metrics.push(&curve.metric);
        }
    }
    for metric in metrics {
        let of: Vec<&OptimumCurve> = answer.curves.iter().filter(|curve| curve.metric == metric).collect();
        let groups: Vec<&IsoFlops> = answer.isoflops.iter().filter(|groups| groups.metric == metric).collect();
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{} · compute-optimal size N and tokens D (C = 6·N·D)\n\n", printable(metric)));
        out.push_str(&exponents(&of));
        for curve in of {
            out.push('\n');
            out.push_str(&one(curve, &groups));
        }
    }
    for worth in &answer.worth {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&worth::show(worth));
    }
    for found in &answer.upcycled {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&upcycled::show(found));
    }
    for note in &answer.notes {
        out.push_str(&format!("\nnote: {}\n", printable(note)));
    }
    out
}

/// Experts of a curve, after the name of its method.
fn kind(curve: &OptimumCurve) -> String {
    curve.moe.map_or_else(String::new, |moe| {
        let mut text = format!(", E {}", show_amount(moe.experts));
        if moe.experts_per_token > 1.0 {
            text.push_str(&format!(" K {}", show_amount(moe.experts_per_token)));
        }
        if moe.granularity > 1.0 {
            text.push_str(&format!(" G {}", show_amount(moe.granularity)));
        }
        text
    })
}

fn name(curve: &OptimumCurve) -> String {
    let what = match curve.method {
        OptimumMethod::Published => ", published coefficients",
        _ if curve.chosen => ", in use",
        _ => "",
    };
    format!("{}{}{what}", curve.name, kind(curve))
}

fn exponents(curves: &[&OptimumCurve]) -> String {
    let mut rows: Vec<Vec<String>> = vec![["method", ">N ∝ C^", "90 %", ">D ∝ C^", "90 %"].map(str::to_owned).to_vec()];
    let number = |e: &Option<Estimate>| e.map_or_else(|| "–".to_owned(), |e| format!("{:.3}", e.value));
    let interval = |e: &Option<Estimate>| match e {
        Some(e) if e.range.low.is_finite() && e.range.high.is_finite() => {
            format!("{:.3}–{:.3}", e.range.low, e.range.high)
        }
        _ => String::new(),
    };
    for curve in curves {
        let (n, d) = (&curve.params_exponent, &curve.tokens_exponent);
        rows.push(vec![name(curve), number(n), interval(n), number(d), interval(d)]);
    }
    table(&rows)
}

fn one(curve: &OptimumCurve, groups: &[&IsoFlops]) -> String {
    let parabola = curve.method == OptimumMethod::Parabola;
    let mut header = vec![name(curve), ">N".to_owned(), "90 %".to_owned(), ">D".to_owned(), "90 %".to_owned()];
    header.extend(["D/N", "loss"].map(|h| format!(">{h}")));
    if parabola {
        header.extend([">runs", ">their own N"].map(str::to_owned));
    }
    header.push(String::new());
    let mut rows = vec![header];
    for at in &curve.at {
        let mut row = vec![
            format!("  {} FLOPs", significant(at.compute, 3)),
            show_amount(at.params.value),
            show_range(&at.params.range),
            show_amount(at.tokens.value),
            show_range(&at.tokens.range),
            format!("{:.1}", at.tokens.value / at.params.value),
            at.loss.map_or_else(String::new, |loss| format!("{loss:.4}")),
        ];
        if parabola {
            let group = group_of(curve, at, groups);
            row.push(group.map_or_else(String::new, |g| g.runs.len().to_string()));
            row.push(group.and_then(|g| g.parabola).map_or_else(String::new, |p| show_amount(p.params)));
        }
        row.push(if at.covered || curve.method == OptimumMethod::Published {
            String::new()
        } else {
            "no run reaches there".to_owned()
        });
        rows.push(row);
    }
    let mut out = table(&rows);
    for group in groups.iter().filter(|g| parabola && is_of(g, curve)).flat_map(|g| &g.groups) {
        if let Some(why) = &group.why_not {
            out.push_str(&format!("  {} FLOPs left out: {why}\n", significant(group.compute, 3)));
        }
    }
    out
}

fn is_of(groups: &IsoFlops, curve: &OptimumCurve) -> bool {
    groups.metric == curve.metric && groups.largest.moe == curve.moe
}

fn group_of<'g>(
    curve: &OptimumCurve,
    at: &OptimumAt,
    groups: &[&'g IsoFlops],
) -> Option<&'g crate::vocab::IsoFlopGroup> {
    let own = groups.iter().filter(|groups| is_of(groups, curve)).flat_map(|groups| &groups.groups);
    own.into_iter().find(|group| (group.compute / at.compute - 1.0).abs() < 1e-6)
}

fn show_range(range: &Range) -> String {
    match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) => format!("{}–{}", show_amount(range.low), show_amount(range.high)),
        (true, false) => format!("≥ {}", show_amount(range.low)),
        (false, true) => format!("≤ {}", show_amount(range.high)),
        (false, false) => String::new(),
    }
}
