//! Export of points as text, in log order.

use crate::ipc::protocol::{ExportFormat, ExportQuery, Failure};
use crate::store::{ReadStore, RunId, SledStore, StoreError};
use crate::vocab::Point;
use crate::vocab::number::NotFinite;
use std::fmt::Write;

/// Text is handed on in stretches of about this length.
const CHUNK: usize = 1 << 20;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Whoever takes the text is gone.
    #[error(transparent)]
    Sink(std::io::Error),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run that was asked for does not exist.
    #[error("no run is called '{0}'")]
    Unknown(String),
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Sink(error) => Self::new(error.to_string(), None),
            ExportError::Unknown(_) => Self::usage(error.to_string(), "list them: mixlaw runs".to_owned()),
        }
    }
}

/// Hands every point that `query` asks for to `sink`, as text in stretches of whole lines: run by run, file by file, in
/// the order of each file.
///
/// # Errors
/// [`ExportError`].
pub fn points(
    store: &SledStore,
    query: &ExportQuery,
    mut sink: impl FnMut(&str) -> std::io::Result<()>,
) -> Result<(), ExportError> {
    let runs: Vec<(RunId, String)> =
        store.runs()?.into_iter().filter(|(_, name)| query.run.as_ref().is_none_or(|wanted| wanted == name)).collect();
    if let (true, Some(run)) = (runs.is_empty(), &query.run) {
        return Err(ExportError::Unknown(run.clone()));
    }
    let mut text = String::with_capacity(CHUNK + 4096);
    if query.format == ExportFormat::Csv {
        text.push_str("run,metric,step,value,segment,file\n");
    }
    let mut written = Ok(());
    for (id, run) in runs {
        store.export(id, query.metric.as_deref(), |file, exported| {
            let point = Point {
                run: run.clone(),
                metric: exported.metric.to_string(),
                step: exported.step,
                value: exported.value,
                status: NotFinite::of(exported.value),
                segment: exported.segment,
                file: file.to_owned(),
            };
            line(&mut text, &point, query.format);
            if text.len() >= CHUNK {
                written = sink(&text);
                text.clear();
            }
            written.is_ok()
        })?;
        if let Err(error) = written {
            return Err(ExportError::Sink(error));
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
