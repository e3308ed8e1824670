//! The race among laws: each is fitted without one part of the rows after the other, and given up as soon as it is clearly
//! worse than the best so far. It ends by evidence and never by the clock, so that a slow machine, or a busy one, chooses the
//! same law as a fast one.
//!
//! Laws start in the order of what a fit costs. All see the same parts in the same order, a few at a time; after each few the
//! errors on the rows that both have predicted are compared pairwise with those of the best law that has seen all of them. A
//! law is fitted to all rows only once it is needed.

use super::held_out::{Fold, HeldOut, ScaleTest, fold, scale_tests};
use super::judge::{Judge, Score};
use super::random::Random;
use super::task::{Entry, Task};
use super::{Fit, FitError};
use crate::laws::{Columns, Law, Method};
use rayon::prelude::*;

/// Parts that are compared before the first law may be given up, and how many come next.
const FIRST: usize = 3;
/// Standard errors by which a law must be worse to be given up.
const CLEARLY: f64 = 3.0;
/// What the bar is raised by where a standard error rests on few rows, divided by their number less one.
const FEW: f64 = 10.0;
/// A law whose error is within this much of the best one's is never given up: with others, weighted, it may be of use.
const NEAR: f64 = 1.25;
/// Mixtures that a standard error rests on from which on it says what all parts would tell.
const TELLING: usize = 30;
/// Rows per parameter from which on the optimum for half the rows is a start for the others.
const ENOUGH: usize = 4;

/// How a law fared.
pub(super) struct Raced<'a> {
    pub entry: Entry<'a>,
    /// The number of hidden domains that did best.
    pub hidden: usize,
    pub parameters: usize,
    pub score: Score,
    /// What its folds found.
    pub thetas: Vec<Vec<f64>>,
    /// Folds after which it was given up.
    pub dropped_after: Option<usize>,
}

impl Raced<'_> {
    pub(super) fn name(&self) -> &'static str {
        self.entry.name()
    }

    /// Fits it to all rows.
    pub(super) fn fit(&self, task: &Task<'_>, held: Option<HeldOut>, bootstraps: usize) -> Result<Fit, FitError> {
        task.fit(&self.entry, self.hidden, &self.thetas, held, bootstraps)
    }
}

/// A law with one number of hidden domains.
struct Runner {
    entry: usize,
    hidden: usize,
    parameters: usize,
    score: Score,
    dropped_after: Option<usize>,
}

/// Runs the race; `None` where it was stopped. Nothing is given up where `all` are to be compared to the end.
pub(super) fn race<'a>(
    task: &Task<'_>,
    judge: &Judge<'_>,
    entries: Vec<Entry<'a>>,
    all: bool,
) -> Option<Vec<Raced<'a>>> {
    let mut runners: Vec<Runner> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        for hidden in &entry.hidden {
            let parameters = task.parameters(entry, *hidden);
            let score = Score::empty(task.plan.groups.len());
            runners.push(Runner { entry: index, hidden: *hidden, parameters, score, dropped_after: None });
        }
    }
    // A solution is cheap, but where few resamples of it are worth their time.
    let cost = |runner: &Runner| match entries[runner.entry].law.method() {
        Method::Search(_) => (1, runner.parameters),
        Method::Solve(law) => (if law.most_resamples() < usize::MAX { 2 } else { 0 }, 0),
    };
    runners.sort_by_cached_key(cost);
    let order = shuffled(task);
    let mut leader: Option<usize> = None;
    for index in 0..runners.len() {
        let (before, rest) = runners.split_at_mut(index);
        let entry = &entries[rest[0].entry];
        let runner = &mut rest[0];
        let best = leader.filter(|_| !all).map(|l| &before[l].score);
        let fewer = before.iter().rfind(|other| other.entry == runner.entry);
        let (law, hidden) = (entry.law, runner.hidden);
        Lap { task, judge, law, hidden, order: &order, fewer, best }.run(runner)?;
        if runner.dropped_after.is_none() {
            let error = |i: usize| judge.error(&runners[i].score, |_| true);
            if leader.is_none_or(|l| error(index) < error(l)) {
                leader = Some(index);
            }
        }
    }
    let mut by_entry: Vec<Vec<Runner>> = entries.iter().map(|_| Vec::new()).collect();
    runners.into_iter().for_each(|runner| by_entry[runner.entry].push(runner));
    let merged = entries.into_iter().zip(by_entry).filter_map(|(entry, runners)| merged(judge, entry, runners));
    Some(merged.collect())
}

/// One law through all parts, or until it is given up.
struct Lap<'a, 'b> {
    task: &'a Task<'a>,
    judge: &'a Judge<'a>,
    law: &'static dyn Law,
    hidden: usize,
    /// The parts, in the order in which they are held out.
    order: &'b [usize],
    /// The same law with fewer hidden domains, whose optimum for the same rows is a start.
    fewer: Option<&'b Runner>,
    best: Option<&'b Score>,
}

impl Lap<'_, '_> {
    fn run(&self, runner: &mut Runner) -> Option<()> {
        let (task, order) = (self.task, self.order);
        // What is fitted to one half of the parts is a start for all parts of the other, and has not seen their rows.
        let half = order.len().div_ceil(2);
        let mut start_of_half: [Option<Vec<Vec<f64>>>; 2] = [None, None];
        // Where fits are shared, so must their starts be, whichever race asks first.
        let shared = task.reuse.map(|reuse| reuse.starts(|rows| self.of_rows(rows))).unwrap_or_default();
        let mut done = 0;
        let mut tested = false;
        while done < order.len() || !tested {
            let next = if done < 2 * FIRST { FIRST } else { done };
            // A last one or two are not worth a comparison of their own.
            let until = if done + next + 2 >= order.len() { order.len() } else { done + next };
            for (which, parts) in [(0, &order[..half]), (1, &order[half..])] {
                let wanted = order[done..until].iter().any(|part| parts.contains(part));
                if wanted && task.reuse.is_none() && start_of_half[which].is_none() {
                    let others = if which == 0 { &order[half..] } else { &order[..half] };
                    start_of_half[which] = Some(self.of_half(others));
                }
            }
            let found: Vec<(usize, Option<Fold>)> = (done..until)
                .into_par_iter()
                .map(|i| {
                    let of_others = shared.iter().find(|start| start.is_without(&task.plan.groups[order[i]].rows));
                    let of_half = start_of_half[usize::from(i >= half)].as_deref();
                    let starts = of_others.map(|start| start.thetas.as_slice()).or(of_half).unwrap_or(&[]);
                    (order[i], self.fold(order[i], starts))
                })
                .collect();
            found.into_iter().for_each(|(part, fold)| runner.score.folds[part] = fold);
            done = until;
            if (task.stop)() {
                return None;
            }
            if !tested {
                if self.best.is_some_and(|best| self.judge.is_beyond_help(&runner.score, best, bar, runner.predicted()))
                {
                    runner.dropped_after = Some(done);
                    break;
                }
                let cold = |train: &Columns, test: &Columns| self.predict(train, test, &[]).0;
                [runner.score.size, runner.score.tokens] = scale_tests(task.plan, task.x, &cold);
                tested = true;
            }
            let clearly_worse = self.best.is_some_and(|best| self.is_clearly_worse(runner, best));
            if done < order.len() && (clearly_worse || self.best.is_some() && self.is_no_better_than_with_fewer(runner))
            {
                runner.dropped_after = Some(done);
                break;
            }
        }
        if (task.stop)() { None } else { Some(()) }
    }

    /// Fits to the first rows, which are all it sees, and predicts ln L of the second; with what it found.
    fn predict(&self, train: &Columns, test: &Columns, starts: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
        let joined = self.task.stands.join(train);
        let train = joined.as_ref();
        let model = self.task.model(self.law, self.hidden, train);
        let parameters = model.parameters.len();
        let fresh = self.task.fresh_beside(train.len(), parameters, starts.len(), self.fewer.is_some());
        let find = || self.task.fit_fold(&model, train, starts, fresh);
        let theta = match self.task.reuse {
            Some(reuse) => reuse.theta(&model, train, find),
            None => find(),
        };
        (model.predict(&theta, test), theta)
    }

    fn fold(&self, part: usize, starts: &[Vec<f64>]) -> Option<Fold> {
        let fewer = self.fewer.and_then(|fewer| Some((fewer.hidden, &fewer.score.folds[part].as_ref()?.theta)));
        let grown = fewer.map(|(hidden, theta)| self.law.grown(self.task.x.share.len(), hidden, theta));
        let starts = grown.as_deref().unwrap_or(starts);
        let found = std::sync::Mutex::new(Vec::new());
        let predictor = |train: &Columns, test: &Columns| {
            let (predicted, theta) = self.predict(train, test, starts);
            if let (Method::Search(_), Ok(mut found)) = (self.law.method(), found.lock()) {
                *found = theta;
            }
            predicted
        };
        let fold = fold(self.task.plan, self.task.x, part, &predictor)?;
        Some(Fold { theta: found.into_inner().unwrap_or_default(), ..fold })
    }

    /// The optimum for the rows of some parts, where they are enough to say anything.
    fn of_half(&self, parts: &[usize]) -> Vec<Vec<f64>> {
        let groups = &self.task.plan.groups;
        if parts.len() < FIRST {
            return Vec::new();
        }
        let x = self.task.x;
        let among = |i: usize| parts.iter().any(|part| groups[*part].rows[i]);
        self.of_rows(&(0..x.len()).map(among).collect::<Vec<bool>>())
    }

    /// The optimum for some rows, where they are enough to say anything.
    fn of_rows(&self, among: &[bool]) -> Vec<Vec<f64>> {
        let task = self.task;
        let Method::Search(_) = self.law.method() else { return Vec::new() };
        let x = task.x;
        let rows = x.weighted(|i| if among[i] { x.weight[i] } else { 0.0 });
        let joined = task.stands.join(&rows);
        let rows = joined.as_ref();
        let model = task.model(self.law, self.hidden, rows);
        if self.fewer.is_some() || rows.len() < ENOUGH * model.parameters.len() {
            return Vec::new();
        }
        let find = || task.fit_fold(&model, rows, &[], None);
        vec![task.reuse.map_or_else(find, |reuse| reuse.theta(&model, rows, find))]
    }

    /// Whether what the last hidden domain was added for has not come about: the error is not smaller than without it, or, where
    /// enough was predicted to say so, not by so much that all parts would tell the two apart, if it went on like that.
    fn is_no_better_than_with_fewer(&self, runner: &Runner) -> bool {
        let both = |part: usize| runner.score.folds[part].is_some();
        let seen = (0..runner.score.folds.len()).filter(|part| both(*part)).count() as f64;
        let all = runner.score.folds.len() as f64;
        self.fewer.is_some_and(|fewer| {
            let difference = self.judge.difference(&runner.score, &fewer.score, both);
            let told =
                if difference.clusters < TELLING { 0.0 } else { difference.standard_error * (seen / all).sqrt() };
            difference.mean + told >= 0.0
        })
    }

    fn is_clearly_worse(&self, runner: &Runner, best: &Score) -> bool {
        let difference = self.judge.difference(&runner.score, best, runner.predicted());
        let near = (NEAR - 1.0) * self.judge.error(best, runner.predicted());
        difference.mean > near && difference.mean > bar(difference.clusters) * difference.standard_error
    }
}

impl Runner {
    /// Whether it has predicted a part.
    fn predicted(&self) -> impl Fn(usize) -> bool {
        |part| self.score.folds[part].is_some()
    }
}

/// Standard errors by which a law must be worse to be given up, where they rest on so many clusters.
fn bar(clusters: usize) -> f64 {
    CLEARLY + FEW / (clusters.max(2) - 1) as f64
}

/// A law whose number of hidden domains has been chosen: for each part by the errors on the others.
fn merged<'a>(judge: &Judge<'_>, entry: Entry<'a>, mut runners: Vec<Runner>) -> Option<Raced<'a>> {
    let complete = runners.iter().filter(|r| r.dropped_after.is_none()).count();
    if complete > 0 {
        runners.retain(|r| r.dropped_after.is_none());
    } else {
        runners.truncate(1);
    }
    let competitors: Vec<(usize, &Score)> = runners.iter().map(|r| (r.parameters, &r.score)).collect();
    let best = judge.best(&competitors, |_| true)?;
    let score = judge.procedure(&competitors);
    let Runner { hidden, parameters, dropped_after, score: own, .. } = runners.swap_remove(best);
    let thetas = own.folds.into_iter().flatten().map(|fold| fold.theta).filter(|theta| !theta.is_empty()).collect();
    Some(Raced { entry, hidden, parameters, score, thetas, dropped_after })
}

/// The parts in an order drawn from the seed: neighbouring mixtures are not held out one after the other.
fn shuffled(task: &Task<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..task.plan.groups.len()).collect();
    let mut random = Random::new(task.options.seed, 1 << 41);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    order
}

impl Score {
    /// What was predicted, put together; `None` where no row was held out.
    pub(super) fn held_out(&self, plan: &super::split::HeldOutPlan) -> Option<HeldOut> {
        let [size, tokens]: [Option<ScaleTest>; 2] = [self.size.clone(), self.tokens.clone()];
        HeldOut::of(plan, self.folds.iter().flatten(), size, tokens)
    }
}
