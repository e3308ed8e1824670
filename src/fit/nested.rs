//! The error of the automatic choice itself, by an outer loop: without each part of the rows in turn, and without the largest N
//! and D, all laws are compared anew, one is chosen and fitted, and predicts what was held out. Nothing that looks at losses
//! has seen the rows that it is judged by.
//!
//! The inner folds of a comparison without one part leave out a second one: that fit is the same whichever of the two is the
//! outer part, and is made once ([`super::reuse`]).

use super::Options;
use super::comparison::Comparison;
use super::held_out::{Fold, HeldOut, ScaleTest, fold, is_implausible, mean, range, scale_test};
use super::judge::{Judge, Score};
use super::objective::Stop;
use super::proxies::Stands;
use super::random::Random;
use super::reuse::{Found, Reuse};
use super::split::{HeldOutPlan, Top};
use super::stack::Stack;
use super::task::Task;
use crate::laws::Columns;
use crate::vocab::Observations;
use std::sync::{Mutex, PoisonError};

/// Parts that starts are fitted to: two may be held out, and one is left.
const STARTS_FROM: usize = 3;

/// What the procedure predicted of rows that it had not seen.
pub(super) struct Nested {
    pub chosen: HeldOut,
    /// The same of the stack, whose members and weights were found without those rows; `None` where there was none to be made.
    pub stack: Option<HeldOut>,
}

/// The whole procedure, to be repeated.
pub(super) struct Procedure<'a> {
    pub names: &'a [String],
    pub observations: &'a Observations,
    pub x: &'a Columns,
    pub plan: &'a HeldOutPlan,
    pub options: &'a Options,
    pub stop: Stop<'a>,
}

/// What one pass of the procedure predicts, ln L.
struct Predicted {
    chosen: Vec<f64>,
    stack: Option<Vec<f64>>,
}

impl Procedure<'_> {
    /// Repeats the procedure without each part; `None` where nothing can be held out or it was stopped.
    pub(super) fn held_out(&self) -> Option<Nested> {
        let (plan, x) = (self.plan, self.x);
        let found = Found::default();
        let thirds = self.thirds();
        let mut chosen = Score::empty(plan.groups.len());
        let mut stack = Some(Score::empty(plan.groups.len()));
        // One after the other: each finds what those before it have fitted, and its own fits run side by side.
        for (index, group) in plan.groups.iter().enumerate() {
            let both = Both::default();
            let first = fold(plan, x, index, &|train, test| {
                both.first(self.without(&group.rows, train, test, &thirds, &found))
            });
            if (self.stop)() {
                return None;
            }
            let second = both.second().and_then(|predicted| fold(plan, x, index, &move |_, _| predicted.clone()));
            chosen.folds[index] = first;
            keep(&mut stack, second, |stack, fold: Fold| stack.folds[index] = Some(fold));
        }
        for (top, size) in [(&plan.size, true), (&plan.tokens, false)] {
            let Some(top) = top else { continue };
            let (first, second) = self.beyond(top, &thirds, &found);
            if (self.stop)() {
                return None;
            }
            let place = |score: &mut Score, test: ScaleTest| {
                *(if size { &mut score.size } else { &mut score.tokens }) = Some(test);
            };
            if let Some(test) = first {
                place(&mut chosen, test);
            }
            keep(&mut stack, second, place);
        }
        let stack = stack.and_then(|stack| stack.held_out(plan));
        Some(Nested { chosen: chosen.held_out(plan)?, stack })
    }

    fn beyond(&self, top: &Top, thirds: &[Vec<bool>], found: &Found) -> (Option<ScaleTest>, Option<ScaleTest>) {
        let both = Both::default();
        let first =
            scale_test(self.x, top, &|train, test| both.first(self.without(&top.rows, train, test, thirds, found)));
        let second = both.second().and_then(|predicted| scale_test(self.x, top, &move |_, _| predicted.clone()));
        (first, second)
    }

    /// Chooses and fits without some rows, and predicts them.
    fn without(
        &self,
        held: &[bool],
        train: &Columns,
        test: &Columns,
        thirds: &[Vec<bool>],
        found: &Found,
    ) -> Predicted {
        let x = self.x;
        let left = |i: usize| !held[i] && x.weight[i] > 0.0;
        let rows = Columns::usable(self.observations).into_iter().enumerate().filter(|(i, _)| left(*i));
        let rows = rows.map(|(_, row)| self.observations.rows[row].clone()).collect();
        let observations = Observations { rows, ..self.observations.clone() };
        let plan = self.plan.without(x, held);
        let unseen = |third: &&Vec<bool>| third.iter().zip(held).all(|(seen, held)| !(*seen && *held));
        let thirds = thirds.iter().filter(unseen);
        let thirds = thirds.map(|third| (0..x.len()).filter(|i| left(*i)).map(|i| third[i]).collect()).collect();
        let reuse = Reuse { found, thirds };
        let options = Options { bootstraps: 0, ..self.options.clone() };
        let stands = Stands::of(&observations, train, options.seed);
        let task = Task {
            observations: &observations,
            x: train,
            stands: &stands,
            plan: &plan,
            options: &options,
            cold: true,
            reuse: Some(&reuse),
            stop: self.stop,
        };
        let judge = Judge::new(&plan, train, options.target.as_ref());
        choose(&task, &judge, self.names, test)
            .unwrap_or_else(|| Predicted { chosen: vec![mean(train.ln_loss.iter().copied()); test.len()], stack: None })
    }

    /// Rows by thirds of the parts, dealt out at random.
    fn thirds(&self) -> Vec<Vec<bool>> {
        let groups = &self.plan.groups;
        let mut order: Vec<usize> = (0..groups.len()).collect();
        let mut random = Random::new(self.options.seed, 1 << 43);
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        let third = |which: usize| {
            let parts: Vec<usize> = order.iter().copied().skip(which).step_by(STARTS_FROM).collect();
            (0..self.x.len()).map(|i| parts.iter().any(|part| groups[*part].rows[i])).collect()
        };
        (0..STARTS_FROM).map(third).collect()
    }
}

/// Compares laws, fits the best, and predicts.
fn choose(task: &Task<'_>, judge: &Judge<'_>, names: &[String], test: &Columns) -> Option<Predicted> {
    let entries = names.iter().filter_map(|law| task.enter(law, None).ok()).collect();
    let comparison = Comparison::of(task, judge, entries, true)?;
    let picked = if comparison.compared { comparison.pick(task)? } else { comparison.fit_all(task)? };
    let best = match &picked.best {
        Some(best) => picked.fits.iter().find(|fit| fit.view.law == *best),
        None => picked.fits.iter().min_by(|a, b| a.view.objective.total_cmp(&b.view.objective)),
    }?;
    let stack = comparison.stack(&picked.implausible);
    let mut chosen = best.model.predict(&best.theta, test);
    // As where a place is asked for: what the law in use cannot say, the next one does.
    let known = range(&task.x.ln_loss);
    for law in comparison.in_order() {
        if !chosen.iter().any(|p| is_implausible(*p, known)) {
            break;
        }
        let next = comparison.predict_by(task, law, test)?;
        let pairs = chosen.iter_mut().zip(next).filter(|(p, _)| is_implausible(**p, known));
        pairs.for_each(|(p, next)| *p = next);
    }
    Some(Predicted { chosen, stack: stack.and_then(|stack| predict_stacked(task, &comparison, &stack, test)) })
}

fn predict_stacked(task: &Task<'_>, comparison: &Comparison<'_>, stack: &Stack, test: &Columns) -> Option<Vec<f64>> {
    let known = range(&task.x.ln_loss);
    let mut all: Vec<(f64, Vec<f64>)> = Vec::new();
    for (law, weight) in &stack.weights {
        all.push((*weight, comparison.predict_by(task, law, test)?));
    }
    // As where a place is asked for: a law whose prediction cannot be has no say there.
    let one = |i: usize| {
        let sane = |(_, predicted): &&(f64, Vec<f64>)| !is_implausible(predicted[i], known);
        let (weight, sum) = all.iter().filter(sane).fold((0.0, 0.0), |(w, sum), (x, v)| (w + x, sum + x * v[i]));
        if weight > 0.0 { sum / weight } else { all.iter().map(|(x, v)| x * v[i]).sum() }
    };
    Some((0..test.len()).map(one).collect())
}

/// Keeps a part of the stack's score; a part without a stack leaves none of it.
fn keep<T>(score: &mut Option<Score>, part: Option<T>, put: impl FnOnce(&mut Score, T)) {
    match (score.as_mut(), part) {
        (Some(score), Some(part)) => put(score, part),
        _ => *score = None,
    }
}

/// Takes one prediction apart: one is returned at once, and the other kept.
#[derive(Default)]
struct Both(Mutex<Option<Vec<f64>>>);

impl Both {
    fn first(&self, predicted: Predicted) -> Vec<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = predicted.stack;
        predicted.chosen
    }

    fn second(self) -> Option<Vec<f64>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
