//! Shapes for one budget of which no other has both a lower loss and a lower cost: the Pareto front.
//!
//! The cost of a shape rises with its size, so that a limit c on the cost is a limit on N_act of each kind of experts. With
//! f_k(N) the objective along the line of the budget, N_k its minimum there and n_k(c) the size that costs c, the least objective
//! within c is L(c) = min over k of f_k(min(n_k(c), N_k)): the answer to the question for the best shape with that limit. A shape
//! is on the front if it is the answer within its own cost, so that the front is what L says from the least cost that is worth
//! looking at ([`WORTH`]) to that of the optimum. A measured run that did better than L says of its cost is on the front itself,
//! and takes out what costs more and does worse.

use super::asked::Asked;
use super::budget::Memory;
use super::chosen;
use super::curve::on_paper;
use super::kind::ExpertShape;
use super::optimum::{Place, Search};
use super::question::{Question, none};
use super::trials;
use crate::advise::Evidence;
use crate::laws::published::Published;
use crate::project::Budget;
use crate::vocab::number::show_amount;
use crate::vocab::{Abstention, FrontCost, FrontPoint, MeasuredShape, Ordered, Range, Scale, ShapeFront};

/// How much higher than the optimum's the loss of a shape may be, for the front to begin there.
const WORTH: f64 = 1.1;
/// How much less than the optimum the cheapest shape may cost.
const SPAN: f64 = 1e3;
/// Places by the laws.
const PLACES: usize = 12;

/// The cost of a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    what: FrontCost,
    memory: Memory,
    /// Tokens that are served.
    served: f64,
}

impl Price {
    fn of(what: FrontCost, budget: &Budget) -> Self {
        Self { what, memory: Memory::of(budget), served: budget.inference_tokens.unwrap_or(1.0) }
    }

    /// Bytes, or FLOPs.
    fn at(&self, params: f64, active: f64) -> f64 {
        match self.what {
            FrontCost::Memory => self.memory.serving(params, active),
            FrontCost::TrainMemory => self.memory.training(params, active),
            FrontCost::Serving => 2.0 * active * self.served,
        }
    }

    fn of_scale(&self, scale: &Scale) -> f64 {
        self.at(scale.params, scale.active_params())
    }

    /// ln of the most active parameters that cost no more than `cost`, for a model of which so many times as many are there in
    /// all.
    fn most(&self, cost: f64, total_over_active: f64) -> f64 {
        let (mut low, mut high) = (0.0, 100.0);
        for _ in 0..100 {
            let middle: f64 = 0.5 * (low + high);
            let active = middle.exp();
            if self.at(active * total_over_active, active) <= cost { low = middle } else { high = middle }
        }
        low
    }

    fn unit(&self, budget: &Budget) -> &'static str {
        match (self.what, budget.inference_tokens) {
            (FrontCost::Serving, None) => "FLOPs per token",
            (FrontCost::Serving, Some(_)) => "FLOPs",
            _ => "bytes",
        }
    }

    /// How it was counted, a sentence.
    fn said(&self, budget: &Budget) -> String {
        match self.what {
            FrontCost::Memory => {
                let bytes = show_amount(self.memory.of_a_parameter().0);
                match budget.context {
                    Some(context) => format!(
                        "Memory: all parameters × {bytes} bytes, and the KV cache of {} sequences of {} tokens.",
                        show_amount(budget.batch.unwrap_or(1.0)),
                        show_amount(context)
                    ),
                    None => format!("Memory: all parameters × {bytes} bytes; no KV cache, as no --context is stated."),
                }
            }
            FrontCost::TrainMemory => {
                let bytes = show_amount(self.memory.of_a_parameter().1);
                match budget.micro_batch {
                    Some(tokens) => format!(
                        "Memory: all parameters × {bytes} bytes, and the activations of a micro-batch of {} tokens.",
                        show_amount(tokens)
                    ),
                    None => format!(
                        "Memory: all parameters × {bytes} bytes; no activations, as no --micro-batch is stated."
                    ),
                }
            }
            FrontCost::Serving => match budget.inference_tokens {
                Some(tokens) => format!(
                    "Serving: 2 × active parameters × {} tokens, from the same FLOPs as training.",
                    show_amount(tokens)
                ),
                None => "Serving: 2 FLOPs × active parameters for each token.".to_owned(),
            },
        }
    }
}

/// The least objective within a cost.
pub(super) struct Front<'s, 'f> {
    search: &'s Search<'s, 'f>,
    price: Price,
    /// Each kind that has an optimum, with it.
    tops: Vec<Place>,
}

impl<'s, 'f> Front<'s, 'f> {
    /// `None` where no kind has an optimum for the budget: the front has no end.
    pub fn of(search: &'s Search<'s, 'f>, price: Price) -> Option<Self> {
        let tops: Vec<Place> = search.kinds.iter().filter_map(|kind| search.of_kind(None, *kind).ok()).collect();
        (!tops.is_empty()).then_some(Self { search, price, tops })
    }

    /// The best of all, without a limit on the cost.
    fn top(&self) -> Option<Place> {
        self.tops.iter().copied().min_by(|a, b| a.loss.total_cmp(&b.loss))
    }

    fn cost(&self, place: &Place) -> f64 {
        self.price.of_scale(&place.scale)
    }

    /// The best shape that costs no more than this. Of equal ones the cheapest.
    pub fn within(&self, cost: f64) -> Option<Place> {
        let of = |top: &Place| {
            let most = self.price.most(cost, self.search.limits.total_over_active(top.kind));
            match self.cost(top) <= cost {
                true => Some(*top),
                // Smaller ones break a limit on a metric.
                false if most < self.search.ends(top.kind).0 => None,
                false => self.search.held(None, top.kind, most),
            }
        };
        let places = self.tops.iter().filter_map(of).filter(|place| place.loss.is_finite());
        places.min_by(|a, b| a.loss.total_cmp(&b.loss).then(self.cost(a).total_cmp(&self.cost(b))))
    }

    /// The front by the laws, cheapest first: a place for each of [`PLACES`] costs.
    pub fn places(&self) -> Vec<Place> {
        let Some(top) = self.top() else { return Vec::new() };
        let most = self.cost(&top).ln();
        let too_bad = |ln: f64| self.within(ln.exp()).is_none_or(|place| place.loss > WORTH * top.loss);
        let mut least = most - SPAN.ln();
        if too_bad(least) {
            let mut good = most;
            for _ in 0..40 {
                let middle = 0.5 * (least + good);
                if too_bad(middle) { least = middle } else { good = middle }
            }
            least = good;
        }
        let cost = |i: usize| (least + (most - least) * i as f64 / (PLACES - 1) as f64).exp();
        let mut places: Vec<Place> = (0..PLACES - 1).filter_map(|i| self.within(cost(i))).collect();
        places.push(top);
        // A kind that has come to its own optimum is the answer to several costs.
        places.dedup_by(|next, before| next.loss >= before.loss || self.cost(next) <= self.cost(before));
        places
    }
}

/// The front of a project's shapes.
///
/// # Errors
/// Why there is none.
pub fn shape_front(evidence: &Evidence<'_>, cost: FrontCost) -> Result<ShapeFront, Abstention> {
    let asked = Asked::of(evidence, evidence.project.target.scale())?;
    if cost != FrontCost::Serving && !totals_are_known(evidence, &asked.kinds.kinds) {
        return Err(none(
            "No run with experts says how many parameters it has in all, so memory is not known.",
            "State `params` beside `active_params` in mixlaw.run.yaml or the table; or weigh: --pareto serving",
        ));
    }
    let search = asked.search();
    // The front ends at the optimum: where that is not to be told, neither is the front.
    let (_, _, optimum) = chosen(&search)?;
    let budget = evidence.project.budget.clone().unwrap_or_default();
    let price = Price::of(cost, &budget);
    let (Some(front), Some(optimum)) = (Front::of(&search, price), optimum) else {
        return Err(none(
            format!(
                "By the {} law ever different sizes are better: the front has no end.",
                asked.question.laws().join(", ")
            ),
            "Launch runs of several sizes and token counts at one budget; or limit the size: --max-params 10B",
        ));
    };
    let mut said = vec![price.said(&budget)];
    said.extend(asked.kinds.said.iter().cloned());
    said.extend(optimum.open);
    let runs = trials::front(evidence, &asked, &|scale| price.of_scale(scale));
    let points = points(&front, &asked.question, runs);
    if !points.iter().any(|point| point.supported) {
        said.push("No run comes near any of these shapes: the whole front is an extrapolation.".to_owned());
    }
    Ok(ShapeFront {
        loss_unit: evidence.project.objective_unit().to_owned(),
        ..whole(&front, &asked.question, &budget, points, said)
    })
}

/// The front by the coefficients of a paper.
///
/// # Errors
/// Why there is none.
pub fn published_front(
    published: &Published,
    budget: &Budget,
    compute: f64,
    cost: FrontCost,
) -> Result<ShapeFront, Abstention> {
    on_paper(published, budget, |question, limits, kinds, cover| {
        let limits = super::line::Limits { compute, ..*limits };
        let search = Search { question, limits: &limits, kinds, cover, spans: &[] };
        let price = Price::of(cost, budget);
        let Some(front) = Front::of(&search, price) else {
            return Err(none("The published law has no optimum for this budget.", "Try another: --flops 1e21"));
        };
        let points = points(&front, question, Vec::new());
        let mut said = vec![price.said(budget)];
        said.extend(search.optimum().ok().into_iter().flat_map(|(_, optimum)| optimum.open));
        Ok(ShapeFront { published: true, ..whole(&front, question, budget, points, said) })
    })
}

fn whole(
    front: &Front<'_, '_>,
    question: &Question<'_>,
    budget: &Budget,
    points: Vec<FrontPoint>,
    said: Vec<String>,
) -> ShapeFront {
    let half = points.last().and_then(|last| Some(front.within(0.5 * last.cost)?.loss - last.loss));
    ShapeFront {
        cost: front.price.what,
        cost_unit: front.price.unit(budget).to_owned(),
        loss_unit: "nats".to_owned(),
        compute: front.search.limits.compute,
        laws: question.laws(),
        published: false,
        half_costs: half.filter(|more| more.is_finite()),
        points,
        said,
    }
}

/// The places by the laws and the runs that did better, cheapest first.
fn points(front: &Front<'_, '_>, question: &Question<'_>, runs: Vec<MeasuredShape>) -> Vec<FrontPoint> {
    let least = front.top().map_or(f64::NAN, |top| top.loss);
    let wins = |run: &MeasuredShape| {
        let expected = front.within(front.price.of_scale(&run.scale));
        run.loss <= WORTH * least && expected.is_none_or(|place| run.loss < place.loss)
    };
    let winners: Vec<MeasuredShape> = runs.into_iter().filter(wins).collect();
    let beaten = |place: &Place| {
        let cheaper = |run: &MeasuredShape| front.price.of_scale(&run.scale) <= front.cost(place);
        winners.iter().any(|run| run.loss <= place.loss && cheaper(run))
    };
    let by_laws = front.places().into_iter().filter(|place| !beaten(place)).map(|place| FrontPoint {
        cost: front.cost(&place),
        scale: place.scale,
        loss: place.loss,
        range: range(question, &place.scale),
        p_better: None,
        supported: front.search.is_bracketed(&place, front.search.flat(&place)),
        run: None,
    });
    let mut all: Vec<FrontPoint> = by_laws.collect();
    all.extend(winners.iter().map(|run| FrontPoint {
        cost: front.price.of_scale(&run.scale),
        scale: run.scale,
        loss: run.loss,
        range: None,
        p_better: None,
        supported: true,
        run: Some(run.run.clone()),
    }));
    all.sort_by_cached_key(|each| Ordered(each.cost));
    let errs = all.iter().any(|point| point.range.is_some());
    for i in (1..all.len()).filter(|_| errs) {
        let (before, here) = (&all[i - 1], &all[i]);
        all[i].p_better = match (&before.run, &here.run) {
            (None, None) => Some(question.better(&here.scale, &before.scale)),
            (None, Some(_)) => Some(question.beats(here.loss, &before.scale)),
            (Some(_), None) => Some(1.0 - question.beats(before.loss, &here.scale)),
            (Some(_), Some(_)) => None,
        };
    }
    all
}

/// 90 % interval of the objective of one run; `None` where the laws know no error.
fn range(question: &Question<'_>, scale: &Scale) -> Option<Range> {
    if question.draws() == 0 && question.parts.iter().all(|part| part.surface.residuals.is_empty()) {
        return None;
    }
    let of = |end: fn(&crate::vocab::Interval) -> f64| {
        question
            .parts
            .iter()
            .map(|part| part.share * end(&(part.surface.forecast)(&part.surface.place(scale, &question.weights))))
            .sum()
    };
    Some(Range { low: of(|interval| interval.low), high: of(|interval| interval.high) })
}

/// Whether runs say how many parameters a model of these kinds has in all.
fn totals_are_known(evidence: &Evidence<'_>, kinds: &[ExpertShape]) -> bool {
    let mut rows = evidence.observed.fitted.iter().flat_map(|o| &o.rows);
    kinds.iter().all(|kind| kind.0 <= 1.0) || rows.any(|row| row.experts > 1.0 && row.params > row.active_params)
}
