//! Characters that are pictures (lines, blocks, braille dots, marks) as shapes, so that a picture of the screen needs
//! no font for them and joins up wherever it is shown.

use std::fmt::Write;

/// Width and height of a cell, in pixels.
pub const CELL: (f64, f64) = (9.0, 19.0);

/// How a path is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paint {
    /// Filled, with so many per cent of opacity.
    Fill(u8),
    /// A line one pixel wide and a little.
    Thin,
    /// A line that stands out.
    Thick,
    /// A bar.
    Heavy,
    /// Zero-length lines whose round caps are braille dots.
    Dots,
}

impl Paint {
    /// How wide its lines are, in pixels; 0 where it fills.
    #[must_use]
    pub fn width(self) -> f64 {
        match self {
            Self::Fill(_) => 0.0,
            Self::Thin => 1.2,
            Self::Thick => 1.7,
            Self::Heavy => 5.0,
            Self::Dots => 3.2,
        }
    }

    /// How much it hides of what is under it, 0 to 1.
    #[must_use]
    pub fn opacity(self) -> f64 {
        if let Self::Fill(percent) = self { f64::from(percent) / 100.0 } else { 1.0 }
    }
}

/// A number with at most two decimals and no more than it needs.
#[must_use]
pub fn num(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A place in pixels, from the upper left corner of the cells.
pub type Point = (f64, f64);

/// A part of what a character looks like; lines and curves are stroked or filled as [`Paint`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A box: its upper left corner, width and height.
    Rect(Point, f64, f64),
    /// Straight lines from point to point.
    Line(Vec<Point>),
    /// The same, back to the first.
    Polygon(Vec<Point>),
    /// A quadratic curve: where it begins, what it bends to, where it ends.
    Curve(Point, Point, Point),
    /// A circle: its centre and radius.
    Circle(Point, f64),
    /// A dot as wide as the stroke.
    Dot(Point),
}

impl Shape {
    /// As commands of an SVG path.
    pub fn write(&self, d: &mut String) {
        let through = |d: &mut String, points: &[Point]| {
            for (i, (x, y)) in points.iter().enumerate() {
                let _ = write!(d, "{}{} {}", if i == 0 { 'M' } else { 'L' }, num(*x), num(*y));
            }
        };
        let _ = match self {
            Self::Rect((x, y), w, h) => {
                write!(d, "M{} {}h{}v{}h{}z", num(*x), num(*y), num(*w), num(*h), num(-w))
            }
            Self::Line(points) => {
                through(d, points);
                Ok(())
            }
            Self::Polygon(points) => {
                through(d, points);
                d.push('z');
                Ok(())
            }
            Self::Curve(from, by, to) => {
                let [(fx, fy), (bx, by), (tx, ty)] = [*from, *by, *to].map(|(x, y)| (num(x), num(y)));
                write!(d, "M{fx} {fy}Q{bx} {by} {tx} {ty}")
            }
            Self::Circle((x, y), r) => {
                let (left, wide, r) = (num(x - r), num(2.0 * r), num(*r));
                write!(d, "M{left} {}a{r} {r} 0 1 0 {wide} 0a{r} {r} 0 1 0 -{wide} 0z", num(*y))
            }
            Self::Dot((x, y)) => write!(d, "M{} {}h0", num(*x), num(*y)),
        };
    }
}

/// The shapes of a character in the cell whose upper left corner is given; `None` for characters that are text.
/// `run` cells of it side by side are one shape where it is a rule or a block.
#[must_use]
pub fn shapes(c: char, (x, y): Point, run: usize) -> Option<(Paint, Vec<Shape>)> {
    let (w, h) = CELL;
    let long = w * run as f64;
    let (cx, cy) = (x + w / 2.0, y + h / 2.0);
    let block = |x: f64, y: f64, w: f64, h: f64| vec![Shape::Rect((x, y), w, h)];
    let line = |points: &[Point]| Shape::Line(points.to_vec());
    let circle = |r: f64| Shape::Circle((cx, cy), r);
    let diamond = |r: f64| vec![Shape::Polygon(vec![(cx, cy - r), (cx + r, cy), (cx, cy + r), (cx - r, cy)])];
    let polygon = |points: &[Point]| vec![Shape::Polygon(points.to_vec())];
    // From the middle of one side to the middle of the next, round the corner.
    let corner = |dx: f64, dy: f64| {
        let r = 4.0;
        let (ex, ey) = (cx + dx * w / 2.0, cy + dy * h / 2.0);
        let (from, to) = ((cx + dx * r, cy), (cx, cy + dy * r));
        vec![line(&[(ex, cy), from]), Shape::Curve(from, (cx, cy), to), line(&[to, (cx, ey)])]
    };
    let thin = |shapes: Vec<Shape>| Some((Paint::Thin, shapes));
    let thick = |shapes: Vec<Shape>| Some((Paint::Thick, shapes));
    let heavy = |shapes: Vec<Shape>| Some((Paint::Heavy, shapes));
    let fill = |shapes: Vec<Shape>| Some((Paint::Fill(100), shapes));
    let (across, down) = (line(&[(x, cy), (x + w, cy)]), line(&[(cx, y), (cx, y + h)]));
    match c {
        '─' => thin(vec![line(&[(x, cy), (x + long, cy)])]),
        '━' => heavy(vec![line(&[(x, cy), (x + long, cy)])]),
        '╸' => heavy(vec![line(&[(x, cy), (cx, cy)])]),
        '╍' => heavy(vec![line(&[(x + 1.0, cy), (x + 3.8, cy)]), line(&[(x + 5.4, cy), (x + 8.2, cy)])]),
        '┄' => heavy(vec![
            line(&[(x + 0.8, cy), (x + 2.0, cy)]),
            line(&[(x + 3.9, cy), (x + 5.1, cy)]),
            line(&[(x + 7.0, cy), (x + 8.2, cy)]),
        ]),
        '│' => thin(vec![down]),
        '┃' => thick(vec![down]),
        '╌' => thick(vec![line(&[(x, cy), (x + 3.0, cy)]), line(&[(x + 5.5, cy), (x + 8.5, cy)])]),
        '╭' => thin(corner(1.0, 1.0)),
        '╮' => thin(corner(-1.0, 1.0)),
        '╰' => thin(corner(1.0, -1.0)),
        '╯' => thin(corner(-1.0, -1.0)),
        '┤' => thin(vec![down, line(&[(x, cy), (cx, cy)])]),
        '├' => thin(vec![down, line(&[(cx, cy), (x + w, cy)])]),
        '┬' => thin(vec![across, line(&[(cx, cy), (cx, y + h)])]),
        '┴' => thin(vec![across, line(&[(cx, y), (cx, cy)])]),
        '┼' => thin(vec![across, down]),
        '‖' => thick(vec![
            line(&[(x + 3.0, y + 5.0), (x + 3.0, y + h - 5.0)]),
            line(&[(x + 6.0, y + 5.0), (x + 6.0, y + h - 5.0)]),
        ]),
        '█' => fill(block(x, y, long, h)),
        '▓' => Some((Paint::Fill(72), block(x, y, long, h))),
        '▒' => Some((Paint::Fill(48), block(x, y, long, h))),
        '░' => Some((Paint::Fill(26), block(x, y, long, h))),
        '▀' => fill(block(x, y, w, h / 2.0)),
        '▐' => fill(block(cx, y, w / 2.0, h)),
        '▁'..='▇' => {
            let eighths = f64::from(c as u32 - 0x2580);
            fill(block(x, y + h - h * eighths / 8.0, w, h * eighths / 8.0))
        }
        '▉'..='▏' => fill(block(x, y, w * f64::from(0x2590 - c as u32) / 8.0, h)),
        '\u{2800}'..='\u{28ff}' => Some((Paint::Dots, braille(c as u32 - 0x2800, (x, y)))),
        '∘' => thin(vec![circle(2.0)]),
        '○' => thin(vec![circle(3.4)]),
        '◎' => thin(vec![circle(3.8), circle(1.4)]),
        '◌' => thin(vec![
            Shape::Curve((cx - 3.4, cy - 1.0), (cx - 3.0, cy - 3.2), (cx - 0.8, cy - 3.6)),
            Shape::Curve((cx + 3.4, cy + 1.0), (cx + 3.0, cy + 3.2), (cx + 0.8, cy + 3.6)),
        ]),
        '●' => fill(vec![circle(3.8)]),
        '·' => fill(vec![circle(1.2)]),
        '◇' => thick(diamond(3.8)),
        '◆' => fill(diamond(4.8)),
        '▸' => fill(polygon(&[(x + 2.2, cy - 4.2), (x + 7.4, cy), (x + 2.2, cy + 4.2)])),
        '▴' => fill(polygon(&[(cx - 3.6, cy + 2.6), (cx, cy - 3.0), (cx + 3.6, cy + 2.6)])),
        '▾' => fill(polygon(&[(cx - 3.6, cy - 2.6), (cx, cy + 3.0), (cx + 3.6, cy - 2.6)])),
        '⚑' => fill(vec![
            Shape::Rect((x + 1.6, cy - 6.0), 1.3, 12.0),
            Shape::Polygon(vec![(x + 2.9, cy - 6.0), (x + 8.2, cy - 3.2), (x + 2.9, cy - 0.4)]),
        ]),
        '✓' => thick(vec![line(&[(x + 1.4, cy + 0.4), (x + 3.6, cy + 3.4), (x + 7.8, cy - 4.0)])]),
        '✗' => thick(vec![
            line(&[(x + 1.8, cy - 3.4), (x + 7.2, cy + 3.4)]),
            line(&[(x + 7.2, cy - 3.4), (x + 1.8, cy + 3.4)]),
        ]),
        '→' => thin(vec![
            line(&[(x + 0.6, cy), (x + 8.2, cy)]),
            line(&[(x + 5.2, cy - 3.0), (x + 8.4, cy), (x + 5.2, cy + 3.0)]),
        ]),
        '←' => thin(vec![
            line(&[(x + 8.4, cy), (x + 0.8, cy)]),
            line(&[(x + 3.8, cy - 3.0), (x + 0.6, cy), (x + 3.8, cy + 3.0)]),
        ]),
        '↑' => thin(vec![
            line(&[(cx, cy + 5.0), (cx, cy - 4.8)]),
            line(&[(cx - 3.0, cy - 1.8), (cx, cy - 5.0), (cx + 3.0, cy - 1.8)]),
        ]),
        '↓' => thin(vec![
            line(&[(cx, cy - 5.0), (cx, cy + 4.8)]),
            line(&[(cx - 3.0, cy + 1.8), (cx, cy + 5.0), (cx + 3.0, cy + 1.8)]),
        ]),
        _ => None,
    }
}

/// Whether cells of it side by side are one shape.
#[must_use]
pub fn joins(c: char) -> bool {
    matches!(c, '─' | '━' | '█' | '▓' | '▒' | '░')
}

fn braille(dots: u32, (x, y): Point) -> Vec<Shape> {
    let (w, h) = CELL;
    let dot = |bit: u32| {
        let (column, row) = match bit {
            0..=2 => (0.0, f64::from(bit)),
            3..=5 => (1.0, f64::from(bit - 3)),
            6 => (0.0, 3.0),
            _ => (1.0, 3.0),
        };
        Shape::Dot((x + w * (0.25 + 0.5 * column), y + h * (0.125 + 0.25 * row)))
    };
    (0..8).filter(|bit| dots >> bit & 1 == 1).map(dot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paint of a character, and its shapes as a path.
    fn path(c: char, at: Point, run: usize) -> Option<(Paint, String)> {
        let (paint, shapes) = shapes(c, at, run)?;
        let mut d = String::new();
        shapes.iter().for_each(|shape| shape.write(&mut d));
        Some((paint, d))
    }

    #[test]
    fn blocks_cover_what_they_say() {
        assert_eq!(path('█', (0.0, 0.0), 2), Some((Paint::Fill(100), "M0 0h18v19h-18z".to_owned())));
        assert_eq!(path('▌', (9.0, 0.0), 1), Some((Paint::Fill(100), "M9 0h4.5v19h-4.5z".to_owned())));
        assert_eq!(path('▄', (0.0, 0.0), 1), Some((Paint::Fill(100), "M0 9.5h9v9.5h-9z".to_owned())));
    }

    #[test]
    fn braille_dots_are_where_unicode_has_them() {
        let (_, d) = path('⡁', (0.0, 0.0), 1).unwrap();
        assert_eq!(d, "M2.25 2.38h0M2.25 16.62h0");
        assert_eq!(path('a', (0.0, 0.0), 1), None);
    }
}
