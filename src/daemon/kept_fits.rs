//! The fits of one validation loss with what they were made from, and how they are kept from one process to the next.
//!
//! A fit is used again where the rows, the laws that were asked for, the options and the code that fits are the same.
//! An entry that is damaged, or was kept by another build, is as good as none: the laws are fitted again.

use super::fingerprint::fingerprint;
use crate::fit::Options;
use crate::fit::choose::Candidates;
use crate::store::{SledStore, StoreError};
use crate::vocab::Observations;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// The fits of one validation loss.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MetricFits {
    /// What they were made from.
    pub made_from: MadeFrom,
    /// Whether every law was searched from many starts. A refit starts from the last optimum alone.
    pub searched: bool,
    /// The laws, fitted.
    pub candidates: Candidates,
    /// Whether they were made just now, rather than read or taken over.
    #[serde(skip)]
    pub new: bool,
}

/// What decides the outcome of a fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Fingerprint of the rows ([`fingerprint`]), in hexadecimal.
    pub rows: String,
    /// Hash of the names of the runs, by which what was held out is called.
    pub runs: u64,
    /// Hash of the code that fits, the laws, the options and the domains.
    pub settings: u64,
}

impl MadeFrom {
    /// What a fit of these rows would be made from.
    #[must_use]
    pub fn of(rows: &Observations, laws: &[String], options: &Options) -> Self {
        let build = [env!("CARGO_PKG_VERSION"), env!("MIXLAW_FIT_SOURCES")];
        let how = format!("{options:?} {:?} {}", rows.own, laws.len());
        let settings = build.into_iter().chain([how.as_str()]);
        let names = laws.iter().chain(&rows.domains).map(String::as_str);
        Self {
            rows: format!("{:016x}", fingerprint(rows)),
            runs: hash(rows.runs.iter().map(String::as_str)),
            settings: hash(settings.chain(names)),
        }
    }
}

/// One number for several texts, each told apart from the next.
fn hash<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    let mut hash = Xxh3::new();
    for text in texts {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest()
}

impl MetricFits {
    /// Whether a command that compares all laws would find the same again.
    #[must_use]
    pub fn answers(&self, wanted: &MadeFrom) -> bool {
        self.made_from == *wanted && (self.searched || self.candidates.choice.unfinished.is_empty())
    }

    /// Whether a search among all laws would find the same again, and left none out for want of time.
    #[must_use]
    pub fn is_final(&self, wanted: &MadeFrom) -> bool {
        self.made_from == *wanted && self.searched && self.candidates.choice.unfinished.is_empty()
    }

    /// Whether they are of the same laws, options and domains, be it of older rows.
    #[must_use]
    pub fn are_of_the_settings(&self, wanted: &MadeFrom) -> bool {
        self.made_from.settings == wanted.settings
    }

    /// Keeps them in place of those before.
    ///
    /// # Errors
    /// What the store says.
    pub fn keep(&self, store: &SledStore) -> Result<(), StoreError> {
        match rmp_serde::to_vec_named(self) {
            Ok(value) => store.keep_fits(&self.candidates.metric, &value),
            // Fits that cannot be written are made again.
            Err(_) => Ok(()),
        }
    }

    /// The newest fits of a metric that this build can read.
    #[must_use]
    pub fn read(store: &SledStore, metric: &str) -> Option<Self> {
        let value = store.kept_fits(metric).ok()??;
        rmp_serde::from_slice(&value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::choose::candidates;
    use crate::observe::{observe, tests};
    use crate::vocab::Observation;

    fn rows() -> Observations {
        let runs: Vec<_> = tests::code_cpt().into_iter().take(12).collect();
        observe(&tests::project(), &runs).fitted.remove(0)
    }

    fn fitted(laws: &[String], options: &Options) -> MetricFits {
        let rows = rows();
        let candidates = candidates(laws, &rows, options, None);
        MetricFits { made_from: MadeFrom::of(&rows, laws, options), searched: true, candidates, new: true }
    }

    #[test]
    fn fits_that_are_read_back_predict_the_same_numbers() {
        let laws = ["additive", "log-linear"].map(str::to_owned);
        let options = Options { starts: Some(1), bootstraps: 8, ..Options::default() };
        let store = SledStore::temporary().unwrap();
        let made = fitted(&laws, &options);
        made.keep(&store).unwrap();
        let read = MetricFits::read(&store, &made.candidates.metric).unwrap();
        assert!(!read.new && read.answers(&made.made_from));
        assert_eq!(read.candidates.choice, made.candidates.choice);
        assert_eq!(read.candidates.fits.len(), 2);
        for (a, b) in made.candidates.fits.iter().zip(&read.candidates.fits) {
            assert_eq!((&a.view, &a.theta, &a.draws, &a.seen), (&b.view, &b.theta, &b.draws, &b.seen));
            for weight in [0.0, 0.3, 0.9] {
                let at = Observation {
                    params: 3e6,
                    tokens: 4e7,
                    mixture: vec![1.0 - weight, weight],
                    ..Observation::default()
                };
                assert_eq!(a.forecast(&at), b.forecast(&at));
                assert_eq!(made.candidates.stacked(&at), read.candidates.stacked(&at));
            }
        }
    }

    #[test]
    fn what_changes_a_fit_changes_what_it_was_made_from() {
        let options = Options::default();
        let laws = ["additive".to_owned()];
        let same = MadeFrom::of(&rows(), &laws, &options);
        assert_eq!(same, MadeFrom::of(&rows(), &laws, &options));
        let mut other = rows();
        other.rows[0].loss += 1e-9;
        assert_ne!(same, MadeFrom::of(&other, &laws, &options));
        let mut other = rows();
        other.runs[0].push('x');
        assert_ne!(same, MadeFrom::of(&other, &laws, &options));
        assert_ne!(same, MadeFrom::of(&rows(), &[], &options));
        assert_ne!(same, MadeFrom::of(&rows(), &laws, &Options { seed: 1, ..options.clone() }));
        assert_ne!(same, MadeFrom::of(&rows(), &laws, &Options { bootstraps: 3, ..options }));
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_there() {
        let store = SledStore::temporary().unwrap();
        assert!(MetricFits::read(&store, "loss").is_none());
        let whole = rmp_serde::to_vec_named(&MetricFits::default()).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"", b"\xc1\xff\xff", b"{}"] {
            store.keep_fits("loss", damaged).unwrap();
            assert!(MetricFits::read(&store, "loss").is_none(), "{damaged:?}");
        }
    }
}
