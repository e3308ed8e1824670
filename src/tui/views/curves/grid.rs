//! A grid of charts on one x axis: the chosen metric, then those after it.

use super::{Curves, Cx};
use crate::tui::fmt;
use crate::tui::shared::{Shared, label};
use crate::vocab::text::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns and rows that a chart of a grid wants.
const GRID: (u16, u16) = (40, 10);
/// Charts in a grid: with twenty runs each, as many curves as may be asked for at a time.
const MOST_CHARTS: usize = 12;

impl Curves {
    /// The cells of the first chart with its legend, and those of the others in a grid.
    pub(super) fn cells(&self, inner: Rect, metrics: usize) -> (Rect, Vec<Rect>) {
        let (columns, rows) = (inner.width / GRID.0, inner.height / GRID.1);
        let count = metrics.min(usize::from(columns * rows)).min(MOST_CHARTS);
        if !self.grid || count < 2 {
            return (inner, Vec::new());
        }
        let columns = usize::from(columns).min(count);
        let rows = count.div_ceil(columns);
        let cell = |place: usize| {
            let (row, column) = (place / columns, place % columns);
            let of = |whole: u16, part: usize, parts: usize| (usize::from(whole) * part / parts) as u16;
            let (x, right) = (of(inner.width, column, columns), of(inner.width, column + 1, columns));
            let (y, bottom) = (of(inner.height, row, rows), of(inner.height, row + 1, rows));
            Rect { x: inner.x + x, y: inner.y + y, width: right - x, height: bottom - y }
        };
        (cell(0), (1..count).map(cell).collect())
    }

    /// The metrics that have charts, the chosen one first, then those after it.
    pub(super) fn metrics<'a>(&self, shared: &'a Shared, inner: Rect) -> Vec<&'a str> {
        let all = self.keys(shared);
        let Some(first) = self.key(shared).and_then(|key| all.iter().position(|other| *other == key)) else {
            return Vec::new();
        };
        let count = 1 + self.cells(inner, all.len()).1.len();
        all.iter().cycle().skip(first).take(count.min(all.len())).copied().collect()
    }

    /// Writes the name of a metric above its chart; returns the cells below.
    pub(super) fn name(shared: &Shared, key: &str, cell: Rect, buf: &mut Buffer) -> Rect {
        let name = shared.snapshot.as_ref().map_or_else(|| key.to_owned(), |snapshot| label(snapshot, key));
        let text = fmt::tail(&printable(&name), usize::from(cell.width).saturating_sub(4));
        buf.set_stringn(
            cell.x + 2.min(cell.width),
            cell.y,
            text,
            cell.width.saturating_sub(2).into(),
            shared.theme.title,
        );
        Rect { y: cell.y + 1.min(cell.height), height: cell.height.saturating_sub(1), ..cell }
    }

    /// The cells of the first chart.
    pub(super) fn first(&self, cx: &Cx<'_>) -> Rect {
        self.cells(cx.inner, self.keys(cx.shared).len()).0
    }
}
