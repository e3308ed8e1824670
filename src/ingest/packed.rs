//! Logs that were packed when they were rotated: `train.log.1.gz`, `metrics.jsonl.zst`.
//!
//! A packed file is a log of the format that its content has, under its name without the ending. It is read whole, as what is
//! packed is finished; if it changes, it is read anew. One that is cut off waits until it is whole.

use super::formats::HEAD;
use crate::open::{self, OpenError};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// gzip, in one or more members.
    Gzip,
    /// zstd.
    Zstd,
}

/// How a file of this name is packed, if it is.
#[must_use]
pub fn packing(relative: &str) -> Option<Packing> {
    match relative.rsplit_once('.')?.1 {
        "gz" => Some(Packing::Gzip),
        "zst" => Some(Packing::Zstd),
        _ => None,
    }
}

/// The name of what is packed in a file; of any other, its own.
#[must_use]
pub fn unpacked_name(relative: &str) -> &str {
    if packing(relative).is_some() { relative.rsplit_once('.').map_or(relative, |(name, _)| name) } else { relative }
}

/// What is in a packed file, from its beginning.
///
/// # Errors
/// What is wrong with it.
pub fn reader(file: File, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    let file = BufReader::new(file);
    Ok(match packing {
        Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packing::Zstd => Box::new(
            StreamingDecoder::new(file).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?,
        ),
    })
}

/// The first bytes of what a file holds, at most [`HEAD`], unpacked.
///
/// # Errors
/// Like [`open::regular`]. What cannot be unpacked is as it is.
pub fn beginning(path: &Path, relative: &str) -> Result<Vec<u8>, OpenError> {
    let head = open::beginning(path, HEAD as u64)?;
    let Some(packing) = packing(relative).filter(|_| !head.is_empty()) else { return Ok(head) };
    let mut unpacked = Vec::new();
    let read = reader(open::regular(path)?, packing).and_then(|from| from.take(HEAD as u64).read_to_end(&mut unpacked));
    // The beginning of a file that is cut off later is one, too.
    Ok(if read.is_err() && unpacked.is_empty() { head } else { unpacked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_packed() {
        assert_eq!(
            (packing("a/train.log.1.gz"), unpacked_name("a/train.log.1.gz")),
            (Some(Packing::Gzip), "a/train.log.1")
        );
        assert_eq!((packing("m.jsonl.zst"), unpacked_name("m.jsonl.zst")), (Some(Packing::Zstd), "m.jsonl"));
        assert_eq!((packing("train.log"), unpacked_name("train.log")), (None, "train.log"));
    }

    #[test]
    fn what_is_no_packed_file_is_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x.gz", "x.zst"] {
            std::fs::write(dir.path().join(name), "step 1 loss 2\n").unwrap();
            assert_eq!(beginning(&dir.path().join(name), name).unwrap(), b"step 1 loss 2\n");
        }
    }
}
