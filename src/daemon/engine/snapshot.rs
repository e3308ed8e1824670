//! What the engine publishes: everything known at one instant, and the views of runs in it.

use super::shown::ShownRun;
use super::{Engine, Tracked, seconds};
use crate::daemon::health::Rhythm;
use crate::daemon::publisher::CurrentState;
use crate::daemon::run_view::Sources;
use crate::fit::choose::Candidates;
use crate::forecast::signals;
use crate::store::{ReadStore, RunId};
use crate::vocab::{DaemonView, FitView, Notice, RunView, Snapshot, TargetView, WatchedRoot, newest_first};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// What the snapshot says of the process around the engine.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Whether the engine lives inside the dashboard's own process.
    pub embedded: bool,
    /// What is watched, and how.
    pub watching: Vec<WatchedRoot>,
    /// Whether a refit is under way.
    pub refitting: bool,
    /// What else the user should know.
    pub notices: Vec<Notice>,
}

impl Engine {
    /// Everything known, at this instant.
    pub fn current(&mut self, now: SystemTime, around: &Surroundings) -> CurrentState {
        self.seq += 1;
        let runs = self.run_views(now);
        let mut notices: Vec<Notice> = around.notices.clone();
        notices.extend(self.opened.iter().cloned());
        notices.extend(self.sources.notices());
        notices.extend(self.assumptions.iter().chain(&self.tables.tables.notices).cloned());
        notices.sort_by_key(|n| std::cmp::Reverse(n.severity));
        let sources = &self.sources;
        let (files, followed) = self.files.update(|| sources.files(None), |runs| sources.files(Some(runs)));
        let snapshot = Snapshot {
            seq: self.seq,
            at: seconds(now),
            project: self.project.name.clone(),
            path: self.project.file.as_ref().unwrap_or(&self.project.root).display().to_string(),
            domains: self.project.domains.clone(),
            metrics: self.project.domains.iter().cloned().zip(self.project.metrics.iter().cloned()).collect(),
            target: self.target_view(),
            daemon: DaemonView {
                pid: std::process::id(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
                embedded: around.embedded,
                uptime: self.started.elapsed().as_secs_f64(),
                watching: around.watching.clone(),
                points: self.store.points(),
                files: followed,
                ingest: self.progress.clone(),
                last_refit: self.fits.made.map(|t| t.elapsed().as_secs_f64()),
                refit_seconds: self.fits.seconds,
                refitting: around.refitting,
            },
            runs,
            fits: fit_views(&self.fits.candidates),
            choices: self.fits.candidates.iter().map(|c| c.choice.clone()).collect(),
            forecasts: self.fits.outlook.target.clone(),
            charts: self.fits.outlook.charts.clone(),
            advice: self.fits.outlook.advice.clone(),
            ledger: self.journaled.view(),
            shape: self.fits.outlook.shape.clone(),
            notices,
        };
        CurrentState {
            store: Arc::clone(&self.store),
            snapshot: Arc::new(snapshot),
            project: Arc::clone(&self.project),
            records: Arc::clone(&self.records),
            observed: Arc::clone(&self.observed),
            fits: Arc::clone(&self.fits.candidates),
            ledger: self.journaled.ledger(),
            files,
        }
    }

    /// Whether time alone has changed the state of a run since it was published.
    #[must_use]
    pub fn has_aged(&self, now: SystemTime) -> bool {
        let mut both = self.shown.runs.iter().filter_map(|(id, shown)| Some((*id, shown, self.runs.get(id)?)));
        both.any(|(id, shown, tracked)| shown.has_aged(self.sources(id, tracked, now)))
    }

    fn sources<'a>(&'a self, id: RunId, tracked: &'a Tracked, now: SystemTime) -> Sources<'a> {
        let written = self.writes.get(&id).copied();
        let rhythm = self.rhythms.get(&id);
        Sources {
            project: &self.project,
            record: &tracked.record,
            metrics: &tracked.metrics,
            shown: &tracked.shown,
            last_step: tracked.last_step,
            roles: &tracked.roles,
            written_at: written.map(seconds),
            silent: written.map(|t| now.duration_since(t).unwrap_or_default()),
            patience: signals::patience(rhythm.and_then(Rhythm::usual)),
            watched: rhythm.is_some_and(Rhythm::watched),
        }
    }

    fn run_views(&mut self, now: SystemTime) -> Vec<Arc<RunView>> {
        let known = self.shown.take(&self.project);
        let views: BTreeMap<RunId, ShownRun> = self
            .runs
            .iter()
            .map(|(id, tracked)| {
                let from = self.sources(*id, tracked, now);
                let signals = self.journaled.told(&tracked.record.name);
                (*id, ShownRun::of(known.get(id), from, tracked, signals))
            })
            .collect();
        let mut runs: Vec<Arc<RunView>> = views.values().map(|shown| Arc::clone(&shown.view)).collect();
        self.shown.runs = views;
        newest_first(&mut runs, seconds(now));
        runs
    }

    fn target_view(&self) -> Option<TargetView> {
        let scale = self.project.target.scale()?;
        Some(TargetView {
            params: scale.params,
            tokens: scale.tokens,
            moe: scale.moe,
            mixture: self.project.current.clone(),
            objective: self.project.objective_text(),
        })
    }
}

/// For readers: the chosen fits first.
fn fit_views(candidates: &[Candidates]) -> Vec<FitView> {
    let mut views: Vec<FitView> = candidates.iter().flat_map(|c| c.fits.iter().map(|f| f.view.clone())).collect();
    views.sort_by_key(|view| !view.chosen);
    views
}
