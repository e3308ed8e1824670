//! Loads of experts from the store, at the width of a screen.

use super::loads::Loads;
use super::publisher::CurrentState;
use crate::fit::Stop;
use crate::forecast::signals::Balance;
use crate::ipc::protocol::Failure;
use crate::ipc::router::{MOST_COLUMNS, RouterAnswer, RouterLayer, RouterQuery};

/// Part of an even load below which an expert counts as without tokens.
const DEAD: f64 = 0.05;

/// What was asked for.
///
/// # Errors
/// Where the question makes no sense, the run is not there, or what the store says.
pub fn answer(query: &RouterQuery, current: &CurrentState, stop: Stop<'_>) -> Result<RouterAnswer, Failure> {
    if query.columns == 0 || query.columns > MOST_COLUMNS {
        let said = format!("the request asks for {} columns", query.columns);
        return Err(Failure::usage(said, format!("request 1 to {MOST_COLUMNS} columns")));
    }
    let run = current.snapshot.runs.iter().find(|run| run.id == query.run);
    let run = run.ok_or_else(|| Failure::new("the run is not there any more", None))?;
    current.loads.of(run, &current.store, stop, |loads| drawn(loads, query))
}

/// The routers as they are drawn.
fn drawn(loads: &Loads, query: &RouterQuery) -> RouterAnswer {
    let mut out = RouterAnswer::default();
    let mut least = f64::INFINITY;
    let layers = loads.layers();
    let asked = query.layer.as_deref().and_then(|name| layers.iter().position(|layer| layer.name == name));
    for (place, layer) in layers.iter().enumerate() {
        let map = Map::of(loads.columns(place, query.columns as usize));
        let numbers: Vec<u32> = layer.experts.iter().map(|(number, _)| *number).collect();
        let made = map.layer(&layer.name, &numbers);
        let now = made.entropy.iter().rev().find(|entropy| entropy.is_finite()).copied().unwrap_or(f64::INFINITY);
        if asked.map_or(out.layers.is_empty() || now < least, |asked| asked == place) {
            least = now;
            (out.layer, out.experts) = (place, numbers);
            out.loads = map.columns.concat();
            out.steps = map.steps;
        }
        out.layers.push(made);
    }
    out
}

/// The loads of one layer in columns of steps.
struct Map {
    steps: Vec<i64>,
    /// Of each column the loads of the experts over an even one.
    columns: Vec<Vec<f64>>,
}

impl Map {
    fn of(columns: Vec<(i64, Vec<f64>)>) -> Self {
        let mut map = Self { steps: Vec::new(), columns: Vec::new() };
        for (step, means) in columns {
            let even = means.iter().filter(|mean| mean.is_finite()).sum::<f64>() / means.len() as f64;
            map.columns.push(means.iter().map(|mean| if even > 0.0 { mean / even } else { f64::NAN }).collect());
            map.steps.push(step);
        }
        map
    }

    fn layer(&self, layer: &str, numbers: &[u32]) -> RouterLayer {
        let balances: Vec<Option<Balance>> = self.columns.iter().map(|column| Balance::of(column)).collect();
        let newest = balances.iter().rev().flatten().next();
        let of_newest = self.columns.iter().zip(&balances).rev().find(|(_, balance)| balance.is_some());
        let dead = of_newest.into_iter().flat_map(|(column, _)| {
            column.iter().zip(numbers).filter(|(load, _)| **load < DEAD).map(|(_, number)| *number)
        });
        RouterLayer {
            layer: layer.to_owned(),
            experts: numbers.len(),
            entropy: balances.iter().map(|balance| balance.map_or(f64::NAN, |balance| balance.entropy)).collect(),
            violation: newest.map_or(f64::NAN, |balance| balance.violation),
            variation: newest.map_or(f64::NAN, |balance| balance.variation),
            carry: newest.map_or(0, |balance| balance.carry),
            dead: dead.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::load_grid::Grid;

    fn map(loads: &[Vec<(i64, f64)>], columns: usize) -> Map {
        let mut grid = Grid::of(loads.len());
        loads.iter().enumerate().for_each(|(series, points)| grid.add(series, points));
        Map::of(grid.columns(0..loads.len(), columns))
    }

    #[test]
    fn columns_have_means_over_their_steps_and_figures_are_those_by_hand() {
        let even = |load: f64| -> Vec<(i64, f64)> { (0..100).map(|step| (step * 10, load)).collect() };
        let map = map(&[even(4.0), even(2.0), even(1.0), even(1.0)], 10);
        assert_eq!((map.columns.len(), map.steps.last()), (10, Some(&990)));
        assert!(map.columns.iter().all(|column| column == &[2.0, 1.0, 0.5, 0.5]), "{:?}", map.columns);
        let layer = map.layer("moe/layer_0", &[0, 1, 2, 3]);
        assert!((layer.entropy[9] - 0.875).abs() < 1e-12 && (layer.violation - 1.0).abs() < 1e-12, "{layer:?}");
        assert_eq!((layer.carry, layer.dead.len()), (4, 0));
    }

    #[test]
    fn an_expert_that_dies_is_named_and_what_is_not_logged_is_no_number() {
        let points = |value: fn(i64) -> f64| -> Vec<(i64, f64)> { (0..50).map(|step| (step, value(step))).collect() };
        let loads = [points(|_| 1.0), points(|step| if step < 25 { 1.0 } else { 0.0 }), points(|_| 1.0)];
        let layer = map(&loads, 50).layer("l", &[0, 7, 9]);
        assert_eq!(layer.dead, [7]);
        assert!(layer.entropy[0] > 0.999 && layer.entropy[49] < 0.7, "{:?}", layer.entropy);
        let short = map(&[points(|_| 1.0), Vec::new()], 20);
        assert!(short.columns.iter().all(|column| column[1].is_nan()));
        assert!(short.layer("l", &[0, 1]).entropy.iter().all(|entropy| entropy.is_nan()));
        assert!(map(&[], 5).columns.is_empty());
        let odd = map(&[vec![(i64::MIN, 1.0), (i64::MAX, 1.0)], vec![(i64::MIN, 1.0), (i64::MAX, 3.0)]], 5);
        assert_eq!(odd.columns, [[1.0, 1.0], [0.5, 1.5]]);
    }
}
