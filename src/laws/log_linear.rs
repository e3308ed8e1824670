//! The log-linear law: the data mixing law's form with a floor bounded by nothing but 0.
//!
//! L(h) = exp(c) + exp(Σⱼ tⱼ·hⱼ). "Olmix", arXiv:2602.12237. The proposal it is made for (least weighted loss plus
//! λ·KL(h‖prior) under caps) is convex in h.

use super::mixing::{floor_and_tilt, missing, tilts};
use super::{Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct LogLinear;

static CARD: LawInfo = LawInfo {
    name: "log-linear",
    title: "Log-linear law",
    form: "L = exp(c) + exp(Σⱼ tⱼ·hⱼ)",
    needs: "all weights, at one N and D; three mixtures per parameter recommended",
    gives: "the loss at any mixture; the next mixture to try, from a convex problem",
    source: "Olmix 2026, arXiv:2602.12237",
    caveats: &[
        "ignores N and D: fit it to the last checkpoints of runs with equal N and D",
        "c and every tⱼ are strongly correlated",
    ],
};

impl Law for LogLinear {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        missing(data)
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for LogLinear {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        let (least, most) = (shape.ln_least_loss, shape.ln_most_loss);
        let mut all = vec![Parameter::new("exp c", "nats", Coordinate::Amplitude, (least - 3.0, least))];
        all.extend(tilts(shape, (least - 3.0, most)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..1
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        floor_and_tilt(shape, phi, x, rows, out);
    }
}
