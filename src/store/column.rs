//! Columns of numbers as bytes. Steps are mostly evenly spaced and then cost a few bytes a column; everything else goes
//! through pco, which finds decimals, small integers and narrowed floats by itself.

use super::StoreError;
use super::bytes::{Reader, put, put_bytes, put_f64, put_signed};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

/// Level 3 of pco: on recorded logs it is within 3 % of level 8 in size at twice its speed.
const LEVEL: usize = 3;
/// Below this, pco's own header costs more than it saves.
const FEW: usize = 12;

const EVEN: u8 = 0;
const PACKED: u8 = 1;
const RAW: u8 = 2;

/// Appends integers.
pub fn put_integers(out: &mut Vec<u8>, values: &[i64]) {
    let stride = match values {
        [a, b, ..] => b.wrapping_sub(*a),
        _ => 0,
    };
    if values.windows(2).all(|w| w[1].wrapping_sub(w[0]) == stride) {
        out.push(EVEN);
        put_signed(out, values.first().copied().unwrap_or(0));
        put_signed(out, stride);
        return;
    }
    if values.len() >= FEW
        && let Ok(packed) = simple_compress(values, &ChunkConfig::default().with_compression_level(LEVEL))
    {
        out.push(PACKED);
        put_bytes(out, &packed);
        return;
    }
    out.push(RAW);
    let mut before = 0i64;
    for value in values {
        put_signed(out, value.wrapping_sub(before));
        before = *value;
    }
}

/// Reads `n` integers.
pub fn integers(reader: &mut Reader, n: usize) -> Result<Vec<i64>, StoreError> {
    match reader.take(1)?[0] {
        EVEN => {
            let first = reader.signed()?;
            let stride = reader.signed()?;
            Ok((0..n as i64).map(|i| first.wrapping_add(stride.wrapping_mul(i))).collect())
        }
        PACKED => unpack(reader.bytes()?, n),
        RAW => {
            let mut before = 0i64;
            (0..n)
                .map(|_| {
                    before = before.wrapping_add(reader.signed()?);
                    Ok(before)
                })
                .collect()
        }
        other => Err(unknown(other)),
    }
}

/// Appends floats, bit for bit.
pub fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        out.push(EVEN);
        put_f64(out, first);
        return;
    }
    if values.len() >= FEW
        && let Ok(packed) = simple_compress(values, &ChunkConfig::default().with_compression_level(LEVEL))
        && packed.len() < 8 * values.len()
    {
        out.push(PACKED);
        put_bytes(out, &packed);
        return;
    }
    out.push(RAW);
    for value in values {
        put_f64(out, *value);
    }
}

/// Reads `n` floats.
pub fn floats(reader: &mut Reader, n: usize) -> Result<Vec<f64>, StoreError> {
    match reader.take(1)?[0] {
        EVEN => Ok(vec![reader.float()?; n]),
        PACKED => unpack(reader.bytes()?, n),
        RAW => (0..n).map(|_| reader.float()).collect(),
        other => Err(unknown(other)),
    }
}

/// Appends times in milliseconds since 1970, `None` where the log has none.
pub fn put_times(out: &mut Vec<u8>, times: &[Option<i64>]) {
    let known = times.iter().flatten().count();
    put(out, known as u64);
    if known == 0 {
        return;
    }
    if known < times.len() {
        let mask: Vec<u8> =
            times.chunks(8).map(|c| c.iter().enumerate().fold(0, |m, (i, t)| m | u8::from(t.is_some()) << i)).collect();
        put_bytes(out, &mask);
    }
    let dense: Vec<i64> = times.iter().flatten().copied().collect();
    put_integers(out, &dense);
}

/// Reads `n` times.
pub fn times(reader: &mut Reader, n: usize) -> Result<Vec<Option<i64>>, StoreError> {
    let known = reader.number()? as usize;
    if known == 0 {
        return Ok(vec![None; n]);
    }
    if known == n {
        return Ok(integers(reader, n)?.into_iter().map(Some).collect());
    }
    let mask = reader.bytes()?;
    if known > n || mask.len() != n.div_ceil(8) {
        return Err(StoreError::Damaged("times that do not fit their points".to_owned()));
    }
    let mut dense = integers(reader, known)?.into_iter();
    Ok((0..n).map(|i| if mask[i / 8] >> (i % 8) & 1 == 1 { dense.next() } else { None }).collect())
}

fn unpack<T: pco::data_types::Number>(packed: &[u8], n: usize) -> Result<Vec<T>, StoreError> {
    let values: Vec<T> = simple_decompress(packed).map_err(|e| StoreError::Damaged(format!("a column: {e}")))?;
    if values.len() == n {
        Ok(values)
    } else {
        Err(StoreError::Damaged(format!("a column of {} where {n} are expected", values.len())))
    }
}

fn unknown(tag: u8) -> StoreError {
    StoreError::Damaged(format!("a column of unknown coding {tag}"))
}

/// Time as it is kept: to the millisecond, and only where it can be a time.
#[must_use]
pub fn to_millis(wall: f64) -> Option<i64> {
    // Year 5138: beyond it, a number is not a time in seconds.
    (wall.is_finite() && wall.abs() < 1e11).then(|| (wall * 1e3).round() as i64)
}

/// Time as it is read.
#[must_use]
pub fn from_millis(time: Option<i64>) -> f64 {
    time.map_or(f64::NAN, |t| t as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_back(values in prop::collection::vec(any::<i64>(), 0..60)) {
            let mut out = Vec::new();
            put_integers(&mut out, &values);
            prop_assert_eq!(integers(&mut Reader(&out), values.len()).unwrap(), values);
        }

        #[test]
        fn floats_come_back_bit_for_bit(bits in prop::collection::vec(any::<u64>(), 0..60)) {
            let values: Vec<f64> = bits.iter().map(|b| f64::from_bits(*b)).collect();
            let mut out = Vec::new();
            put_floats(&mut out, &values);
            let back: Vec<u64> = floats(&mut Reader(&out), bits.len()).unwrap().iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(back, bits);
        }

        #[test]
        fn times_come_back(times_in in prop::collection::vec(any::<Option<i32>>(), 0..60)) {
            let values: Vec<Option<i64>> = times_in.iter().map(|t| t.map(i64::from)).collect();
            let mut out = Vec::new();
            put_times(&mut out, &values);
            prop_assert_eq!(times(&mut Reader(&out), values.len()).unwrap(), values);
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>, n in 0usize..200) {
            let _ = integers(&mut Reader(&bytes), n);
            let _ = floats(&mut Reader(&bytes), n);
            let _ = times(&mut Reader(&bytes), n);
        }
    }

    #[test]
    fn even_steps_cost_a_few_bytes_and_rounded_losses_about_two_each() {
        let mut out = Vec::new();
        put_integers(&mut out, &(0..768).map(|i| 1000 + 10 * i).collect::<Vec<_>>());
        assert!(out.len() < 6, "{}", out.len());
        out.clear();
        let losses: Vec<f64> = (0..768u64).map(|i| (250_000 + i * 7919 % 4096) as f64 / 1e5).collect();
        put_floats(&mut out, &losses);
        assert!(out.len() < 2 * 768, "{}", out.len());
    }
}
