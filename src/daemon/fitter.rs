//! The refit thread.
//!
//! The engine hands over the newest rows; whatever came in while a fit was under way is fitted next, in one go. A refit
//! is of the laws in use, warm from their last optimum. When no newer rows are waiting and enough has changed since the
//! last time, a search follows: every law whose needs the data meet, from many starts, which replaces what it improves
//! on. After a fit that took a while the fitter rests as long, so that ingest and the screen keep at least half of the
//! machine.

use super::job::Job;
use super::kept_fits::{MadeFrom, MetricFits};
use super::outlook::Outlook;
use super::threads;
use crate::fit::choose::{Candidates, Request, Scope, choose, nest};
use crate::fit::{Options, Stop, never};
use crate::forecast::Pool;
use crate::observe::Observed;
use crate::project::Project;
use crate::vocab::Observations;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Searches that are given up for newer rows, in a row, before one is seen through.
const MOST_INTERRUPTIONS: u32 = 3;
/// A search is due when there are this many times the rows there were.
const GROWN: f64 = 1.1;
/// The longest pause after a fit.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug)]
pub struct Fitted {
    /// The rows that were fitted.
    pub observed: Arc<Observed>,
    /// Fits of each domain's loss, in the order of the project's domains.
    pub fits: Vec<MetricFits>,
    /// The same, for readers.
    pub candidates: Arc<Vec<Candidates>>,
    /// What finished runs teach the running ones.
    pub pool: Arc<Pool>,
    /// What follows from the fits.
    pub outlook: Outlook,
    /// Seconds it took.
    pub seconds: f64,
}

impl Fitted {
    /// Fits of which nothing follows yet.
    #[must_use]
    pub fn new(observed: Arc<Observed>, fits: Vec<MetricFits>, pool: Arc<Pool>, seconds: f64) -> Self {
        let candidates = Arc::new(fits.iter().map(|fits| fits.candidates.clone()).collect());
        Self { observed, fits, candidates, pool, outlook: Outlook::default(), seconds }
    }
}

/// How the project wants its fits.
#[must_use]
pub fn options(project: &Project) -> Options {
    Options {
        seed: project.fit.seed,
        starts: project.fit.starts,
        bootstraps: project.fit.bootstraps,
        target: project.target.scale(),
        ..Options::default()
    }
}

/// Fits every domain's loss for one-shot commands, but takes those of `kept` whose rows and settings have not changed.
/// Where the project leaves the law open, all laws are compared: how fast or busy the machine is does not decide which law is
/// used. `tell` hears of each loss before it is fitted.
#[must_use]
pub fn fit_all(job: &Job, kept: &[MetricFits], mut tell: impl FnMut(&str)) -> Vec<MetricFits> {
    let options = options(&job.project);
    let laws = &job.project.laws;
    let one = |rows: &Observations| {
        let made_from = MadeFrom::of(rows, laws, &options);
        let same = kept.iter().find(|fits| fits.candidates.metric == rows.metric && fits.answers(&made_from));
        if let Some(same) = same {
            return MetricFits { new: false, ..same.clone() };
        }
        tell(&rows.metric);
        let (previous, scope) = (None, Scope::All);
        let request =
            Request { laws, observations: rows, options: &options, previous, scope, cold: true, stop: &never };
        MetricFits { made_from, searched: true, candidates: choose(&request).unwrap_or_default(), new: true }
    };
    job.observed.fitted.iter().map(one).collect()
}

/// The fits of each loss; `None` where it was stopped. Those of `previous` that would come out the same stay as they are.
fn round(
    job: &Job,
    options: &Options,
    previous: &[MetricFits],
    scope: Scope,
    stop: Stop<'_>,
) -> Option<Vec<MetricFits>> {
    let laws = &job.project.laws;
    let one = |observations: &Observations| {
        let made_from = MadeFrom::of(observations, laws, options);
        let previous = previous.iter().find(|fits| fits.candidates.metric == observations.metric);
        // A search is to find what warm refits miss.
        let cold = scope == Scope::All;
        let same = |fits: &&MetricFits| if cold { fits.is_final(&made_from) } else { fits.made_from == made_from };
        if let Some(same) = previous.filter(same) {
            return Some(MetricFits { new: false, ..same.clone() });
        }
        let previous = previous.map(|fits| &fits.candidates);
        let candidates = choose(&Request { laws, observations, options, previous, scope, cold, stop })?;
        Some(MetricFits { made_from, searched: cold, candidates, new: true })
    };
    job.observed.fitted.iter().map(one).collect()
}

/// Starts the fitter, which goes on from the fits in `kept`. It ends when `jobs` is closed.
pub fn spawn(
    jobs: Receiver<Job>,
    kept: Vec<MetricFits>,
    done: impl Fn(Fitted) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let fitter = Fitter { jobs, previous: kept, pool: Arc::default(), searched: None, interrupted: 0 };
    std::thread::Builder::new().name("fitter".to_owned()).spawn(move || {
        threads::give_way();
        fitter.run(&done)
    })
}

/// The fitter's thread: warm refits as rows arrive, and between them cold searches among all laws.
struct Fitter {
    jobs: Receiver<Job>,
    previous: Vec<MetricFits>,
    pool: Arc<Pool>,
    /// What the last search looked at.
    searched: Option<Searched>,
    /// How often the search under way has been given up for newer rows.
    interrupted: u32,
}

/// What a search looked at, to see whether another is due.
struct Searched {
    laws: Vec<String>,
    options: Options,
    rows: usize,
    runs: Vec<usize>,
}

impl Searched {
    fn of(job: &Job) -> Self {
        let fitted = &job.observed.fitted;
        Self {
            laws: job.project.laws.clone(),
            options: options(&job.project),
            rows: fitted.iter().map(|o| o.rows.len()).sum(),
            runs: fitted.iter().map(Observations::runs_present).collect(),
        }
    }

    /// Whether what has come in since may change which law is best, or where its optimum is.
    fn is_stale(&self, now: &Self) -> bool {
        let grown = now.rows as f64 > GROWN * self.rows as f64 || now.rows < self.rows;
        grown || self.runs != now.runs || self.laws != now.laws || self.options != now.options
    }
}

impl Fitter {
    fn run(mut self, done: &impl Fn(Fitted)) {
        while let Ok(first) = self.jobs.recv() {
            let mut job = self.newest(first);
            loop {
                let began = Instant::now();
                self.refit(&job, done);
                std::thread::sleep(began.elapsed().min(LONGEST_REST));
                if self.jobs.is_empty() {
                    self.search(&job, done);
                }
                if self.jobs.is_empty() {
                    self.nest(&job, done);
                }
                match self.jobs.try_recv() {
                    Ok(next) => job = self.newest(next),
                    Err(_) => break,
                }
            }
        }
    }

    /// The newest job: whatever came in meanwhile is fitted in one go.
    fn newest(&self, first: Job) -> Job {
        self.jobs.try_iter().last().unwrap_or(first)
    }

    /// What was chosen last time, warm. Never given up: rows that keep coming would keep it from ever ending.
    fn refit(&mut self, job: &Job, done: &impl Fn(Fitted)) {
        let began = Instant::now();
        let options = options(&job.project);
        let fits = round(job, &options, &self.previous, Scope::Provisional, &never).unwrap_or_default();
        self.pool = Arc::new(Pool::learn(&job.project, &job.records, Some(&self.pool)));
        self.publish(job, fits, began, done);
    }

    /// Every law from many starts and from its last optimum, so that what is found is at least as good. Given up when
    /// newer rows are there, but not for ever.
    fn search(&mut self, job: &Job, done: &impl Fn(Fitted)) {
        let now = Searched::of(job);
        if self.searched.as_ref().is_some_and(|last| !last.is_stale(&now)) {
            return;
        }
        let began = Instant::now();
        let (jobs, patient) = (&self.jobs, self.interrupted >= MOST_INTERRUPTIONS);
        let stop = || !patient && !jobs.is_empty();
        match round(job, &now.options, &self.previous, Scope::All, &stop) {
            None => self.interrupted += 1,
            Some(fits) => {
                self.interrupted = 0;
                self.searched = Some(now);
                if fits.iter().all(|fits| !fits.new) {
                    return;
                }
                self.publish(job, fits, began, done);
                std::thread::sleep(began.elapsed().min(LONGEST_REST));
            }
        }
    }

    /// Repeats choices that were searched for, to know the errors of the choice itself. Given up when newer rows are there.
    fn nest(&mut self, job: &Job, done: &impl Fn(Fitted)) {
        let is_due = |fits: &MetricFits| fits.searched && fits.candidates.choice.provisional;
        if !self.previous.iter().any(is_due) {
            return;
        }
        let began = Instant::now();
        let (options, jobs) = (options(&job.project), &self.jobs);
        let stop = || !jobs.is_empty();
        let one = |fits: &MetricFits| {
            let rows = job.observed.fitted.iter().find(|rows| rows.metric == fits.candidates.metric);
            match rows.filter(|_| is_due(fits)) {
                Some(rows) => {
                    let candidates = nest(&fits.candidates, rows, &options, &stop)?;
                    Some(MetricFits { candidates, new: true, ..fits.clone() })
                }
                None => Some(MetricFits { new: false, ..fits.clone() }),
            }
        };
        let fits: Option<Vec<MetricFits>> = self.previous.iter().map(one).collect();
        if let Some(fits) = fits {
            self.publish(job, fits, began, done);
        }
    }

    fn publish(&mut self, job: &Job, fits: Vec<MetricFits>, began: Instant, done: &impl Fn(Fitted)) {
        self.previous.clone_from(&fits);
        let seconds = began.elapsed().as_secs_f64();
        let rows: usize = job.observed.fitted.iter().map(|of| of.rows.len()).sum();
        tracing::info!(losses = fits.len(), rows, seconds, "refitted");
        let mut fitted = Fitted::new(Arc::clone(&job.observed), fits, Arc::clone(&self.pool), seconds);
        fitted.outlook = Outlook::of(job, &fitted.candidates, &fitted.pool);
        done(fitted);
    }
}

/// A channel on which the newest job counts.
#[must_use]
pub fn jobs() -> (Sender<Job>, Receiver<Job>) {
    crossbeam_channel::unbounded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Records, observe, tests};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// The example's first runs, fitted quickly with one law.
    fn job(runs: usize) -> Job {
        let mut project = tests::project();
        (project.laws, project.fit.starts, project.fit.bootstraps) = (vec!["additive".to_owned()], Some(1), 2);
        let records: Records = tests::code_cpt().into_iter().take(runs).collect();
        let observed = Arc::new(observe(&project, &records));
        Job {
            project: Arc::new(project),
            observed,
            records: Arc::new(records),
            readings: BTreeMap::new(),
            standing: None,
        }
    }

    #[test]
    fn what_came_in_meanwhile_is_fitted_in_one_go() {
        let (send, receive) = jobs();
        [9, 10, 12].into_iter().for_each(|runs| send.send(job(runs)).unwrap());
        drop(send);
        let (told, hear) = crossbeam_channel::unbounded();
        let done = move |fitted: Fitted| told.send(fitted.fits[0].candidates.fits[0].view.runs).unwrap();
        spawn(receive, Vec::new(), done).unwrap().join().unwrap();
        // A warm refit, and a search: both of the newest.
        assert_eq!(hear.iter().collect::<Vec<_>>(), [12, 12]);
    }

    #[test]
    fn a_search_is_given_up_for_newer_rows_but_not_for_ever() {
        let (send, receive) = jobs();
        let mut fitter =
            Fitter { jobs: receive, previous: Vec::new(), pool: Arc::default(), searched: None, interrupted: 0 };
        send.send(job(9)).unwrap();
        let published = RefCell::new(0);
        let count = |_: Fitted| *published.borrow_mut() += 1;
        for given_up in 1..=MOST_INTERRUPTIONS {
            fitter.search(&job(12), &count);
            assert_eq!((fitter.interrupted, *published.borrow()), (given_up, 0));
        }
        fitter.search(&job(12), &count);
        assert_eq!((fitter.interrupted, *published.borrow()), (0, 1), "seen through");
        fitter.search(&job(12), &count);
        assert_eq!(*published.borrow(), 1, "nothing has changed");
        fitter.search(&job(13), &count);
        assert_eq!(*published.borrow(), 1, "a run has come in, and newer rows wait");
        fitter.jobs.try_recv().unwrap();
        fitter.search(&job(13), &count);
        assert_eq!(*published.borrow(), 2, "a run has come in");
    }
}
