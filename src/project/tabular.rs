//! Reading of CSV tables of finished runs, with joins.

use super::ProjectError;
use super::suggest::{closest, listed};
use super::table::TableSource;
use crate::open;
use crate::vocab::count::{counted, verb};
use std::collections::HashMap;
use std::path::Path;

/// Largest table accepted, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// A table: named columns, and rows of cells with their line numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells {
    /// The file as the project names it, for messages.
    pub named: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Line of the file, from 1, and the cells of the row, one per column.
    pub rows: Vec<(u64, Vec<String>)>,
    /// Rows that were excluded while reading, as sentences.
    pub dropped: Vec<String>,
}

impl Cells {
    /// The index of a column.
    ///
    /// # Errors
    /// [`ProjectError::Unreadable`], with a similar name as help.
    pub fn column(&self, name: &str) -> Result<usize, ProjectError> {
        self.columns.iter().position(|c| c == name).ok_or_else(|| {
            let names = || self.columns.iter().map(String::as_str);
            let help = match closest(name, names()) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("its columns are {}", listed(names())),
            };
            self.refuse(format!("there is no column '{name}'"), help)
        })
    }

    /// An error about this table.
    #[must_use]
    pub fn refuse(&self, reason: String, help: String) -> ProjectError {
        ProjectError::Unreadable { path: self.named.clone().into(), reason, help }
    }

    /// Parses a CSV or TSV file whose first row names the columns. Rows of another length are an error.
    ///
    /// # Errors
    /// [`ProjectError::Unreadable`].
    pub fn from_bytes(named: &str, bytes: &[u8]) -> Result<Self, ProjectError> {
        let mut cells = Self { named: named.to_owned(), ..Self::default() };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let head = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let count = |b: u8| head.iter().filter(|c| **c == b).count();
        let separator = [b',', b'\t', b';'].into_iter().max_by_key(|b| (count(*b), *b == b',')).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(bytes);
        let read = |error: &csv::Error| {
            let line = error.position().map_or(String::new(), |p| format!("line {}: ", Lines::default().of(p, bytes)));
            let what = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{len} cells where the header has {expected_len}")
                }
                csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            cells.refuse(format!("{line}{what}"), "fix that line; quote a cell that contains a separator".to_owned())
        };
        let columns: Vec<String> =
            reader.headers().map_err(|e| read(&e))?.iter().map(|c| c.trim().to_owned()).collect();
        let mut rows = Vec::new();
        let mut lines = Lines::default();
        for record in reader.records() {
            let record = record.map_err(|e| read(&e))?;
            let line = record.position().map_or(0, |position| lines.of(position, bytes));
            rows.push((line, record.iter().map(|c| c.trim().to_owned()).collect()));
        }
        (cells.columns, cells.rows) = (columns, rows);
        if cells.rows.is_empty() {
            let help = "the first line must name the columns; each further line is one observation".to_owned();
            return Err(cells.refuse("this table has no rows".to_owned(), help));
        }
        Ok(cells)
    }

    /// Adds the columns of `other` to the rows with the same value of `on`. Rows without a match are excluded.
    ///
    /// # Errors
    /// [`ProjectError::Unreadable`] if a table has no such column, or `other` has a duplicate value.
    pub fn join(mut self, other: &Self, on: &str) -> Result<Self, ProjectError> {
        let (key, other_key) = (self.column(on)?, other.column(on)?);
        let mut partners: HashMap<&str, &Vec<String>> = HashMap::new();
        for (line, row) in &other.rows {
            if partners.insert(&row[other_key], row).is_some() {
                let reason = format!("line {line}: duplicate value '{}' in column '{on}'", row[other_key]);
                return Err(
                    other.refuse(reason, "each row of the joined table needs a unique value in that column".to_owned())
                );
            }
        }
        let fresh: Vec<usize> =
            (0..other.columns.len()).filter(|i| !self.columns.contains(&other.columns[*i])).collect();
        self.columns.extend(fresh.iter().map(|i| other.columns[*i].clone()));
        let before = self.rows.len();
        self.rows.retain_mut(|(_, row)| {
            let partner = partners.get(row[key].as_str());
            row.extend(partner.into_iter().flat_map(|p| fresh.iter().map(|i| p[*i].clone())));
            partner.is_some()
        });
        if self.rows.len() < before {
            let lost = before - self.rows.len();
            let (rows, have) = (counted(lost, "row"), verb(lost, "has", "have"));
            self.dropped.push(format!("{rows} {have} no match in {}", other.named));
        }
        Ok(self)
    }
}

/// Line numbers of records. The CSV reader's own count is off after `\r\n` and after blank lines.
#[derive(Default)]
struct Lines {
    counted: usize,
    breaks: u64,
}

impl Lines {
    fn of(&mut self, position: &csv::Position, bytes: &[u8]) -> u64 {
        let byte = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(bytes.len());
        let blank = bytes[byte..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = &bytes[self.counted.min(byte + blank)..byte + blank];
        self.breaks += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.counted = byte + blank;
        self.breaks + 1
    }
}

/// Reads a table, and joins the second table if there is one.
///
/// # Errors
/// [`ProjectError::Unreadable`], with help.
pub fn read(source: &TableSource) -> Result<Cells, ProjectError> {
    let cells = read_one(&source.path, &source.named)?;
    match &source.join {
        None => Ok(cells),
        Some((path, on)) => {
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            cells.join(&read_one(path, &name)?, on)
        }
    }
}

fn read_one(path: &Path, named: &str) -> Result<Cells, ProjectError> {
    let refuse =
        |reason: String, help: &str| ProjectError::Unreadable { path: named.into(), reason, help: help.to_owned() };
    let bytes = open::whole(path, MAX_BYTES);
    let bytes = bytes.map_err(|e| refuse(e.to_string(), "give a CSV file, relative to the project file"))?;
    Cells::from_bytes(named, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Cells {
        Cells::from_bytes("t.csv", text.as_bytes()).unwrap_or_else(|e| panic!("{}", e.report()))
    }

    #[test]
    fn cells_are_read_whatever_the_separator_and_quoting() {
        for text in ["a,\"b c\"\n1,\"x,y\"\n", "a\tb c\r\n1\tx,y\r\n", "\u{feff}a;b c\n1;x,y"] {
            let cells = cells(text);
            assert_eq!(cells.columns, ["a", "b c"], "{text:?}");
            assert_eq!(cells.rows, [(2, vec!["1".to_owned(), "x,y".to_owned()])], "{text:?}");
        }
    }

    #[test]
    fn damage_is_said_with_its_line() {
        for (text, says) in [
            ("", "no rows"),
            ("a,b\n", "no rows"),
            ("a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2"),
            ("a,b\r\n1,2\r\n\r\n3\r\n", "line 4: 1 cells where the header has 2"),
            ("a,b\n1,\u{fffd}\n", ""),
        ] {
            match Cells::from_bytes("t.csv", text.as_bytes()) {
                Ok(_) => assert_eq!(says, "", "{text}"),
                Err(error) => assert!(!says.is_empty() && error.report().contains(says), "{}", error.report()),
            }
        }
        let error = Cells::from_bytes("t.csv", b"a,b\n1,\xff\n").expect_err("not UTF-8");
        assert!(error.report().contains("line 2: not UTF-8"), "{}", error.report());
        let error = cells("size,loss\n1,2\n").column("Size").expect_err("no such column");
        assert!(error.report().contains("did you mean 'size'?"), "{}", error.report());
    }

    #[test]
    fn a_join_adds_columns_and_counts_what_has_no_partner() {
        let joined = cells("i,w\n1,a\n2,b\n3,c\n").join(&cells("w,i,loss\nz,3,0.3\nz,1,0.1\n"), "i").expect("a join");
        assert_eq!(joined.columns, ["i", "w", "loss"]);
        let rows: Vec<String> = joined.rows.iter().map(|(line, r)| format!("{line}:{}", r.join(" "))).collect();
        assert_eq!(rows, ["2:1 a 0.1", "4:3 c 0.3"]);
        assert_eq!(joined.dropped, ["1 row has no match in t.csv"]);
        let twice = cells("i\n1\n").join(&cells("i,l\n1,2\n1,3\n"), "i").expect_err("twice");
        assert!(twice.report().contains("line 3: duplicate value '1'"), "{}", twice.report());
    }
}
