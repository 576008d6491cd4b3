import pytest
import torch

from mmv2.evaluation.generation import read
from mmv2.evaluation.ranking import _reader, _stems, loglikelihoods
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import random_model

CHOICES = [
    [[7], [8, 9], [8, 9, 10], [8, 9, 11], [8, 2], [8, 9], [1, 2, 3, 4, 5, 6], [3]],
    [[5], [7]],
    [[2, 2], [6, 2, 1]],
]
"""Single tokens, shared stems, stems that begin others, the same choice twice, other numbers of choices per row."""


@pytest.fixture(params=sorted(architectures()))
def model(request):
    return random_model(request.param).double()


def by_forward_pass(model, prompt, choice):
    ids = torch.tensor([[*prompt, *choice]])
    logprobs_TV = model(ids)[0].log_softmax(-1)
    return sum(float(logprobs_TV[len(prompt) - 1 + place, token]) for place, token in enumerate(choice))


@pytest.mark.parametrize("most_rows", [1, 6, 8, 100])
def test_every_choice_is_as_probable_as_in_a_forward_pass_over_it(model, most_rows):
    prompts = torch.randint(61, (3, 45), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        logits_BV, state = read(model, prompts)
        found = loglikelihoods(model, logits_BV, state, CHOICES, most_rows)
        expected = [
            tuple(by_forward_pass(model, prompt, choice) for choice in own)
            for prompt, own in zip(prompts.tolist(), CHOICES, strict=True)
        ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_reading_choices_leaves_the_state_as_it_is(model):
    prompts = torch.randint(61, (3, 12), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        logits_BV, state = read(model, prompts)
        first = loglikelihoods(model, logits_BV, state, CHOICES, 4)
        assert loglikelihoods(model, logits_BV, state, CHOICES, 4) == first


def test_no_more_copies_of_the_state_than_asked_and_none_for_single_tokens(model, monkeypatch):
    prompts = torch.randint(61, (3, 12), generator=torch.Generator().manual_seed(2))
    rows = []
    extend = model.extend

    def spy(tokens, state=None, **options):
        rows.append(tokens.shape[0])
        return extend(tokens, state, **options)

    with torch.inference_mode():
        logits_BV, state = read(model, prompts)
        monkeypatch.setattr(model, "extend", spy)
        loglikelihoods(model, logits_BV, state, CHOICES, 6)
        assert rows == [6], "two stems of the first prompt, filled up for the others"
        rows.clear()
        loglikelihoods(model, logits_BV, state, CHOICES, 5)
        assert rows == [3, 3]
        rows.clear()
        loglikelihoods(model, logits_BV, state, [[[1], [2]]] * 3, 6)
        assert rows == []


def test_stems_that_begin_another_are_read_along_with_it():
    stems = _stems([[1, 2, 3], [1, 5], [1, 2, 4], [1, 2, 3, 4], [2, 9], [7]])
    assert stems == [(1, 2, 3), (2,)]
    assert [_reader(stems, ids) for ids in ([1, 2, 3], [1, 5], [1, 2, 3, 4], [2, 9], [7])] == [0, 0, 0, 1, None]
