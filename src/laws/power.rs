//! Curves c + A·z^−α with one α for a family of them: linear in c and A, so that only α is searched for.

/// A point of a curve: ln of what varies, the loss, and how much the point counts.
pub type Point = (f64, f64, f64);

/// Exponents that are looked at.
const RANGE: (f64, f64) = (0.02, 2.5);
/// Where nothing decides among exponents.
const USUAL: f64 = 0.3;
const GOLDEN: f64 = 0.618_033_988_749_895;

/// c and A of the curve c + A·e^(−α·(ln z − `unit`)), both at least 0, by least squares on relative errors; and the squares
/// left. A curve with one value of z is a constant.
#[must_use]
pub fn curve(points: &[Point], unit: f64, alpha: f64) -> ([f64; 2], f64) {
    let (mut s, mut sz, mut szz, mut sy, mut szy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (ln, loss, count) in points {
        let z = (-alpha * (ln - unit)).clamp(-300.0, 300.0).exp();
        let w = count / (loss * loss);
        s += w;
        sz += w * z;
        szz += w * z * z;
        sy += w * loss;
        szy += w * z * loss;
        syy += w * loss * loss;
    }
    if s <= 0.0 || !szz.is_finite() || !syy.is_finite() {
        return ([1.0, 0.0], 0.0);
    }
    let determinant = s * szz - sz * sz;
    let (mut floor, mut scale) = (sy / s, 0.0);
    if determinant > 1e-12 * s * szz {
        let slope = (s * szy - sz * sy) / determinant;
        if slope > 0.0 {
            (floor, scale) = ((sy - slope * sz) / s, slope);
            if floor < 0.0 {
                (floor, scale) = (0.0, szy / szz);
            }
        }
    }
    let left =
        syy - 2.0 * (floor * sy + scale * szy) + floor * floor * s + 2.0 * floor * scale * sz + scale * scale * szz;
    ([floor, scale], left.max(0.0))
}

/// The α that leaves the least squares over all curves.
#[must_use]
pub fn shared(curves: &[Vec<Point>], unit: f64) -> f64 {
    let left = |ln_alpha: f64| curves.iter().map(|points| curve(points, unit, ln_alpha.exp()).1).sum::<f64>();
    least(left, (RANGE.0.ln(), RANGE.1.ln()), USUAL.ln()).exp()
}

/// Where a function of one number is least, between two numbers: the best of a grid, refined by golden section; `usual`
/// where it is nowhere lower.
pub(super) fn least(f: impl Fn(f64) -> f64, (low, high): (f64, f64), usual: f64) -> f64 {
    const GRID: usize = 16;
    let step = (high - low) / GRID as f64;
    let mut best = (usual, f(usual));
    for i in 0..=GRID {
        let at = low + step * i as f64;
        let value = f(at);
        // Rounding decides nothing.
        if value < best.1 * (1.0 - 1e-9) - 1e-300 {
            best = (at, value);
        }
    }
    let (mut a, mut b) = ((best.0 - step).max(low), (best.0 + step).min(high));
    let (mut p, mut q) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
    let (mut at_p, mut at_q) = (f(p), f(q));
    while b - a > 1e-4 * step {
        if at_p < at_q {
            (b, q, at_q) = (q, p, at_p);
            p = b - GOLDEN * (b - a);
            at_p = f(p);
        } else {
            (a, p, at_p) = (p, q, at_q);
            q = a + GOLDEN * (b - a);
            at_q = f(q);
        }
    }
    for (at, value) in [(p, at_p), (q, at_q)] {
        if value < best.1 * (1.0 - 1e-9) - 1e-300 {
            best = (at, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exponent_is_found_for_curves_that_share_it() {
        let curves: Vec<Vec<Point>> = [(1.0, 2.0), (1.5, 0.7)]
            .iter()
            .map(|(c, a)| (1..9).map(|i| f64::from(i).ln()).map(|x| (x, c + a * (-0.45 * x).exp(), 1.0)).collect())
            .collect();
        let alpha = shared(&curves, 0.0);
        assert!((alpha - 0.45).abs() < 1e-3, "{alpha}");
        let ([c, a], left) = curve(&curves[1], 0.0, alpha);
        assert!((c - 1.5).abs() < 1e-2 && (a - 0.7).abs() < 1e-2 && left < 1e-9, "{c} {a} {left}");
    }

    #[test]
    fn a_point_and_a_rising_curve_are_constants() {
        assert_eq!(curve(&[(1.0, 2.0, 1.0)], 0.0, 0.5).0, [2.0, 0.0]);
        let ([c, a], _) = curve(&[(0.0, 1.0, 1.0), (1.0, 2.0, 1.0)], 0.0, 0.5);
        assert!((1.0..=2.0).contains(&c) && a == 0.0, "{c} {a}");
        assert_eq!(shared(&[vec![(0.0, 2.0, 1.0), (1.0, 1.5, 1.0)]], 0.0), USUAL);
    }
}
