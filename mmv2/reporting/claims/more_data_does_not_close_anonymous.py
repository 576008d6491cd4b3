"""Claim: eight times more data does not close the transformer's gap with anonymous labels (Figure 7)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._shots import able, gap, more_data
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import ABOVE, Verdict, compare, judge

KIND = "anonymous"


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, anonymous labels, each in the prompt style best on development examples, mean over shots and data
    sets: MMv2 at budget 1 is ahead of the transformer at budget 8. Told beside it: the gap at equal data, and what the
    transformer gains by more data, of which the paper says that it gets worse.
    """
    mosaic, transformers = more_data(evidence, KIND)
    more = transformers[8.0]
    ahead = compare("MMv2 at budget 1 minus transformer at budget 8", mosaic.minus(more), ABOVE)
    gain = compare("transformer at budget 8 minus at budget 1", more.minus(transformers[1.0]), None)
    return judge([*able(evidence, KIND), more.room], [ahead, gap(mosaic, transformers[1.0]), gain])


CLAIM = ClaimSpec(
    title="More data does not close the gap with anonymous labels",
    statement="With anonymous labels a transformer trained on eight times the data does not catch up.",
    place="Figure 7",
    dimension="in-context learning",
    published=(),
    judge=judge_claim,
)
