"""What the two claims about removing the long-term memory after training share."""

from mmv2.reporting.answers import Answers
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.selection import benchmarks_task
from mmv2.reporting.verdict import Condition, Published

REDUCTION = "without_long_term_memory"
NUMBERS = {"persistent": 13, "context": 6}
"""Of the paper's benchmarks in each group."""


def without_and_with(evidence: Evidence, group: str, table: str) -> tuple[Answers, Answers, Published, Condition]:
    """Answers of the reduced and the whole model to a group of benchmarks, the published loss, the condition.

    The condition is on the whole model alone: that the reduced one falls to chance may be the finding.
    """
    task = benchmarks_task(evidence.records)
    without, whole = (
        evidence.fine_tuned("mmv2", reduction=reduction).of(task, detail_group=group) for reduction in (REDUCTION, None)
    )
    models = [evidence.published(table, "avg", model=f"mmv2_large{ending}") for ending in ("", "_without_long_term")]
    published = Published(f"with minus without, {NUMBERS[group]} benchmarks", {"large": models[0] - models[1]})
    return without, whole, published, evidence.able("mmv2", task, detail_group=group)
