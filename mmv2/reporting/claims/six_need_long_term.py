"""Claim: six benchmarks need the long-term memory (Table 9)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._benchmarks import differences
from mmv2.reporting.claims._long_term import without_and_with
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import ABOVE, Verdict, judge

TABLE_9 = "table09_six_long_term_benchmarks.csv"


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, budget 1, mean over the benchmarks that need the context: the whole model is ahead of itself without
    the long-term memory. The difference of each benchmark is told beside it.
    """
    without, whole, published, able = without_and_with(evidence, "context", TABLE_9)
    return judge(
        [able, without.room], differences("with minus without long-term memory", whole, without, ABOVE, published)
    )


CLAIM = ClaimSpec(
    title="Six benchmarks need the long-term memory",
    statement="The other six benchmarks, which need the context, lose on average when the long-term memory is removed.",
    place="Table 9",
    dimension="persistent knowledge",
    published=(TABLE_9,),
    judge=judge_claim,
)
