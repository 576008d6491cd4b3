"""What the claims about the mean over a group of benchmarks share."""

from mmv2.reporting.answers import Answers
from mmv2.reporting.verdict import Comparison, Demand, Published, compare, points


def differences(name: str, first: Answers, second: Answers, demand: Demand, published: Published) -> list[Comparison]:
    """First minus second: the mean over benchmarks, which is judged, then that of each benchmark, which is told.

    Beside each stand both accuracies and chance: where neither is above it, the benchmark only dilutes the mean.

    Raises:
        UserError: the two answered different benchmarks.
    """
    found = [compare(name, first.minus(second), demand, published=published)]
    for subtask in sorted({*first.records["subtask"], *second.records["subtask"]}):
        one, other = (answers.of_subtask(subtask) for answers in (first, second))
        told = f"{points(one.percent)} and {points(other.percent)} %, chance {points(one.chance)} %"
        found.append(compare(f"{name}, {subtask} alone ({told})", one.minus(other), None))
    return found
