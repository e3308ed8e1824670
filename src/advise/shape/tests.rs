//! Tests of recommended shapes.

mod front;
mod limits;

use super::kind::moe;
use super::*;
use crate::fit::{Fit, Options, fit};
use crate::observe::Observed;
use crate::project::{Budget, Project, Target};
use crate::vocab::Scale;
use crate::vocab::{Observation, Observations};

/// Losses in which experts are worth exactly N_act·E^0.3 dense parameters, without noise.
fn loss(row: &Observation) -> f64 {
    1.5 + 40.0 / (row.active_params * row.experts.powf(0.3)).powf(0.3) + 120.0 / row.tokens.powf(0.3)
}

fn sweep(laws: &[&str]) -> (Project, Observed, Vec<Fit>) {
    let mut rows = Vec::new();
    let mut runs = Vec::new();
    for active in [1e6, 3e6, 1e7, 3e7] {
        for experts in [1.0, 2.0, 4.0, 8.0, 16.0] {
            for tokens in [1e8, 3e8, 1e9] {
                let params = active * (1.0 + 0.5 * (experts - 1.0));
                let moe = (experts > 1.0).then(|| moe((experts, 1.0, 1.0), active));
                let mut row = Scale { params, tokens, moe }.at(vec![1.0]);
                row.loss = loss(&row);
                row.run = runs.len();
                runs.push(format!("{active} {experts} {tokens}"));
                rows.push(row);
            }
        }
    }
    let fitted = Observations {
        metric: "loss".to_owned(),
        domains: vec!["web".to_owned()],
        own: Some(0),
        runs,
        rows,
        ..Observations::default()
    };
    let project = Project {
        domains: vec!["web".to_owned()],
        metrics: vec![crate::vocab::Metric::of_domain("web", "loss")],
        target: Target { params: Some(3e7), tokens: Some(1e9), ..Target::default() },
        ..Project::default()
    };
    let options = Options { bootstraps: 20, ..Options::default() };
    let fits = laws.iter().map(|law| fit(law, &fitted, &options, None).unwrap()).collect();
    (project, Observed { fitted: vec![fitted], starts: vec![Observations::default()], ..Observed::default() }, fits)
}

fn ask(project: &Project, observed: &Observed, fits: &[Fit]) -> Option<ShapeAdvice> {
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    shape(&Evidence { project, observed, fits: &fits, extrapolate: false })
}

#[test]
fn experts_that_help_are_advised_and_the_budget_is_used_up() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    let Some(ShapeAdvice::Recommendation(advised)) = ask(&project, &observed, &fits) else { panic!() };
    assert_eq!(advised.advised.moe.unwrap().experts, 16.0, "{advised:?}");
    assert!((advised.advised.compute() / 1.8e17 - 1.0).abs() < 1e-6, "{advised:?}");
    assert!(advised.gain > 0.0 && advised.p_better > 0.9, "{advised:?}");
    project.budget = Some(Budget { max_params: Some(3e7), experts: vec![1.0, 4.0], ..Budget::default() });
    let Some(ShapeAdvice::Recommendation(small)) = ask(&project, &observed, &fits) else { panic!() };
    assert!(small.advised.params <= 3.01e7, "{small:?}");
    assert!(small.advised.moe.is_none_or(|m| m.experts == 4.0), "{small:?}");
}

#[test]
fn a_budget_beyond_the_runs_is_used_up_and_called_an_extrapolation() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    project.budget = Some(Budget { compute: Some(1e20), ..Budget::default() });
    let Some(ShapeAdvice::Recommendation(far)) = ask(&project, &observed, &fits) else { panic!() };
    assert!((far.advised.compute() / 1e20 - 1.0).abs() < 1e-6, "{far:?}");
    assert!(far.reasons.iter().any(|r| r.contains("the laws extrapolate")), "{far:?}");
}

#[test]
fn tokens_that_are_served_make_the_model_smaller() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    let active = |inference_tokens: Option<f64>, project: &mut Project| {
        project.budget = Some(Budget { compute: Some(1e17), inference_tokens, ..Budget::default() });
        let Some(ShapeAdvice::Recommendation(advised)) = ask(project, &observed, &fits) else { panic!() };
        advised.advised.active_params()
    };
    let trained = active(None, &mut project);
    let served = active(Some(3e9), &mut project);
    assert!(served < trained, "{served} {trained}");
}

#[test]
fn a_law_that_does_not_see_experts_gives_none_away() {
    let (project, observed, fits) = sweep(&["chinchilla"]);
    match ask(&project, &observed, &fits) {
        Some(ShapeAdvice::Recommendation(advised)) => {
            assert_eq!(advised.advised.moe, None);
            assert!(advised.reasons.iter().any(|r| r.contains("does not depend on experts")), "{advised:?}");
        }
        other => panic!("{other:?}"),
    }
    let (mut dense, mut observed, _) = sweep(&[]);
    observed.fitted[0].rows.retain(|r| r.experts == 1.0);
    dense.laws = vec!["chinchilla".to_owned()];
    assert_eq!(ask(&dense, &observed, &[]), None);
}

fn chinchilla_sweep(largest: f64) -> (Project, Observed, Vec<Fit>) {
    sweep_of(largest, &[5.0, 20.0, 80.0])
}

/// With so many tokens for each parameter.
fn sweep_of(largest: f64, ratios: &[f64]) -> (Project, Observed, Vec<Fit>) {
    let mut rows = Vec::new();
    for (i, params) in [1e7, 3e7, 1e8, 3e8, largest].into_iter().enumerate() {
        for (j, per) in ratios.iter().copied().enumerate() {
            let mut row = Scale::dense(params, per * params).at(vec![1.0]);
            let noise = 1.0 + 0.002 * ((i * 7 + j * 3) as f64 * 0.618_034).fract() - 0.001;
            row.loss = noise * (1.8 + 478.0 / params.powf(0.347) + 2143.0 / row.tokens.powf(0.367));
            row.run = rows.len();
            rows.push(row);
        }
    }
    let (mut project, mut observed, _) = sweep(&[]);
    observed.fitted[0].runs = (0..rows.len()).map(|i| format!("run {i}")).collect();
    observed.fitted[0].rows = rows;
    project.target = Target { params: Some(1e8), tokens: Some(2e9), ..Target::default() };
    let options = Options { bootstraps: 40, ..Options::default() };
    let fits = vec![fit("chinchilla", &observed.fitted[0], &options, None).unwrap()];
    (project, observed, fits)
}

/// The closed form of the truth of [`chinchilla_sweep`].
fn truth(compute: f64) -> f64 {
    let (a, b, alpha, beta): (f64, f64, f64, f64) = (478.0, 2143.0, 0.347, 0.367);
    (alpha * a / (beta * b)).powf(1.0 / (alpha + beta)) * (compute / 6.0).powf(beta / (alpha + beta))
}

fn advised(compute: f64, sweep: &(Project, Observed, Vec<Fit>)) -> ShapeRecommendation {
    let mut project = sweep.0.clone();
    project.budget = Some(Budget { compute: Some(compute), ..Budget::default() });
    match ask(&project, &sweep.1, &sweep.2) {
        Some(ShapeAdvice::Recommendation(advised)) => advised,
        other => panic!("{other:?}"),
    }
}

#[test]
fn runs_of_one_ratio_of_tokens_to_size_cannot_say_what_either_brings() {
    for ratios in [[20.0, 20.0], [19.5, 20.5]] {
        let (mut project, observed, fits) = sweep_of(1e9, &ratios);
        project.budget = Some(Budget { compute: Some(1e18), ..Budget::default() });
        match ask(&project, &observed, &fits) {
            Some(ShapeAdvice::Abstained(why)) => {
                assert!(why.reasons[0].contains("20.0 tokens for each parameter"), "{why:?}");
                assert!(why.would_help[0].contains("another D/N"), "{why:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_edge_is_never_called_an_optimum() {
    let sweep = chinchilla_sweep(1e9);
    // Well inside the runs: the optimum, with the truth in its interval.
    let inside = advised(1e18, &sweep);
    let optimum = inside.optimum.clone().unwrap();
    assert_eq!(inside.standing, Standing::Optimum, "{inside:?}");
    assert!(optimum.covered && optimum.params.contains(truth(1e18)), "{} {optimum:?}", truth(1e18));
    assert!(optimum.flat_params.contains(truth(1e18)) && optimum.flat_params.factor() > 1.2, "{optimum:?}");
    assert!(inside.reasons[0].starts_with("Optimum for the budget"), "{:?}", inside.reasons);
    // More than the runs reach in one direction only: the best supported shape, and the optimum beside it.
    let edge = advised(6e20, &sweep);
    let optimum = edge.optimum.clone().unwrap();
    assert_eq!(edge.standing, Standing::Supported, "{edge:?}");
    assert!(!optimum.covered && optimum.scale.params > 1.5 * edge.advised.params, "{edge:?}");
    assert!(edge.reasons[0].contains("where no run reaches"), "{:?}", edge.reasons);
    // No run comes near.
    let far = advised(1e24, &sweep);
    assert_eq!(far.standing, Standing::Extrapolated, "{far:?}");
    assert_eq!(far.advised, far.optimum.unwrap().scale);
}

#[test]
fn a_measured_run_that_the_laws_do_not_expect_wins() {
    let mut sweep = chinchilla_sweep(1e9);
    let lucky = Observation { loss: 2.0, run: 15, ..Scale::dense(2e9, 1e18 / 1.2e10).at(vec![1.0]) };
    sweep.1.fitted[0].rows.push(lucky.clone());
    sweep.1.fitted[0].runs.push("lucky".to_owned());
    let advised = advised(1e18, &sweep);
    assert_eq!((advised.standing, advised.advised), (Standing::Measured, Scale::of(&lucky)), "{advised:?}");
    assert!((advised.expected["loss"].value - 2.0).abs() < 1e-9, "{advised:?}");
    assert_eq!(advised.measured.map(|m| m.run).as_deref(), Some("lucky"));
}

#[test]
fn a_law_that_is_blind_to_tokens_trades_none() {
    let (mut project, mut observed, _) = chinchilla_sweep(1e9);
    // All runs are as long as each other: no law can see D.
    for row in &mut observed.fitted[0].rows {
        row.tokens = 1e9;
    }
    let options = Options { bootstraps: 10, ..Options::default() };
    let fits = [fit("chinchilla", &observed.fitted[0], &options, None)];
    let fits: Vec<Option<&Fit>> = fits.iter().map(|f| f.as_ref().ok()).collect();
    project.budget = Some(Budget { compute: Some(1e18), ..Budget::default() });
    let asked = shape(&Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false });
    let Some(ShapeAdvice::Abstained(why)) = asked else { panic!("{asked:?}") };
    assert!(fits[0].is_none() || why.reasons[0].contains("does not see D (tokens)"), "{why:?}");
}

/// Each condition of a question, and a run that is better than all others and breaks only that one: it is not the answer. The
/// same run is, where the condition is not asked for.
#[test]
fn a_measured_run_that_breaks_a_condition_is_no_answer() {
    let (mut project, mut observed, _) = sweep(&[]);
    let lucky = moe((16.0, 1.0, 1.0), 1e7);
    let scale = Scale { params: 8.5e7, tokens: 3e8, moe: Some(lucky) };
    let run = observed.fitted[0].runs.len();
    observed.fitted[0].rows.push(Observation { run, loss: 1.7, ..scale.at(vec![1.0]) });
    observed.fitted[0].runs.push("lucky".to_owned());
    // A second loss, to be limited, which the lucky run has as bad as it has the first one good.
    let mut second = observed.fitted[0].clone();
    second.metric = "second".to_owned();
    second.rows.iter_mut().for_each(|row| row.loss = if row.loss == 1.7 { 9.0 } else { loss(row) });
    observed.fitted.push(second);
    observed.starts.push(Observations::default());
    project.metrics.push(crate::vocab::Metric::of_domain("second", "second"));
    project.objective.minimize = [("web".to_owned(), 1.0)].into();
    let options = Options { bootstraps: 20, ..Options::default() };
    let fits: Vec<Fit> = observed.fitted.iter().map(|rows| fit("joint-moe", rows, &options, None).unwrap()).collect();
    let best = |change: &dyn Fn(&mut Project)| {
        let mut project = project.clone();
        project.budget = Some(Budget { compute: Some(1.8e17), ..Budget::default() });
        change(&mut project);
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
        match shape(&evidence) {
            Some(ShapeAdvice::Recommendation(advised)) => advised,
            other => panic!("{other:?}"),
        }
    };
    let limit = |project: &mut Project, text: &str| {
        project.objective.subject_to = vec![crate::project::constraint::parse(text).unwrap()];
    };
    let open = best(&|_| {});
    assert_eq!((open.standing, open.advised), (Standing::Measured, scale), "{open:?}");
    let budget = |project: &mut Project, of: &dyn Fn(&mut Budget)| of(project.budget.as_mut().unwrap());
    type Change<'c> = &'c dyn Fn(&mut Project);
    let broken: [(&str, Change<'_>); 7] = [
        ("experts", &|p| budget(p, &|b| b.experts = vec![1.0, 8.0])),
        ("total parameters", &|p| budget(p, &|b| b.max_params = Some(8e7))),
        ("memory for serving", &|p| budget(p, &|b| b.serve_memory = Some(1.6e8))),
        ("memory for training", &|p| budget(p, &|b| b.train_memory = Some(1.3e9))),
        ("compute", &|p| budget(p, &|b| b.compute = Some(1.7e16))),
        ("serving", &|p| budget(p, &|b| (b.compute, b.inference_tokens) = (Some(5e16), Some(2e9)))),
        ("a limit on a metric", &|p| limit(p, "second <= 8")),
    ];
    for (what, change) in broken {
        let advised = best(change);
        assert_ne!(advised.advised, scale, "{what}: {advised:?}");
        assert_ne!(advised.measured.map(|run| run.run).as_deref(), Some("lucky"), "{what}");
    }
    let kept: [(&str, Change<'_>); 6] = [
        ("experts", &|p| budget(p, &|b| b.experts = vec![1.0, 16.0])),
        ("total parameters", &|p| budget(p, &|b| b.max_params = Some(8.6e7))),
        ("memory for serving", &|p| budget(p, &|b| b.serve_memory = Some(1.75e8))),
        ("memory for training", &|p| budget(p, &|b| b.train_memory = Some(1.4e9))),
        ("serving", &|p| budget(p, &|b| (b.compute, b.inference_tokens) = (Some(6e16), Some(2e9)))),
        ("a limit on a metric", &|p| limit(p, "second <= 9.5")),
    ];
    for (what, change) in kept {
        assert_eq!(best(change).measured.map(|run| run.run).as_deref(), Some("lucky"), "{what}");
    }
}

#[test]
fn the_target_is_no_answer_to_a_question_that_excludes_it() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    project.target.experts = Some(16.0);
    project.target.active_params = Some(1e7);
    project.target.params = Some(8.5e7);
    project.budget = Some(Budget { experts: vec![1.0], ..Budget::default() });
    let Some(ShapeAdvice::Recommendation(advised)) = ask(&project, &observed, &fits) else { panic!() };
    assert!(advised.advised.moe.is_none() && advised.standing != Standing::Target, "{advised:?}");
    project.budget = Some(Budget { experts: vec![64.0], ..Budget::default() });
    let Some(ShapeAdvice::Abstained(why)) = ask(&project, &observed, &fits) else { panic!() };
    assert!(why.reasons[0].contains("No run has 64 experts; the runs have 1, 2, 4, 8, 16."), "{why:?}");
}
