//! What the last phase of a run does to its loss, from runs that change their mixture.
//!
//! A surrogate, not a law: ln L is a ridge regression on what a run has seen of each corpus before the last phase and in it, as
//! parts of all its tokens, straight, by square roots or by logarithms, with a level for each size and length of runs. Four forms
//! compete: both phases on their own, the last phase counting 2 to 16 times as much, the total alone (the order does not
//! matter), and the last phase alone. Form, bend and penalty are chosen by cross-validation; that whole procedure is judged on
//! schedules that neither the fit nor the choice has seen (nested), runs of one schedule together.
//!
//! Intervals resample schedules and choose again each time. What the surrogate misses is added: the difference of two held-out
//! residuals, in proportion to how far the move is beside how far runs are from each other.

mod ridge;
mod schedule;
#[cfg(test)]
mod tests;

use super::random::Random;
use super::resample::quantile;
use crate::vocab::count::counted;
use crate::vocab::{Estimate, Observations, PhaseFit, PhaseForm, PhaseMove, Range};
use rayon::prelude::*;
use ridge::{Candidate, Design, Form, candidates, choose, designs, fit, predicted};
use schedule::{Ended, Runs, Schedule};

/// Fewest schedules, and fewest among them that change the mixture.
const LEAST_SCHEDULES: usize = 8;
const LEAST_PHASED: usize = 6;
/// Held-out R² from which on a surrogate is believed: it explains most of what differs between runs.
const LEAST_SKILL: f64 = 0.5;
/// Parts of the outer cross-validation, and of the inner one.
const OUTER: usize = 10;
const INNER: usize = 5;
/// Resamples of schedules.
const DRAWS: usize = 200;
/// Candidates stay in the race of resamples where their error is at most this many times the least.
const RACE: f64 = 1.5;
/// A share may lie this far outside those of the runs, and a schedule as many times as far from the nearest run as runs lie
/// from each other at most.
const OUTSIDE: f64 = 0.05;
const FAR: f64 = 1.5;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Mixture of the run otherwise, over the domains.
    pub base: Vec<f64>,
    /// Length of the last phase, as a part of the run; the usual one of the runs where it is left open.
    pub last: Option<f64>,
    /// Mixtures of the last phase.
    pub moves: Vec<Vec<f64>>,
}

/// The answer for one loss, with the draws that its intervals are made of.
#[derive(Debug, Clone, Default)]
pub struct Phased {
    /// What is said; of moves, only the estimates (which corpora they move, whoever asks knows).
    pub view: PhaseFit,
    /// By move: its change of the loss, nats; `None` where nothing is said.
    pub change: Vec<Option<f64>>,
    /// By move and resample: the same.
    pub draws: Vec<Vec<f64>>,
    /// Length of the last phase.
    pub last: Option<f64>,
}

/// What the runs say of the moves in question.
#[must_use]
pub fn phases(data: &Observations, question: &Question, seed: u64) -> Phased {
    let runs = schedule::runs(data, question.last);
    let mut found = Phased { last: question.last.or(runs.usual), ..Phased::default() };
    let view = &mut found.view;
    view.metric = data.metric.clone();
    (view.runs, view.schedules) = (runs.all.len(), runs.groups);
    view.phased = runs.all.iter().filter(|run| run.phased).count();
    let phased = groups_of(runs.all.iter().filter(|run| run.phased));
    if let Some(why) = too_few(&runs, phased) {
        view.why_not.push(why);
        view.why_not.extend(runs.left_out);
        return found;
    }
    let designs = designs(&runs.all);
    let every = candidates(&designs, |_| true);
    let fold = folds(&runs, &vec![1.0; runs.all.len()], INNER, seed, 1);
    let ones = vec![1.0; runs.all.len()];
    let Some((chosen, errors)) = choose(&designs, &every, &runs.all, &ones, &fold, runs.cells) else { return found };
    let whole = nested(&runs, &designs, &every, seed);
    view.forms = [Form::Both, Form::Later(2.0), Form::Total, Form::Last]
        .into_par_iter()
        .filter_map(|form| {
            let own = candidates(&designs, |other| other.name() == form.name());
            let (skill, error) = nested(&runs, &designs, &own, seed).judged();
            Some(PhaseForm { name: form.name().to_owned(), skill: skill?, error: error? })
        })
        .collect();
    let (skill, error) = whole.judged();
    (view.skill, view.error) = (skill, error);
    view.form = Some(designs[chosen.0].form.name().to_owned());
    if skill.is_none_or(|skill| skill < LEAST_SKILL) {
        view.why_not.push(unreliable(skill));
        view.why_not.extend(runs.left_out);
        return found;
    }
    let race: Vec<Candidate> = {
        let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
        every.iter().zip(&errors).filter(|(_, error)| **error <= RACE * least).map(|(c, _)| *c).collect()
    };
    let last = found.last.unwrap_or_default();
    let base = Schedule { first: question.base.clone(), last: question.base.clone(), part: last };
    let to: Vec<Schedule> =
        question.moves.iter().map(|mixture| Schedule { last: mixture.clone(), ..base.clone() }).collect();
    let outside: Vec<Option<String>> = to.iter().map(|to| outside(&runs, &base, to, &data.domains)).collect();
    let all = fit(&designs, chosen, &runs.all, &ones, runs.cells);
    let cell = largest(&runs);
    let level =
        all.as_ref().and_then(|fit| fit.at(&designs[chosen.0].features(&base), cell)).map_or(f64::NAN, f64::exp);
    let draws = resampled(&runs, &designs, &race, &base, &to, seed);
    let misses = whole.residuals();
    let typical = mean_distance(&runs);
    for (index, to) in to.iter().enumerate() {
        let change = all.as_ref().map(|fit| {
            let design = &designs[chosen.0];
            level * fit.change(&design.features(&base), &design.features(to)).exp_m1()
        });
        // What is missed is missed by runs far apart; by near ones, less.
        let part = (base.apart(to) / typical).min(1.0);
        let mut random = Random::new(seed, (1 << 38) + index as u64);
        let mut miss = || if misses.is_empty() { 0.0 } else { misses[random.below(misses.len())] };
        let spread: Vec<f64> =
            draws.iter().map(|draw| level * (draw[index] + part * (miss() - miss())).exp_m1()).collect();
        let said = outside[index].is_none();
        found.change.push(change.filter(|_| said));
        found.draws.push(if said { spread } else { Vec::new() });
        found.view.moves.push(PhaseMove {
            why_not: outside[index].clone(),
            ..PhaseMove::of(found.change[index], &found.draws[index])
        });
    }
    found.view.why_not = Vec::new();
    found
}

impl PhaseMove {
    /// A change with the interval and probability of its draws; nothing where it is not known.
    #[must_use]
    pub fn of(change: Option<f64>, draws: &[f64]) -> Self {
        let mut sorted = draws.to_vec();
        sorted.sort_by(f64::total_cmp);
        let range = Range { low: quantile(&sorted, 0.05), high: quantile(&sorted, 0.95) };
        let below = sorted.iter().filter(|change| **change < 0.0).count();
        Self {
            to: String::new(),
            from: None,
            mixture: crate::vocab::Mixture::default(),
            delta: change.map(|value| Estimate { value, range }),
            p_better: (change.is_some() && !sorted.is_empty()).then(|| below as f64 / sorted.len() as f64),
            why_not: None,
        }
    }
}

fn groups_of<'a>(runs: impl Iterator<Item = &'a Ended>) -> usize {
    let mut groups: Vec<usize> = runs.map(|run| run.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

fn too_few(runs: &Runs, phased: usize) -> Option<String> {
    if runs.usual.is_none() {
        return Some("No run changes its mixture: state `phases:` in its mixlaw.run.yaml, or of a table.".to_owned());
    }
    (runs.groups < LEAST_SCHEDULES || phased < LEAST_PHASED).then(|| {
        format!(
            "{} and {} that change the mixture: that needs {LEAST_SCHEDULES} schedules of one size and length, {LEAST_PHASED} of them with phases.",
            counted(runs.groups, "schedule"),
            phased
        )
    })
}

fn unreliable(skill: Option<f64>) -> String {
    let skill = skill.map_or_else(|| "nothing could be held out".to_owned(), |s| format!("held-out R² {s:.2}"));
    format!(
        "No surrogate is reliable here: {skill}, and {LEAST_SKILL} is needed. More runs, or runs with more different phases, may help."
    )
}

/// Which part each run is held out with: runs of one schedule together, `parts` at most.
fn folds(runs: &Runs, weights: &[f64], parts: usize, seed: u64, index: u64) -> Vec<usize> {
    let mut there: Vec<usize> =
        (0..runs.groups).filter(|g| runs.all.iter().zip(weights).any(|(run, w)| run.group == *g && *w > 0.0)).collect();
    let mut random = Random::new(seed, (1 << 37) + index);
    for i in (1..there.len()).rev() {
        there.swap(i, random.below(i + 1));
    }
    let mut part = vec![0; runs.groups];
    there.iter().enumerate().for_each(|(at, group)| part[*group] = at % parts.max(1));
    runs.all.iter().map(|run| part[run.group]).collect()
}

/// ln L that is said of a run, and the mean of the others of its size; `None` where nothing is.
type Said = Option<(f64, f64)>;

/// What a procedure said of each run without having seen its schedule, and what the mean of the others says.
struct Held {
    by_run: Vec<Said>,
    truth: Vec<f64>,
}

impl Held {
    /// Held-out R² beside the means of sizes, and the mean relative error.
    fn judged(&self) -> (Option<f64>, Option<f64>) {
        let known = || self.by_run.iter().zip(&self.truth).filter_map(|(said, y)| Some(((*said)?, *y)));
        let count = known().count() as f64;
        let squares: f64 = known().map(|((said, _), y)| (said - y).powi(2)).sum();
        let from_mean: f64 = known().map(|((_, mean), y)| (mean - y).powi(2)).sum();
        let error = known().map(|((said, _), y)| (said - y).exp_m1().abs()).sum::<f64>() / count;
        let skill = (from_mean > 1e-18).then(|| 1.0 - squares / from_mean);
        (skill, (count > 0.0).then_some(error))
    }

    fn residuals(&self) -> Vec<f64> {
        self.by_run.iter().zip(&self.truth).filter_map(|(said, y)| Some(y - (*said)?.0)).collect()
    }
}

/// Holds schedules out from the fit and from the choice among candidates.
fn nested(runs: &Runs, designs: &[Design], candidates: &[Candidate], seed: u64) -> Held {
    let ones = vec![1.0; runs.all.len()];
    let parts = if runs.groups <= 2 * OUTER { runs.groups } else { OUTER };
    let outer = folds(runs, &ones, parts, seed, 2);
    let of_part = |part: usize| {
        let held: Vec<bool> = outer.iter().map(|f| *f == part).collect();
        let weights: Vec<f64> = held.iter().map(|held| if *held { 0.0 } else { 1.0 }).collect();
        let inner = folds(runs, &weights, INNER, seed, 3 + part as u64);
        let (chosen, _) = choose(designs, candidates, &runs.all, &weights, &inner, runs.cells)?;
        let fitted = fit(designs, chosen, &runs.all, &weights, runs.cells)?;
        let said = predicted(&designs[chosen.0], &fitted, &runs.all, &held);
        let mean = |cell: usize| {
            let others = runs.all.iter().zip(&weights).filter(|(run, w)| run.cell == cell && **w > 0.0);
            let (sum, count) = others.fold((0.0, 0.0), |(sum, count), (run, _)| (sum + run.ln_loss, count + 1.0));
            sum / count
        };
        let with_mean = said.into_iter().zip(&runs.all).map(|(said, run)| Some((said?, mean(run.cell))));
        Some(with_mean.collect::<Vec<_>>())
    };
    let each: Vec<Option<Vec<Said>>> = (0..parts).into_par_iter().map(of_part).collect();
    let by_run = (0..runs.all.len()).map(|run| each.iter().flatten().find_map(|part| part[run])).collect();
    Held { by_run, truth: runs.all.iter().map(|run| run.ln_loss).collect() }
}

/// Changes of ln L by resamples of schedules, each with a choice of its own.
fn resampled(
    runs: &Runs,
    designs: &[Design],
    race: &[Candidate],
    base: &Schedule,
    to: &[Schedule],
    seed: u64,
) -> Vec<Vec<f64>> {
    let draw = |index: usize| {
        let mut random = Random::new(seed, (1 << 36) + index as u64);
        let mut times = vec![0.0; runs.groups];
        (0..runs.groups).for_each(|_| times[random.below(runs.groups)] += 1.0);
        let weights: Vec<f64> = runs.all.iter().map(|run| times[run.group]).collect();
        let fold = folds(runs, &weights, INNER, seed, 1000 + index as u64);
        let (chosen, _) = choose(designs, race, &runs.all, &weights, &fold, runs.cells)?;
        let fitted = fit(designs, chosen, &runs.all, &weights, runs.cells)?;
        let design = &designs[chosen.0];
        let from = design.features(base);
        Some(to.iter().map(|to| fitted.change(&from, &design.features(to))).collect())
    };
    (0..DRAWS).into_par_iter().filter_map(draw).collect()
}

/// The cell that most runs are of.
fn largest(runs: &Runs) -> usize {
    let count = |cell: &usize| runs.all.iter().filter(|run| run.cell == *cell).count();
    (0..runs.cells).max_by_key(count).unwrap_or(0)
}

fn mean_distance(runs: &Runs) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (i, a) in runs.all.iter().enumerate() {
        for b in &runs.all[..i] {
            sum += a.schedule.apart(&b.schedule);
            count += 1.0;
        }
    }
    f64::max(sum / f64::max(count, 1.0), 1e-9)
}

/// The mixture of one of the two phases.
type Mixture = fn(&Schedule) -> &Vec<f64>;

/// Why runs say nothing of a schedule, or of what it is compared with.
fn outside(runs: &Runs, base: &Schedule, to: &Schedule, domains: &[String]) -> Option<String> {
    let schedules: Vec<&Schedule> = runs.all.iter().map(|run| &run.schedule).collect();
    let range = |of: &dyn Fn(&Schedule) -> f64| {
        schedules.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(of(s)), high.max(of(s))))
    };
    let percent = |value: f64| format!("{:.0} %", 100.0 * value);
    let beyond = |value: f64, (low, high): (f64, f64)| value < low - OUTSIDE || value > high + OUTSIDE;
    let parts = range(&|s| s.part);
    if beyond(to.part, parts) {
        return Some(format!(
            "a last phase of {} is outside those of the runs ({} to {})",
            percent(to.part),
            percent(parts.0),
            percent(parts.1)
        ));
    }
    let phases: [(&str, Mixture); 2] = [("before the last phase", |s| &s.first), ("in the last phase", |s| &s.last)];
    for (when, of) in phases {
        for (domain, name) in domains.iter().enumerate() {
            let there = range(&|s| of(s)[domain]);
            for schedule in [base, to] {
                if beyond(of(schedule)[domain], there) {
                    let share = percent(of(schedule)[domain]);
                    let (low, high) = (percent(there.0), percent(there.1));
                    return Some(format!("{share} of {name} {when} is outside the runs ({low} to {high})"));
                }
            }
        }
    }
    let nearest = |of: &Schedule, but: Option<usize>| {
        let others = schedules.iter().enumerate().filter(|(i, s)| Some(*i) != but && !(but.is_some() && ***s == *of));
        others.map(|(_, s)| s.apart(of)).fold(f64::INFINITY, f64::min)
    };
    let between = (0..schedules.len()).map(|i| nearest(schedules[i], Some(i))).filter(|d| d.is_finite());
    let most = between.fold(0.0, f64::max);
    let far = nearest(base, None).max(nearest(to, None));
    (far > FAR * most.max(OUTSIDE)).then(|| {
        format!(
            "no run is near: the nearest differs by {} of its weights a phase, and runs lie {} apart at most",
            percent(far),
            percent(most)
        )
    })
}
