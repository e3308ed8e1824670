//! Charts of one run: a large one of the loss that matters, with the forecast of its end, and small ones of what else it logs.

use super::devices;
use crate::ipc::series::{Axis, Envelope, MOST_CURVES, SeriesQuery};
use crate::observe::{is_evaluation, training_loss};
use crate::tui::fmt;
use crate::tui::lines::{Curve, Lines, Numbers};
use crate::tui::metric_list::MetricList;
use crate::tui::shared::{Shared, label, losses};
use crate::tui::text::frame;
use crate::vocab::text::printable;
use crate::vocab::{PathPoint, RunView, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns that a small chart wants.
const SMALL: u16 = 26;
/// Its rows, with its frame: with axes, and without.
const SMALL_ROWS: [u16; 2] = [7, 5];
/// The least columns and rows of the large chart, with its frame.
const LEAST: (u16, u16) = (40, 7);
/// Small charts at most.
const MOST: usize = 12;

/// Where the charts stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Places {
    large: Rect,
    small: Vec<Rect>,
}

/// The least rows that charts take.
pub(in crate::tui) const ROWS: u16 = LEAST.1;

impl Places {
    /// Divides an area: the large chart above, one or two rows of small ones below. `None` where there is no room.
    pub(in crate::tui) fn of(area: Rect, metrics: usize) -> Option<Self> {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return None;
        }
        let others = metrics.saturating_sub(1).min(MOST);
        let abreast = usize::from(area.width / SMALL).max(1);
        let spare = area.height - LEAST.1;
        let each = SMALL_ROWS.into_iter().find(|rows| area.height >= 10 + *rows).unwrap_or(SMALL_ROWS[1]);
        // A second row of small charts only where the large one keeps half of the height.
        let most = (spare / each).min(if area.height >= 2 * (10 + each) { 2 } else { 1 });
        let rows = most.min(others.div_ceil(abreast) as u16);
        let large = Rect { height: area.height - rows * each, ..area };
        let shown = others.min(abreast * usize::from(rows));
        let mut small = Vec::new();
        for place in 0..shown {
            let row = place / abreast;
            let in_row = (shown - row * abreast).min(abreast) as u16;
            let at = (place % abreast) as u16;
            let x = area.x + area.width * at / in_row;
            let right = area.x + area.width * (at + 1) / in_row;
            let y = large.bottom() + row as u16 * each;
            small.push(Rect { x, y, width: right - x, height: each });
        }
        Some(Self { large, small })
    }
}

/// Last words of the names of what counts or times a run, or says how far it is: of all that is logged, the last thing to look at.
const COUNTERS: [&str; 10] =
    ["epoch", "epochs", "step", "steps", "iteration", "time", "runtime", "percentage", "progress", "second"];

/// How much a metric says about how a run goes, less being more.
pub(in crate::tui) fn interest(key: &str) -> usize {
    let lower = key.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let last = lower.rsplit(['/', '_', ' ']).next().unwrap_or(&lower);
    match () {
        () if COUNTERS.contains(&last) => 9,
        () if lower.starts_with("system.") => 8,
        () if is_evaluation(key) => 1,
        () if has(&["grad_norm", "grad norm", "gradnorm"]) => 2,
        () if lower.ends_with("lr") || has(&["learning_rate", "learning rate"]) => 3,
        () if has(&["tokens_per_sec", "tok/s", "tok_per_sec", "tps", "throughput", "mfu"]) => 4,
        () if training_loss(key).is_some() => 5,
        () if has(&["loss", "memory", "time"]) => 6,
        () => 7,
    }
}

/// Keys that count instead of measuring.
fn is_counter(shared: &Shared, run: &RunView, key: &str) -> bool {
    let lower = key.to_lowercase();
    let named = shared.snapshot.iter().any(|snapshot| losses(snapshot).iter().any(|loss| loss.key == key));
    let words = ["step", "epoch", "iteration", "tokens_seen", "total_tokens", "timestamp", "num_tokens"];
    let last = lower.rsplit(['/', '.']).next().unwrap_or(&lower).to_owned();
    let counts = last
        .rsplit_once('_')
        .is_some_and(|(before, word)| ["step", "steps", "epoch", "epochs"].contains(&word) && !before.ends_with("per"));
    !named
        && (counts || words.contains(&last.as_str()) || crate::observe::counts_tokens(key))
        && run.metrics.contains_key(key)
}

/// The metrics that are drawn, the large one first: what the user chose, else a validation loss of the project, else the
/// training loss.
pub(in crate::tui) fn metrics<'a>(shared: &'a Shared, run: &'a RunView) -> Vec<&'a str> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let known = shared.charted.of(snapshot, &[run.id], shared.metric.as_deref());
    known.unwrap_or_else(|| sorted(shared, snapshot, run))
}

/// Makes the list for the selected run, or the only one, where it was made for something else.
pub(in crate::tui) fn look(shared: &mut Shared) {
    let Some(snapshot) = shared.snapshot.clone() else { return };
    let selected = shared.runs.cursor(&snapshot).map_or(0, |at| shared.runs.order[at]);
    let Some(run) = snapshot.runs.get(selected) else { return };
    let chosen = shared.metric.clone();
    if shared.charted.of(&snapshot, &[run.id], chosen.as_deref()).is_none() {
        let keys = sorted(shared, &snapshot, run);
        shared.charted = MetricList::made(&snapshot, vec![run.id], chosen.as_deref(), &keys);
    }
}

fn sorted<'a>(shared: &'a Shared, snapshot: &'a Snapshot, run: &'a RunView) -> Vec<&'a str> {
    let drawn = |key: &str| run.metrics.get(key).is_some_and(|metric| metric.points > 1);
    let named: Vec<&str> = losses(snapshot).into_iter().map(|loss| loss.key).collect();
    let mut all: Vec<&str> = run.metrics.keys().map(|key| &**key).filter(|key| drawn(key)).collect();
    all.retain(|key| !is_counter(shared, run, key));
    devices::fold(run, &mut all, shared.metric.as_deref());
    all.sort_by_cached_key(|key| {
        let place = named.iter().position(|name| name == key);
        (place.unwrap_or(usize::MAX), interest(key), training_loss(key).unwrap_or(usize::MAX))
    });
    let chosen = shared.metric.as_deref().filter(|key| all.contains(key));
    // The training loss has most points, and shows what happens; the user may choose another.
    let training = all.iter().copied().filter(|key| training_loss(key).is_some()).min_by_key(|key| training_loss(key));
    if let Some(first) = chosen.or(training).and_then(|key| all.iter().position(|other| *other == key)) {
        let key = all.remove(first);
        all.insert(0, key);
    }
    all
}

/// The curves that charts in that area need.
pub(in crate::tui) fn query(shared: &Shared, run: &RunView, area: Rect) -> Option<SeriesQuery> {
    let all = metrics(shared, run);
    let places = Places::of(area, all.len())?;
    let drawn = all.into_iter().take(1 + places.small.len());
    let mut metrics: Vec<String> = Vec::new();
    for key in drawn {
        let devices = devices::of(run, key);
        let keys = if devices.is_empty() { vec![key] } else { devices };
        if metrics.len() + keys.len() <= MOST_CURVES {
            metrics.extend(keys.into_iter().map(str::to_owned));
        }
    }
    let pixels = u32::from(area.width.saturating_sub(8)).clamp(8, 1000) * 2;
    let runs = vec![run.id];
    Some(SeriesQuery { runs, metrics, x: Axis::Step, from: None, to: None, pixels, smoothing: 0.0 })
}

/// Draws them.
pub(in crate::tui) fn draw(shared: &Shared, run: &RunView, places: &Places, buf: &mut Buffer) {
    let all = metrics(shared, run);
    let areas = std::iter::once(&places.large).chain(&places.small);
    for (place, (key, area)) in all.iter().zip(areas).enumerate() {
        one(shared, run, key, place == 0, *area, buf);
    }
}

fn one(shared: &Shared, run: &RunView, key: &str, large: bool, area: Rect, buf: &mut Buffer) {
    let devices = devices::of(run, key);
    if !devices.is_empty() {
        return of_devices(shared, run, &devices, area, buf);
    }
    let theme = &shared.theme;
    let name = shared.snapshot.as_ref().map_or_else(|| key.to_owned(), |snapshot| label(snapshot, key));
    let last = run.metrics.get(key).map_or(f64::NAN, |metric| metric.last);
    let value = if last.is_finite() { fmt::significant(last, 4) } else { fmt::loss(last) };
    let room = usize::from(area.width).saturating_sub(value.len() + 6);
    let mut title = vec![
        Span::styled(format!(" {} ", fmt::tail(&printable(&name), room)), theme.title),
        Span::styled(format!("{value} "), if last.is_finite() { theme.text } else { theme.bad }),
    ];
    let forecast = run.forecast.get(key);
    if let Some(forecast) = forecast.filter(|_| large) {
        let (low, high) = (fmt::loss(forecast.low), fmt::loss(forecast.high));
        let text = format!("→ {} at the end (90 %: {low}–{high}) ", fmt::loss(forecast.value));
        title.push(Span::styled(text, theme.accent));
    }
    let inner = frame(area, theme.faint, Line::from(title), buf);
    let mut envelopes = shared.curves.iter().flat_map(|set| &set.curves);
    let Some(envelope) = envelopes.find(|one| one.run == run.id && one.metric == key) else { return };
    let newest = envelope.at.last().map_or(f64::NAN, |pixel| envelope.start + envelope.width * f64::from(*pixel));
    let ahead = if large { ahead(run, key, newest, Some) } else { Vec::new() };
    let curve = Curve {
        points: envelope.points(&envelope.last),
        spread: envelope.spread(),
        style: theme.curve,
        sign: "●",
        ahead,
        marks: envelope.restarts.clone(),
        ..Curve::default()
    };
    let is_loss = training_loss(key).is_some() || run.forecast.contains_key(key) || is_evaluation(key);
    let more = shared.unit(key).higher_is_better();
    let curves = [curve];
    let log = is_loss && !more;
    Lines { log, x: Numbers::Counts, bare: inner.height < 5, ..Lines::of(&curves, theme) }.draw(inner, buf);
}

/// One chart of all devices that have a metric.
fn of_devices(shared: &Shared, run: &RunView, keys: &[&str], area: Rect, buf: &mut Buffer) {
    let theme = &shared.theme;
    let arrived = || shared.curves.iter().flat_map(|set| &set.curves).filter(|curve| curve.run == run.id);
    let curves: Vec<&Envelope> = keys.iter().filter_map(|key| arrived().find(|curve| curve.metric == **key)).collect();
    let last = keys.iter().filter_map(|key| Some(run.metrics.get(key)?.last)).filter(|last| last.is_finite());
    let (low, high) =
        last.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), last| (low.min(last), high.max(last)));
    let value = if low > high {
        String::new()
    } else {
        format!("{} to {} ", fmt::significant(low, 3), fmt::significant(high, 3))
    };
    let room = usize::from(area.width).saturating_sub(value.len() + 6);
    let name = keys.first().map(|key| devices::name(key)).unwrap_or_default();
    let title = vec![
        Span::styled(format!(" {} ", fmt::tail(&printable(&name), room)), theme.title),
        Span::styled(value, theme.text),
    ];
    let inner = frame(area, theme.faint, Line::from(title), buf);
    devices::draw(theme, &curves, inner, buf);
}

/// How a metric will go on to the planned end, beyond its newest point: x, value, least and greatest value. `place`: where a
/// step is on the x axis.
pub(in crate::tui) fn ahead(
    run: &RunView,
    key: &str,
    newest: f64,
    place: impl Fn(f64) -> Option<f64>,
) -> Vec<(f64, f64, f64, f64)> {
    let Some(forecast) = run.forecast.get(key) else { return Vec::new() };
    let done = run.progress.filter(|part| *part > 0.0 && *part < 1.0);
    let Some(planned) = run.last_step.zip(done).map(|(step, part)| (step as f64 / part).round()) else {
        return Vec::new();
    };
    let end = PathPoint { part: 1.0, value: forecast.value, low: forecast.low, high: forecast.high };
    let path = if forecast.path.is_empty() { std::slice::from_ref(&end) } else { &forecast.path };
    let at = |point: &PathPoint| Some((place(point.part * planned)?, point.value, point.low, point.high));
    path.iter().filter_map(at).filter(|at| newest < at.0).collect()
}

/// The next metric in the large chart.
pub(in crate::tui) fn turn(shared: &mut Shared, by: isize) {
    let Some(run) = shared.selected_run() else { return };
    let mut all: Vec<String> = metrics(shared, run).into_iter().map(str::to_owned).collect();
    let Some(now) = all.first().cloned() else { return };
    // In an order that does not depend on which is the first now.
    all.sort_by_cached_key(|key| (interest(key), key.clone()));
    let at = all.iter().position(|key| *key == now).unwrap_or(0);
    shared.metric = Some(all[at.wrapping_add_signed(by + all.len() as isize) % all.len()].clone());
}

/// A line a metric, where there is no room for charts.
pub(in crate::tui) fn sparks(shared: &Shared, run: &RunView, area: Rect, buf: &mut Buffer) {
    let theme = &shared.theme;
    for (y, key) in (area.y..area.bottom()).zip(metrics(shared, run)) {
        let name = shared.snapshot.as_ref().map_or_else(|| key.to_owned(), |snapshot| label(snapshot, key));
        let last = run.metrics.get(key).map_or(f64::NAN, |metric| metric.last);
        let name = fmt::left(&fmt::tail(&printable(&name), 16), 16);
        let line = Line::from(vec![
            Span::styled(format!(" {name} "), theme.text),
            Span::styled(format!("{:>9}", fmt::significant(last, 4)), theme.now),
        ]);
        buf.set_line(area.x, y, &line, area.width);
    }
}
