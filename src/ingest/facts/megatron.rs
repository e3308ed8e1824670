//! Facts in the arguments of Megatron-LM, Megatron-DeepSpeed and GPT-NeoX: as they are printed at the start of a run, on a
//! command line, or in a file.

use super::{Found, blend};
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::Value;
use std::collections::BTreeMap;

/// Arguments that facts are made of.
pub(super) const WANTED: &[&str] = &[
    "add_bias_linear",
    "data_args_path",
    "data_path",
    "expert_model_parallel_size",
    "ffn_hidden_size",
    "finetune",
    "global_batch_size",
    "group_query_attention",
    "hidden_size",
    "hybrid_layer_pattern",
    "hybrid_override_pattern",
    "kv_channels",
    "load",
    "lr",
    "lr_decay_iters",
    "lr_decay_style",
    "lr_warmup_fraction",
    "lr_warmup_iters",
    "lr_warmup_samples",
    "lr_wsd_decay_iters",
    "min_lr",
    "moe_ffn_hidden_size",
    "moe_layer_freq",
    "moe_router_topk",
    "moe_shared_expert_intermediate_size",
    "multi_latent_attention",
    "normalization",
    "num_attention_heads",
    "num_experts",
    "num_layers",
    "num_query_groups",
    "per_split_data_args_path",
    "pipeline_model_parallel_size",
    "pretrained_checkpoint",
    "rampup_batch_size",
    "seed",
    "seq_length",
    "swiglu",
    "tensor_model_parallel_size",
    "topk",
    "train_batch_size",
    "train_data_path",
    "train_data_paths",
    "train_data_weights",
    "train_iters",
    "train_samples",
    "train_tokens",
    "train_weighted_split_paths",
    "train_weighted_split_weights",
    "untie_embeddings_and_output_weights",
];

/// Longest value kept: a blend of a thousand paths fits.
const LONGEST_VALUE: usize = 1 << 17;

/// Arguments by name, each with the line it was found at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments(BTreeMap<&'static str, (String, u64)>);

impl Arguments {
    /// Keeps an argument if facts are made of it. Dashes in the name are underscores.
    pub fn note(&mut self, name: &str, value: &str, line: u64) {
        let name = name.replace('-', "_");
        if value.len() <= LONGEST_VALUE
            && let Ok(at) = WANTED.binary_search(&name.as_str())
        {
            self.0.insert(WANTED[at], (value.to_owned(), line));
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names, values and lines, for saving.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.0.iter().map(|(name, (value, line))| (*name, value.as_str(), *line))
    }

    /// A value, unless it is absent or `None`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str()).filter(|value| !matches!(*value, "None" | "none" | ""))
    }

    /// A value that is a number; of a list, its first (Megatron-DeepSpeed's `num_experts` is one).
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        let text = self.text(name)?.trim_start_matches('[');
        let end = text.find([',', ']']).unwrap_or(text.len());
        text[..end].trim().trim_matches('\'').replace('_', "").parse().ok().filter(|v: &f64| v.is_finite())
    }

    /// A value that is yes or no.
    #[must_use]
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    fn positive(&self, name: &str) -> Option<f64> {
        self.number(name).filter(|v| *v > 0.0)
    }

    /// Everything that can be concluded.
    #[must_use]
    pub fn facts(&self) -> Vec<Found> {
        let mut found = Vec::new();
        let mut add = |name: FactName, value: Option<FactValue>, from: &str| {
            if let Some(value) = value {
                let line = self.0.get(from).map_or(0, |(_, line)| *line);
                found.push((name, value, if line > 0 { format!("line {line} ({from})") } else { from.to_owned() }));
            }
        };
        let number = |value: Option<f64>| value.map(FactValue::Number);

        let batch = if self.positive("global_batch_size").is_some() { "global_batch_size" } else { "train_batch_size" };
        add(FactName::BatchSequences, number(self.positive(batch)), batch);
        add(FactName::SequenceLength, number(self.positive("seq_length")), "seq_length");
        add(FactName::PlannedSteps, number(self.positive("train_iters")), "train_iters");
        let length = self.positive("seq_length");
        if self.positive("train_tokens").is_some() {
            add(FactName::PlannedTokens, number(self.positive("train_tokens")), "train_tokens");
        } else {
            let tokens = self.positive("train_samples").zip(length).map(|(samples, length)| samples * length);
            add(FactName::PlannedTokens, number(tokens), "train_samples");
        }
        if let Some(experts) = self.experts() {
            add(FactName::Experts, number(Some(experts)), "num_experts");
            let topk = if self.positive("moe_router_topk").is_some() { "moe_router_topk" } else { "topk" };
            add(FactName::ExpertsPerToken, number(self.positive(topk)), topk);
        }
        if let Some((total, active)) = self.params() {
            add(FactName::Params, number(Some(total)), "num_layers");
            add(FactName::ActiveParams, number(Some(active)), "num_layers");
        }
        add(FactName::LearningRate, number(self.positive("lr")), "lr");
        add(FactName::MinLearningRate, number(self.number("min_lr")), "min_lr");
        let schedule = self.text("lr_decay_style").map(str::to_ascii_lowercase);
        let wsd = schedule.as_deref() == Some("wsd");
        add(FactName::Schedule, schedule.map(FactValue::Text), "lr_decay_style");
        let (warmup, from) = self.warmup();
        add(FactName::WarmupSteps, number(warmup), from);
        if wsd {
            add(FactName::DecaySteps, number(self.positive("lr_wsd_decay_iters")), "lr_wsd_decay_iters");
        }
        add(FactName::Seed, number(self.number("seed")), "seed");
        let init = |name: &str| self.text(name).map(|path| FactValue::Text(path.to_owned()));
        add(FactName::InitFrom, init("pretrained_checkpoint"), "pretrained_checkpoint");
        if self.flag("finetune", false) {
            // Without --finetune, --load is where the same run goes on.
            add(FactName::InitFrom, init("load"), "load");
        }
        if let Some((mixture, from)) = self.mixture() {
            add(FactName::Mixture, Some(FactValue::Mixture(mixture)), from);
        }
        for from in ["data_args_path", "per_split_data_args_path"] {
            // The file holds what would otherwise be here; whoever may open files looks into it.
            add(FactName::Mixture, self.text(from).map(|path| FactValue::Text(path.to_owned())), from);
        }
        found
    }

    /// Whether they are Megatron's: the names are words that others use, too.
    #[must_use]
    pub fn are_megatrons(&self) -> bool {
        ["num_layers", "hidden_size", "tensor_model_parallel_size"].iter().all(|name| self.0.contains_key(name))
    }

    fn experts(&self) -> Option<f64> {
        self.number("num_experts").filter(|experts| *experts > 1.0)
    }

    fn warmup(&self) -> (Option<f64>, &'static str) {
        if let Some(steps) = self.positive("lr_warmup_iters") {
            return (Some(steps), "lr_warmup_iters");
        }
        if let Some(samples) = self.positive("lr_warmup_samples") {
            // While the batch grows, samples are no fixed number of steps.
            let batch = self.positive("global_batch_size").filter(|_| self.text("rampup_batch_size").is_none());
            return (batch.map(|batch| (samples / batch).round()), "lr_warmup_samples");
        }
        let steps = self.positive("lr_decay_iters").or_else(|| self.positive("train_iters"));
        let fraction = self.positive("lr_warmup_fraction");
        (fraction.zip(steps).map(|(fraction, steps)| (fraction * steps).round()), "lr_warmup_fraction")
    }

    fn mixture(&self) -> Option<(Mixture, &'static str)> {
        for name in ["train_data_path", "data_path"] {
            // On a command line it is one path where it is no list.
            if let Some(words) = self.text(name).map(|t| blend::python_list(t).unwrap_or_else(|| vec![t.to_owned()])) {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                return blend::blend(&words).map(|mixture| (mixture, name));
            }
        }
        for (paths, weights) in
            [("train_weighted_split_paths", "train_weighted_split_weights"), ("train_data_paths", "train_data_weights")]
        {
            let list = |name| self.text(name).and_then(blend::python_list);
            if let (Some(names), Some(weights)) = (list(paths), list(weights)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let weights: Vec<f64> = weights.iter().map(|w| w.parse().ok()).collect::<Option<_>>()?;
                return blend::mixture(&weights, &names).map(|mixture| (mixture, paths));
            }
        }
        None
    }

    /// Parameters without embeddings, all and those used for one token, counted from the shape: weights, biases and norms
    /// of the transformer layers and the final norm. `None` for layers of another kind (Mamba, latent attention).
    fn params(&self) -> Option<(f64, f64)> {
        let special = self.flag("multi_latent_attention", false)
            || ["hybrid_layer_pattern", "hybrid_override_pattern"].iter().any(|name| self.text(name).is_some());
        if special {
            return None;
        }
        let layers = self.positive("num_layers")?;
        let hidden = self.positive("hidden_size")?;
        let heads = self.positive("num_attention_heads")?;
        let feed = self.positive("ffn_hidden_size").unwrap_or(4.0 * hidden);
        let width = self.positive("kv_channels").unwrap_or(hidden / heads);
        let groups = if self.flag("group_query_attention", false) { self.positive("num_query_groups")? } else { heads };
        let bias = f64::from(u8::from(self.flag("add_bias_linear", true)));
        let norm = if self.text("normalization").is_some_and(|n| n.eq_ignore_ascii_case("rmsnorm")) {
            hidden
        } else {
            2.0 * hidden
        };
        let gates = if self.flag("swiglu", false) { 2.0 } else { 1.0 };

        let (queries, keys) = (heads * width, 2.0 * groups * width);
        let attention = hidden * (2.0 * queries + keys) + bias * (queries + keys + hidden);
        let perceptron = |inner: f64| (gates + 1.0) * hidden * inner + bias * (gates * inner + hidden);
        let dense = perceptron(feed);
        let (mut total, mut active) = (layers * dense, layers * dense);
        if let Some(experts) = self.experts() {
            let sparse = self.sparse_layers(layers)?;
            let topk = self.positive("moe_router_topk").or_else(|| self.positive("topk"))?;
            let expert = perceptron(self.positive("moe_ffn_hidden_size").unwrap_or(feed));
            let shared = self.positive("moe_shared_expert_intermediate_size").map_or(0.0, perceptron);
            let fixed = shared + hidden * experts;
            total = (layers - sparse) * dense + sparse * (fixed + experts * expert);
            active = (layers - sparse) * dense + sparse * (fixed + topk * expert);
        }
        let rest = layers * (attention + 2.0 * norm) + norm;
        Some((total + rest, active + rest))
    }

    /// Layers with experts: `moe_layer_freq` is every how many layers, or a list with 1 for each.
    fn sparse_layers(&self, layers: f64) -> Option<f64> {
        match self.text("moe_layer_freq") {
            None => Some(layers),
            Some(text) => match blend::python_list(text) {
                Some(pattern) => Some(pattern.iter().filter(|layer| layer.as_str() == "1").count() as f64),
                None => text.parse().ok().filter(|every: &f64| *every >= 1.0).map(|every| (layers / every).ceil()),
            },
        }
    }
}

/// Facts, if the dictionary holds Megatron's arguments: W&B is given them all, forks save them as JSON or YAML.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let has = |name: &str| config.get(name).is_some();
    if !has("num_layers") || !has("hidden_size") || !(has("micro_batch_size") || has("tensor_model_parallel_size")) {
        return Vec::new();
    }
    let mut arguments = Arguments::default();
    for (name, value) in config.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => arguments.note(name, text, 0),
            other => arguments.note(name, &other.to_string(), 0),
        }
    }
    arguments.facts()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(pairs: &[(&str, &str)]) -> Arguments {
        let mut arguments = Arguments::default();
        for (i, (name, value)) in pairs.iter().enumerate() {
            arguments.note(name, value, i as u64 + 1);
        }
        arguments
    }

    fn find(pairs: &[(&str, &str)], name: FactName) -> Option<(FactValue, String)> {
        let found = arguments(pairs).facts().into_iter().find(|(n, _, _)| *n == name);
        found.map(|(_, value, place)| (value, place))
    }

    #[test]
    fn wanted_names_are_sorted() {
        assert!(WANTED.is_sorted(), "they are searched by halving");
    }

    #[test]
    fn a_dense_model_counts_as_pytorch_counts_it() {
        // GPT-2 small: 124,439,808 with token (50257 × 768) and position (1024 × 768) embeddings.
        let gpt2 = [("num_layers", "12"), ("hidden_size", "768"), ("num_attention_heads", "12")];
        let expected = 124_439_808.0 - (50_257.0 + 1024.0) * 768.0;
        assert_eq!(
            find(&gpt2, FactName::Params),
            Some((FactValue::Number(expected), "line 1 (num_layers)".to_owned()))
        );
        // Llama 2 7B: 6,738,415,616 with two 32000 × 4096 embeddings.
        let llama = [
            ("num_layers", "32"),
            ("hidden_size", "4096"),
            ("num_attention_heads", "32"),
            ("ffn_hidden_size", "11008"),
            ("swiglu", "True"),
            ("add_bias_linear", "False"),
            ("normalization", "RMSNorm"),
        ];
        let expected = 6_738_415_616.0 - 2.0 * 32_000.0 * 4096.0;
        assert_eq!(find(&llama, FactName::Params).map(|f| f.0), Some(FactValue::Number(expected)));
    }

    #[test]
    fn a_mixture_of_experts_has_fewer_active_parameters() {
        // Mixtral 8x7B: 46,702,792,704 in all with two 32000 × 4096 embeddings; top-2 of 8.
        let mixtral = [
            ("num-layers", "32"),
            ("hidden-size", "4096"),
            ("num-attention-heads", "32"),
            ("ffn-hidden-size", "14336"),
            ("swiglu", "True"),
            ("add-bias-linear", "False"),
            ("normalization", "RMSNorm"),
            ("num-experts", "8"),
            ("moe-router-topk", "2"),
            ("group-query-attention", "True"),
            ("num-query-groups", "8"),
            ("moe-layer-freq", "1"),
        ];
        let expected = 46_702_792_704.0 - 2.0 * 32_000.0 * 4096.0;
        assert_eq!(find(&mixtral, FactName::Params).map(|f| f.0), Some(FactValue::Number(expected)));
        let active = expected - 6.0 * 32.0 * 3.0 * 4096.0 * 14_336.0;
        assert_eq!(find(&mixtral, FactName::ActiveParams).map(|f| f.0), Some(FactValue::Number(active)));
        let mut every_other = mixtral;
        every_other[11].1 = "([0]*31+[1]*1)";
        assert_eq!(find(&every_other, FactName::Params), None, "an expression is not evaluated");
    }

    #[test]
    fn blends_plans_and_schedules() {
        let found =
            find(&[("data_path", "['3', '/d/code_text_document', '1', '/d/web_text_document']")], FactName::Mixture);
        let Some((FactValue::Mixture(mixture), _)) = found else { panic!("{found:?}") };
        assert_eq!((mixture.weight("code"), mixture.weight("web")), (0.75, 0.25));
        let plan = [("train_samples", "73_242_187"), ("seq_length", "2048"), ("train_iters", "None")];
        assert_eq!(find(&plan, FactName::PlannedTokens).map(|f| f.0), Some(FactValue::Number(73_242_187.0 * 2048.0)));
        assert_eq!(find(&plan, FactName::PlannedSteps), None);
        let ramp = [("lr_warmup_samples", "1000"), ("global_batch_size", "10"), ("rampup_batch_size", "None")];
        assert_eq!(find(&ramp, FactName::WarmupSteps).map(|f| f.0), Some(FactValue::Number(100.0)));
        let fraction = [("lr_warmup_fraction", "0.01"), ("train_iters", "1000"), ("lr_warmup_iters", "0")];
        assert_eq!(find(&fraction, FactName::WarmupSteps).map(|f| f.0), Some(FactValue::Number(10.0)));
        assert_eq!(find(&[("load", "/ckpt")], FactName::InitFrom), None, "a run that goes on started from nothing");
        assert!(find(&[("load", "/ckpt"), ("finetune", "True")], FactName::InitFrom).is_some());
    }
}
