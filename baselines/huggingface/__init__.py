"""Any causal language model of the transformers library, by its model type. Imports no torch."""

from typing import TYPE_CHECKING

from baselines.huggingface.config import MORE_TINIES, TINY, HuggingFaceConfig, label
from mmv2.registry import ArchitectureSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from baselines.huggingface.model import HuggingFaceModel


def build(config: HuggingFaceConfig) -> "HuggingFaceModel":
    """A model, initialised as the library initialises it; raises UserError where it does not do what models must."""
    from baselines.huggingface.model import HuggingFaceModel
    from baselines.huggingface.probe import check_behaviour

    model = HuggingFaceModel(config)
    if model.device.type != "meta":
        check_behaviour(model)
    return model


def flops_per_token(config: HuggingFaceConfig, context: int) -> int:
    """Forward FLOPs per token at a context length."""
    from baselines.huggingface.sizes import flops_per_token

    return flops_per_token(config, context)


def cache_bytes(config: HuggingFaceConfig, context: int, bytes_per_number: int) -> int:
    """The library's decoding state."""
    from baselines.huggingface.sizes import cache_bytes

    return cache_bytes(config, context, bytes_per_number)


def to_transformers(model: "HuggingFaceModel") -> "PreTrainedModel":
    """The library's own model, which shares the weights."""
    return model.network


MODEL_SPEC = ArchitectureSpec(
    name="huggingface",
    label="transformers",
    label_of=label,
    config=HuggingFaceConfig,
    build=build,
    flops_per_token=flops_per_token,
    cache_bytes=cache_bytes,
    tiny=TINY,
    more_tinies=MORE_TINIES,
    packages=("baselines.huggingface", "mmv2.layers"),
    to_transformers=to_transformers,
)
