"""Likelihoods of continuations against whole forward passes, one at a time."""

import pytest
import torch

from mmv2.evaluation.continuations import batches, likelihoods
from mmv2.evaluation.generation import read
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import random_model

CONTEXTS = [(3, 1, 4, 1, 5), (9, 2, 6, 5, 3)]
CONTINUATIONS = [[(5, 8), (9,), (7, 9, 3, 2)], [(3, 8, 4)]]


def singly(model, context, continuation):
    """The definition: log-softmax of a forward pass over all of it."""
    with torch.no_grad():
        logits_TV = model(torch.tensor([context + continuation]))[0, len(context) - 1 : -1]
    tokens_T = torch.tensor(continuation)
    total = logits_TV.log_softmax(-1).gather(1, tokens_T[:, None]).sum().item()
    return total, bool((logits_TV.argmax(-1) == tokens_T).all())


@pytest.mark.parametrize("arch", sorted(architectures()))
def test_they_equal_those_of_whole_sequences(arch):
    model = random_model(arch)
    found = likelihoods(model, CONTEXTS, CONTINUATIONS)
    for context, own, these in zip(CONTEXTS, CONTINUATIONS, found, strict=True):
        for continuation, (value, greedy) in zip(own, these, strict=True):
            expected = singly(model, context, continuation)
            assert (value, greedy) == (pytest.approx(expected[0], abs=1e-4), expected[1])


@pytest.mark.parametrize("arch", sorted(architectures()))
def test_a_greedy_continuation_is_told(arch):
    model, (context, _) = random_model(arch), CONTEXTS
    written = ()
    for _ in range(3):
        with torch.no_grad():
            written += (int(model(torch.tensor([context + written]))[0, -1].argmax()),)
    other = (*written[:2], (written[2] + 1) % model.config.vocab_size)
    ((first, second),) = likelihoods(model, [context], [[written, other]])
    assert (first[1], second[1]) == (True, False)


@pytest.mark.parametrize("arch", sorted(architectures()))
def test_a_prefix_is_read_once_and_left_as_it_is(arch):
    model = random_model(arch)
    prefix = read(model, torch.tensor([[7, 7, 2]]))[1]
    whole = likelihoods(model, [(7, 7, 2, *context) for context in CONTEXTS], CONTINUATIONS)
    for _ in range(2):
        shared = likelihoods(model, CONTEXTS, CONTINUATIONS, prefix)
        for one, other in zip(whole, shared, strict=True):
            assert [value for value, _ in one] == pytest.approx([value for value, _ in other], abs=1e-4)


def test_batches_hold_rows_of_like_length_once_each():
    rows = [(0,) * length for length in (5, 1, 3, 1, 4, 9)]
    assert list(batches(rows, 4, slack=0)) == [[1, 3], [2], [4], [0], [5]]
    assert list(batches(rows, 4, slack=2)) == [[1, 3, 2], [4, 0], [5]]
    assert list(batches(rows, 2, slack=9)) == [[1, 3], [2, 4], [0, 5]]
