//! Vectors in a NumPy file (`.npy`): one row a sample.

use crate::ipc::protocol::Failure;
use crate::open;
use crate::vocab::text::printable;
use std::io::{BufReader, Read};
use std::path::Path;

/// Longest header; NumPy's own are a few hundred bytes.
const HEADER: usize = 1 << 16;
/// Longest vector.
const WIDEST: usize = 1 << 16;

/// The vectors of a domain.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Vectors {
    /// Their mean.
    pub mean: Vec<f64>,
    /// Some of them, evenly spread over the file.
    pub some: Vec<Vec<f64>>,
    /// How many there are.
    pub count: usize,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Half,
    Single,
    Double,
}

/// Reads a two-dimensional array of 16-, 32- or 64-bit numbers, row after row. `most`: vectors to keep.
///
/// # Errors
/// A file that cannot be read, or is no such array.
pub(super) fn read(file: &Path, most: usize) -> Result<Vectors, Failure> {
    let shown = printable(&file.display().to_string());
    let help = "save one row a sample: numpy.save(\"web.npy\", vectors.astype(\"float32\"))";
    let failed = |what: &str| Failure::new(format!("{shown}: {what}"), help.to_owned());
    let opened = open::regular(file).map_err(|e| failed(&e.to_string()))?;
    let mut from = BufReader::new(opened);
    let mut bytes = |count: usize| -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes).map_err(|_| failed("the file ends early"))?;
        Ok(bytes)
    };
    let start = bytes(8)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err(failed("no NumPy file"));
    }
    let length = if start[6] == 1 {
        let two = bytes(2)?;
        usize::from(u16::from_le_bytes([two[0], two[1]]))
    } else {
        let four = bytes(4)?;
        usize::try_from(u32::from_le_bytes([four[0], four[1], four[2], four[3]])).unwrap_or(usize::MAX)
    };
    if length > HEADER {
        return Err(failed("its header is damaged"));
    }
    let header = String::from_utf8_lossy(&bytes(length)?).into_owned();
    let after = |key: &str| header.split_once(&format!("'{key}':")).map_or("", |(_, rest)| rest.trim_start());
    let (number, size) = match after("descr").trim_start_matches('\'').get(..3) {
        Some("<f2") => (Number::Half, 2),
        Some("<f4") => (Number::Single, 4),
        Some("<f8") => (Number::Double, 8),
        _ => return Err(failed("its numbers are not float16, float32 or float64")),
    };
    if !after("fortran_order").starts_with("False") {
        return Err(failed("its columns come first (fortran_order)"));
    }
    let shape = after("shape").trim_start_matches('(').split(')').next().unwrap_or_default();
    let sides: Vec<usize> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    let [count, width] = sides[..] else { return Err(failed("no table of two dimensions")) };
    if count == 0 || width == 0 || width > WIDEST {
        return Err(failed(&format!("{count} vectors of {width} numbers")));
    }
    let mut all = Vectors { mean: vec![0.0; width], some: Vec::new(), count };
    let kept = most.min(count);
    for row in 0..count {
        let vector: Vec<f64> = bytes(width * size)?.chunks_exact(size).map(|b| value(number, b)).collect();
        if vector.iter().any(|v| !v.is_finite()) {
            return Err(failed(&format!("row {row} has numbers that are none")));
        }
        all.mean.iter_mut().zip(&vector).for_each(|(mean, v)| *mean += v / count as f64);
        // Rows 0, count/kept, 2·count/kept, ...
        if all.some.len() < kept && row * kept >= all.some.len() * count {
            all.some.push(vector);
        }
    }
    Ok(all)
}

fn value(number: Number, b: &[u8]) -> f64 {
    match number {
        Number::Half => {
            let bits = u16::from_le_bytes([b[0], b[1]]);
            let (exponent, part) = (i32::from((bits >> 10) & 31), f64::from(bits & 1023));
            let size = match exponent {
                0 => part * 2.0_f64.powi(-24),
                31 => f64::NAN,
                _ => (1.0 + part / 1024.0) * 2.0_f64.powi(exponent - 15),
            };
            if bits >> 15 == 1 { -size } else { size }
        }
        Number::Single => f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        Number::Double => f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
    }
}

#[cfg(test)]
pub(super) mod tests {

    /// A file as NumPy writes it.
    pub(crate) fn file(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn rows_of_all_widths_of_numbers_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let read = |bytes: Vec<u8>, most| {
            let path = dir.path().join("web.npy");
            std::fs::write(&path, bytes).unwrap();
            super::read(&path, most)
        };
        let single: Vec<u8> = [1.0_f32, 2.0, 3.0, -4.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let double: Vec<u8> = [1.0_f64, 2.0, 3.0, -4.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        // 1, 2, 3 and -4.5 in half precision.
        let half: Vec<u8> = [0x3c00_u16, 0x4000, 0x4200, 0xc480].iter().flat_map(|v| v.to_le_bytes()).collect();
        for (descr, data) in [("<f4", single.clone()), ("<f8", double), ("<f2", half)] {
            let found = read(file(descr, "(2, 2)", &data), 9).unwrap();
            assert_eq!((found.mean, found.some.len(), found.count), (vec![2.0, -1.25], 2, 2), "{descr}");
        }
        let many: Vec<u8> = (0..100_u16).flat_map(|v| f32::from(v).to_le_bytes()).collect();
        let some = read(file("<f4", "(100, 1)", &many), 4).unwrap().some;
        assert_eq!(some, [[0.0], [25.0], [50.0], [75.0]]);
        for (bytes, says) in [
            (b"PK\x03\x04 no vectors".to_vec(), "no NumPy file"),
            (file("<f4", "(2, 3)", &single), "the file ends early"),
            (file("<i8", "(2, 2)", &single), "not float16"),
            (file("<f4", "(4,)", &single), "no table of two dimensions"),
            (file("<f4", "(0, 2)", &[]), "0 vectors"),
        ] {
            assert!(read(bytes, 4).unwrap_err().message.contains(says), "{says}");
        }
    }
}
