"""Whether a model can do a task at all: whether some of its accuracies is clear of chance."""

from collections.abc import Sequence

import pandas as pd

from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.statistics import Interval
from mmv2.reporting import accuracies, fields
from mmv2.reporting.verdict import CLEAR


def clearest(cells: Sequence[pd.DataFrame]) -> Interval:
    """Accuracy minus chance, in points: of the first cell found clear, or else where the interval begins highest."""
    best: Interval | None = None
    for cell in sorted(cells, key=_above_chance, reverse=True):
        found = _above_chance_interval(cell)
        best = found if best is None else max(best, found, key=lambda one: one.low)
        # An interval begins at or below its mean: where the mean is too low, those that follow cannot be clear.
        if best.low >= CLEAR or found.mean < CLEAR:
            break
    assert best is not None, "no cell, no ability"
    return best


def _above_chance(cell: pd.DataFrame) -> float:
    return float((cell[fields.main_score(cell)] - cell["chance"]).mean())


def _above_chance_interval(cell: pd.DataFrame) -> Interval:
    """Paired by example where chance differs between them, as a blind guess or the share of the told answers does."""
    terms = [Term(1.0, "", cell, fields.main_score(cell))]
    known = 0.0
    if accuracies.chance_is_known(cell["chance"]) and cell["chance"].nunique() == 1:
        known = float(cell["chance"].mean())
    else:
        terms.append(Term(-1.0, "", cell, "chance"))
    found = contrast(terms, accuracies.SEED)
    mean, low, high = (100 * (share - known) for share in (found.mean, found.low, found.high))
    return Interval(mean, low, high, found.num_examples)
