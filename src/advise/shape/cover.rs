//! Where the runs reach in size, tokens and experts.

use super::kind::{ExpertShape, kind_of};
use crate::vocab::{NearestRun, Observations, Ordered, Scale};

/// How far beyond the runs, in size and in tokens, they still tell.
const STRETCH: f64 = 1.2;

/// The runs of one kind of experts, or of all kinds where the laws do not see experts.
#[derive(Debug, Clone, Default)]
pub(super) struct Cover {
    /// Kind, corners of the hull of (ln N_act, ln D) in order, each run stretched by [`STRETCH`] to all sides.
    hulls: Vec<(ExpertShape, Vec<(f64, f64)>)>,
    /// Whether kinds are told apart.
    by_kind: bool,
    runs: Vec<(String, Scale)>,
}

impl Cover {
    /// Of rows that laws were fitted to.
    pub fn of<'r>(all: impl Iterator<Item = &'r Observations>, by_kind: bool) -> Self {
        let mut runs = Vec::new();
        let mut points: Vec<(ExpertShape, Vec<(f64, f64)>)> = Vec::new();
        for observations in all {
            for row in &observations.rows {
                let at = (row.active_params.ln(), row.tokens.ln());
                if !(at.0.is_finite() && at.1.is_finite()) {
                    continue;
                }
                let kind = if by_kind { kind_of(row) } else { (1.0, 1.0, 1.0) };
                match points.iter_mut().find(|(of, _)| *of == kind) {
                    Some((_, of_kind)) => of_kind.push(at),
                    None => points.push((kind, vec![at])),
                }
                if let Some(name) = observations.runs.get(row.run) {
                    runs.push((name.clone(), Scale::of(row)));
                }
            }
        }
        let stretched = |points: Vec<(f64, f64)>| {
            let room = STRETCH.ln();
            let corners = [(-room, -room), (-room, room), (room, -room), (room, room)];
            hull(points.iter().flat_map(|p| corners.map(|c| (p.0 + c.0, p.1 + c.1))).collect())
        };
        Self { hulls: points.into_iter().map(|(kind, points)| (kind, stretched(points))).collect(), by_kind, runs }
    }

    fn hull(&self, kind: ExpertShape) -> Option<&[(f64, f64)]> {
        let kind = if self.by_kind { kind } else { (1.0, 1.0, 1.0) };
        self.hulls.iter().find(|(of, _)| *of == kind).map(|(_, hull)| hull.as_slice())
    }

    /// Whether the runs of this kind reach a place.
    pub fn holds(&self, kind: ExpertShape, scale: &Scale) -> bool {
        let at = (scale.active_params().ln(), scale.tokens.ln());
        self.hull(kind).is_some_and(|hull| inside(hull, at))
    }

    /// ln of the least and most active parameters that runs of this kind reach.
    pub fn sizes(&self, kind: ExpertShape) -> Option<(f64, f64)> {
        let sizes = self.hull(kind)?.iter().map(|corner| corner.0);
        Some(sizes.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n))))
    }

    /// The run nearest to a place, of the same kind where there is any.
    pub fn nearest(&self, scale: &Scale) -> Option<NearestRun> {
        let apart = |run: &Scale| {
            let of = |a: f64, b: f64| (a / b).ln().abs();
            of(run.active_params(), scale.active_params()).max(of(run.tokens, scale.tokens))
        };
        let other = |run: &Scale| run.moe.map_or(1.0, |m| m.experts) != scale.moe.map_or(1.0, |m| m.experts);
        let near = self.runs.iter().filter(|(_, run)| apart(run).is_finite());
        let by = |(_, run): &&(String, Scale)| (self.by_kind && other(run), apart(run));
        let (run, at) = near.min_by(|a, b| by(a).0.cmp(&by(b).0).then(by(a).1.total_cmp(&by(b).1)))?;
        Some(NearestRun { run: run.clone(), scale: *at, factor: apart(at).exp() })
    }
}

/// Corners of the smallest convex region with all points, counter-clockwise (Andrew's monotone chain).
fn hull(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by_cached_key(|point| (Ordered(point.0), Ordered(point.1)));
    points.dedup();
    let mut corners: Vec<(f64, f64)> = Vec::new();
    let mut chain = |points: &mut dyn Iterator<Item = &(f64, f64)>| {
        let from = corners.len();
        for p in points {
            while corners.len() >= from + 2 && turn(corners[corners.len() - 2], corners[corners.len() - 1], *p) <= 0.0 {
                corners.pop();
            }
            corners.push(*p);
        }
        corners.pop();
    };
    chain(&mut points.iter());
    chain(&mut points.iter().rev());
    corners
}

/// Positive where the way from `a` over `b` to `c` turns left.
fn turn(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

fn inside(hull: &[(f64, f64)], at: (f64, f64)) -> bool {
    hull.len() >= 3 && (0..hull.len()).all(|i| turn(hull[i], hull[(i + 1) % hull.len()], at) >= -1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Observation;

    #[test]
    fn runs_of_one_budget_each_reach_what_lies_between_them() {
        let row = |params: f64, tokens: f64| Observation { loss: 2.0, ..Scale::dense(params, tokens).at(vec![1.0]) };
        let rows = Observations {
            runs: vec!["a".to_owned()],
            rows: vec![row(1e8, 1e10), row(1e9, 1e9), row(1e9, 1e11), row(1e10, 1e10)],
            ..Observations::default()
        };
        let cover = Cover::of([&rows].into_iter(), true);
        let dense = (1.0, 1.0, 1.0);
        for (n, d, held) in [(1e9, 1e10, true), (1.1e10, 1e10, true), (1e10, 1e11, false), (2e10, 1e10, false)] {
            assert_eq!(cover.holds(dense, &Scale::dense(n, d)), held, "{n} {d}");
        }
        assert!(!cover.holds((8.0, 1.0, 1.0), &Scale::dense(1e9, 1e10)), "no run has experts");
        let nearest = cover.nearest(&Scale::dense(2e10, 1e10)).unwrap();
        assert!((nearest.factor - 2.0).abs() < 1e-9, "{nearest:?}");
    }
}
