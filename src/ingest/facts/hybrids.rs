//! Families whose layers are not all of one kind: state spaces, linear attention, convolutions, experts in attention.
//!
//! Each tensor of each kind of layer is counted as the reference code in Hugging Face transformers builds it (Snowflake
//! Arctic: as the code beside its weights does).

use super::families::{Experts, Moe, Plan, gated, granularity, one};
use super::keys::Keys;
use super::state_space::{self, BAMBA, FALCON_H1, JAMBA, MAMBA, MAMBA2, NEMOTRON_H, ZAMBA2, mamba2};
use serde_json::Value;

/// Families that are counted here, and never as LLaMA is where a key is missing.
pub const FAMILIES: [&str; 18] = [
    "mamba",
    "falcon_mamba",
    "mamba2",
    "jamba",
    "bamba",
    "falcon_h1",
    "granitemoehybrid",
    "nemotron_h",
    "zamba2",
    "lfm2",
    "lfm2_moe",
    "qwen3_next",
    "minimax",
    "minimax_text_01",
    "minimax_m1",
    "jetmoe",
    "dbrx",
    "arctic",
];

/// The plan of a model of one of [`FAMILIES`]; `None` where a key is missing.
#[must_use]
pub fn plan(family: &str, keys: &Keys<'_>, d: f64, layers: f64, vocab: f64) -> Option<Plan> {
    let shape = Shape { keys: *keys, d, layers: layers as usize };
    let (around, moe) = match family {
        "mamba" | "falcon_mamba" => (layers * (state_space::mamba(keys, d, &MAMBA)? + d), None),
        "mamba2" => (layers * (mamba2(keys, d, &MAMBA2)? + d), None),
        "jamba" => shape.jamba()?,
        "bamba" => {
            let attends = |layer| shape.keys.list("attn_layer_indices").contains(&(layer as f64));
            let feed = gated(d, shape.feed()?, shape.keys.flag("mlp_bias", false));
            (shape.mixed(attends, mamba2(keys, d, &BAMBA)?, shape.attention()?) + layers * (feed + 2.0 * d), None)
        }
        "falcon_h1" => {
            let feed = gated(d, shape.feed()?, shape.keys.flag("mlp_bias", false));
            (layers * (mamba2(keys, d, &FALCON_H1)? + shape.attention()? + feed + 2.0 * d), None)
        }
        "granitemoehybrid" => shape.granite()?,
        "nemotron_h" => shape.nemotron()?,
        "zamba2" => (shape.zamba2()?, None),
        "lfm2" | "lfm2_moe" => shape.lfm2(family == "lfm2_moe")?,
        "qwen3_next" => shape.qwen3_next()?,
        "minimax" | "minimax_text_01" | "minimax_m1" => shape.minimax()?,
        "jetmoe" => shape.jetmoe()?,
        "dbrx" => shape.dbrx()?,
        "arctic" => shape.arctic()?,
        _ => return None,
    };
    let tied = matches!(family, "mamba" | "falcon_mamba" | "zamba2" | "lfm2" | "lfm2_moe" | "jetmoe");
    let tied = keys.flag("tie_embedding", keys.flag("tie_word_embeddings", tied));
    Some(Plan {
        each_layer: 0.0,
        dense: 0.0,
        // All that is not routed, and the norm at the end.
        ends: around + d,
        embedding: vocab * d,
        head: if tied { 0.0 } else { vocab * d },
        moe,
    })
}

/// What is not routed, and what is.
type Parts = (f64, Option<Moe>);

struct Shape<'a> {
    keys: Keys<'a>,
    d: f64,
    layers: usize,
}

impl Shape<'_> {
    fn need(&self, name: &str) -> Option<f64> {
        self.keys.number(&[name])
    }

    fn or(&self, name: &str, default: f64) -> f64 {
        self.need(name).unwrap_or(default)
    }

    fn feed(&self) -> Option<f64> {
        self.keys.number(&["intermediate_size", "ffn_hidden_size"])
    }

    /// Width of the queries, of the keys, and of one head.
    fn heads(&self) -> Option<(f64, f64, f64)> {
        let heads = self.need("num_attention_heads")?;
        let head = self.or("head_dim", self.d / heads);
        Some((heads * head, self.or("num_key_value_heads", heads) * head, head))
    }

    fn attention(&self) -> Option<f64> {
        let (q, kv, _) = self.heads()?;
        let biases = one(self.keys.flag("attention_bias", false)) * (q + 2.0 * kv + self.d);
        Some(2.0 * self.d * (q + kv) + biases)
    }

    /// The first kind of layer, and the second where `second` says so.
    fn mixed(&self, second: impl Fn(usize) -> bool, a: f64, b: f64) -> f64 {
        (0..self.layers).map(|layer| if second(layer) { b } else { a }).sum()
    }

    /// Whether a list of kinds names that of each layer, attention among them; `None` where there is no such list.
    fn attends(&self, names: &[&str]) -> Option<Vec<bool>> {
        let list = names.iter().find_map(|name| self.keys.0.get(*name)?.as_array())?;
        let kind = |kind: &Value| match kind {
            Value::String(kind) => matches!(kind.as_str(), "attention" | "full_attention"),
            kind => kind.as_f64() == Some(1.0),
        };
        (list.len() == self.layers).then(|| list.iter().map(kind).collect())
    }

    fn experts(&self, width: f64, dense: Option<f64>) -> Option<Experts> {
        let experts = self.keys.number(&["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"])?;
        let per_token = self.keys.number(&["num_experts_per_tok", "moe_top_k"])?;
        let granularity = dense.map_or_else(|| granularity(self.d, width), |dense| dense / width);
        Some(Experts { experts, per_token, granularity })
    }

    fn jamba(&self) -> Option<Parts> {
        let (d, f) = (self.d, self.feed()?);
        let every = |layer: usize, period: f64, offset: f64| layer as f64 % period == offset;
        let (period, offset) = (self.or("attn_layer_period", 8.0), self.or("attn_layer_offset", 4.0));
        let layers = self.mixed(
            |layer| every(layer, period, offset),
            state_space::mamba(&self.keys, self.d, &JAMBA)?,
            self.attention()?,
        );
        let experts = self.experts(f, Some(f))?;
        let (period, offset) = (self.or("expert_layer_period", 2.0), self.or("expert_layer_offset", 1.0));
        let sparse = |layer: &usize| experts.experts > 1.0 && every(*layer, period, offset);
        let sparse = (0..self.layers).filter(sparse).count() as f64;
        let dense = (self.layers as f64 - sparse) * gated(d, f, false);
        let moe = Moe { layers: sparse, around: d * experts.experts, expert: gated(d, f, false), experts };
        Some((layers + dense + self.layers as f64 * 2.0 * d, (sparse > 0.0).then_some(moe)))
    }

    fn granite(&self) -> Option<Parts> {
        let (d, layers) = (self.d, self.layers as f64);
        let attends = self.attends(&["layer_types", "layers_block_type"])?;
        // Those without state spaces leave out their sizes.
        let mamba = if attends.iter().all(|a| *a) { 0.0 } else { mamba2(&self.keys, self.d, &BAMBA)? };
        let shared = gated(d, self.need("shared_intermediate_size")?, false);
        let around = self.mixed(|layer| attends[layer], mamba, self.attention()?) + layers * (shared + 2.0 * d);
        if self.or("num_local_experts", 0.0) == 0.0 {
            return Some((around, None));
        }
        let f = self.feed()?;
        let experts = self.experts(f, None)?;
        Some((around, Some(Moe { layers, around: d * experts.experts, expert: gated(d, f, false), experts })))
    }

    /// One part a layer: `M` is a state space, `*` attention, `-` a feed-forward layer, `E` experts.
    fn nemotron(&self) -> Option<Parts> {
        let d = self.d;
        let kinds: Vec<char> = match self.keys.text("hybrid_override_pattern") {
            Some(pattern) => pattern.chars().collect(),
            None => self.keys.0.get("layers_block_type")?.as_array()?.iter().map(block).collect::<Option<_>>()?,
        };
        if kinds.len() != self.layers || self.keys.0.get("moe_latent_size").is_some_and(|size| !size.is_null()) {
            return None;
        }
        let count = |kind: char| kinds.iter().filter(|k| **k == kind).count() as f64;
        let plain = |f: f64| 2.0 * d * f + one(self.keys.flag("mlp_bias", false)) * (f + d);
        let part = |kind: char, size: &dyn Fn() -> Option<f64>| match count(kind) {
            0.0 => Some(0.0),
            count => size().map(|size| count * size),
        };
        if kinds.iter().any(|kind| !"M*-E".contains(*kind)) {
            return None;
        }
        let around = part('M', &|| mamba2(&self.keys, self.d, &NEMOTRON_H))?
            + part('*', &|| self.attention())?
            + part('-', &|| self.feed().map(plain))?;
        let norms = self.layers as f64 * d;
        if count('E') == 0.0 {
            return Some((around + norms, None));
        }
        let f = self.need("moe_intermediate_size")?;
        let experts = self.experts(f, None)?;
        let shared = plain(self.need("moe_shared_expert_intermediate_size")?);
        let moe = Moe { layers: count('E'), around: d * experts.experts + shared, expert: plain(f), experts };
        Some((around + norms, Some(moe)))
    }

    /// State spaces, in some layers behind one of a few attention blocks that they share, each layer with a low-rank
    /// adapter of its own.
    fn zamba2(&self) -> Option<f64> {
        let (d, f) = (self.d, self.feed()?);
        let hybrid = match self.keys.0.get("layers_block_type").and_then(Value::as_array) {
            Some(kinds) => kinds.iter().filter(|kind| kind.as_str() == Some("hybrid")).count() as f64,
            None => self.keys.list("hybrid_layer_ids").len() as f64,
        };
        let blocks = self.or("num_mem_blocks", 1.0).min(hybrid);
        let (heads, wide) = (self.need("num_attention_heads")?, self.or("attention_hidden_size", 2.0 * d));
        let head = self.or("attention_head_dim", wide / heads);
        let (q, kv) = (heads * head, self.or("num_key_value_heads", heads) * head);
        let biases = one(self.keys.flag("add_bias_linear", false)) * (2.0 * f + d);
        let block = wide * (q + 2.0 * kv) + q * d + wide + d + 3.0 * d * f + biases;
        let rank = self.or("adapter_rank", 128.0);
        let attention = one(self.keys.flag("use_shared_attention_adapter", false)) * 6.0 * wide * rank;
        let adapter = attention + rank * (d + 2.0 * f);
        Some(
            self.layers as f64 * (mamba2(&self.keys, self.d, &ZAMBA2)? + d)
                + hybrid * (d * d + adapter)
                + blocks * block,
        )
    }

    fn lfm2(&self, moe: bool) -> Option<Parts> {
        let d = self.d;
        let attends = self.attends(&["layer_types"]).or_else(|| {
            let full = self.keys.list("full_attn_idxs");
            (!full.is_empty()).then(|| (0..self.layers).map(|layer| full.contains(&(layer as f64))).collect())
        })?;
        let (.., head) = self.heads()?;
        let conv = 4.0 * d * d + d * self.or("conv_L_cache", 3.0) + one(self.keys.flag("conv_bias", false)) * 5.0 * d;
        let mixers = self.mixed(|layer| attends[layer], conv, self.attention()? + 2.0 * head);
        let around = mixers + self.layers as f64 * 2.0 * d;
        if moe {
            let (f, wide) = (self.need("moe_intermediate_size")?, self.feed()?);
            let experts = self.experts(f, Some(wide))?;
            let dense = self.or("num_dense_layers", 2.0).min(self.layers as f64);
            let expert = gated(d, f, false);
            let moe = Moe { layers: self.layers as f64 - dense, around: d * experts.experts, expert, experts };
            return Some((around + dense * gated(d, wide, false), Some(moe)));
        }
        let mut f = self.need("block_ff_dim").or_else(|| self.feed())?;
        if self.keys.flag("block_auto_adjust_ff_dim", true) {
            let multiple = self.or("block_multiple_of", 256.0);
            f = (self.or("block_ffn_dim_multiplier", 1.0) * (2.0 * f / 3.0).floor()).floor();
            f = multiple * (f / multiple).ceil();
        }
        Some((around + self.layers as f64 * gated(d, f, false), None))
    }

    /// Gated delta networks (arXiv:2412.06464) and, in every fourth layer, attention with a gate; experts in all.
    fn qwen3_next(&self) -> Option<Parts> {
        let (d, layers) = (self.d, self.layers as f64);
        let every = self.or("full_attention_interval", 4.0).max(1.0) as usize;
        let attends = self.attends(&["layer_types"]);
        let attends = attends.unwrap_or_else(|| (1..=self.layers).map(|layer| layer.is_multiple_of(every)).collect());
        let (key, values) = (self.need("linear_num_key_heads")?, self.need("linear_num_value_heads")?);
        let (key, head) = (key * self.need("linear_key_head_dim")?, self.need("linear_value_head_dim")?);
        let value = values * head;
        let linear = d * (2.0 * key + 3.0 * value + 2.0 * values)
            + (2.0 * key + value) * self.or("linear_conv_kernel_dim", 4.0)
            + 2.0 * values
            + head;
        let (q, _, width) = self.heads()?;
        let full = self.attention()? + (d + one(self.keys.flag("attention_bias", false))) * q + 2.0 * width;
        let f = self.need("moe_intermediate_size")?;
        let step = self.or("decoder_sparse_step", 1.0).max(1.0) as usize;
        let without = self.keys.list("mlp_only_layers");
        let sparse = |layer: &usize| (layer + 1).is_multiple_of(step) && !without.contains(&(*layer as f64));
        let sparse = (0..self.layers).filter(sparse).count() as f64;
        let shared = gated(d, self.need("shared_expert_intermediate_size")?, false) + d;
        let experts = self.experts(f, self.feed())?;
        let around = d * experts.experts + shared;
        let moe = Moe { layers: sparse, around, expert: gated(d, f, false), experts };
        let dense = if sparse < layers { (layers - sparse) * gated(d, self.feed()?, false) } else { 0.0 };
        Some((self.mixed(|layer| attends[layer], linear, full) + layers * 2.0 * d + dense, Some(moe)))
    }

    /// Lightning attention (arXiv:2501.08313), and in some layers the usual one; experts in all.
    fn minimax(&self) -> Option<Parts> {
        let (d, layers, f) = (self.d, self.layers as f64, self.feed()?);
        let attends = self.attends(&["layer_types", "attn_type_list"])?;
        if self.or("shared_intermediate_size", 0.0) > 0.0 || self.keys.flag("use_qk_norm", false) {
            return None;
        }
        let (q, ..) = self.heads()?;
        let mixers = self.mixed(|layer| attends[layer], 5.0 * d * q + q, self.attention()?);
        let experts = self.experts(f, None)?;
        let moe = Moe { layers, around: d * experts.experts, expert: gated(d, f, false), experts };
        Some((mixers + layers * 2.0 * d, Some(moe)))
    }

    /// Experts for queries and outputs of attention (arXiv:2404.07413), routed as those of the feed-forward part are.
    fn jetmoe(&self) -> Option<Parts> {
        let (d, layers, f) = (self.d, self.layers as f64, self.feed()?);
        let kv = self.need("num_key_value_heads")? * self.need("kv_channels")?;
        let experts = self.experts(f, None)?;
        let expert = 2.0 * d * kv + gated(d, f, false);
        let moe = Moe { layers, around: 2.0 * d * experts.experts, expert, experts };
        Some((layers * (2.0 * d * kv + 4.0 * d), Some(moe)))
    }

    fn dbrx(&self) -> Option<Parts> {
        let (d, layers) = (self.d, self.layers as f64);
        let (attention, feed) = (self.keys.0.get("attn_config")?, self.keys.0.get("ffn_config")?);
        let kv = Keys(attention).number(&["kv_n_heads"])? * d / self.need("n_heads")?;
        let feed = Shape { keys: Keys(feed), d, layers: self.layers };
        let f = feed.feed()?;
        let experts = feed.experts(f, None)?;
        let moe = Moe { layers, around: d * experts.experts, expert: gated(d, f, false), experts };
        Some((layers * (2.0 * d * (d + kv) + 2.0 * d), Some(moe)))
    }

    /// A dense model with experts beside it.
    fn arctic(&self) -> Option<Parts> {
        let (d, f) = (self.d, self.feed()?);
        let every = self.or("moe_layer_frequency", 2.0).max(1.0) as usize;
        let sparse = (1..=self.layers).filter(|layer| layer.is_multiple_of(every)).count() as f64;
        let experts = self.experts(f, None)?;
        let residual = one(self.keys.flag("use_residual", true)) * (gated(d, d, false) + d);
        let dense = (self.layers as f64 - sparse) * gated(d, f, false);
        let around = d * experts.experts + residual;
        let moe = Moe { layers: sparse, around, expert: gated(d, f, false), experts };
        Some((self.layers as f64 * (self.attention()? + 2.0 * d) + dense, Some(moe)))
    }
}

/// A kind of layer by its name, as `hybrid_override_pattern` has it.
fn block(kind: &Value) -> Option<char> {
    Some(match kind.as_str()? {
        "mamba" | "linear_attention" => 'M',
        "attention" | "full_attention" => '*',
        "mlp" => '-',
        "moe" => 'E',
        _ => return None,
    })
}
