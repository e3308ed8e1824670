//! What it costs to reach a mixture that is good enough, by each rule of launching runs, from no run at all.
//!
//! Users differ in what they do, and in nothing else: the truth, the natural shares, the bounds, the noise of runs and the scales that they may
//! launch at are the same for all, and all know them but the truth. Of the target nobody has a run. After each run (each second one from some
//! runs on) the mixture that a rule would decide for is looked at, which costs nothing, and no rule learns how good it is. What a user has
//! spent is the FLOPs up to the first run after which the regret is within the tolerance for [`STAYS`] looks, one after another.

use super::case::{LEAST, MOST, SCALES, line, names, planned, write};
use super::truths::{Random, Truth, laws_of_mixtures, lowest};
use mixlaw::advise::design::design;
use mixlaw::fit::{Fit, Options, fit};
use mixlaw::laws;
use mixlaw::project::Project;
use mixlaw::vocab::{DesignMethod, DesignQuery, Mixture, NextQuery, Observation, Plan, Scale};
use std::path::Path;

/// Looks in which the regret stays within the tolerance.
const STAYS: usize = 4;
/// Looks at every run up to so many for each domain; then at each second one.
const EACH: usize = 4;
/// Of the runs that a user may launch, the part that may be random draws, which cost five times as much each.
const DRAWN: f64 = 2.0 / 3.0;

/// What users face.
pub struct Asked<'a> {
    pub laws: &'a str,
    pub noise: f64,
    pub tolerance: f64,
    pub domains: usize,
    /// Runs in the end, for each domain.
    pub most: usize,
    pub users: u64,
    /// Laws whose truths are asked for; all where empty.
    pub truths: &'a [String],
    /// Rules that are left out.
    pub without: &'a [String],
    /// Whether every look is printed.
    pub looks: bool,
}

/// By which rule users launch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// `mixlaw design --method d-optimal` for the first runs, at the smallest scale, then `mixlaw next`.
    Next,
    /// Mixtures drawn evenly within the bounds, at the two smaller scales in turn, and the laws that `Next` has. As draws seldom come near a
    /// corner, mixtures beyond them are decided for, too (`recommend --extrapolate`). Looked at after each two.
    Random,
    /// Olmix's: a Dirichlet swarm around the natural shares at the smallest scale, and the optimum of log-linear laws. Decided after every
    /// run, which is more often than the rule says.
    Swarm,
    /// The same as the rule says: nothing is decided before three runs for each parameter, 3(m + 1), and then after as many again.
    Olmix,
}

const RULES: [Rule; 4] = [Rule::Next, Rule::Random, Rule::Swarm, Rule::Olmix];

/// What a user has spent: FLOPs and runs; infinite where the tolerance is not reached.
type Spent = (f64, f64);

pub fn print(asked: &Asked<'_>) {
    println!(
        "Median FLOPs/1e17 (runs), and how many reached it; next against random, olmix, swarm: cheaper/tied/dearer."
    );
    let mut pooled: Vec<[Spent; 4]> = Vec::new();
    for law in laws_of_mixtures() {
        let name = law.info().name;
        if !asked.truths.is_empty() && !asked.truths.iter().any(|wanted| wanted == name) {
            continue;
        }
        let mut random = Random(1);
        name.bytes().for_each(|byte| random.0 = random.0.wrapping_mul(257).wrapping_add(u64::from(byte)));
        let seeds: Vec<u64> =
            (0..asked.users).map(|user| random.0 ^ user.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let all: Vec<[Spent; 4]> = seeds.iter().filter_map(|seed| of_user(law, *seed, asked)).collect();
        say(name, &all);
        pooled.extend(all);
    }
    say("all", &pooled);
}

/// For each law, how much of the regret at the target scales below it leave to whoever finds their best mixture; and, of a law that is solved
/// for, to whoever knows to the last digit what drew the losses that it was solved on.
pub fn print_truths(asked: &Asked<'_>) {
    println!(
        "{:<18}{:>6}{:>16}{:>16}{:>16}{:>16}{:>16}  median (third quartile)",
        "truth", "users", "smallest, %", "middle, %", "equal, %", "changes", "beneath, %"
    );
    for law in laws_of_mixtures() {
        let name = law.info().name;
        let mut all: Vec<[f64; 5]> = Vec::new();
        let began = std::time::Instant::now();
        for user in 0..asked.users {
            let mut random = Random(user.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 77);
            let bounds = (LEAST, MOST);
            let Some(truth) = Truth::drawn(law, asked.domains, &SCALES, bounds, &mut random) else { continue };
            let (_, least) = truth.lowest(SCALES[2], bounds, &mut random);
            let mut regret = |scale: (f64, f64)| {
                let (at, _) = truth.lowest(scale, bounds, &mut random);
                100.0 * (truth.objectives(SCALES[2], &[at])[0] / least - 1.0)
            };
            let equal = truth.objectives(SCALES[2], &[vec![1.0 / asked.domains as f64; asked.domains]])[0];
            let moved =
                (0..asked.domains).map(|own| changed(&truth, own, asked.domains)).sum::<f64>() / asked.domains as f64;
            let (smallest, middle) = (regret(SCALES[0]), regret(SCALES[1]));
            let known = truth.best_beneath(SCALES[2], bounds, &mut random);
            let beneath = known.map_or(0.0, |at| 100.0 * (truth.objectives(SCALES[2], &[at])[0] / least - 1.0));
            all.push([smallest, middle, 100.0 * (equal / least - 1.0), moved, beneath]);
        }
        let quartiles = |which: usize| {
            let mut all: Vec<f64> = all.iter().map(|of| of[which]).collect();
            all.sort_by(f64::total_cmp);
            let at =
                |q: usize| all.get((all.len() * q / 4).min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
            format!("{:.2} ({:.2})", at(2), at(3))
        };
        println!(
            "{name:<18}{:>6}{:>16}{:>16}{:>16}{:>16}{:>16}  {:.1} s",
            all.len(),
            quartiles(0),
            quartiles(1),
            quartiles(2),
            quartiles(3),
            quartiles(4),
            began.elapsed().as_secs_f64()
        );
    }
}

/// By how much what mixtures differ by in ln L is another at the target than at the smallest scale, beside what they differ by, for each
/// factor of e.
fn changed(truth: &Truth, own: usize, domains: usize) -> f64 {
    let mut random = Random(3);
    let mixtures: Vec<Vec<f64>> = (0..40).map(|_| random.within(domains, (LEAST, MOST))).collect();
    let centred = |scale: (f64, f64)| {
        let logs: Vec<f64> = truth.losses(own, scale, &mixtures).into_iter().map(f64::ln).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        logs.into_iter().map(|log| log - mean).collect::<Vec<f64>>()
    };
    let (small, large) = (centred(SCALES[0]), centred(SCALES[2]));
    let root = |all: &mut dyn Iterator<Item = f64>| all.map(|value| value * value).sum::<f64>().sqrt();
    let apart = root(&mut small.iter().zip(&large).map(|(a, b)| a - b));
    apart / root(&mut small.iter().copied()) / (SCALES[2].0 / SCALES[0].0).ln()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn say(name: &str, all: &[[Spent; 4]]) {
    let cell = |rule: usize| {
        let reached = all.iter().filter(|of| of[rule].0.is_finite()).count();
        let flops = median(all.iter().map(|of| of[rule].0).collect()) / 1e17;
        let runs = median(all.iter().map(|of| of[rule].1).collect());
        format!("{flops:>8.2} ({runs:>3}) {reached:>3}")
    };
    let pairs = |rival: usize| {
        let count = |is: fn(f64, f64) -> bool| all.iter().filter(|of| is(of[0].0, of[rival].0)).count();
        format!("{}/{}/{}", count(|a, b| a < b), count(|a, b| a == b), count(|a, b| a > b))
    };
    let cells: Vec<String> = (0..RULES.len()).map(|rule| format!("{:?}{}", RULES[rule], cell(rule))).collect();
    let against = [1, 3, 2].map(pairs);
    println!("{name:<16}{:>4}  {}   {}", all.len(), cells.join("  "), against.join("  "));
}

/// What each rule costs a user; `None` where there is no such truth.
fn of_user(law: &'static dyn laws::Law, seed: u64, asked: &Asked<'_>) -> Option<[Spent; 4]> {
    let bounds = (LEAST, MOST);
    let mut random = Random(seed);
    let truth = Truth::drawn(law, asked.domains, &SCALES, bounds, &mut random)?;
    let natural = random.within(asked.domains, bounds);
    let (_, lowest) = truth.lowest(SCALES[SCALES.len() - 1], bounds, &mut random);
    let user = User { truth: &truth, natural, lowest, seed, asked };
    let is_left_out = |rule: Rule| asked.without.iter().any(|name| format!("{rule:?}").eq_ignore_ascii_case(name));
    let [next, drawn, swarm] = [Rule::Next, Rule::Random, Rule::Swarm]
        .map(|rule| if is_left_out(rule) { Vec::new() } else { user.course(rule) });
    let batch = 3 * (asked.domains + 1);
    let whole: Vec<Look> = swarm.iter().filter(|look| look.runs.is_multiple_of(batch)).cloned().collect();
    Some([spent(&next, STAYS), spent(&drawn, STAYS), spent(&swarm, STAYS), spent(&whole, 1)])
}

/// What a rule would decide for after so many runs.
#[derive(Debug, Clone)]
struct Look {
    flops: f64,
    runs: usize,
    within: bool,
}

/// Whether nothing that is asked of a course depends on further runs.
fn ends(rule: Rule, course: &[Look], batch: usize) -> bool {
    let whole = || course.iter().any(|look| look.within && look.runs.is_multiple_of(batch));
    stays(course, STAYS).is_some() && (rule != Rule::Swarm || whole())
}

fn stays(course: &[Look], looks: usize) -> Option<&Look> {
    course.windows(looks).find(|of| of.iter().all(|look| look.within)).map(|of| &of[0])
}

fn spent(course: &[Look], looks: usize) -> Spent {
    stays(course, looks).map_or((f64::INFINITY, f64::INFINITY), |look| (look.flops, look.runs as f64))
}

struct User<'a> {
    truth: &'a Truth,
    natural: Vec<f64>,
    lowest: f64,
    seed: u64,
    asked: &'a Asked<'a>,
}

/// Runs of one user by one rule.
struct Launched {
    rows: Vec<Observation>,
    losses: Vec<Vec<f64>>,
    lines: Vec<String>,
    flops: f64,
    random: Random,
}

impl User<'_> {
    fn course(&self, rule: Rule) -> Vec<Look> {
        let domains = self.asked.domains;
        let dir = tempfile::tempdir().expect("a scratch directory");
        // Runs scatter alike whatever the rule; draws are each rule's own.
        let mut all = Launched {
            rows: Vec::new(),
            losses: Vec::new(),
            lines: Vec::new(),
            flops: 0.0,
            random: Random(self.seed ^ 5),
        };
        let mut draws = Random(self.seed ^ 9);
        let part = if rule == Rule::Random { DRAWN } else { 1.0 };
        let most = domains * (self.asked.most as f64 * part).round() as usize;
        let batch = 3 * (domains + 1);
        let first = match rule {
            Rule::Next => self.designed(dir.path(), DesignMethod::DOptimal, domains + 2, 0),
            Rule::Random => Vec::new(),
            Rule::Swarm | Rule::Olmix => (0..most.div_ceil(batch))
                .flat_map(|i| self.designed(dir.path(), DesignMethod::Natural, batch, i as u64))
                .collect(),
        };
        let mut course: Vec<Look> = Vec::new();
        let mut plan: Option<Plan> = None;
        while all.rows.len() < most && !ends(rule, &course, batch) {
            // The whole swarm is looked at, too.
            let at = all.rows.len();
            let each = at < EACH * domains && rule != Rule::Random || (at + 1).is_multiple_of(batch);
            let more = if each { 1 } else { 2 };
            for i in 0..more {
                let at = all.rows.len();
                let proposed = plan.as_ref().filter(|_| rule == Rule::Next).and_then(|plan| plan.runs.get(i));
                let (scale, weights) = match (first.get(at), proposed) {
                    (Some(weights), _) => (SCALES[0], weights.clone()),
                    (None, Some(run)) => ((run.scale.params, run.scale.tokens), run.mixture.weights(&names(domains))),
                    (None, None) => {
                        (SCALES[if rule == Rule::Random { at % 2 } else { 0 }], draws.within(domains, (LEAST, MOST)))
                    }
                };
                self.launch(&mut all, scale, &weights);
            }
            let left = first.len().saturating_sub(all.rows.len());
            let decided = match rule {
                Rule::Swarm | Rule::Olmix => self.by_log_linear(&all, &mut draws),
                _ => {
                    let ahead = if rule == Rule::Random || left > 0 { 1 } else { 2 };
                    let query =
                        NextQuery { runs: Some(ahead), tolerance: self.asked.tolerance, ..NextQuery::default() };
                    let few = all.rows.len() <= domains;
                    let ask =
                        || planned(dir.path(), domains, &all.lines, self.asked.laws, &query, rule == Rule::Random);
                    plan = if few { None } else { ask() };
                    plan.as_ref().and_then(|plan| plan.now.mixture.as_ref()).map(|m| m.weights(&names(domains)))
                }
            };
            let target = SCALES[SCALES.len() - 1];
            let regret =
                decided.map_or(f64::INFINITY, |at| self.truth.objectives(target, &[at])[0] / self.lowest - 1.0);
            if self.asked.looks {
                let last = &all.rows[all.rows.len() - 1];
                println!(
                    "  {rule:?} {} {:.2e} {:.3} % last {:.1e} {:.2?}",
                    all.rows.len(),
                    all.flops,
                    100.0 * regret,
                    last.params,
                    last.mixture
                );
            }
            course.push(Look { flops: all.flops, runs: all.rows.len(), within: regret <= self.asked.tolerance });
        }
        course
    }

    fn launch(&self, all: &mut Launched, (params, tokens): (f64, f64), weights: &[f64]) {
        let mixture = [weights.to_vec()];
        let one = |own: usize| self.truth.losses(own, (params, tokens), &mixture)[0];
        let exact: Vec<f64> = (0..weights.len()).map(one).collect();
        let losses: Vec<f64> = exact.iter().map(|loss| loss * (self.asked.noise * all.random.normal()).exp()).collect();
        all.flops += 6.0 * params * tokens;
        all.lines.push(line(all.lines.len(), (params, tokens), weights, &losses));
        let run = all.rows.len();
        all.rows.push(Observation { run, ..Scale::dense(params, tokens).at(weights.to_vec()) });
        all.losses.push(losses);
    }

    /// What `mixlaw design` says to someone without runs.
    fn designed(&self, folder: &Path, method: DesignMethod, mixtures: usize, seed: u64) -> Vec<Vec<f64>> {
        let names = names(self.asked.domains);
        write(folder, self.asked.domains, &[], self.asked.laws).expect("a project");
        let mut project = Project::load(folder).unwrap_or_else(|error| panic!("{error:?}"));
        project.domains.clone_from(&names);
        let query = DesignQuery {
            method,
            law: "log-linear".to_owned(),
            mixtures: Some(mixtures),
            prior: Some(Mixture::from_weights(&names, &self.natural)),
            params: vec![SCALES[0].0],
            tokens: Some(SCALES[0].1),
            seed: self.seed ^ seed,
            ..DesignQuery::default()
        };
        let answer = design(&project, &query).unwrap_or_else(|error| panic!("{error}"));
        answer.runs.iter().map(|run| run.mixture.weights(&names)).collect()
    }

    /// The optimum of log-linear laws within the bounds.
    fn by_log_linear(&self, all: &Launched, random: &mut Random) -> Option<Vec<f64>> {
        let domains = self.asked.domains;
        let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
        let of = |own: usize| {
            let row = |(row, losses): (&Observation, &Vec<f64>)| Observation { loss: losses[own], ..row.clone() };
            let rows = mixlaw::vocab::Observations {
                metric: format!("l_{own}"),
                domains: names(domains),
                own: Some(own),
                runs: (0..all.rows.len()).map(|run| format!("run{run}")).collect(),
                rows: all.rows.iter().zip(&all.losses).map(row).collect(),
                ..mixlaw::vocab::Observations::default()
            };
            let lacking = laws::get("log-linear")?.missing(&rows);
            if lacking.is_empty() { fit("log-linear", &rows, &options, None).ok() } else { None }
        };
        let fits: Vec<Fit> = (0..domains).map(of).collect::<Option<_>>()?;
        let place = |weights: &Vec<f64>| Observation { mixture: weights.clone(), ..all.rows[0].clone() };
        let objective = |mixtures: &[Vec<f64>]| {
            let places: Vec<Observation> = mixtures.iter().map(place).collect();
            let mut sums = vec![0.0; places.len()];
            for fit in &fits {
                places.iter().zip(&mut sums).for_each(|(place, sum)| *sum += fit.predict(place));
            }
            sums
        };
        Some(lowest(&objective, domains, (LEAST, MOST), random).0)
    }
}
