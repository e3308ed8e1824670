//! The protocol-buffer wire format, as far as log files need it: a walk over the fields of a message, nothing copied.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// The value of a field, as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wire<'a> {
    /// Integers, booleans and enumerations.
    Varint(u64),
    /// `double`, `fixed64`.
    Fixed64(u64),
    /// Strings, bytes, messages inside, packed lists.
    Bytes(&'a [u8]),
    /// `float`, `fixed32`.
    Fixed32(u32),
}

/// The bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a protocol-buffer message")]
pub struct Malformed;

/// Why nothing is taken of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is not a message.
    Malformed,
    /// Its step is no whole number below 2^53.
    OddStep,
}

impl From<Malformed> for Unread {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The fields of one message, in file order: (field number, value).
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Over a whole message.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    fn field(&mut self) -> Result<(u32, Wire<'a>), Malformed> {
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        if number == 0 {
            return Err(Malformed);
        }
        let value = match key & 7 {
            0 => Wire::Varint(varint(&mut self.rest)?),
            1 => Wire::Fixed64(u64::from_le_bytes(take(&mut self.rest)?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
                self.rest = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(take(&mut self.rest)?)),
            // Groups (3 and 4) are older than any log format read here.
            _ => return Err(Malformed),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Reads a varint from the front of `bytes`: at most ten bytes, seven bits each, the lowest first.
///
/// # Errors
/// [`Malformed`] if it does not end.
#[inline]
pub fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => {
            *bytes = rest;
            Ok(u64::from(*first))
        }
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).unwrap_or(0);
        if *byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err(Malformed)
}

#[inline]
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(Malformed)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type_is_read() {
        let message = [
            0x08, 0x96, 0x01, // 1: 150, the example of the specification
            0x12, 0x02, b'h', b'i', // 2: "hi"
            0x1d, 0, 0, 0x80, 0x3f, // 3: 1.0f32
            0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // 4: 1.0f64
            0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, // 5: -1 as int64
        ];
        let fields: Result<Vec<_>, _> = Fields::new(&message).collect();
        assert_eq!(
            fields,
            Ok(vec![
                (1, Wire::Varint(150)),
                (2, Wire::Bytes(b"hi")),
                (3, Wire::Fixed32(1f32.to_bits())),
                (4, Wire::Fixed64(1f64.to_bits())),
                (5, Wire::Varint(u64::MAX)),
            ])
        );
    }

    #[test]
    fn a_message_cut_short_is_malformed_and_ends() {
        for message in
            [&[0x08][..], &[0x08, 0x80], &[0x12, 0x05, b'a'], &[0x1d, 0, 0], &[0x00, 0x00], &[0x0b], &[0xff; 12]]
        {
            let fields: Vec<_> = Fields::new(message).collect();
            assert_eq!(fields, [Err(Malformed)], "{message:?}");
        }
    }
}
