//! The cursor on the x axis, and the part of it that is drawn.

use super::choice::{MOST, runs};
use super::{Curves, Cx, axis};
use crate::tui::lines::Curve;
use crate::tui::shared::Shared;
use crate::tui::views::{Ask, logs};
use crate::vocab::RunView;

impl Curves {
    /// Moves the cursor by columns; the first time, shows it at the newest point.
    pub(super) fn read(&mut self, by: f64, cx: &mut Cx<'_>) {
        let (key, first) = (self.key(cx.shared).unwrap_or_default(), self.first(cx));
        let curves: Vec<Curve> = self.drawn(cx.shared).into_iter().map(|drawn| drawn.curve).collect();
        let lines = self.lines(cx.shared, key, &curves);
        let inside = lines.inside(Self::plot(first, curves.len()));
        let Some(first) = lines.x_at(inside, inside.x) else { return };
        let newest = curves.iter().filter_map(|curve| curve.points.last()).map(|point| point.0).fold(first, f64::max);
        self.cursor = self.cursor.map_or(Some(newest), |at| lines.beside(inside, at, by));
    }

    /// Draws a part of the x axis, so many times as wide as now, with the cursor where it is.
    pub(super) fn zoom(&mut self, times: f64, cx: &mut Cx<'_>) {
        let curves: Vec<Curve> = self.drawn(cx.shared).into_iter().map(|drawn| drawn.curve).collect();
        let xs = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
        let (first, last) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
        let (from, to) = self.range.unwrap_or((first, last));
        // On a logarithmic axis factors are widths.
        let (is_log, least) = (self.is_log_x(), xs().filter(|x| *x > 0.0).fold(f64::INFINITY, f64::min));
        // Before the curves of the last zoom have come, what was asked for says where they begin.
        let least = if least.is_finite() { least } else { from.max(f64::MIN_POSITIVE) };
        let along = |x: f64| if is_log { x.max(least).ln() } else { x };
        let back = |x: f64| if is_log { x.exp() } else { x };
        let (from, to) = (along(from), along(to));
        let at = along(self.cursor.unwrap_or(back(to))).clamp(from.min(to), to);
        let width = (to - from) * times;
        let part = if to > from { (at - from) / (to - from) } else { 1.0 };
        let range = (back(at - part * width), back(at + (1.0 - part) * width));
        if times < 1.0 {
            self.range = (width > 0.0 && width.is_finite()).then_some(range);
        } else {
            // As wide as everything is everything.
            let shown = runs(cx.shared, self.only, MOST).into_iter();
            let steps = shown.filter_map(|run| self.place(run, run.last_step? as f64, cx.shared));
            let end = steps.fold(f64::NEG_INFINITY, f64::max);
            let part = |range: &(f64, f64)| !self.x(cx.shared).is_time() && range.1 - range.0 < end;
            self.range = self.range.and(Some(range)).filter(part);
        }
    }

    /// Opens the log of the selected run where the cursor is.
    pub(super) fn open_log(&self, cx: &mut Cx<'_>) {
        let worth =
            cx.shared.selected_run().and_then(|run| self.place(run, 1.0, cx.shared)).filter(|worth| *worth > 0.0);
        match (self.cursor, worth) {
            (Some(x), Some(worth)) => {
                cx.shared.reading = Some((x / worth).round() as i64);
                cx.asks.push(Ask::Focus(logs::ID));
            }
            (None, _) => cx.asks.push(Ask::Say("there is no cursor yet: \u{2190} and \u{2192} move it".to_owned())),
            (_, None) => {
                let x = axis::name(&self.x(cx.shared), cx.shared);
                cx.asks.push(Ask::Say(format!("over {x} no place in the log is known: press x for steps")));
            }
        }
    }

    /// Where a step is on the x axis.
    pub(super) fn place(&self, run: &RunView, step: f64, shared: &Shared) -> Option<f64> {
        Some(step * self.x(shared).per_step(run, shared.snapshot.as_ref()?)?)
    }
}
