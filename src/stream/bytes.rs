//! Framing of a message: version, checksum, and packing where that makes it smaller.

use super::refused::Refused;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use std::io::Read;

/// What every message begins with; the last byte is the version of the format.
const HEAD: [u8; 4] = *b"MXL\x01";
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;
/// Most bytes that a message may unpack to.
const MOST: u64 = 256 << 20;
/// Fewer bytes than this are not worth packing.
const FEW: usize = 64;
/// Of more bytes than this, a sample shows whether they are.
const MANY: usize = 64 << 10;
const SAMPLE: usize = 16 << 10;

/// A body as a message.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let packed = if is_worth_packing(body) { packed(body) } else { Vec::new() };
    let smaller = !packed.is_empty() && packed.len() < body.len();
    let (kind, content) = if smaller { (DEFLATED, packed.as_slice()) } else { (PLAIN, body) };
    let mut out = Vec::with_capacity(content.len() + 9);
    out.extend_from_slice(&HEAD);
    out.push(kind);
    out.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    out.extend_from_slice(content);
    out
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    // Reading from a slice does not fail.
    let _ = DeflateEncoder::new(bytes, Compression::new(6)).read_to_end(&mut packed);
    packed
}

/// Points of long stretches are packed already, and to find that out of all of them takes as long as reading the log did.
fn is_worth_packing(body: &[u8]) -> bool {
    let middle = body.len().saturating_sub(SAMPLE) / 2;
    match body.get(middle..middle + SAMPLE).filter(|_| body.len() > MANY) {
        Some(sample) => packed(sample).len() < SAMPLE / 10 * 9,
        None => body.len() >= FEW,
    }
}

/// The body of a message.
pub fn unframe(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD.len()).filter(|_| bytes.len() >= 9) else {
        return Err(Refused("it is shorter than any message".to_owned()));
    };
    if head[..3] != HEAD[..3] {
        return Err(Refused("it is not from mixlaw".to_owned()));
    }
    if head[3] != HEAD[3] {
        return Err(Refused(format!("it has version {} of the format, and this mixlaw reads version 1", head[3])));
    }
    let (kind, content) = (rest[0], &rest[5..]);
    if crc32c::crc32c(content).to_le_bytes() != rest[1..5] {
        return Err(Refused("it is damaged: the checksum is another".to_owned()));
    }
    match kind {
        PLAIN => Ok(content.to_vec()),
        DEFLATED => {
            let mut body = Vec::new();
            let read = DeflateDecoder::new(content).take(MOST + 1).read_to_end(&mut body);
            match read {
                Ok(n) if n as u64 > MOST => Err(Refused(format!("it unpacks to more than {} MiB", MOST >> 20))),
                Ok(_) => Ok(body),
                Err(error) => Err(Refused(format!("it cannot be unpacked: {error}"))),
            }
        }
        other => Err(Refused(format!("it is packed in a way {other} that is not known"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_become_smaller_goes_as_it_is() {
        let text = "\"train/loss\": 2.5, ".repeat(10_000).into_bytes();
        for (body, kind) in [
            (b"short".to_vec(), PLAIN),
            (text[..1000].to_vec(), DEFLATED),
            (text.clone(), DEFLATED),
            (xxh(80_000), PLAIN),
            (Vec::new(), PLAIN),
        ] {
            let framed = frame(&body);
            assert_eq!((framed[4], unframe(&framed).unwrap().len()), (kind, body.len()));
            assert_eq!(unframe(&framed).unwrap(), body);
        }
    }

    /// Bytes that nothing makes smaller.
    fn xxh(count: usize) -> Vec<u8> {
        (0..count as u64 / 8).flat_map(|n| xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()).to_le_bytes()).collect()
    }
}
