"""Leaky averages: all tokens at once against the recurrence, their continuation, their initial values.

B rows, T tokens, D hidden size, H units, K = D / H.
"""

import math

import pytest
import torch

from baselines.memory_mosaics_v1 import reference
from baselines.memory_mosaics_v1.config import TINY
from baselines.memory_mosaics_v1.keys import LeakyKeys


def extractor(**changes):
    torch.manual_seed(0)
    made = LeakyKeys(TINY.model_copy(update=changes)).double()
    made.reset_parameters(0)
    return made


def inputs(length, seed=1):
    return torch.randn(2, length, TINY.hidden_size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_reference(made, x_BTD):
    features_BHTK = (x_BTD @ made.projection.weight.T).unflatten(-1, (made.heads, -1)).transpose(1, 2)
    return reference.leaky_keys(features_BHTK, (-(made.theta_scale * made.theta_lambda).abs()).exp())


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 63, 257, 300])
@pytest.mark.parametrize("signs", [1, -1])
def test_keys_and_gradients_equal_the_recurrence(length, signs):
    made, x_BTD = extractor(), inputs(length).requires_grad_()
    made.theta_lambda.data *= signs
    keys_BHTK, expected_BHTK = made(x_BTD)[0], by_reference(made, x_BTD)
    torch.testing.assert_close(keys_BHTK, expected_BHTK, atol=1e-10, rtol=1e-10)
    probe_BHTK = torch.randn(keys_BHTK.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    arguments = [x_BTD, made.projection.weight, made.theta_lambda]
    grads = torch.autograd.grad((keys_BHTK * probe_BHTK).sum(), arguments)
    for grad, want in zip(grads, torch.autograd.grad((expected_BHTK * probe_BHTK).sum(), arguments), strict=True):
        torch.testing.assert_close(grad, want, atol=1e-9, rtol=1e-9)
    assert length == 1 or grads[2].abs().min() > 0


def test_keys_in_float32_are_close():
    made, x_BTD = extractor(), inputs(300)
    expected_BHTK = by_reference(made, x_BTD)
    keys_BHTK, _ = made.float()(x_BTD.float())
    assert keys_BHTK.dtype == torch.float32
    torch.testing.assert_close(keys_BHTK.double(), expected_BHTK, atol=2e-5, rtol=0)


@pytest.mark.parametrize("cut", [1, 16, 40])
def test_the_recurrence_goes_on_where_a_piece_ended(cut):
    made, x_BTD = extractor(), inputs(63)
    whole_BHTK, whole = made(x_BTD)
    first_BHTK, state = made(x_BTD[:, :cut])
    second_BHTK, state = made(x_BTD[:, cut:], state)
    torch.testing.assert_close(torch.cat([first_BHTK, second_BHTK], 2), whole_BHTK)
    torch.testing.assert_close(state.sum_BHK, whole.sum_BHK)
    assert not state.log_scale_BH.any(), "with g = 1 and lambda <= 1 the newest token has the largest weight"


@pytest.mark.parametrize("theta_scale", [10.0, 1.0])
def test_initial_decays_reach_from_a_half_to_five(theta_scale):
    made = extractor(theta_scale=theta_scale)
    assert made.decay().tolist() == pytest.approx([0.5, 2.0, 3.5, 5.0])
    assert made.theta_lambda.tolist() == pytest.approx(
        [0.5 / theta_scale, 2 / theta_scale, 3.5 / theta_scale, 5 / theta_scale]
    )


def test_the_projection_starts_with_the_spread_of_all_matrices():
    torch.manual_seed(0)
    made = LeakyKeys(TINY.model_copy(update={"hidden_size": 512}))
    made.reset_parameters(3)
    assert made.projection.weight.std().item() == pytest.approx(1 / math.sqrt(2 * 512 * 4), rel=0.01)
