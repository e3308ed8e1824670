//! Snapshots for tests, like those of the recorded code-cpt sweep: four sizes × nine ratios, two losses, numbers from
//! the D-CPT law with parameters near those fitted to it, and a little noise that is the same every time.

use crate::ipc::drift::{Along, DriftAnswer, DriftStep};
use crate::ipc::fitted::{FittedAnswer, FittedRun};
use crate::ipc::log::{LogAnswer, LogLine};
use crate::ipc::router::{RouterAnswer, RouterLayer};
use crate::ipc::series::{Axis, Envelope, SeriesQuery, envelope, pixels};
use crate::ipc::slices::{Slice, SlicesAnswer};
use crate::ipc::surface::{SurfaceAnswer, SurfaceLoss};
use crate::tui::{Answer, Answered, CurveSet, Question};
use crate::vocab::ledger::{Calibration, Grade};
use crate::vocab::number::NotFinite;
use crate::vocab::signal::{Alert, Signal, SignalKind};
use crate::vocab::{
    Abstention, Advice, Candidate, CandidateKind, ChartPoint, Choice, Conflict, DaemonView, Expected, Extrapolation,
    FactName, FactValue, FitView, FoldView, Forecast, IngestProgress, Interval, KeptFit, LedgerView, Measure,
    MetricView, Metrics, Mixture, Notice, ParameterView, PathPoint, RatioChart, Recommendation, RunForecast, RunList,
    RunState, RunView, ScaleTestView, Severity, Snapshot, Sourced, TargetView, WatchedRoot,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const PROSE: &str = "eval/prose/loss";
pub const RUST: &str = "eval/rust/loss";
const SIZES: [(f64, &str); 4] = [(24_896.0, "n25k"), (98_944.0, "n99k"), (333_120.0, "n333k"), (591_616.0, "n590k")];
const SHARES: [f64; 9] = [0.0, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1.0];
const STEPS: f64 = 400.0;
const BATCH: f64 = 4096.0;
pub const TARGET: (f64, f64) = (1.5e6, 1_638_400.0);

/// A, α, B, η, β, C, γ, ε of the two fits; E is zero in both.
const LAWS: [(&str, [f64; 8]); 2] = [
    (PROSE, [12.221, 0.22768, 7.3472, 0.073883, 0.25344, 0.95374, 0.12299, 0.020402]),
    (RUST, [10.607, 0.22149, 30.092, 0.034255, 0.28981, 0.51142, 0.30789, 0.016128]),
];

/// D-CPT at the rust share `r`.
pub fn law(metric: &str, n: f64, d: f64, r: f64) -> f64 {
    let (own, p) = if metric == RUST { (r, LAWS[1].1) } else { (1.0 - r, LAWS[0].1) };
    let [a, alpha, b, eta, beta, c, gamma, epsilon] = p;
    a / n.powf(alpha) + b * own.max(1e-9).powf(eta) / d.powf(beta) + c / (own + epsilon).powf(gamma)
}

/// Noise of ±1, the same for the same number.
fn noise(seed: usize) -> f64 {
    let x = (seed as f64 * 12.9898).sin() * 43_758.547;
    2.0 * (x - x.floor()) - 1.0
}

pub fn mixture(rust: f64) -> Mixture {
    Mixture(BTreeMap::from([("prose".to_owned(), 1.0 - rust), ("rust".to_owned(), rust)]))
}

fn number(value: f64, source: &str) -> Sourced<FactValue> {
    Sourced { value: FactValue::Number(value), source: source.to_owned() }
}

pub fn metric(points: u64, last_step: i64, last: f64) -> MetricView {
    MetricView { points, segments: 1, last_step, last, status: NotFinite::of(last) }
}

fn run(id: usize, state: RunState, progress: f64) -> RunView {
    let ((n, size), share) = (SIZES[id / 9], SHARES[id % 9]);
    let step = (progress * STEPS / 25.0).floor() * 25.0;
    let facts = BTreeMap::from([
        (FactName::Params, number(n, "config.json#params_non_embedding")),
        (FactName::BatchTokens, number(BATCH, "config.json#batch_tokens")),
        (FactName::SequenceLength, number(128.0, "config.json#sequence_length")),
        (FactName::PlannedSteps, number(STEPS, "config.json#max_steps")),
        (FactName::LearningRate, number(1e-3, "config.json#learning_rate")),
        (
            FactName::Schedule,
            Sourced { value: FactValue::Text("constant".to_owned()), source: "config.json#lr_schedule".to_owned() },
        ),
        (
            FactName::Mixture,
            Sourced { value: FactValue::Mixture(mixture(share)), source: "config.json#mixture".to_owned() },
        ),
    ]);
    let mut view = RunView {
        id: id as u32,
        name: format!("runs/{size}-r{:03.0}", 100.0 * share),
        state,
        facts,
        settings: Arc::new(BTreeMap::from([
            ("data.tokenizer".to_owned(), if id.is_multiple_of(2) { "gpt2" } else { "llama" }.to_owned()),
            ("optim.beta2".to_owned(), if id < 9 { "0.95" } else { "0.99" }.to_owned()),
            ("compile".to_owned(), "true".to_owned()),
        ])),
        conflicts: Vec::new(),
        metrics: Arc::default(),
        forecast: BTreeMap::new(),
        main_loss: None,
        progress: Some(progress),
        last_step: (step > 0.0).then_some(step as i64),
        tokens_per_second: (state == RunState::Running).then_some(15_723.8),
        silent_seconds: Some(if state == RunState::Running { 0.4 } else { 5400.0 }),
        written_at: None,
        sparklines: BTreeMap::new(),
        signals: Vec::new(),
        tags: Vec::new(),
        note: None,
        points_gone: 0,
    };
    if step == 0.0 {
        return view;
    }
    for (i, key) in [PROSE, RUST].into_iter().enumerate() {
        let at = |tokens: f64| law(key, n, tokens, share) * (1.0 + 0.006 * noise(7 * id + i));
        let mut course: Vec<f64> = (1..=(step / 25.0) as usize).map(|k| at(k as f64 * 25.0 * BATCH)).collect();
        if state == RunState::Diverged {
            course.push(f64::NAN);
        }
        Arc::make_mut(&mut view.metrics)
            .insert(key.into(), metric(course.len() as u64, step as i64, course[course.len() - 1]));
        view.sparklines.insert(key.to_owned(), course);
        if matches!(state, RunState::Running | RunState::Stalled) {
            let value = at(STEPS * BATCH);
            let forecast = RunForecast {
                value,
                low: value * 0.99,
                high: value * 1.011,
                law: "D-CPT".to_owned(),
                seen: progress,
                fit: None,
                assumed: None,
                path: ahead(progress, [value, value * 0.99, value * 1.011]),
                measure: Measure::default(),
            };
            view.forecast.insert(key.to_owned(), forecast);
        }
    }
    let metrics = Arc::make_mut(&mut view.metrics);
    metrics.insert("train/loss".into(), metric(40, step as i64, 1.81443));
    metrics.insert("grad_norm".into(), metric(40, step as i64, 3.1825));
    view
}

/// The way to an end.
fn ahead(seen: f64, [end, low, high]: [f64; 3]) -> Vec<PathPoint> {
    let one = |i: u32| {
        let left = 1.0 - f64::from(i) / 5.0;
        let value = end * (1.0 + 0.1 * left * left);
        let between = |limit: f64| value * (1.0 + (limit / end - 1.0) * (1.0 - left));
        PathPoint { part: 1.0 - (1.0 - seen) * left, value, low: between(low), high: between(high) }
    };
    (1..=5).map(one).collect()
}

fn fit(key: &str, parameters: &[f64; 8], skill: f64, held_out: f64) -> FitView {
    let names = ["E", "A", "α", "B", "η", "β", "C", "γ", "ε"];
    let parameters = names.iter().zip(std::iter::once(&0.0).chain(parameters)).map(|(name, value)| {
        let identified = *name != "E" && *name != "η";
        let (low, high) = match *name {
            "E" => (0.0, 0.6214),
            "η" => (0.004, 0.31),
            _ => (value * 0.86, value * 1.17),
        };
        ParameterView { name: (*name).to_owned(), value: *value, low, high, identified }
    });
    let own = if key == RUST { "rust" } else { "prose" };
    let fold = |s: &f64| FoldView {
        held_out: format!("{own} = {s:.2}"),
        observations: 60,
        mre: match s {
            s if *s == 0.0 => 10.0 * held_out,
            s if *s < 0.15 => 1.9 * held_out,
            s => 0.72 * held_out + 0.001 * s,
        },
        mre_baseline: 0.115 + 0.17 * (s - 0.5).abs(),
    };
    FitView {
        metric: key.to_owned(),
        law: "D-CPT".to_owned(),
        chosen: true,
        objective: if key == RUST { 0.004_736_4 } else { 0.003_733_3 },
        parameters: parameters.collect(),
        observations: 540,
        runs: 36,
        skill: Some(skill),
        mre_heldout: Some(held_out),
        mre: if key == RUST { 0.0093 } else { 0.0074 },
        no_skill: false,
        mre_scale: Some(1.1 * held_out),
        scale_tests: vec![
            ScaleTestView {
                what: "N".to_owned(),
                factor: 1.78,
                observations: 135,
                mre: 1.2 * held_out,
                bias: -held_out,
            },
            ScaleTestView { what: "D".to_owned(), factor: 2.0, observations: 252, mre: held_out, bias: 0.1 * held_out },
        ],
        held_out: "leave one ratio out, 9 folds".to_owned(),
        folds: SHARES.iter().map(fold).collect(),
        starts: 64,
        seed: 0,
        seconds: 0.41,
        stopped: "gradient below 1e-8".to_owned(),
        warnings: Vec::new(),
        uncompared: 0,
        rows: String::new(),
        rival: None,
        skill_rival: None,
        advises: None,
        provisional: false,
    }
}

fn chart(key: &str, runs: &[RunView], limit: Option<f64>) -> RatioChart {
    let (n, d) = TARGET;
    let shares: Vec<f64> = (0..=50).map(|i| f64::from(i) / 50.0).collect();
    let loss: Vec<f64> = shares.iter().map(|s| law(key, n, d, *s)).collect();
    let width = |s: &f64| 0.012 + 0.05 * if key == RUST { (1.0 - s).powi(8) } else { s.powi(8) };
    let band = |sign: f64| shares.iter().zip(&loss).map(|(s, l)| l * (1.0 + sign * width(s))).collect();
    let points = runs.iter().filter_map(|run| {
        let (params, share) = (run.number(FactName::Params)?, run.mixture()?.weight("rust"));
        let last = run.metrics.get(key)?.last;
        let at_target = law(key, n, d, share) * last / law(key, params, run.tokens_seen()?, share);
        last.is_finite().then(|| ChartPoint { share, loss: last, at_target, params, run: run.name.clone() })
    });
    RatioChart {
        metric: key.to_owned(),
        domain: "rust".to_owned(),
        low: band(-1.0),
        high: band(1.0),
        shares,
        loss,
        points: points.collect(),
        current: Some(0.2),
        advised: Some(0.74),
        limit,
        measure: Measure::default(),
    }
}

fn choice(key: &str, held_out: f64) -> Choice {
    let line = |name: &str, kind, times: f64, weight| Candidate {
        name: name.to_owned(),
        kind,
        skill: Some(1.0 - 0.02 * times * times),
        mre_heldout: Some(times * held_out),
        mre_scale: Some(1.1 * times * held_out),
        picks: None,
        weight,
        dropped_after: None,
    };
    Choice {
        metric: key.to_owned(),
        law: Some("D-CPT".to_owned()),
        why: format!("D-CPT: {:.1} % error on mixtures held out, against 14 % for the mean", 100.0 * held_out),
        candidates: vec![
            line("D-CPT", CandidateKind::Law, 1.0, Some(0.7)),
            line("additive", CandidateKind::Law, 1.2, Some(0.3)),
            line("critical-ratio", CandidateKind::Law, 8.0, Some(0.0)),
            line("stack", CandidateKind::Stack, 0.9, None),
            line("linear", CandidateKind::Baseline, 3.0, None),
            line("mean", CandidateKind::Baseline, 7.07, None),
        ],
        ..Choice::default()
    }
}

fn forecast(key: &str, share: f64) -> Forecast {
    let value = law(key, TARGET.0, TARGET.1, share);
    Forecast {
        metric: key.to_owned(),
        law: "D-CPT".to_owned(),
        chosen: true,
        params: TARGET.0,
        tokens: TARGET.1,
        moe: None,
        mixture: mixture(share),
        interval: Interval { value, low: value * 0.985, high: value * 1.014 },
        extrapolation: Extrapolation { params: TARGET.0 / 591_616.0, tokens: 1.0, mixture_inside: true },
        unseen: Vec::new(),
        measured: None,
        beyond_runs: None,
        measure: Measure::default(),
    }
}

/// The sweep with most runs finished and a recommendation.
pub fn sweep() -> Snapshot {
    let runs: Vec<RunView> = (0..36)
        .rev()
        .map(|id| match id {
            35 => run(id, RunState::Waiting, 0.0),
            34 => run(id, RunState::Running, 0.35),
            33 => run(id, RunState::Running, 0.625),
            32 => {
                let stalled = run(id, RunState::Stalled, 0.5);
                RunView { signals: told(&stalled.name), ..stalled }
            }
            8 => run(id, RunState::Diverged, 0.25),
            _ => run(id, RunState::Finished, 1.0),
        })
        .collect();
    let at = |key: &str, share: f64| law(key, TARGET.0, TARGET.1, share);
    let expect = |key: &str, limit: Option<f64>| {
        let value = at(key, 0.74);
        Expected {
            value,
            low: value * 0.985,
            high: value * 1.014,
            now: at(key, 0.2),
            limit,
            measure: Measure::default(),
        }
    };
    let limit = Some(1.79);
    let advice = Advice::Recommendation(Recommendation {
        measured: None,
        is_measured: false,
        since: None,
        decided: None,
        auto: None,
        id: "3f9a".to_owned(),
        mixture: mixture(0.74),
        current: mixture(0.2),
        expected: BTreeMap::from([(PROSE.to_owned(), expect(PROSE, limit)), (RUST.to_owned(), expect(RUST, None))]),
        p_better: 0.998,
        p_within_limits: 0.93,
        flat: BTreeMap::new(),
        better_picks: Vec::new(),
        gain: at(RUST, 0.2) - at(RUST, 0.74),
        reasons: vec![
            "rust falls until its share is 1.00; prose reaches its limit at 0.77.".to_owned(),
            "0.74 keeps prose within start + 3% in 93% of resamples.".to_owned(),
            "Both laws predict held-out ratios: skill 0.978 and 0.985.".to_owned(),
        ],
    });
    Snapshot {
        seq: 128,
        at: 1.79e9,
        project: "code-cpt".to_owned(),
        path: "examples/code-cpt".to_owned(),
        domains: vec!["prose".to_owned(), "rust".to_owned()],
        supply: BTreeMap::from([("rust".to_owned(), 0.1 * BATCH * STEPS)]),
        metrics: BTreeMap::from([("prose".to_owned(), PROSE.to_owned()), ("rust".to_owned(), RUST.to_owned())]),
        measured: Vec::new(),
        target: Some(TargetView {
            params: TARGET.0,
            tokens: TARGET.1,
            moe: None,
            mixture: Some(mixture(0.2)),
            objective: "minimise rust, while prose <= start + 3%".to_owned(),
        }),
        daemon: DaemonView {
            pid: 4711,
            build: "0.1.0".to_owned(),
            embedded: false,
            uptime: 7980.0,
            watching: vec![WatchedRoot {
                path: "examples/code-cpt/runs".to_owned(),
                mode: "native".to_owned(),
                why: "ext4".to_owned(),
            }],
            points: 12_744,
            files: 36,
            ingest: None,
            last_refit: Some(2.1),
            refit_seconds: Some(0.41),
            refitting: false,
        },
        charts: vec![chart(PROSE, &runs, limit), chart(RUST, &runs, None)],
        fits: vec![fit(PROSE, &LAWS[0].1, 0.985, 0.0079), fit(RUST, &LAWS[1].1, 0.978, 0.0108)],
        choices: vec![choice(PROSE, 0.0079), choice(RUST, 0.0108)],
        forecasts: vec![forecast(PROSE, 0.2), forecast(RUST, 0.2), forecast(PROSE, 0.74), forecast(RUST, 0.74)],
        ledger: ledger(),
        advice: Some(advice),
        shape: None,
        optima: None,
        notices: vec![
            Notice {
                severity: Severity::Warning,
                text: "runs/n590k-r067 has logged nothing for 1 h 30 min.".to_owned(),
                help: Some("If it was stopped, restart it or leave it out with runs.exclude".to_owned()),
            },
            Notice {
                severity: Severity::Info,
                text: "Mixture in use is not stated; the one nearest the target's size is taken: rust 0.2.".to_owned(),
                help: Some("state it under mixture.current".to_owned()),
            },
        ],
        runs: runs.into_iter().map(Arc::new).collect(),
    }
}

/// A day of forecasts.
fn ledger() -> LedgerView {
    let grade = |seen, count, mre, coverage| Grade {
        target: false,
        metric: "*".to_owned(),
        law: "*".to_owned(),
        seen,
        count,
        runs: 34,
        mre,
        mae: 2.0 * mre,
        interval_score: 10.0 * mre,
        coverage,
    };
    LedgerView {
        waiting: 30,
        scored: 1085,
        grades: vec![
            grade(Some([0.0, 0.1]), 118, 0.049, 0.79),
            grade(Some([0.1, 0.25]), 133, 0.0159, 0.85),
            grade(Some([0.25, 0.5]), 269, 0.0101, 0.91),
            grade(Some([0.5, 0.75]), 277, 0.0071, 0.93),
            grade(Some([0.75, 1.0]), 288, 0.0053, 0.9),
            grade(None, 1085, 0.013, 0.9),
        ],
        calibration: vec![Calibration { law: "pooled".to_owned(), factor: 1.2 }],
    }
}

/// Two signals of one run, one of them acknowledged.
fn told(run: &str) -> Vec<Alert> {
    let event = |id, ago: f64, kind, severity, evidence: &str, acknowledged| Alert {
        id,
        at: 1.79e9 - ago,
        signal: Signal {
            kind,
            run: run.to_owned(),
            metric: "train/loss".to_owned(),
            step: 310,
            severity,
            evidence: evidence.to_owned(),
            start: 0,
            saves: None,
        },
        over: None,
        acknowledged,
    };
    let jump = "train/loss jumped to 4.810 at step 310; usual there: 2.214";
    let silent = "nothing written for 5400 s, much longer than between the lines before";
    vec![
        event(2, 5000.0, SignalKind::Stalled, Severity::Warning, silent, None),
        event(1, 9000.0, SignalKind::Spike, Severity::Warning, jump, Some(1.79e9 - 8000.0)),
    ]
}

/// The same, where there is too little to go on.
pub fn abstained() -> Snapshot {
    let mut s = sweep();
    s.advice = Some(Advice::Abstained(Abstention {
        reasons: vec![
            "The law for rust has no skill: held-out ratios are predicted worse than by their mean.".to_owned(),
            "Runs cover two ratios; a law needs three.".to_owned(),
        ],
        would_help: vec!["A run of 333k parameters at rust = 0.50.".to_owned(), "A run at rust = 0.80.".to_owned()],
        nothing_to_mix: None,
    }));
    s.fits[1].skill = Some(-0.12);
    s.fits[1].warnings.push("Two of three ratios were fitted by one run each.".to_owned());
    for chart in &mut s.charts {
        chart.advised = None;
    }
    s.forecasts.truncate(2);
    s
}

/// Before the first fit, while the logs are read.
pub fn early() -> Snapshot {
    let mut s = sweep();
    (s.advice, s.fits, s.charts, s.forecasts) = (None, Vec::new(), Vec::new(), Vec::new());
    s.daemon.ingest =
        Some(IngestProgress { bytes_done: 1_240_000_000, bytes_total: 3_400_000_000, bytes_per_second: 412e6 });
    (s.daemon.last_refit, s.daemon.refit_seconds) = (None, None);
    s.ledger = LedgerView::default();
    s.daemon.embedded = true;
    s
}

/// A project without anything in it.
pub fn empty() -> Snapshot {
    let mut s = early();
    s.daemon.ingest = None;
    (s.daemon.points, s.daemon.files) = (0, 0);
    (s.runs, s.domains, s.metrics, s.target) = (RunList::default(), Vec::new(), BTreeMap::new(), None);
    s.notices.clear();
    s
}

/// So many runs.
#[allow(dead_code)]
pub fn many(n: usize) -> Snapshot {
    let mut s = sweep();
    s.runs = (0..n)
        .map(|i| {
            let mut r = run(i % 36, RunState::Finished, 1.0);
            (r.id, r.name) = (i as u32, format!("sweep/batch-{:03}/{}", i / 100, r.name));
            Arc::new(r)
        })
        .collect();
    s
}

/// Twelve domains, long names, disagreeing sources, losses that are not numbers.
pub fn wide() -> Snapshot {
    let mut s = sweep();
    let names: Vec<String> =
        (0..12).map(|i| format!("{}-{i}", ["common-crawl", "wiki", "stack", "math"][i % 4])).collect();
    let weights = |tilt: f64| -> Mixture {
        let raw: Vec<f64> = (0..12).map(|i| 1.0 + tilt * i as f64).collect();
        let sum: f64 = raw.iter().sum();
        Mixture(names.iter().cloned().zip(raw.iter().map(|w| w / sum)).collect())
    };
    if let Some(Advice::Recommendation(r)) = &mut s.advice {
        (r.current, r.mixture) = (weights(0.0), weights(0.4));
    }
    for run in s.runs.iter_mut().map(Arc::make_mut) {
        run.facts.insert(
            FactName::Mixture,
            Sourced { value: FactValue::Mixture(weights(0.1)), source: "config.json#mixture".to_owned() },
        );
        run.conflicts.push(Conflict {
            name: FactName::Params,
            kept: number(591_616.0, "config.json#params_non_embedding"),
            other: number(627_000.0, "train.log:12"),
        });
    }
    let keys = [PROSE.to_owned(), RUST.to_owned()].into_iter().chain((2..).map(|i| format!("eval/{i}/loss")));
    s.metrics = names.iter().cloned().zip(keys).collect();
    s.charts.iter_mut().for_each(|c| c.domain.clone_from(&names[1]));
    s.domains = names;
    s
}

/// What tries to steer the terminal.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\t\u{9b}31m\u{202e}\u{2066}evil\u{200f}";

/// Every name and sentence tries to steer the terminal and to reorder what is read.
pub fn hostile() -> Snapshot {
    let evil = |text: &mut String| {
        let middle = text.chars().count() / 2;
        *text = text.chars().take(middle).chain(EVIL.chars()).chain(text.chars().skip(middle)).collect();
    };
    let mut s = sweep();
    s.metrics = s.metrics.into_iter().map(|(d, m)| (format!("{d}{EVIL}"), format!("{m}{EVIL}"))).collect();
    s.domains.iter_mut().for_each(evil_end);
    [&mut s.project, &mut s.path].into_iter().for_each(evil);
    if let Some(target) = &mut s.target {
        evil(&mut target.objective);
    }
    for root in &mut s.daemon.watching {
        [&mut root.path, &mut root.mode, &mut root.why].into_iter().for_each(evil);
    }
    for run in s.runs.iter_mut().map(Arc::make_mut) {
        evil(&mut run.name);
        for fact in run.facts.values_mut() {
            evil(&mut fact.source);
            if let FactValue::Text(text) = &mut fact.value {
                evil(text);
            }
        }
        let conflict = Conflict {
            name: FactName::Schedule,
            kept: Sourced { value: FactValue::Text(EVIL.to_owned()), source: EVIL.to_owned() },
            other: Sourced { value: FactValue::Text(EVIL.to_owned()), source: EVIL.to_owned() },
        };
        run.conflicts.push(conflict);
        let settings = run.settings.iter().map(|(k, v)| (format!("{k}{EVIL}"), format!("{v}{EVIL}")));
        run.settings = Arc::new(settings.collect());
        let metrics = run.metrics.iter().map(|(k, v)| (format!("{k}{EVIL}").into(), v.clone()));
        run.metrics = Arc::new(metrics.collect());
        let sparklines = std::mem::take(&mut run.sparklines);
        run.sparklines = sparklines.into_iter().map(|(k, v)| (format!("{k}{EVIL}"), v)).collect();
        let forecast = std::mem::take(&mut run.forecast);
        run.forecast = forecast.into_iter().map(|(k, v)| (format!("{k}{EVIL}"), v)).collect();
        run.forecast.values_mut().for_each(|f| evil(&mut f.law));
    }
    for fit in &mut s.fits {
        evil_end(&mut fit.metric);
        [&mut fit.law, &mut fit.held_out, &mut fit.stopped].into_iter().for_each(evil);
        fit.parameters.iter_mut().for_each(|p| evil(&mut p.name));
        fit.folds.iter_mut().for_each(|f| evil(&mut f.held_out));
        fit.warnings.push(EVIL.to_owned());
    }
    for chart in &mut s.charts {
        [&mut chart.metric, &mut chart.domain].into_iter().for_each(evil_end);
        chart.points.iter_mut().for_each(|p| evil(&mut p.run));
    }
    for f in &mut s.forecasts {
        [&mut f.metric, &mut f.law].into_iter().for_each(evil);
    }
    if let Some(Advice::Recommendation(r)) = &mut s.advice {
        for m in [&mut r.mixture, &mut r.current] {
            *m = Mixture(m.0.iter().map(|(d, w)| (format!("{d}{EVIL}"), *w)).collect());
        }
        r.expected = std::mem::take(&mut r.expected).into_iter().map(|(k, v)| (format!("{k}{EVIL}"), v)).collect();
        r.reasons.iter_mut().for_each(evil);
    }
    for notice in &mut s.notices {
        evil(&mut notice.text);
        notice.help.as_mut().map(evil);
    }
    return s;

    fn evil_end(text: &mut String) {
        text.push_str(EVIL);
    }
}

/// Curves as they come for a question: from 6 downwards, with noise, a spike at a third, one that ends in no number, and those
/// of running runs up to where they are.
pub(crate) fn curves(query: &SeriesQuery) -> CurveSet {
    // What a step is worth on the axis, were all runs of one size.
    let scale = match query.x {
        Axis::Step | Axis::Elapsed | Axis::Time | Axis::Metric(_) => 1.0,
        Axis::Tokens => BATCH,
        Axis::Compute => 6.0 * SIZES[2].0 * BATCH,
        Axis::Plan => 1.0 / STEPS,
        Axis::Epochs(_) => 5.0 / STEPS,
    };
    let one = |(run, metric): (u32, &String)| {
        let done = match run {
            32 => 0.5,
            33 => 0.625,
            34 => 0.35,
            _ => 1.0,
        };
        let points = (0..(done * STEPS) as u32).map(|step| {
            let noise = f64::from((step * 31 + run * 17) % 13) / 130.0;
            let spike = if step == 133 && run.is_multiple_of(3) { 2.0 } else { 0.0 };
            let gauge = metric.strip_prefix("system.gpu.").map(|key| if key.starts_with('5') { 0.0 } else { 80.0 });
            let value =
                gauge.unwrap_or(1.4) + 0.01 * f64::from(run) + 5.0 / (1.0 + 0.1 * f64::from(step)) + noise + spike;
            (f64::from(step) * scale, if run == 5 && step > 200 { f64::NAN } else { value })
        });
        let across = pixels(0.0, STEPS * scale, query.pixels, if scale == 1.0 { 1.0 } else { 0.0 });
        Envelope { run, metric: metric.clone(), ..envelope(points, across, STEPS * scale, query.smoothing) }
    };
    let asked = query.runs.iter().flat_map(|run| query.metrics.iter().map(|metric| (*run, metric)));
    CurveSet { query: query.clone(), curves: asked.map(one).collect(), failed: None }
}

/// One run and nothing to mix.
pub fn one() -> Snapshot {
    let mut one = sweep();
    let mut run = one.runs[2].as_ref().clone();
    let forecast = RunForecast {
        value: 1.61,
        low: 1.55,
        high: 1.66,
        law: "chinchilla".to_owned(),
        seen: 0.6,
        fit: None,
        assumed: None,
        path: ahead(0.6, [1.61, 1.55, 1.66]),
        measure: Measure::default(),
    };
    run.forecast = BTreeMap::from([(RUST.to_owned(), forecast)]);
    one.runs = vec![Arc::new(run)].into();
    one.domains = Vec::new();
    (one.charts, one.fits, one.forecasts, one.choices) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let missing = "Advice on a mixture needs 3 or more runs of other mixtures; there is one run.".to_owned();
    one.advice = Some(Advice::Abstained(Abstention { nothing_to_mix: Some(missing), ..Abstention::default() }));
    one
}

/// One run on a machine of eight devices, one of which is idle.
pub fn devices() -> Snapshot {
    let mut one = one();
    let run = Arc::make_mut(&mut one.runs[0]);
    for (device, kind) in (0..8).flat_map(|device| ["gpu", "powerWatts"].map(|kind| (device, kind))) {
        let value = if device == 5 { 0.0 } else { 91.0 };
        Arc::make_mut(&mut run.metrics).insert(format!("system.gpu.{device}.{kind}").into(), metric(400, 400, value));
    }
    one
}

/// The sweep, with runs of four budgets beside it.
pub fn isoflop() -> Snapshot {
    let mut rows = Vec::new();
    for compute in [1e18, 1e19, 1e20, 1e21] {
        for step in -3..=3 {
            let params = 0.08 * f64::sqrt(compute) * (0.5 * f64::from(step)).exp();
            let scale = crate::vocab::Scale::dense(params, compute / 6.0 / params);
            let mut row = scale.at(vec![1.0]);
            row.loss = 1.8 + 478.0 / params.powf(0.347) + 2143.0 / row.tokens.powf(0.367);
            row.run = rows.len();
            rows.push(row);
        }
    }
    let data = crate::vocab::Observations {
        metric: RUST.to_owned(),
        domains: vec!["rust".to_owned()],
        runs: (0..rows.len()).map(|i| format!("run {i}")).collect(),
        rows,
        ..crate::vocab::Observations::default()
    };
    let mut optima = crate::vocab::Optima::default();
    for (groups, curve) in crate::fit::isoflop::isoflops(&data, &[1e23], 0) {
        optima.isoflops.push(groups);
        optima.curves.push(curve);
    }
    let mut snapshot = sweep();
    snapshot.optima = Some(Arc::new(optima));
    snapshot
}

/// Three sizes of a dense model and of three with experts, all of one length, and a target that no run has reached.
pub fn experts() -> Snapshot {
    let mut snapshot = sweep();
    let kinds = [(1.0, 1.0), (8.0, 1.0), (8.0, 2.0), (32.0, 2.0)];
    snapshot.runs.truncate(12);
    for (i, run) in snapshot.runs.iter_mut().map(Arc::make_mut).enumerate() {
        let (width, (experts, chosen)): (f64, (f64, f64)) = ([8e6, 34e6, 76e6][i % 3], kinds[i / 3]);
        let (active, total) = (width * (0.7 + 0.3 * chosen), width * (0.5 + 0.5 * experts));
        let loss = 1.5 + 30.0 / active.powf(0.2) - 0.05 * f64::ln(experts);
        run.name = format!("runs/d{}-E{experts}k{chosen}", [256, 512, 768][i % 3]);
        run.state = RunState::Finished;
        run.facts.remove(&FactName::Mixture);
        let facts = [
            (FactName::Params, total),
            (FactName::ActiveParams, active),
            (FactName::Experts, experts),
            (FactName::ExpertsPerToken, chosen),
        ];
        run.facts.extend(facts.map(|(name, value)| (name, number(value, "config.json"))));
        run.metrics = Arc::new(Metrics::from_iter([(RUST.into(), metric(16, 400, loss))]));
        run.last_step = Some(400);
    }
    (snapshot.domains, snapshot.metrics) =
        (vec!["rust".to_owned()], BTreeMap::from([("rust".to_owned(), RUST.to_owned())]));
    (snapshot.charts, snapshot.advice) = (Vec::new(), None);
    let moe = crate::vocab::Moe { active_params: 2e8, experts: 32.0, experts_per_token: 2.0, granularity: 1.0 };
    snapshot.forecasts.retain(|forecast| forecast.metric == RUST && forecast.chosen);
    snapshot.forecasts.truncate(1);
    for forecast in &mut snapshot.forecasts {
        (forecast.params, forecast.moe) = (8e8, Some(moe));
        (forecast.interval.value, forecast.interval.low, forecast.interval.high) = (1.9, 1.85, 1.97);
        snapshot.target = snapshot.target.take().map(|target| TargetView { mixture: None, moe: Some(moe), ..target });
    }
    snapshot
}

/// The same, with a third corpus, and with runs that log the loads of eight experts in four layers.
pub fn routed() -> Snapshot {
    let mut snapshot = isoflop();
    snapshot.domains.push("math".to_owned());
    for run in snapshot.runs.iter_mut().map(Arc::make_mut) {
        run.facts.insert(FactName::Experts, number(8.0, "config.json#experts"));
        for (layer, expert) in (0..4).flat_map(|layer| (0..8).map(move |expert| (layer, expert))) {
            let key = format!("moe/layer_{layer}/expert_{expert}/load");
            Arc::make_mut(&mut run.metrics).insert(key.as_str().into(), metric(40, 400, 0.125));
        }
    }
    snapshot
}

/// What a daemon would say: a log of 600 lines, four layers of eight experts of which one dies, forty rounds of fits.
pub fn answers(questions: &[Question], snapshot: &Snapshot) -> Vec<Answered> {
    let evil = if snapshot.project.contains('\u{1b}') { EVIL } else { "" };
    let line = |i: u32| LogLine {
        at: u64::from(i) * 60,
        text: format!("step {i} loss {:.3}{evil}", 3.0 - 1e-3 * f64::from(i)),
    };
    let answer = |question: &Question| match question {
        Question::Log(query) => {
            let find = query.find.clone().unwrap_or_default();
            let lines = (0..600).map(line).filter(|line| line.text.contains(&find)).collect();
            let files = vec![format!("metrics.jsonl{evil}"), "train.log".to_owned()];
            let file = query.file.min(1);
            let found = query.step.and_then(|step| u64::try_from(step).ok()).map(|step| step.min(599) * 60);
            Answer::Log(LogAnswer {
                files,
                file,
                size: 36_000,
                lines,
                is_first: true,
                is_last: true,
                found,
                note: None,
            })
        }
        Question::Router(query) => {
            let layers: Vec<String> = (0..4).map(|layer| format!("moe/layer_{layer}{evil}")).collect();
            let columns = (query.columns as usize).min(40);
            let one = |layer: &String| RouterLayer {
                layer: layer.clone(),
                experts: 8,
                entropy: (0..columns).map(|i| 0.99 - 0.1 * i as f64 / columns as f64).collect(),
                violation: 0.4,
                variation: 0.21,
                carry: 7,
                dead: vec![5],
            };
            let layer =
                query.layer.as_ref().and_then(|name| layers.iter().position(|layer| layer == name)).unwrap_or(2);
            let load = |at: usize| match (at / 8, at % 8) {
                (column, 5) if 2 * column > columns => 0.0,
                (_, 5) => 0.4,
                (column, 3) => 1.0 + 3.0 * column as f64 / columns as f64,
                _ => 1.0,
            };
            Answer::Router(RouterAnswer {
                layers: layers.iter().map(one).collect(),
                layer,
                experts: (0..8).collect(),
                steps: (1..=columns as i64).map(|i| 10 * i).collect(),
                loads: (0..8 * columns).map(load).collect(),
            })
        }
        Question::Surface(query) => {
            let parts = if query.mixtures == 861 { 40 } else { 20 };
            let of = |a: u32, b: u32| [a, b, parts - a - b].map(|part| f64::from(part) / f64::from(parts)).to_vec();
            let mixtures: Vec<Vec<f64>> = (0..=parts).flat_map(|a| (0..=parts - a).map(move |b| of(a, b))).collect();
            let loss = |(key, domain): (&str, usize)| SurfaceLoss {
                metric: key.to_owned(),
                law: format!("D-CPT{evil}"),
                values: mixtures.iter().map(|weights| law(RUST, TARGET.0, TARGET.1, weights[domain])).collect(),
                measure: Measure::default(),
            };
            Answer::Surface(SurfaceAnswer {
                domains: vec![format!("prose{evil}"), format!("rust{evil}"), "math".to_owned()],
                explored: mixtures.iter().map(|weights| weights[2] < 0.7).collect(),
                losses: [(PROSE, 0), (RUST, 1)].into_iter().map(loss).collect(),
                mixtures,
            })
        }
        Question::Slices(query) => {
            let domains: Vec<String> = snapshot.domains.iter().map(|domain| format!("{domain}{evil}")).collect();
            let count = domains.len().max(1) as f64;
            let slice = |(place, domain): (usize, &String)| {
                let shares: Vec<f64> =
                    (0..query.shares).map(|i| f64::from(i) / f64::from(query.shares - 1) * 0.6).collect();
                let of = |share: &f64| 2.0 + 0.3 * (place as f64 + 1.0) / count * (share - 1.0 / count).powi(2);
                let value: Vec<f64> = shares.iter().map(of).collect();
                Slice {
                    domain: domain.clone(),
                    low: value.iter().map(|value| value * 0.99).collect(),
                    high: value.iter().map(|value| value * 1.01).collect(),
                    explored: shares.iter().map(|share| *share < 0.5).collect(),
                    shares,
                    value,
                }
            };
            Answer::Slices(SlicesAnswer {
                around: Mixture(domains.iter().map(|domain| (domain.clone(), 1.0 / count)).collect()),
                value: 2.0,
                slices: domains.iter().enumerate().map(slice).collect(),
                objective: vec![(RUST.to_owned(), 1.0)],
                measure: Measure::default(),
            })
        }
        Question::Drift => {
            let domains: Vec<String> = snapshot.domains.iter().map(|domain| format!("{domain}{evil}")).collect();
            let rest = 1.0 / (domains.len().max(2) - 1) as f64;
            let step = |(i, at): (usize, f64)| {
                let last = 0.82 - 0.04 * i as f64;
                let of = |place: usize| if place + 1 == domains.len() { last } else { (1.0 - last) * rest };
                DriftStep { at, weights: (0..domains.len()).map(of).collect(), gain: 0.004 * (3.0 - i as f64) }
            };
            let sizes = [SIZES[0].0, SIZES[2].0, SIZES[3].0, TARGET.0];
            let steps = sizes.into_iter().enumerate().map(step).collect();
            Answer::Drift(DriftAnswer { domains, along: Some(Along::Params), steps })
        }
        Question::Fitted(query) => {
            let one = |run: &Arc<RunView>| {
                let measured = run.metrics.get(query.metric.as_str())?.last;
                let fitted = measured * (1.0 + 0.01 * f64::from(run.id % 3) - 0.01);
                Some(FittedRun { run: run.name.clone(), tokens: run.tokens_seen()?, measured, fitted })
            };
            Answer::Fitted(FittedAnswer {
                metric: query.metric.clone(),
                law: format!("D-CPT{evil}"),
                runs: snapshot.runs.iter().filter_map(one).collect(),
                measure: Measure::default(),
            })
        }
        Question::Moments => Answer::Moments((0..40).map(|i| 1.79e9 - 60.0 * f64::from(39 - i)).collect()),
        Question::FitsAt(at) => {
            let kept = |fit: &FitView| KeptFit {
                at: *at,
                build: "0.1.0".to_owned(),
                inputs: "cafe".to_owned(),
                theta: Vec::new(),
                covariance: Vec::new(),
                runs: snapshot.runs.iter().take(12).map(|run| run.name.clone()).collect(),
                target: snapshot.forecasts.iter().find(|forecast| forecast.metric == fit.metric).cloned(),
                fit: FitView { skill: Some(0.5), ..fit.clone() },
            };
            Answer::Fits(snapshot.fits.iter().map(kept).collect())
        }
    };
    questions.iter().map(|question| Answered { question: question.clone(), answer: answer(question) }).collect()
}
