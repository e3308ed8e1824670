//! One chart of loss against ratio in cells: axes, band, curve, limit, observed points, and the two mixtures.

use super::braille::Grid;
use super::scale::{Scale, read, ticks};
use super::theme::Theme;
use crate::vocab::{Ordered, RatioChart};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Signs of observed points by the size of the run, the smallest first.
pub const SIZES: [&str; 4] = ["∘", "○", "◎", "●"];

/// What is drawn and how.
#[derive(Debug, Clone, Copy)]
pub struct Plot<'a> {
    /// The numbers.
    pub chart: &'a RatioChart,
    /// The ranges.
    pub scale: Scale,
    /// The reading line, an index into the chart's shares.
    pub reading: Option<usize>,
    /// The run to make stand out.
    pub run: Option<&'a str>,
    /// The looks.
    pub theme: &'a Theme,
}

/// Columns of the axis: labels of so many characters, and the line.
fn gutter(decimals: usize, range: (f64, f64)) -> u16 {
    let longest = format!("{:.decimals$}", range.1).len().max(format!("{:.decimals$}", range.0).len());
    longest as u16 + 2
}

impl Plot<'_> {
    /// The cells inside the axes.
    #[must_use]
    pub fn inside(&self, area: Rect) -> Rect {
        let (_, decimals) = self.loss_ticks(area.height.saturating_sub(2));
        let left = gutter(decimals, self.scale.y).min(area.width);
        Rect {
            x: area.x + left,
            y: area.y,
            width: area.width.saturating_sub(left + 1),
            height: area.height.saturating_sub(2),
        }
    }

    fn loss_ticks(&self, rows: u16) -> (Vec<f64>, usize) {
        // Two rows apart at least, so that they look evenly spaced; closer where that would leave too few to read by.
        let apart = ticks(self.scale.y, usize::from(rows / 2).saturating_sub(1).clamp(1, 8));
        if apart.0.len() >= 3 { apart } else { ticks(self.scale.y, usize::from(rows * 2 / 3).clamp(1, 8)) }
    }

    /// The dot of a weight and a loss.
    fn dot(&self, grid: &Grid, share: f64, loss: f64) -> (i32, i32) {
        let (w, h) = grid.size();
        // Far outside is as good as just outside, and keeps lines short.
        let y = (self.scale.down(loss) * f64::from(h - 1)).round().clamp(-8.0, f64::from(h) + 8.0);
        ((self.scale.across(share) * f64::from(w - 1)).round() as i32, y as i32)
    }

    /// The cell of a weight and a loss; `None` where it is out of range.
    #[must_use]
    pub fn cell(&self, plot: Rect, share: f64, loss: f64) -> Option<(u16, u16)> {
        let (x, y) = self.dot(&Grid::new(plot.width, plot.height), share, loss);
        let inside = x >= 0 && y >= 0 && x < i32::from(plot.width) * 2 && y < i32::from(plot.height) * 4;
        inside.then(|| (plot.x + (x / 2) as u16, plot.y + (y / 4) as u16))
    }

    /// Draws the chart into `area`. Needs 12 columns and 5 rows; draws nothing in less.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) {
        let plot = self.inside(area);
        if plot.width < 8 || plot.height < 3 {
            return;
        }
        self.axes(area, plot, buf);
        self.tint(plot, buf);
        let mut grid = Grid::new(plot.width, plot.height);
        self.band(&mut grid);
        self.limit(&mut grid);
        self.verticals(&mut grid);
        self.curve(&mut grid);
        grid.draw(plot, buf);
        if let Some(ground) = self.theme.band_ground {
            for (x, y) in grid.drawn(plot).filter(|(x, y)| self.in_band(plot, *x, *y)) {
                buf[(x, y)].set_bg(ground);
            }
        }
        self.points(plot, buf);
        self.marks(plot, buf);
    }

    fn axes(&self, area: Rect, plot: Rect, buf: &mut Buffer) {
        let (values, decimals) = self.loss_ticks(plot.height);
        let row = |value: f64| Some((self.cell(plot, self.scale.x.0, value)?.1, format!("{value:.decimals$}")));
        let rows = values.into_iter().filter_map(row);
        let percents = (100.0 * self.scale.x.0, 100.0 * self.scale.x.1);
        let (values, decimals) = ticks(percents, usize::from(plot.width / 8).clamp(1, 10));
        let column =
            |value: f64| Some((self.cell(plot, value / 100.0, self.scale.y.0)?.0, format!("{value:.decimals$}%")));
        super::axes::draw(self.theme, (area, plot), rows, values.into_iter().filter_map(column), buf);
    }

    /// Rows of the band at a column, as fractions of a cell from the top of the plot.
    fn band_rows(&self, plot: Rect, column: u16) -> Option<(f64, f64)> {
        let share = self.share_at(f64::from(column) + 0.5, f64::from(plot.width));
        let (_, low, high) = read(self.chart, share)?;
        let rows = f64::from(plot.height);
        Some((self.scale.down(high) * rows, self.scale.down(low) * rows))
    }

    /// Tints the band: whole cells by their ground, edges by blocks, of which Unicode has eight for upper edges and
    /// one for lower ones.
    fn tint(&self, plot: Rect, buf: &mut Buffer) {
        const EIGHTHS: [&str; 7] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"];
        let Some(ground) = self.theme.band_ground else { return };
        for x in 0..plot.width {
            let Some((top, bottom)) = self.band_rows(plot, x) else { continue };
            for y in 0..plot.height {
                let (from, to) = ((top - f64::from(y)).clamp(0.0, 1.0), (bottom - f64::from(y)).clamp(0.0, 1.0));
                let cell = &mut buf[(plot.x + x, plot.y + y)];
                match (from, to) {
                    (f, t) if t - f >= 0.9 => {
                        cell.set_bg(ground);
                    }
                    (f, 1.0) => {
                        let eighths = ((1.0 - f) * 8.0).round() as usize;
                        if eighths > 0 {
                            cell.set_symbol(EIGHTHS[eighths.min(7) - 1]).set_fg(ground);
                        }
                    }
                    (0.0, t) if t >= 0.75 => {
                        cell.set_bg(ground);
                    }
                    (0.0, t) if t >= 0.25 => {
                        cell.set_symbol("▀").set_fg(ground);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether the band covers most of a cell that a line runs through, which then has its ground.
    fn in_band(&self, plot: Rect, x: u16, y: u16) -> bool {
        self.band_rows(plot, x - plot.x).is_some_and(|(top, bottom)| {
            let y = f64::from(y - plot.y);
            (bottom - y).clamp(0.0, 1.0) - (top - y).clamp(0.0, 1.0) >= 0.4
        })
    }

    /// The weight in the middle of a column of the screen, at most one end of the axis.
    #[must_use]
    pub fn share_of(&self, plot: Rect, column: u16) -> f64 {
        let at = f64::from(column.saturating_sub(plot.x)) + 0.5;
        self.share_at(at.min(plot.width.into()), plot.width.max(1).into())
    }

    fn share_at(&self, position: f64, of: f64) -> f64 {
        self.scale.x.0 + (self.scale.x.1 - self.scale.x.0) * position / of
    }

    /// Where there are no colours to tint with: fills the band with every other dot.
    fn band(&self, grid: &mut Grid) {
        if self.theme.band_ground.is_some() {
            return;
        }
        let (w, _) = grid.size();
        for x in 0..w {
            let share = self.share_at(f64::from(x), f64::from(w - 1));
            let Some((_, low, high)) = read(self.chart, share) else { continue };
            let (top, bottom) = (self.dot(grid, share, high).1, self.dot(grid, share, low).1);
            for y in top..=bottom {
                if (x + y) % 2 == 0 {
                    grid.set(x, y, self.theme.band);
                }
            }
        }
    }

    fn limit(&self, grid: &mut Grid) {
        let Some(limit) = self.chart.limit else { return };
        let (w, _) = grid.size();
        let y = self.dot(grid, self.scale.x.0, limit).1;
        for x in (0..w).filter(|x| x % 6 < 4) {
            grid.set(x, y, self.theme.bad);
        }
    }

    /// From the curve down to the axis at the two mixtures; the reading line from top to bottom.
    fn verticals(&self, grid: &mut Grid) {
        let theme = self.theme;
        let (_, h) = grid.size();
        let mut drop = |share: Option<f64>, every: usize, style: Style, full: bool| {
            let Some(share) = share else { return };
            let Some((loss, _, _)) = read(self.chart, share) else { return };
            let (x, y) = self.dot(grid, share, loss);
            for y in (if full { 0 } else { y.max(0) }..h).step_by(every) {
                grid.set(x, y, style);
            }
        };
        drop(self.chart.current, 3, theme.now, false);
        drop(self.chart.advised, 2, theme.advised, false);
        drop(self.reading.and_then(|i| self.chart.shares.get(i).copied()), 1, theme.accent, true);
    }

    fn curve(&self, grid: &mut Grid) {
        let (w, _) = grid.size();
        let dots: Vec<(i32, i32)> = (0..w)
            .filter_map(|x| {
                let share = self.share_at(f64::from(x), f64::from(w - 1));
                let (loss, _, _) = read(self.chart, share)?;
                loss.is_finite().then(|| self.dot(grid, share, loss))
            })
            .collect();
        let segments = || dots.iter().zip(dots.iter().skip(1));
        for (from, to) in segments() {
            super::braille::between(*from, *to).for_each(|(x, y)| grid.wipe(x, y));
        }
        for (from, to) in segments() {
            // Two dots thick, to be told from whatever else is dotted.
            grid.line(*from, *to, self.theme.curve);
            grid.line((from.0, from.1 + 1), (to.0, to.1 + 1), self.theme.curve);
        }
    }

    fn points(&self, plot: Rect, buf: &mut Buffer) {
        let mut sizes: Vec<f64> = self.chart.points.iter().map(|p| p.params).filter(|n| n.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let mut points: Vec<_> = self.chart.points.iter().collect();
        // The largest on top: they are nearest the target.
        points.sort_by_cached_key(|point| Ordered(point.params));
        for point in points {
            if !point.at_target.is_finite() || !(0.0..=1.0).contains(&self.scale.across(point.share)) {
                continue;
            }
            let rank = sizes.partition_point(|n| *n < point.params);
            let sign = match sizes.len() {
                0 | 1 => SIZES[1],
                n => SIZES[rank * SIZES.len() / n.max(SIZES.len()).max(1) % SIZES.len()],
            };
            let style = if self.run == Some(point.run.as_str()) {
                self.theme.focus.add_modifier(Modifier::REVERSED)
            } else {
                self.theme.point
            };
            match self.cell(plot, point.share, point.at_target) {
                Some(at) => buf.set_string(at.0, at.1, sign, style),
                // Off the axis: said at the edge instead of left out.
                None => {
                    let above = point.at_target > self.scale.y.1;
                    let edge = if above { self.scale.y.1 } else { self.scale.y.0 };
                    if let Some((x, y)) = self.cell(plot, point.share, edge) {
                        buf.set_string(x, y, if above { "↑" } else { "↓" }, self.theme.dim);
                    }
                }
            }
        }
    }

    fn marks(&self, plot: Rect, buf: &mut Buffer) {
        let theme = self.theme;
        let marks = [
            (self.chart.current, "◇", theme.now.add_modifier(Modifier::BOLD)),
            (self.chart.advised, "◆", theme.advised),
        ];
        for (share, sign, style) in marks {
            let Some(share) = share else { continue };
            let at = read(self.chart, share).and_then(|(loss, _, _)| self.cell(plot, share, loss));
            if let Some((x, y)) = at {
                buf.set_string(x, y, sign, style);
            }
            if let Some((x, _)) = self.cell(plot, share, self.scale.y.0) {
                buf.set_string(x, plot.bottom(), sign, style);
            }
        }
    }
}
