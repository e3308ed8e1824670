//! Pareto fronts of shapes by the published Joint MoE coefficients, beside a grid that knows nothing of how they are found.

use crate::shapes::{BUDGETS, EXPERTS, Truth};
use mixlaw::advise::{published_front, published_optima};
use mixlaw::project::Budget;
use mixlaw::vocab::{FrontCost, Scale, ShapeFront};

/// Bytes or FLOPs of a shape, written down again.
fn cost(of: FrontCost, budget: &Budget, params: f64, active: f64) -> f64 {
    // N = 12·L·d² with d = 128·L.
    let layers = (active / (12.0 * 128.0 * 128.0)).powf(1.0 / 3.0);
    let width = 128.0 * layers;
    let cached = budget.context.unwrap_or(0.0) * budget.batch.unwrap_or(1.0);
    match of {
        FrontCost::Memory => params * budget.serve_bytes.unwrap_or(2.0) + 4.0 * layers * width * cached,
        FrontCost::TrainMemory => {
            params * budget.train_bytes.unwrap_or(16.0) + 34.0 * layers * width * budget.micro_batch.unwrap_or(0.0)
        }
        FrontCost::Serving => 2.0 * active * budget.inference_tokens.unwrap_or(1.0),
    }
}

/// (cost, loss) of every shape of a grid: each number of experts, 20,000 sizes over nine decades.
fn grid(of: FrontCost, budget: &Budget, compute: f64) -> Vec<(f64, f64)> {
    const SIZES: usize = 20_000;
    let mut all = Vec::new();
    for experts in EXPERTS {
        let truth = Truth::of(experts);
        for i in 0..SIZES {
            let active = 10f64.powf(4.0 + 9.0 * i as f64 / (SIZES - 1) as f64);
            let tokens = (compute / active - 2.0 * budget.inference_tokens.unwrap_or(0.0)) / 6.0;
            if tokens > 0.0 {
                let params = active * (1.0 + 9.0 / 13.0 * (experts - 1.0));
                all.push((cost(of, budget, params, active), truth.loss(active, tokens)));
            }
        }
    }
    all
}

fn budgets(of: FrontCost) -> Vec<Budget> {
    let mut all = vec![Budget::default()];
    match of {
        FrontCost::Memory => {
            all.push(Budget { serve_bytes: Some(1.0), context: Some(8192.0), batch: Some(64.0), ..Budget::default() });
        }
        FrontCost::TrainMemory => all.push(Budget { micro_batch: Some(1e6), ..Budget::default() }),
        FrontCost::Serving => all.push(Budget { inference_tokens: Some(2e10), ..Budget::default() }),
    }
    all
}

fn each(check: impl Fn(FrontCost, &Budget, f64, &ShapeFront)) {
    let published = mixlaw::laws::published::get("joint-moe").expect("published");
    for of in [FrontCost::Memory, FrontCost::TrainMemory, FrontCost::Serving] {
        for budget in budgets(of) {
            for compute in BUDGETS {
                let front = published_front(published, &budget, compute, of).expect("a front");
                check(of, &budget, compute, &front);
            }
        }
    }
}

/// No shape of the grid costs no more than a point of the front and has a lower loss; each has the least loss within its cost; the
/// last has the least of all; and the front goes down.
#[test]
fn no_shape_of_a_grid_dominates_a_front() {
    each(|of, budget, compute, front| {
        let all = grid(of, budget, compute);
        let at = format!("{of:?} {compute:e} {budget:?}: {front:#?}");
        assert!((8..=12).contains(&front.points.len()), "{at}");
        for point in &front.points {
            let Scale { params, tokens, .. } = point.scale;
            let active = point.scale.active_params();
            assert!((cost(of, budget, params, active) / point.cost - 1.0).abs() < 1e-9, "{at}");
            let truth = Truth::of(point.scale.moe.map_or(1.0, |m| m.experts));
            assert!((truth.loss(active, tokens) - point.loss).abs() < 1e-8, "{at}");
            let spent = 6.0 * active * tokens + 2.0 * active * budget.inference_tokens.unwrap_or(0.0);
            assert!((spent / compute - 1.0).abs() < 1e-9, "{at}");
            let within = all.iter().filter(|(cost, _)| *cost <= point.cost * (1.0 + 1e-12));
            let best = within.map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
            // A grid is no better than the front, and as fine as this nearly as good.
            assert!(best > point.loss - 1e-9 && best < point.loss * (1.0 + 1e-4), "{best} {point:?}");
            assert!(point.range.is_none() && point.p_better.is_none() && !point.supported, "{point:?}");
        }
        for two in front.points.windows(2) {
            assert!(two[0].cost < two[1].cost && two[0].loss > two[1].loss, "{two:?}");
        }
        let (first, last) = (&front.points[0], &front.points[front.points.len() - 1]);
        let least = all.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
        assert!((last.loss / least - 1.0).abs() < 1e-6, "{least} {last:?}");
        assert!(first.loss <= 1.1 * last.loss + 1e-9 && first.loss > 1.08 * last.loss, "{first:?} {last:?}");
        let half = all.iter().filter(|(cost, _)| *cost <= 0.5 * last.cost).map(|(_, loss)| *loss);
        let more = half.fold(f64::INFINITY, f64::min) - last.loss;
        assert!((front.half_costs.expect("a half") - more).abs() < 1e-4, "{more} {:?}", front.half_costs);
    });
}

/// A limit of memory at a point of the front gives that point to whoever asks for the best shape.
#[test]
fn a_limit_at_a_point_of_the_front_has_that_point_for_its_answer() {
    let published = mixlaw::laws::published::get("joint-moe").expect("published");
    let mut seen = std::collections::BTreeSet::new();
    each(|of, budget, compute, front| {
        for point in &front.points {
            let limited = match of {
                FrontCost::Memory => Budget { serve_memory: Some(point.cost), ..budget.clone() },
                FrontCost::TrainMemory => Budget { train_memory: Some(point.cost), ..budget.clone() },
                FrontCost::Serving => continue,
            };
            let (_, best) = published_optima(published, &limited, &[compute]);
            let own = best[0].scale;
            let at = format!("{of:?} {compute:e}: {point:?} {own:?}");
            assert_eq!(own.moe.map(|m| m.experts), point.scale.moe.map(|m| m.experts), "{at}");
            assert!((own.params / point.scale.params - 1.0).abs() < 1e-6, "{at}");
            assert!((best[0].loss / point.loss - 1.0).abs() < 1e-9, "{at}");
        }
    });
    let published_kinds = published_front(published, &Budget::default(), 1e21, FrontCost::Memory).expect("a front");
    seen.extend(published_kinds.points.iter().map(|p| p.scale.moe.map_or(1, |m| m.experts as u64)));
    assert!(seen.len() >= 3, "memory decides how many experts are best: {seen:?}");
}
