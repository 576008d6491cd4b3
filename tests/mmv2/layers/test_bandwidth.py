"""The forms of beta: their values at the start, their bounds, what is told of them."""

import math

import pytest
import torch

from mmv2.layers.bandwidth import AdaptiveForm, ConstantForm, FixedForm

PAIRS = torch.tensor([1, 8])
LIKE = torch.empty(3, dtype=torch.float64)


def at_start(form):
    return {name: torch.full((3,), theta, dtype=torch.float64) for name, theta in form.initial.items()}


@pytest.mark.parametrize(
    ("form", "betas"),
    [
        (AdaptiveForm(0.5, scale=0.25), [0.25 * math.exp(0.5) * 2, 0.25 * math.exp(0.5) * 3]),
        (ConstantForm(7.0), [7.0, 7.0]),
        (FixedForm(7.0), [7.0, 7.0]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_beta_before_training(form, betas):
    beta_HT = form.bandwidth(at_start(form), LIKE).beta(PAIRS).expand(3, 2)
    torch.testing.assert_close(beta_HT, torch.tensor(betas, dtype=torch.float64).expand(3, 2))


@pytest.mark.parametrize("form", [AdaptiveForm(0.5, scale=0.25), ConstantForm(7.0), FixedForm(7.0)], ids=str)
def test_what_is_told_before_training_is_what_it_starts_from(form):
    """Without the constant factor, which no one learns."""
    for values_H, initial in form.learnt(at_start(form)).values():
        torch.testing.assert_close(values_H, torch.full_like(LIKE, initial))
    assert len(form.learnt(at_start(form))) == len(form.initial)


def test_a_learned_constant_is_bounded_as_beta_0_is():
    thetas = {"theta_beta": torch.tensor([12.0, 9.5, -12.0])}
    expected = torch.tensor([10.0, 9.5, -12.0]).exp()
    torch.testing.assert_close(ConstantForm(7.0).bandwidth(thetas, LIKE).beta_H, expected)


def test_a_fixed_one_has_the_memorys_type():
    assert FixedForm(7.0).bandwidth({}, LIKE).beta_H.dtype == torch.float64
