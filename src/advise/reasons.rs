//! The reasons for a recommendation, in sentences: which limit binds, how sure it is, and how far it extrapolates.

use super::evidence::{Chosen, SURE};
use super::limits::{Limit, Tie};
use super::measured::Trial;
use super::probability::{JointSamples, distance};
use super::region::{Edge, Region};
use super::search::BestMixture;
use super::tested::Beyond;
use crate::laws::critical_ratio::feasible;
use crate::laws::repetition::effective_tokens;
use crate::project::Project;
use crate::vocab::count::counted;
use crate::vocab::number::{show_amount, show_times, significant};
use crate::vocab::{EXTRAPOLATES, Scale};

/// Mixtures that differ by less weight are one.
const SAME: f64 = 1e-3;

/// Beyond this many times the largest N or D seen, a reason says how far.
const FAR: f64 = 1.05;

/// What the reasons are written from.
pub(super) struct Explanation<'a> {
    pub project: &'a Project,
    pub joint: &'a JointSamples<'a, 'a>,
    pub region: &'a Region,
    pub chosen: &'a Chosen,
    /// What would be advised without regard to what the runs have explored.
    pub beyond: Option<&'a Chosen>,
    /// Distinct mixtures of the runs.
    pub mixtures: &'a [Vec<f64>],
    /// How far beyond them the mixture is, and what was tested there; `None` where it is not, or nothing was.
    pub further: Option<Beyond>,
    /// Mixtures beyond those of the runs were asked for.
    pub asked: bool,
    /// The mixture beyond the runs is advised for what it gains over the best between them.
    pub gains: bool,
    /// No current mixture is stated.
    pub assumed: bool,
    /// The current mixture is advised.
    pub keep: bool,
    pub p_better: f64,
    pub gain: f64,
}

/// The sentences, the deciding ones first.
pub(super) fn explain(explanation: &Explanation<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    reasons.extend(explanation.verdict());
    reasons.extend(explanation.limits());
    reasons.extend(explanation.critical_ratio());
    reasons.extend(explanation.further());
    reasons.extend(explanation.edges());
    reasons.extend(explanation.beyond());
    reasons.extend(explanation.extrapolation());
    reasons.extend(explanation.repetition());
    reasons.extend(explanation.skill());
    reasons
}

/// Whether a mixture outside the explored ones is so much better than what is advised that it is told.
pub(super) fn is_worth_saying(advised: &BestMixture, beyond: &BestMixture) -> bool {
    advised.objective - beyond.objective > 1e-3
}

impl Explanation<'_> {
    /// The best run measured near the target beside what the laws predict of the mixture that they would have advised.
    pub(super) fn beside(&self, trial: &Trial, loss: f64, predicted: &BestMixture) -> String {
        let (run, measured, at) = (&trial.run, self.names(&trial.weights), self.names(&predicted.weights));
        let unit = self.project.objective_unit();
        let scale = format!("{} parameters, {} tokens", show_amount(trial.params), show_amount(trial.tokens));
        let moved = if trial.losses == trial.at_target { "" } else { "; at the target's by the laws" };
        if loss <= predicted.objective {
            format!(
                "Measured: {run} reached {loss:.4} {unit} near the target ({scale}{moved}) with {measured}. The laws predict no lower \
                 loss for any allowed mixture ({:.4} at {at}), so what was measured counts.",
                predicted.objective
            )
        } else {
            format!(
                "The best run measured near the target ({run}: {scale}{moved}, {measured}) reached {loss:.4} {unit}; {:.4} is \
                 predicted at {at}.",
                predicted.objective
            )
        }
    }

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
        let ([limit], [_, _]) = (self.joint.limits, self.project.domains.as_slice()) else { return None };
        let lead = self.project.lead();
        // A limit beside the current mixture moves with the tokens itself.
        if self.project.domain_of(limit.domain) == Some(lead) || limit.tie == Tie::Run {
            return None;
        }
        let surface = self.joint.surfaces.get(limit.domain)?.as_ref()?;
        let seen = self.mixtures.iter().map(|m| m[lead]);
        let ends = (seen.clone().fold(1.0, f64::min), seen.fold(0.0, f64::max));
        let at = |times: f64| {
            let scale = Scale { tokens: times * self.joint.scale.tokens, ..self.joint.scale };
            let loss = |r: f64| {
                let mut weights = [1.0 - r; 2];
                weights[lead] = r;
                surface.best(&surface.place(&scale, &weights))
            };
            feasible(loss, limit.value, ends).filter(|r| *r < ends.1)
        };
        let now = at(1.0)?;
        let (half, twice) = (at(0.5)?, at(2.0)?);
        let moves = (half - now).abs().max((twice - now).abs()) > WORTH_SAYING;
        moves.then(|| {
            format!(
                "Best guess: {} holds up to {} {now:.3}; with half the tokens up to {half:.3}, with twice up to {twice:.3}.",
                limit.text, self.project.domains[lead]
            )
        })
    }

    fn verdict(&self) -> Vec<String> {
        let mut said = Vec::new();
        let best = &self.chosen.best.weights;
        if self.assumed {
            said.push(format!(
                "No current mixture is stated, so the comparison is with the mean of the runs' mixtures ({}).",
                self.names(self.joint.current)
            ));
        }
        if self.keep && (self.gain <= 0.0 || distance(best, self.joint.current) < SAME) {
            said.push(
                "Keep the current mixture: of those that may be advised, none is predicted to be better.".to_owned(),
            );
        } else if self.keep {
            said.push(format!(
                "The runs can't tell the current mixture from the best one found ({}: {:.4} {} lower, probability {:.0} %).",
                self.names(best),
                self.gain,
                self.project.objective_unit(),
                100.0 * self.p_better
            ));
        } else {
            let now = self.joint.excess(self.joint.current);
            if now > 0.0 {
                said.push(format!(
                    "The current mixture exceeds a limit by {:.1} % at the best guess, so meeting it comes first.",
                    100.0 * (now.exp() - 1.0)
                ));
            }
        }
        said
    }

    fn limits(&self) -> Vec<String> {
        let (best, guess) = (&self.chosen.best.weights, &self.chosen.guess.weights);
        let mut said = Vec::new();
        let limits = self.joint.limits;
        let unit = |l: &Limit| self.project.metrics.get(l.domain).map(|metric| metric.unit).unwrap_or_default();
        let text = || {
            limits.iter().map(|l| format!("{} ({})", l.text, unit(l).show(l.value))).collect::<Vec<_>>().join(" and ")
        };
        if !limits.is_empty() {
            let within = self.joint.within(best);
            if distance(best, guess) > 1e-9 && self.chosen.sure {
                said.push(format!(
                    "The limit stops us: {} meets {} with a probability of {:.0} % (required: {:.0} %). At {} the best \
                     guess still meets it, but only with {:.0} %.",
                    self.names(best),
                    text(),
                    100.0 * within,
                    100.0 * SURE,
                    self.names(guess),
                    100.0 * self.joint.within(guess)
                ));
            } else if !self.chosen.sure {
                said.push(format!(
                    "No mixture meets {} with a probability of {:.0} %; this one comes closest, with {:.0} %.",
                    text(),
                    100.0 * SURE,
                    100.0 * within
                ));
            } else {
                said.push(format!(
                    "{} holds with a probability of {:.0} %, so it does not limit the choice.",
                    text(),
                    100.0 * within
                ));
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
            if range.is_fixed() {
                said.push(match &range.low_edge {
                    Edge::Explored => format!("{domain} has the one weight that all runs have."),
                    edge => {
                        let edge = edge.sentence(self.joint.scale.tokens);
                        format!("{domain} has the only weight that it may have: {edge}.")
                    }
                });
                continue;
            }
            for (at, edge, word) in [(range.low, &range.low_edge, "minimum"), (range.high, &range.high_edge, "maximum")]
            {
                if *edge != Edge::Simplex && (weight - at).abs() < 1.5e-3 {
                    said.push(format!("{domain} is at its {word}: {}.", edge.sentence(self.joint.scale.tokens)));
                }
            }
        }
        said.extend(self.region.held_back(best));
        let bound_by_limit = !self.joint.limits.is_empty() && distance(best, &self.chosen.guess.weights) > 1e-9;
        let at_corner = best.iter().any(|w| *w < 1.5e-3 || *w > 1.0 - 1.5e-3);
        if said.is_empty()
            && self.beyond().is_none()
            && self.further.is_none()
            && !bound_by_limit
            && self.chosen.sure
            && !at_corner
            && self.joint.excess(best) < -2e-3
        {
            said.push("The optimum lies inside the explored mixtures; no bound or limit holds it back.".to_owned());
        }
        said
    }

    fn beyond(&self) -> Option<String> {
        let beyond: &BestMixture = &self.beyond?.best;
        let more = self.chosen.best.objective - beyond.objective;
        let says = is_worth_saying(&self.chosen.best, beyond);
        (says && distance(&beyond.weights, &self.chosen.best.weights) > 0.01).then(|| {
            format!(
                "{} the laws predict {:.3} {} less, at {}. Launch a run there to test it, \
                 or use `--extrapolate` to recommend it without one (to accept it too: mixture: {{ beyond_runs: true }}).",
                if self.further.is_some() { "Still further from the runs" } else { "Outside the explored mixtures" },
                more,
                self.project.objective_unit(),
                self.names(&beyond.weights)
            )
        })
    }

    /// That the mixture is beyond those of the runs, how far, what was tested there, and why it is advised.
    fn further(&self) -> Option<String> {
        let Beyond { runs, error, usual, counted: most, last } = self.further.clone()?;
        let (tested, how_far) = (runs.tested, runs.how_far());
        let percent = |error: f64| format!("{} %", significant(100.0 * error, 2));
        let held = match tested {
            0 => "No held-out run was as far from the others.".to_owned(),
            _ => format!(
                "{} {} as far from the others; the laws were wrong about {} by {} ({} about all held out).",
                counted(tested, "held-out mixture"),
                if tested == 1 { "was" } else { "were" },
                if tested == 1 { "it" } else { "them" },
                percent(error),
                percent(usual)
            ),
        };
        let mut said = format!("The recommended mixture lies beyond those of the runs{how_far}. {held}");
        if self.gains {
            said.push_str(&format!(
                " Its predicted gain over the best mixture between the runs exceeds what the laws may be wrong by there (at most {}) \
                 with a probability of 95 %.",
                percent(most)
            ));
        }
        if self.gains && last {
            said.push_str(" Further out, too few held-out mixtures were tested.");
        }
        Some(said)
    }

    fn extrapolation(&self) -> Vec<String> {
        let mut said = Vec::new();
        let joint = self.joint;
        let minimize = &joint.goal.minimize;
        let most = (0..minimize.len()).max_by(|a, b| minimize[*a].total_cmp(&minimize[*b]).then(b.cmp(a)));
        let Some(surface) = most.and_then(|metric| joint.surfaces[metric].as_ref()) else { return said };
        let far = (surface.extrapolation)(&surface.place(&joint.scale, &self.chosen.best.weights));
        for (times, amount, what, seen) in [
            (far.params, joint.scale.params, "parameters", "the largest run"),
            (far.tokens, joint.scale.tokens, "tokens", "the longest run"),
        ] {
            if times > FAR {
                said.push(format!("{} {what} are {} × {seen}: {EXTRAPOLATES}", show_amount(amount), show_times(times)));
            }
        }
        let outside = |w: &[f64]| {
            (0..w.len()).any(|d| {
                let seen = self.mixtures.iter().map(|m| m[d]);
                w[d] < seen.clone().fold(1.0, f64::min) - 1e-3 || w[d] > seen.fold(0.0, f64::max) + 1e-3
            })
        };
        if outside(joint.current) {
            said.push(
                "The current mixture is outside the explored mixtures, so its predicted loss is a guess.".to_owned(),
            );
        }
        if self.asked && outside(&self.chosen.best.weights) {
            said.push("The recommended mixture is outside the explored mixtures, as requested.".to_owned());
        }
        said
    }

    /// Tokens that would be seen more than once.
    fn repetition(&self) -> Vec<String> {
        let of = |(domain, weight): (&String, &f64)| {
            let (seen, unique) = (weight * self.joint.scale.tokens, *self.project.available_tokens.get(domain)?);
            let worth = effective_tokens(seen, unique);
            (seen > 1.01 * unique).then(|| {
                let epochs = seen / unique;
                let taken = match self.project.fit.repetition {
                    true => format!("{} of them count as {} fresh tokens", show_amount(seen), show_amount(worth)),
                    false => "the laws treat repeated tokens as fresh ones".to_owned(),
                };
                format!("Each {domain} token would be used {epochs:.1} times; {taken}.")
            })
        };
        self.project.domains.iter().zip(&self.chosen.best.weights).filter_map(of).collect()
    }

    fn skill(&self) -> Vec<String> {
        let surfaces = self.joint.surfaces.iter().flatten();
        surfaces.flat_map(|surface| surface.trust("held-out mixtures").into_iter().chain(surface.picks())).collect()
    }
}
