import itertools
import random
import uuid

import numpy as np
import pytest

from mmv2.evaluation.ruler.needles import Keys, num_values, own_value, ruler_value, wonderwords

WORDS = [
    [["ad", "ad-hoc", "b", "ad"], ["hoc", "x", "hoc-x", "", "x"]],
    [["e", "e-x", "e-x-y", "f", "E"], ["x", "x-y", "a"]],
    [["é", "z", "e"], ["b", "a"], ["c", "d", "c"]],
    [["b", "a", "b"]],
]


@pytest.mark.parametrize("lists", WORDS)
@pytest.mark.parametrize("joiner", ["-", " ", ""])
def test_keys_are_the_sorted_set_of_all(lists, joiner):
    keys = Keys(lists, joiner)
    everything = sorted({joiner.join(words) for words in itertools.product(*lists)})
    assert [keys[place] for place in range(len(keys))] == everything


def test_wonderwords_are_rulers():
    adjectives, nouns = wonderwords()
    assert (len(adjectives), len(nouns)) == (912, 6782)
    assert not any(word != word.rstrip() for word in (*adjectives, *nouns))
    keys = Keys([adjectives, nouns], "-")
    assert len(keys) == 6_171_620
    rng = random.Random(0)
    for place in (rng.randrange(len(keys) - 1) for _ in range(2000)):
        assert keys[place] < keys[place + 1]


def test_the_first_keys_that_ruler_draws():
    """From the sorted list of all pairs, made at length with ``random.seed(42)``."""
    rng = random.Random(42)
    keys = Keys(wonderwords(), "-")
    assert [rng.choice(keys) for _ in range(3)] == ["tenuous-thirst", "colorful-psychology", "ad hoc-turnover"]


def test_rulers_values():
    rng = random.Random(42)
    assert ruler_value("number", rng) == str(random.Random(42).randint(1_000_000, 9_999_999))
    numbers = {int(ruler_value("number", rng)) for _ in range(1000)}
    assert 1_000_000 <= min(numbers) < 1_100_000
    assert 9_900_000 < max(numbers) <= 9_999_999
    drawn = uuid.UUID(ruler_value("uuid", random.Random(42)))
    assert (drawn, drawn.version) == (uuid.UUID(int=random.Random(42).getrandbits(128), version=4), 4)
    assert {ruler_value(["a", "b"], rng) for _ in range(50)} == {"a", "b"}


def test_own_values():
    rng = np.random.default_rng(0)
    assert len(own_value("number", rng)) == 7
    assert uuid.UUID(own_value("uuid", rng)).version == 4
    assert own_value(["a"], rng) == "a"


def test_a_blind_guess_chooses_between_all_values():
    assert (num_values("number"), num_values("uuid"), num_values(["a", "b"])) == (9_000_000, 2**122, 2)
