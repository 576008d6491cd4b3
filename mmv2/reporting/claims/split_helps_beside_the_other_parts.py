"""Open question: does the split, which does not help a transformer, help beside the other parts (Figure 5)?"""

from dataclasses import replace

import pandas as pd

from mmv2.errors import UserError
from mmv2.reporting.answers import Answers, Trained, common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK, able
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.fields import field
from mmv2.reporting.variants import named
from mmv2.reporting.verdict import ABOVE, Condition, Verdict, compare, judge

ARCH = "transformer_parts"
OTHERS = "adaptive_bandwidth+gated_keys+lookahead_values+normalised_keys+symmetric_keys"
SPLIT = "long_short"
AS_THE_MOSAIC, AS_THE_TRANSFORMER = (False, "mosaic"), (True, "transformer")
"""Rotary positions and initial bandwidth of each."""


def judge_claim(evidence: Evidence) -> Verdict:
    """Pre-trained, budget 1, in the largest size that all have, RULER QA at the training context: Memory Mosaics v2 is
    ahead of itself trained without the split, and by more than the transformer with split attention is ahead of the
    transformer. Without the split, Memory Mosaics v2 has one memory in place of two, no window and no delay, and so
    fewer parameters: what the second memory's parameters alone would give is not told apart. The paper's Figure 5 is
    of in-context learning.
    """
    chosen = [_with_parts(evidence, *which) for which in ((OTHERS, AS_THE_MOSAIC), (SPLIT, AS_THE_TRANSFORMER))]
    papers = [evidence.chosen(arch) for arch in ("mmv2", "transformer")]
    evidence = evidence.at_common_size(*(model[model["init_from"].isna()] for model in [*chosen, *papers]))
    unsplit, unsplit_able = _trained(evidence, OTHERS, AS_THE_MOSAIC)
    split, split_able = _trained(evidence, SPLIT, AS_THE_TRANSFORMER)
    mosaic, plain = (evidence.pre_trained(arch) for arch in ("mmv2", "transformer"))
    context = common_context(mosaic, unsplit, split, plain)
    whole, one, divided, undivided = (_at(model, context) for model in (mosaic, unsplit, split, plain))
    gain, gain_of_transformer = whole.minus(one), divided.minus(undivided)
    opposite = divided.minus(undivided, -1)
    comparisons = [
        compare("MMv2 minus MMv2 without the split", gain, ABOVE),
        compare("the same minus split transformer minus transformer", [*gain, *opposite], ABOVE),
        compare("split transformer minus transformer", gain_of_transformer, None),
    ]
    return judge([*able(evidence), unsplit_able, split_able, one.room], comparisons)


def _at(model: Trained, context: int) -> Answers:
    return model.of(TASK).at(lengths=[context])


def _with_parts(evidence: Evidence, parts: str, start: tuple[bool, str]) -> pd.DataFrame:
    """Records of the transformer with these parts, with or without positions, from one of the initial bandwidths."""
    records, (rope, bandwidth) = evidence.records, start
    found = field(records, "setting_parts_named").eq(parts) & field(records, "setting_rope").eq(rope)
    found &= field(records, "setting_initial_bandwidth").eq(bandwidth)
    if not found.any():
        raise UserError(
            f"records: no transformer with parts [{parts.replace('+', ', ')}], rope: {str(rope).lower()} and "
            f"initial_bandwidth: {bandwidth}; give the suite such a run, or leave this claim out"
        )
    return records[found]


def _trained(evidence: Evidence, parts: str, start: tuple[bool, str]) -> tuple[Trained, Condition]:
    """The model pre-trained, and whether it can do the task at all."""
    found = _with_parts(evidence, parts, start)
    alone, name = Evidence(found, evidence.published_folder), named(found.iloc[0])
    model, condition = alone.pre_trained(ARCH), alone.able(ARCH, TASK)
    told = condition.model_copy(update={"text": f"{name}: {condition.text}"})
    return replace(model, name=f"{name}, pre-trained", arm=f"{model.arm}, {parts}"), told


CLAIM = ClaimSpec(
    title="The split helps beside the other parts",
    statement="Open question: why does the split not help a transformer? Tried here: it helps beside the other parts "
    "of Memory Mosaics v2, and more than it helps a transformer.",
    place="Figure 5",
    dimension="new knowledge",
    published=(),
    judge=judge_claim,
    open_question=True,
)
