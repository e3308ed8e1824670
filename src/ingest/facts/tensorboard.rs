//! Facts inside TensorBoard event files: texts (Hugging Face, Megatron) and hyper-parameters (Lightning, PyTorch).

use super::{Found, architecture, config};
use crate::ingest::formats::Sink;
use crate::ingest::formats::protobuf::{Fields, Malformed, Wire};
use crate::ingest::formats::python_json;
use serde_json::{Map, Value};

/// Facts in a text summary. Hugging Face writes the trainer's arguments and the model's configuration as JSON.
pub fn text(tag: &str, text: &[u8], sink: &mut Sink) {
    let name = tag.strip_suffix("/text_summary").unwrap_or(tag);
    let find: fn(&Value) -> Vec<Found> = match name.rsplit('/').next() {
        Some("model_config") => architecture::facts,
        Some("args" | "config" | "hparams" | "arguments") => config::facts,
        _ => return,
    };
    let Some(settings) = python_json::value(unfenced(text)) else { return };
    for (fact, value, place) in find(&settings) {
        sink.fact(fact, value, format!("{tag}#{place}"));
    }
}

/// Without the Markdown fence that some writers put around JSON so that TensorBoard shows it as it is.
fn unfenced(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let Some(inside) = text.strip_prefix(b"```").and_then(|rest| rest.strip_suffix(b"```")) else { return text };
    inside.strip_prefix(b"json").unwrap_or(inside)
}

/// Facts in the hyper-parameters plugin's `SessionStartInfo`, from the metadata of a summary value.
///
/// # Errors
/// [`Malformed`].
pub fn hparams(metadata: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    // SummaryMetadata.plugin_data.content is HParamsPluginData; its session_start_info holds a map of values.
    let mut known = Map::new();
    for content in inside(metadata, &[1, 2, 3])? {
        for entry in inside(content, &[1])? {
            let (mut key, mut value) = (String::new(), Value::Null);
            for field in Fields::new(entry) {
                match field? {
                    (1, Wire::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
                    (2, Wire::Bytes(bytes)) => value = plain(bytes)?,
                    _ => {}
                }
            }
            known.insert(key, value);
        }
    }
    for (fact, value, place) in config::facts(&Value::Object(known)) {
        sink.fact(fact, value, format!("hparams#{place}"));
    }
    Ok(())
}

/// The messages at a path of field numbers.
fn inside<'a>(message: &'a [u8], path: &[u32]) -> Result<Vec<&'a [u8]>, Malformed> {
    let Some((number, path)) = path.split_first() else { return Ok(vec![message]) };
    let mut found = Vec::new();
    for field in Fields::new(message) {
        if let (n, Wire::Bytes(bytes)) = field?
            && n == *number
        {
            found.extend(inside(bytes, path)?);
        }
    }
    Ok(found)
}

/// A `google.protobuf.Value` that is a number, a string or a boolean.
fn plain(message: &[u8]) -> Result<Value, Malformed> {
    let mut value = Value::Null;
    for field in Fields::new(message) {
        value = match field? {
            (2, Wire::Fixed64(bits)) => Value::from(f64::from_bits(bits)),
            (3, Wire::Bytes(bytes)) => Value::from(String::from_utf8_lossy(bytes).into_owned()),
            (4, Wire::Varint(bit)) => Value::from(bit != 0),
            _ => value,
        };
    }
    Ok(value)
}
