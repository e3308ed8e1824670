//! Recognition of files that are not logs, with the reason that `check` shows.
//!
//! A refusal is for the file as it is now; a file that changes is looked at again.

/// Why a file cannot be a log, whatever else it looks like: nothing in it yet, a stand-in for a file that was not
/// fetched, or the first bytes of a well-known binary format.
#[must_use]
pub fn never_a_log(path: &str, head: &[u8]) -> Option<String> {
    if head.is_empty() {
        return Some("an empty file so far".into());
    }
    if head.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Some("a Git LFS pointer; fetch the file: git lfs pull".into());
    }
    if head.starts_with(b"SQLite format 3\0") && !cfg!(feature = "sqlite") {
        return Some(
            "an SQLite database (MLflow, trackio), which this build does not read: cargo install mixlaw --features sqlite"
                .into(),
        );
    }
    if head.starts_with(b"PAR1") && cfg!(feature = "parquet") {
        return None;
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((*what).into());
    }
    if let Some(target) = link_target(head) {
        return Some(format!("a symbolic link that git stored as text, to '{target}'; use that file instead"));
    }
    // safetensors: a little-endian length, then a JSON header of that length.
    if head.get(8..10) == Some(b"{\"") && head.first_chunk::<8>().is_some_and(|n| u64::from_le_bytes(*n) < 1 << 32) {
        return Some("safetensors: weights, not a log".into());
    }
    if is_utf16(head) {
        return Some("UTF-16 text, as written by '>' in PowerShell; convert it: iconv -f UTF-16 -t UTF-8".into());
    }
    // numpy's zip and torch's zip are covered above; a tar has its name in the middle of its first block.
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it to have its logs read".into());
    }
    let start = without_bom(head).trim_ascii_start();
    let lower: Vec<u8> = start.iter().take(64).map(u8::to_ascii_lowercase).collect();
    if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") {
        return Some("a web page, not a log".into());
    }
    if lower.starts_with(b"<?xml") || lower.starts_with(b"<svg") {
        return Some("an XML document, not a log".into());
    }
    let _ = path;
    None
}

/// What a file that no format recognises seems to be.
#[must_use]
pub fn not_recognised(path: &str, head: &[u8]) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if name.contains("tfevents") {
        return if head.len() < 12 {
            "named like a TensorBoard file, but its first record is incomplete".into()
        } else {
            "named like a TensorBoard file, but its first record has a wrong checksum: damaged, or another format"
                .into()
        };
    }
    if head.starts_with(b"PAR1") {
        return "a Parquet table that is not called a history, metrics or a log; rename it to have it read".into();
    }
    if extension == "wandb" {
        return "named like a W&B file, but without its header: damaged or incomplete".into();
    }
    if head.contains(&0) {
        return "binary data in an unknown format".into();
    }
    if let Some((_, what)) = EXTENSIONS.iter().find(|(names, _)| names.contains(&extension.as_str())) {
        return (*what).into();
    }
    if head.starts_with(b"#!") {
        return "a script, not a log".into();
    }
    if matches!(name, "Makefile" | "Dockerfile" | "LICENSE" | "README") || name.starts_with('.') {
        return "a project file, not a log".into();
    }
    if matches!(without_bom(head).trim_ascii_start().first(), Some(b'{' | b'[')) {
        return "JSON without metrics; mixlaw reads only facts from it".into();
    }
    if head.len() < 64 && !head.contains(&b'\n') {
        return "too short to recognise: its first line is incomplete".into();
    }
    "text without known metric lines; to have it read, describe its lines under 'formats:' in the project file".into()
}

/// First bytes of formats that are never logs.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "compressed with gzip; unpack it to have it read"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it to have it read"),
    (b"BZh", "compressed with bzip2; unpack it to have it read"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it to have it read"),
    (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it to have it read"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it to have its logs read"),
    (b"PK\x03\x04", "a zip archive (like PyTorch checkpoints and training_args.bin), not a log"),
    (b"PK\x05\x06", "an empty zip archive, not a log"),
    (b"\x80\x02", "a Python pickle, not a log; mixlaw never opens pickles"),
    (b"\x80\x03", "a Python pickle, not a log; mixlaw never opens pickles"),
    (b"\x80\x04\x95", "a Python pickle, not a log; mixlaw never opens pickles"),
    (b"\x80\x05\x95", "a Python pickle, not a log; mixlaw never opens pickles"),
    (b"\x93NUMPY", "a NumPy array, not a log"),
    (b"\x89HDF\r\n\x1a\n", "HDF5, not a log"),
    (b"GGUF", "GGUF: weights, not a log"),
    (
        b"PAR1",
        "a Parquet table; a history of a run in one is read by a build with it: cargo install mixlaw --features parquet",
    ),
    (b"ARROW1", "an Arrow table, not a log"),
    (b"ORC", "an ORC table, not a log"),
    (b"\x7fELF", "a program, not a log"),
    (b"MZ\x90", "a program, not a log"),
    (b"\xca\xfe\xba\xbe", "a program, not a log"),
    (b"!<arch>\n", "an object archive, not a log"),
    (b"\0asm", "WebAssembly, not a log"),
    (b"\x89PNG", "an image, not a log"),
    (b"\xff\xd8\xff", "an image, not a log"),
    (b"GIF8", "an image, not a log"),
    (b"BM\0", "an image, not a log"),
    (b"II*\0", "an image, not a log"),
    (b"MM\0*", "an image, not a log"),
    (b"%PDF", "a PDF document, not a log"),
    (b"%!PS", "PostScript, not a log"),
    (b"OggS", "audio, not a log"),
    (b"fLaC", "audio, not a log"),
    (b"ID3", "audio, not a log"),
];

/// What text files that hold no metrics are, by the end of their name.
const EXTENSIONS: &[(&[&str], &str)] = &[
    (
        &["py", "pyi", "rs", "c", "h", "cc", "cpp", "cu", "cuh", "go", "java", "js", "ts", "jl", "r", "lua", "ipynb"],
        "source code, not a log",
    ),
    (&["sh", "bash", "zsh", "slurm", "sbatch", "ps1", "bat", "mk", "cmake"], "a script, not a log"),
    (
        &["yaml", "yml", "toml", "ini", "cfg", "conf", "json5", "hydra", "env", "properties", "gin", "lock", "dvc"],
        "a configuration file; mixlaw reads only facts from it",
    ),
    (&["json"], "JSON without metrics; mixlaw reads only facts from it"),
    (
        &["csv", "tsv", "tab"],
        "a table without metrics: it has no step column and contains text, or its rows do not match its header",
    ),
    (&["md", "rst", "tex", "bib", "adoc"], "a document, not a log"),
    (&["html", "htm", "css", "xml", "svg"], "a document, not a log"),
    (&["diff", "patch"], "a patch, not a log"),
];

/// Text in UTF-16: it begins with a mark of the byte order, or every other byte is zero.
fn is_utf16(head: &[u8]) -> bool {
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let zeros = |from: usize| head.iter().take(64).skip(from).step_by(2).all(|byte| *byte == 0);
    let text =
        |from: usize| head.iter().take(64).skip(from).step_by(2).all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 32..=126));
    marked || head.len() >= 16 && (text(0) && zeros(1) || zeros(0) && text(1))
}

fn without_bom(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// The target of a symbolic link that was checked out, or packed, as a file: one path and nothing else.
fn link_target(head: &[u8]) -> Option<String> {
    if head.len() > 1024 || !head.contains(&b'/') {
        return None;
    }
    let text = std::str::from_utf8(head).ok()?;
    let path_like = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | '~' | '%');
    let rooted = text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
    let has_file = text.rsplit('/').next().is_some_and(|name| name.contains('.') && !name.ends_with('.'));
    (text.chars().all(path_like) && (rooted || has_file) && !text.ends_with('/'))
        .then(|| crate::vocab::text::printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_the_file_is() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("a.log", b"", "empty"),
            ("events.out.tfevents.1.host", b"version https://git-lfs.github.com/spec/v1\noid sha256:ce\n", "Git LFS"),
            ("logging.jsonl", b"/home/u/out/v0-2026/logging.jsonl", "symbolic link"),
            ("latest", b"../v1/metrics.csv", "symbolic link"),
            ("training_args.bin", b"PK\x03\x04\x00\x00", "zip"),
            ("a.pt", b"\x80\x02}q\x00", "pickle"),
            ("m.safetensors", b"\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}", "safetensors"),
            ("report.html", b"\n<!DOCTYPE html><html>", "web page"),
            ("x.png", b"\x89PNG\r\n\x1a\n", "image"),
            ("log.gz", b"\x1f\x8b\x08", "gzip"),
            ("train.log", b"\xff\xfes\0t\0e\0p\0", "UTF-16"),
            ("train.log", b"s\0t\0e\0p\0 \x001\0 \0l\0o\0", "UTF-16"),
        ];
        for (path, head, part) in cases {
            let reason = never_a_log(path, head);
            assert!(reason.as_ref().is_some_and(|r| r.contains(part)), "{path}: {reason:?}");
        }
        let cases: &[(&str, &[u8], &str)] = &[
            ("events.out.tfevents.1.host", b"garbage garbage garbage", "wrong checksum"),
            ("events.out.tfevents.1.host", b"\x18\0", "incomplete"),
            ("run.wandb", b":W&", "W&B"),
            ("x.bin", b"ab\0cd", "binary"),
            ("train.py", b"import torch\n", "source code"),
            ("hparams.yaml", b"lr: 0.1\n", "configuration"),
            ("config.json", b"{\n \"a\": 1}", "facts"),
            ("run", b"#!/bin/bash\n", "script"),
            ("notes.txt", b"hello world, this is nothing that has a metric in it, just some text\n", "'formats:'"),
        ];
        for (path, head, part) in cases {
            let reason = not_recognised(path, head);
            assert!(reason.contains(part), "{path}: {reason}");
        }
    }

    #[test]
    fn the_beginning_of_a_log_is_not_refused() {
        for head in [&b"{\"loss\": 1.0, \"st"[..], b"step,loss\n", b"iter 10: loss 3.1/", b"s:100 tel:5.1", b"[2024/01"]
        {
            assert_eq!(never_a_log("a.log", head), None);
        }
    }
}
