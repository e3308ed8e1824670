//! Validation of mixture weights: sums, signs, bounds.

use super::check::{Checker, Place};
use super::file::{MinimizeFile, MixtureFile};
use super::suggest::word;
use super::{Project, ProjectError};
use crate::vocab::Mixture;
use crate::vocab::number::show_amount;
use std::collections::BTreeMap;

impl Checker<'_> {
    /// Validates `mixture:`, given the domains.
    pub(super) fn mixture(&self, file: &MixtureFile, project: &mut Project) -> Result<(), ProjectError> {
        let place = self.root().key("mixture");
        if let Some(current) = &file.current {
            let place = place.key("current");
            self.known_domains(current.keys(), place)?;
            project.current = Some(self.weights("mixture.current", "current", current, place)?);
        }
        let bounds = place.key("bounds");
        for (domain, pair) in file.bounds.iter().flatten() {
            let at = bounds.key(domain).value;
            let [low, high] = [pair.0, pair.1];
            if !(low.is_finite() && high.is_finite() && (0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high)) {
                let help = if (0.0..=100.0).contains(&low) && (2.0..=100.0).contains(&high) && low <= high {
                    format!("write {domain}: [{}, {}]", low / 100.0, high / 100.0)
                } else {
                    format!("write {domain}: [0, 1], or a narrower range")
                };
                let message = format!("the bounds of `{domain}` are [{low}, {high}]; weights must be from 0 to 1");
                return Err(self.source.invalid(at, message, help));
            }
            if low > high {
                let message = format!("the minimum weight of `{domain}` ({low}) is more than its maximum ({high})");
                return Err(self.source.invalid(at, message, format!("write {domain}: [{high}, {low}]")));
            }
            project.bounds.insert(domain.clone(), [low, high]);
        }
        self.known_domains(project.bounds.keys(), bounds)?;
        self.feasible(project, bounds)?;
        self.groups(file, place, project)?;
        self.hold(file, place, project)?;
        self.nearness(file, place, project)?;
        for (domain, amount) in file.available_tokens.iter().flatten() {
            let at = place.key("available_tokens").key(domain).value;
            project
                .available_tokens
                .insert(domain.clone(), self.positive("available_tokens", domain, amount.0, at, "4B")?);
        }
        self.known_domains(project.available_tokens.keys(), place.key("available_tokens"))?;
        if let Some(epochs) = file.max_epochs {
            project.max_epochs = self.positive("mixture", "max_epochs", epochs, place.key("max_epochs").value, "4")?;
        }
        self.enough_tokens(project, place.key("available_tokens"))?;
        self.enough_for_limits(project, place.key("available_tokens"))
    }

    /// `objective.minimize`, as weights by the name of the metric.
    pub(super) fn minimize(&self, file: &MinimizeFile) -> Result<BTreeMap<String, f64>, ProjectError> {
        let place = self.root().key("objective").key("minimize");
        match file {
            MinimizeFile::Metric(metric) => {
                self.known_metric(metric, place.value)?;
                Ok(BTreeMap::from([(metric.clone(), 1.0)]))
            }
            MinimizeFile::Weights(weights) => {
                let mut names: Vec<_> = weights.keys().map(|name| (place.key(name).key, name)).collect();
                names.sort_unstable();
                names.into_iter().try_for_each(|(at, name)| self.known_metric(name, at))?;
                Ok(self.weights("objective.minimize", "minimize", weights, place)?.0)
            }
        }
    }

    /// Validates weights whose sum must be 1.
    fn weights(
        &self,
        path: &str,
        key: &str,
        weights: &BTreeMap<String, f64>,
        place: Place<'_>,
    ) -> Result<Mixture, ProjectError> {
        if weights.is_empty() {
            let help = format!("write {key}: {{ prose: 0.8, rust: 0.2 }}, or remove the key");
            return Err(self.source.invalid(place.key, format!("`{path}` lists no domain"), help));
        }
        for (domain, weight) in weights {
            if !weight.is_finite() || *weight < 0.0 {
                return Err(self.source.invalid(
                    place.key(domain).value,
                    format!("the weight of `{domain}` is {weight}; it must be from 0 to 1"),
                    "write a number from 0 to 1",
                ));
            }
        }
        let normalised = Mixture(weights.clone()).normalised();
        let (mixture, sum) = normalised.map_err(|reason| {
            self.source.invalid(
                place.value,
                format!("`{path}`: {reason}"),
                format!("write {key}: {{ prose: 0.8, rust: 0.2 }}"),
            )
        })?;
        if (sum - 1.0).abs() > Mixture::SUM_TOLERANCE {
            let order: Vec<(String, f64)> = place.names().map(|d| (d.to_owned(), mixture.weight(d))).collect();
            return Err(self.source.invalid(
                place.value,
                format!("the weights of `{path}` sum to {}, not to 1", tidy(sum)),
                format!("to keep their proportions, write {key}: {}", as_line(&order)),
            ));
        }
        Ok(mixture)
    }

    /// Checks that some mixture satisfies the bounds.
    fn feasible(&self, project: &Project, place: Place<'_>) -> Result<(), ProjectError> {
        let least: f64 = project.bounds.values().map(|b| b[0]).sum();
        if least > 1.0 + 1e-9 {
            let message =
                format!("the minimum weights sum to {}, more than 1: no mixture satisfies the bounds", tidy(least));
            return Err(self.source.invalid(place.key, message, "lower some of the minimum weights"));
        }
        let all = !self.domains.is_empty() && self.domains.iter().all(|d| project.bounds.contains_key(d));
        let most: f64 = project.bounds.values().map(|b| b[1]).sum();
        if all && self.domains_stated && most < 1.0 - 1e-9 {
            let message =
                format!("the maximum weights sum to {}, less than 1: no mixture satisfies the bounds", tidy(most));
            return Err(self.source.invalid(place.key, message, "raise some of the maximum weights"));
        }
        Ok(())
    }

    /// Checks that the available tokens are enough for the target.
    fn enough_tokens(&self, project: &Project, place: Place<'_>) -> Result<(), ProjectError> {
        let all = self.domains_stated && self.domains.iter().all(|d| project.available_tokens.contains_key(d));
        let (true, Some(tokens)) = (all, project.target.tokens) else { return Ok(()) };
        let there: f64 = project.available_tokens.values().sum::<f64>() * project.max_epochs;
        if there < tokens * (1.0 - 1e-9) {
            return Err(self.source.invalid(
                place.key,
                format!(
                    "all domains together have {} tokens in {} epochs, fewer than the {} of the target",
                    show_amount(there),
                    project.max_epochs,
                    show_amount(tokens)
                ),
                "raise max_epochs, lower target.tokens, or remove a domain here, which then has no limit",
            ));
        }
        Ok(())
    }
}

/// Formats a sum without trailing zeros or rounding noise.
pub fn tidy(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats weights as `{ prose: 0.8, rust: 0.2 }`, rounded so that their sum is still 1.
#[must_use]
pub fn as_line(weights: &[(String, f64)]) -> String {
    const UNITS: f64 = 1e4;
    let mut units: Vec<f64> = weights.iter().map(|(_, w)| (w * UNITS).round()).collect();
    let excess = units.iter().sum::<f64>() - UNITS;
    if let Some(largest) = units.iter_mut().max_by(|a, b| a.total_cmp(b)) {
        *largest -= excess;
    }
    let entries: Vec<String> =
        weights.iter().zip(&units).map(|((domain, _), u)| format!("{}: {}", word(domain), tidy(u / UNITS))).collect();
    format!("{{ {} }}", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_weights_sums_to_one_whatever_the_rounding() {
        let thirds: Vec<(String, f64)> = ["a", "b", "c"].map(|d| (d.to_owned(), 1.0 / 3.0)).to_vec();
        assert_eq!(as_line(&thirds), "{ a: 0.3333, b: 0.3333, c: 0.3334 }");
    }
}
