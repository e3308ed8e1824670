//! How long a recommendation takes: `cargo bench --bench recommend`.
//!
//! 1,000 observations of seven corpora at five sizes and five lengths (of 40 mixtures, and each of a mixture of its own), a law for each
//! of seven losses with 200 bootstrap members, and everything that can restrict a mixture: minimum and maximum shares, a group, a fixed
//! share, supply with epochs, distance and divergence from the current mixture, and a limit on two losses. The laws are fitted before the clock starts. What is timed is all of `advise::recommend`:
//! the test of whether the mixture matters, the search by the best guess, that under limits which must hold with a probability, that
//! outside what the runs have explored, probabilities, ranges and reasons.

use mixlaw::advise::{Evidence, recommend};
use mixlaw::fit::{Fit, Options, fit};
use mixlaw::observe::Observed;
use mixlaw::project::{Base, Constraint, Group, Objective, Project, Slack, Target, Wanted};
use mixlaw::vocab::{Advice, Metric, Mixture, Observation, Observations, Scale};
use std::collections::BTreeMap;
use std::time::Instant;

const CORPORA: usize = 7;
const ROUNDS: usize = 7;
const ROWS: usize = 1000;

fn main() {
    let domains: Vec<String> = (0..CORPORA).map(|d| format!("corpus{d}")).collect();
    for mixtures in [40, ROWS] {
        println!("{ROWS} observations of {mixtures} mixtures, {CORPORA} corpora");
        time(&domains, mixtures);
    }
}

/// Times recommendations from runs of so many mixtures.
fn time(domains: &[String], mixtures: usize) {
    let losses: Vec<Observations> = (0..CORPORA).map(|own| rows(domains, own, mixtures)).collect();
    for law in ["exponential", "additive", "joint"] {
        let options = Options { bootstraps: 200, ..Options::default() };
        let fits: Vec<Fit> = losses.iter().filter_map(|rows| fit(law, rows, &options, None).ok()).collect();
        if fits.len() < CORPORA {
            println!("{law}: not fitted");
            continue;
        }
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let observed =
            Observed { fitted: losses.clone(), starts: vec![Observations::default(); CORPORA], ..Observed::default() };
        for (name, goal, slack) in [
            ("weighted mean", Wanted::Mean, 0.03),
            ("weighted mean, limits that bind", Wanted::Mean, 0.002),
            ("worst beside current", Wanted::Worst(Some(Base::Current)), 0.03),
        ] {
            let project = project(domains, goal, slack);
            let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
            let (mut took, mut worked): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
            let mut said = String::new();
            for _ in 0..ROUNDS {
                let (began, worked_before) = (Instant::now(), cpu_seconds());
                let advice = recommend(&evidence);
                took.push(began.elapsed().as_secs_f64());
                worked.push(cpu_seconds() - worked_before);
                said = match advice {
                    Advice::Recommendation(advised) => {
                        let binds = advised.reasons.iter().any(|reason| reason.contains("The limit stops us"));
                        format!("gain {:.5}{}", advised.gain, if binds { ", a limit binds" } else { "" })
                    }
                    Advice::Abstained(_) => "the current mixture is the best".to_owned(),
                };
            }
            let median = |mut seconds: Vec<f64>| {
                seconds.sort_by(f64::total_cmp);
                1e3 * seconds[ROUNDS / 2]
            };
            println!(
                "{law}, {name}: {:.0} ms, of processor time {:.0} ms, medians of {ROUNDS} ({said})",
                median(took),
                median(worked)
            );
        }
    }
}

/// Processor time of this process, all threads, seconds.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A number from 0 to 1 that is the same on every machine.
fn noise(i: usize, j: usize) -> f64 {
    let x = ((i * 7919 + j * 104_729 + 13) as f64 * 12.9898).sin() * 43_758.545;
    x - x.floor()
}

fn rows(domains: &[String], own: usize, mixtures: usize) -> Observations {
    let mut data = Observations {
        metric: format!("eval/{}/loss", domains[own]),
        domains: domains.to_vec(),
        own: Some(own),
        ..Observations::default()
    };
    for run in 0..ROWS {
        let m = run * mixtures / ROWS;
        let raw: Vec<f64> = (0..CORPORA).map(|d| -(noise(m, d).max(1e-6)).ln() + 0.05).collect();
        let sum: f64 = raw.iter().sum();
        let mixture: Vec<f64> = raw.iter().map(|w| w / sum).collect();
        let params = [2e7, 5e7, 1e8, 2e8, 4e8][run / 5 % 5];
        let tokens = [5e8, 1e9, 2e9, 4e9, 8e9][run % 5];
        let fall = 0.4 * (1.0 - (-4.0 * mixture[own]).exp()) + 0.05 * mixture[(own + 1) % CORPORA];
        let loss = 1.5 + 400.0 / f64::powf(params, 0.34) + 900.0 / f64::powf(tokens, 0.32) - fall
            + 0.1 * own as f64
            + 0.004 * (noise(run, own) - 0.5);
        data.runs.push(format!("run{run}"));
        data.rows.push(Observation { loss, run, ..Scale::dense(params, tokens).at(mixture) });
    }
    data
}

fn project(domains: &[String], goal: Wanted, slack: f64) -> Project {
    let metrics = domains.iter().map(|d| Metric::of_domain(d, &format!("eval/{d}/loss"))).collect();
    let current = domains.iter().enumerate().map(|(d, name)| (name.clone(), if d == 0 { 0.4 } else { 0.1 })).collect();
    let limit = |domain: usize, part: f64| Constraint {
        metric: domains[domain].clone(),
        base: Base::Current,
        slack: Slack::Relative(part),
        text: format!("{} <= current + {}%", domains[domain], 100.0 * part),
    };
    Project {
        metrics,
        domains: domains.to_vec(),
        target: Target { params: Some(4e8), tokens: Some(8e9), ..Target::default() },
        current: Some(Mixture(current)),
        bounds: domains.iter().map(|d| (d.clone(), [0.02, 0.6])).collect(),
        groups: BTreeMap::from([
            ("some".to_owned(), Group { domains: domains[1..4].to_vec(), share: [0.2, 0.5], held: None }),
            ("fixed".to_owned(), Group { domains: domains[4..6].to_vec(), share: [0.2; 2], held: None }),
        ]),
        available_tokens: domains.iter().map(|d| (d.clone(), 1e9)).collect(),
        max_epochs: 3.5,
        max_change: Some(0.3),
        max_divergence: Some(0.3),
        objective: Objective {
            minimize: domains.iter().map(|d| (d.clone(), 1.0 / CORPORA as f64)).collect(),
            goal,
            subject_to: vec![limit(0, slack), limit(1, slack)],
        },
        ..Project::default()
    }
}
