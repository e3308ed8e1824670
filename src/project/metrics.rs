//! `metrics`: what is measured, by name.

use super::check::Checker;
use super::file::{MetricFile, ProjectFile};
use super::source::At;
use super::suggest::closest;
use super::{Project, ProjectError};
use crate::vocab::{Metric, MetricUnit};

impl Project {
    /// Words for the unit of the objective: that of all it weighs, if it is one.
    #[must_use]
    pub fn objective_unit(&self) -> &'static str {
        let weighs =
            |metric: &&Metric| self.objective.minimize.is_empty() || self.objective.minimize.contains_key(&metric.name);
        let mut units = self.metrics.iter().filter(weighs).map(|metric| metric.unit.words());
        let first = units.next().unwrap_or(MetricUnit::Nats.words());
        if units.all(|unit| unit == first) { first } else { "(of several units)" }
    }
}

impl Checker<'_> {
    /// The metrics, in the order of the text. A name that is no domain is an evaluation that belongs to none.
    pub(super) fn metrics(&mut self, file: &ProjectFile) -> Result<Vec<Metric>, ProjectError> {
        let place = self.root().key("metrics");
        let Some(metrics) = &file.metrics else { return Ok(Vec::new()) };
        let mut all: Vec<Metric> = Vec::new();
        for name in place.names() {
            let Some(metric) = metrics.get(name) else { continue };
            let at = place.key(name);
            let (key, unit, domain) = match metric {
                MetricFile::Key(key) => (key.trim(), None, None),
                MetricFile::Spec(spec) => (spec.key.trim(), spec.unit, spec.domain.clone()),
            };
            if key.is_empty() {
                let help = "write the metric's key in the log, such as eval/rust/loss";
                return Err(self.source.invalid(at.value, format!("the metric of `{name}` is empty"), help));
            }
            if let Some(other) = all.iter().find(|other| other.key == key) {
                let message = format!("`{name}` and `{}` have the same metric, {key}", other.name);
                let help = "each needs a metric of its own; remove the wrong line";
                return Err(self.source.invalid(at.value, message, help));
            }
            if let Some(domain) = &domain {
                self.known_domain(domain, at.key("domain").value)?;
            }
            if !self.domains.iter().any(|known| known == name) {
                self.not_a_typo(name, metrics.keys(), at.key)?;
                self.evaluations.push(name.to_owned());
            }
            let unit = unit.unwrap_or_else(|| MetricUnit::of_key(key));
            all.push(Metric { name: name.to_owned(), key: key.to_owned(), domain, unit });
        }
        Ok(all)
    }

    /// Rejects a name that is nearly that of a domain which has no metric yet.
    fn not_a_typo<'b>(
        &self,
        name: &str,
        mut named: impl Iterator<Item = &'b String> + Clone,
        at: At,
    ) -> Result<(), ProjectError> {
        let without = self.domains.iter().filter(|domain| !named.by_ref().clone().any(|known| known == *domain));
        let without: Vec<&str> = without.map(String::as_str).collect();
        let Some(meant) = closest(name, without) else { return Ok(()) };
        Err(self.source.invalid(at, format!("unknown domain `{name}`"), format!("did you mean `{meant}`?")))
    }
}
