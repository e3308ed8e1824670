//! Comma-, tab- and semicolon-separated tables, and those drawn with bars (`| step | loss |`) or aligned with spaces: Lightning's `metrics.csv`, what pandas writes, and scripts of one's own.
//!
//! A chart that W&B exported has a column for each run, `mixA - train/loss`, and its range beside it (`…__MIN`, `…__MAX`, left out
//! here): each run is one of its own.
//!
//! A table of steps and values without another name is called after its file: `run-mix0-tag-train_loss.csv`, `val_losses.csv`.
//!
//! Without a column of steps, tokens or samples so far are the axis, then epochs, then rows. Steps that start again in each epoch
//! are made the run's ([`Epochs`]); text in columns such as `split` or `domain` makes series of their own ([`Facets`]).
//!
//! The first line names the columns. Every cell with a number is a point, a blank cell is none: Lightning logs one row
//! per call and leaves blank what that call did not log; `nan` stands for a metric that is NaN, and is a point (pandas
//! leaves such cells blank, unless told otherwise). A row may name its metric (`step,metric,value`). Lightning also writes the file anew when a key appears; that is
//! a new file to whoever tails it. Files of several starts put together have headers between their rows.

mod table;

use super::epochs::Epochs;
use super::facets::{Facets, is_measured};
use super::saved::{self, Reader};
use super::scan::{LONGEST_STEP, ODD_STEP, whole_step};
use super::{Format, FormatError, Parser, Recognition, Sink};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use table::{blank, is_ruler};

pub(super) use table::Table;

/// Longest row. A cell in quotes may hold line breaks (pandas writes texts so), but a quote that is never closed must
/// not swallow the file.
const LONGEST: usize = 1 << 20;
/// Rows of the beginning that are looked at to recognise a table.
const LOOKED_AT: usize = 100;

/// The format.
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        let (mut header, mut at) = row(head, 0, false)?;
        let mut table = Table::new(header);
        while table.is_none() && (header.first() == Some(&b'#') || is_ruler(header)) {
            (header, at) = row(head, at, false)?;
            table = Table::new(header);
        }
        let mut table = table?;
        let (mut rows, mut sound, mut cells_with_text, mut stepped) = (0, 0, 0, false);
        while let Some((row, next)) = row(head, at, false).filter(|_| rows < LOOKED_AT) {
            at = next;
            if let Some(again) = table.again(row) {
                table = again;
            } else if !(row.is_empty() || table.delimiter == b'|' && is_ruler(row)) {
                let texts = table.cells(row).filter(|cell| !blank(cell) && table.number(cell).is_none()).count();
                // A row may leave its step to the one before, as evaluations do.
                let is_step = |cell: Cow<'_, [u8]>| table.number(&cell).is_some() || stepped && blank(&cell);
                let step = table.step.and_then(|step| table.cells(row).nth(step)).map(is_step);
                stepped |= step == Some(true);
                rows += 1;
                cells_with_text += texts;
                sound += usize::from(table.cells(row).count() == table.columns.len() && step.unwrap_or(true));
            }
        }
        let named = matches!(path.rsplit('.').next(), Some("csv" | "tsv" | "tab"));
        let what = match table.delimiter {
            b'\t' => "tabs",
            b';' => "semicolons",
            b'|' => "bars",
            b' ' => "spaces",
            _ => "commas",
        };
        let columns = table.columns.len();
        match table.step {
            _ if sound * 10 < rows * 9 => None,
            // Words in a row are a sentence more often than a header.
            _ if table.delimiter == b' ' && (sound < rows || rows < 2 || cells_with_text > 0) => None,
            None if rows == 0 || cells_with_text > 0 => None,
            Some(_) if rows == 0 && !named => None,
            Some(step) => Some(Recognition {
                confidence: if named { 85 } else { 75 },
                why: format!("{columns} columns between {what}, the step under '{}'", table.columns[step]),
            }),
            None => Some(Recognition {
                confidence: if named { 60 } else { 40 },
                why: format!("{columns} columns of numbers separated by {what}; the row number is the step"),
            }),
        }
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "epoch,step,loss,val\r\n0,49,2.5,\n0,,,2.25\n1,99,,nan\nstep,lr\n2,0.1\n",
            "step;\"a \"\"b\"\",\nc\";x\n1;;2\n",
            "+------+\n| step | loss |\n|------|-----:|\n|   10 |  2.5 |\n|   20 | 2.25 |\n",
            "  step   loss\n    10  2.500\n    20  2.250\n",
            "# host\nstep;metric;value\n1;train/loss;2,5\n2;\"lr; max\";\"1,000\"\n",
        ]
    }

    fn parser(&self, path: &str) -> Box<dyn Parser> {
        Box::new(Rows { named: named(path), ..Rows::default() })
    }
}

/// The run and the metric that a file is called after, whose values have no other name: TensorBoard's downloads
/// (`run-RUN-tag-TAG.csv`), and `val_losses.csv`.
fn named(path: &str) -> Option<(Option<String>, String)> {
    let stem = path.rsplit('/').next()?.rsplit_once('.')?.0;
    if let Some((run, tag)) = stem.strip_prefix("run-").and_then(|rest| rest.split_once("-tag-")) {
        return (!tag.is_empty()).then(|| (Some(run.to_owned()).filter(|run| !run.is_empty()), tag.to_owned()));
    }
    is_measured(stem).then(|| (None, stem.to_owned()))
}

/// The state of reading one file.
#[derive(Default)]
pub(super) struct Rows {
    table: Option<Table>,
    /// Rows since the beginning of the file: the step where there is no column for it.
    rows: u64,
    /// Newest step, for rows that leave it blank.
    step: i64,
    /// For dvclive: the name of the only metric, which is in the path.
    only: Option<String>,
    /// The run and the metric that the file is called after, for a table of nothing but steps and values.
    named: Option<(Option<String>, String)>,
    /// Whether a row that is too long is being passed over.
    passing: bool,
    epochs: Epochs,
    facets: Facets,
}

impl Parser for Rows {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let mut at = 0;
        loop {
            if self.passing {
                let Some(end) = memchr(b'\n', &input[at..]) else { return Ok(input.len()) };
                at += end + 1;
                self.passing = false;
            }
            match row(input, at, last) {
                Some((row, next)) => {
                    self.row(row, at, sink);
                    at = next;
                }
                None if input.len() - at > LONGEST => {
                    sink.damaged(at, "a row of more than 1 MiB");
                    self.passing = true;
                }
                None => return Ok(at),
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        let Some(table) = &self.table else { return Vec::new() };
        let mut to = vec![u8::from(self.passing)];
        saved::unsigned(&mut to, self.rows);
        saved::signed(&mut to, self.step);
        self.epochs.save(&mut to);
        self.facets.save(&mut to);
        to.extend_from_slice(&table.header);
        to
    }

    fn resume(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut from = Reader::new(bytes);
        let (Some(passing), Some(rows), Some(step)) = (from.byte(), from.unsigned(), from.signed()) else {
            return Err(FormatError::OtherParser);
        };
        self.epochs = Epochs::resume(&mut from).ok_or(FormatError::OtherParser)?;
        self.facets.resume(&mut from).ok_or(FormatError::OtherParser)?;
        let table = Table::new(from.rest()).ok_or(FormatError::OtherParser)?;
        (self.passing, self.rows, self.step) = (passing != 0, rows, step);
        self.take(table);
        Ok(())
    }
}

impl Rows {
    /// A table whose last column is the only metric, with this name.
    pub(super) fn of_one_metric(name: Option<String>) -> Self {
        Self { only: name, ..Self::default() }
    }

    fn take(&mut self, mut table: Table) {
        if let (Some(name), Some(column)) = (&self.only, table.columns.last_mut()) {
            column.clone_from(name);
        }
        if let Some((run, name)) = &self.named
            && table.runs.is_empty()
            && table.only_values()
        {
            let last = table.columns.len() - 1;
            table.columns[last].clone_from(name);
            if let Some(run) = run {
                table.runs = vec![None; table.columns.len()];
                table.runs[last] = Some(run.clone());
            }
        }
        self.table = Some(table);
    }

    fn row(&mut self, row: &[u8], mut at: usize, sink: &mut Sink) {
        // What stood there when the machine went down was cut off; what follows was written after it.
        let row = match memchr::memrchr(0, row) {
            Some(nul) => {
                if row[..nul].iter().any(|b| !matches!(b, 0 | b' ')) {
                    sink.damaged(at, "a row that was cut off");
                }
                at += nul + 1;
                &row[nul + 1..]
            }
            None => row,
        };
        if row.trim_ascii().is_empty() {
            return;
        }
        let Some(table) = &self.table else {
            match Table::new(row) {
                Some(table) => self.take(table),
                None if row[0] == b'#' || is_ruler(row) => {}
                None => sink.damaged(at, "no header: the first line does not name columns"),
            }
            return;
        };
        if row[0] == b'#' || table.delimiter == b'|' && is_ruler(row) {
            return;
        }
        let from = sink.points.len();
        let mut cells = 0;
        let (mut step, mut wall, mut epoch) = (None, f64::NAN, None);
        let (mut name, mut named) = (None, None);
        for cell in table.cells(row) {
            let column = cells;
            cells += 1;
            let Some(key) = table.columns.get(column) else { continue };
            let value = table.number(&cell);
            if Some(column) == table.step {
                step = Some((value, blank(&cell)));
            }
            if let Some((naming, valued)) = table.pair {
                if column == naming && value.is_none() && !blank(&cell) {
                    name = Some(cell.into_owned());
                    continue;
                }
                named = if column == valued && value.is_some() { Some(sink.points.len()) } else { named };
            }
            let Some(value) = value else {
                if let Some(facet) = table.facets.get(column).copied().flatten() {
                    self.facets.note(facet, &cell);
                }
                continue;
            };
            if let Some(facet) = table.facets.get(column).copied().flatten() {
                self.facets.note_number(facet, key, value);
            }
            if Some(column) == table.epoch && value.fract() == 0.0 && (0.0..9e15).contains(&value) {
                epoch = Some((value as i64, None));
            }
            if Some(column) == table.wall {
                wall = seconds(value);
            }
            if !table.runs.is_empty() {
                let Some(run) = &table.runs[column] else { continue };
                let part = sink.part(run);
                sink.go_to_part(part);
            }
            if self.only.is_none() || column + 1 == table.columns.len() {
                let metric = sink.metric(key);
                sink.point(metric, 0, value, f64::NAN);
            }
            sink.go_to_part(0);
        }
        if let (Some(name), Some(at)) = (name, named)
            && at < sink.points.len()
            && step.is_some()
            && sink.may_name(&name)
        {
            sink.points[at].metric = sink.metric_bytes(name.trim_ascii());
        }
        let stepped = matches!(step, Some((Some(_), _)));
        let too_many = cells > table.columns.len();
        let of_epochs = table.step.is_some_and(|step| table.columns[step].to_lowercase().contains("epoch"));
        let step = match step {
            Some((None, false)) => {
                sink.points.truncate(from);
                self.facets.forget();
                match Table::new(row).filter(|again| again.step.is_some()) {
                    Some(again) => self.take(again),
                    None => sink.damaged(at, "a row without a number in the step column"),
                }
                return;
            }
            _ if too_many => {
                sink.points.truncate(from);
                self.facets.forget();
                sink.damaged(at, "a row with more cells than the header");
                return;
            }
            Some((Some(step), _)) if step.is_finite() => match whole_step(step) {
                Some(step) => self.epochs.step(epoch, (step, None), false),
                // Where epochs are the axis, a part of one is one that has begun.
                None if of_epochs && step.abs() < LONGEST_STEP => {
                    self.epochs.step(epoch, (step.floor() as i64, None), false)
                }
                None => {
                    sink.points.truncate(from);
                    self.facets.forget();
                    sink.damaged(at, ODD_STEP);
                    return;
                }
            },
            Some(_) => self.step,
            None => self.rows as i64,
        };
        self.step = step;
        self.rows += 1;
        for point in &mut sink.points[from..] {
            point.step = step;
            point.wall = wall;
        }
        self.facets.settle(from, stepped, sink);
    }
}

/// The row at `at`, without its line break, and where the next one begins. `None` if it is not whole.
fn row(input: &[u8], at: usize, last: bool) -> Option<(&[u8], usize)> {
    let rest = &input[at..];
    let first = memchr(b'\n', rest);
    let end = match first {
        Some(first) if memchr(b'"', &rest[..first]).is_none() => first,
        Some(first) => match closed(rest) {
            Some(end) => end,
            // Too far for a cell in quotes, or the file ends in it: the quote is just a character.
            None if rest.len() > LONGEST || last => first,
            None => return None,
        },
        None if last && !rest.is_empty() => rest.len(),
        None => return None,
    };
    let row = &rest[..end];
    Some((row.strip_suffix(b"\r").unwrap_or(row), (at + end + 1).min(input.len())))
}

/// The end of the first line whose quotes are all closed, within [`LONGEST`].
fn closed(rest: &[u8]) -> Option<usize> {
    let mut from = 0;
    let mut quotes = 0;
    for end in memchr_iter(b'\n', &rest[..rest.len().min(LONGEST)]) {
        quotes += memchr_iter(b'"', &rest[from..end]).count();
        if quotes % 2 == 0 {
            return Some(end);
        }
        from = end;
    }
    None
}

/// A time as seconds since 1970, from seconds or milliseconds between 2001 and 2286; NaN for anything else.
fn seconds(value: f64) -> f64 {
    match value {
        v if (1e9..1e10).contains(&v) => v,
        v if (1e12..1e13).contains(&v) => v / 1e3,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_and_aligned_tables_are_read_and_sentences_are_not() {
        let points = vec![("loss".to_owned(), 10, 2.5), ("loss".to_owned(), 20, 2.25)];
        for text in [
            "| step | loss |\n|---|---:|\n| 10 | 2.5 |\n| 20 | 2.25 |\n",
            "+----+\n| step | loss |\n+====+\n| 10 | 2.5 |\n+----+\n| 20 | 2.25 |\n+----+\n",
            "  step   loss\n    10  2.500\n    20  2.250\n",
        ] {
            assert!(Csv.recognise("log.txt", text.as_bytes()).is_some(), "{text}");
            let (read, damage) = read(text);
            let loss: Vec<_> = read.into_iter().filter(|(key, ..)| key == "loss").collect();
            assert_eq!((loss, damage), (points.clone(), 0), "{text}");
        }
        for text in [
            "every step counts\n10 20 30\n40 50 60\n",
            "step loss\nten 2.5\n20 2.25\n",
            "step loss\n10 2.5\n",
            "loading the step\nepoch 1 step 10 loss 2.5\nepoch 1 step 20 loss 2.4\n",
        ] {
            let recognised = Csv.recognise("train.log", text.as_bytes());
            assert!(recognised.is_none() || text.starts_with("every"), "{text}: {recognised:?}");
        }
    }

    fn read(text: &str) -> (Vec<(String, i64, f64)>, usize) {
        let mut sink = Sink::default();
        let mut parser = Csv.parser("metrics.csv");
        assert_eq!(parser.feed(text.as_bytes(), true, &mut sink), Ok(text.len()));
        let points = sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect();
        (points, sink.damage.len())
    }

    fn point(key: &str, step: i64, value: f64) -> (String, i64, f64) {
        (key.to_owned(), step, value)
    }

    #[test]
    fn a_step_that_is_no_whole_number_is_no_step() {
        let (points, damage) = read("step,loss\n1,2.5\n1.5,2.4\n9007199254740993,2.3\n1e300,2.2\n2,2.1\n");
        let losses: Vec<_> = points.into_iter().filter(|p| p.0 == "loss").collect();
        assert_eq!((losses, damage), (vec![point("loss", 1, 2.5), point("loss", 2, 2.1)], 3));
    }

    #[test]
    fn blanks_are_no_points_and_rows_end_in_any_way() {
        let (points, damage) = read("epoch,step,loss,val\r\n0,49,2.5,\r\n0,,,2.25\n1,99,,nan");
        let expected = [
            point("epoch", 49, 0.0),
            point("step", 49, 49.0),
            point("loss", 49, 2.5),
            point("epoch", 49, 0.0),
            point("val", 49, 2.25),
            point("epoch", 99, 1.0),
            point("step", 99, 99.0),
        ];
        assert_eq!(points[..7], expected);
        assert!(points[7].0 == "val" && points[7].2.is_nan(), "NaN is a value that was logged");
        assert_eq!((points.len(), damage), (8, 0));
    }

    #[test]
    fn a_header_between_rows_is_a_header() {
        let (points, damage) = read("step,loss\n1,5\nstep,lr,loss\n2,0.1,4\n");
        assert_eq!(points.last(), Some(&point("loss", 2, 4.0)));
        assert_eq!((points.len(), damage), (5, 0));
    }

    #[test]
    fn quotes_hold_delimiters_line_breaks_and_quotes() {
        let (points, damage) = read("step,\"text, long\",loss\n1,\"a \"\"b\"\",\nc\",5\n2,\"open,4\n3,x,3\n");
        assert_eq!(points[..2], [point("step", 1, 1.0), point("loss", 1, 5.0)]);
        assert!(points.contains(&point("loss", 3, 3.0)), "a quote that stays open takes one row with it, not all");
        assert_eq!(damage, 0);
    }

    #[test]
    fn numbers_as_spreadsheets_write_them() {
        let (points, damage) = read("step,loss,tokens\r\n\"1,000\",2.5,\"4,096,000\"\r\n\"2,000\",2.4,\"8,19\"\r\n");
        let expected = [("step", 1000, 1000.0), ("loss", 1000, 2.5), ("tokens", 1000, 4_096_000.0)];
        assert_eq!(points[..3], expected.map(|(key, step, value)| point(key, step, value)));
        assert_eq!((&points[3..], damage), (&[point("step", 2000, 2000.0), point("loss", 2000, 2.4)][..], 0));
        let text = "step;loss;lr\n1;2,5;1,5E-03\n2;-0,25;,5\n";
        let (points, damage) = read(text);
        let expected = [("step", 1, 1.0), ("loss", 1, 2.5), ("lr", 1, 1.5e-3), ("step", 2, 2.0), ("loss", 2, -0.25)];
        assert_eq!((points, damage), (expected.map(|(key, step, value)| point(key, step, value)).to_vec(), 0));
        assert!(Csv.recognise("metrics.csv", text.as_bytes()).is_some());
    }

    #[test]
    fn a_row_may_name_its_metric() {
        let (points, damage) = read("step,metric,value\n1,train/loss,2.5\n1,\"lr, max\",0.1\n2,,3\n2,train/loss,\n");
        let expected = [
            ("step", 1, 1.0),
            ("train/loss", 1, 2.5),
            ("step", 1, 1.0),
            ("lr, max", 1, 0.1),
            ("step", 2, 2.0),
            ("value", 2, 3.0),
            ("step", 2, 2.0),
        ];
        assert_eq!((points, damage), (expected.map(|(key, step, value)| point(key, step, value)).to_vec(), 0));
        assert_eq!(read("Wall time,Step,Value\n1.5,10,2.5\n").0[2], point("Value", 10, 2.5), "TensorBoard's own");
    }

    #[test]
    fn text_in_columns_makes_series_and_runs() {
        let (points, damage) = read("step,domain,val_loss\n10,code,3\n10,web,4\n20,code,2\n");
        let losses: Vec<_> = points.iter().filter(|p| p.0 != "step").cloned().collect();
        let expected = [("val_loss/code", 10, 3.0), ("val_loss/web", 10, 4.0), ("val_loss/code", 20, 2.0)];
        assert_eq!((losses, damage), (expected.map(|(key, step, value)| point(key, step, value)).to_vec(), 0));
        let mut sink = Sink::default();
        Csv.parser("m.csv").feed(b"run,step,loss\na,1,3\nb,1,4\na,2,2\n7,2,1\n", true, &mut sink).unwrap();
        let losses = sink.points.iter().filter(|p| sink.metrics()[p.metric as usize] == "loss");
        let parts: Vec<&str> =
            losses.map(|p| sink.parts().nth(sink.part_of()[p.metric as usize] as usize).unwrap()).collect();
        assert_eq!(parts, ["", "b", "", "7"]);
    }

    #[test]
    fn a_chart_of_several_runs_is_several_runs() {
        let text = "\"Step\",\"a - train/loss\",\"a - train/loss__MIN\",\"a - train/loss__MAX\",\"b - 2 - train/loss\",\"b - 2 - train/loss__MIN\",\"b - 2 - train/loss__MAX\"\n\
                    \"10\",\"3\",\"3\",\"3\",\"4\",\"4\",\"4\"\n\"20\",\"2\",\"2\",\"2\",\"\",\"\",\"\"\n";
        assert!(Csv.recognise("wandb_export.csv", text.as_bytes()).is_some());
        let mut sink = Sink::default();
        Csv.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let part = |metric: u32| sink.parts().nth(sink.part_of()[metric as usize] as usize).unwrap();
        let seen: Vec<(&str, &str, i64, f64)> = sink
            .points
            .iter()
            .map(|p| (part(p.metric), sink.metrics()[p.metric as usize].as_str(), p.step, p.value))
            .collect();
        assert_eq!(
            seen,
            [("a", "train/loss", 10, 3.0), ("b - 2", "train/loss", 10, 4.0), ("a", "train/loss", 20, 2.0)]
        );
    }

    #[test]
    fn without_steps_tokens_are_the_axis_and_steps_of_epochs_go_on() {
        assert_eq!(read("loss,tokens_seen\n3,1000\n2,2000\n").0[2], point("loss", 2000, 2.0));
        let steps: Vec<i64> = read("epoch,step,loss\n0,10,3\n0,20,3\n1,10,2\n").0.iter().map(|p| p.1).collect();
        assert_eq!(steps[6..], [30, 30, 30]);
    }

    #[test]
    fn rows_may_leave_their_step_to_the_one_before_and_count_batches_of_epochs() {
        let text = "step,loss,val_loss\n10,3.5,\n,,2.5\n20,3,\n,,2\n";
        assert!(Csv.recognise("x.csv", text.as_bytes()).is_some());
        let values: Vec<_> = read(text).0.into_iter().filter(|p| p.0 == "val_loss").map(|p| (p.1, p.2)).collect();
        assert_eq!(values, [(10, 2.5), (20, 2.0)]);
        let steps: Vec<_> = read("epoch,batch,loss\n1,50,3\n1,100,2\n2,50,1\n").0;
        let steps: Vec<i64> = steps.into_iter().filter(|p| p.0 == "loss").map(|p| p.1).collect();
        assert_eq!(steps, [50, 100, 150]);
        let ranks = read("step,rank,loss\n10,0,3\n10,1,3.5\n20,1,2\n20,0,2.5\n").0;
        let ranks: Vec<_> = ranks.into_iter().filter(|p| p.0 == "loss").map(|p| (p.1, p.2)).collect();
        assert_eq!(ranks, [(10, 3.0), (20, 2.0)]);
    }

    #[test]
    fn a_header_between_the_first_rows_is_no_damage_and_nul_bytes_are_passed_over() {
        let text = "step,loss\n1,5\nstep,loss,val_loss\n2,4,4.5\n3,3,3.5\n4,2,2.5\n";
        assert!(Csv.recognise("metrics.csv", text.as_bytes()).is_some());
        assert_eq!(read(text).0.iter().filter(|p| p.0 == "val_loss").count(), 3);
        let (points, damage) = read("step,loss\n1,5\n2,\x00\x00\x003,4\n");
        assert_eq!((points.len(), points[3].clone(), damage), (4, point("loss", 3, 4.0), 1));
    }

    #[test]
    fn damage_is_one_row() {
        let (points, damage) = read("step;loss\n1;5;6\nx;5\n2;4\n");
        assert_eq!(points, [point("step", 2, 2.0), point("loss", 2, 4.0)]);
        assert_eq!(damage, 2);
    }

    #[test]
    fn what_is_no_table_of_metrics_is_not_recognised() {
        for (path, head) in [
            ("a.csv", "name,score\nx,1\ny,2\n"),
            ("a.log", "step 1, loss 2\nstep 2, loss 1\n"),
            ("a.jsonl", "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n"),
            ("a.csv", "1,2\n3,4\n"),
            ("a.csv", "step,loss\n1,2,3\n4,5,6\n"),
            ("a.csv", "step,lo"),
        ] {
            assert_eq!(Csv.recognise(path, head.as_bytes()), None, "{head}");
        }
        for (path, head) in [
            ("a.csv", "step,loss\n"),
            ("a.txt", "iteration\tloss\n1\t2\n"),
            ("a.csv", ",loss\n0,1\n1,2\n"),
            ("a.csv", "loss,acc\n1,2\n"),
            ("a.csv", "epoch,phase,loss\n1,joint,2\n"),
            ("a.csv", "# host a\n# lr=0.1\nstep,loss\n1,2\n"),
        ] {
            assert!(Csv.recognise(path, head.as_bytes()).is_some(), "{head}");
        }
    }
}
