//! Losses of many mixtures at the target, by the laws in use.

use super::outlook::chosen;
use super::place::scale;
use super::publisher::CurrentState;
use crate::forecast::spread::{generator, uniform};
use crate::ipc::protocol::{Failure, PredictQuery};
use crate::ipc::surface::{MOST_MIXTURES, SurfaceAnswer, SurfaceLoss, SurfaceQuery};
use crate::vocab::{Measure, Mixture, Observation};

/// What was asked for.
///
/// # Errors
/// Where the question makes no sense, or the project has no target.
pub fn answer(query: SurfaceQuery, current: &CurrentState) -> Result<SurfaceAnswer, Failure> {
    if query.mixtures == 0 || query.mixtures > MOST_MIXTURES {
        let said = format!("the request asks for {} mixtures", query.mixtures);
        return Err(Failure::usage(said, format!("request 1 to {MOST_MIXTURES} mixtures")));
    }
    let project = &current.project;
    let scale = scale(&PredictQuery::default(), current)?;
    let mixtures = mixtures(project.domains.len(), query.mixtures as usize);
    let named: Vec<Mixture> = mixtures.iter().map(|weights| Mixture::from_weights(&project.domains, weights)).collect();
    let mut explored = vec![true; mixtures.len()];
    let mut losses = Vec::new();
    for fit in chosen(&current.fits).into_iter().flatten() {
        let places: Vec<Observation> = named.iter().map(|one| scale.at(one.weights(&fit.domains))).collect();
        for (inside, place) in explored.iter_mut().zip(&places) {
            let mut weights = place.mixture.iter().zip(&fit.seen.weights);
            *inside &= weights.all(|(weight, (low, high))| (low - 1e-9..=high + 1e-9).contains(weight));
        }
        let unit = project.unit_of(&fit.view.metric);
        losses.push(SurfaceLoss {
            metric: fit.view.metric.clone(),
            law: fit.view.law.clone(),
            values: fit.predict_all(None, &places).into_iter().map(|value| unit.logged(value)).collect(),
            measure: Measure::of(unit),
        });
    }
    Ok(SurfaceAnswer { domains: project.domains.clone(), mixtures, explored, losses })
}

/// At most so many mixtures: a grid over two or three domains, draws from all mixtures over more, always the same.
fn mixtures(domains: usize, most: usize) -> Vec<Vec<f64>> {
    match domains {
        0 => Vec::new(),
        1 => vec![vec![1.0]],
        2 => {
            let parts = most.saturating_sub(1).clamp(1, 200);
            (0..=parts).map(|i| i as f64 / parts as f64).map(|weight| vec![weight, 1.0 - weight]).collect()
        }
        3 => {
            let parts = (1..).take_while(|n| (n + 1) * (n + 2) / 2 <= most).last().unwrap_or(1);
            let of = |a: usize, b: usize| [a, b, parts - a - b].map(|part| part as f64 / parts as f64).to_vec();
            (0..=parts).flat_map(|a| (0..=parts - a).map(move |b| of(a, b))).collect()
        }
        _ => {
            let mut random = generator(0);
            let draw = |_| {
                // Exponential numbers over their sum are spread evenly over all mixtures.
                let raw: Vec<f64> = (0..domains).map(|_| -uniform(&mut random).max(1e-300).ln()).collect();
                let sum: f64 = raw.iter().sum();
                raw.into_iter().map(|part| part / sum).collect()
            };
            (0..most).map(draw).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mixtures;

    #[test]
    fn mixtures_are_mixtures_and_no_more_than_asked_for() {
        for domains in 1..8 {
            for most in [3, 10, 231, 1_000] {
                let all = mixtures(domains, most);
                assert!(!all.is_empty() && all.len() <= most, "{domains} {most}: {}", all.len());
                for weights in all {
                    assert_eq!(weights.len(), domains);
                    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{weights:?}");
                    assert!(weights.iter().all(|weight| (0.0..=1.0 + 1e-12).contains(weight)), "{weights:?}");
                }
            }
        }
        assert_eq!(mixtures(3, 231).len(), 231);
        assert!(mixtures(0, 5).is_empty());
    }
}
