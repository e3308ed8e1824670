//! Answers to [`Query`]s from the current state; used by the daemon and by commands without a daemon.

use super::curves::curves;
use super::engine::Need;
use super::figures;
use super::online;
use super::place::{metric_key, mixture, refuse_unseen, scale};
use super::publisher::CurrentState;
use super::{
    as_logged, audits, drift, fitted, fitter, history, hyper, next, phasing, routers, run_log, shapes, slices, surface,
    threads,
};
use crate::advise;
use crate::fit::choose::{Candidates, candidates_unless, nest};
use crate::fit::outsiders::outsiders;
use crate::fit::{Options, Stop};
use crate::forecast;
use crate::ingest::{self, Verdict};
use crate::ipc::protocol::{
    Failure, FitQuery, HistoryQuery, LabelCommand, LedgerQuery, MomentsAnswer, PredictQuery, Query, StatusAnswer, Which,
};
use crate::ipc::series::SeriesAnswer;
use crate::project::FitSettings;
use crate::vocab::ledger::{Entry, Scored};
use crate::vocab::{
    AcceptView, AckAnswer, Advice, AdviceAnswer, AdviceState, CheckAnswer, FileView, FitAnswer, FitView, HistoryAnswer,
    Labels, LedgerAnswer, Ordered, PredictAnswer, RecommendAnswer, RunView, RunsAnswer, Severity, Snapshot,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeSet;

/// Fits of the past in one answer.
const MOST_PAST_FITS: usize = 10_000;
/// Forecasts of each kind in one answer.
const MOST_FORECASTS: usize = 10_000;

/// What an answer rests on.
#[must_use]
pub fn need(query: &Query) -> Need {
    match query {
        Query::Runs
        | Query::Show { .. }
        | Query::Check
        | Query::Audit
        | Query::History(_)
        | Query::Ledger(_)
        | Query::Status
        | Query::Series(_)
        | Query::Log(_)
        | Query::Router(_)
        | Query::Hyper(_)
        | Query::Phases(_)
        | Query::Anneals { .. }
        | Query::Moments => Need::Runs,
        // Other laws are fitted for the question, and nothing else is.
        Query::Fit(query) => {
            if query.is_of_the_projects_fits() {
                Need::Fits
            } else {
                Need::Runs
            }
        }
        Query::Predict(_) | Query::Next(_) | Query::Surface(_) | Query::Fitted(_) => Need::Fits,
        Query::Recommend { .. }
        | Query::Online { .. }
        | Query::Advice
        | Query::Shape(_)
        | Query::Slices(_)
        | Query::Drift
        | Query::Snapshot => Need::Advice,
    }
}

/// Answers everything but an export, which is a stream. Work that takes long ends when `stop` says that nobody waits for
/// the answer any more.
///
/// # Errors
/// A message for the user.
pub fn answer(query: &Query, current: &CurrentState, stop: Stop<'_>) -> Result<Box<RawValue>, Failure> {
    match query {
        Query::Runs => json(&runs(current)),
        Query::Show { run } => {
            json(&RunsAnswer { runs: vec![find_run(&current.snapshot, run)?.at(current.snapshot.at)] })
        }
        Query::Check => json(&check(current)),
        Query::History(query) => json(&past(query, current)?),
        Query::Fit(query) => json(&fit(query, current, stop)?),
        Query::Ledger(query) => json(&ledger(query, current)?),
        Query::Predict(places) => json(&predict(places, current, stop)?),
        Query::Recommend { extrapolate, top } => json(&recommend(current, *extrapolate, *top)),
        Query::Shape(query) => json(&shapes::answer(query, current, stop)?),
        Query::Hyper(query) => json(&hyper::answer(query, current, stop)?),
        Query::Phases(query) => json(&phasing::moves(query, current, stop)?),
        Query::Anneals { baseline } => json(&phasing::tails(baseline.as_deref(), current)?),
        Query::Advice => json(&advice(current)),
        Query::Online { run } => {
            json(&online::answer(crate::store::RunId(find_run(&current.snapshot, run)?.id), current)?)
        }
        Query::Audit => json(&audits::audits(current)?),
        Query::Next(query) => json(&next::next(query, current)?),
        Query::Snapshot => json(&*current.snapshot),
        Query::Status => json(&status(current)),
        Query::Log(query) => json(&run_log::lines(query, current, stop)?),
        Query::Router(query) => json(&routers::answer(query, current, stop)?),
        Query::Surface(query) => json(&surface::answer(*query, current)?),
        Query::Drift => json(&drift::answer(current)?),
        Query::Slices(query) => json(&slices::answer(*query, current)?),
        Query::Fitted(query) => json(&fitted::answer(query, current)?),
        Query::Moments => json(&MomentsAnswer { moments: history::moments(&current.store, MOST_PAST_FITS)? }),
        Query::Series(query) => json(&SeriesAnswer { curves: curves(query, current)? }),
    }
}

/// All runs, with their ages.
#[must_use]
pub fn runs(current: &CurrentState) -> RunsAnswer {
    RunsAnswer { runs: current.snapshot.runs.iter().map(|run| run.at(current.snapshot.at)).collect() }
}

/// An answer as it goes to whoever asked.
///
/// # Errors
/// A message for the user.
pub fn json(value: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(value).map_err(|e| Failure::new(format!("cannot write the answer as JSON: {e}"), None))
}

/// What is to be acknowledged: of what was asked for, that which is not yet.
///
/// # Errors
/// Where a run or a number is not known.
pub fn acknowledged(which: &Which, current: &CurrentState) -> Result<AckAnswer, Failure> {
    let runs = &current.snapshot.runs;
    let open = |run: &RunView| run.unacknowledged().map(|e| e.id).collect::<Vec<u64>>();
    let ids = match which {
        Which::All => runs.iter().flat_map(|run| open(run)).collect(),
        Which::Run(name) => open(find_run(&current.snapshot, name)?),
        Which::Ids(ids) => {
            let known = |id: &u64| runs.iter().any(|run| run.signals.iter().any(|e| e.id == *id));
            if let Some(stranger) = ids.iter().find(|id| !known(id)) {
                return Err(Failure::usage(format!("unknown alert {stranger}"), "list them: mixlaw alerts".to_owned()));
            }
            let open: BTreeSet<u64> = runs.iter().flat_map(|run| open(run)).collect();
            ids.iter().copied().filter(|id| open.contains(id)).collect()
        }
    };
    Ok(AckAnswer { acknowledged: ids })
}

fn advice(current: &CurrentState) -> AdviceAnswer {
    let newest = match &current.snapshot.advice {
        Some(Advice::Recommendation(advised)) => Some(advised.id.as_str()),
        _ => None,
    };
    let mut advice = current.decisions.views();
    // Where nothing is advised at present, nothing stands.
    advice.iter_mut().for_each(|one| one.stands &= newest == Some(one.id.as_str()));
    let accept = current.project.accept.as_ref().map(|accept| AcceptView {
        write: accept.write.as_ref().map(|write| write.file.clone()),
        key: accept.write.as_ref().map(|write| write.key.clone()),
        hook: accept.hook.clone(),
    });
    let accepting = current.decisions.pending().map(|pending| pending.intention.advice.clone());
    let auto = current.auto.clone();
    AdviceAnswer { advice, accepting, accept, auto }
}

/// The labels that a run is to have.
///
/// # Errors
/// Where the run is not known, or a tag or the note is not as it may be.
pub fn labelled(command: &LabelCommand, current: &CurrentState, at: f64) -> Result<Labels, Failure> {
    let run = find_run(&current.snapshot, &command.run)?;
    let kept = run.tags.iter().filter(|tag| !command.alone && !command.remove.contains(tag));
    let tags = kept.chain(&command.add).cloned().collect();
    let note = command.note.clone().or_else(|| run.note.clone());
    let labels = Labels { run: run.name.clone(), tags, note, at };
    labels.checked().map_err(|why| {
        Failure::usage(why.to_string(), "mixlaw tag RUN --add base,v2 --note 'rerun with warm-up'".to_owned())
    })
}

/// The run of this name, or the only one whose name contains it.
fn find_run<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a RunView, Failure> {
    if let Some(run) = snapshot.runs.iter().find(|run| run.name == name) {
        return Ok(run);
    }
    let similar: Vec<&RunView> =
        snapshot.runs.iter().map(AsRef::as_ref).filter(|run: &&RunView| run.name.contains(name)).collect();
    match similar.as_slice() {
        [run] => Ok(run),
        [] => Err(Failure::usage(format!("no run is called '{name}'"), "list them: mixlaw runs".to_owned())),
        many => {
            let names: Vec<&str> = many.iter().take(5).map(|run| run.name.as_str()).collect();
            Err(Failure::usage(
                format!("'{name}' matches {} runs: {}", many.len(), names.join(", ")),
                "give more of the name".to_owned(),
            ))
        }
    }
}

/// What the daemon says of itself.
#[must_use]
pub fn status(current: &CurrentState) -> StatusAnswer {
    let snapshot = &current.snapshot;
    let faults = snapshot.notices.iter().filter(|notice| notice.severity == Severity::Error).cloned().collect();
    let figures = Some(figures::of(current));
    StatusAnswer { daemon: snapshot.daemon.clone(), runs: snapshot.runs.len(), at: snapshot.at, faults, figures }
}

fn check(current: &CurrentState) -> CheckAnswer {
    let files = current.files.iter().map(|file| {
        let (format, why) = match &file.verdict {
            Verdict::Read { format, why } if why.is_empty() => {
                (Some(format.clone()), ingest::why(&current.project, file))
            }
            Verdict::Read { format, why } => (Some(format.clone()), why.clone()),
            Verdict::Refused(why) => (None, why.clone()),
        };
        FileView { run: file.run.clone(), file: file.file.clone(), format, why, points: file.points }
    });
    CheckAnswer {
        project: current.project.name.clone(),
        domains: current.project.domains.clone(),
        runs: runs(current).runs,
        files: files.collect(),
        notices: current.snapshot.notices.clone(),
    }
}

/// Fits of the past, newest first.
fn past(query: &HistoryQuery, current: &CurrentState) -> Result<HistoryAnswer, Failure> {
    let wanted = query.metric.as_deref().map(|name| metric_key(current, name)).transpose()?;
    let mut history = history::read(&current.store, query.until, MOST_PAST_FITS)?;
    history.retain(|kept| wanted.as_ref().is_none_or(|key| *key == kept.fit.metric));
    if query.standing {
        let mut seen = BTreeSet::new();
        history.retain(|kept| seen.insert((kept.fit.metric.clone(), kept.fit.law.clone())));
    }
    Ok(HistoryAnswer { history })
}

/// Forecasts kept, and how they fared.
fn ledger(query: &LedgerQuery, current: &CurrentState) -> Result<LedgerAnswer, Failure> {
    let wanted = query.metric.as_deref().map(|name| metric_key(current, name)).transpose()?;
    let ledger = current.ledger.read();
    let laws: BTreeSet<&str> =
        ledger.open().chain(ledger.scored().iter().map(|s| &s.entry)).map(|e| e.law.as_str()).collect();
    if let Some(law) = query.law.as_deref().filter(|law| !laws.contains(law)) {
        let known = laws.iter().copied().collect::<Vec<_>>().join(", ");
        let help =
            if known.is_empty() { "no forecast has been made yet".to_owned() } else { format!("one of: {known}") };
        return Err(Failure::usage(format!("no forecast by '{law}'"), help));
    }
    let of_law = |law: &str| query.law.as_deref().is_none_or(|wanted| wanted == law);
    let of_metric = |metric: &str| wanted.as_deref().is_none_or(|key| key == metric);
    let asked = |e: &Entry| of_law(&e.law) && of_metric(&e.metric);
    let mut open: Vec<&Entry> = ledger.open().filter(|e| asked(e)).collect();
    open.sort_by_cached_key(|event| Ordered(event.at));
    let graded: Vec<&Scored> = ledger.scored().iter().filter(|s| asked(&s.entry)).collect();
    let mut grades = ledger.grades();
    grades.retain(|g| of_law(&g.law) && of_metric(&g.metric));
    let mut calibration = ledger.calibration();
    calibration.retain(|c| of_law(&c.law));
    let mut advice = current.decisions.views();
    advice.retain(|one| one.state != AdviceState::Open);
    Ok(LedgerAnswer {
        waiting: open.len(),
        scored: graded.len(),
        grades,
        calibration,
        open: newest(&open),
        graded: newest(&graded),
        advice,
    })
}

fn newest<T: Clone>(all: &[&T]) -> Vec<T> {
    all[all.len().saturating_sub(MOST_FORECASTS)..].iter().map(|one| (*one).clone()).collect()
}

/// The engine's own fits where the question leaves everything open, else fits made for the question.
fn fit(query: &FitQuery, current: &CurrentState, stop: Stop<'_>) -> Result<FitAnswer, Failure> {
    let wanted = match &query.metric {
        None => None,
        Some(name) => Some(metric_key(current, name)?),
    };
    let asked = |metric: &str| wanted.as_deref().is_none_or(|key| key == metric);
    let defaults = fitter::options(&current.project);
    let options =
        Options { seed: query.seed.unwrap_or(defaults.seed), starts: query.starts.or(defaults.starts), ..defaults };
    let nested = |made: Vec<Candidates>| -> Option<Vec<Candidates>> {
        let rows = |metric: &str| current.observed.fitted.iter().find(|rows| rows.metric == metric);
        let one = |made: Candidates| match rows(&made.metric).filter(|_| query.nested) {
            Some(rows) => nest(&made, rows, &options, stop),
            None => Some(made),
        };
        made.into_iter().map(one).collect()
    };
    let results: Vec<Candidates> = if query.is_of_the_projects_fits() {
        let standing = current.fits.iter().filter(|c| asked(&c.metric)).cloned().collect();
        nested(standing).ok_or_else(threads::given_up)?
    } else {
        let laws = if query.laws.is_empty() { &current.project.laws } else { &query.laws };
        if let Some(starts) = options.starts.filter(|n| *n > FitSettings::MOST_STARTS) {
            let most = FitSettings::MOST_STARTS;
            return Err(Failure::usage(
                format!("{starts} restarts are too many"),
                format!("at most {most}: --starts {most}"),
            ));
        }
        let run = || -> Option<Vec<Candidates>> {
            let rows = current.observed.fitted.iter().filter(|rows| asked(&rows.metric));
            let made: Option<_> = rows.map(|rows| candidates_unless(laws, rows, &options, None, stop)).collect();
            nested(made?)
        };
        let made = match query.threads {
            None => run(),
            Some(threads) => threads::lend(threads, stop, run)?,
        };
        made.ok_or_else(threads::given_up)?
    };
    let mut fits: Vec<FitView> = results.iter().flat_map(|c| c.fits.iter().map(|f| f.view.clone())).collect();
    fits.sort_by_cached_key(|view| !view.chosen);
    let mut dropped: Vec<String> = Vec::new();
    for rows in current.observed.fitted.iter().filter(|rows| asked(&rows.metric)) {
        for sentence in &rows.dropped {
            if !dropped.contains(sentence) {
                dropped.push(sentence.clone());
            }
        }
    }
    let rows = current.observed.fitted.iter().filter(|rows| asked(&rows.metric));
    let speed_ups = rows.flat_map(crate::laws::speed_up::of_experts).collect();
    let refused = results.iter().flat_map(|c| &c.refused).map(ToString::to_string).collect();
    let rows = current.observed.fitted.iter().filter(|rows| asked(&rows.metric)).cloned().collect::<Vec<_>>();
    let proxies = crate::fit::proxies::views(&rows, options.seed);
    let outsiders = outsiders(&rows, &current.observed.facts, &results, options.seed);
    let choices = results.into_iter().map(|c| c.choice).collect();
    Ok(FitAnswer { fits, choices, speed_ups, refused, dropped, proxies, outsiders })
}

/// Forecasts at every place, in their order.
fn predict(places: &[PredictQuery], current: &CurrentState, stop: Stop<'_>) -> Result<PredictAnswer, Failure> {
    let mut forecasts = Vec::new();
    for place in places {
        if stop() {
            return Err(threads::given_up());
        }
        let (scale, mixture) = (scale(place, current)?, mixture(place.mixture.as_ref(), &current.project)?);
        refuse_unseen(place, &scale, &mixture, places, current)?;
        forecasts.extend(forecast::every_law(&current.fits, &scale, &mixture));
    }
    advise::Widening::of(&current.project, &current.observed, &current.fits).forecasts(&mut forecasts);
    forecast::measured::beside(&mut forecasts, &current.fits, &current.observed.fitted);
    if forecasts.is_empty() {
        return Err(Failure::new(
            "no law could be fitted, so there is no prediction",
            "list the reasons: mixlaw fit".to_owned(),
        ));
    }
    Ok(PredictAnswer { forecasts: as_logged::forecasts(&current.project, forecasts) })
}

fn recommend(current: &CurrentState, extrapolate: bool, top: Option<usize>) -> RecommendAnswer {
    let shape = current.snapshot.shape.clone();
    let fits = advise::advisers(&current.project, &current.fits);
    let evidence =
        advise::Evidence { project: &current.project, observed: &current.observed, fits: &fits, extrapolate };
    let top = top.and_then(|count| advise::mean_of_best(&evidence, count));
    if !extrapolate && let Some(advice) = &current.snapshot.advice {
        return RecommendAnswer { mixture: advice.clone(), shape, top };
    }
    let advice = advise::recommend(&evidence);
    let mixture = as_logged::advice(&current.project, Some(&advice)).unwrap_or(advice);
    RecommendAnswer { mixture, shape, top }
}
