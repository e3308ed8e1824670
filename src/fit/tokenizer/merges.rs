//! The merges of a byte-level BPE tokenizer, from `merges.txt` or `tokenizer.json`.

use super::split::Split;
use serde_json::Value;

/// What a tokenizer's file says.
#[derive(Debug)]
pub struct Merges {
    /// The pairs of tokens, as bytes, in the order in which training merged them.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// How text is cut into words before any merge.
    pub split: Split,
    /// What could not be followed, in sentences.
    pub notes: Vec<String>,
}

/// Why there are no merges.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergesError {
    /// It looks like `tokenizer.json` and is no JSON.
    #[error("{0}")]
    Json(String),
    /// A `tokenizer.json` whose model is no BPE.
    #[error("its model is {0}, not BPE")]
    NotBpe(String),
    /// A merge is no two tokens.
    #[error("merge {at}: '{text}' is not two tokens with a space between them")]
    NotAPair {
        /// Which, from 1.
        at: usize,
        /// What stands there.
        text: String,
    },
    /// A token has a character that stands for no byte.
    #[error(
        "merge {at}: '{symbol}' stands for no byte; only byte-level BPE can be audited (GPT-2, Llama 3, Qwen, OLMo), not SentencePiece"
    )]
    NotByteLevel {
        /// Which, from 1.
        at: usize,
        /// The character.
        symbol: char,
    },
    /// It has no merges.
    #[error("it has no merges")]
    Empty,
}

/// Reads either file.
///
/// # Errors
/// [`MergesError`].
pub fn parse(text: &str) -> Result<Merges, MergesError> {
    if text.trim_start().starts_with('{') { tokenizer_json(text) } else { merges_txt(text) }
}

fn merges_txt(text: &str) -> Result<Merges, MergesError> {
    let mut lines = text.lines().peekable();
    lines.next_if(|line| line.starts_with("#version"));
    let lines = lines.filter(|line| !line.is_empty());
    let pairs = lines.enumerate().map(|(at, line)| pair(at + 1, line)).collect::<Result<Vec<_>, _>>()?;
    some(Merges { pairs, split: Split::gpt2(), notes: Vec::new() })
}

fn tokenizer_json(text: &str) -> Result<Merges, MergesError> {
    let json: Value = serde_json::from_str(text).map_err(|e| MergesError::Json(e.to_string()))?;
    let model = &json["model"];
    let kind = model["type"].as_str().unwrap_or(if model["merges"].is_array() { "BPE" } else { "not stated" });
    if kind != "BPE" {
        return Err(MergesError::NotBpe(kind.to_owned()));
    }
    let read = |(at, merge): (usize, &Value)| match merge {
        Value::String(line) => pair(at + 1, line),
        Value::Array(two) => match two.as_slice() {
            [Value::String(left), Value::String(right)] => Ok((bytes(at + 1, left)?, bytes(at + 1, right)?)),
            _ => Err(MergesError::NotAPair { at: at + 1, text: merge.to_string() }),
        },
        other => Err(MergesError::NotAPair { at: at + 1, text: other.to_string() }),
    };
    let merges = model["merges"].as_array().map_or(&[][..], Vec::as_slice);
    let pairs = merges.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut notes = Vec::new();
    let split = Split::of(&json["pre_tokenizer"], &mut notes);
    if let Some(kind) = json["normalizer"]["type"].as_str() {
        notes.push(format!("The tokenizer's normaliser ({kind}) is not applied to the samples."));
    }
    some(Merges { pairs, split, notes })
}

fn some(merges: Merges) -> Result<Merges, MergesError> {
    if merges.pairs.is_empty() { Err(MergesError::Empty) } else { Ok(merges) }
}

fn pair(at: usize, line: &str) -> Result<(Vec<u8>, Vec<u8>), MergesError> {
    match line.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' ')) {
        Some((left, right)) => Ok((bytes(at, left)?, bytes(at, right)?)),
        None => Err(MergesError::NotAPair { at, text: line.to_owned() }),
    }
}

fn bytes(at: usize, token: &str) -> Result<Vec<u8>, MergesError> {
    token.chars().map(|symbol| byte(symbol).ok_or(MergesError::NotByteLevel { at, symbol })).collect()
}

/// The byte that a character of GPT-2's alphabet stands for: printable Latin-1 for itself, the 68 others from U+0100 on in
/// their order.
fn byte(symbol: char) -> Option<u8> {
    let itself = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(symbol) {
        code @ 0..=0xff => u8::try_from(code).ok().filter(|byte| itself(*byte)),
        code => (0..=u8::MAX).filter(|byte| !itself(*byte)).nth(usize::try_from(code - 0x100).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, MergesError> {
        let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let merges = parse(text)?;
        Ok(merges.pairs.iter().map(|(left, right)| format!("{}|{}", word(left), word(right))).collect())
    }

    #[test]
    fn both_files_and_both_ways_to_write_a_merge_say_the_same() {
        let expected = Ok(vec![" |t".to_owned(), "#| #".to_owned(), "\n|\n".to_owned()]);
        assert_eq!(shown("#version: 0.2\nĠ t\n# Ġ#\nĊ Ċ\n"), expected);
        assert_eq!(shown("Ġ t\r\n# Ġ#\r\nĊ Ċ"), expected);
        assert_eq!(shown(r##"{"model":{"type":"BPE","merges":["Ġ t","# Ġ#","Ċ Ċ"]}}"##), expected);
        assert_eq!(shown(r##"{"model":{"merges":[["Ġ","t"],["#","Ġ#"],["Ċ","Ċ"]]}}"##), expected);
    }

    #[test]
    fn the_alphabet_has_each_byte_once() {
        let mut all: Vec<u8> = (0..0x400).filter_map(char::from_u32).filter_map(byte).collect();
        assert_eq!(all.len(), 256);
        all.sort_unstable();
        assert!(all.iter().zip(0..=u8::MAX).all(|(found, byte)| *found == byte));
        assert_eq!(
            (byte('Ġ'), byte('Ċ'), byte('ł'), byte('Ń'), byte('é')),
            (Some(32), Some(10), Some(160), Some(173), Some(233))
        );
    }

    #[test]
    fn what_is_no_byte_level_bpe_is_said_with_its_place() {
        for (text, says) in [
            ("", "it has no merges"),
            ("Ġ t\nh e x", "merge 2: 'h e x' is not two tokens with a space between them"),
            ("Ġ t\nhe", "merge 2: 'he' is not two tokens with a space between them"),
            ("▁ t\n", "merge 1: '▁' stands for no byte; only byte-level BPE can be audited"),
            (r#"{"model":{"type":"Unigram","vocab":[]}}"#, "its model is Unigram, not BPE"),
            (r#"{"model":{"merges":[["a"]]}}"#, r#"merge 1: '["a"]' is not two tokens"#),
            (r#"{"model":"#, "EOF while parsing"),
            ("{}", "its model is not stated, not BPE"),
        ] {
            let error = shown(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
