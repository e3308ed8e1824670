//! Loads of experts as a map: a row an expert, or several, a column some steps.

use crate::ipc::router::RouterAnswer;
use crate::tui::fmt;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns before the map.
pub(super) const LABEL: u16 = 9;

/// The sign and style of a load over an even one.
fn sign(theme: &Theme, load: f64) -> (&'static str, Style) {
    match load {
        l if l.is_nan() => (" ", theme.dim),
        l if l < 0.05 => ("·", theme.bad),
        l if l < 0.5 => ("░", theme.band),
        l if l < 1.5 => ("▒", theme.curve),
        l if l < 3.0 => ("▓", theme.accent),
        _ => ("█", theme.warn),
    }
}

/// Of several experts that share a row the one that is furthest from an even load, so that none that is dead or overloaded
/// is lost among the others.
fn furthest(loads: &[f64]) -> f64 {
    let far = |load: &f64| load.max(1e-3).ln().abs();
    let known = loads.iter().filter(|load| !load.is_nan());
    known.max_by(|a, b| far(a).total_cmp(&far(b))).copied().unwrap_or(f64::NAN)
}

/// Draws the map with the numbers of experts at its left and of steps below.
pub(super) fn draw(theme: &Theme, answer: &RouterAnswer, area: Rect, buf: &mut Buffer) {
    let (experts, columns) = (answer.experts.len(), answer.steps.len());
    let rows = usize::from(area.height.saturating_sub(1));
    let wide = usize::from(area.width.saturating_sub(LABEL));
    if experts == 0 || columns == 0 || rows == 0 || wide == 0 || answer.loads.len() != experts * columns {
        return;
    }
    let together = experts.div_ceil(rows);
    // Few experts have rows of several lines.
    let tall = (rows / experts).clamp(1, 3);
    // The answer may be of another width: columns are spread, or some left out.
    let column = |x: usize| x * columns / wide;
    let drawn = wide.min(columns.max(wide));
    for (row, first) in (0..experts).step_by(together).enumerate() {
        let y = area.y + (row * tall) as u16;
        let last = (first + together).min(experts);
        let label = match last - first {
            1 => answer.experts[first].to_string(),
            _ => format!("{}–{}", answer.experts[first], answer.experts[last - 1]),
        };
        buf.set_stringn(area.x, y, fmt::right(&label, usize::from(LABEL) - 1), usize::from(LABEL), theme.dim);
        for x in 0..drawn {
            let at = column(x) * experts;
            let (sign, style) = sign(theme, furthest(&answer.loads[at + first..at + last]));
            for y in y..y + tall as u16 {
                buf.set_stringn(area.x + LABEL + x as u16, y, sign, 1, style);
            }
        }
    }
    let below = area.y + (experts.div_ceil(together) * tall) as u16;
    let step = |at: usize| fmt::count(u64::try_from(answer.steps[at.min(columns - 1)]).unwrap_or_default());
    let (first, newest) = (step(0), step(columns - 1));
    buf.set_stringn(area.x, below, fmt::right("step", usize::from(LABEL) - 1), usize::from(LABEL), theme.dim);
    buf.set_stringn(area.x + LABEL, below, &first, wide, theme.dim);
    if fmt::width(&first) + fmt::width(&newest) + 2 <= wide {
        let x = area.right() - fmt::width(&newest) as u16;
        buf.set_stringn(x, below, &newest, wide, theme.dim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};

    #[test]
    fn a_dead_expert_is_seen_however_many_share_its_row() {
        let loads: Vec<f64> = (0..128).map(|i| if i == 77 { 0.0 } else { 1.0 }).collect();
        let answer = RouterAnswer { experts: (0..128).collect(), steps: vec![10], loads, ..RouterAnswer::default() };
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        for rows in [3, 9, 40, 129] {
            let area = Rect::new(0, 0, 20, rows);
            let mut buf = Buffer::empty(area);
            draw(&theme, &answer, area, &mut buf);
            let text = crate::tui::plain::text(&buf);
            assert_eq!(text.matches('·').count(), 11, "one row of {rows}\n{text}");
        }
    }
}
