"""Counts the parameters that Hugging Face transformers builds for each configuration, and writes architectures.jsonl.

Needs: pip install torch transformers (made with torch 2.15.0 and transformers 5.23.0). Models are built on the meta
device: no weights, a few seconds.

`total` is every parameter once; `params` leaves out input embeddings, learned positions and the output matrix; `active`
also leaves out the routed experts that a token is not sent to.
"""

import json
import pathlib

import torch
from transformers import AutoConfig, AutoModelForCausalLM

CASES = {
 "GPT-2": dict(model_type="gpt2", n_embd=768, n_layer=12, n_head=12, n_positions=1024, vocab_size=50257),
 "GPT-2 XL": dict(model_type="gpt2", n_embd=1600, n_layer=48, n_head=25, n_positions=1024, vocab_size=50257),
 "Pythia-160M": dict(model_type="gpt_neox", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=50304, max_position_embeddings=2048, tie_word_embeddings=False),
 "OPT-125M": dict(model_type="opt", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, ffn_dim=3072, vocab_size=50272, max_position_embeddings=2048, word_embed_proj_dim=768),
 "OPT-350M": dict(model_type="opt", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, ffn_dim=4096, vocab_size=50272, max_position_embeddings=2048, word_embed_proj_dim=512, do_layer_norm_before=False),
 "BLOOM-560M": dict(model_type="bloom", hidden_size=1024, n_layer=24, n_head=16, vocab_size=250880),
 "phi-2": dict(model_type="phi", hidden_size=2560, num_hidden_layers=32, num_attention_heads=32, intermediate_size=10240, vocab_size=51200, tie_word_embeddings=False),
 "StarCoder2-3B": dict(model_type="starcoder2", hidden_size=3072, num_hidden_layers=30, num_attention_heads=24, num_key_value_heads=2, intermediate_size=12288, vocab_size=49152, use_bias=True, tie_word_embeddings=True),
 "LLaMA-7B": dict(model_type="llama", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008, vocab_size=32000, tie_word_embeddings=False),
 "Llama-3-8B": dict(model_type="llama", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=128256, tie_word_embeddings=False),
 "Llama-3.2-1B": dict(model_type="llama", hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64, intermediate_size=8192, vocab_size=128256, tie_word_embeddings=True),
 "Mistral-7B": dict(model_type="mistral", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=32000, tie_word_embeddings=False),
 "Phi-3-mini": dict(model_type="phi3", hidden_size=3072, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, intermediate_size=8192, vocab_size=32064, tie_word_embeddings=False, pad_token_id=32000),
 "Qwen2-0.5B": dict(model_type="qwen2", hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864, vocab_size=151936, tie_word_embeddings=True),
 "Qwen3-8B": dict(model_type="qwen3", hidden_size=4096, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128, intermediate_size=12288, vocab_size=151936, tie_word_embeddings=False),
 "Gemma-2B": dict(model_type="gemma", hidden_size=2048, num_hidden_layers=18, num_attention_heads=8, num_key_value_heads=1, head_dim=256, intermediate_size=16384, vocab_size=256000),
 "Gemma-2-2B": dict(model_type="gemma2", hidden_size=2304, num_hidden_layers=26, num_attention_heads=8, num_key_value_heads=4, head_dim=256, intermediate_size=9216, vocab_size=256000),
 "Gemma-3-1B": dict(model_type="gemma3_text", hidden_size=1152, num_hidden_layers=26, num_attention_heads=4, num_key_value_heads=1, head_dim=256, intermediate_size=6912, vocab_size=262144),
 "OLMo-1B": dict(model_type="olmo", hidden_size=2048, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=16, intermediate_size=8192, vocab_size=50304, tie_word_embeddings=True),
 "OLMo-2-7B": dict(model_type="olmo2", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, intermediate_size=11008, vocab_size=100352, tie_word_embeddings=False),
 "Mixtral-8x7B": dict(model_type="mixtral", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=32000, num_local_experts=8, num_experts_per_tok=2, tie_word_embeddings=False),
 "Phi-3.5-MoE": dict(model_type="phimoe", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=6400, vocab_size=32064, num_local_experts=16, num_experts_per_tok=2, attention_bias=True, lm_head_bias=True, tie_word_embeddings=False),
 "OLMoE-1B-7B": dict(model_type="olmoe", hidden_size=2048, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=16, intermediate_size=1024, vocab_size=50304, num_experts=64, num_experts_per_tok=8, tie_word_embeddings=False),
 "Qwen1.5-MoE-A2.7B": dict(model_type="qwen2_moe", hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16, intermediate_size=5632, moe_intermediate_size=1408, shared_expert_intermediate_size=5632, num_experts=60, num_experts_per_tok=4, vocab_size=151936, decoder_sparse_step=1, tie_word_embeddings=False),
 "Qwen3-30B-A3B": dict(model_type="qwen3_moe", hidden_size=2048, num_hidden_layers=48, num_attention_heads=32, num_key_value_heads=4, head_dim=128, intermediate_size=6144, moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8, vocab_size=151936, decoder_sparse_step=1, mlp_only_layers=[], tie_word_embeddings=False),
 "Qwen3-MoE, every other layer": dict(model_type="qwen3_moe", hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=4, head_dim=64, intermediate_size=1024, moe_intermediate_size=256, num_experts=16, num_experts_per_tok=2, vocab_size=1000, decoder_sparse_step=2, mlp_only_layers=[3], tie_word_embeddings=True),
 "DeepSeek-V2-Lite": dict(model_type="deepseek_v2", hidden_size=2048, num_hidden_layers=27, num_attention_heads=16, num_key_value_heads=16, intermediate_size=10944, moe_intermediate_size=1408, n_routed_experts=64, n_shared_experts=2, num_experts_per_tok=6, first_k_dense_replace=1, moe_layer_freq=1, kv_lora_rank=512, q_lora_rank=None, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, vocab_size=102400, tie_word_embeddings=False),
 "DeepSeek-V3": dict(model_type="deepseek_v3", hidden_size=7168, num_hidden_layers=61, num_attention_heads=128, num_key_value_heads=128, intermediate_size=18432, moe_intermediate_size=2048, n_routed_experts=256, n_shared_experts=1, num_experts_per_tok=8, first_k_dense_replace=3, kv_lora_rank=512, q_lora_rank=1536, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, vocab_size=129280, tie_word_embeddings=False),
 "GLM-4.5-Air": dict(model_type="glm4_moe", hidden_size=4096, num_hidden_layers=46, num_attention_heads=96, num_key_value_heads=8, head_dim=128, intermediate_size=10944, moe_intermediate_size=1408, n_routed_experts=128, n_shared_experts=1, num_experts_per_tok=8, first_k_dense_replace=1, attention_bias=True, use_qk_norm=False, vocab_size=151552, tie_word_embeddings=False),
 "GPT-OSS-20B": dict(model_type="gpt_oss", hidden_size=2880, num_hidden_layers=24, num_attention_heads=64, num_key_value_heads=8, head_dim=64, intermediate_size=2880, num_local_experts=32, num_experts_per_tok=4, vocab_size=201088, tie_word_embeddings=False),
}


def count(name, case):
    config = dict(case)
    family = config.pop("model_type")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **config))
    parameters = {id(p): (n, p.numel()) for n, p in model.named_parameters()}
    outside = {id(model.get_input_embeddings().weight)} | {id(p) for p in model.get_output_embeddings().parameters()}
    outside |= {i for i, (n, _) in parameters.items() if n.endswith("wpe.weight") or "embed_positions" in n}
    params = sum(size for i, (_, size) in parameters.items() if i not in outside)
    experts = config.get("num_local_experts") or config.get("num_experts") or config.get("n_routed_experts")
    idle = 0
    if experts:
        routed = sum(size for n, size in parameters.values() if ".experts." in n and "shared" not in n)
        idle = routed // experts * (experts - config["num_experts_per_tok"])
    total = sum(size for _, size in parameters.values())
    config = {k: v for k, v in case.items() if v is not None}
    return {"name": name, "config": config, "total": total, "params": params, "active": params - idle}


if __name__ == "__main__":
    rows = [json.dumps(count(name, case)) for name, case in CASES.items()]
    pathlib.Path(__file__).with_suffix(".jsonl").write_text("\n".join(rows) + "\n")
