//! How the best mixture moves with the size of a model, or with its tokens.

use super::WhatIf;
use crate::ipc::drift::{Along, DriftAnswer};
use crate::tui::fmt;
use crate::tui::question::{Answer, Question};
use crate::tui::shared::Shared;
use crate::tui::text::prose;
use crate::vocab::Ordered;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use ratatui::text::{Line, Span};

/// Columns of a weight, with the gap before it.
const WEIGHT: usize = 8;
/// A gain below this is none, as a part of the objective.
const NO_GAIN: f64 = 5e-4;

impl WhatIf {
    /// A line a scale: N or D, the weights, and what they are worth there beside the target's best mixture. Nothing before the
    /// answer has come.
    pub(super) fn drift(shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        match shared.answer(&Question::Drift) {
            Some(Answer::Drift(DriftAnswer { along: None, .. })) => {
                prose("No law in use sees N or D: the best mixture is the same at every size.", theme.dim, width)
            }
            Some(Answer::Drift(answer)) => table(shared, answer, width),
            _ => Vec::new(),
        }
    }
}

fn table(shared: &Shared, answer: &DriftAnswer, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let Some(along) = answer.along.filter(|_| answer.steps.len() > 1) else { return Vec::new() };
    let (what, other) = if along == Along::Params { ("N", "D") } else { ("D", "N") };
    // Those that move most, where there is no room for all.
    let room = (usize::from(width).saturating_sub(8 + 18) / WEIGHT).max(1);
    let moves = |place: usize| {
        let all = answer.steps.iter().filter_map(|step| step.weights.get(place)).copied();
        let (low, high) = all.fold((1.0_f64, 0.0_f64), |(low, high), weight| (low.min(weight), high.max(weight)));
        high - low
    };
    let mut shown: Vec<usize> = (0..answer.domains.len()).collect();
    shown.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(moves(*each))));
    shown.truncate(room);
    shown.sort_unstable();
    let hidden = answer.domains.len() - shown.len();
    let more = if hidden == 0 { String::new() } else { format!(" (those that move most; {hidden} more)") };
    let title = format!("best mixture by {what}, at the target's {other}, by the laws' best guess{more}");
    let mut out = prose(&title, theme.dim, width);
    let mut head = format!("{what:>8}");
    for place in &shown {
        head.push_str(&format!("{:>WEIGHT$}", fmt::head(&printable(&answer.domains[*place]), WEIGHT - 1)));
    }
    let gain_head = "  gain there";
    if usize::from(width) >= fmt::width(&head) + gain_head.len() {
        head.push_str(gain_head);
    }
    out.push(Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim)));
    for (place, step) in answer.steps.iter().enumerate() {
        let is_target = place + 1 == answer.steps.len();
        let style = if is_target { theme.advised } else { theme.text };
        let mut spans = vec![Span::styled(format!("{:>8}", show_amount(step.at)), style)];
        if step.weights.is_empty() {
            spans.push(Span::styled("  no allowed mixture keeps the limits", theme.dim));
            out.push(Line::from(spans));
            continue;
        }
        for weight in shown.iter().filter_map(|place| step.weights.get(*place)) {
            spans.push(Span::styled(format!("{:>WEIGHT$}", fmt::percent(*weight)), style));
        }
        let gain = match step.gain {
            _ if is_target => "target".to_owned(),
            gain if gain >= NO_GAIN => format!("{} %", significant(100.0 * gain, 2)),
            _ => "none".to_owned(),
        };
        if head.ends_with(gain_head) {
            spans.push(Span::styled(format!("  {gain:>10}"), theme.dim));
        }
        out.push(Line::from(spans));
    }
    if answer.steps.iter().any(|step| step.gain >= NO_GAIN) {
        out.extend(prose("gain there: beside the target's best mixture, at that scale.", theme.dim, width));
    }
    out
}
