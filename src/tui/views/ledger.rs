//! Ledger view: grades of past forecasts.

use super::{Actions, Presence, Role, Spec, View, ViewId};
use crate::tui::fmt;
use crate::tui::shared::Shared;
use crate::tui::text::prose;
use crate::tui::theme::Theme;
use crate::vocab::LedgerView;
use crate::vocab::ledger::Grade;
use ratatui::text::{Line, Span};

static SPEC: Spec =
    Spec { id: ViewId("ledger"), name: "Ledger", about: "ledger of forecasts", roles: &[Role::Record], signs: &[] };

/// The ledger. Has no state of its own.
#[derive(Debug, Clone, Default)]
pub struct Ledger;

impl Actions for Ledger {}

impl View for Ledger {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let any = shared.snapshot.as_ref().is_some_and(|s| s.ledger.waiting + s.ledger.scored > 0);
        if any { Presence::There } else { Presence::Gone }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        shared.snapshot.as_ref().map_or_else(Vec::new, |s| lines(&shared.theme, &s.ledger, width))
    }
}

fn lines(theme: &Theme, ledger: &LedgerView, width: u16) -> Vec<Line<'static>> {
    let (graded, waiting) = (fmt::count(ledger.scored as u64), fmt::count(ledger.waiting as u64));
    let mut out = prose(&format!("{graded} forecasts graded, {waiting} not graded yet"), theme.text, width);
    if ledger.grades.is_empty() {
        return out;
    }
    let header = format!("{:>9} {:>9} {:>7} {:>9}", "seen", "forecasts", "error", "in 90 %");
    out.push(Line::from(Span::styled(header, theme.dim)));
    out.extend(ledger.grades.iter().map(|grade| row(theme, grade)));
    for c in ledger.calibration.iter().filter(|c| (c.factor - 1.0).abs() > 5e-3) {
        let what = if c.factor > 1.0 { "widened" } else { "narrowed" };
        let text = format!("{} intervals are {what} {:.2}×.", c.law, c.factor);
        out.extend(prose(&text, theme.dim, width));
    }
    out
}

fn row(theme: &Theme, grade: &Grade) -> Line<'static> {
    let name = match grade.seen {
        _ if grade.target => "target".to_owned(),
        Some([from, to]) => format!("{:.0}–{:.0} %", 100.0 * from, 100.0 * to),
        None => "all".to_owned(),
    };
    // Beyond what chance explains, at two standard errors.
    let n = grade.runs.max(1) as f64;
    let chance = 2.0 * (0.09 / n).sqrt();
    let style = if (grade.coverage - 0.9).abs() > chance { theme.warn } else { theme.good };
    Line::from(vec![
        Span::styled(format!("{name:>9} {:>9} ", fmt::count(grade.count as u64)), theme.text),
        Span::styled(format!("{:>5.2} % ", 100.0 * grade.mre), theme.accent),
        Span::styled(format!("{:>7.0} %", 100.0 * grade.coverage), style),
    ])
}
