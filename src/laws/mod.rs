//! One file per law: form, gradient, bounds, starts, and what the data can and cannot identify.
//!
//! A law is a value of a type that implements [`Law`]; adding one is a new file and one line in [`ALL`]. Laws that are
//! searched for by their gradient implement [`Smooth`]; laws with a solution of their own (least squares, trees)
//! implement [`Solved`]. What each needs, gives and rests on stands in its [`LawInfo`].

mod block;
pub mod columns;
pub mod critical_ratio;
mod info;
mod law;
pub mod math;
mod needs;
pub mod parameter;
pub mod power;
pub mod published;
pub mod repetition;
pub mod simd;
pub mod speed_up;
pub mod step_law;
mod terms;
mod variable;

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
#[cfg(test)]
pub(crate) mod memoriser;
mod mixing;
mod mixing_implicit;
mod mixing_nested;
mod over_training;
mod regmix_linear;
mod regmix_trees;
mod routed;
mod skaling;
mod sparsity;
mod straight_line;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod undefined;

pub use block::Block;
pub use columns::{BLOCK, Columns, Context};
pub use info::LawInfo;
pub use law::{Law, Method, Shape, Smooth, Solved};
pub use parameter::{Coordinate, Parameter};
pub use variable::Variable;

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
    &straight_line::StraightLine,
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

/// The law of that name; case, dashes and spaces do not matter (`dcpt`, `D-CPT`).
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn Law> {
    let plain = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(name);
    ALL.iter().chain(FOR_TESTS).copied().find(|law| plain(law.info().name) == wanted)
}

/// Laws that only tests can name.
#[cfg(not(test))]
static FOR_TESTS: &[&dyn Law] = &[];
#[cfg(test)]
static FOR_TESTS: &[&dyn Law] = &[&memoriser::Memoriser, &undefined::Undefined];

/// Rules that are looked up or counted, and not fitted.
pub static RULES: &[&LawInfo] = &[&step_law::CARD, &repetition::CARD, &speed_up::CARD];

/// What each law and rule is, needs, gives and rests on: the table of `mixlaw laws`.
#[must_use]
pub fn table() -> Vec<&'static LawInfo> {
    ALL.iter().map(|law| law.info()).chain(RULES.iter().copied()).collect()
}
