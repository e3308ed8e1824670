//! Start of training as printed by Hugging Face's Trainer and similar loops.
//!
//! ```text
//! ***** Running training *****
//!   Num examples = 10,000
//!   Num Epochs = 1
//!   Total train batch size (w. parallel, distributed & accumulation) = 16
//!   Total optimization steps = 625
//! ```

use crate::ingest::formats::Sink;
use crate::ingest::formats::lines::Line;
use crate::ingest::formats::scan::{after_first, needles, number_with_commas};
use crate::vocab::{FactName, FactValue};

needles! {
    TOTAL = "Total ";
    ALL = "all params: ";
}

/// Whether a line may be of the start.
pub(super) fn announces(line: &[u8]) -> bool {
    TOTAL.find(line).is_some_and(|at| {
        let rest = &line[at + TOTAL.needle().len()..];
        rest.starts_with(b"optimization steps = ") || rest.starts_with(b"train batch size (w. parallel, ")
    }) || ALL.find(line).is_some()
}

/// Facts in a line of the start.
pub(super) fn facts(line: Line<'_>, sink: &mut Sink) {
    let Some(at) = TOTAL.find(line.text) else {
        // PEFT and LLaMA-Factory: 'trainable params: 20,185,088 || all params: 3,106,123,776 || trainable%: 0.65'.
        let count = ALL.find(line.text).and_then(|at| number_with_commas(&line.text[at + ALL.needle().len()..]));
        if let Some((count, _)) = count {
            sink.fact(FactName::TotalParams, FactValue::Number(count), format!("line {}", line.number));
        }
        return;
    };
    let rest = &line.text[at + TOTAL.needle().len()..];
    let name = if rest.starts_with(b"optimization steps = ") {
        FactName::PlannedSteps
    } else if rest.starts_with(b"train batch size (w. parallel, ") {
        FactName::BatchSequences
    } else {
        return;
    };
    let value = after_first(rest, b"= ").and_then(number_with_commas);
    if let Some((value, _)) = value.filter(|(value, _)| *value > 0.0) {
        sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_batch_are_facts() {
        let mut sink = Sink::default();
        for (number, text) in [
            &b"[INFO|trainer.py:2407] >>   Total train batch size (w. parallel, distributed & accumulation) = 1,024"[..],
            b"08/04/2024 - INFO - __main__ -   Total optimization steps = 5712",
            b"  Total optimization steps = none",
            b"  Number of trainable parameters = 12",
            b"trainable params: 20,185,088 || all params: 3,106,123,776 || trainable%: 0.6498",
        ]
        .into_iter()
        .enumerate()
        {
            facts(Line { text, number: number as u64 + 1, start: 0 }, &mut sink);
        }
        assert_eq!(
            sink.facts,
            [
                (FactName::BatchSequences, FactValue::Number(1024.0), "line 1".to_owned()),
                (FactName::PlannedSteps, FactValue::Number(5712.0), "line 2".to_owned()),
                (FactName::TotalParams, FactValue::Number(3_106_123_776.0), "line 5".to_owned()),
            ]
        );
    }
}
