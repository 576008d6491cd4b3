"""Attention to shared and own entries against plain attention to copies of them."""

import pytest
import torch
import torch.nn.functional as F

from mmv2.layers import stored_attention as module
from mmv2.layers.cache import GrowingTensor
from mmv2.layers.stored_attention import stored_attention

ROWS, HEADS, KV_HEADS, WIDTH, SHARED = 3, 4, 2, 6, 20


def random(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stored(seed, own=5, rows=ROWS):
    """A sequence chosen several times, each copy with entries of its own."""
    one = GrowingTensor(random(1, KV_HEADS, SHARED, WIDTH, seed=seed))
    copies = one.select(torch.zeros(rows, dtype=torch.long))
    copies.append(random(rows, KV_HEADS, own, WIDTH, seed=seed + 1))
    return copies


def causal(tokens, entries, first=0):
    """The last entries are those of the tokens; entries before ``first`` are held by the first token alone."""
    held = torch.ones(tokens, entries, dtype=torch.bool).tril(entries - tokens)
    held[1:, :first] = False
    return held


def plain(queries, keys, values, held, scale):
    return F.scaled_dot_product_attention(
        queries, keys.view(), values.view(), attn_mask=held, scale=scale, enable_gqa=True
    )


@pytest.mark.parametrize("tokens", [1, 4])
@pytest.mark.parametrize("scores", [1, 100, 2**20])
@pytest.mark.parametrize("own", [0, 5])
def test_it_is_plain_attention(monkeypatch, tokens, scores, own):
    monkeypatch.setattr(module, "SCORES", scores)
    keys, values = stored(1, own), stored(3, own)
    queries = 3 * random(ROWS, HEADS, tokens, WIDTH, seed=5)
    held = causal(tokens, SHARED + own)
    expected = plain(queries, keys, values, held, 0.7)
    torch.testing.assert_close(stored_attention(queries, keys, values, held, 0.7), expected, rtol=0, atol=1e-12)


def test_rows_may_hold_different_entries_some_of_them_shared():
    keys, values, queries = stored(1), stored(3), random(ROWS, HEADS, 2, WIDTH, seed=5)
    held = causal(2, SHARED + 5).expand(ROWS, 1, 2, -1).clone()
    held[1, :, :, SHARED - 3 : SHARED] = False
    held[2, :, :, SHARED:] = False
    expected = plain(queries, keys, values, held, 1.0)
    torch.testing.assert_close(stored_attention(queries, keys, values, held, 1.0), expected, rtol=0, atol=1e-12)


def test_where_the_first_entry_is_not_held_by_all_nothing_is_read_in_common(monkeypatch):
    monkeypatch.setattr(module, "_read_common", None)
    keys, values, queries = stored(1), stored(3), random(ROWS, HEADS, 3, WIDTH, seed=5)
    held = causal(3, SHARED + 5, first=1)
    assert torch.equal(stored_attention(queries, keys, values, held, 1.0), plain(queries, keys, values, held, 1.0))


def shared_alone(seed, kind):
    """Two copies of a sequence, with nothing of their own."""
    return GrowingTensor(random(1, KV_HEADS, SHARED, WIDTH, seed=seed).to(kind)).select(torch.tensor([0, 0]))


def test_large_scores_do_not_overflow():
    """As beta makes them: exp(1000) has no number in single precision."""
    keys, values = shared_alone(1, torch.float32), shared_alone(3, torch.float32)
    queries = 500 * random(2, HEADS, 1, WIDTH, seed=5).float()
    held = torch.ones(1, SHARED, dtype=torch.bool)
    found = stored_attention(queries, keys, values, held, 1.0)
    torch.testing.assert_close(found, plain(queries, keys, values, held, 1.0), rtol=0, atol=1e-4)


def test_half_precision_keeps_its_type():
    keys, values = shared_alone(1, torch.bfloat16), shared_alone(3, torch.bfloat16)
    queries = random(2, HEADS, 1, WIDTH, seed=5).bfloat16()
    held = torch.ones(1, SHARED, dtype=torch.bool)
    found = stored_attention(queries, keys, values, held, 1.0)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, plain(queries, keys, values, held, 1.0), rtol=0, atol=0.02)
