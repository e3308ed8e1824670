//! Shares by scores of samples: SampleMix.

use super::measure::{Measure, missing};
use crate::advise::design::scores::{Scored, shares};
use crate::ipc::protocol::Failure;
use crate::open;
use crate::project::tabular::Cells;
use crate::vocab::number::parse_amount;
use crate::vocab::text::printable;
use crate::vocab::{Mixture, PriorView};
use std::path::Path;

/// Largest table, bytes.
const LARGEST: u64 = 1 << 30;

/// A table of scores, read.
pub(super) struct Scores {
    /// Domain, quality, diversity and tokens of each sample.
    rows: Vec<(String, f64, f64, f64)>,
}

impl Scores {
    /// Reads a CSV file with the columns domain, quality and diversity, and tokens if samples differ in them.
    ///
    /// # Errors
    /// A file that cannot be read; a row without numbers.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let shown = printable(&file.display().to_string());
        let help = "a CSV file with a row a sample: domain,quality,diversity,tokens (tokens may be left out)";
        let failed = |what: String| Failure::usage(format!("{shown}: {what}"), help.to_owned());
        let bytes = open::whole(file, LARGEST).map_err(|e| failed(e.to_string()))?;
        let cells = Cells::from_bytes(&shown, &bytes)?;
        let column = |name: &str| cells.column(name);
        let (domain, quality, diversity) = (column("domain")?, column("quality")?, column("diversity")?);
        let tokens = cells.columns.iter().position(|name| name == "tokens");
        let mut rows = Vec::new();
        for (line, row) in &cells.rows {
            let number = |at: usize| {
                let text = &row[at];
                let value = text.parse::<f64>().ok().or_else(|| parse_amount(text).ok()).filter(|v| v.is_finite());
                value.ok_or_else(|| failed(format!("line {line}: '{}' is no number", printable(text))))
            };
            let tokens = tokens.map_or(Ok(1.0), number)?;
            if tokens < 0.0 {
                return Err(failed(format!("line {line}: a sample has 0 tokens or more")));
            }
            rows.push((row[domain].clone(), number(quality)?, number(diversity)?, tokens));
        }
        Ok(Self { rows })
    }

    /// The domains that have samples.
    pub(super) fn domains(&self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.rows.iter().map(|row| &row.0).collect();
        names.into_iter().cloned().collect()
    }

    /// The shares; samples of other domains do not count.
    ///
    /// # Errors
    /// A domain without samples.
    pub(super) fn view(
        &self,
        names: &[String],
        diversity: f64,
        temperature: Option<f64>,
    ) -> Result<PriorView, Failure> {
        let place = |name: &String| names.iter().position(|known| known == name);
        let samples: Vec<Scored> = self
            .rows
            .iter()
            .filter_map(|(name, quality, scored, tokens)| {
                Some(Scored { domain: place(name)?, quality: *quality, diversity: *scored, tokens: *tokens })
            })
            .collect();
        let has = |domain: usize| samples.iter().any(|sample| sample.domain == domain && sample.tokens > 0.0);
        if let Some(without) = (0..names.len()).find(|domain| !has(*domain)) {
            return Err(missing("scored sample", &names[without], "add rows of it, or leave it out of the domains"));
        }
        let (found, means) = shares(&samples, names.len(), diversity, temperature).ok_or_else(|| {
            Failure::usage("no sample has a score above the least".to_owned(), "check the columns".to_owned())
        })?;
        Ok(PriorView {
            by: Measure::SampleMix.name(),
            shares: Mixture(names.iter().cloned().zip(found).collect()),
            measured: names.iter().cloned().zip(means).collect(),
            unit: "mean weight".to_owned(),
            of: samples.len(),
        })
    }
}
