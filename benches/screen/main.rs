//! What a frame of the dashboard costs, without a daemon and without a terminal.
//!
//! `cargo bench --bench screen`: twenty runs of 50,000 points at 200 columns and 50 rows, as the dashboard draws them (from
//! curves at the width of the screen) and as ratatui's own `Chart` draws the raw points, in the same process; what new
//! curves, a key and an idle second cost; bytes that go to the terminal; and opening every view on 1,000 runs with 100
//! metrics. Median and 99th percentile, milliseconds of wall time; the machine's load is in them.

mod project;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mixlaw::ipc::series::{Envelope, SeriesQuery, envelope, pixels};
use mixlaw::tui::{CurveSet, Depth, Event, Incoming, Model, Theme, ThemeName, ViewId, update, view};
use mixlaw::vocab::Snapshot;
use project::{answers, loss, of_experts, of_three, snapshot};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};
use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Milliseconds that opening a view may take.
const OPENED: f64 = 150.0;
const RUNS: u32 = 20;
const POINTS: u32 = 50_000;
const SIZE: (u16, u16) = (200, 50);
const FRAMES: usize = 400;

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

    let big = snapshot(1_000, 100, 1_000);
    let kinds =
        [&big, &of_three(&big), &of_experts(&big), &Snapshot { runs: big.runs[..1].to_vec().into(), ..big.clone() }];
    let mut left: Vec<ViewId> = model(big.clone(), SIZE).views.iter().map(mixlaw::tui::model::Slot::id).collect();
    for kind in kinds {
        let mut m = model(kind.clone(), SIZE);
        left.retain(|id| !opened(&mut m, *id, &mut buf));
    }
    assert_eq!(left, [], "views that are in none of the projects");
    let mut m = model(big, SIZE);
    let typed = time(40, |i| {
        press(&mut m, if i % 2 == 0 { KeyCode::Char(':') } else { KeyCode::Char('r') });
        buf.reset();
        view(&m, area, &mut buf);
    });
    say("a letter in the palette with 1,000 runs x 100 metrics", typed);
}

/// Times a view's opening, with what it asks for; `false` where it is not there.
fn opened(m: &mut Model, id: ViewId, buf: &mut Buffer) -> bool {
    use mixlaw::tui::model::Overlay;
    use mixlaw::tui::views::Presence;
    if m.presence(id) != Presence::There {
        return false;
    }
    let covers = m.slot(id).is_some_and(mixlaw::tui::model::Slot::covers);
    let runs = m.shared.snapshot.as_ref().map_or(0, |snapshot| snapshot.runs.len());
    let times = time(20, |_| {
        if covers {
            m.overlay = Overlay::View(id);
            m.settle();
        } else {
            m.go(id);
        }
        if let (Some(mixlaw::tui::Asked { questions: asked, .. }), Some(snapshot)) =
            (m.questions(), m.shared.snapshot.clone())
        {
            m.shared.answers = Arc::new(answers(&asked, &snapshot));
        }
        buf.reset();
        view(m, *buf.area(), buf);
    });
    m.overlay = Overlay::None;
    say(&format!("open {} with {runs} runs x 100 metrics", id.0), times);
    if times.1 > OPENED {
        println!("    more than {OPENED} ms");
    }
    true
}
