"""The rules by which a claim of the paper is judged: constants and demands.

The thresholds were written before the runs they judge. What changed after a run had been seen is told in
docs/decisions.md, "Verdicts".

A claim is one or more comparisons. Each is a number with its 95 % interval and a demand on it. A comparison holds when
the whole interval meets the demand, fails when the whole interval contradicts it, and is open in between. Conditions
come first: without them a comparison would say nothing, whatever its number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from mmv2.config import Config
from mmv2.evaluation.contrasts import Term, contrast
from mmv2.evaluation.statistics import ALPHA, RESAMPLINGS
from mmv2.reporting.accuracies import SEED
from mmv2.reporting.writer import rounded

CLEAR = 20.0
"""Points above chance at which the interval must begin of a model that counts as able to do a task at all."""
ABLE = (1.0, 8.0)
"""Data budgets at one of which it must be."""
CEILING = 98.0
"""Per cent from which there is no room to be better."""
MARGIN = 2.0
"""Points below which a difference counts as none."""
NEAR_CEILING = 95.0
"""Per cent from which a task counts as solved."""
KEPT = 0.5
"""Share of its accuracy at the training length that a model keeps beyond it, if it extrapolates."""

Status = Literal["reproduced", "not reproduced", "inconclusive"]
Finding = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Demand:
    """What an interval, in points, must meet."""

    words: str
    contradiction: str
    """When it fails, in words."""
    holds: tuple[float, float]
    """It holds for an interval inside these bounds."""
    fails: tuple[tuple[float, float], ...]
    """It fails for an interval inside one of these."""

    def finding(self, low: float, high: float) -> Finding:
        """Judge an interval; one that both holds and fails, as ahead by less than counts, is open."""
        holds = _inside(low, high, self.holds)
        fails = any(_inside(low, high, bounds) for bounds in self.fails)
        return "open" if holds == fails else "holds" if holds else "fails"


def _inside(low: float, high: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] < low and high < bounds[1]


ABOVE = Demand("above 0", f"below {MARGIN:g}", (0, inf), ((-inf, MARGIN),))
"""Ahead: the interval is above zero. Where it excludes an advantage of ``MARGIN``, the claim fails; where it is both,
it is open.
"""
LEVEL = Demand(
    f"within {MARGIN:g} of 0",
    f"all on one side, beyond {MARGIN:g}",
    (-MARGIN, MARGIN),
    ((-inf, -MARGIN), (MARGIN, inf)),
)
CLOSED = Demand(f"below {MARGIN:g}", f"above {MARGIN:g}", (-inf, MARGIN), ((MARGIN, inf),))
"""No gap of ``MARGIN`` is left."""
SOLVED = Demand(f"above {NEAR_CEILING:g}", f"below {NEAR_CEILING:g}", (NEAR_CEILING, inf), ((-inf, NEAR_CEILING),))


def rises(doublings: float) -> Demand:
    """A slope in points per doubling is above zero; it fails below ``MARGIN`` over the whole range of doublings."""
    least = MARGIN / doublings
    return Demand("above 0", f"below {least:.2f}", (0, inf), ((-inf, least),))


def falls(doublings: float) -> Demand:
    """The mirror image of ``rises``."""
    least = MARGIN / doublings
    return Demand("below 0", f"above {-least:.2f}", (-inf, 0), ((-least, inf),))


RULES = (
    f"Every number has a 95 % interval from {RESAMPLINGS:,} bootstrap resamplings of the examples, paired: the same "
    "draws for both models, and for all numbers of shots of a query. Two made-up examples, the best and the worst "
    "there can be, are among those drawn, so that few differing ones do not tell too much. Where there are several "
    "training seeds, those vary too, by Student's t; where there is one, the interval does not hold what another "
    "training would change.",
    "A comparison holds when its whole interval meets the demand, fails when its whole interval contradicts it, and is "
    "open otherwise. A claim is reproduced when all its comparisons hold, not reproduced when one fails, inconclusive "
    "otherwise.",
    f"A claim is inconclusive, whatever its numbers, unless every model compared is clear of chance: its whole "
    f"interval {CLEAR:g} points above it somewhere on that task (one data set, length and number of shots) at budget "
    f"{' or '.join(f'{budget:g}' for budget in ABLE)}. For a model against its own reduction, the whole model must be.",
    f"Nor can a model be ahead, or rise, where there is no room: at {CEILING:g} % and more of what it must surpass. "
    f"That two models are level says nothing where both stand at {CEILING:g} % and more.",
    f"A difference in points: ahead is an interval {ABOVE.words} (fails {ABOVE.contradiction}); level, {LEVEL.words} "
    f"(fails {LEVEL.contradiction}); no gap left, {CLOSED.words} (fails {CLOSED.contradiction}). One that is above 0 "
    f"and below {MARGIN:g} leaves open whether a model is ahead.",
    f"Rises, falls: the slope over log2 of the shots is above, below 0; it fails where the change from the fewest to "
    f"the most shots is surely less than {MARGIN:g} points in that direction.",
    f"Solved: accuracy {SOLVED.words} % (fails {SOLVED.contradiction}). Extrapolates: keeps at least {100 * KEPT:g} % "
    "of the accuracy above chance at the training length.",
    "Two models are compared at the largest width that both have, on the same subtasks, lengths and numbers of shots.",
    "Means are over subtasks (benchmarks, data sets), each counting the same, and within one over lengths or shots.",
    "Verdicts are by intervals that are not corrected for the number of comparisons: of 40 that hold by these rules, "
    "one may do so by chance. Beside them stands which would hold still if all comparisons judged on the page were "
    f"corrected together at {100 * ALPHA:g} % (Holm 1979). The p-value of a comparison is twice the share of the same "
    "resamplings that lie at or beyond the nearer bound of its demand, the data counting as one of them; where all "
    "examples score the same it is at least that of the exact interval.",
)
"""What holds for all claims, in words; each claim's own rule stands with it."""


class Condition(Config):
    """What must be so before a comparison can say anything."""

    text: str
    """One clause with the measured number."""
    met: bool


class Comparison(Config):
    """One number with its interval, and what the claim demands of it."""

    name: str
    unit: str
    mean: float
    low: float
    high: float
    num_examples: int
    num_seeds: int
    """Training seeds; with 1 the interval does not hold the variance between trainings."""
    demand: str | None
    """None: told for the reader, not judged."""
    contradiction: str | None
    """Where the interval must lie for the comparison to fail."""
    finding: Finding | None
    p: float | None = None
    """Of the hypothesis that the demand is not met (see ``RULES``); None where nothing is demanded."""
    published: dict[str, float]
    """The paper's numbers of the same kind, by model size."""
    published_name: str | None = None
    """What these are, in words; None without any."""
    files: tuple[str, ...]
    """The record files it was computed from."""

    @property
    def text(self) -> str:
        """Name, number and interval."""
        return f"{self.name}: {self.numbers} {self.unit}"

    @property
    def numbers(self) -> str:
        """Number and interval."""
        return f"{points(self.mean)} [{points(self.low)}, {points(self.high)}]"


def points(number: float) -> str:
    """A number of points, or of percent, for people."""
    return rounded(number)


@dataclass(frozen=True)
class Published:
    """The paper's numbers of a comparison's kind."""

    name: str
    """What they are, in words and in the paper's lengths."""
    numbers: Mapping[str, float]
    """By model size."""


class Verdict(Config):
    """What became of a claim."""

    status: Status
    reason: str
    """One sentence."""
    conditions: tuple[Condition, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    counts: tuple[tuple[str, str, str], ...] = ()
    """Numbers without chance in them: what, computed here, published."""

    @property
    def deciding(self) -> list[Comparison]:
        """The comparisons that fail; without any those that are open; without any all that were judged."""
        by_finding = [[one for one in self.comparisons if one.finding == found] for found in ("fails", "open", "holds")]
        return next((found for found in by_finding if found), [])


def compare(
    name: str,
    terms: Sequence[Term],
    demand: Demand | None,
    *,
    unit: str = "points",
    published: Published | None = None,
) -> Comparison:
    """Compute a contrast in points and judge it.

    Args:
        name: what is compared, in words.
        terms: see ``contrast``.
        demand: on the interval; None: the number is only told.
        unit: of the number.
        published: the paper's numbers of the same kind.

    Raises:
        UserError: the terms were not measured on the same examples, or not with the same seeds.
    """
    bounds = None if demand is None else (demand.holds[0] / 100, demand.holds[1] / 100)
    found = contrast(terms, SEED, bounds)
    mean, low, high = (_points(number) for number in (found.mean, found.low, found.high))
    return Comparison(
        name=name,
        unit=unit,
        mean=mean,
        low=low,
        high=high,
        num_examples=found.num_examples,
        num_seeds=found.num_seeds,
        demand=demand.words if demand else None,
        contradiction=demand.contradiction if demand else None,
        finding=demand.finding(low, high) if demand else None,
        p=None if found.p is None else float(np.round(found.p, 6)),
        published={
            size: float(np.round(number, 6)) for size, number in (published.numbers if published else {}).items()
        },
        published_name=published.name if published else None,
        files=tuple(sorted({file for term in terms for file in term.records["file"].unique()})),
    )


def _points(share: float) -> float:
    """Rounded, so that a number does not depend on the order in which a library adds."""
    return float(np.round(100 * share, 6))


def judge(conditions: Sequence[Condition], comparisons: Sequence[Comparison]) -> Verdict:
    """Reproduced: all comparisons hold; not reproduced: any fails; inconclusive: otherwise, or a condition is unmet."""
    unmet = [one.text for one in conditions if not one.met]
    verdict = Verdict(status="inconclusive", reason="", conditions=tuple(conditions), comparisons=tuple(comparisons))
    assert verdict.deciding, "a claim demands something"
    told = "; ".join(f"{one.text}, demanded {one.demand}" for one in verdict.deciding)
    status: Status = _STATUS[verdict.deciding[0].finding]
    if unmet:
        status, reason = "inconclusive", f"This scale cannot tell: {'; '.join(unmet)}."
    elif status == "inconclusive":
        reason = f"The interval leaves it open: {told}."
    else:
        reason = f"{told}."
    return verdict.model_copy(update={"status": status, "reason": reason[0].upper() + reason[1:]})


_STATUS: Mapping[Finding | None, Status] = {"fails": "not reproduced", "open": "inconclusive", "holds": "reproduced"}
"""Of a claim, by what became of the comparisons that decide it."""


def corrected(comparisons: Sequence[Comparison]) -> list[bool]:
    """Whether each comparison that was judged holds with Holm's correction for all of them.

    The least p-value must be at most ``ALPHA`` over their number, the next ``ALPHA`` over one less, and so on; the
    first that is not, and all after it, do not hold.
    """
    found = [False] * len(comparisons)
    order = sorted(range(len(comparisons)), key=lambda place: comparisons[place].p or 0.0)
    for rank, place in enumerate(order):
        one = comparisons[place]
        assert one.p is not None, "nothing demanded, nothing to correct"
        if one.p > ALPHA / (len(comparisons) - rank):
            break
        found[place] = one.finding == "holds"
    return found
