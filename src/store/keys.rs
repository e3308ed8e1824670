//! Layout of the keys in the store's tree.
//!
//! One tree, because sled applies a batch atomically to one tree only, and points, cursor and statistics must change
//! together. The first byte of a key says what it is; numbers are fixed-length big-endian, so that what is read
//! together lies together:
//!
//! | key | value |
//! |---|---|
//! | `v` | layout version of the store |
//! | `B` | boot of the machine since which the packs have been written to ([`super::packs::Trust`]) |
//! | `j` | how many entries the journal beside the store has |
//! | `H` | until when the history of fits is thinned out ([`super::history`]) |
//! | `p` pack | how far a pack counts ([`super::packs::Extent`]) |
//! | `r` run | name of the run |
//! | `n` metric | key of the metric |
//! | `F` run | facts of the run, JSON |
//! | `T` run | how many points are gone because the run was thinned out ([`super::thin`]) |
//! | `f` file | the file: run, path, identity, cursor ([`super::file`]) |
//! | `l` file | facts found in the file's content, JSON |
//! | `d` file chunk | statistics of 64 columns of the file ([`super::stats`]) |
//! | `t` file sequence | a tail group: points of one commit ([`super::tail`]) |
//! | `a` file sequence | in a pack: an axis: rows, steps and times shared by blocks ([`super::block`]) |
//! | `o` chunk file | in a pack: the open blocks of 16 columns of the file ([`super::open_blocks`]) |
//! | `b` run metric file sequence | in a pack: a block: values of one series ([`super::block`]) |
//! | `g` file chunk sequence | where in a pack blocks of 16 columns of the file lie ([`super::band`]), each under `m` file column sequence |
//! | `x` name | how far a stream was read or written ([`super::outlet`]) |
//! | `h` milliseconds sequence | a fit, kept by the time it was made ([`super::history`]), JSON |
//!
//! The newest fits of each metric lie in a tree of their own ([`super::fits`]).
//!
//! "In a pack" means that sled has the place, or the value itself where it is short ([`super::changes`]).

use super::open_blocks::COLUMNS;
use super::{FileId, MetricId, RunId};

/// Key of the layout version.
pub const VERSION: [u8; 1] = *b"v";

/// Key of the boot since which packs have been written to.
pub const BOOT: [u8; 1] = *b"B";

/// Key of the number of entries in the journal.
pub const JOURNAL: [u8; 1] = *b"j";

/// Key of the times until which the history is thinned out.
pub const THINNED: [u8; 1] = *b"H";

/// `x` and the name of a place in a stream.
#[must_use]
pub fn of_place(name: &str) -> Vec<u8> {
    let mut key = vec![b'x'];
    key.extend_from_slice(name.as_bytes());
    key
}

/// `prefix` and one number: runs, names, facts, files, packs.
#[must_use]
pub fn one(prefix: u8, id: u32) -> [u8; 5] {
    let mut key = [prefix; 5];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

/// `prefix`, a file and a sequence number: statistics, tail groups, axes.
#[must_use]
pub fn of_file(prefix: u8, file: FileId, sequence: u32) -> [u8; 9] {
    let mut key = [prefix; 9];
    key[1..5].copy_from_slice(&file.0.to_be_bytes());
    key[5..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// A chunk of columns and a file: open blocks. The chunk comes first, as those who read many runs read the same few
/// series of each.
#[must_use]
pub fn of_open(file: FileId, chunk: u32) -> [u8; 9] {
    let mut key = [b'o'; 9];
    key[1..5].copy_from_slice(&chunk.to_be_bytes());
    key[5..].copy_from_slice(&file.0.to_be_bytes());
    key
}

/// A file, a chunk of its columns and a sequence number: the band with the block of the column at this place.
#[must_use]
pub fn of_band(file: FileId, place: usize, sequence: u32) -> [u8; 13] {
    of_column(b'g', file, place / COLUMNS, sequence)
}

/// A file, the place of a column and a sequence number: in packs, a block of a band.
#[must_use]
pub fn of_member(file: FileId, place: usize, sequence: u32) -> [u8; 13] {
    of_column(MEMBER, file, place, sequence)
}

/// How keys of blocks of bands begin, of which the database knows nothing.
pub const MEMBER: u8 = b'm';

fn of_column(prefix: u8, file: FileId, number: usize, sequence: u32) -> [u8; 13] {
    let mut key = [prefix; 13];
    key[1..5].copy_from_slice(&file.0.to_be_bytes());
    key[5..9].copy_from_slice(&(number as u32).to_be_bytes());
    key[9..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// `prefix`, run, metric: where the blocks of a series begin.
#[must_use]
pub fn of_series(prefix: u8, run: RunId, metric: MetricId) -> [u8; 9] {
    let mut key = [prefix; 9];
    key[1..5].copy_from_slice(&run.0.to_be_bytes());
    key[5..].copy_from_slice(&metric.0.to_be_bytes());
    key
}

/// `prefix`, run, metric, file, sequence: a block.
#[must_use]
pub fn of_block(prefix: u8, run: RunId, metric: MetricId, file: FileId, sequence: u32) -> [u8; 17] {
    let mut key = [prefix; 17];
    key[..9].copy_from_slice(&of_series(prefix, run, metric));
    key[9..13].copy_from_slice(&file.0.to_be_bytes());
    key[13..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The last number of a key.
#[must_use]
pub fn last(key: &[u8]) -> u32 {
    number(key, key.len().saturating_sub(4))
}

/// The number at byte `at` of a key; 0 where there is none.
#[must_use]
pub fn number(key: &[u8], at: usize) -> u32 {
    key.get(at..at + 4).map_or(0, |raw| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))
}

/// `h`, a time in milliseconds since 1970, and a sequence number: an entry of the history.
#[must_use]
pub fn of_moment(at: u64, sequence: u32) -> [u8; 13] {
    let mut key = [b'h'; 13];
    key[1..9].copy_from_slice(&at.to_be_bytes());
    key[9..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The time of an entry of the history; 0 where the key is of something else.
#[must_use]
pub fn moment(key: &[u8]) -> u64 {
    key.get(1..9).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_be_bytes)
}
