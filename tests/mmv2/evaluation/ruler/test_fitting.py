import random

import pytest

from mmv2.evaluation.ruler.fitting import MOST_DRAWS, bisected, drawn, stepped


def probes(num_tokens):
    """A function of a size that keeps what it was asked."""
    asked = []

    def ask(size):
        asked.append(size)
        return num_tokens(size)

    return ask, asked


def test_bisection_asks_what_nvidias_generator_asks():
    """100 tokens a document and 40 around them: first ten documents, then the middle of 10 and 3 * 4096 / 104."""
    ask, asked = probes(lambda size: 40 + 100 * size)
    assert bisected(ask, budget=4064, length=4096, step=10) == 40
    assert asked == [10, 64, 36, 50, 43, 39, 41, 40]


def test_bisection_asks_up_to_twice_the_step_where_the_estimate_is_less():
    ask, asked = probes(lambda size: 1000 * size)
    assert bisected(ask, budget=900, length=1000, step=10) == 10
    assert asked == [10, 15, 12, 10]


def test_bisection_goes_on_above_a_size_that_fits_by_luck():
    assert bisected(lambda size: 0 if size == 14 else 10 * size, budget=100, length=100, step=10) == 14


@pytest.mark.parametrize(
    ("budget", "size", "asked"),
    [
        (449, 40, [10, 20, 30, 40, 50]),
        (440, 50, [10, 20, 30, 40]),  # what fits exactly ends the search, one step further
        (139, 10, [10]),
        (10**6, 65, [10, 20, 30, 40, 50, 60]),
    ],
)
def test_steps_are_those_of_nvidias_generator_at_the_time_of_the_paper(budget, size, asked):
    ask, found = probes(lambda size: 40 + 10 * size)
    assert stepped(ask, budget, fewest=10, step=10, most=65) == size
    assert found == asked


def shrinking(lengths, size, step, least=1, most_draws=None):
    """Draw an example whose length at a size is the next of a list, or a number; the sizes asked."""
    rng, asked = random.Random(0), []

    def build(size):
        asked.append(size)
        of_size = lengths(size)
        if callable(of_size):
            of_size = of_size(rng)
        return of_size

    return drawn(build, lambda length: length <= 100, size, step, least, rng), asked


def test_an_example_shrinks_in_steps_until_it_fits():
    assert shrinking(lambda size: 9 * size, 33, 10) == (27, [33, 23, 13, 3])
    assert shrinking(lambda size: 9 * size, 11, 10) == (99, [11])


def test_at_the_last_size_an_example_is_drawn_until_it_fits():
    """An example of SQuAD's with ten other paragraphs of the article may fit."""
    found, asked = shrinking(lambda size: lambda rng: 101 - (rng.random() < 0.1), 20, 10)
    assert found == 100
    assert asked[0] == 20
    assert set(asked[1:]) == {10}
    assert len(asked) > 3


def test_what_cannot_fit_ends():
    assert shrinking(lambda size: 101, 30, 10) == (None, [30, 20, 10])
    found, asked = shrinking(lambda size: lambda rng: 101 + rng.random(), 30, 10)
    assert found is None
    assert len(asked) == MOST_DRAWS


def test_no_size_is_below_the_least():
    """Ten documents of its own: 17 do not fit, 7 would lack some."""
    assert shrinking(lambda size: 9 * size, 17, 10, least=10) == (90, [17, 10])
    assert shrinking(lambda size: 19 * size, 17, 10, least=10) == (None, [17, 10])
    assert shrinking(lambda size: 9 * size, 3, 1, least=4) == (36, [4])
