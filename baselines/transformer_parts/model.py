"""A transformer with parts of Memory Mosaics v2: the decoder frame around one read, or around two that share it."""

from baselines.transformer_parts.config import PartsConfig
from baselines.transformer_parts.memory import PartsMemory
from mmv2.layers.decoder import Decoder
from mmv2.layers.memory_mixer import MemoryMixer
from mmv2.ops.memory_read import Ages


def transformer_parts(config: PartsConfig) -> Decoder:
    """The whole model."""
    return Decoder(config, lambda _: parts_mixer(config))


def parts_mixer(config: PartsConfig) -> MemoryMixer:
    """Attention, d -> d; or with the part long_short a short-term and a long-term read side by side, 2d -> d."""
    return MemoryMixer(
        {name: PartsMemory(config, ages) for name, ages in config.ages.items()},
        {name: Ages(*ages) for name, ages in config.ages.items()},
        config.hidden_size,
    )
