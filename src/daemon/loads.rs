//! Loads of experts over the steps of a run, kept between questions: of eight thousand series of ten thousand points each, only what
//! was logged since is read.

use super::load_grid::Grid;
#[cfg(feature = "daemon")]
use super::publisher::CurrentState;
use super::threads;
use crate::fit::Stop;
use crate::forecast::signals::expert_of;
use crate::ipc::protocol::Failure;
use crate::store::{FileId, ReadStore, RunId, Since, SledStore};
use crate::vocab::RunView;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "daemon")]
use std::time::{Duration, Instant};

/// How often it is looked whether there is anything to read ahead, …
#[cfg(feature = "daemon")]
const LEAST: Duration = Duration::from_secs(2);
/// … and how many times as long as it took there is none.
#[cfg(feature = "daemon")]
const PART: u32 = 20;
/// Runs whose loads are kept: those asked for last.
const RUNS: usize = 3;

/// A layer, and the key of every expert that logs its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// As its keys begin.
    pub name: String,
    /// The experts by number.
    pub experts: Vec<(u32, Arc<str>)>,
}

/// The loads of several runs.
#[derive(Default)]
pub struct Kept(Mutex<Vec<(u32, Arc<Mutex<Loads>>)>>);

impl Kept {
    /// Whether there is anything to read of a run that logs loads.
    pub fn is_behind(&self, run: &RunView) -> bool {
        let points = points(run);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(id, _)| *id == run.id) {
            // Somebody is at it.
            Some((_, loads)) => loads.try_lock().is_ok_and(|loads| loads.points != points),
            None => points > 0,
        }
    }

    /// What `with` makes of the loads of a run, brought up to date.
    ///
    /// # Errors
    /// What the store says, and where it was stopped.
    pub fn of<T>(
        &self,
        run: &RunView,
        store: &SledStore,
        stop: Stop<'_>,
        with: impl FnOnce(&Loads) -> T,
    ) -> Result<T, Failure> {
        let loads = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = known.iter().position(|(id, _)| *id == run.id);
            let entry = at.map_or_else(|| (run.id, Arc::default()), |at| known.remove(at));
            known.insert(0, entry.clone());
            known.truncate(RUNS);
            entry.1
        };
        let mut loads = loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.update(run, store, stop)?;
        Ok(with(&loads))
    }
}

/// Points of loads that a run has.
fn points(run: &RunView) -> u64 {
    run.metrics.iter().filter(|(key, _)| expert_of(key).is_some()).map(|(_, metric)| metric.points).sum()
}

/// The loads of one run.
#[derive(Debug, Default)]
pub struct Loads {
    layers: Vec<Layer>,
    /// How far it was read, where new rows of one file tell the rest.
    read: Option<(FileId, u64)>,
    /// Points that the run had of loads.
    points: u64,
    /// Means of the series, layer by layer.
    grid: Grid,
}

impl Loads {
    /// The layers, in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Loads of a layer's experts over its steps, in at most so many columns, each with its last step.
    #[must_use]
    pub fn columns(&self, layer: usize, most: usize) -> Vec<(i64, Vec<f64>)> {
        let first = self.layers[..layer].iter().map(|layer| layer.experts.len()).sum();
        self.grid.columns(first..first + self.layers[layer].experts.len(), most)
    }

    fn update(&mut self, run: &RunView, store: &SledStore, stop: Stop<'_>) -> Result<(), Failure> {
        let (layers, points) = (layers(run), points(run));
        if layers == self.layers && points == self.points {
            return Ok(());
        }
        // Whatever goes wrong on the way, nothing half read is kept.
        let before = std::mem::take(self);
        let metrics: Vec<&str> = layers.iter().flat_map(|layer| layer.experts.iter().map(|(_, key)| &**key)).collect();
        let read = before.read.filter(|_| layers == before.layers);
        let from = read.unwrap_or((FileId(u32::MAX), 0));
        let since = store.since(RunId(run.id), metrics.iter().copied(), from)?;
        let goes_on = since.as_ref().is_some_and(|since| read.is_some_and(|(file, _)| since.until().0 == file));
        let mut grid = if goes_on { before.grid } else { Grid::of(metrics.len()) };
        let read = since.as_ref().map(Since::until);
        let mut since = since;
        for (series, metric) in metrics.iter().enumerate() {
            if stop() {
                return Err(threads::given_up());
            }
            match &mut since {
                Some(since) => {
                    let gone = || Failure::new("the run's log is being read anew", "ask again".to_owned());
                    grid.add(series, &store.points_since(since, metric)?.ok_or_else(gone)?);
                }
                None => grid.add(series, &store.series(RunId(run.id), metric)?.latest()),
            }
        }
        *self = Self { layers, read, points, grid };
        Ok(())
    }
}

/// The layers that log loads, by number, and the experts of each.
fn layers(run: &RunView) -> Vec<Layer> {
    let mut by_layer: BTreeMap<(u64, &str), Vec<(u32, Arc<str>)>> = BTreeMap::new();
    for key in run.metrics.keys() {
        let Some((at, expert)) = expert_of(key) else { continue };
        let layer = &key[..at];
        let digits = layer.bytes().rev().take_while(u8::is_ascii_digit).count();
        let number = layer[layer.len() - digits..].parse().unwrap_or(u64::MAX);
        by_layer.entry((number, layer)).or_default().push((expert, Arc::clone(key)));
    }
    let sorted = by_layer.into_iter().map(|((_, layer), mut experts)| {
        experts.sort_unstable();
        Layer { name: layer.to_owned(), experts }
    });
    sorted.collect()
}

/// Reads loads ahead, so that whoever opens the view of routers does not wait: in a thread of its own, one at a time, and no more
/// than a small part of the time.
#[cfg(feature = "daemon")]
#[derive(Default)]
pub struct Ahead {
    reading: Arc<Mutex<Reading>>,
}

#[cfg(feature = "daemon")]
#[derive(Default)]
struct Reading {
    /// Whether somebody reads.
    busy: bool,
    /// When the last one was done, and how long it took.
    last: Option<(Instant, Duration)>,
    /// Points that there were when nothing was behind.
    nothing: Option<u64>,
}

#[cfg(feature = "daemon")]
impl Ahead {
    /// Begins to read what is new of loads, where there is anything and it is due.
    pub fn read(&self, current: &CurrentState) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let points = current.snapshot.daemon.points;
        let rests = |(last, took): (Instant, Duration)| last.elapsed() < LEAST.max(took * PART);
        if reading.busy || reading.last.is_some_and(rests) || reading.nothing == Some(points) {
            return;
        }
        let behind = |run: &&Arc<RunView>| current.loads.is_behind(run);
        // Those that are kept: of more, the first would be gone when the last is read.
        let runs: Vec<Arc<RunView>> = current.snapshot.runs.iter().filter(behind).take(RUNS).cloned().collect();
        reading.nothing = Some(points).filter(|_| runs.is_empty());
        if runs.is_empty() {
            return;
        }
        reading.busy = true;
        drop(reading);
        let (loads, store, done) = (Arc::clone(&current.loads), Arc::clone(&current.store), Arc::clone(&self.reading));
        let work = move || {
            threads::give_way();
            let began = Instant::now();
            for run in runs {
                // Whoever asks is told what is wrong.
                let _ = loads.of(&run, &store, &crate::fit::never, |_| ());
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            (done.busy, done.last) = (false, Some((Instant::now(), began.elapsed())));
        };
        if std::thread::Builder::new().name("loads".to_owned()).spawn(work).is_err() {
            self.reading.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::never;
    use crate::store::{Commit, Cursor, Summary, Target};
    use crate::vocab::{MetricView, RawPoint};

    const EXPERTS: u32 = 4;

    fn add(store: &SledStore, run: RunId, file: Option<FileId>, steps: std::ops::Range<i64>) -> FileId {
        let names: Vec<String> =
            (0..2 * EXPERTS).map(|n| format!("moe_ep_usage/L-{}_EP-{}", n / EXPERTS, n % EXPERTS)).collect();
        let point = |step: i64, metric: u32| {
            let value = f64::from(metric + 1) + (step % 10) as f64 / 100.0;
            RawPoint { metric, step, value, wall: f64::NAN }
        };
        let points: Vec<RawPoint> = steps.flat_map(|step| (0..2 * EXPERTS).map(move |m| point(step, m))).collect();
        let new = Target::New { run, format: "jsonl", began: f64::NAN, replaces: &[] };
        let target = file.map_or(new, Target::Known);
        let cursor = Cursor::default();
        let commit = Commit { target, path: "log", names: &names, points: &points, restarts: &[], facts: None, cursor };
        store.commit(&commit).unwrap()
    }

    fn view(store: &SledStore, run: RunId) -> RunView {
        let metrics = store.metrics(run).unwrap().into_iter().map(|(key, summary)| {
            let Summary { points, segments, last_step, last, .. } = summary;
            (key, MetricView { points, segments, last_step, last, status: None })
        });
        RunView { metrics: Arc::new(metrics.collect()), ..RunView::unknown(run.0) }
    }

    /// What is kept is what is made from nothing, and both are means of what the whole series say.
    fn check(kept: &Kept, store: &SledStore, run: RunId) {
        let view = view(store, run);
        assert!(kept.is_behind(&view));
        let columns = |kept: &Kept| kept.of(&view, store, &never, |loads| loads.columns(1, 7)).unwrap();
        let (now, anew) = (columns(kept), columns(&Kept::default()));
        assert!(!kept.is_behind(&view));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
        assert_eq!(now.len(), anew.len());
        for (a, b) in now.iter().zip(&anew) {
            assert!(a.0 == b.0 && a.1.iter().zip(&b.1).all(|(a, b)| close(*a, *b)), "{a:?} {b:?}");
        }
        let whole = store.series(run, "moe_ep_usage/L-1_EP-2").unwrap().latest();
        let mut from = 0;
        for (last, means) in &now {
            let of: Vec<f64> = whole[from..].iter().take_while(|p| p.0 <= *last).map(|p| p.1).collect();
            assert!(close(means[2], of.iter().sum::<f64>() / of.len() as f64), "{means:?} until {last}: {of:?}");
            from += of.len();
        }
        assert_eq!(from, whole.len());
    }

    #[test]
    fn what_is_kept_follows_the_log_through_restarts_and_other_files() {
        let store = SledStore::temporary().unwrap();
        let run = store.run("a").unwrap();
        let kept = Kept::default();
        let mut file = None;
        for at in [0..5, 5..6, 6..700, 700..701, 701..703, 703..2_500] {
            file = Some(add(&store, run, file, at));
            check(&kept, &store, run);
        }
        // Training starts again from a checkpoint, and goes on.
        for at in [2_000..2_400, 2_400..2_700] {
            add(&store, run, file, at);
            check(&kept, &store, run);
        }
        // It is resumed in another file.
        add(&store, run, None, 2_600..2_900);
        check(&kept, &store, run);
        // The run is read anew.
        store.forget(run).unwrap();
        let run = store.run("a").unwrap();
        add(&store, run, None, 0..20);
        check(&kept, &store, run);
    }
}
