//! The cursor on the x axis, and the part of it that is drawn.

use super::choice::{MOST, runs};
use super::{Curves, Cx};
use crate::ipc::series::Axis;
use crate::tui::lines::Curve;
use crate::vocab::RunView;

impl Curves {
    /// Moves the cursor by columns; the first time, shows it at the newest point.
    pub(super) fn read(&mut self, by: f64, cx: &mut Cx<'_>) {
        let (key, first) = (self.key(cx.shared).unwrap_or_default(), self.first(cx));
        let curves: Vec<Curve> = self.drawn(cx.shared).into_iter().map(|drawn| drawn.curve).collect();
        let lines = self.lines(cx.shared, key, &curves);
        let inside = lines.inside(Self::plot(first, curves.len()));
        let Some(column) = lines.column(inside) else { return };
        let ends = [lines.x_at(inside, inside.x), lines.x_at(inside, inside.right())];
        let [Some(first), Some(last)] = ends else { return };
        let newest = curves.iter().filter_map(|curve| curve.points.last()).map(|point| point.0).fold(first, f64::max);
        self.cursor = Some(self.cursor.map_or(newest, |at| (at + by * column).clamp(first, last)));
    }

    /// Draws a part of the x axis, so many times as wide as now, with the cursor where it is.
    pub(super) fn zoom(&mut self, times: f64, cx: &mut Cx<'_>) {
        let curves: Vec<Curve> = self.drawn(cx.shared).into_iter().map(|drawn| drawn.curve).collect();
        let xs = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
        let (first, last) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
        let (from, to) = self.range.unwrap_or((first, last));
        let at = self.cursor.unwrap_or(to).clamp(from.min(to), to);
        let width = (to - from) * times;
        let part = if to > from { (at - from) / (to - from) } else { 1.0 };
        let range = (at - part * width, at + (1.0 - part) * width);
        if times < 1.0 {
            self.range = (width > 0.0 && width.is_finite()).then_some(range);
        } else {
            // As wide as everything is everything.
            let steps = runs(cx.shared, self.only, MOST).into_iter().filter_map(|run| self.place(run, run.last_step?));
            let end = steps.fold(f64::NEG_INFINITY, f64::max);
            let part = |range: &(f64, f64)| self.x != Axis::Time && range.1 - range.0 < end;
            self.range = self.range.and(Some(range)).filter(part);
        }
    }

    /// Where a step is on the x axis.
    pub(super) fn place(&self, run: &RunView, step: i64) -> Option<f64> {
        match self.x {
            Axis::Step => Some(step as f64),
            Axis::Tokens => Some(step as f64 * run.tokens_per_step()?),
            Axis::Time => None,
        }
    }
}
