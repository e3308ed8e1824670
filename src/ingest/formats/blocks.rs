//! The framing of W&B's `.wandb` files: LevelDB's log format with another checksum and a file header.
//!
//! The file is cut into blocks of 32 KiB, the first of which begins with a header of 7 bytes. A record is one chunk
//! (FULL), or FIRST, any number of MIDDLE, and LAST; chunks never cross a block, and where fewer than 7 bytes are left
//! the block is padded with zeros. A chunk is `u32 crc | u16 length | u8 kind | data`, little-endian; the checksum is
//! CRC-32 (zlib's) of kind and data.

use std::borrow::Cow;

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;

/// A record that is longer than this is passed over: pictures and tables that were logged as metrics.
const LONGEST: usize = 16 << 20;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// The first bytes of a file: magic and version.
pub const FILE_HEADER: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];

/// Where a reader stands between two records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offset {
    /// Bytes from the start of the block.
    pub in_block: u16,
    /// Whether the rest of a record that was too long or damaged is being passed over.
    pub passing: bool,
}

/// What is next in the input.
#[derive(Debug, PartialEq)]
pub enum Next<'a> {
    /// A whole record.
    Record {
        /// Its data, put together if it was in several chunks.
        data: Cow<'a, [u8]>,
        /// Bytes of input it took, padding included.
        used: usize,
    },
    /// Bytes to pass over: `Some` says why they are a loss.
    Pass {
        /// How many.
        used: usize,
        /// What is wrong with them.
        damage: Option<&'static str>,
    },
    /// The next record is not whole yet.
    Wait,
}

/// A chunk with a right checksum, and the bytes it took.
struct Chunk<'a> {
    kind: u8,
    data: &'a [u8],
}

enum Look<'a> {
    Chunk(Chunk<'a>),
    /// Zeros: the rest of the block was allocated and never written.
    Zeros,
    Damaged,
    Wait,
}

fn look(input: &[u8], left: usize) -> Look<'_> {
    let Some(header) = input.first_chunk::<HEADER>() else { return Look::Wait };
    let [c0, c1, c2, c3, l0, l1, kind] = *header;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if header.iter().all(|byte| *byte == 0) {
        return Look::Zeros;
    }
    if HEADER + length > left {
        return Look::Damaged;
    }
    let Some(checked) = input.get(HEADER - 1..HEADER + length) else { return Look::Wait };
    if crc32fast::hash(checked).to_le_bytes() != [c0, c1, c2, c3] {
        return Look::Damaged;
    }
    Look::Chunk(Chunk { kind, data: &checked[1..] })
}

impl Offset {
    /// Looks at the front of `input`, which stands at this place. `last`: nothing more will be written.
    #[must_use]
    pub fn next<'a>(&self, input: &'a [u8], last: bool) -> Next<'a> {
        let mut used = 0;
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut length = 0;
        loop {
            let left = BLOCK - (usize::from(self.in_block) + used) % BLOCK;
            if left < HEADER {
                if input.len() < used + left {
                    return Next::Wait;
                }
                used += left;
                continue;
            }
            let chunk = match look(&input[used..], left) {
                Look::Chunk(chunk) => chunk,
                Look::Wait => return Next::Wait,
                Look::Zeros => {
                    let damage = (!parts.is_empty()).then_some("an incomplete W&B record");
                    return match behind_zeros(input, used, left) {
                        Some(next) => Next::Pass { used: next, damage },
                        None if input.len() <= used + left => Next::Wait,
                        None => Next::Pass { used: used + left, damage },
                    };
                }
                Look::Damaged => return damaged(input, used, left, last),
            };
            let after = used + HEADER + chunk.data.len();
            match (chunk.kind, parts.is_empty()) {
                (FULL, true) => return Next::Record { data: Cow::Borrowed(chunk.data), used: after },
                (FULL | FIRST, false) => {
                    return Next::Pass { used, damage: Some("an incomplete W&B record") };
                }
                (MIDDLE | LAST, true) => {
                    let damage = (!self.passing).then_some("a W&B record whose beginning is missing");
                    return Next::Pass { used: after, damage };
                }
                (FIRST | MIDDLE, _) => parts.push(chunk.data),
                (LAST, false) => {
                    parts.push(chunk.data);
                    return Next::Record { data: Cow::Owned(parts.concat()), used: after };
                }
                _ => return Next::Pass { used: after, damage: Some("a W&B chunk of unknown kind") },
            }
            used = after;
            length += chunk.data.len();
            if length > LONGEST {
                return Next::Pass { used, damage: None };
            }
        }
    }

    /// Moves over `used` bytes.
    pub fn advance(&mut self, used: usize, passing: bool) {
        // Smaller than BLOCK, which fits.
        self.in_block = ((usize::from(self.in_block) + used) % BLOCK) as u16;
        self.passing = passing;
    }
}

/// Where the next sound chunk of the block begins behind zeros at or after `at`, which a crash leaves where it cut a chunk.
fn behind_zeros(input: &[u8], at: usize, left: usize) -> Option<usize> {
    let block = &input[at..input.len().min(at + left)];
    let mut from = 0;
    loop {
        let zeros = from + memchr::memmem::find(&block[from..], &[0; HEADER])?;
        let end = zeros + block[zeros..].iter().position(|byte| *byte != 0)?;
        // The lowest bytes of a checksum may be zeros, too.
        let first = (end - zeros).min(3);
        let mut places = end - first..=end;
        if let Some(next) = places.find(|next| matches!(look(&input[at + next..], left - next), Look::Chunk(_))) {
            return Some(at + next);
        }
        from = end;
    }
}

/// What to do about a chunk with a wrong checksum at `at`. If a sound chunk stands where it says it ends, only this
/// one is lost; if not, its length cannot be believed, and the rest of the block is.
fn damaged(input: &[u8], at: usize, left: usize, last: bool) -> Next<'_> {
    let length = input.get(at + 4..at + 6).map_or(0, |l| usize::from(u16::from_le_bytes([l[0], l[1]])));
    let end = HEADER + length;
    let damage = Some("a W&B chunk with a wrong checksum");
    if end + HEADER <= left {
        match look(input.get(at + end..).unwrap_or_default(), left - end) {
            Look::Chunk(_) => return Next::Pass { used: at + end, damage },
            Look::Wait if !last => return Next::Wait,
            _ => {}
        }
    }
    if let Some(next) = behind_zeros(input, at, left) {
        return Next::Pass { used: next, damage };
    }
    if input.len() >= at + left {
        Next::Pass { used: at + left, damage }
    } else if last {
        Next::Pass { used: input.len(), damage }
    } else {
        Next::Wait
    }
}
