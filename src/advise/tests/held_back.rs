//! Groups, distances from the current mixture, and how flat an optimum is.

use super::super::probability::distance;
use super::super::reach::Reach;
use super::super::region::Region;
use super::super::search::{Problem, each};
use super::*;
use crate::forecast::spread::{generator, uniform};
use crate::project::Group;

fn cuts<'a>(domains: &'a [String], groups: &'a BTreeMap<String, Group>, none: &'a Nothing) -> Cuts<'a> {
    Cuts {
        domains,
        bounds: &none.0,
        groups,
        available: &none.1,
        max_epochs: 4.0,
        tokens: 1e9,
        explored: None,
        near: None,
    }
}

/// No bounds and no supply.
type Nothing = (BTreeMap<String, [f64; 2]>, BTreeMap<String, f64>);

fn group(domains: &[&str], share: [f64; 2]) -> Group {
    Group { domains: domains.iter().map(|d| (*d).to_owned()).collect(), share, held: None }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("d{i}")).collect()
}

/// Least Σ q/w under Σ w = 1 has w ∝ √q; with the sum of a part fixed, the same in each part.
fn by_parts(q: &[f64], members: &[usize], share: f64) -> Vec<f64> {
    let inside = |i: usize| members.contains(&i);
    let root =
        |inside_or_not: bool| (0..q.len()).filter(|i| inside(*i) == inside_or_not).map(|i| q[i].sqrt()).sum::<f64>();
    (0..q.len())
        .map(|i| if inside(i) { share * q[i].sqrt() / root(true) } else { (1.0 - share) * q[i].sqrt() / root(false) })
        .collect()
}

#[test]
fn shares_of_groups_are_kept_and_the_rest_is_the_best_there_is() {
    let none = Nothing::default();
    let q = [0.01, 0.04, 0.09, 0.16, 0.25];
    let objective = |w: &[f64]| w.iter().zip(q).map(|(w, q)| q / w.max(1e-9)).sum::<f64>();
    let domains = names(5);
    // Without a limit d3 and d4 have 0.6.
    for (share, binds_at) in [([0.25, 0.25], 0.25), ([0.1, 0.4], 0.4), ([0.7, 0.9], 0.7), ([0.5, 0.7], 0.6)] {
        let groups = BTreeMap::from([("code".to_owned(), group(&["d3", "d4"], share))]);
        let region = Region::new(&cuts(&domains, &groups, &none)).unwrap();
        let problem = Problem {
            region: &region,
            objective: &each(objective),
            excess: &each(|_| f64::NEG_INFINITY),
            rounded: None,
            seed: 3,
        };
        let found = problem.solve().unwrap();
        let sum = found.weights[3] + found.weights[4];
        assert!(sum >= share[0] - 1e-9 && sum <= share[1] + 1e-9, "{share:?} {found:?}");
        assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let best = by_parts(&q, &[3, 4], binds_at);
        let loss = objective(&best);
        assert!(found.objective < loss * (1.0 + 1e-5), "{share:?} {found:?} {best:?}");
        assert!(distance(&found.weights, &best) < 1.5e-3, "{share:?} {found:?} {best:?}");
    }
}

#[test]
fn two_groups_hold_at_once_and_impossible_ones_are_said_so() {
    let none = Nothing::default();
    let domains = names(4);
    let groups = BTreeMap::from([
        ("code".to_owned(), group(&["d0", "d1"], [0.3, 0.3])),
        ("web".to_owned(), group(&["d2", "d1"], [0.5, 0.6])),
        ("alone".to_owned(), group(&["d3"], [0.2, 1.0])),
    ]);
    let region = Region::new(&cuts(&domains, &groups, &none)).unwrap();
    let objective = |w: &[f64]| w[3] - w[0];
    let problem = Problem {
        region: &region,
        objective: &each(objective),
        excess: &each(|_| f64::NEG_INFINITY),
        rounded: None,
        seed: 3,
    };
    let w = problem.solve().unwrap().weights;
    assert!((w[0] + w[1] - 0.3).abs() < 1e-9 && w[1] + w[2] > 0.5 - 1e-9 && w[1] + w[2] < 0.6 + 1e-9, "{w:?}");
    assert!((w[3] - 0.2).abs() < 2e-3 && (w[0] - 0.3).abs() < 1e-2, "{w:?}");
    let runs = [vec![0.1, 0.0, 0.9, 0.0], vec![0.0, 0.1, 0.8, 0.1]];
    let explored = Cuts { explored: Some(&runs), ..cuts(&domains, &groups, &none) };
    let said = Region::new(&explored).unwrap_err();
    assert!(said[0].contains("The group code may have 30 %") && said[0].contains("10 %"), "{said:?}");
}

#[test]
fn the_best_within_reach_is_found_for_random_truths() {
    let none = Nothing::default();
    let groups = BTreeMap::new();
    let mut random = generator(5);
    for count in [3, 5, 7] {
        let domains = names(count);
        for (change, divergence) in [(Some(0.1), None), (None, Some(0.02)), (Some(0.15), Some(0.05))] {
            let mut draw = || {
                let raw: Vec<f64> = (0..count).map(|_| 0.1 + uniform(&mut random)).collect();
                let sum: f64 = raw.iter().sum();
                raw.into_iter().map(|w| w / sum).collect::<Vec<f64>>()
            };
            let (now, best) = (draw(), draw());
            let region =
                Region::new(&Cuts { near: Some((now.clone(), change, divergence)), ..cuts(&domains, &groups, &none) })
                    .unwrap();
            let objective = |w: &[f64]| 2.0 + w.iter().zip(&best).map(|(w, b)| (w - b).powi(2)).sum::<f64>();
            let problem = Problem {
                region: &region,
                objective: &each(&objective),
                excess: &each(|_| f64::NEG_INFINITY),
                rounded: None,
                seed: 3,
            };
            let found = problem.solve().unwrap();
            assert!(found.breach <= 0.0 && region.outside(&found.weights) <= 0.0, "{found:?}");
            // No mixture within reach that is drawn at random, or on the way to the best, is better by more than rounding to thousandths.
            let reach = Reach::new(&now, change, divergence, &region.corners).unwrap();
            let on_the_way = objective(&reach.pulled(&best));
            assert!(found.objective <= on_the_way + 1e-3, "{count} {change:?} {divergence:?}: {found:?} {on_the_way}");
            for _ in 0..2000 {
                let other = reach.pulled(&draw());
                assert!(found.objective <= objective(&other) + 1e-3, "{count}: {found:?} {other:?}");
            }
        }
    }
}

#[test]
fn advice_moves_no_more_than_it_may_and_says_that() {
    let mut project = project();
    project.max_change = Some(0.1);
    let advice = Planted::default().advise(&project).unwrap();
    assert!((advice.mixture.weight("rust") - 0.3).abs() < 1e-9, "{advice:#?}");
    assert!(said(&advice, "max_change stops us: 10.0 % of the weight moves"), "{advice:#?}");
    project.max_change = None;
    project.max_divergence = Some(0.02);
    let advice = Planted::default().advise(&project).unwrap();
    let w = advice.mixture.weight("rust");
    let divergence = w * (w / 0.2).ln() + (1.0 - w) * ((1.0 - w) / 0.8).ln();
    assert!(divergence <= 0.02 && divergence > 0.019, "{w}: {divergence}");
    assert!(said(&advice, "max_divergence stops us"), "{advice:#?}");
    // Every explored mixture is too far away.
    project.current = Some(mixture(0.5));
    project.max_divergence = Some(1e-3);
    let planted = Planted { ratios: vec![0.0, 0.1, 0.2, 0.3], ..Planted::default() };
    let why = planted.advise(&project).unwrap_err();
    assert!(why.reasons[0].contains("the nearest diverges by 0.0823 nats"), "{why:#?}");
}

#[test]
fn how_flat_the_optimum_is_agrees_with_the_truth() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("rust".to_owned(), 2.0), ("prose".to_owned(), 2.0)]);
    let planted = Planted::default();
    let advice = planted.advise(&project).unwrap();
    let [low, high] = advice.flat["rust"];
    let loss = |w: f64| ((planted.prose)(w) + (planted.rust)(w)) / 2.0;
    let most = loss(advice.mixture.weight("rust")) * 1.001;
    for (end, outward) in [(low, -2e-3), (high, 2e-3)] {
        assert!(loss(end) <= most && loss(end + outward) > most, "{end} {} {most}", loss(end));
    }
    let [low, high] = advice.flat["prose"];
    assert!((1.0 - high - advice.flat["rust"][0]).abs() < 2e-3 && (1.0 - low - advice.flat["rust"][1]).abs() < 2e-3);
    // A bound ends what may be flat.
    project.bounds = BTreeMap::from([("rust".to_owned(), [0.5, 0.6])]);
    assert_eq!(planted.advise(&project).unwrap().flat["rust"], [0.5, 0.6]);
}
