//! Losses of a table's rows, and how their runs began.

use super::columns::{cell, wide};
use crate::project::ProjectError;
use crate::project::table::{LossColumns, ProbeColumns, TableSource};
use crate::project::tabular::Cells;
use crate::vocab::Probe;
use std::collections::BTreeMap;

/// Where the losses of a row are.
pub(super) enum Losses<'a> {
    /// Domain, key, column.
    Wide(Vec<(String, String, usize)>),
    Long {
        column: usize,
        value: usize,
        named: &'a BTreeMap<String, String>,
    },
}

/// Finds the columns of the losses.
///
/// # Errors
/// A column that is not there.
pub(super) fn loss_columns<'a>(source: &'a TableSource, cells: &Cells) -> Result<Losses<'a>, ProjectError> {
    match &source.metrics {
        None => {
            let help = "write metrics: { rust: COLUMN } or metrics: { suffix: _loss }".to_owned();
            Err(cells.refuse("`metrics` is missing: it gives the columns of the losses".to_owned(), help))
        }
        Some(LossColumns::Wide(columns)) => {
            let found = wide(columns, cells, "metrics")?;
            Ok(Losses::Wide(found.into_iter().map(|(d, c)| (d, cells.columns[c].clone(), c)).collect()))
        }
        Some(LossColumns::Long { column, value, named }) => {
            Ok(Losses::Long { column: cells.column(column)?, value: cells.column(value)?, named })
        }
    }
}

impl Losses<'_> {
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::Wide(columns) => columns.iter().map(|(_, _, column)| *column).collect(),
            Self::Long { column, value, .. } => vec![*column, *value],
        }
    }

    /// Domain, key and loss of each loss in a row; `None` where the cell holds none.
    pub fn of(&self, row: &[String]) -> Vec<(String, String, Option<f64>)> {
        let loss = |column: usize| cell(&row[column]).filter(|l| *l > 0.0);
        match self {
            Self::Wide(columns) => columns.iter().map(|(d, key, c)| (d.clone(), key.clone(), loss(*c))).collect(),
            Self::Long { column, value, named } => {
                let said = &row[*column];
                let domain = named.iter().find(|(_, cell)| *cell == said).map_or(said, |(domain, _)| domain);
                vec![(domain.clone(), said.clone(), loss(*value))]
            }
        }
    }

    /// The domains, where no mixture names them: those the project states, or one for each loss.
    pub fn domains(&self, cells: &Cells, stated: &[String]) -> Vec<String> {
        if !stated.is_empty() {
            return stated.to_vec();
        }
        let mut domains: Vec<String> = Vec::new();
        let named: Vec<String> = match self {
            Self::Wide(columns) => columns.iter().map(|(d, _, _)| d.clone()).collect(),
            Self::Long { .. } => cells.rows.iter().flat_map(|(_, row)| self.of(row)).map(|(d, _, _)| d).collect(),
        };
        for domain in named {
            if !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        domains
    }
}

/// Where the beginnings of runs are.
pub(super) struct Probes {
    first: ProbePlace,
    decline: ProbePlace,
}

enum ProbePlace {
    One(usize),
    Wide(Vec<(String, usize)>),
}

impl Probes {
    pub fn find(source: &TableSource, cells: &Cells) -> Result<Option<Self>, ProjectError> {
        let Some((first, decline)) = &source.probe else { return Ok(None) };
        let find = |columns: &ProbeColumns, key| {
            Ok(match columns {
                ProbeColumns::One(name) => ProbePlace::One(cells.column(name)?),
                ProbeColumns::Wide(columns) => ProbePlace::Wide(wide(columns, cells, key)?),
            })
        };
        Ok(Some(Self { first: find(first, "first_loss")?, decline: find(decline, "decline")? }))
    }

    pub fn of(&self, row: &[String], domain: &str) -> Option<Probe> {
        let number = |place: &ProbePlace| match place {
            ProbePlace::One(column) => cell(&row[*column]),
            ProbePlace::Wide(columns) => cell(&row[columns.iter().find(|(d, _)| d == domain)?.1]),
        };
        let probe = Probe { loss: number(&self.first)?, decline: number(&self.decline)?.max(0.0) };
        (probe.loss > 0.0).then_some(probe)
    }
}

/// The columns of how runs began.
pub(super) fn probes_at(probes: Option<&Probes>) -> Vec<usize> {
    let of = |place: &ProbePlace| match place {
        ProbePlace::One(column) => vec![*column],
        ProbePlace::Wide(columns) => columns.iter().map(|(_, column)| *column).collect(),
    };
    probes.into_iter().flat_map(|probes| [of(&probes.first), of(&probes.decline)].concat()).collect()
}
