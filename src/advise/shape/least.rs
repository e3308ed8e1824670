//! The least value of a function along a line that has no ends.

/// How far a first look goes to either side, in logarithms: a factor of 10¹³.
const SPAN: f64 = 30.0;
/// Places of the first look.
const COARSE: usize = 61;
/// Places of each closer look; each narrows the bracket eightfold.
const FINE: usize = 17;
/// Closer looks: from a spacing of 1 to one of 4e-6, which the last parabola is far better than.
const LOOKS: usize = 6;
/// Values that differ by less than this part of themselves are equal.
const SAME: f64 = 1e-12;

/// Where a function is least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Least {
    /// At a place, with its value.
    At(f64, f64),
    /// Nowhere: it falls as far down the line as was looked.
    FallsDown,
    /// Nowhere: it falls as far up the line as was looked.
    FallsUp,
    /// Everywhere: the function does not change, or has no value.
    Flat,
}

/// The least value of `f` along the whole line; places are logarithms, and `middle` is about where to look.
pub(super) fn least(f: &dyn Fn(&[f64]) -> Vec<f64>, middle: f64) -> Least {
    let places = evenly(middle - SPAN, middle + SPAN, COARSE);
    let values = f(&places);
    let Some(at) = lowest(&values) else { return Least::Flat };
    let most = values.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    if most - values[at] <= SAME * most.abs() {
        return Least::Flat;
    }
    // Next to where there is no value, the function may still turn in between.
    match at {
        0 => Least::FallsDown,
        at if at + 1 == COARSE => Least::FallsUp,
        at => {
            let (place, value) = narrowed(f, (places[at - 1], places[at + 1]));
            Least::At(place, value)
        }
    }
}

/// The least value between two ends, which may be one of them; `None` where there is no value.
pub(super) fn between(f: &dyn Fn(&[f64]) -> Vec<f64>, low: f64, high: f64) -> Option<(f64, f64)> {
    let places = evenly(low, high, 4 * COARSE);
    let values = f(&places);
    let at = lowest(&values)?;
    let bracket = (places[at.saturating_sub(1)], places[(at + 1).min(places.len() - 1)]);
    Some(narrowed(f, bracket)).filter(|(_, value)| value.is_finite())
}

/// The two places around `middle`, below and above, at which `f` has risen to `level`; infinite where it does not.
pub(super) fn level(f: &dyn Fn(&[f64]) -> Vec<f64>, middle: f64, level: f64) -> (f64, f64) {
    let cross = |towards: f64| {
        let mut inside = middle;
        let mut step = 0.05;
        loop {
            let next = middle + towards * step;
            if !f(&[next]).first().is_some_and(|v| *v <= level) {
                break bisect(f, inside, next, level);
            }
            if step > SPAN {
                break towards * f64::INFINITY;
            }
            inside = next;
            step *= 1.6;
        }
    };
    (cross(-1.0), cross(1.0))
}

fn bisect(f: &dyn Fn(&[f64]) -> Vec<f64>, mut inside: f64, mut outside: f64, level: f64) -> f64 {
    for _ in 0..30 {
        let middle = 0.5 * (inside + outside);
        if f(&[middle]).first().is_some_and(|v| *v <= level) { inside = middle } else { outside = middle }
    }
    0.5 * (inside + outside)
}

/// The least value inside a bracket, by closer and closer looks.
fn narrowed(f: &dyn Fn(&[f64]) -> Vec<f64>, (mut low, mut high): (f64, f64)) -> (f64, f64) {
    let mut best = (low, f64::INFINITY);
    for _ in 0..LOOKS {
        let places = evenly(low, high, FINE);
        let values = f(&places);
        let Some(at) = lowest(&values) else { return best };
        best = (places[at], values[at]);
        if at > 0 && at + 1 < FINE {
            best.0 = vertex((places[at - 1], values[at - 1]), best, (places[at + 1], values[at + 1]));
            // Closer than this the values differ by rounding only.
            let rise = (values[at - 1] - values[at]).min(values[at + 1] - values[at]);
            if rise < 1e-9 * values[at].abs() {
                break;
            }
        }
        (low, high) = (places[at.saturating_sub(1)], places[(at + 1).min(FINE - 1)]);
    }
    best
}

/// Where the parabola through three places is least.
fn vertex(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    let (left, right) = (a.1 - b.1, c.1 - b.1);
    let step = 0.5 * (c.0 - a.0) * 0.5;
    let bend = left + right;
    if bend > 0.0 && bend.is_finite() { b.0 + step * (left - right) / bend } else { b.0 }
}

fn evenly(low: f64, high: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| low + (high - low) * i as f64 / (count - 1) as f64).collect()
}

fn lowest(values: &[f64]) -> Option<usize> {
    let known = values.iter().enumerate().filter(|(_, v)| v.is_finite());
    known.min_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(of: impl Fn(f64) -> f64) -> impl Fn(&[f64]) -> Vec<f64> {
        move |places| places.iter().map(|x| of(*x)).collect()
    }

    #[test]
    fn the_optimum_of_two_powers_is_that_of_the_closed_form() {
        // A/N^α + B/D^β with 6·N·D = C: N = (αA/βB)^(1/(α+β)) · (C/6)^(β/(α+β)).
        let (a, b, alpha, beta, c): (f64, f64, f64, f64, f64) = (477.8, 2143.0, 0.3473, 0.3672, 1e23);
        let f = all(|x| 1.8 + a / (alpha * x).exp() + b / (beta * ((c / 6.0).ln() - x)).exp());
        let truth = ((alpha * a / (beta * b)).ln() + beta * (c / 6.0).ln()) / (alpha + beta);
        for middle in [5.0, truth, 40.0] {
            let Least::At(x, _) = least(&f, middle) else { panic!() };
            assert!((x - truth).abs() < 1e-5, "{x} {truth}");
        }
        let (x, _) = between(&f, truth + 1.0, truth + 2.0).unwrap();
        assert!((x - truth - 1.0).abs() < 1e-6, "the end nearest to the optimum");
        let (low, high) = level(&f, truth, f(&[truth])[0] * 1.001);
        assert!((f(&[low])[0] / f(&[truth])[0] - 1.001).abs() < 1e-9 && low < truth && high > truth);
    }

    #[test]
    fn a_function_without_an_optimum_has_none() {
        assert_eq!(least(&all(|x| (-0.1 * x).exp()), 20.0), Least::FallsUp);
        assert_eq!(least(&all(|x| (0.1 * x).exp()), 20.0), Least::FallsDown);
        assert_eq!(least(&all(|_| 2.0), 20.0), Least::Flat);
        assert_eq!(least(&all(|_| f64::NAN), 20.0), Least::Flat);
    }
}
