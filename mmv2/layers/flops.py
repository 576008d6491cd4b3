"""Parameters and forward FLOPs per token, as the paper counts them in Table 2.

    FLOPs/token = 2 * (non-embedding parameters + classifier) + the reads of attention or memories

Parameters are counted on the meta device from the model itself, not by a formula. Imports torch only when it counts.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from mmv2.config import ModelConfig

if TYPE_CHECKING:
    from mmv2.layers.decoder import LanguageModel

Build = Callable[[Any], "LanguageModel"]


@cache
def _sizes(build: Build, config: ModelConfig) -> dict[str, int]:
    """Parameter name -> how many numbers; a tied classifier is not listed apart from the embedding."""
    import torch

    with torch.device("meta"):
        model = build(config)
    return {name: parameter.numel() for name, parameter in model.named_parameters()}


def parameters(build: Build, config: ModelConfig) -> int:
    """All parameters, embedding and classifier included; tied ones count once."""
    return sum(_sizes(build, config).values())


def matrix_flops(build: Build, config: ModelConfig) -> int:
    """2 * (non-embedding parameters + classifier): one multiplication and one addition for each, for every token."""
    outside = ("embedding.weight", "classifier.weight")
    inside = sum(size for name, size in _sizes(build, config).items() if name not in outside)
    return 2 * (inside + config.vocab_size * config.hidden_size)


def causal_read_flops(config: ModelConfig, context: int) -> int:
    """Scores and weighted sum over, on average, half the context in every layer: 2 * layers * context * d."""
    return 2 * config.num_layers * context * config.hidden_size


def window_read_flops(config: ModelConfig, context: int, window: int) -> int:
    """Reading the last ``window`` tokens: as a causal read up to that context, 4 * layers * window * d beyond it."""
    if context <= window:
        return causal_read_flops(config, context)
    return 4 * config.num_layers * window * config.hidden_size
