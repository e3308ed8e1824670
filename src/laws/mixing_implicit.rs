//! The data mixing law for a validation set of unknown composition: as many exponentials as it has hidden domains.
//!
//! L(h) = Σₖ sₖ·(cₖ + exp(Σⱼ tₖⱼ·hⱼ)), s = softmax(w). Ye et al., "Data Mixing Laws", arXiv:2403.16952. The floors
//! add up to one number, and a weight sₖ is a shift of every tₖⱼ, as mixtures sum to one; what can be told apart is
//!
//! L(h) = c + Σₖ exp(Σⱼ tₖⱼ·hⱼ).
//!
//! How many hidden domains there are is chosen by mixtures held out.

use super::mixing::tilts;
use super::terms::{shares, tilted, tilted_columns};
use super::{BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct MixingImplicit;

static CARD: LawInfo = LawInfo {
    name: "mixing-implicit",
    title: "Data mixing law with implicit domains",
    form: "L = c + Σₖ exp(Σⱼ tₖⱼ·hⱼ), k up to 2, 3 or 4",
    needs: "all weights, at one N and D; at least two mixtures per domain",
    gives: "the loss at any mixture, on a validation set of unknown composition",
    source: "Ye et al. 2024, arXiv:2403.16952",
    caveats: &[
        "ignores N and D: use runs of one size, and fit it to the last checkpoints of runs with equal D",
        "the number of implicit domains is chosen by cross-validation over mixtures; without cross-validation it is 2",
        "the domains' proportions sₖ and offsets cₖ are not identifiable separately from tₖⱼ and c",
        "the order of the implicit domains is arbitrary",
    ],
};

const C: usize = 0;
const FIRST: usize = 1;
/// Numbers of hidden domains; one is the data mixing law itself.
const HIDDEN: [usize; 3] = [2, 3, 4];
const MOST: usize = HIDDEN[HIDDEN.len() - 1];
/// ln of an exponential that is not there.
const ABSENT: f64 = -600.0;

fn hidden(shape: &Shape) -> usize {
    shape.hidden.clamp(HIDDEN[0], MOST)
}

impl Law for MixingImplicit {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let least = FIRST + HIDDEN[0] * data.domains.len() + 1;
        needs::all([needs::one_size(data), needs::mixtures(data, least), needs::rows(data, least)])
    }

    fn hidden_domains(&self) -> &'static [usize] {
        &HIDDEN
    }

    /// Each exponential in turn as two, half as large and tilted a little apart: what the fit is then free to widen.
    fn grown(&self, domains: usize, hidden: usize, theta: &[f64]) -> Vec<Vec<f64>> {
        const APART: f64 = 0.5;
        if theta.len() != FIRST + hidden * domains {
            return Vec::new();
        }
        let split = |k: usize| {
            let mut theta = theta.to_vec();
            let from = FIRST + k * domains;
            let other: Vec<f64> = (0..domains)
                .map(|j| {
                    let apart = if (j + k).is_multiple_of(2) { APART } else { -APART };
                    let half = theta[from + j] - std::f64::consts::LN_2;
                    theta[from + j] = half + apart;
                    half - apart
                })
                .collect();
            theta.extend(other);
            theta
        };
        (0..hidden).map(split).collect()
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for MixingImplicit {
    fn parameters(&self, shape: &Shape) -> Vec<Parameter> {
        let (least, most) = (shape.ln_least_loss, shape.ln_most_loss);
        let each = (hidden(shape) as f64).ln();
        let mut all = vec![Parameter::new("c", "nats", Coordinate::LogBelow(least), (least - 3.0, least - 0.05))];
        for k in 0..hidden(shape) {
            all.extend(tilts(shape, (least - 4.0 - each, most - each)).into_iter().map(|mut t| {
                t.name = format!("t{k},{}", &t.name[1..]);
                t
            }));
        }
        all
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        0..0
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let (n, domains, hidden) = (rows.len(), shape.domains, hidden(shape));
        let mut terms = [[ABSENT; BLOCK]; 1 + MOST];
        terms[0][..n].fill(phi[C]);
        for (k, term) in terms[1..=hidden].iter_mut().enumerate() {
            tilted(phi, FIRST + k * domains, domains, x, rows.clone(), term);
        }
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        out.column_mut(C, n).copy_from_slice(&terms[0][..n]);
        for (k, term) in terms[1..=hidden].iter().enumerate() {
            tilted_columns(FIRST + k * domains, domains, x, rows.clone(), out, term);
        }
    }
}
