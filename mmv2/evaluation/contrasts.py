"""Contrasts of accuracies with their intervals: differences, differences of differences, slopes over shots.

A contrast is a weighted sum of accuracies. Each is the mean of one cell (one length, one number of shots) over the same
examples, so that one resampling of the examples moves all cells together: the interval is paired by example,
and by query where the same queries are asked in several cells. Examples of different subtasks are drawn apart, unless
the subtasks ask the same, such as facts freely and to choose from: examples of the same names with the same right
answers, more than one. Those are drawn together too. One accuracy by itself is the contrast of one term.

Where few examples differ, resampling them tells too much: of 200 pairs that agree but for 4, the percentile interval
leaves out 0, the exact sign test does not (p = 0.125). So every pool is resampled with two made-up examples more, one
that adds the most and one that adds the least an example can (Agresti and Caffo 2000): 4 and 5 such pairs then leave 0
in, 6 do not, as in the exact test. The mean is of the real examples.

The two also pull the resampled mean towards the middle. Of one pool that is right, as in Agresti and Coull's interval
of a rate; but in a sum over pools the pulls add up, while the width only grows as a root: intervals of the average of
15 benchmarks with 10 questions each left out the truth in more than a third of simulations. So the sum is pulled no
farther than by the one pool that pulls most.

With several training seeds, those vary too, once for all cells of one trained model: around their mean as Student's t
of S - 1 degrees of freedom demands, since what few seeds drawn with replacement can tell is far too narrow. With one
seed the interval holds what other examples would change, NOT what another training would.

Shapes: T terms, S seeds, N examples, R resamplings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmv2.errors import UserError
from mmv2.evaluation.statistics import RESAMPLINGS, Interval, bounds, others_at_most, seed_shares, with_extremes

_CHUNK = 1_000
"""Resamplings drawn at once: bounds memory."""


@dataclass(frozen=True)
class Term:
    """One accuracy of a contrast."""

    weight: float
    arm: str
    """Names what was trained: terms of one arm come from the same trainings, and their seeds are drawn together."""
    records: pd.DataFrame
    """Of one subtask and one cell: one record per training seed and example."""
    score: str
    """The column to average, such as ``score_official``."""


@dataclass(frozen=True)
class Contrast(Interval):
    """A weighted sum of accuracies with its 95 % interval."""

    num_seeds: int
    """Training seeds of the arm that has fewest."""
    p: float | None = None
    """Of the hypothesis that the sum lies outside the demanded bounds: below 0.05 where the interval lies inside. Twice
    the share of resamplings at or beyond the nearer bound, as an interval has two ends. None where none are demanded.
    """


@dataclass(frozen=True)
class _Pool:
    """The terms over one set of examples: of one subtask, or of several that ask the same."""

    weights: Sequence[float]
    arms: Sequence[str]
    scores: Sequence[np.ndarray]
    """Per term, of shape SN."""

    @property
    def num_examples(self) -> int:
        return self.scores[0].shape[1]

    @property
    def mean(self) -> float:
        """What its examples add to the sum, over training seeds."""
        return float(sum(w * x.mean() for w, x in zip(self.weights, self.scores, strict=True)))

    @property
    def reach(self) -> float:
        """From the least to the most that its examples can add to the sum."""
        return sum(map(abs, self.weights))


def contrast(terms: Sequence[Term], seed: int, demanded: tuple[float, float] | None = None) -> Contrast:
    """The weighted sum of accuracies, with the 2.5th and 97.5th percentile of its bootstrap distribution.

    Where examples tell nothing of how it varies, since each adds the same, the interval reaches at least as far as the
    exact bound of Clopper and Pearson does (see ``mmv2.evaluation.statistics``).

    Args:
        terms: at least one; those of one subtask on the same examples, those of one arm with the same training seeds.
        seed: of the resampling.
        demanded: bounds for which ``p`` is computed.

    Raises:
        UserError: terms of one subtask have other examples or other data than each other, a training seed lacks some,
            or an arm has not the same training seeds everywhere.
    """
    assert terms, "no accuracy, no contrast"
    seeds = _seeds(terms)
    return _of_pools(_pools(terms), {arm: len(found) for arm, found in sorted(seeds.items())}, seed, demanded)


def mean_over_seeds(scores_SN: np.ndarray, seed: int) -> Contrast:
    """The mean of one score per training seed and example, from 0 to 1, with its interval over both.

    Args:
        scores_SN: of shape N where there is one seed.
        seed: of the resampling.
    """
    scores_SN = np.atleast_2d(scores_SN).astype(np.float64)
    assert scores_SN.size, "no example, no mean"
    assert 0 <= scores_SN.min() <= scores_SN.max() <= 1, "not a score"
    return _of_pools([_Pool([1.0], [""], [scores_SN])], {"": len(scores_SN)}, seed)


def _of_pools(
    pools: Sequence[_Pool], num_seeds: Mapping[str, int], seed: int, demanded: tuple[float, float] | None = None
) -> Contrast:
    weights = [weight for pool in pools for weight in pool.weights]
    values_R = _resampled(pools, num_seeds, np.random.default_rng(seed))
    mean = float(sum(pool.mean for pool in pools))
    least, most = (sum(of(weight, 0.0) for weight in weights) for of in (min, max))
    values_R = np.clip(values_R - _excess_pull(pools), least, most)
    low, high = bounds(values_R, mean)
    p = None if demanded is None else _p_outside(values_R, demanded)
    if all(_each_adds_the_same(pool) for pool in pools):
        # All that differ may be of the pool in which one of them moves the sum most.
        number = (most - least) * min(pool.num_examples / pool.reach for pool in pools)
        others = others_at_most(number)
        low, high = min(low, mean - others * (mean - least)), max(high, mean + others * (most - mean))
        p = None if demanded is None or p is None else max(p, _exact_p(mean, (least, most), demanded, number))
    return Contrast(mean, low, high, sum(pool.num_examples for pool in pools), min(num_seeds.values()), p)


def _p_outside(values_R: np.ndarray, demanded: tuple[float, float]) -> float:
    """Never 0: the draw of the data counts as one of the resamplings."""
    beyond = max(int((values_R <= demanded[0]).sum()), int((values_R >= demanded[1]).sum()))
    return min(1.0, 2 * (1 + beyond) / (1 + len(values_R)))


def _exact_p(mean: float, reach: tuple[float, float], demanded: tuple[float, float], number: float) -> float:
    """Twice the chance that so many examples all add the same, if the others were as many as move the mean to a bound.

    The counterpart of ``others_at_most``: it is 0.05 for a bound at the end of the exact interval.
    """
    found = 0.0
    for end, bound in zip(reach, demanded, strict=True):
        if min(mean, end) <= bound <= max(mean, end):
            others = (mean - bound) / (mean - end) if mean != end else 0.0
            found = max(found, min(1.0, 2 * (1 - others) ** number))
    return found


def _seeds(terms: Sequence[Term]) -> Mapping[str, frozenset[int]]:
    """Training seeds of each arm."""
    found: dict[str, frozenset[int]] = {}
    for term in terms:
        here = frozenset(term.records["seed"])
        if found.setdefault(term.arm, here) != here:
            raise UserError(
                f"records: {term.arm}: training seeds {sorted(found[term.arm])} in one place and {sorted(here)} in "
                f"another ({', '.join(sorted(term.records['run'].unique()))}); train and evaluate the same seeds"
            )
    return found


def _by_subtask(terms: Sequence[Term]) -> dict[tuple[str, str], list[Term]]:
    found: dict[tuple[str, str], list[Term]] = {}
    for term in terms:
        ((task, subtask),) = set(zip(term.records["task"], term.records["subtask"], strict=True))
        found.setdefault((task, subtask), []).append(term)
    return found


def _pools(terms: Sequence[Term]) -> list[_Pool]:
    found: dict[tuple[object, ...], list[Term]] = {}
    for subtask, these in sorted(_by_subtask(terms).items()):
        _check_same_examples(these)
        found.setdefault(_questions(these[0].records) or subtask, []).extend(these)
    return [
        _Pool(
            [term.weight for term in these],
            [term.arm for term in these],
            [_scores(term).to_numpy(dtype=np.float64) for term in these],
        )
        for these in found.values()
    ]


def _questions(records: pd.DataFrame) -> tuple[tuple[object, ...], ...]:
    """What tells a set of examples that another subtask asks too; nothing where the right answer is always the same."""
    asked = records[["task", "data_hash", "example_id", "references"]].drop_duplicates("example_id")
    if asked["references"].nunique() == 1:
        return ()
    return tuple(asked.sort_values("example_id").itertuples(index=False, name=None))


def _scores(term: Term) -> pd.DataFrame:
    """A row per seed, a column per example."""
    found = term.records.pivot(index="seed", columns=["data_hash", "example_id"], values=term.score)
    return found.sort_index(axis=1)


def _check_same_examples(terms: Sequence[Term]) -> None:
    """Raise UserError unless all are of the same examples of the same frozen data."""
    tables = [_scores(term) for term in terms]
    for term, table in zip(terms, tables, strict=True):
        if not table.columns.equals(tables[0].columns) or table.isna().any(axis=None):
            first, here = (set(one.records["run"]) for one in (terms[0], term))
            raise UserError(
                f"records: {term.records['task'].iloc[0]}, {term.records['subtask'].iloc[0]}: "
                f"{', '.join(sorted(first | here))}: answered different examples ({tables[0].shape[1]} and "
                f"{table.shape[1]}, {len(tables[0].columns.intersection(table.columns))} in common); "
                f"evaluate all on the same frozen file"
            )


def _resampled(pools: Sequence[_Pool], num_seeds: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    """The contrast in every resampling."""
    chunks = []
    for _ in range(RESAMPLINGS // _CHUNK):
        drawn = {arm: seed_shares(number, _CHUNK, rng) for arm, number in num_seeds.items()}
        values_R = np.zeros(_CHUNK)
        for pool in map(_with_extremes, pools):
            # As many as there are real ones: made-up ones must not make the interval narrower.
            among, number = pool.num_examples, pool.num_examples - 2
            shares_RN = rng.multinomial(number, np.full(among, 1 / among), size=_CHUNK) / number
            for weight, arm, scores_SN in zip(pool.weights, pool.arms, pool.scores, strict=True):
                values_R += weight * (drawn[arm] * (shares_RN @ scores_SN.T)).sum(axis=1)
        chunks.append(values_R)
    return np.concatenate(chunks)


def _with_extremes(pool: _Pool) -> _Pool:
    """The pool with two more examples: one that adds the most, one that adds the least."""
    scores = [with_extremes(x, w > 0) for w, x in zip(pool.weights, pool.scores, strict=True)]
    return _Pool(pool.weights, pool.arms, scores)


def _excess_pull(pools: Sequence[_Pool]) -> float:
    """By how much the made-up examples of all pools move the mean farther than those of any one pool."""
    pulls = [_with_extremes(pool).mean - pool.mean for pool in pools]
    most = max(map(abs, pulls))
    return sum(pulls) - min(most, max(-most, sum(pulls)))


def _each_adds_the_same(pool: _Pool) -> bool:
    per_example_N = sum(w * x.mean(axis=0) for w, x in zip(pool.weights, pool.scores, strict=True))
    return bool(np.ptp(per_example_N) < 1e-12)
