"""Claim: eight times more data does not close the transformer's gap on RULER question answering (Table 5)."""

from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TASK, able
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import ABOVE, Published, Verdict, compare, judge

TABLE_5 = "table05_ruler_qa_more_data.csv"


def judge_claim(evidence: Evidence) -> Verdict:
    """Fine-tuned, RULER QA at the context of fine-tuning: MMv2 at budget 1 is ahead of the transformer at budget 8. The
    gap at equal data is told beside it.
    """
    mosaic = evidence.fine_tuned("mmv2")
    transformers = [evidence.fine_tuned("transformer", budget) for budget in (8.0, 1.0)]
    length = common_context(mosaic, *transformers)
    first, more, same = (model.of(TASK).at(lengths=[length]) for model in (mosaic, *transformers))
    ours = evidence.published(TABLE_5, "32k", model="mmv2_large")
    published = [
        Published(
            f"MMv2 on 1T minus transformer on {tokens} tokens, 32k",
            {"large": ours - evidence.published(TABLE_5, "32k", train_tokens=tokens, model=model)},
        )
        for tokens, model in (("8T", "transformer_large_gqa_8k"), ("1T", "transformer_large"))
    ]
    name = f"MMv2 at budget 1 minus transformer at budget {{}}, {length:,} tokens"
    return judge(
        [*able(evidence), more.room],
        [
            compare(name.format(8), first.minus(more), ABOVE, published=published[0]),
            compare(name.format(1), first.minus(same), None, published=published[1]),
        ],
    )


CLAIM = ClaimSpec(
    title="More data does not close the gap on new knowledge",
    statement="A transformer trained on eight times the data still falls behind on question answering at 32k.",
    place="Table 5",
    dimension="new knowledge",
    published=(TABLE_5,),
    judge=judge_claim,
)
