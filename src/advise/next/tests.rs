//! Plans for the recorded example, and for a ladder of sizes with one mixture.

use super::super::tests::{project, recorded};
use super::*;
use crate::fit::{Fit, Options};
use crate::observe::Observed;
use crate::project::{Base, Budget, Objective, Slack, Stage, Target, Wanted};
use crate::vocab::{CostUnit, Observation, Observations, Plan};

fn planned(query: &NextQuery) -> Plan {
    planned_with(&Budget::default(), query)
}

fn planned_with(budget: &Budget, query: &NextQuery) -> Plan {
    let (project, observed, fits) = recorded();
    let project = &crate::project::Project { budget: Some(budget.clone()), ..project.clone() };
    let candidates: Vec<Candidates> =
        fits.iter().map(|fit| Candidates { fits: vec![fit.clone()], ..Candidates::default() }).collect();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    match next(&evidence, &candidates, query) {
        NextAnswer::Plan(plan) => plan,
        NextAnswer::Abstained(why) => panic!("{why:#?}"),
    }
}

fn query() -> NextQuery {
    NextQuery { tolerance: 0.002, ..NextQuery::default() }
}

fn run(name: &str, rust: f64, params: f64, cost: Option<f64>) -> CandidateRun {
    let mixture = Some(Mixture::from_weights(&["prose".to_owned(), "rust".to_owned()], &[1.0 - rust, rust]));
    CandidateRun { name: name.to_owned(), mixture, params: Some(params), tokens: Some(1.64e6), cost }
}

#[test]
fn each_run_of_a_plan_leaves_less_open_than_the_one_before() {
    let plan = planned(&NextQuery { runs: Some(2), ..query() });
    assert_eq!((plan.purpose, plan.runs.len()), (Purpose::Mixture, 2), "{plan:#?}");
    let mut before = plan.now.uncertainty;
    assert!(before > 0.0 && before < 0.05, "{plan:#?}");
    for run in &plan.runs {
        assert!(run.after.uncertainty <= before, "{plan:#?}");
        before = run.after.uncertainty;
        assert!((run.mixture.0.values().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0.05 - 1e-9..=0.95 + 1e-9).contains(&run.mixture.weight("rust")), "outside the project's bounds");
        assert!((run.cost - run.scale.compute()).abs() <= 1e-6 * run.cost);
    }
    assert_eq!(plan, planned(&NextQuery { runs: Some(2), ..query() }), "the same evidence gives the same plan");
    let candidates = [0.5, 0.7, 0.85].map(|rust| run("at the target", rust, 2e6, Some(1.0))).to_vec();
    let plan = planned(&NextQuery { runs: Some(4), candidates, ..query() });
    assert_eq!(plan.runs.len(), 3, "a candidate is one run: {plan:#?}");
    assert!(plan.runs[2].after.uncertainty < 0.95 * plan.now.uncertainty, "runs of the target tell most: {plan:#?}");
}

#[test]
fn costs_are_gpu_hours_or_money_by_the_projects_budget() {
    let budget = Budget { peak_flops: Some(1e12), mfu: Some(0.5), price: Some(3.0), ..Budget::default() };
    let of =
        |unit, budget: &Budget| super::cost::of_a_flop(unit, Some(budget), &crate::vocab::Speeds::default(), false);
    assert_eq!(of(CostUnit::Flops, &Budget::default()), Ok((1.0, Vec::new())));
    assert!((of(CostUnit::GpuHours, &budget).unwrap().0 * 1.8e15 - 1.0).abs() < 1e-12);
    let (money, said) = of(CostUnit::Money, &budget).unwrap();
    assert!((money * 1.8e15 - 3.0).abs() < 1e-12);
    assert_eq!(said, ["A GPU-hour is taken as 3600 s × 1T FLOP/s × MFU 0.5 = 1.80e15 FLOPs, and costs 3."]);
    let poor = of(CostUnit::Money, &Budget { price: None, ..budget.clone() }).unwrap_err();
    let bare = of(CostUnit::Money, &Budget::default()).unwrap_err();
    assert!(bare.would_help[0].ends_with("peak_flops: 989T, price: 2.5 }"), "all that is missing: {bare:?}");
    assert!(poor.reasons[0].contains("budget.price") && poor.would_help[0].contains("price: 2.5"), "{poor:?}");
    // The same plan in another unit: the budget ends it at the same run; costs that candidates state are theirs.
    let plan = planned_with(&budget, &NextQuery { budget: Some(6e11), ..query() });
    let hours = NextQuery { budget: Some(6e11 / 1.8e15), unit: CostUnit::GpuHours, ..query() };
    let in_hours = planned_with(&budget, &hours);
    assert!(!plan.runs.is_empty() && plan.runs.len() == in_hours.runs.len(), "{in_hours:#?}");
    for (flops, hours) in plan.runs.iter().zip(&in_hours.runs) {
        assert!((flops.cost / 1.8e15 / hours.cost - 1.0).abs() < 1e-9 && flops.mixture == hours.mixture);
    }
    let candidates = vec![run("own", 0.5, 2e6, Some(7.0)), run("by its FLOPs", 0.7, 2e6, None)];
    let plan = planned_with(&budget, &NextQuery { runs: Some(2), candidates, unit: CostUnit::Money, ..query() });
    let cost = |name: &str| plan.runs.iter().find(|run| run.name.as_deref() == Some(name)).map(|run| run.cost);
    assert!(cost("own").is_none_or(|cost| cost == 7.0), "{plan:#?}");
    let by_flops = 6.0 * 2e6 * 1.64e6 / 1.8e15 * 3.0;
    assert!((cost("by its FLOPs").unwrap() / by_flops - 1.0).abs() < 1e-9, "{plan:#?}");
}

#[test]
fn a_plan_keeps_its_budget_and_ends_where_it_is_sure_enough() {
    let budget = 6e11;
    let plan = planned(&NextQuery { budget: Some(budget), ..query() });
    assert!(!plan.runs.is_empty() && plan.runs.iter().map(|run| run.cost).sum::<f64>() <= budget, "{plan:#?}");
    let nothing = planned(&NextQuery { budget: Some(1.0), ..query() });
    assert!(nothing.runs.is_empty() && nothing.reasons[0].contains("costs at most 1"), "{nothing:#?}");
    let sure = planned(&NextQuery { until: Some(plan.now.probability - 0.01), ..query() });
    assert!(sure.runs.is_empty(), "{sure:#?}");
}

/// What `recommend` keeps, `next` decides within: a limit that binds, with an objective that falls far beyond it; and the worst loss
/// beside that of the current mixture, which no other can better in both.
#[test]
fn what_is_decided_for_keeps_limits_and_is_measured_beside_the_current_mixture() {
    let (project, observed, fits) = recorded();
    let both = BTreeMap::from([("rust".to_owned(), 0.5), ("prose".to_owned(), 0.5)]);
    let of = |objective: Objective| {
        let project = crate::project::Project { objective, ..project.clone() };
        let candidates: Vec<Candidates> =
            fits.iter().map(|fit| Candidates { fits: vec![fit.clone()], ..Candidates::default() }).collect();
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let evidence = Evidence { project: &project, observed, fits: &fits, extrapolate: false };
        match next(&evidence, &candidates, &NextQuery { runs: Some(1), ..query() }) {
            NextAnswer::Plan(plan) => plan.now.mixture.unwrap().weight("rust"),
            NextAnswer::Abstained(why) => panic!("{why:#?}"),
        }
    };
    let stage = |metric: &str, slack, text: &str| Stage { metric: metric.to_owned(), slack, text: text.to_owned() };
    let stages = vec![stage("prose", Slack::Relative(0.01), "1%"), stage("rust", Slack::Nats(0.0), "")];
    let in_order = of(Objective { minimize: both.clone(), goal: Wanted::InOrder(stages), ..Objective::default() });
    // Prose within a percent of its best: at .2 of rust it is 3 % above.
    assert!(in_order < 0.2, "{in_order}");
    let worst = of(Objective { minimize: both, goal: Wanted::Worst(Some(Base::Current)), ..Objective::default() });
    let current = project.current.as_ref().unwrap().weight("rust");
    assert!((worst - current).abs() < 0.05, "{worst} {current}");
}

#[test]
fn runs_that_a_corpus_is_too_small_for_are_not_proposed() {
    let mut project = project();
    project.available_tokens.insert("rust".to_owned(), 1e6);
    let at = |rust: f64, tokens: f64| pool::is_supplied(&project, &[1.0 - rust, rust], &Scale::dense(1e6, tokens));
    assert!(at(0.4, 1e7) && !at(0.41, 1e7) && at(1.0, 4e6));
}

#[test]
fn one_run_of_several_corpora_says_nothing_of_other_mixtures() {
    let row = Observation { loss: 2.0, ..Scale::dense(1e7, 1e9).at(vec![0.5, 0.5]) };
    let names = ["prose".to_owned(), "rust".to_owned()].to_vec();
    let rows = Observations { domains: names, rows: vec![row], ..Observations::default() };
    let observed = Observed { fitted: vec![rows.clone(), rows], ..Observed::default() };
    let evidence = Evidence { project: &project(), observed: &observed, fits: &[None, None], extrapolate: false };
    match next(&evidence, &[], &query()) {
        NextAnswer::Abstained(why) => {
            assert!(why.reasons[0].contains("one mixture") && why.would_help[0].contains("mixlaw design"), "{why:?}");
        }
        NextAnswer::Plan(plan) => panic!("{plan:#?}"),
    }
}

#[test]
fn of_candidates_the_cheap_one_that_tells_as_much_is_chosen() {
    let candidates = vec![run("dear", 0.9, 1e5, Some(10.0)), run("cheap", 0.9, 1e5, Some(1.0))];
    let plan = planned(&NextQuery { runs: Some(1), candidates, ..query() });
    assert_eq!(plan.runs[0].name.as_deref(), Some("cheap"), "{plan:#?}");
}

#[test]
fn with_one_mixture_runs_are_for_the_forecast() {
    let truth = |n: f64, d: f64| 1.7 + 400.0 / n.powf(0.34) + 410.0 / d.powf(0.28);
    let mut rows =
        Observations { metric: "loss".to_owned(), domains: vec!["web".to_owned()], ..Observations::default() };
    for (run, params) in [1e6, 2e6, 4e6, 8e6, 16e6, 32e6].into_iter().enumerate() {
        for ratio in [10.0, 20.0, 40.0] {
            let tokens = ratio * params;
            let noise = 1.0 + 2e-3 * (f64::from(run as u32) * 2.4 + ratio).sin();
            let loss = truth(params, tokens) * noise;
            let scale = Scale::dense(params, tokens);
            rows.rows.push(Observation { loss, run: rows.runs.len(), ..scale.at(vec![1.0]) });
            rows.runs.push(format!("run{}", rows.runs.len()));
        }
    }
    let options = Options { starts: Some(4), bootstraps: 60, ..Options::default() };
    let fit = crate::fit::fit("chinchilla", &rows, &options, None).unwrap();
    let mut project = project();
    project.domains = vec!["web".to_owned()];
    project.metrics = vec![Metric::of_domain("web", "loss")];
    project.current = None;
    project.objective = crate::project::Objective::default();
    project.target = Target { params: Some(5e8), tokens: Some(1e10), ..Target::default() };
    let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
    let candidates = vec![Candidates { fits: vec![fit.clone()], ..Candidates::default() }];
    let evidence = Evidence { project: &project, observed: &observed, fits: &[Some(&fit)], extrapolate: false };
    let NextAnswer::Plan(plan) =
        next(&evidence, &candidates, &NextQuery { runs: Some(3), tolerance: 0.01, ..NextQuery::default() })
    else {
        panic!("abstained");
    };
    assert_eq!((plan.purpose, plan.runs.len(), &plan.now.mixture), (Purpose::Forecast, 3, &None));
    assert!(plan.runs[2].after.uncertainty < plan.now.uncertainty, "{plan:#?}");
    assert!(plan.runs.iter().all(|run| run.scale.params < 5e8), "cheaper than the target itself: {plan:#?}");
    assert!(plan.runs[2].after.probability >= plan.now.probability, "{plan:#?}");
}

#[test]
fn without_fits_or_a_target_the_answer_says_what_is_missing() {
    let (project, observed, _) = recorded();
    let evidence = Evidence { project, observed, fits: &[None, None], extrapolate: false };
    let NextAnswer::Abstained(why) = next(&evidence, &[], &query()) else { panic!("a plan without fits") };
    assert!(why.reasons[0].contains("No law could be fitted to") && !why.would_help.is_empty(), "{why:#?}");
    let mut project = project.clone();
    project.target = Target::default();
    let evidence = Evidence { project: &project, ..evidence };
    let NextAnswer::Abstained(why) = next(&evidence, &[], &query()) else { panic!("a plan without a target") };
    assert!(why.reasons[0].contains("target"), "{why:#?}");
}

/// The recorded evidence with its fits changed.
fn changed(change: impl Fn(&mut Fit), query: &NextQuery) -> NextAnswer {
    let (project, observed, fits) = recorded();
    let fits: Vec<Fit> = fits
        .iter()
        .cloned()
        .map(|mut fit| {
            change(&mut fit);
            fit
        })
        .collect();
    let candidates: Vec<Candidates> =
        fits.iter().map(|fit| Candidates { fits: vec![fit.clone()], ..Candidates::default() }).collect();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    next(&evidence, &candidates, query)
}

/// Some resamples with losses of thousands, evenly among all.
fn fail(fit: &mut Fit, part: f64) {
    let failing = |i: usize| ((i + 1) as f64 * part).floor() > (i as f64 * part).floor();
    for (_, draw) in fit.draws.iter_mut().enumerate().filter(|(i, _)| failing(*i)) {
        draw[0] = 10.0;
    }
}

#[test]
fn what_is_decided_rests_on_no_place_where_more_than_a_fifth_of_the_draws_fail() {
    let query = NextQuery { runs: Some(1), ..query() };
    let NextAnswer::Plan(plan) = changed(|fit| fail(fit, 0.1), &query) else { panic!("a tenth is left out") };
    assert!(plan.now.uncertainty > 0.0, "{plan:#?}");
    for part in [0.3, 0.9, 1.0] {
        let NextAnswer::Abstained(why) = changed(|fit| fail(fit, part), &query) else {
            panic!("{part} of the draws are no loss, and what is left was called decided")
        };
        let said = &why.reasons[0];
        assert!(
            said.contains("more than a fifth of the resamples") && said.contains("whatever the mixture"),
            "{why:#?}"
        );
        assert!(said.contains("that of prose by the dcpt law") && !why.would_help.is_empty(), "{why:#?}");
    }
}

#[test]
fn what_is_decided_rests_on_no_place_where_the_chosen_law_cannot_be() {
    // Beyond the losses of guessing, by the law itself; its resamples agree with it, so that none of them fails.
    let raise = |fit: &mut Fit| {
        fit.theta[0] = 10.0;
        fit.draws.iter_mut().for_each(|draw| draw[0] = 10.0);
    };
    let NextAnswer::Abstained(why) = changed(raise, &query()) else { panic!("a plan of losses that cannot be") };
    assert!(why.reasons[0].contains("a loss that cannot be for the target"), "{why:#?}");
}

#[test]
fn places_that_fail_are_neither_decided_for_nor_launched_and_the_others_are() {
    // A third of the resamples of one loss is steep in its own weight: nearly as it was at 1, and a multiple of all losses near 0.
    let steep = |fit: &mut Fit| {
        let (last, fall) = (3, 7);
        for draw in fit.draws.iter_mut().step_by(3) {
            (draw[last], draw[fall]) = (-6.0, 40.0);
        }
    };
    let (project, observed, fits) = recorded();
    let mut fit = fits[1].clone();
    steep(&mut fit);
    let candidates = Candidates { fits: vec![fit.clone()], ..Candidates::default() };
    let explored: Vec<Vec<f64>> = [0.1, 0.5, 0.9].map(|rust| vec![1.0 - rust, rust]).to_vec();
    let drift = Drift::of(&[&fit], 0);
    let (rows, mixes) = (&observed.fitted[1], true);
    let about = About {
        name: "rust",
        domains: &project.domains,
        explored: &explored,
        drift: &drift,
        change: None,
        rows,
        mixes,
    };
    let target = project.target.scale().unwrap();
    let belief = Belief::of(&candidates, &fit, &about, &target, 0);
    let at = |rust: f64| belief.losses(&[(target, vec![1.0 - rust, rust])]).remove(0);
    assert!(at(0.05).is_none(), "{:?}", at(0.05));
    let there = at(0.9).expect("the draws agree there");
    assert!(there.iter().all(|loss| loss.is_finite() && *loss > 0.0));
    let planned_by = |own: &Fit, fits: &[Fit]| {
        let fits = [fits[0].clone(), own.clone()];
        let candidates: Vec<Candidates> =
            fits.iter().map(|fit| Candidates { fits: vec![fit.clone()], ..Candidates::default() }).collect();
        let (project, observed, _) = recorded();
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
        let candidates_of = vec![run("little", 0.06, 2e6, Some(1.0)), run("much", 0.85, 2e6, Some(1.0))];
        next(&evidence, &candidates, &NextQuery { runs: Some(2), candidates: candidates_of, ..query() })
    };
    let NextAnswer::Plan(plan) = planned_by(&fit, fits) else { panic!("some mixtures have possible losses") };
    assert!(plan.runs.iter().all(|run| run.name.as_deref() == Some("much")), "{plan:#?}");
    assert!(plan.now.mixture.as_ref().is_some_and(|mixture| mixture.weight("rust") > 0.2), "{plan:#?}");
    let said = plan.reasons.iter().any(|reason| reason.starts_with("Of 2 candidates 1 is left out"));
    assert!(said, "{:?}", plan.reasons);
}

#[test]
fn what_is_decided_for_is_what_is_recommended_between_the_runs_and_beyond_them() {
    use super::super::tested::tests::{advise, swarm};
    let made = swarm(50, "mixing", 5);
    let (project, observed, fit) = &made;
    let candidates = [Candidates { metric: "y".to_owned(), fits: vec![fit.clone()], ..Candidates::default() }];
    let plan = |beyond_runs| {
        let project = crate::project::Project { beyond_runs, ..project.clone() };
        let evidence = Evidence { project: &project, observed, fits: &[Some(fit)], extrapolate: false };
        match next(&evidence, &candidates, &NextQuery { runs: Some(1), ..query() }) {
            NextAnswer::Plan(plan) => plan,
            NextAnswer::Abstained(why) => panic!("{why:#?}"),
        }
    };
    let predicted = |mixture: &Mixture| fit.predict(&Scale::dense(1e8, 1e9).at(mixture.weights(&project.domains)));
    let runs = super::super::swarm::Swarm::of(
        &observed.fitted[0].rows.iter().map(|row| row.mixture.clone()).collect::<Vec<_>>(),
    );
    let is_beyond = |mixture: &Mixture| runs.as_ref().unwrap().beyond(&mixture.weights(&project.domains)).is_some();
    for (asked, beyond) in [(Some(false), false), (None, true)] {
        let (plan, advice) = (plan(asked), advise(&made, asked));
        let decided = plan.now.mixture.clone().unwrap();
        assert_eq!(
            (is_beyond(&decided), is_beyond(&advice.mixture)),
            (beyond, beyond),
            "{asked:?}: {decided:?} {advice:#?}"
        );
        let apart = predicted(&decided) / predicted(&advice.mixture) - 1.0;
        // Advice takes a run that was measured for what it measured.
        let least = if advice.is_measured { -0.02 } else { -3e-3 };
        assert!(apart > least && apart < 3e-3, "{asked:?}: {apart} {decided:?} {:?}", advice.mixture);
        let said = plan.reasons.iter().any(|reason| reason.contains("also against mixtures beyond the runs"));
        assert_eq!(said, beyond, "{plan:#?}");
    }
}

/// Sixteen runs of one size about a mixture that is not the best, and a target ten times as large.
#[test]
fn a_run_beyond_the_others_and_a_larger_one_are_offered_where_they_tell_something() {
    let domains = ["a", "b", "c"].map(str::to_owned).to_vec();
    let loss = |w: &[f64]| 1.5 + (-1.2 * w[0]).exp() + 0.2 * (-0.5 * w[1]).exp();
    let mut rows = Observations { metric: "y".to_owned(), domains: domains.clone(), ..Observations::default() };
    for run in 0..16_u32 {
        let at = |k: u32| 0.2 + 0.15 * (f64::from(run) * 1.7 + f64::from(k) * 2.1).sin();
        let mixture = vec![at(0), at(1), 1.0 - at(0) - at(1)];
        let noise = 1.0 + 1e-3 * (f64::from(run) * 5.3).sin();
        let scale = Scale::dense(2e7, 4e8);
        rows.rows.push(Observation { loss: loss(&mixture) * noise, run: run as usize, ..scale.at(mixture) });
        rows.runs.push(format!("run{run}"));
    }
    let options = Options { bootstraps: 60, ..Options::default() };
    let fit = crate::fit::fit("log-linear", &rows, &options, None).unwrap();
    let project = crate::project::Project {
        domains,
        metrics: vec![Metric::new("y", "y", None)],
        objective: crate::project::Objective {
            minimize: [("y".to_owned(), 1.0)].into_iter().collect(),
            ..crate::project::Objective::default()
        },
        target: Target { params: Some(2e8), tokens: Some(4e9), ..Target::default() },
        ..crate::project::Project::default()
    };
    let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
    let candidates = [Candidates { fits: vec![fit.clone()], ..Candidates::default() }];
    let evidence = Evidence { project: &project, observed: &observed, fits: &[Some(&fit)], extrapolate: false };
    let NextAnswer::Plan(plan) = next(&evidence, &candidates, &NextQuery { runs: Some(24), ..query() }) else {
        panic!("abstained");
    };
    let decided = plan.now.mixture.as_ref().unwrap().weight("a");
    let lead = plan.runs.iter().find(|run| run.decides.contains("beyond the runs")).expect("more of a");
    assert!(lead.mixture.weight("a") > decided + 0.1, "{decided} {lead:#?}");
    assert_eq!((lead.scale.params, plan.runs[0].scale.params), (2e7, 2e7), "the cheapest first: {plan:#?}");
    assert!(plan.runs.iter().any(|run| run.scale.params > 2e7), "{plan:#?}");
    assert!(plan.reasons.iter().any(|reason| reason.contains("larger runs say how far")), "{:?}", plan.reasons);
}
