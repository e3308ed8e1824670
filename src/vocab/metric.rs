//! Metric: something measured during training that laws are fitted to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something measured during training that laws are fitted to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// Name in the project and on screen: that of its corpus, or one of its own.
    pub name: String,
    /// Key in the logs, or column of a table; empty where it is not known.
    pub key: String,
    /// The corpus whose validation loss it is; none for an evaluation that belongs to no corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What its numbers are.
    #[serde(default)]
    pub unit: MetricUnit,
}

impl Metric {
    /// A metric of the unit that its key says.
    #[must_use]
    pub fn new(name: &str, key: &str, domain: Option<&str>) -> Self {
        let domain = domain.map(str::to_owned);
        Self { name: name.to_owned(), key: key.to_owned(), domain, unit: MetricUnit::of_key(key) }
    }

    /// The validation loss of a domain.
    #[must_use]
    pub fn of_domain(domain: &str, key: &str) -> Self {
        Self::new(domain, key, Some(domain))
    }
}

/// What the numbers of a metric are. Laws are fitted to a positive number that is better the lower it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricUnit {
    /// Cross-entropy, nats per token.
    #[default]
    Nats,
    /// Cross-entropy, bits per byte or character.
    Bits,
    /// exp(nats per token); laws are fitted to its logarithm.
    Perplexity,
    /// A share between 0 and 1, higher is better (accuracy); laws are fitted to 1 − it.
    Accuracy,
    /// The same in percent; laws are fitted to 100 − it.
    Percent,
}

impl MetricUnit {
    /// The unit that a key's words say: `bpb`, `ppl`, `accuracy`, …; nats for any other.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        let lower = key.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        let has = |all: &[&str]| words.iter().any(|word| all.contains(word));
        if has(&["bpb", "bpc", "bits"]) {
            Self::Bits
        } else if has(&["ppl", "perplexity"]) {
            Self::Perplexity
        } else if has(&["acc", "accuracy", "em", "f1"]) {
            Self::Accuracy
        } else {
            Self::Nats
        }
    }

    /// What laws are fitted to, from what was logged.
    #[must_use]
    pub fn fitted(self, logged: f64) -> f64 {
        match self {
            Self::Nats | Self::Bits => logged,
            Self::Perplexity => logged.ln(),
            Self::Accuracy => 1.0 - logged,
            Self::Percent => 100.0 - logged,
        }
    }

    /// What a log would say, from what laws are fitted to: the inverse of [`Self::fitted`].
    #[must_use]
    pub fn logged(self, fitted: f64) -> f64 {
        match self {
            Self::Nats | Self::Bits => fitted,
            Self::Perplexity => fitted.exp(),
            Self::Accuracy => (1.0 - fitted).clamp(0.0, 1.0),
            Self::Percent => (100.0 - fitted).clamp(0.0, 100.0),
        }
    }

    /// (value, low, high) as a log would say it.
    #[must_use]
    pub fn interval(self, value: f64, low: f64, high: f64) -> (f64, f64, f64) {
        let (a, b) = (self.logged(low), self.logged(high));
        if self.higher_is_better() { (self.logged(value), b, a) } else { (self.logged(value), a, b) }
    }

    /// Whether a higher number of the log is better.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Accuracy | Self::Percent)
    }

    /// Whether [`Self::fitted`] is what was logged.
    #[must_use]
    pub fn is_as_logged(self) -> bool {
        matches!(self, Self::Nats | Self::Bits)
    }

    /// What laws are fitted to, as a log would say it, with the unit: `1.737 nats`, `accuracy 0.600`.
    #[must_use]
    pub fn show(self, fitted: f64) -> String {
        let logged = self.logged(fitted);
        match self {
            Self::Nats => format!("{logged:.3} nats"),
            Self::Bits => format!("{logged:.3} bits"),
            Self::Perplexity => format!("perplexity {logged:.2}"),
            Self::Accuracy => format!("accuracy {logged:.3}"),
            Self::Percent => format!("{logged:.1} %"),
        }
    }

    /// Words for the unit of what laws are fitted to.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Bits => "bits",
            Self::Perplexity => "nats (log of the perplexity)",
            Self::Accuracy => "1 − accuracy",
            Self::Percent => "100 − score",
        }
    }
}

/// Which numbers of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Lower ones: a loss.
    #[default]
    Lower,
    /// Higher ones: an accuracy.
    Higher,
}

/// What the numbers of an answer are, and which are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// Unit of the numbers.
    #[serde(default)]
    pub unit: MetricUnit,
    /// Which of them are better.
    #[serde(default)]
    pub better: Better,
}

impl Measure {
    /// Of numbers as a log would say them.
    #[must_use]
    pub fn of(unit: MetricUnit) -> Self {
        Self { unit, better: if unit.higher_is_better() { Better::Higher } else { Better::Lower } }
    }

    /// Whether a value keeps a limit: at most it, or at least it where higher is better.
    #[must_use]
    pub fn keeps(self, value: f64, limit: f64) -> bool {
        match self.better {
            Better::Lower => value <= limit,
            Better::Higher => value >= limit,
        }
    }

    /// Whether one value is better than another.
    #[must_use]
    pub fn is_better(self, one: f64, other: f64) -> bool {
        match self.better {
            Better::Lower => one < other,
            Better::Higher => one > other,
        }
    }

    /// The sign of a limit: `≤`, or `≥` where higher is better.
    #[must_use]
    pub fn limit_sign(self) -> &'static str {
        match self.better {
            Better::Lower => "≤",
            Better::Higher => "≥",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_read_from_the_key_and_laws_get_what_is_better_the_lower() {
        for (key, unit, logged, fitted) in [
            ("eval/rust/loss", MetricUnit::Nats, 2.0, 2.0),
            ("eval/downstream_bpb/mmlu_bpb", MetricUnit::Bits, 0.8, 0.8),
            ("Validation bpb", MetricUnit::Bits, 0.8, 0.8),
            ("eval/ppl", MetricUnit::Perplexity, 1.0, 0.0),
            ("eval/downstream/arc (accuracy)", MetricUnit::Accuracy, 0.25, 0.75),
        ] {
            assert_eq!(MetricUnit::of_key(key), unit, "{key}");
            assert!((unit.fitted(logged) - fitted).abs() < 1e-12, "{key}");
            assert!((unit.logged(fitted) - logged).abs() < 1e-12, "{key}");
            let (value, low, high) = unit.interval(0.5, 0.4, 0.6);
            assert!(low < value && value < high, "{key}");
        }
    }
}
