//! The seeds of the fuzz targets, read whole and in pieces.

use crate::support::in_pieces;
use mixlaw::ingest::formats::{Growth, all};
use std::fs;
use std::path::Path;

#[test]
fn every_seed_says_the_same_in_pieces() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    if !seeds.exists() {
        eprintln!("skipped: no seeds at fuzz/seeds, as in the published package");
        return;
    }
    let target = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    for format in all() {
        let folder = seeds.join(target(format.name()));
        let files: Vec<_> = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).collect();
        assert!(!files.is_empty(), "{}", folder.display());
        for file in files {
            let path = file.expect("an entry").path();
            // The first byte is the fuzzer's.
            let bytes = fs::read(&path).expect("a seed").split_off(1);
            let name = "plots/metrics/loss.tsv";
            let read = |size| in_pieces(*format, name, &bytes, std::iter::repeat(size), true).expect("readable");
            let whole = read(usize::MAX);
            assert!(!whole.points.is_empty(), "{}: no points", path.display());
            for size in [1, 2, 7, 40].into_iter().filter(|_| format.growth() == Growth::Appended) {
                assert_eq!(read(size), whole, "{} in pieces of {size}", path.display());
            }
        }
    }
}
