//! Serialized parser states: [`super::Parser::save`] writes and [`super::Parser::resume`] reads them.

/// Writes a number in 7-bit groups, the least significant first.
pub fn unsigned(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Writes a signed number: small magnitudes are short.
pub fn signed(to: &mut Vec<u8>, value: i64) {
    unsigned(to, (value << 1 ^ value >> 63) as u64);
}

/// Writes a length and that many bytes.
pub fn bytes(to: &mut Vec<u8>, value: &[u8]) {
    unsigned(to, value.len() as u64);
    to.extend_from_slice(value);
}

/// Writes the bits of a number, exactly.
pub fn float(to: &mut Vec<u8>, value: f64) {
    to.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Writes whether there is a number, and the number.
pub fn optional(to: &mut Vec<u8>, value: Option<f64>) {
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        float(to, value);
    }
}

/// Reads what the functions above wrote. Every method is `None` where the bytes are not that.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `saved`.
    #[must_use]
    pub fn new(saved: &'a [u8]) -> Self {
        Self { rest: saved }
    }

    /// Whether everything has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number written by [`unsigned`].
    pub fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A number written by [`signed`].
    pub fn signed(&mut self) -> Option<i64> {
        let folded = self.unsigned()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// Bytes written by [`fn@bytes`].
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        if length > self.rest.len() {
            return None;
        }
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(value)
    }

    /// A number written by [`float`].
    pub fn float(&mut self) -> Option<f64> {
        let (bits, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bits)))
    }

    /// A number written by [`optional`].
    pub fn optional(&mut self) -> Option<Option<f64>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.float().map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut to = Vec::new();
        for value in [0, 127, 128, u64::MAX] {
            unsigned(&mut to, value);
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            signed(&mut to, value);
        }
        bytes(&mut to, b"lm loss");
        optional(&mut to, None);
        optional(&mut to, Some(0.1));
        let mut from = Reader::new(&to);
        for value in [0, 127, 128, u64::MAX] {
            assert_eq!(from.unsigned(), Some(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(from.signed(), Some(value));
        }
        assert_eq!(from.bytes(), Some(&b"lm loss"[..]));
        assert_eq!((from.optional(), from.optional()), (Some(None), Some(Some(0.1))));
        assert!(from.is_empty() && from.byte().is_none() && from.bytes().is_none() && from.float().is_none());
        assert_eq!(Reader::new(&[0xff; 11]).unsigned(), None);
    }
}
