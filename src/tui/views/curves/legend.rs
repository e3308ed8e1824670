//! The values of the curves, below them.

use super::{Curves, Drawn};
use crate::tui::fmt;
use crate::tui::lines::Curve;
use crate::tui::shared::Shared;
use crate::vocab::Ordered;
use crate::vocab::text::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

impl Curves {
    /// What each run is at, at the cursor or at its newest point, the best first.
    fn values<'a>(&self, shared: &Shared, key: &str, drawn: &'a [Drawn]) -> Vec<(&'a Drawn, f64)> {
        let at = |curve: &Curve| {
            let points = curve.points.iter();
            let found = match self.cursor {
                Some(cursor) => points.take_while(|(x, _)| *x <= cursor).last(),
                None => points.last(),
            };
            let beyond = |cursor: f64| curve.points.last().is_some_and(|(x, _)| cursor > *x * (1.0 + 1e-9));
            found.filter(|_| !self.cursor.is_some_and(beyond)).map_or(f64::NAN, |(_, y)| *y)
        };
        let mut all: Vec<_> = drawn.iter().map(|drawn| (drawn, at(&drawn.curve))).collect();
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
        all.sort_by_cached_key(|each| Ordered(rank(each.1)));
        all
    }

    pub(super) fn legend(&self, shared: &Shared, key: &str, drawn: &[Drawn], area: Rect, buf: &mut Buffer) {
        let theme = &shared.theme;
        let values = self.values(shared, key, drawn);
        let names = values.iter().map(|(drawn, _)| fmt::width(&drawn.name)).max().unwrap_or(0);
        let name = names.clamp(4, 28);
        let column = (name + 13) as u16;
        let abreast = (area.width / column).max(1);
        let room = usize::from(abreast * area.height);
        for (place, (drawn, value)) in values.iter().take(room).enumerate() {
            let x = area.x + place as u16 % abreast * column;
            let y = area.y + place as u16 / abreast;
            let left = |x: u16| usize::from(area.right().saturating_sub(x));
            let text = fmt::left(&fmt::head(&printable(&drawn.name), name), name);
            let style = if drawn.is_selected { theme.title } else { theme.text };
            let value = if value.is_nan() { "—".to_owned() } else { fmt::significant(*value, 4) };
            let (x, _) = buf.set_stringn(x, y, drawn.curve.sign, left(x), drawn.curve.style);
            let (x, _) = buf.set_stringn(x + 1, y, text, left(x + 1), style);
            buf.set_stringn(x, y, format!(" {value:>8}"), left(x), theme.dim);
        }
    }
}
