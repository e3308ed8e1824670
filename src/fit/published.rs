//! A law with the coefficients of its paper, in the form of a fit: it predicts, and knows no error of its own.

use super::fitted::{Fit, Seen};
use super::interval::Calibration;
use super::model::Model;
use super::objective::DELTA;
use crate::laws::published::Published;
use crate::laws::{Method, Shape, Variable};
use crate::vocab::{FitView, ParameterView};

impl Fit {
    /// A law with published coefficients. It has no resamples, so that nothing that follows from it has an interval.
    #[must_use]
    pub fn published(published: &Published) -> Self {
        let model = Model::new(published.law, Shape::default(), DELTA);
        let theta: Vec<f64> = match published.law.method() {
            Method::Search(_) => model.parameters.iter().zip(published.phi).map(|(p, v)| p.searched(*v)).collect(),
            Method::Solve(_) => published.phi.to_vec(),
        };
        let parameter = |(name, value): (String, f64)| ParameterView {
            name,
            value,
            low: f64::NAN,
            high: f64::NAN,
            identified: true,
        };
        let view = FitView {
            metric: "loss".to_owned(),
            law: published.law.info().name.to_owned(),
            chosen: false,
            objective: 0.0,
            parameters: model.shown(&theta).into_iter().map(parameter).collect(),
            rows: String::new(),
            observations: 0,
            runs: 0,
            skill: None,
            mre_heldout: None,
            no_skill: false,
            mre: 0.0,
            mre_scale: None,
            scale_tests: Vec::new(),
            held_out: String::new(),
            folds: Vec::new(),
            starts: 0,
            seed: 0,
            seconds: 0.0,
            stopped: "published coefficients".to_owned(),
            warnings: Vec::new(),
            uncompared: 0,
            rival: None,
            skill_rival: None,
            advises: None,
            provisional: false,
        };
        let [params, tokens] = published.trained;
        let ends = |all: &[f64]| {
            all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
        };
        let range = |variable: &Variable| match variable {
            Variable::Params => params,
            Variable::Tokens => tokens,
            Variable::Experts => ends(published.experts),
            _ => (1.0, 1.0),
        };
        let seen = Seen {
            params: params.1,
            tokens: tokens.1,
            compute: 0.0,
            tokens_per_param: None,
            weights: Vec::new(),
            variables: Variable::ALL.iter().map(range).collect(),
        };
        Self {
            view,
            theta,
            draws: Vec::new(),
            residuals: Vec::new(),
            domains: Vec::new(),
            own: None,
            seen,
            model,
            calibration: Calibration::default(),
        }
    }
}
