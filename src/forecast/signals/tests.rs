//! Trouble planted in recorded runs fires once each; recorded runs as they are stay silent.

use super::*;
use std::path::{Path, PathBuf};

type Points = Vec<(i64, f64)>;

/// A recorded run: series by key.
fn recorded(path: &Path) -> BTreeMap<String, Points> {
    let mut series: BTreeMap<String, Points> = BTreeMap::new();
    for line in std::fs::read_to_string(path.join("metrics.jsonl")).unwrap().lines() {
        let point: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let step = point["step"].as_i64().unwrap();
        for (key, value) in point.iter().filter(|(k, _)| *k != "step") {
            series.entry(key.clone()).or_default().push((step, value.as_f64().unwrap_or(f64::NAN)));
        }
    }
    series
}

fn runs() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../shared/data/sweeps");
    let folders = match shared.is_dir() {
        true => ["base", "dcpt", "mix", "moe"].map(|s| shared.join(s)).to_vec(),
        false => {
            println!("only the example's runs: {} is not there", shared.display());
            vec![here.join("examples/code-cpt/runs")]
        }
    };
    let mut all: Vec<PathBuf> =
        folders.iter().flat_map(|f| std::fs::read_dir(f).unwrap().map(|e| e.unwrap().path())).collect();
    all.sort();
    all
}

/// Looks at a run as it grows, and collects what is told.
fn watch(run: &BTreeMap<String, Points>, segments: impl Fn(i64) -> u32, silence: impl Fn(i64) -> f64) -> Vec<Signal> {
    let end = run.values().filter_map(|s| Some(s.last()?.0)).max().unwrap();
    let mut watch = Watch::default();
    let mut told = Vec::new();
    for now in (0..=end).step_by(10) {
        let cut = |key: &str| run.get(key).map_or(&[][..], |s| &s[..s.partition_point(|p| p.0 <= now)]);
        let losses = |part: &str| -> Vec<(&str, &[(i64, f64)])> {
            run.keys().filter(|k| k.starts_with(part) && k.ends_with("/loss")).map(|k| (k.as_str(), cut(k))).collect()
        };
        let rates = cut("lr");
        let peak = rates.iter().map(|p| p.1).fold(0.0, f64::max);
        told.extend(watch.look(&Vitals {
            run: "run",
            training: vec![("train/loss", cut("train/loss"))],
            validation: losses("eval"),
            throughput: cut("tokens_per_second"),
            rate: rates.last().map_or(1.0, |p| p.1 / peak),
            progress: Some(now as f64 / end as f64),
            silence: Some((silence(now), 1.0)),
            segments: segments(now),
            ..Vitals::default()
        }));
    }
    told
}

#[test]
fn recorded_runs_stay_silent() {
    let runs = runs();
    let mut loud = Vec::new();
    for path in &runs {
        let told = watch(&recorded(path), |_| 1, |_| 1.0);
        loud.extend(told.into_iter().map(|s| format!("{}: {:?} {}", path.display(), s.kind, s.evidence)));
    }
    println!("{} runs watched", runs.len());
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn planted_trouble_is_told_once() {
    type Plant = fn(&mut BTreeMap<String, Points>);
    fn train(run: &mut BTreeMap<String, Points>) -> &mut Points {
        run.get_mut("train/loss").unwrap()
    }
    let cases: [(Kind, Plant); 5] = [
        (Kind::NotANumber, |r| train(r).iter_mut().filter(|p| p.0 >= 200).for_each(|p| p.1 = f64::NAN)),
        (Kind::Divergence, |r| {
            train(r).iter_mut().filter(|p| p.0 >= 250).for_each(|p| p.1 += 0.015 * (p.0 - 240) as f64)
        }),
        (Kind::Spike, |r| train(r).iter_mut().filter(|p| p.0 == 310).for_each(|p| p.1 += 2.5)),
        (Kind::Plateau, |r| {
            let eval = r.get_mut("eval/rust/loss").unwrap();
            let stuck = eval.iter().find(|p| p.0 == 150).unwrap().1;
            eval.iter_mut().filter(|p| p.0 > 150).for_each(|p| p.1 = stuck);
        }),
        (Kind::Slower, |r| {
            let all = r.get_mut("tokens_per_second").unwrap();
            // Longer runs than this one: throughput is logged every step here.
            *all = (0..400).map(|s| (s, if s < 200 { 40_000.0 } else { 15_000.0 })).collect();
        }),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt/runs/n333k-r050");
    for (kind, plant) in cases {
        let mut run = recorded(&path);
        plant(&mut run);
        let told = watch(&run, |_| 1, |_| 1.0);
        assert_eq!(told.iter().map(|s| s.kind).collect::<Vec<_>>(), vec![kind], "{kind:?}: {told:#?}");
    }
    let run = recorded(&path);
    let stalled = watch(&run, |_| 1, |now| if (200..300).contains(&now) { 600.0 } else { 1.0 });
    assert_eq!(stalled.iter().map(|s| s.kind).collect::<Vec<_>>(), vec![Kind::Stalled]);
    let restarted = watch(&run, |now| 1 + u32::from(now >= 150) + u32::from(now >= 300), |_| 1.0);
    assert_eq!(
        restarted.iter().map(|s| (s.kind, s.step)).collect::<Vec<_>>(),
        vec![(Kind::Restarted, 150), (Kind::Restarted, 300)]
    );
}

fn forecast(value: f64, half: f64, seen: f64) -> RunForecast {
    let (low, high, law) = (value - half, value + half, "pooled".to_owned());
    RunForecast { value, low, high, law, seen, fit: None, assumed: None }
}

#[test]
fn forecasts_that_move_or_cannot_win_are_told_once_and_not_for_one_odd_look() {
    let before = forecast(2.0, 0.05, 0.2);
    let look = |watch: &mut Watch, value: f64| {
        let now = forecast(value, 0.02, 0.4);
        watch.look(&Vitals {
            run: "run",
            forecasts: vec![("loss", &before, &now)],
            rivals: vec![("loss", &now, 1.99)],
            flops_left: Some(1e18),
            ..Vitals::default()
        })
    };
    let mut watch = Watch::default();
    let kinds = |values: &[f64], watch: &mut Watch| -> Vec<Kind> {
        values.iter().flat_map(|v| look(watch, *v)).map(|s| s.kind).collect()
    };
    assert_eq!(kinds(&[2.0, 2.2, 2.0, 2.0], &mut watch), vec![], "one odd look");
    assert_eq!(kinds(&[2.2, 2.2, 2.2, 2.0, 2.2, 2.2], &mut watch), vec![Kind::OutsideBand, Kind::CannotWin]);
    assert_eq!(kinds(&[2.0, 2.0, 2.0, 2.2, 2.2], &mut watch), vec![Kind::OutsideBand, Kind::CannotWin], "it had ended");
    let early = forecast(2.2, 0.02, 0.1);
    assert!(inspect(&Vitals { rivals: vec![("loss", &early, 1.9)], ..Vitals::default() }).is_empty());
    let done = inspect(&Vitals { finished: vec![("loss", &before, 1.9)], ..Vitals::default() });
    assert_eq!(done.iter().map(|s| s.kind).collect::<Vec<_>>(), vec![Kind::BetterThanForecast]);
    assert!((odds_below(&before, 2.0) - 0.5).abs() < 1e-6 && odds_below(&before, 1.5) < 1e-6);
}
