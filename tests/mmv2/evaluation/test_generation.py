import pytest
import torch

from mmv2.evaluation import generation
from mmv2.evaluation.generation import Answer, generate
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
    together = generate(model, prompts, BUDGET, NEVER)
    assert together == [generate(model, [prompt], BUDGET, NEVER)[0] for prompt in prompts]
    assert [answer.ids for answer in together] == [by_forward_passes(model, prompt, BUDGET) for prompt in prompts]
    assert len({answer.ids for answer in together}) > 3, "answers that are all alike prove nothing"


def test_end_of_text_ends_its_row_alone(model):
    prompts = prompts_of(model, 12, 30, 7)
    free = [answer.ids for answer in generate(model, prompts, BUDGET, NEVER)]
    eos_id = free[1][4]
    for ids, answer in zip(free, generate(model, prompts, BUDGET, eos_id), strict=True):
        expected = ids[: ids.index(eos_id)] if eos_id in ids else ids
        assert answer == Answer(expected, finished=eos_id in ids)


def test_end_of_text_inside_a_prompt_ends_nothing(model):
    (prompt,) = prompts_of(model, 20)
    eos_id = prompt[10]
    (alone,) = generate(model, [prompt], BUDGET, NEVER)
    assert eos_id not in alone.ids[:1]
    assert generate(model, [prompt[:3], prompt], BUDGET, eos_id)[1].ids[:1] == alone.ids[:1]


def test_no_token_beyond_the_budget_is_computed(model, monkeypatch):
    read = []
    extend = model.extend

    def spy(tokens, state=None, **options):
        read.append(tokens.shape)
        return extend(tokens, state, **options)

    monkeypatch.setattr(model, "extend", spy)
    generate(model, prompts_of(model, 6, 6), 3, NEVER)
    assert read == [(2, 6), (2, 1), (2, 1)]


def test_reading_in_parts_changes_nothing(model, monkeypatch):
    prompts = prompts_of(model, 40, 38)
    whole = generate(model, prompts, BUDGET, NEVER)
    monkeypatch.setattr(generation, "PREFILL", 16)
    assert generate(model, prompts, BUDGET, NEVER) == whole
