"""What every task must fulfil, run over the registry. A new task adds one line to SMALL."""

import pytest
from tokenizers import Tokenizer

from mmv2.evaluation.frozen import read_frozen
from mmv2.registry import entries
from tests.mmv2.evaluation.small_world import TINY_PROMPT, write_corpus_folder

SMALL = {
    "ruler_qa": {
        "context_lengths": (64, 32, 128),
        "examples_per_length": 12,
        "max_new_tokens": 2,
        "prompt_template": TINY_PROMPT,
        "document_template": "{text}",
        "document_joiner": "\n",
        "min_documents": 2,
        "document_step": 1,
    },
}
"""Per task, settings that fit the small corpus of the tests: at least two lengths, not in order."""


@pytest.fixture(params=sorted(entries("task")))
def name(request):
    assert request.param in SMALL, f"add small settings of {request.param} to SMALL"
    return request.param


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


@pytest.fixture
def freeze(name, corpus, tmp_path):
    """Freezes with some settings changed; returns header, examples and the bytes of the file."""

    def run(**changes):
        task = entries("task")[name]
        output = tmp_path / "frozen.jsonl"
        task.freeze(task.settings(**{**SMALL[name], **changes}), corpus, corpus / "tokenizer.json", output)
        return *read_frozen(output), output.read_bytes()

    return run


def test_freezing_twice_gives_the_same_bytes(freeze):
    assert freeze()[2] == freeze()[2]


def test_another_seed_gives_other_prompts(freeze):
    assert [example.prompt for example in freeze()[1]] != [example.prompt for example in freeze(seed=43)[1]]


def test_the_order_of_lengths_does_not_matter(name, freeze):
    lengths = SMALL[name]["context_lengths"]
    assert freeze()[2] == freeze(context_lengths=tuple(reversed(lengths)))[2]


def test_a_length_is_the_same_alone_and_among_others(name, freeze):
    everything = freeze()[1]
    for length in SMALL[name]["context_lengths"]:
        alone = freeze(context_lengths=(length,))[1]
        assert alone == [example for example in everything if example.context_length == length]


def test_more_examples_leave_the_first_ones_as_they_are(freeze):
    few, many = freeze(examples_per_length=5)[1], freeze()[1]
    assert len(few) < len(many)
    assert all(example in many for example in few)


def test_examples_have_names_of_their_own(freeze):
    examples = freeze()[1]
    keys = [(e.subtask, e.context_length, e.num_shots, e.label_kind, e.prompt_style, e.id) for e in examples]
    assert len(set(keys)) == len(keys)


def test_every_prompt_fits_its_length_and_its_count_is_true(freeze, corpus):
    header, examples, _ = freeze()
    tokenizer = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    for example in examples:
        prompt_tokens = len(tokenizer.encode(example.prompt, add_special_tokens=False).ids)
        assert example.num_tokens == 1 + prompt_tokens + header.max_new_tokens <= example.context_length


def test_the_right_answer_scores_one_and_a_wrong_one_zero(name, freeze):
    task = entries("task")[name]
    for example in freeze()[1]:
        for reference in example.references:
            assert set(task.score(example, reference).values()) == {1.0}
        assert set(task.score(example, "zzz").values()) == {0.0}
        assert set(task.score(example, "").values()) == {0.0}


def test_the_prompt_is_no_answer(name, freeze):
    """Scores see new text only; the last line of a prompt, echoed, must not score."""
    task = entries("task")[name]
    for example in freeze()[1]:
        assert set(task.score(example, example.prompt.splitlines()[-1]).values()) == {0.0}


def test_chance_is_stated_and_within_reason(name, freeze):
    task = entries("task")[name]
    chances = [task.chance(example) for example in freeze()[1]]
    assert all(0 <= chance <= 1 for chance in chances)
    assert 0 < sum(chances) / len(chances) < 1


def test_baselines_can_be_scored_and_the_main_score_is_one_of_the_scores(name, freeze):
    task = entries("task")[name]
    for example in freeze()[1]:
        assert example.baselines
        for answer in example.baselines.values():
            assert task.score(example, answer)[task.main_score] in (0.0, 1.0)
