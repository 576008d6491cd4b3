"""Memory Mosaics v1: contextual and persistent memories in the decoder frame."""

from baselines.memory_mosaics_v1.config import MemoryMosaicsV1Config
from baselines.memory_mosaics_v1.contextual import ContextualMixer
from baselines.memory_mosaics_v1.persistent import PersistentMemory
from mmv2.layers.decoder import Decoder


def memory_mosaics_v1(config: MemoryMosaicsV1Config) -> Decoder:
    """The whole model. A persistent memory of pairs takes SwiGLU's place."""
    if config.persistent_memory == "ffn":
        return Decoder(config, lambda _: ContextualMixer(config))
    return Decoder(config, lambda _: ContextualMixer(config), lambda _: PersistentMemory(config))
