"""Eqs. 4, 6 and 10: the attention kernels against the sum over pairs."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mmv2.ops.memory_read import Ages, Bandwidth, ConstantBandwidth, fast, reference

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 4e-2}
MEMORIES = {
    "short": Ages(1, 8),
    "shortest": Ages(1, 2),
    "long": Ages(5),
    "long_next": Ages(1),
    "window_with_delay": Ages(3, 11),
}


def inputs(length, dtype):
    generator = torch.Generator().manual_seed(0)
    keys = F.normalize(torch.randn(2, 3, length, 8, generator=generator, dtype=torch.float64), dim=-1)
    values = torch.randn(2, 3, length, 8, generator=generator, dtype=torch.float64)
    bandwidth = [torch.tensor(x, dtype=torch.float64) for x in ([0.5, 1, 4.5], [0.5, 1, 2], [0.0, 1 / 3, 0.6])]
    return [x.to(dtype).requires_grad_() for x in (keys, values, *bandwidth)]


def read(form, arguments, ages):
    keys, values, *bandwidth = arguments
    values = values[:, :, :-1]  # the last token's pair is never complete
    return form.memory_read(keys, values, Bandwidth(*bandwidth), ages)


@pytest.mark.parametrize("length", [1, 4, 5, 6, 8, 9, 31, 63])
@pytest.mark.parametrize("ages", MEMORIES.values(), ids=MEMORIES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_fast_equals_reference(length, ages, dtype):
    arguments = inputs(length, dtype)
    exact = [x.detach().double().requires_grad_() for x in arguments]
    answers, expected = read(fast, arguments, ages), read(reference, exact, ages)
    assert answers.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(answers.double(), expected, atol=tolerance, rtol=tolerance)
    if length <= ages.min_age:
        assert not answers.any()
        return
    probe = torch.randn(answers.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grads = torch.autograd.grad((answers * probe.to(dtype)).sum(), arguments)
    for grad, want in zip(grads, torch.autograd.grad((expected * probe).sum(), exact), strict=True):
        size = want.abs().max().item()
        torch.testing.assert_close(grad.double(), want, atol=10 * tolerance * max(size, 1), rtol=0)


SELF = {"attention": Ages(0), "window": Ages(0, 8), "itself": Ages(0, 1), "later": Ages(3)}


@pytest.mark.parametrize("length", [1, 7, 8, 9, 31])
@pytest.mark.parametrize("ages", SELF.values(), ids=SELF)
@pytest.mark.parametrize("constant", [False, True])
def test_queries_of_their_own_and_pairs_of_age_0(length, ages, constant):
    """Keys of any norm; where the own pair is read there are as many values as keys."""
    keys, values, *numbers = inputs(length, torch.float64)
    queries = torch.randn(keys.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    queries.requires_grad_()
    numbers = numbers[:1] if constant else numbers
    leaves = [keys, values, queries, *numbers]

    def results(form):
        bandwidth = ConstantBandwidth(*numbers) if constant else Bandwidth(*numbers)
        given = values if ages.min_age == 0 else values[:, :, :-1]
        answers = form.memory_read(3 * keys, given, bandwidth, ages, queries)
        probe = torch.randn(answers.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        held = length > ages.min_age
        return answers, torch.autograd.grad((answers * probe).sum(), leaves, allow_unused=True) if held else ()

    (answers, grads), (expected, expected_grads) = results(fast), results(reference)
    torch.testing.assert_close(answers, expected)
    for grad, want in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, want)


def test_attention_is_the_read_with_pairs_of_age_0():
    keys, values, *_ = (x.detach() for x in inputs(20, torch.float64))
    queries = torch.randn(keys.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    scale = ConstantBandwidth(torch.full((3,), 8**-0.5, dtype=torch.float64))
    expected = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    torch.testing.assert_close(fast.memory_read(keys, values, scale, Ages(0), queries), expected)


@pytest.mark.parametrize(
    ("ages", "held"),
    [(Ages(0, 3), [1, 2, 3, 3, 3, 3]), (Ages(1, 4), [0, 1, 2, 3, 3, 3]), (Ages(2), [0, 0, 1, 2, 3, 4])],
)
def test_pairs_held_at_each_position(ages, held):
    # Eq. 10 with h = 4: position t holds the h - 1 pairs t-h+1 .. t-1. Long-term with m = 2: the pairs up to t-m.
    assert ages.pairs(torch.arange(6)).tolist() == held
    assert ages.holds(torch.arange(6), torch.arange(6)).sum(1).tolist() == held


def test_bandwidth_of_an_empty_memory_has_finite_gradients():
    parameters = [torch.tensor([1.0], requires_grad=True) for _ in range(2)]
    alpha = torch.tensor([1 / 3], requires_grad=True)
    beta = Bandwidth(*parameters, alpha).beta(torch.tensor([0, 1, 8]))
    torch.testing.assert_close(beta, torch.tensor([[1.0, 2.0, 3.0]]))
    assert all(g.isfinite().all() for g in torch.autograd.grad(beta.sum(), [*parameters, alpha]))


class LargestTensor(TorchDispatchMode):
    """Records the most elements of any tensor that an operation makes."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


@pytest.mark.parametrize("ages", [Ages(1, 32), Ages(32)], ids=["short", "long"])
def test_no_tensor_grows_faster_than_the_context(ages):
    largest = []
    for length in (512, 1024):
        arguments = [x.detach().requires_grad_() for x in inputs(length, torch.float32)]
        with LargestTensor() as mode:
            read(fast, arguments, ages).sum().backward()
        largest.append(mode.elements)
    assert largest[1] <= 2.2 * largest[0]
    assert largest[1] < 1024 * 1024
