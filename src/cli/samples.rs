//! Samples of corpora: a directory with a sub-directory or a file of text for each.

use crate::ingest::packed::{packing, reader, unpacked_name};
use crate::ipc::protocol::Failure;
use crate::open;
use crate::vocab::text::printable;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Most that is read of a corpus, bytes; of one that has more, the same of each file.
const MOST: u64 = 64 << 20;

const HELP: &str =
    "make a directory with a sub-directory or a file of text for each corpus, such as web/ and code.jsonl.gz";

/// Keys of a record that hold its text, the surest first.
const TEXT: [&str; 3] = ["text", "content", "raw_content"];

/// Text of one corpus.
#[derive(Debug)]
pub(super) struct CorpusText {
    /// Its name: that of the sub-directory, or of the file without endings.
    pub(super) name: String,
    /// Its documents: files, or records of a file of JSON lines.
    pub(super) documents: Vec<String>,
}

/// Finds the corpora of a directory, by name, each with its files.
///
/// # Errors
/// A directory that cannot be read, or has no corpora.
pub(super) fn find(samples: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Failure> {
    let shown = || printable(&samples.display().to_string());
    let mut corpora: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in WalkDir::new(samples).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(std::io::Error::from).map_err(|e| match e.get_ref().and_then(|e| e.source()) {
            Some(source) => Failure::new(format!("cannot read {}: {source}", shown()), HELP.to_owned()),
            None => Failure::new(format!("cannot read {}: {e}", shown()), HELP.to_owned()),
        })?;
        let relative = entry.path().strip_prefix(samples).unwrap_or(entry.path());
        let mut parts = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let hidden = parts.clone().any(|part| part.starts_with('.'));
        if let (true, false, Some(first)) = (entry.file_type().is_file(), hidden, parts.next()) {
            let name = if parts.next().is_some() { first } else { stem(&first) };
            corpora.entry(name).or_default().push(entry.into_path());
        }
    }
    if corpora.is_empty() {
        return Err(Failure::new(format!("{} has no samples", shown()), HELP.to_owned()));
    }
    Ok(corpora)
}

/// A file's name without how it is packed and its ending.
fn stem(file: &str) -> String {
    let name = unpacked_name(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// Reads a corpus; files that are no text are left out.
///
/// # Errors
/// A file that cannot be read; a record without text.
pub(super) fn read(name: &str, files: &[PathBuf]) -> Result<CorpusText, Failure> {
    let sizes: u64 = files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum();
    // Packed text is some three times as long as its file.
    let most = if sizes > MOST / 4 { MOST / files.len().max(1) as u64 } else { MOST };
    let mut documents = Vec::new();
    for file in files {
        let shown = printable(&file.display().to_string());
        let failed = |what: String, help: &str| Failure::new(format!("{shown}: {what}"), help.to_owned());
        let text =
            text(file, most).map_err(|e| failed(e.to_string(), "make it readable, or move it out of the samples"))?;
        let Some((text, whole)) = text else { continue };
        if unpacked_name(&file.to_string_lossy()).ends_with(".jsonl") {
            let cut = if whole { &text[..] } else { text.rsplit_once('\n').map_or("", |(lines, _)| lines) };
            for (at, line) in cut.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let none = || {
                    failed(
                        format!("line {}: no record with `text`", at + 1),
                        "write one JSON object a line: {\"text\": \"…\"}",
                    )
                };
                let text = record(line).ok_or_else(none)?;
                documents.push(text);
            }
        } else {
            documents.push(text);
        }
    }
    Ok(CorpusText { name: name.to_owned(), documents })
}

/// The text of a record of JSON lines.
fn record(line: &str) -> Option<String> {
    let record: Value = serde_json::from_str(line).ok()?;
    TEXT.iter().find_map(|key| record.get(key)?.as_str().map(str::to_owned))
}

/// The first bytes of a file, at most `most`, and whether that is all of it; none if it is no text.
fn text(file: &Path, most: u64) -> std::io::Result<Option<(String, bool)>> {
    let opened = open::regular(file)?;
    let mut from: Box<dyn Read> = match packing(&file.to_string_lossy()) {
        Some(packing) => reader(opened, packing)?,
        None => Box::new(opened),
    };
    let mut bytes = Vec::new();
    from.by_ref().take(most).read_to_end(&mut bytes)?;
    let whole = (bytes.len() as u64) < most;
    let is_text = !bytes.iter().take(8192).any(|byte| *byte == 0);
    Ok(is_text.then(|| (String::from_utf8_lossy(&bytes).into_owned(), whole)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_corpus_is_a_directory_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("web/a.txt", b"one");
        put("web/deep/b.html", b"two");
        put("web/picture.png", b"\x89PNG\0\0");
        put("web/.hidden", b"not this");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"{\"text\": \"three\", \"id\": 1}\n\n{\"content\": \"four\"}\n").unwrap();
        put("code.v2.jsonl.gz", &packed.finish().unwrap());
        put("broken.jsonl", b"{\"text\": \"five\"}\n{\"id\": 2}\n");
        let corpora = find(dir.path()).unwrap();
        assert_eq!(corpora.keys().collect::<Vec<_>>(), ["broken", "code.v2", "web"]);
        let documents = |name: &str| read(name, &corpora[name]).map(|corpus| corpus.documents);
        assert_eq!(documents("web").unwrap(), ["one", "two"]);
        assert_eq!(documents("code.v2").unwrap(), ["three", "four"]);
        let error = documents("broken").unwrap_err().message;
        assert!(error.ends_with("broken.jsonl: line 2: no record with `text`"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        assert!(find(empty.path()).unwrap_err().message.ends_with("has no samples"));
    }
}
