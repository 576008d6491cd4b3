from collections import Counter

import pytest
from numpy.random import default_rng

from mmv2.evaluation.automata import Automaton, most_probable, ngram, overlap, random_automaton

LOOP = Automaton(({"a": 1}, {"a": 2, "b": 0}, {"c": 2}))
"""a, then either b and again, or a and c for ever."""


def test_next_symbols_follow_the_states():
    assert LOOP.next_symbols([]) == ("a",)
    assert LOOP.next_symbols("a") == ("a", "b")
    assert LOOP.next_symbols("abaacc") == ("c",)
    with pytest.raises(KeyError):
        LOOP.next_symbols("b")


def test_strings_belong_to_the_language_and_edges_are_equally_probable():
    rng = default_rng(1)
    strings = [LOOP.string(length, rng) for length in [0, 1, *[2] * 1000]]
    assert strings[:2] == [(), ("a",)]
    counts = Counter(strings[2:])
    assert set(counts) == {("a", "a"), ("a", "b")}
    assert 420 < counts["a", "b"] < 580
    for string in (LOOP.string(30, rng) for _ in range(5)):
        LOOP.next_symbols(string)


def test_a_random_automaton_has_edges_within_bounds():
    numbers = Counter()
    for seed in range(60):
        automaton = random_automaton(5, "abcdefg", (2, 4), default_rng(seed))
        assert len(automaton.edges) == 5
        for edges in automaton.edges:
            numbers[len(edges)] += 1
            assert set(edges) <= set("abcdefg")
            assert set(edges.values()) <= set(range(5))
    assert set(numbers) == {2, 3, 4}
    assert min(numbers.values()) > 60
    few = random_automaton(4, "a", (2, 4), default_rng(0))
    assert all(len(edges) == 1 for edges in few.edges)


@pytest.mark.parametrize(
    ("beginning", "order", "expected"),
    [
        ("ab", 1, {"a": 4 / 11, "b": 4 / 11, "c": 3 / 11}),
        ("ab", 2, {"c": 2 / 3, "a": 1 / 3}),
        ("ab", 3, {"c": 1.0}),
        ("", 3, {"a": 2 / 3, "b": 1 / 3}),
        ("ac", 3, {"c": 1.0}),
        ("bz", 3, {"a": 3 / 11, "b": 4 / 11, "c": 3 / 11, "z": 1 / 11}),
    ],
)
def test_ngrams_back_off_to_the_longest_ending_that_was_followed(beginning, order, expected):
    """By hand. In the strings: a b c; b a; a b c c."""
    assert ngram(["abc", "ba", "abcc"], beginning, order) == pytest.approx(expected)


def test_ngrams_of_nothing():
    assert ngram([], "", 3) == {}
    assert most_probable({}) == ""


def test_the_most_probable_symbol_is_the_first_of_equals():
    assert most_probable({"b": 0.4, "a": 0.4, "c": 0.2}) == "a"


def test_overlap_is_one_minus_the_total_variation_distance():
    some, others = {"a": 0.5, "b": 0.5}, {"b": 0.25, "c": 0.75}
    distance = sum(abs(some.get(symbol, 0) - others.get(symbol, 0)) for symbol in "abc") / 2
    assert overlap(some, others) == pytest.approx(1 - distance)
    assert overlap(some, some) == 1
