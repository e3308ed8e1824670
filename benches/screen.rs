//! What a frame of the dashboard costs, without a daemon and without a terminal.
//!
//! `cargo bench --bench screen`: twenty runs of 50,000 points at 200 columns and 50 rows, as the dashboard draws them (from
//! curves at the width of the screen) and as ratatui's own `Chart` draws the raw points, in the same process; what new
//! curves, a key and an idle second cost; bytes that go to the terminal; and opening every view on 1,000 runs with 100
//! metrics. Median and 99th percentile, milliseconds of wall time; the machine's load is in them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mixlaw::ipc::fitted::{FittedAnswer, FittedRun};
use mixlaw::ipc::replica::Replica;
use mixlaw::ipc::series::{Envelope, SeriesQuery, envelope, pixels};
use mixlaw::tui::{Answer, Answered, Question};
use mixlaw::tui::{CurveSet, Depth, Event, Incoming, Model, Theme, ThemeName, ViewId, update, view};
use mixlaw::vocab::{
    FactName, FactValue, FitView, MetricView, Mixture, RunState, RunView, Snapshot, Sourced, TargetView,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The corpora.
const DOMAINS: [&str; 4] = ["web", "code", "math", "wiki"];
/// The loss that runs are compared by.
const LOSS: &str = "train/loss";
/// Milliseconds that opening a view may take.
const OPENED: f64 = 150.0;
const RUNS: u32 = 20;
const POINTS: u32 = 50_000;
const SIZE: (u16, u16) = (200, 50);
const FRAMES: usize = 400;

/// A training loss with noise.
fn loss(run: u32, step: u32) -> f64 {
    let noise = f64::from((step.wrapping_mul(2_654_435_761) ^ run.wrapping_mul(40_503)) % 1_000) / 5_000.0;
    1.8 + 0.01 * f64::from(run) + 6.0 / (1.0 + 0.01 * f64::from(step)).powf(0.7) + noise
}

fn snapshot(runs: u32, metrics: u32, points: u32) -> Snapshot {
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
    snapshot
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

/// What the daemon says to what a view asks of all runs.
fn answers(asked: &[Question], snapshot: &Snapshot) -> Vec<Answered> {
    let measured = |run: &Arc<RunView>| {
        let measured = run.metrics.get(LOSS)?.last;
        Some(FittedRun { run: run.name.clone(), tokens: 1e9, measured, fitted: 1.01 * measured })
    };
    let one = |question: &Question| {
        let Question::Fitted(query) = question else { return None };
        let runs = snapshot.runs.iter().filter_map(measured).collect();
        let answer =
            FittedAnswer { metric: query.metric.clone(), law: "law".to_owned(), runs, ..FittedAnswer::default() };
        Some(Answered { question: question.clone(), answer: Answer::Fitted(answer) })
    };
    asked.iter().filter_map(one).collect()
}

/// What a daemon answers.
fn curves(query: &SeriesQuery, points: u32) -> CurveSet {
    let one = |run: u32| {
        let across = pixels(0.0, f64::from(points), query.pixels, 1.0);
        let all = (0..points).map(|step| (f64::from(step), loss(run, step)));
        let curve = envelope(all, across, f64::from(points), query.smoothing);
        Envelope { run, metric: query.metrics[0].clone(), ..curve }
    };
    CurveSet { query: query.clone(), curves: query.runs.iter().map(|run| one(*run)).collect(), failed: None }
}

fn model(snapshot: Snapshot, size: (u16, u16)) -> Model {
    Model::showing(Arc::new(snapshot), Theme::new(ThemeName::Dark, Depth::True), size)
}

fn press(model: &mut Model, code: KeyCode) {
    update(model, Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

/// Counts what is written.
struct Counted(Rc<Cell<usize>>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Median and 99th percentile, milliseconds.
fn time(times: usize, mut work: impl FnMut(usize)) -> (f64, f64) {
    let mut all: Vec<f64> = (0..times)
        .map(|i| {
            let start = Instant::now();
            work(i);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    (all[times / 2], all[(times - 1) * 99 / 100])
}

fn say(what: &str, (median, p99): (f64, f64)) {
    println!("{what:<58} {median:>9.3} {p99:>9.3}");
}

fn main() {
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let mut buf = Buffer::empty(area);
    println!("{:<58} {:>9} {:>9}", "ms", "p50", "p99");

    let mut m = model(snapshot(RUNS, 10, POINTS), SIZE);
    press(&mut m, KeyCode::Char('C'));
    press(&mut m, KeyCode::Char('z'));
    let query = m.needs().expect("curves are on screen");
    let set = Arc::new(curves(&query, POINTS));
    update(&mut m, Event::Incoming(Incoming::Curves(Arc::clone(&set))));
    let drawn = time(FRAMES, |_| {
        buf.reset();
        view(&m, area, &mut buf);
    });
    say("frame: 20 runs x 50,000 points, 200x50", drawn);

    let raw: Vec<Vec<(f64, f64)>> =
        (0..RUNS).map(|run| (0..POINTS).map(|step| (f64::from(step), loss(run, step))).collect()).collect();
    let rival = time(FRAMES / 20, |_| {
        buf.reset();
        let sets = raw.iter().map(|points| {
            Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).data(points.as_slice())
        });
        let chart = Chart::new(sets.collect())
            .x_axis(Axis::default().bounds([0.0, f64::from(POINTS)]))
            .y_axis(Axis::default().bounds([1.5, 8.0]));
        chart.render(area, &mut buf);
    });
    say("the raw points with ratatui's Chart", rival);
    println!("{:<58} {:>9.0}", "ratio of medians", rival.0 / drawn.0);

    say(
        "live batch: new curves and a new state taken in",
        time(FRAMES, |i| {
            let state = Arc::clone(m.shared.snapshot.as_ref().expect("a state"));
            update(&mut m, Event::Incoming(Incoming::Snapshot(state)));
            if i % 2 == 0 {
                update(&mut m, Event::Incoming(Incoming::Curves(Arc::clone(&set))));
            }
        }),
    );
    say(
        "key to cells: cursor, selection and the frame",
        time(FRAMES, |i| {
            press(&mut m, if i % 2 == 0 { KeyCode::Left } else { KeyCode::Down });
            buf.reset();
            view(&m, area, &mut buf);
        }),
    );

    // Bytes to the terminal: ratatui sends the cells that differ.
    let written = Rc::new(Cell::new(0));
    let mut terminal = Terminal::with_options(
        CrosstermBackend::new(Counted(Rc::clone(&written))),
        ratatui::TerminalOptions { viewport: ratatui::Viewport::Fixed(area) },
    )
    .expect("a terminal in memory");
    let mut bytes = |m: &Model| {
        written.set(0);
        terminal.draw(|frame| view(m, frame.area(), frame.buffer_mut())).expect("drawn");
        written.get()
    };
    let first = bytes(&m);
    let same = bytes(&m);
    press(&mut m, KeyCode::Up);
    let key = bytes(&m);
    let grown = curves(&query, POINTS + 200);
    update(&mut m, Event::Incoming(Incoming::Curves(Arc::new(grown))));
    let batch = bytes(&m);
    println!(
        "bytes to the terminal: first frame {first}, nothing new {same}, selection moved {key}, 200 steps more {batch}"
    );

    let mut m = model(snapshot(1_000, 100, 1_000), SIZE);
    let ids: Vec<ViewId> = m.views.iter().map(mixlaw::tui::model::Slot::id).collect();
    for id in ids {
        let is_there = |m: &Model| m.presence(id) != mixlaw::tui::views::Presence::Gone;
        if !is_there(&m) || m.slot(id).is_none_or(mixlaw::tui::model::Slot::covers) {
            println!("({} is not there in such a project, or lies over the others)", id.0);
            continue;
        }
        let opened = time(20, |_| {
            m.go(id);
            if let (Some(mixlaw::tui::Asked { questions: asked, .. }), Some(snapshot)) =
                (m.questions(), m.shared.snapshot.clone())
            {
                m.shared.answers = Arc::new(answers(&asked, &snapshot));
            }
            buf.reset();
            view(&m, area, &mut buf);
        });
        say(&format!("open {} with 1,000 runs x 100 metrics", id.0), opened);
        if opened.1 > OPENED {
            println!("    more than {OPENED} ms");
        }
    }
    let typed = time(40, |i| {
        press(&mut m, if i % 2 == 0 { KeyCode::Char(':') } else { KeyCode::Char('r') });
        buf.reset();
        view(&m, area, &mut buf);
    });
    say("a letter in the palette with 1,000 runs x 100 metrics", typed);
}
