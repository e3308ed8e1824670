//! The loss at the target over all mixtures of three corpora, as a triangle.

use super::{Actions, Ask, Cx, Motion, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::surface::{SurfaceAnswer, SurfaceLoss, SurfaceQuery};
use crate::tui::action::{Reach, k};
use crate::tui::fmt;
use crate::tui::question::{Answer, Question};
use crate::tui::shared::{Shared, label};
use crate::tui::text::{prose, text_area};
use crate::tui::theme::Theme;
use crate::vocab::text::printable;
use crate::vocab::{Advice, Mixture, Ordered, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec {
    id: ViewId("map"),
    name: "Map",
    about: "loss at the target over all mixtures of three corpora",
    roles: &[Role::Detail],
    signs: &[
        ("█ ▓ ▒ ░ ·", "mixtures by their loss: the best tenth, then the best quarter, half, three quarters, the rest"),
        ("∘", "the mixture of a run"),
        ("×", "a limit is broken there, by the best guess"),
    ],
};

/// Mixtures of the triangle's grid: every step of a fortieth.
const GRID: SurfaceQuery = SurfaceQuery { mixtures: 861 };
/// Rows where it is printed.
const PRINTED: usize = 30;

/// The map.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// Which of the metrics, counted from the first; `None`: that of the main chart.
    metric: Option<usize>,
}

impl Actions for Map {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("map.next", &[k('m')], "next metric", |view: &mut Self, cx| view.turn(1, cx)).hint("metric"),
        act("map.previous", &[k('M')], "previous metric", |view: &mut Self, cx| view.turn(-1, cx)),
        act("map.open", &[k('V')], "map of the mixtures of three corpora", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(SPEC.id));
        })
        .reach(Reach::Everywhere),
    ];
}

/// The answer to a question about mixtures, where it has come.
pub(super) fn surface(shared: &Shared, query: SurfaceQuery) -> Option<&SurfaceAnswer> {
    match shared.answer(&Question::Surface(query))? {
        Answer::Surface(answer) => Some(answer),
        _ => None,
    }
}

/// What stands in the place of an answer that has not come.
pub(super) fn instead(shared: &Shared, query: SurfaceQuery) -> String {
    match shared.answer(&Question::Surface(query)) {
        Some(Answer::Failed(why)) => format!("The laws cannot be asked: {}.", printable(why)),
        Some(_) => "No law is fitted yet.".to_owned(),
        None => shared.asking("Asking the laws …").to_owned(),
    }
}

/// The mixture in use, and the recommended one.
pub(super) fn marked(snapshot: &Snapshot) -> (Option<&Mixture>, Option<&Mixture>) {
    match &snapshot.advice {
        Some(Advice::Recommendation(advice)) => (Some(&advice.current), Some(&advice.mixture)),
        _ => (snapshot.target.as_ref().and_then(|target| target.mixture.as_ref()), None),
    }
}

/// Of each mixture whether a limit is broken there.
pub(super) fn broken(snapshot: &Snapshot, answer: &SurfaceAnswer) -> Vec<bool> {
    let mut out = vec![false; answer.mixtures.len()];
    let Some(Advice::Recommendation(advice)) = &snapshot.advice else { return out };
    for loss in &answer.losses {
        let Some(limit) = advice.expected.get(&loss.metric).and_then(|expected| expected.limit) else { continue };
        for (broken, value) in out.iter_mut().zip(&loss.values) {
            *broken |= !loss.measure.keeps(*value, limit);
        }
    }
    out
}

/// A mark with its style and name, and what is predicted where it stands, with the weights there.
type Mark = (&'static str, Style, &'static str, Option<(f64, Vec<f64>)>);

/// The triangle in cells: the third corpus is at the top, the first at the left, the second at the right.
struct Triangle {
    area: Rect,
}

impl Triangle {
    /// The weights at a cell; `None` outside.
    fn weights(&self, x: u16, y: u16) -> Option<[f64; 3]> {
        let (w, h) = (f64::from(self.area.width.max(2) - 1), f64::from(self.area.height.max(2) - 1));
        let top = 1.0 - f64::from(y - self.area.y) / h;
        let right = f64::from(x - self.area.x) / w - top / 2.0;
        let left = 1.0 - top - right;
        let air = 0.5 / w;
        (right >= -air && left >= -air).then(|| [left.max(0.0), right.max(0.0), top])
    }

    /// The cell of a mixture.
    fn cell(&self, weights: &[f64]) -> (u16, u16) {
        let (w, h) = (f64::from(self.area.width.max(2) - 1), f64::from(self.area.height.max(2) - 1));
        let x = (weights[1] + weights[2] / 2.0).clamp(0.0, 1.0) * w;
        let y = (1.0 - weights[2]).clamp(0.0, 1.0) * h;
        (self.area.x + x.round() as u16, self.area.y + y.round() as u16)
    }
}

/// The mixture of the grid that is nearest to some weights. The grid goes through the parts of the first corpus, and for each
/// through those of the second, so that a place in it is counted; any other list is searched.
fn nearest(answer: &SurfaceAnswer, weights: &[f64; 3]) -> usize {
    let count = answer.mixtures.len();
    let parts = (1..100).find(|n| (n + 1) * (n + 2) / 2 >= count).unwrap_or(1);
    let part = |weight: f64, most: usize| ((weight * parts as f64).round().max(0.0) as usize).min(most);
    let first = part(weights[0], parts);
    let second = part(weights[1], parts - first);
    let counted = first * (parts + 1) - first * first.saturating_sub(1) / 2 + second;
    let at = [first, second].map(|part| part as f64 / parts as f64);
    let is_there = |mixture: &Vec<f64>| mixture.iter().zip(at).all(|(a, b)| (a - b).abs() < 1e-9);
    if answer.mixtures.get(counted).is_some_and(is_there) {
        return counted;
    }
    let apart = |i: &usize| answer.mixtures[*i].iter().zip(weights).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    (0..answer.mixtures.len()).min_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap_or(0)
}

/// Part of all mixtures that are better than each.
fn ranks(loss: &SurfaceLoss) -> Vec<f64> {
    let higher = loss.measure.better == crate::vocab::Better::Higher;
    let key = |i: &usize| if higher { -loss.values[*i] } else { loss.values[*i] };
    let mut order: Vec<usize> = (0..loss.values.len()).collect();
    order.sort_by_cached_key(|i| Ordered(key(i)));
    let mut out = vec![1.0; order.len()];
    for (rank, i) in order.iter().enumerate() {
        out[*i] = rank as f64 / order.len() as f64;
    }
    out
}

fn shade(theme: &Theme, rank: f64) -> (&'static str, Style) {
    match rank {
        r if r < 0.1 => ("█", theme.good),
        r if r < 0.25 => ("▓", theme.accent),
        r if r < 0.5 => ("▒", theme.curve),
        r if r < 0.75 => ("░", theme.band),
        _ => ("·", theme.faint),
    }
}

impl Map {
    fn shown(&self, shared: &Shared, answer: &SurfaceAnswer) -> usize {
        let main = shared.main_chart().map(|(_, chart)| chart.metric.as_str());
        let main = answer.losses.iter().position(|loss| Some(loss.metric.as_str()) == main).unwrap_or(0);
        self.metric.unwrap_or(main).min(answer.losses.len().saturating_sub(1))
    }

    fn turn(&mut self, by: isize, cx: &mut Cx<'_>) {
        let Some(answer) = surface(cx.shared, GRID).filter(|answer| !answer.losses.is_empty()) else { return };
        let count = answer.losses.len();
        self.metric = Some(self.shown(cx.shared, answer).saturating_add_signed(by + count as isize) % count);
    }

    /// The marks that are explained, and what they give.
    fn legend(snapshot: &Snapshot, theme: &Theme, answer: &SurfaceAnswer, loss: &SurfaceLoss) -> Vec<Line<'static>> {
        let at = |mixture: &Mixture| {
            let weights = mixture.weights(&answer.domains);
            let place = [0, 1, 2].map(|i| weights.get(i).copied().unwrap_or(0.0));
            (loss.values.get(nearest(answer, &place)).copied().unwrap_or(f64::NAN), place.to_vec())
        };
        let ranks = ranks(loss);
        let broken = broken(snapshot, answer);
        let may_be = |i: &usize| answer.explored.get(*i) == Some(&true) && !broken[*i];
        let best = (0..ranks.len()).filter(may_be).min_by(|a, b| ranks[*a].total_cmp(&ranks[*b]));
        let best = best.map(|i| (loss.values[i], answer.mixtures[i].clone()));
        let (now, advised) = marked(snapshot);
        let rows = [
            ("◇", theme.now, "now", now.map(at)),
            ("◆", theme.advised, "advised", advised.map(at)),
            ("█", theme.good, "best", best),
        ];
        let mix = |weights: &[f64]| {
            let named = answer.domains.iter().zip(weights);
            named
                .map(|(domain, weight)| format!("{} {:.0}%", fmt::head(domain, 12), 100.0 * weight))
                .collect::<Vec<_>>()
        };
        let row = |(sign, style, what, found): Mark| {
            let (value, weights) = found?;
            Some(Line::from(vec![
                Span::styled(sign, style),
                Span::styled(format!(" {} {:>6}  ", fmt::left(what, 9), fmt::loss(value)), theme.text),
                Span::styled(mix(&weights).join(" "), theme.dim),
            ]))
        };
        rows.into_iter().filter_map(row).collect()
    }
}

impl View for Map {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// There where there are three corpora and a law.
    fn presence(&self, shared: &Shared) -> Presence {
        let fits = |snapshot: &&std::sync::Arc<Snapshot>| snapshot.domains.len() == 3 && !snapshot.fits.is_empty();
        if shared.snapshot.as_ref().filter(fits).is_some() { Presence::There } else { Presence::Gone }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let name = surface(shared, GRID).and_then(|answer| {
            let loss = answer.losses.get(self.shown(shared, answer))?;
            Some(format!("Map of {} at the target, by {}", label(shared.snapshot.as_ref()?, &loss.metric), loss.law))
        });
        fmt::head(&name.unwrap_or_else(|| SPEC.name.to_owned()), room)
    }

    fn tab(&self, _: &Shared, _: bool) -> String {
        SPEC.name.to_owned()
    }

    fn asks(&self, _: &Shared, _: Rect) -> Vec<Question> {
        vec![Question::Surface(GRID)]
    }

    fn height(&self, shared: &Shared, _: u16) -> usize {
        if surface(shared, GRID).is_some() { PRINTED } else { 1 }
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let (theme, area) = (&shared.theme, text_area(pane.inner));
        let Some(snapshot) = &shared.snapshot else { return };
        let answer = surface(shared, GRID).filter(|answer| answer.domains.len() == 3 && !answer.mixtures.is_empty());
        let found = answer.and_then(|answer| Some((answer, answer.losses.get(self.shown(shared, answer))?)));
        let Some((answer, loss)) = found.filter(|(answer, loss)| loss.values.len() == answer.mixtures.len()) else {
            for (y, line) in (area.y..area.bottom()).zip(&prose(&instead(shared, GRID), theme.dim, area.width)) {
                buf.set_line(area.x, y, line, area.width);
            }
            return;
        };
        let legend = Self::legend(snapshot, theme, answer, loss);
        let below = (legend.len() as u16).min(area.height / 3);
        // A row above the triangle and one below it have the names of the corners.
        let high = area.height.saturating_sub(below + 2);
        let wide = area.width.min(high.saturating_mul(5) / 2);
        if high >= 3 && wide >= 9 {
            let x = area.x + (area.width - wide) / 2;
            let triangle = Triangle { area: Rect { x, y: area.y + 1, width: wide, height: high } };
            self.triangle(shared, snapshot, &triangle, (answer, loss), buf);
            let name = |i: usize, most: usize| fmt::head(&answer.domains[i], most);
            let top = name(2, usize::from(area.width));
            let at = (x + wide / 2).saturating_sub(fmt::width(&top) as u16 / 2).max(area.x);
            buf.set_stringn(at, area.y, &top, usize::from(area.right() - at), theme.title);
            let half = usize::from(area.width / 2).saturating_sub(1);
            let y = triangle.area.bottom();
            buf.set_stringn(x, y, name(0, half), half, theme.title);
            let right = name(1, half);
            let at = (x + wide).saturating_sub(fmt::width(&right) as u16).max(area.x + area.width / 2);
            buf.set_stringn(at, y, &right, usize::from(area.right().saturating_sub(at)), theme.title);
        }
        for (y, line) in (area.bottom() - below..area.bottom()).zip(&legend) {
            buf.set_line(area.x, y, line, area.width);
        }
    }

    fn step(&mut self, _: Motion, _: &mut Cx<'_>) {}

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        self.metric.take().is_some()
    }

    fn settle(&mut self, _: &mut Cx<'_>) {}
}

impl Map {
    fn triangle(
        &self,
        shared: &Shared,
        snapshot: &Snapshot,
        triangle: &Triangle,
        (answer, loss): (&SurfaceAnswer, &SurfaceLoss),
        buf: &mut Buffer,
    ) {
        let theme = &shared.theme;
        let (ranks, broken) = (ranks(loss), broken(snapshot, answer));
        for y in triangle.area.y..triangle.area.bottom() {
            for x in triangle.area.x..triangle.area.right() {
                let Some(weights) = triangle.weights(x, y) else { continue };
                let at = nearest(answer, &weights);
                let (sign, style) = if broken[at] { ("×", theme.dim) } else { shade(theme, ranks[at]) };
                buf.set_string(x, y, sign, if answer.explored.get(at) == Some(&true) { style } else { theme.faint });
            }
        }
        let mut put = |mixture: &Mixture, sign: &str, style: Style| {
            let (x, y) = triangle.cell(&mixture.weights(&answer.domains));
            buf.set_string(x, y, sign, style);
        };
        for mixture in snapshot.runs.iter().filter_map(|run| run.mixture()) {
            put(mixture, "∘", theme.point);
        }
        let (now, advised) = marked(snapshot);
        now.into_iter().for_each(|mixture| put(mixture, "◇", theme.now));
        advised.into_iter().for_each(|mixture| put(mixture, "◆", theme.advised));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mixture_is_counted_on_a_grid_and_searched_elsewhere() {
        let of = |a: usize, b: usize| [a, b, 40 - a - b].map(|part| part as f64 / 40.0).to_vec();
        let grid: Vec<Vec<f64>> = (0..=40).flat_map(|a| (0..=40 - a).map(move |b| of(a, b))).collect();
        let answer = SurfaceAnswer { mixtures: grid.clone(), ..SurfaceAnswer::default() };
        let other = SurfaceAnswer { mixtures: grid.iter().rev().cloned().collect(), ..SurfaceAnswer::default() };
        for (i, mixture) in grid.iter().enumerate() {
            let weights = [mixture[0] + 0.004, mixture[1] - 0.004, mixture[2]];
            assert_eq!(nearest(&answer, &weights), i, "{mixture:?}");
            assert_eq!(other.mixtures[nearest(&other, &weights)], *mixture);
        }
    }

    #[test]
    fn cells_and_mixtures_are_each_others() {
        let triangle = Triangle { area: Rect::new(3, 2, 61, 25) };
        for (weights, cell) in [([1.0, 0.0, 0.0], (3, 26)), ([0.0, 1.0, 0.0], (63, 26)), ([0.0, 0.0, 1.0], (33, 2))] {
            assert_eq!(triangle.cell(&weights), cell);
            let back = triangle.weights(cell.0, cell.1).unwrap();
            assert!(back.iter().zip(weights).all(|(a, b)| (a - b).abs() < 1e-9), "{back:?}");
        }
        assert_eq!(triangle.weights(3, 2), None);
        for (x, y) in [(20, 20), (33, 10), (50, 25)] {
            let weights = triangle.weights(x, y).unwrap();
            assert_eq!(triangle.cell(&weights), (x, y));
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 0.02, "{weights:?}");
        }
    }
}
