//! Decision regret: by what proxies say, which mixture is taken, how much higher its loss is than the lowest, and how well
//! mixtures are ranked (Spearman's correlation). On RegMix's held-out mixtures from a part of its proxies; on every other table of mixtures, each mixture by what the others say of it.
//!
//! The target is the scale that is asked about. In November 2026, % (± standard error of what advice has more than the lowest of the
//! others, over losses); the stack is of 12 losses at 32 proxies:
//!
//! | | advice | law in use | stack | mixing (M4) | log-linear | additive | straight line | trees | best measured | random |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | RegMix, 32 proxies | .39 ± .10 | .53 | 1.01 | .30 | .41 | | 1.77 | | 16.8 | 32.7 |
//! | 64 | .39 ± .14 | .59 | 1.68 | .55 | .56 | | 1.11 | 8.73 | 3.6 | 32.7 |
//! | 128 | .38 ± .28 | 2.61 | .58 | .55 | .81 | | .30 | 4.55 | 17.4 | 32.7 |
//! | 512 | .27 ± .18 | .74 | .11 | .59 | .81 | | .15 | 1.40 | 16.4 | 32.7 |
//! | domain-mixture | .19 ± .16 | .57 | .02 | .51 | .00 | .02 | .08 | | 2.1 | 9.2 |
//! | mixing-five | .22 ± .05 | .22 | .55 | .26 | .81 | .28 | .30 | | 2.8 | 7.7 |
//! | mixing-two | .00 | .00 | .00 | .00 | .00 | .45 | .00 | | 1.1 | 5.1 |

use super::{Asked, groups, key, mean, quick};
use mixlaw::Study;
use mixlaw::fit::choose::candidates;
use mixlaw::fit::{Options, fit};
use mixlaw::vocab::{Observation, Observations, Scale};
use std::collections::BTreeMap;
use std::path::Path;

const PROXIES: [usize; 4] = [32, 64, 128, 512];
/// What a mixture is taken by: the law that advice compares mixtures by, the one in use, …
const BY: [&str; 10] = [
    "advice",
    "auto",
    "stack",
    "regmix-trees",
    "mixing",
    "log-linear",
    "additive",
    "straight-line",
    "best measured",
    "random",
];
/// With fewer mixtures there is not much to decide.
const LEAST_MIXTURES: usize = 5;

/// Regrets and rank correlations by the position in [`BY`].
type Regrets = [Vec<(f64, f64)>; BY.len()];

pub fn print(asked: &Asked) {
    if asked.names_or_all("regmix") {
        of_regmix(asked);
    }
    one_out(asked);
}

fn of_regmix(asked: &Asked) {
    let table = |name: &str| Study::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables").join(name)).ok();
    let (Some(train), Some(test)) = (table("regmix.yaml"), table("regmix-test.yaml")) else {
        println!("\nskipped: no tables of RegMix");
        return;
    };
    println!("\n# Regret on RegMix's 256 held-out mixtures, % above the lowest loss: mean over losses");
    println!("{:>16} {:<16} {:>8} {:>6} {:>8}", "proxies", "by", "regret", "±", "ranks");
    for proxies in PROXIES {
        let mut regrets = Regrets::default();
        let pairs = train.observed().fitted.iter().zip(&test.observed().fitted).take(asked.metrics);
        for (all, held) in pairs {
            let rows = Observations { rows: all.rows.iter().take(proxies).cloned().collect(), ..all.clone() };
            add(&mut regrets, &held.rows, predictions(&rows, &held.rows));
        }
        lines(&proxies.to_string(), &regrets);
    }
}

/// Each mixture of a table predicted from the others, and the one with the lowest prediction taken.
fn one_out(asked: &Asked) {
    println!("\n# Regret with each mixture predicted from the others, % above the lowest loss: mean over losses");
    println!("{:>16} {:<16} {:>8} {:>6} {:>8}", "table", "by", "regret", "±", "ranks");
    let mut tables: BTreeMap<String, Regrets> = BTreeMap::new();
    for (table, rows) in asked.tables().into_iter().filter(|(table, _)| !table.starts_with("regmix")) {
        let candidates = at_one_scale(&rows);
        if candidates.len() < LEAST_MIXTURES {
            continue;
        }
        let mut predicted = vec![Vec::new(); BY.len()];
        for row in &candidates {
            let others = rows.rows.iter().filter(|other| key(other) != key(row)).cloned().collect();
            let others = Observations { rows: others, ..rows.clone() };
            let one = predictions(&others, std::slice::from_ref(row));
            predicted.iter_mut().zip(one).for_each(|(all, one)| all.extend(one));
        }
        add(tables.entry(table).or_default(), &candidates, predicted);
    }
    for (table, regrets) in &tables {
        lines(table, regrets);
    }
}

/// A row of each mixture, at the size and the tokens that the most mixtures have; of several, the largest.
fn at_one_scale(rows: &Observations) -> Vec<Observation> {
    let scale = |row: &Observation| [row.params, row.tokens].map(|x| (1e3 * f64::max(x, 1.0).ln()).round() as i64);
    let mut scales: BTreeMap<[i64; 2], BTreeMap<Vec<i64>, Observation>> = BTreeMap::new();
    if groups(rows).iter().all(|group| group.len() == 1) {
        return Vec::new();
    }
    for row in &rows.rows {
        scales.entry(scale(row)).or_default().insert(key(row), row.clone());
    }
    let most = scales.into_iter().max_by_key(|([params, tokens], rows)| (rows.len(), params + tokens));
    most.map(|(_, rows)| rows.into_values().collect()).unwrap_or_default()
}

/// The losses that each of [`BY`] predicts for mixtures; none where it cannot be had from these rows.
fn predictions(rows: &Observations, asked: &[Observation]) -> Vec<Vec<f64>> {
    let options = Options { target: asked.first().map(Scale::of), ..quick() };
    let chosen = candidates(&[], rows, &options, None);
    let law = |law: &str| fit(law, rows, &Options { cross_validate: false, ..quick() }, None).ok();
    let best = rows.rows.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).map(|row| row.mixture.clone());
    let by = |name: &str| -> Option<Vec<f64>> {
        match name {
            "advice" => chosen.adviser().map(|fit| asked.iter().map(|row| fit.predict(row)).collect()),
            "auto" => chosen.chosen().map(|fit| asked.iter().map(|row| fit.predict(row)).collect()),
            "stack" => asked.iter().map(|row| Some(chosen.stacked(row)?.value)).collect(),
            // The mixture that lies nearest to the best proxy's.
            "best measured" => best.as_ref().map(|best| asked.iter().map(|row| distance(&row.mixture, best)).collect()),
            "random" => Some(vec![0.0; asked.len()]),
            name => law(name).map(|fit| asked.iter().map(|row| fit.predict(row)).collect()),
        }
    };
    BY.iter().map(|name| by(name).unwrap_or_default()).collect()
}

/// The regret of what has the lowest prediction: the mean over those that have it.
fn add(regrets: &mut Regrets, rows: &[Observation], predicted: Vec<Vec<f64>>) {
    let lowest = rows.iter().map(|row| row.loss).fold(f64::INFINITY, f64::min);
    for (regrets, predicted) in regrets.iter_mut().zip(&predicted) {
        if predicted.len() != rows.len() {
            continue;
        }
        let least = predicted.iter().copied().fold(f64::INFINITY, f64::min);
        let taken = rows.iter().zip(predicted).filter(|(_, predicted)| **predicted <= least);
        let (sum, count) = taken.fold((0.0, 0.0), |(sum, n), (row, _)| (sum + row.loss / lowest - 1.0, n + 1.0));
        if count > 0.0 {
            let losses: Vec<f64> = rows.iter().map(|row| row.loss).collect();
            regrets.push((sum / count, rank_correlation(predicted, &losses)));
        }
    }
}

fn lines(of: &str, regrets: &Regrets) {
    let of_advice = &regrets[0];
    for (name, regrets) in BY.iter().zip(regrets).filter(|(_, regrets)| !regrets.is_empty()) {
        let (regret, error) = mean(&regrets.iter().map(|(regret, _)| *regret).collect::<Vec<_>>());
        let ranks = regrets.iter().map(|(_, rank)| rank).sum::<f64>() / regrets.len() as f64;
        let [regret, error, ranks] = [regret, error, ranks].map(|x| 100.0 * x);
        print!("{of:>16} {name:<16} {regret:>8.2} {error:>6.2} {ranks:>8.2}  {} losses", regrets.len());
        if regrets.len() == of_advice.len() {
            let less: Vec<f64> = of_advice.iter().zip(regrets).map(|(advice, by)| 100.0 * (advice.0 - by.0)).collect();
            let (less, error) = mean(&less);
            print!("; advice {less:+.2} ± {error:.2}");
        }
        println!();
    }
}

/// Spearman's correlation.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
        let mut ranks = vec![0.0; values.len()];
        order.iter().enumerate().for_each(|(rank, i)| ranks[*i] = rank as f64 - 0.5 * (values.len() - 1) as f64);
        ranks
    };
    let (a, b) = (ranks(a), ranks(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    dot(&a, &b) / dot(&a, &a)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}
