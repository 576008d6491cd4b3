"""Batches with padding against their rows alone, on whichever side the padding is.

Equal up to 1e-9 in float64, which no padding read by a recurrence, a delay or a count would pass.
"""

import pytest
import torch
from torch.nn import functional

from mmv2.hub.cache import MemoryMosaicsCache
from tests.contracts.common import CLOSE

SIDES = {
    "left": lambda row, fill: (fill, row),
    "right": lambda row, fill: (row, fill),
    "inside": lambda row, fill: (row[:1], fill, row[1:]),
}


def batch(rows, side):
    """Token ids and mask, padded by token 7."""
    width = max(row.shape[1] for row in rows)
    ids, mask = [], []
    for (row,) in rows:
        fill = torch.full((width - len(row),), 7)
        ids.append(torch.cat(SIDES[side](row, fill)))
        mask.append(torch.cat(SIDES[side](torch.ones_like(row), torch.zeros_like(fill))))
    return torch.stack(ids), torch.stack(mask)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("side", SIDES)
def test_logits_are_those_of_the_rows_alone_and_0_at_padding(model, decoder, rows, side, use_cache):
    ids, mask = batch(rows, side)
    with torch.no_grad():
        logits_BTV = model(ids, attention_mask=mask, use_cache=use_cache).logits
        for row, found_TV, real_T in zip(rows, logits_BTV, mask.bool(), strict=True):
            torch.testing.assert_close(found_TV[real_T], decoder(row)[0], **CLOSE)
            assert not found_TV[~real_T].any()


@pytest.mark.parametrize("side", SIDES)
def test_the_last_column_alone_is_that_of_all(model, rows, side):
    ids, mask = batch(rows, side)
    with torch.no_grad():
        whole, last = (model(ids, attention_mask=mask, logits_to_keep=kept).logits for kept in (0, 1))
    assert last.shape[1] == 1
    torch.testing.assert_close(last, whole[:, -1:], **CLOSE)


@pytest.mark.parametrize("sides", [("left", "left"), ("right", "inside"), ("left", "right")])
@pytest.mark.parametrize("steps", [1, 30])
def test_a_second_padded_piece_continues_the_first(model, decoder, rows, sides, steps):
    """Rows go on by unlike numbers of tokens, one of them by none, and then all together by ``steps``."""
    generator = torch.Generator().manual_seed(2)
    more = [torch.randint(61, (1, length), generator=generator) for length in (3, 12, 0, 1, 12)]
    steps_BT = torch.randint(61, (len(rows), steps), generator=generator)
    pieces = [batch(rows, sides[0]), batch(more, sides[1]), (steps_BT, torch.ones_like(steps_BT))]
    cache, mask, found = MemoryMosaicsCache(), torch.empty(len(rows), 0, dtype=torch.long), []
    with torch.no_grad():
        for ids, piece_mask in pieces:
            mask = torch.cat([mask, piece_mask], dim=1)
            found.append(model(ids, attention_mask=mask, past_key_values=cache).logits)
            assert cache.get_seq_length() == mask.shape[1]
        for number, own in enumerate(zip(rows, more, steps_BT.split(1), strict=True)):
            logits_TV = torch.cat(found, dim=1)[number][mask[number].bool()]
            torch.testing.assert_close(logits_TV, decoder(torch.cat(own, dim=1))[0], **CLOSE)


def test_float32_rows_are_close(rows, model, decoder):
    model.float()
    ids, mask = batch(rows, "left")
    with torch.no_grad():
        logits_BTV = model(ids, attention_mask=mask).logits
        for row, found_TV in zip(rows, logits_BTV, strict=True):
            torch.testing.assert_close(found_TV[-row.shape[1] :], decoder(row)[0], atol=1e-5, rtol=1e-5)


def test_without_a_long_term_memory_too(rows, decoder):
    from mmv2.hub.modelling import from_decoder
    from mmv2.model.model import without_long_term_memory

    reduced = without_long_term_memory(decoder)
    ids, mask = batch(rows, "left")
    with torch.no_grad():
        logits_BTV = from_decoder(reduced)(ids, attention_mask=mask).logits
        for row, found_TV in zip(rows, logits_BTV, strict=True):
            torch.testing.assert_close(found_TV[-row.shape[1] :], reduced(row)[0], **CLOSE)


def test_what_padding_holds_changes_nothing(model, padded):
    other = torch.where(padded["attention_mask"].bool(), padded["input_ids"], 3)
    with torch.no_grad():
        assert torch.equal(model(**padded).logits, model(other, attention_mask=padded["attention_mask"]).logits)


def test_rows_may_begin_later(model, decoder, padded):
    """As in a prefill by pieces: at first some rows are padding alone, here even all of them."""
    ids, mask, cache = *(functional.pad(tensor, (3, 0)) for tensor in padded.values()), MemoryMosaicsCache()
    with torch.no_grad():
        for end in (3, 13, 20, 22, 40):
            start = cache.get_seq_length()
            logits_BTV = model(ids[:, start:end], attention_mask=mask[:, :end], past_key_values=cache).logits
            for number, (ids_T, mask_T) in enumerate(zip(ids[:, :end], mask[:, :end].bool(), strict=True)):
                real_T, found_TV = mask_T[start:], logits_BTV[number]
                assert not found_TV[~real_T].any()
                if mask_T.any():
                    expected_TV = decoder(ids_T[mask_T][None])[0, mask_T.sum() - real_T.sum() :]
                    torch.testing.assert_close(found_TV[real_T], expected_TV, **CLOSE)


def test_a_mask_of_another_width_is_refused(model, padded):
    cache = model(**padded).past_key_values
    with pytest.raises(ValueError, match=r"attention_mask: shape \(5, 1\), but \(5, 38\) is needed"):
        model(padded["input_ids"][:, :1], attention_mask=padded["attention_mask"][:, :1], past_key_values=cache)
