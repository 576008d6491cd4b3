import numpy as np
import pytest

from mmv2.errors import UserError
from mmv2.evaluation import statistics
from mmv2.evaluation.statistics import ratio_interval, with_extremes


def test_made_up_examples_add_the_most_and_the_least():
    assert with_extremes(np.array([0.5])).tolist() == [0.5, 1, 0]
    assert with_extremes(np.array([[0.5], [0.2]]), rising=False).tolist() == [[0.5, 0, 1], [0.2, 0, 1]]


def test_a_ratio_is_of_sums_and_its_interval_knows_that_both_vary_together():
    rng = np.random.default_rng(0)
    lengths = rng.integers(100, 1000, size=200)
    same = ratio_interval(2 * lengths, lengths, seed=0)
    assert (same.mean, same.low, same.high, same.num_examples) == (2, 2, 2, 200)
    bits = lengths * rng.normal(2, 0.1, size=200)
    found = ratio_interval(bits, lengths, seed=0)
    assert found.mean == pytest.approx(bits.sum() / lengths.sum())
    deviation = np.sqrt(((bits - found.mean * lengths) ** 2).sum()) / lengths.sum()
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * deviation, rel=0.1)


def test_a_ratio_of_one_example_has_no_interval():
    with pytest.raises(UserError, match="1 example: an interval needs at least 2"):
        ratio_interval(np.array([1.0]), np.array([2.0]), seed=0)


@pytest.mark.parametrize(
    ("draw", "mean", "number", "least"),
    [
        ("normal", 0.0, 5, 0.92),
        ("normal", 0.0, 20, 0.92),
        ("lognormal", np.exp(0.5), 5, 0.79),
        ("lognormal", np.exp(0.5), 20, 0.83),
    ],
)
def test_the_interval_of_a_ratio_of_few_covers_the_truth(monkeypatch, draw, mean, number, least):
    """Of 5 numbers percentiles alone cover 0.85 and 0.73."""
    monkeypatch.setattr(statistics, "RESAMPLINGS", 1000)
    rng, trials, covered = np.random.default_rng(0), 400, 0
    for trial in range(trials):
        found = ratio_interval(getattr(rng, draw)(size=number), np.ones(number), seed=trial)
        covered += found.low <= mean <= found.high
    assert least * trials <= covered <= 0.98 * trials


def test_made_up_examples_are_drawn_but_no_part_of_the_ratio():
    found = ratio_interval(np.array([1.0] * 8 + [5, 0]), np.ones(10), seed=0, made_up=2)
    assert (found.mean, found.num_examples) == (1, 8)
    assert found.low < 1 < found.high


def test_a_ratio_over_training_seeds_is_that_of_one_where_seeds_agree_and_wider_where_not():
    rng = np.random.default_rng(0)
    lengths = rng.uniform(10, 20, 300)
    bits = lengths * rng.uniform(0.9, 1.1, 300)
    one = ratio_interval(bits, lengths, seed=0)
    alike, apart = (
        ratio_interval(np.stack([bits * by for by in factors]), np.stack([lengths] * 3), seed=0)
        for factors in ((1, 1, 1), (0.9, 1.0, 1.1))
    )
    assert alike.mean == pytest.approx(one.mean) == pytest.approx(apart.mean)
    assert alike.num_examples == 300
    assert alike.high - alike.low == pytest.approx(one.high - one.low, rel=0.05)
    assert apart.high - apart.low > 5 * (one.high - one.low)
