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

/// A number with at most two decimals and no more than it needs.
#[must_use]
pub fn num(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The shape of a character in the cell whose upper left corner is given; `None` for characters that are text.
/// `run` cells of it side by side are one shape where it is a rule or a block.
#[must_use]
pub fn shape(c: char, at: (f64, f64), run: usize) -> Option<(Paint, String)> {
    let (x, y) = at;
    let (w, h) = CELL;
    let long = w * run as f64;
    let (cx, cy) = (x + w / 2.0, y + h / 2.0);
    let rect = |x: f64, y: f64, w: f64, h: f64| format!("M{} {}h{}v{}h{}z", num(x), num(y), num(w), num(h), num(-w));
    let line = |points: &[(f64, f64)]| {
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{} {}", if i == 0 { 'M' } else { 'L' }, num(*x), num(*y));
        }
        d
    };
    let circle = |r: f64| {
        let (l, d) = (num(cx - r), num(2.0 * r));
        format!("M{l} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", num(cy), r = num(r))
    };
    let diamond = |r: f64| line(&[(cx, cy - r), (cx + r, cy), (cx, cy + r), (cx - r, cy)]) + "z";
    // From the middle of one side to the middle of the next, round the corner.
    let corner = |dx: f64, dy: f64| {
        let r = 4.0;
        let (ex, ey) = (cx + dx * w / 2.0, cy + dy * h / 2.0);
        format!(
            "M{} {}L{} {}Q{} {} {} {}L{} {}",
            num(ex),
            num(cy),
            num(cx + dx * r),
            num(cy),
            num(cx),
            num(cy),
            num(cx),
            num(cy + dy * r),
            num(cx),
            num(ey)
        )
    };
    let thin = |d: String| Some((Paint::Thin, d));
    let thick = |d: String| Some((Paint::Thick, d));
    let heavy = |d: String| Some((Paint::Heavy, d));
    let fill = |d: String| Some((Paint::Fill(100), d));
    match c {
        '─' => thin(line(&[(x, cy), (x + long, cy)])),
        '━' => heavy(line(&[(x, cy), (x + long, cy)])),
        '╸' => heavy(line(&[(x, cy), (cx, cy)])),
        '╍' => heavy(line(&[(x + 1.0, cy), (x + 3.8, cy)]) + &line(&[(x + 5.4, cy), (x + 8.2, cy)])),
        '┄' => heavy(
            line(&[(x + 0.8, cy), (x + 2.0, cy)])
                + &line(&[(x + 3.9, cy), (x + 5.1, cy)])
                + &line(&[(x + 7.0, cy), (x + 8.2, cy)]),
        ),
        '│' => thin(line(&[(cx, y), (cx, y + h)])),
        '┃' => thick(line(&[(cx, y), (cx, y + h)])),
        '╌' => thick(line(&[(x, cy), (x + 3.0, cy)]) + &line(&[(x + 5.5, cy), (x + 8.5, cy)])),
        '╭' => thin(corner(1.0, 1.0)),
        '╮' => thin(corner(-1.0, 1.0)),
        '╰' => thin(corner(1.0, -1.0)),
        '╯' => thin(corner(-1.0, -1.0)),
        '┤' => thin(line(&[(cx, y), (cx, y + h)]) + &line(&[(x, cy), (cx, cy)])),
        '├' => thin(line(&[(cx, y), (cx, y + h)]) + &line(&[(cx, cy), (x + w, cy)])),
        '┬' => thin(line(&[(x, cy), (x + w, cy)]) + &line(&[(cx, cy), (cx, y + h)])),
        '┴' => thin(line(&[(x, cy), (x + w, cy)]) + &line(&[(cx, y), (cx, cy)])),
        '‖' => thick(
            line(&[(x + 3.0, y + 5.0), (x + 3.0, y + h - 5.0)]) + &line(&[(x + 6.0, y + 5.0), (x + 6.0, y + h - 5.0)]),
        ),
        '█' => fill(rect(x, y, long, h)),
        '▓' => Some((Paint::Fill(72), rect(x, y, long, h))),
        '▒' => Some((Paint::Fill(48), rect(x, y, long, h))),
        '░' => Some((Paint::Fill(26), rect(x, y, long, h))),
        '▁'..='▇' => {
            let eighths = f64::from(c as u32 - 0x2580);
            fill(rect(x, y + h - h * eighths / 8.0, w, h * eighths / 8.0))
        }
        '▉'..='▏' => fill(rect(x, y, w * f64::from(0x2590 - c as u32) / 8.0, h)),
        '\u{2800}'..='\u{28ff}' => Some((Paint::Dots, braille(c as u32 - 0x2800, at))),
        '∘' => thin(circle(2.0)),
        '○' => thin(circle(3.4)),
        '◎' => thin(circle(3.8) + &circle(1.4)),
        '◌' => thin(format!(
            "M{} {}a3.6 3.6 0 0 1 2.6 -2.6M{} {}a3.6 3.6 0 0 1 -2.6 2.6",
            num(cx - 3.4),
            num(cy - 1.0),
            num(cx + 3.4),
            num(cy + 1.0)
        )),
        '●' => fill(circle(3.8)),
        '·' => fill(circle(1.2)),
        '◇' => thick(diamond(3.8)),
        '◆' => fill(diamond(4.8)),
        '▸' => fill(line(&[(x + 2.2, cy - 4.2), (x + 7.4, cy), (x + 2.2, cy + 4.2)]) + "z"),
        '▴' => fill(line(&[(cx - 3.6, cy + 2.6), (cx, cy - 3.0), (cx + 3.6, cy + 2.6)]) + "z"),
        '▾' => fill(line(&[(cx - 3.6, cy - 2.6), (cx, cy + 3.0), (cx + 3.6, cy - 2.6)]) + "z"),
        '✓' => thick(line(&[(x + 1.4, cy + 0.4), (x + 3.6, cy + 3.4), (x + 7.8, cy - 4.0)])),
        '✗' => thick(
            line(&[(x + 1.8, cy - 3.4), (x + 7.2, cy + 3.4)]) + &line(&[(x + 7.2, cy - 3.4), (x + 1.8, cy + 3.4)]),
        ),
        '→' => thin(
            line(&[(x + 0.6, cy), (x + 8.2, cy)]) + &line(&[(x + 5.2, cy - 3.0), (x + 8.4, cy), (x + 5.2, cy + 3.0)]),
        ),
        '←' => thin(
            line(&[(x + 8.4, cy), (x + 0.8, cy)]) + &line(&[(x + 3.8, cy - 3.0), (x + 0.6, cy), (x + 3.8, cy + 3.0)]),
        ),
        '↑' => thin(
            line(&[(cx, cy + 5.0), (cx, cy - 4.8)])
                + &line(&[(cx - 3.0, cy - 1.8), (cx, cy - 5.0), (cx + 3.0, cy - 1.8)]),
        ),
        '↓' => thin(
            line(&[(cx, cy - 5.0), (cx, cy + 4.8)])
                + &line(&[(cx - 3.0, cy + 1.8), (cx, cy + 5.0), (cx + 3.0, cy + 1.8)]),
        ),
        _ => None,
    }
}

/// Whether cells of it side by side are one shape.
#[must_use]
pub fn joins(c: char) -> bool {
    matches!(c, '─' | '━' | '█' | '▓' | '▒' | '░')
}

fn braille(dots: u32, (x, y): (f64, f64)) -> String {
    let (w, h) = CELL;
    let mut d = String::new();
    for bit in (0..8).filter(|bit| dots >> bit & 1 == 1) {
        let (column, row) = match bit {
            0..=2 => (0.0, f64::from(bit)),
            3..=5 => (1.0, f64::from(bit - 3)),
            6 => (0.0, 3.0),
            _ => (1.0, 3.0),
        };
        let at = (x + w * (0.25 + 0.5 * column), y + h * (0.125 + 0.25 * row));
        let _ = write!(d, "M{} {}h0", num(at.0), num(at.1));
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_what_they_say() {
        assert_eq!(shape('█', (0.0, 0.0), 2), Some((Paint::Fill(100), "M0 0h18v19h-18z".to_owned())));
        assert_eq!(shape('▌', (9.0, 0.0), 1), Some((Paint::Fill(100), "M9 0h4.5v19h-4.5z".to_owned())));
        assert_eq!(shape('▄', (0.0, 0.0), 1), Some((Paint::Fill(100), "M0 9.5h9v9.5h-9z".to_owned())));
    }

    #[test]
    fn braille_dots_are_where_unicode_has_them() {
        let (_, d) = shape('⡁', (0.0, 0.0), 1).unwrap();
        assert_eq!(d, "M2.25 2.38h0M2.25 16.62h0");
        assert_eq!(shape('a', (0.0, 0.0), 1), None);
    }
}
