//! Choice of the law: all laws and baselines are compared by errors on held-out rows; the best law is used, and all laws
//! are combined in a stack.
//!
//! What decides is the mean relative error on held-out mixtures and, where the target lies beyond the runs and sizes or token
//! counts can be held out too, on the largest scale: the mean of the two ([`super::judge`]). All laws are compared, until the
//! evidence says which is best ([`super::race`]). Forecasts of runs, charts and recommendations rest on the chosen law. A place
//! (the target, what is predicted) within the sizes and token counts of the runs is forecast by the stack where that is better on
//! held-out mixtures; elsewhere its forecast stands beside the law's: its weights are those that are best among mixtures, and on
//! published tables it is as often worse as better where the largest scale is held out.

use super::comparison::{Comparison, Picked, with_errors};
use super::held_out::held_out;
use super::judge::Judge;
use super::picks::Picks;
use super::proxies::Stands;
use super::rivals::Rival;
use super::split::HeldOutPlan;
use super::stack::Stack;
use super::task::Task;
use super::{Fit, FitError, Options, adviser, assemble, baseline, fit, nested, never, objective::Stop, why};
use crate::laws::{self, Columns, Method};
use crate::vocab::{AUTO, Candidate, CandidateKind, Choice, Observation, Observations, Ordered, STACK, Scale};
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
    /// The fit that forecasts rest on.
    #[must_use]
    pub fn chosen(&self) -> Option<&Fit> {
        self.fits.iter().find(|fit| fit.view.chosen)
    }

    /// The fit that advice compares mixtures by: that of the law in use, unless the picks of another cost less.
    #[must_use]
    pub fn adviser(&self) -> Option<&Fit> {
        self.fits.iter().find(|fit| fit.view.advises.is_some()).or_else(|| self.chosen())
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
    choose(&Request { laws, observations, options, previous, scope: Scope::All, cold: false, stop })
}

/// The same choice with errors of the whole procedure: it is repeated without each part of the rows that is held out
/// ([`nested`]). `None` where it was stopped.
#[must_use]
pub fn nest(chosen: &Candidates, observations: &Observations, options: &Options, stop: Stop<'_>) -> Option<Candidates> {
    let mut result = chosen.clone();
    if !chosen.choice.provisional || chosen.chosen().is_none() {
        return Some(result);
    }
    let request = Request { laws: &[], observations, options, previous: None, scope: Scope::All, cold: true, stop };
    let x = Columns::of(observations);
    let plan = HeldOutPlan::new(observations, &x, options.seed);
    let names = request.names();
    let procedure = nested::Procedure { names: &names, observations, x: &x, plan: &plan, options, stop };
    let Some(found) = procedure.held_out() else { return if stop() { None } else { Some(result) } };
    result.choice.provisional = false;
    let mut lines = std::mem::take(&mut result.choice.candidates);
    lines.retain(|line| line.kind != CandidateKind::Procedure);
    let picks = Picks::of(&plan, &x);
    lines.push(with_errors(AUTO, CandidateKind::Procedure, &found.chosen, &picks));
    let judge = Judge::new(&plan, &x, options.target.as_ref());
    let line = held_out(&plan, &x, &baseline::of_line);
    let judged = line.iter().find(|line| judge.error_of(line) <= judge.error_of(&found.chosen));
    result.choice.stacked = result.stack.is_some()
        && found.stack.as_ref().is_some_and(|s| judge.is_better_within(s, judged.unwrap_or(&found.chosen)));
    if let (Some(stack), Some(held)) = (&mut result.stack, found.stack) {
        for line in lines.iter_mut().filter(|line| line.kind == CandidateKind::Stack) {
            *line = with_errors(STACK, CandidateKind::Stack, &held, &picks);
        }
        stack.judge_anew(held);
    }
    if judged.is_some() {
        // The choice is no better than the straight line, which needs none.
        let adviser = result.adviser().map(|fit| fit.view.law.clone());
        result.use_line(observations, options, &x);
        result.advise_beside_line(&lines, &picks, adviser.as_deref(), options.target.as_ref());
    }
    for fit in result.fits.iter_mut().filter(|fit| fit.view.chosen && fit.view.law != baseline::LINE) {
        assemble::judge_anew(fit, found.chosen.clone());
    }
    result.put_into_words(lines);
    Some(result)
}

/// Makes a choice; `None` where it was stopped.
#[must_use]
pub fn choose(request: &Request<'_>) -> Option<Candidates> {
    let Request { observations, options, cold, stop, .. } = *request;
    let x = Columns::of(observations);
    let plan =
        if options.cross_validate { HeldOutPlan::new(observations, &x, options.seed) } else { HeldOutPlan::default() };
    let judge = Judge::new(&plan, &x, options.target.as_ref());
    let stands = Stands::of(observations, &x, options.seed);
    let task = Task { observations, x: &x, stands: &stands, plan: &plan, options, cold, reuse: None, stop };
    let mut result = Candidates { metric: observations.metric.clone(), ..Candidates::default() };
    result.choice.held_out = plan.unit;
    result.choice.within = !judge.looks_beyond();
    let mut entries = Vec::new();
    for law in request.names() {
        match task.enter(&law, request.warm(&law)) {
            Ok(entry) => entries.push(entry),
            Err(error) => result.refused.push(error),
        }
    }
    let automatic = request.laws.is_empty();
    let comparison = Comparison::of(&task, &judge, entries, automatic)?;
    let Picked { mut fits, best, mut implausible } =
        if comparison.compared && automatic { comparison.pick(&task)? } else { comparison.fit_all(&task)? };
    let is_a_choice = comparison.is_a_choice() || request.scope == Scope::Provisional;
    result.choice.provisional = comparison.compared && automatic && is_a_choice;
    result.choice.metric.clone_from(&observations.metric);
    let better = best.as_ref().map(|best| comparison.advisers(&judge, &result.choice, best));
    comparison.fit_adviser(&task, &judge, better.unwrap_or_default(), &mut fits)?;
    result.stack = comparison.stack(&implausible);
    if comparison.compared && automatic {
        loop {
            let without = comparison.fit_beside(&task, result.stack.as_ref(), &mut fits)?;
            if without.is_empty() {
                break;
            }
            implausible.extend(without);
            result.stack = comparison.stack(&implausible);
        }
    }
    fits.iter_mut().for_each(|fit| fit.view.chosen = best.as_ref() == Some(&fit.view.law));
    result.choice.stacked = automatic && result.stack.as_ref().is_some_and(|s| comparison.is_stacked(&judge, s));
    result.fits = fits;
    result.put_rivals(request, &x, comparison.rivals(&task, &result.fits, &implausible));
    let mut lines = comparison.lines(result.stack.as_ref());
    for (name, predictor) in baseline::ALL {
        let found = held_out(&plan, &x, &predictor);
        lines.extend(found.map(|held| with_errors(name, CandidateKind::Baseline, &held, &comparison.picks)));
    }
    for (law, predicted) in implausible {
        result.refused.push(FitError::Implausible { law, metric: observations.metric.clone(), predicted });
    }
    if !comparison.compared {
        result.choose_by_objective(automatic);
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
        all.sort_by_cached_key(slow);
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

impl Candidates {
    /// Puts the laws that fared alike beside every fit. Where few laws are fitted again, those of the last whole comparison are.
    fn put_rivals(&mut self, request: &Request<'_>, x: &Columns, mut rivals: Vec<Rival>) {
        let is_alike = |last: &Fit| !last.rivals().is_empty() && last.domains == request.observations.domains;
        let last = request.previous.filter(|_| request.laws.is_empty() && request.scope == Scope::Provisional);
        if let Some(last) = last.and_then(Candidates::chosen).filter(|last| is_alike(last)) {
            rivals = last.rivals().to_vec();
            for rival in &mut rivals {
                let again = self.fits.iter().find(|fit| fit.view.law == rival.model.law.info().name);
                if let Some(fit) = again {
                    (rival.model, rival.theta) = (fit.model.clone(), fit.theta.clone());
                }
            }
        }
        let some = assemble::some(x);
        self.fits.iter_mut().for_each(|fit| fit.put_beside(&rivals, &some));
    }

    /// Puts the straight line in the place of the law in use, where it can be fitted.
    fn use_line(&mut self, observations: &Observations, options: &Options, x: &Columns) {
        if self.fits.iter().all(|fit| fit.view.law != baseline::LINE) {
            let rivals = self.chosen().map_or_else(Vec::new, |fit| fit.rivals().to_vec());
            let mut line = fit(baseline::LINE, observations, options, None).ok();
            line.iter_mut().for_each(|line| line.put_beside(&rivals, &assemble::some(x)));
            self.fits.extend(line);
        }
        if self.fits.iter().any(|fit| fit.view.law == baseline::LINE) {
            self.fits.iter_mut().for_each(|fit| fit.view.chosen = fit.view.law == baseline::LINE);
        }
    }

    /// The law that mixtures were compared by still is where its picks cost less than those of the straight line that has come into use.
    fn advise_beside_line(
        &mut self,
        lines: &[Candidate],
        picks: &Picks,
        adviser: Option<&str>,
        target: Option<&Scale>,
    ) {
        let better = adviser::advisers(&self.choice, lines, &|line| self.choice.error(line), picks, baseline::LINE);
        let line = self.fits.iter().find(|fit| fit.view.law == baseline::LINE);
        let sees_less: Vec<bool> = self.fits.iter().map(|fit| adviser::sees_less(fit, line, target)).collect();
        for (fit, sees_less) in self.fits.iter_mut().zip(sees_less) {
            let is_adviser = adviser == Some(fit.view.law.as_str()) && !sees_less;
            let better = better.iter().find(|better| is_adviser && better.law == fit.view.law);
            fit.view.advises = better.cloned().map(Box::new);
        }
    }

    /// Where nothing could be held out, the law with the lowest objective; the others are not kept where the choice is open.
    fn choose_by_objective(&mut self, automatic: bool) {
        let objective = |i: &usize| self.fits[*i].view.objective;
        let best = (0..self.fits.len()).min_by(|a, b| objective(a).total_cmp(&objective(b)));
        self.fits.iter_mut().enumerate().for_each(|(i, fit)| fit.view.chosen = Some(i) == best);
        if automatic {
            self.fits.retain(|fit| fit.view.chosen);
        }
    }

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
        self.choice = choice;
        self.put_into_words(lines);
    }

    /// Sorts the candidates, and says which is used and why.
    fn put_into_words(&mut self, mut lines: Vec<Candidate>) {
        lines.sort_by_cached_key(|line| {
            let error = self.choice.error(line).unwrap_or(f64::INFINITY);
            (line.kind, line.dropped_after.is_some(), Ordered(error))
        });
        let mut choice = Choice { candidates: lines, ..std::mem::take(&mut self.choice) };
        if let Some(fit) = self.chosen() {
            choice.law = Some(fit.view.law.clone());
            choice.no_skill = fit.view.no_skill;
        }
        choice.adviser = self.fits.iter().find_map(|fit| fit.view.advises.as_deref().cloned());
        for fit in &mut self.fits {
            fit.view.uncompared = choice.unfinished.len();
            fit.view.provisional = fit.view.chosen && choice.provisional;
            let judged = if fit.view.chosen { choice.judged() } else { None };
            let rival = judged.and_then(|judged| why::rival(&choice, judged));
            (fit.view.rival, fit.view.skill_rival) = rival.unzip();
        }
        choice.beaten_by = why::beaten_by(&choice);
        choice.why = why::sentence(&choice);
        self.choice = choice;
    }
}
