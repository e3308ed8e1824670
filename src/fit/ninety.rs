//! A nominal 90 % interval in standard deviations.

/// Half the width of a normal distribution's 90 % interval.
pub const NINETY: f64 = 1.645;

/// How much wider Student's 90 % interval is than the normal one: what an interval asks for whose standard deviation was estimated with
/// `freedom` degrees of freedom, at least 1. Cornish and Fisher's series.
#[must_use]
pub fn student(freedom: f64) -> f64 {
    let z = NINETY;
    let (first, second) = ((z.powi(3) + z) / 4.0, (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0);
    (z + first / freedom + second / freedom.powi(2)) / z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_interval_is_that_of_the_tables() {
        for (freedom, t) in [(4.0, 2.132), (5.0, 2.015), (10.0, 1.812), (30.0, 1.697), (1000.0, 1.646)] {
            assert!((NINETY * student(freedom) - t).abs() < 0.02, "{freedom}");
        }
        assert!((NINETY * student(2.0) - 2.920).abs() < 0.17 && (NINETY * student(3.0) - 2.353).abs() < 0.05);
    }
}
