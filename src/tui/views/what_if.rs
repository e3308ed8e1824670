//! What the laws say of a mixture and size that the user tries out: weights are moved, losses follow.

mod answer;
mod drift;

use super::{Actions, Cx, Motion, Mouse, MouseKind, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::protocol::PredictQuery;
use crate::tui::action::{Reach, k, key};
use crate::tui::fmt;
use crate::tui::question::Question;
use crate::tui::shared::Shared;
use crate::tui::text::{bullet, prose, text_area};
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{Advice, Mixture, Recommendation, Snapshot};
use crossterm::event::KeyCode;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("what-if");

static SPEC: Spec = Spec {
    id: ID,
    name: "What if",
    about: "losses at a mixture and size of your own",
    roles: &[Role::Detail],
    signs: &[("◇ ◆ ●", "current, recommended and tried weight")],
};

/// What a key moves a weight by.
const STEP: f64 = 0.01;
/// What a key moves N or D by, as a factor.
const FACTOR: f64 = 1.1;

/// What is tried out. What is not set is the target's.
#[derive(Debug, Clone, Default)]
pub struct WhatIf {
    mixture: Option<Mixture>,
    params: Option<f64>,
    tokens: Option<f64>,
    /// The line that left and right change: a corpus, then N, then D.
    row: usize,
}

impl Actions for WhatIf {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act(
            "what-if.less",
            &[key(KeyCode::Left), k('h')],
            "less of the chosen corpus, a smaller N or D",
            |view: &mut Self, cx| view.change(-1.0, cx),
        )
        .hint("less"),
        act("what-if.more", &[key(KeyCode::Right), k('l')], "more of it", |view: &mut Self, cx| view.change(1.0, cx))
            .hint("more"),
        act("what-if.much-less", &[k('H'), k('[')], "ten steps less", |view: &mut Self, cx| view.change(-10.0, cx)),
        act("what-if.much-more", &[k('L'), k(']')], "ten steps more", |view: &mut Self, cx| view.change(10.0, cx)),
        act("what-if.advised", &[k('A')], "the recommended mixture, and back to the current one", Self::advised)
            .hint("advised"),
        act("what-if.reset", &[k('R')], "back to the target's mixture and size", |view: &mut Self, _| {
            *view = Self { row: view.row, ..Self::default() };
        })
        .hint("reset"),
        act("what-if.open", &[k('w')], "try a mixture and size", |_: &mut Self, cx| {
            cx.asks.push(super::Ask::Focus(ID));
        })
        .hint("what if")
        .reach(Reach::Everywhere),
    ];
}

/// The mixture in use.
fn current(snapshot: &Snapshot) -> Option<&Mixture> {
    match &snapshot.advice {
        Some(Advice::Recommendation(advice)) => Some(&advice.current),
        _ => snapshot.target.as_ref().and_then(|target| target.mixture.as_ref()),
    }
}

fn recommendation(snapshot: &Snapshot) -> Option<&Recommendation> {
    match &snapshot.advice {
        Some(Advice::Recommendation(advice)) => Some(advice),
        _ => None,
    }
}

/// Least and greatest weight of a corpus in the runs.
fn explored(snapshot: &Snapshot, domain: &str) -> Option<(f64, f64)> {
    let weights = snapshot.runs.iter().filter_map(|run| Some(run.mixture()?.weight(domain)));
    let range = weights.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| (low.min(w), high.max(w)));
    (range.0 <= range.1).then_some(range)
}

/// The first line that can be chosen: one corpus alone has no weight to move.
fn first_row(snapshot: &Snapshot) -> usize {
    if snapshot.domains.len() > 1 { 0 } else { snapshot.domains.len() }
}

impl WhatIf {
    fn mixture<'a>(&'a self, snapshot: &'a Snapshot) -> Option<&'a Mixture> {
        self.mixture.as_ref().or_else(|| current(snapshot))
    }

    fn query(&self) -> PredictQuery {
        PredictQuery {
            params: self.params,
            tokens: self.tokens,
            mixture: self.mixture.clone(),
            ..PredictQuery::default()
        }
    }

    /// Moves the chosen line by so many steps. The other corpora keep their proportions.
    fn change(&mut self, steps: f64, cx: &mut Cx<'_>) {
        let Some(snapshot) = &cx.shared.snapshot else { return };
        let target = snapshot.target.as_ref();
        match self.row.checked_sub(snapshot.domains.len()) {
            None => {
                let Some(domain) = snapshot.domains.get(self.row) else { return };
                let Some(now) = self.mixture(snapshot) else { return };
                let weight = ((now.weight(domain) / STEP).round() + steps) * STEP;
                self.mixture = Some(with_weight(now, &snapshot.domains, domain, weight.clamp(0.0, 1.0)));
            }
            Some(0) => {
                let now = self.params.or_else(|| Some(target?.params));
                self.params = now.map(|n| n * FACTOR.powf(steps));
            }
            Some(_) => {
                let now = self.tokens.or_else(|| Some(target?.tokens));
                self.tokens = now.map(|n| n * FACTOR.powf(steps));
            }
        }
    }

    fn advised(&mut self, cx: &mut Cx<'_>) {
        let advice = cx.shared.snapshot.as_ref().and_then(|snapshot| recommendation(snapshot));
        let advised = advice.map(|advice| advice.mixture.clone());
        self.mixture = if self.mixture == advised { None } else { advised };
    }

    /// `rust   ━━━━━━━━━●──────  60.0 %  explored 0–100 %`
    fn weights(&self, shared: &Shared, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let Some(mixture) = self.mixture(snapshot) else { return Vec::new() };
        let names = snapshot.domains.iter().map(|d| fmt::width(d)).max().unwrap_or(0).clamp(6, 14);
        let with_range = width >= 64;
        let room = usize::from(width).saturating_sub(names + 11 + if with_range { 20 } else { 0 }).max(4);
        let line = |(row, domain): (usize, &String)| {
            let weight = mixture.weight(domain);
            let column = |weight: f64| ((weight * (room - 1) as f64).round() as usize).min(room - 1);
            let mut bar: Vec<(&str, Style)> = vec![("─", theme.faint); room];
            bar[..column(weight)].fill(("━", theme.accent));
            let mut mark = |mixture: Option<&Mixture>, sign, style| {
                if let Some(mixture) = mixture {
                    bar[column(mixture.weight(domain))] = (sign, style);
                }
            };
            mark(current(snapshot), "◇", theme.now);
            mark(recommendation(snapshot).map(|advice| &advice.mixture), "◆", theme.advised);
            mark(Some(mixture), "●", theme.focus);
            let chosen = row == self.row;
            let mut spans = vec![
                Span::styled(if chosen { "▸ " } else { "  " }, theme.focus),
                Span::styled(
                    format!("{} ", fmt::left(&fmt::head(&printable(domain), names), names)),
                    if chosen { theme.title } else { theme.text },
                ),
            ];
            spans.extend(bar.into_iter().map(|(sign, style)| Span::styled(sign, style)));
            spans.push(Span::styled(format!(" {:>6}", fmt::percent(weight)), theme.text));
            if let Some((low, high)) = explored(snapshot, domain).filter(|_| with_range) {
                let outside = weight < low - 1e-9 || weight > high + 1e-9;
                let range = format!("  runs {}–{}", fmt::percent_short(low), fmt::percent_short(high));
                spans.push(Span::styled(range, if outside { theme.warn } else { theme.dim }));
            }
            Line::from(spans)
        };
        snapshot.domains.iter().enumerate().map(line).collect()
    }

    /// N and D, with the target's where they differ.
    fn sizes(&self, shared: &Shared, snapshot: &Snapshot) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let Some(target) = &snapshot.target else { return Vec::new() };
        let first = snapshot.domains.len();
        let both = [("params", target.params, self.params), ("tokens", target.tokens, self.tokens)];
        let line = |(place, (name, of_target, tried)): (usize, (&str, f64, Option<f64>))| {
            let chosen = self.row == first + place;
            let mut spans = vec![
                Span::styled(if chosen { "▸ " } else { "  " }, theme.focus),
                Span::styled(format!("{name:<7}"), if chosen { theme.title } else { theme.text }),
                Span::styled(show_amount(of_target), if tried.is_some() { theme.dim } else { theme.text }),
            ];
            if let Some(tried) = tried {
                spans.push(Span::styled(" ▸ ", theme.dim));
                spans.push(Span::styled(show_amount(tried), theme.focus));
            }
            Line::from(spans)
        };
        both.into_iter().enumerate().map(line).collect()
    }
}

/// A mixture in which a corpus has that weight; the others share the rest in their proportions, or equally where they had
/// none.
fn with_weight(now: &Mixture, domains: &[String], domain: &str, weight: f64) -> Mixture {
    let others: Vec<&String> = domains.iter().filter(|other| *other != domain).collect();
    let sum: f64 = others.iter().map(|other| now.weight(other)).sum();
    let rest = if others.is_empty() { 0.0 } else { 1.0 - weight };
    let share = |other: &str| if sum > 1e-12 { now.weight(other) / sum } else { 1.0 / others.len() as f64 };
    let mut weights: BTreeMap<String, f64> =
        others.iter().map(|other| ((*other).clone(), rest * share(other))).collect();
    weights.insert(domain.to_owned(), if others.is_empty() { 1.0 } else { weight });
    Mixture(weights)
}

impl View for WhatIf {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// Where laws see neither a mixture nor a size there is nothing to try.
    fn presence(&self, shared: &Shared) -> Presence {
        let Some(snapshot) = &shared.snapshot else { return Presence::Gone };
        let fitted = snapshot.fits.iter().any(|fit| fit.chosen) && snapshot.target.is_some();
        if fitted { Presence::There } else { Presence::Gone }
    }

    fn place(&self, shared: &Shared) -> Option<PredictQuery> {
        (self.presence(shared) == Presence::There).then(|| self.query())
    }

    fn asks(&self, shared: &Shared, _: Rect) -> Vec<Question> {
        let several = shared.snapshot.as_ref().is_some_and(|snapshot| snapshot.domains.len() > 1);
        if several && self.presence(shared) == Presence::There { vec![Question::Drift] } else { Vec::new() }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let mut out = if snapshot.domains.len() > 1 { self.weights(shared, snapshot, width) } else { Vec::new() };
        out.extend(self.sizes(shared, snapshot));
        // What has come may still be of the place before; it stays until the new one is there.
        let prediction = shared.prediction.as_deref();
        match prediction {
            None => out.extend(prose(shared.asking("Asking the laws …"), shared.theme.dim, width)),
            Some(prediction) => match &prediction.failed {
                Some(why) => out.extend(bullet("!", shared.theme.warn, &printable(why), shared.theme.text, width)),
                None => {
                    out.extend(Self::losses(shared, snapshot, &prediction.forecasts, width));
                    out.extend(Self::warnings(shared, &prediction.forecasts, width));
                    out.extend(Self::drift(shared, width));
                }
            },
        }
        out
    }

    /// The mixture as YAML, for a project file.
    fn copy(&self, shared: &Shared) -> Option<String> {
        self.mixture(shared.snapshot.as_ref()?).map(as_yaml)
    }

    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        let Some(snapshot) = &cx.shared.snapshot else { return };
        let last = snapshot.domains.len() + 1;
        let first = first_row(snapshot);
        self.row = self.row.saturating_add_signed(motion.lines(cx.inner.height)).clamp(first, last);
        // The chosen line is in sight.
        let at = self.row - first;
        let rows = usize::from(cx.inner.height).max(1);
        *cx.scroll = (*cx.scroll).clamp((at + 1).saturating_sub(rows), at);
    }

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        let changed = self.mixture.is_some() || self.params.is_some() || self.tokens.is_some();
        *self = Self { row: self.row, ..Self::default() };
        changed
    }

    /// A press chooses a line; the wheel changes it.
    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        match mouse.kind {
            MouseKind::Wheel(by) => self.change(-by as f64, cx),
            MouseKind::Press | MouseKind::Drag => {
                let Some(snapshot) = cx.shared.snapshot.clone() else { return false };
                let row = usize::from(mouse.row.saturating_sub(cx.inner.y)) + *cx.scroll;
                let first = first_row(&snapshot);
                if row + first > snapshot.domains.len() + 1 {
                    return false;
                }
                self.row = row + first;
            }
        }
        true
    }

    fn settle(&mut self, cx: &mut Cx<'_>) {
        if let Some(snapshot) = &cx.shared.snapshot {
            let first = first_row(snapshot);
            self.row = self.row.clamp(first, snapshot.domains.len() + 1);
        }
        let lines = self.height(cx.shared, text_area(cx.inner).width);
        cx.end_at(lines);
    }
}

/// A mixture as YAML, each weight on a line of its own, as a project file has it.
pub(super) fn as_yaml(mixture: &Mixture) -> String {
    let weights = mixture.0.iter().map(|(domain, weight)| format!("  {}: {:.4}\n", printable(domain), weight));
    format!("mixture:\n{}", weights.collect::<String>())
}
