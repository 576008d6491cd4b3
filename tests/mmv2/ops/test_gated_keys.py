"""Eq. 8 and its weighted mean: the chunked forms against the recurrence, in values and gradients."""

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


FUNCTIONS = ["gated_keys", "gated_means"]


def gradients(function, arguments, probe):
    keys, _ = function(*arguments)
    return keys.detach(), torch.autograd.grad((keys * probe.to(keys.dtype)).sum(), arguments)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_fast_equals_reference(length, dtype, name):
    arguments = inputs(length, dtype)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    probe = torch.randn(2, 3, length, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keys, grads = gradients(getattr(fast, name), arguments, probe)
    expected_keys, expected_grads = gradients(getattr(reference, name), exact, probe)
    assert keys.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(keys.double(), expected_keys, atol=tolerance, rtol=tolerance)
    for grad, expected in zip(grads, expected_grads, strict=True):
        size = expected.abs().max().item()
        torch.testing.assert_close(grad.double(), expected, atol=10 * tolerance * max(size, 1), rtol=10 * tolerance)


@pytest.mark.parametrize("length", [1, 17, 300])
@pytest.mark.parametrize("gate", [1e2, 1e4])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_huge_gates_agree_with_float64(length, gate, name):
    arguments = inputs(length, torch.float32, gate=gate)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    probe = torch.randn(2, 3, length, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    keys, grads = gradients(getattr(fast, name), arguments, probe)
    expected, expected_grads = gradients(getattr(reference, name), exact, probe)
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
@pytest.mark.parametrize("name", FUNCTIONS)
def test_continuing_from_a_state_equals_one_pass(form, cut, name):
    arguments = [x.detach() for x in inputs(63, torch.float64)]
    function = getattr(form, name)
    whole, whole_state = getattr(reference, name)(*arguments)
    first, state = function(*(x[:, :, :cut] for x in arguments))
    second, state = function(*(x[:, :, cut:] for x in arguments), initial=state)
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


@pytest.mark.parametrize("form", [fast, reference], ids=["fast", "reference"])
def test_means_have_the_keys_direction_and_weights_that_sum_to_one(form):
    features, log_gain, decay = (x.detach() for x in inputs(40, torch.float64))
    means, _ = form.gated_means(features, log_gain, decay)
    keys, _ = form.gated_keys(features, log_gain, decay)
    torch.testing.assert_close(means / means.norm(dim=-1, keepdim=True), keys)
    same, _ = form.gated_means(torch.full_like(features, 3.0), log_gain, decay)
    torch.testing.assert_close(same, torch.full_like(features, 3.0))
    torch.testing.assert_close(means[:, :, 0], features[:, :, 0])


def test_a_mean_is_no_longer_than_the_longest_feature_however_large_the_gates():
    features, log_gain, decay = (x.detach() for x in inputs(300, torch.float32, gate=1e3))
    means, _ = fast.gated_means(features, log_gain, decay)
    longest = features.norm(dim=-1).cummax(-1).values
    assert (means.norm(dim=-1) <= longest * (1 + 1e-5)).all()
