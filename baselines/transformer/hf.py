"""The transformer as transformers' LlamaForCausalLM and back: the same weights under other names."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from baselines.transformer.config import TransformerConfig
from baselines.transformer.model import transformer
from mmv2.errors import UserError
from mmv2.layers.decoder import Decoder

LLAMA_NAMES = {
    "embedding": "model.embed_tokens",
    "blocks.{}.mixer_norm": "model.layers.{}.input_layernorm",
    "blocks.{}.mixer.query": "model.layers.{}.self_attn.q_proj",
    "blocks.{}.mixer.key": "model.layers.{}.self_attn.k_proj",
    "blocks.{}.mixer.value": "model.layers.{}.self_attn.v_proj",
    "blocks.{}.mixer.output": "model.layers.{}.self_attn.o_proj",
    "blocks.{}.feed_forward_norm": "model.layers.{}.post_attention_layernorm",
    "blocks.{}.feed_forward.w1": "model.layers.{}.mlp.gate_proj",
    "blocks.{}.feed_forward.w3": "model.layers.{}.mlp.up_proj",
    "blocks.{}.feed_forward.w2": "model.layers.{}.mlp.down_proj",
    "norm": "model.norm",
    "classifier": "lm_head",
}
"""Our module -> Llama's; {} stands for the block index."""

UNLIKE_OURS = {"attention_bias": False, "mlp_bias": False, "hidden_act": "silu", "attention_dropout": 0.0}
"""Settings of a LlamaConfig that the baseline does not have, with the value that leaves them out."""


def to_hf(model: Decoder) -> LlamaForCausalLM:
    """Export to transformers, on the CPU; raises UserError for another architecture.

    No token ids are set: the tokenizer of ``final/`` says which one ends a document.
    """
    if not isinstance(model.config, TransformerConfig):
        raise UserError(f"{type(model.config).__name__}: only the transformer baseline is a Llama; export that one")
    llama = LlamaForCausalLM(llama_config(model.config))
    llama.load_state_dict(_renamed(model.state_dict(), LLAMA_NAMES))
    return llama.train(model.training)


def from_hf(llama: LlamaForCausalLM) -> Decoder:
    """Import from transformers; raises UserError when the Llama has parts that the baseline has not."""
    model = transformer(transformer_config(llama.config))
    model.load_state_dict(_renamed(llama.state_dict(), {theirs: ours for ours, theirs in LLAMA_NAMES.items()}))
    return model.train(llama.training)


def llama_config(config: TransformerConfig) -> LlamaConfig:
    """The same model as transformers describes it."""
    return LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.max_seq_len,
        rms_norm_eps=config.norm_eps,
        tie_word_embeddings=config.tie_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        bos_token_id=None,
        eos_token_id=None,
    )


def transformer_config(llama: LlamaConfig) -> TransformerConfig:
    """The same model as the baseline describes it; raises UserError naming the setting that it has not."""
    rope: Any = llama.rope_parameters
    ours: dict[str, Any] = {
        **UNLIKE_OURS,
        "head_dim": llama.hidden_size // llama.num_attention_heads,
        "rope_parameters": {"rope_type": "default", "rope_theta": rope["rope_theta"]},
    }
    for name, value in ours.items():
        if getattr(llama, name) != value:
            raise UserError(f"LlamaConfig: {name}: {getattr(llama, name)!r} is not supported; it must be {value!r}")
    return TransformerConfig(
        vocab_size=llama.vocab_size,
        hidden_size=llama.hidden_size,
        num_layers=llama.num_hidden_layers,
        num_heads=llama.num_attention_heads,
        num_kv_heads=llama.num_key_value_heads,
        intermediate_size=llama.intermediate_size,
        max_seq_len=llama.max_position_embeddings,
        norm_eps=llama.rms_norm_eps,
        tie_embeddings=llama.tie_word_embeddings,
        rope_theta=rope["rope_theta"],
    )


def _renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    return {_translate(name, names): tensor for name, tensor in weights.items()}


def _translate(weight: str, names: Mapping[str, str]) -> str:
    module, _, parameter = weight.rpartition(".")
    block = re.search(r"\d+", module)
    if block is None:
        return f"{names[module]}.{parameter}"
    pattern = module.replace(block.group(), "{}", 1)
    return f"{names[pattern].format(block.group())}.{parameter}"
