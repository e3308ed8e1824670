//! What is no loss is never an answer, nor a held-out residual that looks good; the law loses its place and says why.

use super::held_out::{options, signal, table};
use crate::fit::choose::candidates;
use crate::fit::held_out::held_out;
use crate::fit::model::{Model, NO_LOSS};
use crate::fit::split::HeldOutPlan;
use crate::fit::{Fit, FitError, fit};
use crate::laws::tests::anything;
use crate::laws::{ALL, Columns, Law, Method, Shape};
use crate::vocab::Observations;

/// A law as it stands after some fit to rows in which everything varies, whatever those rows lack for a good one.
fn fitted(law: &'static dyn Law, x: &Columns) -> (Model, Vec<f64>) {
    let model = Model::new(
        law,
        Shape { hidden: law.hidden_domains().first().copied().unwrap_or(0), ..Shape::of(Some(0), x) },
        1e-3,
    );
    let theta = match law.method() {
        Method::Search(_) => model.parameters.iter().map(|p| p.searched(0.5 * (p.start.0 + p.start.1))).collect(),
        Method::Solve(solved) => solved.solve(&model.shape, x, 0),
    };
    (model, theta)
}

#[test]
fn a_parameter_that_is_no_number_gives_no_number_by_any_law() {
    let x = Columns::of(&anything(120, 5));
    for law in ALL {
        let (model, theta) = fitted(*law, &x);
        let whole = model.predict(&theta, &x);
        assert!(!theta.is_empty() && whole.iter().all(|y| *y < NO_LOSS), "{}", law.info().name);
        // Of those that keep many numbers, some.
        for k in (0..theta.len()).step_by(theta.len().div_ceil(64)) {
            let mut broken = theta.clone();
            broken[k] = f64::NAN;
            let given = model.predict(&broken, &x).into_iter().find(|y| *y != NO_LOSS);
            assert!(given.is_none(), "{} without parameter {k}: {given:?}", law.info().name);
        }
    }
}

#[test]
fn held_out_rows_without_a_prediction_are_the_worst_by_any_law() {
    let data = table(16, 3, signal);
    let x = Columns::of(&data);
    let plan = HeldOutPlan::new(&data, &x, 0);
    for law in ALL {
        // As it predicts, but for mixtures with much of the first domain: there it gives none.
        let predictor = |train: &Columns, test: &Columns| {
            let (model, mut theta) = fitted(*law, train);
            theta.fill(f64::NAN);
            let none = model.predict(&theta, test);
            let known = |i: usize| test.share[0][i] < 0.5;
            (0..test.len()).map(|i| if known(i) { test.ln_loss[i] } else { none[i] }).collect()
        };
        let held = held_out(&plan, &x, &predictor).unwrap();
        assert!(held.skill < -1e3 && held.mre > 1e3, "{}: skill {}, error {}", law.info().name, held.skill, held.mre);
    }
}

#[test]
fn a_fit_that_gives_no_loss_is_no_answer_by_any_law() {
    let data = table(16, 3, signal);
    let mut fits = 0;
    for law in ALL {
        let Ok(whole) = fit(law.info().name, &data, &options(), None) else { continue };
        fits += 1;
        let mut broken = whole.clone();
        broken.theta.fill(f64::NAN);
        let at = &data.rows[2];
        assert!(whole.gives(&Columns::of(&data)) && !broken.gives(&Columns::of(&data)), "{}", law.info().name);
        assert!(!broken.is_plausible(at, &broken.forecast(at)), "{}: {:?}", law.info().name, broken.forecast(at));
        assert!(broken.predict(at).is_finite());
        // Neither is one whose resamples give none more often than one end of the interval leaves out.
        let mut open = Fit { draws: vec![whole.theta.clone(); 20], ..whole };
        open.draws.iter_mut().take(2).for_each(|draw| draw.fill(f64::NAN));
        assert!(!open.is_plausible(at, &open.forecast(at)), "{}: {:?}", law.info().name, open.forecast(at));
    }
    assert!(fits > 5, "{fits}");
}

fn refused(data: &Observations, laws: &[&str]) -> (Option<String>, Vec<FitError>) {
    let names: Vec<String> = laws.iter().map(|law| (*law).to_owned()).collect();
    let found = candidates(&names, data, &options(), None);
    (found.chosen().map(|fit| fit.view.law.clone()), found.refused)
}

#[test]
fn a_law_that_gives_no_loss_at_rows_of_its_own_loses_its_place_with_a_reason() {
    let data = table(16, 3, signal);
    let (chosen, why) = refused(&data, &["undefined", "log-linear"]);
    assert_eq!(chosen.as_deref(), Some("log-linear"), "{why:?}");
    assert!(why.iter().any(|e| e.law() == Some("undefined") && e.to_string().contains("no finite loss")), "{why:?}");
    let (chosen, why) = refused(&data, &["undefined"]);
    assert!(chosen.is_none() && why.len() == 1, "{chosen:?} {why:?}");
    assert!(matches!(fit("undefined", &data, &options(), None), Err(FitError::Implausible { .. })));
}
