"""Claim: what does not help a transformer, the split, helps beside the other parts of Memory Mosaics v2 (Figure 5)."""

from dataclasses import replace

from mmv2.errors import UserError
from mmv2.reporting.answers import Trained, common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.fields import field
from mmv2.reporting.verdict import ABOVE, Verdict, compare, judge

OTHERS = "adaptive_bandwidth+gated_keys+lookahead_values+normalised_keys+symmetric_keys"
SPLIT = "long_short"


def judge_claim(evidence: Evidence) -> Verdict:
    """Pre-trained, budget 1, RULER QA at the training context: Memory Mosaics v2 is ahead of a transformer with all its
    parts but the split, without positions and from its initial bandwidth, which is the same model with one memory in
    place of two. What the split alone gives to the transformer is told beside it. Memory Mosaics v2 alone must be clear
    of chance: the other model is a reduction of it.
    """
    whole, plain = (evidence.pre_trained(arch) for arch in ("mmv2", "transformer"))
    unsplit, split_alone = _with_parts(evidence, OTHERS), _with_parts(evidence, SPLIT)
    context = common_context(whole, plain, unsplit, split_alone)
    comparisons = []
    for name, first, second, demand in (
        ("MMv2 minus all its parts but the split", whole, unsplit, ABOVE),
        ("split transformer minus transformer", split_alone, plain, None),
    ):
        one, other = (model.of(TASK).at(lengths=[context]) for model in (first, second))
        comparisons.append(compare(name, [*one.mean(), *other.mean(-1)], demand))
    return judge([evidence.able("mmv2", TASK), unsplit.of(TASK).at(lengths=[context]).room], comparisons)


def _with_parts(evidence: Evidence, parts: str) -> Trained:
    """The transformer with these parts; with all the others as Memory Mosaics v2 starts, alone as the transformer."""
    records = evidence.records
    mosaic = field(records, "setting_initial_bandwidth").eq("mosaic") & field(records, "setting_rope").eq(False)
    found = records[field(records, "setting_parts_named").eq(parts) & mosaic.eq(parts == OTHERS)]
    if found.empty:
        raise UserError(
            f"records: no transformer with parts {parts}; give the suite such a run, or leave this claim out"
        )
    model = Evidence(found, evidence.published_folder).pre_trained("transformer_parts")
    return replace(model, name=f"{model.name}, {parts}", arm=f"{model.arm}, {parts}")


CLAIM = ClaimSpec(
    title="The split helps beside the other parts",
    statement="The split into two memories, which does not help a transformer, helps beside the other parts of Memory "
    "Mosaics v2: the answer that the paper's open question suggests.",
    place="Figure 5, open question",
    dimension="new knowledge",
    published=(),
    judge=judge_claim,
)
