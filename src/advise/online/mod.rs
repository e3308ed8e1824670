//! Online rules: mixtures that change during a run, from its losses by domain alone. Pure; one file a rule.
//!
//! A turn is a step at which the loss of one domain or more was logged. A rule begins with the run's own mixture and gives
//! weights after each turn, which the trainer is taken to follow from then on.

mod ado;
mod aioli;
mod odm;
mod rule;

pub use rule::{Rule, RuleInfo, Turn};

/// All rules.
pub const ALL: [&dyn Rule; 3] = [&odm::Odm, &ado::Ado, &aioli::Aioli];

/// The rule of a name.
#[must_use]
pub fn get(name: &str) -> Option<&'static dyn Rule> {
    ALL.into_iter().find(|rule| rule.info().name == name)
}

#[cfg(test)]
mod tests;
