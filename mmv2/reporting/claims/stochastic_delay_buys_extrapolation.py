"""Claim: drawing the long-term delay m anew in training buys extrapolation (Table 12)."""

from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import tokens
from mmv2.reporting.verdict import ABOVE, Published, Verdict, compare, judge

TABLE_12 = "table12_stochastic_long_term_delay.csv"
COLUMNS = ("32k", "4k")
"""Where Table 12 compares: 8 times the training context, and at it."""


def judge_claim(evidence: Evidence) -> Verdict:
    """MMv2 pre-trained, budget 1, in the largest size that has both, RULER QA at 8 times the training context: trained
    with m drawn at every step it is ahead of itself trained with a fixed m. The difference at the training context is
    told beside it.
    """
    both = (evidence.chosen("mmv2", fixed_delay=fixed) for fixed in (False, True))
    evidence = evidence.at_common_size(*(model[model["init_from"].isna()] for model in both))
    drawn, fixed = (evidence.pre_trained("mmv2", fixed_delay=fixed) for fixed in (False, True))
    context = common_context(drawn, fixed)
    lengths = [context * tokens(column) // tokens("4k") for column in COLUMNS]
    comparisons = []
    for column, length, demand in zip(COLUMNS, lengths, (ABOVE, None), strict=True):
        with_draws, without = (model.of(TASK).at(lengths=[length]) for model in (drawn, fixed))
        name = f"m drawn minus m fixed at {length:,} tokens"
        published = Published(f"m drawn minus m fixed at {column}", {"small": _gain(evidence, column)})
        comparisons.append(compare(name, with_draws.minus(without), demand, published=published))
    able = [evidence.able("mmv2", TASK, fixed_delay=fixed) for fixed in (False, True)]
    return judge([*able, fixed.of(TASK).at(lengths=lengths[:1]).room], comparisons)


def _gain(evidence: Evidence, column: str) -> float:
    drawn, fixed = (evidence.published(TABLE_12, column, stochastic_long_term=answer) for answer in ("yes", "no"))
    return drawn - fixed


CLAIM = ClaimSpec(
    title="A stochastic long-term delay buys extrapolation",
    statement="Without drawing the long-term delay in training, accuracy at eight times the training length is lower.",
    place="Table 12",
    dimension="new knowledge",
    published=(TABLE_12,),
    judge=judge_claim,
)
