//! TensorFlow's `TensorProto`, as far as logs use it: one number, or text.
//!
//! Field numbers: tensorflow/core/framework/{tensor,tensor_shape,types}.proto.

use super::protobuf::{Fields, Malformed, Wire, varint};

/// What a summary's tensor holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tensor<'a> {
    /// A tensor of rank 0 with a number.
    Scalar(f64),
    /// The first string of a tensor of strings.
    Text(&'a [u8]),
    /// Histograms, images and whatever else is no series.
    Other,
}

/// `DataType`.
mod dtype {
    pub const FLOAT: u64 = 1;
    pub const DOUBLE: u64 = 2;
    pub const INT32: u64 = 3;
    pub const UINT8: u64 = 4;
    pub const INT16: u64 = 5;
    pub const INT8: u64 = 6;
    pub const STRING: u64 = 7;
    pub const INT64: u64 = 9;
    pub const BOOL: u64 = 10;
    pub const BFLOAT16: u64 = 14;
    pub const UINT16: u64 = 17;
    pub const HALF: u64 = 19;
    pub const UINT32: u64 = 22;
    pub const UINT64: u64 = 23;
}

/// Reads a `TensorProto`.
///
/// # Errors
/// [`Malformed`].
pub fn read(message: &[u8]) -> Result<Tensor<'_>, Malformed> {
    let (mut kind, mut rank, mut content, mut typed, mut text) = (0, 0, None, None, None);
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Varint(dtype)) => kind = dtype,
            (2, Wire::Bytes(shape)) => rank = self::rank(shape)?,
            (4, Wire::Bytes(bytes)) if !bytes.is_empty() => content = Some(bytes),
            (8, Wire::Bytes(string)) => text = text.or(Some(string)),
            // The typed lists, packed or not: float, double, int, int64, bool, half, uint32, uint64.
            (5 | 6 | 7 | 10 | 11 | 13 | 16 | 17, value) => typed = typed.or(Some(value)),
            _ => {}
        }
    }
    if kind == dtype::STRING {
        return Ok(text.map_or(Tensor::Other, Tensor::Text));
    }
    if rank != 0 {
        return Ok(Tensor::Other);
    }
    let value = match (content, typed) {
        (Some(bytes), _) => from_content(kind, bytes),
        (None, Some(value)) => from_list(kind, value)?,
        // Protocol buffers leave out what is zero.
        (None, None) => matches!(kind, dtype::FLOAT | dtype::DOUBLE | dtype::INT32 | dtype::INT64).then_some(0.0),
    };
    Ok(value.map_or(Tensor::Other, Tensor::Scalar))
}

/// Number of dimensions; 1 where it is not known.
fn rank(shape: &[u8]) -> Result<usize, Malformed> {
    let mut dimensions = 0;
    for field in Fields::new(shape) {
        match field? {
            (2, _) => dimensions += 1,
            (3, Wire::Varint(1)) => return Ok(1),
            _ => {}
        }
    }
    Ok(dimensions)
}

/// The one element of `tensor_content`: the memory of the tensor, little-endian.
fn from_content(kind: u64, bytes: &[u8]) -> Option<f64> {
    Some(match kind {
        dtype::FLOAT => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
        dtype::DOUBLE => f64::from_le_bytes(bytes.try_into().ok()?),
        dtype::INT32 => f64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
        dtype::UINT32 => f64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
        dtype::INT64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
        dtype::UINT64 => u64::from_le_bytes(bytes.try_into().ok()?) as f64,
        dtype::INT16 => f64::from(i16::from_le_bytes(bytes.try_into().ok()?)),
        dtype::UINT16 => f64::from(u16::from_le_bytes(bytes.try_into().ok()?)),
        dtype::INT8 => f64::from(i8::from_le_bytes(bytes.try_into().ok()?)),
        dtype::UINT8 | dtype::BOOL => f64::from(u8::from_le_bytes(bytes.try_into().ok()?)),
        dtype::HALF => half(u16::from_le_bytes(bytes.try_into().ok()?)),
        dtype::BFLOAT16 => bfloat16(u16::from_le_bytes(bytes.try_into().ok()?)),
        _ => return None,
    })
}

/// The first element of a typed list.
fn from_list(kind: u64, value: Wire<'_>) -> Result<Option<f64>, Malformed> {
    let bits = match value {
        Wire::Fixed32(bits) => u64::from(bits),
        Wire::Varint(bits) | Wire::Fixed64(bits) => bits,
        Wire::Bytes(packed) => match kind {
            dtype::FLOAT => match packed.first_chunk::<4>() {
                Some(bytes) => u64::from(u32::from_le_bytes(*bytes)),
                None => return Ok(None),
            },
            dtype::DOUBLE => match packed.first_chunk::<8>() {
                Some(bytes) => u64::from_le_bytes(*bytes),
                None => return Ok(None),
            },
            _ => varint(&mut { packed })?,
        },
    };
    Ok(Some(match kind {
        dtype::FLOAT => f64::from(f32::from_bits(bits as u32)),
        dtype::DOUBLE => f64::from_bits(bits),
        dtype::HALF => half(bits as u16),
        dtype::BFLOAT16 => bfloat16(bits as u16),
        dtype::UINT64 => bits as f64,
        dtype::INT8 | dtype::INT16 | dtype::INT32 | dtype::INT64 => bits as i64 as f64,
        dtype::UINT8 | dtype::UINT16 | dtype::UINT32 | dtype::BOOL => bits as f64,
        _ => return Ok(None),
    }))
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// The upper half of an f32.
fn bfloat16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_every_kind_are_read() {
        let cases: &[(&[u8], f64)] = &[
            (&[0x08, 1, 0x12, 0, 0x22, 4, 0, 0, 0x20, 0x41], 10.0), // float, content
            (&[0x08, 1, 0x12, 0, 0x2a, 4, 0, 0, 0x20, 0x41], 10.0), // float, packed list
            (&[0x08, 1, 0x12, 0, 0x2d, 0, 0, 0x20, 0x41], 10.0),    // float, list not packed
            (&[0x08, 3, 0x12, 0, 0x3a, 1, 7], 7.0),                 // int32, packed list
            (&[0x08, 9, 0x12, 0, 0x52, 10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], -1.0), // int64
            (&[0x08, 19, 0x12, 0, 0x6a, 2, 0x80, 0x78], 1.0),       // half: 0x3c00 as a varint
            (&[0x08, 14, 0x12, 0, 0x22, 2, 0x80, 0x3f], 1.0),       // bfloat16, content
            (&[0x08, 1, 0x12, 0], 0.0),                             // zero is left out
        ];
        for (message, value) in cases {
            assert_eq!(read(message), Ok(Tensor::Scalar(*value)), "{message:?}");
        }
    }

    #[test]
    fn what_is_no_scalar_is_not_made_one() {
        let vector = [0x08, 1, 0x12, 4, 0x12, 2, 0x08, 1, 0x22, 4, 0, 0, 0x20, 0x41];
        assert_eq!(read(&vector), Ok(Tensor::Other), "one element, but a vector");
        assert_eq!(read(&[0x08, 7, 0x12, 0, 0x42, 2, b'h', b'i']), Ok(Tensor::Text(b"hi")));
        assert_eq!(read(&[0x08, 1, 0x12, 0, 0x22, 3, 0, 0, 0]), Ok(Tensor::Other), "content of the wrong length");
        assert_eq!(read(&[0x08]), Err(Malformed));
    }

    #[test]
    fn half_precision() {
        for (bits, value) in [(0x0001, 2f64.powi(-24)), (0xc000, -2.0), (0x7bff, 65504.0), (0x7c00, f64::INFINITY)] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }
}
