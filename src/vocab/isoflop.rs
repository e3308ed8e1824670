//! Compute-optimal sizes, as they are displayed and printed: from runs grouped by compute, and from laws.

use super::{
    Advice, Estimate, FrontAnswer, MeasuredMfu, Mixture, Moe, Scale, ShapeAdvice, ShapeFront, ShapeOptimum, Upcycled,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Output of `shape`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ShapeAnswer {
    /// Advice for the budget; absent if none is stated or asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<ShapeAdvice>,
    /// The mixture that the laws in use would choose at the recommended shape, where that is not the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<ShapeMixture>,
    /// The Pareto front, where one is asked for (`--pareto`); the rest is absent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<FrontAnswer>,
    /// The best number of experts, size and tokens by published coefficients for each budget; see `notes` for what they take
    /// for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<ShapeOptimum>,
    /// Compute-optimal size and tokens by the parabola method and by each law, for each loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<OptimumCurve>,
    /// Runs grouped by compute, for each loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isoflops: Vec<IsoFlops>,
    /// What one group of runs is worth beside another, for each loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worth: Vec<Worth>,
    /// Mixtures of experts that began as a dense model (`upcycled_from`), for each loss that has such runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upcycled: Vec<Upcycled>,
    /// MFU that the runs measured, where the budget is in GPU-hours, wall time or money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfu: Option<MeasuredMfu>,
    /// What was left out or assumed, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The mixture at a recommended shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeMixture {
    /// The shape: size, tokens and experts.
    pub scale: Scale,
    /// The mixture that the laws in use recommend there, beside the one in use, or why they recommend none.
    pub advice: Advice,
    /// The best mixture at the target's size and tokens by the same laws, for comparison; absent where they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_target: Option<Mixture>,
}

/// Compute-optimal sizes as the dashboard shows them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Optima {
    /// By the parabola method and by the law in use, for each loss.
    pub curves: Vec<OptimumCurve>,
    /// Runs grouped by compute.
    pub isoflops: Vec<IsoFlops>,
    /// Loss against memory for serving, where the project states a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<ShapeFront>,
    /// Runs that began as a dense model, of each loss that has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upcycled: Vec<Upcycled>,
}

/// How a compute-optimal size was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimumMethod {
    /// A parabola in ln N for each budget, and a power law through their minima.
    Parabola,
    /// A law fitted to all rows, minimised for each budget.
    Law,
    /// A law with the coefficients of its paper; it was not fitted to the runs.
    Published,
}

/// Compute-optimal size and tokens as functions of compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OptimumCurve {
    /// Key of the loss.
    pub metric: String,
    /// Method.
    pub method: OptimumMethod,
    /// Name of the law; `parabola` for the parabola method.
    pub name: String,
    /// Whether recommendations use it.
    #[serde(default)]
    pub chosen: bool,
    /// Experts of the models; absent for dense ones. Their active parameters are those of each optimum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
    /// Exponent a of N_opt ∝ C^a, between the least and the largest budget of `at`; `null` if it has none.
    pub params_exponent: Option<Estimate>,
    /// Exponent of D_opt.
    pub tokens_exponent: Option<Estimate>,
    /// Optima, by compute.
    pub at: Vec<OptimumAt>,
}

/// The optimum for one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OptimumAt {
    /// C, training FLOPs.
    pub compute: f64,
    /// Active parameters.
    pub params: Estimate,
    /// Tokens.
    pub tokens: Estimate,
    /// Loss there, nats; `null` where the method does not give it.
    pub loss: Option<f64>,
    /// Whether the runs reach there.
    pub covered: bool,
}

/// Runs of one loss, one kind of experts and one mixture, grouped by compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IsoFlops {
    /// Key of the loss.
    pub metric: String,
    /// Size, tokens and experts of the largest of the runs.
    pub largest: Scale,
    /// Groups, least compute first.
    pub groups: Vec<IsoFlopGroup>,
}

/// Runs that took the same compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IsoFlopGroup {
    /// C = 6·N_act·D, FLOPs: geometric mean.
    pub compute: f64,
    /// The runs, smallest first.
    pub runs: Vec<IsoFlopRun>,
    /// The parabola through them; `null` if it has no minimum between the smallest and the largest of them.
    pub parabola: Option<Parabola>,
    /// Why there is no parabola.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// A run in a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IsoFlopRun {
    /// Active parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
    /// Loss, nats.
    pub loss: f64,
}

/// loss = least + bend · (ln N − ln params)².
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parabola {
    /// N at the minimum.
    pub params: f64,
    /// Loss at the minimum, nats.
    pub least: f64,
    /// Curvature, nats.
    pub bend: f64,
}

impl Parabola {
    /// Loss at N.
    #[must_use]
    pub fn at(&self, params: f64) -> f64 {
        self.least + self.bend * (params / self.params).ln().powi(2)
    }
}

/// What one group of runs is worth beside a reference group, at equal loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worth {
    /// Key of the loss.
    pub metric: String,
    /// The group.
    pub of: String,
    /// The reference group.
    pub over: String,
    /// Runs of the group.
    pub runs: usize,
    /// Runs of the reference group.
    pub reference_runs: usize,
    /// Runs of the group whose final loss the reference group reaches too: the others have no factor.
    pub compared: usize,
    /// Compute of the reference group over that of the group at equal final loss: geometric mean over the compared runs.
    pub overall: Option<Estimate>,
    /// Exponent of that factor in the group's own compute: above 0, the group gains with scale.
    pub exponent: Option<Estimate>,
    /// Compute of the group at which the mean stands, FLOPs: geometric mean. Relative where no token counts are known.
    pub compute: f64,
    /// Each run of the group, by active size and experts.
    pub each: Vec<WorthRun>,
}

/// One run beside a reference group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorthRun {
    /// Its name.
    pub run: String,
    /// Its active parameters.
    pub params: f64,
    /// Its experts per layer; 1 for a dense model.
    pub experts: f64,
    /// Its final loss, nats.
    pub loss: f64,
    /// Compute of the reference group at that loss over its own; `null` where the group does not reach it.
    pub factor: Option<Estimate>,
    /// The least that the factor can be, where the run is better than every reference run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Tokens of the reference run of the same active size over those at which this run reached its final loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_factor: Option<f64>,
}
