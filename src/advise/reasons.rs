//! The reasons of a recommendation, in sentences: what binds, how sure it is, and how far it leaps.

use super::evidence::{Chosen, SURE};
use super::limits::Tie;
use super::odds::{Odds, distance};
use super::region::{Edge, Region};
use super::search::Found;
use crate::laws::critical_ratio::feasible;
use crate::laws::repetition::effective_tokens;
use crate::project::Project;
use crate::vocab::number::show_amount;
use crate::vocab::{EXTRAPOLATES, Scale};

/// Beyond this many times the largest N or D seen, a reason says how far.
const FAR: f64 = 1.05;

/// What there is to tell.
pub(super) struct Story<'a> {
    pub project: &'a Project,
    pub odds: &'a Odds<'a, 'a>,
    pub region: &'a Region,
    pub chosen: &'a Chosen,
    /// What would be advised without regard to what the runs have explored.
    pub beyond: Option<&'a Chosen>,
    /// Distinct mixtures of the runs.
    pub mixtures: &'a [Vec<f64>],
    /// No current mixture is stated.
    pub assumed: bool,
    /// The current mixture is advised.
    pub keep: bool,
    pub p_better: f64,
    pub gain: f64,
}

/// The sentences, the deciding ones first.
pub(super) fn tell(story: &Story<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    reasons.extend(story.verdict());
    reasons.extend(story.limits());
    reasons.extend(story.critical_ratio());
    reasons.extend(story.edges());
    reasons.extend(story.beyond());
    reasons.extend(story.leap());
    reasons.extend(story.repetition());
    reasons.extend(story.skill());
    reasons
}

impl Story<'_> {
    fn names(&self, weights: &[f64]) -> String {
        let lead = self.project.lead();
        if weights.len() == 2 {
            return format!("{} {:.3}", self.project.domains[lead], weights[lead]);
        }
        let named = self.project.domains.iter().zip(weights).map(|(d, w)| format!("{d} {w:.3}"));
        named.collect::<Vec<_>>().join(", ")
    }

    /// How the largest ratio that keeps the limit moves with the tokens, between two domains: the critical mixture ratio.
    fn critical_ratio(&self) -> Option<String> {
        const WORTH_SAYING: f64 = 5e-3;
        let ([limit], [_, _]) = (self.odds.limits, self.project.domains.as_slice()) else { return None };
        let lead = self.project.lead();
        // A limit beside the current mixture moves with the tokens itself.
        if lead == limit.domain || limit.tie == Tie::Run {
            return None;
        }
        let surface = self.odds.surfaces.get(limit.domain)?.as_ref()?;
        let seen = self.mixtures.iter().map(|m| m[lead]);
        let ends = (seen.clone().fold(1.0, f64::min), seen.fold(0.0, f64::max));
        let at = |times: f64| {
            let scale = Scale { tokens: times * self.odds.scale.tokens, ..self.odds.scale };
            let loss = |r: f64| {
                let mut weights = [1.0 - r; 2];
                weights[lead] = r;
                (surface.best)(&surface.place(&scale, &weights))
            };
            feasible(loss, limit.value, ends).filter(|r| *r < ends.1)
        };
        let now = at(1.0)?;
        let (half, twice) = (at(0.5)?, at(2.0)?);
        let moves = (half - now).abs().max((twice - now).abs()) > WORTH_SAYING;
        moves.then(|| {
            format!(
                "the best guess keeps {} up to {} {now:.3}; with half the tokens up to {half:.3}, with twice up to {twice:.3}",
                limit.text, self.project.domains[lead]
            )
        })
    }

    fn verdict(&self) -> Vec<String> {
        let mut said = Vec::new();
        let best = &self.chosen.best.weights;
        if self.assumed {
            said.push(format!(
                "no current mixture is stated: compared with the mean of the runs' mixtures ({})",
                self.names(self.odds.current)
            ));
        }
        if self.keep {
            said.push(format!(
                "the current mixture is as good as can be told: the best found ({}) would gain {:.4} nats with odds of {:.0} %",
                self.names(best),
                self.gain,
                100.0 * self.p_better
            ));
        } else {
            let now = self.odds.excess(self.odds.current);
            if now > 0.0 {
                said.push(format!(
                    "the current mixture breaks a limit by {:.1} % at the best guess; keeping it comes first",
                    100.0 * (now.exp() - 1.0)
                ));
            }
        }
        said
    }

    fn limits(&self) -> Vec<String> {
        let (best, guess) = (&self.chosen.best.weights, &self.chosen.guess.weights);
        let mut said = Vec::new();
        let limits = self.odds.limits;
        let text =
            || limits.iter().map(|l| format!("{} ({:.3} nats)", l.text, l.value)).collect::<Vec<_>>().join(" and ");
        if !limits.is_empty() {
            let within = self.odds.within(best);
            if distance(best, guess) > 1e-9 && self.chosen.sure {
                said.push(format!(
                    "the limit decides: {} keeps {} with odds of {:.0} % ({:.0} % are asked for); at {} the best guess \
                     alone still would, with odds of {:.0} %",
                    self.names(best),
                    text(),
                    100.0 * within,
                    100.0 * SURE,
                    self.names(guess),
                    100.0 * self.odds.within(guess)
                ));
            } else if !self.chosen.sure {
                said.push(format!(
                    "no mixture keeps {} with odds of {:.0} %; this one has the best, {:.0} %",
                    text(),
                    100.0 * SURE,
                    100.0 * within
                ));
            } else {
                said.push(format!("{} holds with odds of {:.0} % and does not decide", text(), 100.0 * within));
            }
            said.extend(limits.iter().filter_map(|l| l.how.clone()));
        }
        said
    }

    /// Bounds, supply and the edge of what was explored, where a weight stands on them.
    fn edges(&self) -> Vec<String> {
        let best = &self.chosen.best.weights;
        let mut said = Vec::new();
        for ((domain, weight), range) in self.project.domains.iter().zip(best).zip(&self.region.ranges) {
            for (at, edge, word) in [(range.low, &range.low_edge, "least"), (range.high, &range.high_edge, "most")] {
                if *edge != Edge::Simplex && (weight - at).abs() < 1.5e-3 {
                    said.push(format!("{domain} stands at its {word}: {}", edge.sentence(self.odds.scale.tokens)));
                }
            }
        }
        let bound_by_limit = !self.odds.limits.is_empty() && distance(best, &self.chosen.guess.weights) > 1e-9;
        let at_corner = best.iter().any(|w| *w < 1.5e-3 || *w > 1.0 - 1.5e-3);
        if said.is_empty() && !bound_by_limit && self.chosen.sure && !at_corner && self.odds.excess(best) < -2e-3 {
            said.push("the optimum is inside everything that was tried: no bound or limit holds it back".to_owned());
        }
        said
    }

    fn beyond(&self) -> Option<String> {
        let beyond: &Found = &self.beyond?.best;
        let more = self.chosen.best.objective - beyond.objective;
        (more > 1e-3 && distance(&beyond.weights, &self.chosen.best.weights) > 0.01).then(|| {
            format!(
                "outside what the runs have explored the laws see {:.3} nats less, at {}: a run there would tell \
                 (`--extrapolate` advises it unseen)",
                more,
                self.names(&beyond.weights)
            )
        })
    }

    fn leap(&self) -> Vec<String> {
        let mut said = Vec::new();
        let odds = self.odds;
        let Some(surface) = odds.surfaces[self.project.lead()].as_ref() else { return said };
        let far = (surface.extrapolation)(&surface.place(&odds.scale, &self.chosen.best.weights));
        for (times, amount, what, seen) in [
            (far.params, odds.scale.params, "parameters", "the largest run"),
            (far.tokens, odds.scale.tokens, "tokens", "the longest run"),
        ] {
            if times > FAR {
                said.push(format!("{} {what} are {times:.1} × {seen}: {EXTRAPOLATES}", show_amount(amount)));
            }
        }
        let outside = |w: &[f64]| {
            (0..w.len()).any(|d| {
                let seen = self.mixtures.iter().map(|m| m[d]);
                w[d] < seen.clone().fold(1.0, f64::min) - 1e-3 || w[d] > seen.fold(0.0, f64::max) + 1e-3
            })
        };
        if outside(odds.current) {
            said.push(
                "the current mixture is outside what the runs have explored: what it would reach is a guess".to_owned(),
            );
        }
        if outside(&self.chosen.best.weights) {
            said.push("the advised mixture is outside what the runs have explored, as asked for".to_owned());
        }
        said
    }

    /// Tokens that would be seen more than once.
    fn repetition(&self) -> Vec<String> {
        let of = |(domain, weight): (&String, &f64)| {
            let (seen, unique) = (weight * self.odds.scale.tokens, *self.project.available_tokens.get(domain)?);
            let worth = effective_tokens(seen, unique);
            (seen > 1.01 * unique).then(|| {
                let epochs = seen / unique;
                let taken = match self.project.fit.repetition {
                    true => format!("{} of them count as {} fresh ones", show_amount(seen), show_amount(worth)),
                    false => "the laws take repeated tokens to be as good as new".to_owned(),
                };
                format!("each {domain} token would be used {epochs:.1} times; {taken}")
            })
        };
        self.project.domains.iter().zip(&self.chosen.best.weights).filter_map(of).collect()
    }

    fn skill(&self) -> Vec<String> {
        self.odds.surfaces.iter().flatten().filter_map(|surface| surface.trust("held-out mixtures")).collect()
    }
}
