//! Steps of a run where the log counts them within each epoch.
//!
//! The rule, for every format whose records have an epoch and a step: where the epoch goes up and the step goes back, or
//! where `step 100/1000` of `epoch 2/3` cannot be a place in the whole run, the step is one of its epoch, and the run's step is
//! what came before it and the step. Where the log says how many steps an epoch has, that counts; else the last step seen of
//! the epoch before. A step that goes back within an epoch is a restart, and stays what it is.

use super::saved::{self, Reader};
use std::cmp::Ordering;

/// What steps count from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Counts {
    #[default]
    Unknown,
    /// The start of the run.
    Run,
    /// The start of the epoch.
    Epoch,
}

/// What has been seen of epochs and steps.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Epochs {
    counts: Counts,
    from_zero: bool,
    epoch: Option<i64>,
    /// Newest step as the log has it.
    last: i64,
    /// Steps of the run before the epoch at hand, where the log does not say how many an epoch has.
    before: i64,
    /// The same for the epochs that began, newest last: training may go back to one of them.
    began: Vec<(i64, i64)>,
}

/// Epochs whose beginnings are remembered.
const REMEMBERED: usize = 64;

impl Epochs {
    /// The step of the run for step `n` (of `of`) in `epoch` (of so many). `within`: the log is known to count within each
    /// epoch, as the bars of epochs do.
    pub fn step(&mut self, epoch: Option<(i64, Option<i64>)>, (n, of): (i64, Option<i64>), within: bool) -> i64 {
        let Some((epoch, epochs)) = epoch else {
            return match (self.counts, self.epoch, of) {
                (Counts::Epoch, Some(epoch), Some(of)) => self.place(epoch, of).saturating_add(n),
                (Counts::Epoch, _, _) => self.before.saturating_add(n),
                _ => n,
            };
        };
        let new = self.epoch.is_some_and(|before| epoch > before);
        self.from_zero |= epoch == 0;
        if within {
            self.counts = Counts::Epoch;
        } else if self.counts == Counts::Unknown {
            self.counts = self.judge(epoch, epochs, n, of, new);
        }
        if self.counts == Counts::Epoch && of.is_none() {
            self.begin(epoch, new);
        }
        (self.epoch, self.last) = (Some(epoch), n);
        match (self.counts, of) {
            (Counts::Epoch, Some(of)) => self.place(epoch, of).saturating_add(n),
            (Counts::Epoch, None) => self.before.saturating_add(n),
            _ => n,
        }
    }

    fn begin(&mut self, epoch: i64, new: bool) {
        if new {
            if self.began.is_empty() {
                self.began.extend(self.epoch.map(|first| (first, self.before)));
            }
            self.before = self.before.saturating_add(self.last);
            if self.began.len() == REMEMBERED {
                self.began.remove(0);
            }
            self.began.push((epoch, self.before));
        } else if self.epoch.is_some_and(|now| epoch < now)
            && let Some(known) = self.began.iter().rposition(|(began, _)| *began <= epoch)
        {
            self.began.truncate(known + 1);
            self.before = self.began[known].1;
        }
    }

    fn judge(&self, epoch: i64, epochs: Option<i64>, n: i64, of: Option<i64>, new: bool) -> Counts {
        if new {
            return match n.cmp(&self.last) {
                Ordering::Less => Counts::Epoch,
                Ordering::Greater => Counts::Run,
                // The end of the epoch before and of this one; else, a line more of the same step.
                Ordering::Equal if of == Some(n) => Counts::Epoch,
                Ordering::Equal => Counts::Unknown,
            };
        }
        if let (Some(epochs), Some(of)) = (epochs.filter(|epochs| *epochs > 1), of) {
            // As a place in the whole run, it would lie in its epoch's share, up to a step.
            let (at, share) = (i128::from(n) * i128::from(epochs), i128::from(of));
            let first = i128::from(self.since_first(epoch)) * share;
            let slack = i128::from(epochs);
            if at + slack < first || at > first + share + slack {
                return Counts::Epoch;
            }
        }
        Counts::Unknown
    }

    fn since_first(&self, epoch: i64) -> i64 {
        (epoch - i64::from(!self.from_zero)).max(0)
    }

    fn place(&self, epoch: i64, of: i64) -> i64 {
        self.since_first(epoch).saturating_mul(of)
    }

    /// The length of the run, where `of` is what the step counts to; `None` as long as it is not known what that is.
    #[must_use]
    pub fn planned(&self, epochs: Option<i64>, of: i64) -> Option<i64> {
        match self.counts {
            Counts::Epoch => epochs.map(|epochs| of.saturating_mul(epochs)),
            Counts::Run => Some(of),
            Counts::Unknown => Some(of).filter(|_| epochs.is_none_or(|epochs| epochs <= 1)),
        }
    }

    /// Whether steps are known to start again with each epoch.
    #[must_use]
    pub fn start_again(&self) -> bool {
        self.counts == Counts::Epoch
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        let counts = match self.counts {
            Counts::Unknown => 0,
            Counts::Run => 1,
            Counts::Epoch => 2,
        };
        to.push(counts | u8::from(self.from_zero) << 2 | u8::from(self.epoch.is_some()) << 3);
        if let Some(epoch) = self.epoch {
            for number in [epoch, self.last, self.before, self.began.len() as i64] {
                saved::signed(to, number);
            }
            for (epoch, before) in &self.began {
                saved::signed(to, *epoch);
                saved::signed(to, *before);
            }
        }
    }

    /// Takes up what [`Epochs::save`] wrote.
    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let flags = from.byte()?;
        let counts = match flags & 3 {
            0 => Counts::Unknown,
            1 => Counts::Run,
            2 => Counts::Epoch,
            _ => return None,
        };
        let mut epochs = Self { counts, from_zero: flags & 4 != 0, ..Self::default() };
        if flags & 8 != 0 {
            epochs.epoch = Some(from.signed()?);
            (epochs.last, epochs.before) = (from.signed()?, from.signed()?);
            for _ in 0..from.signed()? {
                epochs.began.push((from.signed()?, from.signed()?));
            }
        }
        Some(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = ((i64, Option<i64>), (i64, Option<i64>));

    fn steps(seen: &[Seen]) -> Vec<i64> {
        let (mut whole, mut cut) = (Epochs::default(), Epochs::default());
        let mut steps = Vec::new();
        for (epoch, step) in seen {
            let mut saved = Vec::new();
            cut.save(&mut saved);
            cut = Epochs::resume(&mut Reader::new(&saved)).unwrap();
            steps.push(whole.step(Some(*epoch), *step, false));
            assert_eq!(steps.last(), Some(&cut.step(Some(*epoch), *step, false)), "however it is cut");
        }
        steps
    }

    #[test]
    fn steps_of_epochs_become_steps_of_the_run() {
        let of = |epoch, epochs, n, of| ((epoch, epochs), (n, of));
        let both = |e, n| of(e, Some(3), n, Some(100));
        assert_eq!(steps(&[both(1, 50), both(1, 100), both(2, 50), both(3, 100)]), [50, 100, 150, 300]);
        assert_eq!(steps(&[both(2, 10), both(2, 60)]), [110, 160], "the log begins with the second epoch");
        let plain = |e, n| of(e, None, n, None);
        assert_eq!(steps(&[plain(0, 10), plain(0, 90), plain(1, 10), plain(2, 10)]), [10, 90, 100, 110]);
        let back = [plain(0, 50), plain(1, 10), plain(1, 50), plain(2, 10), plain(1, 20), plain(2, 10), plain(0, 30)];
        assert_eq!(steps(&back), [50, 60, 100, 110, 70, 80, 30], "training went back to earlier epochs");
        let total = |e, n| of(e, None, n, Some(100));
        assert_eq!(steps(&[total(0, 10), total(0, 90), total(1, 10), total(2, 10)]), [10, 90, 110, 210]);
    }

    #[test]
    fn steps_of_the_run_stay_what_they_are() {
        let both = |e, n| ((e, Some(3)), (n, Some(300)));
        assert_eq!(steps(&[both(1, 50), both(1, 100), both(2, 150), both(3, 300)]), [50, 100, 150, 300]);
        let plain = |e, n| ((e, None), (n, None));
        assert_eq!(steps(&[plain(0, 10), plain(0, 90), plain(1, 110), plain(1, 90)]), [10, 90, 110, 90], "a restart");
        assert_eq!(steps(&[plain(0, 80), plain(0, 90), plain(0, 70)]), [80, 90, 70], "a restart");
        assert_eq!(steps(&[plain(0, 99), plain(1, 99), plain(1, 199)]), [99, 99, 199], "the evaluation of epoch 0");
    }

    #[test]
    fn the_length_of_the_run_waits_until_it_is_known_what_is_counted() {
        let mut epochs = Epochs::default();
        epochs.step(Some((1, Some(3))), (20, Some(100)), false);
        assert_eq!(epochs.planned(Some(3), 100), None);
        epochs.step(Some((1, Some(3))), (90, Some(100)), false);
        assert_eq!(epochs.planned(Some(3), 100), Some(300));
        assert_eq!(Epochs::default().planned(None, 100), Some(100));
    }
}
