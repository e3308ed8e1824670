//! The objective as a function of size, tokens and experts, under the mixture in use.

use crate::advise::samples::{SAMPLES, draw_of};
use crate::advise::surface::Surface;
use crate::fit::Fit;
use crate::forecast::spread::{quantile, shuffled_levels};
use crate::laws::Variable;
use crate::vocab::number::significant;
use crate::vocab::{Abstention, Observation, Scale};

/// One loss of the objective.
pub(super) struct Part<'f> {
    /// Its share of the objective.
    pub share: f64,
    pub fit: &'f Fit,
    pub surface: Surface<'f>,
}

/// Laws, mixture, seed.
pub(super) struct Question<'f> {
    pub parts: Vec<Part<'f>>,
    pub weights: Vec<f64>,
    pub seed: u64,
}

impl Question<'_> {
    /// The objective by the best guess, nats.
    pub fn objective(&self, scale: &Scale) -> f64 {
        self.losses(None, &[Some(*scale)]).first().copied().unwrap_or(f64::NAN)
    }

    /// The objective at several places under one joint resample, or by the best guess; NaN where there is no place.
    pub fn losses(&self, draw: Option<usize>, scales: &[Option<Scale>]) -> Vec<f64> {
        let mut sums = vec![0.0; scales.len()];
        let nowhere = Scale::dense(1.0, 1.0);
        for part in &self.parts {
            let places: Vec<Observation> =
                scales.iter().map(|s| part.surface.place(&s.unwrap_or(nowhere), &self.weights)).collect();
            let draw = draw.filter(|_| !part.fit.draws.is_empty()).map(|draw| draw % part.fit.draws.len());
            for (sum, loss) in sums.iter_mut().zip(part.fit.predict_all(draw, &places)) {
                *sum += part.share * loss;
            }
        }
        sums.iter_mut().zip(scales).filter(|(_, scale)| scale.is_none()).for_each(|(sum, _)| *sum = f64::NAN);
        sums
    }

    /// How many joint resamples there are.
    pub fn draws(&self) -> usize {
        self.parts.iter().map(|part| part.fit.draws.len()).max().unwrap_or(0)
    }

    /// Probability that one run reaches a lower objective than another; each has its own draw of the scatter around the laws.
    pub fn better(&self, here: &Scale, there: &Scale) -> f64 {
        let (here, there) = (self.samples(here, 0x48), self.samples(there, 0x54));
        share(here.iter().zip(&there).filter(|(a, b)| a < b).count())
    }

    /// Probability that a run that was measured has a lower objective than one reaches there.
    pub fn beats(&self, measured: f64, there: &Scale) -> f64 {
        share(self.samples(there, 0x54).iter().filter(|there| measured < **there).count())
    }

    /// The objective of one run in each joint sample.
    fn samples(&self, scale: &Scale, salt: u64) -> Vec<f64> {
        let mut sums = vec![0.0; SAMPLES];
        for (i, Part { share, surface, .. }) in self.parts.iter().enumerate() {
            let place = surface.place(scale, &self.weights);
            let (best, draws) = (surface.best(&place), surface.draws(&place));
            let levels = shuffled_levels(SAMPLES, self.seed ^ salt ^ (i as u64) << 8);
            let noise = levels.into_iter().map(|p| match surface.residuals {
                [] => 0.0,
                residuals => quantile(residuals, p),
            });
            for (sum, (s, e)) in sums.iter_mut().zip(noise.enumerate()) {
                *sum += share * draw_of(&draws, s, best) * e.exp();
            }
        }
        sums
    }

    /// Half the 90 % interval of the objective of one run at a place, nats.
    pub fn error(&self, scale: &Scale) -> f64 {
        let one = |part: &Part<'_>| {
            let interval = (part.surface.forecast)(&part.surface.place(scale, &self.weights));
            part.share * 0.5 * (interval.high - interval.low)
        };
        self.parts.iter().map(one).sum()
    }

    /// Whether every law sees a variable, and the runs vary in it.
    pub fn sees(&self, variable: Variable) -> bool {
        self.parts.iter().all(|part| part.fit.sees(variable))
    }

    /// Laws that do not see both cannot trade one for the other.
    pub fn trades(&self) -> Result<(), Abstention> {
        for (variable, what, more) in [
            (Variable::Params, "size", "runs of several sizes"),
            (Variable::Tokens, "tokens", "runs of several token counts at each size"),
        ] {
            if let Some(part) = self.parts.iter().find(|part| !part.fit.sees(variable)) {
                let (law, domain, letter) = (&part.surface.law, &part.surface.domain, variable.letter());
                let reason = format!(
                    "The {law} law for {domain} does not see {letter} ({what}) in these runs, so it cannot trade size against \
                     tokens."
                );
                let help = format!("Launch {more}; or name a law that sees N and D: mixlaw laws");
                return Err(none(reason, help));
            }
        }
        if let Some(ratio) = self.parts.iter().find_map(|part| part.fit.seen.tokens_per_param) {
            let reason = format!(
                "Size and tokens can't be told apart: all runs have {} tokens for each parameter (D/N), so nothing says what either \
                 brings by itself.",
                significant(ratio, 3)
            );
            let help = format!(
                "Launch runs at another D/N, for instance {} and {}.",
                significant(0.25 * ratio, 2),
                significant(4.0 * ratio, 2)
            );
            return Err(none(reason, help));
        }
        Ok(())
    }

    /// Names of the laws, each once.
    pub fn laws(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for part in &self.parts {
            if !names.contains(&part.surface.law) {
                names.push(part.surface.law.clone());
            }
        }
        names
    }
}

/// A probability from how many of [`SAMPLES`] say so; never 0 or 1.
fn share(count: usize) -> f64 {
    (count as f64 + 0.5) / (SAMPLES + 1) as f64
}

/// An abstention for one reason.
pub(super) fn none(reason: impl Into<String>, help: impl Into<String>) -> Abstention {
    Abstention { reasons: vec![reason.into()], would_help: vec![help.into()], nothing_to_mix: None }
}
