//! How far inferred shares are off, by trials: a tokenizer is trained on one half of the samples in known shares, and these are inferred
//! from the other half.
//!
//! An inferred share is off because two texts of one corpus differ (in subject, and by chance), because a corpus is taken for another
//! that is like it, and because of what the linear programme gets wrong by itself. Drawing parts of the samples anew shows the least of
//! it: all that is common to the samples stays. A trial has all three.

use super::super::random::Random;
use super::history::{History, learned};
use super::program::{ProgramError, solve};
use super::words::{Corpus, Samples};

/// Part of a trial's mixture that is drawn anew, evenly over all mixtures: a share that is inferred to be nothing may be a little.
const STIRRED: f64 = 0.1;
/// Parts of a part that are trained on, at most: how finely a share can be had.
const GRAINS: f64 = 16.0;

/// What one trial found.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// By how much each inferred share is above the true one.
    pub(super) errors: Vec<f64>,
    /// How well the other half explains the tokenizer: see [`super::program::Solved::agreement`].
    pub(super) agreement: f64,
}

/// One trial near the mixture `shares`.
pub(super) fn trial(
    samples: &Samples,
    shares: &[f64],
    merges: usize,
    random: &mut Random,
) -> Result<Trial, ProgramError> {
    let wanted = near(shares, random);
    let halves: Vec<Half<'_>> = samples.corpora.iter().map(|corpus| Half::drawn(corpus, random)).collect();
    // As much as there is of the corpus that is used up first.
    let total = halves.iter().zip(&wanted).map(|(half, share)| half.bytes() / share).fold(f64::INFINITY, f64::min);
    let trained: Vec<Vec<u32>> = halves.iter().zip(&wanted).map(|(half, share)| half.trained(share * total)).collect();
    let (counts, bytes) = samples.counted(&trained);
    let all: Vec<u32> =
        counts.chunks_exact(halves.len()).map(|row| row.iter().fold(0, |sum: u32, n| sum.saturating_add(*n))).collect();
    let merges = learned(&samples.words, &all, merges);
    let sampled: Vec<Vec<u32>> = halves.iter().map(Half::sampled).collect();
    let (counts, of_samples) = samples.counted(&sampled);
    let found = solve(&History::new(&samples.words, &counts, halves.len(), &merges), &of_samples)?;
    let sum: f64 = bytes.iter().map(|bytes| *bytes as f64).sum();
    let errors = found.shares.iter().zip(&bytes).map(|(share, bytes)| share - *bytes as f64 / sum).collect();
    Ok(Trial { errors, agreement: found.agreement })
}

/// A mixture near another one, in which no share is nothing.
fn near(shares: &[f64], random: &mut Random) -> Vec<f64> {
    let drawn: Vec<f64> = shares.iter().map(|_| -(1.0 - random.uniform(0.0, 1.0)).ln()).collect();
    let sum: f64 = drawn.iter().sum();
    let wanted = shares.iter().zip(&drawn).map(|(share, drawn)| (1.0 - STIRRED) * share + STIRRED * drawn / sum);
    wanted.map(|share| share.max(f64::EPSILON)).collect()
}

/// A corpus cut in two where its parts follow one another, the first after the last: texts of one source stay together, so that the halves
/// differ in subject as two texts do that nobody has shuffled.
struct Half<'s> {
    corpus: &'s Corpus,
    /// The first of the parts that may be trained on.
    from: usize,
}

impl<'s> Half<'s> {
    fn drawn(corpus: &'s Corpus, random: &mut Random) -> Self {
        Self { corpus, from: random.below(corpus.parts.len()) }
    }

    /// Indices of the parts that may be trained on, in order.
    fn parts(&self) -> impl Iterator<Item = usize> + use<'_> {
        let parts = self.corpus.parts.len();
        (self.from..self.from + parts / 2).map(move |part| part % parts)
    }

    /// How much may be trained on.
    fn bytes(&self) -> f64 {
        self.parts().map(|part| self.corpus.parts[part].bytes as f64).sum()
    }

    /// How many [`GRAINS`] of each part are trained on, for so many bytes of the corpus.
    fn trained(&self, bytes: f64) -> Vec<u32> {
        let mut times = vec![0; self.corpus.parts.len()];
        let mut left = bytes;
        for part in self.parts() {
            let own = self.corpus.parts[part].bytes as f64;
            times[part] = (GRAINS * (left / own).clamp(0.0, 1.0)).round() as u32;
            left -= own;
        }
        times
    }

    /// How often each part is a sample: those that may not be trained on, once.
    fn sampled(&self) -> Vec<u32> {
        let mut times = vec![1; self.corpus.parts.len()];
        self.parts().for_each(|part| times[part] = 0);
        times
    }
}
