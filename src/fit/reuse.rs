//! Fits that several races need: the fit without two parts of the rows is one, whichever of the two is the outer part.

use super::model::Model;
use crate::laws::Columns;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Law, hidden domains, and a number for the rows.
type Key = (&'static str, usize, u64);

/// θ of what has been fitted.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<HashMap<Key, Vec<f64>>>);

/// What a race may share with others.
#[derive(Debug)]
pub(super) struct Reuse<'a> {
    pub found: &'a Found,
    /// Thirds of the rows, as far as none of their rows are held out from the whole race: what is fitted to one of them is a
    /// start for parts that have no rows in it.
    pub thirds: Vec<Vec<bool>>,
}

/// Starts that have seen some rows.
pub(super) struct Start<'r> {
    seen: &'r [bool],
    pub thetas: Vec<Vec<f64>>,
}

impl Start<'_> {
    /// Whether they have seen none of these rows.
    pub(super) fn is_without(&self, rows: &[bool]) -> bool {
        self.seen.iter().zip(rows).all(|(seen, held)| !(*seen && *held))
    }
}

impl Reuse<'_> {
    /// θ of the model for these rows; `find` is asked where it is not known.
    pub(super) fn theta(&self, model: &Model, rows: &Columns, find: impl FnOnce() -> Vec<f64>) -> Vec<f64> {
        let key = (model.law.info().name, model.shape.hidden, hash(rows));
        let lock = || self.found.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).cloned();
        known.unwrap_or_else(|| {
            let theta = find();
            lock().insert(key, theta.clone());
            theta
        })
    }

    /// Starts fitted to each of the thirds.
    pub(super) fn starts(&self, fit: impl Fn(&[bool]) -> Vec<Vec<f64>>) -> Vec<Start<'_>> {
        self.thirds.iter().map(|seen| Start { seen, thetas: fit(seen) }).collect()
    }
}

/// A number for the rows: equal rows have an equal one.
fn hash(x: &Columns) -> u64 {
    let mut hasher = DefaultHasher::new();
    x.run.hash(&mut hasher);
    let columns = [&x.ln_loss, &x.ln_params, &x.ln_active, &x.ln_tokens, &x.experts, &x.weight];
    let columns = columns.into_iter().chain(&x.share);
    columns.for_each(|column| column.iter().for_each(|v| v.to_bits().hash(&mut hasher)));
    hasher.finish()
}
