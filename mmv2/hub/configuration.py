"""The architecture's sizes as transformers keeps them: the keys of ``MosaicConfig``, flat, in config.json."""

from typing import Any, ClassVar

from transformers import PreTrainedConfig

from mmv2.config import validate
from mmv2.model.config import MosaicConfig

FILE = "config.json"
CHECKSUMS = ("arch", "weights_sha256", "tokenizer_sha256")
"""Keys of final/config.json that tell of that folder's own files, which this configuration may leave behind."""


class MemoryMosaicsConfig(PreTrainedConfig):
    """Keys of ``MosaicConfig``, all of those without a default required, and whatever else transformers keeps.

    Also reads final/config.json, where they stand under ``model``. transformers' usual names work too:
    ``num_hidden_layers``, ``num_attention_heads``, ``tie_word_embeddings`` and ``max_position_embeddings``, which is
    the training context and no limit: the model has no table of positions.

    Raises:
        UserError: a key is missing, or has a value that the architecture cannot have.
    """

    model_type = "mmv2"
    has_no_defaults_at_init = True
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {
        "num_hidden_layers": "num_layers",
        "num_attention_heads": "num_heads",
        "max_position_embeddings": "max_seq_len",
        "tie_word_embeddings": "tie_embeddings",
    }

    def __init__(self, model: dict[str, Any] | None = None, use_cache: bool = True, **others: Any):
        others = {self.attribute_map.get(key, key): value for key, value in others.items() if key not in CHECKSUMS}
        given = {key: others.pop(key) for key in MosaicConfig.model_fields if key in others} | (model or {})
        for key, value in validate(MosaicConfig, given, FILE).model_dump(mode="json").items():
            setattr(self, key, value)
        self.use_cache = use_cache
        super().__init__(**others)

    def sizes(self) -> MosaicConfig:
        """What the model is built from; raises UserError when a key has been set to what cannot be."""
        return validate(MosaicConfig, {key: getattr(self, key) for key in MosaicConfig.model_fields}, FILE)
