//! Extraction of facts from a run's files.
//!
//! Pure, like the formats: bytes or parsed values in, facts out, each with its place in the file. Which file is opened,
//! and in which order of trust the findings are offered to [`crate::vocab::Facts`], is for [`crate::ingest`] to say.

pub mod architecture;
pub mod blend;
pub mod command_line;
pub mod config;
pub mod families;
pub mod hf_args;
pub mod hybrids;
pub mod keys;
pub mod levanter;
pub mod lingua;
pub mod litgpt;
pub mod llamafactory;
pub mod llm_foundry;
pub mod maxtext;
pub mod megatron;
pub mod megatron_kin;
pub mod mixture;
pub mod mlflow;
pub mod msswift;
pub mod nanochat;
pub mod nanotron;
pub mod olmo;
pub mod phases;
pub mod plain;
pub mod routing;
pub mod settings;
pub mod state_space;
pub mod tensorboard;
pub mod torchtitan;
mod uneven;

use crate::vocab::{FactName, FactValue};

/// A fact and the place in its file, such as `hidden_size`.
pub type Found = (FactName, FactValue, String);

/// Says that what a log said at `place`, or below it, holds no more. Stands among the log's facts, after those it takes
/// back: `config.lr`, or `config. formula` for what was counted by a formula at that level.
#[must_use]
pub fn withdrawal(place: String) -> Found {
    (FactName::InitFrom, FactValue::Text(String::new()), place)
}

/// What a log says in the end: without what it took back later.
#[must_use]
pub fn in_force(found: &[Found]) -> Vec<&Found> {
    let mut standing: Vec<&Found> = Vec::new();
    for fact in found {
        match &fact.1 {
            FactValue::Text(text) if text.is_empty() => standing.retain(|(_, _, place)| !is_at(place, &fact.2)),
            _ => standing.push(fact),
        }
    }
    standing
}

fn is_at(place: &str, taken_back: &str) -> bool {
    if let Some(level) = taken_back.strip_suffix(" formula") {
        let family = place.strip_prefix(level).and_then(|rest| rest.strip_suffix(" formula"));
        return family.is_some_and(|family| !family.contains('.'));
    }
    place.strip_prefix(taken_back).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that were found of a fact, the surest first.
    pub fn numbers(found: &[Found], name: FactName) -> Vec<f64> {
        let number = |found: &Found| if let FactValue::Number(n) = found.1 { Some(n) } else { None };
        found.iter().filter(|found| found.0 == name).filter_map(number).collect()
    }

    #[test]
    fn what_is_taken_back_holds_no_more() {
        let fact = |place: &str| (FactName::Params, FactValue::Number(1.0), place.to_owned());
        let left = |taken_back: &str| {
            let said =
                ["config.lr", "config.lr_end", "config.model.lr", "config.model.llama formula", "config.llama formula"];
            let mut found: Vec<Found> = said.into_iter().map(fact).collect();
            found.extend([withdrawal(taken_back.to_owned()), fact("config.lr")]);
            in_force(&found).into_iter().map(|f| f.2.clone()).collect::<Vec<_>>()
        };
        let rest =
            ["config.lr_end", "config.model.lr", "config.model.llama formula", "config.llama formula", "config.lr"];
        assert_eq!(left("config.lr"), rest);
        assert_eq!(left("config.model"), ["config.lr", "config.lr_end", "config.llama formula", "config.lr"]);
        assert_eq!(
            left("config. formula")[..],
            ["config.lr", "config.lr_end", "config.model.lr", "config.model.llama formula", "config.lr"]
        );
        assert_eq!(left("config.model. formula")[3..], ["config.llama formula", "config.lr"]);
    }
}
