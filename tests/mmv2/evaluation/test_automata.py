from collections import Counter

import pytest
from numpy.random import default_rng

from mmv2.evaluation import automata
from mmv2.evaluation.automata import Automaton, most_probable, ngram, overlap, random_automaton, smallest

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


@pytest.fixture
def drawn(monkeypatch):
    """Edges of random automata as they are drawn, before the smallest automaton is made of them."""
    monkeypatch.setattr(automata, "smallest", lambda edges: Automaton(tuple(edges)))
    return lambda *arguments: random_automaton(*arguments).edges


def test_the_edges_of_a_state_lead_to_different_states_other_than_itself(drawn):
    numbers, ends = Counter(), Counter()
    for seed in range(60):
        edges = drawn(5, "abcdefg", (2, 4), default_rng(seed))
        assert len(edges) == 5
        for state, own in enumerate(edges):
            numbers[len(own)] += 1
            ends.update((state, end) for end in own.values())
            assert set(own) <= set("abcdefg")
            assert len(set(own.values())) == len(own)
    assert set(ends) == {(state, end) for state in range(5) for end in range(5) if state != end}
    assert set(numbers) == {2, 3, 4}
    assert min(numbers.values()) > 60


def test_a_state_has_no_more_edges_than_symbols_or_other_states(drawn):
    assert {len(own) for own in drawn(4, "a", (2, 4), default_rng(0))} == {1}
    assert {len(own) for own in drawn(3, "abcdef", (1, 4), default_rng(0))} <= {1, 2}
    assert {len(own) for own in drawn(3, "abcdef", (4, 4), default_rng(0))} == {2}


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        # 1 and 2 are one: after either an a leads to 0. Then nothing leads to 3.
        ([{"x": 1, "y": 2}, {"a": 0}, {"a": 0}, {"b": 1}], [{"x": 1, "y": 1}, {"a": 0}]),
        # All make a, a, a, ...
        ([{"a": 1}, {"a": 2}, {"a": 0}], [{"a": 0}]),
        # 2 and 3 have the same symbols, but what follows them differs two symbols later.
        (
            [{"x": 2, "y": 3}, {"c": 0}, {"a": 1}, {"a": 4}, {"d": 0}],
            [{"x": 1, "y": 2}, {"a": 3}, {"a": 4}, {"c": 0}, {"d": 0}],
        ),
        # The first state stays the first.
        ([{"a": 2}, {"b": 0}, {"c": 1, "a": 2}], [{"a": 1}, {"a": 1, "c": 2}, {"b": 0}]),
    ],
)
def test_the_smallest_automaton_by_hand(edges, expected):
    assert list(smallest(edges).edges) == expected


def test_the_smallest_automaton_makes_the_same_strings(drawn):
    fewer = 0
    for seed in range(30):
        whole = Automaton(tuple(drawn(6, "ab", (1, 2), default_rng(seed))))
        small = smallest(whole.edges)
        fewer += len(small.edges) < 6
        assert small.string(40, default_rng(1)) == whole.string(40, default_rng(1))
    assert fewer > 10


def test_a_random_automaton_is_the_smallest():
    """With one symbol all states make the same strings."""
    assert random_automaton(6, "a", (1, 1), default_rng(0)).edges == ({"a": 0},)


def test_the_symbols_of_an_automaton():
    assert LOOP.symbols == {"a", "b", "c"}


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
