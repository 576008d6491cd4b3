"""Cached decoding of every architecture equals its forward pass; states can be copied.

B rows, T tokens per row, V vocabulary.
"""

import pytest
import torch

from tests.contracts.common import CLOSE, chunks, extend_by, random_tokens, state_bytes, whole_length


@pytest.mark.parametrize("sizes", [[1], [2, 3, 1, 7, 1], [16], [5, 33, 1], [40, 1]], ids=str)
def test_cached_decoding_equals_the_forward_pass(spec, model, sizes):
    rows_BT = random_tokens(spec.tiny, 2, whole_length(spec.tiny))
    with torch.no_grad():
        logits_BTV, _ = extend_by(model, chunks(rows_BT, *sizes))
        torch.testing.assert_close(logits_BTV, model(rows_BT), **CLOSE)


def test_cached_decoding_in_float32_and_bfloat16_is_close(spec, model):
    rows_BT = random_tokens(spec.tiny, 2, whole_length(spec.tiny))
    with torch.no_grad():
        exact_BTV = model(rows_BT)
        single = model.float()
        single_BTV, _ = extend_by(single, chunks(rows_BT, 40, 1))
        with torch.autocast("cpu", torch.bfloat16):
            rough_BTV, _ = extend_by(single, chunks(rows_BT, 40, 1))
    assert single_BTV.dtype == rough_BTV.dtype == torch.float32
    assert (single_BTV - exact_BTV).abs().max() < 1e-4
    assert (rough_BTV - exact_BTV).std() < 0.05 * exact_BTV.std()


@pytest.mark.parametrize("prefix", [1, 6, 30, 100])
def test_clones_go_separate_ways(spec, model, prefix):
    rows_BT = random_tokens(spec.tiny, 2, prefix)
    endings = [random_tokens(spec.tiny, 2, 20, seed) for seed in (1, 2, 3)]
    with torch.no_grad():
        _, state = extend_by(model, chunks(rows_BT, 7))
        states = [state.clone(), state, state.clone()]
        for ending, own in zip(endings, states, strict=True):
            logits_BTV, _ = extend_by(model, chunks(ending, 9, 1), own)
            torch.testing.assert_close(logits_BTV, model(torch.cat([rows_BT, ending], 1))[:, prefix:], **CLOSE)


@pytest.mark.parametrize("prefix", [1, 6, 30, 100])
def test_chosen_rows_go_on_as_they_were(spec, model, prefix):
    rows_BT, endings_BT = random_tokens(spec.tiny, 3, prefix), random_tokens(spec.tiny, 4, 20, seed=1)
    chosen = torch.tensor([2, 0, 2, 1])
    with torch.no_grad():
        _, state = extend_by(model, chunks(rows_BT, 7))
        before = state_bytes(state)
        logits_BTV, _ = extend_by(model, chunks(endings_BT, 9, 1), state.select(chosen))
        whole_BT = torch.cat([rows_BT[chosen], endings_BT], dim=1)
        torch.testing.assert_close(logits_BTV, model(whole_BT)[:, prefix:], **CLOSE)
        assert state_bytes(state) == before


@pytest.mark.parametrize("prefix", [1, 6, 30, 100])
def test_an_expanded_prefix_serves_many_endings(spec, model, prefix):
    row_1T = random_tokens(spec.tiny, 1, prefix)
    endings_BT = random_tokens(spec.tiny, 3, 20, seed=1)
    with torch.no_grad():
        _, state = extend_by(model, chunks(row_1T, 7))
        expanded = state.expand(3)
        assert state_bytes(expanded) == 3 * spec.cache_bytes(spec.tiny, prefix, 8)
        for own, rows_BT in ((expanded, endings_BT), (state, endings_BT[:1])):
            logits_BTV, _ = extend_by(model, chunks(rows_BT, 9, 1), own)
            whole_BT = torch.cat([row_1T.expand(len(rows_BT), -1), rows_BT], dim=1)
            torch.testing.assert_close(logits_BTV, model(whole_BT)[:, prefix:], **CLOSE)
