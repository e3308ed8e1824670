//! The objective at the target as the share of one corpus changes and the others keep their proportions: a chart or a line a
//! corpus, for mixtures of four and more, which no map shows.

use super::map::marked;
use super::{Actions, Ask, Cx, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::slices::{Slice, SlicesAnswer, SlicesQuery};
use crate::tui::action::{Reach, k};
use crate::tui::fmt;
use crate::tui::lines::{Curve, Lines, Numbers};
use crate::tui::question::{Answer, Question};
use crate::tui::shared::{Shared, label};
use crate::tui::text::{prose, scrolled, text_area};
use crate::vocab::number::significant;
use crate::vocab::text::printable;
use crate::vocab::{Better, Mixture, Ordered, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Corpora from which on it is there: three are a map, two are a chart.
const LEAST_CORPORA: usize = 4;
/// What is asked for.
const SHARES: SlicesQuery = SlicesQuery { shares: 31 };
/// Columns and rows that a chart wants, with its name.
const CHART: (u16, u16) = (34, 8);
/// A change of a share that sensitivities are given for, in percentage points.
const POINTS: u32 = 5;
/// The same as a part.
const STEP: f64 = 0.01 * POINTS as f64;

static SPEC: Spec = Spec {
    id: ViewId("slices"),
    name: "Slices",
    about: "the objective against the share of each of four and more corpora",
    roles: &[Role::Chart],
    signs: &[("◇ ◆", "share in the current mixture, and in the recommended one")],
};

/// The slices. Where they stand is all there is to keep.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    /// The first corpus whose chart is drawn, among those that matter most.
    first: usize,
}

impl Actions for Slices {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("slices.next", &[k('m')], "next corpora", |view: &mut Self, cx| {
            let count = answer(cx.shared).map_or(0, |answer| answer.slices.len());
            let page = cells(chart_area(cx.inner, cx.shared), count).len().max(1);
            view.first = if view.first + page < count { view.first + page } else { 0 };
        })
        .hint("next corpora"),
        act("slices.open", &[k('K')], "the objective against the share of each corpus", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(SPEC.id));
        })
        .reach(Reach::Everywhere),
    ];
}

fn answer(shared: &Shared) -> Option<&SlicesAnswer> {
    match shared.answer(&Question::Slices(SHARES))? {
        Answer::Slices(answer) => Some(answer),
        _ => None,
    }
}

/// What stands in the place of slices.
fn instead(shared: &Shared) -> String {
    match shared.answer(&Question::Slices(SHARES)) {
        Some(Answer::Failed(why)) => format!("The laws cannot be asked: {}.", printable(why)),
        Some(_) => "No law is fitted yet to every loss of the objective.".to_owned(),
        None => shared.asking("Asking the laws …").to_owned(),
    }
}

/// The predicted objective at a share, between those that were asked for.
fn at(slice: &Slice, share: f64) -> Option<f64> {
    let (first, last) = (*slice.shares.first()?, *slice.shares.last()?);
    let above = slice.shares.partition_point(|other| *other < share).clamp(1, slice.shares.len() - 1);
    let (a, b) = (slice.shares[above - 1], slice.shares[above]);
    let inside = (first - 1e-9..=last + 1e-9).contains(&share) && b > a;
    let (low, high) = (*slice.value.get(above - 1)?, *slice.value.get(above)?);
    inside.then(|| low + (high - low) * ((share - a) / (b - a)).clamp(0.0, 1.0)).filter(|value| value.is_finite())
}

/// What a corpus does to the objective.
struct Effect<'a> {
    slice: &'a Slice,
    /// Its share in the mixture that the slices go through.
    share: f64,
    /// Change of the objective for [`STEP`] more of it, by the slope there.
    slope: Option<f64>,
    /// The explored share at which the objective is best.
    best: Option<f64>,
    /// Difference between the best and the worst explored value.
    span: f64,
}

fn effects(answer: &SlicesAnswer) -> Vec<Effect<'_>> {
    let better = |a: f64, b: f64| if answer.measure.better == Better::Higher { a > b } else { a < b };
    let one = |slice: &'_ Slice| {
        let share = answer.around.weight(&slice.domain);
        let near = |to: f64| at(slice, share + to).map(|value| (share + to, value));
        // At an end of the range the slope is that to one side.
        let ends = near(-STEP / 2.0).or_else(|| near(0.0)).zip(near(STEP / 2.0).or_else(|| near(0.0)));
        let slope = ends.filter(|(a, b)| b.0 > a.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0) * STEP);
        let explored = slice.explored.iter().zip(slice.shares.iter().zip(&slice.value));
        let explored = explored.filter(|(inside, (_, value))| **inside && value.is_finite()).map(|(_, point)| point);
        let (mut best, mut low, mut high) = (None, f64::INFINITY, f64::NEG_INFINITY);
        for (share, value) in explored {
            (low, high) = (low.min(*value), high.max(*value));
            if best.is_none_or(|(_, least)| better(*value, least)) {
                best = Some((*share, *value));
            }
        }
        (share, slope, best.map(|best| best.0), if high >= low { high - low } else { 0.0 })
    };
    let mut all: Vec<Effect<'_>> = Vec::new();
    for slice in &answer.slices {
        let (share, slope, best, span) = one(slice);
        all.push(Effect { slice, share, slope, best, span });
    }
    all.sort_by_cached_key(|each| std::cmp::Reverse(Ordered(each.span)));
    all
}

/// The cells of charts: as many as there is room for.
fn cells(area: Rect, count: usize) -> Vec<Rect> {
    let (columns, rows) = (area.width / CHART.0, area.height / CHART.1);
    let count = count.min(usize::from(columns * rows));
    if count == 0 {
        return Vec::new();
    }
    let columns = usize::from(columns).min(count);
    let rows = count.div_ceil(columns);
    let part = |whole: u16, part: usize, parts: usize| (usize::from(whole) * part / parts) as u16;
    let cell = |place: usize| {
        let (row, column) = (place / columns, place % columns);
        let (x, right) = (part(area.width, column, columns), part(area.width, column + 1, columns));
        let (y, bottom) = (part(area.height, row, rows), part(area.height, row + 1, rows));
        Rect { x: area.x + x, y: area.y + y, width: right - x, height: bottom - y }
    };
    (0..count).map(cell).collect()
}

/// The rows of charts, above the table.
fn chart_area(inner: Rect, shared: &Shared) -> Rect {
    let table = answer(shared).map_or(0, |answer| answer.slices.len() as u16 + 4);
    let spare = inner.height.saturating_sub(table.min(inner.height / 3).max(1));
    let high = if spare >= CHART.1 && inner.width >= CHART.0 { spare } else { 0 };
    Rect { height: high, ..inner }
}

/// Charts of all corpora on one y axis, so that the eye sees which matters.
fn charts(shared: &Shared, snapshot: &Snapshot, answer: &SlicesAnswer, first: usize, area: Rect, buf: &mut Buffer) {
    let theme = &shared.theme;
    let effects = effects(answer);
    let shown: Vec<&Effect<'_>> = effects.iter().skip(first.min(effects.len().saturating_sub(1))).collect();
    let within = within(&effects);
    let (now, advised) = marked(snapshot);
    for (effect, cell) in shown.iter().zip(cells(area, shown.len())) {
        let slice = effect.slice;
        let room = usize::from(cell.width).saturating_sub(2);
        let step = effect.slope.map_or_else(String::new, |slope| format!("{POINTS} points more: {}", signed(slope)));
        let share = fmt::percent_short(effect.share);
        let name = fmt::head(&printable(&slice.domain), room.saturating_sub(step.len() + share.len() + 3).max(6));
        let title = Line::from(vec![
            Span::styled(format!("{name} {share}  "), theme.title),
            Span::styled(fmt::head(&step, room.saturating_sub(fmt::width(&name) + share.len() + 3)), theme.dim),
        ]);
        buf.set_line(cell.x + 1, cell.y, &title, cell.width.saturating_sub(2));
        let plot = Rect { y: cell.y + 1, height: cell.height.saturating_sub(1), ..cell };
        let band = slice.shares.iter().zip(slice.low.iter().zip(&slice.high)).zip(&slice.explored);
        let band = band.filter(|(_, explored)| **explored).map(|((share, (low, high)), _)| (*share, *low, *high));
        let mut curves = vec![Curve { band: band.collect(), ..Curve::default() }];
        for (inside, points) in pieces(slice, within) {
            let style = if inside { theme.curve } else { theme.faint };
            curves.push(Curve { points, style, ..Curve::default() });
        }
        let mut mark = |mixture: Option<&Mixture>, sign, style| {
            if let Some(share) = mixture.map(|mixture| mixture.weight(&slice.domain))
                && let Some(value) = at(slice, share)
            {
                curves.push(Curve { points: vec![(share, value)], dots: true, style, sign, ..Curve::default() });
            }
        };
        mark(now, "◇", theme.now);
        mark(advised, "◆", theme.advised);
        Lines { x: Numbers::Parts, within, ..Lines::of(&curves, theme) }.draw(plot, buf);
    }
}

/// The y axis of all charts: what is predicted where runs are, and half as much beyond.
fn within(effects: &[Effect<'_>]) -> Option<(f64, f64)> {
    let all = effects.iter().flat_map(|effect| effect.slice.value.iter().zip(&effect.slice.explored));
    let inside = all.filter(|(value, inside)| **inside && value.is_finite()).map(|(value, _)| *value);
    let (low, high) = inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), value| (l.min(value), h.max(value)));
    (low <= high).then_some((low - 0.25 * (high - low), high + 0.25 * (high - low)))
}

/// The parts of a slice that are explored and those that are not, each joined to the next; without what the y axis leaves out.
fn pieces(slice: &Slice, within: Option<(f64, f64)>) -> Vec<(bool, Vec<(f64, f64)>)> {
    let mut out: Vec<(bool, Vec<(f64, f64)>)> = Vec::new();
    let seen = |value: f64| value.is_finite() && within.is_none_or(|(low, high)| (low..=high).contains(&value));
    let mut broken = true;
    for ((share, value), inside) in slice.shares.iter().zip(&slice.value).zip(&slice.explored) {
        if !seen(*value) {
            broken = true;
            continue;
        }
        let same = !broken && out.last().is_some_and(|(before, _)| before == inside);
        if !same {
            let joint = out.last().and_then(|(_, points)| points.last().copied()).filter(|_| !broken);
            out.push((*inside, joint.into_iter().collect()));
        }
        if let Some((_, points)) = out.last_mut() {
            points.push((*share, *value));
        }
        broken = false;
    }
    out
}

fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", significant(value.abs(), 2))
}

impl View for Slices {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let Some(snapshot) = &shared.snapshot else { return Presence::Gone };
        let fitted = snapshot.fits.iter().any(|fit| fit.chosen) && snapshot.target.is_some();
        if fitted && snapshot.domains.len() >= LEAST_CORPORA { Presence::There } else { Presence::Gone }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let objective =
            shared.snapshot.as_ref().zip(answer(shared)).map(|(snapshot, answer)| match &answer.objective[..] {
                [(only, _)] => label(snapshot, only),
                many => format!("mean of {} losses", many.len()),
            });
        let objective = objective.unwrap_or_else(|| "the objective".to_owned());
        fmt::head(&format!("{} by share of each corpus", printable(&objective)), room)
    }

    fn tab(&self, _: &Shared, _: bool) -> String {
        SPEC.name.to_owned()
    }

    fn asks(&self, _: &Shared, _: Rect) -> Vec<Question> {
        vec![Question::Slices(SHARES)]
    }

    /// `corpus   now  advised   best   +5 % more`, those that matter most first.
    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let Some(answer) = answer(shared).filter(|answer| !answer.slices.is_empty()) else {
            return prose(&instead(shared), theme.dim, width);
        };
        let effects = effects(answer);
        let names = effects.iter().map(|effect| fmt::width(&effect.slice.domain)).max().unwrap_or(6);
        let names = names.clamp(6, usize::from(width).saturating_sub(44).max(6));
        let more = format!("{POINTS} points more");
        let head = format!("{} {:>6} {:>7} {:>9}  {more:>14}", fmt::left("corpus", names), "now", "advised", "best at");
        let mut out = vec![Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim))];
        let (now, advised) = marked(snapshot);
        for effect in &effects {
            let weight = |mixture: Option<&Mixture>| {
                mixture.map_or_else(|| "–".to_owned(), |one| fmt::percent_short(one.weight(&effect.slice.domain)))
            };
            let best = effect.best.map_or_else(|| "–".to_owned(), fmt::percent_short);
            let slope = effect.slope.map_or_else(|| "–".to_owned(), signed);
            let worse = effect.slope.is_some_and(|slope| (slope > 0.0) != (answer.measure.better == Better::Higher));
            let name = fmt::left(&fmt::head(&printable(&effect.slice.domain), names), names);
            out.push(Line::from(vec![
                Span::styled(name, theme.text),
                Span::styled(format!(" {:>6}", weight(now)), theme.now),
                Span::styled(format!(" {:>7}", weight(advised)), theme.advised),
                Span::styled(format!(" {best:>9}"), theme.text),
                Span::styled(format!("  {slope:>14}"), if worse { theme.warn } else { theme.good }),
            ]));
        }
        let of = if advised.is_some() { "recommended" } else { "current" };
        let note = format!(
            "Each slice goes through the {of} mixture, where the objective is {}; the others keep their proportions. \
             best at: among explored shares. The band is that of a run whose losses are all off in one direction.",
            fmt::loss(answer.value)
        );
        out.extend(prose(&note, theme.dim, width));
        out
    }

    fn height(&self, shared: &Shared, width: u16) -> usize {
        let rows = answer(shared).map_or(0, |answer| {
            let columns = usize::from(width / CHART.0).max(1);
            usize::from(CHART.1 + 2) * answer.slices.len().div_ceil(columns)
        });
        self.lines(shared, width).len() + rows
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let mut inner = pane.inner;
        if let (Some(snapshot), Some(answer)) = (&shared.snapshot, answer(shared)) {
            let area = chart_area(inner, shared);
            charts(shared, snapshot, answer, self.first, area, buf);
            inner = Rect { y: area.bottom(), height: inner.height - area.height, ..inner };
        }
        let lines = self.lines(shared, text_area(inner).width);
        scrolled(&shared.theme, &lines, pane.scroll, inner, buf);
    }

    fn settle(&mut self, cx: &mut Cx<'_>) {
        let count = answer(cx.shared).map_or(0, |answer| answer.slices.len());
        self.first = self.first.min(count.saturating_sub(1));
        let rows = self.lines(cx.shared, text_area(cx.inner).width).len();
        cx.end_at(rows + usize::from(chart_area(cx.inner, cx.shared).height));
    }
}
