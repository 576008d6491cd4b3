"""The transformer baseline: Llama architecture in the frame that it shares with Memory Mosaics. Imports no torch."""

from typing import TYPE_CHECKING

from baselines.transformer.config import SIZES, TINY, TransformerConfig
from mmv2.layers.flops import causal_read_flops, matrix_flops
from mmv2.registry import ArchitectureSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mmv2.layers.decoder import Decoder


def build(config: TransformerConfig) -> "Decoder":
    """An initialised transformer."""
    from baselines.transformer.model import transformer

    return transformer(config)


def flops_per_token(config: TransformerConfig, context: int) -> int:
    """Forward FLOPs per token at a context length (Table 2)."""
    return matrix_flops(build, config) + causal_read_flops(config, context)


def cache_bytes(config: TransformerConfig, context: int, bytes_per_number: int) -> int:
    """Keys and values of all tokens in all layers."""
    return 2 * config.num_layers * config.kv_heads * config.head_dim * context * bytes_per_number


def attention_maps(config: TransformerConfig) -> tuple[str, ...]:
    """Self-attention alone."""
    return ("attention",)


def to_transformers(model: "Decoder") -> "PreTrainedModel":
    """The model as a LlamaForCausalLM."""
    from baselines.transformer.hf import to_hf

    return to_hf(model)


MODEL_SPEC = ArchitectureSpec(
    name="transformer",
    label="Transformer",
    config=TransformerConfig,
    build=build,
    flops_per_token=flops_per_token,
    cache_bytes=cache_bytes,
    attention_maps=attention_maps,
    sizes=SIZES,
    tiny=TINY,
    packages=("baselines.transformer", "mmv2.layers", "mmv2.ops"),
    to_transformers=to_transformers,
)
