//! Reasons of a recommended shape, as sentences.

use super::optimum::Place;
use super::question::Question;
use crate::vocab::number::{show_amount, show_times};
use crate::vocab::{EXTRAPOLATES, MeasuredShape, Range, Scale, ShapeOptimum, Standing};

/// Beyond this many times the largest run the advice is called an extrapolation.
const FAR_OUT: f64 = 1.5;

/// What the reasons are about.
pub(super) struct Said<'s> {
    pub question: &'s Question<'s>,
    pub standing: Standing,
    pub best: &'s Place,
    pub optimum: Option<&'s ShapeOptimum>,
    pub measured: Option<&'s MeasuredShape>,
    /// What was said before, of the kinds of experts.
    pub said: &'s [String],
    /// The limit that holds the best shape where it is, if one does.
    pub held_by: String,
    pub advised: Scale,
    pub gain: f64,
    pub p_better: f64,
}

impl Said<'_> {
    /// The conclusion first.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        reasons.extend(self.conclusion());
        reasons.extend(self.said.iter().cloned());
        if let Some(optimum) = self.optimum {
            reasons.extend(optimum.open.iter().cloned());
            if matches!(self.standing, Standing::Optimum | Standing::Limited | Standing::Extrapolated) {
                reasons.extend(flat(optimum));
            }
            reasons.extend(nearest(optimum));
        }
        reasons.extend(self.measured.map(|run| self.beside(run)));
        let distance = |surface: &crate::advise::surface::Surface<'_>| {
            let far = (surface.extrapolation)(&surface.place(&self.advised, &self.question.weights));
            far.params.max(far.tokens)
        };
        let far = self.question.parts.iter().map(|part| distance(&part.surface)).fold(0.0, f64::max);
        if far > FAR_OUT {
            reasons.push(format!("{} × the largest run: {EXTRAPOLATES}", show_times(far)));
        }
        reasons.extend(self.question.parts.iter().filter_map(|part| part.surface.trust("held-out runs")));
        reasons
    }

    fn conclusion(&self) -> Vec<String> {
        match self.standing {
            Standing::Target => vec![format!(
                "The runs can't tell the target's shape from the best one found ({}: {:.4} nats lower, probability {:.0} %).",
                describe(&self.best.scale),
                self.gain,
                100.0 * self.p_better
            )],
            Standing::Optimum => {
                self.optimum.map(|o| format!("Optimum for the budget: {}.", interval(o))).into_iter().collect()
            }
            Standing::Limited => {
                vec![format!("The limit {} holds the model at this size.", self.held_by)]
            }
            Standing::Extrapolated => self
                .optimum
                .map(|o| format!("No run comes near this budget. Extrapolated optimum: {}.", interval(o)))
                .into_iter()
                .collect(),
            Standing::Supported => match self.optimum {
                None => vec![
                    "Best shape that the runs support. The laws have no optimum for this budget: they favour ever \
                     different sizes."
                        .to_owned(),
                ],
                Some(o) if o.covered => {
                    vec![format!("Best shape of the kinds that were trained: {}.", interval(o))]
                }
                Some(o) if (o.scale.active_params() / self.best.scale.active_params()).ln().abs() < 0.02 => {
                    vec![format!(
                        "Best shape that the runs support, not a proven optimum: too few runs lie beyond it to show that the \
                         loss rises again. By the laws: {}.",
                        interval(o)
                    )]
                }
                Some(o) => vec![format!(
                    "Best shape that the runs support. The laws' own optimum lies where no run reaches: {}, {}.",
                    describe(&o.scale),
                    interval(o)
                )],
            },
            Standing::Measured => vec![format!(
                "This run was measured; the laws expect no lower loss elsewhere ({}: {:.4}).",
                describe(&self.best.scale),
                self.best.loss
            )],
        }
    }

    fn beside(&self, run: &MeasuredShape) -> String {
        let verdict = match run.loss - self.best.loss {
            _ if self.standing == Standing::Measured => String::new(),
            below if below < 0.0 => format!(", where the laws expect {:.4} of the best shape", self.best.loss),
            above if above <= self.question.error(&self.best.scale) => ", within the laws' error of it".to_owned(),
            _ => String::new(),
        };
        format!(
            "Best run measured within this budget: {} ({}), {:.4}{verdict}.",
            run.run,
            describe(&run.scale),
            run.loss
        )
    }
}

/// `N 1.69B (90 %: 1.62B–1.77B), D 9.85B (9.4B–10.3B)`.
pub(super) fn interval(o: &ShapeOptimum) -> String {
    let experts = match (o.experts, o.scale.moe) {
        (Some(range), moe) if range.low != range.high => {
            let own = moe.map_or(1.0, |m| m.experts);
            format!(", E {} ({})", show_amount(own), show_range(&range))
        }
        _ => String::new(),
    };
    let active = if o.scale.moe.is_some() { "active N" } else { "N" };
    format!(
        "{active} {} (90 %: {}), D {} ({}){experts}",
        show_amount(o.scale.active_params()),
        show_range(&o.params),
        show_amount(o.scale.tokens),
        show_range(&o.tokens)
    )
}

/// `1.62B–1.77B`; an open end is said.
pub(super) fn show_range(range: &Range) -> String {
    match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) => format!("{}–{}", show_amount(range.low), show_amount(range.high)),
        (true, false) => format!("{} or more", show_amount(range.low)),
        (false, true) => format!("{} or less", show_amount(range.high)),
        (false, false) => "unknown".to_owned(),
    }
}

fn flat(o: &ShapeOptimum) -> Option<String> {
    (o.flat_params.factor() > 1.0).then(|| {
        format!(
            "The loss is within 0.1 % of the optimum's from N {} to {}.",
            show_amount(o.flat_params.low),
            if o.flat_params.high.is_finite() { show_amount(o.flat_params.high) } else { "any larger".to_owned() }
        )
    })
}

fn nearest(o: &ShapeOptimum) -> Option<String> {
    let near = o.nearest.as_ref()?;
    Some(format!(
        "Nearest run to the optimum: {} ({}), a factor of {:.1} away in size or tokens.",
        near.run,
        describe(&near.scale),
        near.factor
    ))
}

/// A shape inside a sentence.
pub(super) fn describe(scale: &Scale) -> String {
    let size = match scale.moe {
        Some(moe) => format!("{moe} of {}", show_amount(scale.params)),
        None => format!("a dense model of {}", show_amount(scale.params)),
    };
    format!("{size} and {} tokens", show_amount(scale.tokens))
}
