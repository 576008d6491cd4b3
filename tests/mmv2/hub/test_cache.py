"""What transformers may ask of a cache besides reading on."""

import pytest
import torch

from mmv2.hub import MemoryMosaicsCache
from tests.contracts.common import CLOSE


@pytest.fixture
def cache(model, padded):
    with torch.no_grad():
        return model(**padded).past_key_values


def next_logits(model, cache, mask_BT, ids_B1):
    with torch.no_grad():
        mask_BT = torch.cat([mask_BT, torch.ones_like(ids_B1)], dim=1)
        return model(ids_B1, attention_mask=mask_BT, past_key_values=cache).logits


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        (lambda cache: cache.reorder_cache(torch.tensor([3, 3, 0, 1, 4])), [3, 3, 0, 1, 4]),
        (lambda cache: cache.batch_select_indices(torch.tensor([2, 1])), [2, 1]),
        (lambda cache: cache.batch_repeat_interleave(2), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
    ],
    ids=["reorder", "select", "repeat"],
)
def test_rows_go_on_from_what_they_were_given(model, cache, padded, change, chosen):
    change(cache)
    ids = torch.arange(len(chosen))[:, None]
    whole = {name: tensor[chosen] for name, tensor in padded.items()}
    with torch.no_grad():
        expected = next_logits(model, model(**whole).past_key_values, whole["attention_mask"], ids)
    torch.testing.assert_close(next_logits(model, cache, whole["attention_mask"], ids), expected, **CLOSE)


def test_it_counts_columns_and_layers(cache, padded):
    assert cache.get_seq_length() == padded["input_ids"].shape[1]
    assert len(cache) == 2
    assert cache.is_initialized
    cache.reset()
    assert (cache.get_seq_length(), len(cache), cache.is_initialized) == (0, 0, False)
    assert repr(cache) == "MemoryMosaicsCache(layers=0, columns=0)"


def test_an_empty_one_may_be_reordered():
    cache = MemoryMosaicsCache()
    cache.reorder_cache(torch.tensor([0]))
    cache.batch_repeat_interleave(3)
    assert not cache.is_initialized


def test_nothing_is_taken_back_out(cache):
    with pytest.raises(ValueError, match=r"tokens cannot be taken back out of it; copy\.deepcopy\(\) it"):
        cache.crop(1)
    assert not cache.is_croppable
    assert not cache.is_compileable
