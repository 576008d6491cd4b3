"""The learnt numbers of both memories: where they start, how they are bounded, and what the scale of theta does."""

import math

import pytest
import torch

from baselines.memory_mosaics_v1.config import TINY
from baselines.memory_mosaics_v1.contextual import ContextualMemory
from baselines.memory_mosaics_v1.persistent import PersistentMemory


@pytest.fixture(params=["contextual", "persistent"])
def memory(request):
    """Config changes -> the initialised memory, its beta, the norm of its values, and the theta of that."""

    def make(**changes):
        config = TINY.model_copy(update=changes)
        if request.param == "contextual":
            made = ContextualMemory(config)
            return made, lambda: made.bandwidth().beta_H, made.value_scale, made.theta_alpha_psi
        made = PersistentMemory(config)
        return made, made.beta, made.norm, made.theta_norm

    def reset(**changes):
        made, *numbers = make(**changes)
        made.reset_parameters(0)
        return made, *numbers

    return reset


@pytest.mark.parametrize("theta_scale", [10.0, 1.0])
def test_initial_values_do_not_depend_on_the_scale_of_theta(memory, theta_scale):
    _, beta, norm, _ = memory(theta_scale=theta_scale)
    torch.testing.assert_close(beta(), torch.full((4,), math.exp(2)))
    torch.testing.assert_close(norm(), torch.full((4,), math.exp(-0.5)))


@pytest.mark.parametrize(("theta", "exponent"), [(0.7, 10), (0.49, 9.8), (-0.3, -6)])
def test_beta_is_bounded_from_above(memory, theta, exponent):
    made, beta, _, _ = memory(theta_scale=10.0)
    made.theta_beta.data.fill_(theta)
    torch.testing.assert_close(beta(), torch.full((4,), math.exp(exponent)))


@pytest.mark.parametrize("theta_scale", [10.0, 1.0])
def test_a_step_of_theta_counts_for_the_scale(memory, theta_scale):
    made, beta, norm, theta_norm = memory(theta_scale=theta_scale)
    numbers = (lambda: beta().log(), lambda: norm().log(), made.key_extractor.decay)
    before = [number() for number in numbers]
    for theta in (made.theta_beta, theta_norm, made.key_extractor.theta_lambda):
        theta.data += 0.01
    moved = [(number() - first).mean().item() for number, first in zip(numbers, before, strict=True)]
    assert moved == pytest.approx([0.02 * theta_scale, 0.01 * theta_scale, 0.01 * theta_scale], rel=1e-3)


def test_every_number_is_trained_from_the_start(memory):
    made, beta, norm, theta_norm = memory()
    total = beta().sum() + norm().sum() + made.key_extractor.decay().sum()
    thetas = made.theta_beta, theta_norm, made.key_extractor.theta_lambda
    assert all(grad.abs().min() > 0 for grad in torch.autograd.grad(total, thetas))
