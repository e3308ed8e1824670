//! Laws view: the fits with their errors, parameters and identifiability.

mod comparison;
mod past;

use super::{Actions, Cx, Motion, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::tui::action::k;
use crate::tui::fmt;
use crate::tui::question::Question;
use crate::tui::shared::{Shared, label};
use crate::tui::text::{bullet, prose, text_area};
use crate::tui::theme::Theme;
use crate::vocab::count::{counted, plural};
use crate::vocab::{FitView, ParameterView, Snapshot};
use comparison::comparison;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Fits listed at once; the list moves with the one that is shown.
const MOST_ROWS: usize = 6;

static SPEC: Spec = Spec {
    id: ViewId("laws"),
    name: "Laws",
    about: "laws",
    roles: &[Role::Evidence],
    signs: &[
        ("skill", "R² on held-out mixtures; 1: perfect, 0: no better than predicting their mean"),
        ("not identified", "these runs do not determine this parameter; use only predictions"),
    ],
};

/// The fits, and the details of one.
#[derive(Debug, Clone, Default)]
pub struct Laws {
    /// The fit whose details were shown last: those of another are read from their start.
    shown: Option<usize>,
    /// How many rounds of fits before the newest one are shown; 0 for what is so now.
    back: usize,
}

impl Actions for Laws {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("laws.earlier", &[k('[')], "the fits of the refit before", |view: &mut Self, cx| view.scrub(1, cx))
            .hint("earlier"),
        act("laws.later", &[k(']')], "those of the refit after", |view: &mut Self, cx| view.scrub(-1, cx)),
        act("laws.much-earlier", &[k('{')], "ten refits before", |view: &mut Self, cx| view.scrub(10, cx)),
        act("laws.much-later", &[k('}')], "ten refits after", |view: &mut Self, cx| view.scrub(-10, cx)),
    ];
}

impl Laws {
    /// Goes so many rounds of fits back.
    fn scrub(&mut self, by: isize, cx: &mut Cx<'_>) {
        let oldest = past::moments(cx.shared).map_or(usize::MAX, |all| all.len().saturating_sub(1));
        self.back = self.back.saturating_add_signed(by).min(oldest);
        *cx.scroll = 0;
    }

    fn text(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        if self.back == 0 {
            return lines(shared, width);
        }
        past::text(shared, self.back, width)
    }
}

impl View for Laws {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// One run gives no law.
    fn presence(&self, shared: &Shared) -> Presence {
        let none = shared.snapshot.as_ref().is_some_and(|snapshot| snapshot.fits.is_empty());
        if none && super::one::One.presence(shared) == Presence::There { Presence::Quiet } else { Presence::There }
    }

    fn asks(&self, shared: &Shared, _: ratatui::layout::Rect) -> Vec<Question> {
        past::asks(shared, self.back)
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        self.text(shared, width)
    }

    /// Back to now.
    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        std::mem::take(&mut self.back) > 0
    }

    /// Lines go from fit to fit where there are several; pages go through the details.
    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        let fits = cx.shared.snapshot.as_ref().map_or(0, |s| s.fits.len());
        if fits < 2 || matches!(motion, Motion::Pages(_)) {
            cx.scroll(motion);
            return;
        }
        let from = cx.shared.main_fit().map_or(0, |(i, _)| i);
        cx.shared.fit = Some(from.saturating_add_signed(motion.lines(cx.inner.height)).min(fits - 1));
    }

    fn settle(&mut self, cx: &mut Cx<'_>) {
        let shown = cx.shared.main_fit().map(|(i, _)| i);
        if shown != self.shown {
            *cx.scroll = 0;
        }
        self.shown = shown;
        cx.end_at(self.text(cx.shared, text_area(cx.inner).width).len());
    }
}

fn lines(shared: &Shared, width: u16) -> Vec<Line<'static>> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let shown = shared.main_fit().map_or(0, |(shown, _)| shown);
    lines_of(shared, snapshot, shown, width)
}

/// The lines for the fits of a snapshot, with the details of one.
fn lines_of(shared: &Shared, snapshot: &Snapshot, shown: usize, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let Some(fit) = snapshot.fits.get(shown) else {
        return prose("No fit yet.", theme.dim, width);
    };
    let mut out = Vec::new();
    let first = shown.saturating_sub(MOST_ROWS / 2).min(snapshot.fits.len().saturating_sub(MOST_ROWS));
    for (i, fit) in snapshot.fits.iter().enumerate().skip(first).take(MOST_ROWS) {
        out.push(row(theme, snapshot, fit, i == shown, width));
    }
    if snapshot.fits.len() > MOST_ROWS {
        out.push(Line::from(Span::styled(format!("  {} of {} fits", MOST_ROWS, snapshot.fits.len()), theme.dim)));
    }
    out.push(Line::from(Span::styled("─".repeat(width.into()), theme.faint)));
    out.extend(verdict(theme, fit, width));
    let choice = snapshot.choices.iter().find(|c| c.metric == fit.metric);
    out.extend(choice.into_iter().flat_map(|c| comparison(theme, c, &fit.law, width)));
    out.push(Line::default());
    out.extend(parameters(theme, fit, width));
    out.extend(folds(theme, fit, width));
    out.push(Line::default());
    out.extend(basis(theme, fit, width));
    if !shared.is_roomy() {
        out.retain(|line| line.width() > 0);
    }
    out
}

/// `▸ rust    D-CPT     skill 0.978  held out 1.08%`
fn row(theme: &Theme, snapshot: &Snapshot, fit: &FitView, shown: bool, width: u16) -> Line<'static> {
    let skill = match fit.skill {
        Some(s) if s <= 0.0 => Span::styled(format!(" NO SKILL {s:.2} "), theme.loud),
        Some(s) => Span::styled(format!("skill {s:.3}"), skill_style(theme, s)),
        None => Span::styled("skill not known yet", theme.dim),
    };
    let longest = snapshot.fits.iter().map(|f| fmt::width(&label(snapshot, &f.metric))).max().unwrap_or(0);
    let names = longest.min(usize::from(width).saturating_sub(40).clamp(5, 12));
    let laws = snapshot.fits.iter().map(|f| fmt::width(&f.law)).max().unwrap_or(0).clamp(8, 14);
    let mut spans = vec![
        Span::styled(if shown { "▸ " } else { "  " }, theme.focus),
        Span::styled(
            fmt::left(&fmt::head(&label(snapshot, &fit.metric), names), names + 1),
            if shown { theme.title } else { theme.text },
        ),
        Span::styled(fmt::left(&fmt::head(&fit.law, laws), laws + 1), if fit.chosen { theme.text } else { theme.dim }),
        skill,
    ];
    let room =
        |spans: &[Span<'_>], more: usize| spans.iter().map(Span::width).sum::<usize>() + more <= usize::from(width);
    if let Some(error) = fit.mre_heldout.filter(|_| fit.skill.is_none_or(|s| s > 0.0)) {
        let (what, error) = ("  held out ", percent2(error));
        let whole = room(&spans, fmt::width(what) + fmt::width(&error));
        spans.push(Span::styled(if whole { what } else { "  " }, theme.dim));
        spans.push(Span::styled(error, theme.text));
    }
    let unused = "  not used";
    if !fit.chosen && room(&spans, fmt::width(unused)) {
        spans.push(Span::styled(unused, theme.dim));
    }
    Line::from(spans)
}

fn skill_style(theme: &Theme, skill: f64) -> Style {
    if skill >= 0.5 { theme.good } else { theme.warn }
}

/// Whether to believe it.
fn verdict(theme: &Theme, fit: &FitView, width: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    match fit.skill {
        Some(s) if s <= 0.0 => {
            for text in [
                format!("NO SKILL ({s:.2})"),
                "The law predicts held-out mixtures no better than their mean.".to_owned(),
                "Do not act on its predictions.".to_owned(),
            ] {
                for piece in fmt::wrap(&text, usize::from(width).saturating_sub(2)) {
                    let padded = fmt::left(&format!(" {piece}"), width.into());
                    out.push(Line::from(Span::styled(padded, theme.loud)));
                }
            }
        }
        Some(s) => {
            let (full, empty) = fmt::bar(s, usize::from(width).saturating_sub(32).min(20));
            out.push(Line::from(vec![
                Span::styled("skill ", theme.dim),
                Span::styled(format!("{s:.3} "), skill_style(theme, s)),
                Span::styled(full, skill_style(theme, s)),
                Span::styled(empty, theme.faint),
                Span::styled("  1 is perfect", theme.dim),
            ]));
        }
        None => out.extend(prose("Not cross-validated yet, so the error is unknown.", theme.warn, width)),
    }
    let own = Span::styled(percent2(fit.mre), theme.text);
    out.push(match fit.mre_heldout {
        Some(held) => Line::from(vec![
            Span::styled("error ", theme.dim),
            Span::styled(percent2(held), theme.text),
            Span::styled(if fit.provisional { " held out (provisional), " } else { " held out, " }, theme.dim),
            own,
            Span::styled(" on its own rows", theme.dim),
        ]),
        None => Line::from(vec![Span::styled("error ", theme.dim), own, Span::styled(" on its own rows", theme.dim)]),
    });
    for test in &fit.scale_tests {
        out.extend(bullet("↗", theme.accent, &format!("held out {}", test.describe()), theme.text, width));
    }
    for warning in &fit.warnings {
        out.extend(bullet("!", theme.warn, warning, theme.text, width));
    }
    out
}

fn parameters(theme: &Theme, fit: &FitView, width: u16) -> Vec<Line<'static>> {
    let names = fit.parameters.iter().map(|p| fmt::width(&fmt::head(&p.name, 10))).max().unwrap_or(1).max(2);
    let mut out =
        vec![Line::from(Span::styled(format!("{}{:>10}   90% range", " ".repeat(names), "value"), theme.dim))];
    out.extend(fit.parameters.iter().map(|p| parameter(theme, p, names, width)));
    out
}

fn parameter(theme: &Theme, p: &ParameterView, names: usize, width: u16) -> Line<'static> {
    let range = |digits| format!("{} … {}", fmt::significant(p.low, digits), fmt::significant(p.high, digits));
    let mut spans = vec![
        Span::styled(fmt::left(&fmt::head(&p.name, 10), names), theme.accent),
        Span::styled(
            format!("{:>10}   ", fmt::significant(p.value, 4)),
            if p.identified { theme.text } else { theme.dim },
        ),
    ];
    if p.identified {
        spans.push(Span::styled(range(4), theme.text));
    } else {
        spans.push(Span::styled("not identified", theme.warn));
        let range = format!("  {}", range(2));
        if names + 27 + fmt::width(&range) <= usize::from(width) {
            spans.push(Span::styled(range, theme.dim));
        }
    }
    Line::from(spans)
}

/// Each held-out group beside what guessing the mean gives.
fn folds(theme: &Theme, fit: &FitView, width: u16) -> Vec<Line<'static>> {
    if fit.folds.is_empty() {
        return Vec::new();
    }
    let mut out = vec![Line::default()];
    let held_out = if fit.held_out.is_empty() { "held out" } else { &fit.held_out };
    let names = fit.folds.iter().map(|f| fmt::width(&fmt::head(&f.held_out, 16))).max().unwrap_or(4);
    let room = usize::from(width).saturating_sub(names + 21).min(40);
    out.extend(prose(held_out, theme.dim, width));
    let most = fit.folds.iter().map(|f| f.mre.max(f.mre_baseline)).filter(|v| v.is_finite()).fold(0.0, f64::max);
    for fold in &fit.folds {
        let style = if fold.mre < fold.mre_baseline { theme.good } else { theme.bad };
        // The line goes on as far as guessing the mean would have reached.
        let (full, _) = fmt::bar(fold.mre / most, room);
        let (mean, _) = fmt::bar(fold.mre_baseline / most, room);
        let more = "─".repeat(fmt::width(&mean).saturating_sub(fmt::width(&full)));
        let rest = " ".repeat(room.saturating_sub(fmt::width(&full) + fmt::width(&more)));
        let worse = if fold.mre < fold.mre_baseline { " " } else { "✗" };
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::head(&fold.held_out, 16), names), theme.text),
            Span::styled(format!(" {:>6}{worse}", percent2(fold.mre)), style),
            Span::styled(full, style),
            Span::styled(format!("{more}{rest}"), theme.faint),
            Span::styled(format!(" mean {:>6}", percent2(fold.mre_baseline)), theme.dim),
        ]));
    }
    out
}

/// What it was fitted to, and how that ended.
fn basis(theme: &Theme, fit: &FitView, width: u16) -> Vec<Line<'static>> {
    let text = format!(
        "{} {} from {}. Objective {}, {}, seed {}, {}. Stopped: {}.",
        fmt::count(fit.observations as u64),
        plural(fit.observations, "observation"),
        counted(fit.runs, "run"),
        fmt::significant(fit.objective, 5),
        counted(fit.starts, "restart"),
        fit.seed,
        fmt::duration(fit.seconds),
        fit.stopped.trim_end_matches('.'),
    );
    prose(&text, theme.dim, width)
}

/// A relative error: two decimals, because laws differ in the second.
fn percent2(part: f64) -> String {
    if part.is_finite() { format!("{:.2}%", 100.0 * part) } else { "–".to_owned() }
}
