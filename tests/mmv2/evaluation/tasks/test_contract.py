"""What every task must fulfil, run over the registry. A new task adds one line to SMALL."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.ruler.settings import Subtask
from mmv2.evaluation.tasks._data_sets import BANKING77, GOEMOTIONS
from mmv2.evaluation.tasks._needles import Needles
from mmv2.evaluation.tasks.icl_reasoning import Problem
from mmv2.evaluation.word_lists import WordList
from mmv2.registry import entries
from tests.mmv2.evaluation.small_world import TINY_PROMPT, write_corpus_folder

TINY_KEYS = {"instruction": "", "query_key": "Question:", "label_key": "Document:"}
SMALL = {
    "attention": {
        "context_lengths": (64, 32, 128),
        "examples_per_length": 7,
        "needles": Needles(
            keys=(WordList(key="names.first"), WordList(key="names.last")),
            key_joiner=" ",
            values=WordList(key="cities"),
            needle_template="{key} lives in {value}.",
            prompt_template="{context}\nQuestion: {key} lives in",
            words=WordList(key="names.first"),
            sentence_words=3,
        ),
    },
    "benchmarks": {
        "context_lengths": (64, 32),
        "examples_per_length": 12,
        "max_new_tokens": 2,
        "benchmarks": {
            "cities": {
                "file": "evaluation/cities_test.jsonl",
                "dev_file": "evaluation/cities_dev.jsonl",
                "group": "context",
                "published": "squad",
            },
            "cities_choice": {
                "file": "evaluation/cities_choice_test.jsonl",
                "dev_file": "evaluation/cities_choice_dev.jsonl",
                "group": "persistent",
            },
        },
    },
    "bits_per_byte": {"context_lengths": (16, 8), "examples_per_length": 12},
    "icl_code": {"context_lengths": (2048,), "examples_per_length": 12, "max_new_tokens": 8, "shots": (3, 1)},
    "icl_reasoning": {
        "context_lengths": (2048,),
        "examples_per_length": 12,
        "max_new_tokens": 40,
        "shots": (3, 1),
        "problems": {
            "sums": Problem(format="bbh", file="evaluation/bbh_sums.json"),
            "thousands": Problem(format="gsm8k", file="evaluation/gsm8k.jsonl", styles=("direct", "worked")),
        },
    },
    "icl_regular_languages": {
        "context_lengths": (128,),
        "examples_per_length": 9,
        "shots": (3, 1),
        "symbols": (2, 6),
        "string_length": (1, 12),
        "alphabet": WordList(key="names.first"),
    },
    "many_shot": {
        "context_lengths": (256,),
        "examples_per_length": 9,
        "dev_examples": 6,
        "max_new_tokens": 2,
        "shots": (3, 1),
        "datasets": {
            "banking77": BANKING77.model_copy(update=TINY_KEYS),
            "goemotions": GOEMOTIONS.model_copy(update=TINY_KEYS),
        },
    },
    "persistent": {
        "context_lengths": (64, 32),
        "examples_per_length": 12,
        "benchmarks": ("obqa", "winogrande"),
        "data_root": str(Path(__file__).parents[1] / "persistent" / "small_world"),
    },
    "ruler_niah": {
        "context_lengths": (64, 32, 128),
        "examples_per_length": 12,
        "max_new_tokens": 2,
        "keys": (WordList(key="names.first"), WordList(key="names.last")),
        "key_joiner": " ",
        "needle_template": "{key} lives in {value}.",
        "prompt_template": "{context}\nQuestion: {key} lives in",
        "subtasks": {
            "niah_single_1": Subtask(noise="Document in Document.", step=1, values=WordList(key="cities")),
            "niah_single_2": Subtask(words=WordList(key="names.first"), step=2, values=WordList(key="cities")),
        },
    },
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
"""Per task, settings that fit the small corpus of the tests: at least two lengths, not in order, where a task
takes several."""
ANY_TEXT = {"icl_code", "icl_reasoning"}
"""Tasks whose prompts have words that the small corpus has not."""


@pytest.fixture(params=sorted(entries("task")))
def name(request):
    assert request.param in SMALL, f"add small settings of {request.param} to SMALL"
    return request.param


@pytest.fixture
def corpus(tmp_path):
    return write_corpus_folder(tmp_path / "corpus")


@pytest.fixture
def tokenizer(name, corpus, tokenizer_file):
    return tokenizer_file if name in ANY_TEXT else corpus / "tokenizer.json"


@pytest.fixture
def freeze(name, corpus, tokenizer, tmp_path):
    """Freezes with some settings changed; returns header, examples and the bytes of the file."""

    def run(**changes):
        task = entries("task")[name]
        output = tmp_path / "frozen.jsonl"
        task.freeze(task.settings(**{**SMALL[name], **changes}), corpus, tokenizer, output)
        return *read_frozen(output), output.read_bytes()

    return run


def whole_prompt(header, example):
    return header.prefixes.get(example.prefix, "") + example.prompt


def test_freezing_twice_gives_the_same_bytes(freeze):
    assert freeze()[2] == freeze()[2]


def test_another_seed_gives_other_prompts(freeze):
    (header, examples, _), (other_header, others, _) = freeze(), freeze(seed=43)
    prompts = [whole_prompt(header, example) for example in examples]
    assert prompts != [whole_prompt(other_header, example) for example in others]


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
    keys = [(e.subtask, e.context_length, e.num_shots, e.label_kind, e.prompt_style, e.split, e.id) for e in examples]
    assert len(set(keys)) == len(keys)


def test_every_prompt_fits_its_length_and_its_count_is_true(freeze, tokenizer):
    header, examples, _ = freeze()
    tokenizer = Tokenizer.from_file(str(tokenizer))
    for example in examples:
        prompt_tokens = len(tokenizer.encode(whole_prompt(header, example), add_special_tokens=False).ids)
        choice_tokens = [len(tokenizer.encode(choice, add_special_tokens=False).ids) for choice in example.choices]
        answer_tokens = max([example.budget(header.max_new_tokens), *choice_tokens])
        assert example.num_tokens == 1 + prompt_tokens + answer_tokens <= example.context_length


def asks_nothing(header):
    """Whether prompts are read or looked at, and nothing is answered."""
    return bool(header.position_bounds or header.ages)


def reading(header, hits):
    """The outcome of a text of which all tokens or none were predicted, or a prompt looked at so."""
    if header.ages:
        told = ("attention.own.0.marked", "flat.own.marked", "in_reach")
        return Outcome("", details={"maps": "own", **dict.fromkeys(told, float(hits))})
    counts = {bound: {"bits": 8.0, "bytes": 4, "tokens": 2, "hits": 2 * hits} for bound in header.position_bounds}
    return Outcome("", details={f"{key}_{bound}": n for bound, own in counts.items() for key, n in own.items()})


def test_the_right_answer_scores_one_and_a_wrong_one_zero(name, freeze):
    task = entries("task")[name]
    header, examples, _ = freeze()
    for example in examples:
        if asks_nothing(header):
            right, wrong = [reading(header, hits=1)], [reading(header, hits=0)]
        else:
            right = [Outcome.of_text(reference) for reference in example.references]
            wrong = [Outcome.of_text("zzz"), Outcome.of_text("")]
        assert right
        assert all(set(task.score(example, outcome).values()) == {1.0} for outcome in right)
        assert all(set(task.score(example, outcome).values()) == {0.0} for outcome in wrong)


def test_the_prompt_is_no_answer(name, freeze):
    """Scores see new text only; the last line of a prompt, echoed, must not score. Reading asks for no answer."""
    task = entries("task")[name]
    header, examples, _ = freeze()
    for example in [] if asks_nothing(header) else examples:
        assert set(task.score(example, Outcome.of_text(example.prompt.splitlines()[-1])).values()) == {0.0}


def test_chance_is_stated_and_within_reason(name, freeze):
    task = entries("task")[name]
    chances = [task.chance(example) for example in freeze()[1]]
    assert all(0 <= chance <= 1 for chance in chances)
    assert 0 < sum(chances) / len(chances) < 1


def test_baselines_can_be_scored_and_the_main_score_is_one_of_the_scores(name, freeze):
    task = entries("task")[name]
    header, examples, _ = freeze()
    assert task.main_score in task.score(examples[0], reading(header, hits=1))
    for example in examples:
        assert bool(example.baselines) != asks_nothing(header), "reading has chance alone to compare with"
        for answer in example.baselines.values():
            assert task.score(example, Outcome.of_text(answer))[task.main_score] in (0.0, 1.0)
