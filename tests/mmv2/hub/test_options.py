"""Memory Mosaics with other parts than the paper's, in transformers: their settings travel with them."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from mmv2.data.tokenizer import build_word_level
from mmv2.errors import UserError
from mmv2.hub import MemoryMosaicsConfig
from mmv2.hub.modelling import from_decoder
from mmv2.model.config import FixedBandwidth
from tests.contracts.common import CLOSE
from tests.mmv2.evaluation.small_world import random_model, write_final

FIXED = FixedBandwidth(short_term=3.0, long_term=5.0)
OPTIONS = [
    {"adaptive_bandwidth": False, "initial_theta_beta": 1.0},
    {"adaptive_bandwidth": False, "fixed_bandwidth": FIXED},
    {"key_extractor": "leaky"},
    {"key_extractor": "plain"},
    {"rope_theta": 30.0},
    {"rope_theta": 30.0, "key_extractor": "plain", "adaptive_bandwidth": False, "fixed_bandwidth": FIXED},
]


@pytest.fixture(params=OPTIONS, ids=str)
def options(request):
    return request.param


def test_a_final_folder_loads_with_its_settings_and_is_saved_with_them(options, tmp_path, rows):
    build_word_level(["a", "b"]).save(str(tmp_path / "tokenizer.json"))
    folder = write_final(tmp_path / "final", "mmv2", tmp_path / "tokenizer.json", **options)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.save_pretrained(tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again")
    ours = random_model("mmv2", **options)
    with torch.no_grad():
        for loaded in (model, again):
            assert loaded.config.sizes() == ours.config
            assert torch.equal(loaded(rows[0], use_cache=False).logits, ours(rows[0]))


def test_rows_of_unlike_length_decode_together(options, padded, rows):
    """Positions, recurrences and numbers of pairs are those of each row."""
    decoder = random_model("mmv2", **options).double()
    model = from_decoder(decoder)
    more = torch.randint(61, (len(rows), 9), generator=torch.Generator().manual_seed(4))
    mask = torch.cat([padded["attention_mask"], torch.ones_like(more)], 1)
    with torch.no_grad():
        first = model(**padded)
        cache, found = first.past_key_values, []
        for piece in more.split([1, 5, 3], dim=1):
            seen = mask[:, : cache.columns + piece.shape[1]]
            found.append(model(piece, attention_mask=seen, past_key_values=cache).logits)
        for number, row in enumerate(rows):
            whole = decoder(torch.cat([row, more[number : number + 1]], dim=1))[0]
            torch.testing.assert_close(first.logits[number, -row.shape[1] :], whole[: row.shape[1]], **CLOSE)
            torch.testing.assert_close(torch.cat(found, 1)[number], whole[row.shape[1] :], **CLOSE)


def test_leaky_shares_stay_in_float32_in_a_bfloat16_model(tmp_path):
    from_decoder(random_model("mmv2", key_extractor="leaky")).save_pretrained(tmp_path)
    rough = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    kept = {name for name, parameter in rough.named_parameters() if parameter.dtype == torch.float32}
    assert kept == {name for name, _ in rough.named_parameters() if "theta_lambda" in name}
    assert kept


def test_settings_that_contradict_each_other_are_refused():
    config = random_model("mmv2").config.model_dump(mode="json")
    with pytest.raises(UserError, match="fixed_bandwidth: does not adapt"):
        MemoryMosaicsConfig(**{**config, "fixed_bandwidth": FIXED.model_dump()})
