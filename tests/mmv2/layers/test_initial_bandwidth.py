"""The mean of Eq. 6 before training, against Eq. 6 itself."""

import math

import pytest
import torch

from mmv2.layers.initial_bandwidth import THETA_ALPHA, mean_initial_bandwidth
from mmv2.ops.memory_read import Ages, Bandwidth


@pytest.mark.parametrize("ages", [(1, 8), (0, 8), (3, None), (0, None), (1, 2)], ids=str)
@pytest.mark.parametrize("context", [4, 33])
def test_it_is_the_mean_over_positions_at_which_something_is_held(ages, context):
    held_T = Ages(*ages).pairs(torch.arange(context))
    numbers = [torch.tensor([x], dtype=torch.float64) for x in (math.exp(1.2), math.exp(1.2), THETA_ALPHA)]
    expected = Bandwidth(*numbers).beta(held_T[held_T > 0]).mean().item()
    assert mean_initial_bandwidth(1.2, *ages, context) == pytest.approx(expected, rel=1e-12)


def test_with_one_pair_at_most_it_is_the_sum_of_both_betas():
    assert mean_initial_bandwidth(1.5, 1, 2, 100) == pytest.approx(2 * math.exp(1.5))
