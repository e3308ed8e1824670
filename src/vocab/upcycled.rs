//! Mixtures of experts that began as a dense model, as they are printed.

use super::Estimate;
use super::number::{show_amount, significant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Upcycled runs of one loss, beside training from scratch and beside continuing the dense model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Upcycled {
    /// Key of the loss.
    pub metric: String,
    /// Each run, by active size and experts.
    pub each: Vec<UpcycledRun>,
    /// Tokens after which training from scratch catches up, over those that the dense model had seen: geometric mean over the
    /// runs that have both; the interval resamples them, and is open with fewer than three.
    pub ratio: Option<Estimate>,
    /// Runs that `ratio` is of.
    pub compared: usize,
}

/// One run that began as a dense model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpcycledRun {
    /// Its name.
    pub run: String,
    /// The dense model, as the run names it (`upcycled_from`).
    pub base: String,
    /// Tokens that the dense model had seen (`upcycled_tokens`, else all that a run of that name has).
    pub base_tokens: Option<f64>,
    /// Its active parameters.
    pub params: f64,
    /// Its experts per layer.
    pub experts: f64,
    /// Its own tokens so far, those of the dense model not among them.
    pub tokens: f64,
    /// Its loss there, nats.
    pub loss: f64,
    /// Runs of the same shape that were trained from scratch; absent where there are none with the same mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<Beside>,
    /// Compute of training from scratch to the run's loss over the run's own; absent where that is not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The same with the dense model's compute counted to the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_with_base: Option<f64>,
    /// The dense model, trained on instead; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued: Option<Beside>,
}

/// Another way to spend the compute of an upcycled run, from where that begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Beside {
    /// The runs that it is read from.
    pub runs: Vec<String>,
    /// Least compute at which both were measured, FLOPs.
    pub from: f64,
    /// Most compute at which both were measured, FLOPs.
    pub until: f64,
    /// Compute from which on the one that is ahead at `until` has been ahead, FLOPs; absent where it was all along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossing: Option<f64>,
    /// By how much lower the upcycled run's loss is at `until`, nats; below 0 where the other's is lower.
    pub gain: f64,
}

impl Upcycled {
    /// What the runs say together, as a clause.
    #[must_use]
    pub fn conclusion(&self) -> String {
        match &self.ratio {
            Some(ratio) => {
                let range = match (ratio.range.low.is_finite(), ratio.range.high.is_finite()) {
                    (true, true) => format!(" ({:.2}–{:.2})", ratio.range.low, ratio.range.high),
                    _ => String::new(),
                };
                format!(
                    "training from scratch catches up after {:.2} × the dense model's tokens{range}, mean of {} of {} runs: continue \
                     for fewer tokens than that, start from scratch for more",
                    ratio.value,
                    self.compared,
                    self.each.len()
                )
            }
            None => {
                "no run shows when training from scratch catches up: train one of the same shape from scratch, as long"
                    .to_owned()
            }
        }
    }
}

impl UpcycledRun {
    /// When training from scratch catches up; `None` where no run of this shape was trained from scratch.
    #[must_use]
    pub fn beside_scratch(&self) -> Option<String> {
        let beside = self.scratch.as_ref()?;
        let tokens = |compute: f64| show_amount(compute / (6.0 * self.params));
        Some(match (beside.gain < 0.0, beside.crossing) {
            (true, Some(crossing)) => format!("catches up at {} tokens", tokens(crossing)),
            (true, None) => format!("ahead from {} tokens on", tokens(beside.from)),
            (false, _) => format!("behind up to {} tokens (loss {:+.4})", tokens(beside.until), beside.gain),
        })
    }

    /// From which compute on continuing the dense model is the worse use of it; `None` where it was not continued.
    #[must_use]
    pub fn beside_dense(&self) -> Option<String> {
        let beside = self.continued.as_ref()?;
        let flops = |compute: f64| significant(compute, 3);
        Some(match (beside.gain > 0.0, beside.crossing) {
            (true, Some(crossing)) => format!("behind from {} FLOPs on", flops(crossing)),
            (true, None) => format!("behind from {} FLOPs on, the first measured", flops(beside.from)),
            (false, _) => format!("ahead up to {} FLOPs (loss {:+.4})", flops(beside.until), beside.gain),
        })
    }
}
