//! Parquet export: one row per point, columns `run`, `metric`, `step`, `value`, `segment`, `file`.
//!
//! Values that are not finite are NaN and infinities, as the format has them; names are dictionary-coded.

use crate::vocab::Point;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows of one row group: enough for the coding to pay, few enough to be held in memory.
const ROWS: usize = 1 << 20;

const SCHEMA: &str = "message points {
    required binary run (STRING);
    required binary metric (STRING);
    required int64 step;
    required double value;
    required int32 segment (INTEGER(32, false));
    required binary file (STRING);
}";

/// Writes points as they come.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Rows,
}

#[derive(Default)]
struct Rows {
    run: Vec<ByteArray>,
    metric: Vec<ByteArray>,
    step: Vec<i64>,
    value: Vec<f64>,
    segment: Vec<i32>,
    file: Vec<ByteArray>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What the file says.
    pub fn new(to: W) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
        let file = SerializedFileWriter::new(to, Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
        Ok(Self { file, rows: Rows::default() })
    }

    /// Takes one point.
    ///
    /// # Errors
    /// What the file says.
    pub fn point(&mut self, point: &Point) -> Result<(), ParquetError> {
        let rows = &mut self.rows;
        rows.run.push(point.run.as_str().into());
        rows.metric.push(point.metric.as_str().into());
        rows.step.push(point.step);
        rows.value.push(point.number());
        // Parquet's unsigned numbers are stored in the bits of signed ones.
        rows.segment.push(point.segment.cast_signed());
        rows.file.push(point.file.as_str().into());
        if rows.step.len() >= ROWS { self.group() } else { Ok(()) }
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.step.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        let mut at = 0;
        while let Some(mut column) = group.next_column()? {
            match at {
                0 => column.typed::<ByteArrayType>().write_batch(&rows.run, None, None)?,
                1 => column.typed::<ByteArrayType>().write_batch(&rows.metric, None, None)?,
                2 => column.typed::<Int64Type>().write_batch(&rows.step, None, None)?,
                3 => column.typed::<DoubleType>().write_batch(&rows.value, None, None)?,
                4 => column.typed::<Int32Type>().write_batch(&rows.segment, None, None)?,
                _ => column.typed::<ByteArrayType>().write_batch(&rows.file, None, None)?,
            };
            column.close()?;
            at += 1;
        }
        group.close()?;
        Ok(())
    }

    /// Writes what is left and the end of the file.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(mut self) -> Result<(), ParquetError> {
        self.group()?;
        self.file.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::number::NotFinite;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn what_is_written_is_read_by_the_reference_reader() {
        let point = |step: i64, value: f64, status: Option<NotFinite>| Point {
            run: "runs/ä".to_owned(),
            metric: "loss".to_owned(),
            step,
            value,
            status,
            segment: 1,
            file: "metrics.jsonl".to_owned(),
        };
        let points = [
            point(1, 2.5, None),
            point(2, f64::NAN, Some(NotFinite::Nan)),
            point(-3, f64::NAN, Some(NotFinite::MinusInf)),
        ];
        let scratch = tempfile::NamedTempFile::new().unwrap();
        let mut writer = Writer::new(scratch.reopen().unwrap()).unwrap();
        points.iter().for_each(|p| writer.point(p).unwrap());
        writer.finish().unwrap();
        let reader = SerializedFileReader::new(scratch.reopen().unwrap()).unwrap();
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0][0], Field::Str("runs/ä".to_owned()));
        assert_eq!(rows[0][3], Field::Double(2.5));
        assert!(matches!(rows[1][3], Field::Double(v) if v.is_nan()), "{rows:?}");
        assert_eq!((rows[2][2].clone(), rows[2][3].clone()), (Field::Long(-3), Field::Double(f64::NEG_INFINITY)));
        assert_eq!(rows[2][4], Field::UInt(1));
    }
}
