//! What the daemon does continuously, once: read a project's logs and tables, fit, predict, recommend.

use crate::advise::{self, Evidence};
use crate::daemon::as_logged;
use crate::daemon::engine::Engine;
use crate::daemon::fitter;
use crate::daemon::job::Job;
use crate::fit::choose::{Candidates, candidates};
use crate::forecast;
use crate::ipc::protocol::Failure;
use crate::observe::Observed;
use crate::project::Project;
use crate::store::{Opened, SledStore};
use crate::vocab::{Advice, Choice, Forecast, Mixture, Scale};
use std::path::Path;

/// A project with everything that has been observed. Nothing is written anywhere.
#[derive(Debug)]
pub struct Study {
    job: Job,
}

impl Study {
    /// Reads the logs and tables of the project at `path`: a YAML file, or a directory with one or with runs.
    ///
    /// # Errors
    /// What is wrong with the project, with line and column, or with reading it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Failure> {
        let project = Project::load(path.as_ref())?;
        let mut engine = Engine::new(project, SledStore::temporary()?, &Opened::New)?;
        engine.read_all(|_| ())?;
        Ok(Self { job: engine.job() })
    }

    /// The project, with what was assumed of what it leaves open.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.job.project
    }

    /// The rows for each validation loss.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.job.observed
    }

    /// Fits the project's laws to each validation loss and chooses among them. Takes as long as it takes: seconds for
    /// hundreds of rows. The same rows and seed give the same fits.
    #[must_use]
    pub fn fit(&self) -> Laws<'_> {
        let options = fitter::options(self.project());
        let one = |rows| candidates(&self.project().laws, rows, &options, None);
        Laws { study: self, fits: self.observed().fitted.iter().map(one).collect() }
    }
}

/// A law for each validation loss of a [`Study`].
#[derive(Debug)]
pub struct Laws<'a> {
    study: &'a Study,
    /// The fits of each validation loss, in the order of the project's domains.
    pub fits: Vec<Candidates>,
}

impl Laws<'_> {
    /// Which law was chosen for each validation loss, and why.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.fits.iter().map(|candidates| &candidates.choice)
    }

    /// Each metric of a dense model of `params` after `tokens` of `mixture`, in the unit of its log: by the chosen law first,
    /// then by those with a weight beside it and by all of them, weighted.
    #[must_use]
    pub fn predict(&self, params: f64, tokens: f64, mixture: &Mixture) -> Vec<Forecast> {
        let mut forecasts = forecast::every_law(&self.fits, &Scale { params, tokens, moe: None }, mixture);
        let (project, observed) = (self.study.project(), self.study.observed());
        advise::Widening::of(project, observed, &self.fits).forecasts(&mut forecasts);
        forecast::measured::beside(&mut forecasts, &self.fits, &observed.fitted);
        as_logged::forecasts(project, forecasts)
    }

    /// Which mixture to use at the project's target, with what each metric is expected to reach in the unit of its log, or
    /// why none is advised.
    #[must_use]
    pub fn recommend(&self) -> Advice {
        let (project, observed) = (self.study.project(), self.study.observed());
        let fits = advise::advisers(project, &self.fits);
        let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
        let advice = advise::recommend(&evidence);
        as_logged::advice(project, Some(&advice)).unwrap_or(advice)
    }
}
