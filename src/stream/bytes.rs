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

/// A body as a message.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    // Reading from a slice does not fail.
    let smaller = body.len() >= FEW
        && DeflateEncoder::new(body, Compression::new(6)).read_to_end(&mut packed).is_ok()
        && packed.len() < body.len();
    let (kind, content) = if smaller { (DEFLATED, packed.as_slice()) } else { (PLAIN, body) };
    let mut out = Vec::with_capacity(content.len() + 9);
    out.extend_from_slice(&HEAD);
    out.push(kind);
    out.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    out.extend_from_slice(content);
    out
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
