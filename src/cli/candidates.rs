//! Runs to choose from, as a CSV file: a row a run.

use crate::ipc::protocol::Failure;
use crate::vocab::number::{parse_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{CandidateRun, Mixture};
use std::path::Path;

/// Most rows of a file.
const MOST: usize = 10_000;
/// Weights that sum to one but for this part are rounded.
const NEAR_ONE: f64 = 0.005;

/// The runs of a file. Columns called `name` (or `run`), `params`, `tokens` and `cost` are those; every other one is a domain's
/// weight, and may be empty for 0. Weights sum to one, or are percentages. Costs are those of all rows, or of none.
///
/// # Errors
/// What is wrong with the file, with its line.
pub(super) fn read(path: &Path) -> Result<Vec<CandidateRun>, Failure> {
    let shown = printable(&path.display().to_string());
    let wrong = |line: u64, what: &str| {
        let help = "write a header and a row a run: name,params,tokens,prose,rust".to_owned();
        Failure::usage(format!("{shown}, line {line}: {what}"), help)
    };
    let file = crate::open::regular(path).map_err(|e| Failure::usage(format!("cannot read {shown}: {e}"), None))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(false).from_reader(file);
    let header = reader.headers().map_err(|e| wrong(1, &e.to_string()))?.clone();
    // What spreadsheets put before a text.
    let mut header: Vec<String> =
        header.iter().map(|column| column.trim_start_matches('\u{feff}').to_owned()).collect();
    header.iter_mut().filter(|column| *column == "run").for_each(|column| "name".clone_into(column));
    if let Some(separator) = [';', '\t'].into_iter().find(|other| header.len() == 1 && header[0].contains(*other)) {
        let shown = if separator == '\t' { "tabs".to_owned() } else { format!("'{separator}'") };
        return Err(wrong(1, &format!("columns are separated by {shown}, not by commas")));
    }
    if let Some(twice) = (1..header.len()).find(|i| header[..*i].contains(&header[*i])) {
        return Err(wrong(1, &format!("the column {} is there twice", printable(&header[twice]))));
    }
    let mut runs: Vec<CandidateRun> = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let line = i as u64 + 2;
        let record = record.map_err(|e| {
            wrong(e.position().map_or(line, csv::Position::line), "not as many fields as in the header")
        })?;
        let mut run = CandidateRun { name: format!("line {line}"), ..CandidateRun::default() };
        let mut mixture = Mixture::default();
        for (column, text) in header.iter().zip(&record).filter(|(_, text)| !text.is_empty()) {
            if column == "name" {
                run.name = text.to_owned();
                continue;
            }
            let value =
                parse_amount(text).ok().filter(|value| value.is_finite() && *value >= 0.0).ok_or_else(|| {
                    wrong(line, &format!("{} is '{}', not a number of 0 or more", printable(column), printable(text)))
                })?;
            match column.as_str() {
                "params" => run.params = Some(value),
                "tokens" => run.tokens = Some(value),
                "cost" => run.cost = Some(value),
                _ => {
                    mixture.0.insert(column.to_owned(), value);
                }
            }
        }
        if [run.params, run.tokens, run.cost].into_iter().flatten().any(|value| value <= 0.0) {
            return Err(wrong(line, "params, tokens and cost must be above 0"));
        }
        if !mixture.0.is_empty() {
            let (mixture, sum) = mixture.normalised().map_err(|e| wrong(line, &e.to_string()))?;
            if [1.0, 100.0].iter().all(|whole| (sum / whole - 1.0).abs() > NEAR_ONE) {
                return Err(wrong(line, &format!("the weights sum to {}, not to 1 (or 100)", significant(sum, 3))));
            }
            run.mixture = Some(mixture);
        }
        if runs.first().is_some_and(|first| first.cost.is_some() != run.cost.is_some()) {
            return Err(wrong(line, "some runs have a cost and others none; give all of them one, or none"));
        }
        runs.push(run);
        if runs.len() > MOST {
            return Err(wrong(line, &format!("more than {MOST} candidates")));
        }
    }
    if runs.is_empty() {
        return Err(wrong(2, "no candidates"));
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<CandidateRun>, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_row_is_a_run_with_weights_that_sum_to_one() {
        let runs = read_text("\u{feff}name,params,prose,rust,cost\na,10M,75,25,2.5\nb,,,1,3\n").unwrap();
        assert_eq!(runs[0].params, Some(1e7));
        assert_eq!(runs[0].mixture.as_ref().unwrap().weight("prose"), 0.75);
        assert_eq!((runs[0].cost, runs[1].cost, runs[1].params), (Some(2.5), Some(3.0), None));
        assert_eq!(runs[1].name, "b");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, said) in [
            ("name,rust\na,x\n", "line 2: rust is 'x', not a number"),
            ("name,rust\n", "no candidates"),
            ("name,rust\na,1\nb,1,2\n", "line 3"),
            ("name,params,rust\na,0,1\n", "above 0"),
            ("name,rust,prose\na,0,0\n", "line 2"),
            ("name,rust,prose\na,.5,.5\nb,.5,.6\n", "line 3: the weights sum to 1.10, not to 1"),
            ("name,rust,prose,rust\na,.5,.5,.5\n", "line 1: the column rust is there twice"),
            ("run,rust,name\na,1,b\n", "line 1: the column name is there twice"),
            ("name;rust;prose\na;.5;.5\n", "line 1: columns are separated by ';'"),
            ("name,rust,cost\na,1,2\nb,1,\n", "line 3: some runs have a cost"),
        ] {
            let failure = read_text(text).unwrap_err();
            assert!(failure.message.contains(said), "{}", failure.message);
            assert_eq!(failure.status, 2);
        }
    }
}
