"""Configuration of transformers' causal language models, and tiny ones for tests. Imports no torch by itself."""

from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from mmv2.config import ModelConfig


class HuggingFaceConfig(ModelConfig):
    """A causal language model of the transformers library, trained from scratch.

    The common keys are given to the fields that the model type's own config class has for them. All its other fields
    keep the library's defaults, unless ``overrides`` names them. Checking that imports transformers, and so torch.
    """

    model_type: str
    """As transformers calls it: mamba2, rwkv, gpt_neox, llama, ..."""
    intermediate_size: int = Field(default=0, ge=0)
    """Width of the feed-forward; of mamba and mamba2, which have none, of the inner projection; 0: left out, for model
    types whose config class has no such field."""
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of the model type's own config class, by the names they have there, such as state_size."""

    @property
    def head_dim(self) -> int:
        given = self.overrides.get("head_dim")
        if isinstance(given, int):
            return given
        return (self.intermediate_size if self.model_type == "mamba2" else self.hidden_size) // self.num_heads

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_validator(mode="after")
    def _transformers_takes_it(self) -> Self:
        from baselines.huggingface.translation import transformers_config

        transformers_config(self)
        return self


LABELS = {
    "gpt_neox": "GPT-NeoX",
    "llama": "Llama (transformers)",
    "mamba": "Mamba",
    "mamba2": "Mamba-2",
    "rwkv": "RWKV-4",
}
"""Names in tables and legends; other model types go by the library's own name."""


def label(config: HuggingFaceConfig) -> str:
    """The name of the model type."""
    return LABELS.get(config.model_type, config.model_type)


def _tiny(model_type: str, **own: Any) -> HuggingFaceConfig:
    # Not validated here, as that would import torch; a test does it.
    sizes: Any = {"vocab_size": 61, "hidden_size": 24, "num_layers": 2, "max_seq_len": 32, "model_type": model_type}
    return HuggingFaceConfig.model_construct(**sizes, **own)


TINY = _tiny("llama", num_heads=4, intermediate_size=40, overrides={"num_key_value_heads": 2})
MORE_TINIES = (
    _tiny("gpt_neox", num_heads=2, intermediate_size=40),
    _tiny(
        "mamba2",
        num_heads=4,
        intermediate_size=48,
        overrides={"state_size": 8, "n_groups": 2, "chunk_size": 16},
    ),
    _tiny("rwkv", num_heads=1, intermediate_size=40),
)
