//! FLOP/s that GPUs are sold with.

/// Words of a GPU's name, and FLOP/s in bf16 without sparsity; the first that fits counts. The table of karpathy/nanochat,
/// `nanochat/common.py` (`get_peak_flops`), which follows pytorch/torchtitan, `torchtitan/tools/utils.py`.
const PEAKS: [(&[&str], f64); 24] = [
    (&["gb200"], 2.5e15),
    (&["b200"], 2.25e15),
    (&["b100"], 1.8e15),
    (&["h200", "nvl"], 836e12),
    (&["h200", "pcie"], 836e12),
    (&["h200"], 989e12),
    (&["h100", "nvl"], 835e12),
    (&["h100", "pcie"], 756e12),
    (&["h100"], 989e12),
    (&["h800", "nvl"], 989e12),
    (&["h800"], 756e12),
    (&["a100"], 312e12),
    (&["a800"], 312e12),
    (&["a40"], 149.7e12),
    (&["a30"], 165e12),
    (&["l40s"], 362e12),
    (&["l40-s"], 362e12),
    (&["l40 s"], 362e12),
    (&["l4"], 121e12),
    (&["mi355"], 2.5e15),
    (&["mi325"], 1.3074e15),
    (&["mi300x"], 1.3074e15),
    (&["mi300a"], 980.6e12),
    (&["mi250x"], 383e12),
];

/// FLOP/s in bf16 that a GPU of this name is sold with; `None` for one that is not in the table.
pub(super) fn peak_of(gpu: &str) -> Option<f64> {
    let name = gpu.to_lowercase();
    PEAKS.iter().find(|(words, _)| words.iter().all(|word| has(&name, word))).map(|(_, peak)| *peak)
}

/// Whether a name has a word that ends there: an `RTX A4000` is no A40, and an L40 no L4.
fn has(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let (before, after) = (name[..at].chars().next_back(), name[at + word.len()..].chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_that_look_alike_are_not() {
        for (name, peak) in [
            ("NVIDIA H100 80GB HBM3", Some(989e12)),
            ("NVIDIA H100 PCIe", Some(756e12)),
            ("NVIDIA A100-SXM4-80GB", Some(312e12)),
            ("NVIDIA A40", Some(149.7e12)),
            ("NVIDIA RTX A4000", None),
            ("NVIDIA L40", None),
            ("NVIDIA L40S", Some(362e12)),
            ("NVIDIA L4", Some(121e12)),
            ("AMD Instinct MI300X", Some(1.3074e15)),
            ("NVIDIA GeForce RTX 3090", None),
            ("h100", Some(989e12)),
            ("NVIDIA GB200", Some(2.5e15)),
        ] {
            assert_eq!(peak_of(name), peak, "{name}");
        }
    }
}
