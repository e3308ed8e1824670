use super::super::region::Cuts;
use super::*;
use std::collections::BTreeMap;

fn region(names: &[&str], bounds: &[(&str, [f64; 2])], explored: Option<&[Vec<f64>]>) -> Region {
    let domains: Vec<String> = names.iter().map(|s| (*s).to_owned()).collect();
    let bounds: BTreeMap<String, [f64; 2]> = bounds.iter().map(|(d, b)| ((*d).to_owned(), *b)).collect();
    let available = BTreeMap::new();
    Region::new(&Cuts {
        domains: &domains,
        bounds: &bounds,
        groups: &BTreeMap::new(),
        available: &available,
        max_epochs: 4.0,
        tokens: 1e9,
        explored,
        near: None,
    })
    .unwrap()
}

/// Without limits.
fn free<'p>(region: &'p Region, objective: Each<'p>) -> Problem<'p> {
    let excess = &|mixtures: &[Vec<f64>]| vec![f64::NEG_INFINITY; mixtures.len()];
    Problem { region, objective, excess, rounded: None, seed: 0 }
}

#[test]
fn two_domains_find_the_planted_optimum_and_stop_at_a_limit() {
    let region = region(&["a", "b"], &[("b", [0.05, 0.95])], None);
    let objective = each(|w| (w[1] - 0.6237).powi(2));
    let free = free(&region, &objective);
    assert!((free.solve().unwrap().weights[1] - 0.624).abs() < 1e-9);
    let limited = Problem { excess: &each(|w| w[1] - 0.4004), ..free };
    let found = limited.solve().unwrap();
    assert!((found.weights[1] - 0.4).abs() < 1e-9, "the last thousandth inside, not the nearest: {found:?}");
    let impossible = Problem { excess: &each(|w| 0.1 + w[1]), ..limited };
    let found = impossible.solve().unwrap();
    assert!(found.breach > 0.1 && (found.weights[1] - 0.05).abs() < 1e-9, "the least breach: {found:?}");
}

/// A limit that cannot be met is missed by less outside the bounds: they are kept all the same.
#[test]
fn bounds_are_kept_where_limits_cannot_be() {
    let bounds = [("a", [0.0, 0.1011]), ("c", [0.2412, 0.3248])];
    let region = region(&["a", "b", "c", "d"], &bounds, None);
    let objective = each(|w| w[1]);
    for pull in [0.01, 1.0, 100.0] {
        let problem = Problem { excess: &each(|w| 0.5 + pull * (1.0 - w[0])), ..free(&region, &objective) };
        let found = problem.solve().unwrap();
        assert!(region.outside(&found.weights) <= 0.0, "{pull}: {found:?}");
        assert!(found.weights[0] > 0.1 && (0.5..1e3).contains(&found.breach), "{pull}: {found:?}");
    }
}

#[test]
fn many_domains_find_the_planted_optimum_on_the_simplex() {
    let names = ["a", "b", "c", "d", "e"];
    let region = region(&names, &[], None);
    // Sum of q_i / w_i: the optimum has w_i in proportion to sqrt(q_i).
    let q = [0.01, 0.04, 0.09, 0.16, 0.25];
    let objective = each(|w| w.iter().zip(q).map(|(w, q)| q / w.max(1e-9)).sum::<f64>());
    let problem = Problem { seed: 3, ..free(&region, &objective) };
    let found = problem.solve().unwrap();
    for (w, q) in found.weights.iter().zip(q) {
        assert!((w - q.sqrt() / 1.5).abs() < 1.2e-3, "{found:?}");
    }
    assert!((found.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(Some(found), problem.solve(), "the same seed gives the same mixture");
}

#[test]
fn bounds_that_hold_some_domains_leave_the_others_to_be_found() {
    let bounds = ["a", "b", "c", "d", "e"].map(|name| (name, [0.05, 0.6]));
    let region = region(&["a", "b", "c", "d", "e"], &bounds, None);
    // Lowest where a and b stand at their bounds, and the rest is shared out as 2 : 1 : 1.
    let flat = |w: &[f64]| (w[2] - 2.0 * w[3]).powi(2) + 0.5 * (w[3] - w[4]).powi(2);
    let objective = each(|w| 3.0 - 0.4 * w[0] + 0.2 * w[1] + 0.005 * flat(w));
    let rest = 0.35 / 4.0;
    for seed in 0..8 {
        let problem = Problem { seed, ..free(&region, &objective) };
        let found = problem.solve().unwrap().weights;
        for (weight, best) in found.iter().zip([0.6, 0.05, 2.0 * rest, rest, rest]) {
            assert!((weight - best).abs() < 1e-3, "{found:?}");
        }
    }
}

#[test]
fn rounding_does_not_cross_a_step() {
    let region = region(&["a", "b", "c"], &[], None);
    let step = |w: &[f64]| if w[0] > 0.4008 { 0.05 } else { 0.0 };
    let objective = each(|w| 1.0 - 0.1 * w[0] + step(w) + 10.0 * (w[1] - 0.2996).powi(2));
    let problem = free(&region, &objective);
    let found = problem.solve().unwrap();
    assert!(found.weights[0] < 0.4008 && found.weights[0] > 0.398, "{found:?}");
}

#[test]
fn many_domains_respect_box_limit_and_hull() {
    let explored = vec![vec![0.8, 0.1, 0.1], vec![0.1, 0.8, 0.1], vec![0.1, 0.1, 0.8]];
    let region = region(&["a", "b", "c"], &[("c", [0.0, 0.5])], Some(&explored));
    let objective = each(|w| -w[2] - 0.1 * w[1]);
    let free = Problem { seed: 3, ..free(&region, &objective) };
    let found = free.solve().unwrap();
    assert!((found.weights[2] - 0.5).abs() < 2e-3 && (found.weights[0] - 0.1).abs() < 4e-3, "{found:?}");
    let limited = Problem { excess: &each(|w| w[2] + w[1] - 0.6), ..free };
    let found = limited.solve().unwrap();
    assert_eq!(found.breach, 0.0);
    assert!((found.weights[2] - 0.5).abs() < 4e-3 && (found.weights[1] - 0.1).abs() < 4e-3, "{found:?}");
}

/// The largest of several, with its corners rounded.
fn minimax(region: &Region, parts: &(dyn Fn(&[f64]) -> Vec<f64> + Sync), seed: u64) -> BestMixture {
    let largest = |w: &[f64]| parts(w).into_iter().fold(f64::NEG_INFINITY, f64::max);
    let rounded = |w: &[f64], width: f64| {
        let most = largest(w);
        let scale = width * most.abs();
        most + scale * parts(w).iter().map(|part| ((part - most) / scale).exp()).sum::<f64>().ln()
    };
    let rounded = |all: &[Vec<f64>], width: f64| all.iter().map(|w| rounded(w, width)).collect::<Vec<f64>>();
    let excess = each(|_| f64::NEG_INFINITY);
    Problem { region, objective: &each(largest), excess: &excess, rounded: Some(&rounded), seed }.solve().unwrap()
}

#[test]
fn the_worst_of_convex_losses_is_lowest_where_they_are_equal() {
    let names = ["a", "b", "c", "d", "e"];
    let region = region(&names, &[], None);
    // The largest of q_i / w_i: at the optimum all are equal, and w_i is in proportion to q_i.
    let q = [0.05, 0.1, 0.2, 0.25, 0.4];
    for seed in 0..5 {
        let found = minimax(&region, &|w| w.iter().zip(q).map(|(w, q)| q / w.max(1e-9)).collect(), seed);
        let apart: f64 = found.weights.iter().zip(q).map(|(w, q)| (w - q).abs()).sum::<f64>() / 2.0;
        assert!(apart < 1e-3, "{found:?}");
    }
}

#[test]
fn the_worst_of_linear_losses_is_that_of_a_fine_grid() {
    // A linear programme: the optimum is at a vertex of the pieces, where slopes say nothing.
    let mut random = generator(5);
    for _ in 0..8 {
        let planes: Vec<[f64; 3]> = (0..4).map(|_| [0; 3].map(|_| 2.0 + uniform(&mut random))).collect();
        let parts =
            |w: &[f64]| -> Vec<f64> { planes.iter().map(|p| p.iter().zip(w).map(|(p, w)| p * w).sum()).collect() };
        let region = region(&["a", "b", "c"], &[("b", [0.1, 0.7])], None);
        let found = minimax(&region, &parts, 1);
        let mut least = f64::INFINITY;
        for i in 0..=500 {
            for j in 50..=350 {
                let (a, b) = (f64::from(i) / 500.0, f64::from(j) / 500.0);
                if a + b <= 1.0 + 1e-12 {
                    let value = parts(&[a, b, 1.0 - a - b]).into_iter().fold(f64::NEG_INFINITY, f64::max);
                    least = least.min(value);
                }
            }
        }
        assert!(found.objective <= least + 1e-3, "{} where a grid finds {least}: {found:?}", found.objective);
        assert_eq!(region.outside(&found.weights), 0.0);
    }
}

#[test]
fn a_loss_that_is_nowhere_finite_has_no_optimum() {
    let region = region(&["a", "b"], &[], None);
    let problem = Problem {
        region: &region,
        objective: &each(|_| f64::NAN),
        excess: &each(|_| f64::NEG_INFINITY),
        rounded: None,
        seed: 0,
    };
    assert_eq!(problem.solve(), None);
}
