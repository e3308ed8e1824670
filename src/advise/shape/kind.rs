//! Kinds of experts: what a shape is apart from its size, and which of them are considered.

use super::question::{Question, none};
use crate::laws::Variable;
use crate::vocab::number::show_amount;
use crate::vocab::{Abstention, Moe, Observation, Scale};

/// E, K and G.
pub(super) type ExpertShape = (f64, f64, f64);

pub(super) const DENSE: ExpertShape = (1.0, 1.0, 1.0);

pub(super) fn kind_of(row: &Observation) -> ExpertShape {
    (row.experts, row.experts_per_token, row.granularity)
}

/// The kind of a shape.
pub(super) fn kind_at(scale: &Scale) -> ExpertShape {
    scale.moe.map_or(DENSE, |m| (m.experts, m.experts_per_token, m.granularity))
}

/// A model of these experts with so many active parameters.
pub(super) fn moe((experts, experts_per_token, granularity): ExpertShape, active_params: f64) -> Moe {
    Moe { active_params, experts, experts_per_token, granularity }
}

/// The kinds of experts to choose among, and what is said of those that are not.
pub(super) struct Kinds {
    pub kinds: Vec<ExpertShape>,
    /// Whether the laws tell them apart.
    pub told_apart: bool,
    pub said: Vec<String>,
}

fn field(kind: &ExpertShape, variable: Variable) -> f64 {
    match variable {
        Variable::Experts => kind.0,
        Variable::ExpertsPerToken => kind.1,
        _ => kind.2,
    }
}

/// Kinds that were trained (`shapes`) and are allowed: `allowed` numbers of experts, any where there are none. `own`: the
/// target's. What the laws do not see of E, K and G stays as it is.
///
/// # Errors
/// No such kind was trained.
pub(super) fn kinds(
    question: &Question<'_>,
    shapes: &[ExpertShape],
    own: ExpertShape,
    allowed: &[f64],
) -> Result<Kinds, Abstention> {
    let may_be = |kind: &ExpertShape| allowed.is_empty() || allowed.contains(&kind.0);
    let untrained = || {
        let listed = |all: &[f64]| all.iter().map(|e| show_amount(*e)).collect::<Vec<_>>().join(", ");
        let mut trained: Vec<f64> = shapes.iter().map(|kind| kind.0).collect();
        trained.dedup();
        none(
            format!("No run has {} experts; the runs have {}.", listed(allowed), listed(&trained)),
            format!(
                "Choose among those of the runs (--experts {}), or launch runs.",
                listed(&trained).replace(", ", ",")
            ),
        )
    };
    let varies = |variable: Variable| shapes.iter().any(|kind| field(kind, variable) != field(&shapes[0], variable));
    let mut kinds: Vec<ExpertShape> = shapes.iter().copied().filter(may_be).collect();
    let laws = question.laws().join(", ");
    if shapes.len() > 1 && varies(Variable::Experts) && !question.sees(Variable::Experts) {
        let (held, whose) = match kinds.first() {
            _ if may_be(&own) => (own, "the target's own shape".to_owned()),
            Some(kind) => (*kind, format!("{} experts", show_amount(kind.0))),
            None => return Err(untrained()),
        };
        let said =
            format!("The {laws} law does not depend on experts, so only size and tokens were traded, at {whose}.");
        return Ok(Kinds { kinds: vec![held], told_apart: false, said: vec![said] });
    }
    let routed: Vec<ExpertShape> = kinds.iter().copied().filter(|kind| kind.0 > 1.0).collect();
    // Of a dense model K and G are 1, which says nothing of how many experts a token should get.
    let among_routed =
        |variable: Variable| routed.iter().any(|kind| field(kind, variable) != field(&routed[0], variable));
    let model = Some(own).filter(|own| own.0 > 1.0 && may_be(own)).or(routed.last().copied());
    let mut said = Vec::new();
    for variable in [Variable::ExpertsPerToken, Variable::Granularity] {
        let Some(model) = model.filter(|_| among_routed(variable) && !question.sees(variable)) else { continue };
        let held = field(&model, variable);
        kinds.retain(|kind| kind.0 <= 1.0 || field(kind, variable) == held);
        said.push(format!(
            "The {laws} law does not depend on {}, so it stays at {held}: no other value was considered.",
            variable.letter()
        ));
    }
    if kinds.is_empty() {
        if !may_be(&own) {
            return Err(untrained());
        }
        kinds = vec![own];
    }
    Ok(Kinds { kinds, told_apart: true, said })
}
