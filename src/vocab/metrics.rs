//! Metrics of a run by key: a sorted list, as a run has many, a daemon many runs, and a list takes half of what a tree takes.

use super::number::NotFinite;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// One metric of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricView {
    /// Number of points in all segments.
    pub points: u64,
    /// Number of segments: restarts + 1.
    pub segments: u32,
    /// Step of the newest point.
    pub last_step: i64,
    /// Value of the newest point; `null` if it is not finite, with the reason in `status`.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub last: f64,
    /// `nan`, `inf` or `-inf` if `last` is not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub status: Option<NotFinite>,
}

/// Metrics by key, in order of keys. Each is also known by its place in that order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<(Arc<str>, MetricView)>);

impl Metrics {
    /// Place of a metric.
    ///
    /// # Errors
    /// Where it is none of them: the place at which it would be.
    pub fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// A metric by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetricView> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Newest step of any of them.
    #[must_use]
    pub fn last_step(&self) -> Option<i64> {
        self.values().map(|metric| metric.last_step).max()
    }

    /// Keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Metrics, in order of keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &MetricView> {
        self.0.iter().map(|(_, metric)| metric)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut MetricView> {
        self.0.iter_mut().map(|(_, metric)| metric)
    }

    /// A metric by its place, with its key.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&(Arc<str>, MetricView)> {
        self.0.get(place)
    }

    /// Takes one in, in place of the one that has this key.
    pub fn insert(&mut self, key: Arc<str>, metric: MetricView) {
        self.extend([(key, metric)]);
    }

    /// Takes one out, where it is there.
    pub fn remove(&mut self, key: &str) {
        if let Ok(place) = self.place(key) {
            self.0.remove(place);
        }
    }
}

/// By place.
impl Deref for Metrics {
    type Target = [(Arc<str>, MetricView)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Takes several in, each in place of the one that has its key.
impl Extend<(Arc<str>, MetricView)> for Metrics {
    fn extend<I: IntoIterator<Item = (Arc<str>, MetricView)>>(&mut self, metrics: I) {
        let mut new = Vec::new();
        for (key, metric) in metrics {
            match self.place(&key) {
                Ok(place) => self.0[place].1 = metric,
                Err(_) => new.push((key, metric)),
            }
        }
        if !new.is_empty() {
            *self = std::mem::take(&mut self.0).into_iter().chain(new).collect();
        }
    }
}

/// Of several with one key, the last.
impl FromIterator<(Arc<str>, MetricView)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, MetricView)>>(metrics: I) -> Self {
        let mut all: Vec<_> = metrics.into_iter().collect();
        if !all.is_sorted_by(|a, b| a.0 < b.0) {
            all = all.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        }
        all.shrink_to_fit();
        Self(all)
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, metric)| (key, metric)))
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|metrics| metrics.into_iter().collect())
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> Cow<'static, str> {
        <BTreeMap<String, MetricView>>::schema_name()
    }

    fn inline_schema() -> bool {
        <BTreeMap<String, MetricView>>::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <BTreeMap<String, MetricView>>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metric(points: u64) -> MetricView {
        MetricView { points, segments: 1, last_step: 1, last: 1.0, status: None }
    }

    proptest! {
        #[test]
        fn they_are_a_map(first in prop::collection::vec(("[a-c]{0,3}", 0_u64..9), 0..20), then in prop::collection::vec(("[a-c]{0,3}", 0_u64..9, any::<bool>()), 0..20)) {
            let pairs = || first.iter().map(|(key, points)| (Arc::from(key.as_str()), metric(*points)));
            let (mut metrics, mut map) = (pairs().collect::<Metrics>(), pairs().collect::<BTreeMap<Arc<str>, _>>());
            for (key, points, goes) in &then {
                if *goes {
                    metrics.remove(key);
                    map.remove(key.as_str());
                } else {
                    metrics.insert(key.as_str().into(), metric(*points));
                    map.insert(key.as_str().into(), metric(*points));
                }
                prop_assert_eq!(metrics.get(key), map.get(key.as_str()));
                prop_assert_eq!(metrics.contains_key(key), !goes);
            }
            prop_assert!(metrics.iter().map(|(key, metric)| (key, metric)).eq(&map));
            prop_assert!(metrics.keys().eq(map.keys()) && metrics.values().eq(map.values()));
            let json = serde_json::to_string(&metrics).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<Metrics>(&json).unwrap(), metrics);
        }
    }
}
