//! Facts inside TensorBoard event files: texts (Hugging Face, Megatron) and hyper-parameters (Lightning, PyTorch).

use crate::ingest::formats::Sink;
use crate::ingest::formats::protobuf::{Fields, Malformed, Wire};
use serde_json::{Map, Value};

/// Facts in a text summary.
pub fn text(tag: &str, text: &[u8], sink: &mut Sink) {
    let _ = (tag, text, sink);
}

/// Facts in the hyper-parameters plugin's `SessionStartInfo`, from the metadata of a summary value.
///
/// # Errors
/// [`Malformed`].
pub fn hparams(metadata: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let _ = sink;
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
