//! The examples of every format, from which fuzzing starts, read whole and in pieces.

use crate::support::in_pieces;
use crate::writers;
use mixlaw::ingest::formats::{Growth, all};
use mixlaw::observe::{is_evaluation, training_loss};
use std::fs;
use std::path::Path;

/// What fuzzing has found for a format, without the fuzzer's own bytes; empty in the published package.
fn found(format: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |name: &str| name.rsplit_once('-').is_some_and(|(of, _)| of == format);
    let ours = files.filter(|file| of(&file.file_name().to_string_lossy()));
    ours.map(|file| fs::read(file.path()).expect("a seed")).collect()
}

#[test]
fn every_example_says_the_same_in_pieces() {
    // Rows of a database are in no order of bytes.
    for format in all().iter().filter(|format| format.growth() != Growth::Rows) {
        let mut examples: Vec<Vec<u8>> = match format.name() {
            "tfevents" => vec![writers::tfevents::example()],
            "wandb" => vec![writers::wandb::example()],
            #[cfg(feature = "parquet")]
            "parquet-history" => vec![writers::parquet_history::example()],
            _ => format.examples().iter().map(|text| text.as_bytes().to_vec()).collect(),
        };
        assert!(!examples.is_empty(), "{} has no example", format.name());
        examples.extend(found(format.name()));
        let mut names_a_loss = false;
        for (n, bytes) in examples.iter().enumerate() {
            let name = "plots/metrics/loss.tsv";
            let read = |size| in_pieces(*format, name, bytes, std::iter::repeat(size), true).expect("readable");
            let whole = read(usize::MAX);
            names_a_loss |=
                whole.points.iter().any(|point| training_loss(&point.0).is_some() || is_evaluation(&point.0));
            assert!(!whole.points.is_empty(), "{} {n}: no points", format.name());
            for size in [1, 2, 7, 40].into_iter().filter(|_| format.growth() == Growth::Appended) {
                assert_eq!(read(size), whole, "{} {n} in pieces of {size}", format.name());
            }
        }
        // As the program calls it: what is no loss to mixlaw gets no forecast.
        assert!(names_a_loss, "no loss is known among what {} prints", format.name());
    }
}
