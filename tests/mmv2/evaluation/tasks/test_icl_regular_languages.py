from math import log

import pytest

from mmv2.config import validate
from mmv2.errors import UserError
from mmv2.evaluation.automata import Automaton, random_automaton
from mmv2.evaluation.frozen import read_frozen
from mmv2.evaluation.outcome import Outcome
from mmv2.evaluation.tasks import icl_regular_languages
from mmv2.evaluation.tasks.icl_regular_languages import TASK, RegularLanguagesSettings, freeze
from mmv2.evaluation.word_lists import WordList
from tests.mmv2.evaluation.small_world import NAMES, write_corpus_folder


@pytest.fixture
def frozen(tmp_path, tokenizer_file):
    def run(corpus=tmp_path, tokenizer=tokenizer_file, **changes):
        settings = RegularLanguagesSettings(**{"context_lengths": (4096,), "examples_per_length": 20, **changes})
        freeze(settings, corpus, tokenizer, tmp_path / "f.jsonl")
        return read_frozen(tmp_path / "f.jsonl")

    return run


def strings(header, example):
    return [line.split() for line in header.prefixes[example.prefix].splitlines()]


def test_the_prompt_holds_strings_and_a_beginning_of_the_same_language(frozen):
    """What is shown to follow a state must be among the right answers there: a check that needs no automaton."""
    header, examples = frozen(shots=(20,))
    for example in examples:
        beginning = example.prompt.split()
        assert len(strings(header, example)) == 20
        assert header.prefixes[example.prefix].endswith("\n")
        for string in strings(header, example):
            assert 1 <= len(string) <= 49
            if string[: len(beginning)] == beginning and len(string) > len(beginning):
                assert string[len(beginning)] in example.references
        assert 1 <= len(example.references) <= 3
        assert example.choices == tuple(f" {letter}" for letter in "abcdefghijklmnopqr")
        assert TASK.chance(example) == len(example.references) / 18


def test_languages_differ_and_fewer_strings_are_the_first_of_more(frozen):
    header, examples = frozen()
    by_shots = {shots: [e for e in examples if e.num_shots == shots] for shots in (1, 2, 5, 10, 20)}
    assert {len(found) for found in by_shots.values()} == {20 * 4}
    for one, more in zip(by_shots[2], by_shots[20], strict=True):
        assert (one.id, one.prompt, one.references) == (more.id, more.prompt, more.references)
        assert strings(header, one) == strings(header, more)[:2]
    assert len({header.prefixes[example.prefix] for example in by_shots[1]}) == 20
    assert max(example.details["num_states"] for example in examples) in range(4, 13)


def test_the_ranges_are_regbenchs(frozen, monkeypatch):
    """Of its code: 4 to 12 states, 4 to 18 symbols, 1 to 3 edges, and strings of at most 49 symbols."""
    calls = []

    def draw(states, alphabet, num_edges, rng):
        calls.append((states, len(set(alphabet)), num_edges))
        return random_automaton(states, alphabet, num_edges, rng)

    monkeypatch.setattr(icl_regular_languages, "random_automaton", draw)
    header, _ = frozen(examples_per_length=300, shots=(1,), positions=1)
    states, symbols, edges = zip(*calls, strict=True)
    assert (set(states), set(symbols), set(edges)) == (set(range(4, 13)), set(range(4, 19)), {(1, 3)})
    assert {len(text.split()) for text in header.prefixes.values()} == set(range(1, 50))


def test_what_is_recorded_of_a_language_by_hand(frozen, monkeypatch):
    """Strings a a, a b, a b: after a come a or b, the first with probability 1/2, in the strings 1/3."""
    language = Automaton(({"a": 1}, {"a": 2, "b": 2}, {"c": 0}))
    strings = iter([("a", "b"), ("a", "a"), ("a", "b"), ("a", "b")])
    monkeypatch.setattr(icl_regular_languages, "random_automaton", lambda *arguments: language)
    monkeypatch.setattr(Automaton, "string", lambda self, length, rng: next(strings))
    (example,) = frozen(examples_per_length=1, shots=(3,), positions=1)[1]
    assert (example.prompt, example.references) == (" a", ("a", "b"))
    assert example.details == {
        "num_valid": 2,
        "num_states": 3,
        "num_symbols": 3,
        "bigram_overlap": pytest.approx(1 / 3 + 1 / 2),
        "trigram_overlap": pytest.approx(1 / 3 + 1 / 2),
    }
    assert example.baselines == {"bigram": "b", "trigram": "b", "nearest_match": "b"}


def test_the_first_symbol_is_given_and_places_differ(frozen):
    examples = [example for example in frozen()[1] if example.num_shots == 1]
    for number in range(20):
        places = [len(example.prompt.split()) for example in examples[4 * number : 4 * number + 4]]
        assert places == sorted(set(places))
        assert places[0] >= 1


def test_ngram_models_are_better_with_more_strings_and_better_than_chance(frozen):
    examples = frozen(examples_per_length=60)[1]

    def mean(shots, name):
        these = [example for example in examples if example.num_shots == shots]
        right = [example.baselines[name] in example.references for example in these]
        return sum(right) / len(right)

    chance = sum(map(TASK.chance, examples)) / len(examples)
    for name in ("bigram", "trigram", "nearest_match"):
        assert chance < mean(1, name) < mean(20, name)
    assert mean(20, "trigram") > 0.8


def test_scores(frozen):
    example = frozen()[1][0].model_copy(update={"references": ("a", "c"), "choices": (" a", " b", " c")})
    likely = tuple(log(p) - 5 for p in (0.6, 0.3, 0.1))
    assert TASK.score(example, Outcome("", "a", likely)) == pytest.approx({"accuracy": 1, "overlap": 0.5 + 0.1})
    assert TASK.score(example, Outcome("", "b", (0.0, 800.0, 0.0))) == pytest.approx({"accuracy": 0, "overlap": 0})
    assert TASK.score(example, Outcome.of_text("c")) == {"accuracy": 1}
    assert TASK.score(example, Outcome("", "a", (-1.0, -1e9, -1.0)))["overlap"] == 1


def test_words_may_be_the_symbols(frozen, tmp_path):
    corpus = write_corpus_folder(tmp_path / "corpus")
    words = {"alphabet": WordList(key="names.first"), "symbols": (2, 5), "shots": (1,)}
    _, examples = frozen(corpus, corpus / "tokenizer.json", **words)
    assert {choice for example in examples for choice in example.choices} == {f" {name}" for name in NAMES[:5]}
    with pytest.raises(UserError, match="symbols: up to 9, but the alphabet has 8"):
        frozen(corpus, corpus / "tokenizer.json", **{**words, "symbols": (2, 9)})


def test_a_prompt_that_does_not_fit_is_told(frozen):
    with pytest.raises(UserError, match=r"context_lengths: 64: language \d+ with \d+ strings needs \d+ tokens"):
        frozen(context_lengths=(64,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": [5, 4]}, r"t\.states: \[5, 4\] is empty"),
        ({"states": [1, 4]}, r"t\.states\.0: input should be greater than or equal to 2"),
        ({"string_length": [1, 4]}, r"t\.positions: 4, but strings have at most 4"),
        ({"max_new_tokens": 3}, r"t\.max_new_tokens"),
    ],
)
def test_wrong_settings_are_told(change, message):
    with pytest.raises(UserError, match=message):
        validate(RegularLanguagesSettings, {"context_lengths": [64], **change}, "suite.yaml", "t")
