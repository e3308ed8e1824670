//! A table's header: what its columns are, and how a row falls into cells.

use crate::ingest::formats::facets::{Facet, facet};
use crate::ingest::formats::jsonl::{BATCHES, COUNTS, STEP_KEYS};
use crate::ingest::formats::scan::{number_with_commas, whole_number};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::collections::HashMap;

/// What a header says.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub header: Vec<u8>,
    pub delimiter: u8,
    pub columns: Vec<String>,
    pub step: Option<usize>,
    pub wall: Option<usize>,
    /// The column with the epoch, where another has the step.
    pub epoch: Option<usize>,
    /// What text in each column says a row is of; empty where there is no such column.
    pub facets: Vec<Option<Facet>>,
    /// The run that each column is of, where the table is a chart of several; empty for any other.
    pub runs: Vec<Option<String>>,
    /// The columns with the name of a metric and with its value, where rows are of one metric each.
    pub pair: Option<(usize, usize)>,
}

impl Table {
    /// `None` if the line does not look like names of columns.
    pub fn new(header: &[u8]) -> Option<Self> {
        let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let line = header.strip_prefix(b"#").unwrap_or(header);
        let count = |delimiter: &u8| memchr_iter(*delimiter, line).count();
        let drawn = line.trim_ascii().len() > 1 && is_drawn(line);
        let between = [b'\t', b',', b';'].into_iter().rev().max_by_key(count).filter(|d| count(d) > 0);
        let delimiter = if drawn { b'|' } else { between.unwrap_or(b' ') };
        let mut table = Self {
            header: header.to_vec(),
            delimiter,
            columns: Vec::new(),
            step: None,
            wall: None,
            epoch: None,
            facets: Vec::new(),
            runs: Vec::new(),
            pair: None,
        };
        let names: Vec<String> =
            table.cells(line).map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect();
        if names.len() < 2 && delimiter == b' ' {
            return None;
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (i, name) in names.iter().enumerate() {
            // A column without a name is pandas' index; any other is a sign that this is no header.
            let unnamed = name.is_empty();
            if (unnamed && i > 0) || whole_number(name.as_bytes()).is_some() || name.starts_with(['{', '[', '<']) {
                return None;
            }
            let name = if unnamed { "Unnamed: 0" } else { name };
            // As pandas tells columns of the same name apart.
            let again = seen.entry(name).or_insert(0);
            table.columns.push(if *again == 0 { name.to_owned() } else { format!("{name}.{again}") });
            *again += 1;
        }
        let normal: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase().replace([' ', '-'], "_")).collect();
        let position = |wanted: &[&str]| wanted.iter().find_map(|name| normal.iter().position(|n| n == name));
        table.step = position(&STEP_KEYS)
            .or_else(|| position(&["training_iteration"]))
            .or_else(|| position(&BATCHES).filter(|_| position(&["epoch"]).is_some()))
            .or_else(|| position(&COUNTS))
            .or_else(|| position(&["epoch", "epochs"]))
            .or_else(|| names[0].is_empty().then_some(0));
        if delimiter == b' ' && table.step.is_none() {
            return None; // A line of text.
        }
        table.pair = position(&["metric", "metric_name", "name", "key", "tag"]).zip(position(&["value"]));
        table.take_runs();
        table.epoch = position(&["epoch"]).filter(|epoch| table.step != Some(*epoch));
        // Without a value beside it, a name is that of the row.
        let of_the_row = |name: &str| match name {
            _ if table.pair.is_some() => None,
            "name" => Some(Facet::Name),
            "tag" | "metric_name" => Some(Facet::Split),
            _ => None,
        };
        let facets: Vec<Option<Facet>> = normal.iter().map(|name| facet(name).or_else(|| of_the_row(name))).collect();
        if facets.iter().any(Option::is_some) {
            table.facets = facets;
        }
        table.wall = position(&["_timestamp", "timestamp", "wall_time", "walltime", "time", "ts"]);
        Some(table)
    }

    /// Columns of a chart that W&B exported become their metric, of their run.
    fn take_runs(&mut self) {
        let range = |name: &str| {
            let of = |end| self.columns.iter().any(|c| c.strip_suffix(end) == Some(name));
            of("__MIN") && of("__MAX")
        };
        let runs: Vec<Option<(String, String)>> = self
            .columns
            .iter()
            .map(|c| c.rsplit_once(" - ").filter(|_| range(c)).map(|(run, metric)| (run.to_owned(), metric.to_owned())))
            .collect();
        if runs.iter().all(Option::is_none) {
            return;
        }
        for (column, run) in self.columns.iter_mut().zip(&runs) {
            if let Some((_, metric)) = run {
                column.clone_from(metric);
            }
        }
        self.runs = runs.into_iter().map(|run| run.map(|(run, _)| run)).collect();
    }

    /// Whether it has nothing but steps, times perhaps, and values that are called no more than that.
    pub fn only_values(&self) -> bool {
        let last = self.columns.len().saturating_sub(1);
        let value = self.columns.last().map(|name| name.to_ascii_lowercase());
        value.is_some_and(|name| matches!(name.as_str(), "value" | "values" | "y"))
            && self.step.is_some_and(|step| step != last)
            && (0..last).all(|column| Some(column) == self.step || Some(column) == self.wall)
    }

    /// The header that a row between others is: it has text where the step would be, and names a step.
    pub fn again(&self, row: &[u8]) -> Option<Self> {
        let cell = self.cells(row).nth(self.step?)?;
        if blank(&cell) || self.number(&cell).is_some() {
            return None;
        }
        Self::new(row).filter(|again| again.step.is_some())
    }

    /// The number in a cell: as programs write it, or as spreadsheets do, with commas between thousands or, between
    /// semicolons, with a comma for the point.
    pub fn number(&self, cell: &[u8]) -> Option<f64> {
        whole_number(cell).or_else(|| {
            let cell = cell.trim_ascii();
            let comma = memchr(b',', cell)?;
            if self.delimiter == b';' {
                let point = [&cell[..comma], b".", &cell[comma + 1..]].concat();
                return whole_number(&point)
                    .filter(|_| comma > 0 && cell.get(comma + 1).is_some_and(u8::is_ascii_digit));
            }
            number_with_commas(cell).filter(|(_, length)| *length == cell.len()).map(|(value, _)| value)
        })
    }

    pub fn cells<'a>(&self, row: &'a [u8]) -> Cells<'a> {
        let row = if self.delimiter == b'|' { undrawn(row) } else { row };
        Cells { rest: Some(row), delimiter: self.delimiter, quoted: memchr(b'"', row).is_some() }
    }
}

/// The cells of a row, without quotes.
pub struct Cells<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
    quoted: bool,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        if self.delimiter == b' ' {
            return self.word(rest);
        }
        if self.quoted && rest.first() == Some(&b'"') {
            return Some(Cow::Owned(self.in_quotes(&rest[1..])));
        }
        let end = memchr(self.delimiter, rest);
        self.rest = end.map(|end| &rest[end + 1..]);
        Some(Cow::Borrowed(&rest[..end.unwrap_or(rest.len())]))
    }
}

impl<'a> Cells<'a> {
    /// The next word, where any number of spaces stands between cells.
    fn word(&mut self, rest: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let rest = rest.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        self.rest = Some(&rest[end..]);
        (end > 0).then(|| Cow::Borrowed(&rest[..end]))
    }

    /// What is inside the quotes; two quotes stand for one (RFC 4180).
    fn in_quotes(&mut self, mut rest: &'a [u8]) -> Vec<u8> {
        let mut cell = Vec::new();
        loop {
            let end = memchr(b'"', rest).unwrap_or(rest.len());
            cell.extend_from_slice(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            if rest.first() != Some(&b'"') {
                break;
            }
            cell.push(b'"');
            rest = &rest[1..];
        }
        let end = memchr(self.delimiter, rest);
        self.rest = end.map(|end| &rest[end + 1..]);
        cell
    }
}

/// Whether a row is drawn between bars: `| 10 | 2.5 |`.
fn is_drawn(row: &[u8]) -> bool {
    let row = row.trim_ascii();
    row.starts_with(b"|") && row.ends_with(b"|")
}

/// A row without the bars at its ends.
fn undrawn(row: &[u8]) -> &[u8] {
    let row = row.trim_ascii();
    let row = row.strip_prefix(b"|").unwrap_or(row);
    row.strip_suffix(b"|").unwrap_or(row)
}

/// Whether a row is a line between the rows of a drawn table: `|---|---:|`, `+-----+`.
pub fn is_ruler(row: &[u8]) -> bool {
    let row = row.trim_ascii();
    row.len() > 2
        && row.iter().all(|b| matches!(b, b'-' | b'|' | b'+' | b':' | b'=' | b' '))
        && (row.contains(&b'-') || row.contains(&b'='))
}

/// Whether a cell says that there is nothing in it.
pub fn blank(cell: &[u8]) -> bool {
    matches!(cell.trim_ascii(), b"" | b"None" | b"null" | b"NULL" | b"NA" | b"N/A" | b"<NA>" | b"-")
}
