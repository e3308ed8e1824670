//! D-optimal designs: the runs whose losses determine the parameters of a law best, before any run has been.
//!
//! The information on the parameters of each domain's loss is Σ g·gᵀ, g the gradient of ln L̂ by the parameters. Which
//! parameters are true is not known: designs maximise the mean of its ln determinant over draws of where fits start.

use super::allowed::Allowed;
use super::error::DesignError;
use super::{sobol, swarm};
use crate::forecast::spread::{generator, uniform};
use crate::laws::{self, BLOCK, Block, Columns, Context, Method, Shape};
use crate::vocab::{DesignQuery, Observation, Scale};

/// Mixtures to choose from.
const POOL: usize = 256;
/// Draws of the parameters for each domain's loss.
const DRAWS: usize = 4;
/// What is known of each parameter before, so that the first runs have a determinant.
const RIDGE: f64 = 1e-4;
/// Rounds in which every run may be exchanged for a better one.
const EXCHANGES: usize = 3;

/// The inverse of the information on one vector of parameters, kept up to date.
#[derive(Clone)]
struct Information {
    inverse: Vec<f64>,
    /// Gradient of every candidate, one after another.
    gradients: Vec<f64>,
    parameters: usize,
}

impl Information {
    fn gradient(&self, candidate: usize) -> &[f64] {
        &self.gradients[candidate * self.parameters..(candidate + 1) * self.parameters]
    }

    fn times(&self, g: &[f64]) -> Vec<f64> {
        self.inverse.chunks_exact(self.parameters).map(|row| row.iter().zip(g).map(|(a, b)| a * b).sum()).collect()
    }

    /// gᵀ·A⁻¹·g.
    fn leverage(&self, candidate: usize) -> f64 {
        let g = self.gradient(candidate);
        self.times(g).iter().zip(g).map(|(a, b)| a * b).sum()
    }

    /// Adds a run (`sign` 1), or takes it away (−1), by Sherman and Morrison.
    fn update(&mut self, candidate: usize, sign: f64) {
        let g = self.gradient(candidate).to_vec();
        let moved = self.times(&g);
        let scale = 1.0 + sign * moved.iter().zip(&g).map(|(a, b)| a * b).sum::<f64>();
        for (row, a) in self.inverse.chunks_exact_mut(self.parameters).zip(&moved) {
            row.iter_mut().zip(&moved).for_each(|(value, b)| *value -= sign * a * b / scale);
        }
    }
}

/// The mixtures of so many runs, and of each the place of its size in `scales` (0 where that is empty).
///
/// # Errors
/// The law has no formula, or needs sizes.
pub(super) fn choose(
    query: &DesignQuery,
    prior: &[f64],
    allowed: &Allowed,
    scales: &[(f64, f64)],
    count: usize,
) -> Result<(Vec<Vec<f64>>, Vec<usize>), DesignError> {
    let pool = pool(prior, allowed, query.seed);
    let sizes = scales.len().max(1);
    let candidates: Vec<(usize, usize)> = (0..pool.len()).flat_map(|m| (0..sizes).map(move |s| (m, s))).collect();
    let mut information = informations(&query.law, &pool, scales, &candidates, query.seed)?;
    let gain = |information: &[Information], candidate: usize| -> f64 {
        information.iter().map(|one| one.leverage(candidate).max(0.0).ln_1p()).sum()
    };
    // With a budget, what a run adds is divided by what it costs, and what that leaves is spent on runs that add more.
    let budget = query.budget.unwrap_or(f64::INFINITY) * (1.0 + 1e-9);
    let cost = |candidate: usize| scales.get(candidates[candidate].1).map_or(0.0, |(n, d)| 6.0 * n * d);
    let of_cost = |candidate: usize| if budget.is_finite() { cost(candidate).max(1.0) } else { 1.0 };
    let worth = |information: &[Information], candidate: usize| gain(information, candidate) / of_cost(candidate);
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        let next = highest(0..candidates.len(), |c| worth(&information, c)).unwrap_or(0);
        information.iter_mut().for_each(|one| one.update(next, 1.0));
        chosen.push(next);
    }
    for _ in 0..EXCHANGES {
        let before = chosen.clone();
        for place in 0..chosen.len() {
            let out = chosen[place];
            information.iter_mut().for_each(|one| one.update(out, -1.0));
            let left = budget - (chosen.iter().map(|c| cost(*c)).sum::<f64>() - cost(out));
            let paid = (0..candidates.len()).filter(|c| cost(*c) <= left || *c == out);
            let next = highest(paid, |c| gain(&information, c)).unwrap_or(out);
            let next = if gain(&information, next) > gain(&information, out) * (1.0 + 1e-9) { next } else { out };
            information.iter_mut().for_each(|one| one.update(next, 1.0));
            chosen[place] = next;
        }
        if chosen == before {
            break;
        }
    }
    let places = chosen.iter().map(|c| candidates[*c].1).collect();
    Ok((chosen.iter().map(|c| pool[candidates[*c].0].clone()).collect(), places))
}

/// The first of those at which a function is highest: sizes rise, so that of equals it is the cheapest.
fn highest(all: impl Iterator<Item = usize>, of: impl Fn(usize) -> f64) -> Option<usize> {
    let values = all.map(|candidate| (candidate, of(candidate)));
    let higher = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 * (1.0 + 1e-9) { next } else { best };
    values.reduce(higher).map(|(candidate, _)| candidate)
}

/// Corners of what is allowed, edges and the inside.
fn pool(prior: &[f64], allowed: &Allowed, seed: u64) -> Vec<Vec<f64>> {
    let domains = prior.len();
    let mut pool = vec![allowed.project(prior)];
    for i in 0..domains {
        let alone: Vec<f64> = (0..domains).map(|j| f64::from(u8::from(i == j))).collect();
        pool.push(allowed.project(&alone));
        for j in 0..i {
            let pair: Vec<f64> = (0..domains).map(|k| if k == i || k == j { 0.5 } else { 0.0 }).collect();
            pool.push(allowed.project(&pair));
        }
    }
    pool.truncate(POOL);
    match sobol::mixtures(allowed, POOL, seed) {
        Ok(points) => pool.extend(points),
        Err(_) => pool.extend(swarm::draw(prior, 0.5, allowed, POOL, seed)),
    }
    pool
}

/// One information matrix for each domain's loss and draw of the parameters.
fn informations(
    name: &str,
    pool: &[Vec<f64>],
    scales: &[(f64, f64)],
    candidates: &[(usize, usize)],
    seed: u64,
) -> Result<Vec<Information>, DesignError> {
    let refused = |why: &str| DesignError::Law { law: name.to_owned(), why: why.to_owned() };
    let law = laws::get(name).ok_or_else(|| refused("there is no such law (mixlaw laws)"))?;
    let Method::Search(smooth) = law.method() else { return Err(refused("it has no formula with parameters")) };
    if !law.hidden_domains().is_empty() {
        return Err(refused("its parameters depend on what the runs show"));
    }
    if !law.sees().is_empty() && scales.is_empty() {
        return Err(refused("it sees sizes and tokens; state them with --params, or a --budget"));
    }
    let domains = pool[0].len();
    let rows: Vec<Observation> = candidates
        .iter()
        .enumerate()
        .map(|(run, (mixture, size))| {
            let (params, tokens) = scales.get(*size).copied().unwrap_or((1e8, 2e9));
            Observation { loss: 3.0, run, ..Scale::dense(params, tokens).at(pool[*mixture].clone()) }
        })
        .collect();
    let columns = Columns::places(domains, &rows, &Context::default());
    let mut all = Vec::new();
    for own in 0..domains {
        // Losses of language models, from which laws take where their floors and amplitudes lie.
        let shape = Shape { ln_least_loss: 2.0_f64.ln(), ln_most_loss: 4.0_f64.ln(), ..Shape::of(Some(own), &columns) };
        let parameters = smooth.parameters(&shape);
        let mut random = generator(seed ^ ((own as u64 + 1) << 20));
        for _ in 0..DRAWS {
            let phi: Vec<f64> =
                parameters.iter().map(|p| p.start.0 + uniform(&mut random) * (p.start.1 - p.start.0)).collect();
            let mut gradients = vec![0.0; candidates.len() * parameters.len()];
            let mut block = Block::new(parameters.len());
            for from in (0..candidates.len()).step_by(BLOCK) {
                let count = BLOCK.min(candidates.len() - from);
                smooth.evaluate(&shape, &phi, &columns, from..from + count, &mut block);
                for k in 0..parameters.len() {
                    for (i, value) in block.column(k, count).iter().enumerate() {
                        gradients[(from + i) * parameters.len() + k] = if value.is_finite() { *value } else { 0.0 };
                    }
                }
            }
            let p = parameters.len();
            let inverse = (0..p * p).map(|i| if i % (p + 1) == 0 { 1.0 / RIDGE } else { 0.0 }).collect();
            all.push(Information { inverse, gradients, parameters: p });
        }
    }
    Ok(all)
}

#[cfg(test)]
/// Mean ln determinant of the information of designs, up to a constant: of the chosen mixtures, and of others.
pub(super) fn determinants(law: &str, designs: &[Vec<Vec<f64>>], seed: u64) -> Vec<f64> {
    let of = |design: &Vec<Vec<f64>>| {
        let candidates: Vec<(usize, usize)> = (0..design.len()).map(|m| (m, 0)).collect();
        let mut all = informations(law, design, &[], &candidates, seed).unwrap();
        let mut sum = 0.0;
        for one in &mut all {
            for run in 0..design.len() {
                sum += one.leverage(run).ln_1p();
                one.update(run, 1.0);
            }
        }
        sum / all.len() as f64
    };
    designs.iter().map(of).collect()
}
