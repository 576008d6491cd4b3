"""Claim: parameters and FLOPs per token of Table 2, which follow from the architecture alone."""

from mmv2.reporting.claims import ClaimSpec
from mmv2.reporting.evidence import Evidence
from mmv2.reporting.verdict import Verdict

TABLE_2 = "table02_persistent_13_without_long_term.csv"


def judge_claim(evidence: Evidence) -> Verdict:
    """Parameters and forward FLOPs per token of the paper's three large models, counted from their configs, equal the
    printed ones to the last digit.
    """
    from mmv2.info import compare_with_table_2, in_billions  # counts with torch, and imports this package

    numbers = compare_with_table_2(evidence.published_folder / TABLE_2)
    counts = tuple(
        (f"{one.size.label} {one.size.name}, {one.quantity}", in_billions(one.computed), one.published)
        for one in numbers
    )
    differing = [f"{what}: {ours}, published {theirs}" for what, ours, theirs in counts if ours != theirs]
    if differing:
        return Verdict(status="not reproduced", reason=f"{'; '.join(differing)}.", counts=counts)
    return Verdict(status="reproduced", reason=f"All {len(counts)} numbers agree to the printed digit.", counts=counts)


CLAIM = ClaimSpec(
    title="Parameters and FLOPs of Table 2",
    statement="The sizes and costs that Table 2 prints for the large models.",
    place="Table 2",
    dimension="architecture",
    published=(TABLE_2,),
    judge=judge_claim,
)
