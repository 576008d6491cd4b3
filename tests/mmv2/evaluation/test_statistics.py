import numpy as np
import pytest
from scipy.stats import binomtest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import interval, ratio_interval, with_extremes


def test_the_interval_of_a_rate_matches_the_normal_approximation():
    values = np.array([1.0] * 300 + [0.0] * 700)
    found = interval(values, seed=0)
    error = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert found.mean == pytest.approx(0.3)
    assert found.low == pytest.approx(0.3 - error, abs=0.003)
    assert found.high == pytest.approx(0.3 + error, abs=0.003)
    assert found.num_examples == 1000


def test_the_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(100):
        found = interval(rng.random(200) < 0.4, seed=trial)
        covered += found.low <= 0.4 <= found.high
    assert 90 <= covered <= 99


def test_the_seed_alone_decides():
    values = np.random.default_rng(0).random(40)
    assert interval(values, seed=3) == interval(values, seed=3)
    assert interval(values, seed=3) != interval(values, seed=4)


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 0.3085), (1.0, 0.6915, 1.0)])
def test_where_all_score_the_same_the_interval_is_clopper_and_pearsons(value, low, high):
    found = interval(np.full(10, value), seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((value, low, high), abs=1e-4)


@pytest.mark.parametrize("number", [8, 500])
def test_the_exact_bound_is_the_rate_at_which_n_of_n_is_just_still_likely(number):
    found = interval(np.zeros(number), seed=0)
    assert (1 - found.high) ** number == pytest.approx(0.025)
    half = interval(np.full(number, 0.5), seed=0)
    assert (half.low, half.high) == pytest.approx((0.5 - found.high / 2, 0.5 + found.high / 2))


def test_a_rate_near_zero_is_covered_although_most_samples_are_all_zero():
    rng = np.random.default_rng(3)
    found = [interval(rng.random(30) < 0.02, seed=trial) for trial in range(200)]
    assert sum(one.mean == 0 for one in found) > 80
    assert all(one.high >= 0.02 for one in found if one.mean == 0)


def test_what_is_no_score_is_no_mean():
    with pytest.raises(AssertionError, match="not a score"):
        interval(np.array([0.0, 1.5]), seed=0)


@pytest.mark.parametrize("right", [0, 1, 199, 200])
def test_no_interval_is_without_width_nor_leaves_out_its_mean(right):
    found = interval(np.r_[np.ones(right), np.zeros(200 - right)], seed=0)
    assert found.low <= found.mean == right / 200 <= found.high
    assert found.high - found.low > 2 / 200


@pytest.mark.parametrize("few", [1, 2, 3])
def test_few_wrong_ones_leave_about_as_much_open_as_the_exact_interval(few):
    """Without the two made-up examples the lower end is 1 to 2 % too high."""
    found = interval(np.r_[np.ones(50 - few), np.zeros(few)], seed=0)
    exact = binomtest(50 - few, 50).proportion_ci(method="exact")
    assert found.low == pytest.approx(exact.low, abs=0.012)


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
