//! Validated settings of tables of finished runs. [`crate::observe`] reads the tables.

mod columns;
mod phases;

pub use columns::{DomainColumns, MixtureColumns, TableError};
use columns::{affix, mixture, nonempty};
pub use phases::{PhaseColumns, PhaseUntil, TablePhases};

use super::conditions::Condition;
use super::file::{Column, ProxyFile, TableFile};
use super::source::At;
use crate::vocab::ProxyKind;
use crate::vocab::number::parse_amount;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A CSV table, one row per observation.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSource {
    /// The file.
    pub path: PathBuf,
    /// The file as the project names it, for messages.
    pub named: String,
    /// Line and column of the path in the project file, from 1.
    pub at: (usize, usize),
    /// Second table, and the column that both have.
    pub join: Option<(PathBuf, String)>,
    /// N.
    pub params: Option<ColumnOr>,
    /// Active parameters per token. Default: N.
    pub active_params: Option<ColumnOr>,
    /// D, or the compute that it is derived from.
    pub tokens: Option<TokensFrom>,
    /// E. Default: 1.
    pub experts: Option<ColumnOr>,
    /// K. Default: 1.
    pub experts_per_token: Option<ColumnOr>,
    /// G. Default: 1.
    pub granularity: Option<ColumnOr>,
    /// Peak learning rate.
    pub learning_rate: Option<ColumnOr>,
    /// Tokens per optimiser step.
    pub batch: Option<BatchFrom>,
    /// First loss of a row's run, and its initial decrease.
    pub probe: Option<(ProbeColumns, ProbeColumns)>,
    /// Columns of the weights.
    pub mixture: Option<MixtureColumns>,
    /// Where the phases of runs are that change their mixture.
    pub phases: Option<TablePhases>,
    /// Columns of the losses.
    pub metrics: Option<LossColumns>,
    /// Columns (or `prefix*`) that together identify the run of a row; if empty, each row is a run.
    pub run: Vec<String>,
    /// Conditions that a row must meet.
    pub filter: Vec<Condition>,
    /// Number of rows with the highest losses to exclude.
    pub drop_worst: usize,
    /// What the rows are of, where they are no runs of this project.
    pub proxy: Option<ProxyKind>,
}

/// A column, or an amount for all rows.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnOr {
    /// A column's name.
    Column(String),
    /// An amount for all rows.
    Amount(f64),
}

/// Source of D.
#[derive(Debug, Clone, PartialEq)]
pub enum TokensFrom {
    /// D itself.
    Tokens(ColumnOr),
    /// Training compute C: D = C / 6N.
    Flops(ColumnOr),
}

/// Source of the tokens per optimiser step.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchFrom {
    /// Tokens.
    Tokens(ColumnOr),
    /// Sequences, and the tokens of each.
    Sequences(ColumnOr, ColumnOr),
}

/// Columns of one number about a run's first steps.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeColumns {
    /// One column for all losses.
    One(String),
    /// One column per domain.
    Wide(DomainColumns),
}

/// Columns of the losses.
#[derive(Debug, Clone, PartialEq)]
pub enum LossColumns {
    /// One column per domain.
    Wide(DomainColumns),
    /// One loss per row.
    Long {
        /// The column that names the domain.
        column: String,
        /// The column with the loss.
        value: String,
        /// Value of the first column by domain, if it is not the domain's name.
        named: BTreeMap<String, String>,
    },
}

/// Validates a table's entry.
///
/// # Errors
/// The invalid key, the message, and what to write instead.
pub fn mean(file: &TableFile, root: &Path, at: At) -> Result<TableSource, TableError> {
    let tokens = match (&file.tokens, &file.flops) {
        (Some(_), Some(_)) => {
            let message = "`tokens` and `flops` are both given".to_owned();
            return Err(("flops", message, "remove one: with flops, D is computed as C / 6N".to_owned()));
        }
        (Some(tokens), None) => Some(TokensFrom::Tokens(column("tokens", tokens)?)),
        (None, Some(flops)) => Some(TokensFrom::Flops(column("flops", flops)?)),
        (None, None) => None,
    };
    if matches!(tokens, Some(TokensFrom::Flops(_))) && file.params.is_none() {
        let help = "write params: COLUMN, or params: 1B for all rows".to_owned();
        return Err(("flops", "D = C / 6N needs `params` too".to_owned(), help));
    }
    let optional = |key, value: &Option<Column>| value.as_ref().map(|v| column(key, v)).transpose();
    let drop_worst = file.drop_worst.unwrap_or(0);
    Ok(TableSource {
        path: root.join(&file.path),
        named: file.path.clone(),
        at: (at.line, at.column),
        join: file.join.as_ref().map(|j| (root.join(&j.path), j.on.clone())),
        params: optional("params", &file.params)?,
        active_params: optional("active_params", &file.active_params)?,
        tokens,
        experts: optional("experts", &file.experts)?,
        experts_per_token: optional("experts_per_token", &file.experts_per_token)?,
        granularity: optional("granularity", &file.granularity)?,
        learning_rate: optional("learning_rate", &file.learning_rate)?,
        batch: batch(file)?,
        probe: match (&file.first_loss, &file.decline) {
            (None, None) => None,
            (Some(first), Some(decline)) => Some((beginning("first_loss", first)?, beginning("decline", decline)?)),
            (Some(_), None) | (None, Some(_)) => {
                let message = "`first_loss` and `decline` must be given together".to_owned();
                let help = "write first_loss: { column: k1 } and decline: { column: k2 }".to_owned();
                return Err((if file.decline.is_none() { "first_loss" } else { "decline" }, message, help));
            }
        },
        mixture: file.mixture.as_ref().map(mixture).transpose()?,
        phases: phases::mean(file)?,
        metrics: file.metrics.as_ref().map(losses).transpose()?,
        run: match &file.run {
            None => Vec::new(),
            Some(super::file::OneOrMany::One(one)) => vec![one.clone()],
            Some(super::file::OneOrMany::Many(many)) => many.clone(),
        },
        filter: super::conditions::optional(file.filter.as_deref())?,
        drop_worst: usize::try_from(drop_worst).unwrap_or(usize::MAX),
        proxy: file.proxy.map(|proxy| match proxy {
            ProxyFile::Merged => ProxyKind::Merged,
            ProxyFile::Earlier => ProxyKind::Earlier,
        }),
    })
}

fn column(key: &'static str, value: &Column) -> Result<ColumnOr, TableError> {
    let amount = match value {
        Column::Number(number) => *number,
        Column::Text(text) => match parse_amount(text) {
            Ok(amount) => amount,
            Err(_) => return Ok(ColumnOr::Column(text.clone())),
        },
    };
    if amount.is_finite() && amount > 0.0 {
        Ok(ColumnOr::Amount(amount))
    } else {
        Err((
            key,
            format!("`{key}` is {amount}; it must be more than zero"),
            "write a column, or an amount like 1B".into(),
        ))
    }
}

fn batch(file: &TableFile) -> Result<Option<BatchFrom>, TableError> {
    match (&file.batch_tokens, &file.batch_sequences, &file.sequence_length) {
        (None, None, None) => Ok(None),
        (Some(tokens), None, _) => Ok(Some(BatchFrom::Tokens(column("batch_tokens", tokens)?))),
        (None, Some(sequences), Some(length)) => {
            let (sequences, length) = (column("batch_sequences", sequences)?, column("sequence_length", length)?);
            Ok(Some(BatchFrom::Sequences(sequences, length)))
        }
        (Some(_), Some(_), _) => {
            let message = "`batch_tokens` and `batch_sequences` are both given".to_owned();
            Err(("batch_sequences", message, "remove one".to_owned()))
        }
        (None, Some(_), None) => {
            let message = "`batch_sequences` needs `sequence_length` too".to_owned();
            Err(("batch_sequences", message, "write sequence_length: 2048, or a column".to_owned()))
        }
        (None, None, Some(_)) => {
            let message = "`sequence_length` needs `batch_sequences` too".to_owned();
            Err(("sequence_length", message, "write batch_sequences: COLUMN".to_owned()))
        }
    }
}

fn beginning(key: &'static str, map: &BTreeMap<String, String>) -> Result<ProbeColumns, TableError> {
    nonempty(key, map)?;
    Ok(match map.get("column") {
        Some(column) if map.len() == 1 => ProbeColumns::One(column.clone()),
        _ => ProbeColumns::Wide(affix(map)),
    })
}

fn losses(map: &BTreeMap<String, String>) -> Result<LossColumns, TableError> {
    match (map.get("column"), map.get("value")) {
        (Some(column), Some(value)) => {
            let mut named = map.clone();
            named.retain(|key, _| key != "column" && key != "value");
            Ok(LossColumns::Long { column: column.clone(), value: value.clone(), named })
        }
        (Some(_), None) | (None, Some(_)) => {
            let help = "write { column: valid_domain, value: loss }".to_owned();
            Err(("metrics", "one loss per row needs both `column` and `value`".to_owned(), help))
        }
        _ => nonempty("metrics", map).map(|()| LossColumns::Wide(affix(map))),
    }
}
