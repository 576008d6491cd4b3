"""Table 6 at the letter: initial distributions, and the bounds of the trained scalars."""

import math

import pytest
import torch

from mmv2.model.config import TINY
from mmv2.model.memory import AssociativeMemory
from mmv2.model.model import MosaicMixer

WIDE = TINY.model_copy(update={"hidden_size": 1024, "num_heads": 1024})


def memory(config=TINY, layer=0):
    made = AssociativeMemory(config, "long_term")
    torch.manual_seed(0)
    made.reset_parameters(layer)
    return made


@pytest.mark.parametrize("long_term_memory", [True, False])
@pytest.mark.parametrize("layer", [0, 3])
def test_the_spread_of_the_output_matrix_comes_from_d_though_it_reads_two_memories(layer, long_term_memory):
    config = TINY.model_copy(update={"hidden_size": 256, "long_term_memory": long_term_memory})
    mixer = MosaicMixer(config)
    torch.manual_seed(0)
    mixer.reset_parameters(layer)
    sigma = 1 / math.sqrt(2 * 256 * (layer + 1))
    weight = mixer.output.weight
    assert weight.shape == (256, 512 if long_term_memory else 256)
    assert weight.std().item() == pytest.approx(sigma, rel=0.01)
    assert weight.abs().max().item() == pytest.approx(3 * sigma)


@pytest.mark.parametrize("name", ["key_projection", "value_projection", "gain_projection", "decay_projection"])
def test_the_spread_of_the_projections_comes_from_d_and_the_layer(name):
    weight = getattr(memory(WIDE, layer=2), name).weight
    assert weight.std().item() == pytest.approx(1 / math.sqrt(2 * 1024 * 3), rel=0.01)


def test_gamma_is_uniform_from_0_to_1():
    gamma = memory(WIDE).gamma
    assert 0 <= gamma.min() < 0.01
    assert 0.99 < gamma.max() <= 1
    assert gamma.mean().item() == pytest.approx(0.5, abs=0.03)


def filled(name, value, **changes):
    made = memory(TINY.model_copy(update=changes))
    getattr(made, name).data.fill_(value)
    return made


@pytest.mark.parametrize(("theta", "exponent"), [(12.0, 10), (9.5, 9.5), (-12.0, -12)])
@pytest.mark.parametrize("number", [0, 1])
def test_theta_beta_is_bounded_by_10_from_above(number, theta, exponent):
    found = filled(f"theta_beta_{number}", theta).bandwidth()
    torch.testing.assert_close((found.beta_0_H, found.beta_1_H)[number], torch.full((4,), math.exp(exponent)))
    torch.testing.assert_close((found.beta_1_H, found.beta_0_H)[number], torch.full((4,), math.exp(1.5)))


@pytest.mark.parametrize(("theta", "alpha"), [(1.5, 1.0), (-0.5, 0.5), (0.9, 0.9)])
def test_alpha_is_the_size_of_theta_up_to_1(theta, alpha):
    torch.testing.assert_close(filled("theta_alpha", theta).bandwidth().alpha_H, torch.full((4,), alpha))


@pytest.mark.parametrize(
    ("option", "theta", "exponent"),
    [
        ("literal", 17.0, 15),
        ("literal", -17.0, 15),
        ("literal", -14.5, 14.5),
        ("trainable", 17.0, 15),
        ("trainable", 14.5, 14.5),
        ("trainable", -17.0, -17),
    ],
)
def test_alpha_psi_is_bounded_by_15_in_the_exponent(option, theta, exponent):
    found = filled("theta_alpha_psi", theta, value_scale=option).value_scale()
    torch.testing.assert_close(found, torch.full((4,), math.exp(exponent)))
