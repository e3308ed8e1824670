//! dvclive: one table per metric, `dvclive/plots/metrics/train/loss.tsv`, with the columns `step` and `loss`, older
//! versions with `timestamp` before them, and the first ones without a directory for metrics: `dvclive/train/loss.tsv`.
//! The path below that directory is the metric's name.

use super::csv::{Rows, Table};
use super::{Format, Parser, Recognition};

/// The format.
pub struct Dvclive;

/// Directories whose tables are one metric each, newest version of dvclive first.
const DIRECTORIES: [&str; 4] = ["plots/metrics/", "plots/scalars/", "scalars/", "dvclive/"];

impl Format for Dvclive {
    fn name(&self) -> &'static str {
        "dvclive"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        let end = memchr::memchr(b'\n', head)?;
        let header = Table::new(head[..end].trim_ascii_end())?;
        let columns: Vec<&str> = header.columns.iter().map(String::as_str).collect();
        let (metric, name) = match columns[..] {
            ["step", name] => (metric(path)?, name),
            // Its directory may be the run itself: who else writes such a table?
            ["timestamp", "step", name] => (metric(path).or_else(|| path.strip_suffix(".tsv"))?, name),
            _ => return None,
        };
        (metric == name || metric.rsplit('/').next() == Some(name))
            .then(|| Recognition { confidence: 95, why: format!("dvclive's table of '{metric}'") })
    }

    fn examples(&self) -> &'static [&'static str] {
        &["step\tloss\n1\t0.5\n2\t0.25\n", "timestamp\tstep\tloss\n1690000000000\t1\t0.5\n"]
    }

    fn parser(&self, path: &str) -> Box<dyn Parser> {
        let metric = metric(path).or_else(|| path.strip_suffix(".tsv"));
        Box::new(Rows::of_one_metric(metric.map(str::to_owned)))
    }
}

/// The metric that a path names.
fn metric(path: &str) -> Option<&str> {
    let path = path.strip_suffix(".tsv")?;
    DIRECTORIES.iter().find_map(|directory| {
        let at = path.find(directory)?;
        (at == 0 || path[..at].ends_with('/')).then(|| &path[at + directory.len()..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Sink;

    #[test]
    fn the_path_names_the_metric() {
        for (path, head) in [
            ("dvclive/plots/metrics/eval/loss.tsv", "step\tloss\n1\t0.5\n"),
            ("scalars/eval/loss.tsv", "timestamp\tstep\tloss\n1690000000000\t1\t0.5\n"),
            ("dvclive/eval/loss.tsv", "timestamp\tstep\teval/loss\n1690000000000\t1\t0.5\n"),
            ("eval/loss.tsv", "timestamp\tstep\tloss\n1690000000000\t1\t0.5\n"),
        ] {
            assert!(Dvclive.recognise(path, head.as_bytes()).is_some());
            let mut sink = Sink::default();
            assert_eq!(Dvclive.parser(path).feed(head.as_bytes(), false, &mut sink), Ok(head.len()));
            assert_eq!((sink.metrics(), sink.points.len()), (&["eval/loss".to_owned()][..], 1));
            assert_eq!((sink.points[0].step, sink.points[0].value), (1, 0.5));
        }
        for (path, head) in [
            ("plots/metrics/loss.tsv", "step\taccuracy\n1\t2\n"),
            ("other/loss.tsv", "step\tloss\n1\t2\n"),
            ("plots/metrics/loss.csv", "step,loss\n1,2\n"),
        ] {
            assert_eq!(Dvclive.recognise(path, head.as_bytes()), None);
        }
    }
}
