//! What W&B measures of the machine while a run goes on: memory, temperature, load of each device, every few seconds.
//!
//! Such a sample has a time and no step. Samples between two steps are averaged, and stand at the second of them, as the metrics
//! that W&B's own history calls `system.gpu.0.gpu`.

use super::item::Item;
use crate::ingest::formats::protobuf::{Fields, Malformed, Wire};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::{Sink, python_json};

/// Gauges of a machine; more are of none.
const MOST: usize = 2_000;

/// The samples since the newest step.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    all: Vec<Gauge>,
    /// When the newest was taken, seconds since 1970.
    wall: Option<f64>,
}

#[derive(Debug)]
struct Gauge {
    key: String,
    sum: f64,
    samples: u64,
}

impl Gauges {
    /// Takes a `StatsRecord`.
    pub fn take(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (mut at, mut wall) = (0, None);
        for field in Fields::new(message) {
            match field? {
                (2, Wire::Bytes(time)) => wall = Some(seconds(time)?),
                (3, Wire::Bytes(bytes)) => {
                    let item = Item::read(bytes)?;
                    let Some(value) = python_json::number_or_quoted(item.json) else { continue };
                    // Samples have the same gauges in the same order, mostly.
                    let known = self.all.get(at).is_some_and(|gauge| gauge.key == item.key);
                    let found = if known { Some(at) } else { self.all.iter().position(|gauge| gauge.key == item.key) };
                    let place = match found {
                        Some(place) => place,
                        None if self.all.len() >= MOST => continue,
                        None => {
                            self.all.push(Gauge { key: item.key, sum: 0.0, samples: 0 });
                            self.all.len() - 1
                        }
                    };
                    self.all[place].sum += value;
                    self.all[place].samples += 1;
                    at = place + 1;
                }
                _ => {}
            }
        }
        self.wall = wall.or(self.wall);
        Ok(())
    }

    /// Gives the averages to a step; nothing where there was no sample since the one before.
    pub fn give(&mut self, step: i64, sink: &mut Sink) {
        let wall = self.wall.take().unwrap_or(f64::NAN);
        for gauge in self.all.drain(..) {
            let metric = sink.metric(&format!("system.{}", gauge.key));
            sink.point(metric, step, gauge.sum / gauge.samples as f64, wall);
        }
    }

    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Writes them, with their length in front.
    pub fn save(&self, to: &mut Vec<u8>) {
        let mut own = Vec::new();
        saved::optional(&mut own, self.wall);
        for gauge in &self.all {
            saved::bytes(&mut own, gauge.key.as_bytes());
            saved::float(&mut own, gauge.sum);
            saved::unsigned(&mut own, gauge.samples);
        }
        saved::bytes(to, &own);
    }

    /// Reads what [`Gauges::save`] wrote, and gives what follows.
    pub fn resume(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let mut own = Reader::new(reader.bytes()?);
        let mut gauges = Self { all: Vec::new(), wall: own.optional()? };
        while !own.is_empty() {
            let key = std::str::from_utf8(own.bytes()?).ok()?.to_owned();
            let (sum, samples) = (own.float()?, own.unsigned()?);
            gauges.all.push(Gauge { key, sum, samples: Some(samples).filter(|samples| *samples > 0)? });
        }
        Some((gauges, reader.rest()))
    }
}

/// A `Timestamp`, seconds since 1970.
fn seconds(message: &[u8]) -> Result<f64, Malformed> {
    let mut time = 0.0;
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Varint(seconds)) => time += seconds as i64 as f64,
            (2, Wire::Varint(nanos)) => time += nanos as i64 as f64 * 1e-9,
            _ => {}
        }
    }
    Ok(time)
}
