//! Alerts view: open alerts first, then dismissed ones, newest first.

use super::{Actions, Ask, Badge, Cx, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::tui::action::k;
use crate::tui::shared::Shared;
use crate::tui::text::bullet;
use crate::tui::update::Effect;
use crate::tui::{fmt, signs};
use crate::vocab::count::counted;
use crate::vocab::signal::Alert;
use crate::vocab::text::printable;
use crate::vocab::{Ordered, Snapshot};
use ratatui::text::{Line, Span};
use serde_json::Value;

static SPEC: Spec = Spec {
    id: ViewId("alerts"),
    name: "Alerts",
    about: "alerts",
    roles: &[Role::Alert],
    signs: &[("⚑", "a run with open alerts")],
};

/// Alerts of one kind from so many runs on are one line.
const FOLD: usize = 4;

/// The alerts of all runs.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    /// Whether each alert has a line of its own, however many of its kind there are.
    pub unfolded: bool,
}

impl Actions for Alerts {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("alerts.dismiss-all", &[k('a')], "dismiss all alerts", Self::dismiss).hint("dismiss all"),
        act("alerts.unfold", &[k('e')], "a line for each alert, or one for each kind", |view: &mut Self, _| {
            view.unfolded = !view.unfolded;
        })
        .hint("unfold"),
    ];
}

impl Alerts {
    fn dismiss(&mut self, cx: &mut Cx<'_>) {
        let runs = cx.shared.snapshot.iter().flat_map(|snapshot| &snapshot.runs);
        let ids: Vec<u64> = runs.flat_map(|run| run.unacknowledged().map(|event| event.id)).collect();
        if !ids.is_empty() {
            cx.asks.push(Ask::Effect(Effect::Dismiss(ids)));
        }
    }
}

impl View for Alerts {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn keep(&self) -> Option<Value> {
        Some(Value::from(self.unfolded))
    }

    fn take_up(&mut self, kept: &Value) {
        self.unfolded = kept.as_bool().unwrap_or(self.unfolded);
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let any = shared.snapshot.as_ref().is_some_and(|s| s.runs.iter().any(|run| !run.signals.is_empty()));
        if any { Presence::There } else { Presence::Gone }
    }

    fn badge(&self, shared: &Shared) -> Option<Badge> {
        let (count, loudest) = signs::alerts_waiting(shared.snapshot.as_ref()?);
        Some(Badge { count, severity: loudest? })
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let events = all(snapshot);
        if events.is_empty() {
            return vec![Line::from(Span::styled("No alerts.", shared.theme.dim))];
        }
        if self.unfolded {
            return events.into_iter().flat_map(|event| one(shared, snapshot, event, true, width)).collect();
        }
        let mut out = Vec::new();
        let mut folded: Vec<(&str, bool)> = Vec::new();
        for event in &events {
            let kind = (event.signal.kind.word(), event.acknowledged.is_some());
            let same = || {
                events.iter().copied().filter(|other| kind == (other.signal.kind.word(), other.acknowledged.is_some()))
            };
            if same().count() < FOLD {
                out.extend(one(shared, snapshot, event, true, width));
            } else if !folded.contains(&kind) {
                folded.push(kind);
                out.extend(fold(shared, snapshot, &same().collect::<Vec<_>>(), width));
            }
        }
        out
    }
}

/// All alerts, those that wait first, newest first.
fn all(snapshot: &Snapshot) -> Vec<&Alert> {
    let mut events: Vec<&Alert> = snapshot.runs.iter().flat_map(|run| &run.signals).collect();
    events.sort_by_cached_key(|e| (e.acknowledged.is_some(), std::cmp::Reverse((Ordered(e.at), e.id))));
    events
}

/// The lines of many alerts of one kind: how many, of which runs, and the newest.
fn fold(shared: &Shared, snapshot: &Snapshot, events: &[&Alert], width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let Some(newest) = events.first() else { return Vec::new() };
    let (sign, style) = signs::severity(theme, newest.signal.severity);
    let dismissed = newest.acknowledged.is_some();
    let mut runs: Vec<&str> = events.iter().map(|event| shared.runs.short(&event.signal.run)).collect();
    runs.sort_unstable();
    runs.dedup();
    let named = runs.iter().take(3).map(|name| fmt::tail(name, 24)).collect::<Vec<_>>().join(", ");
    let more = runs.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let ago = fmt::ago((snapshot.at - newest.at).max(0.0) + shared.age);
    let noted = if dismissed { ", dismissed" } else { "" };
    let of = if runs.len() == events.len() { String::new() } else { format!(" in {}", counted(runs.len(), "run")) };
    let text = format!(
        "{} {}{of}: {named}{more}; newest {ago}: {}{noted}",
        events.len(),
        newest.signal.kind.word(),
        newest.signal.evidence
    );
    let (style, body) = if dismissed { (theme.dim, theme.dim) } else { (style, theme.text) };
    bullet(&format!("{sign}   "), style, &printable(&text), body, width)
}

/// The lines of one alert.
pub(super) fn one(
    shared: &Shared,
    snapshot: &Snapshot,
    event: &Alert,
    with_run: bool,
    width: u16,
) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let (sign, style) = signs::severity(theme, event.signal.severity);
    let dismissed = event.acknowledged.is_some();
    let run =
        if with_run { format!("{} · ", fmt::tail(shared.runs.short(&event.signal.run), 36)) } else { String::new() };
    let ago = fmt::ago((snapshot.at - event.at).max(0.0) + shared.age);
    let over = if event.over.is_some() { ", over" } else { "" };
    let noted = if dismissed { ", dismissed" } else { "" };
    let text = format!("{run}{}: {} ({ago}{over}{noted})", event.signal.kind.word(), event.signal.evidence);
    let id = format!("{sign} {:>2}", event.id);
    let (style, body) = if dismissed { (theme.dim, theme.dim) } else { (style, theme.text) };
    bullet(&id, style, &printable(&text), body, width)
}
