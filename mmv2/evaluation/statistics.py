"""Percentile bootstrap over examples: how sure an accuracy, or a difference of two, is.

Every resampling draws as many examples as there are, with replacement, from a seeded generator. Where all of n examples
score 0, or all score 1, that has no width; there the interval is Clopper and Pearson's exact one for a rate.

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


def interval(values_N: np.ndarray, seed: int) -> Interval:
    """Mean of one score per example, with the 2.5th and 97.5th percentile of its bootstrap distribution.

    The exact interval of a rate of 0 or 1 in n examples is at its other end 1 - (ALPHA / 2)^(1 / n) away.
    """
    assert len(values_N), "no example, no mean"
    values_N = np.asarray(values_N, dtype=np.float64)
    width = 1 - (ALPHA / 2) ** (1 / len(values_N))
    if (values_N == 0).all():
        return Interval(0.0, 0.0, width, len(values_N))
    if (values_N == 1).all():
        return Interval(1.0, 1 - width, 1.0, len(values_N))
    rng = np.random.default_rng(seed)
    chunks = [rng.integers(len(values_N), size=(_CHUNK, len(values_N))) for _ in range(RESAMPLINGS // _CHUNK)]
    means_R = np.concatenate([values_N[chosen_RN].mean(axis=1) for chosen_RN in chunks])
    low, high = np.percentile(means_R, [100 * ALPHA / 2, 100 * (1 - ALPHA / 2)])
    return Interval(float(values_N.mean()), float(low), float(high), len(values_N))


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
    difference_N = (one - other).to_numpy()
    if not difference_N.any():  # agreement everywhere: how far apart the rates may be, either way
        width = interval(difference_N, seed).high
        return Interval(0.0, -width, width, len(difference_N))
    return interval(difference_N, seed)
