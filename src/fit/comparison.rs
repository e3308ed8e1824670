//! How the laws of one validation loss fared against each other, and which of them are fitted to all rows.

use super::baseline::LINE;
use super::held_out::HeldOut;
use super::judge::{Judge, Score};
use super::model::Model;
use super::picks::Picks;
use super::race::{Raced, race};
use super::rivals::{self, Rival};
use super::stack::Stack;
use super::task::{Entry, Task};
use super::{Fit, FitError, adviser, sanity};
use crate::laws::Columns;
use crate::vocab::{AUTO, BetterPicks, Candidate, CandidateKind, Choice, STACK};
use rayon::prelude::*;

/// Resamples of a law that is fitted for its weight in the stack alone.
const BESIDE: usize = 32;

/// How the laws fared.
pub(super) struct Comparison<'a> {
    raced: Vec<Raced<'a>>,
    /// Parallel to `raced`.
    held: Vec<Option<HeldOut>>,
    /// Laws in the order in which they are to be used.
    ranking: Vec<usize>,
    /// What the automatic choice itself predicts of what was held out.
    procedure: Option<HeldOut>,
    /// What picks by a law cost.
    pub picks: Picks,
    /// Whether the straight line is used because the automatic choice is no better.
    is_line: bool,
    /// Whether anything could be held out.
    pub compared: bool,
}

/// Laws fitted to all rows.
pub(super) struct Picked {
    pub fits: Vec<Fit>,
    /// Name of the law to use.
    pub best: Option<String>,
    /// Laws that would have been used, with a loss that they predict and that cannot be.
    pub implausible: Vec<(String, f64)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(task: &Task<'_>, judge: &Judge<'_>, entries: Vec<Entry<'a>>, automatic: bool) -> Option<Self> {
        let raced = race(task, judge, entries, !automatic)?;
        let held: Vec<Option<HeldOut>> = raced.iter().map(|one| one.score.held_out(task.plan)).collect();
        let compared = held.iter().any(Option::is_some) || raced.iter().any(|one| one.score.size.is_some());
        let mut open: Vec<usize> = (0..raced.len()).filter(|i| raced[*i].dropped_after.is_none()).collect();
        let score = |i: &usize| (raced[*i].parameters, &raced[*i].score);
        let finalists: Vec<(usize, &Score)> = open.iter().map(score).collect();
        // The error of a law that was chosen because it is small is too small; that of the whole procedure is not.
        let procedure = automatic && finalists.len() > 1;
        let procedure = procedure.then(|| judge.procedure(&finalists).held_out(task.plan)).flatten();
        let line = open.iter().copied().find(|i| raced[*i].name() == LINE);
        let mut ranking = Vec::new();
        while let Some(first) = judge.best(&open.iter().map(score).collect::<Vec<_>>(), |_| true) {
            ranking.push(open.remove(first));
        }
        // A choice that is no better than the straight line, which needs no choice, is not made.
        let line = line.filter(|line| {
            let of_line = held[*line].as_ref().map_or(f64::INFINITY, |held| judge.error_of(held));
            procedure.as_ref().is_some_and(|procedure| of_line <= judge.error_of(procedure))
        });
        if let Some(line) = line {
            ranking.retain(|i| *i != line);
            ranking.insert(0, line);
        }
        let picks = Picks::of(task.plan, task.x);
        Some(Self { raced, held, ranking, procedure, picks, is_line: line.is_some(), compared })
    }

    /// The stack of the laws with skill, but for some: a law without it has no say, wherever it may happen to be right.
    pub(super) fn stack(&self, without: &[(String, f64)]) -> Option<Stack> {
        let judged = self.raced.iter().zip(&self.held).filter(|(one, _)| one.dropped_after.is_none());
        let judged = judged.filter_map(|(one, held)| Some((one.name(), held.as_ref()?)));
        let judged = judged.filter(|(name, held)| held.skill > 0.0 && without.iter().all(|(law, _)| law != name));
        Stack::of(&judged.collect::<Vec<_>>())
    }

    /// Whether the stack does better on held-out mixtures than the automatic choice.
    pub(super) fn is_stacked(&self, judge: &Judge<'_>, stack: &Stack) -> bool {
        let first = self.ranking.first().and_then(|index| self.held[*index].as_ref());
        let judged = self.procedure.as_ref().filter(|_| !self.is_line).or(first);
        judged.is_some_and(|judged| judge.is_better_within(&stack.held(), judged))
    }

    /// ln L that a law, fitted to all rows as folds are, predicts.
    pub(super) fn predict_by(&self, task: &Task<'_>, law: &str, test: &Columns) -> Option<Vec<f64>> {
        let raced = self.raced.iter().find(|one| one.name() == law)?;
        let (model, theta) = as_folds(task, raced);
        Some(model.predict(&theta, test))
    }

    /// The laws that were compared to the end and see the size or the tokens, each with its say by what it predicted of what was held
    /// out, but for some; none where neither varies. `fits` need no other fit.
    pub(super) fn rivals(&self, task: &Task<'_>, fits: &[Fit], without: &[(String, f64)]) -> Vec<Rival> {
        if !rivals::may_part(task.x) {
            return Vec::new();
        }
        let judged = self.raced.iter().zip(&self.held).filter_map(|(one, held)| Some((one, held.as_ref()?)));
        let open = |one: &Raced<'_>| {
            let is_out = one.dropped_after.is_some() || without.iter().any(|(law, _)| law == one.name());
            !is_out && rivals::sees_scale(one.entry.law)
        };
        let (laws, held): (Vec<&Raced<'_>>, Vec<&HeldOut>) = judged.filter(|(one, _)| open(one)).unzip();
        let says = rivals::says(&held);
        let with_say: Vec<(&Raced<'_>, f64)> = laws.into_iter().zip(says).filter(|(_, say)| *say > 0.0).collect();
        let rival = |(one, say): (&Raced<'_>, f64)| {
            let fitted = fits.iter().find(|fit| fit.view.law == one.name());
            let (model, theta) =
                fitted.map_or_else(|| as_folds(task, one), |fit| (fit.model.clone(), fit.theta.clone()));
            Rival { say, model, theta }
        };
        with_say.into_par_iter().map(rival).collect()
    }

    /// The laws in the order in which they are to be used.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &'static str> {
        self.ranking.iter().map(|index| self.raced[*index].name())
    }

    /// Whether a law was chosen among several: what it got wrong on held-out rows then depends on the choice as well.
    pub(super) fn is_a_choice(&self) -> bool {
        self.raced.len() > 1
    }

    /// Fits the best law whose predictions can be right everywhere it was explored.
    pub(super) fn pick(&self, task: &Task<'_>) -> Option<Picked> {
        let mut picked = Picked { fits: Vec::new(), best: None, implausible: Vec::new() };
        for index in &self.ranking {
            // The procedure's errors are those of the law it chose first.
            let procedure = self.procedure.clone().filter(|_| picked.implausible.is_empty() && !self.is_line);
            let held = procedure.or_else(|| self.held[*index].clone());
            let fit = match self.raced[*index].fit(task, held, task.options.bootstraps) {
                Ok(fit) => fit,
                Err(error) => {
                    picked.implausible.push(no_loss(error)?);
                    continue;
                }
            };
            match sanity::implausible(&fit, task.observations, task.options.seed) {
                // Whatever its errors are on what was held out, it is not to be asked about what lies between.
                Some(predicted) => picked.implausible.push((fit.view.law, predicted)),
                None => {
                    picked.best = Some(fit.view.law.clone());
                    picked.fits.push(fit);
                    break;
                }
            }
        }
        Some(picked)
    }

    /// The laws by which mixtures are rather compared than by the one in use, the best first.
    pub(super) fn advisers(&self, judge: &Judge<'_>, choice: &Choice, in_use: &str) -> Vec<BetterPicks> {
        let error = |line: &Candidate| {
            let law = self.raced.iter().position(|one| one.name() == line.name)?;
            self.held[law].as_ref().map(|held| judge.error_of(held))
        };
        adviser::advisers(choice, &self.lines(None), &error, &self.picks, in_use)
    }

    /// Fits the first of some laws by which mixtures are rather compared than by the one in use, which sees as much of the target, and
    /// whose predictions can be right everywhere it was explored. `None` where it was stopped.
    pub(super) fn fit_adviser(
        &self,
        task: &Task<'_>,
        judge: &Judge<'_>,
        better: Vec<BetterPicks>,
        fits: &mut Vec<Fit>,
    ) -> Option<()> {
        for better in better {
            let Some(raced) = self.raced.iter().find(|one| one.name() == better.law) else { continue };
            let is_new = fits.iter().all(|fit| fit.view.law != better.law);
            if is_new {
                let open = self.raced.iter().filter(|one| one.dropped_after.is_none());
                let open: Vec<(usize, &Score)> = open.map(|one| (one.parameters, &one.score)).collect();
                // Its errors are those of choosing it, too.
                let procedure = adviser::procedure(judge, &self.picks, &open);
                let tests = Score { size: raced.score.size.clone(), tokens: raced.score.tokens.clone(), ..procedure };
                match raced.fit(task, tests.held_out(task.plan), task.options.bootstraps) {
                    Ok(fit) => fits.push(fit),
                    Err(error) => {
                        no_loss(error)?;
                        continue;
                    }
                }
            }
            let place = |law: &str| fits.iter().position(|fit| fit.view.law == law);
            let fit = place(&better.law)?;
            let in_use = place(&better.in_use).map(|in_use| &fits[in_use]);
            if !adviser::sees_less(&fits[fit], in_use, task.options.target.as_ref())
                && sanity::implausible(&fits[fit], task.observations, task.options.seed).is_none()
            {
                fits[fit].view.advises = Some(Box::new(better));
                break;
            }
            if is_new {
                fits.pop();
            }
        }
        Some(())
    }

    /// Fits the laws with a weight in the stack that have not been fitted yet; returns those that give no loss. `None` where it was
    /// stopped.
    pub(super) fn fit_beside(
        &self,
        task: &Task<'_>,
        stack: Option<&Stack>,
        fits: &mut Vec<Fit>,
    ) -> Option<Vec<(String, f64)>> {
        let mut without = Vec::new();
        for (one, held) in self.raced.iter().zip(&self.held) {
            let weighs = stack.is_some_and(|s| s.weights.iter().any(|(law, _)| law == one.name()));
            if weighs && fits.iter().all(|fit| fit.view.law != one.name()) {
                // Of a law that only has a weight beside the chosen one, fewer resamples say as much.
                let bootstraps = task.options.bootstraps.min(BESIDE);
                match one.fit(task, held.clone(), bootstraps) {
                    Ok(fit) => fits.push(fit),
                    Err(error) => without.push(no_loss(error)?),
                }
            }
        }
        Some(without)
    }

    /// Fits every law that was compared.
    pub(super) fn fit_all(&self, task: &Task<'_>) -> Option<Picked> {
        let mut picked = Picked { fits: Vec::new(), best: None, implausible: Vec::new() };
        for (one, held) in self.raced.iter().zip(&self.held) {
            match one.fit(task, held.clone(), task.options.bootstraps) {
                Ok(fit) => picked.fits.push(fit),
                Err(error) => picked.implausible.push(no_loss(error)?),
            }
        }
        let is_fitted = |law: &&str| picked.fits.iter().any(|fit| fit.view.law == *law);
        picked.best = self.in_order().filter(|_| self.compared).find(is_fitted).map(str::to_owned);
        Some(picked)
    }

    /// The laws as candidates, and the choice among them.
    pub(super) fn lines(&self, stack: Option<&Stack>) -> Vec<Candidate> {
        let laws = self.raced.iter().zip(&self.held).map(|(one, held)| self.line(one, held.as_ref(), stack));
        let procedure =
            self.procedure.as_ref().map(|held| with_errors(AUTO, CandidateKind::Procedure, held, &self.picks));
        laws.chain(stack.map(|stack| line_of_stack(stack, &self.picks))).chain(procedure).collect()
    }

    fn line(&self, raced: &Raced<'_>, held: Option<&HeldOut>, stack: Option<&Stack>) -> Candidate {
        let weight = |stack: &Stack| stack.weights.iter().find(|(law, _)| law == raced.name()).map_or(0.0, |(_, w)| *w);
        let of_law = held.map_or_else(
            || named(raced.name(), CandidateKind::Law),
            |held| with_errors(raced.name(), CandidateKind::Law, held, &self.picks),
        );
        // What few parts say does not compare with what all do.
        let picks = of_law.picks.filter(|_| raced.dropped_after.is_none());
        Candidate { picks, weight: stack.map(weight), dropped_after: raced.dropped_after, ..of_law }
    }
}

/// A law fitted to all rows as folds are.
fn as_folds(task: &Task<'_>, raced: &Raced<'_>) -> (Model, Vec<f64>) {
    let joined = task.stands.join(task.x);
    let model = task.model(raced.entry.law, raced.hidden, &joined);
    let fresh = (!raced.thetas.is_empty()).then_some(0);
    let theta = task.fit_fold(&model, &joined, &raced.thetas[..raced.thetas.len().min(2)], fresh);
    (model, theta)
}

/// A law that gives no loss at a row that it was fitted to; `None` where the fit was stopped.
fn no_loss(error: FitError) -> Option<(String, f64)> {
    match error {
        FitError::Implausible { law, predicted, .. } => Some((law, predicted)),
        _ => None,
    }
}

fn named(name: &str, kind: CandidateKind) -> Candidate {
    Candidate {
        name: name.to_owned(),
        kind,
        skill: None,
        mre_heldout: None,
        mre_scale: None,
        picks: None,
        weight: None,
        dropped_after: None,
    }
}

pub(super) fn with_errors(name: &str, kind: CandidateKind, held: &HeldOut, picks: &Picks) -> Candidate {
    Candidate {
        skill: Some(held.skill),
        mre_heldout: Some(held.mre),
        mre_scale: held.mre_scale(),
        picks: picks.cost(held.rows.iter()),
        ..named(name, kind)
    }
}

fn line_of_stack(stack: &Stack, picks: &Picks) -> Candidate {
    Candidate { mre_scale: stack.mre_scale, ..with_errors(STACK, CandidateKind::Stack, &stack.held(), picks) }
}
