//! Two losses at the target against each other, over mixtures: which of them cannot both be lower (the Pareto front).

use super::map::{broken, instead, marked, surface};
use super::{Actions, Ask, Cx, Motion, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::surface::{SurfaceAnswer, SurfaceLoss, SurfaceQuery};
use crate::tui::action::{Reach, k};
use crate::tui::fmt;
use crate::tui::lines::{Curve, Lines};
use crate::tui::question::Question;
use crate::tui::shared::{Shared, label};
use crate::tui::text::{prose, text_area};
use crate::vocab::{Better, Mixture, Ordered, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec {
    id: ViewId("front"),
    name: "Front",
    about: "two losses at the target against each other: mixtures of which neither can be lower alone",
    roles: &[Role::Detail],
    signs: &[],
};

/// Mixtures that are looked at.
const MIXTURES: SurfaceQuery = SurfaceQuery { mixtures: 600 };
/// Mixtures of the front that are listed.
const LISTED: usize = 6;
/// Rows where it is printed.
const PRINTED: usize = 26;

/// The front.
#[derive(Debug, Clone, Default)]
pub struct Front {
    /// Which pair of metrics, counted.
    pair: usize,
}

impl Actions for Front {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("front.next", &[k('m')], "next two metrics", |view: &mut Self, _| view.pair += 1).hint("metrics"),
        act("front.previous", &[k('M')], "previous two metrics", |view: &mut Self, cx| {
            let count = surface(cx.shared, MIXTURES).map_or(1, |answer| pairs(answer.losses.len()).len().max(1));
            view.pair = (view.pair % count + count - 1) % count;
        }),
        act("front.open", &[k('F')], "two losses against each other (Pareto front)", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(SPEC.id));
        })
        .reach(Reach::Everywhere),
    ];
}

/// Every two of so many.
fn pairs(count: usize) -> Vec<(usize, usize)> {
    (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect()
}

/// The mixtures of which no other is better in both, by the first metric.
fn front(first: &SurfaceLoss, second: &SurfaceLoss, among: &[usize]) -> Vec<usize> {
    let key = |loss: &SurfaceLoss, i: usize| {
        if loss.measure.better == Better::Higher { -loss.values[i] } else { loss.values[i] }
    };
    let mut order: Vec<usize> = among.to_vec();
    order.retain(|i| key(first, *i).is_finite() && key(second, *i).is_finite());
    order.sort_by_cached_key(|i| (Ordered(key(first, *i)), Ordered(key(second, *i))));
    let mut least = f64::INFINITY;
    order.retain(|i| {
        let better = key(second, *i) < least;
        least = least.min(key(second, *i));
        better
    });
    order
}

/// What is drawn.
struct Found<'a> {
    answer: &'a SurfaceAnswer,
    first: &'a SurfaceLoss,
    second: &'a SurfaceLoss,
    front: Vec<usize>,
}

impl Front {
    fn found<'a>(&self, shared: &'a Shared) -> Option<Found<'a>> {
        let snapshot = shared.snapshot.as_ref()?;
        let answer = surface(shared, MIXTURES)?;
        let all = pairs(answer.losses.len());
        let (a, b) = *all.get(self.pair % all.len().max(1))?;
        let (first, second) = (&answer.losses[a], &answer.losses[b]);
        let count = answer.mixtures.len();
        if first.values.len() != count || second.values.len() != count || answer.explored.len() != count {
            return None;
        }
        let broken = broken(snapshot, answer);
        let among: Vec<usize> = (0..count).filter(|i| answer.explored[*i] && !broken[*i]).collect();
        // Where no mixture keeps the limits, the front is that of all that were explored.
        let explored = || (0..count).filter(|i| answer.explored[*i]).collect();
        let among = if among.is_empty() { explored() } else { among };
        Some(Found { answer, first, second, front: front(first, second, &among) })
    }

    /// The mixture of the grid that is nearest.
    fn nearest(answer: &SurfaceAnswer, mixture: &Mixture) -> Option<usize> {
        let weights = mixture.weights(&answer.domains);
        let apart = |i: &usize| answer.mixtures[*i].iter().zip(&weights).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        (0..answer.mixtures.len()).min_by(|a, b| apart(a).total_cmp(&apart(b)))
    }

    fn listed(snapshot: &Snapshot, shared: &Shared, found: &Found<'_>, width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let name = |loss: &SurfaceLoss| fmt::head(&label(snapshot, &loss.metric), 12);
        let (a, b) = (name(found.first), name(found.second));
        let wide = |text: &str| fmt::width(text).max(7);
        let head = format!("  {} {}  mixture", fmt::right(&a, wide(&a)), fmt::right(&b, wide(&b)));
        let mut out = vec![Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim))];
        let row = |sign: &'static str, style: Style, i: usize| {
            let parts = found.answer.domains.iter().zip(&found.answer.mixtures[i]);
            let parts = parts.filter(|(_, weight)| **weight >= 0.005);
            let mix: Vec<String> =
                parts.map(|(domain, weight)| format!("{} {:.0}%", fmt::head(domain, 12), 100.0 * weight)).collect();
            let value = |loss: &SurfaceLoss, name: &str| fmt::right(&fmt::loss(loss.values[i]), wide(name));
            let numbers = format!(" {} {}  ", value(found.first, &a), value(found.second, &b));
            Line::from(vec![
                Span::styled(sign, style),
                Span::styled(numbers, theme.text),
                Span::styled(mix.join(" "), theme.dim),
            ])
        };
        let (now, advised) = marked(snapshot);
        let of = |mixture: Option<&Mixture>| mixture.and_then(|mixture| Self::nearest(found.answer, mixture));
        out.extend(of(now).map(|i| row("◇", theme.now, i)));
        out.extend(of(advised).map(|i| row("◆", theme.advised, i)));
        let count = found.front.len().min(LISTED);
        let place = |n: usize| found.front[n * (found.front.len() - 1) / (count - 1).max(1)];
        out.extend((0..count).map(|n| row("●", theme.accent, place(n))));
        out
    }
}

impl View for Front {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// There where two losses have laws and there is something to mix.
    fn presence(&self, shared: &Shared) -> Presence {
        let Some(snapshot) = &shared.snapshot else { return Presence::Gone };
        let chosen = snapshot.fits.iter().filter(|fit| fit.chosen).count();
        if snapshot.domains.len() > 1 && chosen > 1 { Presence::There } else { Presence::Gone }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let title = self.found(shared).and_then(|found| {
            let name = |loss: &SurfaceLoss| Some(label(shared.snapshot.as_ref()?, &loss.metric));
            Some(format!("Front of {} (up) and {} (across) at the target", name(found.second)?, name(found.first)?))
        });
        fmt::head(&title.unwrap_or_else(|| SPEC.name.to_owned()), room)
    }

    fn tab(&self, _: &Shared, _: bool) -> String {
        SPEC.name.to_owned()
    }

    fn asks(&self, _: &Shared, _: Rect) -> Vec<Question> {
        vec![Question::Surface(MIXTURES)]
    }

    fn height(&self, shared: &Shared, _: u16) -> usize {
        if self.found(shared).is_some() { PRINTED } else { 1 }
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let (theme, area) = (&shared.theme, text_area(pane.inner));
        let (Some(snapshot), Some(found)) = (&shared.snapshot, self.found(shared)) else {
            for (y, line) in (area.y..area.bottom()).zip(&prose(&instead(shared, MIXTURES), theme.dim, area.width)) {
                buf.set_line(area.x, y, line, area.width);
            }
            return;
        };
        let place = |i: usize| (found.first.values[i], found.second.values[i]);
        let one = |i: usize, sign: &'static str, style: Style| Curve {
            points: vec![place(i)],
            sign,
            style,
            ..Curve::default()
        };
        let explored = (0..found.answer.mixtures.len()).filter(|i| found.answer.explored[*i]);
        let mut curves: Vec<Curve> = explored.map(|i| one(i, "", theme.faint)).collect();
        let mut line: Vec<(f64, f64)> = found.front.iter().map(|i| place(*i)).collect();
        line.sort_by_cached_key(|pair| Ordered(pair.0));
        curves.push(Curve { points: line, style: theme.accent, ..Curve::default() });
        let (now, advised) = marked(snapshot);
        for (mixture, sign, style) in [(now, "◇", theme.now), (advised, "◆", theme.advised)] {
            curves
                .extend(mixture.and_then(|mixture| Self::nearest(found.answer, mixture)).map(|i| one(i, sign, style)));
        }
        let listed = Self::listed(snapshot, shared, &found, area.width);
        let below = (listed.len() as u16).min(area.height / 2);
        let chart = Rect { height: area.height - below, ..area };
        Lines::of(&curves, theme).draw(chart, buf);
        for (y, line) in (chart.bottom()..area.bottom()).zip(&listed) {
            buf.set_line(area.x, y, line, area.width);
        }
    }

    fn step(&mut self, _: Motion, _: &mut Cx<'_>) {}

    fn settle(&mut self, _: &mut Cx<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Measure;

    #[test]
    fn a_front_has_what_nothing_is_better_than_in_both() {
        let loss = |values: &[f64]| SurfaceLoss { values: values.to_vec(), ..SurfaceLoss::default() };
        let (a, b) = (loss(&[1.0, 2.0, 3.0, 2.5, 1.0, f64::NAN]), loss(&[3.0, 2.0, 1.0, 2.5, 4.0, 0.0]));
        assert_eq!(front(&a, &b, &[0, 1, 2, 3, 4, 5]), [0, 1, 2]);
        let higher = SurfaceLoss { measure: Measure { better: Better::Higher, ..Measure::default() }, ..b };
        assert_eq!(front(&a, &higher, &[0, 1, 2, 3, 4, 5]), [4]);
        assert!(front(&a, &higher, &[]).is_empty());
        assert_eq!(pairs(3), [(0, 1), (0, 2), (1, 2)]);
    }
}
