//! How few runs decide: `cargo bench --bench next [-- LAW… --seeds N | --cheap]`.
//!
//! RegMix's 512 runs of 17 domains and 13 losses are a pool of candidates. From 24 of them on, each strategy chooses 24 more at a
//! time, up to 192: `mixlaw next`; random; the pool's own order (Dirichlet draws); D-optimal and V-optimal for a linear model
//! in the weights. After each step the laws are fitted to what was chosen, and the mixture of the pool that they say is best is
//! decided for. Its regret: how much higher its measured mean of the losses is than the lowest of all 512. Median and mean over
//! seeds. Prints, and checks against nothing; the data lie beside the repository.
//!
//! With the log-linear law and ten seeds, in % (median, mean), of November 2026; all 512 runs, all of them measured, decide with 0.00:
//!
//! | runs | 24 | 48 | 72 | 96 | 144 | 192 |
//! |---|---|---|---|---|---|---|
//! | `mixlaw next` | 1.39 (3.32) | 1.36 (2.10) | 0.94 (1.48) | 0.00 (0.25) | 0.00 (0.17) | 0.00 (0.05) |
//! | random | 1.39 (3.32) | 1.75 (2.04) | 1.12 (1.68) | 1.39 (2.11) | 0.94 (1.88) | 0.40 (0.65) |
//! | pool's order | 7.55 (7.42) | 1.36 (1.82) | 1.78 (2.06) | 0.50 (0.54) | 0.40 (0.72) | 0.40 (0.68) |
//! | D-optimal | 1.39 (3.32) | 0.72 (1.09) | 0.50 (0.56) | 0.50 (0.58) | 0.50 (0.49) | 0.50 (0.96) |
//! | V-optimal | 1.39 (3.32) | 1.39 (1.17) | 0.50 (0.95) | 0.50 (0.62) | 0.94 (0.62) | 0.50 (0.72) |
//!
//! So most users have the decision of all 512 runs from 96 on, where the mean is half of the best rival's. A few seeds still take an
//! unmeasured run that the law puts too low.

mod cheap;
#[path = "../../tests/published/mod.rs"]
mod published;

use mixlaw::Study;
use mixlaw::advise::{Evidence, advisers, next};
use mixlaw::fit::Options;
use mixlaw::fit::choose::{Candidates, candidates};
use mixlaw::observe::Observed;
use mixlaw::vocab::{CandidateRun, Mixture, NextAnswer, NextQuery, Observation, Observations};
use std::path::Path;

const FIRST: usize = 24;
const STEP: usize = 24;
const LAST: usize = 192;

/// A pool of runs whose losses are known.
struct Pool {
    study: Study,
    /// Mean of the losses, by run.
    objective: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Strategy {
    Next,
    Random,
    Order,
    DOptimal,
    VOptimal,
}

fn main() {
    // `cargo test --benches` calls this with `--test`: there is nothing to time then.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let mut laws = Vec::new();
    let mut seeds = 5;
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--cheap" => return cheap::print(),
            "--seeds" => seeds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(seeds),
            law => laws.push(law.to_owned()),
        }
    }
    if laws.is_empty() {
        laws.push("log-linear".to_owned());
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables/regmix.yaml");
    let Ok(study) = Study::open(&project) else {
        println!("not measured: it needs ../shared/data/regmix beside the repository");
        return;
    };
    let runs = study.observed().fitted[0].rows.len();
    let metrics = study.observed().fitted.len() as f64;
    let objective = (0..runs)
        .map(|i| study.observed().fitted.iter().map(|rows| rows.rows[i].loss).sum::<f64>() / metrics)
        .collect();
    let pool = Pool { study, objective };
    let sizes: Vec<usize> = (FIRST..=LAST).step_by(STEP).collect();
    println!("regret of the decision, % of the objective, by {laws:?}: median (mean) of {seeds} seeds\n");
    println!("{:<10}{}", "runs", sizes.iter().map(|n| format!("{n:>15}")).collect::<String>());
    for strategy in [Strategy::Next, Strategy::Random, Strategy::Order, Strategy::DOptimal, Strategy::VOptimal] {
        let of_seed: Vec<Vec<f64>> = (0..seeds).map(|seed| pool.course(strategy, &laws, seed, &sizes)).collect();
        let cell = |i: usize| {
            let mut all: Vec<f64> = of_seed.iter().map(|course| 100.0 * course[i]).collect();
            all.sort_by(f64::total_cmp);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            format!("{:>15}", format!("{:.2} ({mean:.2})", all[all.len() / 2]))
        };
        println!("{:<10}{}", format!("{strategy:?}"), (0..sizes.len()).map(cell).collect::<String>());
    }
    let all: Vec<usize> = (0..runs).collect();
    println!("\nall {runs}: {:.2}", 100.0 * pool.regret(&pool.fit(&laws, &all, 0), &all));
}

impl Pool {
    /// The regret after each size.
    fn course(&self, strategy: Strategy, laws: &[String], seed: u64, sizes: &[usize]) -> Vec<f64> {
        let runs = self.objective.len();
        let mut order: Vec<usize> = (0..runs).collect();
        if strategy == Strategy::Order {
            order.rotate_left(seed as usize * 97 % runs);
        } else {
            shuffle(&mut order, seed);
        }
        // The first runs are the same for all but the pool's own order.
        let mut chosen: Vec<usize> = order[..sizes[0]].to_vec();
        let mut course = Vec::new();
        for (i, size) in sizes.iter().enumerate() {
            let fits = self.fit(laws, &chosen, seed);
            course.push(self.regret(&fits, &chosen));
            let Some(next_size) = sizes.get(i + 1) else { break };
            let left: Vec<usize> = order.iter().copied().filter(|run| !chosen.contains(run)).collect();
            let count = next_size - size;
            let more = match strategy {
                Strategy::Next => self.proposed(&fits, &chosen, &left, count),
                Strategy::Random | Strategy::Order => left[..count].to_vec(),
                Strategy::DOptimal => self.optimal(&chosen, &left, count, false),
                Strategy::VOptimal => self.optimal(&chosen, &left, count, true),
            };
            chosen.extend(more);
        }
        course
    }

    fn observed(&self, chosen: &[usize]) -> Observed {
        let some = |rows: &Observations| {
            let row = |(run, i): (usize, &usize)| Observation { run, ..rows.rows[*i].clone() };
            Observations {
                rows: chosen.iter().enumerate().map(row).collect(),
                runs: chosen.iter().map(|i| format!("run{i}")).collect(),
                ..rows.clone()
            }
        };
        Observed { fitted: self.study.observed().fitted.iter().map(some).collect(), ..Observed::default() }
    }

    fn fit(&self, laws: &[String], chosen: &[usize], seed: u64) -> Vec<Candidates> {
        let options = Options { seed, bootstraps: 60, cross_validate: laws.len() > 1, ..Options::default() };
        self.observed(chosen).fitted.iter().map(|rows| candidates(laws, rows, &options, None)).collect()
    }

    /// Of the run of the pool that is said to be best: what was run is known, the rest is predicted.
    fn regret(&self, fits: &[Candidates], chosen: &[usize]) -> f64 {
        let predicted = |i: usize| {
            if chosen.contains(&i) {
                return self.objective[i];
            }
            let of = |(rows, fits): (&Observations, &Candidates)| {
                fits.adviser().map_or(f64::NAN, |fit| fit.predict(&rows.rows[i]))
            };
            self.study.observed().fitted.iter().zip(fits).map(of).sum::<f64>() / fits.len() as f64
        };
        let runs = 0..self.objective.len();
        let decided = runs.clone().min_by(|a, b| predicted(*a).total_cmp(&predicted(*b))).unwrap_or(0);
        let lowest = runs.map(|i| self.objective[i]).fold(f64::INFINITY, f64::min);
        self.objective[decided] / lowest - 1.0
    }

    fn proposed(&self, fits: &[Candidates], chosen: &[usize], left: &[usize], count: usize) -> Vec<usize> {
        let project = self.study.project();
        let observed = self.observed(chosen);
        let best = advisers(project, fits);
        let evidence = Evidence { project, observed: &observed, fits: &best, extrapolate: false };
        let rows = &self.study.observed().fitted[0].rows;
        let run = |i: &usize| CandidateRun {
            name: i.to_string(),
            mixture: Some(Mixture::from_weights(&project.domains, &rows[*i].mixture)),
            params: Some(rows[*i].params),
            tokens: Some(rows[*i].tokens),
            cost: Some(1.0),
        };
        let query = NextQuery {
            runs: Some(count),
            tolerance: 0.002,
            candidates: left.iter().map(run).collect(),
            ..NextQuery::default()
        };
        let NextAnswer::Plan(plan) = next(&evidence, fits, &query) else { return left[..count].to_vec() };
        let mut more: Vec<usize> = Vec::new();
        // The same run cannot be had twice from a pool; what is missing is taken in its order.
        let named = plan.runs.iter().filter_map(|run| run.name.as_deref()?.parse().ok());
        for run in named.chain(left.iter().copied()) {
            if more.len() < count && !more.contains(&run) {
                more.push(run);
            }
        }
        more
    }

    /// Greedy: each run adds most to the determinant of the information of a linear model in the weights, or takes most from
    /// the mean variance of its predictions for the pool.
    fn optimal(&self, chosen: &[usize], left: &[usize], count: usize, of_predictions: bool) -> Vec<usize> {
        let rows = &self.study.observed().fitted[0].rows;
        let features = |i: usize| &rows[i].mixture;
        let size = rows[0].mixture.len();
        // The inverse of the information, kept by Sherman and Morrison's formula from a weak prior on.
        let mut inverse: Vec<Vec<f64>> =
            (0..size).map(|i| (0..size).map(|j| if i == j { 1e3 } else { 0.0 }).collect()).collect();
        let times = |matrix: &[Vec<f64>], x: &[f64]| -> Vec<f64> {
            matrix.iter().map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let add = |inverse: &mut Vec<Vec<f64>>, x: &[f64]| {
            let y = times(inverse, x);
            let scale = 1.0 + dot(&y, x);
            for i in 0..size {
                for j in 0..size {
                    inverse[i][j] -= y[i] * y[j] / scale;
                }
            }
        };
        chosen.iter().for_each(|i| add(&mut inverse, features(*i)));
        let mut more: Vec<usize> = Vec::new();
        for _ in 0..count {
            let worth = |i: usize| {
                let y = times(&inverse, features(i));
                let own = dot(&y, features(i));
                let others = || (0..rows.len()).map(|j| dot(&y, features(j)).powi(2)).sum::<f64>() / (1.0 + own);
                if of_predictions { others() } else { own }
            };
            let free = left.iter().copied().filter(|i| !more.contains(i));
            let Some(best) = free.max_by(|a, b| worth(*a).total_cmp(&worth(*b))) else { break };
            add(&mut inverse, features(best));
            more.push(best);
        }
        more
    }
}

/// SplitMix64.
fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    for i in (1..order.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(i, ((bits ^ bits >> 31) % (i as u64 + 1)) as usize);
    }
}
