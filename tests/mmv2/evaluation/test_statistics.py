import numpy as np
import pandas as pd
import pytest

from mmv2.errors import UserError
from mmv2.evaluation.statistics import interval, paired_difference, ratio_interval


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


def records(scores, run="a", length=256):
    rows = [
        {
            "run": run,
            "task": "t",
            "subtask": "s",
            "context_length": length,
            "num_shots": None,
            "label_kind": None,
            "prompt_style": None,
            "split": "test",
            "example_id": str(number),
            "data_hash": "h",
            "score_official": score,
        }
        for number, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def test_pairing_goes_by_example_and_narrows_the_interval():
    rng = np.random.default_rng(2)
    easy = (rng.random(400) < 0.5).astype(float)
    better = np.where(rng.random(400) < 0.1, 1.0, easy)
    shuffled = records(better, "b").sample(frac=1, random_state=0)
    paired = paired_difference(shuffled, records(easy), "score_official", seed=0)
    assert paired.mean == pytest.approx(better.mean() - easy.mean())
    assert paired.low > 0
    unpaired_width = interval(better, 0).high - interval(better, 0).low
    assert paired.high - paired.low < unpaired_width


def test_equal_answers_differ_by_nothing_within_what_so_few_can_tell():
    same = records([0.0, 1.0, 1.0])
    found = paired_difference(same, same, "score_official", seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((0, -0.7076, 0.7076), abs=1e-4)


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 0.3085), (1.0, 0.6915, 1.0)])
def test_where_all_score_the_same_the_interval_is_clopper_and_pearsons(value, low, high):
    found = interval(np.full(10, value), seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((value, low, high), abs=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_difference_of_all_has_a_width_too(sign):
    one, other = records([1.0] * 10, "b"), records([0.0] * 10)
    found = paired_difference(*((one, other) if sign > 0 else (other, one)), "score_official", seed=0)
    ends = sorted([sign, sign * (1 - 2 * 0.30850)])
    assert (found.mean, found.low, found.high) == pytest.approx((sign, *ends), abs=1e-4)


@pytest.mark.parametrize("number", [1, 8, 500])
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


@pytest.mark.parametrize("change", [{"example_id": "other"}, {"data_hash": "other"}])
def test_different_examples_are_refused(change):
    other = records([0.0, 1.0, 1.0], "b")
    for column, value in change.items():
        other.loc[2, column] = value
    with pytest.raises(UserError, match="b and a: records of different examples"):
        paired_difference(other, records([0.0, 1.0, 1.0]), "score_official", seed=0)


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
