import pytest
import torch

from mmv2.evaluation import generation
from mmv2.evaluation.generation import answer, never, read
from mmv2.evaluation.outcome import Answer
from mmv2.registry import architectures
from tests.mmv2.evaluation.small_world import random_model

NEVER = -1
"""No token has this id."""
BUDGET = 9


@pytest.fixture(params=sorted(architectures()))
def model(request):
    return random_model(request.param)


def prompts_of(model, *lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(model.config.vocab_size, (length,), generator=generator).tolist() for length in lengths]


def by_forward_passes(model, prompt, budget):
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(budget):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return tuple(ids[len(prompt) :])


def test_a_batch_of_seven_lengths_answers_as_each_prompt_alone(model):
    prompts = prompts_of(model, 5, 40, 23, 1, 24, 40, 31)
    together = answer(model, prompts, BUDGET, NEVER)
    assert together == [answer(model, [prompt], BUDGET, NEVER)[0] for prompt in prompts]
    assert [one.ids for one in together] == [by_forward_passes(model, prompt, BUDGET) for prompt in prompts]
    assert len({one.ids for one in together}) > 3, "answers that are all alike prove nothing"


def test_end_of_text_ends_its_row_alone(model):
    prompts = prompts_of(model, 12, 30, 7)
    free = [one.ids for one in answer(model, prompts, BUDGET, NEVER)]
    eos_id = free[1][4]
    for ids, one in zip(free, answer(model, prompts, BUDGET, eos_id), strict=True):
        expected = ids[: ids.index(eos_id)] if eos_id in ids else ids
        assert one == Answer(expected, finished=eos_id in ids)


def test_end_of_text_inside_a_prompt_ends_nothing(model):
    (prompt,) = prompts_of(model, 20)
    eos_id = prompt[10]
    (alone,) = answer(model, [prompt], BUDGET, NEVER)
    assert eos_id not in alone.ids[:1]
    assert answer(model, [prompt[:3], prompt], BUDGET, eos_id)[1].ids[:1] == alone.ids[:1]


def test_no_token_beyond_the_budget_is_computed(model, monkeypatch):
    read = []
    extend = model.extend

    def spy(tokens, state=None, **options):
        read.append(tokens.shape)
        return extend(tokens, state, **options)

    monkeypatch.setattr(model, "extend", spy)
    answer(model, prompts_of(model, 6, 6), 3, NEVER)
    assert read == [(2, 6), (2, 1), (2, 1)]


def test_reading_in_parts_changes_nothing(model, monkeypatch):
    prompts = prompts_of(model, 40, 38)
    whole = answer(model, prompts, BUDGET, NEVER)
    monkeypatch.setattr(generation, "PREFILL", 16)
    assert answer(model, prompts, BUDGET, NEVER) == whole


@pytest.mark.parametrize("prefix_length", [1, 7, 90])
def test_a_shared_prefix_answers_as_every_prompt_read_whole(model, prefix_length):
    prefix, *queries = prompts_of(model, prefix_length, 6, 9, 6, 1)
    _, state = read(model, torch.tensor([prefix]))
    for _ in range(2):  # the state serves again
        shared = answer(model, queries, BUDGET, NEVER, state)
        assert shared == answer(model, [prefix + query for query in queries], BUDGET, NEVER)
    assert len({one.ids for one in shared}) > 1


def test_choices_and_generation_come_from_one_reading(model):
    prefix, *queries = prompts_of(model, 30, 5, 5)
    _, state = read(model, torch.tensor([prefix]))
    choices = [[[3], [4, 5], [4, 5, 6]], [[9, 9]]]
    ranked = answer(model, queries, BUDGET, NEVER, state, choices)
    plain = answer(model, queries, BUDGET, NEVER, state)
    assert [one.ids for one in ranked] == [one.ids for one in plain]
    assert [len(one.loglikelihoods) for one in ranked] == [3, 1]
    silent = answer(model, queries, 0, NEVER, state, choices)
    assert silent == [Answer(loglikelihoods=one.loglikelihoods) for one in ranked]


def test_rows_have_budgets_and_ends_of_their_own(model):
    prompts = prompts_of(model, 12, 30, 7, 9)
    free = [one.ids for one in answer(model, prompts, BUDGET, NEVER)]

    def after_three(ids):
        return len(ids) == 3

    ended = [never, never, after_three, never]
    found = answer(model, prompts, [BUDGET, 2, BUDGET, 0], NEVER, ended=ended)
    assert [one.ids for one in found] == [free[0], free[1][:2], free[2][:3], ()]
    assert not any(one.finished for one in found)
