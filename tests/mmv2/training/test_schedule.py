import math

import pytest

from mmv2.training.schedule import learning_rate
from tests.mmv2.training.helpers import tiny_run


def rates(max_steps: int, warmup_steps: int) -> list[float]:
    training = tiny_run(max_steps=max_steps, warmup_steps=warmup_steps, learning_rate=0.5).training
    return [learning_rate(step, max_steps, training) for step in range(1, max_steps + 1)]


def test_warms_up_linearly_from_the_first_step_to_the_peak():
    assert rates(20, 4)[:4] == pytest.approx([0.125, 0.25, 0.375, 0.5])


def test_ends_at_a_hundredth_of_the_peak():
    assert rates(20, 4)[-1] == pytest.approx(0.005)


def test_is_halfway_in_the_middle_of_the_cosine():
    assert rates(20, 4)[11] == pytest.approx((0.5 + 0.005) / 2)


def test_follows_the_cosine_at_a_quarter():
    assert rates(20, 4)[7] == pytest.approx(0.005 + 0.495 * (1 + math.cos(math.pi / 4)) / 2)


def test_without_warm_up_starts_at_the_peak():
    assert rates(5, 0)[0] == 0.5
    assert rates(5, 0)[-1] == pytest.approx(0.005)


@pytest.mark.parametrize("warmup_steps", [0, 1])
def test_a_run_of_one_step_has_the_peak(warmup_steps: int):
    assert rates(1, warmup_steps) == [0.5]


def test_a_run_of_warm_up_only_ends_at_the_peak():
    assert rates(4, 4) == pytest.approx([0.125, 0.25, 0.375, 0.5])
