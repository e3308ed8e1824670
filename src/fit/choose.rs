//! Choice of the law: all laws and baselines are compared by errors on held-out rows; the best law is used, and all laws
//! are combined in a stack.
//!
//! What decides is the mean relative error on held-out mixtures and, where sizes or token counts can be held out too,
//! on the largest scale: the mean of the two. Forecasts of runs, charts and recommendations rest on the chosen law; the
//! stack's forecast stands beside them.

use super::held_out::held_out;
use super::split::HeldOutPlan;
use super::stack::Stack;
use super::{Draft, Fit, FitError, Options, Task, baseline, never, objective::Stop, why};
use crate::laws::{self, Columns, Method};
use crate::vocab::{Candidate, CandidateKind, Choice, Observation, Observations, STACK};
use serde::{Deserialize, Serialize};

/// Laws for a first answer while the others have not been compared: the first of these that can be fitted, or the first
/// of all that can.
pub const FIRST: &[&str] = &["dcpt", "additive", "mixing", "joint", "exponential"];

/// Every law fitted to one validation loss.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Candidates {
    /// Key of the validation loss.
    pub metric: String,
    /// What could be fitted; at most one has `view.chosen`. Where the project leaves the choice open: the chosen law and
    /// those with a weight in the stack.
    pub fits: Vec<Fit>,
    /// What could not, and why.
    pub refused: Vec<FitError>,
    /// How the law was chosen, with every law that was compared.
    pub choice: Choice,
    /// The laws as one, where two or more have been cross-validated.
    pub stack: Option<Stack>,
}

impl Candidates {
    /// The fit that forecasts and advice rest on.
    #[must_use]
    pub fn chosen(&self) -> Option<&Fit> {
        self.fits.iter().find(|fit| fit.view.chosen)
    }

    /// Where the stack says that a new run's loss would be.
    #[must_use]
    pub fn stacked(&self, at: &Observation) -> Option<crate::vocab::Interval> {
        self.stack.as_ref()?.forecast(&self.fits, at)
    }
}

/// Which laws to fit where the project leaves the choice open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What was chosen last time; the first time, one law, so that there is an answer at once.
    Provisional,
    /// Every law whose needs the data meet.
    All,
}

/// A choice to be made.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Laws to choose among; empty for the automatic choice.
    pub laws: &'a [String],
    /// The rows.
    pub observations: &'a Observations,
    /// How to fit.
    pub options: &'a Options,
    /// The last choice for the same loss: its fits are starts.
    pub previous: Option<&'a Candidates>,
    /// Which laws, where `laws` is empty.
    pub scope: Scope,
    /// Whether to search from as many fresh starts as without a last fit, which may have been a lesser optimum.
    pub cold: bool,
    /// Drops everything: the rows have changed.
    pub stop: Stop<'a>,
    /// Compares no further law, and chooses among those that have been: the time is out.
    pub enough: Stop<'a>,
}

/// Fits `laws` (or every law that the data allow, where empty) to one validation loss, each warm from `previous` where
/// there is one, and chooses.
#[must_use]
pub fn candidates(
    laws: &[String],
    observations: &Observations,
    options: &Options,
    previous: Option<&Candidates>,
) -> Candidates {
    candidates_unless(laws, observations, options, previous, &never).unwrap_or_default()
}

/// As [`candidates`]; `None` where it was stopped.
#[must_use]
pub fn candidates_unless(
    laws: &[String],
    observations: &Observations,
    options: &Options,
    previous: Option<&Candidates>,
    stop: Stop<'_>,
) -> Option<Candidates> {
    let enough: Stop<'_> = &never;
    choose(&Request { laws, observations, options, previous, scope: Scope::All, cold: false, stop, enough })
}

/// Makes a choice; `None` where it was stopped.
#[must_use]
pub fn choose(request: &Request<'_>) -> Option<Candidates> {
    let Request { observations, options, cold, stop, enough, .. } = *request;
    let x = Columns::of(observations);
    let plan =
        if options.cross_validate { HeldOutPlan::new(observations, &x, options.seed) } else { HeldOutPlan::default() };
    let either = || stop() || enough();
    let mut result = Candidates { metric: observations.metric.clone(), ..Candidates::default() };
    result.choice.held_out = plan.unit;
    let mut drafts: Vec<Draft> = Vec::new();
    for law in request.names() {
        if !drafts.is_empty() && enough() && can_be_fitted(&law, observations) {
            result.choice.unfinished.push(law);
            continue;
        }
        // Without one law there is no answer, however little time there is.
        let until: Stop<'_> = if drafts.is_empty() { stop } else { &either };
        let task = Task { observations, x: &x, plan: &plan, options, cold, stop: until };
        match task.draft(&law, request.warm(&law)) {
            Ok(draft) => drafts.push(draft),
            Err(FitError::Stopped(_)) if stop() => return None,
            Err(FitError::Stopped(law)) => result.choice.unfinished.push(law),
            Err(error) => result.refused.push(error),
        }
    }
    // A law without skill has no say, wherever it may happen to be right.
    let judged = drafts.iter().filter_map(|draft| Some((draft.name(), draft.held.as_ref()?)));
    let judged: Vec<_> = judged.filter(|(_, held)| held.skill > 0.0).collect();
    result.stack = Stack::of(&judged);
    let mut lines: Vec<Candidate> = drafts.iter().map(|draft| line(draft, result.stack.as_ref())).collect();
    lines.extend(result.stack.as_ref().map(line_of_stack));
    for (name, predictor) in baseline::ALL {
        let found = held_out(&plan, &x, &predictor);
        lines.extend(found.map(|held| Candidate {
            skill: Some(held.skill),
            mre_heldout: Some(held.mre),
            mre_scale: held.mre_scale(),
            ..named(name, CandidateKind::Baseline)
        }));
    }
    let best = best(&drafts, &x);
    let weighs = |name: &str| result.stack.as_ref().is_some_and(|s| s.weights.iter().any(|(law, _)| law == name));
    let task = Task { observations, x: &x, plan: &plan, options, cold, stop };
    for (index, draft) in drafts.into_iter().enumerate() {
        let chosen = Some(index) == best;
        if request.laws.is_empty() && !chosen && !weighs(draft.name()) {
            continue;
        }
        let mut fit = draft.finish(&task, options.bootstraps).ok()?;
        fit.view.chosen = chosen;
        result.fits.push(fit);
    }
    if let Some(stack) = &mut result.stack {
        stack.calibrate(&result.fits, &x);
    }
    result.explain(request, lines);
    Some(result)
}

impl<'a> Request<'a> {
    /// Names of the laws to fit, those for a first answer first and the slow ones last.
    fn names(&self) -> Vec<String> {
        if !self.laws.is_empty() {
            return self.laws.to_vec();
        }
        let standing: Vec<String> = self.previous.iter().flat_map(|p| &p.fits).map(|f| f.view.law.clone()).collect();
        let meets = |name: &String| can_be_fitted(name, self.observations);
        if self.scope == Scope::Provisional && standing.iter().any(meets) {
            return standing.into_iter().filter(meets).collect();
        }
        let slow = |law: &&dyn laws::Law| match law.method() {
            Method::Search(_) => false,
            Method::Solve(law) => law.most_resamples() < usize::MAX,
        };
        let mut all: Vec<&dyn laws::Law> = laws::ALL.to_vec();
        all.sort_by_key(slow);
        let mut names: Vec<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
        for law in all {
            let name = law.info().name;
            if !FIRST.contains(&name) {
                names.push(name.to_owned());
            }
        }
        if self.scope == Scope::Provisional {
            let first = names.iter().position(meets).unwrap_or(0);
            return vec![names.swap_remove(first)];
        }
        names
    }

    fn warm(&self, law: &str) -> Option<&'a Fit> {
        let name = laws::get(law)?.info().name;
        self.previous?.fits.iter().find(|fit| fit.view.law == name)
    }
}

fn can_be_fitted(law: &str, observations: &Observations) -> bool {
    laws::get(law).is_some_and(|law| law.missing(observations).is_empty())
}

/// The law with the least error on what it has not seen; without a cross-validation, with the lowest objective.
fn best(drafts: &[Draft], x: &Columns) -> Option<usize> {
    let error = |draft: &Draft| match line(draft, None).error() {
        Some(error) => (false, error),
        None => (true, draft.model.objective(&draft.optimum.theta, x)),
    };
    (0..drafts.len()).min_by(|a, b| {
        let (a, b) = (error(&drafts[*a]), error(&drafts[*b]));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })
}

fn named(name: &str, kind: CandidateKind) -> Candidate {
    Candidate { name: name.to_owned(), kind, skill: None, mre_heldout: None, mre_scale: None, weight: None }
}

fn line(draft: &Draft, stack: Option<&Stack>) -> Candidate {
    let held = draft.held.as_ref();
    let weight = |stack: &Stack| stack.weights.iter().find(|(law, _)| law == draft.name()).map_or(0.0, |(_, w)| *w);
    Candidate {
        skill: held.map(|h| h.skill),
        mre_heldout: held.map(|h| h.mre),
        mre_scale: held.and_then(super::HeldOut::mre_scale),
        weight: stack.map(weight),
        ..named(draft.name(), CandidateKind::Law)
    }
}

fn line_of_stack(stack: &Stack) -> Candidate {
    Candidate {
        skill: Some(stack.skill),
        mre_heldout: Some(stack.mre_heldout),
        mre_scale: stack.mre_scale,
        ..named(STACK, CandidateKind::Stack)
    }
}

impl Candidates {
    /// Fills in how the law was chosen.
    fn explain(&mut self, request: &Request<'_>, mut lines: Vec<Candidate>) {
        let automatic = request.laws.is_empty();
        let mut choice = Choice { metric: self.metric.clone(), ..std::mem::take(&mut self.choice) };
        if automatic {
            // That the data have no experts is no news to whoever did not ask for a law of them.
            let missing = |error: &FitError| matches!(error, FitError::Missing { .. });
            let (not_met, refused): (Vec<_>, Vec<_>) = self.refused.drain(..).partition(missing);
            choice.not_met = not_met.iter().filter_map(FitError::law).map(str::to_owned).collect();
            self.refused = refused;
            if self.fits.is_empty() {
                self.refused.extend(not_met.into_iter().take(1));
            }
        }
        if automatic && request.scope == Scope::Provisional {
            match request.previous.filter(|p| !p.choice.candidates.is_empty() && p.choice.unfinished.is_empty()) {
                // What was compared and not fitted again keeps its numbers.
                Some(previous) => {
                    let known = |line: &Candidate| lines.iter().any(|l| l.name == line.name);
                    let others: Vec<Candidate> =
                        previous.choice.candidates.iter().filter(|l| !known(l)).cloned().collect();
                    lines.extend(others);
                    choice.not_met.clone_from(&previous.choice.not_met);
                }
                None => {
                    let names = laws::ALL.iter().map(|law| law.info().name);
                    let left = names.filter(|name| lines.iter().all(|l| l.name != *name));
                    let left = left.filter(|name| can_be_fitted(name, request.observations));
                    choice.unfinished = left.map(str::to_owned).collect();
                }
            }
        }
        lines.sort_by(|a, b| {
            let error = |line: &Candidate| line.error().unwrap_or(f64::INFINITY);
            a.kind.cmp(&b.kind).then(error(a).total_cmp(&error(b)))
        });
        choice.candidates = lines;
        if let Some(fit) = self.chosen() {
            choice.law = Some(fit.view.law.clone());
            choice.no_skill = fit.view.no_skill;
        }
        self.fits.iter_mut().for_each(|fit| fit.view.uncompared = choice.unfinished.len());
        choice.beaten_by = why::beaten_by(&choice);
        choice.why = why::sentence(&choice);
        self.choice = choice;
    }
}
