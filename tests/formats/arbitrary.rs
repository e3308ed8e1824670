//! Whatever the bytes are, no parser panics, uses more than it was given, or changes its mind with the pieces.

use crate::support::{cases, in_pieces, random};
use crate::writers::{tfevents, wandb};
use mixlaw::ingest::formats::{all, recognise};
use proptest::prelude::*;

/// Beginnings that get arbitrary bytes past each parser's first look.
fn beginnings() -> Vec<Vec<u8>> {
    vec![Vec::new(), tfevents::version(), tfevents::scalar("loss", 1, 2.0, 3.0), wandb::File::new().0, {
        let mut file = wandb::File::new();
        file.config(&[("mixture", r#"{"a": 1, "b": 3}"#)]).history(1, &[("loss", "NaN")]).output(1, "loss 2.0\n");
        file.0
    }]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    #[test]
    fn arbitrary_bytes_never_panic(which in 0usize..64, tail in proptest::collection::vec(any::<u8>(), 0..600), seed: u64) {
        let beginnings = beginnings();
        let mut bytes = beginnings[which % beginnings.len()].clone();
        bytes.extend(tail);
        let _ = recognise("metrics/loss", &bytes);
        for format in all() {
            let mut below = random(seed);
            let sizes = std::iter::repeat_with(|| 1 + below(64)).take(2000).collect::<Vec<_>>();
            let one = in_pieces(*format, "metrics/loss", &bytes, [], false);
            let many = in_pieces(*format, "metrics/loss", &bytes, sizes, true);
            if let (Ok(one), Ok(many)) = (one, many) {
                prop_assert_eq!(&one.points, &many.points, "{}", format.name());
                prop_assert_eq!(one.used, many.used, "{}", format.name());
            }
        }
    }

    /// A valid file with some bytes changed: the parsers' inner layers meet damage too.
    #[test]
    fn damaged_files_never_panic(at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for bytes in beginnings().into_iter().filter(|b| !b.is_empty()) {
            let mut bytes: Vec<u8> = std::iter::repeat_n(bytes, 3).flatten().collect();
            for (index, byte) in &at {
                let index = index.index(bytes.len());
                bytes[index] = *byte;
            }
            for format in all() {
                let _ = in_pieces(*format, "metrics/loss", &bytes, [], false);
            }
        }
    }
}
