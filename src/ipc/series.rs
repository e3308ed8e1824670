//! Curves at the width of a screen: each pixel has the least, the greatest, the mean and the last value of the points that
//! fall into it, so that a spike of one step is seen whatever the width.

use crate::vocab::{FactName, RunView, Snapshot};
use serde::{Deserialize, Serialize};

/// Curves in one question.
pub const MOST_CURVES: usize = 256;
/// Pixels that may be asked for.
pub const MOST_PIXELS: u32 = 4096;

/// What is on the x axis.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Optimiser step.
    #[default]
    Step,
    /// Tokens taken, where the size of a step is known.
    Tokens,
    /// When the point was logged, seconds since 1970, where the log says so.
    Time,
    /// Training compute: 6 × active parameters × tokens, FLOPs, where both are known.
    Compute,
    /// Part of the planned steps, 0 to 1, where a plan is known.
    Plan,
    /// Seconds since the first point of the curve, where the log has times.
    Elapsed,
    /// Times that each token of a corpus was seen: the tokens of it that a run has taken over its unique ones. The number is
    /// that of the corpus in [`Snapshot::domains`].
    Epochs(u16),
    /// The value of another metric of the run, by key: its newest one at the step of the point. Points before its first value
    /// are left out. Where it goes up and down, points are in order of its values.
    Metric(String),
}

impl Axis {
    /// What one step of a run of a snapshot is worth on this axis; `None` where that is not known, or steps do not tell.
    #[must_use]
    pub fn per_step(&self, run: &RunView, snapshot: &Snapshot) -> Option<f64> {
        match self {
            Self::Step => Some(1.0),
            Self::Tokens => run.tokens_per_step(),
            Self::Compute => {
                let active = run.number(FactName::ActiveParams).or_else(|| run.params())?;
                Some(6.0 * active * run.tokens_per_step()?)
            }
            Self::Plan => run.number(FactName::PlannedSteps).filter(|steps| *steps > 0.0).map(|steps| 1.0 / steps),
            Self::Epochs(corpus) => {
                // What a run with phases has seen of a corpus is no multiple of its steps.
                if run.facts.contains_key(&FactName::Phases) {
                    return None;
                }
                let corpus = snapshot.domains.get(usize::from(*corpus))?;
                let unique = snapshot.supply.get(corpus).filter(|unique| **unique > 0.0)?;
                let each = run.tokens_per_step()? * run.mixture()?.weight(corpus) / unique;
                Some(each).filter(|each| *each > 0.0)
            }
            Self::Time | Self::Elapsed | Self::Metric(_) => None,
        }
    }

    /// Whether its places are times, which the log has and steps do not.
    #[must_use]
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Time | Self::Elapsed)
    }
}

/// Which curves, and how wide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// Runs, by number in the store.
    pub runs: Vec<u32>,
    /// Metrics, by key.
    pub metrics: Vec<String>,
    /// The x axis.
    #[serde(default)]
    pub x: Axis,
    /// From here on; `None` for the first point of any of the curves.
    #[serde(default)]
    pub from: Option<f64>,
    /// Up to here; `None` for the newest point, and then the curves go on as they grow.
    #[serde(default)]
    pub to: Option<f64>,
    /// The most pixels of a curve.
    pub pixels: u32,
    /// Weight of what came before in an exponential average, 0 (none) to below 1.
    #[serde(default)]
    pub smoothing: f64,
}

impl SeriesQuery {
    /// What is wrong with the question, in a sentence, and what to ask instead.
    ///
    /// # Errors
    /// Both sentences.
    pub fn check(&self) -> Result<(), (String, String)> {
        let curves = self.runs.len().saturating_mul(self.metrics.len());
        let refuse = |what: String, instead: &str| Err((what, instead.to_owned()));
        if curves > MOST_CURVES {
            return refuse(format!("the request asks for {curves} curves"), "request at most 256 at a time");
        }
        if self.pixels == 0 || self.pixels > MOST_PIXELS {
            return refuse(format!("the width is {} pixels", self.pixels), "request 1 to 4096 pixels");
        }
        if !(0.0..1.0).contains(&self.smoothing) {
            return refuse(format!("the smoothing is {}", self.smoothing), "it must be from 0 to 0.9999");
        }
        let ends = [self.from, self.to];
        if ends.iter().flatten().any(|x| !x.is_finite()) || matches!(ends, [Some(a), Some(b)] if a > b) {
            return refuse("the range ends before it begins".to_owned(), "give the lower end first");
        }
        Ok(())
    }
}

/// One curve. All columns have the same length; pixels without points are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// Number of the run.
    pub run: u32,
    /// Key of the metric.
    pub metric: String,
    /// x at the left edge of pixel 0.
    pub start: f64,
    /// Width of a pixel, in units of x: a power of two, so that pixels stay where they are while a curve grows.
    pub width: f64,
    /// Numbers of the pixels, ascending.
    pub at: Vec<u32>,
    /// Least finite value; NaN where there is none.
    #[serde(with = "numbers")]
    pub min: Vec<f64>,
    /// Greatest finite value; NaN where there is none.
    #[serde(with = "numbers")]
    pub max: Vec<f64>,
    /// Mean of the finite values; NaN where there is none.
    #[serde(with = "numbers")]
    pub mean: Vec<f64>,
    /// Last value, as logged.
    #[serde(with = "numbers")]
    pub last: Vec<f64>,
    /// Exponential average at the last point; empty where none was asked for.
    #[serde(with = "numbers", default, skip_serializing_if = "Vec::is_empty")]
    pub smooth: Vec<f64>,
    /// x where the run was started again, ascending; the newest ones where there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<f64>,
}

impl Envelope {
    /// x at the left edge of each pixel that has points, with a value of it.
    #[must_use]
    pub fn points(&self, values: &[f64]) -> Vec<(f64, f64)> {
        self.at.iter().zip(values).map(|(pixel, y)| (self.x(*pixel), *y)).collect()
    }

    /// x, least and greatest value of each pixel that has points.
    #[must_use]
    pub fn spread(&self) -> Vec<(f64, f64, f64)> {
        let ends = self.at.iter().zip(&self.min).zip(&self.max);
        ends.map(|((pixel, low), high)| (self.x(*pixel), *low, *high)).collect()
    }

    fn x(&self, pixel: u32) -> f64 {
        self.start + self.width * f64::from(pixel)
    }
}

/// Curves that have changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curves {
    /// Curves as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<Envelope>,
    /// Curves that have grown: the pixels from the first that differs take the place of those from there on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown: Vec<Envelope>,
    /// Curves that are there no more: run and metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<(u32, String)>,
    /// Why the question cannot be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// The answer to a [`SeriesQuery`] that is asked once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SeriesAnswer {
    /// The curves that there are.
    pub curves: Vec<Envelope>,
}

/// Pixels that lie on `lo` to `hi`: where the first begins, and how wide they are. A power of two wide, at most `pixels`
/// of them, and at least half as many where `least` (the least width that makes sense, 0 for any) allows it.
#[must_use]
pub fn pixels(lo: f64, hi: f64, pixels: u32, least: f64) -> (f64, f64) {
    let pixels = f64::from(pixels.max(1));
    let span = (hi - lo).max(0.0);
    // Where both ends fall into one another's rounding there is one pixel, as wide as numbers of this size tell apart.
    let finest = lo.abs().max(hi.abs()).max(f64::MIN_POSITIVE) * f64::EPSILON * 4.0;
    let coarse = (span / pixels).max(least).max(finest);
    let mut width = coarse.log2().floor().exp2().max(f64::MIN_POSITIVE);
    for _ in 0..4 {
        let (first, last) = ((lo / width).floor(), (hi / width).floor());
        if last - first < pixels {
            return (first * width, width);
        }
        width *= 2.0;
    }
    // Few pixels on both sides of zero, where no power of two has an edge that would do.
    (lo, 2.0 * coarse)
}

/// The curve of points in order of x. `smoothing` as in [`SeriesQuery`]; points outside `start` and `end` count for it and
/// for nothing else.
#[must_use]
pub fn envelope(
    points: impl Iterator<Item = (f64, f64)>,
    (start, width): (f64, f64),
    end: f64,
    smoothing: f64,
) -> Envelope {
    let mut curve = Envelope { start, width, ..Envelope::default() };
    let mut finite = 0u32;
    let (mut sum, mut weight) = (0.0, 0.0);
    for (x, value) in points {
        if value.is_finite() {
            sum = smoothing * sum + (1.0 - smoothing) * value;
            weight = smoothing * weight + (1.0 - smoothing);
        }
        if !x.is_finite() || x < start || x > end {
            continue;
        }
        let pixel = ((x - start) / width).floor().min(f64::from(u32::MAX)) as u32;
        if curve.at.last() != Some(&pixel) {
            curve.at.push(pixel);
            for column in [&mut curve.min, &mut curve.max, &mut curve.mean, &mut curve.last] {
                column.push(f64::NAN);
            }
            if smoothing > 0.0 {
                curve.smooth.push(f64::NAN);
            }
            finite = 0;
        }
        let i = curve.at.len() - 1;
        curve.last[i] = value;
        if value.is_finite() {
            finite += 1;
            curve.min[i] = curve.min[i].min(value);
            curve.max[i] = curve.max[i].max(value);
            let mean = if finite == 1 { value } else { curve.mean[i] + (value - curve.mean[i]) / f64::from(finite) };
            curve.mean[i] = mean;
        }
        if smoothing > 0.0 && weight > 0.0 {
            curve.smooth[i] = sum / weight;
        }
    }
    curve
}

impl Envelope {
    fn columns(&self) -> [&Vec<f64>; 5] {
        [&self.min, &self.max, &self.mean, &self.last, &self.smooth]
    }

    fn columns_mut(&mut self) -> [&mut Vec<f64>; 5] {
        [&mut self.min, &mut self.max, &mut self.mean, &mut self.last, &mut self.smooth]
    }

    /// Whether all columns are as long as they must be; what comes over a wire may be anything.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let long = |column: &&Vec<f64>| column.len() == self.at.len();
        let [min, max, mean, last, smooth] = self.columns();
        [min, max, mean, last].iter().all(long) && (smooth.is_empty() || long(&smooth))
    }

    /// What leads from an earlier state of this curve to it: `None` where nothing does but the whole.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        if (self.start, self.width, self.smooth.is_empty()) != (before.start, before.width, before.smooth.is_empty())
            || before.at.is_empty()
            || self.restarts != before.restarts
        {
            return None;
        }
        let same = |i: usize| {
            self.at.get(i) == before.at.get(i)
                && self.columns().iter().zip(before.columns()).all(|(a, b)| bits(a.get(i)) == bits(b.get(i)))
        };
        let first = (0..self.at.len()).find(|i| !same(*i)).unwrap_or(self.at.len());
        // A curve that has lost pixels is sent whole.
        let lost = match (before.at.get(first), self.at.get(first)) {
            (Some(before), Some(now)) => before < now,
            (before, now) => before.is_some() && now.is_none(),
        };
        if lost {
            return None;
        }
        let mut tail = Self { at: self.at[first..].to_vec(), ..self.clone() };
        tail.columns_mut().into_iter().for_each(|column| drop(column.drain(..first.min(column.len()))));
        Some(tail)
    }

    /// Takes what [`Envelope::since`] gave.
    pub fn grow(&mut self, tail: &Self) {
        let Some(first) = tail.at.first() else { return };
        let keep = self.at.partition_point(|pixel| pixel < first);
        self.at.truncate(keep);
        self.at.extend(&tail.at);
        for (column, more) in self.columns_mut().into_iter().zip(tail.columns()) {
            column.truncate(keep);
            column.extend(more);
        }
    }
}

fn bits(value: Option<&f64>) -> Option<u64> {
    // All NaNs are alike: JSON does not tell them apart.
    value.map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() })
}

pub(super) mod numbers {
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct One(#[serde(with = "crate::vocab::number::any")] f64);

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        let mut sequence = to.serialize_seq(Some(values.len()))?;
        values.iter().try_for_each(|value| sequence.serialize_element(&One(*value)))?;
        sequence.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<One>::deserialize(from)?.into_iter().map(|one| one.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_step_is_worth_what_is_known_of_the_run() {
        let mut run = RunView::unknown(1);
        let mut snapshot = crate::ipc::replica::Replica::default().snapshot(0.0);
        snapshot.domains = vec!["web".to_owned(), "code".to_owned()];
        snapshot.supply.insert("code".to_owned(), 500.0);
        assert_eq!(
            [Axis::Step, Axis::Tokens, Axis::Compute, Axis::Plan, Axis::Epochs(1)].map(|x| x.per_step(&run, &snapshot)),
            [Some(1.0), None, None, None, None]
        );
        let sourced = |value| crate::vocab::Sourced { value, source: String::new() };
        let mut know = |name, value| drop(run.facts.insert(name, sourced(crate::vocab::FactValue::Number(value))));
        know(FactName::TotalParams, 8e6);
        know(FactName::ActiveParams, 1e6);
        know(FactName::BatchTokens, 100.0);
        know(FactName::PlannedSteps, 400.0);
        let weights = BTreeMap::from([("web".to_owned(), 0.75), ("code".to_owned(), 0.25)]);
        let mixture = crate::vocab::FactValue::Mixture(crate::vocab::Mixture(weights));
        run.facts.insert(FactName::Mixture, sourced(mixture));
        assert_eq!(
            [Axis::Tokens, Axis::Compute, Axis::Plan].map(|x| x.per_step(&run, &snapshot)),
            [Some(100.0), Some(6e8), Some(1.0 / 400.0)]
        );
        assert_eq!([Axis::Time, Axis::Elapsed].map(|x| x.per_step(&run, &snapshot)), [None, None]);
        // 25 tokens of code a step, of 500; how many tokens of web there are is not known, and there is no third corpus.
        let epochs = |run: &RunView, corpus| Axis::Epochs(corpus).per_step(run, &snapshot);
        assert_eq!([0, 1, 2].map(|corpus| epochs(&run, corpus)), [None, Some(0.05), None]);
        run.facts.insert(FactName::Phases, sourced(crate::vocab::FactValue::Phases(Vec::new())));
        assert_eq!(epochs(&run, 1), None);
    }
}
