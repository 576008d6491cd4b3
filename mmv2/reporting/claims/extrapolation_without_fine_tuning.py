"""Claim: MMv2 extrapolates to longer contexts without fine-tuning, the transformer fails (Table 3)."""

from dataclasses import replace

from mmv2.errors import UserError
from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.claims._ruler_qa import TABLE_3, TASK
from mmv2.reporting.evidence import SIZES, Evidence
from mmv2.reporting.published import tokens
from mmv2.reporting.verdict import ABOVE, KEPT, Published, Verdict, compare, judge

BEYOND = ("8k", "16k", "32k")
"""Lengths of Table 3 beyond the training context, 4k."""


def judge_claim(evidence: Evidence) -> Verdict:
    """Both pre-trained, budget 1, RULER QA: over all evaluated lengths beyond the training context, up to 8 times it as
    in the paper, MMv2 keeps at least half of its accuracy at the training context, the transformer keeps less than half
    of its own, and MMv2 is ahead. Kept is accuracy above chance, which falls with the length, and both models must be
    clear of chance at the training context themselves.
    """
    models = [evidence.pre_trained(arch) for arch in ("mmv2", "transformer")]
    context = common_context(*models)
    farthest = context * tokens(BEYOND[-1]) // tokens("4k")
    answers = [model.of(TASK) for model in models]
    lengths = [length for length in answers[0].lengths if context < length <= farthest]
    if not lengths:
        raise UserError(
            f"records: {models[0].name}: no {TASK} beyond {context} tokens and up to {farthest} "
            f"(there are: {answers[0].lengths}); evaluate such lengths or leave this claim out"
        )
    mosaic, transformer = (of_model.at(lengths=lengths) for of_model in answers)
    here = [of_model.at(lengths=[context]) for of_model in answers]
    span = f"over {', '.join(f'{length:,}' for length in lengths)} tokens"
    half = f"{100 * KEPT:g} % of that at {context:,}"
    kept = [
        [*beyond.above_chance(), *own.above_chance(-KEPT)]
        for beyond, own in zip((mosaic, transformer), here, strict=True)
    ]
    lost = [replace(term, weight=-term.weight) for term in kept[1]]
    return judge(
        [*map(evidence.clear, here), transformer.room],
        [
            compare(
                f"MMv2 above chance {span} minus {half}",
                kept[0],
                ABOVE,
                published=Published(
                    f"MMv2's mean of {', '.join(BEYOND)} minus {100 * KEPT:g} % of its 4k",
                    {size: _kept(evidence, size) for size in SIZES},
                ),
            ),
            compare(f"transformer above chance: {half} minus it {span}", lost, ABOVE),
            compare(f"MMv2 minus transformer {span}", mosaic.minus(transformer), ABOVE),
        ],
    )


def _kept(evidence: Evidence, size: str) -> float:
    mosaic = {column: evidence.published(TABLE_3, column, model=f"mmv2_{size}") for column in ("4k", *BEYOND)}
    return sum(mosaic[column] for column in BEYOND) / len(BEYOND) - KEPT * mosaic["4k"]


CLAIM = ClaimSpec(
    title="Extrapolates without fine-tuning",
    statement="Trained at 4k, Memory Mosaics v2 works up to 32k without fine-tuning, where the transformer fails.",
    place="Table 3",
    dimension="new knowledge",
    published=(TABLE_3,),
    judge=judge_claim,
)
