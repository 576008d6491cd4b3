"""Claim: on persistent knowledge Memory Mosaics v2 and the transformer are level (Tables 1 and 2)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._benchmarks import differences
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.selection import benchmarks_task
from mmv2.reporting.verdict import LEVEL, Verdict, judge

TABLE_2 = "table02_persistent_13_without_long_term.csv"
GROUP = "persistent"


def judge_claim(evidence: Evidence) -> Verdict:
    """Both fine-tuned, budget 1, mean over the benchmarks of persistent knowledge: the difference is level. The
    difference of each benchmark is told beside it.
    """
    task = benchmarks_task(evidence.records)
    mosaic, transformer = (evidence.fine_tuned(arch).of(task, detail_group=GROUP) for arch in ("mmv2", "transformer"))
    published = {
        "large": evidence.published(TABLE_2, "avg", model="mmv2_large")
        - evidence.published(TABLE_2, "avg", model="transformer_large")
    }
    conditions = [evidence.able(arch, task, detail_group=GROUP) for arch in ("mmv2", "transformer")]
    return judge(conditions, differences("MMv2 minus transformer", mosaic, transformer, LEVEL, published))


CLAIM = ClaimSpec(
    title="Level on persistent knowledge",
    statement="On benchmarks of what was learnt in training, Memory Mosaics v2 performs like the transformer.",
    place="Tables 1 and 2",
    dimension="persistent knowledge",
    published=(TABLE_2,),
    judge=judge_claim,
)
