//! Parameters of a law, and the unconstrained coordinates in which they are optimised.

use super::math::{logistic, logit, softplus, softplus_inverse};

/// How a search coordinate (any real number) becomes the number a law's formula works with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coordinate {
    /// As it is.
    Free,
    /// The law works with ln of a positive amplitude; the search moves the logarithm itself, and readers see the
    /// amplitude.
    Amplitude,
    /// A positive number (an exponent): softplus of the coordinate.
    Positive,
    /// Between two numbers: a logistic curve.
    Between(f64, f64),
    /// The law works with ln of a positive number that lies between e^low and e^high; readers see the number.
    LogBetween(f64, f64),
    /// The law works with ln of a positive number below e^bound (a floor below every loss); readers see the number.
    LogBelow(f64),
}

/// One parameter of a law.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// As in the law's formula; with the domain's index (`t0`, `t1`) where there is one per domain.
    pub name: String,
    /// `nats`, or empty for a pure number.
    pub unit: &'static str,
    /// How it is searched.
    pub coordinate: Coordinate,
    /// Where starts are drawn from: least and most, as the formula works with it (amplitudes as logarithms).
    pub start: (f64, f64),
}

impl Parameter {
    /// A parameter with a name, a way to be searched, and a range to start in.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: &'static str, coordinate: Coordinate, start: (f64, f64)) -> Self {
        Self { name: name.into(), unit, coordinate, start }
    }

    /// The number the formula works with, and its derivative by the search coordinate `t`.
    #[must_use]
    pub fn working(&self, t: f64) -> (f64, f64) {
        match self.coordinate {
            Coordinate::Free | Coordinate::Amplitude => (t, 1.0),
            Coordinate::Positive => (softplus(t), logistic(t)),
            Coordinate::Between(low, high) | Coordinate::LogBetween(low, high) => {
                let s = logistic(t);
                (low + (high - low) * s, (high - low) * s * (1.0 - s))
            }
            // ln(e^bound · σ(t)) = bound − softplus(−t).
            Coordinate::LogBelow(bound) => (bound - softplus(-t), logistic(-t)),
        }
    }

    /// The search coordinate of a number the formula works with; numbers out of bounds are brought just inside.
    #[must_use]
    pub fn searched(&self, value: f64) -> f64 {
        match self.coordinate {
            Coordinate::Free | Coordinate::Amplitude => value,
            Coordinate::Positive => softplus_inverse(value),
            Coordinate::Between(low, high) | Coordinate::LogBetween(low, high) => logit((value - low) / (high - low)),
            Coordinate::LogBelow(bound) => -softplus_inverse(bound - value),
        }
    }

    /// What a reader sees for a number the formula works with.
    #[must_use]
    pub fn shown(&self, working: f64) -> f64 {
        match self.coordinate {
            Coordinate::Free | Coordinate::Positive | Coordinate::Between(..) => working,
            Coordinate::Amplitude | Coordinate::LogBetween(..) | Coordinate::LogBelow(_) => {
                working.clamp(-700.0, 700.0).exp()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coordinate_comes_back_and_has_the_derivative_it_says() {
        for (coordinate, value) in [
            (Coordinate::Free, -2.0),
            (Coordinate::Amplitude, 3.0),
            (Coordinate::Positive, 0.3),
            (Coordinate::Between(-1.0, 2.0), 0.5),
            (Coordinate::LogBetween(-9.0, 3.0), -4.0),
            (Coordinate::LogBelow(0.7), -1.5),
        ] {
            let parameter = Parameter::new("x", "", coordinate, (0.0, 1.0));
            let t = parameter.searched(value);
            let (back, slope) = parameter.working(t);
            assert!((back - value).abs() < 1e-9, "{coordinate:?}: {back}");
            let h = 1e-5;
            let numeric = (parameter.working(t + h).0 - parameter.working(t - h).0) / (2.0 * h);
            assert!((slope - numeric).abs() < 1e-8, "{coordinate:?}: {slope} {numeric}");
        }
    }

    #[test]
    fn values_on_a_bound_are_brought_inside() {
        for (coordinate, value) in
            [(Coordinate::Positive, 0.0), (Coordinate::Between(0.0, 1.0), 1.0), (Coordinate::LogBelow(0.0), 0.0)]
        {
            assert!(Parameter::new("x", "", coordinate, (0.0, 1.0)).searched(value).is_finite(), "{coordinate:?}");
        }
    }
}
