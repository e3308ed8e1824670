//! Why a law is in use: the errors of every candidate on what was held out.

use super::percent2;
use crate::tui::fmt;
use crate::tui::text::prose;
use crate::tui::theme::Theme;
use crate::vocab::{Candidate, CandidateKind, Choice};
use ratatui::text::{Line, Span};

/// Candidates shown of each kind.
const MOST_CANDIDATES: usize = 6;

/// Why this law: what each candidate got wrong on what was held out.
pub(super) fn comparison(theme: &Theme, choice: &Choice, shown: &str, width: u16) -> Vec<Line<'static>> {
    let mut out = vec![Line::default()];
    let style = if choice.no_skill || choice.beaten_by.is_some() { theme.warn } else { theme.text };
    out.extend(prose(&choice.why, style, width));
    if choice.candidates.len() < 2 {
        return out;
    }
    let names = choice.candidates.iter().map(|c| fmt::width(&fmt::head(&c.name, 14))).max().unwrap_or(4).max(8);
    let head = format!("{} {:>9} {:>9}  weight", fmt::left("held out", names), "mixtures", "largest");
    out.push(Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim)));
    for kind in [CandidateKind::Law, CandidateKind::Procedure, CandidateKind::Stack, CandidateKind::Baseline] {
        let of_kind: Vec<&Candidate> = choice.candidates.iter().filter(|c| c.kind == kind).collect();
        for c in of_kind.iter().take(MOST_CANDIDATES) {
            out.push(candidate(theme, choice, c, shown, names));
        }
        if of_kind.len() > MOST_CANDIDATES {
            let more = format!("… and {} with larger errors", of_kind.len() - MOST_CANDIDATES);
            out.push(Line::from(Span::styled(more, theme.dim)));
        }
    }
    out
}

fn candidate(theme: &Theme, choice: &Choice, c: &Candidate, shown: &str, names: usize) -> Line<'static> {
    let law = c.kind == CandidateKind::Law;
    let style = match c.kind {
        CandidateKind::Law if choice.law.as_ref() == Some(&c.name) => theme.good,
        CandidateKind::Law if c.name == shown => theme.title,
        CandidateKind::Law | CandidateKind::Procedure | CandidateKind::Stack => theme.text,
        CandidateKind::Baseline => theme.dim,
    };
    let number = |value: Option<f64>| match value {
        Some(v) if v >= 10.0 => ">1000%".to_owned(),
        Some(v) => percent2(v),
        None => "–".to_owned(),
    };
    let mut spans = vec![
        Span::styled(fmt::left(&fmt::head(&c.name, 14), names), style),
        Span::styled(format!(" {:>9} {:>9}", number(c.mre_heldout), number(c.mre_scale)), style),
    ];
    if c.skill.is_some_and(|s| s <= 0.0) && c.name != "mean" {
        spans.push(Span::styled("  no skill", theme.bad));
    } else if let Some(weight) = c.weight.filter(|w| law && *w > 0.0) {
        spans.push(Span::styled(format!("  {weight:.2}"), theme.text));
    }
    if law && choice.law.as_ref() == Some(&c.name) {
        match &choice.beaten_by {
            Some(_) => spans.push(Span::styled("  beaten", theme.warn)),
            None => spans.push(Span::styled("  in use", theme.good)),
        }
    }
    Line::from(spans)
}
