"""What the claims about RULER question answering share."""

from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import Condition

TASK = "ruler_qa"
TABLE_3 = "table03_ruler_qa_trained_4k.csv"
TABLE_4 = "table04_ruler_qa_finetuned_32k.csv"


def able(evidence: Evidence) -> list[Condition]:
    """Both architectures can do the task at all."""
    return [evidence.able(arch, TASK) for arch in ("mmv2", "transformer")]


def gap(evidence: Evidence, table: str, column: str, size: str) -> float:
    """Published accuracy of MMv2 minus that of the transformer of the same size."""
    return evidence.published(table, column, model=f"mmv2_{size}") - evidence.published(
        table, column, model=f"transformer_{size}"
    )


def gap_at_training_length(evidence: Evidence, size: str) -> float:
    """Published gap of the pre-trained models at the context they were trained at."""
    return gap(evidence, TABLE_3, "4k", size)
