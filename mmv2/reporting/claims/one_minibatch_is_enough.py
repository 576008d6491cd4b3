"""Claim: one minibatch of long-context fine-tuning is enough for MMv2 (Figure 8)."""

from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK, able
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.published import PRINTED
from mmv2.reporting.verdict import ABOVE, Published, Verdict, compare, judge


def judge_claim(evidence: Evidence) -> Verdict:
    """Budget 1, RULER QA at the context of fine-tuning: MMv2 after one step of fine-tuning is ahead of itself before,
    and ahead of the transformer at the end of its fine-tuning. How much MMv2 still gains by its end is told beside it.
    """
    first, end = evidence.fine_tuned("mmv2", step=1), evidence.fine_tuned("mmv2")
    transformer = evidence.fine_tuned("transformer")
    length = common_context(first, end, transformer)
    models = (evidence.pre_trained("mmv2"), first, end, transformer)
    before, one, all_steps, other = (model.of(TASK).at(lengths=[length]) for model in models)
    span = f"at {length:,} tokens"
    gain = {"size not stated, by Tables 3 and 4 large": evidence.published(PRINTED, "points", figure="figure08")}
    published = Published("MMv2 after 1 step minus before at 32k", gain)
    return judge(
        [*able(evidence), before.room, other.room],
        [
            compare(f"MMv2 after 1 step minus before {span}", one.minus(before), ABOVE, published=published),
            compare(f"MMv2 after 1 step minus transformer at its end {span}", one.minus(other), ABOVE),
            compare(f"MMv2 at its end minus after 1 step {span}", all_steps.minus(one), None),
        ],
    )


CLAIM = ClaimSpec(
    title="One minibatch of fine-tuning is enough",
    statement="One minibatch raises Memory Mosaics v2 at 32k above what the transformer reaches after 800.",
    place="Figure 8",
    dimension="new knowledge",
    published=(PRINTED,),
    judge=judge_claim,
)
