"""Claim: on persistent knowledge Memory Mosaics v2 and the transformer are level (Tables 1 and 2)."""

from mmv2.reporting.answers import Answers
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._benchmarks import differences
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.selection import benchmarks_task
from mmv2.reporting.verdict import CEILING, LEVEL, Condition, Published, Verdict, judge, points

TABLE_2 = "table02_persistent_13_without_long_term.csv"
GROUP = "persistent"


def judge_claim(evidence: Evidence) -> Verdict:
    """Both fine-tuned, budget 1, mean over the benchmarks of persistent knowledge: the difference is level. The
    difference of each benchmark is told beside it.
    """
    task = benchmarks_task(evidence.records)
    mosaic, transformer = (evidence.fine_tuned(arch).of(task, detail_group=GROUP) for arch in ("mmv2", "transformer"))
    large = [evidence.published(TABLE_2, "avg", model=f"{arch}_large") for arch in ("mmv2", "transformer")]
    published = Published("MMv2 minus transformer, 13 benchmarks", {"large": large[0] - large[1]})
    conditions = [evidence.able(arch, task, detail_group=GROUP) for arch in ("mmv2", "transformer")]
    conditions.append(_tells_apart(mosaic, transformer))
    return judge(conditions, differences("MMv2 minus transformer", mosaic, transformer, LEVEL, published))


def _tells_apart(first: Answers, second: Answers) -> Condition:
    """Whether a better model would show: not where both answer nearly everything."""
    percents = [answers.percent for answers in (first, second)]
    told = " and ".join(map(points, percents))
    return Condition(
        text=f"both stand at {told} % {first.where}, where {CEILING:g} tells no models apart",
        met=min(percents) < CEILING,
    )


CLAIM = ClaimSpec(
    title="Level on persistent knowledge",
    statement="On benchmarks of what was learnt in training Memory Mosaics v2 is like the transformer, on average.",
    place="Tables 1 and 2",
    dimension="persistent knowledge",
    published=(TABLE_2,),
    judge=judge_claim,
)
