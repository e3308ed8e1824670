//! One file per law: form, gradient, bounds, starts, and what the data can and cannot identify.
//!
//! A law is a value of a type that implements [`Law`]; adding one is a new file and one line in [`ALL`]. Laws that are
//! searched for by their gradient implement [`Smooth`]; laws with a solution of their own (least squares, trees)
//! implement [`Solved`]. What each needs, gives and rests on stands in its [`Card`].

pub mod columns;
pub mod critical_ratio;
pub mod math;
mod needs;
pub mod parameter;
pub mod power;
pub mod repetition;
pub mod speed_up;
pub mod step_law;
mod terms;
pub mod wide;

mod additive;
mod bimix;
mod boosting;
mod capacity;
mod chinchilla;
mod dcpt;
mod dcpt_cross;
mod experts;
mod exponential;
mod fine_grained;
mod general_loss;
mod joint;
mod joint_moe;
mod log_linear;
mod mixing;
mod mixing_implicit;
mod mixing_nested;
mod over_training;
mod regmix_linear;
mod regmix_trees;
mod routed;
mod skaling;
mod sparsity;
#[cfg(test)]
pub(crate) mod tests;

pub use columns::{BLOCK, Columns, Context};
pub use parameter::{Coordinate, Parameter};

use crate::vocab::Observations;
use std::ops::Range;

/// Every law, in the order in which they are shown.
pub static ALL: &[&dyn Law] = &[
    &dcpt::DCpt,
    &dcpt_cross::DCptCross,
    &mixing::Mixing,
    &mixing_nested::MixingNested,
    &mixing_implicit::MixingImplicit,
    &bimix::BiMix,
    &log_linear::LogLinear,
    &additive::Additive,
    &exponential::Exponential,
    &joint::Joint,
    &capacity::Capacity,
    &critical_ratio::CriticalRatio,
    &general_loss::GeneralLoss,
    &regmix_linear::RegMixLinear,
    &regmix_trees::RegMixTrees,
    &chinchilla::Chinchilla,
    &skaling::Skaling,
    &over_training::OverTraining,
    &joint_moe::JointMoe,
    &fine_grained::FineGrained,
    &sparsity::Sparsity,
    &routed::Routed,
];

/// What a law is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Name in project files and on the command line.
    pub name: &'static str,
    /// Full name.
    pub title: &'static str,
    /// The formula.
    pub form: &'static str,
    /// What must be known of each run, and what must vary.
    pub needs: &'static str,
    /// What it answers.
    pub gives: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What data of this kind do not pin down: predictions hold, these coefficients do not.
    pub caveats: &'static [&'static str],
}

/// What is fixed before a fit starts and kept with it, because bounds and predictions depend on it.
#[derive(Debug, Clone, PartialEq, Default)]
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
    /// ln of the middle of k₁·k₂ among the rows fitted to; 0 where no run says how it began.
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
    fn card(&self) -> &'static Card;

    /// What the data lack for this law, each entry a sentence; empty where nothing.
    fn missing(&self, data: &Observations) -> Vec<String>;

    /// Numbers of hidden domains to choose among by mixtures held out, for a law that has any ([`Shape::hidden`]).
    fn hidden_domains(&self) -> &'static [usize] {
        &[]
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

    /// ln L̂ for `rows` (at most [`BLOCK`]) into `out.ln_loss`, and, where `out.wants_jacobian`, its derivatives by
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

    /// ln L̂ of every row.
    fn predict(&self, shape: &Shape, theta: &[f64], x: &Columns) -> Vec<f64>;

    /// How many resamples are worth their time and room.
    fn most_resamples(&self) -> usize {
        usize::MAX
    }
}

/// Results for one block of rows; made once per search, so that the inner loop allocates nothing.
#[derive(Debug, Clone)]
pub struct Block {
    /// ln L̂ by row.
    pub ln_loss: [f64; BLOCK],
    /// Whether derivatives are asked for.
    pub wants_jacobian: bool,
    jacobian: Vec<f64>,
}

impl Block {
    /// Room for a law with this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        let columns = parameters.next_multiple_of(Self::PADDING);
        Self { ln_loss: [0.0; BLOCK], wants_jacobian: true, jacobian: vec![0.0; columns * BLOCK] }
    }

    /// The Jacobian has zero columns up to a multiple of this many.
    pub const PADDING: usize = 4;

    /// Every column, [`BLOCK`] rows each.
    #[must_use]
    pub fn jacobian(&self) -> &[f64] {
        &self.jacobian
    }

    /// Derivatives of ln L̂ by parameter `k`, for the first `rows` rows.
    #[must_use]
    pub fn column(&self, k: usize, rows: usize) -> &[f64] {
        &self.jacobian[k * BLOCK..k * BLOCK + rows]
    }

    /// The same, to write to.
    pub fn column_mut(&mut self, k: usize, rows: usize) -> &mut [f64] {
        &mut self.jacobian[k * BLOCK..k * BLOCK + rows]
    }

    /// Two different columns at once, `a` before `b`.
    pub fn columns_mut(&mut self, a: usize, b: usize, rows: usize) -> (&mut [f64], &mut [f64]) {
        let (front, back) = self.jacobian.split_at_mut(b * BLOCK);
        (&mut front[a * BLOCK..a * BLOCK + rows], &mut back[..rows])
    }
}

/// The law of that name; case, dashes and spaces do not matter (`dcpt`, `D-CPT`).
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn Law> {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(name);
    ALL.iter().copied().find(|law| plain(law.card().name) == wanted)
}

/// Rules that are looked up or counted, and not fitted.
pub static RULES: &[&Card] = &[&step_law::CARD, &repetition::CARD, &speed_up::CARD];

/// What each law and rule is, needs, gives and rests on: the table of `mixlaw laws`.
#[must_use]
pub fn table() -> Vec<&'static Card> {
    ALL.iter().map(|law| law.card()).chain(RULES.iter().copied()).collect()
}
