"""Rotary encoding: only differences of positions show in a score, and far positions keep their precision."""

import math

import pytest
import torch

from mmv2.layers.rotary import rotate, rotation

CPU = torch.device("cpu")


def turned(vector, position, theta=100.0):
    return rotate(vector[None, None, None], *rotation(position, 1, len(vector), theta, CPU))[0, 0, 0]


def test_feature_pairs_turn_by_their_frequency():
    vector = torch.tensor([1.0, 0.0, 0.0, 2.0])
    first, second = 3 * 100.0**0, 3 * 100.0**-0.5
    expected = [math.cos(first), -2 * math.sin(second), math.sin(first), 2 * math.cos(second)]
    torch.testing.assert_close(turned(vector, 3), torch.tensor(expected))


@pytest.mark.parametrize("shift", [1, 10, 1000])
def test_scores_depend_on_the_distance_alone(shift):
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)
    torch.testing.assert_close(
        turned(query, 7) @ turned(key, 2), turned(query, 7 + shift) @ turned(key, 2 + shift), atol=1e-3, rtol=0
    )
    assert not torch.isclose(turned(query, 7) @ turned(key, 2), turned(query, 7 + shift) @ turned(key, 2), atol=1e-2)


def test_later_positions_continue_earlier_ones():
    whole = rotation(0, 50, 8, 100.0, CPU)
    tail = rotation(30, 20, 8, 100.0, CPU)
    assert all(torch.equal(a[30:], b) for a, b in zip(whole, tail, strict=True))


def test_rows_may_begin_at_positions_of_their_own():
    vectors = torch.randn(3, 2, 5, 8, generator=torch.Generator().manual_seed(0))
    starts = [4, 0, 70_000]
    together = rotate(vectors, *rotation(torch.tensor(starts)[:, None, None], 5, 8, 100.0, CPU))
    for row, start in enumerate(starts):
        assert torch.equal(together[row], rotate(vectors, *rotation(start, 5, 8, 100.0, CPU))[row])


def test_bfloat16_features_at_far_positions_turn_by_exact_angles():
    """Angles kept in bfloat16 would be off by whole turns at position 30 000."""
    vector = torch.ones(8, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        far = turned(vector, 30_001)
    assert far.dtype == torch.bfloat16
    assert far[0].item() == pytest.approx(math.cos(30_001) - math.sin(30_001), abs=0.01)
