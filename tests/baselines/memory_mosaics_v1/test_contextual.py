"""The contextual memory against the equations: values, reads, bandwidth.

B rows, T tokens, D hidden size, H units, K = D / H.
"""

import numpy as np
import pytest
import torch

from baselines.memory_mosaics_v1 import reference
from baselines.memory_mosaics_v1.config import TINY
from baselines.memory_mosaics_v1.contextual import ContextualMixer
from mmv2.layers.documents import Documents
from mmv2.ops.lookahead_values.fast import lookahead_values


def mixer(**changes):
    torch.manual_seed(0)
    made = ContextualMixer(TINY.model_copy(update=changes)).double()
    made.reset_parameters(0)
    memory = made.memories.contextual
    memory.gamma.data.clamp_(min=0.1)
    memory.theta_beta.data += torch.tensor([0.0, -1.0, 0.5, 1.0]) / memory.theta_scale
    memory.theta_alpha_psi.data += torch.tensor([0.0, -1.0, 0.5, 1.0]) / memory.theta_scale
    return made


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_reference(made, x_BTD):
    """Of documents that fill their rows."""
    memory = made.memories.contextual
    scale = memory.theta_scale
    features, projections = (
        (x_BTD @ linear.weight.T).unflatten(-1, (memory.heads, -1)).transpose(1, 2)
        for linear in (memory.key_extractor.projection, memory.value_projection)
    )
    keys = reference.leaky_keys(features, (-(scale * memory.key_extractor.theta_lambda).abs()).exp())
    lambda_psi = (1 - memory.gamma) / memory.gamma
    values = reference.values(projections, lambda_psi, (scale * memory.theta_alpha_psi).exp())
    answers = reference.contextual_read(keys, values, (2 * scale * memory.theta_beta).exp())
    return answers.transpose(1, 2).flatten(2) @ made.memories.output.weight.T


@pytest.mark.parametrize("theta_scale", [10.0, 1.0])
@pytest.mark.parametrize("length", [1, 2, 3, 17, 40])
def test_answers_and_gradients_follow_the_equations(length, theta_scale):
    made, x_BTD = mixer(theta_scale=theta_scale), random(2, length, TINY.hidden_size).requires_grad_()
    answers_BTD, expected_BTD = made(x_BTD, Documents(shape=(2, length))), by_reference(made, x_BTD)
    torch.testing.assert_close(answers_BTD, expected_BTD, atol=1e-10, rtol=1e-10)
    if length == 1:
        assert not answers_BTD.any(), "an empty memory answers zero"
        return
    probe_BTD = random(*answers_BTD.shape, seed=1)
    arguments = [x_BTD, *made.parameters()]
    grads = torch.autograd.grad((answers_BTD * probe_BTD).sum(), arguments)
    expected = torch.autograd.grad((expected_BTD * probe_BTD).sum(), arguments)
    for grad, want in zip(grads, expected, strict=True):
        torch.testing.assert_close(grad, want, atol=1e-9 * max(want.abs().max().item(), 1), rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
def test_the_weights_of_two_tokens_may_be_written_with_lambda_psi(gamma):
    projections, norm = random(2, 3, 9, 4), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    gamma_H = torch.full((3,), gamma, dtype=torch.float64)
    expected = reference.values(projections, (1 - gamma_H) / gamma_H, norm)
    torch.testing.assert_close(lookahead_values(projections, gamma_H, norm), expected)


def test_the_bandwidth_is_the_same_for_any_number_of_pairs():
    bandwidth = mixer().memories.contextual.bandwidth()
    beta_HT = bandwidth.beta(torch.tensor([0, 1, 10, 1000])).expand(-1, 4)
    assert torch.equal(beta_HT, bandwidth.beta_H[:, None].expand(-1, 4))


def test_what_the_memory_learns_is_told_with_its_initial_value():
    made = mixer()
    made.reset_parameters(0)
    ((name, numbers),) = made.attention_parameters().items()
    assert (name, list(numbers)) == ("contextual", ["beta"])
    assert numbers["beta"].values_H.tolist() == pytest.approx([numbers["beta"].initial] * 4)


def test_no_document_is_read_from_another():
    made, x_BTD = mixer(), random(2, 21, TINY.hidden_size)
    starts_BT = np.zeros((2, 21), dtype=bool)
    starts_BT[0, 7] = starts_BT[1, 1] = starts_BT[1, 18] = True
    answers_BTD = made(x_BTD, Documents.from_starts(starts_BT))
    for row, begin, end in [(0, 0, 7), (0, 7, 21), (1, 0, 1), (1, 1, 18), (1, 18, 21)]:
        alone_BTD = by_reference(made, x_BTD[row : row + 1, begin:end])
        torch.testing.assert_close(answers_BTD[row : row + 1, begin:end], alone_BTD, atol=1e-10, rtol=1e-10)
