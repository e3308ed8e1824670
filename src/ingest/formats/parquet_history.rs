//! Histories in Parquet files: a row a record, a column a metric, as W&B's exports have them (`ENTITY_PROJECT_RUN_0.runhistory.parquet`,
//! with `_step` and `_timestamp`; wandb/wandb, core/internal/runhistoryreader, and its CHANGELOG at 0.24.1 for
//! `download_history_exports`; as an artifact, `run-RUN-history`), and pandas' `to_parquet` writes them. Needs the feature `parquet`.
//!
//! Each row is read as a JSON line is ([`super::jsonl`]), so that all its rules hold. Data sets are Parquet files, too: only
//! what is called a history, metrics or a log is opened at all.

use super::jsonl::Jsonl;
use super::{Format, FormatError, Growth, Parser, Recognition, Sink};
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The format.
pub struct ParquetHistory;

/// Bytes of a file, unpacked, that are read at most.
const MOST_BYTES: i64 = 1 << 30;
/// Bytes of rows that are handed on at a time.
const BATCH: usize = 1 << 20;

impl Format for ParquetHistory {
    fn name(&self) -> &'static str {
        "parquet-history"
    }

    fn growth(&self) -> Growth {
        Growth::Rewritten
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        let why = "a Parquet table, a history by its name".to_owned();
        (head.starts_with(b"PAR1") && is_history(path)).then_some(Recognition { confidence: 70, why })
    }

    fn parser(&self, path: &str) -> Box<dyn Parser> {
        Box::new(Table { run: run(path).map(str::to_owned) })
    }
}

/// Whether a path says that a table is a history: `history.parquet`, `run-q1w2-history/0000.parquet`, `metrics.parquet`.
#[must_use]
pub fn is_history(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.rsplit('/');
    let (file, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let says = |name: &str| {
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| {
            matches!(
                word,
                "history" | "runhistory" | "metrics" | "metric" | "log" | "logs" | "eval" | "losses" | "loss"
            )
        })
    };
    file.ends_with(".parquet") && (says(file) || folder.contains("history"))
}

/// The run that an export of W&B is of: `q1w2` of `team_mixes_q1w2_0.runhistory.parquet`. Those of several runs lie in one folder.
fn run(path: &str) -> Option<&str> {
    let stem = path.rsplit('/').next()?.strip_suffix(".runhistory.parquet")?;
    let (rest, number) = stem.rsplit_once('_')?;
    let (_, run) = rest.rsplit_once('_')?;
    (!run.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(run)
}

struct Table {
    run: Option<String>,
}

impl Parser for Table {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        if !last {
            return Ok(0);
        }
        if !input.ends_with(b"PAR1") {
            return Err(FormatError::Stuck("truncated: still being written, or the writer stopped".into()));
        }
        let bytes = Bytes::copy_from_slice(input);
        let part = self.run.as_ref().map_or(0, |run| sink.part(run));
        let before = sink.go_to_part(part);
        // The reader checks what it is given, but not all of it; a damaged table must not end the process.
        let outcome = catch_unwind(AssertUnwindSafe(|| read(bytes, sink)));
        sink.go_to_part(before);
        match outcome {
            Ok(Ok(())) => Ok(input.len()),
            Ok(Err(error)) => Err(FormatError::Stuck(format!("a damaged Parquet table: {error}"))),
            Err(_) => Err(FormatError::Stuck("a damaged Parquet table".into())),
        }
    }
}

fn read(bytes: Bytes, sink: &mut Sink) -> Result<(), ParquetError> {
    let reader = SerializedFileReader::new(bytes)?;
    let size: i64 = reader.metadata().row_groups().iter().map(|group| group.total_byte_size().max(0)).sum();
    if size > MOST_BYTES {
        return Err(ParquetError::General(format!("{} MiB unpacked, which is no history", size >> 20)));
    }
    let (mut parser, mut lines) = (Jsonl.parser(""), String::new());
    for row in reader.get_row_iter(None)? {
        line(&row?, &mut lines);
        if lines.len() >= BATCH {
            // What cannot be read is reported to the sink.
            let used = parser.feed(lines.as_bytes(), false, sink).unwrap_or(lines.len());
            lines.drain(..used);
        }
    }
    let _ = parser.feed(lines.as_bytes(), true, sink);
    Ok(())
}

/// Writes a row as a JSON line; what a metric is not logged at is left out.
fn line(row: &Row, to: &mut String) {
    to.push('{');
    let mut first = true;
    for (name, field) in row.get_column_iter() {
        let Some(value) = value(field) else { continue };
        if !std::mem::take(&mut first) {
            to.push_str(", ");
        }
        let _ = write!(to, "{}: {value}", quoted(name));
    }
    to.push_str("}\n");
}

/// A field as JSON; `None` where it is no number, text or time.
fn value(field: &Field) -> Option<String> {
    let number = |value: f64| match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        value => format!("{value:?}"),
    };
    Some(match field {
        Field::Bool(value) => value.to_string(),
        Field::Byte(value) => value.to_string(),
        Field::Short(value) => value.to_string(),
        Field::Int(value) => value.to_string(),
        Field::Long(value) => value.to_string(),
        Field::UByte(value) => value.to_string(),
        Field::UShort(value) => value.to_string(),
        Field::UInt(value) => value.to_string(),
        Field::ULong(value) => value.to_string(),
        // Its digits as 32 bits have them, as every other format of such values does.
        Field::Float(value) if value.is_finite() => format!("{value:?}"),
        Field::Float(value) => number(f64::from(*value)),
        Field::Double(value) => number(*value),
        Field::TimestampMillis(value) => value.to_string(),
        Field::TimestampMicros(value) => (value / 1000).to_string(),
        Field::Str(text) if text.len() <= 200 => quoted(text),
        _ => return None,
    })
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::Compression;
    use parquet::data_type::{DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// A table of 30 rows; the evaluation is logged at every tenth.
    fn table(compression: Compression) -> Vec<u8> {
        let schema = "message history { required int64 _step; required double _timestamp; required double loss;
            optional double eval/code/loss; }";
        let properties = WriterProperties::builder().set_compression(compression).build();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let steps: Vec<i64> = (1..=30).map(|n| n * 10).collect();
        let floats = |from: f64| steps.iter().map(|step| from + 1.0 / *step as f64).collect::<Vec<f64>>();
        let mut at = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            match at {
                0 => column.typed::<Int64Type>().write_batch(&steps, None, None).unwrap(),
                1 => column.typed::<DoubleType>().write_batch(&floats(1.7e9), None, None).unwrap(),
                2 => column.typed::<DoubleType>().write_batch(&floats(2.5), None, None).unwrap(),
                _ => {
                    let levels: Vec<i16> = (1..=30).map(|n| i16::from(n % 10 == 0)).collect();
                    column.typed::<DoubleType>().write_batch(&[3.5, 3.25, f64::NAN], Some(&levels), None).unwrap()
                }
            };
            column.close().unwrap();
            at += 1;
        }
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read_all(bytes: &[u8]) -> Vec<(String, i64, f64)> {
        let mut sink = Sink::default();
        assert_eq!(ParquetHistory.parser("").feed(bytes, true, &mut sink), Ok(bytes.len()));
        let of = |p: &crate::ingest::formats::RawPoint| sink.metrics()[p.metric as usize].clone();
        sink.points.iter().map(|p| (of(p), p.step, p.value)).filter(|p| p.0.contains("loss")).collect()
    }

    #[test]
    fn rows_are_read_as_records_packed_or_not() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let points = read_all(&table(compression));
            let of = |name: &str| points.iter().filter(|p| p.0 == name).map(|p| (p.1, p.2)).collect::<Vec<_>>();
            assert_eq!((of("loss").len(), of("loss")[0], of("loss")[29].0), (30, (10, 2.6), 300));
            let evaluated = of("eval/code/loss");
            assert_eq!(evaluated[..2], [(100, 3.5), (200, 3.25)]);
            assert!(evaluated.len() == 3 && evaluated[2].1.is_nan());
        }
    }

    #[test]
    fn an_export_is_of_the_run_that_its_name_says() {
        let bytes = table(Compression::SNAPPY);
        for (path, expected) in [("d/team_my_mixes_q1w2_0.runhistory.parquet", "q1w2"), ("history.parquet", "")] {
            let mut sink = Sink::default();
            ParquetHistory.parser(path).feed(&bytes, true, &mut sink).unwrap();
            let part = sink.part_of()[sink.points[0].metric as usize];
            assert_eq!(sink.parts().nth(part as usize), Some(expected), "{path}");
        }
    }

    #[test]
    fn data_sets_and_damaged_tables_are_left_alone() {
        for (path, expected) in [
            ("run-q1w2-history/0000.parquet", true),
            ("history.parquet", true),
            ("eval_metrics.parquet", true),
            ("team_mixes_q1w2_0.runhistory.parquet", true),
            ("data/train-00000-of-00010.parquet", false),
            ("tokens.parquet", false),
        ] {
            assert_eq!(ParquetHistory.recognise(path, b"PAR1....").is_some(), expected, "{path}");
        }
        let whole = table(Compression::SNAPPY);
        assert!(ParquetHistory.parser("").feed(&whole[..whole.len() - 3], true, &mut Sink::default()).is_err());
        for at in (4..whole.len() - 4).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x5a;
            // An error or other numbers, but the process goes on.
            let _ = ParquetHistory.parser("").feed(&damaged, true, &mut Sink::default());
        }
    }
}
