//! Binary encoding of stored values: variable-length integers, and a reader that never panics.

use super::StoreError;

/// Appends an unsigned integer, seven bits a byte, the lowest first.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer so that small magnitudes are short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a float, bit for bit.
pub fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends bytes with their length in front.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote. Every method fails on bytes that they could not have written.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], StoreError> {
        if n > self.0.len() {
            return Err(cut());
        }
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        Ok(head)
    }

    /// An unsigned integer.
    pub fn number(&mut self) -> Result<u64, StoreError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(cut)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StoreError::Damaged("an unterminated integer".to_owned()))
    }

    /// An unsigned integer of at most 32 bits.
    pub fn small(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| StoreError::Damaged("an integer out of range".to_owned()))
    }

    /// A signed integer.
    pub fn signed(&mut self) -> Result<i64, StoreError> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Eight bytes as they are.
    pub fn word(&mut self) -> Result<u64, StoreError> {
        let mut raw = [0; 8];
        raw.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(raw))
    }

    /// A float, bit for bit.
    pub fn float(&mut self) -> Result<f64, StoreError> {
        self.word().map(f64::from_bits)
    }

    /// Bytes with their length in front.
    pub fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let n = self.number()?;
        self.take(usize::try_from(n).map_err(|_| cut())?)
    }

    /// Text with its length in front.
    pub fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?.to_vec())
            .map_err(|_| StoreError::Damaged("a name that is not UTF-8".to_owned()))
    }
}

fn cut() -> StoreError {
    StoreError::Damaged("a truncated value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(a: u64, b: i64, c: u64, d: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, a);
            put_signed(&mut out, b);
            put_f64(&mut out, f64::from_bits(c));
            put_bytes(&mut out, &d);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.number().unwrap(), a);
            prop_assert_eq!(reader.signed().unwrap(), b);
            prop_assert_eq!(reader.float().unwrap().to_bits(), c);
            prop_assert_eq!(reader.bytes().unwrap(), &d[..]);
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.number().is_ok() {}
            let _ = Reader(&bytes).text();
            let _ = Reader(&bytes).float();
        }
    }
}
