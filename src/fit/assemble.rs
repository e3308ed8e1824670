//! Assembly of a fit's published view.

use super::held_out::{HeldOut, HeldRow, ScaleTest};
use super::interval::Calibration;
use super::model::{Model, NO_LOSS};
use super::objective::Stop;
use super::starts::Optimum;
use super::{Fit, Options, Seen, basis, identify, laplace, resample};
use crate::laws::{Columns, Variable};
use crate::vocab::{FitView, Observation, Observations, ParameterView};

/// What a fit consists of before it is put into words.
pub(super) struct Parts<'a> {
    pub observations: &'a Observations,
    pub x: &'a Columns,
    pub model: Model,
    pub optimum: Optimum,
    pub draws: Vec<Vec<f64>>,
    pub held: Option<HeldOut>,
    pub options: &'a Options,
    pub stop: Stop<'a>,
    pub seconds: f64,
}

/// In-sample residuals are smaller than those of new runs; without a cross-validation they are widened by this.
const WIDEN: f64 = 1.5;

/// What a fit without skill says first.
const NO_SKILL: &str = "NO SKILL: predicts held-out losses no better than their mean";

pub(super) fn fit(parts: Parts<'_>) -> Fit {
    let Parts { observations, x, model, optimum, draws, held, options, stop, seconds } = parts;
    let predicted = model.predict(&optimum.theta, x);
    let in_sample: Vec<f64> = x.ln_loss.iter().zip(&predicted).map(|(y, p)| y - p).collect();
    let mre = in_sample.iter().map(|r| (-r).clamp(-50.0, 50.0).exp_m1().abs()).sum::<f64>() / x.len() as f64;
    let parameters = parameters(&model, x, &optimum.theta, &draws, stop);
    let mut runs = x.run.clone();
    runs.sort_unstable();
    runs.dedup();
    let view = FitView {
        metric: observations.metric.clone(),
        law: model.law.info().name.to_owned(),
        chosen: true,
        objective: model.objective(&optimum.theta, x),
        warnings: warnings(observations, &parameters, held.as_ref(), runs.len()),
        parameters,
        rows: basis::sentence(observations, model.law),
        observations: x.len(),
        runs: runs.len(),
        skill: held.as_ref().map(|h| h.skill),
        mre_heldout: held.as_ref().map(|h| h.mre),
        no_skill: held.as_ref().is_some_and(|h| h.skill <= 0.0),
        mre_scale: held.as_ref().and_then(HeldOut::mre_scale),
        scale_tests: held.iter().flat_map(HeldOut::scale_tests).map(ScaleTest::view).collect(),
        mre,
        held_out: held.as_ref().map(|h| h.how.clone()).unwrap_or_default(),
        folds: held.as_ref().map(|h| h.folds.clone()).unwrap_or_default(),
        starts: optimum.starts,
        seed: options.seed,
        seconds,
        stopped: optimum.stopped,
        uncompared: 0,
        rival: None,
        skill_rival: None,
        advises: None,
        provisional: false,
    };
    let calibration = calibration(&model, x, &draws, held, &in_sample);
    let seen = Seen { variables: variables(observations), ..seen(observations, x) };
    let residuals = spread_of(&calibration);
    Fit {
        view,
        theta: optimum.theta,
        draws,
        residuals,
        domains: observations.domains.clone(),
        own: observations.own,
        seen,
        model,
        calibration,
    }
}

/// Replaces what is known of a fit's errors on held-out rows.
pub(super) fn judge_anew(fit: &mut Fit, held: HeldOut) {
    let view = &mut fit.view;
    view.skill = Some(held.skill);
    view.mre_heldout = Some(held.mre);
    view.no_skill = held.skill <= 0.0;
    view.mre_scale = held.mre_scale();
    view.scale_tests = held.scale_tests().map(ScaleTest::view).collect();
    view.held_out.clone_from(&held.how);
    view.folds.clone_from(&held.folds);
    view.warnings.retain(|warning| warning != NO_SKILL);
    if view.no_skill {
        view.warnings.insert(0, NO_SKILL.to_owned());
    }
    fit.calibration.rows = held.rows;
    fit.calibration.size = held.size;
    fit.calibration.tokens = held.tokens;
    fit.residuals = spread_of(&fit.calibration);
}

/// Residuals of interpolated rows, sorted.
fn spread_of(calibration: &Calibration) -> Vec<f64> {
    let mut residuals: Vec<f64> = calibration.rows.iter().filter(|r| r.inside).map(|r| r.residual).collect();
    residuals.sort_by(f64::total_cmp);
    residuals
}

fn parameters(model: &Model, x: &Columns, theta: &[f64], draws: &[Vec<f64>], stop: Stop<'_>) -> Vec<ParameterView> {
    let shown = model.shown(theta);
    let pinned = identify::identified(model, x, theta, stop);
    let over_draws: Vec<Vec<(String, f64)>> = draws.iter().map(|d| model.shown(d)).collect();
    let laplace = if draws.is_empty() { laplace::ends(model, x, theta) } else { None };
    shown
        .into_iter()
        .enumerate()
        .map(|(k, (name, value))| {
            let (low, high) = match &laplace {
                Some((low, high)) => (low[k].min(value), high[k].max(value)),
                None => {
                    let mut values: Vec<f64> = over_draws.iter().filter_map(|d| d.get(k)).map(|v| v.1).collect();
                    values.sort_by(f64::total_cmp);
                    let or_value = |q| Some(resample::quantile(&values, q)).filter(|v| v.is_finite()).unwrap_or(value);
                    (or_value(0.05).min(value), or_value(0.95).max(value))
                }
            };
            ParameterView { name, value, low, high, identified: pinned.get(k).copied().unwrap_or(true) }
        })
        .collect()
}

fn calibration(
    model: &Model,
    x: &Columns,
    draws: &[Vec<f64>],
    held: Option<HeldOut>,
    in_sample: &[f64],
) -> Calibration {
    let mut calibration = Calibration { usual_spread: usual_spread(&lines(model, x, draws)), ..Calibration::default() };
    match held {
        Some(held) => {
            calibration.rows = held.rows;
            calibration.size = held.size;
            calibration.tokens = held.tokens;
        }
        None => {
            calibration.rows = in_sample
                .iter()
                .enumerate()
                .map(|(i, r)| HeldRow { index: i, fold: 0, mixture: x.mixture(i), residual: WIDEN * r, inside: true })
                .collect();
        }
    }
    calibration
}

/// Some rows, evenly: enough to know the usual spread of draws by.
pub(super) fn some(x: &Columns) -> Columns {
    const LOOKED_AT: usize = 64;
    let stride = x.len().div_ceil(LOOKED_AT).max(1);
    x.weighted(|i| if i % stride == 0 { 1.0 } else { 0.0 })
}

/// ln L̂ of some rows under every draw.
fn lines(model: &Model, x: &Columns, draws: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let some = some(x);
    draws.iter().map(|theta| model.predict(theta, &some)).collect()
}

/// Median over rows of the standard deviation over draws of ln L̂; `lines` by draw. A draw that gives no loss at a row is none of its
/// usual ones.
pub(super) fn usual_spread(lines: &[Vec<f64>]) -> f64 {
    if lines.len() < 2 {
        return 0.0;
    }
    let mut spreads: Vec<f64> = (0..lines[0].len())
        .map(|i| {
            let given = || lines.iter().map(|l| l[i]).filter(|ln| *ln < NO_LOSS);
            let n = given().count().max(2) as f64;
            let mean = given().sum::<f64>() / n;
            (given().map(|ln| (ln - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
        })
        .collect();
    spreads.sort_by(f64::total_cmp);
    resample::quantile(&spreads, 0.5)
}

fn warnings(
    observations: &Observations,
    parameters: &[ParameterView],
    held: Option<&HeldOut>,
    runs: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    let repeats = |row: &&Observation| {
        observations.supply.iter().zip(&row.mixture).any(|(tokens, weight)| weight * row.tokens > 1.01 * tokens)
    };
    let repeated = observations.rows.iter().filter(repeats).count();
    if repeated > 0 {
        all.push(format!("{repeated} checkpoints repeat tokens; repeated tokens are discounted"));
    }
    if let Some(held) = held {
        if held.skill <= 0.0 {
            all.push(NO_SKILL.to_owned());
        }
    } else {
        all.push("not cross-validated, so its skill is unknown".to_owned());
    }
    if runs < 2 {
        all.push("one run only: the intervals leave out how runs differ".to_owned());
    }
    let loose: Vec<&str> = parameters.iter().filter(|p| !p.identified).map(|p| p.name.as_str()).collect();
    if !loose.is_empty() {
        all.push(format!("not identifiable from these runs: {} (predictions do not depend on it)", loose.join(", ")));
    }
    all
}

/// Least and most of each variable among the rows.
fn variables(observations: &Observations) -> Vec<(f64, f64)> {
    let range = |variable: Variable| {
        let values = observations.rows.iter().map(|row| variable.of(row));
        let ends = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if ends.0 <= ends.1 { ends } else { (1.0, 1.0) }
    };
    Variable::ALL.into_iter().map(range).collect()
}

/// D/N that differ by less than this factor are one, of sizes that differ by more than the other.
const ONE_RATIO: (f64, f64) = (1.1, 1.5);

/// D/N of rows that all have the same, of several sizes.
fn tokens_per_param(x: &Columns) -> Option<f64> {
    let ratios: Vec<f64> = x.ln_tokens.iter().zip(&x.ln_params).map(|(d, n)| d - n).collect();
    let span = |column: &[f64]| {
        let ends = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
        ends.1 - ends.0
    };
    let is_one = span(&ratios) < ONE_RATIO.0.ln() && span(&x.ln_params) > ONE_RATIO.1.ln();
    is_one.then(|| (ratios.iter().sum::<f64>() / ratios.len() as f64).exp())
}

/// Nothing is beyond the largest N of runs of which none states its size: a law that is blind to N takes such rows, too.
fn seen(observations: &Observations, x: &Columns) -> Seen {
    let is_known = |of: fn(&Observation) -> f64| observations.rows.iter().map(of).any(|v| v.is_finite() && v > 0.0);
    let most = |column: &[f64], is_known: bool| {
        if is_known { column.iter().copied().fold(f64::NEG_INFINITY, f64::max).exp() } else { 0.0 }
    };
    let range = |column: &Vec<f64>| {
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), w| (low.min(*w), high.max(*w)))
    };
    let (knows_params, knows_tokens) = (is_known(|row| row.params), is_known(|row| row.tokens));
    let ln_compute: Vec<f64> = x.ln_params.iter().zip(&x.ln_tokens).map(|(n, d)| n + d).collect();
    Seen {
        params: most(&x.ln_params, knows_params),
        tokens: most(&x.ln_tokens, knows_tokens),
        compute: most(&ln_compute, knows_params && knows_tokens),
        tokens_per_param: if knows_params && knows_tokens { tokens_per_param(x) } else { None },
        weights: x.share.iter().map(range).collect(),
        variables: Vec::new(),
    }
}
