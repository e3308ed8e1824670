//! Integers in as many bits as their spread asks for, after FastPFOR's frames of reference (Lemire and Boytsov 2015): in
//! stretches of 128, each with its least value and a width. A spike costs its own stretch, not the column.

use super::StoreError;
use super::bytes::{Reader, put, put_signed};

/// Integers that share a least value and a width.
const STRETCH: usize = 128;

/// The integers themselves follow.
const PLAIN: u8 = 0;
/// The first integer follows, and then what each is above the one before it.
const STEPS: u8 = 1;

/// Appends integers, themselves or their differences, whichever is shorter.
pub fn put_packed(out: &mut Vec<u8>, values: &[i64]) {
    if bits_of_steps(values) < bits(values) {
        let steps: Vec<i64> = values.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
        out.push(STEPS);
        put_signed(out, values[0]);
        put_stretches(out, &steps);
    } else {
        out.push(PLAIN);
        put_stretches(out, values);
    }
}

/// Reads `n` integers.
pub fn packed(reader: &mut Reader, n: usize) -> Result<Vec<i64>, StoreError> {
    match reader.take(1)?[0] {
        PLAIN => stretches(reader, n, None),
        STEPS if n > 0 => {
            let first = reader.signed()?;
            stretches(reader, n, Some(first))
        }
        other => Err(StoreError::Damaged(format!("integers with unknown packing {other}"))),
    }
}

/// Bits that stretches of these would take.
fn bits(values: &[i64]) -> usize {
    values.chunks(STRETCH).map(|stretch| cost(frame(stretch.iter().copied()).1, stretch.len())).sum()
}

/// Bits that stretches of the differences between these would take.
fn bits_of_steps(values: &[i64]) -> usize {
    // Each stretch with the value after it, which is the first of the next.
    let starts = (0..values.len().saturating_sub(1)).step_by(STRETCH);
    let of = |at: usize| {
        let stretch = &values[at..values.len().min(at + STRETCH + 1)];
        cost(frame(stretch.windows(2).map(|w| w[1].wrapping_sub(w[0]))).1, stretch.len() - 1)
    };
    starts.map(of).sum()
}

/// Bits of a stretch of so many integers of a width: about three bytes for the least value and the width.
fn cost(width: u32, count: usize) -> usize {
    24 + width as usize * count
}

/// The least value and the bits that the others are above it.
fn frame(stretch: impl Iterator<Item = i64>) -> (i64, u32) {
    let (low, high) = stretch.fold((i64::MAX, i64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    (low, u64::BITS - (high.wrapping_sub(low) as u64).leading_zeros())
}

fn put_stretches(out: &mut Vec<u8>, values: &[i64]) {
    for stretch in values.chunks(STRETCH) {
        let (low, width) = frame(stretch.iter().copied());
        put_signed(out, low);
        put(out, u64::from(width));
        let (mut word, mut fill) = (0u64, 0);
        for value in stretch {
            let above = value.wrapping_sub(low) as u64;
            word |= above << fill;
            fill += width;
            if fill >= u64::BITS {
                out.extend_from_slice(&word.to_le_bytes());
                fill -= u64::BITS;
                // What did not fit: the highest `fill` of its `width` bits.
                word = if fill == 0 { 0 } else { above >> (width - fill) };
            }
        }
        out.extend_from_slice(&word.to_le_bytes()[..fill.div_ceil(8) as usize]);
    }
}

/// Reads `n` integers; with `first`, that one and then `n - 1` differences.
fn stretches(reader: &mut Reader, n: usize, first: Option<i64>) -> Result<Vec<i64>, StoreError> {
    let mut values: Vec<i64> = first.into_iter().collect();
    while values.len() < n {
        let (low, width) = (reader.signed()?, reader.small()?);
        if width > u64::BITS {
            return Err(StoreError::Damaged(format!("integers with {width} bits")));
        }
        let count = (n - values.len()).min(STRETCH);
        let bytes = reader.take((count * width as usize).div_ceil(8))?;
        let mask = u64::MAX.checked_shr(u64::BITS - width).unwrap_or(0);
        let mut words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let (mut word, mut left) = (0u64, 0);
        for _ in 0..count {
            let above = if left >= width {
                let above = word & mask;
                // A width of 64 leaves nothing.
                word = word.checked_shr(width).unwrap_or(0);
                left -= width;
                above
            } else {
                let next = words.next().unwrap_or(0);
                let above = (word | next << left) & mask;
                let taken = width - left;
                word = next.checked_shr(taken).unwrap_or(0);
                left = u64::BITS - taken;
                above
            };
            let value = low.wrapping_add(above as i64);
            values.push(match (first, values.last()) {
                (Some(_), Some(before)) => before.wrapping_add(value),
                _ => value,
            });
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(values: &[i64]) -> Vec<i64> {
        let mut out = Vec::new();
        put_packed(&mut out, values);
        let mut reader = Reader(&out);
        let back = packed(&mut reader, values.len()).unwrap();
        assert!(reader.0.is_empty());
        back
    }

    proptest! {
        #[test]
        fn integers_of_any_width_come_back(values in prop::collection::vec(any::<i64>(), 0..300), shift in 0u32..64) {
            let narrow: Vec<i64> = values.iter().map(|v| v >> shift).collect();
            prop_assert_eq!(&back(&narrow), &narrow);
            let rising: Vec<i64> = narrow.iter().scan(0i64, |sum, v| { *sum = sum.wrapping_add(*v); Some(*sum) }).collect();
            prop_assert_eq!(back(&rising), rising);
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>, n in 0usize..300) {
            let _ = packed(&mut Reader(&bytes), n);
        }
    }

    #[test]
    fn a_spike_costs_its_own_stretch() {
        let mut values: Vec<i64> = (0..768).map(|i| i * 7919 % 256).collect();
        let size = |values: &[i64]| {
            let mut out = Vec::new();
            put_packed(&mut out, values);
            out.len()
        };
        let plain = size(&values);
        assert!(plain < 768 + 32, "{plain}");
        values[300] = 1 << 40;
        assert!(size(&values) < plain + 128 * 5, "{}", size(&values));
        assert!(size(&(0..768).map(|i| 1_700_000_000_000 + 1000 * i + i % 2).collect::<Vec<_>>()) < 768 / 4 + 40);
    }
}
