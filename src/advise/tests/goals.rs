//! The worst of several losses, and losses one after the other, on planted laws.

use super::*;
use crate::project::{Stage, Wanted};

fn both() -> BTreeMap<String, f64> {
    BTreeMap::from([("rust".to_owned(), 0.5), ("prose".to_owned(), 0.5)])
}

#[test]
fn the_worst_loss_is_lowest_where_both_are_equal() {
    let mut project = project();
    project.current = Some(mixture(0.5));
    project.objective = Objective { minimize: both(), goal: Wanted::Worst(None), ..Objective::default() };
    let advice = Planted::default().advise(&project).unwrap();
    // 1.6 + .25 w² = 1.4 + .3 (1 − w)²
    let equal = (0.6 - 0.34_f64.sqrt()) / 0.1;
    assert!((advice.mixture.weight("rust") - equal).abs() < 1e-3, "{advice:#?}");
    let worst = |w: f64| (1.6 + 0.25 * w * w).max(1.4 + 0.3 * (1.0 - w).powi(2));
    assert!((advice.gain - (worst(0.5) - worst(0.169))).abs() < 1e-4, "{advice:#?}");
}

#[test]
fn beside_the_current_mixture_nothing_is_better_for_both() {
    let mut project = project();
    project.objective =
        Objective { minimize: both(), goal: Wanted::Worst(Some(Base::Current)), ..Objective::default() };
    let advice = Planted::default().advise(&project).unwrap();
    assert_eq!(advice.mixture, advice.current, "what helps one loss harms the other: {advice:#?}");
}

#[test]
fn beside_a_start_that_nobody_logged_all_such_losses_are_named_with_what_to_do() {
    let mut project = project();
    project.objective = Objective { minimize: both(), goal: Wanted::Worst(Some(Base::Start)), ..Objective::default() };
    let planted = Planted::default();
    let mut observed = planted.observed();
    observed.starts.clear();
    let why = planted.advise_with(&project, &observed, false).unwrap_err();
    assert!(why.reasons[0].contains("no run logs prose and rust at step 0"), "{why:#?}");
    assert!(why.would_help.iter().any(|help| help.contains("relative_to: current")), "{why:#?}");
}

#[test]
fn the_second_loss_is_lowered_within_the_tolerance_of_the_first() {
    let mut project = project();
    let stage = |metric: &str, slack, text: &str| Stage { metric: metric.to_owned(), slack, text: text.to_owned() };
    let stages = vec![stage("rust", Slack::Relative(0.01), "1%"), stage("prose", Slack::Nats(0.0), "")];
    project.objective = Objective { minimize: both(), goal: Wanted::InOrder(stages), ..Objective::default() };
    assert!(project.objective_text().contains("rust (within 1%), then prose"), "{}", project.objective_text());
    let advice = Planted::default().advise(&project).unwrap();
    let rust = |w: f64| 1.4 + 0.3 * (1.0 - w).powi(2);
    let most = Planted::default().ratios.iter().copied().fold(0.0, f64::max);
    let ends = 1.0 - ((1.01 * rust(most) - 1.4) / 0.3).sqrt();
    let advised = advice.mixture.weight("rust");
    assert!(advised >= ends - 1e-9 && advised < ends + 0.05, "{advised}, and {ends} at least: {advice:#?}");
    assert!(
        said(&advice, "rust within 1% of its best") && said(&advice, "The best rust by the laws is"),
        "{advice:#?}"
    );
    assert!(advice.p_within_limits >= SURE);
}
