//! Trait of console formats, which are recognised line by line.

use crate::ingest::formats::{Format, Parser};

/// What one line says about who prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Only this program prints such a line, but it holds no metric.
    Header,
    /// A line of metrics.
    Metric,
}

/// A format that is recognised line by line. Whatever is one is a [`Format`].
pub trait ConsoleFormat: Format {
    /// Its name as a [`Format`].
    fn called(&self) -> &'static str;

    /// What a metric line of it is, in the reason why a file is recognised: "iteration lines".
    fn what(&self) -> &'static str;

    /// Stretches of its logs that together have every kind of line it knows; see [`Format::examples`].
    fn lines(&self) -> &'static [&'static str];

    /// How the tests write a log of it.
    #[cfg(test)]
    fn dialect(&self) -> Dialect;

    /// How sure it may be of itself.
    fn trust(&self) -> Trust {
        Trust::SURE
    }

    /// What `line` (without colours) says about who prints it; `None` for lines that anything might print.
    fn sign(&self, line: &[u8]) -> Option<Sign>;

    /// Whether its logs begin with the source of the program, which may quote lines of metrics.
    fn shows_its_source(&self) -> bool {
        false
    }

    /// Whether its parser reads all that it prints of evaluations, which may be blocks of lines.
    fn reads_evaluations(&self) -> bool {
        false
    }

    /// Whether its parser makes something of a line of an evaluation, though later than when it is given it.
    fn knows(&self, line: &[u8]) -> bool {
        let _ = line;
        false
    }

    /// A parser that goes on after `newlines` line breaks that someone else has read.
    fn parser_after(&self, newlines: u64) -> Box<dyn Parser>;
}

/// A log of a format as the tests write it, to see it grow, break, move and come back.
#[cfg(test)]
pub struct Dialect {
    /// Names that files of it may have.
    pub names: [&'static str; 3],
    /// The line (or lines) of a step with this loss.
    pub line: fn(step: u64, loss: &str) -> String,
}

#[cfg(test)]
impl Dialect {
    /// Of console output under its usual names.
    pub fn new(line: fn(u64, &str) -> String) -> Self {
        Self { names: ["job.log", "job.log.1", "other.out"], line }
    }
}

/// How sure a format may be of itself.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    /// Confidence from one metric line on; the more lines, the higher, by up to 5.
    pub metric: u8,
    /// Confidence where there are only header lines; 0 for formats that have none.
    pub header: u8,
}

impl Trust {
    /// For lines no other program prints.
    pub const SURE: Self = Self { metric: 90, header: 80 };
}

/// Whether a file may be console output at all: text, and by its name not a document, a script or a configuration (which
/// may quote log lines).
pub(in crate::ingest::formats) fn may_be_console(path: &str, head: &[u8]) -> bool {
    const OTHERS: [&str; 27] = [
        "md", "rst", "tex", "py", "pyc", "ipynb", "rs", "c", "cu", "cpp", "h", "js", "sh", "bash", "sbatch", "slurm",
        "json", "jsonl", "yaml", "yml", "toml", "html", "css", "xml", "csv", "tsv", "patch",
    ];
    let extension = path.rsplit(['/', '\\']).next().and_then(|name| name.rsplit_once('.')).map(|(_, e)| e);
    !head.is_empty()
        && memchr::memchr(0, head).is_none()
        && !extension.is_some_and(|e| OTHERS.iter().any(|other| other.eq_ignore_ascii_case(e)))
}

/// Whether a file is output of a job by its name: `train.log`, `slurm-1.out`, `stdout`.
pub(in crate::ingest::formats) fn is_named_output(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "log" | "out" | "err" | "stdout" | "stderr"),
        None => ["log", "out", "stdout", "stderr"].contains(&name),
    }
}
