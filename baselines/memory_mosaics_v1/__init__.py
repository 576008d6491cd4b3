"""Memory Mosaics v1 (arXiv 2405.06394), the paper's predecessor of v2. Imports no torch."""

from typing import TYPE_CHECKING

from baselines.memory_mosaics_v1.config import SIZES, TINY, MemoryMosaicsV1Config
from mmv2.layers.flops import causal_read_flops, matrix_flops
from mmv2.layers.memory_cost import pairs_bytes, recurrence_bytes
from mmv2.registry import ArchitectureSpec

if TYPE_CHECKING:
    from mmv2.layers.decoder import Decoder


LABEL = "Memory Mosaics v1"


def build(config: MemoryMosaicsV1Config) -> "Decoder":
    """An initialised Memory Mosaics v1."""
    from baselines.memory_mosaics_v1.model import memory_mosaics_v1

    return memory_mosaics_v1(config)


def flops_per_token(config: MemoryMosaicsV1Config, context: int) -> int:
    """Forward FLOPs per token at a context length.

    The read of a persistent memory multiplies every number that it stores once, as a matrix does.
    """
    return matrix_flops(build, config) + causal_read_flops(config, context)


def cache_bytes(config: MemoryMosaicsV1Config, context: int, bytes_per_number: int) -> int:
    """All pairs, one of them pending, and the recurrence of the keys of each memory that has some."""
    recurrences = 2 if config.persistent_memory == "key_value" else 1
    recurrence = recurrence_bytes(config, config.head_dim, bytes_per_number)
    return pairs_bytes(config, context, bytes_per_number) + recurrences * recurrence


def attention_maps(config: MemoryMosaicsV1Config) -> tuple[str, ...]:
    """The contextual memory's; the persistent one holds no positions."""
    return ("contextual",)


def label(config: MemoryMosaicsV1Config) -> str:
    """The paper's own form bears the plain name."""
    return LABEL if config.persistent_memory == "key_value" else f"{LABEL}, SwiGLU"


MODEL_SPEC = ArchitectureSpec(
    name="memory_mosaics_v1",
    label=LABEL,
    label_of=label,
    config=MemoryMosaicsV1Config,
    build=build,
    flops_per_token=flops_per_token,
    cache_bytes=cache_bytes,
    attention_maps=attention_maps,
    sizes=SIZES,
    tiny=TINY,
    more_tinies=(TINY.model_copy(update={"persistent_memory": "ffn"}),),
    packages=("baselines.memory_mosaics_v1", "mmv2.layers", "mmv2.ops"),
)
