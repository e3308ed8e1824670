//! How far laws that fared alike part at a place.
//!
//! Within the runs, held-out residuals show what a law gets wrong. Beyond them laws that fared alike part, and the one in use is not
//! right for having been chosen: the truth may follow another. Its expected squared distance from the law in use is the mean of the
//! others' squared distances, each weighted by its say.
//!
//! A law's say is its likelihood. All rows of one test (mixtures held out, the largest N, the most D) are predicted by fits to nearly
//! the same rows and share what these get wrong, so that a test is worth one error of unknown size, and its profile likelihood falls
//! as one over that error; tests of different kinds are multiplied. Counting rows instead would give all the say to the first of laws
//! that nothing tells apart.
//!
//! What laws part by at the rows themselves is taken away: there, residuals show it.

use super::held_out::{HeldOut, ScaleTest, is_implausible};
use super::model::Model;
use crate::laws::{Columns, Law, Variable};
use serde::{Deserialize, Serialize};

/// A law with less say than this is left out.
const LEAST: f64 = 0.01;
/// Errors below this are told from each other by nothing: runs that differ in the seed alone differ by more.
const LEAST_ERROR: f64 = 1e-4;

/// A law that was compared with others, fitted to all rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rival {
    /// Its say; those of all rivals sum to one.
    pub say: f64,
    pub model: Model,
    pub theta: Vec<f64>,
}

/// The laws that fared alike, as a fit sees them; it is one of them itself, as a rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rivals {
    pub laws: Vec<Rival>,
    /// Mean squared distance of ln L̂ from the fit's, by say: its median over rows.
    usual: f64,
}

/// The say of each of several laws by what they predicted of the same rows: nothing where it is less than [`LEAST`], and one in all.
pub(super) fn says(held: &[&HeldOut]) -> Vec<f64> {
    let ln_error = |error: f64| error.max(LEAST_ERROR).ln();
    let of = |held: &&HeldOut| {
        let tests = held.scale_tests().filter(|test| test.fair).map(ScaleTest::mre);
        -std::iter::once(held.mre).chain(tests).map(ln_error).sum::<f64>()
    };
    let ln_says: Vec<f64> = held.iter().map(of).collect();
    let most = ln_says.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let says: Vec<f64> = ln_says.iter().map(|ln| (ln - most).exp()).collect();
    let sum: f64 = says.iter().sum();
    let kept: Vec<f64> = says.into_iter().map(|say| if say < LEAST * sum { 0.0 } else { say }).collect();
    let sum: f64 = kept.iter().sum();
    kept.into_iter().map(|say| say / sum).collect()
}

/// Whether laws can part beyond the rows: where N or D varies.
pub(super) fn may_part(x: &Columns) -> bool {
    const SAME: f64 = 1e-3;
    let varies = |column: &[f64]| column.iter().any(|v| (v - column[0]).abs() > SAME);
    varies(&x.ln_params) || varies(&x.ln_tokens)
}

impl Rivals {
    /// Beside a fit that predicts `own`, ln L, at some of its rows.
    pub(super) fn beside(own: &[f64], laws: Vec<Rival>, some: &Columns) -> Self {
        let others: Vec<(f64, Vec<f64>)> =
            laws.iter().map(|law| (law.say, law.model.predict(&law.theta, some))).collect();
        let squares = (0..some.len()).map(|i| mean_square(others.iter().map(|(say, p)| (*say, p[i] - own[i]))));
        let mut squares: Vec<f64> = squares.collect();
        squares.sort_by(f64::total_cmp);
        let usual = squares.get(squares.len() / 2).copied().unwrap_or(0.0);
        Self { laws, usual }
    }

    /// Root mean square distance of ln L̂ from `value` at a place, beyond what is usual; of laws that see what is asked there and
    /// predict a loss that can be.
    pub(super) fn apart(&self, value: f64, place: &Columns, sees: impl Fn(&dyn Law) -> bool) -> f64 {
        let one = |law: &Rival| {
            let predicted = law.model.predict(&law.theta, place)[0];
            let known = (law.model.shape.ln_least_loss, law.model.shape.ln_most_loss);
            (!is_implausible(predicted, known)).then_some((law.say, predicted - value))
        };
        let distances = self.laws.iter().filter(|law| sees(law.model.law)).filter_map(one);
        (mean_square(distances) - self.usual).max(0.0).sqrt()
    }
}

/// The weighted mean of squares; 0 for none.
fn mean_square(weighted: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (weight, sum) = weighted.fold((0.0, 0.0), |(weight, sum), (w, v)| (weight + w, sum + w * v * v));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Whether a law sees the size or the tokens: others do not part beyond the runs.
pub(super) fn sees_scale(law: &dyn Law) -> bool {
    [Variable::Params, Variable::Tokens].iter().any(|variable| law.sees().contains(variable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(mixtures: f64, size: Option<(f64, bool)>) -> HeldOut {
        let test = |(error, fair): (f64, bool)| {
            let mut test =
                ScaleTest { what: "N".into(), distance: 1.0, residuals: vec![-f64::ln_1p(error)], error: 0.0, fair };
            test.measure();
            test
        };
        HeldOut { mre: mixtures, size: size.map(test), ..HeldOut::default() }
    }

    #[test]
    fn a_say_falls_with_the_error_in_every_test_that_is_fair() {
        let all = [held(0.01, Some((0.02, true))), held(0.02, Some((0.08, true))), held(0.01, Some((0.02, true)))];
        let says = says(&all.iter().collect::<Vec<_>>());
        // Twice the error in one test, four times in the other: an eighth of the say.
        assert!((says[1] - 1.0 / 17.0).abs() < 1e-9 && (says[0] - says[2]).abs() < 1e-12, "{says:?}");
        let unfair = [held(0.01, Some((0.02, false))), held(0.01, Some((0.9, false)))];
        assert_eq!(super::says(&unfair.iter().collect::<Vec<_>>()), [0.5, 0.5]);
    }

    #[test]
    fn a_law_that_is_far_worse_has_no_say_and_no_error_has_all() {
        let says = says(&[&held(0.0, Some((0.0, true))), &held(0.002, Some((0.002, true)))]);
        assert_eq!(says, [1.0, 0.0]);
    }
}
