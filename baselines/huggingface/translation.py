"""The sizes of a model by our names -> the config of its model type, filled, by transformers' names."""

import dataclasses
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from baselines.huggingface.config import HuggingFaceConfig
from mmv2.errors import choices

FIELDS = {
    "vocab_size": ("vocab_size",),
    "hidden_size": ("hidden_size",),
    "num_layers": ("num_hidden_layers",),
    "num_heads": ("num_attention_heads", "num_heads"),
    "intermediate_size": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "dim_ff"),
    "max_seq_len": ("max_position_embeddings",),
    "norm_eps": ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps", "eps"),
    "tie_embeddings": ("tie_word_embeddings",),
}
"""Our key -> what config classes call it, or what their ``attribute_map`` knows it by."""
WITHOUT_FIELD = {"num_heads": 1, "intermediate_size": 0, "norm_eps": 1e-5, "tie_embeddings": False}
"""The value that a key must have where the config class has no field for it. The training context may have any: it is
a number of this suite's, which a model need not know."""
FOLLOWING = {"num_key_value_heads": "num_heads", "head_dim": "head_dim"}
"""Fields whose defaults fit only the sizes that a model type was published in -> what they follow from here, unless
``overrides`` name them: multi-head attention, and heads that share the hidden size."""
EXPANDED = ("falcon_mamba", "mamba", "mamba2")
"""Model types that give their inner width as a multiple of the hidden size."""
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
"""Always None: the tokenizer of a corpus says which token ends a text, and a padding token would not be learnt."""
FIXED = {"rwkv": {"rescale_every": 0}}
"""Fields with one possible value. RWKV's library code else divides weights in place when a model is evaluated, against
the overflow of float16: what is exported would not be what was trained."""


def transformers_config(config: HuggingFaceConfig) -> PreTrainedConfig:
    """The library's own description of the model.

    Raises:
        ValueError: ``key: what is wrong with it``, for the first mistake found.
    """
    cls = _config_class(config.model_type)
    fields = _own_fields(cls)
    common = _common(config, cls)
    overrides = {}
    for name, value in config.overrides.items():
        field = cls.attribute_map.get(name, name)
        if field not in fields:
            raise ValueError(f"overrides.{name}: {cls.__name__} has no such field; {choices(name, fields)}")
        if common.get(field, "max_seq_len") != "max_seq_len":
            raise ValueError(f"overrides.{name}: follows from {common[field]} of the model; change that")
        if field in TOKENS or field in FIXED.get(config.model_type, {}):
            raise ValueError(f"overrides.{name}: cannot be chosen here (docs/huggingface_baseline.md); leave it out")
        overrides[field] = value
    following = {field: getattr(config, key) for field, key in FOLLOWING.items() if field in fields}
    values = following | {field: _value(config, field, key) for field, key in common.items()}
    unset = dict.fromkeys(fields.intersection(TOKENS))
    try:
        made = cls(**{**unset, **values, **FIXED.get(config.model_type, {}), **overrides})
    except (StrictDataclassError, ValueError, TypeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"model_type: transformers' {cls.__name__} does not take these values: {text}") from None
    groups = getattr(made, "n_groups", 1)
    if config.num_heads % groups:
        raise ValueError(
            f"overrides.n_groups: {groups} does not divide num_heads {config.num_heads}; set one that does"
        )
    return made


def _config_class(model_type: str) -> type[PreTrainedConfig]:
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        names = choices(model_type, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
        raise ValueError(f"model_type: {model_type!r} is no causal language model of transformers; {names}")
    return CONFIG_MAPPING[model_type]


def _own_fields(cls: type[PreTrainedConfig]) -> set[str]:
    """Those of the model type alone, without what every config of transformers has."""
    everywhere = {field.name for field in dataclasses.fields(PreTrainedConfig)}
    return {field.name for field in dataclasses.fields(cls)} - everywhere


def _common(config: HuggingFaceConfig, cls: type[PreTrainedConfig]) -> dict[str, str]:
    """Field of the config class -> our key that it follows from."""
    found = {}
    for key, names in FIELDS.items():
        if key == "intermediate_size" and config.model_type in EXPANDED:
            found["expand"] = key
            continue
        known = [cls.attribute_map.get(name, name) for name in names]
        field = next((name for name in known if name in _own_fields(cls)), None)
        if field is not None:
            found[field] = key
        elif key not in {*WITHOUT_FIELD, "max_seq_len"}:
            raise ValueError(
                f"model_type: {config.model_type}: {cls.__name__} has no field for {key}; use one whose sizes are "
                f"fields of its own, of text alone"
            )
        elif getattr(config, key) != WITHOUT_FIELD.get(key, getattr(config, key)):
            raise ValueError(
                f"{key}: {getattr(config, key)}, but {cls.__name__} has no field for it; use {WITHOUT_FIELD[key]}"
            )
    if config.model_type == "mamba2":
        found["head_dim"] = "num_heads"
        found["num_heads"] = "num_heads"
    return found


def _value(config: HuggingFaceConfig, field: str, key: str) -> Any:
    width = config.intermediate_size
    if key == "intermediate_size" and not width:
        raise ValueError(f"intermediate_size: missing; {config.model_type} needs it")
    if field == "expand":
        return _whole(width, config.hidden_size, "hidden_size")
    if field == "head_dim":
        return _whole(width, config.num_heads, "num_heads")
    return getattr(config, key)


def _whole(width: int, divisor: int, name: str) -> int:
    if width % divisor:
        raise ValueError(f"intermediate_size: {width} is no multiple of {name} {divisor}, which this model type needs")
    return width // divisor
