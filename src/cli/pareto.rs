//! Text of a Pareto front of shapes.

use super::output::table;
use crate::vocab::number::{show_amount, show_probability, significant};
use crate::vocab::text::printable;
use crate::vocab::{Abstention, FrontCost, FrontPoint, Scale, ShapeFront};

/// One number of a shape.
type Of = fn(&Scale) -> f64;

/// The ends first, then each shape.
pub(super) fn show(front: &ShapeFront) -> String {
    let by = if front.published { ", published coefficients" } else { "" };
    let mut out = format!(
        "Pareto front for {} FLOPs: loss against {} ({}{by})\n",
        significant(front.compute, 3),
        front.cost.words(),
        printable(&front.laws.join(", "))
    );
    if let (Some(first), Some(last)) = (front.points.first(), front.points.last()) {
        out.push_str(&format!("From {} to {}.", end(front, first), end(front, last)));
        if let Some(more) = front.half_costs {
            out.push_str(&format!(" Half the cost of the last: loss + {more:.4}."));
        }
        out.push_str("\n\n");
    }
    let known = front.points.iter().any(|point| point.range.is_some());
    let grained = |of: Of| front.points.iter().any(|point| of(&point.scale) > 1.0);
    let columns: [(&str, Of); 3] = [
        ("E", |scale| scale.moe.map_or(1.0, |m| m.experts)),
        ("K", |scale| scale.moe.map_or(1.0, |m| m.experts_per_token)),
        ("G", |scale| scale.moe.map_or(1.0, |m| m.granularity)),
    ];
    let shown: Vec<_> = columns.into_iter().filter(|(name, of)| *name == "E" || grained(*of)).collect();
    let mut header = vec![format!(">{}", heading(front))];
    header.extend(shown.iter().map(|(name, _)| format!(">{name}")));
    header.extend([">active N", ">total N", ">D", ">loss"].map(str::to_owned));
    if known {
        header.extend(["90 %", ">better than the row above"].map(str::to_owned));
    }
    header.push(String::new());
    let mut rows = vec![header];
    for point in &front.points {
        let mut row = vec![front.cost.show(point.cost)];
        row.extend(shown.iter().map(|(_, of)| show_amount(of(&point.scale))));
        row.extend([point.scale.active_params(), point.scale.params, point.scale.tokens].map(show_amount));
        row.push(format!("{:.4}", point.loss));
        if known {
            row.push(point.range.map_or_else(String::new, |range| format!("{:.4}–{:.4}", range.low, range.high)));
            row.push(point.p_better.map_or_else(String::new, show_probability));
        }
        row.push(match &point.run {
            Some(run) => format!("measured: {run}"),
            None if point.supported || front.published => String::new(),
            None => "no run reaches there".to_owned(),
        });
        rows.push(row);
    }
    out.push_str(&table(&rows));
    out.push_str(&format!("\n- Loss: {}, by the laws unless measured.\n", loss_words(front)));
    for sentence in &front.said {
        out.push_str(&format!("- {}\n", printable(sentence)));
    }
    out
}

/// Why there is none.
pub(super) fn show_none(why: &Abstention) -> String {
    let mut out = format!("No Pareto front. {}\n", printable(&why.reasons.join(" ")));
    for help in &why.would_help {
        out.push_str(&format!("{}\n", printable(help)));
    }
    out
}

fn loss_words(front: &ShapeFront) -> String {
    format!("the objective in {}", printable(&front.loss_unit))
}

/// What the first column is.
fn heading(front: &ShapeFront) -> String {
    match front.cost {
        FrontCost::Serving => front.cost_unit.clone(),
        _ => "memory".to_owned(),
    }
}

/// `1.31 GB (16 experts, 400M active, 2.4123)`.
fn end(front: &ShapeFront, point: &FrontPoint) -> String {
    let unit = if front.cost == FrontCost::Serving { format!(" {}", front.cost_unit) } else { String::new() };
    let experts = match point.scale.moe {
        Some(moe) => format!("{} experts, {} active", show_amount(moe.experts), show_amount(moe.active_params)),
        None => format!("dense {}", show_amount(point.scale.params)),
    };
    format!("{}{unit} ({experts}, loss {:.4})", front.cost.show(point.cost), point.loss)
}
