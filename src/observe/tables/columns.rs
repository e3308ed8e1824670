//! Columns of a table that belong to domains, and the numbers in them.

use crate::project::ProjectError;
use crate::project::table::{DomainColumns, MixtureColumns};
use crate::project::tabular::Cells;
use crate::vocab::number::parse_amount;

/// Weights that sum to one within this are called exact.
const EXACT: f64 = 1e-9;

/// Weights that did not sum to one.
#[derive(Debug, Default)]
pub(super) struct Normalised {
    /// How many rows had such.
    pub rows: usize,
    /// The least and the most that they summed to.
    pub sums: Option<(f64, f64)>,
}

impl Normalised {
    /// Counts weights with this sum, if it is not one.
    pub fn count(&mut self, sum: f64) {
        if (sum - 1.0).abs() > EXACT {
            self.rows += 1;
            let (least, most) = self.sums.unwrap_or((sum, sum));
            self.sums = Some((least.min(sum), most.max(sum)));
        }
    }
}

/// The number in a cell.
pub(super) fn cell(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().or_else(|| parse_amount(text).ok()).filter(|v| v.is_finite())
}

/// Domain and column, in the order of the table.
pub(super) fn wide(columns: &DomainColumns, cells: &Cells, key: &str) -> Result<Vec<(String, usize)>, ProjectError> {
    match columns {
        DomainColumns::Named(named) => {
            let mut found = named
                .iter()
                .map(|(d, c)| Ok((d.clone(), cells.column(c)?)))
                .collect::<Result<Vec<_>, ProjectError>>()?;
            found.sort_by_cached_key(|(_, column)| *column);
            Ok(found)
        }
        DomainColumns::Affix { prefix, suffix } => {
            let domain = |name: &str| {
                let between = name.strip_prefix(prefix.as_str())?.strip_suffix(suffix.as_str())?;
                (!between.is_empty()).then(|| between.to_owned())
            };
            let found: Vec<(String, usize)> =
                cells.columns.iter().enumerate().filter_map(|(i, name)| Some((domain(name)?, i))).collect();
            if found.is_empty() {
                let reason = format!("no column matches '{prefix}…{suffix}' from `{key}`");
                let names = cells.columns.iter().map(String::as_str);
                let help = format!("its columns are {}", crate::project::suggest::listed(names));
                return Err(cells.refuse(reason, help));
            }
            Ok(found)
        }
    }
}

/// Where the weights of a row are.
pub(super) struct Weights {
    /// Whose weights they are, in the order of the columns.
    pub domains: Vec<String>,
    place: WeightPlace,
}

enum WeightPlace {
    Wide(Vec<usize>),
    Joined(usize, String),
}

/// Where weights are. `key`: the key of the table that says so.
pub(super) fn weight_columns_of(
    columns: &MixtureColumns,
    cells: &Cells,
    domains: &[String],
    key: &str,
) -> Result<Weights, ProjectError> {
    Ok(match columns {
        MixtureColumns::Wide(columns) => {
            let (domains, columns) = wide(columns, cells, key)?.into_iter().unzip();
            Weights { domains, place: WeightPlace::Wide(columns) }
        }
        MixtureColumns::Joined { column, separator } => {
            Weights { domains: domains.to_vec(), place: WeightPlace::Joined(cells.column(column)?, separator.clone()) }
        }
    })
}

impl Weights {
    /// The columns that they are in.
    pub fn columns(&self) -> Vec<usize> {
        match &self.place {
            WeightPlace::Wide(columns) => columns.clone(),
            WeightPlace::Joined(column, _) => vec![*column],
        }
    }

    /// The weights of one row, summing to one; what does not is counted.
    pub fn of(&self, row: &[String], sums: &mut Normalised) -> Option<Vec<f64>> {
        let (weights, sum) = self.read(row)?;
        sums.count(sum);
        Some(weights)
    }

    /// The weights of one row, summing to one, and their sum as written. A domain's empty cell is a weight of zero.
    pub fn read(&self, row: &[String]) -> Option<(Vec<f64>, f64)> {
        let number = |text: &str| if text.is_empty() { Some(0.0) } else { cell(text).filter(|w| *w >= 0.0) };
        let weights: Vec<f64> = match &self.place {
            WeightPlace::Wide(columns) => columns.iter().map(|c| number(&row[*c])).collect::<Option<_>>()?,
            WeightPlace::Joined(column, separator) => {
                row[*column].split(separator.as_str()).map(|w| number(w.trim())).collect::<Option<_>>()?
            }
        };
        let sum: f64 = weights.iter().sum();
        if weights.len() != self.domains.len() || sum <= 0.0 {
            return None;
        }
        Some((weights.iter().map(|w| w / sum).collect(), sum))
    }
}
