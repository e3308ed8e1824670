//! Length-prefixed JSON frames.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{Error, ErrorKind, Read, Result, Write};

/// The longest request.
pub const MAX_REQUEST: usize = 1 << 20;
/// The longest answer.
pub const MAX_RESPONSE: usize = 256 << 20;

/// Writes one frame.
///
/// # Errors
/// Those of the stream; [`ErrorKind::InvalidData`] where the value is longer than a frame can say.
pub fn write<T: Serialize>(to: &mut impl Write, value: &T) -> Result<()> {
    // One write for length and body, so that a reader never wakes up for a length alone.
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value).map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| Error::new(ErrorKind::InvalidData, "frame too long"))?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame)?;
    to.flush()
}

/// Reads one frame of at most `cap` bytes; `None` where the other side hung up between frames.
///
/// # Errors
/// Those of the stream; [`ErrorKind::InvalidData`] where the frame is longer than `cap` or not what was expected.
pub fn read<T: DeserializeOwned>(from: &mut impl Read, cap: usize) -> Result<Option<T>> {
    let mut length = [0; 4];
    match from.read(&mut length)? {
        0 => return Ok(None),
        n => from.read_exact(&mut length[n..])?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > cap {
        return Err(Error::new(ErrorKind::InvalidData, format!("a frame of {length} bytes; the maximum is {cap}")));
    }
    // The length is the other side's claim: take memory as bytes arrive, not on its word.
    let mut body = Vec::new();
    if from.take(length as u64).read_to_end(&mut body)? < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&body).map(Some).map_err(|e| Error::new(ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_end_is_told_from_a_break() {
        let mut wire = Vec::new();
        write(&mut wire, &vec![1, 2, 3]).unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read::<Vec<i32>>(&mut from, 100).unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(read::<Vec<i32>>(&mut from, 100).unwrap(), None);
        for cut in 1..wire.len() {
            assert!(read::<Vec<i32>>(&mut &wire[..cut], 100).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_over_the_cap_is_refused_before_it_is_read() {
        let wire = [0xff, 0xff, 0xff, 0x7f, b'x'];
        assert_eq!(read::<String>(&mut wire.as_slice(), 10).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
