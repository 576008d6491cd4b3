"""Claim: a single needle in a haystack is too easy to tell the architectures apart (Table 13)."""

from mmv2.errors import UserError
from mmv2.registry import architecture
from mmv2.reporting.answers import common_context
from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.evidence import SIZES, Evidence
from mmv2.reporting.verdict import SOLVED, Published, Verdict, compare, judge

TASK = "ruler_niah"
TABLE_13 = "table13_ruler_s_niah.csv"
COLUMNS = ("4k", "8k", "16k", "32k")


def judge_claim(evidence: Evidence) -> Verdict:
    """Both fine-tuned, budget 1, S-NIAH at all evaluated lengths up to the context of fine-tuning, mean over lengths
    and haystacks: each model has solved it. As in RULER the haystack tells one value alone: naming it takes no match of
    the key, and the chance that is drawn, a value of the kind, does not hold that.
    """
    models = {arch: evidence.fine_tuned(arch) for arch in ("mmv2", "transformer")}
    context = common_context(*models.values())
    asked = {arch: model.of(TASK) for arch, model in models.items()}
    asked["mmv2"].check_asked_alike(asked["transformer"])
    comparisons = []
    for arch, model in models.items():
        answers = asked[arch]
        lengths = [length for length in answers.lengths if length <= context]
        if not lengths:
            raise UserError(
                f"records: {model.name}: no {TASK} up to {context} tokens (there are: {answers.lengths}); "
                f"evaluate such lengths or leave this claim out"
            )
        name = f"accuracy of {model.name} over {', '.join(f'{length:,}' for length in lengths)} tokens"
        numbers = {size: _mean(evidence, f"{arch}_{size}") for size in SIZES}
        published = Published(f"{architecture(arch).label}, mean of {', '.join(COLUMNS)}", numbers)
        terms = answers.at(lengths=lengths).mean()
        comparisons.append(compare(name, terms, SOLVED, unit="per cent", published=published))
    return judge([evidence.able(arch, TASK) for arch in models], comparisons)


def _mean(evidence: Evidence, model: str) -> float:
    return sum(evidence.published(TABLE_13, column, model=model) for column in COLUMNS) / len(COLUMNS)


CLAIM = ClaimSpec(
    title="S-NIAH is too easy to tell them apart",
    statement="Transformers and Memory Mosaics v2 find a single needle nearly always.",
    place="Table 13",
    dimension="new knowledge",
    published=(TABLE_13,),
    judge=judge_claim,
)
