"""The persistent memory: its read against the sum over pairs, documents, initial values.

B rows, T tokens, H units, N pairs, K key and value dimension.
"""

import numpy as np
import pytest
import torch

from baselines.memory_mosaics_v1 import reference
from baselines.memory_mosaics_v1.config import TINY
from baselines.memory_mosaics_v1.persistent import PersistentMemory, persistent_read
from mmv2.layers.documents import Documents

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("length", [1, 2, 17])
@pytest.mark.parametrize("pairs", [1, 9])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_values_and_gradients_equal_the_reference(length, pairs, dtype):
    exact = [
        torch.nn.functional.normalize(random(2, 3, length, 4), dim=-1),
        random(3, pairs, 4, seed=1),
        random(3, pairs, 4, seed=2),
        torch.tensor([0.5, 7.4, 60.0], dtype=torch.float64),
        torch.tensor([0.6, 1.0, 3.0], dtype=torch.float64),
    ]
    exact = [x.requires_grad_() for x in exact]
    arguments = [x.detach().to(dtype).requires_grad_() for x in exact]
    answers, expected = persistent_read(*arguments), reference.persistent_read(*exact)
    assert answers.dtype == dtype
    torch.testing.assert_close(answers.double(), expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
    probe = random(*answers.shape, seed=3)
    grads = torch.autograd.grad((answers * probe.to(dtype)).sum(), arguments)
    for grad, want in zip(grads, torch.autograd.grad((expected * probe).sum(), exact), strict=True):
        tolerance = 10 * TOLERANCE[dtype] * max(want.abs().max().item(), 1)
        torch.testing.assert_close(grad.double(), want, atol=tolerance, rtol=0)


def memory(**changes):
    torch.manual_seed(0)
    made = PersistentMemory(TINY.model_copy(update=changes)).double()
    made.reset_parameters(0)
    return made


def by_reference(made, x_BTD):
    keys_BHTK, _ = made.key_extractor(x_BTD)
    read_BHTK = reference.persistent_read(keys_BHTK, made.stored_keys, made.stored_values, made.beta(), made.norm())
    return read_BHTK.transpose(1, 2).flatten(2) @ made.output.weight.T


def test_the_memory_reads_by_its_own_keys():
    made, x_BTD = memory(), random(2, 21, TINY.hidden_size)
    torch.testing.assert_close(made(x_BTD, Documents(shape=(2, 21))), by_reference(made, x_BTD), atol=1e-10, rtol=1e-10)


def test_keys_do_not_average_over_documents():
    made, x_BTD = memory(), random(2, 21, TINY.hidden_size)
    starts_BT = np.zeros((2, 21), dtype=bool)
    starts_BT[0, 7] = starts_BT[1, 1] = starts_BT[1, 18] = True
    answers_BTD = made(x_BTD, Documents.from_starts(starts_BT))
    for row, begin, end in [(0, 0, 7), (0, 7, 21), (1, 0, 1), (1, 1, 18), (1, 18, 21)]:
        alone_BTD = by_reference(made, x_BTD[row : row + 1, begin:end])
        torch.testing.assert_close(answers_BTD[row : row + 1, begin:end], alone_BTD, atol=1e-10, rtol=1e-10)


def test_pairs_start_with_norm_1_on_average():
    made = memory(hidden_size=256, intermediate_size=500)
    for stored_HNK in (made.stored_keys, made.stored_values):
        assert stored_HNK.shape == (4, 500, 64)
        assert stored_HNK.square().sum(-1).mean().item() == pytest.approx(1, rel=0.02)
    assert not torch.equal(made.stored_keys, made.stored_values)
