//! The unfinished last blocks of a file's series, sixteen series per record.
//!
//! A sweep of a thousand short runs of a hundred metrics has a hundred thousand series of a hundred points. A record for
//! each would cost more in keys and pages than its points do.

use super::StoreError;
use super::bytes::{Reader, put_bytes};

/// Series in one record.
pub const COLUMNS: usize = 16;

/// The encoded blocks in a record, by place within it; empty where a series has no unfinished block.
#[derive(Debug, Default)]
pub struct OpenBlocks<'a>([&'a [u8]; COLUMNS]);

impl<'a> OpenBlocks<'a> {
    /// From bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        let mut blocks = [&[][..]; COLUMNS];
        for block in &mut blocks {
            if reader.0.is_empty() {
                break;
            }
            *block = reader.bytes()?;
        }
        if reader.0.is_empty() { Ok(Self(blocks)) } else { Err(StoreError::Damaged("too many open blocks".to_owned())) }
    }

    /// The encoded block of the series at this place of the file.
    pub fn of(&self, place: usize) -> Result<&'a [u8], StoreError> {
        match self.0[place % COLUMNS] {
            [] => Err(StoreError::Damaged("no open block".to_owned())),
            block => Ok(block),
        }
    }
}

/// As bytes.
#[must_use]
pub fn encode<'a>(blocks: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.clone().map(|block| block.len() + 4).sum());
    blocks.for_each(|block| put_bytes(&mut out, block));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_by_place() {
        let blocks: [&[u8]; 3] = [b"first", b"", b"third"];
        let bytes = encode(blocks.into_iter());
        let back = OpenBlocks::decode(&bytes).unwrap();
        assert_eq!((back.of(32).unwrap(), back.of(34).unwrap()), (&b"first"[..], &b"third"[..]));
        assert!(back.of(33).is_err() && back.of(40).is_err());
        assert!(OpenBlocks::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(OpenBlocks::decode(&encode([&b"x"[..]; 17].into_iter())).is_err());
    }
}
