//! Curves of one model under nine learning-rate schedules: fitted to three short runs, tested on the other six, and the
//! final loss of each forecast from its beginning.

use super::baselines::power_with_floor;
use mixlaw::forecast::curves::family::Family;
use mixlaw::forecast::curves::{self, Track};
use mixlaw::forecast::schedule::Schedule;
use std::path::Path;
use std::time::Instant;

const FITTED: [&str; 3] = ["cosine_24000", "constant_24000", "wsdcon_9"];
const OTHERS: [&str; 6] =
    ["constant_72000", "cosine_72000", "wsd_20000_24000", "wsdcon_18", "wsdcon_3", "wsdld_20000_24000"];
const SEEN: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];
/// Steps of warm-up that the files leave out.
const WARMUP: f64 = 2160.0;

struct Curve {
    name: &'static str,
    loss: Vec<(i64, f64)>,
    schedule: Schedule,
}

pub fn print(folder: &Path) {
    let Some(folder) = super::present(folder) else { return };
    let sizes = sizes(&folder);
    let all: Vec<Vec<Curve>> = sizes.iter().map(|size| read(&folder.join(size))).collect();
    println!("\n# Schedules: laws fitted to {}, mean absolute error on the other six, nats", FITTED.join(", "));
    println!("{:>6} {:>12} {:>8} {:>8} {:>9}  exponents", "model", "law", "MAE", "worst", "fit, s");
    let mut families = Vec::new();
    for (size, curves) in sizes.iter().zip(&all) {
        for law in curves::ALL.iter().copied().filter(|law| law.sees_schedule()) {
            let tracks: Vec<Track> = curves
                .iter()
                .filter(|c| FITTED.contains(&c.name))
                .map(|c| Track::new(&c.loss, c.schedule.clone(), 0))
                .collect();
            let began = Instant::now();
            let family = Family::learn(law, &tracks.iter().collect::<Vec<_>>()).expect("a family");
            let seconds = began.elapsed().as_secs_f64();
            let mae = |c: &Curve| {
                let steps: Vec<f64> = c.loss.iter().map(|p| p.0 as f64).collect();
                let fitted = family.course(0, &c.schedule, &steps).expect("a course");
                fitted.iter().zip(&c.loss).map(|(f, (_, l))| (f.exp() - l).abs()).sum::<f64>() / steps.len() as f64
            };
            let errors: Vec<f64> = curves.iter().filter(|c| OTHERS.contains(&c.name)).map(mae).collect();
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            let worst = errors.iter().copied().fold(0.0, f64::max);
            let exponents: Vec<String> = law
                .exponents()
                .iter()
                .zip(&family.exponents)
                .map(|(e, x)| format!("{} {:.3}", e.name, x.exp()))
                .collect();
            println!("{size:>6} {:>12} {mean:>8.4} {worst:>8.4} {seconds:>9.2}  {}", law.name(), exponents.join(", "));
            families.push((size.clone(), family));
        }
    }
    println!("\n# Schedules: error of the forecast final loss, % (forecast / truth − 1), by part of the run seen");
    print!("{:>6} {:>16} {:>14}", "model", "run", "method");
    SEEN.iter().for_each(|seen| print!(" {:>7.0}%", 100.0 * seen));
    println!();
    let mut summary: Vec<(&str, [f64; 5])> = Vec::new();
    let (mut slowest, mut inside, mut counted) = (0.0_f64, 0, 0);
    for (size, curves) in sizes.iter().zip(&all) {
        for curve in curves.iter().filter(|c| OTHERS.contains(&c.name)) {
            for method in ["power", "power, 10% off", "tissue", "multi-power"] {
                let family = families.iter().find(|(s, f)| s == size && f.law.name() == method).map(|(_, f)| f);
                print!("{size:>6} {:>16} {method:>14}", curve.name);
                for (i, seen) in SEEN.iter().enumerate() {
                    let truth = curve.loss[curve.loss.len() - 1];
                    let Some(part) = beginning(curve, *seen) else {
                        print!(" {:>8}", "-");
                        continue;
                    };
                    let end = truth.0 as f64;
                    let error = match family {
                        Some(family) => {
                            let began = Instant::now();
                            let track = Track::new(&part, curve.schedule.clone(), 0);
                            let forecast = family.forecast(&track).expect("a forecast");
                            slowest = slowest.max(began.elapsed().as_secs_f64());
                            let error = forecast.ln_loss - truth.1.ln();
                            inside += usize::from(error.abs() <= 1.645 * forecast.sd);
                            counted += 1;
                            error
                        }
                        None => {
                            let from = if method == "power" { 0.0 } else { 0.1 * part[part.len() - 1].0 as f64 };
                            let part: Vec<(i64, f64)> = part.into_iter().filter(|p| p.0 as f64 >= from).collect();
                            (power_with_floor(&part, end) / truth.1).ln()
                        }
                    };
                    print!(" {:>+8.2}", 100.0 * error.exp_m1());
                    if curve.name == "cosine_72000" {
                        let entry = match summary.iter().position(|s| s.0 == method) {
                            Some(index) => &mut summary[index],
                            None => {
                                summary.push((method, [0.0; 5]));
                                summary.last_mut().expect("just pushed")
                            }
                        };
                        entry.1[i] += error.exp_m1().abs() / sizes.len() as f64;
                    }
                }
                println!();
            }
        }
    }
    println!("\n# cosine_72000: mean absolute error of the final loss over the models, %");
    for (law, errors) in summary {
        let cells: Vec<String> = errors.iter().map(|e| format!("{:>8.3}", 100.0 * e)).collect();
        println!("{law:>14} {}", cells.join(" "));
    }
    println!("nominal 90 % intervals of the laws that see the schedule hold {inside} of {counted}");
    println!("slowest single forecast: {:.2} ms", 1e3 * slowest);
    lone(&sizes, &all);
}

/// The part of a curve seen; `None` where less than a handful of points is in it.
fn beginning(curve: &Curve, seen: f64) -> Option<Vec<(i64, f64)>> {
    let until = seen * curve.loss[curve.loss.len() - 1].0 as f64;
    let part: Vec<(i64, f64)> = curve.loss.iter().copied().filter(|(s, _)| *s as f64 <= until).collect();
    (part.len() >= 5).then_some(part)
}

/// The models that there are curves of, by size: `25M`, `100M`, …
fn sizes(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("schedules").flatten().filter(|e| e.path().is_dir());
    let mut sizes: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    sizes.sort_by_key(|size| size.trim_end_matches('M').parse::<u64>().unwrap_or(u64::MAX));
    sizes
}

fn read(folder: &Path) -> Vec<Curve> {
    FITTED
        .iter()
        .chain(&OTHERS)
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(format!("{name}.csv"))).expect("a curve");
            let (mut loss, mut lr) = (Vec::new(), Vec::new());
            for line in text.lines().skip(1) {
                let cells: Vec<f64> = line.split(',').filter_map(|c| c.parse().ok()).collect();
                lr.push((cells[0] as i64, cells[1]));
                loss.push((cells[0] as i64, cells[2]));
            }
            Curve { name, loss, schedule: Schedule::from_series(&lr, WARMUP).expect("a schedule") }
        })
        .collect()
}

/// Runs of which nothing alike has finished, by each law that sees the schedule.
fn lone(sizes: &[String], all: &[Vec<Curve>]) {
    println!("\n# Schedules: lone runs, error of the forecast final loss, %; * outside its 90 % interval");
    print!("{:>6} {:>18} {:>14}", "model", "run", "method");
    SEEN.iter().for_each(|seen| print!(" {:>7.0}% ", 100.0 * seen));
    println!();
    let mut held: Vec<(&str, [(usize, usize); SEEN.len()])> = Vec::new();
    for (size, curves) in sizes.iter().zip(all) {
        for curve in curves {
            for law in curves::ALL.iter().copied().filter(|law| law.sees_schedule()) {
                print!("{size:>6} {:>18} {:>14}", curve.name, law.name());
                if held.iter().all(|(name, _)| *name != law.name()) {
                    held.push((law.name(), Default::default()));
                }
                for (stage, seen) in SEEN.into_iter().enumerate() {
                    let Some(part) = beginning(curve, seen) else {
                        print!(" {:>9}", "-");
                        continue;
                    };
                    let track = Track::new(&part, curve.schedule.clone(), 0);
                    let forecast = Family::forecast_alone(law, &track).expect("a forecast");
                    let error = forecast.ln_loss - curve.loss[curve.loss.len() - 1].1.ln();
                    let outside = if error.abs() > 1.645 * forecast.sd { '*' } else { ' ' };
                    print!(" {:>+8.2}{outside}", 100.0 * error.exp_m1());
                    let of_law = held.iter_mut().find(|(name, _)| *name == law.name()).expect("just pushed");
                    let (inside, all) = &mut of_law.1[stage];
                    (*inside, *all) = (*inside + usize::from(outside == ' '), *all + 1);
                }
                println!();
            }
        }
    }
    for (law, stages) in held {
        let cells = stages.map(|(inside, all)| format!("{:>6.1}%", 100.0 * inside as f64 / all.max(1) as f64));
        println!("coverage of {law}: {}", cells.join(" "));
    }
}
