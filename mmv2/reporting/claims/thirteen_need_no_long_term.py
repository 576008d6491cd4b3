"""Claim: thirteen benchmarks do not need the long-term memory (Table 2)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._benchmarks import differences
from mmv2.reporting.claims._long_term import without_and_with
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import LEVEL, Verdict, judge

TABLE_2 = "table02_persistent_13_without_long_term.csv"


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, budget 1, mean over the benchmarks of persistent knowledge: taking the long-term memory out of the
    trained model leaves it level. The difference of each benchmark is told beside it.
    """
    without, whole, published, able = without_and_with(evidence, "persistent", TABLE_2)
    return judge([able], differences("with minus without long-term memory", whole, without, LEVEL, published))


CLAIM = ClaimSpec(
    title="Persistent knowledge does not need the long-term memory",
    statement="On average thirteen of the nineteen benchmarks do not suffer when the long-term memory is removed.",
    place="Table 2",
    dimension="persistent knowledge",
    published=(TABLE_2,),
    judge=judge_claim,
)
