//! The cross-domain D-CPT law: one fit over several domains, told apart by how a short run on each begins.
//!
//! L(N, D, r, K) = E + A/N^α + B·r^η/D^β + C/(r + ε)^γ + F/K^μ with K = w₁/k₁ + w₂·k₂, k₁ the first validation loss and k₂
//! its rate of decline. Que et al., "D-CPT Law", arXiv:2406.01375. A factor common to w₁ and w₂ is one of F: w₁ = 1 here,
//! and w = w₂.
//!
//! The rows of several domains are one loss here: in a table, each row with the ratio of its own domain, or in logs whose
//! runs call their domain by one name. k₁ and k₂ of a run are those of its own validation curve within the part that
//! `fit.skip` leaves out, so that nothing that is fitted explains itself; or columns of a table (`first_loss`, `decline`).
//! Forecasts are for a domain too: the one whose short run the project states (`target: { probe: … }`).

use super::dcpt::{self, EXPONENTS};
use super::terms::{map, map2, shares};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, math, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct DCptCross;

static CARD: LawInfo = LawInfo {
    name: "dcpt-cross",
    title: "Cross-domain D-CPT law",
    form: "L = E + A/N^α + B·r^η/D^β + C/(r+ε)^γ + F/K^μ, K = 1/k₁ + w·k₂",
    needs: "the data that dcpt requires; for every run and for the target's domain, the first loss k₁ and its early decline k₂; three values of k₁",
    gives: "the loss on a domain that has only a short run",
    source: "Que et al. 2024, arXiv:2406.01375",
    caveats: &[
        "k₁ and k₂ come from the checkpoints that fit.skip excludes, or from table columns",
        "forecasts apply to the domain whose short run is given in target.probe",
        "F, μ and w are strongly correlated; so are F and E if all k are similar",
        "the notes on dcpt apply too",
    ],
};

impl Law for DCptCross {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([
            needs::own_shares(data, 3),
            needs::sizes(data, 1),
            needs::amounts(data, 2),
            needs::probes(data, 3),
            needs::rows(data, W + 1),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

/// After the four amplitudes of [`dcpt`].
const F: usize = 4;
/// The exponents of [`dcpt`] come next.
const FIRST: usize = 5;
const MU: usize = FIRST + EXPONENTS;
const W: usize = MU + 1;

impl Smooth for DCptCross {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, LogBetween, Positive};
        let mut all = dcpt::parameters();
        all.insert(F, Parameter::new("F", "nats", Amplitude, (-3.0, 1.0)));
        // Where both parts of K are alike; a factor of e⁹ either way leaves one of them alone.
        let even = -shape.ln_probe;
        all.push(Parameter::new("μ", "", Positive, (0.1, 2.0)));
        all.push(Parameter::new("w", "", LogBetween(even - 9.0, even + 9.0), (even - 3.0, even + 3.0)));
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..FIRST
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let mut terms = [[0.0; BLOCK]; 5];
        let fall = dcpt::terms(shape, phi, FIRST, x, rows.clone(), &mut terms);
        let (ln_first, decline) = (&x.ln_first[rows.clone()], &x.decline[rows.clone()]);
        let w = math::exp(phi[W]);
        // ln K, and the part of K that is w·k₂.
        let (mut ln_k, mut part) = ([0.0; BLOCK], [0.0; BLOCK]);
        map2(&mut ln_k[..n], ln_first, decline, |first, k2| math::ln(math::exp(-first) + w * k2));
        map2(&mut part[..n], decline, &ln_k, |k2, ln_k| w * k2 * math::exp(-ln_k));
        map(&mut terms[F][..n], &ln_k[..n], |v| phi[F] - phi[MU] * v);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        dcpt::columns(shape, phi, FIRST, x, rows, &terms, &fall, out);
        map2(out.column_mut(MU, n), &terms[F], &ln_k, |p, v| -p * v);
        map2(out.column_mut(W, n), &terms[F], &part, |p, q| -p * phi[MU] * q);
    }

    fn shown(&self, shape: &Shape, phi: &[f64]) -> Vec<f64> {
        let mut shown = self.shown_each(shape, phi);
        dcpt::show(phi, FIRST, &mut shown);
        shown
    }
}
