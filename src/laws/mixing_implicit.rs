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
use super::{BLOCK, Block, Card, Columns, Coordinate, Law, Method, Parameter, Shape, Smooth, needs};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct MixingImplicit;

static CARD: Card = Card {
    name: "mixing-implicit",
    title: "Data mixing law with hidden domains",
    form: "L = c + Σₖ exp(Σⱼ tₖⱼ·hⱼ), k up to 2, 3 or 4",
    needs: "all weights at one N and D; twice as many mixtures as domains, and more",
    gives: "the loss of a validation set of unknown composition at any mixture",
    source: "Ye et al. 2024, arXiv:2403.16952",
    caveats: &[
        "blind to N and D: runs of one size only; fit it to the last checkpoints of runs that are alike",
        "the number of hidden domains is chosen by mixtures held out; without a cross-validation it is 2",
        "their shares sₖ and floors cₖ cannot be told from the tₖⱼ and c",
        "hidden domains have no order",
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
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let least = FIRST + HIDDEN[0] * data.domains.len() + 1;
        needs::all([needs::one_size(data), needs::mixtures(data, least), needs::rows(data, least)])
    }

    fn hidden_domains(&self) -> &'static [usize] {
        &HIDDEN
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

#[cfg(test)]
mod tests {
    use crate::fit::{Options, fit};
    use crate::laws::tests::{anything, stream};
    use crate::vocab::Observation;

    #[test]
    fn a_loss_of_two_hidden_domains_is_predicted_at_new_mixtures() {
        let truth = |h: &[f64]| {
            0.8 + (0.9 - 2.5 * h[0] + 0.3 * h[1]).exp() + (-0.2 + 1.2 * h[0] - 1.8 * h[1] - 0.4 * h[2]).exp()
        };
        let mut next = stream(5);
        let mut mixture = || {
            let raw: Vec<f64> = (0..3).map(|_| -(next() + 1e-9).ln()).collect();
            let sum: f64 = raw.iter().sum();
            raw.iter().map(|w| w / sum).collect::<Vec<f64>>()
        };
        let mut data = anything(0, 0);
        for run in 0..40 {
            let mixture = mixture();
            let loss = truth(&mixture);
            data.rows.push(Observation { params: 1e8, tokens: 1e9, mixture, loss, run, ..Observation::default() });
            data.runs.push(run.to_string());
        }
        let options = Options { bootstraps: 0, ..Options::default() };
        let hidden = fit("mixing-implicit", &data, &options, None).unwrap();
        let one = fit("mixing", &data, &options, None).unwrap();
        let errors: Vec<(f64, f64)> = (0..20)
            .map(|_| {
                let at = Observation { params: 1e8, tokens: 1e9, mixture: mixture(), ..Observation::default() };
                let error = |fit: &crate::fit::Fit| (fit.predict(&at) / truth(&at.mixture) - 1.0).abs();
                (error(&hidden), error(&one))
            })
            .collect();
        let mean = |of: fn(&(f64, f64)) -> f64| errors.iter().map(of).sum::<f64>() / errors.len() as f64;
        assert!(mean(|e| e.0) < 2e-3, "{}", mean(|e| e.0));
        assert!(mean(|e| e.0) < 0.2 * mean(|e| e.1), "{} {}", mean(|e| e.0), mean(|e| e.1));
        assert!(hidden.view.skill.unwrap() > one.view.skill.unwrap());
        // A warm refit keeps the number of hidden domains.
        let again = fit("mixing-implicit", &data, &options, Some(&hidden)).unwrap();
        assert_eq!(again.view.parameters.len(), hidden.view.parameters.len());
        assert!(again.view.objective <= 1.001 * hidden.view.objective + 1e-12);
    }
}
