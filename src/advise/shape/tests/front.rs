//! Fronts of fitted laws beside the answers to single questions, and with runs that were measured.

use super::*;
use crate::vocab::{FrontCost, FrontPoint, ShapeFront};

fn front(project: &Project, observed: &Observed, fits: &[Fit], cost: FrontCost) -> Result<ShapeFront, Abstention> {
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    shape_front(&Evidence { project, observed, fits: &fits, extrapolate: false }, cost)
}

fn goes_down(points: &[FrontPoint]) {
    for two in points.windows(2) {
        assert!(two[0].cost < two[1].cost && two[0].loss > two[1].loss, "{two:?}");
    }
}

/// The best shape with a limit of memory at a point of the front is that point, and is supported by the runs if the front says so.
#[test]
fn each_point_is_the_answer_with_its_cost_for_a_limit() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    let mut kinds = std::collections::BTreeSet::new();
    let mut supported = 0;
    for compute in [3e16, 1.8e17, 1e18] {
        project.budget = Some(Budget { compute: Some(compute), ..Budget::default() });
        let found = front(&project, &observed, &fits, FrontCost::Memory).unwrap();
        goes_down(&found.points);
        for point in found.points.iter().filter(|point| point.run.is_none()) {
            project.budget =
                Some(Budget { compute: Some(compute), serve_memory: Some(point.cost), ..Budget::default() });
            let Some(ShapeAdvice::Recommendation(single)) = ask(&project, &observed, &fits) else { panic!() };
            let optimum = single.optimum.clone().unwrap();
            let same = |scale: &Scale| (scale.params / point.scale.params - 1.0).abs() < 1e-6;
            assert!(same(&optimum.scale) && (optimum.loss / point.loss - 1.0).abs() < 1e-9, "{point:?} {optimum:?}");
            assert_eq!(optimum.covered, point.supported, "{point:?} {optimum:?}");
            if point.supported && single.measured.as_ref().is_none_or(|run| run.loss > point.loss) {
                supported += 1;
                assert!(same(&single.advised) || single.standing == Standing::Target, "{point:?} {single:?}");
            }
            let range = point.range.unwrap();
            assert!(range.low <= point.loss && point.loss <= range.high, "{point:?}");
            kinds.insert(point.scale.moe.map_or(1, |m| m.experts as u64));
        }
        // Twelve shapes of much different losses, of a law that hardly errs.
        assert!(found.points[0].p_better.is_none() && found.points[1].p_better.unwrap() > 0.9, "{found:?}");
        project.budget = None;
    }
    assert!(kinds.len() >= 2 && supported >= 3, "{kinds:?} {supported}");
}

#[test]
fn tokens_that_are_served_are_paid_for_and_counted() {
    let (mut project, observed, fits) = sweep(&["joint-moe"]);
    project.budget = Some(Budget { compute: Some(1e17), ..Budget::default() });
    let each = front(&project, &observed, &fits, FrontCost::Serving).unwrap();
    assert_eq!(each.cost_unit, "FLOPs per token");
    assert!(each.points.iter().all(|p| (p.cost / (2.0 * p.scale.active_params()) - 1.0).abs() < 1e-9), "{each:?}");
    project.budget = Some(Budget { compute: Some(1e17), inference_tokens: Some(1e9), ..Budget::default() });
    let all = front(&project, &observed, &fits, FrontCost::Serving).unwrap();
    assert_eq!(all.cost_unit, "FLOPs");
    for point in &all.points {
        assert!((point.scale.compute() + point.cost) / 1e17 - 1.0 < 1e-9, "{point:?}");
    }
    // Of a front over FLOPs for each token only the most experts are left: they cost nothing more to serve.
    assert!(each.points.iter().all(|p| p.scale.moe.is_some_and(|m| m.experts == 16.0)), "{each:?}");
    goes_down(&each.points);
    goes_down(&all.points);
}

/// A run that did better than the laws expect of its memory is on the front, and takes out what costs more and does worse.
#[test]
fn a_measured_run_takes_out_what_it_dominates() {
    let (mut project, mut observed, fits) = sweep(&["joint-moe"]);
    project.budget = Some(Budget { compute: Some(1.8e17), ..Budget::default() });
    let before = front(&project, &observed, &fits, FrontCost::Memory).unwrap();
    assert!(before.points.iter().all(|point| point.run.is_none()), "{before:?}");
    let (middle, after) = (&before.points[5], &before.points[7]);
    let scale = Scale { tokens: 1e9, ..middle.scale };
    let run = observed.fitted[0].runs.len();
    observed.fitted[0].rows.push(Observation { run, loss: after.loss - 1e-3, ..scale.at(vec![1.0]) });
    observed.fitted[0].runs.push("lucky".to_owned());
    let with = front(&project, &observed, &fits, FrontCost::Memory).unwrap();
    goes_down(&with.points);
    let lucky = with.points.iter().find(|point| point.run.as_deref() == Some("lucky")).expect("on the front");
    assert!((lucky.cost / middle.cost - 1.0).abs() < 1e-9 && lucky.supported && lucky.range.is_none(), "{lucky:?}");
    assert_eq!(with.points.len(), before.points.len() + 1 - 3, "{with:?}");
    assert!(with.points.iter().all(|p| p.cost <= lucky.cost || p.loss < lucky.loss), "{with:?}");
    // One that is excluded by the question is not.
    let others: Vec<f64> =
        [1.0, 2.0, 4.0, 8.0, 16.0].into_iter().filter(|e| *e != scale.moe.map_or(1.0, |m| m.experts)).collect();
    project.budget = Some(Budget { compute: Some(1.8e17), experts: others, ..Budget::default() });
    let without = front(&project, &observed, &fits, FrontCost::Memory).unwrap();
    assert!(without.points.iter().all(|point| point.run.is_none()), "{without:?}");
}

#[test]
fn a_question_without_an_answer_gets_one_sentence_and_what_to_type() {
    let (mut project, mut observed, fits) = sweep(&["joint-moe"]);
    let why = |project: &Project, observed: &Observed| {
        let why = front(project, observed, &fits, FrontCost::Memory).unwrap_err();
        assert!(why.reasons.len() == 1 && why.would_help.len() == 1, "{why:?}");
        (why.reasons[0].clone(), why.would_help[0].clone())
    };
    project.target = Target::default();
    let (reason, help) = why(&project, &observed);
    assert!(reason.starts_with("No budget is stated") && help.contains("--flops 1e21"), "{reason} {help}");
    project.budget = Some(Budget { compute: Some(1e17), ..Budget::default() });
    assert!(front(&project, &observed, &fits, FrontCost::Memory).is_ok(), "a budget is enough");
    for row in &mut observed.fitted[0].rows {
        row.params = row.active_params;
    }
    let (reason, help) = why(&project, &observed);
    assert!(reason.contains("how many parameters it has in all") && help.contains("active_params"), "{reason} {help}");
    assert!(front(&project, &observed, &fits, FrontCost::Serving).is_ok(), "which serving does not ask for");
}
