//! Places that are asked about: sizes, token counts, shapes and mixtures, completed from the project's target.

use super::publisher::CurrentState;
use crate::ipc::protocol::{Failure, PredictQuery};
use crate::laws::Variable;
use crate::observe::target::{expert_share, shapes};
use crate::project::Project;
use crate::vocab::number::show_amount;
use crate::vocab::{Metric, Mixture, Moe, Observation, Scale};

/// ln of E and K, together, up to which a row says what part of the parameters is active.
const NEAR_SHAPE: f64 = 0.1;

/// The size, data and shape to predict for: what the query leaves open is the target's.
pub fn scale(query: &PredictQuery, current: &CurrentState) -> Result<Scale, Failure> {
    let target = &current.project.target;
    for (flag, value) in [
        ("--params", query.params),
        ("--tokens", query.tokens),
        ("--active-params", query.active_params),
        ("--experts", query.experts),
        ("--experts-per-token", query.experts_per_token),
        ("--granularity", query.granularity),
    ] {
        if let Some(value) = value.filter(|v| !(v.is_finite() && *v > 0.0)) {
            return Err(Failure::usage(format!("{flag} is {value}"), "a number above zero, like 7e9 or 7B".to_owned()));
        }
    }
    let experts = query.experts.or(target.experts).unwrap_or(1.0);
    let chosen = query.experts_per_token.or(target.experts_per_token).unwrap_or(1.0);
    if experts > 1.0 && chosen > experts {
        return Err(Failure::usage(
            format!("{chosen} experts per token are more than the {experts} experts"),
            "lower --experts-per-token".to_owned(),
        ));
    }
    let params = query.params.or(target.params).ok_or_else(|| missing("size", "--params 7B"))?;
    let tokens = query.tokens.or(target.tokens).ok_or_else(|| missing("token count", "--tokens 20B"))?;
    let by_experts = || params / expert_share(shapes(&current.records)).total_over_active(experts / chosen);
    let as_in_rows = || active_over_total(current, experts, chosen).map(|part| part * params);
    let moe = Moe {
        active_params: query.active_params.or_else(as_in_rows).unwrap_or_else(by_experts),
        experts,
        experts_per_token: chosen,
        granularity: query.granularity.or(target.granularity).unwrap_or(1.0),
    };
    if moe.active_params > params {
        return Err(Failure::usage(
            format!("--active-params is more than the total, {}", show_amount(params)),
            "--params is the total over all experts".to_owned(),
        ));
    }
    Ok(Scale { params, tokens, moe: (experts > 1.0).then_some(moe) })
}

/// Active parameters over N of the routed rows of tables that are nearest in experts: some tables give as N what one token uses.
fn active_over_total(current: &CurrentState, experts: f64, chosen: f64) -> Option<f64> {
    let rows = current.observed.fitted.iter().flat_map(|rows| &rows.rows);
    let routed = rows.filter(|row| row.experts > 1.0 && row.params > 0.0 && row.active_params > 0.0);
    let apart = |row: &Observation| {
        let of = |a: f64, b: f64| (a / b).ln().abs();
        of(row.experts, experts) + of(row.experts_per_token.max(1.0), chosen)
    };
    let nearest = routed.min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
    // Far from all rows, what the runs say of the size of experts says more.
    (apart(nearest) < NEAR_SHAPE).then(|| nearest.active_params / nearest.params)
}

/// The key of a validation loss, named by key or by domain.
///
/// # Errors
/// Where the project has no such loss.
pub fn metric_key(current: &CurrentState, name: &str) -> Result<String, Failure> {
    if current.project.is_measured(name) {
        return Ok(name.to_owned());
    }
    current.project.metric_of(name).map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("'{name}' is not a metric of this project"), {
            let of =
                |text: fn(&Metric) -> &str| current.project.metrics.iter().map(text).collect::<Vec<_>>().join(", ");
            format!("one of: {}; {}", of(|m| &m.name), of(|m| &m.key))
        })
    })
}

fn missing(what: &str, flag: &str) -> Failure {
    Failure::usage(
        format!("the project has no target {what} to predict for"),
        format!("add {flag}, or 'target:' to the project file"),
    )
}

/// Refuses a variable that was asked for and that no law sees. A size or token count that none sees is refused too, unless
/// several mixtures are asked for: laws can still rank those.
pub fn refuse_unseen(
    place: &PredictQuery,
    scale: &Scale,
    mixture: &Mixture,
    all: &[PredictQuery],
    current: &CurrentState,
) -> Result<(), Failure> {
    let ranks = all.iter().any(|other| other.mixture != all[0].mixture);
    let asked = [
        (Variable::Experts, place.experts.is_some(), "--experts"),
        (Variable::ExpertsPerToken, place.experts_per_token.is_some(), "--experts-per-token"),
        (Variable::Granularity, place.granularity.is_some(), "--granularity"),
        (Variable::Params, place.params.is_some() && !ranks, "--params"),
        (Variable::Tokens, place.tokens.is_some() && !ranks, "--tokens"),
    ];
    let mut fits = current.fits.iter().flat_map(|candidates| &candidates.fits).peekable();
    if fits.peek().is_none() {
        return Ok(());
    }
    let unseen: Vec<Vec<Variable>> = fits.map(|fit| fit.unseen(&scale.at(mixture.weights(&fit.domains)))).collect();
    for (variable, is_asked, flag) in asked {
        if is_asked && unseen.iter().all(|of_fit| of_fit.contains(&variable)) {
            return Err(Failure::usage(
                format!("no law here sees {}: the runs do not show what {flag} does to the loss", variable.letter()),
                format!("leave out {flag}, or add runs that differ in it"),
            ));
        }
    }
    Ok(())
}

/// The weights asked for, completed in the proportions of the current ones; those where none are asked for.
pub fn mixture(asked: Option<&Mixture>, project: &Project) -> Result<Mixture, Failure> {
    // With one domain there is one mixture.
    let only = (project.domains.len() == 1).then(|| Mixture::from_weights(&project.domains, &[1.0]));
    let current = project.current.as_ref().or(only.as_ref());
    let asked = asked.or(current).ok_or_else(|| missing("mixture", "--mixture a=0.7,b=0.3"))?;
    if let Some(stranger) = asked.0.keys().find(|domain| !project.domains.contains(domain)) {
        return Err(Failure::usage(
            format!("'{stranger}' is not a domain of this project"),
            format!("the domains are: {}", project.domains.join(", ")),
        ));
    }
    if let Some(filled) = current.and_then(|current| asked.filled(&project.domains, current)) {
        return Ok(filled);
    }
    let (mixture, sum) = asked.normalised().map_err(|e| Failure::usage(e.to_string(), None))?;
    if (sum - 1.0).abs() > Mixture::SUM_TOLERANCE {
        return Err(Failure::usage(
            format!("the weights of --mixture sum to {sum:.3}, not to 1"),
            format!(
                "to keep the proportions: --mixture {}",
                mixture.0.iter().map(|(d, w)| format!("{d}={w:.3}")).collect::<Vec<_>>().join(",")
            ),
        ));
    }
    Ok(mixture)
}
