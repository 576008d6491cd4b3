"""All that an option or a part of an architecture must keep, in one short look, for tests of many combinations.

The contract tests ask more of an architecture's ``tiny``, on longer sequences.

B rows, T tokens per row, V vocabulary.
"""

import numpy as np
import torch

from mmv2.layers.documents import Documents
from tests.contracts.common import CLOSE, chunks, extend_by, random_tokens, scattered, state_bytes

LENGTH = 29
"""Tokens of a row: longer than the windows, delays and chunks of the recurrence in tests."""
DOCUMENTS = (1, 17, 2, 9)
"""Their sum is ``LENGTH``."""


def assert_sound(spec, config):
    """Decoding on a cache and its size, attention maps, packed documents, causality, rows alone, and every gradient."""
    model = scattered(spec, config)
    rows_BT = random_tokens(config, 2, LENGTH)
    logits_BTV = model(rows_BT)
    cost_B = (logits_BTV[:, -1] * torch.randn(config.vocab_size, dtype=torch.float64)).sum()
    for name, gradient in zip(
        dict(model.named_parameters()), torch.autograd.grad(cost_B, list(model.parameters())), strict=True
    ):
        assert gradient.abs().max() > 0, f"{name} has no influence"
    with torch.no_grad():
        torch.testing.assert_close(model(rows_BT[1:]), logits_BTV[1:], **CLOSE)
        _assert_cached(spec, config, model, rows_BT, logits_BTV)
        for inputs in ({}, spec.step_inputs(config, 5, 0)):
            _assert_packed(model, rows_BT[:1], inputs)
        _assert_attention(spec, config, model, rows_BT)
        _assert_causal(model, rows_BT[:1], logits_BTV[0])


def _assert_cached(spec, config, model, rows_BT, logits_BTV):
    cached_BTV, state = extend_by(model, chunks(rows_BT, 1, 1, 1, 17, 1, 5, 1))
    torch.testing.assert_close(cached_BTV, logits_BTV, **CLOSE)
    assert state_bytes(state) == 2 * spec.cache_bytes(config, LENGTH, 8)
    _, state = extend_by(model, chunks(rows_BT[:1, :18], 18))
    assert state_bytes(state) == spec.cache_bytes(config, 18, 8)
    shared_BTV, _ = extend_by(model, chunks(rows_BT[:1, 18:].expand(3, -1), 4, 1, 6), state.expand(3))
    torch.testing.assert_close(shared_BTV, logits_BTV[:1, 18:].expand(3, -1, -1), **CLOSE)


def _assert_attention(spec, config, model, rows_BT):
    """Of the first layer, to every position: shared out among what came before, and the same on a cache."""
    block, start = model.blocks[0], 18
    marks_BSS = torch.eye(LENGTH, dtype=torch.float64).expand(2, -1, -1)
    inputs_BTD = block.mixer_norm(model.embedding(rows_BT))
    _, state = block.mixer.extend(inputs_BTD[:, :start], None)
    for flat in (False, True):
        whole = block.mixer.attention(inputs_BTD, None, marks_BSS, flat)
        later = block.mixer.attention(inputs_BTD[:, start:], state, marks_BSS, flat)
        assert tuple(whole) == tuple(later) == spec.attention_maps(config)
        for name, weights_BHTS in whole.items():
            torch.testing.assert_close(later[name], weights_BHTS[:, :, start:], **CLOSE)
            assert not weights_BHTS.triu(1).any(), "a later position is looked at"
            total_BHT = weights_BHTS.sum(-1)
            assert ((total_BHT - 1).abs().lt(1e-9) | total_BHT.eq(0)).all()
            if flat:
                held_BHTS = weights_BHTS > 0
                torch.testing.assert_close(weights_BHTS * held_BHTS.sum(-1, keepdim=True), held_BHTS.double(), **CLOSE)


def _assert_packed(model, row_1T, inputs):
    starts_1T = np.zeros((1, LENGTH), dtype=bool)
    starts_1T[0, np.cumsum([0, *DOCUMENTS[:-1]])] = True
    packed_1TV = model(row_1T, Documents.from_starts(starts_1T), **inputs)
    separate_1TV = torch.cat([model(document_1T, **inputs) for document_1T in row_1T.split(DOCUMENTS, dim=1)], dim=1)
    torch.testing.assert_close(packed_1TV, separate_1TV, **CLOSE)


def _assert_causal(model, row_1T, logits_TV):
    for changed in (1, 16, LENGTH - 2):
        other_1T = row_1T.clone()
        other_1T[0, changed] = (row_1T[0, changed] + 1) % model.config.vocab_size
        moved_T = (model(other_1T)[0] - logits_TV).abs().amax(-1)
        assert moved_T[:changed].max() < 1e-9, f"token {changed} is seen before it is read"
        assert moved_T[changed] > 1e-3
        assert moved_T[changed + 1 :].max() > 1e-6, f"token {changed} is never seen again"
