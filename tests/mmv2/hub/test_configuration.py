"""The configuration keeps the architecture's keys, under transformers' names too, and refuses what cannot be."""

import pytest

from mmv2.errors import UserError
from mmv2.hub import MemoryMosaicsConfig
from mmv2.model.config import SIZES, TINY
from mmv2.registry import architecture

KEYS = TINY.model_dump(mode="json")


@pytest.mark.parametrize("sizes", [TINY, *SIZES.values()], ids=["tiny", *SIZES])
def test_every_key_survives_the_file(sizes, tmp_path):
    MemoryMosaicsConfig(**sizes.model_dump(mode="json"), provenance={"run": "a"}).save_pretrained(tmp_path)
    loaded = MemoryMosaicsConfig.from_pretrained(tmp_path)
    assert loaded.sizes() == sizes
    assert (loaded.provenance, loaded.use_cache) == ({"run": "a"}, True)


def test_the_layout_of_final_gives_the_same_and_its_checksums_stay_behind():
    final = {"arch": "mmv2", "model": KEYS, "weights_sha256": "w", "tokenizer_sha256": "t", "eos_token_id": 1}
    config = MemoryMosaicsConfig(**final)
    assert config.sizes() == TINY
    assert config.eos_token_id == 1
    assert not {"arch", "model", "weights_sha256", "tokenizer_sha256"} & set(config.to_dict())


def test_usual_names_are_the_same_keys():
    config = MemoryMosaicsConfig(**{**KEYS, "tie_embeddings": True})
    found = [config.num_hidden_layers, config.num_attention_heads, config.max_position_embeddings]
    assert found == [TINY.num_layers, TINY.num_heads, TINY.max_seq_len]
    assert config.tie_word_embeddings is True
    usual = {"num_hidden_layers": KEYS.pop("num_layers"), **KEYS}
    KEYS["num_layers"] = usual["num_hidden_layers"]
    assert MemoryMosaicsConfig(**usual).sizes() == TINY


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_heads": 5}, r"config\.json: hidden_size: 32 is not divisible by num_heads 5"),
        ({"long_term_delay": 9}, r"config\.json: long_term_delay: with m = 9 the pairs of age 8 to 8"),
        ({"vocab_size": None}, r"config\.json: vocab_size: "),
    ],
)
def test_what_the_architecture_cannot_have_is_told_with_its_key(change, told):
    with pytest.raises(UserError, match=told):
        MemoryMosaicsConfig(**{**KEYS, **change})
    config = MemoryMosaicsConfig(**KEYS)
    for key, value in change.items():
        setattr(config, key, value)
    with pytest.raises(UserError, match=told):
        config.sizes()


def test_no_size_is_made_up():
    with pytest.raises(UserError, match=r"config\.json: .*: missing; this key is required"):
        MemoryMosaicsConfig()


def test_the_model_type_is_the_architecture():
    assert architecture(MemoryMosaicsConfig.model_type).config is type(TINY)
