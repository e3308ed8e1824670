//! How a table says that its runs change their mixture: columns for each phase, or a row for each phase.

use super::columns::{MixtureColumns, TableError, mixture};
use crate::project::file::{PhaseColumnsFile, TableFile};
use crate::vocab::{PHASE_END_HELP, PhaseEnd, PhaseError};

/// Where the phases of a table's runs are.
#[derive(Debug, Clone, PartialEq)]
pub enum TablePhases {
    /// Columns for each phase, in order; two phases or more.
    Wide(Vec<PhaseColumns>),
    /// Several rows a run, each with the mixture of the phase that it was measured in.
    Long {
        /// The column that numbers or names the phase.
        phase: String,
        /// The column that says where the phase ends. Default: at the last row of the phase.
        until: Option<String>,
    },
}

/// Columns of one phase.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseColumns {
    /// Where it ends; nothing for the last.
    pub until: Option<PhaseUntil>,
    /// Its weights.
    pub mixture: MixtureColumns,
}

/// Where a phase ends.
#[derive(Debug, Clone, PartialEq)]
pub enum PhaseUntil {
    /// As a column says.
    Column(String),
    /// At the same place in all runs.
    Each(PhaseEnd),
}

impl TablePhases {
    /// Whether a phase has all its weights in one column, which needs an order of the domains.
    #[must_use]
    pub fn joined(&self) -> bool {
        let joined = |phase: &PhaseColumns| matches!(phase.mixture, MixtureColumns::Joined { .. });
        matches!(self, Self::Wide(phases) if phases.iter().any(joined))
    }
}

/// Validates what a table's entry says of phases.
///
/// # Errors
/// The invalid key, the message, and what to write instead.
pub(super) fn mean(file: &TableFile) -> Result<Option<TablePhases>, TableError> {
    let wrong = |key, message: &str, help: &str| Err((key, message.to_owned(), help.to_owned()));
    let found = match (&file.phases, &file.phase) {
        (None, None) if file.until.is_some() => {
            let help = "write phase: COLUMN, which numbers the phases of a run (1, 2, …)";
            return wrong("until", "`until` needs `phase`", help);
        }
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let help = "keep phase if each row is of one phase, or phases if a row has columns for each";
            return wrong("phase", "`phase` and `phases` are both given", help);
        }
        (Some(phases), None) => {
            if file.until.is_some() {
                let help = "write it in the list: phases: [{ until: 80%, mixture: { prefix: p1_ } }, …]";
                return wrong("until", "`until` of `phases` belongs to each phase", help);
            }
            if file.mixture.is_some() {
                let help = "remove mixture: that of a run is the mean of its phases";
                return wrong("mixture", "`mixture` and `phases` are both given", help);
            }
            wide(phases)?
        }
        (None, Some(phase)) => {
            if file.mixture.is_none() {
                let help = "write mixture: { prefix: weight_ }, the weights of the row's phase";
                return wrong("phase", "`phase` needs `mixture`", help);
            }
            if file.run.is_none() {
                let help = "write run: COLUMN, which names the run that a row's phase is of";
                return wrong("phase", "`phase` needs `run`", help);
            }
            TablePhases::Long { phase: phase.clone(), until: file.until.clone() }
        }
    };
    if file.tokens.is_none() && file.flops.is_none() {
        let key = if file.phases.is_some() { "phases" } else { "phase" };
        return wrong(key, "phases need `tokens`: D says how far a run has come", "write tokens: COLUMN, or an amount");
    }
    Ok(Some(found))
}

fn wide(phases: &[PhaseColumnsFile]) -> Result<TablePhases, TableError> {
    let wrong = |message: String, help: &str| ("phases", message, help.to_owned());
    let Some((last, others)) = phases.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Err(wrong(PhaseError::One.to_string(), "write mixture: { prefix: weight_ }"));
    };
    if last.until.is_some() {
        return Err(wrong(PhaseError::LastEnds.to_string(), "remove its until, or add the phase after it"));
    }
    if let Some(index) = others.iter().position(|phase| phase.until.is_none()) {
        return Err(wrong(PhaseError::NoEnd(index + 1).to_string(), &format!("{PHASE_END_HELP}, or a column")));
    }
    let of = |phase: &PhaseColumnsFile| {
        let until = match phase.until.as_deref().map(|text| (text, text.parse::<PhaseEnd>())) {
            None => None,
            Some((_, Ok(end))) => Some(PhaseUntil::Each(end)),
            Some((_, Err(why @ PhaseError::Percent(_)))) => return Err(wrong(why.to_string(), PHASE_END_HELP)),
            Some((column, Err(_))) => Some(PhaseUntil::Column(column.to_owned())),
        };
        let mixture = mixture(&phase.mixture).map_err(|(_, message, help)| ("phases", message, help))?;
        Ok(PhaseColumns { until, mixture })
    };
    Ok(TablePhases::Wide(phases.iter().map(of).collect::<Result<_, _>>()?))
}
