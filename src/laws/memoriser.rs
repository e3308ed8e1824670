//! A law that remembers: a parameter of its own for every mixture. It fits every table without error and knows nothing of a
//! mixture that it has not seen, so that any skill it shows is a look at rows that should have been held out.

use super::{Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Memoriser;

static CARD: LawInfo = LawInfo {
    name: "memoriser",
    title: "Memoriser",
    form: "ln L = θ of the mixture",
    needs: "nothing",
    gives: "nothing",
    source: "tests",
    caveats: &[],
};

/// Places for mixtures: several times as many as a test has.
const PLACES: usize = 41;

impl Law for Memoriser {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, _: &Observations) -> Vec<String> {
        Vec::new()
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

/// Which parameter the mixture of a row has.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "weights are between 0 and 1")]
pub(crate) fn place(x: &Columns, row: usize) -> usize {
    let step = |hash: usize, column: &Vec<f64>| (hash * 7919 + (column[row] * 1e4).round() as usize) % 1_000_003;
    x.share.iter().fold(1, step) % PLACES
}

impl Smooth for Memoriser {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        (0..PLACES).map(|k| Parameter::new(format!("m{k}"), "", Coordinate::Free, (0.0, 1.0))).collect()
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..0
    }

    fn evaluate(&self, _: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        for (i, row) in rows.clone().enumerate() {
            out.ln_loss[i] = phi[place(x, row)];
        }
        if out.wants_jacobian {
            for k in 0..PLACES {
                out.column_mut(k, rows.len()).fill(0.0);
            }
            for (i, row) in rows.clone().enumerate() {
                out.column_mut(place(x, row), rows.len())[i] = 1.0;
            }
        }
    }
}
