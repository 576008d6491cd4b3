"""Attention against the softmax written out, for grouped heads and for queries that come late."""

import pytest
import torch

from mmv2.layers.attention import KeyValueCache, causal_attention, read_marks
from mmv2.layers.cache import GrowingTensor


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (1, 9), (4, 9), (1, 1)])
def test_each_query_reads_itself_and_everything_before(queries, keys, kv_heads):
    torch.manual_seed(0)
    q_BHTE = torch.randn(2, 6, queries, 4, dtype=torch.float64)
    k_BKSE, v_BKSE = (torch.randn(2, kv_heads, keys, 4, dtype=torch.float64) for _ in range(2))
    answers_BHTE = causal_attention(q_BHTE, k_BKSE, v_BKSE)
    for head in range(6):
        shared = head * kv_heads // 6
        for t in range(queries):
            seen = keys - queries + t + 1
            scores_BS = torch.einsum("be,bse->bs", q_BHTE[:, head, t], k_BKSE[:, shared, :seen]) / 2
            expected = torch.einsum("bs,bse->be", scores_BS.softmax(-1), v_BKSE[:, shared, :seen])
            torch.testing.assert_close(answers_BHTE[:, head, t], expected)


def test_the_cache_holds_what_was_appended():
    torch.manual_seed(0)
    keys, values = torch.randn(2, 1, 3, 7, 4)
    cache = KeyValueCache(GrowingTensor(keys[:, :, :2]), GrowingTensor(values[:, :, :2]))
    cache.append(keys[:, :, 2:], values[:, :, 2:])
    assert cache.length == 7
    assert all(torch.equal(held, given) for held, given in zip(cache.content(), (keys, values), strict=True))
    assert [held.shape[0] for held in cache.select(torch.tensor([0, 0, 0])).content()] == [3, 3]


@pytest.mark.parametrize("number", [1, 3, 4, 11])
def test_marks_are_read_as_wide_as_values_and_give_the_weights(number):
    torch.manual_seed(0)
    q_BHTE = torch.randn(2, 6, 9, 4, dtype=torch.float64)
    k_BKSE = torch.randn(2, 3, 9, 4, dtype=torch.float64)
    marks_BSM = torch.randn(2, 9, number, dtype=torch.float64)
    widths = []

    def attend(values):
        widths.append(tuple(values.shape))
        return causal_attention(q_BHTE, k_BKSE, values)

    found_BHTM = read_marks(attend, marks_BSM, heads=3, width=4)
    scores_BHTS = (q_BHTE @ k_BKSE.repeat_interleave(2, 1).mT / 2).masked_fill(
        ~torch.ones(9, 9).tril().bool(), -torch.inf
    )
    torch.testing.assert_close(found_BHTM, scores_BHTS.softmax(-1) @ marks_BSM[:, None])
    assert widths == [(2, 3, 9, 4)] * -(-number // 4)
