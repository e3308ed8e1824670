//! Cached roles of metric keys (validation loss, learning rate, …).

use crate::forecast::signals;
use crate::observe;
use crate::project::Project;
use crate::vocab::{MetricView, Metrics};
use std::collections::HashMap;
use std::sync::Arc;

/// Last parts of keys under which stacks log their speed, the surest first.
const SPEED_KEYS: &[&str] = &["tokens_per_second", "tokens_per_sec", "tok/sec", "tps", "throughput", "tokens/s"];

/// Most unnamed losses of a run that are forecast, the first by name: some runs log thousands of scores.
const UNNAMED: usize = 24;

/// What a key says.
#[derive(Debug, Clone, Copy)]
struct KeyMeaning {
    /// Whether its points say how many tokens a run has seen, or how fast it learns.
    told_by_points: bool,
    /// How well it fits the training loss, the better the less; `None` where it is another metric.
    training: Option<usize>,
    /// Place in [`SPEED_KEYS`].
    speed: Option<usize>,
    /// Whether it is a held-out loss, or a score.
    evaluation: bool,
    /// The load of an expert: how many bytes of the key name the layer, and its number.
    expert: Option<(usize, u32)>,
    /// A figure of a router: how many bytes of the key name the layer, and which.
    figure: Option<(usize, signals::Figure)>,
}

impl KeyMeaning {
    fn of(key: &str) -> Self {
        let speed = |name: &&str| key.rsplit('/').next() == Some(name) || key == *name;
        Self {
            told_by_points: observe::counts_tokens(key) || observe::is_learning_rate(key),
            training: observe::training_loss(key),
            speed: SPEED_KEYS.iter().position(speed),
            evaluation: observe::is_evaluation(key),
            expert: signals::expert_of(key),
            figure: signals::figure_of(key),
        }
    }
}

/// What is known of keys.
#[derive(Debug, Default)]
pub struct Kinds(HashMap<Arc<str>, KeyMeaning>);

/// Loads of the experts of one layer: how its keys begin, and (number, place) of each expert.
pub type Router = (Box<str>, Vec<(u32, usize)>);

/// Figures of one router: how its keys begin, and (figure, place) of each.
pub type RouterFigureKeys = (Box<str>, Vec<(signals::Figure, usize)>);

/// Which of a run's metrics are what, as places among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Those whose points laws and forecasts are made from.
    pub matter: Vec<usize>,
    /// The one training loss that stands for the run, as far as there is one.
    pub training: Option<usize>,
    /// The tokens a second, where they are logged.
    pub speed: Option<usize>,
    /// Evaluations that the project does not name, at most [`UNNAMED`].
    pub unnamed: Vec<usize>,
    /// Loads of experts, by layer.
    pub routers: Vec<Router>,
    /// Figures that trainers log of their routers, by layer.
    pub router_figures: Vec<RouterFigureKeys>,
}

impl Roles {
    /// Losses that the project does not name and that are forecast all the same: the training loss, and evaluations.
    pub fn beside(&self) -> impl Iterator<Item = usize> {
        self.training.into_iter().chain(self.unnamed.iter().copied())
    }
}

impl Kinds {
    /// Finds out about the metrics of a run.
    pub fn roles(&mut self, project: &Project, metrics: &Metrics) -> Roles {
        let mut roles = Roles::default();
        let (mut training, mut speed) = (None, None);
        for (place, (key, metric)) in metrics.iter().enumerate() {
            let kind = match self.0.get(key) {
                Some(kind) => *kind,
                None => *self.0.entry(Arc::clone(key)).or_insert(KeyMeaning::of(key)),
            };
            let validation = project.is_measured(key);
            if validation || kind.told_by_points {
                roles.matter.push(place);
            }
            if !validation && kind.evaluation && !is_placeholder(key, metric) && roles.unnamed.len() < UNNAMED {
                roles.unnamed.push(place);
            }
            if let Some((layer, expert)) = kind.expert {
                // Keys are sorted, so that those of a layer stand together.
                match roles.routers.last_mut().filter(|(last, _)| **last == key[..layer]) {
                    Some((_, experts)) => experts.push((expert, place)),
                    None => roles.routers.push((key[..layer].into(), vec![(expert, place)])),
                }
            }
            if let Some((layer, figure)) = kind.figure {
                match roles.router_figures.last_mut().filter(|(last, _)| **last == key[..layer]) {
                    Some((_, figures)) => figures.push((figure, place)),
                    None => roles.router_figures.push((key[..layer].into(), vec![(figure, place)])),
                }
            }
            let better = |best: Option<(usize, u64)>, rank| best.is_none_or(|best| rank < best);
            // Of two that fit as well, the one that is logged more often.
            if let Some(rank) = kind.training.map(|strangers| (strangers, u64::MAX - metric.points))
                && !validation
                && better(training, rank)
            {
                (training, roles.training) = (Some(rank), Some(place));
            }
            if let Some(rank) = kind.speed.map(|rank| (rank, 0))
                && better(speed, rank)
            {
                (speed, roles.speed) = (Some(rank), Some(place));
            }
        }
        roles
    }
}

/// Whether an evaluation is one that nobody measures: writers of tables put a 0 there, which no loss is and no score that has
/// anything to tell.
pub fn is_placeholder(key: &str, metric: &MetricView) -> bool {
    metric.last == 0.0 && observe::is_evaluation(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Metric;

    #[test]
    fn the_training_loss_and_the_speed_of_a_run_are_found() {
        let metric = |points| MetricView { points, segments: 1, last_step: 1, last: 1.0, status: None };
        let metrics: Metrics =
            [("a/tps", 5), ("eval/rust/loss", 9), ("loss", 3), ("lr", 5), ("tokens_per_second", 5), ("train/loss", 7)]
                .map(|(key, points)| (key.into(), metric(points)))
                .into_iter()
                .collect();
        let project = Project { metrics: vec![Metric::of_domain("rust", "eval/rust/loss")], ..Project::default() };
        let mut kinds = Kinds::default();
        for _ in 0..2 {
            let roles = kinds.roles(&project, &metrics);
            let expected = Roles { matter: vec![1, 3], training: Some(5), speed: Some(4), ..Roles::default() };
            assert_eq!(roles, expected);
        }
        let project = Project {
            metrics: vec![Metric::new("a", "train/loss", None), Metric::new("b", "loss", None)],
            ..Project::default()
        };
        let roles = kinds.roles(&project, &metrics);
        let expected = Roles { matter: vec![2, 3, 5], speed: Some(4), unnamed: vec![1], ..Roles::default() };
        assert_eq!(roles, expected);
        let loads: Metrics = ["m/layer_0/expert_0/load", "m/layer_0/expert_1/load", "m/layer_1/expert_0/load", "x"]
            .map(|key| (key.into(), metric(1)))
            .into_iter()
            .collect();
        let routers = kinds.roles(&project, &loads).routers;
        assert_eq!(routers, [("m/layer_0".into(), vec![(0, 0), (1, 1)]), ("m/layer_1".into(), vec![(0, 2)])]);
    }
}
