//! What a script says of its metrics with `define_metric`: over which other metric each is drawn.

use crate::ingest::facts;
use crate::ingest::formats::Sink;
use crate::ingest::formats::protobuf::{Fields, Malformed, Wire};
use crate::ingest::formats::saved::{self, Reader};
use crate::vocab::{FactName, FactValue};

/// Place of the fact.
const PLACE: &str = "define_metric";
/// Bytes of the entries; more are of no script.
const MOST: usize = 4096;

/// The entries so far, as [`FactName::StepMetric`] has them.
#[derive(Debug, Default)]
pub(super) struct Defined {
    text: String,
}

impl Defined {
    /// Takes a `MetricRecord`; the fact is told anew.
    pub fn take(&mut self, message: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
        let (mut metrics, mut over) = (String::new(), String::new());
        for field in Fields::new(message) {
            match field? {
                (1 | 2, Wire::Bytes(name)) => metrics = String::from_utf8_lossy(name).into_owned(),
                (4, Wire::Bytes(name)) => over = String::from_utf8_lossy(name).into_owned(),
                _ => {}
            }
        }
        // One defined anew without an axis keeps what was said; W&B does the same.
        let entry = format!("{metrics}: {over}");
        let is_odd = |name: &str| name.is_empty() || name.contains(", ") || name.contains(": ");
        if is_odd(&metrics) || is_odd(&over) || self.text.split(", ").any(|known| known == entry) {
            return Ok(());
        }
        let others = self
            .text
            .split(", ")
            .filter(|known| !known.is_empty() && known.rsplit_once(": ").is_none_or(|(known, _)| known != metrics));
        let text = others.chain([entry.as_str()]).collect::<Vec<_>>().join(", ");
        if text.len() > MOST {
            return Ok(());
        }
        if !self.is_empty() {
            sink.facts.push(facts::withdrawal(PLACE.to_owned()));
        }
        self.text = text;
        sink.fact(FactName::StepMetric, FactValue::Text(self.text.clone()), PLACE);
        Ok(())
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes them.
    pub fn save(&self, to: &mut Vec<u8>) {
        saved::bytes(to, self.text.as_bytes());
    }

    /// Reads what [`Defined::save`] wrote, and gives what follows.
    pub fn resume(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let text = std::str::from_utf8(reader.bytes()?).ok()?.to_owned();
        Some((Self { text }, reader.rest()))
    }
}
