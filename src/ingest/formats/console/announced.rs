//! Facts that programs announce in plain words before their first step.
//!
//! ```text
//! Number of parameters: 560,988,160                    (nanochat, scripts/base_train.py)
//! transformer_matrices    : 251,658,240                (the same, later)
//! total                   : 560,988,160
//! Calculated number of iterations from target data:param ratio: 21,400
//! Total batch size 524,288 => gradient accumulation steps: 1
//! Total number of training tokens: 157,286,400
//! Tokens / micro-batch / rank: 32 x 2048 = 65,536
//! Total parameters: 162,322,944                        (LitGPT, litgpt/pretrain.py)
//! Total number of parameters: 1.34G (2559.52MiB)       (nanotron, src/nanotron/trainer.py)
//! number parameters: 0.596 billion                     (MaxText)
//! GPU: NVIDIA H100 80GB HBM3 | Peak FLOPS (BF16): 9.89e+14   (nanochat)
//! Distributed world size: 8                            (nanochat, nanochat/common.py)
//! ```

use crate::ingest::formats::Sink;
use crate::ingest::formats::lines::Line;
use crate::ingest::formats::scan::{after_first, integer_after_spaces, number_with_commas};
use crate::vocab::{FactName, FactValue};
use regex::bytes::Regex;
use std::sync::LazyLock;

/// Longer lines are no announcements.
const LONGEST: usize = 300;

/// A quick no for most lines.
static MAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)param|^(?:  )?t(?:ransformer_matrices|otal) |batch size|tokens|steps|iterations|(?:sequence|context) length|^gpu: |world size: ",
    )
    .ok()
});

/// Words before a number, and the fact that it is; the first that fits counts.
static SAID: LazyLock<Vec<(Regex, FactName)>> = LazyLock::new(|| {
    let amount = r"\s*[:=]\s*\(?([0-9])";
    let said = [
        (r"(?:number of |num(?:ber)? |total |model )*non-?\s?embedding param(?:eter)?s?(?: count)?", FactName::Params),
        (r"(?:number of |total )*active(?:ated)? param(?:eter)?s?", FactName::ActiveParams),
        (
            r"(?:total number of|number of|num|number|total number|total|model|#)\s?(?:model )?param(?:eter)?s?(?: count)?",
            FactName::TotalParams,
        ),
        (r"(?:param(?:eter)? count|total trainable param(?:eter)?s)", FactName::TotalParams),
        (r"total (?:number of )?training tokens", FactName::PlannedTokens),
        (r"(?:total )?tokens per (?:step|iteration|batch|update)", FactName::BatchTokens),
        (
            r"(?:(?:total|max|maximum|number of|num) (?:training |train |optimization |optimizer )?(?:steps|iterations))",
            FactName::PlannedSteps,
        ),
        (
            r"(?:using user-provided|calculated) number of iterations(?: from target (?:flops|data:param ratio))?",
            FactName::PlannedSteps,
        ),
        (r"global batch size", FactName::BatchSequences),
        (r"(?:sequence|context) length", FactName::SequenceLength),
        (r"distributed world size", FactName::Gpus),
    ];
    said.into_iter()
        .filter_map(|(words, name)| Some((Regex::new(&format!("(?i)(?:^|[^a-z-] ?){words}{amount}")).ok()?, name)))
        .collect()
});

/// What an amount is not of the whole model.
static OF_A_PART: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)per (?:rank|gpu|device|expert|layer)|on \(tensor|non-?trainable|frozen|lora").ok()
});

/// Facts in a line; nothing where it announces none.
pub(super) fn facts(line: Line<'_>, sink: &mut Sink) {
    let text = line.text;
    if text.len() > LONGEST || !MAY.as_ref().is_some_and(|may| may.is_match(text)) {
        return;
    }
    let mut add = |name, value: f64| {
        if value.is_finite() && value > 0.0 {
            sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
        }
    };
    // nanochat counts its batch in tokens, and shows what it is made of.
    if let Some((tokens, length)) = after_first(text, b"Total batch size ").and_then(number_with_commas)
        && after_first(text, b"Total batch size ").is_some_and(|rest| rest[length..].starts_with(b" => "))
    {
        add(FactName::BatchTokens, tokens);
        return;
    }
    if let Some((gpu, peak)) = text.strip_prefix(b"GPU: ").and_then(|rest| {
        let at = memchr::memmem::find(rest, b" | Peak FLOPS (BF16): ")?;
        Some((&rest[..at], after_first(rest, b" | Peak FLOPS (BF16): ").and_then(number_with_commas)?.0))
    }) {
        if let Ok(gpu) = std::str::from_utf8(gpu) {
            sink.fact(FactName::Gpu, FactValue::Text(gpu.trim().to_owned()), format!("line {}", line.number));
        }
        // Of a GPU that is not in its table, nanochat says that the peak is infinite.
        if peak.is_finite() && peak > 0.0 {
            sink.fact(FactName::PeakFlops, FactValue::Number(peak), format!("line {}", line.number));
        }
        return;
    }
    for (name, key) in [(FactName::Params, "transformer_matrices"), (FactName::TotalParams, "total")] {
        // karpathy/autoresearch, train.py: indented beneath 'Parameter counts:'.
        if let Some(rest) = text.strip_prefix(b"  ").unwrap_or(text).strip_prefix(key.as_bytes())
            && let Some(rest) =
                rest.strip_prefix(b" ").map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b": "))
            && key.len() + 2 + rest.len() < text.trim_ascii_start().len()
            && let Some((value, length)) = number_with_commas(rest)
            && length == rest.len()
        {
            add(name, value);
            return;
        }
    }
    if let Some((length, _)) = after_first(text, b"Tokens / micro-batch / rank: ")
        .and_then(|rest| integer_after_spaces(after_first(rest, b" x ")?))
    {
        add(FactName::SequenceLength, length as f64);
        return;
    }
    if OF_A_PART.as_ref().is_some_and(|part| part.is_match(text)) {
        return;
    }
    for (words, name) in SAID.iter() {
        let value = words.captures(text).and_then(|found| amount(&text[found.get(1)?.start()..]));
        if let Some(value) = value {
            add(*name, value);
            return;
        }
    }
}

/// A number, with what it is in: `1.34G`, `0.596 billion`, `30M`.
fn amount(text: &[u8]) -> Option<f64> {
    let (value, length) = number_with_commas(text)?;
    let unit: Vec<u8> = text[length..].iter().take(9).map(u8::to_ascii_lowercase).collect();
    let ends = |n: usize| !unit.get(n).is_some_and(u8::is_ascii_alphanumeric);
    let word = unit.trim_ascii_start();
    let factor = match word {
        w if w.starts_with(b"thousand") => 1e3,
        w if w.starts_with(b"million") => 1e6,
        w if w.starts_with(b"billion") => 1e9,
        w if w.starts_with(b"trillion") => 1e12,
        _ => match unit.first() {
            Some(b'k') if ends(1) => 1e3,
            Some(b'm') if ends(1) => 1e6,
            Some(b'b' | b'g') if ends(1) => 1e9,
            Some(b't') if ends(1) => 1e12,
            _ => 1.0,
        },
    };
    Some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_a_fact_and_what_is_of_a_part_is_not() {
        for (text, fact) in [
            ("Number of parameters: 560,988,160", Some((FactName::TotalParams, 560_988_160.0))),
            ("transformer_matrices    : 251,658,240", Some((FactName::Params, 251_658_240.0))),
            ("total                   : 560,988,160", Some((FactName::TotalParams, 560_988_160.0))),
            ("total: 560,988,160", None),
            ("total                   : 12 files", None),
            ("  total                   : 50,332,176", Some((FactName::TotalParams, 50_332_176.0))),
            ("  total: 50", None),
            (
                "Calculated number of iterations from target data:param ratio: 21,400",
                Some((FactName::PlannedSteps, 21_400.0)),
            ),
            ("Total parameters: 162,322,944", Some((FactName::TotalParams, 162_322_944.0))),
            ("[INFO|DP=0]: Total number of parameters: 1.34G (2559.52MiB)", Some((FactName::TotalParams, 1.34e9))),
            ("I0811 x.py:297] number parameters: 0.596 billion", Some((FactName::TotalParams, 0.596e9))),
            ("Model parameters: 30M", Some((FactName::TotalParams, 30e6))),
            ("num params = 124439808", Some((FactName::TotalParams, 124_439_808.0))),
            ("Number of non-embedding parameters: 85M", Some((FactName::Params, 85e6))),
            ("Active parameters: 1.3B", Some((FactName::ActiveParams, 1.3e9))),
            ("Total batch size 524,288 => gradient accumulation steps: 1", Some((FactName::BatchTokens, 524_288.0))),
            ("Tokens / micro-batch / rank: 32 x 2048 = 65,536", Some((FactName::SequenceLength, 2048.0))),
            ("Total number of training tokens: 157,286,400", Some((FactName::PlannedTokens, 157_286_400.0))),
            ("tokens per step: 65,536", Some((FactName::BatchTokens, 65_536.0))),
            ("max steps: 3000", Some((FactName::PlannedSteps, 3000.0))),
            ("global batch size = 256", Some((FactName::BatchSequences, 256.0))),
            ("Sequence length: 2,048", Some((FactName::SequenceLength, 2048.0))),
            (
                "2026-01-01 10:00:00,000 - nanochat.common - INFO - Distributed world size: 8",
                Some((FactName::Gpus, 8.0)),
            ),
            ("world size: 8", None),
            ("GPU: 0", None),
            ("Number of parameters per rank: 100", None),
            ("number of parameters on (tensor, pipeline) model parallel rank (0, 0): 100", None),
            ("Non-trainable params: 0", None),
            ("Tokens : Params ratio: 0.28", None),
            ("parameters: {'a': 1}", None),
            ("Estimated FLOPs per token: 3.4e9", None),
        ] {
            let mut sink = Sink::default();
            facts(Line { text: text.as_bytes(), number: 3, start: 0 }, &mut sink);
            let expected: Vec<_> =
                fact.into_iter().map(|(n, v)| (n, FactValue::Number(v), "line 3".to_owned())).collect();
            assert_eq!(sink.facts, expected, "{text}");
        }
    }

    #[test]
    fn a_gpu_is_announced_with_its_peak() {
        let said = |text: &str| {
            let mut sink = Sink::default();
            facts(Line { text: text.as_bytes(), number: 3, start: 0 }, &mut sink);
            sink.facts.into_iter().map(|(name, value, _)| (name, value)).collect::<Vec<_>>()
        };
        let gpu = (FactName::Gpu, FactValue::Text("NVIDIA H100 80GB HBM3".to_owned()));
        let peak = (FactName::PeakFlops, FactValue::Number(9.89e14));
        assert_eq!(said("GPU: NVIDIA H100 80GB HBM3 | Peak FLOPS (BF16): 9.89e+14"), [gpu.clone(), peak]);
        assert_eq!(said("GPU: NVIDIA H100 80GB HBM3 | Peak FLOPS (BF16): inf"), [gpu]);
    }
}
