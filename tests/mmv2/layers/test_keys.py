"""Gates and keys without gates."""

import pytest
import torch
from torch import nn

from mmv2.layers.keys import gates, initial_leaky_decays, leaky_gates, unit_keys
from mmv2.ops.gated_keys.reference import gated_keys


def test_gates_are_those_of_equation_8():
    torch.manual_seed(0)
    gain, decay = (nn.Linear(6, 2, bias=False).double() for _ in range(2))
    x_BTD = torch.randn(3, 5, 6, dtype=torch.float64)
    log_gain_BHT, decay_BHT = gates(x_BTD, gain, decay)
    for h in range(2):
        torch.testing.assert_close(log_gain_BHT[:, h], x_BTD @ gain.weight[h])
        torch.testing.assert_close(decay_BHT[:, h], (x_BTD @ decay.weight[h]).abs())
    assert (decay_BHT >= 0).all()


def test_gates_stay_in_float32_under_autocast():
    gain, decay = (nn.Linear(6, 2, bias=False) for _ in range(2))
    x_BTD = torch.randn(3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        found = gates(x_BTD, gain, decay)
    assert all(torch.equal(x, y) for x, y in zip(found, gates(x_BTD, gain, decay), strict=True))
    assert found[0].dtype == torch.float32


def test_a_leaky_average_keeps_one_share_per_head_at_all_times():
    torch.manual_seed(0)
    features_BHTK = torch.randn(2, 3, 6, 4, dtype=torch.float64)
    decay_H = torch.tensor([0.0, 0.5, 5.0], dtype=torch.float64)
    keys_BHTK, _ = gated_keys(features_BHTK, *leaky_gates(decay_H, torch.empty(2, 6, 8, dtype=torch.float64)))
    kbar_BHK = torch.zeros_like(features_BHTK[:, :, 0])
    for t in range(6):
        kbar_BHK = features_BHTK[:, :, t] + (-decay_H[:, None]).exp() * kbar_BHK
        torch.testing.assert_close(keys_BHTK[:, :, t], kbar_BHK / kbar_BHK.norm(dim=-1, keepdim=True))


def test_initial_decays_are_spread_over_the_heads():
    assert initial_leaky_decays(4).tolist() == [0.5, 2.0, 3.5, 5.0]
    assert initial_leaky_decays(1).tolist() == [0.5]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_unit_keys_are_as_exact_as_their_type_allows(dtype):
    features_BHTK = 100 * torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rough_BHTK = features_BHTK.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        keys_BHTK = unit_keys(rough_BHTK)
    exact_BHTK = rough_BHTK.double() / rough_BHTK.double().norm(dim=-1, keepdim=True)
    torch.testing.assert_close(keys_BHTK, exact_BHTK.to(dtype))
