//! Figures that trainers log of their routers instead of loads.
//!
//! | trainer | keys | read in |
//! |---|---|---|
//! | OLMo-core | `train/block 03/load imbalance` (busiest expert over an even share), `train/block 03/token drop rate` | allenai/OLMo-core, `src/olmo_core/nn/moe/router.py`, `nn/transformer/model.py`, `nn/moe/v2` |
//! | LLM Foundry | `mb_moe/layer3_max_tpe`, `…_min_tpe`, `…_median_tpe`, and `mb_moe/all_layers_…` (tokens of an expert) | mosaicml/llm-foundry, `llmfoundry/callbacks/log_mbmoe_tok_per_expert_callback.py` |
//! | NeMo Automodel | `moe/expert_utilization_max`, `…_min` (over an even share, of all layers) | NVIDIA-NeMo/Automodel, `nemo_automodel/components/moe/load_balance_metrics.py` |
//!
//! LLM Foundry's counts are held against the median expert's, as the mean is not logged. OLMo-core's figures of all blocks
//! together are left: its drop rates are summed over blocks. Megatron-LM
//! (`megatron/core/transformer/moe/moe_logging.py`), Megatron-DeepSpeed (`pretrain_gpt.py`), TRL and ms-swift log only balance
//! losses of their routers, which are told from cross-entropy and say nothing of single experts.

use super::SignalKind;
use super::router::{DEAD, Lasting, OVERLOADED};
use crate::vocab::Severity;
use std::collections::BTreeMap;

/// Part of the tokens from which on drops are told of, and below which they are over.
const DROPS: (f64, f64) = (0.1, 0.05);

/// What a key says of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Largest load over an even one.
    Busiest,
    /// Smallest load over an even one.
    Idlest,
    /// Part of the tokens that is dropped.
    Dropped,
    /// Most tokens of an expert.
    Most,
    /// Fewest.
    Fewest,
    /// The median expert's.
    Middle,
}

/// The layer, as the bytes at the front of a key, and its figure; `None` for any other metric.
#[must_use]
pub fn figure_of(key: &str) -> Option<(usize, Figure)> {
    let (before, last) = key.rsplit_once('/')?;
    if before.rsplit('/').next()?.starts_with("block ") {
        let figure = match last {
            "load imbalance" => Figure::Busiest,
            "token drop rate" => Figure::Dropped,
            _ => return None,
        };
        return Some((before.len(), figure));
    }
    if before == "moe" || before.ends_with("/moe") {
        let figure = match last {
            "expert_utilization_max" => Figure::Busiest,
            "expert_utilization_min" => Figure::Idlest,
            _ => return None,
        };
        return Some((before.len(), figure));
    }
    if before == "mb_moe" || before.ends_with("/mb_moe") {
        let (layer, what) = last.strip_suffix("_tpe")?.rsplit_once('_')?;
        let figure = match what {
            "max" => Figure::Most,
            "min" => Figure::Fewest,
            "median" => Figure::Middle,
            _ => return None,
        };
        return Some((before.len() + 1 + layer.len(), figure));
    }
    None
}

/// Figures of one layer, ascending steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouterFigures {
    /// The layer, as its keys begin.
    pub layer: String,
    /// The series of each figure.
    pub series: Vec<(Figure, Vec<(i64, f64)>)>,
}

impl RouterFigures {
    /// Whether the newest values are worth a look at those before.
    #[must_use]
    pub fn is_suspicious(newest: &[(Figure, f64)]) -> bool {
        let now = RouterNow::of(String::new(), newest);
        now.busiest.is_some_and(|v| v >= OVERLOADED.1)
            || now.idlest.is_some_and(|v| v <= DEAD.1)
            || now.dropped.is_some_and(|v| v >= DROPS.1)
    }

    fn of(&self, figure: Figure) -> Option<&[(i64, f64)]> {
        self.series.iter().find(|(of, _)| *of == figure).map(|(_, points)| points.as_slice())
    }

    /// A figure over an even share, be it logged so or as tokens.
    fn over_even(&self, logged: Figure, tokens: Figure) -> Vec<(i64, f64)> {
        if let Some(points) = self.of(logged) {
            return points.to_vec();
        }
        let (Some(points), Some(middle)) = (self.of(tokens), self.of(Figure::Middle)) else { return Vec::new() };
        let even = |step: i64| middle.binary_search_by_key(&step, |p| p.0).ok().map(|at| middle[at].1);
        points.iter().filter_map(|(step, v)| Some((*step, v / even(*step).filter(|e| *e > 0.0)?))).collect()
    }
}

/// The newest figures of one layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouterNow {
    /// The layer, as its keys begin.
    pub layer: String,
    /// Largest load over an even one, or over the median expert's.
    pub busiest: Option<f64>,
    /// Smallest load over the same.
    pub idlest: Option<f64>,
    /// Part of the tokens that is dropped.
    pub dropped: Option<f64>,
}

impl RouterNow {
    fn of(layer: String, newest: &[(Figure, f64)]) -> Self {
        let of = |figure: Figure| newest.iter().find(|(of, _)| *of == figure).map(|(_, value)| *value);
        let over = |figure: Figure| Some(of(figure)? / of(Figure::Middle).filter(|middle| *middle > 0.0)?);
        Self {
            layer,
            busiest: of(Figure::Busiest).or_else(|| over(Figure::Most)),
            idlest: of(Figure::Idlest).or_else(|| over(Figure::Fewest)),
            dropped: of(Figure::Dropped),
        }
    }

    /// Whether an expert has several times an even share.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.busiest.is_some_and(|v| v >= OVERLOADED.0)
    }

    /// Whether an expert gets next to none of the tokens.
    #[must_use]
    pub fn has_dead(&self) -> bool {
        self.idlest.is_some_and(|v| v < DEAD.0)
    }

    /// Whether many tokens are dropped.
    #[must_use]
    pub fn drops(&self) -> bool {
        self.dropped.is_some_and(|v| v > DROPS.0)
    }
}

/// The routers of a run by the newest values of its metrics, by layer.
pub fn routers_now<'a>(metrics: impl Iterator<Item = (&'a str, f64)>) -> Vec<RouterNow> {
    let mut layers: BTreeMap<(u64, &str), Vec<(Figure, f64)>> = BTreeMap::new();
    for (key, value) in metrics {
        let Some((at, figure)) = figure_of(key).filter(|_| value.is_finite()) else { continue };
        let layer = &key[..at];
        let digits = layer.bytes().rev().take_while(u8::is_ascii_digit).count();
        let number = layer[layer.len() - digits..].parse().unwrap_or(0);
        layers.entry((number, layer)).or_default().push((figure, value));
    }
    layers.into_iter().map(|((_, layer), newest)| RouterNow::of(layer.to_owned(), &newest)).collect()
}

/// What goes wrong, with the newest step and a sentence.
pub(super) fn trouble(figures: &RouterFigures) -> Vec<(SignalKind, Severity, i64, String)> {
    let mut found = Vec::new();
    let layer = figures.layer.rsplit('/').next().unwrap_or(&figures.layer);
    let lasting = |points: &[(i64, f64)], bad: &dyn Fn(f64) -> bool, good: &dyn Fn(f64) -> bool| {
        let mut lasting = Lasting::default();
        points.iter().filter(|p| p.1.is_finite()).for_each(|p| lasting.step(bad(p.1), good(p.1)));
        points.last().copied().filter(|_| lasting.is_so)
    };
    let even = if figures.of(Figure::Middle).is_some() { "the median expert's" } else { "an even share" };
    let busiest = figures.over_even(Figure::Busiest, Figure::Most);
    if let Some((step, now)) = lasting(&busiest, &|v| v >= OVERLOADED.0, &|v| v < OVERLOADED.1) {
        let text = format!("{layer}: the busiest expert takes {now:.1} × {even}");
        found.push((SignalKind::RouterImbalance, Severity::Warning, step, text));
    }
    let idlest = figures.over_even(Figure::Idlest, Figure::Fewest);
    if let Some((step, now)) = lasting(&idlest, &|v| v < DEAD.0, &|v| v > DEAD.1) {
        let text = format!("{layer}: an expert gets {:.1} % of {even}", 100.0 * now);
        found.push((SignalKind::DeadExpert, Severity::Warning, step, text));
    }
    let dropped = figures.of(Figure::Dropped).unwrap_or_default();
    if let Some((step, now)) = lasting(dropped, &|v| v > DROPS.0, &|v| v < DROPS.1) {
        let text = format!("{layer}: {:.0} % of the tokens are dropped", 100.0 * now);
        found.push((SignalKind::DroppedTokens, Severity::Warning, step, text));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_others() {
        for (key, layer, figure) in [
            ("train/block 03/load imbalance", "train/block 03", Figure::Busiest),
            ("train/block 03/token drop rate", "train/block 03", Figure::Dropped),
            ("moe/expert_utilization_max", "moe", Figure::Busiest),
            ("moe/expert_utilization_min", "moe", Figure::Idlest),
            ("mb_moe/layer3_max_tpe", "mb_moe/layer3", Figure::Most),
            ("mb_moe/all_layers_min_tpe", "mb_moe/all_layers", Figure::Fewest),
            ("mb_moe/layer3_median_tpe", "mb_moe/layer3", Figure::Middle),
        ] {
            assert_eq!(figure_of(key).map(|(at, figure)| (&key[..at], figure)), Some((layer, figure)), "{key}");
        }
        for key in [
            "train/load imbalance",
            "train/token drop rate",
            "train/block 03/load balancing loss",
            "moe/layer_0/utilization_mean",
            "moe/expert_utilization_p25",
            "mb_moe/layer3_std_tpe",
            "moe_expert_utilization/layer_0_expert_5",
            "loss",
        ] {
            assert_eq!(figure_of(key), None, "{key}");
        }
    }

    #[test]
    fn the_newest_figures_are_those_worked_out_by_hand() {
        let metrics = [
            ("mb_moe/layer10_max_tpe", 0.6),
            ("mb_moe/layer10_median_tpe", 0.2),
            ("mb_moe/layer2_max_tpe", 0.25),
            ("mb_moe/layer2_median_tpe", 0.2),
            ("mb_moe/layer2_min_tpe", 0.004),
            ("train/block 03/token drop rate", 0.25),
            ("loss", 2.0),
        ];
        let now = routers_now(metrics.into_iter());
        let names: Vec<&str> = now.iter().map(|now| now.layer.as_str()).collect();
        assert_eq!(names, ["mb_moe/layer2", "train/block 03", "mb_moe/layer10"], "by number");
        assert!((now[0].busiest.unwrap() - 1.25).abs() < 1e-12 && (now[0].idlest.unwrap() - 0.02).abs() < 1e-12);
        assert!(now[0].has_dead() && !now[0].is_overloaded() && now[1].drops() && !now[2].drops());
        assert!((now[2].busiest.unwrap() - 3.0).abs() < 1e-12 && now[2].idlest.is_none());
    }

    fn points(at: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
        (0..60).map(|i| (10 * i, at(i))).collect()
    }

    fn kinds(series: &[(Figure, Vec<(i64, f64)>)], until: usize) -> Vec<SignalKind> {
        let cut = |(figure, points): &(Figure, Vec<(i64, f64)>)| (*figure, points[..until].to_vec());
        let figures = RouterFigures { layer: "train/block 03".to_owned(), series: series.iter().map(cut).collect() };
        trouble(&figures).into_iter().map(|(kind, ..)| kind).collect()
    }

    #[test]
    fn what_lasts_is_told_within_twenty_logged_steps_and_is_over_when_it_is_well() {
        let planted = |bad: f64, good: f64| points(move |i| if (20..40).contains(&i) { bad } else { good });
        for (series, kind) in [
            (vec![(Figure::Busiest, planted(6.0, 1.5))], SignalKind::RouterImbalance),
            (vec![(Figure::Idlest, planted(0.0, 0.6))], SignalKind::DeadExpert),
            (vec![(Figure::Dropped, planted(0.3, 0.01))], SignalKind::DroppedTokens),
            (vec![(Figure::Most, planted(0.9, 0.2)), (Figure::Middle, points(|_| 0.15))], SignalKind::RouterImbalance),
            (vec![(Figure::Fewest, planted(0.0, 0.1)), (Figure::Middle, points(|_| 0.15))], SignalKind::DeadExpert),
        ] {
            assert_eq!(kinds(&series, 31), [], "{kind:?}");
            assert_eq!(kinds(&series, 32), [kind], "twelve steps in a row");
            assert_eq!(kinds(&series, 45), [kind]);
            assert_eq!(kinds(&series, 60), [], "well again");
            let newest = |at: usize| -> Vec<(Figure, f64)> { series.iter().map(|(f, p)| (*f, p[at].1)).collect() };
            assert!(RouterFigures::is_suspicious(&newest(30)) && !RouterFigures::is_suspicious(&newest(10)));
        }
        let text = trouble(&RouterFigures {
            layer: "train/block 03".to_owned(),
            series: vec![(Figure::Dropped, points(|_| 0.25))],
        });
        assert_eq!(text[0].3, "block 03: 25 % of the tokens are dropped");
    }

    #[test]
    fn what_comes_and_goes_is_not_told() {
        let flicker = points(|i| if i % 20 < 8 { 9.0 } else { 1.2 });
        assert_eq!(kinds(&[(Figure::Busiest, flicker)], 60), []);
    }
}
