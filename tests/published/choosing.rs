//! Which cheap runs to make for a costly target: V-optimal choice (least variance of the targets' predictions for the
//! cost), of runs whose losses are looked at only once they are chosen. Compared with arXiv:2604.22753.

use mixlaw::fit::{Fit, Options, fit};
use mixlaw::laws::{self, Block, Columns, Context, Coordinate, Method, Shape};
use mixlaw::vocab::{Observation, Observations};

/// Rounds in which runs are chosen and the law refitted.
const ROUNDS: usize = 4;
/// The cheapest runs come first, so that there is something to linearise at.
const FIRST: usize = 12;
/// Noise of ln L that runs are taken to have.
const NOISE: f64 = 1e-3;

/// R² of the targets' losses, predicted by a law fitted to runs that cost at most `part` of all candidates together.
pub fn r_squared(law: &str, candidates: &Observations, targets: &Observations, part: f64) -> f64 {
    let cost = |row: &Observation| row.params * row.tokens;
    let budget = part * candidates.rows.iter().map(cost).sum::<f64>();
    let mut order: Vec<usize> = (0..candidates.rows.len()).collect();
    order.sort_by(|a, b| cost(&candidates.rows[*a]).total_cmp(&cost(&candidates.rows[*b])));
    let mut chosen: Vec<usize> = order[..FIRST].to_vec();
    let mut spent: f64 = chosen.iter().map(|i| cost(&candidates.rows[*i])).sum();
    let fitted = |chosen: &[usize]| {
        let rows = chosen.iter().map(|i| candidates.rows[*i].clone()).collect();
        let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
        fit(law, &Observations { rows, ..candidates.clone() }, &options, None).unwrap_or_else(|e| panic!("{e}"))
    };
    for round in 1..=ROUNDS {
        let now = fitted(&chosen);
        let (of_run, of_target) = (slopes(&now, candidates), slopes(&now, targets));
        let mut covariance = Covariance::prior(&now, candidates);
        chosen.iter().for_each(|i| covariance.add(&of_run[*i]));
        let until = budget * round as f64 / ROUNDS as f64;
        loop {
            let worth = |i: &usize| covariance.gain(&of_run[*i], &of_target) / cost(&candidates.rows[*i]);
            let open = order.iter().filter(|i| !chosen.contains(i) && spent + cost(&candidates.rows[**i]) <= until);
            let Some(best) = open.copied().max_by(|a, b| worth(a).total_cmp(&worth(b))) else { break };
            covariance.add(&of_run[best]);
            spent += cost(&candidates.rows[best]);
            chosen.push(best);
        }
    }
    let last = fitted(&chosen);
    let mean = targets.rows.iter().map(|r| r.loss).sum::<f64>() / targets.rows.len() as f64;
    let squares = |of: &dyn Fn(&Observation) -> f64| targets.rows.iter().map(|r| (r.loss - of(r)).powi(2)).sum::<f64>();
    1.0 - squares(&|r| last.predict(r)) / squares(&|_| mean)
}

/// Derivatives of ln L by the parameters of a fit, at every row, in units of the noise.
fn slopes(fit: &Fit, at: &Observations) -> Vec<Vec<f64>> {
    let law = laws::get(&fit.view.law).expect("a law that was fitted");
    let Method::Search(smooth) = law.method() else { panic!("a law without derivatives") };
    let shape = Shape { domains: at.domains.len(), own: at.own, ..Shape::default() };
    let parameters = smooth.parameters(&shape);
    let phi: Vec<f64> = parameters
        .iter()
        .zip(&fit.view.parameters)
        .map(|(p, v)| if p.coordinate == Coordinate::Amplitude { v.value.max(1e-300).ln() } else { v.value })
        .collect();
    let mut block = Block::new(phi.len());
    let row = |row: &Observation| {
        let x = Columns::place(row, &Context::default());
        smooth.evaluate(&shape, &phi, &x, 0..1, &mut block);
        (0..phi.len()).map(|k| block.column(k, 1)[0] / NOISE).collect()
    };
    at.rows.iter().map(row).collect()
}

/// Of the parameters, row by row.
struct Covariance(Vec<Vec<f64>>);

impl Covariance {
    /// As wide as the range that starts are drawn from.
    fn prior(fit: &Fit, data: &Observations) -> Self {
        let law = laws::get(&fit.view.law).expect("a law that was fitted");
        let Method::Search(smooth) = law.method() else { panic!("a law without derivatives") };
        let shape = Shape { domains: data.domains.len(), own: data.own, ..Shape::default() };
        let widths: Vec<f64> = smooth.parameters(&shape).iter().map(|p| 0.5 * (p.start.1 - p.start.0)).collect();
        let row = |i: usize| (0..widths.len()).map(|j| if i == j { widths[i] * widths[i] } else { 0.0 }).collect();
        Self((0..widths.len()).map(row).collect())
    }

    fn times(&self, v: &[f64]) -> Vec<f64> {
        self.0.iter().map(|row| dot(row, v)).collect()
    }

    /// After one more run (Sherman and Morrison).
    fn add(&mut self, run: &[f64]) {
        let s = self.times(run);
        let scale = 1.0 / (1.0 + dot(run, &s));
        for (i, row) in self.0.iter_mut().enumerate() {
            row.iter_mut().zip(&s).for_each(|(v, sj)| *v -= scale * s[i] * sj);
        }
    }

    /// By how much one more run lessens the variance of the targets.
    fn gain(&self, run: &[f64], targets: &[Vec<f64>]) -> f64 {
        let s = self.times(run);
        targets.iter().map(|t| dot(t, &s).powi(2)).sum::<f64>() / (1.0 + dot(run, &s))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
