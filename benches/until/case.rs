//! A user with a made-up truth, the runs launched so far, and what `mixlaw next` says of them.

use super::truths::{Random, corner, lowest};
use mixlaw::Study;
use mixlaw::advise::{Evidence, advisers, next};
use mixlaw::vocab::{NextAnswer, NextQuery, Plan};
use std::path::Path;

pub const DOMAINS: usize = 4;
/// Runs that users have to begin with.
pub const FIRST: usize = 16;
pub const LEAST: f64 = 0.05;
pub const MOST: f64 = 0.8;
/// N and D of what is launched; the target is the last.
pub const SCALES: [(f64, f64); 3] = [(2e7, 4e8), (6e7, 1.2e9), (2e8, 4e9)];

#[derive(Debug, Clone, Copy)]
pub enum Form {
    Mixing,
    BiMix,
    Helping,
}

/// A form with its parameters.
pub struct Truth {
    form: Form,
    /// By domain of the loss: floor, exponents and scales in [0, 1).
    own: [[f64; 4]; DOMAINS],
    /// What each domain of the mixture does to each loss, in [0, 1).
    cross: [[f64; DOMAINS]; DOMAINS],
}

impl Truth {
    fn drawn(form: Form, random: &mut Random) -> Self {
        let own = std::array::from_fn(|_| std::array::from_fn(|_| random.next()));
        Self { form, own, cross: std::array::from_fn(|_| std::array::from_fn(|_| random.next())) }
    }

    fn loss(&self, i: usize, n: f64, d: f64, r: &[f64]) -> f64 {
        let [a, b, c, e] = self.own[i];
        let size = (1.0 + a) * (n / 1e8).powf(-0.3) + 0.5 * (d / 1e9).powf(-0.3);
        match self.form {
            Form::Mixing => {
                let t = |j: usize| if i == j { -1.5 - 2.0 * b } else { 0.8 * (self.cross[i][j] - 0.7) };
                1.5 + 0.5 * e + 0.2 * size + (0.6 + 0.8 * c) * (0..DOMAINS).map(|j| t(j) * r[j]).sum::<f64>().exp()
            }
            Form::BiMix => {
                let alpha = 0.03 + 0.08 * b;
                (1.2 + 0.6 * c) / r[i].powf(alpha) * (0.4 * (d / 1e9).powf(-0.25) + 1.0 + 0.4 * e)
            }
            Form::Helping => {
                let help = |j: usize| if i == j { 1.0 } else { 0.4 * self.cross[i][j].powi(3) };
                let useful = (0..DOMAINS).map(|j| help(j) * r[j]).sum::<f64>();
                1.4 + 0.4 * e + 0.2 * (n / 1e8).powf(-0.3) + (0.4 + 0.4 * c) * (d * useful / 1e9).powf(-0.2 - 0.2 * b)
            }
        }
    }

    /// The mean of the losses at the target.
    pub fn objective(&self, r: &[f64]) -> f64 {
        let (n, d) = SCALES[SCALES.len() - 1];
        (0..DOMAINS).map(|i| self.loss(i, n, d, r)).sum::<f64>() / DOMAINS as f64
    }

    /// The lowest objective within the bounds.
    fn best(&self, random: &mut Random) -> f64 {
        let of = |mixtures: &[Vec<f64>]| mixtures.iter().map(|r| self.objective(r)).collect();
        lowest(&of, DOMAINS, (LEAST, MOST), random).1
    }
}

/// A user's truth and runs.
pub struct Case {
    pub truth: Truth,
    /// The lowest objective.
    pub lowest: f64,
    noise: f64,
    random: Random,
    pub rows: Vec<String>,
}

impl Case {
    /// Without runs.
    pub fn new(form: Form, user: u64, noise: f64) -> Self {
        let mut random = Random(user.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((form as u64 + 1) << 32));
        let truth = Truth::drawn(form, &mut random);
        let lowest = truth.best(&mut random);
        Self { truth, lowest, noise, random, rows: Vec::new() }
    }

    /// With the first runs.
    pub fn begun(form: Form, user: u64, noise: f64) -> Self {
        let mut case = Self::new(form, user, noise);
        for i in 0..FIRST {
            // The corners of what is allowed first, so that what the runs cover is what may be decided for.
            let mixture =
                if i < DOMAINS { corner(DOMAINS, i, MOST) } else { case.random.within(DOMAINS, (LEAST, MOST)) };
            let (n, d) = SCALES[i % 2];
            case.launch(n, d, &mixture);
        }
        case
    }

    pub fn launch(&mut self, n: f64, d: f64, r: &[f64]) {
        let loss = |i: usize| self.truth.loss(i, n, d, r) * (self.noise * self.random.normal()).exp();
        let losses: Vec<f64> = (0..DOMAINS).map(loss).collect();
        self.rows.push(line(self.rows.len(), (n, d), r, &losses));
    }
}

/// A run as a line of a table.
pub fn line(name: usize, (n, d): (f64, f64), weights: &[f64], losses: &[f64]) -> String {
    let show = |all: &[f64]| all.iter().map(|value| format!("{value:.6}")).collect::<Vec<_>>().join(",");
    format!("run{name},{n},{d},{},{}", show(weights), show(losses))
}

/// Writes a project over so many domains with these lines for its runs.
pub fn write(folder: &Path, domains: usize, rows: &[String], laws: &str) -> std::io::Result<()> {
    let names = names(domains);
    let columns = |prefix: &str| names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(",");
    let head = format!("name,params,tokens,{},{}", columns("p_"), columns("l_"));
    std::fs::write(folder.join("runs.csv"), format!("{head}\n{}\n", rows.join("\n")))?;
    let bounds: Vec<String> = names.iter().map(|name| format!("{name}: [{LEAST}, {MOST}]")).collect();
    let (n, d) = SCALES[SCALES.len() - 1];
    let yaml = format!(
        "tables:\n  - path: runs.csv\n    run: name\n    params: params\n    tokens: tokens\n    mixture: {{ prefix: p_ }}\n    \
         metrics: {{ prefix: l_ }}\ntarget: {{ params: {n}, tokens: {d} }}\nmixture: {{ bounds: {{ {} }} }}\nlaws: {laws}\n\
         fit: {{ bootstraps: 60 }}\n",
        bounds.join(", ")
    );
    std::fs::write(folder.join("mixlaw.yaml"), yaml)
}

/// What is proposed after these runs; `None` where nothing can be. `extrapolate`: any mixture within the bounds may be decided for.
pub fn planned(
    folder: &Path,
    domains: usize,
    rows: &[String],
    laws: &str,
    query: &NextQuery,
    extrapolate: bool,
) -> Option<Plan> {
    write(folder, domains, rows, laws).ok()?;
    let study = Study::open(folder).unwrap_or_else(|failure| panic!("{failure:?}"));
    let laws = study.fit();
    let fits = advisers(study.project(), &laws.fits);
    let evidence = Evidence { project: study.project(), observed: study.observed(), fits: &fits, extrapolate };
    match next(&evidence, &laws.fits, query) {
        NextAnswer::Plan(plan) => Some(plan),
        NextAnswer::Abstained(_) => None,
    }
}

/// Names of so many domains.
pub fn names(domains: usize) -> Vec<String> {
    ["books", "code", "maths", "web", "wiki", "papers", "forums"].into_iter().take(domains).map(str::to_owned).collect()
}
