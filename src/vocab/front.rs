//! Shapes for one budget of which no other has both a lower loss and a lower cost (the Pareto front), as they are printed.

use super::number::{show_amount, significant};
use super::{Abstention, Range, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a front weighs against the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrontCost {
    /// Bytes while serving: parameters in all, and the KV cache at a context.
    Memory,
    /// Bytes in training: parameters, gradients, optimiser, and activations of a micro-batch.
    TrainMemory,
    /// FLOPs for the tokens that are served; for one token where no number of them is stated.
    Serving,
}

impl FrontCost {
    /// What it is, for a heading.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Memory => "memory for serving",
            Self::TrainMemory => "memory for training",
            Self::Serving => "serving cost",
        }
    }
}

impl FrontCost {
    /// A cost for people: `117 GB`; FLOPs as a bare number.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        if self == Self::Serving {
            return significant(value, 3);
        }
        let text = show_amount(value);
        match text.strip_suffix(|c: char| c.is_ascii_alphabetic()) {
            Some(digits) => {
                let prefix = text.chars().last().map_or('?', |c| if c == 'B' { 'G' } else { c });
                format!("{digits} {prefix}B")
            }
            None => format!("{text} B"),
        }
    }
}

/// Output of `shape --pareto`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrontAnswer {
    /// The front.
    Front(ShapeFront),
    /// No front: the runs or the question don't give one.
    Abstained(Abstention),
}

/// Shapes for one budget, the cheapest first: each has a lower loss than every cheaper one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeFront {
    /// What is weighed against the loss.
    pub cost: FrontCost,
    /// Unit of the cost: `bytes`, `FLOPs per token` or `FLOPs`.
    pub cost_unit: String,
    /// Unit of the loss: the objective as laws are fitted to it, which is better the lower it is.
    pub loss_unit: String,
    /// FLOPs that every shape uses up.
    pub compute: f64,
    /// Laws, one for each loss of the objective.
    pub laws: Vec<String>,
    /// Whether their coefficients are a paper's; nothing was fitted to the runs.
    #[serde(default)]
    pub published: bool,
    /// The shapes, evenly spaced in ln cost; the last has the lowest loss of all.
    pub points: Vec<FrontPoint>,
    /// By how much the loss is higher than the last one's with half its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_costs: Option<f64>,
    /// How costs were counted and what was left out, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
}

/// One shape of a front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrontPoint {
    /// Its cost.
    pub cost: f64,
    /// Size, tokens and experts.
    pub scale: Scale,
    /// The objective there: by the laws, or measured.
    pub loss: f64,
    /// 90 % interval of the objective of one run there (of several losses, the ends of their intervals added up); absent where it was measured, or where the laws know no error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Probability that a run there reaches a lower objective than one at the shape before it, the cheaper one; absent between two
    /// that were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_better: Option<f64>,
    /// Whether the runs reach there.
    pub supported: bool,
    /// The run that was measured there, where it did better than the laws expect of any shape that costs no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_their_prefix() {
        for (value, text) in [(117e9, "117 GB"), (1.64e6, "1.64 MB"), (2.5e12, "2.5 TB"), (950.0, "950 B")] {
            assert_eq!(FrontCost::Memory.show(value), text);
        }
        assert_eq!(FrontCost::Serving.show(3.38e9), "3.38e9");
    }
}
