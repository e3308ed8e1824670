//! What a forecast has to beat.

/// Power law with floor through (step, loss), at `end`: Huber (δ = 1e-3) on ln loss, exponent by scan, floor and
/// amplitude by reweighted least squares; the last value where there are fewer than three points.
pub fn power_with_floor(points: &[(i64, f64)], end: f64) -> f64 {
    let Some(last) = points.last() else { return f64::NAN };
    if points.len() < 3 {
        return last.1;
    }
    let exponents = (0..=80).map(|i| 0.02 * (3.0_f64 / 0.02).powf(f64::from(i) / 80.0));
    let fits = exponents.map(|b| one_exponent(points, end, b));
    fits.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(last.1, |best| best.1)
}

/// (objective, loss at `end`) of the best floor and amplitude, neither negative.
fn one_exponent(points: &[(i64, f64)], end: f64, b: f64) -> (f64, f64) {
    let mut weights = vec![1.0; points.len()];
    let mut best = (f64::INFINITY, f64::NAN);
    for _ in 0..8 {
        let (mut s11, mut s1u, mut suu, mut r1, mut ru) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((step, loss), w) in points.iter().zip(&weights) {
            let (one, u) = (1.0 / loss, (*step as f64 / end).powf(-b) / loss);
            s11 += w * one * one;
            s1u += w * one * u;
            suu += w * u * u;
            r1 += w * one;
            ru += w * u;
        }
        let determinant = s11 * suu - s1u * s1u;
        let (mut floor, mut amplitude) = ((r1 * suu - ru * s1u) / determinant, (ru * s11 - r1 * s1u) / determinant);
        if !(floor.is_finite() && amplitude.is_finite()) || amplitude < 0.0 {
            (floor, amplitude) = (r1 / s11, 0.0);
        } else if floor < 0.0 {
            (floor, amplitude) = (0.0, ru / suu);
        }
        let mut objective = 0.0;
        for ((step, loss), w) in points.iter().zip(&mut weights) {
            let z = (loss.ln() - (floor + amplitude * (*step as f64 / end).powf(-b)).ln()).abs() / 1e-3;
            objective += if z <= 1.0 { 0.5 * z * z } else { z - 0.5 };
            *w = 1.0 / z.max(1.0);
        }
        if objective < best.0 {
            best = (objective, floor + amplitude);
        }
    }
    best
}
