//! Published state in parts. Each part has a generation that increases only when the part changes.

use crate::vocab::{
    Advice, ByNumber, Choice, DaemonView, FitView, Forecast, IngestProgress, LedgerView, Metric, Notice, Optima,
    RatioChart, RunView, ShapeAdvice, Snapshot, TargetView, WatchedRoot,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of what is published.
#[derive(Debug)]
pub struct Part<T: ?Sized> {
    /// The publication in which it last changed.
    pub generation: u64,
    /// The part.
    pub value: Arc<T>,
}

impl<T: ?Sized> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self { generation: self.generation, value: Arc::clone(&self.value) }
    }
}

/// The project and what is planned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Overview {
    /// Name of the project.
    pub project: String,
    /// Its file or directory, as the user would type it.
    pub path: String,
    /// Domains, in the order of the project.
    pub domains: Vec<String>,
    /// Unique tokens of each domain whose supply the project states.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub supply: BTreeMap<String, f64>,
    /// Key of each metric, by name.
    pub metrics: BTreeMap<String, String>,
    /// What is measured, in the order of the project.
    #[serde(default)]
    pub measured: Vec<Metric>,
    /// What is being planned.
    pub target: Option<TargetView>,
    /// Process id of the daemon.
    pub pid: u32,
    /// Its version of mixlaw.
    pub build: String,
    /// Whether it lives inside the dashboard's own process.
    pub embedded: bool,
    /// When it started, seconds since 1970.
    pub started_at: f64,
    /// What is watched, and how.
    pub watching: Vec<WatchedRoot>,
}

/// What the daemon has done and is doing: numbers that change with every line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Points in the store.
    pub points: u64,
    /// Files being followed.
    pub files: u64,
    /// First reading, while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingest: Option<IngestProgress>,
    /// When the last refit ended, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit_at: Option<f64>,
    /// Seconds it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit_seconds: Option<f64>,
    /// Whether a refit is under way.
    #[serde(default)]
    pub refitting: bool,
}

/// Fits, and how laws were chosen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fits {
    /// Fits, the chosen ones first.
    pub fits: Vec<FitView>,
    /// How the law of each validation loss was chosen.
    pub choices: Vec<Choice>,
}

/// What is expected of the target, and what to change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outlook {
    /// Forecasts for the target.
    pub forecasts: Vec<Forecast>,
    /// Loss against ratio at the target.
    pub charts: Vec<RatioChart>,
    /// What to change.
    pub advice: Option<Advice>,
    /// Which size and how many experts.
    pub shape: Option<ShapeAdvice>,
    /// Compute-optimal sizes.
    #[serde(default)]
    pub optima: Option<Arc<Optima>>,
}

/// Everything that is published at one instant. It holds no store and no file, so that whoever keeps it hinders nobody.
#[derive(Debug, Clone)]
pub struct Published {
    /// Tells one daemon from another one at the same place.
    pub instance: u64,
    /// Grows by one with each publication.
    pub generation: u64,
    /// When it was published, seconds since 1970.
    pub at: f64,
    /// The project.
    pub overview: Part<Overview>,
    /// The daemon at work.
    pub work: Part<Work>,
    /// Views of runs as the snapshot had them, by their number in the store.
    views: ByNumber<Arc<RunView>>,
    /// Runs, by their number in the store.
    pub runs: ByNumber<Part<RunView>>,
    /// Fits.
    pub fits: Part<Fits>,
    /// Advice.
    pub outlook: Part<Outlook>,
    /// How forecasts have fared.
    pub ledger: Part<LedgerView>,
    /// Setup notes, the loudest first.
    pub notices: Part<Vec<Notice>>,
}

impl Published {
    /// What a snapshot says, published after `before` by a daemon: parts that say the same keep their generation.
    #[must_use]
    pub fn after(before: Option<&Self>, snapshot: &Snapshot, instance: u64) -> Self {
        let generation = before.map_or(0, |b| b.generation) + 1;
        let views = snapshot.runs.by_number();
        Self {
            instance,
            generation,
            at: snapshot.at,
            overview: made(before.map(|b| &b.overview), overview(snapshot, before), generation),
            work: made(before.map(|b| &b.work), work(snapshot, before), generation),
            runs: runs(before, &views, generation),
            views,
            fits: made(
                before.map(|b| &b.fits),
                Fits { fits: snapshot.fits.clone(), choices: snapshot.choices.clone() },
                generation,
            ),
            outlook: made(before.map(|b| &b.outlook), outlook(snapshot), generation),
            ledger: made(before.map(|b| &b.ledger), snapshot.ledger.clone(), generation),
            notices: made(before.map(|b| &b.notices), snapshot.notices.clone(), generation),
        }
    }
}

/// The runs: the same pages in memory where none of theirs has changed. A run that is the same one in memory costs no
/// comparison.
fn runs(before: Option<&Published>, views: &ByNumber<Arc<RunView>>, generation: u64) -> ByNumber<Part<RunView>> {
    let mut all = before.map(|b| b.runs.clone()).unwrap_or_default();
    for (id, run) in views.unlike(before.map(|b| &b.views)) {
        let same = |old: &Part<RunView>| Arc::ptr_eq(&old.value, run) || *old.value == **run;
        if !all.get(id).is_some_and(same) {
            all.insert(id, Part { generation, value: Arc::clone(run) });
        }
    }
    if all.len() > views.len() {
        let gone: Vec<u32> = all.iter().map(|(id, _)| id).filter(|id| views.get(*id).is_none()).collect();
        gone.into_iter().for_each(|id| all.remove(id));
    }
    all
}

fn made<T: PartialEq>(old: Option<&Part<T>>, new: T, generation: u64) -> Part<T> {
    match old {
        Some(old) if *old.value == new => old.clone(),
        _ => Part { generation, value: Arc::new(new) },
    }
}

/// Instants worked out from ages differ by rounding from one publication to the next: the first one stands.
fn instant(at: f64, age: f64, before: Option<f64>) -> f64 {
    let instant = at - age;
    before.filter(|b| (b - instant).abs() < 0.5).unwrap_or(instant)
}

fn overview(snapshot: &Snapshot, before: Option<&Published>) -> Overview {
    let daemon = &snapshot.daemon;
    Overview {
        project: snapshot.project.clone(),
        path: snapshot.path.clone(),
        domains: snapshot.domains.clone(),
        supply: snapshot.supply.clone(),
        metrics: snapshot.metrics.clone(),
        measured: snapshot.measured.clone(),
        target: snapshot.target.clone(),
        pid: daemon.pid,
        build: daemon.build.clone(),
        embedded: daemon.embedded,
        started_at: instant(snapshot.at, daemon.uptime, before.map(|b| b.overview.value.started_at)),
        watching: daemon.watching.clone(),
    }
}

fn work(snapshot: &Snapshot, before: Option<&Published>) -> Work {
    let daemon = &snapshot.daemon;
    let known = before.and_then(|b| b.work.value.refit_at);
    Work {
        points: daemon.points,
        files: daemon.files,
        ingest: daemon.ingest.clone(),
        refit_at: daemon.last_refit.map(|age| instant(snapshot.at, age, known)),
        refit_seconds: daemon.refit_seconds,
        refitting: daemon.refitting,
    }
}

fn outlook(snapshot: &Snapshot) -> Outlook {
    Outlook {
        forecasts: snapshot.forecasts.clone(),
        charts: snapshot.charts.clone(),
        advice: snapshot.advice.clone(),
        shape: snapshot.shape.clone(),
        optima: snapshot.optima.clone(),
    }
}

/// The daemon as a snapshot made at `at` shows it.
#[must_use]
pub fn daemon_view(overview: &Overview, work: &Work, at: f64) -> DaemonView {
    let age = |then: f64| (at - then).max(0.0);
    DaemonView {
        pid: overview.pid,
        build: overview.build.clone(),
        embedded: overview.embedded,
        uptime: age(overview.started_at),
        watching: overview.watching.clone(),
        points: work.points,
        files: work.files,
        ingest: work.ingest.clone(),
        last_refit: work.refit_at.map(age),
        refit_seconds: work.refit_seconds,
        refitting: work.refitting,
    }
}
