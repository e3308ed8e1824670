//! What the engine publishes: everything known at one instant, and the views of runs in it.

use super::Engine;
use super::shown::ShownRun;
use crate::daemon::as_logged;
use crate::daemon::automatic;
use crate::daemon::health::Rhythm;
use crate::daemon::publisher::CurrentState;
use crate::daemon::run_view::Sources;
use crate::daemon::seconds;
use crate::daemon::tracked::Tracked;
use crate::fit::choose::Candidates;
use crate::forecast::signals;
use crate::project::Project;
use crate::store::{ReadStore, RunId};
use crate::vocab::{DaemonView, FitView, Notice, Outsiders, RunList, Snapshot, TargetView, WatchedRoot};
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
        let (files, followed) = self.components.logs.files();
        self.shared.now = now;
        let shared = &self.shared;
        let (project, fits) = (&shared.project, &shared.fits);
        let auto = automatic::view(shared);
        let snapshot = Snapshot {
            seq: self.seq,
            at: seconds(now),
            project: project.name.clone(),
            path: project.file.as_ref().unwrap_or(&project.root).display().to_string(),
            domains: project.domains.clone(),
            supply: project.available_tokens.clone(),
            metrics: project.metrics.iter().map(|m| (m.name.clone(), m.key.clone())).collect(),
            measured: project.metrics.clone(),
            target: target_view(project),
            daemon: DaemonView {
                pid: std::process::id(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
                embedded: around.embedded,
                uptime: self.started.elapsed().as_secs_f64(),
                watching: around.watching.clone(),
                points: shared.store.points(),
                files: followed,
                ingest: shared.progress.clone(),
                last_refit: fits.made.map(|t| t.elapsed().as_secs_f64()),
                refit_seconds: fits.seconds,
                refitting: around.refitting,
            },
            runs,
            fits: fit_views(&fits.candidates),
            choices: fits.candidates.iter().map(|c| c.choice.clone()).collect(),
            forecasts: as_logged::forecasts(project, fits.outlook.target.clone()),
            charts: as_logged::charts(project, fits.outlook.charts.clone()),
            advice: as_logged::advice(project, fits.outlook.advice.as_ref())
                .map(|advice| shared.decisions.tell(advice, auto.as_ref())),
            ledger: shared.grades.shown(),
            shape: as_logged::shape(project, fits.outlook.shape.as_ref()),
            optima: fits.outlook.optima.clone(),
            notices: self.notices(around),
        };
        CurrentState {
            store: Arc::clone(&shared.store),
            snapshot: Arc::new(snapshot),
            project: Arc::clone(project),
            records: Arc::clone(&shared.records),
            observed: Arc::clone(&shared.observed),
            fits: Arc::clone(&fits.candidates),
            ledger: shared.grades.ledger.clone(),
            decisions: Arc::clone(&shared.decisions),
            auto,
            files,
            outbox: self.components.notifications.outbox().cloned(),
            loads: Arc::clone(&self.loads),
        }
    }

    /// What the user should know, the loudest first.
    fn notices(&self, around: &Surroundings) -> Vec<Notice> {
        let mut notices = around.notices.clone();
        notices.extend(self.opened.iter().cloned());
        notices.extend(self.components.journal.notices().cloned());
        notices.extend(self.components.logs.notices());
        notices.extend(self.components.health.notice());
        notices.extend(self.shared.assumptions.iter().chain(&self.shared.tables.notices).cloned());
        notices.extend(crate::vocab::proxies::sentences(&self.shared.proxies));
        notices.extend(self.shared.fits.outlook.outsiders.iter().map(Outsiders::notice));
        notices.sort_by_cached_key(|n| std::cmp::Reverse(n.severity));
        notices
    }

    /// Whether time alone has changed the state of a run since it was published.
    #[must_use]
    pub fn has_aged(&self, now: SystemTime) -> bool {
        let mut both = self.shown.runs.iter().filter_map(|(id, shown)| Some((*id, shown, self.shared.runs.get(id)?)));
        both.any(|(id, shown, tracked)| shown.has_aged(self.sources(id, tracked, now)))
    }

    fn sources<'a>(&'a self, id: RunId, tracked: &'a Tracked, now: SystemTime) -> Sources<'a> {
        let written = self.shared.writes.get(&id).copied();
        let rhythm = self.components.health.rhythm(id);
        Sources {
            project: &self.shared.project,
            record: &tracked.record,
            metrics: &tracked.metrics,
            last_step: tracked.last_step,
            roles: &tracked.roles,
            points_gone: self.shared.store.points_gone(id),
            written_at: written.map(seconds),
            silent: written.map(|t| now.duration_since(t).unwrap_or_default()),
            patience: signals::patience(rhythm.and_then(Rhythm::usual)),
            watched: rhythm.is_some_and(Rhythm::watched),
        }
    }

    fn run_views(&mut self, now: SystemTime) -> RunList {
        let due = self.shown.due(&self.shared.project, now);
        let none = Arc::default();
        let mut newer = Vec::new();
        let some = due.iter().flatten().filter_map(|id| Some((id, self.shared.runs.get(id)?)));
        let all = self.shared.runs.iter().filter(|_| due.is_none());
        for (id, tracked) in some.chain(all) {
            let from = self.sources(*id, tracked, now);
            let signals = self.components.health.alerts(&tracked.record.name);
            let labels = self.components.labels.of(&tracked.record.name);
            let forecasts = self.shared.forecasts.get(id).unwrap_or(&none);
            if let Some(run) = ShownRun::newer(self.shown.runs.get(id), from, forecasts, signals, labels) {
                newer.push((*id, run));
            }
        }
        self.shown.update(newer, due.is_none(), |id| self.shared.runs.contains_key(&id));
        self.shown.list(seconds(now))
    }
}

fn target_view(project: &Project) -> Option<TargetView> {
    let scale = project.target.scale()?;
    Some(TargetView {
        params: scale.params,
        tokens: scale.tokens,
        moe: scale.moe,
        mixture: project.current.clone(),
        objective: project.objective_text(),
    })
}

/// For readers: the chosen fits first.
fn fit_views(candidates: &[Candidates]) -> Vec<FitView> {
    let mut views: Vec<FitView> = candidates.iter().flat_map(|c| c.fits.iter().map(|f| f.view.clone())).collect();
    views.sort_by_cached_key(|view| !view.chosen);
    views
}
