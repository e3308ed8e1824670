//! Columns of numbers as bytes. Steps are mostly evenly spaced and cost a few bytes a column. What a script prints are
//! decimals, and what TensorBoard keeps are floats of 32 bits: both are integers of a narrow range, which are packed
//! ([`super::packed`]) some ten times as fast as a general compressor finds that out. What is neither goes to pco.

use super::StoreError;
use super::bytes::{Reader, put, put_bytes, put_f64, put_signed};
use super::packed::{packed, put_packed};
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec};

/// Level 3 of pco: on recorded logs it is within 3 % of level 8 in size at twice its speed.
const LEVEL: usize = 3;
/// Below this, pco's own header costs more than it saves.
const FEW: usize = 12;

const EVEN: u8 = 0;
const COMPRESSED: u8 = 1;
const RAW: u8 = 2;
const PACKED: u8 = 3;
const DECIMAL: u8 = 4;
const SINGLE: u8 = 5;
const MIXED: u8 = 6;

/// Powers of ten that are exact as `f64`, as far as decimals are looked for.
const TEN: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

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
    out.push(PACKED);
    put_packed(out, values);
}

/// Reads `n` integers.
pub fn integers(reader: &mut Reader, n: usize) -> Result<Vec<i64>, StoreError> {
    match reader.take(1)?[0] {
        EVEN => {
            let first = reader.signed()?;
            let stride = reader.signed()?;
            Ok((0..n as i64).map(|i| first.wrapping_add(stride.wrapping_mul(i))).collect())
        }
        PACKED => packed(reader, n),
        other => Err(unknown(other)),
    }
}

/// Appends floats, bit for bit.
pub fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        out.push(EVEN);
        put_f64(out, first);
    } else if let Some((digits, integers)) = decimals(values) {
        out.extend_from_slice(&[DECIMAL, digits as u8]);
        put_packed(out, &integers);
    } else if let Some(integers) = singles(values) {
        out.push(SINGLE);
        put_packed(out, &integers);
    } else if let Some(compressed) = compress(values) {
        out.push(COMPRESSED);
        put_bytes(out, &compressed);
    } else {
        out.push(RAW);
        values.iter().for_each(|value| put_f64(out, *value));
    }
}

/// Appends floats of unlike kinds, bit for bit: each in four bytes where it is a float of 32 bits, else in eight. For
/// columns across series, in which no pattern is worth a search.
pub fn put_unlike_floats(out: &mut Vec<u8>, values: &[f64]) {
    out.push(MIXED);
    let is_single = |value: &f64| single(*value).is_some();
    out.extend(values.chunks(8).map(|c| c.iter().rev().fold(0, |mask, value| mask << 1 | u8::from(is_single(value)))));
    for value in values {
        match single(*value) {
            Some(narrow) => out.extend_from_slice(&narrow.to_le_bytes()),
            None => put_f64(out, *value),
        }
    }
}

fn unlike_floats(reader: &mut Reader, n: usize) -> Result<Vec<f64>, StoreError> {
    let mask = reader.take(n.div_ceil(8))?;
    let read = |i: usize| match mask[i / 8] >> (i % 8) & 1 {
        1 => Ok(f64::from(f32::from_le_bytes(reader.take(4)?.try_into().expect("four bytes")))),
        _ => reader.float(),
    };
    (0..n).map(read).collect()
}

/// Reads `n` floats.
pub fn floats(reader: &mut Reader, n: usize) -> Result<Vec<f64>, StoreError> {
    match reader.take(1)?[0] {
        EVEN => Ok(vec![reader.float()?; n]),
        DECIMAL => {
            let digits = usize::from(reader.take(1)?[0]);
            let power = TEN.get(digits).ok_or_else(|| StoreError::Damaged(format!("decimals of {digits} digits")))?;
            Ok(packed(reader, n)?.into_iter().map(|i| i as f64 / power).collect())
        }
        SINGLE => Ok(packed(reader, n)?.into_iter().map(|i| f64::from(from_ordered(i as i32))).collect()),
        MIXED => unlike_floats(reader, n),
        COMPRESSED => decompress(reader.bytes()?, n),
        RAW => (0..n).map(|_| reader.float()).collect(),
        other => Err(unknown(other)),
    }
}

/// The values as integers over a power of ten, with as few digits as all of them need: a quotient of two numbers that
/// are exact is rounded once, like the decimal it was read from (Clinger 1990).
fn decimals(values: &[f64]) -> Option<(usize, Vec<i64>)> {
    let mut digits = digits(values[0], 0)?;
    let mut integers = Vec::with_capacity(values.len());
    'again: loop {
        integers.clear();
        for chunk in values.chunks(64) {
            // Without a way out in between, so that it can be done four at a time.
            let mut all = true;
            integers.extend(chunk.iter().map(|value| {
                let (integer, exact) = scaled(*value, TEN[digits]);
                all &= exact;
                integer
            }));
            if !all {
                let other = chunk.iter().find(|value| !scaled(**value, TEN[digits]).1)?;
                digits = self::digits(*other, digits + 1)?;
                continue 'again;
            }
        }
        return Some((digits, integers));
    }
}

/// Least number of digits, from `least` on, with which a value is a decimal.
fn digits(value: f64, least: usize) -> Option<usize> {
    (least..TEN.len()).find(|digits| scaled(value, TEN[*digits]).1)
}

/// The integer nearest to `value · power`, and whether it gives the value back.
#[inline]
fn scaled(value: f64, power: f64) -> (i64, bool) {
    // Adding this rounds to an integer, which then stands in the lowest bits.
    const ROUND: f64 = (3u64 << 51) as f64;
    let shifted = value * power + ROUND;
    let nearest = shifted - ROUND;
    let integer = (shifted.to_bits() as i64).wrapping_sub(ROUND.to_bits() as i64);
    (integer, nearest.abs() < (1u64 << 51) as f64 && (nearest / power).to_bits() == value.to_bits())
}

/// The values as floats of 32 bits, which they all are; as integers in the same order.
fn singles(values: &[f64]) -> Option<Vec<i64>> {
    let mut integers = Vec::with_capacity(values.len());
    for value in values {
        integers.push(i64::from(ordered(single(*value)?)));
    }
    Some(integers)
}

/// The value as a float of 32 bits, if it is one.
fn single(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (f64::from(narrow).to_bits() == value.to_bits()).then_some(narrow)
}

/// A float as an integer: those of negative floats descend as the floats do.
fn ordered(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ ((bits >> 31) & i32::MAX)
}

fn from_ordered(integer: i32) -> f32 {
    f32::from_bits((integer ^ ((integer >> 31) & i32::MAX)) as u32)
}

/// By pco, where that is any shorter.
fn compress(values: &[f64]) -> Option<Vec<u8>> {
    if values.len() < FEW {
        return None;
    }
    // Its own search among ways to take differences takes four fifths of its time. A course is smooth, or it is noise.
    let jumps: f64 = values.windows(2).map(|w| (w[1] - w[0]).abs()).sum();
    let spread: f64 = values.iter().map(|v| (v - values[0]).abs()).sum();
    let delta = if 4.0 * jumps < spread { DeltaSpec::TryConsecutive(1) } else { DeltaSpec::NoOp };
    let config = ChunkConfig::default().with_compression_level(LEVEL).with_delta_spec(delta);
    simple_compress(values, &config).ok().filter(|compressed| compressed.len() < 8 * values.len())
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
        return Err(StoreError::Damaged("times whose number differs from the points".to_owned()));
    }
    let mut dense = integers(reader, known)?.into_iter();
    Ok((0..n).map(|i| if mask[i / 8] >> (i % 8) & 1 == 1 { dense.next() } else { None }).collect())
}

fn decompress(compressed: &[u8], n: usize) -> Result<Vec<f64>, StoreError> {
    // Into room for what there should be: a few bytes can say that there are millions.
    let mut values = vec![0.0; n];
    let read =
        simple_decompress_into(compressed, &mut values).map_err(|e| StoreError::Damaged(format!("a column: {e}")))?;
    if read.finished && read.n_processed == n {
        Ok(values)
    } else {
        Err(StoreError::Damaged(format!("a column of other than {n} values")))
    }
}

fn unknown(tag: u8) -> StoreError {
    StoreError::Damaged(format!("a column with unknown encoding {tag}"))
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
            prop_assert_eq!(&back, &bits);
            let halves = |bits: &[u64]| bits.iter().map(|b| f64::from(f64::from_bits(*b) as f32)).collect::<Vec<f64>>();
            let unlike = [values, halves(&bits)].concat();
            out.clear();
            put_unlike_floats(&mut out, &unlike);
            let back = floats(&mut Reader(&out), unlike.len()).unwrap();
            prop_assert!(back.iter().zip(&unlike).all(|(a, b)| a.to_bits() == b.to_bits()));
        }

        #[test]
        fn what_is_printed_and_what_was_narrowed_comes_back(
            values in prop::collection::vec(-1e6..1e6f64, 1..200), digits in 0usize..12, odd in any::<u64>(),
        ) {
            let printed: Vec<f64> = values.iter().map(|v| format!("{v:.digits$}").parse().unwrap()).collect();
            let narrowed: Vec<f64> = values.iter().map(|v| f64::from(*v as f32)).collect();
            for mut column in [printed, narrowed, values] {
                for last in [None, Some(f64::from_bits(odd)), Some(-0.0), Some(f64::NAN), Some(f64::NEG_INFINITY)] {
                    column.extend(last);
                    let mut out = Vec::new();
                    put_floats(&mut out, &column);
                    let back = floats(&mut Reader(&out), column.len()).unwrap();
                    let bits = |all: &[f64]| all.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    prop_assert_eq!(bits(&back), bits(&column));
                    column.truncate(column.len() - usize::from(last.is_some()));
                }
            }
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
        out.clear();
        let narrow: Vec<f64> = losses.iter().map(|loss| f64::from(*loss as f32)).collect();
        put_floats(&mut out, &narrow);
        assert!(out.len() < 4 * 768, "{}", out.len());
    }
}
