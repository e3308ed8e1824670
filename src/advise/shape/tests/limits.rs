//! Limits on metrics in the search for a shape by laws.

use super::*;
use crate::vocab::FrontCost;

/// The loss to minimise, and one that larger models lower more.
fn losses(params: f64, tokens: f64) -> [f64; 2] {
    [1.5 + 40.0 / params.powf(0.3) + 120.0 / tokens.powf(0.3), 1.2 + 80.0 / params.powf(0.35) + 20.0 / tokens.powf(0.3)]
}

/// Dense runs with both losses; the second with noise of so much.
fn dense(noise: f64) -> (Project, Observed, Vec<Fit>) {
    let mut fitted: Vec<Observations> = Vec::new();
    for (which, metric) in ["loss", "second"].into_iter().enumerate() {
        let mut rows = Vec::new();
        for params in [1e6, 3e6, 1e7, 2e7, 4e7, 1e8] {
            for tokens in [1e8, 3e8, 1e9, 3e9] {
                let run = rows.len();
                let sign = [1.0, -1.0, 0.5, -0.5, 0.2][run * 7 % 5];
                let factor = 1.0 + if which == 1 { noise * sign } else { 0.0 };
                let loss = losses(params, tokens)[which] * factor;
                rows.push(Observation { loss, run, ..Scale::dense(params, tokens).at(vec![1.0]) });
            }
        }
        fitted.push(Observations {
            metric: metric.to_owned(),
            domains: vec!["web".to_owned()],
            own: (which == 0).then_some(0),
            runs: (0..rows.len()).map(|run| format!("run {run}")).collect(),
            rows,
            ..Observations::default()
        });
    }
    let mut project = Project {
        domains: vec!["web".to_owned()],
        metrics: vec![
            crate::vocab::Metric::of_domain("web", "loss"),
            crate::vocab::Metric::of_domain("second", "second"),
        ],
        target: Target { params: Some(1e7), tokens: Some(1e9), ..Target::default() },
        budget: Some(Budget { compute: Some(6e16), ..Budget::default() }),
        ..Project::default()
    };
    project.objective.minimize = [("web".to_owned(), 1.0)].into();
    let options = Options { bootstraps: 20, ..Options::default() };
    let fits = fitted.iter().map(|rows| fit("chinchilla", rows, &options, None).unwrap()).collect();
    let starts = vec![Observations::default(); 2];
    (project, Observed { fitted, starts, ..Observed::default() }, fits)
}

fn limited(project: &Project, text: &str) -> Project {
    let mut project = project.clone();
    project.objective.subject_to = vec![crate::project::constraint::parse(text).unwrap()];
    project
}

fn advised(project: &Project, observed: &Observed, fits: &[Fit]) -> ShapeRecommendation {
    match ask(project, observed, fits) {
        Some(ShapeAdvice::Recommendation(advised)) => advised,
        other => panic!("{other:?}"),
    }
}

fn refused(project: &Project, observed: &Observed, fits: &[Fit]) -> String {
    match ask(project, observed, fits) {
        Some(ShapeAdvice::Abstained(why)) => why.reasons.concat(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_best_shape_within_a_limit_is_that_of_a_search_of_every_size() {
    let (project, observed, fits) = dense(0.0);
    let open = advised(&project, &observed, &fits).optimum.unwrap().scale;
    for most in [1.47, 1.45, 1.44, 1.43] {
        let bound = limited(&project, &format!("second <= {most}"));
        let sizes = (0..40_000).map(|i| (14.0 + i as f64 * 1e-4).exp());
        let kept = sizes.filter(|n| losses(*n, 1e16 / n)[1] <= most);
        let truth = kept.min_by(|a, b| losses(*a, 1e16 / a)[0].total_cmp(&losses(*b, 1e16 / b)[0])).unwrap();
        let found = advised(&bound, &observed, &fits);
        let optimum = found.optimum.clone().unwrap().scale;
        assert!((optimum.params / truth).ln().abs() < 0.03 && optimum.params > open.params, "{truth:e} {found:?}");
        assert!(losses(found.advised.params, found.advised.tokens)[1] <= most * 1.0005, "{found:?}");
        assert!(found.reasons.iter().any(|r| r.contains(&format!("'second <= {most}'"))), "{found:?}");
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let evidence = Evidence { project: &bound, observed: &observed, fits: &fits, extrapolate: false };
        let front = shape_front(&evidence, FrontCost::Serving).unwrap();
        let keeps = |scale: &Scale| losses(scale.params, scale.tokens)[1] <= most * 1.0005;
        assert!(!front.points.is_empty() && front.points.iter().all(|point| keeps(&point.scale)), "{front:?}");
    }
    // One that the optimum keeps changes nothing.
    let loose = advised(&limited(&project, "second <= 1.6"), &observed, &fits);
    assert_eq!(loose.optimum.unwrap().scale, open);
    // Beside the mixture in use every shape is as good.
    let beside = advised(&limited(&project, "second <= current + 1%"), &observed, &fits);
    assert_eq!(beside.optimum.unwrap().scale, open);
}

/// With noise the shape lies so far inside the limit that a run keeps it in four of five cases.
#[test]
fn noise_keeps_away_from_a_limit() {
    let size = |noise: f64| {
        let (project, observed, fits) = dense(noise);
        let found = advised(&limited(&project, "second <= 1.45"), &observed, &fits);
        let said = found.reasons.iter().find(|r| r.starts_with("Probability that a run keeps")).cloned();
        (found.optimum.unwrap().scale.params, said)
    };
    let (exact, noisy) = (size(0.0), size(0.004));
    assert!(noisy.0 > 1.05 * exact.0, "{exact:?} {noisy:?}");
    let said = noisy.1.unwrap();
    let percent: f64 = said.trim_end_matches(" %.").rsplit(' ').next().unwrap().parse().unwrap();
    assert!((80.0..90.0).contains(&percent), "{said}");
}

#[test]
fn limits_that_no_shape_keeps_or_no_law_tells_of_are_refused_in_a_sentence() {
    let (project, mut observed, mut fits) = dense(0.0);
    let none = refused(&limited(&project, "second <= 1.3"), &observed, &fits);
    assert!(none.contains("No shape within this budget keeps 'second <= 1.3' with a probability of 80 %"), "{none}");
    // Memory allows only what is too small.
    let mut small = limited(&project, "second <= 1.44");
    small.budget.as_mut().unwrap().max_params = Some(1e7);
    let none = refused(&small, &observed, &fits);
    assert!(none.contains("keeps 'second <= 1.44'"), "{none}");
    // A law that sees no size.
    observed.fitted[1].rows.iter_mut().for_each(|row| (row.params, row.active_params) = (1e7, 1e7));
    fits[1] = fit("chinchilla", &observed.fitted[1], &Options { bootstraps: 5, ..Options::default() }, None).unwrap();
    let blind = refused(&limited(&project, "second <= 1.44"), &observed, &fits);
    assert!(blind.contains("does not see N") && blind.contains("'second <= 1.44'"), "{blind}");
    let evidence = Evidence {
        project: &limited(&project, "second <= 1.44"),
        observed: &observed,
        fits: &[Some(&fits[0]), None],
        extrapolate: false,
    };
    let Some(ShapeAdvice::Abstained(why)) = shape(&evidence) else { panic!() };
    assert!(why.reasons[0].contains("No law is fitted to second"), "{why:?}");
}
