"""Claim: splitting a transformer's attention into a short and a long part does not help it (Figure 5)."""

import pandas as pd

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.fields import field
from mmv2.reporting.verdict import ABOVE, CLOSED, Verdict, compare, judge

SPLIT = "long_short"
KINDS = ("semantic", "anonymous")


def judge_claim(evidence: Evidence) -> Verdict:
    """All fine-tuned, budget 1, in the largest size that all have, in-context learning, each in the prompt style that
    was best on development examples, mean over data sets and numbers of shots. With semantic labels: the transformer
    with split attention alone is less than 2 points ahead of the transformer, and Memory Mosaics v2 is ahead of it. The
    same with anonymous labels is told beside it.
    """
    every = [_split_alone(evidence), *(evidence.chosen(arch) for arch in ("mmv2", "transformer"))]
    evidence = evidence.at_common_size(*(model[model["init_from"].notna()] for model in every))
    split_alone = _split_alone(evidence)
    of_split = Evidence(split_alone, evidence.published_folder)
    split = of_split.fine_tuned("transformer_parts")
    mosaic, plain = (evidence.fine_tuned(arch) for arch in ("mmv2", "transformer"))
    able, comparisons = [], []
    for kind in KINDS:
        answers = {name: model.in_context(kind) for name, model in (("s", split), ("m", mosaic), ("t", plain))}
        demands = (CLOSED, ABOVE) if kind == KINDS[0] else (None, None)
        for name, first, second, demand in (
            ("split transformer minus transformer", "s", "t", demands[0]),
            ("MMv2 minus split transformer", "m", "s", demands[1]),
        ):
            comparisons.append(compare(f"{name}, {kind} labels", answers[first].minus(answers[second]), demand))
        if kind == KINDS[0]:
            able = [evidence.able(arch, "many_shot", label_kind=kind) for arch in ("mmv2", "transformer")]
            able.append(of_split.able("transformer_parts", "many_shot", label_kind=kind))
            able += [answers["t"].room, answers["s"].room]
    return judge(able, comparisons)


def _split_alone(evidence: Evidence) -> pd.DataFrame:
    return evidence.records[field(evidence.records, "setting_parts_named").eq(SPLIT)]


CLAIM = ClaimSpec(
    title="Splitting attention does not help a transformer",
    statement="A transformer with a short and a long attention in every layer learns no better from its context.",
    place="Figure 5",
    dimension="in-context learning",
    published=(),
    judge=judge_claim,
)
