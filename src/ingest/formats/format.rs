//! A log format: how it recognises a file, and how it reads one.

use super::sink::Sink;

/// Bytes of a file's beginning that its format is recognised from.
pub const HEAD: usize = 64 << 10;

/// How a file in this format grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Records are appended: it can be tailed from an offset.
    Appended,
    /// Rewritten whole each time: it is parsed from the beginning when it changes, and the newest version stands.
    Rewritten,
    /// Rows are added to a database, which is asked for those that are new.
    Rows,
}

/// Why a format thinks a file is its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognition {
    /// 0 to 100; the highest of all formats wins. 90 and up: magic bytes or keys no other format has. Around 50: it
    /// parses, but so might others.
    pub confidence: u8,
    /// For `check`: "TensorBoard records with valid checksums".
    pub why: String,
}

/// A log format.
pub trait Format: Sync {
    /// Short name, as in `check` and in the project file: `jsonl`, `tfevents`.
    fn name(&self) -> &str;

    /// How files in this format grow.
    fn growth(&self) -> Growth {
        Growth::Appended
    }

    /// Whether records say how long they are, so that the end of the file never stands for the end of one.
    fn framed(&self) -> bool {
        false
    }

    /// Whether a file with this path (relative to its run) and beginning (up to [`HEAD`]) is in this format. `None` where
    /// it is not, or where the beginning is too short to tell.
    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition>;

    /// Stretches of files in this format that together have every kind of record it knows, as programs write them:
    /// what the tests cut into pieces and fuzzing starts from. Empty where they are made by the tests' own writers.
    fn examples(&self) -> &'static [&'static str] {
        &[]
    }

    /// A parser at the beginning of a file. `path` is relative to the run: some formats (dvclive, MLflow) name the
    /// metric by it.
    fn parser(&self, path: &str) -> Box<dyn Parser>;
}

/// The state of reading one file.
pub trait Parser: Send {
    /// Reads whole records from the front of `input` into `sink` and returns the bytes used. What is left (a partial
    /// record) is given again, with more behind it. A record that is damaged is used up, and reported to the sink with
    /// its place; it never stops the file. Called with `last` when the file is known to be complete or has been quiet
    /// for long: a final line without its line break may then be taken as whole.
    ///
    /// # Errors
    /// [`FormatError`] only where nothing after this point can be read.
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError>;

    /// What must be known to go on at the current offset in another process (a CSV header, the step of the current
    /// block): a few bytes, kept with the offset. Empty where nothing need be known.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes up what [`Parser::save`] gave.
    ///
    /// # Errors
    /// [`FormatError`] where the bytes are not of this parser: the file is then read from its beginning.
    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        if saved.is_empty() { Ok(()) } else { Err(FormatError::OtherParser) }
    }
}

/// What a format says against a file, by what follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is no log that is known: it is left alone. Says what it is instead, for `check`.
    #[error("{0}")]
    Refused(String),
    /// Nothing after this point can be read: it is not read on until it is replaced. Says what stands there.
    #[error("{0}")]
    Stuck(String),
    /// What was kept is the state of another parser: the file is read from its beginning.
    #[error("state of another parser")]
    OtherParser,
}
