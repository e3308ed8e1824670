//! The optimum of the laws for a budget, found without a box, and the best shape where the runs reach.

use super::cover::Cover;
use super::kind::ExpertShape;
use super::least::{self, Least};
use super::line::{Limits, Span};
use super::question::Question;
use crate::laws::Variable;
use crate::vocab::{MeasuredShape, Range, Scale, ShapeOptimum};

/// What "as good as the optimum" means: this part of the loss.
const FLAT: f64 = 1e-3;
/// Resamples that may lack an optimum at either end before that end of an interval is open.
const TAIL: f64 = 0.05;

/// One of E, K and G.
type Field = fn(&mut ExpertShape) -> &mut f64;

/// Why a budget has no optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOptimum {
    /// Smaller models are always better.
    Smaller,
    /// Larger models are always better.
    Larger,
    /// The laws do not see what is traded.
    Blind,
}

/// A place on the line of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub kind: ExpertShape,
    pub ln_active: f64,
    pub scale: Scale,
    pub loss: f64,
    /// Whether a limit on memory, on the parameters in all or on a metric holds it where it is.
    pub limited: bool,
}

/// What is asked: laws, budget, kinds of experts to choose among.
pub(super) struct Search<'s, 'f> {
    pub question: &'s Question<'f>,
    pub limits: &'s Limits,
    pub kinds: &'s [ExpertShape],
    pub cover: &'s Cover,
    /// The sizes of each kind that keep the limits on metrics; none where there are no limits.
    pub spans: &'s [Span],
}

impl Search<'_, '_> {
    /// The objective along the line of one kind, under a resample or by the best guess.
    fn along(&self, draw: Option<usize>, kind: ExpertShape) -> impl Fn(&[f64]) -> Vec<f64> + '_ {
        move |places| {
            let scales: Vec<Option<Scale>> = places.iter().map(|n| self.limits.scale(kind, *n)).collect();
            self.question.losses(draw, &scales)
        }
    }

    /// About where to look: as many tokens as twenty times the parameters.
    fn middle(&self) -> f64 {
        0.5 * (self.limits.compute / 120.0).ln()
    }

    /// The objective by the best guess at several sizes of one kind.
    pub(super) fn losses(&self, kind: ExpertShape, places: &[f64]) -> Vec<f64> {
        self.along(None, kind)(places)
    }

    /// ln of the least and most active parameters of one kind within all limits.
    pub(super) fn ends(&self, kind: ExpertShape) -> (f64, f64) {
        let span = self.spans.iter().find(|span| span.kind == kind);
        let (low, high) = span.map_or((f64::NEG_INFINITY, f64::INFINITY), |span| (span.low, span.high));
        (low, high.min(self.limits.most(kind)))
    }

    /// The optimum of one kind, within the limits.
    pub(super) fn of_kind(&self, draw: Option<usize>, kind: ExpertShape) -> Result<Place, NoOptimum> {
        let f = self.along(draw, kind);
        let (least, most) = self.ends(kind);
        let held_back = |ln_active: f64| self.held(draw, kind, ln_active).ok_or(NoOptimum::Smaller);
        match least::least(&f, self.middle()) {
            Least::At(n, _) if n < least => held_back(least),
            Least::At(n, loss) if n <= most => self.at(kind, n, loss, false).ok_or(NoOptimum::Blind),
            Least::At(..) => held_back(most),
            Least::FallsDown if least.is_finite() => held_back(least),
            Least::FallsUp if most.is_finite() => held_back(most),
            Least::FallsUp => Err(NoOptimum::Larger),
            Least::FallsDown => Err(NoOptimum::Smaller),
            Least::Flat => Err(NoOptimum::Blind),
        }
    }

    /// The place of one kind that a limit holds at a size.
    pub(super) fn held(&self, draw: Option<usize>, kind: ExpertShape, ln_active: f64) -> Option<Place> {
        let loss = self.along(draw, kind)(&[ln_active]).first().copied().filter(|loss| loss.is_finite());
        self.at(kind, ln_active, loss.unwrap_or(f64::INFINITY), true)
    }

    fn at(&self, kind: ExpertShape, ln_active: f64, loss: f64, limited: bool) -> Option<Place> {
        Some(Place { kind, ln_active, scale: self.limits.scale(kind, ln_active)?, loss, limited })
    }

    /// The optimum over all kinds.
    fn of_all(&self, draw: Option<usize>) -> Result<Place, NoOptimum> {
        let mut best: Result<Place, NoOptimum> = Err(NoOptimum::Blind);
        for kind in self.kinds {
            best = match (self.of_kind(draw, *kind), best) {
                (Ok(place), Ok(best)) if place.loss >= best.loss => Ok(best),
                (Ok(place), _) => Ok(place),
                (Err(_), Ok(best)) => Ok(best),
                (Err(why), Err(_)) => Err(why),
            };
        }
        best
    }

    /// The optimum of one kind, and ln N_opt by every resample (infinite where that has none).
    pub(super) fn sizes(&self, kind: ExpertShape) -> Result<(Place, Vec<f64>), NoOptimum> {
        let place = self.of_kind(None, kind)?;
        let of = |s: usize| match self.of_kind(Some(s), kind) {
            Ok(place) => place.ln_active,
            Err(NoOptimum::Smaller) => f64::NEG_INFINITY,
            Err(NoOptimum::Larger | NoOptimum::Blind) => f64::INFINITY,
        };
        Ok((place, (0..self.question.draws()).map(of).collect()))
    }

    /// The optimum of the laws, wherever it lies, with intervals, and its place on the line.
    pub fn optimum(&self) -> Result<(Place, ShapeOptimum), NoOptimum> {
        let place = self.of_all(None)?;
        let (_, draws) = self.sizes(place.kind)?;
        let sizes = widened(range(draws), place.ln_active);
        let tokens = |ln: f64| self.limits.scale(place.kind, ln).map_or(f64::NAN, |scale| scale.tokens);
        let several = self.kinds.iter().any(|kind| kind.0 != place.kind.0);
        let experts = several.then(|| {
            let of = |s: usize| self.of_all(Some(s)).ok().map(|place| place.kind.0);
            range((0..self.question.draws()).filter_map(of).collect())
        });
        let flat = self.flat(&place);
        let optimum = ShapeOptimum {
            laws: self.question.laws(),
            scale: place.scale,
            loss: place.loss,
            params: sizes.map(exp),
            tokens: Range { low: tokens(sizes.high), high: tokens(sizes.low) },
            experts,
            flat_params: Range { low: flat.0, high: flat.1 }.map(exp),
            flat_tokens: Range { low: tokens(flat.1), high: tokens(flat.0) },
            nearest: self.cover.nearest(&place.scale),
            covered: self.is_bracketed(&place, flat),
            open: self.open(&place),
        };
        Ok((place, optimum))
    }

    /// Whether the runs reach a place, and to both sides of it as far as the objective takes to rise by [`FLAT`]: else nothing
    /// shows that it rises again. A limit of the user's needs no more runs beyond it.
    pub(super) fn is_bracketed(&self, place: &Place, flat: (f64, f64)) -> bool {
        let holds =
            |ln: f64| self.limits.scale(place.kind, ln).is_some_and(|scale| self.cover.holds(place.kind, &scale));
        let (least, most) = self.ends(place.kind);
        let held = |end: f64| place.limited && (place.ln_active - end).abs() < 1e-9;
        holds(place.ln_active) && (held(least) || holds(flat.0)) && (held(most) || holds(flat.1))
    }

    /// ln N_act, below and above a place, between which the objective is within [`FLAT`] of it.
    pub(super) fn flat(&self, place: &Place) -> (f64, f64) {
        least::level(&self.along(None, place.kind), place.ln_active, place.loss * (1.0 + FLAT))
    }

    /// Whether a place that laws advise gives way to a run that was measured: it did better, and is no other run of about the same
    /// shape, whose noise says nothing.
    pub fn gives_way(&self, place: &Place, run: &MeasuredShape) -> bool {
        let same = || {
            let flat = self.flat(place);
            let is_as_large = (flat.0..=flat.1).contains(&run.scale.active_params().ln());
            is_as_large && run.scale.moe.map(|m| m.experts) == place.scale.moe.map(|m| m.experts)
        };
        run.loss < place.loss && !same()
    }

    /// The best place where the runs reach; `None` where no run comes near the budget.
    pub fn supported(&self) -> Option<Place> {
        const PLACES: usize = 400;
        let mut best: Option<Place> = None;
        for kind in self.kinds {
            let Some((low, high)) = self.cover.sizes(*kind) else { continue };
            let (least, most) = self.ends(*kind);
            let (low, high) = (low.max(least), high.min(most));
            if low > high {
                continue;
            }
            let held = |n: f64| self.limits.scale(*kind, n).is_some_and(|scale| self.cover.holds(*kind, &scale));
            let places = (0..PLACES).map(|i| low + (high - low) * i as f64 / (PLACES - 1) as f64);
            let reached: Vec<f64> = places.filter(|n| held(*n)).collect();
            let (Some(from), Some(to)) = (reached.first(), reached.last()) else { continue };
            let found = least::between(&self.along(None, *kind), *from, *to);
            let place = found.and_then(|(n, loss)| self.at(*kind, n, loss, false));
            if let Some(place) = place.filter(|place| best.is_none_or(|best| place.loss < best.loss)) {
                best = Some(place);
            }
        }
        best
    }

    /// In what of E, K and G the optimum lies at the edge of the kinds that there are, though the laws go on falling.
    fn open(&self, place: &Place) -> Vec<String> {
        let kind = place.kind;
        let mut sentences = Vec::new();
        let of: [(Variable, Field, &str); 3] = [
            (Variable::Experts, |k| &mut k.0, "experts"),
            (Variable::ExpertsPerToken, |k| &mut k.1, "experts per token"),
            (Variable::Granularity, |k| &mut k.2, "granularity"),
        ];
        for (variable, field, name) in of {
            let values = || self.kinds.iter().map(|k| *field(&mut { *k }));
            let own = *field(&mut { kind });
            let (least, most) = values().fold((own, own), |(l, h), v| (l.min(v), h.max(v)));
            if least == most || !self.question.sees(variable) {
                continue;
            }
            for (edge, factor, more) in [(most, 2.0, "More"), (least, 0.5, "Fewer")] {
                let mut next = kind;
                *field(&mut next) *= factor;
                let possible = next.0 >= next.1 && next.1 >= 1.0 && next.0 >= 1.0 && next.2 >= 1.0;
                if own != edge || !possible || (variable != Variable::Experts && kind.0 <= 1.0) {
                    continue;
                }
                if self.of_kind(None, next).is_ok_and(|there| there.loss < place.loss) {
                    sentences.push(format!("{more} {name} than {own} may do better; no run tests it."));
                }
            }
        }
        sentences
    }
}

/// How much wider than the spread of the resamples an interval of ln N_opt is. Of 20 synthetic sweeps (`tests/numbers/shapes.rs`,
/// with `MIXLAW_SOAK`) the bare 90 % intervals beyond the runs held the truth in 80 % of the cells, as resamples begin at the
/// optimum for all rows; these hold it in 90 %.
const WIDER: f64 = 1.15;

/// An interval of resamples about their best guess, [`WIDER`].
pub(super) fn widened(range: Range, value: f64) -> Range {
    range.map(|end| value + WIDER * (end - value))
}

/// e to the power of an end of a range; an end that is nowhere stays so.
fn exp(ln: f64) -> f64 {
    if ln.is_finite() { ln.exp() } else { ln }
}

/// 5 % and 95 % points; NaN at both ends where there are no resamples.
pub(super) fn range(mut values: Vec<f64>) -> Range {
    values.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let last = values.len().checked_sub(1)? as f64;
        let (below, above) = ((q * last).floor(), (q * last).ceil());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let (a, b) = (values[below as usize], values[above as usize]);
        let between = a + (q * last - below) * (b - a);
        // Next to a resample without an optimum, that one decides.
        Some(match (a.is_finite(), b.is_finite()) {
            (true, true) => between,
            (false, _) if q < 0.5 || a == b => a,
            (_, false) if q > 0.5 => b,
            (finite, _) => {
                if finite {
                    a
                } else {
                    b
                }
            }
        })
    };
    Range { low: at(TAIL).unwrap_or(f64::NAN), high: at(1.0 - TAIL).unwrap_or(f64::NAN) }
}
