"""Memory Mosaics v2: the decoder frame around short-term and long-term memories (Section 3).

The third level, persistent memory, is the frame's SwiGLU feed-forward.
"""

from typing import cast

from mmv2.errors import UserError
from mmv2.layers.decoder import Decoder
from mmv2.layers.memory_mixer import MemoryMixer
from mmv2.model.config import MosaicConfig
from mmv2.model.memory import AssociativeMemory
from mmv2.ops.memory_read import Ages


class MosaicMixer(MemoryMixer):
    """Short-term and long-term memory side by side; W_o projects their concatenated answers, 2d -> d."""

    def __init__(self, config: MosaicConfig):
        super().__init__(
            {name: AssociativeMemory(config, name) for name in config.memories},
            {name: Ages(*config.ages(name)) for name in config.memories},
            config.hidden_size,
        )


def memory_mosaics(config: MosaicConfig) -> Decoder:
    """Memory Mosaics v2 of the given size, initialised as in Table 6."""
    return Decoder(config, lambda _: MosaicMixer(config))


def without_long_term_memory(model: Decoder) -> Decoder:
    """The same weights without the long-term memories and their half of W_o (Tables 2, 9, 10): a new model.

    Raises:
        UserError: it has none.
    """
    config = cast(MosaicConfig, model.config)
    if not config.long_term_memory:
        raise UserError("model.long_term_memory: false, so there is none to remove; reduce a model that has one")
    config = config.model_copy(update={"long_term_memory": False})
    width = config.hidden_size
    weights = {name: x for name, x in model.state_dict().items() if ".long_term." not in name}
    halved = {name: x[:, :width] if name.endswith("mixer.output.weight") else x for name, x in weights.items()}
    reduced = memory_mosaics(config).to(next(model.parameters()))  # device and type
    reduced.load_state_dict(halved)
    return reduced.train(model.training)
