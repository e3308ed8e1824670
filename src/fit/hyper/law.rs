//! The form of the Step Law through the minima of cells.
//!
//! ln lr and ln batch are the published ones plus a height, and a slope in each direction of (ln N, ln D) in which the cells
//! lie apart: in the others the published exponents stay. The batch depends on D alone, as published, or on N too, whichever
//! leaves cells that are held out the lower regret.

use super::cells::Cell;
use super::gap::Gap;
use super::minima::{HUBER, Minima, middle};
use super::place::{Place, published};
use crate::fit::linalg::{backward, cholesky, forward};
use crate::fit::ninety::student;
use crate::vocab::HyperLaw;
use crate::vocab::count::counted;

/// Loss that slack is stated for: 0.1 %.
const SLACK: f64 = 1e-3;
/// Standard deviation of the cells' ln N and ln D along a direction from which on its exponent is fitted: a factor of 1.25.
const APART: f64 = 0.22;
/// Rounds of reweighting.
const ROUNDS: usize = 10;

/// A direction in (ln N, ln D).
type Direction = [f64; 2];

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Law {
    /// Mean ln N and ln D of the cells.
    middle: [f64; 2],
    /// Directions whose exponents are fitted, of learning rate and batch.
    directions: [Vec<Direction>; 2],
    /// Height and slopes over the published law; empty where it is not fitted.
    over: [Vec<f64>; 2],
    /// Cells whose minimum lies outside what was tried, or is not known.
    beyond: usize,
    /// How far each cell that was used lies from it.
    misses: Vec<Place>,
}

/// A cell as the law sees it: ln N, ln D, minimum over the published law.
#[derive(Clone, Copy)]
struct Target {
    scale: [f64; 2],
    over: Place,
}

impl Law {
    /// Through the minima that lie within what was tried.
    ///
    /// # Errors
    /// Why there is none.
    pub fn fit(cells: &[&Cell], minima: &Minima) -> Result<Self, Gap> {
        let targets = targets(cells, minima, true);
        if targets.is_empty() {
            return Err(Gap::AtEdges);
        }
        let directions = directions(&targets);
        let varies = spread(&targets, [0.0, 1.0]) >= APART && targets.len() > 2;
        let by_tokens: Vec<Direction> = if varies { vec![[0.0, 1.0]] } else { Vec::new() };
        let forms = [[directions.clone(), by_tokens], [directions.clone(), directions]];
        let of = |form: &[Vec<Direction>; 2]| solve(&targets, form, &minima.bend);
        let scored = forms.iter().filter_map(|form| Some((held_out(&targets, form, &minima.bend)?, of(form)?)));
        // Of few cells none can be held out: then as published.
        let best = scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, law)| law).or_else(|| of(&forms[0]));
        let law = best.ok_or(Gap::Undetermined)?;
        Ok(Self { beyond: cells.len() - targets.len(), ..law })
    }

    /// The same form through other minima.
    pub fn refit(&self, cells: &[&Cell], minima: &Minima) -> Option<Self> {
        solve(&targets(cells, minima, false), &self.directions, &minima.bend)
    }

    /// (ln lr, ln batch) at N and D.
    pub fn at(&self, (params, tokens): (f64, f64)) -> Place {
        let scale = [params.ln() - self.middle[0], tokens.ln() - self.middle[1]];
        let mut place = published(params, tokens);
        for (d, ln) in place.iter_mut().enumerate() {
            *ln += along(&basis(scale, &self.directions[d]), &self.over[d]);
        }
        place
    }

    /// Distances of cells from the law, made longer by what the fit takes from them and by how few they are; empty where they
    /// say nothing, as a law with as many coefficients as cells goes through all of them.
    pub fn misses(&self) -> Vec<Place> {
        let longer = |d: usize| {
            let (cells, fitted) = (self.misses.len() as f64, self.over[d].len() as f64);
            if cells > fitted { (cells / (cells - fitted)).sqrt() * student(cells - fitted) } else { f64::NAN }
        };
        let factors = [longer(0), longer(1)];
        let known = |d: usize| self.over[d].is_empty() || factors[d].is_finite();
        if !(known(0) && known(1)) {
            return Vec::new();
        }
        self.misses.iter().map(|miss| [miss[0] * factors[0], miss[1] * factors[1]]).collect()
    }

    /// What was left out, as a sentence.
    pub fn left_out(&self) -> Option<String> {
        (self.beyond > 0).then(|| {
            format!(
                "The law leaves out {} whose best value lies at the edge of what was tried.",
                counted(self.beyond, "group")
            )
        })
    }

    /// For people.
    pub fn view(&self, minima: &Minima) -> HyperLaw {
        let power = |d: usize| {
            let origin = self.at((1.0, 1.0))[d];
            let exponent = |at: (f64, f64)| self.at(at)[d] - origin;
            let (n, t) = (exponent((std::f64::consts::E, 1.0)), exponent((1.0, std::f64::consts::E)));
            origin.is_finite().then(|| [origin.exp(), n, t])
        };
        let slack = |d: usize| {
            let bend = minima.bend[d][d];
            (bend > 0.0 && !self.over[d].is_empty()).then(|| (2.0 * SLACK / bend).sqrt().exp())
        };
        let borrowed = match self.directions[0].as_slice() {
            [] => Some("The exponents of N and D are the published ones: the runs have one size and one token count."),
            [[_, d]] if d.abs() < 0.1 => Some("The exponent of D is the published one: the runs do not vary in D."),
            [[n, _]] if n.abs() < 0.1 => Some("The exponent of N is the published one: the runs do not vary in N."),
            [_] => Some(
                "The runs vary N and D together: how learning rate and batch change where only one of them does is as published.",
            ),
            _ => None,
        };
        HyperLaw {
            learning_rate: power(0),
            batch_tokens: power(1),
            cells: self.misses.len(),
            borrowed: borrowed.map(str::to_owned),
            learning_rate_slack: slack(0),
            batch_slack: slack(1),
        }
    }
}

/// Minima of cells over the published law; those outside what was tried only where they are not `within`.
fn targets(cells: &[&Cell], minima: &Minima, within: bool) -> Vec<Target> {
    let target = |(cell, at): (&&Cell, &Option<Place>)| {
        let (at, from) = ((*at)?, cell.published());
        let inside = |d: usize| cell.tried(d).is_none_or(|(least, most)| (least..=most).contains(&at[d]));
        (!within || inside(0) && inside(1))
            .then(|| Target { scale: [cell.params.ln(), cell.tokens.ln()], over: [at[0] - from[0], at[1] - from[1]] })
    };
    cells.iter().zip(&minima.at).filter_map(target).collect()
}

fn mean(targets: &[Target], of: impl Fn(&Target) -> f64) -> f64 {
    targets.iter().map(of).sum::<f64>() / targets.len().max(1) as f64
}

/// Standard deviation along a direction.
fn spread(targets: &[Target], direction: Direction) -> f64 {
    let along = |t: &Target| t.scale[0] * direction[0] + t.scale[1] * direction[1];
    let middle = mean(targets, along);
    mean(targets, |t| (along(t) - middle).powi(2)).sqrt()
}

/// Directions in which the cells lie apart, at most as many as leave two cells to spare: the axes of their scatter.
fn directions(targets: &[Target]) -> Vec<Direction> {
    let (n, d) = (spread(targets, [1.0, 0.0]).powi(2), spread(targets, [0.0, 1.0]).powi(2));
    let m = [mean(targets, |t| t.scale[0]), mean(targets, |t| t.scale[1])];
    let together = mean(targets, |t| (t.scale[0] - m[0]) * (t.scale[1] - m[1]));
    let angle = 0.5 * (2.0 * together).atan2(n - d);
    let mut axes = vec![[angle.cos(), angle.sin()], [-angle.sin(), angle.cos()]];
    axes.retain(|axis| spread(targets, *axis) >= APART);
    axes.truncate(targets.len().saturating_sub(2));
    axes
}

fn basis(scale: [f64; 2], directions: &[Direction]) -> Vec<f64> {
    let along = directions.iter().map(|direction| scale[0] * direction[0] + scale[1] * direction[1]);
    std::iter::once(1.0).chain(along).collect()
}

/// NaN where nothing is fitted.
fn along(basis: &[f64], over: &[f64]) -> f64 {
    if over.is_empty() { f64::NAN } else { basis.iter().zip(over).map(|(a, b)| a * b).sum() }
}

/// Least regret ½·missᵀ·bend·miss over the cells, with Huber weights.
fn solve(targets: &[Target], directions: &[Vec<Direction>; 2], bend: &[[f64; 2]; 2]) -> Option<Law> {
    let middle_of = [mean(targets, |t| t.scale[0]), mean(targets, |t| t.scale[1])];
    let fitted = [0, 1].map(|d| bend[d][d] > 0.0);
    let counts = [0, 1].map(|d| if fitted[d] { directions[d].len() + 1 } else { 0 });
    let total = counts[0] + counts[1];
    let bases = |t: &Target| {
        let scale = [t.scale[0] - middle_of[0], t.scale[1] - middle_of[1]];
        [0, 1].map(|d| if fitted[d] { basis(scale, &directions[d]) } else { Vec::new() })
    };
    let mut law = Law {
        middle: middle_of,
        directions: directions.clone(),
        over: [Vec::new(), Vec::new()],
        beyond: 0,
        misses: Vec::new(),
    };
    let mut weights = vec![1.0; targets.len()];
    for _ in 0..ROUNDS {
        let (mut left, mut right) = (vec![0.0; total * total], vec![0.0; total]);
        for (target, weight) in targets.iter().zip(&weights) {
            let bases = bases(target);
            // Place of a coefficient, its coordinate, and its value of the basis.
            let of = |d: usize| {
                bases[d].iter().enumerate().map(move |(i, b)| (i + if d == 0 { 0 } else { counts[0] }, d, *b))
            };
            let all: Vec<(usize, usize, f64)> = of(0).chain(of(1)).collect();
            for (i, d, a) in &all {
                for (j, e, b) in &all {
                    left[i * total + j] += weight * bend[*d][*e] * a * b;
                }
                let pull: f64 = (0..2).filter(|e| fitted[*e]).map(|e| bend[*d][e] * target.over[e]).sum();
                right[*i] += weight * a * pull;
            }
        }
        let mut factor = vec![0.0; total * total];
        if !cholesky(&left, total, &mut factor) {
            return None;
        }
        forward(&factor, total, &mut right);
        backward(&factor, total, &mut right);
        law.over = [right[..counts[0]].to_vec(), right[counts[0]..].to_vec()];
        let miss = |t: &Target| {
            let bases = bases(t);
            [0, 1].map(|d| if fitted[d] { t.over[d] - along(&bases[d], &law.over[d]) } else { 0.0 })
        };
        law.misses = targets.iter().map(miss).collect();
        let regrets: Vec<f64> = law.misses.iter().map(|miss| cost(*miss, bend).sqrt()).collect();
        let scale = 1.4826 * middle(regrets.clone()) + 1e-12;
        weights = regrets.iter().map(|r| (HUBER * scale / r.max(1e-15)).min(1.0)).collect();
    }
    law.misses.iter().flatten().all(|v| v.is_finite()).then_some(law)
}

/// missᵀ·bend·miss, twice the regret in ln loss.
fn cost(miss: Place, bend: &[[f64; 2]; 2]) -> f64 {
    let at = |d: usize| (0..2).map(|e| bend[d][e] * miss[e]).sum::<f64>() * miss[d];
    (at(0) + at(1)).max(0.0)
}

/// Mean regret of cells that a form has not seen; `None` where there are too few.
fn held_out(targets: &[Target], form: &[Vec<Direction>; 2], bend: &[[f64; 2]; 2]) -> Option<f64> {
    let mut sum = 0.0;
    for index in 0..targets.len() {
        let others: Vec<Target> =
            targets.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, target)| *target).collect();
        if others.len() < form[0].len() + 2 {
            return None;
        }
        let law = solve(&others, form, bend)?;
        let target = targets[index];
        let scale = [target.scale[0] - law.middle[0], target.scale[1] - law.middle[1]];
        let miss = [0, 1].map(|d| {
            let there = along(&basis(scale, &law.directions[d]), &law.over[d]);
            if there.is_finite() { target.over[d] - there } else { 0.0 }
        });
        sum += cost(miss, bend);
    }
    (!targets.is_empty()).then(|| sum / targets.len() as f64)
}
