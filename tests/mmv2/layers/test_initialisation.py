"""The distribution of Table 6: its spread, its clamp, and no more than that."""

import math

import pytest
import torch

from mmv2.layers.initialisation import init_linear_


@pytest.mark.parametrize(("fan_in", "layer"), [(64, 0), (64, 5), (4096, 31)])
def test_normal_with_the_stated_spread_clamped_at_three_sigma(fan_in, layer):
    torch.manual_seed(1)
    weight = torch.full((1000, 300), torch.nan)
    init_linear_(weight, fan_in, layer)
    sigma = 1 / math.sqrt(2 * fan_in * (layer + 1))
    share_below = {bound: (weight.abs() < bound * sigma).float().mean().item() for bound in (1, 2)}
    assert abs(weight.mean().item()) < 0.01 * sigma
    assert weight.std().item() == pytest.approx(sigma, rel=0.01)
    assert weight.max().item() == pytest.approx(3 * sigma)
    assert weight.min().item() == pytest.approx(-3 * sigma)
    assert share_below[1] == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.005)
    assert share_below[2] == pytest.approx(math.erf(2 / math.sqrt(2)), abs=0.005)
    # Clamping leaves the mass beyond at the bound; drawing again would leave none there.
    assert (weight.abs() >= 3 * sigma * 0.999999).float().mean().item() == pytest.approx(0.0027, abs=0.0008)


def test_parameters_need_no_context():
    parameter = torch.nn.Parameter(torch.zeros(3, 3))
    init_linear_(parameter, 3)
    assert parameter.requires_grad
    assert parameter.grad_fn is None
