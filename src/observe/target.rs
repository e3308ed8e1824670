//! Default target: the size, tokens and experts of the largest run.

use super::assume::Assuming;
use super::{RunRecord, counts};
use crate::project::sidecar::FILE_NAME;
use crate::project::suggest::listed;
use crate::vocab::count::counted;
use crate::vocab::number::show_amount;
use crate::vocab::{FactName, Moe, Severity};

/// Runs that a message names before it counts.
const NAMED: usize = 3;

impl Assuming<'_> {
    pub(super) fn target(&mut self) {
        let largest = |value: &dyn Fn(&RunRecord) -> Option<f64>| {
            let found = self.runs.iter().filter_map(|r| value(r).filter(|v| v.is_finite() && *v > 0.0));
            found.max_by(f64::total_cmp)
        };
        let number = |name: FactName| move |r: &RunRecord| r.facts.number(name);
        let params = largest(&number(FactName::Params)).or_else(|| largest(&number(FactName::TotalParams)));
        let tokens = largest(&|r| r.facts.planned_tokens().or_else(|| counts::latest_tokens(r)));
        let mut said = Vec::new();
        let target = &mut self.project.target;
        if let (None, Some(n)) = (target.params, params) {
            target.params = Some(n);
            said.push(format!("{} parameters (the largest run)", show_amount(n)));
        }
        if let (None, Some(d)) = (target.tokens, tokens) {
            target.tokens = Some(d);
            said.push(format!("{} tokens (the longest run)", show_amount(d)));
        }
        if !said.is_empty() {
            let amount = |value: Option<f64>| value.map_or_else(|| "7B".to_owned(), show_amount);
            let help = format!("target: {{ params: {}, tokens: {} }}", amount(target.params), amount(target.tokens));
            self.say(Severity::Info, format!("target assumed: {}", said.join("; ")), help);
        }
        self.experts();
        if self.project.target.params.is_none() {
            let text = "no run states its parameter count, so laws in N cannot be fitted".to_owned();
            let help =
                "facts:\n  params: config.json#num_params\nor the same for all runs:\nfacts:\n  params: 1B".to_owned();
            self.say(Severity::Warning, text, help);
        }
    }

    /// Says which runs' tokens are unknown, and what to write.
    pub(super) fn tokens(&mut self) {
        let logs = |run: &&RunRecord| !run.series.is_empty() || !run.others.is_empty();
        let known = |run: &RunRecord| run.facts.tokens_per_step().is_some() || counts::latest_tokens(run).is_some();
        let unknown: Vec<&RunRecord> = self.runs.iter().filter(logs).filter(|run| !known(run)).collect();
        let Some(first) = unknown.first() else { return };
        let length = first.facts.number(FactName::SequenceLength).filter(|length| *length > 0.0);
        let help = match length {
            Some(length) => format!(
                "in {FILE_NAME} of each run, the sequences of {length} tokens in a step, over all devices: batch_sequences: 256"
            ),
            None => format!("in {FILE_NAME} of each run, the tokens in a step, over all devices: batch_tokens: 1M"),
        };
        let named = listed(unknown.iter().take(NAMED).map(|run| &*run.name));
        let more = unknown.len().saturating_sub(NAMED);
        let names = if more > 0 { format!("{named} and {more} more") } else { named };
        let text = match unknown.len() {
            all if all == self.runs.len() && all > 1 => {
                "tokens per step are unknown, so laws in D cannot be fitted".to_owned()
            }
            count => format!(
                "tokens per step of {} unknown ({names}), so laws in D leave {} out",
                counted(count, "run"),
                if count == 1 { "it" } else { "them" }
            ),
        };
        self.say(Severity::Info, text, help);
    }

    /// The target's experts: those of the largest run, unless the project says otherwise.
    fn experts(&mut self) {
        let size = |r: &&RunRecord| r.facts.params().filter(|n| n.is_finite()).unwrap_or(0.0);
        let by_size = |a: &&RunRecord, b: &&RunRecord| size(a).total_cmp(&size(b));
        let Some(like) = self.runs.iter().filter(|r| r.facts.moe().is_some()).max_by(by_size) else { return };
        let Some(moe) = like.facts.moe() else { return };
        let dense = self.runs.iter().max_by(by_size).is_none_or(|r| r.facts.moe().is_none());
        let target = &mut self.project.target;
        let stated = target.experts.is_some() || target.active_params.is_some() || target.experts_per_token.is_some();
        if dense && !stated {
            return;
        }
        let Some(params) = target.params else { return };
        let experts = *target.experts.get_or_insert(moe.experts);
        if experts <= 1.0 {
            return;
        }
        let chosen = *target.experts_per_token.get_or_insert(moe.experts_per_token.min(experts));
        target.granularity.get_or_insert(moe.granularity);
        let assumed = target.active_params.is_none();
        let same = like.facts.params() == Some(params) && experts == moe.experts && chosen == moe.experts_per_token;
        let active = *target.active_params.get_or_insert_with(|| {
            if same {
                moe.active_params
            } else {
                params / expert_share(shapes(self.runs)).total_over_active(experts / chosen)
            }
        });
        if !stated || assumed {
            let text = format!(
                "target assumed: {} experts, {} per token, {} active parameters (as in the largest mixture-of-experts run)",
                show_amount(experts),
                show_amount(chosen),
                show_amount(active)
            );
            let help = format!(
                "target: {{ experts: {}, experts_per_token: {}, active_params: {} }}; for a dense model: experts: 1",
                show_amount(experts),
                show_amount(chosen),
                show_amount(active)
            );
            self.say(Severity::Info, text, help);
        }
    }
}

/// N and shape of every run with experts.
pub(crate) fn shapes(runs: &[RunRecord]) -> impl Iterator<Item = (f64, Moe)> {
    runs.iter().filter_map(|r| Some((r.facts.params()?, r.facts.moe()?)))
}

/// The part of the parameters that a token uses which is in experts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpertShare(f64);

/// What the runs with experts say of it; 2/3 (an MLP four times as wide as the model) where there is none.
pub(crate) fn expert_share(runs: impl Iterator<Item = (f64, Moe)>) -> ExpertShare {
    let share = |(params, moe): (f64, Moe)| {
        let more = moe.experts / moe.experts_per_token - 1.0;
        ((params / moe.active_params - 1.0) / more).clamp(0.0, 1.0)
    };
    let mut shares: Vec<f64> = runs.map(share).filter(|s| s.is_finite() && *s > 0.0).collect();
    shares.sort_by(f64::total_cmp);
    ExpertShare(shares.get(shares.len() / 2).copied().unwrap_or(2.0 / 3.0))
}

impl ExpertShare {
    /// This part, 0 to 1.
    pub(crate) fn of(part: f64) -> Self {
        Self(part.clamp(0.0, 1.0))
    }

    /// All parameters over those used for one token, for a model with `sparsity` = E / K experts for each that is used:
    /// of the part s in experts there is E / K times as much, so N / N_act = 1 + s (E / K − 1).
    pub(crate) fn total_over_active(self, sparsity: f64) -> f64 {
        1.0 + self.0 * (sparsity - 1.0).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::assume;
    use crate::observe::tests::{code_cpt, project};
    use crate::project::Target;
    use crate::vocab::FactValue;
    use std::sync::Arc;

    /// Runs of 300k parameters a token, half of them in experts.
    fn sweep(experts: &[f64]) -> Vec<RunRecord> {
        let mut runs = code_cpt();
        runs.truncate(experts.len());
        for (run, experts) in runs.iter_mut().zip(experts) {
            Arc::make_mut(&mut run.facts).known.clear();
            for (name, value) in [
                (FactName::Params, 300e3 * (1.0 + 0.5 * (experts - 1.0))),
                (FactName::ActiveParams, 300e3),
                (FactName::Experts, *experts),
            ] {
                Arc::make_mut(&mut run.facts).offer(name, FactValue::Number(value), "test");
            }
        }
        runs
    }

    fn scale(target: Target, runs: &[RunRecord]) -> Option<crate::vocab::Scale> {
        let mut stated = project();
        stated.target = Target { tokens: Some(1e6), ..target };
        assume(&stated, runs).0.target.scale()
    }

    #[test]
    fn a_target_without_a_shape_has_that_of_the_largest_run() {
        let largest = scale(Target::default(), &sweep(&[1.0, 2.0, 8.0])).unwrap();
        assert_eq!(largest.params, 1.35e6);
        let moe = largest.moe.unwrap();
        assert_eq!((moe.active_params, moe.experts, moe.experts_per_token), (300e3, 8.0, 1.0));
        assert_eq!(scale(Target::default(), &sweep(&[1.0, 1.0])).unwrap().moe, None);
    }

    #[test]
    fn parameters_used_for_a_token_are_in_the_proportion_of_the_runs() {
        let stated = Target { params: Some(25e9), experts: Some(9.0), ..Target::default() };
        let moe = scale(stated.clone(), &sweep(&[1.0, 2.0, 8.0])).unwrap().moe.unwrap();
        assert!((moe.active_params / 5e9 - 1.0).abs() < 1e-9, "{moe:?}");
        let two = scale(Target { experts_per_token: Some(3.0), ..stated.clone() }, &sweep(&[2.0, 8.0])).unwrap();
        assert!((two.moe.unwrap().active_params / 12.5e9 - 1.0).abs() < 1e-9, "{two:?}");
        assert_eq!(scale(Target { experts: Some(1.0), ..stated }, &sweep(&[2.0, 8.0])).unwrap().moe, None);
    }
}
