//! Parameter formulas of each family of architectures.

use super::keys::Keys;

/// Shape of a mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experts {
    /// E, routed experts per layer.
    pub experts: f64,
    /// K, routed experts per token.
    pub per_token: f64,
    /// G: how many experts stand for one feed-forward layer of the usual width (Krajewski et al. 2024, section 3).
    pub granularity: f64,
}

/// Where the parameters of a family are.
pub struct Plan {
    /// Attention and norms of one layer.
    pub each_layer: f64,
    /// Feed-forward part of a layer without experts.
    pub dense: f64,
    /// Norms before the first and after the last layer.
    pub ends: f64,
    /// Input embeddings and learned positions.
    pub embedding: f64,
    /// Output matrix, where it is not the input's.
    pub head: f64,
    /// Experts, if there are any.
    pub moe: Option<Moe>,
}

/// Experts of a family.
pub struct Moe {
    /// Layers with experts.
    pub layers: f64,
    /// Router and shared experts of one layer.
    pub around: f64,
    /// One routed expert.
    pub expert: f64,
    /// Their number.
    pub experts: Experts,
}

/// Names of the number of routed experts.
pub(super) const EXPERTS: &[&str] = &["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
/// Names of the number of routed experts per token.
pub(super) const PER_TOKEN: &[&str] =
    &["num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_top_k", "moe_topk", "moe_k"];

/// Beginnings of keys that speak of layers of another kind: state spaces, linear and compressed attention, convolutions.
const ELSE: &[&str] = &["mamba", "ssm", "rwkv", "linear_", "conv_", "kv_lora_rank", "q_lora_rank", "block_types"];

/// The plan of a model of width `d` with this many layers and tokens in its vocabulary; `None` where the family is not
/// known or a key is missing.
#[must_use]
pub fn plan(family: &str, keys: &Keys<'_>, d: f64, layers: f64, vocab: f64) -> Option<Plan> {
    let heads = keys.number(&["num_attention_heads", "n_head", "n_heads", "num_heads"])?;
    let kv = keys.number(&["num_key_value_heads", "n_kv_heads", "n_query_groups", "num_kv_heads"]).unwrap_or(heads);
    let head = keys.number(&["head_dim", "d_head"]).unwrap_or(d / heads);
    let ffn = keys.number(&["intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff"]);
    let (q_width, kv_width) = (heads * head, kv * head);
    // The parts that layers are made of: matrices, and biases where there are any.
    let attention = |qkv_bias: bool, out_bias: bool| {
        2.0 * d * (q_width + kv_width) + one(qkv_bias) * (q_width + 2.0 * kv_width) + one(out_bias) * d
    };
    let gated = |f: f64, bias: bool| gated(d, f, bias);
    let plain = |f: f64, bias: bool| 2.0 * d * f + one(bias) * (f + d);
    // A plan in which all else is LLaMA's: one norm of one number per channel at the end, no learned positions.
    let model = |each_layer: f64, dense: f64, tied: bool| Plan {
        each_layer,
        dense,
        ends: d,
        embedding: vocab * d,
        head: if keys.flag("tie_word_embeddings", tied) { 0.0 } else { vocab * d },
        moe: None,
    };
    let bias = |default| keys.flag("attention_bias", default);

    Some(match family {
        "gpt2" | "nanogpt" | "gpt_bigcode" => {
            let bias = family != "nanogpt" || keys.flag("bias", true);
            let norm = if bias { 2.0 * d } else { d };
            let kv_width = if family == "gpt_bigcode" && keys.flag("multi_query", true) { d / heads } else { d };
            let attention = 2.0 * d * (d + kv_width) + one(bias) * (2.0 * d + 2.0 * kv_width);
            let mut plan = model(attention + 2.0 * norm, plain(ffn.unwrap_or(4.0 * d), bias), true);
            plan.ends = norm;
            plan.embedding += keys.number(&["n_positions", "n_ctx", "block_size"]).unwrap_or(1024.0) * d;
            plan
        }
        "gpt_neox" => {
            let mut plan = model(attention(bias(true), bias(true)) + 4.0 * d, plain(ffn?, true), false);
            plan.ends = 2.0 * d;
            plan
        }
        "gptj" | "codegen" => {
            let mut plan = model(attention(false, false) + 2.0 * d, plain(ffn.unwrap_or(4.0 * d), true), false);
            plan.ends = 2.0 * d;
            plan.head += vocab;
            plan
        }
        "gpt_neo" => {
            let mut plan = model(attention(false, true) + 4.0 * d, plain(ffn.unwrap_or(4.0 * d), true), true);
            plan.ends = 2.0 * d;
            plan.embedding += keys.number(&["max_position_embeddings"])? * d;
            plan
        }
        "mpt" => {
            let inner = keys.number(&["expansion_ratio"]).unwrap_or(4.0) * d;
            model(attention(false, false) + 2.0 * d, plain(inner, false), true)
        }
        "falcon" => {
            let (new, bias) = (keys.flag("new_decoder_architecture", false), keys.flag("bias", false));
            // The number of heads that `num_kv_heads` gives is that of the new architecture only.
            let kv = if new { kv } else { [heads, 1.0][usize::from(keys.flag("multi_query", true))] };
            let qkv = q_width + 2.0 * kv * head;
            let norms = match keys.number(&["num_ln_in_parallel_attn"]) {
                Some(norms) if new => norms,
                _ if new || !keys.flag("parallel_attn", true) => 2.0,
                _ => 1.0,
            };
            let attention = d * (qkv + d) + one(bias) * (qkv + d);
            let mut plan = model(attention + norms * 2.0 * d, plain(ffn.unwrap_or(4.0 * d), bias), true);
            plan.ends = 2.0 * d;
            plan
        }
        "opt" => {
            let biases = keys.flag("enable_bias", true);
            let norm = if keys.flag("layer_norm_elementwise_affine", true) { 2.0 * d } else { 0.0 };
            let mut plan = model(attention(biases, biases) + 2.0 * norm, plain(ffn?, biases), true);
            plan.ends = if keys.flag("do_layer_norm_before", true) { norm } else { 0.0 };
            let width = keys.number(&["word_embed_proj_dim"]).unwrap_or(d);
            if width != d {
                plan.ends += 2.0 * width * d;
            }
            plan.embedding = vocab * width + (keys.number(&["max_position_embeddings"])? + 2.0) * d;
            plan
        }
        "bloom" => {
            let mut plan = model(4.0 * d * d + 8.0 * d, plain(4.0 * d, true), true);
            plan.ends = 4.0 * d;
            plan
        }
        "phi" => {
            let mut plan = model(attention(true, true) + 2.0 * d, plain(ffn?, true), false);
            plan.ends = 2.0 * d;
            plan.head += vocab;
            plan
        }
        "starcoder2" => {
            let biases = keys.flag("use_bias", true);
            let mut plan = model(attention(biases, biases) + 4.0 * d, plain(ffn?, biases), true);
            plan.ends = 2.0 * d;
            plan
        }
        "llama" | "granite" | "helium" | "smollm3" => {
            let tied = family == "smollm3";
            model(attention(bias(false), bias(false)) + 2.0 * d, gated(ffn?, keys.flag("mlp_bias", false)), tied)
        }
        "mistral" | "ministral" | "ministral3" | "phi3" => {
            model(attention(false, false) + 2.0 * d, gated(ffn?, false), false)
        }
        "ernie4_5" => {
            let biases = keys.flag("use_bias", false);
            model(attention(biases, biases) + 2.0 * d, gated(ffn?, biases), true)
        }
        "qwen2" | "qwen2_vl_text" | "qwen2_5_vl_text" => {
            model(attention(true, false) + 2.0 * d, gated(ffn?, false), false)
        }
        "qwen3" | "qwen3_vl_text" | "exaone4" | "hunyuan_v1_dense" => {
            model(attention(bias(false), bias(false)) + 2.0 * (d + head), gated(ffn?, false), false)
        }
        "seed_oss" => {
            let attention = attention(bias(true), keys.flag("attention_out_bias", false));
            model(attention + 2.0 * d, gated(ffn?, keys.flag("mlp_bias", false)), false)
        }
        "glm" => model(attention(bias(false), false) + 2.0 * d, gated(ffn?, false), false),
        "glm4" => model(attention(bias(false), false) + 4.0 * d, gated(ffn?, false), false),
        "cohere" | "cohere2" => {
            let norms = d + one(keys.flag("use_qk_norm", false)) * (q_width + kv_width);
            model(attention(bias(false), bias(false)) + norms, gated(ffn?, false), true)
        }
        "stablelm" => {
            let norms = if keys.flag("use_parallel_residual", false) { 2.0 * d } else { 4.0 * d };
            let norms = norms + one(keys.flag("qk_layernorm", false)) * (q_width + kv_width);
            let mut plan = model(attention(keys.flag("use_qkv_bias", false), false) + norms, gated(ffn?, false), false);
            plan.ends = 2.0 * d;
            plan
        }
        "nemotron" => {
            let feed = plain(ffn?, keys.flag("mlp_bias", false));
            let mut plan = model(attention(bias(false), bias(false)) + 4.0 * d, feed, false);
            plan.ends = 2.0 * d;
            plan
        }
        "arcee" => {
            model(attention(bias(false), bias(false)) + 2.0 * d, plain(ffn?, keys.flag("mlp_bias", false)), false)
        }
        // The activation has two numbers of its own.
        "apertus" => {
            let feed = plain(ffn?, keys.flag("mlp_bias", false)) + 2.0;
            model(attention(bias(false), bias(false)) + 2.0 * (d + head), feed, false)
        }
        "bitnet" => model(attention(bias(false), bias(false)) + 3.0 * d, gated(ffn?, false) + ffn?, false),
        "minicpm3" => {
            let attention = latent_attention(keys, d, heads, keys.number(&["kv_lora_rank"])?, bias(false))?;
            model(attention + 2.0 * d, gated(ffn?, false), true)
        }
        "gemma" => model(attention(false, false) + 2.0 * d, gated(ffn?, false), true),
        "gemma2" => model(attention(false, false) + 4.0 * d, gated(ffn?, false), true),
        "gemma3" | "gemma3_text" => model(attention(false, false) + 4.0 * d + 2.0 * head, gated(ffn?, false), true),
        "olmo" => {
            let mut plan = model(attention(bias(false), bias(false)), gated(ffn?, false), false);
            plan.ends = 0.0;
            plan
        }
        "olmo2" | "olmo3" => {
            let norms = 2.0 * d + q_width + kv_width;
            model(attention(bias(false), bias(false)) + norms, gated(ffn?, false), false)
        }
        "mixtral" => {
            let moe = moe(keys, layers, d, 0.0, gated(ffn?, false), granularity(d, ffn?))?;
            model(attention(false, false) + 2.0 * d, 0.0, false).with(moe)
        }
        "granitemoe" | "granitemoeshared" => {
            let shared = gated(keys.number(&["shared_intermediate_size"]).unwrap_or(0.0), false);
            let moe = moe(keys, layers, d, shared, gated(ffn?, false), granularity(d, ffn?))?;
            model(attention(bias(false), bias(false)) + 2.0 * d, 0.0, false).with(moe)
        }
        "minimax_m2" => {
            let norms = one(keys.flag("use_qk_norm", true)) * (q_width + kv_width);
            let moe = moe(keys, layers, d, 0.0, gated(ffn?, false), granularity(d, ffn?))?;
            model(attention(false, false) + 2.0 * d + norms, 0.0, false).with(moe)
        }
        "flex_olmo" => {
            let moe = moe(keys, layers, d, 0.0, gated(ffn?, false), granularity(d, ffn?))?;
            model(attention(bias(false), bias(false)) + 2.0 * d + q_width + kv_width, 0.0, false).with(moe)
        }
        "ernie4_5_moe" => {
            let (f, biases) = (keys.number(&["moe_intermediate_size"])?, keys.flag("use_bias", false));
            let first = keys.number(&["moe_layer_start_index"]).unwrap_or(1.0).max(0.0) as u64;
            let last = keys.number(&["moe_layer_end_index"]).filter(|last| *last >= 0.0).unwrap_or(layers - 1.0) as u64;
            let every = keys.number(&["moe_layer_interval"]).unwrap_or(1.0).max(1.0) as u64;
            let sparse = |layer: &u64| (layer + 1).is_multiple_of(every) && (first..=last).contains(layer);
            let layers = (0..layers as u64).filter(sparse).count() as f64;
            let shared = gated(keys.number(&["moe_num_shared_experts"]).unwrap_or(0.0) * f, biases);
            // Besides the router, a number for each expert that balances their loads.
            let moe = moe(keys, layers, d + 1.0, shared, gated(f, biases), ffn? / f)?;
            model(attention(biases, biases) + 2.0 * d, gated(ffn?, biases), true).with(moe)
        }
        "llama4_text" => {
            let dense = keys.number(&["intermediate_size_mlp"])?;
            let every = keys.number(&["interleave_moe_layer_step"]).unwrap_or(1.0).max(1.0) as u64;
            let layers = (layers as u64 / every) as f64;
            let moe = moe(keys, layers, d, gated(ffn?, false), gated(ffn?, false), dense / ffn?)?;
            model(attention(bias(false), bias(false)) + 2.0 * d, gated(dense, false), false).with(moe)
        }
        "phimoe" => {
            let moe = moe(keys, layers, d, 0.0, gated(ffn?, false), granularity(d, ffn?))?;
            let mut plan = model(attention(bias(false), bias(false)) + 4.0 * d, 0.0, false).with(moe);
            plan.ends = 2.0 * d;
            plan.head += one(keys.flag("lm_head_bias", false)) * vocab;
            plan
        }
        "olmoe" => {
            let moe = moe(keys, layers, d, 0.0, gated(ffn?, false), granularity(d, ffn?))?;
            model(attention(bias(false), bias(false)) + 2.0 * d + q_width + kv_width, 0.0, false).with(moe)
        }
        "gpt_oss" => {
            // One sink per head; router and experts have biases.
            let moe = moe(keys, layers, d + 1.0, 0.0, gated(ffn?, true), granularity(d, ffn?))?;
            model(attention(bias(true), bias(true)) + heads + 2.0 * d, 0.0, false).with(moe)
        }
        "qwen2_moe" | "qwen3_moe" | "qwen3_vl_moe_text" => {
            let f = keys.number(&["moe_intermediate_size"])?;
            let (attention, shared) = if family == "qwen2_moe" {
                // One shared expert behind a gate of its own.
                let shared = keys.number(&["shared_expert_intermediate_size"]).unwrap_or(0.0);
                (attention(keys.flag("qkv_bias", true), false), gated(shared, false) + d)
            } else {
                (attention(bias(false), bias(false)) + 2.0 * head, 0.0)
            };
            let every = keys.number(&["decoder_sparse_step"]).unwrap_or(1.0).max(1.0) as u64;
            let without = keys.list("mlp_only_layers");
            let layers = (0..layers as u64)
                .filter(|layer| (layer + 1).is_multiple_of(every) && !without.contains(&(*layer as f64)))
                .count() as f64;
            let moe = moe(keys, layers, d, shared, gated(f, false), ffn? / f)?;
            model(attention + 2.0 * d, gated(ffn?, false), false).with(moe)
        }
        "deepseek" | "deepseek_v2" | "deepseek_v3" | "kimi_k2" | "glm4_moe" | "dots1" => {
            let f = keys.number(&["moe_intermediate_size"])?;
            let attention = match keys.number(&["kv_lora_rank"]) {
                Some(rank) => latent_attention(keys, d, heads, rank, bias(false))?,
                None if family == "dots1" => attention(bias(false), bias(false)) + 2.0 * head,
                None if family == "glm4_moe" => {
                    attention(bias(false), false) + one(keys.flag("use_qk_norm", false)) * 2.0 * head
                }
                None => attention(bias(false), bias(false)),
            };
            let first = keys.number(&["first_k_dense_replace"]).unwrap_or(0.0) as u64;
            let every = keys.number(&["moe_layer_freq"]).unwrap_or(1.0).max(1.0) as u64;
            let layers = (first..layers as u64).filter(|layer| layer.is_multiple_of(every)).count() as f64;
            let shared = gated(keys.number(&["n_shared_experts"]).unwrap_or(0.0) * f, false);
            let moe = moe(keys, layers, d, shared, gated(f, false), ffn? / f)?;
            model(attention + 2.0 * d, gated(ffn?, false), false).with(moe)
        }
        // Anything else with this activation and without experts is built like LLaMA, but for norms and biases.
        _ if keys.text("hidden_act") == Some("silu") && keys.number(EXPERTS).is_none() && !keys.any(ELSE) => {
            model(attention(bias(false), bias(false)) + 2.0 * d, gated(ffn?, false), false)
        }
        _ => return None,
    })
}

impl Plan {
    fn with(mut self, moe: Moe) -> Self {
        self.moe = Some(moe);
        self
    }
}

pub(super) fn one(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

/// A feed-forward layer with a gate, from width `d` to `f` and back.
pub(super) fn gated(d: f64, f: f64, bias: bool) -> f64 {
    3.0 * d * f + one(bias) * (2.0 * f + d)
}

/// G where a family has no dense layers to compare its experts with: against the customary four times the model's
/// width. Experts half as wide or wider are ordinary feed-forward layers, not fine-grained ones.
pub(super) fn granularity(d: f64, expert_width: f64) -> f64 {
    if expert_width >= 2.0 * d { 1.0 } else { 4.0 * d / expert_width }
}

/// The experts of `layers` layers: a router with this many parameters per expert, shared experts, and one expert.
fn moe(keys: &Keys<'_>, layers: f64, router: f64, shared: f64, expert: f64, granularity: f64) -> Option<Moe> {
    let experts = Experts { experts: keys.number(EXPERTS)?, per_token: keys.number(PER_TOKEN)?, granularity };
    Some(Moe { layers, around: router * experts.experts + shared, expert, experts })
}

/// DeepSeek-V2's attention with compressed keys and values (arXiv:2405.04434, section 2.1).
pub(super) fn latent_attention(keys: &Keys<'_>, d: f64, heads: f64, rank: f64, bias: bool) -> Option<f64> {
    let (plain, rope) = (keys.number(&["qk_nope_head_dim"])?, keys.number(&["qk_rope_head_dim"])?);
    let value = keys.number(&["v_head_dim"])?;
    let query = heads * (plain + rope);
    let queries = match keys.number(&["q_lora_rank"]) {
        Some(q_rank) => q_rank * (d + one(bias) + 1.0 + query),
        None => d * query,
    };
    let down = (d + one(bias)) * (rank + rope) + rank;
    let up = rank * heads * (plain + value);
    Some(queries + down + up + heads * value * d + one(bias) * d)
}
