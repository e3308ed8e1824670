//! Learning rate schedule of a run: logged for the past, planned for the rest.
//!
//! Curve laws lean on it: that a cosine will still fall by nine tenths is worth a factor of five and more to a forecast
//! made early.

use crate::vocab::number::significant;
use crate::vocab::{FactName, Facts};

/// Most blocks a run is cut into. Within one the learning rate is taken as linear.
const BLOCKS: usize = 512;
/// How closely a shape must follow the logged learning rate to be taken for its plan, as part of the peak.
const MATCH: f64 = 0.02;
/// Part of its peak the learning rate must have lost before a shape can be told from a constant.
const TOLD: f64 = 0.05;
/// Part of a WSD run that decays, where it does not say.
const USUAL_DECAY: f64 = 0.2;

/// Decay of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// Half a cosine from peak to floor.
    Cosine,
    /// A line from peak to floor.
    Linear,
    /// Stays at its peak, then a line to the floor (warm-up, stable, decay).
    Wsd,
    /// Stays at its peak.
    Constant,
}

impl Decay {
    /// Reads the word of a fact, leniently: trainers write `cosine_with_warmup`, `CosineAnnealingLR`, `WSD` and the like.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        [
            ("cos", Self::Cosine),
            ("wsd", Self::Wsd),
            ("stable", Self::Wsd),
            ("trapez", Self::Wsd),
            ("linear", Self::Linear),
        ]
        .into_iter()
        .chain([("constant", Self::Constant), ("fixed", Self::Constant), ("none", Self::Constant)])
        .find(|(part, _)| word.contains(part))
        .map(|(_, shape)| shape)
    }
}

/// A planned learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// After warm-up.
    pub shape: Decay,
    /// Highest learning rate.
    pub peak: f64,
    /// Learning rate at the end.
    pub floor: f64,
    /// Steps of linear warm-up.
    pub warmup: f64,
    /// Steps of the final decay ([`Decay::Wsd`] only).
    pub decay: f64,
    /// Steps of the run.
    pub total: f64,
}

impl Plan {
    /// Learning rate at a step.
    #[must_use]
    pub fn at(&self, step: f64) -> f64 {
        if step < self.warmup {
            return self.peak * (step / self.warmup).max(0.0);
        }
        let part = |from: f64| ((step - from) / (self.total - from).max(1.0)).clamp(0.0, 1.0);
        let left = match self.shape {
            Decay::Constant => return self.peak,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * part(self.warmup)).cos()),
            Decay::Linear => 1.0 - part(self.warmup),
            Decay::Wsd => 1.0 - part(self.total - self.decay),
        };
        self.floor + (self.peak - self.floor) * left
    }
}

/// How far the learning rate of the rest of a run is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Stated, or told from the logged part.
    Planned,
    /// Guessed; the sentence says what, and which fact to state.
    Assumed(String),
}

/// Learning rate of a run in blocks of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    block: f64,
    lr: Vec<f64>,
    area: Vec<f64>,
    /// Sum of all drops after warm-up, as parts of the peak.
    lost: Vec<f64>,
    /// First block at which the learning rate stands at its peak: what it does before is warm-up.
    risen: usize,
    /// How far the rest is known.
    pub known: Known,
}

impl Schedule {
    /// Puts together the logged series (step, learning rate; ascending, may be empty) and what the run says of its plan.
    /// `total`: steps of the run. `None` where neither says anything, or `total` is not a positive number.
    #[must_use]
    pub fn of(logged: &[(i64, f64)], facts: &Facts, total: f64) -> Option<Self> {
        let logged: Vec<(f64, f64)> = logged
            .iter()
            .filter(|(step, lr)| *step >= 0 && lr.is_finite() && *lr >= 0.0)
            .map(|(step, lr)| (*step as f64, *lr))
            .collect();
        let (plan, known) = plan(&logged, facts, total)?;
        let Some(last) = logged.last().copied() else { return Self::sample(total, known, |step| plan.at(step)) };
        // A plan that is off by a factor (a peak scaled by the batch) is continued from where the log stands.
        let factor = Some(last.1 / plan.at(last.0)).filter(|f| f.is_finite() && *f > 0.0).unwrap_or(1.0);
        let first = logged[0];
        Self::sample(total, known, |step| {
            if step > last.0 {
                plan.at(step) * factor
            } else if step < first.0 {
                // Logs that start after warm-up leave it out; the plan, or a straight rise, stands in.
                if plan.warmup > 0.0 {
                    plan.at(step) * (first.1 / plan.at(first.0).max(f64::MIN_POSITIVE)).min(1.0)
                } else {
                    first.1
                }
            } else {
                interpolate(&logged, step)
            }
        })
    }

    /// The same learning rate throughout: where nothing says what it is, only its shape matters.
    #[must_use]
    pub fn constant(total: f64) -> Option<Self> {
        Self::sample(total, Known::Planned, |_| 1.0)
    }

    /// A learning rate given at every step that matters, linear between, as of a finished run; `warmup` steps of linear
    /// rise stand in front of a series that starts later.
    #[must_use]
    pub fn from_series(series: &[(i64, f64)], warmup: f64) -> Option<Self> {
        let series: Vec<(f64, f64)> = series.iter().map(|(s, lr)| (*s as f64, *lr)).collect();
        let (first, last) = (*series.first()?, *series.last()?);
        Self::sample(last.0, Known::Planned, |step| {
            if step < warmup.min(first.0) {
                first.1 * step / warmup.min(first.0)
            } else {
                interpolate(&series, step.max(first.0))
            }
        })
    }

    fn sample(total: f64, known: Known, lr: impl Fn(f64) -> f64) -> Option<Self> {
        if !(total.is_finite() && total >= 1.0) {
            return None;
        }
        let blocks = BLOCKS.min(total.ceil() as usize);
        let block = total / blocks as f64;
        let lr: Vec<f64> = (0..=blocks).map(|i| lr(i as f64 * block)).collect();
        let peak = lr.iter().copied().fold(0.0, f64::max);
        if !(peak.is_finite() && peak > 0.0) {
            return None;
        }
        let mut area = Vec::with_capacity(lr.len());
        area.push(0.0);
        for pair in lr.windows(2) {
            area.push(area[area.len() - 1] + block * (pair[0] + pair[1]) / 2.0);
        }
        let risen = lr.iter().position(|x| *x >= 0.995 * peak).unwrap_or(0);
        let mut lost = vec![0.0; risen + 1];
        for pair in lr.windows(2).skip(risen) {
            lost.push(lost[lost.len() - 1] + (pair[0] - pair[1]).max(0.0) / peak);
        }
        Some(Self { block, lr, area, lost, risen, known })
    }

    /// Steps of the run.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.block * (self.lr.len() - 1) as f64
    }

    /// Highest learning rate.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.lr.iter().copied().fold(0.0, f64::max)
    }

    /// Learning rate at a step.
    #[must_use]
    pub fn lr(&self, step: f64) -> f64 {
        self.between(&self.lr, step)
    }

    /// Σ of the learning rate up to a step (S₁).
    #[must_use]
    pub fn area(&self, step: f64) -> f64 {
        let (i, part) = self.locate(step);
        let (a, b) = (self.lr[i], self.lr[i + 1]);
        self.area[i] + self.block * part * (a + 0.5 * part * (b - a))
    }

    /// Sum of the drops after warm-up, as parts of the peak, up to a step: never falls.
    pub(super) fn lost(&self, step: f64) -> f64 {
        self.between(&self.lost, step)
    }

    /// Step at which the learning rate first stands at its peak.
    #[must_use]
    pub fn warmed(&self) -> f64 {
        self.block * self.risen as f64
    }

    /// The drops of the learning rate after warm-up: for each block up to `step`, (middle of the block in steps, part of
    /// it before `step`, learning rate at its end, S₁ at its middle, change). Blocks without a change are left out.
    pub(super) fn drops(&self, step: f64) -> impl Iterator<Item = Drop> + '_ {
        let (last, part) = self.locate(step);
        (self.risen..=last).filter_map(move |i| {
            let part = if i == last { part } else { 1.0 };
            let change = (self.lr[i + 1] - self.lr[i]) * part;
            (change != 0.0).then(|| Drop {
                middle: self.block * (i as f64 + 0.5 * part),
                width: self.block * part,
                lr: self.lr[i] + change,
                area: self.area[i] + 0.5 * part * (self.area[i + 1] - self.area[i]),
                change,
            })
        })
    }

    fn locate(&self, step: f64) -> (usize, f64) {
        let at = (step / self.block).clamp(0.0, (self.lr.len() - 1) as f64);
        let i = (at as usize).min(self.lr.len() - 2);
        (i, at - i as f64)
    }

    fn between(&self, values: &[f64], step: f64) -> f64 {
        let (i, part) = self.locate(step);
        values[i] + part * (values[i + 1] - values[i])
    }
}

/// One block's change of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drop {
    pub middle: f64,
    pub width: f64,
    pub lr: f64,
    pub area: f64,
    pub change: f64,
}

fn interpolate(series: &[(f64, f64)], step: f64) -> f64 {
    let above = series.partition_point(|(s, _)| *s <= step);
    match (above.checked_sub(1).and_then(|i| series.get(i)), series.get(above)) {
        (Some((s0, a)), Some((s1, b))) => a + (b - a) * (step - s0) / (s1 - s0),
        (Some((_, a)), None) => *a,
        (None, Some((_, b))) => *b,
        (None, None) => f64::NAN,
    }
}

/// The plan of a run from its facts and what it has logged.
fn plan(logged: &[(f64, f64)], facts: &Facts, total: f64) -> Option<(Plan, Known)> {
    let number = |name| facts.number(name).filter(|x: &f64| x.is_finite() && *x >= 0.0);
    let seen_peak = logged.iter().map(|(_, lr)| *lr).fold(0.0, f64::max);
    let peak = if seen_peak > 0.0 {
        seen_peak.max(risen(logged, number(FactName::LearningRate)))
    } else {
        number(FactName::LearningRate)?
    };
    let warmup = number(FactName::WarmupSteps)
        .unwrap_or_else(|| logged.iter().find(|(_, lr)| *lr >= 0.995 * peak).map_or(0.0, |(step, _)| *step));
    let floor = number(FactName::MinLearningRate);
    let decay = number(FactName::DecaySteps);
    let with = |shape, floor: Option<f64>, decay: Option<f64>| Plan {
        shape,
        peak,
        floor: floor.unwrap_or(0.0),
        warmup,
        decay: decay.unwrap_or(USUAL_DECAY * total),
        total,
    };
    let stated = facts.text(FactName::Schedule).and_then(Decay::from_word);
    let candidates: Vec<Plan> = match stated {
        Some(shape) => variants(shape, floor, decay, peak, total, &with),
        None => [Decay::Cosine, Decay::Linear, Decay::Wsd]
            .into_iter()
            .flat_map(|shape| variants(shape, floor, decay, peak, total, &with))
            .collect(),
    };
    let moved = logged.last().is_some_and(|(step, lr)| *step > warmup && *lr < (1.0 - TOLD) * peak);
    let error = |plan: &Plan| {
        let after = logged.iter().filter(|(step, _)| *step >= warmup);
        after.map(|(step, lr)| (plan.at(*step) - lr).abs() / peak).fold(0.0, f64::max)
    };
    let best = candidates.into_iter().min_by(|a, b| error(a).total_cmp(&error(b)));
    match (stated, best) {
        (Some(Decay::Constant), _) => Some((with(Decay::Constant, floor, decay), Known::Planned)),
        (_, Some(plan)) if moved && error(&plan) < MATCH => Some((plan, Known::Planned)),
        (Some(shape), Some(plan)) => {
            let missing = match shape {
                Decay::Wsd if decay.is_none() => Some("decay_steps"),
                _ if floor.is_none() => Some("min_learning_rate"),
                _ => None,
            };
            let known = missing.map_or(Known::Planned, |fact| {
                Known::Assumed(format!(
                    "the learning rate falls to {} over {:.0} steps; set {fact} to be sure",
                    significant(plan.floor, 2),
                    if shape == Decay::Wsd { plan.decay } else { total - warmup }
                ))
            });
            Some((plan, known))
        }
        _ => {
            let text = "the learning rate stays constant; set schedule (cosine, linear, wsd, constant) if it will fall";
            Some((with(Decay::Constant, floor, decay), Known::Assumed(text.to_owned())))
        }
    }
}

/// The stated peak counts only while the logged learning rate is still rising towards it.
fn risen(logged: &[(f64, f64)], stated: Option<f64>) -> f64 {
    let rising =
        logged.len() >= 2 && logged.windows(2).all(|w| w[0].1 <= w[1].1) && logged[0].1 < logged[logged.len() - 1].1;
    if rising || logged.len() < 2 { stated.unwrap_or(0.0) } else { 0.0 }
}

/// A shape with what is not stated tried in its usual values.
fn variants(
    shape: Decay,
    floor: Option<f64>,
    decay: Option<f64>,
    peak: f64,
    total: f64,
    with: &impl Fn(Decay, Option<f64>, Option<f64>) -> Plan,
) -> Vec<Plan> {
    let floors = floor.map_or_else(|| vec![0.0, 0.1 * peak, 0.01 * peak], |f| vec![f]);
    let decays = match (shape, decay) {
        (Decay::Wsd, None) => {
            vec![USUAL_DECAY * total, 0.1 * total, 0.15 * total, 0.25 * total, 0.3 * total, 0.5 * total]
        }
        (_, decay) => vec![decay.unwrap_or(0.0)],
    };
    decays.iter().flat_map(|d| floors.iter().map(|f| with(shape, Some(*f), Some(*d)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::FactValue;

    fn facts(shape: &str, numbers: &[(FactName, f64)]) -> Facts {
        let mut facts = Facts::default();
        if !shape.is_empty() {
            facts.offer(FactName::Schedule, FactValue::Text(shape.to_owned()), "test");
        }
        for (name, value) in numbers {
            facts.offer(*name, FactValue::Number(*value), "test");
        }
        facts
    }

    fn logged(plan: &Plan, until: f64) -> Vec<(i64, f64)> {
        (0..).map(|i| i * 10).take_while(|s| *s as f64 <= until).map(|s| (s, plan.at(s as f64))).collect()
    }

    const TRUE: Plan = Plan { shape: Decay::Cosine, peak: 2e-3, floor: 2e-4, warmup: 20.0, decay: 0.0, total: 1000.0 };

    #[test]
    fn words_of_trainers_are_understood() {
        for (word, shape) in [
            ("cosine_with_min_lr", Some(Decay::Cosine)),
            ("WSD", Some(Decay::Wsd)),
            ("warmup_stable_decay", Some(Decay::Wsd)),
            ("constant_with_warmup", Some(Decay::Constant)),
            ("LinearLR", Some(Decay::Linear)),
            ("polynomial", None),
        ] {
            assert_eq!(Decay::from_word(word), shape, "{word}");
        }
    }

    #[test]
    fn a_stated_plan_is_followed_from_the_first_step() {
        let facts = facts(
            "cosine",
            &[(FactName::LearningRate, 2e-3), (FactName::MinLearningRate, 2e-4), (FactName::WarmupSteps, 20.0)],
        );
        let schedule = Schedule::of(&logged(&TRUE, 15.0), &facts, 1000.0).unwrap();
        assert_eq!(schedule.known, Known::Planned);
        for step in [0.0, 20.0, 100.0, 500.0, 999.0] {
            assert!((schedule.lr(step) - TRUE.at(step)).abs() < 6e-5, "{step}");
        }
        let exact: f64 = (0..100_000).map(|i| TRUE.at((f64::from(i) + 0.5) / 100.0) / 100.0).sum();
        assert!((schedule.area(1000.0) / exact - 1.0).abs() < 1e-4);
    }

    #[test]
    fn an_unstated_cosine_is_recognised_once_it_has_moved_and_until_then_said_to_be_assumed() {
        let early = Schedule::of(&logged(&TRUE, 60.0), &facts("", &[]), 1000.0).unwrap();
        assert!(matches!(early.known, Known::Assumed(ref s) if s.contains("set schedule")));
        let later = Schedule::of(&logged(&TRUE, 300.0), &facts("", &[]), 1000.0).unwrap();
        assert_eq!(later.known, Known::Planned);
        assert!((later.lr(900.0) - TRUE.at(900.0)).abs() < 1e-5);
    }

    #[test]
    fn a_wsd_without_its_decay_asks_for_it_before_the_decay_and_sees_it_within() {
        let plan = Plan { shape: Decay::Wsd, floor: 0.0, decay: 200.0, ..TRUE };
        let before = Schedule::of(&logged(&plan, 500.0), &facts("wsd", &[]), 1000.0).unwrap();
        assert!(matches!(before.known, Known::Assumed(ref s) if s.contains("decay_steps")), "{before:?}");
        let within = Schedule::of(&logged(&plan, 850.0), &facts("wsd", &[]), 1000.0).unwrap();
        assert_eq!(within.known, Known::Planned);
        assert!((within.lr(950.0) - plan.at(950.0)).abs() < 1e-5);
    }

    #[test]
    fn nothing_said_and_nothing_logged_gives_nothing() {
        assert_eq!(Schedule::of(&[], &facts("", &[]), 1000.0), None);
        assert_eq!(Schedule::of(&[(0, f64::NAN)], &facts("cosine", &[]), 1000.0), None);
        assert_eq!(Schedule::of(&[(0, 1e-3)], &facts("cosine", &[]), f64::NAN), None);
        assert_eq!(Schedule::of(&[(0, 0.0)], &facts("constant", &[]), 10.0), None);
    }

    #[test]
    fn drops_add_up_and_leave_warm_up_out() {
        let schedule = Schedule::of(&logged(&TRUE, 1000.0), &facts("cosine", &[]), 1000.0).unwrap();
        let total = |until| schedule.drops(until).map(|d| d.change).sum::<f64>();
        assert!((total(1000.0) + 1.8e-3).abs() < 2e-5, "{}", total(1000.0));
        assert!((total(500.0) - (schedule.lr(500.0) - 2e-3)).abs() < 2e-5);
        assert_eq!(total(10.0), 0.0);
    }
}
