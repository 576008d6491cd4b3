"""Claim: with anonymous labels, accuracy rises with the shots for MMv2 and falls for the transformer (Figure 4)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._shots import judge_slopes
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import PRINTED
from mmv2.reporting.verdict import Verdict


def judge_claim(evidence: Evidence) -> Verdict:
    """Both fine-tuned, budget 1, anonymous labels, each in the prompt style that was best on development examples: the
    slope over log2 of the shots, mean over data sets, rises for MMv2 and falls for the transformer.
    """
    return judge_slopes(evidence, "anonymous", {"small": "figure14", "large": "figure04"})


CLAIM = ClaimSpec(
    title="In-context learning with anonymous labels rises with shots",
    statement="With labels such as class_07, more demonstrations help Memory Mosaics v2 and harm the transformer.",
    place="Figures 4 and 14",
    dimension="in-context learning",
    published=(PRINTED,),
    judge=judge_claim,
)
