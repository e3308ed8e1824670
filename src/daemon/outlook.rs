//! Outlook: advice, charts and forecasts from the fits, computed on the refit thread and never on the thread that reads
//! logs.

use super::job::Job;
use super::optima;
use crate::advise::{self, Evidence, Widening};
use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::fit::outsiders::outsiders;
use crate::forecast::{self, Pool};
use crate::observe::{Observed, RunRecord};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::{Advice, Forecast, Mixture, Optima, Outsiders, RatioChart, RunForecast, ShapeAdvice};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that follows from the fits of all losses.
#[derive(Debug, Clone, Default)]
pub struct Outlook {
    /// Which mixture to use; `None` where it was not worked out.
    pub advice: Option<Advice>,
    /// Which shape to train next, where the project asks.
    pub shape: Option<ShapeAdvice>,
    /// Compute-optimal sizes, where the runs are grouped by compute or a budget is stated.
    pub optima: Option<Arc<Optima>>,
    /// The target with the current mixture, and with the advised one: by every law that was fitted.
    pub target: Vec<Forecast>,
    /// Each loss at the target against the weight of one domain.
    pub charts: Vec<RatioChart>,
    /// Runs that do not belong.
    pub outsiders: Arc<Vec<Outsiders>>,
    /// The ends of the runs in progress, as they were read when the fits were made.
    pub runs: BTreeMap<RunId, RunOutlook>,
}

/// Where one run will end.
#[derive(Debug, Clone)]
pub struct RunOutlook {
    /// Which reading of the run it was made from ([`Job::readings`]).
    pub reading: u64,
    /// By metric key, by every law; the one to show comes first. As laws say: not yet widened by how they have fared.
    pub forecasts: BTreeMap<String, Vec<RunForecast>>,
}

impl Outlook {
    /// Works everything out.
    #[must_use]
    pub fn of(job: &Job, candidates: &[Candidates], pool: &Pool) -> Self {
        Self { runs: runs(job, candidates, pool), ..Self::of_target(job, candidates) }
    }

    /// Works out all but the ends of runs.
    #[must_use]
    pub fn of_target(job: &Job, candidates: &[Candidates]) -> Self {
        let (project, observed): (&Project, &Observed) = (&job.project, &job.observed);
        let fits = chosen(candidates);
        let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
        let advisers = advise::advisers(project, candidates);
        let advice = advise::recommend_beside(&Evidence { fits: &advisers, ..evidence }, job.standing.as_ref());
        let mut target = Vec::new();
        if let Some(scale) = project.target.scale() {
            // With one domain, or none, there is one mixture.
            let only = (project.domains.len() < 2)
                .then(|| Mixture(project.domains.iter().map(|domain| (domain.clone(), 1.0)).collect()));
            let mut at = |mixture| target.extend(forecast::every_law(candidates, &scale, mixture));
            if let Some(current) = project.current.as_ref().or(only.as_ref()) {
                at(current);
            }
            if let Advice::Recommendation(advised) = &advice {
                at(&advised.mixture);
            }
        }
        let widening = Widening::of(project, observed, candidates);
        widening.forecasts(&mut target);
        forecast::measured::beside(&mut target, candidates, &observed.fitted);
        let mut charts = forecast::charts(project, &fits, observed, Some(&advice));
        let of_advice = match &advice {
            Advice::Recommendation(advised) => Some(&advised.current),
            Advice::Abstained(_) => None,
        };
        widening.charts(&mut charts, project.current.as_ref().or(of_advice));
        Self {
            shape: advise::shape(&evidence),
            optima: optima::of_chosen(&evidence),
            target,
            charts,
            advice: Some(advice),
            outsiders: Arc::new(outsiders(&observed.fitted, &observed.facts, candidates, project.fit.seed)),
            runs: BTreeMap::new(),
        }
    }
}

fn runs(job: &Job, candidates: &[Candidates], pool: &Pool) -> BTreeMap<RunId, RunOutlook> {
    let fits = chosen(candidates);
    let one = |record: &RunRecord| {
        let forecasts = forecast::every(&job.project, &fits, pool, record);
        let reading = job.readings.get(&record.id).copied()?;
        Some((record.id, RunOutlook { reading, forecasts }))
    };
    job.records.par_iter().filter_map(one).collect()
}

/// The chosen fit of each domain's loss.
#[must_use]
pub fn chosen(candidates: &[Candidates]) -> Vec<Option<&Fit>> {
    candidates.iter().map(Candidates::chosen).collect()
}
