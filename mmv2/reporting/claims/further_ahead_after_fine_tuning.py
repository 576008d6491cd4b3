"""Claim: fine-tuning on long contexts puts MMv2 further ahead on RULER question answering (Tables 3 and 4)."""

from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TABLE_3, TABLE_4, TASK, able, gap, gap_at_training_length
from mmv2.reporting.evidence import SIZES, Evidence
from mmv2.reporting.verdict import ABOVE, Published, Verdict, compare, judge


def judge_claim(evidence: Evidence) -> Verdict:
    """Budget 1, RULER QA, each model at the context it was last trained at: MMv2 minus transformer after fine-tuning,
    minus the same before, is above zero.

    So the paper sets 32k after fine-tuning against 4k before. At the same length it can be compared only where the
    pre-trained transformer works, at the context of pre-training; that number is told beside it.
    """
    before, after = (
        [train(arch) for arch in ("mmv2", "transformer")] for train in (evidence.pre_trained, evidence.fine_tuned)
    )
    short, long = common_context(*before), common_context(*after)
    old = [model.of(TASK).at(lengths=[short]) for model in before]
    other = after[1].of(TASK).at(lengths=[long])
    changes = {
        length: [*new[0].minus(new[1]), *old[0].minus(old[1], -1)]
        for length in (long, short)
        for new in [[model.of(TASK).at(lengths=[length]) for model in after]]
    }
    published = {
        column: Published(
            f"gap after fine-tuning at {column} minus gap before at 4k",
            {size: gap(evidence, TABLE_4, column, size) - gap_at_training_length(evidence, size) for size in SIZES},
        )
        for column in ("32k", "4k")
    }
    name = "gap after fine-tuning at {:,} tokens minus gap before at {:,}"
    return judge(
        [*able(evidence), other.room],
        [
            compare(name.format(long, short), changes[long], ABOVE, published=published["32k"]),
            compare(name.format(short, short), changes[short], None, published=published["4k"]),
        ],
    )


CLAIM = ClaimSpec(
    title="Further ahead after long-context fine-tuning",
    statement="After fine-tuning at eight times the context, the advantage on new knowledge is larger than before.",
    place="Tables 3 and 4",
    dimension="new knowledge",
    published=(TABLE_3, TABLE_4),
    judge=judge_claim,
)
