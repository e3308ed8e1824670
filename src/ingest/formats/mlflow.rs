//! MLflow's file store: `mlruns/EXPERIMENT/RUN/metrics/train/loss`, a line `timestamp_ms value step` per point. The path
//! below `metrics` is the metric's name; lines of early versions have no step, those of logged models end in the name
//! and digest of a data set.

use super::saved::{self, Reader};
use super::scan::{integer, whole_number};
use super::{Format, FormatError, Parser, Recognition, Sink};
use memchr::{memchr, memrchr};

/// The format.
pub struct Mlflow;

impl Format for Mlflow {
    fn name(&self) -> &'static str {
        "mlflow"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        let line = head.split(|byte| *byte == b'\n').next()?;
        line_of(line)?;
        let (metric, confidence) = match metric(path) {
            Some(metric) => (metric, 95),
            // A metric's file that was copied out of its store still says what it is: nothing else begins so.
            None if line.split(|b| *b == b' ').count() == 3 => (file_name(path), 70),
            None => return None,
        };
        Some(Recognition { confidence, why: format!("MLflow's file of '{metric}'") })
    }

    fn examples(&self) -> &'static [&'static str] {
        &["1690000000000 2.5 0\n1690000000500 nan -3\n1690000001000 2.0\n1690000001000 1.5 4 data 1f\n"]
    }

    fn parser(&self, path: &str) -> Box<dyn Parser> {
        Box::new(Lines { metric: metric(path).unwrap_or(file_name(path)).to_owned(), lines: 0 })
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The metric that a path names: what follows the first `metrics` directory.
fn metric(path: &str) -> Option<&str> {
    path.strip_prefix("metrics/").or_else(|| path.split_once("/metrics/").map(|(_, metric)| metric))
}

struct Lines {
    metric: String,
    /// Lines read, the step of lines that have none.
    lines: u64,
}

impl Parser for Lines {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let end = match memchr(b'\n', rest) {
                Some(end) => end,
                None if last && !rest.is_empty() => rest.len(),
                None => return Ok(at),
            };
            // NUL bytes after a crash end what was never whole; what follows is a line of its own.
            let line = memrchr(0, &rest[..end]).map_or(&rest[..end], |nul| &rest[nul + 1..end]).trim_ascii();
            if let Some((wall, value, step)) = line_of(line) {
                let metric = sink.metric(&self.metric);
                sink.point(metric, step.unwrap_or(self.lines as i64), value, wall);
                self.lines += 1;
            } else if !line.is_empty() {
                sink.damaged(at, "a line that is not MLflow's 'timestamp value step'");
            }
            at = (at + end + 1).min(input.len());
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut to = Vec::new();
        saved::unsigned(&mut to, self.lines);
        to
    }

    fn resume(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        if !bytes.is_empty() {
            self.lines = Reader::new(bytes).unsigned().ok_or(FormatError::OtherParser)?;
        }
        Ok(())
    }
}

/// Seconds, value, and the step if there is one.
fn line_of(line: &[u8]) -> Option<(f64, f64, Option<i64>)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let time = fields.next()?;
    let (milliseconds, _) = integer(time).filter(|(_, length)| *length == time.len() && (10..=14).contains(length))?;
    let value = whole_number(fields.next()?)?;
    let step = match fields.next() {
        None => None,
        Some(step) => Some(std::str::from_utf8(step).ok()?.parse().ok()?),
    };
    Some((milliseconds as f64 / 1e3, value, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_version_are_read() {
        let mut sink = Sink::default();
        let mut parser = Mlflow.parser("0/abc/metrics/train/loss");
        let text = b"1690000000000 2.5 0\n1690000000500 nan -3\n1690000001000 2.0\nx\n1690000001000 1.5 4 data 1f\n169";
        assert_eq!(parser.feed(text, false, &mut sink), Ok(text.len() - 3));
        assert_eq!(sink.metrics(), ["train/loss"]);
        let steps: Vec<i64> = sink.points.iter().map(|p| p.step).collect();
        assert_eq!((steps, sink.damage.len()), (vec![0, -3, 2, 4], 1));
        assert_eq!(sink.points[0].wall, 1.69e9);
        assert!(sink.points[1].value.is_nan());
    }

    #[test]
    fn other_files_of_numbers_are_not_taken() {
        assert!(Mlflow.recognise("metrics/loss", b"1690000000000 2.5 0\n").is_some());
        assert!(Mlflow.recognise("loss", b"1690000000000 2.5 0\n").is_some());
        for head in ["100 2.5\n", "190 train 6.88\n", "1690000000000 text\n", "", "1690000000000\n"] {
            assert_eq!(Mlflow.recognise("metrics/loss", head.as_bytes()), None, "{head}");
        }
    }
}
