//! Shapes as pixels: how much of each pixel a shape covers, from how far the pixel is from the shape's edge.

use super::glyph::{Paint, Point, Shape};

/// The box around a shape with its stroke: left, top, right and bottom.
#[must_use]
pub fn bounds(shape: &Shape, paint: Paint) -> [f64; 4] {
    let around = |points: &[Point], by: f64| {
        let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        points.iter().fold(start, |[l, t, r, b], (x, y)| [l.min(x - by), t.min(y - by), r.max(x + by), b.max(y + by)])
    };
    let half = paint.width() / 2.0;
    match shape {
        Shape::Rect((x, y), w, h) => around(&[(*x, *y), (x + w, y + h)], half),
        Shape::Line(points) | Shape::Polygon(points) => around(points, half),
        Shape::Curve(from, by, to) => around(&[*from, *by, *to], half),
        Shape::Circle(centre, r) => around(&[*centre], r + half),
        Shape::Dot(at) => around(&[*at], half),
    }
}

/// How much of a pixel of width `pixel` around `at` a shape covers, 0 to 1.
#[must_use]
pub fn cover(shape: &Shape, paint: Paint, at: Point, pixel: f64) -> f64 {
    let half = paint.width() / 2.0;
    let is_filled = matches!(paint, Paint::Fill(_));
    // From outside counts as positive, from inside as negative.
    let edge = match shape {
        Shape::Rect((x, y), w, h) if is_filled => {
            let part = |from: f64, long: f64, at: f64| {
                ((at + pixel / 2.0).min(from + long) - (at - pixel / 2.0).max(from)).clamp(0.0, pixel) / pixel
            };
            return part(*x, *w, at.0) * part(*y, *h, at.1);
        }
        Shape::Rect((x, y), w, h) => along(&[(*x, *y), (x + w, *y), (x + w, y + h), (*x, y + h), (*x, *y)], at, paint),
        Shape::Line(points) => along(points, at, paint),
        Shape::Polygon(points) => {
            let closed: Vec<Point> = points.iter().chain(points.first()).copied().collect();
            let edge = along(&closed, at, paint);
            if is_filled && is_inside(points, at) { -edge } else { edge }
        }
        Shape::Curve(from, by, to) => {
            let on = |part: f64| {
                let one = |f: f64, b: f64, t: f64| {
                    (1.0 - part).powi(2) * f + 2.0 * part * (1.0 - part) * b + part.powi(2) * t
                };
                (one(from.0, by.0, to.0), one(from.1, by.1, to.1))
            };
            let points: Vec<Point> = (0..=8).map(|i| on(f64::from(i) / 8.0)).collect();
            along(&points, at, paint)
        }
        Shape::Circle(centre, r) if is_filled => far(*centre, at) - r,
        Shape::Circle(centre, r) => (far(*centre, at) - r).abs(),
        Shape::Dot(centre) => far(*centre, at),
    };
    ((half - edge) / pixel + 0.5).clamp(0.0, 1.0)
}

fn far((x, y): Point, (px, py): Point) -> f64 {
    (x - px).hypot(y - py)
}

/// The distance to a line through points. Where the stroke has no round ends, what lies beyond them is beyond its edge.
fn along(points: &[Point], at: Point, paint: Paint) -> f64 {
    let one = |from: Point, to: Point| {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let long = dx.hypot(dy);
        if long == 0.0 {
            return far(from, at);
        }
        let ahead = ((at.0 - from.0) * dx + (at.1 - from.1) * dy) / long;
        let aside = ((at.0 - from.0) * dy - (at.1 - from.1) * dx).abs() / long;
        let beyond = (-ahead).max(ahead - long);
        match paint {
            Paint::Thin | Paint::Heavy if beyond > 0.0 => aside.max(beyond + paint.width() / 2.0),
            _ => aside.hypot(beyond.max(0.0)),
        }
    };
    points.windows(2).map(|two| one(two[0], two[1])).fold(f64::INFINITY, f64::min)
}

/// Whether a place is inside a polygon, by the sides that a ray to the right crosses.
fn is_inside(points: &[Point], (x, y): Point) -> bool {
    let sides = points.iter().zip(points.iter().cycle().skip(1));
    let crossed =
        sides.filter(|((ax, ay), (bx, by))| (*ay > y) != (*by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax));
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::glyph::shapes;

    /// The area that a character covers, in pixels of a cell; summed over small pixels.
    fn area(c: char) -> f64 {
        let (paint, shapes) = shapes(c, (0.0, 0.0), 1).unwrap();
        let pixel = 0.25;
        let mut sum = 0.0;
        for row in -8..90 {
            for column in -8..50 {
                let at = (f64::from(column) * pixel + pixel / 2.0, f64::from(row) * pixel + pixel / 2.0);
                let most = shapes.iter().map(|shape| cover(shape, paint, at, pixel)).fold(0.0, f64::max);
                sum += most * pixel * pixel;
            }
        }
        sum
    }

    #[test]
    fn shapes_cover_their_area() {
        let near = |c: char, wanted: f64| {
            let found = area(c);
            assert!((found - wanted).abs() < 0.03 * wanted + 0.05, "{c}: {found} and not {wanted}");
        };
        near('█', 9.0 * 19.0);
        near('▃', 9.0 * 19.0 * 3.0 / 8.0);
        near('▍', 9.0 * 3.0 / 8.0 * 19.0);
        near('─', 9.0 * 1.2);
        near('━', 9.0 * 5.0);
        near('╸', 4.5 * 5.0);
        near('●', std::f64::consts::PI * 3.8 * 3.8);
        near('◆', 2.0 * 4.8 * 4.8);
        near('▸', 5.2 * 8.4 / 2.0);
        near('⣿', 8.0 * std::f64::consts::PI * 1.6 * 1.6);
    }

    #[test]
    fn nothing_is_outside_its_bounds() {
        for c in "─━╸╍┄│┃╌╭╮╰╯┤├┬┴┼‖█▓▒░▀▐▃▍⣿∘○◎◌●·◇◆▸▴▾⚑✓✗→←↑↓".chars()
        {
            let (paint, shapes) = shapes(c, (0.0, 0.0), 1).unwrap();
            for shape in &shapes {
                let [left, top, right, bottom] = bounds(shape, paint);
                for (x, y) in (-20..80).flat_map(|x| (-20..120).map(move |y| (f64::from(x) / 3.0, f64::from(y) / 3.0)))
                {
                    let is_out = x < left - 0.5 || x > right + 0.5 || y < top - 0.5 || y > bottom + 0.5;
                    assert!(!is_out || cover(shape, paint, (x, y), 0.5) == 0.0, "{c} at {x}, {y}");
                }
            }
        }
    }
}
