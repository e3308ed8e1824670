//! Errors on held-out rows: whole mixtures, then the largest size, then the last tokens. Laws and baselines use the same
//! code and rows.

use super::split::{HeldOutPlan, Top};
use crate::laws::Columns;
use crate::vocab::fit::{FoldView, ScaleTestView};
use crate::vocab::number::show_amount;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Fits to the first rows, and predicts ln L of the second.
pub(super) type Predictor<'a> = &'a (dyn Fn(&Columns, &Columns) -> Vec<f64> + Sync);

/// What the cross-validation found.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldOut {
    pub folds: Vec<FoldView>,
    /// In the order of the folds.
    pub rows: Vec<HeldRow>,
    /// 1 − held-out squared error of ln L over that of the training mean.
    pub skill: f64,
    pub mre: f64,
    pub how: String,
    /// How predictions for larger N fared.
    pub size: Option<ScaleTest>,
    /// How predictions for more tokens fared.
    pub tokens: Option<ScaleTest>,
}

/// One row predicted by a fit that had not seen its mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeldRow {
    /// Which row, and which fold it was held out with.
    pub index: usize,
    pub fold: usize,
    pub mixture: Vec<f64>,
    /// ln observed − ln predicted.
    pub residual: f64,
    /// Whether the mixture is within the range of those fitted to: interpolation, as a prediction inside the data is.
    pub inside: bool,
}

/// How a fit to the smaller part of a range predicted the rest of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ScaleTest {
    /// `N` or `D`.
    pub what: Cow<'static, str>,
    /// ln of how far beyond its data the fit was asked to look.
    pub distance: f64,
    /// ln observed − ln predicted of every row held out, in their order.
    pub residuals: Vec<f64>,
    /// Root mean square of the residuals.
    pub error: f64,
    /// See [`Top::fair`].
    pub fair: bool,
}

/// The least width of a range of ln L: losses that are nearly equal leave room for a tenth.
const LEAST_RANGE: f64 = 0.1;

/// What one fold found.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub view: FoldView,
    pub rows: Vec<HeldRow>,
    /// Squared error of the training mean on the rows.
    pub from_mean: f64,
    /// Whether a prediction lies further outside the range of the losses fitted to than that range is wide: where a law does
    /// that it is not used.
    pub implausible: bool,
    /// θ of the fit; empty where it has none to start others from.
    pub theta: Vec<f64>,
}

/// Cross-validates; `None` where there is only one group.
pub(super) fn held_out(plan: &HeldOutPlan, x: &Columns, predictor: Predictor<'_>) -> Option<HeldOut> {
    let folds: Vec<Fold> =
        (0..plan.groups.len()).into_par_iter().filter_map(|index| fold(plan, x, index, predictor)).collect();
    let [size, tokens] = scale_tests(plan, x, predictor);
    HeldOut::of(plan, folds.iter(), size, tokens)
}

/// Both scale tests that the plan has.
pub(super) fn scale_tests(plan: &HeldOutPlan, x: &Columns, predictor: Predictor<'_>) -> [Option<ScaleTest>; 2] {
    let test = |top: &Option<Top>| top.as_ref().and_then(|top| scale_test(x, top, predictor));
    let (size, tokens) = rayon::join(|| test(&plan.size), || test(&plan.tokens));
    [size, tokens]
}

impl HeldOut {
    /// Puts folds and scale tests together; `None` where no row was held out.
    pub(super) fn of<'a>(
        plan: &HeldOutPlan,
        folds: impl Iterator<Item = &'a Fold>,
        size: Option<ScaleTest>,
        tokens: Option<ScaleTest>,
    ) -> Option<Self> {
        let mut all = Self { size, tokens, ..Self::default() };
        let mut baseline = 0.0;
        for fold in folds {
            baseline += fold.from_mean;
            all.folds.push(fold.view.clone());
            all.rows.extend(fold.rows.iter().cloned());
        }
        if all.rows.is_empty() {
            return None;
        }
        all.how = format!("leave one {} out, {} folds", plan.what, all.folds.len());
        all.measure(baseline);
        [&mut all.size, &mut all.tokens].into_iter().flatten().for_each(ScaleTest::measure);
        Some(all)
    }

    /// Works out error and skill from the rows; `baseline` is the squared error of the training means on them.
    pub(super) fn measure(&mut self, baseline: f64) {
        let squares: f64 = self.rows.iter().map(|row| row.residual * row.residual).sum();
        self.mre = mean(self.rows.iter().map(|row| relative(row.residual)));
        // Constant losses: the mean is perfect, and there is nothing to be better at.
        self.skill = if baseline > 1e-18 { (1.0 - squares / baseline).max(-1e6) } else { 0.0 };
    }

    /// Mean relative error on the largest N and the most tokens, each held out; the mean of the two where both are.
    pub(super) fn mre_scale(&self) -> Option<f64> {
        let fair: Vec<f64> = self.scale_tests().filter(|test| test.fair).map(ScaleTest::mre).collect();
        (!fair.is_empty()).then(|| mean(fair.iter().copied()))
    }

    pub(super) fn scale_tests(&self) -> impl Iterator<Item = &ScaleTest> {
        self.size.iter().chain(&self.tokens)
    }
}

/// Fits without one group of the plan, and predicts it.
pub(super) fn fold(plan: &HeldOutPlan, x: &Columns, index: usize, predictor: Predictor<'_>) -> Option<Fold> {
    let group = &plan.groups[index];
    let (train, test) = parts(x, &group.rows)?;
    let predicted = predictor(&train, &test);
    let known = range(&train.ln_loss);
    let implausible = predicted.iter().any(|p| is_implausible(*p, known));
    let level = mean(train.ln_loss.iter().copied());
    let mut rows = Vec::with_capacity(test.len());
    let members = (0..x.len()).filter(|i| group.rows[*i] && x.weight[*i] > 0.0);
    let ranges: Vec<(f64, f64)> = train.share.iter().map(|column| range(column)).collect();
    for (i, (row, p)) in members.zip(&predicted).enumerate() {
        let mixture = test.mixture(i);
        let inside = mixture.iter().zip(&ranges).all(|(w, (low, high))| *w >= low - 1e-6 && *w <= high + 1e-6);
        rows.push(HeldRow { index: row, fold: index, residual: test.ln_loss[i] - p, mixture, inside });
    }
    let from_mean = || test.ln_loss.iter().map(|y| y - level);
    let view = FoldView {
        held_out: group.name.clone(),
        observations: test.len(),
        mre: mean(rows.iter().map(|row| relative(row.residual))),
        mre_baseline: mean(from_mean().map(relative)),
    };
    let from_mean = from_mean().map(|r| r * r).sum();
    Some(Fold { view, rows, from_mean, implausible, theta: Vec::new() })
}

/// Whether a prediction of ln L lies further outside the range of those known than that range is wide.
pub(super) fn is_implausible(ln_loss: f64, (low, high): (f64, f64)) -> bool {
    let width = (high - low).max(LEAST_RANGE);
    !(low - width..=high + width).contains(&ln_loss)
}

/// Fits to the rows below the top of a range and predicts the top.
pub(super) fn scale_test(x: &Columns, top: &Top, predictor: Predictor<'_>) -> Option<ScaleTest> {
    let (train, test) = parts(x, &top.rows)?;
    let residuals = predictor(&train, &test).iter().zip(&test.ln_loss).map(|(p, y)| y - p).collect();
    Some(ScaleTest { what: top.what.into(), distance: top.distance, fair: top.fair, residuals, error: 0.0 })
}

/// The rows that are not held out, and those that are.
fn parts(x: &Columns, held: &[bool]) -> Option<(Columns, Columns)> {
    let train = x.weighted(|i| if held[i] { 0.0 } else { x.weight[i] });
    let test = x.weighted(|i| if held[i] { x.weight[i] } else { 0.0 });
    (!train.is_empty() && !test.is_empty()).then_some((train, test))
}

/// |predicted / observed − 1| from a log residual.
pub(super) fn relative(residual: f64) -> f64 {
    (-residual).clamp(-50.0, 50.0).exp_m1().abs()
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), v| (sum + v, count + 1));
    sum / count.max(1) as f64
}

/// Least and most of a column.
pub(super) fn range(column: &[f64]) -> (f64, f64) {
    column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

impl ScaleTest {
    /// Works out the error.
    pub(super) fn measure(&mut self) {
        self.error = mean(self.residuals.iter().map(|r| r * r)).sqrt();
    }

    pub(super) fn mre(&self) -> f64 {
        mean(self.residuals.iter().map(|r| relative(*r)))
    }

    /// Mean of predicted / observed − 1: above 0 where the larger runs did better than foretold.
    fn bias(&self) -> f64 {
        mean(self.residuals.iter().map(|r| (-r).clamp(-50.0, 50.0).exp_m1()))
    }

    pub(super) fn view(&self) -> ScaleTestView {
        ScaleTestView {
            what: self.what.to_string(),
            factor: self.distance.exp(),
            observations: self.residuals.len(),
            mre: self.mre(),
            bias: self.bias(),
        }
    }
}

impl ScaleTestView {
    /// For the screen: `at 1.78× the largest N fitted: error 1.4 %, 1.1 % too low on average`.
    #[must_use]
    pub fn describe(&self) -> String {
        let side = if self.bias < 0.0 { "too low" } else { "too high" };
        let bias = if self.bias.abs() < 0.25 * self.mre {
            "unbiased".to_owned()
        } else {
            format!("{:.1} % {side} on average", 100.0 * self.bias.abs())
        };
        let (times, what) = (show_amount(self.factor), &self.what);
        format!("at {times}× the largest {what} fitted: error {:.1} %, {bias}", 100.0 * self.mre)
    }
}
