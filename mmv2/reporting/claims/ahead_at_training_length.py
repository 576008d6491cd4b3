"""Claim: ahead on RULER question answering at the length of training (Table 3)."""

from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TABLE_3, TASK, able, gap_at_training_length
from mmv2.reporting.evidence import SIZES, Evidence
from mmv2.reporting.verdict import ABOVE, Published, Verdict, compare, judge


def judge_claim(evidence: Evidence) -> Verdict:
    """Both pre-trained, budget 1, RULER QA at their training context: MMv2 is ahead."""
    mosaic, transformer = (evidence.pre_trained(arch) for arch in ("mmv2", "transformer"))
    length = common_context(mosaic, transformer)
    first, second = (model.of(TASK).at(lengths=[length]) for model in (mosaic, transformer))
    name = f"MMv2 minus transformer at {length:,} tokens"
    numbers = {size: gap_at_training_length(evidence, size) for size in SIZES}
    published = Published("MMv2 minus transformer at 4k", numbers)
    terms = first.minus(second)
    return judge([*able(evidence), second.room], [compare(name, terms, ABOVE, published=published)])


CLAIM = ClaimSpec(
    title="Ahead on new knowledge at the training length",
    statement="At the length it was trained at, Memory Mosaics v2 answers questions about given documents better.",
    place="Table 3",
    dimension="new knowledge",
    published=(TABLE_3,),
    judge=judge_claim,
)
