"""Eq. 9: all tokens at once against token by token."""

import pytest
import torch

from mmv2.ops.lookahead_values import fast, reference

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("length", [2, 3, 7, 64])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_fast_equals_reference(length, dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 3, length, 8), (3,), (3,)]
    arguments = [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]
    exact = [x.detach().double().requires_grad_() for x in arguments]
    values, expected = fast.lookahead_values(*arguments), reference.lookahead_values(*exact)
    assert values.dtype == dtype
    torch.testing.assert_close(values.double(), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    probe = torch.randn(values.shape, generator=generator, dtype=torch.float64)
    grads = torch.autograd.grad((values * probe.to(dtype)).sum(), arguments)
    for grad, want in zip(grads, torch.autograd.grad((expected * probe).sum(), exact), strict=True):
        tolerance = 10 * TOLERANCE[dtype] * max(want.abs().max().item(), 1)
        torch.testing.assert_close(grad.double(), want, atol=tolerance, rtol=0)


def test_a_value_sees_its_own_token_and_the_next_alone():
    x = torch.randn(1, 1, 6, 4, dtype=torch.float64, requires_grad=True)
    value = fast.lookahead_values(x, torch.tensor([0.3], dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    (grad,) = torch.autograd.grad(value[0, 0, 2, 0], x)
    assert [bool(g.abs().sum() > 0) for g in grad[0, 0]] == [False, False, True, True, False, False]


@pytest.mark.parametrize("form", [fast, reference], ids=["fast", "reference"])
def test_a_single_token_makes_no_pair(form):
    assert form.lookahead_values(torch.randn(2, 3, 1, 8), torch.rand(3), torch.ones(3)).shape == (2, 3, 0, 8)
