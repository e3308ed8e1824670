//! Loads of experts over the steps of a run, kept between questions: of eight thousand series of ten thousand points each, only what
//! was logged since is read.

use super::load_grid::Grid;
use super::threads;
use crate::fit::Stop;
use crate::forecast::signals::expert_of;
use crate::ipc::protocol::Failure;
use crate::store::{FileId, ReadStore, RunId, Since, SledStore};
use crate::vocab::RunView;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs whose loads are kept: those asked for last.
pub const RUNS: usize = 3;

/// Experts by number, each with the key of its load.
type Experts = Vec<(u32, Arc<str>)>;

/// A layer, and the key of every expert that logs its load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// As its keys begin.
    pub name: String,
    /// The experts by number.
    pub experts: Experts,
}

/// The loads of several runs.
#[derive(Default)]
pub struct Kept(Mutex<Vec<(u32, Arc<Mutex<Loads>>)>>);

impl Kept {
    /// Whether there is anything to read of a run that logs loads.
    #[cfg(any(feature = "daemon", test))]
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
    let mut by_layer: BTreeMap<(u64, &str), Experts> = BTreeMap::new();
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
