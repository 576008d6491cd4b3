"""Percentile bootstrap over examples: how sure an accuracy, or a difference of two, is.

Every resampling draws as many examples as there are, with replacement, from a seeded generator. Where all n examples
score the same, every resampling is the same and its percentiles would have no width, as if n examples told all. What
they tell is that hardly any example scores otherwise: at most a share 1 - (ALPHA / 2)^(1 / n) of them, the exact bound
of Clopper and Pearson (1934) after 0 of n. There the interval reaches as far as that share at the score's own least or
greatest value moves the mean. For scores 0 and 1 this is the Clopper-Pearson interval itself.

Shapes: N examples, R resamplings.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.records import EXAMPLE

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


def interval(values_N: np.ndarray, seed: int, least: float = 0.0) -> Interval:
    """Mean of one score per example with its 95 % interval.

    Args:
        values_N: scores.
        seed: of the resampling.
        least: smallest possible score; the greatest is 1.

    Returns:
        The 2.5th and 97.5th percentile of the bootstrap distribution, or exact bounds where all examples score the
        same (see the module).
    """
    assert len(values_N), "no example, no mean"
    values_N = np.asarray(values_N, dtype=np.float64)
    assert least <= values_N.min() <= values_N.max() <= 1, "not a score"
    if (values_N == values_N[0]).all():
        same = float(values_N[0])
        others = 1 - (ALPHA / 2) ** (1 / len(values_N))
        return Interval(same, same - others * (same - least), same + others * (1 - same), len(values_N))
    rng = np.random.default_rng(seed)
    chunks = [rng.integers(len(values_N), size=(_CHUNK, len(values_N))) for _ in range(RESAMPLINGS // _CHUNK)]
    means_R = np.concatenate([values_N[chosen_RN].mean(axis=1) for chosen_RN in chunks])
    low, high = np.percentile(means_R, [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(float(values_N.mean()), float(low), float(high), len(values_N))


def ratio_interval(numerators_N: np.ndarray, denominators_N: np.ndarray, seed: int) -> Interval:
    """Sum over sum of two numbers per example, such as bits per byte, with its 95 % bootstrap interval.

    Args:
        numerators_N, denominators_N: of the same examples, which are drawn with both their numbers; denominators are
            positive.
        seed: of the resampling.

    Raises:
        UserError: one example alone, which does not tell how examples differ.
    """
    assert len(numerators_N) == len(denominators_N)
    assert denominators_N.min() > 0
    number = len(numerators_N)
    if number < 2:
        raise UserError(f"{number} example: an interval needs at least 2; freeze more examples")
    rng = np.random.default_rng(seed)
    both_2N = np.stack([numerators_N, denominators_N]).astype(np.float64)
    chunks = [rng.integers(number, size=(_CHUNK, number)) for _ in range(RESAMPLINGS // _CHUNK)]
    sums_2R = np.concatenate([both_2N[:, chosen_RN].sum(axis=2) for chosen_RN in chunks], axis=1)
    low, high = np.percentile(sums_2R[0] / sums_2R[1], [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(float(both_2N[0].sum() / both_2N[1].sum()), float(low), float(high), number)


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, score: str, seed: int) -> Interval:
    """Mean of ``first`` minus mean of ``second``, resampling examples that both answered together.

    Args:
        first, second: records of one run each, as from ``read_records``, on the same examples of the same frozen files.
        score: the column to compare, such as ``score_official``.
        seed: of the resampling.

    Raises:
        UserError: the two answered different examples.
    """
    keys = [*EXAMPLE, "data_hash"]
    one, other = (table.set_index(keys)[score].sort_index() for table in (first, second))
    assert one.index.is_unique, "a paired comparison takes one run on each side"
    assert other.index.is_unique, "a paired comparison takes one run on each side"
    if not one.index.equals(other.index):
        raise UserError(
            f"{first['run'].iloc[0]} and {second['run'].iloc[0]}: records of different examples "
            f"({len(one)} and {len(other)}, {len(one.index.intersection(other.index))} in common); "
            f"evaluate both on the same frozen files"
        )
    return interval((one - other).to_numpy(), seed, least=-1.0)
