"""Lengths, and the hand-written backward pass against numerical gradients."""

import pytest
import torch

from mmv2.ops.normalise import unit_norm, with_norm


def vectors(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)


def test_vectors_keep_their_direction_and_get_the_length():
    x = vectors(2, 3, 5, 4)
    norm = vectors(3, 1, 1)
    torch.testing.assert_close(unit_norm(x), x / x.norm(dim=-1, keepdim=True))
    torch.testing.assert_close(with_norm(x, norm), norm * x / x.norm(dim=-1, keepdim=True))


@pytest.mark.parametrize("size", [1e-30, 1e-9, 1e9], ids=str)
def test_the_length_does_not_depend_on_the_size(size):
    found = unit_norm(size * vectors(5, 4)).norm(dim=-1)
    torch.testing.assert_close(found, torch.ones(5, dtype=torch.float64) if size > 1e-12 else found.clamp(max=1e-10))


def test_zero_stays_zero_with_a_gradient_that_is_a_number():
    x = torch.zeros(1, 4, requires_grad=True)
    unit = unit_norm(x)
    unit.sum().backward()
    assert not unit.any()
    assert x.grad.isfinite().all()


def test_the_gradient_is_the_numerical_one():
    assert torch.autograd.gradcheck(unit_norm, vectors(2, 3, 4))


@pytest.mark.parametrize("shape", [(3, 1, 1), (1,), (2, 1, 1, 1), (2, 3, 5, 1)], ids=str)
def test_the_gradient_reaches_a_broadcast_length(shape):
    norm = torch.linspace(-2, 3, torch.Size(shape).numel(), dtype=torch.float64).reshape(shape).requires_grad_()
    assert torch.autograd.gradcheck(with_norm, (vectors(2, 3, 5, 4), norm))
