"""A Llama-like transformer with parts of Memory Mosaics v2, one by one and together. Imports no torch.

It is for the paper's open question why splitting short from long does not help a transformer.
"""

from typing import TYPE_CHECKING

from baselines.transformer_parts.config import TINY, PartsConfig
from mmv2.layers.delays import drawn_delays, seeded_draw
from mmv2.layers.flops import causal_read_flops, matrix_flops, window_read_flops
from mmv2.layers.memory_cost import pairs_bytes, recurrence_bytes
from mmv2.registry import ArchitectureSpec, StepInputs

if TYPE_CHECKING:
    from mmv2.layers.decoder import Decoder


def build(config: PartsConfig) -> "Decoder":
    """An initialised transformer with parts."""
    from baselines.transformer_parts.model import transformer_parts

    return transformer_parts(config)


def draw_delays(config: PartsConfig, seed: int, step: int) -> StepInputs:
    """The long-term delay m of one training step, for each layer, drawn as for Memory Mosaics v2."""
    if config.long_term_delay_range is None:
        return {}
    per_layer = config.delay_draw == "layer"
    draw = seeded_draw(seed, step)
    return {"long_term_delay": drawn_delays(config.long_term_delay_range, config.num_layers, per_layer, draw)}


def flops_per_token(config: PartsConfig, context: int) -> int:
    """Forward FLOPs per token at a context length: of one causal read, or of a windowed and a causal one."""
    window = config.short_term_window
    short_term = 0 if window is None else window_read_flops(config, context, window)
    return matrix_flops(build, config) + causal_read_flops(config, context) + short_term


def cache_bytes(config: PartsConfig, context: int, bytes_per_number: int) -> int:
    """Keys and values within reach of the next token, and the recurrences of gated keys and queries."""
    window = config.short_term_window
    pairs = context + (0 if window is None else min(context, window - 1))
    gated, symmetric, normalised = (
        part in config.parts for part in ("gated_keys", "symmetric_keys", "normalised_keys")
    )
    recurrences = len(config.ages) * gated * (1 if symmetric else 2)
    numbers = config.head_dim + (not normalised)
    return pairs_bytes(config, pairs, bytes_per_number) + recurrences * recurrence_bytes(
        config, numbers, bytes_per_number
    )


def attention_maps(config: PartsConfig) -> tuple[str, ...]:
    """One for each read."""
    return tuple(config.ages)


MODEL_SPEC = ArchitectureSpec(
    name="transformer_parts",
    label="Transformer with parts of MMv2",
    config=PartsConfig,
    build=build,
    flops_per_token=flops_per_token,
    cache_bytes=cache_bytes,
    step_inputs=draw_delays,
    attention_maps=attention_maps,
    tiny=TINY,
    packages=("baselines.transformer_parts", "baselines.transformer", "mmv2.layers", "mmv2.ops"),
)
