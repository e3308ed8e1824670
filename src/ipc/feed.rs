//! Computes the changes for a subscriber from what it already has. Pure: values in, values out.

use super::change::{Change, MetricChange, Pulse, RunChange};
use super::series::Curves;
use super::state::{Part, Published};
use super::topic::Subscription;
use crate::vocab::{MetricView, RunView};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// One subscriber: what it wants and what it has been told. It keeps what was published last, not a queue: whoever is slow
/// gets the newest state in one change.
#[derive(Debug)]
pub struct Feed {
    wants: Subscription,
    told: Option<Arc<Published>>,
    /// Generation of the last change that was handed out; those that told it nothing are left out.
    sent: Option<u64>,
    keys: HashMap<Arc<str>, u32>,
}

impl Feed {
    /// A subscriber that has been told nothing.
    #[must_use]
    pub fn new(wants: Subscription) -> Self {
        Self { wants, told: None, sent: None, keys: HashMap::new() }
    }

    /// A change that says nothing but that the daemon is there.
    #[must_use]
    pub fn pulse(&self) -> Option<Change> {
        let told = self.told.as_ref()?;
        let sent = self.sent?;
        Some(Change { instance: told.instance, from: Some(sent), to: sent, at: told.at, ..Change::default() })
    }

    /// What it wants.
    #[must_use]
    pub fn wants(&self) -> &Subscription {
        &self.wants
    }

    /// Generation up to which it is known whether there is anything new.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.told.as_ref().map(|told| told.generation)
    }

    /// What is new to it, with what is new of its curves: everything the first time, and where the daemon is another one;
    /// `None` where nothing is.
    #[must_use]
    pub fn tell(&mut self, now: &Arc<Published>, series: Option<Curves>) -> Option<Change> {
        let losses = &now.overview.value.metrics;
        // Where other losses are the project's, everything is told again: which metrics were told is not kept.
        let same = |told: &Arc<Published>| {
            told.instance == now.instance && (!self.wants.wants_losses() || told.overview.value.metrics == *losses)
        };
        let before = self.told.take().filter(same);
        if before.is_none() {
            self.keys.clear();
            self.sent = None;
        }
        let old = before.as_deref();
        let wants = self.wants.clone();
        let mut change = Change {
            instance: now.instance,
            from: self.sent,
            to: now.generation,
            at: now.at,
            series,
            ..Change::default()
        };
        change.overview = wants.overview.then(|| newer(old.map(|o| &o.overview), &now.overview)).flatten();
        change.work = wants.overview.then(|| newer(old.map(|o| &o.work), &now.work)).flatten();
        change.fits = wants.fits.then(|| newer(old.map(|o| &o.fits), &now.fits)).flatten();
        change.advice = wants.advice.then(|| newer(old.map(|o| &o.outlook), &now.outlook)).flatten();
        change.ledger = wants.ledger.then(|| newer(old.map(|o| &o.ledger), &now.ledger)).flatten();
        change.setup = wants.setup.then(|| newer(old.map(|o| &o.notices), &now.notices)).flatten();
        if wants.wants_runs() {
            for (id, part) in now.runs.unlike(old.map(|o| &o.runs)) {
                let known = old.and_then(|o| o.runs.get(id));
                if known.is_some_and(|known| known.generation == part.generation) {
                    continue;
                }
                let alerts_alone = wants.runs.is_none() && wants.run != Some(id);
                if alerts_alone && part.value.signals.is_empty() {
                    // Who wants alerts alone hears nothing of a run that has none.
                    change.removed.extend(known.filter(|known| !known.value.signals.is_empty()).map(|_| id));
                    continue;
                }
                let mut keys = Keys { numbers: &mut self.keys, new: &mut change.keys };
                let asked = Asked { wants: &wants, losses };
                let told = run_change(known.map(|k| &*k.value), &part.value, asked, &mut keys);
                change.runs.extend(told);
            }
            let before = old.iter().flat_map(|o| o.runs.unlike(Some(&now.runs)));
            change.removed.extend(before.map(|(id, _)| id).filter(|id| now.runs.get(*id).is_none()));
        }
        self.told = Some(Arc::clone(now));
        if self.sent.is_some() && change.is_empty() {
            return None;
        }
        self.sent = Some(now.generation);
        Some(change)
    }
}

/// The part, where it is newer.
fn newer<T: Clone>(old: Option<&Part<T>>, now: &Part<T>) -> Option<T> {
    old.is_none_or(|old| old.generation != now.generation).then(|| (*now.value).clone())
}

/// What is wanted of a run.
#[derive(Clone, Copy)]
struct Asked<'a> {
    wants: &'a Subscription,
    /// Validation losses of the project, by domain.
    losses: &'a BTreeMap<String, String>,
}

/// Numbers of keys on one connection.
struct Keys<'a> {
    numbers: &'a mut HashMap<Arc<str>, u32>,
    new: &'a mut Vec<String>,
}

impl Keys<'_> {
    fn number(&mut self, key: &Arc<str>) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(Arc::clone(key), number);
        self.new.push(key.to_string());
        number
    }
}

/// What is new of a run to someone with these wishes; `None` where nothing is.
fn run_change(old: Option<&RunView>, new: &RunView, asked: Asked<'_>, keys: &mut Keys<'_>) -> Option<RunChange> {
    let wants = asked.wants;
    let listed = wants.runs.is_some() || wants.run == Some(new.id);
    let alerted = wants.alerts || wants.run == Some(new.id);
    if !listed && !alerted {
        return None;
    }
    // A run whose first alert this is has not been heard of before.
    let old = old.filter(|old| listed || !old.signals.is_empty());
    let mut change = RunChange { id: new.id, ..RunChange::default() };
    change.name = old.is_none_or(|old| old.name != new.name).then(|| new.name.clone());
    let pulse = pulse(new);
    change.pulse = (old.map(self::pulse) != Some(pulse)).then_some(pulse);
    if alerted && old.map_or(!new.signals.is_empty(), |old| old.signals != new.signals) {
        change.signals = Some(new.signals.clone());
    }
    if listed {
        change.facts = old.is_none_or(|old| old.facts != new.facts).then(|| new.facts.clone());
        let settings = old.map_or(!new.settings.is_empty(), |old| old.settings != new.settings);
        change.settings = settings.then(|| Arc::clone(&new.settings));
        let conflicts = old.map_or(!new.conflicts.is_empty(), |old| old.conflicts != new.conflicts);
        change.conflicts = conflicts.then(|| new.conflicts.clone());
        let known = old.map_or((&[][..], &None), |old| (old.tags.as_slice(), &old.note));
        let labels = known != (new.tags.as_slice(), &new.note);
        change.labels = labels.then(|| (new.tags.clone(), new.note.clone()));
        let forecast = old.map_or(!new.forecast.is_empty(), |old| old.forecast != new.forecast);
        change.forecast = forecast.then(|| new.forecast.clone());
        let main_loss = old.and_then(|old| old.main_loss.as_ref()) != new.main_loss.as_ref();
        change.main_loss = main_loss.then(|| new.main_loss.clone().unwrap_or_default());
        metrics(old, new, asked, keys, &mut change);
        courses(old.map(|old| &old.sparklines), &new.sparklines, &mut change);
    }
    (change != RunChange { id: new.id, ..RunChange::default() }).then_some(change)
}

fn pulse(run: &RunView) -> Pulse {
    Pulse(run.state, run.progress, run.last_step, run.tokens_per_second, run.written_at)
}

fn metrics(old: Option<&RunView>, new: &RunView, asked: Asked<'_>, keys: &mut Keys<'_>, into: &mut RunChange) {
    let same_losses = |old: &RunView| old.main_loss == new.main_loss && old.forecast.keys().eq(new.forecast.keys());
    if old.is_some_and(|old| Arc::ptr_eq(&old.metrics, &new.metrics) && same_losses(old)) {
        return;
    }
    let wanted_of = |run: &RunView, key: &str| asked.wants.wants_metric(run, key, asked.losses);
    let wanted = |key: &str| wanted_of(new, key);
    for (key, metric) in new.metrics.iter().filter(|(key, _)| wanted(key)) {
        let known = old.filter(|old| wanted_of(old, key)).and_then(|old| old.metrics.get(key));
        if known.is_none_or(|known| !same_metric(known, metric)) {
            into.metrics.push(MetricChange::of(keys.number(key), metric));
        }
    }
    let Some(old) = old else { return };
    let gone = old.metrics.keys().filter(|key| !(new.metrics.contains_key(key) && wanted(key)));
    into.gone = gone.filter(|key| wanted_of(old, key)).map(|key| keys.number(key)).collect();
}

/// NaN is like NaN here.
fn same_metric(a: &MetricView, b: &MetricView) -> bool {
    (a.points, a.segments, a.last_step, a.last.to_bits()) == (b.points, b.segments, b.last_step, b.last.to_bits())
}

fn courses(old: Option<&BTreeMap<String, Vec<f64>>>, new: &BTreeMap<String, Vec<f64>>, into: &mut RunChange) {
    for (key, values) in new {
        let known = old.and_then(|old| old.get(key));
        let keep =
            known.map_or(0, |known| known.iter().zip(values).take_while(|(a, b)| a.to_bits() == b.to_bits()).count());
        if known.is_none_or(|known| known.len() != values.len() || keep < values.len()) {
            into.courses.insert(key.clone(), (keep, values[keep..].to_vec()));
        }
    }
    let gone = old.into_iter().flat_map(BTreeMap::keys).filter(|key| !new.contains_key(*key));
    into.courses_gone = gone.cloned().collect();
}
