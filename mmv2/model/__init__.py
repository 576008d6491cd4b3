"""Memory Mosaics v2, the paper's architecture (Section 3). This module imports no torch."""

from typing import TYPE_CHECKING

from mmv2.layers.delays import seeded_draw
from mmv2.layers.flops import causal_read_flops, matrix_flops, window_read_flops
from mmv2.layers.memory_cost import pairs_bytes, recurrence_bytes
from mmv2.model.config import SIZES, TINY, MosaicConfig
from mmv2.registry import ArchitectureSpec, StepInputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mmv2.layers.decoder import Decoder


def build(config: MosaicConfig) -> "Decoder":
    """An initialised Memory Mosaics v2."""
    from mmv2.model.model import memory_mosaics

    return memory_mosaics(config)


def draw_delays(config: MosaicConfig, seed: int, step: int) -> StepInputs:
    """The long-term delay m of one training step, for each layer (Section 3)."""
    return {"long_term_delay": config.draw_delays(seeded_draw(seed, step))}


def flops_per_token(config: MosaicConfig, context: int) -> int:
    """Forward FLOPs per token at a context length (Table 2): the long read grows, the short one stops at h."""
    long_term = causal_read_flops(config, context) if config.long_term_memory else 0
    short_term = window_read_flops(config, context, config.short_term_window)
    return matrix_flops(build, config) + short_term + long_term


def cache_bytes(config: MosaicConfig, context: int, bytes_per_number: int) -> int:
    """Pairs within reach, one of them pending, and the key recurrences."""
    first, end = config.short_term_ages
    pairs = min(context, end - first) + (context if config.long_term_memory else 0)
    recurrences = 0 if config.key_extractor == "plain" else len(config.memories)
    return pairs_bytes(config, pairs, bytes_per_number) + recurrences * recurrence_bytes(
        config, config.head_dim, bytes_per_number
    )


def attention_maps(config: MosaicConfig) -> tuple[str, ...]:
    """One for each memory that is read by keys."""
    return config.memories


def without_long_term_memory(model: "Decoder") -> "Decoder":
    """The same weights without the long-term memories and their half of W_o (Tables 2, 9, 10)."""
    from mmv2.model.model import without_long_term_memory as reduced

    return reduced(model)


def to_transformers(model: "Decoder") -> "PreTrainedModel":
    """The model as a MemoryMosaicsForCausalLM, which shares its weights."""
    from mmv2.hub.modelling import from_decoder

    return from_decoder(model)


MODEL_SPEC = ArchitectureSpec(
    name="mmv2",
    label="Memory Mosaics v2",
    config=MosaicConfig,
    build=build,
    flops_per_token=flops_per_token,
    cache_bytes=cache_bytes,
    step_inputs=draw_delays,
    attention_maps=attention_maps,
    sizes=SIZES,
    tiny=TINY,
    packages=("mmv2.model", "mmv2.layers", "mmv2.ops"),
    reductions={"without_long_term_memory": without_long_term_memory},
    to_transformers=to_transformers,
)
