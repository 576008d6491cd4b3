"""Eq. 8: the chunked form against the recurrence, in values and gradients."""

import pytest
import torch

from mmv2.ops.gated_keys import KeyState, fast, reference

LENGTHS = [1, 2, 15, 16, 17, 63, 257, 300]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 2e-2}


def inputs(length, dtype, gate=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, length, 8, generator=generator, dtype=torch.float64)
    log_gain = gate * torch.randn(2, 3, length, generator=generator, dtype=torch.float64)
    decay = gate * torch.randn(2, 3, length, generator=generator, dtype=torch.float64).abs()
    return [x.to(dtype).requires_grad_() for x in (features, log_gain, decay)]


def gradients(function, arguments, probe):
    keys, _ = function(*arguments)
    return keys.detach(), torch.autograd.grad((keys * probe.to(keys.dtype)).sum(), arguments)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_fast_equals_reference(length, dtype):
    arguments = inputs(length, dtype)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    probe = torch.randn(2, 3, length, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keys, grads = gradients(fast.gated_keys, arguments, probe)
    expected_keys, expected_grads = gradients(reference.gated_keys, exact, probe)
    assert keys.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(keys.double(), expected_keys, atol=tolerance, rtol=tolerance)
    for grad, expected in zip(grads, expected_grads, strict=True):
        size = expected.abs().max().item()
        torch.testing.assert_close(grad.double(), expected, atol=10 * tolerance * max(size, 1), rtol=10 * tolerance)


@pytest.mark.parametrize("length", [1, 17, 300])
@pytest.mark.parametrize("gate", [1e2, 1e4])
def test_huge_gates_agree_with_float64(length, gate):
    arguments = inputs(length, torch.float32, gate=gate)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    probe = torch.randn(2, 3, length, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keys, grads = gradients(fast.gated_keys, arguments, probe)
    expected, expected_grads = gradients(reference.gated_keys, exact, probe)
    torch.testing.assert_close(keys.double(), expected, atol=1e-5, rtol=0)
    for grad, exact_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad.double(), exact_grad, atol=1e-4, rtol=1e-4)


def test_small_gates_keep_their_digits_behind_a_huge_one():
    features, log_gain, decay = (x.detach() for x in inputs(300, torch.float32))
    decay[:, :, 5] = 1e4
    decay[:, :, 150] = 1e4
    keys, _ = fast.gated_keys(features, log_gain, decay)
    expected, _ = reference.gated_keys(features.double(), log_gain.double(), decay.double())
    torch.testing.assert_close(keys.double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("cut", [1, 16, 40])
@pytest.mark.parametrize("form", [fast, reference], ids=["fast", "reference"])
def test_continuing_from_a_state_equals_one_pass(form, cut):
    arguments = [x.detach() for x in inputs(63, torch.float64)]
    whole, whole_state = reference.gated_keys(*arguments)
    first, state = form.gated_keys(*(x[:, :, :cut] for x in arguments))
    second, state = form.gated_keys(*(x[:, :, cut:] for x in arguments), initial=state)
    torch.testing.assert_close(torch.cat([first, second], 2), whole)
    torch.testing.assert_close(log_sum(state), log_sum(whole_state))


def log_sum(state: KeyState):
    """kbar in a form that does not depend on the factor taken out."""
    return state.sum_BHK.sign() * (state.sum_BHK.abs().log() + state.log_scale_BH[..., None])


def test_the_direction_is_that_of_equation_8():
    features, log_gain, decay = (x.detach() for x in inputs(20, torch.float64))
    kbar = torch.zeros_like(features[:, :, 0])
    keys, _ = fast.gated_keys(features, log_gain, decay)
    for t in range(20):
        kbar = log_gain[:, :, t, None].exp() * features[:, :, t] + (-decay[:, :, t, None]).exp() * kbar
        torch.testing.assert_close(keys[:, :, t], kbar / kbar.norm(dim=-1, keepdim=True))
