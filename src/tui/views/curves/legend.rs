//! The values of the curves, below them.

use super::Curves;
use crate::tui::fmt;
use crate::tui::lines::Curve;
use crate::tui::shared::Shared;
use crate::vocab::RunView;
use crate::vocab::text::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

impl Curves {
    /// What each run is at, at the cursor or at its newest point, the best first.
    fn values<'a>(
        &self,
        shared: &Shared,
        key: &str,
        drawn: &'a [(&'a RunView, Curve)],
    ) -> Vec<(&'a RunView, &'a Curve, f64)> {
        let at = |curve: &Curve| {
            let points = curve.points.iter();
            let found = match self.cursor {
                Some(cursor) => points.take_while(|(x, _)| *x <= cursor).last(),
                None => points.last(),
            };
            let beyond = |cursor: f64| curve.points.last().is_some_and(|(x, _)| cursor > *x * (1.0 + 1e-9));
            found.filter(|_| !self.cursor.is_some_and(beyond)).map_or(f64::NAN, |(_, y)| *y)
        };
        let mut all: Vec<_> = drawn.iter().map(|(run, curve)| (*run, curve, at(curve))).collect();
        let more = shared.unit(key).higher_is_better();
        let rank = |value: f64| {
            if value.is_nan() {
                f64::INFINITY
            } else if more {
                -value
            } else {
                value
            }
        };
        all.sort_by(|a, b| rank(a.2).total_cmp(&rank(b.2)));
        all
    }

    pub(super) fn legend(&self, shared: &Shared, key: &str, drawn: &[(&RunView, Curve)], area: Rect, buf: &mut Buffer) {
        let theme = &shared.theme;
        let values = self.values(shared, key, drawn);
        let names = values.iter().map(|(run, ..)| fmt::width(shared.runs.short(&run.name))).max().unwrap_or(0);
        let name = names.clamp(4, 28);
        let column = (name + 13) as u16;
        let abreast = (area.width / column).max(1);
        let room = usize::from(abreast * area.height);
        let selected = shared.selected_run().map(|run| run.id);
        for (place, (run, curve, value)) in values.iter().take(room).enumerate() {
            let x = area.x + place as u16 % abreast * column;
            let y = area.y + place as u16 / abreast;
            let left = |x: u16| usize::from(area.right().saturating_sub(x));
            let text = fmt::left(&fmt::head(&printable(shared.runs.short(&run.name)), name), name);
            let style = if Some(run.id) == selected { theme.title } else { theme.text };
            let value = if value.is_nan() { "—".to_owned() } else { fmt::significant(*value, 4) };
            let (x, _) = buf.set_stringn(x, y, curve.sign, left(x), curve.style);
            let (x, _) = buf.set_stringn(x + 1, y, text, left(x + 1), style);
            buf.set_stringn(x, y, format!(" {value:>8}"), left(x), theme.dim);
        }
    }
}
