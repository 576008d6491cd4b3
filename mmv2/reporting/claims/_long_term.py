"""What the two claims about removing the long-term memory after training share."""

from mmv2.reporting.answers import Answers
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.selection import benchmarks_task
from mmv2.reporting.verdict import Condition

REDUCTION = "without_long_term_memory"


def without_and_with(
    evidence: Evidence, group: str, table: str
) -> tuple[Answers, Answers, dict[str, float], Condition]:
    """Answers of the reduced and the whole model to a group of benchmarks, the published change, the condition.

    The condition is on the whole model alone: that the reduced one falls to chance may be the finding.
    """
    task = benchmarks_task(evidence.records)
    without, whole = (
        evidence.fine_tuned("mmv2", reduction=reduction).of(task, detail_group=group) for reduction in (REDUCTION, None)
    )
    change = evidence.published(table, "avg", model="mmv2_large_without_long_term") - evidence.published(
        table, "avg", model="mmv2_large"
    )
    return without, whole, {"large": change}, evidence.able("mmv2", task, detail_group=group)
