"""Claim: with semantic labels, accuracy rises with the shots for MMv2 and falls for the transformer (Figure 3)."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._shots import judge_slopes
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import PRINTED
from mmv2.reporting.verdict import Verdict


def judge_claim(evidence: Evidence) -> Verdict:
    """Both fine-tuned, budget 1, semantic labels, each in the prompt style that was best on development examples: the
    slope over log2 of the shots, mean over data sets, rises for MMv2 and falls for the transformer.
    """
    return judge_slopes(evidence, "semantic", {"small": "figure13", "large": "figure03"})


CLAIM = ClaimSpec(
    title="In-context learning with semantic labels rises with shots",
    statement="With labels that mean something, more demonstrations help Memory Mosaics v2 and harm the transformer.",
    place="Figures 3 and 13",
    dimension="in-context learning",
    published=(PRINTED,),
    judge=judge_claim,
)
