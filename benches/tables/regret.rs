//! Decision regret: by what proxies say, which of RegMix's held-out mixtures is taken, and how much higher its loss is than the
//! lowest of them.

use super::{Asked, mean, quick};
use mixlaw::Study;
use mixlaw::fit::choose::candidates;
use mixlaw::fit::fit;
use mixlaw::vocab::{Observation, Observations};
use std::path::Path;

const PROXIES: [usize; 4] = [32, 64, 128, 512];
const LAWS: [&str; 5] = ["regmix-trees", "mixing", "log-linear", "additive", "straight-line"];

pub fn print(asked: &Asked) {
    let table = |name: &str| Study::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables").join(name)).ok();
    let (Some(train), Some(test)) = (table("regmix.yaml"), table("regmix-test.yaml")) else {
        println!("\nskipped: no tables of RegMix");
        return;
    };
    println!("\n# Regret on RegMix's 256 held-out mixtures, % above the lowest loss: mean over losses");
    println!("{:>8} {:<16} {:>8} {:>6}", "proxies", "by", "regret", "±");
    for proxies in PROXIES {
        let mut names: Vec<String> = vec!["auto".to_owned(), "stack".to_owned()];
        names.extend(LAWS.map(str::to_owned));
        names.extend(["best measured", "random"].map(str::to_owned));
        let mut regrets: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        let pairs = train.observed().fitted.iter().zip(&test.observed().fitted).take(asked.metrics);
        for (all, held) in pairs {
            let rows = Observations { rows: all.rows.iter().take(proxies).cloned().collect(), ..all.clone() };
            let lowest = held.rows.iter().map(|row| row.loss).fold(f64::INFINITY, f64::min);
            let taken = |by: &dyn Fn(&Observation) -> f64| {
                let best = held.rows.iter().min_by(|a, b| by(a).total_cmp(&by(b)));
                best.map(|row| row.loss / lowest - 1.0)
            };
            let chosen = candidates(&[], &rows, &quick(), None);
            let by_law =
                |law: &str| fit(law, &rows, &mixlaw::fit::Options { cross_validate: false, ..quick() }, None).ok();
            for (name, regrets) in names.iter().zip(&mut regrets) {
                let regret = match name.as_str() {
                    "auto" => chosen.chosen().and_then(|fit| taken(&|row| fit.predict(row))),
                    "stack" => chosen.stack.as_ref().and_then(|_| {
                        taken(&|row| chosen.stacked(row).map_or(f64::INFINITY, |interval| interval.value))
                    }),
                    "best measured" => best_proxy(&rows).and_then(|best| taken(&|row| distance(&row.mixture, best))),
                    "random" => {
                        Some(held.rows.iter().map(|row| row.loss / lowest - 1.0).sum::<f64>() / held.rows.len() as f64)
                    }
                    law => by_law(law).and_then(|fit| taken(&|row| fit.predict(row))),
                };
                regrets.extend(regret);
            }
        }
        for (name, regrets) in names.iter().zip(&regrets).filter(|(_, regrets)| !regrets.is_empty()) {
            let (mean, error) = mean(regrets);
            println!("{proxies:>8} {name:<16} {:>8.2} {:>6.2}", 100.0 * mean, 100.0 * error);
        }
    }
}

/// The mixture of the proxy with the lowest loss.
fn best_proxy(rows: &Observations) -> Option<&[f64]> {
    let best = rows.rows.iter().min_by(|a, b| a.loss.total_cmp(&b.loss))?;
    Some(&best.mixture)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}
