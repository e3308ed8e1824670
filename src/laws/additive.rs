//! The additive mixture law: one term for the mixture, one for size, one for tokens.
//!
//! L(N, D, h) = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + A/N^α + B/D^β. Shukor et al., "Scaling Laws for Optimal Data Mixtures",
//! arXiv:2507.09404, eq. 4.

use super::chinchilla::{self, TERMS};
use super::terms::{harmonic, harmonic_columns, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct Additive;

static CARD: LawInfo = LawInfo {
    name: "additive",
    title: "Additive mixture law",
    form: "L = E + 1/Σᵢ Cᵢ·hᵢ^γᵢ + A/N^α + B/D^β",
    needs: "N, D, all weights; two sizes, more mixtures than domains",
    gives: "the loss at any N, D and mixture; the best mixture, which does not depend on N or D",
    source: "Shukor et al. 2025, arXiv:2507.09404",
    caveats: &["E and the mixture term are strongly correlated", "prefer `joint` with four or more sizes"],
};

/// The first of the domains' Cᵢ; the γᵢ follow them.
const FIRST: usize = chinchilla::PARAMETERS;

impl Law for Additive {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::sizes_or_amounts(data, 2),
            needs::amounts_or_sizes(data, 2),
            needs::mixtures(data, k + 1),
            needs::rows(data, FIRST + 2 * k),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for Additive {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        let mut all = chinchilla::parameters();
        let domains = || 0..shape.domains;
        all.extend(domains().map(|i| Parameter::new(format!("C{i}"), "1/nats", Coordinate::Amplitude, (-2.0, 3.0))));
        all.extend(domains().map(|i| Parameter::new(format!("γ{i}"), "", Coordinate::Free, (0.05, 1.0))));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        chinchilla::LINEAR
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let mut terms = [[0.0; BLOCK]; TERMS + 1];
        chinchilla::fill(phi, x, rows.clone(), &mut terms);
        harmonic(phi, FIRST, shape.domains, x, rows.clone(), out, &mut terms[TERMS]);
        shares(&mut terms, rows.len(), &mut out.ln_loss);
        if out.wants_jacobian {
            chinchilla::columns(x, rows.clone(), &terms, out);
            harmonic_columns(FIRST, shape.domains, x, rows, out, &terms[TERMS]);
        }
    }
}
