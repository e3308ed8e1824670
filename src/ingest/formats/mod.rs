//! Log formats, one file each. A format recognises files by content and parses complete records to points.
//!
//! Formats are pure: they are given bytes and never open a file. What drives them is [`crate::ingest`]'s tail: it reads
//! a stretch of a file, calls [`Parser::feed`], stores the points together with the offset of the last whole record,
//! and calls again with the rest in front when more has been written.

pub mod blocks;
mod chorus;
pub mod console;
pub mod csv;
pub mod custom;
#[cfg(feature = "sqlite")]
pub mod database;
pub mod dvclive;
pub mod epochs;
pub(super) mod facets;
mod format;
pub mod json_history;
pub mod jsonl;
pub mod lines;
pub mod mlflow;
#[cfg(feature = "parquet")]
pub mod parquet_history;
pub mod protobuf;
pub mod python_dict;
pub mod python_json;
pub mod refuse;
pub mod saved;
pub mod scan;
pub mod sink;
pub mod tensor;
pub mod tfevents;
pub mod trainer_state;
pub mod wandb;

use custom::CustomFormat;
pub use format::{Format, FormatError, Growth, HEAD, Parser, Recognition};
pub use sink::{RawPoint, Restart, Sink};
use std::sync::LazyLock;

/// Every format, in the order in which ties are broken.
#[must_use]
pub fn all() -> &'static [&'static dyn Format] {
    static ALL: LazyLock<Vec<&dyn Format>> = LazyLock::new(|| {
        let files: [&dyn Format; 8] = [
            &tfevents::TfEvents,
            &wandb::Wandb,
            &trainer_state::TrainerState,
            &mlflow::Mlflow,
            &dvclive::Dvclive,
            &csv::Csv,
            &jsonl::Jsonl,
            &json_history::JsonHistory,
        ];
        #[cfg(feature = "sqlite")]
        let databases: [&dyn Format; 1] = [&database::Database];
        #[cfg(not(feature = "sqlite"))]
        let databases: [&dyn Format; 0] = [];
        #[cfg(feature = "parquet")]
        let tables: [&dyn Format; 1] = [&parquet_history::ParquetHistory];
        #[cfg(not(feature = "parquet"))]
        let tables: [&dyn Format; 0] = [];
        let programs = console::FORMATS.iter().map(|format| *format as &dyn Format);
        // What has no metrics yet is of no program in particular.
        files
            .into_iter()
            .chain(databases)
            .chain(tables)
            .chain(programs)
            .chain([&console::Console as &dyn Format])
            .collect()
    });
    &ALL
}

/// The format of one file: one of [`all`], or the project's own.
#[derive(Clone)]
pub enum Chosen {
    /// One of [`all`].
    Known(&'static dyn Format),
    /// One that the project describes.
    Own(CustomFormat),
}

impl Chosen {
    /// The format of this [`Chosen::identity`], where there still is one.
    #[must_use]
    pub fn find(identity: &str, own: &[CustomFormat]) -> Option<Self> {
        let known = all().iter().find(|f| f.name() == identity).map(|f| Self::Known(*f));
        known.or_else(|| own.iter().find(|f| f.identity() == identity).map(|f| Self::Own(f.clone())))
    }

    /// The format that recognises a file best, and why: the project's own before those of [`all`].
    ///
    /// # Errors
    /// [`FormatError::Refused`].
    pub fn recognise(own: &[CustomFormat], path: &str, head: &[u8]) -> Result<(Self, Recognition), FormatError> {
        if let Some(found) = Self::own(own, path, head) {
            return Ok(found);
        }
        let found = recognise(path, head).map(|(format, why)| (Self::Known(format), why));
        // Jobs print more than is looked at here before their first line of metrics.
        let later = !own.is_empty() && head.len() >= HEAD && console::is_named_output(path);
        if found.is_err() && later && console::may_be_console(path, head) {
            let why = "console output, by its name; lines in a format of the project file may follow".to_owned();
            return Ok((Self::Known(&console::Console), Recognition { confidence: 1, why }));
        }
        found
    }

    /// A parser at the beginning of a file. Console output goes over to one of the project's own formats at its first
    /// line.
    #[must_use]
    pub fn parser_with(&self, path: &str, own: &[CustomFormat]) -> Box<dyn Parser> {
        match self {
            Self::Known(format) if format.name() == console::Console.name() => console::parser_with(own),
            Self::Known(format) if console::is_one(format.name()) => console::starting_as(format.name(), own),
            _ => self.parser(path),
        }
    }

    /// The first of the project's own formats that recognises a file.
    #[must_use]
    pub fn own(own: &[CustomFormat], path: &str, head: &[u8]) -> Option<(Self, Recognition)> {
        if refuse::never_a_log(path, head).is_some() {
            return None;
        }
        own.iter().find_map(|f| Some((Self::Own(f.clone()), f.recognise(path, head)?)))
    }

    /// What the store remembers it by.
    #[must_use]
    pub fn identity(&self) -> &str {
        match self {
            Self::Known(format) => format.name(),
            Self::Own(format) => format.identity(),
        }
    }
}

impl std::ops::Deref for Chosen {
    type Target = dyn Format;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Known(format) => *format,
            Self::Own(format) => format,
        }
    }
}

/// The format that recognises a file best, and why; or why it is refused.
///
/// # Errors
/// [`FormatError::Refused`] ("a git-LFS pointer: the file itself was not fetched").
pub fn recognise(path: &str, head: &[u8]) -> Result<(&'static dyn Format, Recognition), FormatError> {
    if let Some(reason) = refuse::never_a_log(path, head) {
        return Err(FormatError::Refused(reason));
    }
    let best = |head: &[u8]| {
        let found = all().iter().copied().filter_map(|format| format.recognise(path, head).map(|r| (format, r)));
        found.fold(None, |best: Option<(&'static dyn Format, Recognition)>, (format, r)| match best {
            Some(b) if b.1.confidence >= r.confidence => Some(b),
            _ => Some((format, r)),
        })
    };
    let found = best(head).or_else(|| best(&without_nul(head)?));
    found.ok_or_else(|| FormatError::Refused(refuse::not_recognised(path, head)))
}

/// Text without the blocks of NUL bytes that a machine leaves that goes down, or a log that was cut while its writer went on.
/// `None` where there are none, or where they are of something that is no text.
fn without_nul(head: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(0, head)?;
    let mut text = head.to_vec();
    text.dedup_by(|a, b| *a == 0 && *b == 0);
    let blocks = memchr::memchr_iter(0, &text).count();
    let odd = text.iter().filter(|b| b.is_ascii_control() && !matches!(b, 0 | b'\t' | b'\n' | b'\r' | 0x1b)).count();
    let lines = memchr::memchr_iter(b'\n', &text).count();
    if odd > 0 || blocks > 2 + lines / 4 {
        return None;
    }
    text.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b'\n');
    Some(text)
}
