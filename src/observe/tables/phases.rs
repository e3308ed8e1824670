//! Phases of a table's runs: the mixtures that a run had one after another, and the tokens at which each ends.

use super::columns::{Normalised, Weights, cell, weight_columns_of};
use super::numbers::Numbers;
use crate::observe::phases::Mixtures;
use crate::project::ProjectError;
use crate::project::table::{PhaseUntil, TablePhases, TableSource};
use crate::project::tabular::Cells;
use crate::vocab::{Ordered, PhaseEnd, PhaseError};
use std::collections::HashMap;

/// Why the phases of a run do not add up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum OddPhases {
    /// Weights are negative, all zero or no numbers.
    #[error("phase {0} has no usable weights")]
    Weights(String),
    /// An end is missing, cannot be read, or lies before the one before.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// An end in steps, without tokens a step.
    #[error("phase {0} ends after {1} steps, and tokens a step are unknown (give batch_tokens)")]
    Steps(usize, f64),
    /// A row without D.
    #[error("its tokens are not a number")]
    Tokens,
    /// Two rows of one phase disagree.
    #[error("phase {0} has two {1}")]
    Two(String, &'static str),
    /// The rows of a phase lie among those of another.
    #[error("phase {0} is not over where phase {1} begins")]
    Mixed(String, String),
    /// A row of a phase lies after its end.
    #[error("phase {0} has a row after its end")]
    Late(String),
}

/// Where the phases are in a table.
pub(super) enum Phases {
    Wide { until: Vec<Option<Until>>, weights: Vec<Weights> },
    Long { phase: usize, until: Option<usize> },
}

/// Where the end of a phase is.
pub(super) enum Until {
    Column(usize),
    Each(PhaseEnd),
}

/// A row of one phase.
struct PhaseRow {
    label: String,
    until: Option<PhaseEnd>,
    tokens: f64,
    weights: Vec<f64>,
    batch: Option<f64>,
}

impl Phases {
    /// Finds the columns. `domains`: those the project states.
    ///
    /// # Errors
    /// A column that is not there.
    pub fn find(source: &TableSource, cells: &Cells, domains: &[String]) -> Result<Option<Self>, ProjectError> {
        Ok(match &source.phases {
            None => None,
            Some(TablePhases::Long { phase, until }) => Some(Self::Long {
                phase: cells.column(phase)?,
                until: until.as_ref().map(|until| cells.column(until)).transpose()?,
            }),
            Some(TablePhases::Wide(phases)) => {
                let of = |until: &PhaseUntil| {
                    Ok(match until {
                        PhaseUntil::Column(name) => Until::Column(cells.column(name)?),
                        PhaseUntil::Each(end) => Until::Each(*end),
                    })
                };
                let until = phases.iter().map(|phase| phase.until.as_ref().map(of).transpose());
                let weights = phases.iter().map(|phase| weight_columns_of(&phase.mixture, cells, domains, "phases"));
                Some(Self::Wide {
                    until: until.collect::<Result<_, ProjectError>>()?,
                    weights: weights.collect::<Result<_, _>>()?,
                })
            }
        })
    }

    /// The domains that columns for each phase name, in the order of the table; none where a row is of one phase.
    pub fn domains(&self) -> Vec<String> {
        let Self::Wide { weights, .. } = self else { return Vec::new() };
        let mut domains: Vec<String> = Vec::new();
        for domain in weights.iter().flat_map(|weights| &weights.domains) {
            if !domains.contains(domain) {
                domains.push(domain.clone());
            }
        }
        domains
    }

    /// The columns that it reads.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::Long { phase, until, .. } => [*phase].into_iter().chain(*until).collect(),
            Self::Wide { until, weights } => {
                let ends = until.iter().flatten().filter_map(|until| match until {
                    Until::Column(column) => Some(*column),
                    Until::Each(_) => None,
                });
                ends.chain(weights.iter().flat_map(Weights::columns)).collect()
            }
        }
    }
}

/// The mixtures of all runs of a table, over its domains.
#[derive(Default)]
pub(super) struct Schedules {
    /// By run, where each row is of one phase.
    of_runs: HashMap<String, Result<Mixtures, OddPhases>>,
    /// By run, the largest D of its rows: how long the run is.
    lengths: HashMap<String, f64>,
}

impl Schedules {
    /// Looks through the rows once. `weights`: those of the row's phase, where each row is of one.
    pub fn read<'a>(
        phases: &Phases,
        weights: Option<&Weights>,
        number: &Numbers,
        rows: impl Iterator<Item = (String, &'a [String])>,
    ) -> Self {
        let mut all = Self::default();
        let mut by_run: HashMap<String, Result<Vec<PhaseRow>, OddPhases>> = HashMap::new();
        for (name, row) in rows {
            let tokens = number.of(row).map_or(f64::NAN, |place| place.tokens);
            let length = all.lengths.entry(name.clone()).or_insert(0.0);
            *length = length.max(tokens);
            if let (Phases::Long { phase, until, .. }, Some(weights)) = (phases, weights) {
                let known = by_run.entry(name).or_insert_with(|| Ok(Vec::new()));
                let read = phase_row(row, *phase, *until, tokens, weights, number);
                match (&mut *known, read) {
                    (Ok(rows), Ok(read)) => rows.push(read),
                    (Ok(_), Err(why)) => *known = Err(why),
                    (Err(_), _) => {}
                }
            }
        }
        for (name, rows) in by_run {
            let length = all.lengths.get(&name).copied().unwrap_or(0.0);
            all.of_runs.insert(name, rows.and_then(|rows| one_after_another(rows, length)));
        }
        all
    }

    /// The mixtures of a row's run.
    pub fn of(
        &self,
        phases: &Phases,
        name: &str,
        row: &[String],
        number: &Numbers,
        domains: &[String],
        sums: &mut Normalised,
    ) -> Result<Mixtures, OddPhases> {
        match phases {
            Phases::Long { .. } => self.of_runs.get(name).cloned().unwrap_or(Err(OddPhases::Tokens)),
            Phases::Wide { until, weights } => {
                let length = self.lengths.get(name).copied().unwrap_or(0.0);
                columns_of_a_row(row, until, weights, domains, length, number.recipe(row).batch_tokens, sums)
            }
        }
    }
}

/// A row with columns for each phase. Where all cells of the phases after the first are empty, the run has one mixture.
fn columns_of_a_row(
    row: &[String],
    until: &[Option<Until>],
    weights: &[Weights],
    domains: &[String],
    length: f64,
    batch: Option<f64>,
    sums: &mut Normalised,
) -> Result<Mixtures, OddPhases> {
    let mut read = |index: usize| -> Result<Vec<f64>, OddPhases> {
        let (of_phase, sum) = weights[index].read(row).ok_or_else(|| OddPhases::Weights((index + 1).to_string()))?;
        sums.count(sum);
        let of = |domain: &String| weights[index].domains.iter().position(|d| d == domain).map_or(0.0, |d| of_phase[d]);
        Ok(domains.iter().map(of).collect())
    };
    let empty = |index: usize| weights[index].columns().iter().all(|column| row[*column].is_empty());
    let used = (1..weights.len()).rfind(|index| !empty(*index)).map_or(1, |last| last + 1);
    if used == 1 {
        return read(0).map(Mixtures::One);
    }
    let mut ends: Vec<(f64, Vec<f64>)> = Vec::with_capacity(used);
    for (index, until) in until.iter().enumerate().take(used) {
        let at = match until {
            _ if index + 1 == used => f64::INFINITY,
            None => return Err(PhaseError::NoEnd(index + 1).into()),
            Some(Until::Each(end)) => tokens_at(*end, index + 1, length, batch)?,
            Some(Until::Column(column)) => match end(&row[*column])? {
                None => return Err(PhaseError::NoEnd(index + 1).into()),
                Some(end) => tokens_at(end, index + 1, length, batch)?,
            },
        };
        push(&mut ends, at, read(index)?)?;
    }
    Ok(Mixtures::Phases(ends))
}

fn push(ends: &mut Vec<(f64, Vec<f64>)>, at: f64, mixture: Vec<f64>) -> Result<(), OddPhases> {
    if ends.last().is_some_and(|(before, _)| at <= *before) {
        return Err(PhaseError::Order(ends.len() + 1).into());
    }
    ends.push((at, mixture));
    Ok(())
}

/// An end as a cell says it: as in a sidecar, or a plain number of tokens. Nothing for an empty cell.
fn end(text: &str) -> Result<Option<PhaseEnd>, PhaseError> {
    if text.is_empty() {
        return Ok(None);
    }
    // A number of 1 or less may be meant as a share; it is never so many tokens.
    match cell(text).filter(|tokens| *tokens > 1.0) {
        Some(tokens) => Ok(Some(PhaseEnd::Tokens(tokens))),
        None => text.parse().map(Some),
    }
}

fn tokens_at(end: PhaseEnd, phase: usize, length: f64, batch: Option<f64>) -> Result<f64, OddPhases> {
    match end {
        PhaseEnd::Tokens(tokens) => Ok(tokens),
        PhaseEnd::Percent(percent) if length > 0.0 => Ok(length * percent / 100.0),
        PhaseEnd::Percent(_) => Err(OddPhases::Tokens),
        PhaseEnd::Steps(steps) => batch.map(|batch| steps * batch).ok_or(OddPhases::Steps(phase, steps)),
    }
}

fn phase_row(
    row: &[String],
    phase: usize,
    until: Option<usize>,
    tokens: f64,
    weights: &Weights,
    number: &Numbers,
) -> Result<PhaseRow, OddPhases> {
    if !tokens.is_finite() {
        return Err(OddPhases::Tokens);
    }
    let label = row[phase].clone();
    let weights = weights.read(row).ok_or_else(|| OddPhases::Weights(label.clone()))?.0;
    let until = until.map(|column| end(&row[column])).transpose()?.flatten();
    Ok(PhaseRow { label, until, tokens, weights, batch: number.recipe(row).batch_tokens })
}

/// The phases of a run from rows of one phase each, in order of their tokens. A row at the start of a run says nothing of where
/// the phase ends.
fn one_after_another(mut rows: Vec<PhaseRow>, length: f64) -> Result<Mixtures, OddPhases> {
    rows.sort_by_cached_key(|row| Ordered(row.tokens));
    let mut phases: Vec<(PhaseRow, f64)> = Vec::new();
    for row in rows {
        match phases.iter_mut().find(|(first, _)| first.label == row.label) {
            None => {
                let last = row.tokens;
                phases.push((row, last));
            }
            Some((first, last)) => {
                let apart = first.weights.iter().zip(&row.weights).any(|(a, b)| (a - b).abs() > 1e-6);
                if apart {
                    return Err(OddPhases::Two(row.label, "mixtures"));
                }
                if row.until.is_some() && first.until.is_some() && row.until != first.until {
                    return Err(OddPhases::Two(row.label, "ends"));
                }
                first.until = first.until.or(row.until);
                *last = row.tokens;
            }
        }
    }
    // Rows that were measured at the same tokens are in the order of their numbers.
    if let Some(numbers) = phases.iter().map(|(row, _)| cell(&row.label)).collect::<Option<Vec<f64>>>() {
        let mut order: Vec<usize> = (0..phases.len()).collect();
        order.sort_by_cached_key(|i| Ordered(numbers[*i]));
        let late = order.windows(2).find(|pair| phases[pair[0]].1 > phases[pair[1]].1);
        if let Some(pair) = late {
            return Err(OddPhases::Mixed(phases[pair[0]].0.label.clone(), phases[pair[1]].0.label.clone()));
        }
        let mut taken: Vec<Option<(PhaseRow, f64)>> = phases.into_iter().map(Some).collect();
        phases = order.into_iter().filter_map(|index| taken[index].take()).collect();
    }
    if let [(only, _)] = &mut phases[..] {
        return Ok(Mixtures::One(std::mem::take(&mut only.weights)));
    }
    let count = phases.len();
    let mut label = String::new();
    let mut ends: Vec<(f64, Vec<f64>)> = Vec::with_capacity(count);
    for (index, (row, last)) in phases.into_iter().enumerate() {
        if ends.last().is_some_and(|(before, _)| row.tokens < *before) {
            return Err(OddPhases::Mixed(label, row.label));
        }
        label.clone_from(&row.label);
        let at = match row.until {
            _ if index + 1 == count => f64::INFINITY,
            Some(end) => tokens_at(end, index + 1, length, row.batch)?,
            None => last,
        };
        if last > at * (1.0 + 1e-9) {
            return Err(OddPhases::Late(row.label));
        }
        push(&mut ends, at, row.weights)?;
    }
    Ok(Mixtures::Phases(ends))
}

#[cfg(test)]
mod tests {
    use crate::observe::tables::Tables;
    use crate::project::load;
    use crate::vocab::Observations;
    use std::fs;

    /// Rows of the one loss of a table, and what is wrong with the project file or the table.
    fn read(table: &str, keys: &str) -> (Observations, String) {
        let d = tempfile::tempdir().expect("a scratch directory");
        fs::write(d.path().join("t.csv"), table).expect("a table");
        let yaml = format!("domains: [a, b]\ntables:\n  - path: t.csv\n    metrics: {{ a: loss }}\n{keys}");
        let project = match load::from_text(&yaml, d.path()) {
            Ok(project) => project,
            Err(error) => return (Observations::default(), error.report()),
        };
        let tables = Tables::read(&project);
        if let Some(notice) = tables.notices.iter().find(|n| n.severity == crate::vocab::Severity::Error) {
            let said = format!("{} {}", notice.text, notice.help.as_deref().unwrap_or_default());
            return (Observations::default(), said);
        }
        let project = tables.complete(&project);
        let mut observed = crate::observe::observe(&project, &[]);
        tables.append(&project, &mut observed);
        (observed.fitted.swap_remove(0), String::new())
    }

    /// Tokens and share of b by phase.
    fn seen(rows: &Observations, row: usize) -> Vec<(f64, f64)> {
        let round = |v: f64| (v * 1e9).round() / 1e9;
        let phases = rows.rows[row].phases.as_deref().unwrap_or_default();
        phases.iter().map(|phase| (round(phase.tokens), round(phase.mixture[1]))).collect()
    }

    const WIDE: &str = "    params: 1e6\n    tokens: d\n    batch_tokens: 10\n    phases:\n      \
                        - { until: end, mixture: { prefix: p1_ } }\n      - { mixture: { prefix: p2_ } }\n";

    #[test]
    fn one_row_a_run_has_columns_for_each_phase() {
        let table = "d,end,p1_a,p1_b,p2_a,p2_b,loss\n1000,80%,0.9,0.1,0.5,0.5,3\n1000,800,0.9,0.1,0.5,0.5,3\n\
                     1000,80 steps,90,10,1,1,3\n1000,,0.9,0.1,,,3\n1000,0.8k tokens,1,,,1,3\n";
        let rows = read(table, WIDE).0;
        assert_eq!(rows.rows.len(), 5);
        for row in 0..3 {
            assert_eq!(seen(&rows, row), [(800.0, 0.1), (200.0, 0.5)], "row {row}");
            assert!((rows.rows[row].mixture[1] - 0.18).abs() < 1e-12);
        }
        assert_eq!(rows.rows[3].phases, None, "one mixture throughout");
        assert!((rows.rows[3].mixture[1] - 0.1).abs() < 1e-12);
        assert_eq!(seen(&rows, 4), [(800.0, 0.0), (200.0, 1.0)]);
        let said = rows.dropped.join("\n");
        assert!(said.contains("4 runs change their mixtures"), "{said}");
        assert!(said.contains("were normalised"), "{said}");
        let each = read(table, &WIDE.replace("until: end", "until: 50%")).0;
        assert_eq!(seen(&each, 0), [(500.0, 0.1), (500.0, 0.5)]);
    }

    #[test]
    fn several_rows_a_run_are_each_of_one_phase() {
        let keys = "    params: 1e6\n    tokens: d\n    run: run\n    phase: phase\n    mixture: { prefix: w_ }\n";
        let table = "run,phase,end,d,w_a,w_b,loss\nx,1,80%,400,0.9,0.1,4\nx,1,,800,0.9,0.1,3.5\nx,2,,1000,0.5,0.5,3\n\
                     y,anneal,,1000,0,1,2.9\ny,main,,600,1,0,\nz,1,,1000,1,0,3\n";
        for keys in [keys.to_owned(), format!("{keys}    until: end\n")] {
            let rows = read(table, &keys).0;
            assert_eq!(rows.runs, ["x", "y", "z"]);
            assert_eq!(seen(&rows, 0), [(400.0, 0.1)]);
            assert_eq!(seen(&rows, 1), [(800.0, 0.1)]);
            assert_eq!(seen(&rows, 2), [(800.0, 0.1), (200.0, 0.5)]);
            assert_eq!(seen(&rows, 3), [(600.0, 0.0), (400.0, 1.0)], "a phase without a loss ends where its row is");
            assert_eq!(rows.rows[4].phases, None);
        }
    }

    #[test]
    fn phases_that_do_not_add_up_are_left_out_with_the_line() {
        for (row, says) in [
            ("1000,,0.9,0.1,0.5,0.5,3", "phase 1 does not say where it ends"),
            ("1000,0.8,0.9,0.1,0.5,0.5,3", "'0.8' is no end of a phase"),
            ("1000,100%,0.9,0.1,0.5,0.5,3", "a phase cannot end at 100 % of the run"),
            ("1000,80%,0.9,-0.1,0.5,0.5,3", "phase 1 has no usable weights"),
            ("1000,80%,0.9,0.1,x,0.5,3", "phase 2 has no usable weights"),
        ] {
            let table = format!("d,end,p1_a,p1_b,p2_a,p2_b,loss\n1000,80%,0.9,0.1,0.5,0.5,3\n{row}\n");
            let rows = read(&table, WIDE).0;
            let said = rows.dropped.join("\n");
            assert_eq!(rows.rows.len(), 1, "{says}");
            assert!(said.contains("1 row is of runs whose phases do not add up (first on line 3: "), "{said}");
            assert!(said.contains(says), "{says}: {said}");
        }
        let steps = "d,end,p1_a,p1_b,p2_a,p2_b,loss\n1000,80 steps,1,0,0,1,3\n";
        let error = read(steps, &WIDE.replace("    batch_tokens: 10\n", "")).1;
        assert!(error.contains("tokens a step are unknown (give batch_tokens)"), "{error}");
        let keys = "    params: 1e6\n    tokens: d\n    run: run\n    phase: phase\n    mixture: { prefix: w_ }\n    \
                    until: end\n";
        for (rows, says) in [
            ("x,1,,800,0.9,0.1,3\nx,1,,900,0.8,0.2,3\nx,2,,1000,0,1,3", "phase 1 has two mixtures"),
            ("x,1,70%,700,1,0,3\nx,1,80%,750,1,0,3\nx,2,,1000,0,1,3", "phase 1 has two ends"),
            ("x,1,50%,800,1,0,3\nx,2,,1000,0,1,3", "phase 1 has a row after its end"),
            ("x,2,,800,1,0,3\nx,1,,1000,0,1,3", "phase 1 is not over where phase 2 begins"),
            ("x,a,,800,1,0,3\nx,b,,500,0,1,3\nx,b,,1000,0,1,3", "phase b is not over where phase a begins"),
            ("x,1,,?,1,0,3\nx,2,,1000,0,1,3", "its tokens are not a number"),
        ] {
            let error = read(&format!("run,phase,end,d,w_a,w_b,loss\n{rows}\n"), keys).1;
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn keys_that_do_not_fit_together_are_refused() {
        let table = "d,w_a,loss\n1,1,1\n";
        let long = "    params: 1e6\n    tokens: d\n    run: d\n    phase: d\n    mixture: { prefix: w_ }\n";
        for (keys, says) in [
            (WIDE.replace("until: end, ", ""), "phase 1 does not say where it ends"),
            (
                WIDE.replace("{ mixture: { prefix: p2_ } }", "{ until: 90%, mixture: { prefix: p2_ } }"),
                "the last phase",
            ),
            (WIDE.replace("until: end", "until: 120%"), "cannot end at 120 %"),
            (format!("{WIDE}    mixture: {{ prefix: w_ }}\n"), "`mixture` and `phases` are both given"),
            (format!("{WIDE}    phase: d\n"), "`phase` and `phases` are both given"),
            (format!("{WIDE}    until: d\n"), "belongs to each phase"),
            (WIDE.replace("    tokens: d\n", ""), "phases need `tokens`"),
            (WIDE.replace("prefix: p1_", "column: p"), "both `column` and `separator`"),
            (long.replace("    run: d\n", ""), "`phase` needs `run`"),
            (long.replace("    mixture: { prefix: w_ }\n", ""), "`phase` needs `mixture`"),
            (long.replace("    phase: d\n", "    until: d\n"), "`until` needs `phase`"),
            (format!("{long}    proxy: earlier\n"), "stand in for runs of one mixture"),
            (long.replace("phase: d", "phase: e"), "there is no column 'e'"),
        ] {
            let error = read(table, &keys).1;
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
