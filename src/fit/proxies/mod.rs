//! Proxies in fits: losses of merged models, or of an earlier project's runs, beside the runs.
//!
//! Wherever a law is fitted to some of the rows, the proxies are calibrated on those rows and no others (`calibrate`), and
//! join them with a weight below one. So what is held out has been seen neither by a fit nor by a calibration, and no proxy is
//! ever held out, counted as a run, or part of a residual.
//!
//! A proxy stands for a run of one size and length: that of the runs' last rows of which there are most mixtures, or, of merged
//! models whose N and D the table states, of the runs of that N and D.

mod calibrate;
mod cell;
#[cfg(test)]
mod tests;

use super::random::Random;
use crate::laws::Columns;
use crate::vocab::{Observation, Observations, Proxies, ProxyKind, ProxyView};
use calibrate::{Calibration, Line, Pair, Refused, calibrate};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// The tables of proxies of one loss, prepared for fits to its rows or to some of them.
#[derive(Debug, Default)]
pub(super) struct Stands(Vec<Stand>);

/// One table.
#[derive(Debug)]
struct Stand {
    /// Rows with a mixture near which there are proxies.
    places: Vec<Place>,
    /// Proxies as rows of a run, their losses as their table has them; runs beyond those of the project.
    rows: Vec<Observation>,
    seed: u64,
    whole: Result<Calibration, Refused>,
    known: Mutex<HashMap<u64, Arc<Result<Calibration, Refused>>>>,
}

/// A row, and the proxies' ln L at its mixture.
#[derive(Debug)]
struct Place {
    row: RowKey,
    mixture: Vec<f64>,
    z: f64,
}

/// Run, ln N and ln D: what tells a row from the others, whichever of them are there.
type RowKey = (usize, u64, u64);

fn key(x: &Columns, i: usize) -> RowKey {
    (x.run[i], x.ln_params[i].to_bits(), x.ln_tokens[i].to_bits())
}

impl Stands {
    /// Prepares the proxies for fits to `x`, which are the rows that can be fitted to, or to some of them.
    pub(super) fn of(observations: &Observations, x: &Columns, seed: u64) -> Self {
        let mut first = observations.runs.len();
        let mut stands = Vec::new();
        for proxies in &observations.proxies {
            stands.push(Stand::of(proxies, observations, x, first, seed));
            first += proxies.rows.len();
        }
        Self(stands)
    }

    /// `train` with the proxies, calibrated on it.
    pub(super) fn join<'x>(&self, train: &'x Columns) -> Cow<'x, Columns> {
        self.with(train, |stand| {
            let found = stand.calibrate(train);
            let calibration = found.as_ref().as_ref().ok()?;
            Some((calibration.line, vec![calibration.weight; stand.rows.len()]))
        })
    }

    /// A resample with a resample of the proxies, calibrated on it: what the whole table said of their use stands.
    pub(super) fn redraw<'x>(&self, drawn: &'x Columns, random: &mut Random) -> Cow<'x, Columns> {
        if self.0.is_empty() {
            return Cow::Borrowed(drawn);
        }
        let times = |rows: usize, random: &mut Random| {
            let mut times = vec![0.0; rows];
            (0..rows).for_each(|_| times[random.below(rows)] += 1.0);
            times
        };
        let drawn_times: Vec<Vec<f64>> = self.0.iter().map(|stand| times(stand.rows.len(), random)).collect();
        let mut each = drawn_times.into_iter();
        self.with(drawn, |stand| {
            let times = each.next()?;
            let weight = stand.whole.as_ref().ok()?.weight;
            Some((Line::of(&stand.pairs(drawn))?, times.into_iter().map(|times| weight * times).collect()))
        })
    }

    fn with<'x>(
        &self,
        train: &'x Columns,
        mut ask: impl FnMut(&Stand) -> Option<(Line, Vec<f64>)>,
    ) -> Cow<'x, Columns> {
        let mut joined = Cow::Borrowed(train);
        for stand in &self.0 {
            let Some((line, weights)) = ask(stand) else { continue };
            for (row, weight) in stand.rows.iter().zip(weights) {
                let z = row.loss.ln();
                if weight > 0.0 && (line.range.0..=line.range.1).contains(&z) {
                    joined.to_mut().add(&Observation { loss: line.at(z).exp(), ..row.clone() }, weight);
                }
            }
        }
        joined
    }
}

impl Stand {
    fn of(proxies: &Proxies, observations: &Observations, x: &Columns, first: usize, seed: u64) -> Self {
        let known = Mutex::default();
        let usable = Columns::usable(observations);
        let none =
            |refused| Self { places: Vec::new(), rows: Vec::new(), seed, whole: Err(refused), known: Mutex::default() };
        let models = cell::models(proxies, &observations.rows);
        if models.is_empty() && !proxies.rows.is_empty() {
            return none(Refused::Own);
        }
        let Some(cell) = cell::of(proxies, observations, &usable) else { return none(Refused::Few(0)) };
        let surface = cell::Surface::of(&models);
        let at = |i: &usize| {
            let mixture = &observations.rows[usable[*i]].mixture;
            Some(Place { row: key(x, *i), mixture: mixture.clone(), z: surface.at(mixture)? })
        };
        let places = cell.rows.iter().filter_map(at).collect();
        let template = &observations.rows[usable[cell.template]];
        let row = |(index, (mixture, z)): (usize, &(Vec<f64>, f64))| Observation {
            mixture: mixture.clone(),
            loss: z.exp(),
            run: first + index,
            phases: None,
            ..template.clone()
        };
        let rows = models.iter().enumerate().map(row).collect();
        let mut stand = Self { places, rows, seed, whole: Err(Refused::Few(0)), known };
        stand.whole = calibrate(&stand.pairs(x), seed);
        stand
    }

    /// The runs among these rows that proxies are calibrated on, by mixture.
    fn pairs(&self, train: &Columns) -> Vec<Pair> {
        let there: HashMap<RowKey, usize> = (0..train.len()).map(|i| (key(train, i), i)).collect();
        let mut pairs: Vec<Pair> = Vec::new();
        for place in &self.places {
            let Some(i) = there.get(&place.row) else { continue };
            let run = (train.ln_loss[*i], train.weight[*i]);
            match pairs.iter_mut().find(|pair| calibrate::distance(&pair.mixture, &place.mixture) < cell::SAME) {
                Some(pair) => pair.runs.push(run),
                None => pairs.push(Pair { mixture: place.mixture.clone(), z: place.z, runs: vec![run] }),
            }
        }
        pairs
    }

    /// The calibration on these rows; each is made once.
    fn calibrate(&self, train: &Columns) -> Arc<Result<Calibration, Refused>> {
        let mut hasher = DefaultHasher::new();
        train.run.hash(&mut hasher);
        [&train.ln_loss, &train.ln_tokens, &train.weight].iter().for_each(|column| {
            column.iter().for_each(|v| v.to_bits().hash(&mut hasher));
        });
        let hash = hasher.finish();
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&hash).cloned();
        known.unwrap_or_else(|| {
            let found = Arc::new(calibrate(&self.pairs(train), self.seed));
            lock().insert(hash, Arc::clone(&found));
            found
        })
    }
}

/// What became of the proxies of each loss.
#[must_use]
pub fn views(losses: &[Observations], seed: u64) -> Vec<ProxyView> {
    let mut views = Vec::new();
    for observations in losses.iter().filter(|rows| !rows.proxies.is_empty()) {
        let x = Columns::of(observations);
        let stands = Stands::of(observations, &x, seed);
        for (stand, proxies) in stands.0.iter().zip(&observations.proxies) {
            let (weight, r2, rival, refused) = match &stand.whole {
                Ok(found) => (Some(found.weight), Some(found.r2), Some(found.rival), None),
                Err(refused) => {
                    let (r2, rival) = match refused {
                        Refused::Few(_) | Refused::Own => (None, None),
                        Refused::Beaten { r2, rival } => (Some(*r2), Some(*rival)),
                        Refused::Chance { r2, .. } => (Some(*r2), None),
                    };
                    (None, r2, rival, Some(refused.sentence(proxies.kind)))
                }
            };
            views.push(ProxyView {
                table: proxies.named.clone(),
                kind: proxies.kind,
                metric: observations.metric.clone(),
                models: stand.rows.len().max(cell::models(proxies, &observations.rows).len()),
                mixtures: stand.pairs(&x).len(),
                weight,
                r2,
                rival: rival.map(|(name, r2)| (name.to_owned(), r2)),
                refused,
            });
        }
    }
    views
}

impl Refused {
    fn sentence(&self, kind: ProxyKind) -> String {
        let short = |r2: f64| crate::vocab::proxies::shortened(r2, 3);
        match self {
            Self::Few(mixtures) => format!(
                "they are calibrated on runs of one size and length with the same or a near mixture; there are {mixtures} such \
                 mixtures, and it takes 4{}",
                if kind == ProxyKind::Merged { " (train on some of the mixtures you merged)" } else { "" }
            ),
            Self::Own => "they are the project's own runs, mixture by mixture and loss by loss".to_owned(),
            Self::Beaten { r2, rival: (name, of_rival) } => format!(
                "calibrated, they predict runs that were left out with R² {}; the {name} without them has {}",
                short(*r2),
                short(*of_rival)
            ),
            Self::Chance { r2, p } => format!(
                "calibrated, they predict runs that were left out with R² {}, and {:.0} % of shuffles do as well",
                short(*r2),
                100.0 * p
            ),
        }
    }
}
