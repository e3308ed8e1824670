//! Experts that are not all alike: numbers and widths that differ between layers, and experts that compute nothing.
//!
//! The layouts are those of Tencent's Hunyuan (`num_experts`, `moe_topk`, `moe_intermediate_size` and `num_shared_expert` are
//! numbers or lists with one for each layer: `configuration_hunyuan_v1_moe.py` in Hugging Face transformers,
//! `modeling_hunyuan_moe.py` in TensorRT-LLM) and of LongCat-Flash (`zero_expert_num` experts hand on what they get:
//! `modular_longcat_flash.py` in transformers). ERNIE-4.5-VL's widths for text and for images (`moe_intermediate_size: [1536,
//! 512]`) are shown, not counted: which of them a token uses depends on what it is.

use super::families::{EXPERTS, Experts, Moe, PER_TOKEN, Plan, gated, granularity, latent_attention, one};
use super::keys::Keys;

/// Names of the width of one routed expert that may be a list.
const WIDTH: &str = "moe_intermediate_size";
/// Name of a number of experts that hand on what they get.
const ZERO: &str = "zero_expert_num";

/// Experts of one layer.
struct Layer {
    experts: f64,
    per_token: f64,
    width: f64,
    shared: f64,
}

/// Families of which this knows the plan.
pub(super) const FAMILIES: [&str; 2] = ["hunyuan_v1_moe", "longcat_flash"];

/// The plan of a model of width `d` with this many layers and tokens in its vocabulary; `None` where a key is missing.
pub(super) fn plan(family: &str, keys: &Keys<'_>, d: f64, layers: f64, vocab: f64) -> Option<Plan> {
    let heads = keys.number(&["num_attention_heads"])?;
    let ffn = keys.number(&["intermediate_size", "ffn_hidden_size"])?;
    let bias = keys.flag("attention_bias", false);
    let (each_layer, moe) = if family == "longcat_flash" {
        // A layer has two attentions and two feed-forward layers; those who save it count both.
        let pairs = keys.number(&["num_layers"])?;
        let attention = latent_attention(keys, d, heads, keys.number(&["kv_lora_rank"])?, bias)?;
        let each = 2.0 * (attention + gated(d, ffn, false) + 2.0 * d);
        (each * pairs / layers, longcat(keys, pairs, d, keys.number(&["expert_ffn_hidden_size"])?)?)
    } else {
        let (kv, head) = (keys.number(&["num_key_value_heads"]), keys.number(&["head_dim"]));
        let (kv, head) = (kv.unwrap_or(heads), head.unwrap_or(d / heads));
        let (q_width, kv_width) = (heads * head, kv * head);
        let attention = 2.0 * d * (q_width + kv_width) + one(bias) * (q_width + 2.0 * kv_width + d);
        (attention + 2.0 * (d + head), hunyuan(keys, layers, d, ffn)?)
    };
    Some(Plan {
        each_layer,
        dense: 0.0,
        ends: d,
        embedding: vocab * d,
        head: if keys.flag("tie_word_embeddings", false) { 0.0 } else { vocab * d },
        moe: Some(moe),
    })
}

/// Hunyuan's experts, layer by layer, in a model of width `d` whose feed-forward layers are `ffn` wide.
fn hunyuan(keys: &Keys<'_>, layers: f64, d: f64, ffn: f64) -> Option<Moe> {
    let layer = |i: usize| {
        Some(Layer {
            experts: keys.in_layer(EXPERTS, i)?,
            per_token: keys.in_layer(PER_TOKEN, i)?,
            width: keys.in_layer(&[WIDTH], i).unwrap_or(ffn),
            shared: keys.in_layer(&["num_shared_expert"], i).unwrap_or(1.0),
        })
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let all: Vec<Layer> = (0..layers as usize).map(layer).collect::<Option<_>>()?;
    let sum = |of: &dyn Fn(&Layer) -> f64| all.iter().map(of).sum::<f64>();
    let width = sum(&|l| l.experts * l.width) / sum(&|l| l.experts);
    let experts = Experts {
        experts: sum(&|l| l.experts) / layers,
        per_token: sum(&|l| l.per_token) / layers,
        granularity: granularity(d, width),
    };
    let total = sum(&|l| d * l.experts + gated(d, (l.shared + l.experts) * l.width, false));
    let idle = sum(&|l| gated(d, (l.experts - l.per_token) * l.width, false));
    Some(of_totals(layers, total, idle, gated(d, width, false), experts))
}

/// LongCat-Flash's experts of `layers` layers: `width` wide, beside those that compute nothing. Of K experts for each token E / (E +
/// Z) compute something where the loads are even, which the router's bias sees to.
fn longcat(keys: &Keys<'_>, layers: f64, d: f64, width: f64) -> Option<Moe> {
    let (experts, chosen) = (keys.number(EXPERTS)?, keys.number(PER_TOKEN)?);
    let choices = experts + keys.number(&[ZERO]).unwrap_or(0.0);
    let router = (d + one(keys.flag("router_bias", false))) * choices;
    let experts = Experts { experts, per_token: chosen * experts / choices, granularity: granularity(d, width) };
    Some(Moe { layers, around: router, expert: gated(d, width, false), experts })
}

/// Means over layers that give the parameters in all, and those that a token does not use, exactly.
fn of_totals(layers: f64, total: f64, idle: f64, expert: f64, experts: Experts) -> Moe {
    let unused = layers * (experts.experts - experts.per_token);
    let expert = if unused > 0.0 { idle / unused } else { expert };
    Moe { layers, around: total / layers - experts.experts * expert, expert, experts }
}

/// In what experts differ, in words, and the key that says so: `16–64 a layer`, `512–1536 wide`.
pub(super) fn sizes(keys: &Keys<'_>) -> Option<(String, &'static str)> {
    let range = |name: &str| {
        let all = keys.list(name);
        let ends = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        (ends.0 < ends.1).then(|| format!("{}–{}", ends.0, ends.1))
    };
    let mut said: Vec<(String, &'static str)> = Vec::new();
    said.extend(EXPERTS.iter().find_map(|name| Some((format!("{} a layer", range(name)?), *name))));
    said.extend(PER_TOKEN.iter().find_map(|name| Some((format!("{} for each token", range(name)?), *name))));
    said.extend(range(WIDTH).map(|widths| (format!("{widths} wide"), WIDTH)));
    if let Some(zero) = keys.number(&[ZERO]).filter(|zero| *zero > 0.0) {
        let computing = keys.number(EXPERTS).unwrap_or(0.0);
        let text = format!("{zero} of {} compute nothing", zero + computing);
        said.push((text, ZERO));
    }
    let key = said.first()?.1;
    Some((said.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(", "), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::facts::architecture::count;
    use serde_json::json;

    #[test]
    fn hunyuan_a13b_has_80b_parameters_of_which_a_token_uses_13b() {
        // Lists as its configuration has them, one number for each layer.
        let config = json!({"model_type": "hunyuan_v1_moe", "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 128_167,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
            "num_experts": 64, "moe_intermediate_size": vec![3072; 32], "moe_topk": vec![8; 32],
            "num_shared_expert": vec![1; 32], "tie_word_embeddings": true});
        let (_, found) = count(&config).expect("a count");
        assert!((found.total / 80.4e9 - 1.0).abs() < 0.005, "{found:?}");
        assert!(((found.active + found.total - found.params) / 13e9 - 1.0).abs() < 0.02, "{found:?}");
        assert_eq!(sizes(&Keys(&config)), None, "every layer is as every other");
    }

    #[test]
    fn layers_of_different_experts_are_counted_one_by_one() {
        let config = json!({"model_type": "hunyuan_v1_moe", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100,
            "num_attention_heads": 4, "intermediate_size": 32, "num_experts": [8, 16], "moe_topk": [2, 4],
            "moe_intermediate_size": [32, 48], "num_shared_expert": [1, 2]});
        let (_, found) = count(&config).expect("a count");
        // By hand: a matrix of width w and its gate have 3·64·w parameters, the router 64 for each expert.
        let experts = 3.0 * 64.0 * (32.0 * 8.0 + 48.0 * 16.0);
        let idle = 3.0 * 64.0 * (32.0 * 6.0 + 48.0 * 12.0);
        let around = 64.0 * 24.0 + 3.0 * 64.0 * (32.0 + 2.0 * 48.0);
        let attention = 2.0 * (4.0 * 64.0 * 64.0 + 2.0 * (64.0 + 16.0));
        assert!((found.params - (experts + around + attention + 64.0)).abs() < 1e-6, "{found:?}");
        assert!((found.params - found.active - idle).abs() < 1e-6, "{found:?}");
        let moe = found.moe.expect("experts");
        assert_eq!((moe.experts, moe.per_token), (12.0, 3.0));
        let said = sizes(&Keys(&config)).expect("differences");
        assert_eq!(said, ("8–16 a layer, 2–4 for each token, 32–48 wide".to_owned(), "num_experts"));
        // A list that is too short says nothing of the last layer.
        let short = json!({"model_type": "hunyuan_v1_moe", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100,
            "num_attention_heads": 4, "intermediate_size": 32, "num_experts": [8], "moe_topk": 2});
        assert!(count(&short).is_none());
    }

    #[test]
    fn longcat_flash_has_560b_parameters_of_which_a_token_uses_27b_on_average() {
        // The defaults of its configuration, those of the released model.
        let config = json!({"model_type": "longcat_flash", "hidden_size": 6144, "num_layers": 28, "num_hidden_layers": 56,
            "vocab_size": 131_072, "num_attention_heads": 64, "ffn_hidden_size": 12288, "q_lora_rank": 1536,
            "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "moe_topk": 12,
            "n_routed_experts": 512, "zero_expert_num": 256, "expert_ffn_hidden_size": 2048});
        let (_, found) = count(&config).expect("a count");
        assert!((found.total / 560e9 - 1.0).abs() < 0.01, "{found:?}");
        assert!((found.active / 27e9 - 1.0).abs() < 0.04, "{found:?}");
        assert_eq!(found.moe.map(|moe| (moe.experts, moe.per_token)), Some((512.0, 8.0)));
        assert_eq!(found.moe_layers, 28.0);
        assert_eq!(sizes(&Keys(&config)).map(|said| said.0), Some("256 of 768 compute nothing".to_owned()));
        let without_layers = json!({"model_type": "longcat_flash", "hidden_size": 6144, "num_hidden_layers": 56});
        assert!(count(&without_layers).is_none());
    }
}
