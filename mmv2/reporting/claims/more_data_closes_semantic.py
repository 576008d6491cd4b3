"""Claim: eight times more data closes the transformer's gap with semantic labels (Figure 6)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._shots import able, gap, more_data
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import CLOSED, Condition, Verdict, compare, judge

KIND = "semantic"


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, semantic labels, each in the prompt style best on development examples, mean over shots and data
    sets: no gap is left between MMv2 at budget 1 and the transformer at budget 8. Where MMv2 is not ahead at equal data
    there is no gap to close: inconclusive.
    """
    mosaic, transformers = more_data(evidence, KIND)
    equal = gap(mosaic, transformers[1.0])
    exists = Condition(
        text=f"there must be a gap to close at equal data, it is {equal.numbers}",
        met=equal.low > 0,
    )
    terms = mosaic.minus(transformers[8.0])
    closed = compare("MMv2 at budget 1 minus transformer at budget 8", terms, CLOSED)
    return judge([*able(evidence, KIND), exists], [closed, equal])


CLAIM = ClaimSpec(
    title="More data closes the gap with semantic labels",
    statement="With semantic labels a transformer trained on eight times the data catches up.",
    place="Figure 6",
    dimension="in-context learning",
    published=(),
    judge=judge_claim,
)
