//! The examples of every format, from which fuzzing starts, read whole and in pieces.

use crate::support::in_pieces;
use crate::writers::{tfevents, wandb};
use mixlaw::ingest::formats::{Growth, all};

#[test]
fn every_example_says_the_same_in_pieces() {
    for format in all() {
        let examples: Vec<Vec<u8>> = match format.name() {
            "tfevents" => vec![tfevents::example()],
            "wandb" => vec![wandb::example()],
            _ => format.examples().iter().map(|text| text.as_bytes().to_vec()).collect(),
        };
        assert!(!examples.is_empty(), "{} has no example", format.name());
        for (n, bytes) in examples.iter().enumerate() {
            let name = "plots/metrics/loss.tsv";
            let read = |size| in_pieces(*format, name, bytes, std::iter::repeat(size), true).expect("readable");
            let whole = read(usize::MAX);
            assert!(!whole.points.is_empty(), "{} {n}: no points", format.name());
            for size in [1, 2, 7, 40].into_iter().filter(|_| format.growth() == Growth::Appended) {
                assert_eq!(read(size), whole, "{} {n} in pieces of {size}", format.name());
            }
        }
    }
}
