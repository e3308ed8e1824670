//! Kinds of experts: what a shape is apart from its size.

use crate::vocab::{Moe, Observation};

/// E, K and G.
pub(super) type ExpertShape = (f64, f64, f64);

pub(super) const DENSE: ExpertShape = (1.0, 1.0, 1.0);

pub(super) fn kind_of(row: &Observation) -> ExpertShape {
    (row.experts, row.experts_per_token, row.granularity)
}

/// A model of these experts with so many active parameters.
pub(super) fn moe((experts, experts_per_token, granularity): ExpertShape, active_params: f64) -> Moe {
    Moe { active_params, experts, experts_per_token, granularity }
}
