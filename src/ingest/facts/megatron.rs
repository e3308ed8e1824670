//! Facts in the arguments of Megatron-LM, Megatron-DeepSpeed and GPT-NeoX: as they are printed at the start of a run, on a
//! command line, or in a file.

use super::{Found, blend, routing};
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::Value;
use std::collections::BTreeMap;

/// Arguments that facts are made of.
pub(super) const WANTED: &[&str] = &[
    "add_bias_linear",
    "add_qkv_bias",
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
    "kv_lora_rank",
    "load",
    "lr",
    "lr_decay_iters",
    "lr_decay_style",
    "lr_warmup_fraction",
    "lr_warmup_iters",
    "lr_warmup_samples",
    "lr_wsd_decay_iters",
    "min_lr",
    "moe_expert_capacity_factor",
    "moe_ffn_hidden_size",
    "moe_layer_freq",
    "moe_router_load_balancing_type",
    "moe_router_score_function",
    "moe_router_topk",
    "moe_shared_expert_intermediate_size",
    "moe_train_capacity_factor",
    "moe_use_upcycling",
    "multi_latent_attention",
    "normalization",
    "num_attention_heads",
    "num_experts",
    "num_layers",
    "num_query_groups",
    "per_split_data_args_path",
    "pipeline_model_parallel_size",
    "pretrained_checkpoint",
    "q_lora_rank",
    "qk_head_dim",
    "qk_layernorm",
    "qk_pos_emb_head_dim",
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
    "v_head_dim",
    "world_size",
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
        add(FactName::Gpus, number(self.positive("world_size")), "world_size");
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
            let all = self.0.iter().map(|(name, (value, _))| ((*name).to_owned(), Value::String(value.clone())));
            for (name, value, from) in routing::of_experts(&Value::Object(all.collect())) {
                add(name, Some(value), &from);
            }
        }
        add(FactName::Layers, number(self.positive("num_layers")), "num_layers");
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
        if self.flag("moe_use_upcycling", false) {
            // What is loaded is dense, and made a mixture of experts before the first step.
            add(FactName::UpcycledFrom, init("load"), "load");
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
    /// of the transformer layers and the final norm. `None` for layers of another kind (Mamba).
    fn params(&self) -> Option<(f64, f64)> {
        if ["hybrid_layer_pattern", "hybrid_override_pattern"].iter().any(|name| self.text(name).is_some()) {
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

        // The norms of queries and keys are of one head, or, where these are compressed, of what they are compressed to.
        let normed = f64::from(u8::from(self.flag("qk_layernorm", false))) * norm / hidden;
        let attention = if self.flag("multi_latent_attention", false) {
            self.latent_attention(hidden, heads, bias, normed)?
        } else {
            let (queries, keys) = (heads * width, 2.0 * groups * width);
            let biased = if self.flag("add_qkv_bias", false) { 1.0 } else { bias };
            hidden * (2.0 * queries + keys) + biased * (queries + keys) + bias * hidden + normed * 2.0 * width
        };
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

    /// Compressed queries, keys and values (DeepSeek-V2, arXiv:2405.04434, section 2.1); `normed` numbers of a norm for each
    /// channel that is normed.
    fn latent_attention(&self, hidden: f64, heads: f64, bias: f64, normed: f64) -> Option<f64> {
        let (plain, rope) = (self.positive("qk_head_dim")?, self.positive("qk_pos_emb_head_dim")?);
        let (rank, value) = (self.positive("kv_lora_rank")?, self.positive("v_head_dim")?);
        let through = |inputs: f64, outputs: f64| (inputs + bias) * outputs;
        let queries = match self.positive("q_lora_rank") {
            Some(q_rank) => through(hidden, q_rank) + normed * q_rank + through(q_rank, heads * (plain + rope)),
            None => through(hidden, heads * (plain + rope)),
        };
        let keys = through(hidden, rank + rope) + normed * rank + through(rank, heads * (plain + value));
        Some(queries + keys + through(heads * value, hidden))
    }

    /// Layers with experts: `moe_layer_freq` is every how many layers, or a list with 1 for each, as Python would write it:
    /// `([0]*3+[1]*58)`.
    fn sparse_layers(&self, layers: f64) -> Option<f64> {
        let Some(text) = self.text("moe_layer_freq") else { return Some(layers) };
        if !text.contains('[') {
            return text.parse().ok().filter(|every: &f64| *every >= 1.0).map(|every| (layers / every).ceil());
        }
        let (mut all, mut sparse) = (0.0, 0.0);
        for term in text.trim().trim_start_matches('(').trim_end_matches(')').split('+') {
            let (list, times) = term.trim().rsplit_once('*').unwrap_or((term, "1"));
            let (list, times) = (blend::python_list(list)?, times.trim().parse::<f64>().ok()?);
            let kind = |kind: &str| times * list.iter().filter(|layer| *layer == kind).count() as f64;
            all += kind("0") + kind("1");
            sparse += kind("1");
        }
        (all == layers).then_some(sparse)
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
        let sparse = expected - 31.0 * (7.0 * 3.0 * 4096.0 * 14_336.0 + 8.0 * 4096.0);
        assert_eq!(find(&every_other, FactName::Params).map(|f| f.0), Some(FactValue::Number(sparse)));
        for wrong in ["[layer % 2 for layer in range(32)]", "([0]*31+[1]*2)", "[2]*32"] {
            every_other[11].1 = wrong;
            assert_eq!(find(&every_other, FactName::Params), None, "{wrong}");
        }
    }

    #[test]
    fn attention_of_every_kind_is_counted() {
        // DeepSeek-V2-Lite: 15,706,484,224 in all with two 102400 × 2048 embeddings; a dense layer, then 64 experts, 2 shared.
        let lite = [
            ("num_layers", "27"),
            ("hidden_size", "2048"),
            ("num_attention_heads", "16"),
            ("ffn_hidden_size", "10944"),
            ("swiglu", "True"),
            ("add_bias_linear", "False"),
            ("normalization", "RMSNorm"),
            ("qk_layernorm", "True"),
            ("multi_latent_attention", "True"),
            ("q_lora_rank", "None"),
            ("kv_lora_rank", "512"),
            ("qk_head_dim", "128"),
            ("qk_pos_emb_head_dim", "64"),
            ("v_head_dim", "128"),
            ("num_experts", "64"),
            ("moe_router_topk", "6"),
            ("moe_ffn_hidden_size", "1408"),
            ("moe_shared_expert_intermediate_size", "2816"),
            ("moe_layer_freq", "([0]*1+[1]*26)"),
        ];
        let expected = 15_706_484_224.0 - 2.0 * 102_400.0 * 2048.0;
        assert_eq!(find(&lite, FactName::Params).map(|f| f.0), Some(FactValue::Number(expected)));
        // Qwen2-0.5B: 494,032,768 with one 151936 × 896 embedding; biases of queries, keys and values only.
        let qwen = [
            ("num_layers", "24"),
            ("hidden_size", "896"),
            ("num_attention_heads", "14"),
            ("num_query_groups", "2"),
            ("group_query_attention", "True"),
            ("ffn_hidden_size", "4864"),
            ("swiglu", "True"),
            ("add_bias_linear", "False"),
            ("add_qkv_bias", "True"),
            ("normalization", "RMSNorm"),
        ];
        let expected = 494_032_768.0 - 151_936.0 * 896.0;
        assert_eq!(find(&qwen, FactName::Params).map(|f| f.0), Some(FactValue::Number(expected)));
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
        assert!(find(&[("load", "/ckpt"), ("moe_use_upcycling", "True")], FactName::UpcycledFrom).is_some());
        assert_eq!(find(&[("load", "/ckpt")], FactName::UpcycledFrom), None);
    }
}
