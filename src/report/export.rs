//! Every point out, in the order in which it was written, as text.

use crate::daemon::run_view::status;
use crate::ipc::protocol::{ExportFormat, ExportQuery, Failure};
use crate::store::{ReadStore, RunId, StoreError};
use crate::vocab::Point;
use std::collections::HashMap;
use std::fmt::Write;

/// Text is handed on in stretches of about this length.
const CHUNK: usize = 1 << 20;

/// Why an export ended early.
#[derive(Debug)]
pub enum ExportError {
    /// Whoever takes the text is gone.
    Sink(std::io::Error),
    /// What the store says.
    Store(StoreError),
    /// The run or metric that was asked for does not exist.
    Unknown(Failure),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Hands every point that `query` asks for to `sink`, as text in stretches of whole lines. Series follow each other run
/// by run and key by key; within a series points are in file order.
///
/// # Errors
/// [`ExportError`].
pub fn points(
    store: &dyn ReadStore,
    query: &ExportQuery,
    mut sink: impl FnMut(&str) -> std::io::Result<()>,
) -> Result<(), ExportError> {
    let runs: Vec<(RunId, String)> =
        store.runs()?.into_iter().filter(|(_, name)| query.run.as_ref().is_none_or(|wanted| wanted == name)).collect();
    if let (true, Some(run)) = (runs.is_empty(), &query.run) {
        let failure = Failure::usage(format!("no run is called '{run}'"), "list them: mixlaw runs".to_owned());
        return Err(ExportError::Unknown(failure));
    }
    let mut text = String::with_capacity(CHUNK + 4096);
    if query.format == ExportFormat::Csv {
        text.push_str("run,metric,step,value,segment,file\n");
    }
    for (id, run) in runs {
        let files: HashMap<u32, String> = store.files(id)?.into_iter().map(|(file, name)| (file.0, name)).collect();
        for (metric, _) in store.metrics(id)? {
            if query.metric.as_ref().is_some_and(|wanted| *wanted != metric) {
                continue;
            }
            let series = store.series(id, &metric)?;
            for i in 0..series.len() {
                let point = Point {
                    run: run.clone(),
                    metric: metric.clone(),
                    step: series.steps[i],
                    value: series.values[i],
                    status: status(series.values[i]),
                    segment: series.segments[i],
                    file: files.get(&series.files[i]).cloned().unwrap_or_default(),
                };
                line(&mut text, &point, query.format);
                if text.len() >= CHUNK {
                    sink(&text).map_err(ExportError::Sink)?;
                    text.clear();
                }
            }
        }
    }
    if text.is_empty() { Ok(()) } else { sink(&text).map_err(ExportError::Sink) }
}

fn line(text: &mut String, point: &Point, format: ExportFormat) {
    match format {
        ExportFormat::Jsonl => text.push_str(&serde_json::to_string(point).unwrap_or_default()),
        ExportFormat::Csv => {
            let Point { run, metric, step, value, segment, file, .. } = point;
            let _ = write!(text, "{},{},{step},{value},{segment},{}", cell(run), cell(metric), cell(file));
        }
    }
    text.push('\n');
}

/// A CSV cell (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
