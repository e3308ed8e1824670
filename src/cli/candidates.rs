//! Runs to choose from, as a CSV file: a row a run.

use crate::ipc::protocol::Failure;
use crate::vocab::number::parse_amount;
use crate::vocab::text::printable;
use crate::vocab::{CandidateRun, Mixture};
use std::path::Path;

/// Most rows of a file.
const MOST: usize = 10_000;

/// The runs of a file. Columns called `name` (or `run`), `params`, `tokens` and `cost` are those; every other one is a domain's
/// weight, and may be empty for 0. Weights are brought to a sum of one.
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
    let mut runs = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let line = i as u64 + 2;
        let record = record.map_err(|e| {
            wrong(e.position().map_or(line, csv::Position::line), "not as many fields as in the header")
        })?;
        let mut run = CandidateRun { name: format!("line {line}"), ..CandidateRun::default() };
        let mut mixture = Mixture::default();
        for (column, text) in header.iter().zip(&record).filter(|(_, text)| !text.is_empty()) {
            if matches!(column, "name" | "run") {
                run.name = text.to_owned();
                continue;
            }
            let value =
                parse_amount(text).ok().filter(|value| value.is_finite() && *value >= 0.0).ok_or_else(|| {
                    wrong(line, &format!("{} is '{}', not a number of 0 or more", printable(column), printable(text)))
                })?;
            match column {
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
            let (mixture, _) = mixture.normalised().map_err(|e| wrong(line, &e.to_string()))?;
            run.mixture = Some(mixture);
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
        let runs = read_text("name,params,prose,rust,cost\na,10M,3,1,2.5\nb,,0,1,\n").unwrap();
        assert_eq!(runs[0].params, Some(1e7));
        assert_eq!(runs[0].mixture.as_ref().unwrap().weight("prose"), 0.75);
        assert_eq!((runs[0].cost, runs[1].cost, runs[1].params), (Some(2.5), None, None));
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
        ] {
            let failure = read_text(text).unwrap_err();
            assert!(failure.message.contains(said), "{}", failure.message);
            assert_eq!(failure.status, 2);
        }
    }
}
