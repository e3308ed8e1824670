//! Size, tokens and recipe of a table's rows.

use super::columns::cell;
use crate::project::ProjectError;
use crate::project::table::{BatchFrom, ColumnOr, TableSource, TokensFrom};
use crate::project::tabular::Cells;
use crate::vocab::{Observation, Recipe};

/// Where the numbers of a row are.
pub(super) struct Numbers {
    params: Option<Where>,
    active: Option<Where>,
    tokens: Option<Where>,
    flops: Option<Where>,
    experts: Option<Where>,
    experts_per_token: Option<Where>,
    granularity: Option<Where>,
    learning_rate: Option<Where>,
    batch: Option<(Where, Where)>,
}

#[derive(Clone, Copy)]
enum Where {
    Column(usize),
    Amount(f64),
}

impl Where {
    fn find(from: Option<&ColumnOr>, cells: &Cells) -> Result<Option<Self>, ProjectError> {
        Ok(match from {
            None => None,
            Some(ColumnOr::Amount(amount)) => Some(Self::Amount(*amount)),
            Some(ColumnOr::Column(name)) => Some(Self::Column(cells.column(name)?)),
        })
    }

    fn of(self, row: &[String]) -> Option<f64> {
        match self {
            Self::Amount(amount) => Some(amount),
            Self::Column(column) => cell(&row[column]).filter(|v| *v >= 0.0),
        }
    }
}

impl Numbers {
    pub fn find(source: &TableSource, cells: &Cells) -> Result<Self, ProjectError> {
        let find = |from: Option<&ColumnOr>| Where::find(from, cells);
        let (tokens, flops) = match &source.tokens {
            None => (None, None),
            Some(TokensFrom::Tokens(tokens)) => (find(Some(tokens))?, None),
            Some(TokensFrom::Flops(flops)) => (None, find(Some(flops))?),
        };
        let batch = match &source.batch {
            None => None,
            Some(BatchFrom::Tokens(tokens)) => find(Some(tokens))?.map(|tokens| (tokens, Where::Amount(1.0))),
            Some(BatchFrom::Sequences(count, length)) => find(Some(count))?.zip(find(Some(length))?),
        };
        Ok(Self {
            params: find(source.params.as_ref())?,
            active: find(source.active_params.as_ref())?,
            tokens,
            flops,
            experts: find(source.experts.as_ref())?,
            experts_per_token: find(source.experts_per_token.as_ref())?,
            granularity: find(source.granularity.as_ref())?,
            learning_rate: find(source.learning_rate.as_ref())?,
            batch,
        })
    }

    /// Everything but mixture, loss and run; `None` where a cell that should be a number is none. What the table does
    /// not give at all is NaN, and laws that need it say so.
    pub fn of(&self, row: &[String]) -> Option<Observation> {
        let required = |from: Option<Where>| from.map_or(Some(f64::NAN), |w| w.of(row));
        let params = required(self.params).filter(|n| n.is_nan() || *n > 0.0)?;
        let tokens = match self.flops {
            Some(flops) => flops.of(row)? / (6.0 * params),
            None => required(self.tokens)?,
        };
        let one = |from: Option<Where>| from.map_or(Some(1.0), |w| w.of(row)).map(|v| v.max(1.0));
        Some(Observation {
            params,
            active_params: self.active.map_or(Some(params), |w| w.of(row))?,
            tokens,
            experts: one(self.experts)?,
            experts_per_token: one(self.experts_per_token)?,
            granularity: one(self.granularity)?,
            recipe: self.recipe(row),
            ..Observation::default()
        })
    }
}

impl Numbers {
    /// Columns of what laws see. Learning rate and batch are none: laws of the loss do not see them.
    pub fn columns(&self) -> Vec<usize> {
        let seen =
            [self.params, self.active, self.tokens, self.flops, self.experts, self.experts_per_token, self.granularity];
        let column = |from: Where| if let Where::Column(column) = from { Some(column) } else { None };
        seen.into_iter().flatten().filter_map(column).collect()
    }

    /// Laws of the loss do not see it, so that a row without it is a row like any other.
    pub fn recipe(&self, row: &[String]) -> Recipe {
        let positive = |of: Where| of.of(row).filter(|v| v.is_finite() && *v > 0.0);
        Recipe {
            learning_rate: self.learning_rate.and_then(positive),
            batch_tokens: self.batch.and_then(|(count, each)| Some(positive(count)? * positive(each)?)),
        }
    }
}
