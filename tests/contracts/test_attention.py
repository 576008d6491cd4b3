"""Architectures that name attention maps tell where their tokens look; others name none.

B rows, H heads, T tokens, S positions.
"""

import pytest
import torch

from mmv2.layers.decoder import DecoderState
from tests.contracts.common import CLOSE, SPECS, chunks, extend_by, random_tokens, whole_length


@pytest.fixture(params=sorted(name for name, spec in SPECS.items() if spec.attention_maps(spec.tiny)))
def spec(request):
    """Only these: of others nothing is asked."""
    return SPECS[request.param]


def first_layer(model, rows_BT, start, flat=False):
    """What the first mixer tells of tokens start .. in one piece, by map: attention to every position (B, H, T, S)."""
    block = model.blocks[0]
    marks_BSS = torch.eye(rows_BT.shape[1], dtype=torch.float64).expand(len(rows_BT), -1, -1)
    with torch.no_grad():
        state = extend_by(model, [rows_BT[:, :start]])[1] if start else DecoderState([None])
        inputs_BTD = block.mixer_norm(model.embedding(rows_BT[:, start:]))
        return block.mixer.attention(inputs_BTD, state.layers[0], marks_BSS, flat)


@pytest.fixture
def rows(spec):
    return random_tokens(spec.tiny, 2, whole_length(spec.tiny))


def test_every_map_of_the_spec_is_told_and_no_other(spec, model, rows):
    assert tuple(first_layer(model, rows, 0)) == spec.attention_maps(spec.tiny)
    assert set(model.blocks[0].mixer.attention_parameters()) <= set(spec.attention_maps(spec.tiny))


@pytest.mark.parametrize("flat", [False, True])
def test_attention_is_shared_out_among_what_came_before(spec, model, rows, flat):
    for weights_BHTS in first_layer(model, rows, 0, flat).values():
        assert weights_BHTS.shape == (2, weights_BHTS.shape[1], rows.shape[1], rows.shape[1])
        assert (weights_BHTS >= 0).all()
        assert not weights_BHTS.triu(1).any(), "a later position is looked at"
        total_BHT = weights_BHTS.sum(-1)
        assert ((total_BHT - 1).abs().lt(1e-9) | total_BHT.eq(0)).all()
        assert total_BHT[:, :, -1].gt(0).all(), "the last token looks at nothing"


def test_flat_attention_is_equal_on_all_that_is_held(spec, model, rows):
    learnt, flat = (first_layer(model, rows, 0, flat) for flat in (False, True))
    for name, flat_BHTS in flat.items():
        held_BHT1 = flat_BHTS.gt(0).sum(-1, keepdim=True).clamp(min=1)
        torch.testing.assert_close(flat_BHTS, flat_BHTS.gt(0) / held_BHT1.double(), **CLOSE)
        assert not learnt[name][flat_BHTS == 0].any(), "attention to what is not held"
        assert not torch.allclose(learnt[name], flat_BHTS), "nothing is learnt here"


@pytest.mark.parametrize("start", [1, 6, 40, 100])
@pytest.mark.parametrize("flat", [False, True])
def test_attention_after_cached_tokens_is_that_of_whole_documents(spec, model, rows, start, flat):
    whole, pieces = first_layer(model, rows, 0, flat), first_layer(model, rows, start, flat)
    for name, weights_BHTS in pieces.items():
        torch.testing.assert_close(weights_BHTS, whole[name][:, :, start:], **CLOSE)


def test_the_state_is_left_as_it_is(spec, model, rows):
    block = model.blocks[0]
    with torch.no_grad():
        _, state = extend_by(model, chunks(rows[:, :50], 40, 1))
        before = [tensor.clone() for tensor in state.layers[0].content()]
        inputs_BTD = block.mixer_norm(model.embedding(rows[:, 50:]))
        for flat in (False, True):
            block.mixer.attention(inputs_BTD, state.layers[0], torch.ones(2, rows.shape[1], 3).double(), flat)
        assert all(torch.equal(x, y) for x, y in zip(before, state.layers[0].content(), strict=True))
        torch.testing.assert_close(model.extend(rows[:, 50:], state)[0], model(rows)[:, 50:], **CLOSE)
