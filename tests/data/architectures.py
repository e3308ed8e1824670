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
 "Falcon-7B": dict(model_type="falcon", hidden_size=4544, num_hidden_layers=32, num_attention_heads=71, multi_query=True, new_decoder_architecture=False, parallel_attn=True, bias=False, alibi=False, vocab_size=65024),
 "Falcon-40B": dict(model_type="falcon", hidden_size=8192, num_hidden_layers=60, num_attention_heads=128, num_kv_heads=8, new_decoder_architecture=True, bias=False, vocab_size=65024),
 "Falcon-RW-1B": dict(model_type="falcon", hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, multi_query=False, new_decoder_architecture=False, parallel_attn=False, bias=True, alibi=True, vocab_size=50304),
 "MPT-7B": dict(model_type="mpt", d_model=4096, n_layers=32, n_heads=32, expansion_ratio=4, no_bias=True, vocab_size=50432, max_seq_len=2048),
 "GPT-J-6B": dict(model_type="gptj", n_embd=4096, n_layer=28, n_head=16, n_inner=None, vocab_size=50400, rotary_dim=64),
 "GPT-Neo-125M": dict(model_type="gpt_neo", hidden_size=768, num_layers=12, num_heads=12, vocab_size=50257, max_position_embeddings=2048, attention_types=[[["global","local"],6]]),
 "StableLM-2-1.6B": dict(model_type="stablelm", hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, num_key_value_heads=32, intermediate_size=5632, vocab_size=100352, use_qkv_bias=True, tie_word_embeddings=False),
 "Granite-3-2B": dict(model_type="granite", hidden_size=2048, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=8, intermediate_size=8192, vocab_size=49155, tie_word_embeddings=True),
 "Granite-3-1B-A400M": dict(model_type="granitemoe", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=8, intermediate_size=512, vocab_size=49155, num_local_experts=32, num_experts_per_tok=8, tie_word_embeddings=True),
 "Granite-4 shared": dict(model_type="granitemoeshared", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=8, intermediate_size=512, shared_intermediate_size=1024, vocab_size=49155, num_local_experts=32, num_experts_per_tok=8, tie_word_embeddings=True),
 "SmolLM3-3B": dict(model_type="smollm3", hidden_size=2048, num_hidden_layers=36, num_attention_heads=16, num_key_value_heads=4, intermediate_size=11008, vocab_size=128256, tie_word_embeddings=True),
 "Cohere Command-R": dict(model_type="cohere", hidden_size=8192, num_hidden_layers=40, num_attention_heads=64, num_key_value_heads=64, intermediate_size=22528, vocab_size=256000),
 "Cohere Command-R+": dict(model_type="cohere", hidden_size=12288, num_hidden_layers=64, num_attention_heads=96, num_key_value_heads=8, intermediate_size=33792, vocab_size=256000, use_qk_norm=True),
 "Nemotron-4-15B": dict(model_type="nemotron", hidden_size=6144, num_hidden_layers=32, num_attention_heads=48, num_key_value_heads=8, intermediate_size=24576, vocab_size=256000, tie_word_embeddings=False),
 "GLM-4-9B": dict(model_type="glm4", hidden_size=4096, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=2, head_dim=128, intermediate_size=13696, vocab_size=151552, attention_bias=True, tie_word_embeddings=False),
 "GLM-4-9B-chat": dict(model_type="glm", hidden_size=4096, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=2, head_dim=128, intermediate_size=13696, vocab_size=151552, attention_bias=True, tie_word_embeddings=False),
 "OLMo-3-7B": dict(model_type="olmo3", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, intermediate_size=11008, vocab_size=100278, tie_word_embeddings=False),
 "Ernie-4.5-21B-A3B": dict(model_type="ernie4_5_moe", hidden_size=2560, num_hidden_layers=28, num_attention_heads=20, num_key_value_heads=4, intermediate_size=12288, moe_intermediate_size=1536, moe_num_experts=64, moe_num_shared_experts=2, moe_k=6, moe_layer_start_index=1, vocab_size=103424, use_bias=False, tie_word_embeddings=True),
 "Ernie-4.5-0.3B": dict(model_type="ernie4_5", hidden_size=1024, num_hidden_layers=18, num_attention_heads=16, num_key_value_heads=2, head_dim=128, intermediate_size=3072, vocab_size=103424, use_bias=False, tie_word_embeddings=True),
 "dots.llm1": dict(model_type="dots1", hidden_size=4096, num_hidden_layers=62, num_attention_heads=32, num_key_value_heads=32, head_dim=128, intermediate_size=10944, moe_intermediate_size=1408, n_routed_experts=128, n_shared_experts=2, num_experts_per_tok=6, first_k_dense_replace=1, vocab_size=152064, tie_word_embeddings=False),
 "Hunyuan dense": dict(model_type="hunyuan_v1_dense", hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=4, head_dim=128, intermediate_size=6144, vocab_size=120818, tie_word_embeddings=True),
 "Hunyuan-A13B": dict(model_type="hunyuan_v1_moe", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128, intermediate_size=3072, num_experts=64, moe_topk=8, vocab_size=128167, tie_word_embeddings=True),
 "Llama-4-Scout text": dict(model_type="llama4_text", hidden_size=5120, num_hidden_layers=48, num_attention_heads=40, num_key_value_heads=8, head_dim=128, intermediate_size=8192, intermediate_size_mlp=16384, num_local_experts=16, num_experts_per_tok=1, interleave_moe_layer_step=1, use_qk_norm=True, vocab_size=202048, tie_word_embeddings=False),
 "Exaone4": dict(model_type="exaone4", hidden_size=2048, num_hidden_layers=30, num_attention_heads=32, num_key_value_heads=8, head_dim=64, intermediate_size=4096, vocab_size=102400, tie_word_embeddings=True),
 "Seed-OSS": dict(model_type="seed_oss", hidden_size=5120, num_hidden_layers=64, num_attention_heads=80, num_key_value_heads=8, head_dim=128, intermediate_size=27648, vocab_size=155136, attention_bias=True, attention_out_bias=False, tie_word_embeddings=False),
 "Helium": dict(model_type="helium", hidden_size=2560, num_hidden_layers=24, num_attention_heads=20, num_key_value_heads=20, head_dim=128, intermediate_size=7040, vocab_size=48000, tie_word_embeddings=False),
 "Apertus": dict(model_type="apertus", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=21504, vocab_size=131072, tie_word_embeddings=False),
 "Arcee AFM": dict(model_type="arcee", hidden_size=2560, num_hidden_layers=36, num_attention_heads=20, num_key_value_heads=4, head_dim=128, intermediate_size=18432, vocab_size=128004, tie_word_embeddings=False),
 "BitNet": dict(model_type="bitnet", hidden_size=2560, num_hidden_layers=30, num_attention_heads=20, num_key_value_heads=5, intermediate_size=6912, vocab_size=128256, tie_word_embeddings=True),
 "CodeGen": dict(model_type="codegen", n_embd=1024, n_layer=20, n_head=16, n_positions=2048, vocab_size=51200, rotary_dim=32),
 "MiniCPM3": dict(model_type="minicpm3", hidden_size=2560, num_hidden_layers=62, num_attention_heads=40, num_key_value_heads=40, intermediate_size=6400, q_lora_rank=768, kv_lora_rank=256, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64, vocab_size=73448),
 "FlexOlmo": dict(model_type="flex_olmo", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, intermediate_size=11008, vocab_size=100352, num_experts=5, num_experts_per_tok=5, tie_word_embeddings=False),
 "Qwen2-MoE sparse": dict(model_type="qwen2_moe", hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=4, intermediate_size=1024, moe_intermediate_size=256, shared_expert_intermediate_size=512, num_experts=16, num_experts_per_tok=2, vocab_size=1000, decoder_sparse_step=2, mlp_only_layers=[3], tie_word_embeddings=True),
 "Command-R7B": dict(model_type="cohere2", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=256000),
 "SantaCoder": dict(model_type="gpt_bigcode", n_embd=2048, n_layer=24, n_head=16, n_inner=8192, n_positions=2048, vocab_size=49280, multi_query=True),
 "DeepSeek-V3, queries not compressed": dict(model_type="deepseek_v3", hidden_size=512, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=8, intermediate_size=1024, moe_intermediate_size=256, n_routed_experts=16, n_shared_experts=2, num_experts_per_tok=4, first_k_dense_replace=2, kv_lora_rank=64, q_lora_rank=None, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32, vocab_size=1000, n_group=1, topk_group=1),
 # Layers of several kinds.
 "Mamba-130M": dict(model_type="mamba", hidden_size=768, num_hidden_layers=24, state_size=16, expand=2, conv_kernel=4, intermediate_size=1536, time_step_rank=48, use_bias=False, use_conv_bias=True, vocab_size=50280),
 "Mamba-2.8B": dict(model_type="mamba", hidden_size=2560, num_hidden_layers=64, state_size=16, expand=2, conv_kernel=4, intermediate_size=5120, time_step_rank=160, use_bias=False, use_conv_bias=True, vocab_size=50280),
 "Falcon-Mamba-7B": dict(model_type="falcon_mamba", hidden_size=4096, num_hidden_layers=64, state_size=16, expand=16, conv_kernel=4, intermediate_size=8192, time_step_rank=256, use_bias=False, use_conv_bias=True, vocab_size=65024, tie_word_embeddings=False),
 "Mamba-Codestral-7B": dict(model_type="mamba2", hidden_size=4096, num_hidden_layers=64, state_size=128, num_heads=128, head_dim=64, n_groups=8, expand=2, conv_kernel=4, use_bias=False, use_conv_bias=True, vocab_size=32768, tie_word_embeddings=False),
 "Jamba-v0.1": dict(model_type="jamba", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, num_experts=16, num_experts_per_tok=2, attn_layer_period=8, attn_layer_offset=4, expert_layer_period=2, expert_layer_offset=1, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=256, mamba_conv_bias=True, mamba_proj_bias=False, vocab_size=65536, tie_word_embeddings=False),
 "Jamba, without experts": dict(model_type="jamba", hidden_size=256, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=512, num_experts=1, num_experts_per_tok=1, attn_layer_period=4, attn_layer_offset=2, mamba_dt_rank="auto", mamba_proj_bias=True, mamba_conv_bias=False, vocab_size=1000, pad_token_id=0),
 "Bamba-9B": dict(model_type="bamba", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, attn_layer_indices=[9, 18, 27], mamba_n_heads=128, mamba_d_head=64, mamba_n_groups=1, mamba_d_state=128, mamba_d_conv=4, mamba_expand=2, mamba_conv_bias=True, mamba_proj_bias=False, vocab_size=128256, tie_word_embeddings=False),
 "Falcon-H1-0.5B": dict(model_type="falcon_h1", hidden_size=1024, num_hidden_layers=36, num_attention_heads=8, num_key_value_heads=2, head_dim=64, intermediate_size=2048, mamba_d_ssm=1536, mamba_n_heads=24, mamba_d_head=64, mamba_n_groups=1, mamba_d_state=128, mamba_d_conv=4, mamba_expand=2, mamba_conv_bias=True, mamba_proj_bias=False, mamba_rms_norm=False, projectors_bias=False, vocab_size=32784, tie_word_embeddings=False),
 "Falcon-H1 with biases": dict(model_type="falcon_h1", hidden_size=256, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=32, intermediate_size=512, mamba_d_ssm=384, mamba_n_heads=12, mamba_d_head=32, mamba_n_groups=2, mamba_d_state=16, mamba_conv_bias=False, mamba_proj_bias=True, mamba_rms_norm=True, projectors_bias=True, attention_bias=True, mlp_bias=True, vocab_size=1000, pad_token_id=0),
 "Granite-4.0-H-Tiny": dict(model_type="granitemoehybrid", hidden_size=1536, num_hidden_layers=40, num_attention_heads=12, num_key_value_heads=4, intermediate_size=512, shared_intermediate_size=1024, num_local_experts=64, num_experts_per_tok=6, layer_types=["attention" if i in (5, 15, 25, 35) else "mamba" for i in range(40)], mamba_n_heads=48, mamba_d_head=64, mamba_n_groups=1, mamba_d_state=128, mamba_d_conv=4, mamba_expand=2, mamba_conv_bias=True, mamba_proj_bias=False, vocab_size=100352, tie_word_embeddings=True),
 "Granite-4.0-H-Micro": dict(model_type="granitemoehybrid", hidden_size=2048, num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=8, intermediate_size=8192, shared_intermediate_size=8192, num_local_experts=0, num_experts_per_tok=0, layer_types=["attention" if i in (5, 15, 25, 35) else "mamba" for i in range(40)], mamba_n_heads=64, mamba_d_head=64, mamba_n_groups=1, mamba_d_state=128, mamba_d_conv=4, mamba_expand=2, mamba_conv_bias=True, mamba_proj_bias=False, vocab_size=100352, tie_word_embeddings=True),
 "Nemotron-H-8B": dict(model_type="nemotron_h", hidden_size=4096, num_hidden_layers=52, num_attention_heads=32, num_key_value_heads=8, head_dim=128, intermediate_size=21504, hybrid_override_pattern="M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", mamba_num_heads=128, mamba_head_dim=64, n_groups=8, ssm_state_size=128, conv_kernel=4, expand=2, use_conv_bias=True, use_bias=False, mlp_bias=False, vocab_size=131072, tie_word_embeddings=False),
 "Nemotron-3-Nano-30B-A3B": dict(model_type="nemotron_h", hidden_size=2688, num_hidden_layers=52, num_attention_heads=32, num_key_value_heads=2, head_dim=128, intermediate_size=1856, hybrid_override_pattern="MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME", mamba_num_heads=64, mamba_head_dim=64, n_groups=8, ssm_state_size=128, conv_kernel=4, expand=2, use_conv_bias=True, use_bias=False, mlp_bias=False, n_routed_experts=128, n_shared_experts=1, num_experts_per_tok=6, moe_intermediate_size=1856, moe_shared_expert_intermediate_size=3712, vocab_size=131072, tie_word_embeddings=False),
 "Zamba2-1.2B": dict(model_type="zamba2", hidden_size=2048, num_hidden_layers=38, num_attention_heads=32, num_key_value_heads=32, attention_head_dim=128, attention_hidden_size=4096, intermediate_size=8192, hybrid_layer_ids=[5, 11, 17, 23, 29, 35], layers_block_type=["hybrid" if i in (5, 11, 17, 23, 29, 35) else "mamba" for i in range(38)], num_mem_blocks=1, adapter_rank=128, use_shared_attention_adapter=True, n_mamba_heads=64, mamba_ngroups=1, mamba_d_state=128, mamba_d_conv=4, mamba_expand=2, vocab_size=32000),
 "Zamba2-2.7B": dict(model_type="zamba2", hidden_size=2560, num_hidden_layers=54, num_attention_heads=32, num_key_value_heads=32, attention_head_dim=160, attention_hidden_size=5120, intermediate_size=10240, hybrid_layer_ids=[6, 12, 18, 24, 30, 36, 42, 47, 51], layers_block_type=["hybrid" if i in (6, 12, 18, 24, 30, 36, 42, 47, 51) else "mamba" for i in range(54)], num_mem_blocks=2, adapter_rank=128, use_shared_attention_adapter=False, n_mamba_heads=80, mamba_ngroups=1, mamba_d_state=64, mamba_d_conv=4, mamba_expand=2, vocab_size=32000),
 "LFM2-350M": dict(model_type="lfm2", hidden_size=1024, num_hidden_layers=16, num_attention_heads=16, num_key_value_heads=8, block_ff_dim=6656, block_auto_adjust_ff_dim=True, block_multiple_of=256, block_ffn_dim_multiplier=1.0, conv_L_cache=3, conv_bias=False, full_attn_idxs=[2, 5, 8, 10, 12, 14], vocab_size=65536),
 "LFM2-1.2B": dict(model_type="lfm2", hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, block_ff_dim=12288, block_auto_adjust_ff_dim=True, block_multiple_of=256, block_ffn_dim_multiplier=1.0, conv_L_cache=3, conv_bias=False, full_attn_idxs=[2, 5, 8, 10, 12, 14], vocab_size=65536),
 "LFM2-8B-A1B": dict(model_type="lfm2_moe", hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, num_key_value_heads=8, intermediate_size=7168, moe_intermediate_size=1792, num_experts=32, num_experts_per_tok=4, num_dense_layers=2, conv_L_cache=3, conv_bias=False, layer_types=["full_attention" if i in (2, 6, 10, 14, 18, 21) else "conv" for i in range(24)], vocab_size=65536),
 "Qwen3-Next-80B-A3B": dict(model_type="qwen3_next", hidden_size=2048, num_hidden_layers=48, num_attention_heads=16, num_key_value_heads=2, head_dim=256, intermediate_size=5120, moe_intermediate_size=512, shared_expert_intermediate_size=512, num_experts=512, num_experts_per_tok=10, linear_num_key_heads=16, linear_num_value_heads=32, linear_key_head_dim=128, linear_value_head_dim=128, linear_conv_kernel_dim=4, full_attention_interval=4, decoder_sparse_step=1, mlp_only_layers=[], vocab_size=151936, tie_word_embeddings=False),
 "Qwen3-Next, some layers dense": dict(model_type="qwen3_next", hidden_size=256, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2, head_dim=64, intermediate_size=512, moe_intermediate_size=64, shared_expert_intermediate_size=96, num_experts=16, num_experts_per_tok=2, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=16, linear_value_head_dim=32, layer_types=["linear_attention", "full_attention"] * 4, decoder_sparse_step=2, mlp_only_layers=[3], attention_bias=True, vocab_size=1000),
 "MiniMax-Text-01": dict(model_type="minimax", hidden_size=6144, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8, head_dim=128, intermediate_size=9216, num_local_experts=32, num_experts_per_tok=2, layer_types=["full_attention" if i % 8 == 7 else "linear_attention" for i in range(80)], vocab_size=200064, tie_word_embeddings=False),
 "MiniMax-M2": dict(model_type="minimax_m2", hidden_size=3072, num_hidden_layers=62, num_attention_heads=48, num_key_value_heads=8, head_dim=128, intermediate_size=1536, num_local_experts=256, num_experts_per_tok=8, vocab_size=200064, tie_word_embeddings=False),
 "JetMoE-8B": dict(model_type="jetmoe", hidden_size=2048, num_hidden_layers=24, num_key_value_heads=16, kv_channels=128, intermediate_size=5632, num_local_experts=8, num_experts_per_tok=2, vocab_size=32000, tie_word_embeddings=True),
 "DBRX": dict(model_type="dbrx", d_model=6144, n_heads=48, n_layers=40, vocab_size=100352, attn_config=dict(kv_n_heads=8, clip_qkv=8, rope_theta=500000), ffn_config=dict(ffn_hidden_size=10752, moe_num_experts=16, moe_top_k=4), tie_word_embeddings=False),
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
    said = {**config, **config.get("ffn_config", {})}
    experts = next((said[k] for k in ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts") if k in said), 0)
    per_token = next((said[k] for k in ("num_experts_per_tok", "moe_top_k", "moe_topk", "moe_k") if k in said), 0)
    idle = 0
    if experts:
        # JetMoE has experts in attention, too, and calls those of the feed-forward part otherwise.
        expert = lambda n: (".experts." in n or ".mlp.input_linear" in n or ".mlp.output_linear" in n) and "shared" not in n
        routed = sum(size for n, size in parameters.values() if expert(n) and "router" not in n and not n.endswith(".bias"))
        idle = routed // experts * (experts - per_token)
    total = sum(size for _, size in parameters.values())
    config = {k: v for k, v in case.items() if v is not None}
    return {"name": name, "config": config, "total": total, "params": params, "active": params - idle}


if __name__ == "__main__":
    rows = [json.dumps(count(name, case)) for name, case in CASES.items()]
    pathlib.Path(__file__).with_suffix(".jsonl").write_text("\n".join(rows) + "\n")
