//! Traits of a law: description, fitting, and settings fixed before the fit.

use super::{Block, Columns, Context, LawInfo, Parameter, Variable};
use crate::vocab::Observations;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is fixed before a fit starts and kept with it, because bounds and predictions depend on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// Number of domains.
    pub domains: usize,
    /// Index of the domain the loss is measured on.
    pub own: Option<usize>,
    /// ln of the least loss fitted to: floors lie below it.
    pub ln_least_loss: f64,
    /// ln of the largest loss fitted to.
    pub ln_most_loss: f64,
    /// ln of the least and largest N fitted to.
    pub ln_params: (f64, f64),
    /// Number of hidden domains, for laws that have them.
    pub hidden: usize,
    /// Supply of tokens, and how the target's domain begins.
    pub context: Context,
    /// ln of the middle of k₁·k₂ among the rows fitted to; 0 where that is known of no run.
    pub ln_probe: f64,
}

impl Shape {
    /// The shape of a set of observations.
    #[must_use]
    pub fn of(own: Option<usize>, columns: &Columns) -> Self {
        let range = |column: &[f64]| {
            let ends = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            if ends.0 <= ends.1 { ends } else { (0.0, 0.0) }
        };
        let (ln_least_loss, ln_most_loss) = range(&columns.ln_loss);
        let ln_params = range(&columns.ln_params);
        let known = columns.ln_first.iter().zip(&columns.decline).filter(|(_, decline)| **decline > 0.0);
        let mut probes: Vec<f64> = known.map(|(ln_first, decline)| ln_first + decline.ln()).collect();
        probes.sort_by(f64::total_cmp);
        let ln_probe = probes.get(probes.len() / 2).copied().unwrap_or(0.0);
        let context = columns.context().clone();
        Self { domains: columns.share.len(), own, ln_least_loss, ln_most_loss, ln_params, hidden: 0, context, ln_probe }
    }
}

/// A scaling law.
pub trait Law: Sync + std::fmt::Debug {
    /// What it is, for people.
    fn info(&self) -> &'static LawInfo;

    /// What the data lack for this law, each entry a sentence; empty where nothing.
    fn missing(&self, data: &Observations) -> Vec<String>;

    /// What its predictions depend on besides the mixture, where the data vary in it.
    fn sees(&self) -> &'static [Variable];

    /// Numbers of hidden domains to choose among by mixtures held out, for a law that has any ([`Shape::hidden`]).
    fn hidden_domains(&self) -> &'static [usize] {
        &[]
    }

    /// Starts for a fit with one hidden domain more than the `hidden` that `theta` is the optimum of, for a law that has any.
    fn grown(&self, _domains: usize, _hidden: usize, _theta: &[f64]) -> Vec<Vec<f64>> {
        Vec::new()
    }

    /// How it is fitted.
    fn method(&self) -> Method<'_>;
}

/// How a law is fitted.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    /// By searching along its gradient.
    Search(&'a dyn Smooth),
    /// By a solution of its own.
    Solve(&'a dyn Solved),
}

/// A law with a formula that has derivatives.
pub trait Smooth: Sync {
    /// Its parameters, in the order of the formula.
    fn parameters(&self, shape: &Shape) -> Vec<Parameter>;

    /// Indices of the parameters that are logarithms of amplitudes in which the loss is linear:
    /// L = Σ e^φₖ · gₖ(the others). A start is drawn for the others only; these are then solved for.
    fn linear(&self, shape: &Shape) -> Range<usize>;

    /// ln L̂ for `rows` (at most [`super::BLOCK`]) into `out.ln_loss`, and, where `out.wants_jacobian`, its derivatives by
    /// `phi` (parameters as the formula works with them) into the columns of `out`.
    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block);

    /// Turns `phi` into what readers see. Laws whose parameters depend on each other override this.
    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        self.shown_each(shape, phi)
    }

    /// Each parameter as its own coordinate shows it: where [`Smooth::shown`] starts from.
    fn shown_each(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        self.parameters(shape).iter().zip(phi).map(|(p, v)| p.shown(*v)).collect()
    }
}

/// A law that is solved for rather than searched for. Its θ is whatever it needs to predict, as numbers.
pub trait Solved: Sync {
    /// Names and values of the coefficients worth showing.
    fn shown(&self, shape: &Shape, theta: &[f64]) -> Vec<(String, f64)>;

    /// Fits to weighted rows.
    fn solve(&self, shape: &Shape, x: &Columns, seed: u64) -> Vec<f64>;

    /// The same as well as folds and resamples, of which there are many, need it.
    fn solve_roughly(&self, shape: &Shape, x: &Columns, seed: u64) -> Vec<f64> {
        self.solve(shape, x, seed)
    }

    /// ln L̂ of every row.
    fn predict(&self, shape: &Shape, theta: &[f64], x: &Columns) -> Vec<f64>;

    /// How many parameters it has, of rows over so many domains: as many as there are rows where what it keeps grows with them.
    fn parameters(&self, domains: usize, rows: usize) -> usize {
        let _ = domains;
        rows
    }

    /// How many resamples are worth their time and room.
    fn most_resamples(&self) -> usize {
        usize::MAX
    }
}
