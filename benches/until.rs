//! Whether `mixlaw next --until 95%` is right as often as it says:
//! `cargo bench --bench until [-- LAW… --users N --noise SD --tolerance EPS --stated | --against --before N]`.
//!
//! Simulated users with four domains and a truth that is drawn for each: a data mixing law (L = c + k·exp(Σ t·r)), BiMix
//! (L = A/r^α·(B/D^β + C)), or domains that help each other with diminishing returns (L = E + A/N^α + B/(D·Σ c·r)^β). They begin
//! with 16 runs and launch what is proposed, eight at a time, until the probability that the regret is at most 0.5 % is said to be
//! 95 %, or they have launched 96. Then they take the mixture that is best on average, and its true regret is worked out. Prints of
//! each truth how many stopped, after how many runs, and how many of those were right; and over all steps of all users, how often
//! the regret was within 0.5 % where a probability was said (calibration). With `--stated`, how many runs `--until 95%` says are
//! needed from the first 16 on, whether the regret is within 0.5 % once all of them have been launched and the laws fitted anew, and
//! how many of them it took (all runs stated, by all runs needed). Checks against nothing.
//!
//! With `--against`, what launching until the regret is within the tolerance and stays there costs by `mixlaw next`, with random mixtures at
//! the two smaller scales, and by Olmix's rule (a swarm at the smallest scale, a log-linear law), from the same eight (or `--before`) runs
//! at the smallest scale on.
//!
//! With `bimix additive log-linear --users 10 --against --tolerance 0.002 --before 4`, in November 2026, median FLOPs by `next`, at random, by
//! Olmix's rule: mixing law 2.9e17, 64e17, 2.9e17; BiMix 2.9e17, 6.7e17, 2.9e17; helping domains 2.9e17, 11.5e17, 2.9e17. From eight runs on, and
//! with noise of 1 %, `next` and Olmix's rule need no more than these. In these truths what the best mixture is hardly depends on the scale, so
//! that nothing could be cheaper than the smallest one.
//!
//! With `bimix additive log-linear --users 8 --stated`, in November 2026: all 24 are told a number of runs (mixing law median 2 runs; BiMix
//! none; helping domains 6 runs), all 24 are right, and the runs stated are 1.0 to 1.4 times those needed, which is none in all 24. For
//! 0.1 % (`--tolerance 0.001`) 18 of 24 are told (mixing law 8 of 8, median 26 runs; BiMix 8 of 8, none; helping domains 2 of 8), and all
//! 18 are right. Before laws were taken to be wrong about the target by no more than losses change by on the way there, these were 16 and 7
//! of 24, and no BiMix for 0.1 %.

use mixlaw::Study;
use mixlaw::advise::{Evidence, next};
use mixlaw::fit::choose::Candidates;
use mixlaw::vocab::{NextAnswer, NextQuery};
use std::path::Path;

const DOMAINS: usize = 4;
const FIRST: usize = 16;
const STEP: usize = 8;
const LAST: usize = 96;
const SAID: f64 = 0.95;
const LEAST: f64 = 0.05;
const MOST: f64 = 0.8;
/// N and D of what is launched; the target is the last.
const SCALES: [(f64, f64); 3] = [(2e7, 4e8), (6e7, 1.2e9), (2e8, 4e9)];

fn main() {
    // `cargo test --benches` calls this with `--test`: there is nothing to time then.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let (mut laws, mut users, mut stated, mut against) = (Vec::new(), 20_u64, false, false);
    let mut asked = Asked { laws: String::new(), noise: 0.003, tolerance: 0.005, before: 8 };
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--users" => users = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(users),
            "--noise" => asked.noise = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(asked.noise),
            "--tolerance" => asked.tolerance = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(asked.tolerance),
            "--before" => asked.before = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(asked.before),
            "--stated" => stated = true,
            "--against" => against = true,
            law => laws.push(law.to_owned()),
        }
    }
    asked.laws = if laws.is_empty() { "auto".to_owned() } else { format!("[{}]", laws.join(", ")) };
    let Asked { laws, noise, tolerance, .. } = &asked;
    println!("laws: {laws}; noise {noise}; {users} users of each truth; regret ≤ {} %\n", 100.0 * tolerance);
    if stated {
        return of_statements(&asked, users);
    }
    if against {
        return of_rivals(&asked, users);
    }
    println!("{:<14}{:>9}{:>14}{:>9}{:>22}", "truth", "stopped", "median runs", "right", "median regret, %");
    let mut told: Vec<(f64, bool)> = Vec::new();
    for form in [Form::Mixing, Form::BiMix, Form::Helping] {
        let ends: Vec<End> = (0..users).map(|user| play(form, user, &asked, &mut told)).collect();
        let stopped: Vec<&End> = ends.iter().filter(|end| end.stopped).collect();
        let right = stopped.iter().filter(|end| end.regret <= asked.tolerance).count();
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let runs = median(stopped.iter().map(|end| end.runs as f64).collect());
        let regret = median(stopped.iter().map(|end| 100.0 * end.regret).collect());
        println!(
            "{:<14}{:>9}{runs:>14}{:>9}{regret:>22.3}",
            format!("{form:?}"),
            stopped.len(),
            format!("{right}/{}", stopped.len())
        );
    }
    println!("\n{:<14}{:>9}{:>12}{:>14}", "said", "steps", "mean said", "were right");
    for (low, high) in [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 0.95), (0.95, 1.01)] {
        let of: Vec<&(f64, bool)> = told.iter().filter(|(said, _)| (low..high).contains(said)).collect();
        let share = |sum: f64| format!("{:.0} %", 100.0 * sum / of.len() as f64);
        let (said, right) = (of.iter().map(|told| told.0).sum(), of.iter().filter(|told| told.1).count() as f64);
        println!("{:<14}{:>9}{:>12}{:>14}", format!("{low:.2}–{high:.2}"), of.len(), share(said), share(right));
    }
}

/// What is asked for.
struct Asked {
    laws: String,
    noise: f64,
    tolerance: f64,
    /// Runs that a comparison of rules begins with; half as many follow at a time.
    before: usize,
}

/// What `--until 95%` says from the first runs on, and what it takes.
fn of_statements(asked: &Asked, users: u64) {
    println!(
        "{:<10}{:>6}{:>8}{:>7}{:>9}{:>9}{:>9}{:>13}{:>13}{:>13}",
        "truth", "cases", "stated", "right", "median", "needed", "before", "stated/needed", "quartiles", "of the last"
    );
    for form in [Form::Mixing, Form::BiMix, Form::Helping] {
        let all: Vec<Statement> = (0..users).filter_map(|user| state(form, user, asked)).collect();
        let stated: Vec<&Statement> = all.iter().filter(|s| s.stated.is_some()).collect();
        let right = stated.iter().filter(|s| s.right).count();
        let quartile = |mut all: Vec<f64>, q: usize| {
            all.sort_by(f64::total_cmp);
            all.get(all.len() * q / 4).copied().unwrap_or(f64::NAN)
        };
        let of = |f: fn(&Statement) -> f64, q: usize| quartile(stated.iter().map(|s| f(s)).collect(), q);
        let runs = |s: &Statement| s.stated.unwrap_or(0) as f64;
        let ratio = |s: &Statement| (FIRST + s.stated.unwrap_or(0)) as f64 / (FIRST + s.needed) as f64;
        println!(
            "{:<10}{:>6}{:>8}{:>7}{:>9}{:>9}{:>9}{:>13.2}{:>13}{:>13.3}",
            format!("{form:?}"),
            all.len(),
            stated.len(),
            format!("{right}/{}", stated.len()),
            of(runs, 2),
            of(|s| s.needed as f64, 2),
            all.iter().filter(|s| s.needed == 0).count(),
            of(ratio, 2),
            format!("{:.2}–{:.2}", of(ratio, 1), of(ratio, 3)),
            100.0 * of(|s| s.regret, 2),
        );
    }
}

/// By which rule users launch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Next,
    /// Mixtures drawn evenly within the bounds, at the two smaller scales in turn, and the same laws.
    Random,
    /// Olmix's: a Dirichlet swarm around the natural shares (here equal ones) at the smallest scale, and a log-linear law.
    Olmix,
}

/// Runs of a comparison in the end.
const MOST_RUNS: usize = 64;

/// What launching until the regret is within the tolerance, and stays there, costs by each rule: FLOPs (GPU-hours are in proportion).
fn of_rivals(asked: &Asked, users: u64) {
    println!(
        "{:<10}{:<10}{:>9}{:>14}{:>14}{:>13}",
        "truth", "rule", "reached", "median FLOPs", "median runs", "cheapest of"
    );
    for form in [Form::Mixing, Form::BiMix, Form::Helping] {
        let rules = [Rule::Next, Rule::Random, Rule::Olmix];
        let all: Vec<Vec<(f64, f64)>> =
            rules.iter().map(|rule| (0..users).map(|user| reached(*rule, form, user, asked)).collect()).collect();
        for (rule, costs) in rules.iter().zip(&all) {
            let median = |mut all: Vec<f64>| {
                all.sort_by(f64::total_cmp);
                all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
            };
            let lowest = |user: usize| all.iter().map(|of| of[user].0).fold(f64::INFINITY, f64::min);
            let cheapest =
                (0..costs.len()).filter(|user| costs[*user].0.is_finite() && costs[*user].0 <= lowest(*user));
            println!(
                "{:<10}{:<10}{:>9}{:>14.2e}{:>14}{:>13}",
                format!("{form:?}"),
                format!("{rule:?}"),
                costs.iter().filter(|cost| cost.0.is_finite()).count(),
                median(costs.iter().map(|cost| cost.0).collect()),
                median(costs.iter().map(|cost| cost.1).collect()),
                cheapest.count(),
            );
        }
    }
}

/// FLOPs and runs after which the regret is within the tolerance and stays there; infinite where it is not in the end.
fn reached(rule: Rule, form: Form, user: u64, asked: &Asked) -> (f64, f64) {
    let Asked { laws, noise, tolerance, before } = asked;
    let more = (before / 2).max(1);
    let laws = if rule == Rule::Olmix { "[log-linear]" } else { laws };
    let mut case = Case::new(form, user, *noise);
    let mut launched: Vec<(f64, f64)> = Vec::new();
    let mut launch = |case: &mut Case, n: f64, d: f64, mixture: &[f64]| {
        let before = launched.last().map_or(0.0, |last: &(f64, f64)| last.0);
        launched.push((before + 6.0 * n * d, case.rows.len() as f64 + 1.0));
        case.launch(n, d, mixture);
        launched[launched.len() - 1]
    };
    let mut spent = (0.0, 0.0);
    let by_rule = |case: &mut Case, i: usize| {
        let (n, d) = SCALES[if rule == Rule::Random { i % 2 } else { 0 }];
        (n, d, within(&mut case.random))
    };
    // All begin with the same runs, at the scale where they cost least; corners first, as every rule needs to know what it decides
    // between.
    for i in 0..*before {
        let mixture = if i < DOMAINS { corner(i) } else { within(&mut case.random) };
        spent = launch(&mut case, SCALES[0].0, SCALES[0].1, &mixture);
    }
    let dir = tempfile::tempdir().expect("a scratch directory");
    let query = NextQuery { runs: Some(more), tolerance: *tolerance, ..NextQuery::default() };
    let mut course: Vec<((f64, f64), bool)> = Vec::new();
    loop {
        let plan = planned(dir.path(), &case.rows, laws, &query);
        let decided = plan.as_ref().and_then(|plan| plan.now.mixture.as_ref()).map(|m| m.weights(&names()));
        let regret = decided.map_or(f64::INFINITY, |decided| case.truth.objective(&decided) / case.lowest - 1.0);
        course.push((spent, regret <= *tolerance));
        if case.rows.len() >= MOST_RUNS {
            break;
        }
        let proposed = plan.filter(|_| rule == Rule::Next).map(|plan| plan.runs).unwrap_or_default();
        for i in 0..more {
            spent = match proposed.get(i) {
                Some(run) => {
                    let weights = run.mixture.weights(&names());
                    launch(&mut case, run.scale.params, run.scale.tokens, &weights)
                }
                None => {
                    let (n, d, drawn) = by_rule(&mut case, i);
                    launch(&mut case, n, d, &drawn)
                }
            };
        }
    }
    let stays = course.iter().rev().take_while(|(_, within)| *within).last();
    stays.map_or((f64::INFINITY, f64::INFINITY), |(spent, _)| *spent)
}

/// What was stated to one user, and what came of it.
struct Statement {
    /// Runs beyond the first that are said to be needed; `None` where none are enough.
    stated: Option<usize>,
    /// The fewest of the proposed runs after which the regret is within the tolerance and stays there.
    needed: usize,
    /// Regret after all of them, and whether it is within the tolerance.
    regret: f64,
    right: bool,
}

fn state(form: Form, user: u64, asked: &Asked) -> Option<Statement> {
    let Asked { laws, noise, tolerance, .. } = asked;
    let dir = tempfile::tempdir().expect("a scratch directory");
    let mut case = Case::begun(form, user, *noise);
    let until = NextQuery { until: Some(SAID), tolerance: *tolerance, ..NextQuery::default() };
    let plan = planned(dir.path(), &case.rows, laws, &until)?;
    let reached = plan.runs.last().map_or(plan.now.probability, |run| run.after.probability) >= SAID;
    let regret = |plan: &mixlaw::vocab::Plan, case: &Case| {
        let decided = plan.now.mixture.as_ref().map(|m| m.weights(&names())).unwrap_or_default();
        case.truth.objective(&decided) / case.lowest - 1.0
    };
    let now = NextQuery { runs: Some(1), tolerance: *tolerance, ..NextQuery::default() };
    let mut course = vec![(0, regret(&plan, &case))];
    for (i, run) in plan.runs.iter().enumerate() {
        case.launch(run.scale.params, run.scale.tokens, &run.mixture.weights(&names()));
        let launched = i + 1;
        if launched.is_power_of_two() || launched % STEP == 0 || launched == plan.runs.len() {
            course.push((launched, regret(&planned(dir.path(), &case.rows, laws, &now)?, &case)));
        }
    }
    let stays = course.iter().rev().take_while(|(_, regret)| *regret <= *tolerance).last();
    let (runs, last) = *course.last()?;
    let needed = stays.map_or(runs, |(runs, _)| *runs);
    Some(Statement { stated: reached.then_some(runs), needed, regret: last, right: last <= *tolerance })
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Mixing,
    BiMix,
    Helping,
}

/// Where a user ended.
struct End {
    /// Whether it was said that the decision is right with 95 %.
    stopped: bool,
    runs: usize,
    regret: f64,
}

/// A form with its parameters.
struct Truth {
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
    fn objective(&self, r: &[f64]) -> f64 {
        let (n, d) = SCALES[SCALES.len() - 1];
        (0..DOMAINS).map(|i| self.loss(i, n, d, r)).sum::<f64>() / DOMAINS as f64
    }

    /// The lowest objective within the bounds: by draws, then by moving weight between two domains.
    fn best(&self, random: &mut Random) -> f64 {
        let draws = (0..4000).map(|_| within(random));
        let mut best = draws.min_by(|a, b| self.objective(a).total_cmp(&self.objective(b))).unwrap_or_default();
        let mut step = 0.05;
        while step > 1e-5 {
            let before = self.objective(&best);
            for (i, j) in (0..DOMAINS).flat_map(|i| (0..DOMAINS).map(move |j| (i, j))) {
                let mut moved = best.clone();
                moved[i] += step;
                moved[j] -= step;
                let allowed = i != j && moved[i] <= MOST && moved[j] >= LEAST;
                if allowed && self.objective(&moved) < self.objective(&best) {
                    best = moved;
                }
            }
            step = if self.objective(&best) < before { step } else { step / 2.0 };
        }
        self.objective(&best)
    }
}

/// A user's truth and runs.
struct Case {
    truth: Truth,
    /// The lowest objective.
    lowest: f64,
    noise: f64,
    random: Random,
    rows: Vec<String>,
}

impl Case {
    /// Without runs.
    fn new(form: Form, user: u64, noise: f64) -> Self {
        let mut random = Random(user.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((form as u64 + 1) << 32));
        let truth = Truth::drawn(form, &mut random);
        let lowest = truth.best(&mut random);
        Self { truth, lowest, noise, random, rows: Vec::new() }
    }

    /// With the first runs.
    fn begun(form: Form, user: u64, noise: f64) -> Self {
        let mut case = Self::new(form, user, noise);
        for i in 0..FIRST {
            // The corners of what is allowed first, so that what the runs cover is what may be decided for.
            let mixture = if i < DOMAINS { corner(i) } else { within(&mut case.random) };
            let (n, d) = SCALES[i % 2];
            case.launch(n, d, &mixture);
        }
        case
    }

    fn launch(&mut self, n: f64, d: f64, r: &[f64]) {
        let loss = |i: usize| self.truth.loss(i, n, d, r) * (self.noise * self.random.normal()).exp();
        let losses: Vec<String> = (0..DOMAINS).map(loss).map(|loss| format!("{loss:.6}")).collect();
        let weights: Vec<String> = r.iter().map(|weight| format!("{weight:.6}")).collect();
        self.rows.push(format!("run{},{n},{d},{},{}", self.rows.len(), weights.join(","), losses.join(",")));
    }
}

/// One user's course.
fn play(form: Form, user: u64, asked: &Asked, told: &mut Vec<(f64, bool)>) -> End {
    let Asked { laws, noise, tolerance, .. } = asked;
    let mut case = Case::begun(form, user, *noise);
    let dir = tempfile::tempdir().expect("a scratch directory");
    let query = NextQuery { runs: Some(STEP), tolerance: *tolerance, ..NextQuery::default() };
    let mut end = End { stopped: false, runs: FIRST, regret: f64::NAN };
    while end.runs <= LAST {
        let Some(plan) = planned(dir.path(), &case.rows, laws, &query) else { return end };
        let decided = plan.now.mixture.as_ref().map(|m| m.weights(&names())).unwrap_or_default();
        end.regret = case.truth.objective(&decided) / case.lowest - 1.0;
        told.push((plan.now.probability, end.regret <= *tolerance));
        if plan.now.probability >= SAID {
            end.stopped = true;
            return end;
        }
        let more: Vec<_> = plan.runs.iter().take(STEP).collect();
        if more.is_empty() {
            return end;
        }
        for run in more {
            case.launch(run.scale.params, run.scale.tokens, &run.mixture.weights(&names()));
        }
        end.runs = case.rows.len();
    }
    end
}

fn planned(folder: &Path, rows: &[String], laws: &str, query: &NextQuery) -> Option<mixlaw::vocab::Plan> {
    let names = names();
    let columns = |prefix: &str| names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(",");
    let head = format!("name,params,tokens,{},{}", columns("p_"), columns("l_"));
    std::fs::write(folder.join("runs.csv"), format!("{head}\n{}\n", rows.join("\n"))).ok()?;
    let bounds: Vec<String> = names.iter().map(|name| format!("{name}: [{LEAST}, {MOST}]")).collect();
    let (n, d) = SCALES[SCALES.len() - 1];
    let yaml = format!(
        "tables:\n  - path: runs.csv\n    run: name\n    params: params\n    tokens: tokens\n    mixture: {{ prefix: p_ }}\n    \
         metrics: {{ prefix: l_ }}\ntarget: {{ params: {n}, tokens: {d} }}\nmixture: {{ bounds: {{ {} }} }}\nlaws: {laws}\n\
         fit: {{ bootstraps: 60 }}\n",
        bounds.join(", ")
    );
    std::fs::write(folder.join("mixlaw.yaml"), yaml).ok()?;
    let study = Study::open(folder).unwrap_or_else(|failure| panic!("{failure:?}"));
    let laws = study.fit();
    let fits: Vec<_> = laws.fits.iter().map(Candidates::chosen).collect();
    let evidence = Evidence { project: study.project(), observed: study.observed(), fits: &fits, extrapolate: false };
    match next(&evidence, &laws.fits, query) {
        NextAnswer::Plan(plan) => Some(plan),
        NextAnswer::Abstained(_) => None,
    }
}

fn names() -> Vec<String> {
    ["books", "code", "maths", "web"].map(str::to_owned).to_vec()
}

/// The most of one domain.
fn corner(most: usize) -> Vec<f64> {
    (0..DOMAINS).map(|j| if j == most { MOST } else { (1.0 - MOST) / (DOMAINS - 1) as f64 }).collect()
}

/// A mixture within the bounds, evenly.
fn within(random: &mut Random) -> Vec<f64> {
    loop {
        let parts: Vec<f64> = (0..DOMAINS).map(|_| -random.next().max(1e-300).ln()).collect();
        let sum: f64 = parts.iter().sum();
        let weights: Vec<f64> = parts.iter().map(|part| part / sum).collect();
        if weights.iter().all(|weight| (LEAST..=MOST).contains(weight)) {
            return weights;
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// In [0, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.next().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }
}
