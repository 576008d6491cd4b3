"""Percentile bootstrap over examples: how sure an accuracy is.

Every resampling draws with replacement from a seeded generator, among the examples and two made-up ones more, the best
and the worst there can be (Agresti and Caffo 2000): without them few examples that differ tell too much, and the
percentiles of 50 right ones of 50 have no width. Where all n examples score the same, what they tell is known exactly:
at most a share 1 - (ALPHA / 2)^(1 / n) of all examples scores otherwise, the bound of Clopper and Pearson (1934) after
0 of n. There the interval reaches at least as far as that share at the score's least or greatest value moves the mean.
Means are of the real examples. ``mmv2.evaluation.contrasts`` does the same for sums of several accuracies.

Shapes: N examples, R resamplings.
"""

import math
from dataclasses import dataclass

import numpy as np

from mmv2.errors import UserError

RESAMPLINGS = 10_000
ALPHA = 0.05
"""Intervals cover 1 - ALPHA."""
_CHUNK = 1_000
"""Resamplings drawn at once: bounds memory."""


@dataclass(frozen=True)
class Interval:
    """A mean over examples with its 95 % interval."""

    mean: float
    low: float
    high: float
    num_examples: int


def interval(values_N: np.ndarray, seed: int) -> Interval:
    """Mean of one score per example, from 0 to 1, with its 95 % interval.

    Args:
        values_N: scores.
        seed: of the resampling.

    Returns:
        The 2.5th and 97.5th percentile of the bootstrap distribution, or exact bounds where all examples score the
        same (see the module).
    """
    assert len(values_N), "no example, no mean"
    values_N = np.asarray(values_N, dtype=np.float64)
    assert 0 <= values_N.min() <= values_N.max() <= 1, "not a score"
    rng = np.random.default_rng(seed)
    drawn_from = with_extremes(values_N)
    number = len(drawn_from)
    chunks = [rng.integers(number, size=(_CHUNK, number)) for _ in range(RESAMPLINGS // _CHUNK)]
    means_R = np.concatenate([drawn_from[chosen_RN].mean(axis=1) for chosen_RN in chunks])
    same = bool((values_N == values_N[0]).all())
    mean = float(values_N[0] if same else values_N.mean())
    low, high = bounds(means_R, mean)
    if same:
        others = others_at_most(len(values_N))
        low, high = min(low, mean - others * mean), max(high, mean + others * (1 - mean))
    return Interval(mean, low, high, len(values_N))


def with_extremes(scores: np.ndarray, rising: bool = True) -> np.ndarray:
    """Scores, along the last axis per example, with those of the two made-up examples after them.

    Args:
        scores: from 0 to 1.
        rising: whether greater scores add more to the number that is resampled; the first of the two adds the most.
    """
    most = float(rising)
    return np.concatenate([scores, np.broadcast_to([most, 1 - most], (*scores.shape[:-1], 2))], axis=-1)


def bounds(values_R: np.ndarray, mean: float) -> tuple[float, float]:
    """Ends of the percentile interval, which holds the mean."""
    low, high = np.percentile(values_R, [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return min(float(low), mean), max(float(high), mean)


def others_at_most(number: float) -> float:
    """Share of examples that may score otherwise where so many all score the same."""
    return float(1 - (ALPHA / 2) ** (1 / number))


def seed_shares(number: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """How much each of so many training seeds counts in every resampling, of shape (size, number); they add up to 1.

    The mean so weighted is the seeds' mean plus their standard error times Student's t of S - 1 degrees of freedom, so
    that its percentiles are the t interval. Seeds drawn with replacement cannot tell it: means of three drawn ones stay
    between the least and the greatest, and intervals of 95 % would hold the truth in 76 % of cases. Shares can be
    negative.
    """
    if number == 1:
        return np.ones((size, 1))
    normal_RS = rng.standard_normal((size, number))
    deviation_RS = normal_RS - normal_RS.mean(axis=1, keepdims=True)
    spread_R1 = np.sqrt(rng.chisquare(number - 1, size=(size, 1)) / (number - 1))
    return 1 / number + deviation_RS / (spread_R1 * math.sqrt(number * (number - 1)))


def ratio_interval(numerators_N: np.ndarray, denominators_N: np.ndarray, seed: int) -> Interval:
    """Sum over sum of two numbers per example, such as bits per byte, with its 95 % bootstrap interval.

    Args:
        numerators_N, denominators_N: of the same examples, which are drawn with both their numbers; denominators are
            positive. Of several training seeds: both of shape SN, and seeds are drawn too.
        seed: of the resampling.

    Raises:
        UserError: one example alone, which does not tell how examples differ.
    """
    assert numerators_N.shape == denominators_N.shape
    assert denominators_N.min() > 0
    number = numerators_N.shape[-1]
    if number < 2:
        raise UserError(f"{number} example: an interval needs at least 2; freeze more examples")
    rng = np.random.default_rng(seed)
    both_2N = np.stack([numerators_N, denominators_N]).astype(np.float64)
    if both_2N.ndim == 3:
        return _ratio_over_seeds(both_2N, rng)
    chunks = [rng.integers(number, size=(_CHUNK, number)) for _ in range(RESAMPLINGS // _CHUNK)]
    sums_2R = np.concatenate([both_2N[:, chosen_RN].sum(axis=2) for chosen_RN in chunks], axis=1)
    low, high = np.percentile(sums_2R[0] / sums_2R[1], [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(float(both_2N[0].sum() / both_2N[1].sum()), float(low), float(high), number)


def _ratio_over_seeds(both_2SN: np.ndarray, rng: np.random.Generator) -> Interval:
    """As ``ratio_interval``, of several training seeds."""
    _, seeds, number = both_2SN.shape
    chunks = []
    for _ in range(RESAMPLINGS // _CHUNK):
        shares_RS = seed_shares(seeds, _CHUNK, rng)
        times_RN = rng.multinomial(number, np.full(number, 1 / number), size=_CHUNK).astype(np.float64)
        chunks.append([(shares_RS * (times_RN @ of_seeds_SN.T)).sum(axis=1) for of_seeds_SN in both_2SN])
    sums_2R = np.concatenate(chunks, axis=1)
    low, high = np.percentile(sums_2R[0] / sums_2R[1], [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(float(both_2SN[0].sum() / both_2SN[1].sum()), float(low), float(high), number)
