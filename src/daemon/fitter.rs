//! Refits, on a thread of its own.
//!
//! The engine hands over the newest rows; whatever came in while a fit was under way is fitted next, in one go. After
//! a fit that took a while the fitter rests as long, so that ingest and the screen keep at least half of the machine.

use crate::fit::Options;
use crate::fit::choose::{Candidates, candidates};
use crate::forecast::Pool;
use crate::observe::{Observed, RunRecord};
use crate::project::Project;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What to fit.
#[derive(Debug, Clone)]
pub struct Job {
    /// The project after assumptions.
    pub project: Arc<Project>,
    /// The rows.
    pub observed: Arc<Observed>,
    /// The runs they come from.
    pub records: Arc<Vec<RunRecord>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Fitted {
    /// The rows that were fitted.
    pub observed: Arc<Observed>,
    /// Fits of each domain's loss, in the order of the project's domains.
    pub fits: Vec<Candidates>,
    /// What finished runs teach the running ones.
    pub pool: Arc<Pool>,
    /// Seconds it took.
    pub seconds: f64,
}

/// How the project wants its fits.
#[must_use]
pub fn options(project: &Project) -> Options {
    Options {
        seed: project.fit.seed,
        starts: project.fit.starts,
        bootstraps: project.fit.bootstraps,
        cross_validate: true,
    }
}

/// Fits every domain's loss, warm from `previous` where there is one.
#[must_use]
pub fn fit_all(job: &Job, previous: &[Candidates]) -> Vec<Candidates> {
    let options = options(&job.project);
    job.observed
        .fitted
        .iter()
        .map(|rows| {
            let previous = previous.iter().find(|p| p.metric == rows.metric);
            candidates(&job.project.laws, rows, &options, previous)
        })
        .collect()
}

/// Starts the fitter. It ends when `jobs` is closed.
pub fn spawn(jobs: Receiver<Job>, done: impl Fn(Fitted) + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("fitter".to_owned()).spawn(move || {
        let mut previous: Vec<Candidates> = Vec::new();
        let mut pool = Arc::new(Pool::default());
        while let Ok(first) = jobs.recv() {
            let job = jobs.try_iter().last().unwrap_or(first);
            let began = Instant::now();
            let fits = fit_all(&job, &previous);
            pool = Arc::new(Pool::learn(&job.project, &job.records, Some(&pool)));
            let took = began.elapsed();
            previous.clone_from(&fits);
            done(Fitted { observed: job.observed, fits, pool: Arc::clone(&pool), seconds: took.as_secs_f64() });
            std::thread::sleep(took.min(Duration::from_secs(5)));
        }
    })
}

/// A channel on which the newest job counts.
#[must_use]
pub fn jobs() -> (Sender<Job>, Receiver<Job>) {
    crossbeam_channel::unbounded()
}
