//! Blocks of several lines, as evaluations and steps are printed.
//!
//! ```text
//! |    Tasks    |Version|Filter|n-shot| Metric |   |Value |   |Stderr|      lm-evaluation-harness, lm_eval/utils.py (make_table)
//! |-------------|------:|------|-----:|--------|---|-----:|---|-----:|
//! |arc_challenge|      1|none  |     0|acc     |↑  |0.2005|±  |0.0117|
//!
//! ***** eval metrics *****                                                  transformers, trainer_pt_utils.py (log_metrics)
//!   eval_loss               =     2.3101
//!
//!      Validate metric           DataLoader 0                               pytorch-lightning, loops/evaluation_loop.py
//! ─────────────────────────────────────────────                             (_print_results), also with boxes
//!         val_loss            2.310000
//!
//! Validation loss by domain:                                                scripts of one's own
//!     web: 2.31
//!
//! Validation @ step 100
//! domain     loss    ppl
//! web        2.31  10.07
//!
//! --- step 100 ---
//!   loss: 2.31
//! ```
//!
//! A heading ([`heading`]) is followed by rows of a name and a number, or by a table whose first column names corpora. Rows count
//! once one of them is a measure; under a heading of an evaluation also where all of them are fractions, which corpora beside
//! each other are. The first line that is no row ends the block.

use super::super::names::says_held_out;
use super::super::stdout;
use super::heading::{heading, said};
use super::row::{cells, is_ruler, number, pair};
use crate::ingest::formats::facets::{self, Facet, is_axis, named};
use serde::{Deserialize, Serialize};

/// What is read, line by line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Block {
    kind: Kind,
    step: i64,
    /// Whether a line of it has been read, and none since is empty.
    began: bool,
    /// Lines so far.
    lines: u32,
    /// Rows that wait for one that says that something is measured.
    held: Vec<(String, f64)>,
    /// Whether all rows so far were fractions.
    fractions: bool,
    /// What was found: name, step, value.
    #[serde(skip)]
    pub found: Vec<(String, i64, f64)>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    /// Rows of a name and a number.
    Rows { word: String, measure: String, domain: String, measured: bool },
    /// A table with a column of corpora, or of tasks.
    Wide { word: String, columns: Vec<String> },
    /// A table with columns of tasks, metrics and values.
    Long { metric: usize, value: usize, filter: Option<usize>, columns: usize, task: String },
    /// Lightning's, with a column for each set of data.
    Loaders { word: String, count: usize },
}

/// Most lines of a block.
const MOST: u32 = 2_000;

impl Block {
    /// The block that a line opens; `last` is the newest step. `alone`: no program that knows its own steps reads along.
    pub fn opened_by(line: &str, last: Option<i64>, alone: bool) -> Option<Self> {
        let line = said(line);
        let of = |kind, step| Self {
            kind,
            step,
            began: false,
            lines: 0,
            held: Vec::new(),
            fractions: true,
            found: Vec::new(),
        };
        if let Some(kind) = table(line, "") {
            return Some(of(kind, last?));
        }
        let found = heading(line)?;
        if found.word.is_none() && !alone {
            return None;
        }
        let step = found.step.or(last)?;
        let text = |text: Option<String>| text.unwrap_or_default();
        Some(of(
            Kind::Rows {
                word: text(found.word),
                measure: text(found.measure),
                domain: text(found.domain),
                measured: false,
            },
            step,
        ))
    }

    /// Reads a line; `false` where it is not of this block.
    pub fn line(&mut self, line: &str) -> bool {
        self.lines += 1;
        let whole = said(line);
        let line = whole.trim_end();
        if is_ruler(line) {
            // An empty line may stand before the rows, and between a table and its frame.
            return self.lines <= MOST && !(line.is_empty() && self.began);
        }
        if self.lines > MOST {
            return false;
        }
        let is_row = self.row(line);
        self.began |= is_row;
        is_row
    }

    fn row(&mut self, line: &str) -> bool {
        if !self.began
            && let Kind::Rows { word, .. } = &self.kind
            && let Some(kind) = table(line, word)
        {
            self.kind = kind;
            return true;
        }
        let step = self.step;
        match &mut self.kind {
            Kind::Rows { word, measure, domain, measured } => {
                let Some((name, text)) = pair(line) else { return false };
                let Some(value) = number(text) else {
                    // 'eval_runtime = 0:00:01.23'
                    return line.starts_with([' ', '\t']) && text.len() <= 40 && !text.contains(['|', '│']);
                };
                if is_axis(name) {
                    // The next of such blocks may begin with its step.
                    return !stdout::is_step(name.as_bytes());
                }
                *measured |= stdout::is_measured(name.as_bytes()) || !measure.is_empty();
                self.fractions &= value.fract() != 0.0;
                let name = row_name(name, word, measure, domain);
                self.held.push((name, value));
                if *measured {
                    self.found.extend(self.held.drain(..).map(|(name, value)| (name, step, value)));
                }
                true
            }
            Kind::Wide { word, columns } => {
                let Some(cells) =
                    cells(line).filter(|cells| cells.len() == columns.len()).or_else(|| spaced(line, columns.len()))
                else {
                    return false;
                };
                let domain = cells[0];
                if domain.is_empty() || number(domain).is_some() {
                    return false;
                }
                let numbers: Vec<Option<f64>> = cells[1..].iter().map(|cell| number(cell)).collect();
                if numbers.iter().all(Option::is_none) {
                    return false;
                }
                let is_all = ["average", "avg", "mean", "total", "overall", "all"]
                    .contains(&domain.to_ascii_lowercase().as_str());
                for (column, value) in columns[1..].iter().zip(numbers) {
                    if let Some(value) = value.filter(|_| !is_axis(column)) {
                        let split = if says_held_out(column.as_bytes()) { "" } else { word.as_str() };
                        self.found.push((named(column, split, if is_all { "" } else { domain }, ""), step, value));
                    }
                }
                true
            }
            Kind::Long { metric, value, filter, columns, task } => {
                let Some(cells) = cells(line).filter(|cells| cells.len() == *columns) else { return false };
                let of = cells[0].trim_start_matches(['-', ' ']);
                if !of.is_empty() {
                    of.clone_into(task);
                }
                if let Some(value) = number(cells[*value]).filter(|_| !task.is_empty()) {
                    let filter = filter.map(|at| cells[at]).filter(|filter| !matches!(*filter, "" | "none"));
                    let filter = filter.map_or_else(String::new, |filter| format!(",{filter}"));
                    self.found.push((format!("{task}/{}{filter}", cells[*metric]), step, value));
                }
                true
            }
            Kind::Loaders { word, count } => {
                let inner = line.trim().trim_matches(['│', '|']);
                let cells: Vec<&str> = inner
                    .split(|c: char| matches!(c, '│' | '|') || c.is_whitespace())
                    .filter(|c| !c.is_empty())
                    .collect();
                if cells.len() < 2 || cells.len() > *count + 1 || cells[1..].iter().any(|cell| number(cell).is_none()) {
                    return false;
                }
                for (loader, cell) in cells[1..].iter().enumerate() {
                    let suffix = if *count > 1 { format!("/dataloader_idx_{loader}") } else { String::new() };
                    if let Some(value) = number(cell) {
                        let name = cells[0];
                        let name =
                            if says_held_out(name.as_bytes()) { name.to_owned() } else { format!("{word}/{name}") };
                        self.found.push((name + &suffix, step, value));
                    }
                }
                true
            }
        }
    }

    /// The block is over.
    pub fn end(&mut self) {
        if let Kind::Rows { word, .. } = &self.kind
            && !word.is_empty()
            && self.fractions
            && self.held.len() >= 2
        {
            let step = self.step;
            self.found.extend(self.held.drain(..).map(|(name, value)| (name, step, value)));
        }
    }
}

/// What a row is kept as.
fn row_name(name: &str, word: &str, measure: &str, domain: &str) -> String {
    if word.is_empty() || says_held_out(name.as_bytes()) {
        return name.to_owned();
    }
    if stdout::is_measured(name.as_bytes()) {
        return named(name, word, domain, "");
    }
    let is_all = ["average", "avg", "mean", "total", "overall"].contains(&name.to_ascii_lowercase().as_str());
    match measure {
        "" => format!("{word}/{name}"),
        measure if is_all => format!("{word}/{measure}"),
        measure => format!("{word}/{name}/{measure}"),
    }
}

/// The table that a line is the header of.
fn table(line: &str, word: &str) -> Option<Kind> {
    let cells = cells(line).or_else(|| spaced(line, 0))?;
    let lower: Vec<String> = cells.iter().map(|cell| cell.to_ascii_lowercase()).collect();
    let place = |name: &str| lower.iter().position(|cell| cell == name);
    let of_tasks = matches!(lower[0].as_str(), "task" | "tasks" | "group" | "groups");
    if let (true, Some(metric), Some(value)) = (of_tasks, place("metric"), place("value")) {
        let (filter, columns, task) = (place("filter"), cells.len(), String::new());
        return Some(Kind::Long { metric, value, filter, columns, task });
    }
    if let [first, loaders @ ..] = lower.as_slice()
        && let Some(stage) = first.strip_suffix(" metric")
        && !loaders.is_empty()
        && loaders.iter().all(|cell| cell.starts_with("dataloader "))
    {
        let word = if stage.ends_with("test") || stage.ends_with("testing") { "test" } else { "val" };
        return Some(Kind::Loaders { word: word.to_owned(), count: loaders.len() });
    }
    let singular = lower[0].strip_suffix('s').unwrap_or(&lower[0]);
    let names =
        matches!(facets::facet(singular), Some(Facet::Domain | Facet::Data)) || !word.is_empty() && lower[0] == "name";
    let texts = cells[1..].iter().all(|cell| !cell.is_empty() && number(cell).is_none());
    let measured = cells[1..].iter().any(|cell| stdout::is_measured(cell.as_bytes()));
    (names && texts && measured && cells.len() <= 32).then(|| Kind::Wide {
        word: if word.is_empty() { "eval".to_owned() } else { word.to_owned() },
        columns: cells.iter().map(|cell| (*cell).to_owned()).collect(),
    })
}

/// Cells one space apart, as many as there must be (or as there are, with 0).
fn spaced(line: &str, count: usize) -> Option<Vec<&str>> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    (cells.len() >= 2 && (count == 0 || cells.len() == count) && !line.contains(['|', '│'])).then_some(cells)
}
