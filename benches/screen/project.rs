//! The projects that are looked at, and what a daemon says of them.

use mixlaw::ipc::fitted::{FittedAnswer, FittedRun};
use mixlaw::ipc::replica::Replica;
use mixlaw::ipc::router::{RouterAnswer, RouterLayer};
use mixlaw::ipc::surface::{SurfaceAnswer, SurfaceLoss};
use mixlaw::tui::{Answer, Answered, Question};
use mixlaw::vocab::signal::{Alert, Signal, SignalKind};
use mixlaw::vocab::{
    FactName, FactValue, FitView, LedgerView, Measure, MetricView, Mixture, Notice, RatioChart, RunState, RunView,
    Severity, Snapshot, Sourced, TargetView,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The corpora.
const DOMAINS: [&str; 4] = ["web", "code", "math", "wiki"];
/// The loss that runs are compared by.
const LOSS: &str = "train/loss";
/// Experts of a layer, and layers, of a run whose router is looked at.
const EXPERTS: (u32, u32) = (128, 64);

/// A training loss with noise.
pub fn loss(run: u32, step: u32) -> f64 {
    let noise = f64::from((step.wrapping_mul(2_654_435_761) ^ run.wrapping_mul(40_503)) % 1_000) / 5_000.0;
    1.8 + 0.01 * f64::from(run) + 6.0 / (1.0 + 0.01 * f64::from(step)).powf(0.7) + noise
}

pub fn snapshot(runs: u32, metrics: u32, points: u32) -> Snapshot {
    let mut snapshot = Replica::default().snapshot(1.79e9);
    snapshot.project = "bench".to_owned();
    let run = |id: u32| {
        let metric = |i: u32| {
            let key = if i == 0 { LOSS.to_owned() } else { format!("metric/{i}") };
            let (last_step, last) = (i64::from(points) - 1, loss(id, points));
            (Arc::from(key.as_str()), MetricView { points: points.into(), segments: 1, last_step, last, status: None })
        };
        let mut view = RunView::unknown(id);
        view.name = format!("runs/{id:04}");
        view.state = if id < 10 { RunState::Running } else { RunState::Finished };
        view.metrics = Arc::new((0..metrics).map(metric).collect());
        view.facts = facts(id);
        view.last_step = Some(i64::from(points) - 1);
        view.progress = Some(if id < 10 { 0.5 } else { 1.0 });
        Arc::new(view)
    };
    snapshot.runs = (0..runs).map(run).collect();
    snapshot.domains = DOMAINS.map(str::to_owned).to_vec();
    snapshot.metrics = BTreeMap::from([(DOMAINS[0].to_owned(), LOSS.to_owned())]);
    // Two losses with laws and a target: views of mixtures are there.
    snapshot.fits = [LOSS, "metric/1"].map(fit).to_vec();
    let mixture = Some(Mixture(DOMAINS.map(|domain| (domain.to_owned(), 0.25)).into_iter().collect()));
    snapshot.target = Some(TargetView { params: 1e9, tokens: 1e11, moe: None, mixture, objective: String::new() });
    snapshot.charts = vec![chart()];
    // One alert in ten runs, a note, and forecasts that were graded.
    for (id, run) in snapshot.runs.iter_mut().enumerate().step_by(10) {
        Arc::make_mut(run).signals.push(alert(id as u64));
    }
    snapshot.notices.push(Notice { severity: Severity::Info, text: "a note".to_owned(), help: None });
    snapshot.ledger = LedgerView { waiting: 30, scored: 1_085, ..LedgerView::default() };
    snapshot
}

/// The loss against a share, as the dashboard has it.
fn chart() -> RatioChart {
    let shares: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
    let of = |by: f64| shares.iter().map(|share| by * (2.0 + (share - 0.4) * (share - 0.4))).collect();
    RatioChart {
        metric: LOSS.to_owned(),
        domain: DOMAINS[0].to_owned(),
        loss: of(1.0),
        low: of(0.99),
        high: of(1.01),
        shares: shares.clone(),
        points: Vec::new(),
        current: Some(0.25),
        advised: Some(0.4),
        limit: None,
        measure: Measure::default(),
    }
}

fn alert(id: u64) -> Alert {
    let signal = Signal {
        kind: SignalKind::Stalled,
        run: format!("runs/{id:04}"),
        metric: String::new(),
        step: 500,
        severity: Severity::Warning,
        evidence: "no new line for 2 h, much longer than usual".to_owned(),
        start: 0,
        saves: None,
    };
    Alert { id, at: 1.79e9, signal, over: None, acknowledged: None }
}

fn fit(metric: &str) -> FitView {
    FitView {
        metric: metric.to_owned(),
        law: "additive".to_owned(),
        chosen: true,
        objective: 0.0,
        parameters: Vec::new(),
        rows: String::new(),
        observations: 1_000,
        runs: 1_000,
        skill: Some(0.9),
        mre_heldout: Some(0.01),
        no_skill: false,
        mre: 0.01,
        mre_scale: None,
        scale_tests: Vec::new(),
        held_out: "leave one mixture out, 9 folds".to_owned(),
        folds: Vec::new(),
        starts: 8,
        seed: 0,
        seconds: 1.0,
        stopped: "gradient below 1e-8".to_owned(),
        warnings: Vec::new(),
        uncompared: 0,
        rival: None,
        skill_rival: None,
        advises: None,
        provisional: false,
    }
}

/// What is known of a run: one of five sizes, and a mixture of its own.
fn facts(id: u32) -> BTreeMap<FactName, Sourced<FactValue>> {
    let weights: Vec<f64> = (0..4).map(|i| f64::from((id * 7 + i * 3) % 11 + 1)).collect();
    let sum: f64 = weights.iter().sum();
    let mixture = DOMAINS.iter().zip(weights).map(|(domain, weight)| ((*domain).to_owned(), weight / sum)).collect();
    let all = [
        (FactName::Params, FactValue::Number(1e7 * f64::from(1 << (id % 5)))),
        (FactName::BatchTokens, FactValue::Number(65_536.0)),
        (FactName::LearningRate, FactValue::Number(1e-3 / f64::from(id % 7 + 1))),
        (FactName::Mixture, FactValue::Mixture(Mixture(mixture))),
    ];
    let source = || "config.json".to_owned();
    all.into_iter().map(|(name, value)| (name, Sourced { value, source: source() })).collect()
}

/// The same with three corpora, whose mixtures are a map.
pub fn of_three(snapshot: &Snapshot) -> Snapshot {
    let mut three = snapshot.clone();
    three.domains.truncate(3);
    three
}

/// The same with a router in the first run.
pub fn of_experts(snapshot: &Snapshot) -> Snapshot {
    let mut routed = snapshot.clone();
    let run = Arc::make_mut(&mut routed.runs[0]);
    let metrics = Arc::make_mut(&mut run.metrics);
    let any = metrics.values().next().cloned().expect("a metric");
    for layer in 0..EXPERTS.1 {
        for expert in 0..EXPERTS.0 {
            metrics.insert(format!("moe/layer_{layer}/expert_{expert}/load").into(), any.clone());
        }
    }
    routed
}

/// What the daemon says to what a view asks.
pub fn answers(asked: &[Question], snapshot: &Snapshot) -> Vec<Answered> {
    let answer = |question: &Question| {
        Some(match question {
            Question::Fitted(query) => Answer::Fitted(FittedAnswer {
                metric: query.metric.clone(),
                law: "law".to_owned(),
                runs: snapshot.runs.iter().filter_map(fitted).collect(),
                ..FittedAnswer::default()
            }),
            Question::Surface(query) => Answer::Surface(surface(query.mixtures, snapshot)),
            Question::Router(query) => Answer::Router(router(query.columns)),
            _ => return None,
        })
    };
    let one = |question: &Question| Some(Answered { question: question.clone(), answer: answer(question)? });
    asked.iter().filter_map(one).collect()
}

/// A run as a law sees it.
fn fitted(run: &Arc<RunView>) -> Option<FittedRun> {
    let measured = run.metrics.get(LOSS)?.last;
    Some(FittedRun { run: run.name.clone(), tokens: 1e9, measured, fitted: 1.01 * measured })
}

/// Losses on at most so many mixtures: all those of the first three corpora in steps of one size.
fn surface(most: u32, snapshot: &Snapshot) -> SurfaceAnswer {
    let parts = (1..most).take_while(|n| (n + 1) * (n + 2) / 2 <= most).last().unwrap_or(1);
    let part = |n: u32| f64::from(n) / f64::from(parts);
    let of = |a: u32, b: u32| {
        let mut weights = vec![part(a), part(b), part(parts - a - b)];
        weights.resize(snapshot.domains.len(), 0.0);
        weights
    };
    let row = |a: u32| (0..=parts - a).map(move |b| of(a, b));
    let mixtures: Vec<Vec<f64>> = (0..=parts).flat_map(row).collect();
    let values = mixtures.iter().map(|weights| 2.0 + weights[0] * weights[1]).collect();
    SurfaceAnswer {
        domains: snapshot.domains.clone(),
        explored: vec![true; mixtures.len()],
        losses: vec![SurfaceLoss { metric: LOSS.to_owned(), law: "law".to_owned(), values, ..SurfaceLoss::default() }],
        mixtures,
    }
}

/// The loads of a layer, and figures of all.
fn router(columns: u32) -> RouterAnswer {
    let layer = |n: u32| RouterLayer {
        layer: format!("moe/layer_{n}"),
        experts: EXPERTS.0 as usize,
        entropy: (0..columns).map(|column| 0.9 + f64::from((column + n) % 10) / 100.0).collect(),
        violation: 0.4,
        variation: 0.2,
        carry: 120,
        dead: Vec::new(),
    };
    RouterAnswer {
        layers: (0..EXPERTS.1).map(layer).collect(),
        layer: 0,
        experts: (0..EXPERTS.0).collect(),
        steps: (0..columns).map(i64::from).collect(),
        loads: (0..columns * EXPERTS.0).map(|place| f64::from(place % 97) / 48.0).collect(),
    }
}
