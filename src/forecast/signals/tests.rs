//! Trouble planted in recorded runs fires once each; recorded runs as they are stay silent.

use super::*;
use crate::vocab::Measure;
use std::collections::BTreeMap;
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

/// Loads of experts until a step, by layer.
fn routers(run: &BTreeMap<String, Points>, now: i64) -> Vec<RouterLoads<'_>> {
    let mut all: Vec<RouterLoads<'_>> = Vec::new();
    for (key, points) in run {
        let Some((at, expert)) = expert_of(key) else { continue };
        if all.last().is_none_or(|last| *last.layer != key[..at]) {
            all.push(RouterLoads { layer: &key[..at], experts: Vec::new() });
        }
        let points = &points[..points.partition_point(|p| p.0 <= now)];
        all.last_mut().unwrap().experts.push((expert, points));
    }
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
        let silent = silence(now);
        let change = watch.look(&HealthInputs {
            run: "run",
            training: vec![("train/loss", cut("train/loss"))],
            validation: losses("eval"),
            routers: routers(run, now),
            throughput: cut("tokens_per_second"),
            rate: rates.last().map_or(1.0, |p| p.1 / peak),
            progress: Some(now as f64 / end as f64),
            since: (now > 0).then_some(now - 10),
            silence: Some(silent).filter(|s| *s > patience(Some(1.0))),
            watched: true,
            segments: segments(now),
            ..HealthInputs::default()
        });
        told.extend(change.new);
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
    let cases: [(SignalKind, Plant); 5] = [
        (SignalKind::NotANumber, |r| train(r).iter_mut().filter(|p| p.0 >= 200).for_each(|p| p.1 = f64::NAN)),
        (SignalKind::Divergence, |r| {
            train(r).iter_mut().filter(|p| p.0 >= 250).for_each(|p| p.1 += 0.015 * (p.0 - 240) as f64)
        }),
        (SignalKind::Spike, |r| train(r).iter_mut().filter(|p| p.0 == 310).for_each(|p| p.1 += 2.5)),
        (SignalKind::Plateau, |r| {
            let eval = r.get_mut("eval/rust/loss").unwrap();
            let stuck = eval.iter().find(|p| p.0 == 150).unwrap().1;
            eval.iter_mut().filter(|p| p.0 > 150).for_each(|p| p.1 = stuck);
        }),
        (SignalKind::Slower, |r| {
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
    assert_eq!(stalled.iter().map(|s| s.kind).collect::<Vec<_>>(), vec![SignalKind::Stalled]);
    let restarted = watch(&run, |now| 1 + u32::from(now >= 150) + u32::from(now >= 300), |_| 1.0);
    assert_eq!(
        restarted.iter().map(|s| (s.kind, s.step)).collect::<Vec<_>>(),
        vec![(SignalKind::Restarted, 150), (SignalKind::Restarted, 300)]
    );
}

fn forecast(value: f64, half: f64, seen: f64) -> RunForecast {
    let (low, high, law) = (value - half, value + half, "pooled".to_owned());
    RunForecast { value, low, high, law, seen, fit: None, assumed: None, path: Vec::new(), measure: Measure::default() }
}

#[test]
fn forecasts_that_move_or_cannot_win_are_told_once_and_not_for_one_odd_look() {
    let before = forecast(2.0, 0.05, 0.2);
    let rival = || Rival { run: "best".to_owned(), value: 1.99, sd: 0.0 };
    let mut step = 0;
    let mut look = |watch: &mut Watch, value: f64| {
        step += 1;
        let now = forecast(value, 0.02, 0.4);
        let series: Points = (0..step).map(|s| (s, 3.0)).collect();
        let inputs = HealthInputs {
            run: "run",
            validation: vec![("loss", &series)],
            since: Some(step - 2),
            forecasts: vec![("loss", before.clone(), &now)],
            rivals: vec![("loss", now.clone(), rival())],
            flops_left: Some(1e18),
            ..HealthInputs::default()
        };
        let change = watch.look(&inputs);
        assert_eq!(watch.look(&inputs).new, vec![], "the same points once more");
        change
    };
    let mut watch = Watch::default();
    let mut kinds = |values: &[f64], watch: &mut Watch| -> Vec<SignalKind> {
        values.iter().flat_map(|v| look(watch, *v).new).map(|s| s.kind).collect()
    };
    let both = vec![SignalKind::OutsideBand, SignalKind::CannotWin];
    assert_eq!(kinds(&[2.0, 2.2, 2.0, 2.0], &mut watch), vec![], "one odd look");
    assert_eq!(kinds(&[2.2, 2.2, 2.2, 2.0, 2.2, 2.2], &mut watch), both);
    assert_eq!(kinds(&[2.0, 2.0, 2.0, 2.2, 2.2], &mut watch), both, "it had ended");
    let early = forecast(2.2, 0.02, 0.1);
    let rivals = |best: f64, sd: f64| vec![("loss", early.clone(), Rival { value: best, sd, ..rival() })];
    assert!(inspect(&HealthInputs { rivals: rivals(1.9, 0.0), ..HealthInputs::default() }).is_empty(), "too early");
    let done = inspect(&HealthInputs { finished: vec![("loss", before.clone(), 1.9)], ..HealthInputs::default() });
    assert_eq!(done.iter().map(|s| s.kind).collect::<Vec<_>>(), vec![SignalKind::BetterThanForecast]);
    assert!((probability_below(&before, 2.0) - 0.5).abs() < 1e-6 && probability_below(&before, 1.5) < 1e-6);
    assert!(probability_of_beating(&before, 1.9, 0.05) > probability_below(&before, 1.9));
}

#[test]
fn what_was_told_before_a_restart_of_the_daemon_is_not_told_again() {
    let broken: Points = vec![(0, 3.0), (10, f64::NAN)];
    let inputs = |segments| HealthInputs {
        run: "run",
        validation: vec![("loss", &broken)],
        silence: Some(1e3),
        watched: true,
        segments,
        ..HealthInputs::default()
    };
    let first = Watch::default().look(&inputs(2)).new;
    assert_eq!(
        first.iter().map(|s| s.kind).collect::<Vec<_>>(),
        vec![SignalKind::NotANumber, SignalKind::Stalled, SignalKind::Restarted]
    );
    let mut again = Watch::default();
    first.iter().for_each(|s| again.recall(s, s.kind == SignalKind::Stalled));
    assert_eq!(
        again.look(&inputs(3)).new.iter().map(|s| s.kind).collect::<Vec<_>>(),
        vec![SignalKind::Stalled, SignalKind::Restarted]
    );
    let quiet = HealthInputs { run: "run", segments: 3, ..HealthInputs::default() };
    let over: Vec<_> = (0..4).flat_map(|_| again.look(&quiet).over).collect();
    assert_eq!(over, vec![(SignalKind::NotANumber, "loss".to_owned()), (SignalKind::Stalled, String::new())]);
}

#[test]
fn of_a_run_that_was_over_before_anybody_watched_only_the_routers_are_looked_at() {
    let broken: Points = vec![(100, 2.5), (110, f64::NAN)];
    let mut watch = Watch::default();
    let live = HealthInputs { run: "run", validation: vec![("loss", &broken)], ..HealthInputs::default() };
    assert_eq!(watch.look(&live).new.len(), 1);
    let load = |of: f64| -> Points { (0..40).map(|n| (n * 100, of)).collect() };
    let (most, none, some) = (load(0.6), load(0.0), load(0.2));
    let experts = || [&most, &none, &some, &some].iter().enumerate().map(|(n, of)| (n as u32, of.as_slice())).collect();
    let history = HealthInputs {
        run: "run",
        history: true,
        routers: vec![RouterLoads { layer: "layer3", experts: experts() }],
        ..HealthInputs::default()
    };
    let found: Vec<SignalKind> = watch.look(&history).new.iter().map(|s| s.kind).collect();
    assert!(found.contains(&SignalKind::DeadExpert), "{found:?}");
    let over = (0..4).flat_map(|_| watch.look(&history).over).count();
    assert_eq!(over, 0, "what was told of its losses stands");
}

#[test]
fn a_loss_that_jumps_all_the_time_is_no_spike_until_it_jumps_much_further() {
    let mut random = crate::forecast::spread::generator(3);
    // One small batch: now and then a hard one, up to two nats above the rest.
    let noise: Points = (0..2000)
        .map(|i| {
            (
                i,
                3.0 + 0.1 * crate::forecast::spread::uniform(&mut random)
                    + if i % 40 == 17 { (i % 7) as f64 / 3.0 } else { 0.0 },
            )
        })
        .collect();
    let spike = |series: &[(i64, f64)]| shapes::spike(series, Some(series[series.len() - 2].0)).is_some();
    assert!((400..2000).all(|n| !spike(&noise[..n])));
    let planted = [&noise[..], &[(2000, 8.0)]].concat();
    assert!(spike(&planted));
    let of_nothing: Points = (0..100).map(|i| (i, if i == 99 { 0.002 } else { 0.0005 })).collect();
    assert!(!spike(&of_nothing), "an objective that hovers about nothing");
}

#[test]
fn a_log_that_lay_still_before_anyone_watched_is_whole_unless_its_plan_says_otherwise() {
    let silent = |watched, progress| {
        let inputs = HealthInputs { silence: Some(3600.0), watched, progress, ..HealthInputs::default() };
        inspect(&inputs).iter().any(|s| s.kind == SignalKind::Stalled)
    };
    assert!(!silent(false, None) && silent(true, None));
    assert!(silent(false, Some(0.5)) && !silent(true, Some(0.97)));
}
