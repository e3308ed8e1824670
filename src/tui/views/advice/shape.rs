//! Recommended size and experts, if a budget is stated or the runs differ in their experts.

use super::{expected, probability};
use crate::tui::text::{bullet, prose};
use crate::tui::theme::Theme;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Scale, ShapeAdvice, ShapeRecommendation, Snapshot};
use ratatui::text::{Line, Span};

/// The lines under the mixture.
pub(super) fn lines(theme: &Theme, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    match &snapshot.shape {
        None => Vec::new(),
        Some(ShapeAdvice::Recommendation(r)) => advised(theme, snapshot, r, width),
        Some(ShapeAdvice::Abstained(a)) => {
            let mut out = vec![Line::default(), Line::from(Span::styled("No recommended shape", theme.title))];
            for reason in &a.reasons {
                out.extend(bullet("✗", theme.bad, reason, theme.text, width));
            }
            for help in &a.would_help {
                out.extend(bullet("→", theme.accent, help, theme.text, width));
            }
            out
        }
    }
}

/// Whether the shape is worth more than the mixture's abstention above it.
pub(super) fn leads(snapshot: &Snapshot) -> bool {
    matches!(snapshot.shape, Some(ShapeAdvice::Recommendation(_)))
}

/// The shape in one sentence.
pub(super) fn headline(r: &ShapeRecommendation) -> String {
    if r.advised == r.current {
        return format!("Keep the shape: {}", shown(&r.current));
    }
    format!("Train {}", shown(&r.advised))
}

/// `8 experts, 1 a token, 335k active, of 1.88M; 3.28M tokens`.
fn shown(scale: &Scale) -> String {
    let size = match scale.moe {
        Some(moe) => format!("{} parameters, {moe}", show_amount(scale.params)),
        None => format!("{} parameters, dense", show_amount(scale.params)),
    };
    format!("{size}; {} tokens", show_amount(scale.tokens))
}

fn advised(theme: &Theme, snapshot: &Snapshot, r: &ShapeRecommendation, width: u16) -> Vec<Line<'static>> {
    let mut out = vec![Line::default()];
    out.extend(prose(&headline(r), theme.advised, width));
    let compute = significant(r.compute, 3);
    let before = if r.advised == r.current {
        format!("{} for {compute} FLOPs", r.standing.words())
    } else {
        format!("{} for {compute} FLOPs, in place of {}", r.standing.words(), shown(&r.current))
    };
    out.extend(prose(&before, theme.dim, width));
    out.extend(expected(theme, snapshot, &r.expected, width));
    out.push(probability(theme, r.p_better, "better than target", width));
    for reason in &r.reasons {
        out.extend(bullet("·", theme.dim, reason, theme.text, width));
    }
    out
}
