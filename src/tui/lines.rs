//! Curves in cells: axes, lines of braille dots, what varies within a pixel, forecasts of the end, the cursor. Knows no run
//! and no key: only numbers, signs and styles.

use super::braille::Grid;
use super::scale::{tick, ticks};
use super::theme::Theme;
use super::{axes, fmt};
use crate::vocab::number::show_amount;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// One curve.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// (x, value) in ascending order; values that are no numbers break the line.
    pub points: Vec<(f64, f64)>,
    /// Least and greatest value at each x, where they are to be seen behind the line.
    pub spread: Vec<(f64, f64, f64)>,
    /// Least and greatest value at each x of several curves that it stands for: a band between these places.
    pub band: Vec<(f64, f64, f64)>,
    /// Its colour.
    pub style: Style,
    /// Its sign, at its newest point.
    pub sign: &'static str,
    /// Whether its sign stands at every point: each was measured by itself.
    pub dots: bool,
    /// Whether its points are not joined by a line.
    pub apart: bool,
    /// How it will go on beyond its newest point: x, value, least and greatest value, ascending in x; the last is its end.
    pub ahead: Vec<(f64, f64, f64, f64)>,
    /// Places on the x axis that are marked: where the run was started again.
    pub marks: Vec<f64>,
}

/// What the numbers on an x axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// Steps: there is no half of one.
    #[default]
    Counts,
    /// Amounts, such as 1.5M tokens.
    Amounts,
    /// Parts of a whole, 0 to 1.
    Parts,
    /// Seconds since a start.
    Seconds,
    /// Times of day, seconds since 1970.
    Times,
}

impl Numbers {
    /// A place, for the axis.
    fn show(self, value: f64) -> String {
        match self {
            Self::Counts => fmt::count(value.max(0.0) as u64),
            Self::Amounts => show_amount(value),
            Self::Parts => fmt::percent_short(value),
            Self::Seconds if value < 1.0 => "0".to_owned(),
            Self::Seconds => fmt::duration(value).replace(" h 0 min", " h").replace(" d 0 h", " d"),
            Self::Times => fmt::date(value),
        }
    }
}

/// Curves on one pair of axes. The last is on top.
#[derive(Debug)]
pub struct Lines<'a> {
    /// What is drawn.
    pub curves: &'a [Curve],
    /// Whether the y axis is logarithmic; heeded where all values are positive.
    pub log: bool,
    /// What the numbers on the x axis are.
    pub x: Numbers,
    /// Whether the x axis is logarithmic; what is not positive is left out of it.
    pub log_x: bool,
    /// Where the cursor is, on the x axis.
    pub cursor: Option<f64>,
    /// Whether there is no room for axes.
    pub bare: bool,
    /// Values that the y axis has at least, so that charts beside each other have the same.
    pub within: Option<(f64, f64)>,
    /// The part of the x axis that is drawn, be there points in it or not; `None`: where there are points.
    pub part: Option<(f64, f64)>,
    /// The looks.
    pub theme: &'a Theme,
}

/// The ranges of both axes, y in logarithms where the axis is logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranges {
    x: (f64, f64),
    y: (f64, f64),
    log: bool,
    /// Whether x is in logarithms.
    log_x: bool,
}

impl Ranges {
    fn x_of(&self, place: f64) -> f64 {
        if self.log_x { place.max(f64::MIN_POSITIVE).ln() } else { place }
    }

    /// How far along the axis a place is, 0 at the left end to 1.
    fn across(&self, place: f64) -> f64 {
        (self.x_of(place) - self.x.0) / (self.x.1 - self.x.0)
    }

    /// The place that is so far along the axis.
    fn at(&self, across: f64) -> f64 {
        let x = self.x.0 + across * (self.x.1 - self.x.0);
        if self.log_x { x.exp() } else { x }
    }

    fn y_of(&self, value: f64) -> f64 {
        if self.log { value.ln() } else { value }
    }
}

impl<'a> Lines<'a> {
    /// Curves over amounts, on linear axes, without a cursor.
    #[must_use]
    pub fn of(curves: &'a [Curve], theme: &'a Theme) -> Self {
        Self {
            curves,
            log: false,
            x: Numbers::Amounts,
            log_x: false,
            cursor: None,
            bare: false,
            within: None,
            part: None,
            theme,
        }
    }
}

impl Lines<'_> {
    /// The ranges, from what is to be seen. The highest fiftieth of the values is left out of a linear axis where it would
    /// take more than half of it: the first steps of a run.
    #[must_use]
    pub fn ranges(&self) -> Option<Ranges> {
        let points = || {
            let all = self.curves.iter().flat_map(|curve| &curve.points);
            all.filter(|(x, y)| y.is_finite() && (!self.log_x || *x > 0.0))
        };
        let ends = || self.curves.iter().flat_map(|curve| &curve.ahead).copied();
        let log = self.log && points().all(|(_, y)| *y > 0.0) && ends().all(|end| end.2 > 0.0);
        let mut values: Vec<f64> = points().map(|point| point.1).collect();
        values.sort_by(f64::total_cmp);
        let (low, mut high) = (*values.first()?, *values.last()?);
        let most = values[(values.len() - 1) * 49 / 50];
        if !log && values.len() >= 20 && high - most > most - low && most > low {
            high = most;
        }
        // What is expected at a single place is seen with its interval.
        let alone = || {
            let one = self.curves.iter().filter(|curve| curve.dots);
            one.flat_map(|curve| &curve.spread).filter(|(_, low, high)| low.is_finite() && high.is_finite())
        };
        let low = alone().map(|one| one.1).filter(|low| !log || *low > 0.0).fold(low, f64::min);
        high = alone().map(|one| one.2).fold(high, f64::max);
        let of_ends = |pick: fn((f64, f64, f64, f64)) -> f64| ends().map(pick).filter(|v| v.is_finite());
        let low = of_ends(|end| end.2).fold(low, f64::min);
        let high = of_ends(|end| end.3).fold(high, f64::max);
        let (low, high) = self.within.map_or((low, high), |(least, most)| (low.min(least), high.max(most)));
        let x = points().map(|point| point.0).chain(of_ends(|end| end.0));
        let part = self.part.into_iter().flat_map(|part| [part.0, part.1]).filter(|x| !self.log_x || *x > 0.0);
        let x = x.chain(part).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if log { (low.ln(), high.ln()) } else { (low, high) };
        let air = if high > low { 0.04 * (high - low) } else { 0.05 * high.abs().max(1e-3) };
        let x = if self.log_x { (x.0.ln(), x.1.ln()) } else { x };
        // Around a single place there are its like: a step is beside steps, a learning rate of 4e-4 beside 2e-4.
        let small = matches!(self.x, Numbers::Amounts | Numbers::Parts) && !self.log_x && x.0 != 0.0;
        let beside = if small { 0.5 * x.0.abs() } else { 1.0 };
        let x = if x.1 > x.0 { x } else { (x.0 - beside, x.1 + beside) };
        let y = (low - air, high + air);
        (x.0.is_finite() && x.1.is_finite() && y.0.is_finite() && y.1.is_finite()).then_some(Ranges {
            x,
            y,
            log,
            log_x: self.log_x,
        })
    }

    /// Numbers on the y axis, at most as many as there is room for.
    fn labels(ranges: &Ranges, rows: u16) -> Vec<(f64, String)> {
        let most = usize::from(rows / 3).clamp(1, 8);
        if !ranges.log {
            let (values, decimals) = ticks(ranges.y, most);
            return values.into_iter().map(|value| (value, tick(value, decimals))).collect();
        }
        let range = (ranges.y.0.exp(), ranges.y.1.exp());
        // Over less than a factor of four a logarithmic axis has the round numbers of a linear one.
        if range.1 / range.0 < 4.0 {
            let (values, decimals) = ticks(range, most);
            return values.into_iter().map(|value| (value.ln(), tick(value, decimals))).collect();
        }
        decades(range, most).into_iter().map(|value| (value.ln(), fmt::significant(value, 2))).collect()
    }

    /// The cells inside the axes.
    #[must_use]
    pub fn inside(&self, area: Rect) -> Rect {
        if self.bare {
            return area;
        }
        let rows = area.height.saturating_sub(2);
        let labels = self.ranges().map(|ranges| Self::labels(&ranges, rows)).unwrap_or_default();
        let left = labels.iter().map(|(_, text)| text.len() as u16).max().unwrap_or(1) + 2;
        let left = left.min(area.width);
        Rect { x: area.x + left, width: area.width.saturating_sub(left + 1), height: rows, ..area }
    }

    /// What is on the x axis under a column of the screen.
    #[must_use]
    pub fn x_at(&self, plot: Rect, column: u16) -> Option<f64> {
        let ranges = self.ranges()?;
        let at = f64::from(column.saturating_sub(plot.x)) / f64::from(plot.width.saturating_sub(1).max(1));
        Some(ranges.at(at.min(1.0)))
    }

    /// What is on the x axis so many columns beside a place, at most at its ends.
    #[must_use]
    pub fn beside(&self, plot: Rect, place: f64, columns: f64) -> Option<f64> {
        let ranges = self.ranges()?;
        let across = ranges.across(place) + columns / f64::from(plot.width.saturating_sub(1).max(1));
        Some(ranges.at(across.clamp(0.0, 1.0)))
    }

    /// Draws into `area`. Needs 12 columns and 5 rows, without axes 8 and 3; draws nothing in less.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) {
        let plot = self.inside(area);
        let Some(ranges) = self.ranges().filter(|_| plot.width >= 8 && plot.height >= 3) else { return };
        if !self.bare {
            self.axes(&ranges, area, plot, buf);
        }
        let mut grid = Grid::new(plot.width, plot.height);
        let (w, h) = grid.size();
        let place = |x: f64, y: f64| {
            let across = ranges.across(x);
            let down = (ranges.y.1 - ranges.y_of(y)) / (ranges.y.1 - ranges.y.0);
            // Far outside is as good as just outside, and keeps lines short.
            let dot = |part: f64, size: i32| (part * f64::from(size - 1)).round().clamp(-8.0, f64::from(size) + 8.0);
            (dot(across, w) as i32, dot(down, h) as i32)
        };
        if let Some(cursor) = self.cursor {
            let x = place(cursor, 1.0).0;
            (0..h).step_by(2).for_each(|y| grid.set(x, y, self.theme.accent));
        }
        for curve in self.curves {
            for mark in curve.marks.iter().filter(|mark| (0.0..=1.0).contains(&ranges.across(**mark))) {
                let x = place(*mark, 1.0).0;
                (0..h).step_by(4).for_each(|y| grid.set(x, y, self.theme.warn));
            }
            band(&curve.band, &place, self.theme.faint, &mut grid);
            for (at, low, high) in &curve.spread {
                if low.is_finite() && high.is_finite() {
                    let (x, top) = place(*at, *high);
                    let bottom = place(*at, *low).1;
                    (top..=bottom).for_each(|y| grid.set(x, y, self.theme.faint));
                }
            }
        }
        for curve in self.curves {
            let joined = if curve.apart { &[] } else { &curve.points[..] };
            for pair in joined.windows(2).filter(|pair| pair.iter().all(|(_, y)| y.is_finite())) {
                grid.line(place(pair[0].0, pair[0].1), place(pair[1].0, pair[1].1), curve.style);
            }
            if let [(x, y)] = curve.points.as_slice() {
                let (x, y) = place(*x, *y);
                grid.set(x, y, curve.style);
            }
        }
        for curve in self.curves {
            self.ahead(curve, &place, &mut grid);
        }
        grid.draw(plot, buf);
        let cell = |x: f64, y: f64| {
            let (x, y) = place(x, y);
            let inside = x >= 0 && y >= 0 && x < w && y < h;
            inside.then(|| (plot.x + (x / 2) as u16, plot.y + (y / 4) as u16))
        };
        for curve in self.curves {
            let Some(newest) = curve.points.iter().rfind(|(_, y)| y.is_finite()) else { continue };
            let broken = curve.points.last().is_some_and(|(_, y)| !y.is_finite());
            let (sign, style) = if broken { ("✗", self.theme.bad) } else { (curve.sign, curve.style) };
            let measured = curve.points.iter().filter(|(_, y)| curve.dots && y.is_finite());
            for (x, y) in measured.chain([newest]).filter_map(|point| cell(point.0, point.1)) {
                buf.set_string(x, y, sign, style);
            }
            for mark in &curve.marks {
                let across = ranges.across(*mark);
                if (0.0..=1.0).contains(&across) {
                    let x = plot.x + ((across * f64::from(w - 1)).round() as u16) / 2;
                    buf.set_string(x, plot.y, "↻", self.theme.warn);
                }
            }
            if let Some((x, y)) = curve.ahead.last().and_then(|end| cell(end.0, end.1)) {
                buf.set_string(x, y, "◌", curve.style);
            }
        }
    }

    /// From the newest point along the forecast, dotted, in its band, and its interval at the end.
    fn ahead(&self, curve: &Curve, place: &impl Fn(f64, f64) -> (i32, i32), grid: &mut Grid) {
        let Some((x, _, low, high)) = curve.ahead.last().copied() else { return };
        let Some(newest) = curve.points.iter().rfind(|(_, y)| y.is_finite()) else { return };
        let limits = curve.ahead.iter().map(|(x, _, low, high)| (*x, *low, *high));
        let limits: Vec<_> = std::iter::once((newest.0, newest.1, newest.1)).chain(limits).collect();
        band(&limits, place, self.theme.faint, grid);
        let mut from = place(newest.0, newest.1);
        let mut drawn = 0;
        for (x, value, ..) in &curve.ahead {
            let to = place(*x, *value);
            for (x, y) in super::braille::between(from, to).skip(usize::from(drawn > 0)) {
                if drawn % 3 == 0 {
                    grid.set(x, y, curve.style);
                }
                drawn += 1;
            }
            from = to;
        }
        let (at, top) = place(x, high);
        let bottom = place(x, low).1;
        (top..=bottom).filter(|y| y % 2 == 0).for_each(|y| grid.set(at, y, curve.style));
    }

    /// Places on the x axis that have a number, at most as many as there is room for.
    fn places(&self, ranges: &Ranges, width: u16) -> Vec<f64> {
        let most = usize::from(width / 12).clamp(1, 10);
        let whole = |values: (Vec<f64>, usize)| (self.x != Numbers::Counts || values.1 == 0).then_some(values.0);
        let (low, high) = (ranges.at(0.0), ranges.at(1.0));
        if ranges.log_x && high / low >= 4.0 {
            let least = if self.x == Numbers::Counts { 1.0 } else { 0.0 };
            return decades((low, high), most).into_iter().filter(|place| *place >= least).collect();
        }
        if matches!(self.x, Numbers::Seconds | Numbers::Times) {
            return rounds((low, high), most);
        }
        (1..=most).rev().find_map(|most| whole(ticks((low, high), most))).unwrap_or_default()
    }

    fn axes(&self, ranges: &Ranges, area: Rect, plot: Rect, buf: &mut Buffer) {
        let row = |(value, text): (f64, String)| {
            let down = (ranges.y.1 - value) / (ranges.y.1 - ranges.y.0);
            (plot.y + ((down * f64::from(plot.height * 4 - 1)).round() as u16 / 4).min(plot.height - 1), text)
        };
        let rows = Self::labels(ranges, plot.height).into_iter().map(row);
        let columns = self.places(ranges, plot.width).into_iter().map(|value| {
            let across = ranges.across(value);
            let x = plot.x + ((across * f64::from(plot.width * 2 - 1)).round() as u16 / 2).min(plot.width - 1);
            (x, self.x.show(value))
        });
        axes::draw(self.theme, (area, plot), rows, columns, buf);
    }
}

/// Round numbers of a range on a logarithmic axis: powers of ten, and 2 and 5 of each where there is room.
fn decades(range: (f64, f64), most: usize) -> Vec<f64> {
    let decades = (range.1 / range.0).log10();
    let every = (decades / most as f64).ceil().max(1.0) as i32;
    let steps: &[f64] = if decades > most as f64 / 2.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let first = range.0.log10().floor() as i32;
    let last = range.1.log10().ceil() as i32;
    let all = (first..=last).filter(|power| power.rem_euclid(every) == 0);
    all.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
        .filter(|value| (range.0..=range.1).contains(value))
        .collect()
}

/// Whole minutes, hours or days in a range of seconds.
fn rounds(range: (f64, f64), most: usize) -> Vec<f64> {
    const ROUND: [f64; 15] = [
        1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
        604_800.0,
    ];
    let wide = |each: f64| (range.1 - range.0) / each;
    let fitting = ROUND.into_iter().find(|each| wide(*each) <= most as f64);
    let each = fitting.unwrap_or_else(|| (wide(604_800.0) / most as f64).ceil() * 604_800.0);
    let first = (range.0 / each).ceil();
    (0..=most).map(|i| (first + i as f64) * each).filter(|place| *place <= range.1).collect()
}

/// Dots of a band, sparse, so that curves stand out.
fn band(band: &[(f64, f64, f64)], place: &impl Fn(f64, f64) -> (i32, i32), style: Style, grid: &mut Grid) {
    for pair in band.windows(2).filter(|pair| pair.iter().all(|(_, low, high)| low.is_finite() && high.is_finite())) {
        let (from, to) = (place(pair[0].0, pair[0].1).0, place(pair[1].0, pair[1].1).0);
        for x in from.max(0)..=to.min(grid.size().0) {
            let part = if to > from { f64::from(x - from) / f64::from(to - from) } else { 0.0 };
            let between = |a: f64, b: f64| a + (b - a) * part;
            let top = place(pair[0].0, between(pair[0].2, pair[1].2)).1;
            let bottom = place(pair[0].0, between(pair[0].1, pair[1].1)).1;
            (top..=bottom).filter(|y| (x + y) % 3 == 0).for_each(|y| grid.set(x, y, style));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};

    fn drawn(curves: &[Curve], log: bool, cursor: Option<f64>) -> Vec<String> {
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        let lines = Lines { log, x: Numbers::Counts, cursor, ..Lines::of(curves, &theme) };
        let area = Rect::new(0, 0, 40, 10);
        let mut buf = Buffer::empty(area);
        lines.draw(area, &mut buf);
        crate::tui::plain::text(&buf).lines().map(str::to_owned).collect()
    }

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve { points: points.to_vec(), sign: "●", ..Curve::default() }
    }

    #[test]
    fn a_falling_curve_ends_low_on_the_right_and_breaks_where_there_is_no_number() {
        let rows = drawn(&[curve(&[(0.0, 4.0), (50.0, 3.0), (100.0, 2.0)])], false, None);
        let row = rows.iter().position(|row| row.contains('●')).unwrap();
        assert!(row >= 6, "{rows:#?}");
        assert!(rows[0].contains("4┤"), "{rows:#?}");
        let rows = drawn(&[curve(&[(0.0, 4.0), (50.0, 3.0), (100.0, f64::NAN)])], false, None);
        assert!(rows.iter().any(|row| row.contains('✗')), "{rows:#?}");
        let rows = drawn(&[curve(&[(0.0, f64::INFINITY)])], true, Some(3.0));
        assert!(rows.iter().all(String::is_empty), "no number, no axes: {rows:#?}");
    }

    #[test]
    fn restarts_are_marked_and_those_outside_are_not_drawn() {
        let points = [(0.0, 4.0), (50.0, 3.0), (100.0, 2.0)];
        let rows = drawn(&[Curve { marks: vec![50.0, 500.0, f64::NAN], ..curve(&points) }], false, None);
        assert_eq!(rows.iter().map(|row| row.matches('↻').count()).sum::<usize>(), 1, "{rows:#?}");
        let at = rows[0].chars().position(|c| c == '↻').unwrap();
        assert!((15..30).contains(&at), "{rows:#?}");
    }

    #[test]
    fn first_steps_do_not_flatten_the_rest() {
        let mut points = vec![(0.0, 11.0)];
        points.extend((1..100).map(|i| (f64::from(i), 3.0 - 0.005 * f64::from(i))));
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        let curves = [curve(&points)];
        let lines = |log| Lines { log, x: Numbers::Counts, ..Lines::of(&curves, &theme) };
        let y = lines(false).ranges().unwrap().y;
        assert!(y.1 < 3.2 && y.0 < 2.51, "{y:?}");
        let y = lines(true).ranges().unwrap().y;
        assert!(y.1 > 11f64.ln(), "a logarithmic axis has all of it: {y:?}");
    }

    #[test]
    fn the_forecast_is_inside_and_its_interval_too() {
        let ahead = vec![(150.0, 1.6, 1.4, 1.8), (200.0, 1.5, 1.2, 1.8)];
        let curves = [Curve { ahead, ..curve(&[(0.0, 4.0), (100.0, 2.0)]) }];
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        let ranges = Lines { x: Numbers::Counts, ..Lines::of(&curves, &theme) }.ranges().unwrap();
        assert!(ranges.x == (0.0, 200.0) && ranges.y.0 <= 1.2, "{ranges:?}");
        assert!(drawn(&curves, false, None).iter().any(|row| row.contains('◌')));
    }

    #[test]
    fn a_single_place_stands_in_the_middle_and_a_part_of_the_axis_is_drawn_whole() {
        let theme = Theme::new(ThemeName::Mono, Depth::True);
        let curves = [curve(&[(4e-4, 2.0), (4e-4, 3.0)])];
        let lines = Lines { x: Numbers::Amounts, ..Lines::of(&curves, &theme) };
        let x = lines.ranges().unwrap().x;
        assert!((x.0 - 2e-4).abs() < 1e-12 && (x.1 - 6e-4).abs() < 1e-12, "{x:?}");
        let steps = [curve(&[(4000.0, 2.0)])];
        let lines = Lines { part: Some((3250.0, 4100.0)), ..Lines::of(&steps, &theme) };
        assert_eq!(lines.ranges().unwrap().x, (3250.0, 4100.0));
    }

    #[test]
    fn axes_have_round_numbers_over_any_range() {
        for (low, high) in [(1e-5, 3.0), (2.1, 2.4), (0.5, 40.0), (1e-30, 1e30)] {
            let ranges = Ranges { x: (0.0, 1.0), y: (f64::ln(low), f64::ln(high)), log: true, log_x: false };
            let labels = Lines::labels(&ranges, 20);
            assert!((1..=14).contains(&labels.len()), "{low} to {high}: {labels:?}");
            let inside = |y: f64| y > ranges.y.0 - 1e-9 && y < ranges.y.1 + 1e-9;
            assert!(labels.iter().all(|(y, _)| inside(*y)), "{labels:?}");
        }
    }
}
