//! Letters for pictures of pixels: those of DejaVu Sans Mono, drawn at the size of a cell (`letters/make.py` says how the
//! file is laid out, `letters/LICENSE` under what terms). What is not among them is drawn as a box by who asks.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

/// The file, deflated.
const FILE: &[u8] = include_bytes!("letters/letters.bin");

/// A letter's pixels, where it has any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Letter {
    /// Where its pixels begin: from the left and from the top of the cell.
    pub at: (u32, u32),
    /// Pixels across.
    pub width: u32,
    /// How dark each is, row by row, 0 to 15.
    pub darkness: Vec<u8>,
}

type Faces = [HashMap<char, Letter>; 2];

/// The letter, plain or bold; `None` where there is none.
#[must_use]
pub fn letter(c: char, is_bold: bool) -> Option<&'static Letter> {
    static FACES: OnceLock<Faces> = OnceLock::new();
    let [plain, bold] = FACES.get_or_init(|| read().unwrap_or_default());
    let other = if is_bold { plain } else { bold };
    (if is_bold { bold } else { plain }).get(&c).or_else(|| other.get(&c))
}

/// Both faces; `None` where the file is not as it should be.
fn read() -> Option<Faces> {
    let mut all = Vec::new();
    flate2::read::DeflateDecoder::new(FILE).read_to_end(&mut all).ok()?;
    let mut rest = all.as_slice();
    let faces = [face(&mut rest)?, face(&mut rest)?];
    rest.is_empty().then_some(faces)
}

fn face(rest: &mut &[u8]) -> Option<HashMap<char, Letter>> {
    let count = u16::from_le_bytes([*rest.split_off_first()?, *rest.split_off_first()?]);
    let mut face = HashMap::with_capacity(count.into());
    for _ in 0..count {
        let [low, high, left, top, width, height] = *rest.split_off(..6)?.first_chunk()?;
        let pixels = usize::from(width) * usize::from(height);
        let packed = rest.split_off(..pixels.div_ceil(2))?;
        let mut darkness: Vec<u8> = packed.iter().flat_map(|two| [two >> 4, two & 15]).collect();
        darkness.truncate(pixels);
        let letter = Letter { at: (left.into(), top.into()), width: width.into(), darkness };
        face.insert(char::from_u32(u16::from_le_bytes([low, high]).into())?, letter);
    }
    Some(face)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_are_whole() {
        let [plain, bold] = read().expect("the file of letters");
        for face in [&plain, &bold] {
            for c in ('!'..='~').chain("äéøßñŁΔαλσЖя±×÷·…–—“”€≤≥≈∞√∂²⁻₀₉←→↻½".chars())
            {
                let letter = face.get(&c).unwrap_or_else(|| panic!("{c}"));
                let rows = letter.darkness.len() as u32 / letter.width;
                assert_eq!(letter.darkness.len() as u32, rows * letter.width);
                assert!(letter.at.0 + letter.width <= 18 && letter.at.1 + rows <= 38, "{c}");
                assert!(letter.darkness.iter().any(|dark| *dark > 9), "{c}");
            }
        }
        assert_ne!(letter('a', true), letter('a', false));
        assert_eq!(letter('語', false), None);
    }
}
