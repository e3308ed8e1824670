//! Incremental rows of all runs: a changed run is the only one that is observed again.

use super::phases::Unusable;
use super::rows::{MetricRows, RunRows, empty, same_mixture};
use super::{Observed, RunRecord, facts_of_runs};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use crate::vocab::{Observation, Observations, RunFacts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many names a message lists before it counts.
const NAMED: usize = 3;

/// The rows of every run as they were last, to be brought up to date.
#[derive(Debug, Default)]
pub struct RowsByRun {
    /// What rows depend on besides their run.
    project: Option<Project>,
    same: Option<Vec<f64>>,
    names: Vec<String>,
    order: Vec<RunId>,
    runs: BTreeMap<RunId, Known>,
}

/// The rows of one run.
#[derive(Debug)]
struct Known {
    /// Which reading of the run they were made from.
    reading: u64,
    rows: RunRows,
}

impl RowsByRun {
    /// Makes the rows of those runs anew whose `reading` is another number than the last time. Returns the rows of all
    /// runs where any has changed, and `None` where they are as they were.
    pub fn update(
        &mut self,
        project: &Project,
        runs: &[RunRecord],
        reading: impl Fn(&RunRecord) -> u64,
    ) -> Option<Observed> {
        let same = same_mixture(project, runs);
        let mut changed = false;
        if self.project.as_ref() != Some(project) || self.same != same {
            (self.project, self.same) = (Some(project.clone()), same);
            self.runs.clear();
            changed = true;
        }
        let same_runs = self.order.iter().eq(runs.iter().map(|run| &run.id));
        if !same_runs || !self.names.iter().map(String::as_str).eq(runs.iter().map(|run| &*run.name)) {
            self.names = runs.iter().map(|run| run.name.to_string()).collect();
            self.order = runs.iter().map(|run| run.id).collect();
            let there: BTreeSet<RunId> = self.order.iter().copied().collect();
            self.runs.retain(|id, _| there.contains(id));
            changed = true;
        }
        changed |= self.read_again(project, runs.iter(), reading);
        changed.then(|| self.joined(project))
    }

    /// The same where only `some` of the runs have changed, and neither a name nor a fact of theirs: the others are not looked at.
    pub fn update_some<'a>(
        &mut self,
        project: &Project,
        some: impl Iterator<Item = &'a RunRecord>,
        reading: impl Fn(&RunRecord) -> u64,
    ) -> Option<Observed> {
        self.read_again(project, some, reading).then(|| self.joined(project))
    }

    /// Whether any rows are others now.
    fn read_again<'a>(
        &mut self,
        project: &Project,
        runs: impl Iterator<Item = &'a RunRecord>,
        reading: impl Fn(&RunRecord) -> u64,
    ) -> bool {
        let mut changed = false;
        for run in runs {
            let reading = reading(run);
            let known = self.runs.get(&run.id);
            if known.is_some_and(|known| known.reading == reading) {
                continue;
            }
            let rows = RunRows::of(project, run, self.same.as_deref());
            changed |= known.is_none_or(|known| known.rows != rows);
            self.runs.insert(run.id, Known { reading, rows });
        }
        changed
    }

    fn joined(&self, project: &Project) -> Observed {
        let each = || self.order.iter().filter_map(|id| self.runs.get(id)).map(|known| &known.rows);
        join(project, self.same.is_some(), &self.names, each)
    }
}

/// The rows of all runs, from nothing.
pub(super) fn whole(project: &Project, runs: &[RunRecord]) -> Observed {
    let same = same_mixture(project, runs);
    let names: Vec<String> = runs.iter().map(|run| run.name.to_string()).collect();
    let all: Vec<RunRows> = runs.iter().map(|run| RunRows::of(project, run, same.as_deref())).collect();
    join(project, same.is_some(), &names, || all.iter())
}

/// Puts rows together; `each`: those of every run, in the order of `names`. `assumed`: whether the mixture was.
fn join<'a, I: Iterator<Item = &'a RunRows>>(
    project: &Project,
    assumed: bool,
    names: &[String],
    each: impl Fn() -> I,
) -> Observed {
    let mut observed = Observed::default();
    let left_out = |why: &&Unusable| **why == Unusable::LeftOut;
    let filtered = each().filter(|rows| rows.refused.as_ref().filter(left_out).is_some()).count();
    let reason = |rows: &RunRows| rows.refused.as_ref().filter(|why| !left_out(why)).map(ToString::to_string);
    let phased = each().filter(|rows| rows.phased).count();
    let reasons: Vec<Option<String>> = each().map(reason).collect();
    let facts = each().map(|rows| rows.facts.clone()).collect();
    observed.facts = Arc::new(RunFacts { places: facts_of_runs::places(project), runs: facts });
    let refused: BTreeMap<&str, &str> =
        names.iter().zip(&reasons).filter_map(|(name, why)| Some((name.as_str(), why.as_deref()?))).collect();
    for index in 0..project.metrics.len() {
        let mut fitted = empty(project, index, names);
        let mut starts = fitted.clone();
        let mut dropped = Dropped { by_mixture: refused.clone(), ..Dropped::default() };
        for (run, (name, rows)) in names.iter().zip(each()).enumerate() {
            let Some(rows) = rows.metrics.get(index) else { continue };
            append(&mut fitted, run, &rows.fitted);
            append(&mut starts, run, &rows.starts);
            dropped.count(name, rows);
        }
        fitted.dropped = dropped.sentences(project.fit.skip);
        fitted.dropped.extend(facts_of_runs::sentence(filtered, names.len()));
        if phased > 0 {
            fitted.dropped.push(super::phases::changes(phased));
        }
        if assumed && project.domains.len() > 1 {
            let sentence = "no run states its mixture; assumed the same for all (set facts.mixture)";
            fitted.dropped.push(sentence.to_owned());
        }
        observed.fitted.push(fitted);
        observed.starts.push(starts);
    }
    observed
}

fn append(all: &mut Observations, run: usize, rows: &[Observation]) {
    all.rows.extend(rows.iter().map(|row| Observation { run, ..row.clone() }));
}

/// What was left out, counted.
#[derive(Default)]
struct Dropped<'a> {
    early: usize,
    not_finite: usize,
    without_tokens: BTreeSet<&'a str>,
    by_mixture: BTreeMap<&'a str, &'a str>,
}

impl<'a> Dropped<'a> {
    fn count(&mut self, run: &'a str, rows: &MetricRows) {
        self.early += rows.early;
        self.not_finite += rows.not_finite;
        if rows.without_tokens {
            self.without_tokens.insert(run);
        }
    }

    fn sentences(&self, skip: f64) -> Vec<String> {
        let mut all = Vec::new();
        if self.early > 0 {
            all.push(format!(
                "left out: the first {:.0} % of each run ({})",
                100.0 * skip,
                counted(self.early, "checkpoint")
            ));
        }
        if self.not_finite > 0 {
            all.push(format!(
                "left out: {} whose loss is not a positive number",
                counted(self.not_finite, "checkpoint")
            ));
        }
        let some = |names: &mut dyn Iterator<Item = String>, total: usize| {
            let mut text = names.take(NAMED).collect::<Vec<_>>().join("; ");
            if total > NAMED {
                text.push_str(&format!("; and {} more", total - NAMED));
            }
            text
        };
        if !self.without_tokens.is_empty() {
            let mut names = self.without_tokens.iter().map(|n| printable(n));
            all.push(format!(
                "left out, token count unknown (set facts.batch_tokens): {}",
                some(&mut names, self.without_tokens.len())
            ));
        }
        if !self.by_mixture.is_empty() {
            let mut lines = self.by_mixture.iter().map(|(n, why)| format!("{}: {}", printable(n), printable(why)));
            all.push(format!("left out: {}", some(&mut lines, self.by_mixture.len())));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests;
    use std::sync::Arc;

    /// The recorded sweep, and a reading of each of its runs.
    fn runs() -> Vec<(u64, RunRecord)> {
        tests::code_cpt().into_iter().take(6).map(|run| (0, run)).collect()
    }

    fn update(rows: &mut RowsByRun, project: &Project, runs: &[(u64, RunRecord)]) -> Option<Observed> {
        let records: Vec<RunRecord> = runs.iter().map(|(_, run)| run.clone()).collect();
        let updated = rows.update(project, &records, |run| runs.iter().find(|(_, r)| r.id == run.id).unwrap().0);
        if let Some(updated) = &updated {
            assert!(*updated == whole(project, &records), "as from nothing");
        }
        updated
    }

    #[test]
    fn rows_of_some_runs_are_brought_up_to_date_without_the_others() {
        let (mut rows, project, mut runs) = (RowsByRun::default(), tests::project(), runs());
        update(&mut rows, &project, &runs).unwrap();
        let (reading, run) = &mut runs[3];
        *reading += 1;
        let series = Arc::make_mut(&mut run.series).get_mut("eval/rust/loss").unwrap();
        *series = series.iter().take(series.len() - 1).collect();
        let records: Vec<RunRecord> = runs.iter().map(|(_, run)| run.clone()).collect();
        let some = rows.update_some(&project, records[3..4].iter(), |_| 1).unwrap();
        assert!(some == whole(&project, &records), "as from nothing");
        assert!(rows.update_some(&project, records[3..4].iter(), |_| 1).is_none(), "nothing was read");
        assert!(rows.update_some(&project, std::iter::empty(), |_| 2).is_none());
        assert!(update(&mut rows, &project, &runs).is_none(), "and nothing was missed");
    }

    #[test]
    fn rows_are_brought_up_to_date_as_if_they_were_made_from_nothing() {
        let (mut rows, project, mut runs) = (RowsByRun::default(), tests::project(), runs());
        assert!(update(&mut rows, &project, &runs).is_some());
        assert!(update(&mut rows, &project, &runs).is_none(), "nothing was read");
        runs[1].0 = 1;
        assert!(update(&mut rows, &project, &runs).is_none(), "what was read makes the same rows");
        let grow = |run: &mut (u64, RunRecord), value: f64| {
            run.0 += 1;
            let series = Arc::make_mut(&mut run.1.series).get_mut("eval/rust/loss").unwrap();
            let (step, _) = series.last().unwrap();
            *series = series.iter().take(series.len() - 1).chain([(step, value)]).collect();
        };
        grow(&mut runs[2], 1.5);
        let grown = update(&mut rows, &project, &runs).unwrap();
        let last = grown.fitted[1].rows.iter().rfind(|row| row.run == 2).unwrap();
        assert!((last.loss - 1.5).abs() < 1e-12);
        grow(&mut runs[2], f64::NAN);
        assert!(update(&mut rows, &project, &runs).unwrap().fitted[1].dropped.iter().any(|d| d.contains("positive")));
        let gone = runs.remove(0);
        assert!(update(&mut rows, &project, &runs).is_some(), "a run has gone");
        runs.push(gone);
        assert!(update(&mut rows, &project, &runs).is_some(), "a run has come, and the order is another");
        let mut other = project.clone();
        other.fit.skip = 0.5;
        assert!(update(&mut rows, &other, &runs).is_some(), "the project was edited");
        runs.iter_mut().for_each(|(reading, run)| {
            *reading += 1;
            Arc::make_mut(&mut run.facts).known.remove(&crate::vocab::FactName::Mixture);
        });
        assert!(update(&mut rows, &other, &runs).is_some(), "no run states its mixture any more");
        assert!(update(&mut rows, &other, &runs).is_none());
    }
}
